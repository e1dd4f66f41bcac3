//! What an inode is: metadata, extended attributes, and one of seven kinds.

use std::collections::BTreeMap;

use super::{InodeId, Name};
use crate::disk::{Extents, Storage as _};

/// A point in time as file systems keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Seconds since 1970-01-01 00:00:00 UTC; ext4 holds -2³¹ … 2³⁴-2³¹-1.
    pub seconds: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Time {
    /// A whole second.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }
}

/// Owner, permissions and times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits with setuid, setgid and sticky: the lower 12 bits of `st_mode`.
    pub permissions: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last access.
    pub atime: Time,
    /// Last change of the inode.
    pub ctime: Time,
    /// Last change of the content.
    pub mtime: Time,
    /// Creation; zero where the file system does not keep it.
    pub crtime: Time,
    /// Attribute flags as `chattr` sets them (`FS_*_FL` of linux/fs.h: immutable, append, no-atime, …); never flags that describe
    /// how a file system stores the inode.
    pub flags: u32,
    /// Project number (quota); zero as a rule.
    pub project: u32,
}

impl Meta {
    /// Metadata of something that is made up: all four times are `time`.
    #[must_use]
    pub fn new(permissions: u16, uid: u32, gid: u32, time: Time) -> Self {
        Self { permissions, uid, gid, atime: time, ctime: time, mtime: time, crtime: time, flags: 0, project: 0 }
    }
}

/// Extended attributes by full name (`user.x`, `security.capability`, `system.posix_acl_access`, …), values as ext4 stores them: ACLs
/// are in ext4's own short form, not in the form of `getxattr(2)`.
pub type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The bytes of a regular file; the size is that of the extents, holes are holes.
pub type Content = Extents;

/// The kind of an inode, with what only that kind has.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A folder: its names, in byte order, without `.` and `..`.
    Directory(BTreeMap<Name, InodeId>),
    /// A regular file.
    File(Content),
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

impl Kind {
    /// An empty folder.
    #[must_use]
    pub const fn directory() -> Self {
        Self::Directory(BTreeMap::new())
    }

    /// The format bits of `st_mode` (`S_IFDIR`, …).
    #[must_use]
    pub const fn format_bits(&self) -> u16 {
        match self {
            Self::Fifo => 0o010_000,
            Self::CharDevice { .. } => 0o020_000,
            Self::Directory(_) => 0o040_000,
            Self::BlockDevice { .. } => 0o060_000,
            Self::File(_) => 0o100_000,
            Self::Symlink(_) => 0o120_000,
            Self::Socket => 0o140_000,
        }
    }
}

/// An inode.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Owner, permissions, times.
    pub meta: Meta,
    /// Extended attributes.
    pub xattrs: Xattrs,
    /// What it is.
    pub kind: Kind,
}

impl Inode {
    /// An inode without extended attributes.
    #[must_use]
    pub const fn new(meta: Meta, kind: Kind) -> Self {
        Self { meta, xattrs: Xattrs::new(), kind }
    }

    /// `st_mode`: kind and permissions.
    #[must_use]
    pub const fn mode(&self) -> u16 {
        self.kind.format_bits() | (self.meta.permissions & 0o7777)
    }

    /// The names in a folder, `None` for everything else.
    #[must_use]
    pub const fn children(&self) -> Option<&BTreeMap<Name, InodeId>> {
        match &self.kind {
            Kind::Directory(children) => Some(children),
            _ => None,
        }
    }

    /// Content of a regular file, `None` for everything else.
    #[must_use]
    pub const fn content(&self) -> Option<&Content> {
        match &self.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// `st_size` of files and symbolic links, zero for everything else.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(content) => content.size(),
            Kind::Symlink(target) => target.len() as u64,
            _ => 0,
        }
    }
}
