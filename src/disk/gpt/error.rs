//! Why a GUID partition table is not read or not changed.

use std::{fmt, io};

use super::Guid;
use crate::error::{Classified, Kind};

/// What is wrong with one copy of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Nothing there is a header.
    #[error("no header: got `{}`, expected `EFI PART`", found.escape_ascii())]
    Signature {
        /// The bytes in place of the signature.
        found: [u8; 8],
    },
    /// A header shorter than its fields or longer than its sector.
    #[error("a header of {found} bytes, expected 92 to 512")]
    HeaderSize {
        /// What it says.
        found: u32,
    },
    /// The header's checksum.
    #[error("the checksum of the header is {found:08x}, expected {expected:08x}")]
    HeaderChecksum {
        /// What it says.
        found: u32,
        /// That of its bytes.
        expected: u32,
    },
    /// A later revision of the format.
    #[error("revision {}.{}, expected 1.0", found >> 16, found & 0xffff)]
    Revision {
        /// What it says: the number before the point in the upper half.
        found: u32,
    },
    /// A header that belongs elsewhere.
    #[error("the header says that it stands at sector {found}, but it stands at {expected}")]
    Place {
        /// What it says.
        found: u64,
        /// Where it was read.
        expected: u64,
    },
    /// Bytes that must be zero.
    #[error("bytes of the header that must be zero are not")]
    Reserved,
    /// No room for a partition.
    #[error("the header says that there are no entries")]
    NoEntries,
    /// More entries than are read.
    #[error("{count} entries, the most are {limit}")]
    EntryCount {
        /// What it says.
        count: u32,
        /// The most that are read.
        limit: u32,
    },
    /// Entries that the specification knows and Linux does not.
    #[error("entries of {size} bytes, but Linux reads only those of 128")]
    EntrySize {
        /// What it says.
        size: usize,
    },
    /// Entries that cannot be.
    #[error("entries of {size} bytes, expected 128")]
    NoEntrySize {
        /// What it says.
        size: usize,
    },
    /// The parts of the table stand in each other's place.
    #[error(
        "the header says that sectors {first_usable} to {last_usable} are for partitions, the entries begin at {entries_at} and the other \
         copy stands at {alternate}, which cannot be"
    )]
    Places {
        /// First sector for partitions.
        first_usable: u64,
        /// Last sector for partitions.
        last_usable: u64,
        /// First sector of the entries.
        entries_at: u64,
        /// Sector of the other copy.
        alternate: u64,
    },
    /// The disk ends before the table.
    #[error("the copy at its end should stand at sector {expected}, but there are only {sectors} sectors")]
    CutShort {
        /// Sector of the other copy.
        expected: u64,
        /// Sectors of the disk or image.
        sectors: u64,
    },
    /// The entries' checksum.
    #[error("the checksum of the entries is {found:08x}, but the header says {expected:08x}")]
    EntriesChecksum {
        /// That of their bytes.
        found: u32,
        /// What the header says.
        expected: u32,
    },
}

impl Flaw {
    /// Whether the copy is sound, but uses what is not supported.
    pub(super) fn is_unsupported(&self) -> bool {
        matches!(self, Self::Revision { .. } | Self::EntryCount { .. } | Self::EntrySize { .. })
    }
}

/// A copy of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The one at the start of the disk.
    Primary,
    /// The one at its end.
    Backup,
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary copy (at the start of the disk)",
            Self::Backup => "backup copy (at the end of the disk)",
        })
    }
}

/// Why a GUID partition table is not read or not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GptError {
    /// Reading failed.
    #[error("cannot read the GUID partition table")]
    Io(#[from] io::Error),
    /// Two tables, of which one reader takes the one and another the other.
    #[error(
        "a hybrid partition table: besides the partition that protects the GUID partition table, the master boot record has partition \
         {number} of type {kind:#04x}; two tables of one disk can contradict each other, so it is not supported"
    )]
    Hybrid {
        /// Number of the partition in the master boot record, from 1.
        number: usize,
        /// Its type.
        kind: u8,
    },
    /// Sectors of 4096 bytes.
    #[error("a GUID partition table for a disk with sectors of 4096 bytes, which is not supported: sectors of SD cards have 512")]
    SectorSize,
    /// Sound, but not understood.
    #[error("the GUID partition table has {0}: not supported")]
    Unsupported(Flaw),
    /// The record that protects the table does not.
    #[error("the partition that protects the GUID partition table begins at sector {start} and has {size}, expected 1 and {expected}")]
    Protective {
        /// First sector.
        start: u32,
        /// Number of sectors.
        size: u32,
        /// Number of sectors that it should have.
        expected: u32,
    },
    /// The image is shorter than its table says.
    #[error("the backup of the GUID partition table should end at byte {end}, but there are only {size} bytes")]
    CutShort {
        /// First byte after the table.
        end: u64,
        /// Size of the disk or image.
        size: u64,
    },
    /// One copy is bad, the other is good.
    #[error("the {half} of the GUID partition table is damaged, the other one is sound: {flaw}")]
    Damaged {
        /// The bad one.
        half: Half,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// Neither copy is good.
    #[error("the GUID partition table is damaged; its primary copy: {primary}; its backup copy: {backup}")]
    BothDamaged {
        /// What is wrong with the copy at the start.
        primary: Flaw,
        /// What is wrong with that at the end.
        backup: Flaw,
    },
    /// Both copies are good, but not copies.
    #[error("the two copies of the GUID partition table are each sound but differ in {what}")]
    Differ {
        /// The first difference.
        what: &'static str,
    },
    /// A partition without a sector.
    #[error("partition {number} begins at sector {first} and ends at {last}: it has no sector")]
    Empty {
        /// Number of the partition, from 1.
        number: usize,
        /// First sector.
        first: u64,
        /// Last sector.
        last: u64,
    },
    /// A partition over the table itself, or past the end.
    #[error("partition {number} has sectors {first} to {last}, but only {} to {} are for partitions", usable.0, usable.1)]
    NotUsable {
        /// Number of the partition, from 1.
        number: usize,
        /// First sector.
        first: u64,
        /// Last sector.
        last: u64,
        /// First and last sector that it may have.
        usable: (u64, u64),
    },
    /// Two partitions share sectors.
    #[error("partitions {first} and {second} overlap")]
    Overlap {
        /// Number of the one, from 1.
        first: usize,
        /// Number of the other.
        second: usize,
    },
    /// A partition without a name of its own.
    #[error("partition {number} has no GUID")]
    NoGuid {
        /// Number of the partition, from 1.
        number: usize,
    },
    /// Two partitions with one name.
    #[error("partitions {first} and {second} have the same GUID {guid}")]
    SameGuid {
        /// Number of the one, from 1.
        first: usize,
        /// Number of the other.
        second: usize,
        /// Their GUID.
        guid: Guid,
    },
    /// The table has no such entry.
    #[error("the GUID partition table has entries for {count} partitions, so there is no room for partition {number}")]
    NoSuchEntry {
        /// The number asked for.
        number: usize,
        /// Number of entries.
        count: u32,
    },
    /// Not in whole sectors.
    #[error("partition {number} at byte {start} of {size} bytes is not in whole sectors of 512 bytes")]
    Unaligned {
        /// Number of the partition, from 1.
        number: usize,
        /// First byte.
        start: u64,
        /// Length in bytes.
        size: u64,
    },
    /// The disk has no room for the table.
    #[error("a disk of {size} bytes is too small for its GUID partition table")]
    TooSmall {
        /// Size of the disk.
        size: u64,
    },
}

impl Classified for GptError {
    fn kind(&self) -> Kind {
        match self {
            Self::Io(_) | Self::Unaligned { .. } | Self::TooSmall { .. } => Kind::Io,
            Self::Hybrid { .. } | Self::SectorSize | Self::Unsupported(_) | Self::NoSuchEntry { .. } => Kind::Unsupported,
            _ => Kind::Corrupt,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::CutShort { .. } => "the image was cut short; download or copy it again",
            Self::Hybrid { .. } => {
                "if the GUID partition table is the right one, `gdisk` (commands x, n, w) on a copy of the image leaves that alone"
            }
            Self::Damaged { .. } => {
                "download the image again; if there is no other, `gdisk` (command w) on a copy of it writes both copies from the sound one"
            }
            Self::Protective { .. } => {
                "download the image again; if there is no other, `gdisk` (commands x, n, w) on a copy of it writes a new record"
            }
            Self::BothDamaged { .. } | Self::Differ { .. } => "download the image again, or look at it with `gdisk`",
            Self::NoSuchEntry { .. } => "`sgdisk --resize-table=128` on a copy of the image makes room",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
