use std::io;

use crate::error::{Classified, Kind};

/// Why a FAT file system is not read, edited or made.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// Reading failed.
    #[error("cannot read the FAT file system")]
    Io(#[from] io::Error),
    /// The bytes contradict the format.
    #[error("damaged FAT file system: {0}")]
    Corrupt(String),
    /// Valid, but not for this program.
    #[error("unsupported FAT file system: {0}")]
    Unsupported(String),
    /// Not unmounted, or damaged in a way that only matters to whoever writes.
    #[error("FAT file system is not clean: {0}")]
    Unclean(String),
    /// No room for the content.
    #[error("FAT file system is full: `{name}` needs {needed} bytes, {available} are free")]
    Full {
        /// The file or folder that does not fit.
        name: String,
        /// Bytes in whole clusters.
        needed: u64,
        /// Bytes in free clusters.
        available: u64,
    },
    /// No room for another name.
    #[error("no room for `{name}` in a folder of at most {slots} directory slots")]
    FolderFull {
        /// The file or folder that does not fit.
        name: String,
        /// Slots of 32 bytes.
        slots: usize,
    },
    /// A name FAT cannot hold.
    #[error("`{name}` cannot be the name of a file on FAT: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A folder stands where a file is to be written or removed, or a file where a folder is needed.
    #[error("`{name}` is a {found}, expected a {expected}")]
    WrongType {
        /// The name.
        name: String,
        /// What is there.
        found: &'static str,
        /// What was asked for.
        expected: &'static str,
    },
    /// More than FAT, or this program, takes for one file.
    #[error("`{name}` has {size} bytes, more than the {limit} possible here")]
    TooLarge {
        /// The name.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// The largest possible size in bytes.
        limit: u64,
    },
    /// A size or a label that a new file system cannot have.
    #[error("cannot make a FAT32 file system: {0}")]
    Geometry(String),
}

impl Classified for FatError {
    fn kind(&self) -> Kind {
        match self {
            Self::Io(_) => Kind::Io,
            Self::Corrupt(_) => Kind::Corrupt,
            Self::Unsupported(_) | Self::WrongType { .. } | Self::TooLarge { .. } => Kind::Unsupported,
            Self::Unclean(_) | Self::Full { .. } | Self::FolderFull { .. } => Kind::Refused,
            Self::Name { .. } | Self::Geometry(_) => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unclean(_) => Some("unmount the card or image properly, or repair a copy of it with `fsck.fat -a`".to_owned()),
            _ => None,
        }
    }
}
