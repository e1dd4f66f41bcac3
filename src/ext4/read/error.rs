//! Every way in which reading a file system can end early.

use std::{fmt, io};

use crate::error::{Classified, Kind};

/// Why a file system cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Ext4Error {
    /// The storage failed.
    #[error("reading {length} bytes at offset {offset} of the ext4 file system failed")]
    Read {
        /// First byte, from the start of the file system.
        offset: u64,
        /// Number of bytes.
        length: usize,
        /// What the storage said.
        #[source]
        source: io::Error,
    },
    /// The file system was not unmounted cleanly or has known errors.
    #[error("the ext4 file system is not clean: {0}")]
    Unclean(Unclean),
    /// The file system may be sound, but uses something that is not supported.
    #[error("the ext4 file system is not supported: {0}")]
    Unsupported(Unsupported),
    /// The file system contradicts itself.
    #[error("the ext4 file system is damaged: {place}: {fault}")]
    Corrupt {
        /// Where.
        place: Place,
        /// What is wrong there.
        fault: Fault,
    },
}

impl Ext4Error {
    pub(super) const fn corrupt(place: Place, fault: Fault) -> Self {
        Self::Corrupt { place, fault }
    }

    /// A field with a value that no sound file system has.
    pub(super) const fn field(place: Place, field: &'static str, got: u64, expected: &'static str) -> Self {
        Self::Corrupt { place, fault: Fault::Field { field, got, expected } }
    }
}

impl From<Unclean> for Ext4Error {
    fn from(unclean: Unclean) -> Self {
        Self::Unclean(unclean)
    }
}

impl From<Unsupported> for Ext4Error {
    fn from(unsupported: Unsupported) -> Self {
        Self::Unsupported(unsupported)
    }
}

impl Classified for Ext4Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { .. } => Kind::Io,
            Self::Unclean(_) => Kind::Refused,
            Self::Unsupported(_) => Kind::Unsupported,
            Self::Corrupt { .. } => Kind::Corrupt,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unclean(_) => "run `e2fsck -f` on the partition, or start from the image as downloaded",
            Self::Corrupt { .. } => "obtain the image again, or see what `e2fsck -fn` says of the partition",
            Self::Read { .. } | Self::Unsupported(_) => return None,
        };
        Some(hint.to_owned())
    }
}

/// Why a file system is not clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unclean {
    /// Feature `needs_recovery`, or `s_start` of the journal is not zero.
    #[error("its journal has to be replayed")]
    Journal,
    /// `s_errno` of the journal.
    #[error("its journal was aborted with error {0}")]
    JournalError(i32),
    /// `s_state` without the bit for a clean unmount.
    #[error("it was not unmounted (s_state is {0:#x})")]
    Mounted(u16),
    /// `s_state` with the bit for errors.
    #[error("errors were found in it (s_state is {0:#x})")]
    Errors(u16),
    /// `s_last_orphan`, or the feature `orphan_present`.
    #[error("deleted files are still to be removed from it")]
    Orphans,
}

/// What is not supported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A feature with a name.
    #[error("it has the feature `{0}`")]
    Feature(&'static str),
    /// Feature bits without a name.
    #[error("it has unknown feature bits {bits:#x} in `{field}`")]
    UnknownFeature {
        /// The superblock's field.
        field: &'static str,
        /// The bits.
        bits: u32,
    },
    /// Feature bits of the journal.
    #[error("its journal has unknown feature bits {bits:#x} in `{field}`")]
    JournalFeature {
        /// The journal superblock's field.
        field: &'static str,
        /// The bits.
        bits: u32,
    },
    /// A block size other than 1, 2 or 4 KiB.
    #[error("its blocks have {0} bytes; 1024, 2048 and 4096 are supported")]
    BlockSize(u64),
    /// `s_rev_level` 0, or one of the future.
    #[error("it has revision {0}; only revision 1 is supported")]
    Revision(u32),
    /// `s_creator_os`: other systems store other things in an inode.
    #[error("it was made for operating system {0}; only 0 (Linux) is supported")]
    CreatorOs(u32),
    /// `s_journal_dev`.
    #[error("its journal is on another device")]
    ExternalJournal,
    /// The bad block inode has blocks.
    #[error("it has a list of bad blocks")]
    BadBlocks,
    /// An inode with a flag that changes the meaning of its content.
    #[error("inode {inode} has the flag `{flag}`")]
    InodeFlag {
        /// Inode number.
        inode: u32,
        /// The flag's name.
        flag: &'static str,
    },
    /// `e_name_index` without a known prefix.
    #[error("inode {inode} has an extended attribute of the unknown class {index}")]
    XattrIndex {
        /// Inode number.
        inode: u32,
        /// `e_name_index`.
        index: u8,
    },
    /// So many names, attributes or pieces of files that they would fill the memory.
    #[error("its names, attributes and extents would take more than {} MiB of memory", .0 >> 20)]
    Memory(u64),
    /// More than is read of anything.
    #[error("{what}: {got}; at most {limit} are supported")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        got: u64,
        /// How much is read.
        limit: u64,
    },
    /// Folders nested so deeply that no system call takes the path.
    #[error("a path that leads through inode {inode} has more than {limit} bytes")]
    LongPath {
        /// The folder with the name that is too much.
        inode: u32,
        /// Bytes that a path may have.
        limit: usize,
    },
}

/// Where something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The superblock.
    Superblock,
    /// A group descriptor.
    Group(u32),
    /// The block bitmap of a group.
    BlockBitmap(u32),
    /// The inode bitmap of a group.
    InodeBitmap(u32),
    /// The superblock of the journal.
    Journal,
    /// An inode, or what it describes as a whole.
    Inode(u32),
    /// A block of metadata that an inode refers to: extents, names, extended attributes.
    Block {
        /// The inode.
        inode: u32,
        /// The block's number in the file system.
        block: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superblock => f.write_str("superblock"),
            Self::Group(group) => write!(f, "descriptor of group {group}"),
            Self::BlockBitmap(group) => write!(f, "block bitmap of group {group}"),
            Self::InodeBitmap(group) => write!(f, "inode bitmap of group {group}"),
            Self::Journal => f.write_str("journal superblock"),
            Self::Inode(inode) => write!(f, "inode {inode}"),
            Self::Block { inode, block } => write!(f, "block {block} of inode {inode}"),
        }
    }
}

/// What is wrong. Names are printed with unprintable bytes escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A checksum does not fit what it covers.
    #[error("got checksum {got:#x}, expected {expected:#x}")]
    Checksum {
        /// What is stored.
        got: u32,
        /// What was computed.
        expected: u32,
    },
    /// A field has an impossible value.
    #[error("`{field}`: got {got:#x}, expected {expected}")]
    Field {
        /// The field's name in the kernel's headers.
        field: &'static str,
        /// What is stored.
        got: u64,
        /// The rule.
        expected: &'static str,
    },
    /// A number does not fit what was counted.
    #[error("{what}: got {got}, expected {expected}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// What is stored.
        got: u64,
        /// What was counted.
        expected: u64,
    },
    /// Two features exclude, or need, each other.
    #[error("the features {0} contradict each other")]
    Features(&'static str),
    /// Blocks outside the file system.
    #[error("blocks {first} to {first}+{count} are outside the file system")]
    Outside {
        /// First block.
        first: u64,
        /// Number of blocks.
        count: u64,
    },
    /// A block belongs to two owners.
    #[error("block {0} is already in use")]
    UsedTwice(u64),
    /// A block or inode is in use, but free in the bitmap.
    #[error("{0} is in use but marked free")]
    MarkedFree(u64),
    /// A block or inode is marked in use, but nothing refers to it.
    #[error("{0} is marked in use but nothing refers to it")]
    MarkedUsed(u64),
    /// An inode lies in the part of the table that is declared unused.
    #[error("it lies in the unused part of its inode table")]
    UnusedInode,
    /// A structure runs past the room it has.
    #[error("{0} runs past its end")]
    Truncated(&'static str),
    /// A folder has a hole.
    #[error("folder block {0} is missing")]
    Hole(u64),
    /// A name in the wrong block of an indexed folder.
    #[error("`{name}` with hash {hash:#x} stands in a block for {lowest:#x} to {highest:#x}")]
    Hash {
        /// The name.
        name: String,
        /// Its hash.
        hash: u32,
        /// The lowest hash of the block.
        lowest: u32,
        /// The highest one.
        highest: u32,
    },
    /// A name that no file can have.
    #[error("`{0}` is no name for a file")]
    BadName(String),
    /// A folder or an inode has the same name twice.
    #[error("the name `{0}` is there twice")]
    DuplicateName(String),
    /// A folder has two names, or contains itself.
    #[error("`{name}` leads to the folder with inode {inode} a second time")]
    FolderTwice {
        /// The second name.
        name: String,
        /// The folder's inode.
        inode: u32,
    },
    /// The type beside a name is not that of the inode.
    #[error("`{name}` is said to be of type {got}, expected {expected}")]
    FileType {
        /// The name.
        name: String,
        /// The type beside the name.
        got: u8,
        /// The type of the inode.
        expected: u8,
    },
}
