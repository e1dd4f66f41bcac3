//! One member of the data archive.

use crate::tree::Content;

/// What a package ships at a path.
#[derive(Clone, Debug)]
pub struct Member {
    /// Absolute, `/` for the root, without a slash at its end; as shipped, so `/lib/x` where `/lib` is a link on the system.
    pub path: Vec<u8>,
    /// Permission bits with setuid, setgid and sticky: 12 bits.
    pub permissions: u16,
    /// Number of its owner where the package was made.
    pub uid: u32,
    /// Number of its group where the package was made.
    pub gid: u32,
    /// Name of its owner; where it is not empty and the system has a user of this name, dpkg takes that one's number.
    pub user: Vec<u8>,
    /// Name of its group, as with its owner.
    pub group: Vec<u8>,
    /// Last modification, in seconds since 1970, perhaps before.
    pub mtime: i64,
    /// What it is.
    pub kind: MemberKind,
}

/// The kind of a member, with what only that kind has.
#[derive(Clone, Debug)]
pub enum MemberKind {
    /// A folder. One may come twice; dpkg makes it as the first one says.
    Folder,
    /// A regular file.
    File {
        /// Its bytes, by reference.
        content: Content,
        /// Their MD5, as dpkg records it.
        md5: [u8; 16],
    },
    /// Another name of a regular file: the absolute path of an earlier member.
    HardLink(Vec<u8>),
    /// A symbolic link and its target, which is not empty and otherwise as shipped. dpkg makes these after all other members.
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
}
