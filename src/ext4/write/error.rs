//! What can keep a tree from becoming a file system.

use crate::{
    error::{Classified, Kind},
    tree::{InodeId, Tree},
};

/// What can keep a tree from becoming a file system. Paths are printed with unprintable bytes escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The files do not fit.
    #[error("the files need {needed} bytes in blocks, but a file system of {size} bytes has room for {available}")]
    NoSpace {
        /// Bytes in whole blocks that the files, folders and the journal take up.
        needed: u64,
        /// Bytes in whole blocks that are left beside the fixed metadata.
        available: u64,
        /// Size of the file system in bytes.
        size: u64,
    },
    /// There are more files than a file system of this size can have.
    #[error("the files need {needed} inodes, but the file system can have {available}")]
    NoInodes {
        /// Inodes needed.
        needed: u64,
        /// Inodes that can be had.
        available: u64,
    },
    /// Not even the fixed metadata fits.
    #[error("{size} bytes are too few for an ext4 file system with these options")]
    TooSmall {
        /// Size in bytes.
        size: u64,
    },
    /// A feature of the base that is not written here.
    #[error("an ext4 file system with the feature `{0}` cannot be written")]
    Feature(String),
    /// An option out of range.
    #[error("an ext4 file system with {name} {got} cannot be written; expected {expected}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// Its value.
        got: u64,
        /// What would be accepted.
        expected: &'static str,
    },
    /// The extended attributes of one file fit neither into its inode nor into one block.
    #[error("the extended attributes of `{path}` need {needed} bytes, more than inode and one block hold")]
    TooManyXattrs {
        /// The file.
        path: String,
        /// Bytes that its attributes would need.
        needed: usize,
    },
    /// An extended attribute whose name ext4 cannot hold.
    #[error("the extended attribute `{name}` of `{path}` has no name that ext4 can hold")]
    XattrName {
        /// The file.
        path: String,
        /// The attribute.
        name: String,
    },
    /// A symbolic link that ext4 cannot hold.
    #[error("the symbolic link `{path}` has a target of {got} bytes; expected 1 to {limit} bytes without NUL")]
    Symlink {
        /// The link.
        path: String,
        /// Length of its target in bytes.
        got: usize,
        /// Longest target possible.
        limit: usize,
    },
    /// A file that is too large.
    #[error("`{path}` has {got} bytes; this file system holds files up to {limit}")]
    FileSize {
        /// The file.
        path: String,
        /// Its size in bytes.
        got: u64,
        /// Largest size possible.
        limit: u64,
    },
    /// A device number that ext4 cannot hold.
    #[error("the device `{path}` has the number {major}:{minor}; expected at most 4095:1048575")]
    Device {
        /// The device.
        path: String,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// More names, or more folders inside, than an inode can count.
    #[error("`{path}` has {got} links; expected at most 65000")]
    TooManyLinks {
        /// The file or folder.
        path: String,
        /// How many.
        got: u64,
    },
    /// A folder with more names than its index can hold.
    #[error("the folder `{path}` has {got} names, more than its index can hold")]
    FolderSize {
        /// The folder.
        path: String,
        /// How many.
        got: usize,
    },
    /// A folder that has two names, or contains itself.
    #[error("the folder `{path}` stands in the tree more than once")]
    FolderTwice {
        /// One of its names.
        path: String,
    },
    /// There is no such node.
    #[error("the layout is for {nodes} nodes; there is no node number {got}")]
    NoSuchNode {
        /// Number asked for, from 0 on.
        got: usize,
        /// How many there are.
        nodes: usize,
    },
}

impl Classified for WriteError {
    fn kind(&self) -> Kind {
        match self {
            Self::FolderTwice { .. } => Kind::Corrupt,
            Self::NoSuchNode { .. } => Kind::Io,
            Self::NoSpace { .. } | Self::NoInodes { .. } | Self::TooSmall { .. } => Kind::Usage,
            _ => Kind::Unsupported,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSpace { needed, available, size } => {
                // What is added also needs bitmaps, inode tables and backups: a sixteenth even with many inodes.
                let more = needed.saturating_sub(*available);
                Some(format!("make the file system {} MiB large", (size + more + more / 8).div_ceil(1 << 20) + 4))
            }
            Self::NoInodes { .. } | Self::TooSmall { .. } => Some("make the file system larger".to_owned()),
            _ => None,
        }
    }
}

/// The first path of an inode, for a message.
pub(super) fn path_of(tree: &Tree, id: InodeId) -> String {
    let mut found = None;
    tree.walk(&mut |path, at| {
        if at == id && found.is_none() {
            found = Some(path.escape_ascii().to_string());
        }
    });
    found.unwrap_or_default()
}
