//! The master boot record: four primary partitions in sector 0.
//!
//! Everything that is not asked to change stays as it was, to the byte: boot code, reserved bytes, the CHS fields of partitions that
//! are not set. Offsets as in the kernel's `include/linux/msdos_partition.h` and libfdisk's `dos.c`.

use std::io;

use berry_firstboot::chs::cylinder_head_sector;

use super::Storage;
use crate::{
    error::{Classified, Kind},
    little_endian::u32_at,
};

/// Size of a sector, in bytes: the unit of every number in the table.
pub const SECTOR: u64 = 512;

/// Where partitions begin, in bytes: what SD cards erase at once, and what Raspberry Pi OS uses.
pub const ALIGNMENT: u64 = 4 << 20;

/// Partition type of a FAT32 (or FAT16) partition found by LBA.
pub const FAT_LBA: u8 = 0x0c;

/// Partition type of a Linux file system.
pub const LINUX: u8 = 0x83;

/// Type of a partition that stands for a GUID partition table.
pub(super) const PROTECTIVE: u8 = 0xee;

const DISK_ID: usize = 440;
/// Where the first of the four entries begins.
pub(super) const TABLE: usize = 446;
/// Bytes of an entry.
pub(super) const ENTRY: usize = 16;
/// What a record ends with.
pub(super) const SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// `int 18h; hlt; jmp $-1`: a PC that tries to boot the card goes on to its next device, or stops.
///
/// The code itself is of no use to a Raspberry Pi. But parted takes a record whose first byte is zero for one that was never written
/// and gives it a new disk id, and with that new PARTUUIDs, at its next run.
const STUB: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];

/// The next multiple of [`ALIGNMENT`] that is not below `offset` (bytes); `None` where that is above 2^64.
#[must_use]
pub fn aligned(offset: u64) -> Option<u64> {
    offset.checked_next_multiple_of(ALIGNMENT)
}

/// A primary partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Partition type, such as [`LINUX`].
    pub kind: u8,
    /// Whether the boot flag is set.
    pub active: bool,
    /// First byte; a multiple of [`SECTOR`].
    pub start: u64,
    /// Length in bytes; a multiple of [`SECTOR`].
    pub size: u64,
}

impl Partition {
    /// First byte after the partition.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end() && other.start < self.end()
    }
}

/// Why a partition table is not read or not changed.
#[derive(Debug, thiserror::Error)]
pub enum MbrError {
    /// Sector 0 could not be read.
    #[error("cannot read the partition table")]
    Io(#[from] io::Error),
    /// There is none.
    #[error("no partition table: got {found:02x?} at byte 510, expected 55 aa")]
    NoSignature {
        /// The bytes in place of the signature.
        found: [u8; 2],
    },
    /// Something with the same signature, such as the boot sector of a file system.
    #[error("no partition table: the boot flag of partition {number} is {flag:#04x}, expected 0x00 or 0x80")]
    NotATable {
        /// Number of the partition, from 1.
        number: usize,
        /// The byte found.
        flag: u8,
    },
    /// A partition that stands for a GUID partition table.
    #[error("partition {number} has type 0xee, which stands for a GUID partition table (GPT)")]
    Gpt {
        /// Number of the partition, from 1.
        number: usize,
    },
    /// Logical partitions.
    #[error("partition {number} has type {kind:#04x}: extended partitions are not supported")]
    Extended {
        /// Number of the partition, from 1.
        number: usize,
        /// Its type.
        kind: u8,
    },
    /// A partition without a byte.
    #[error("partition {number} (type {kind:#04x}) is empty")]
    Empty {
        /// Number of the partition, from 1.
        number: usize,
        /// Its type.
        kind: u8,
    },
    /// An entry that is unused by its type, but Linux takes it for a partition.
    #[error("partition {number} has no type but {sectors} sectors")]
    NoType {
        /// Number of the partition, from 1.
        number: usize,
        /// How many sectors it claims.
        sectors: u32,
    },
    /// A partition over the table itself.
    #[error("partition {number} begins at sector 0, where the partition table is")]
    OverTable {
        /// Number of the partition, from 1.
        number: usize,
    },
    /// Two partitions share bytes.
    #[error("partitions {first} and {second} overlap")]
    Overlap {
        /// Number of the one, from 1.
        first: usize,
        /// Number of the other.
        second: usize,
    },
    /// The image is shorter than its table says.
    #[error("partition {number} ends at byte {end}, but there are only {size} bytes")]
    PastEnd {
        /// Number of the partition, from 1.
        number: usize,
        /// First byte after it.
        end: u64,
        /// Size of the disk or image.
        size: u64,
    },
    /// A record has four partitions, none of type 0.
    #[error("there is no partition {number} of type {kind:#04x} in a master boot record")]
    NoSuchEntry {
        /// The number asked for.
        number: usize,
        /// The type asked for.
        kind: u8,
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
    /// Numbers of sectors have 32 bits.
    #[error("partition {number} at byte {start} of {size} bytes goes past the 2 TiB a master boot record can describe")]
    TooLarge {
        /// Number of the partition, from 1.
        number: usize,
        /// First byte.
        start: u64,
        /// Length in bytes.
        size: u64,
    },
}

impl Classified for MbrError {
    fn kind(&self) -> Kind {
        match self {
            Self::Io(_) => Kind::Io,
            Self::Gpt { .. } | Self::Extended { .. } | Self::TooLarge { .. } => Kind::Unsupported,
            Self::NoSuchEntry { .. } | Self::Unaligned { .. } => Kind::Io,
            _ => Kind::Corrupt,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::PastEnd { .. } => Some("the image was cut short; download or copy it again".to_owned()),
            Self::NoSignature { .. } | Self::NotATable { .. } => {
                Some("expected the image of a whole card, not of one partition".to_owned())
            }
            _ => None,
        }
    }
}

/// A master boot record whose partitions were checked: in whole sectors, disjoint, none extended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mbr {
    sector: [u8; 512],
}

impl Mbr {
    /// An empty table. Its first byte is not zero, so that parted leaves the disk id alone.
    #[must_use]
    pub fn new(disk_id: u32) -> Self {
        let mut sector = [0; 512];
        sector[..STUB.len()].copy_from_slice(&STUB);
        sector[510..].copy_from_slice(&SIGNATURE);
        let mut mbr = Self { sector };
        mbr.set_disk_id(disk_id);
        mbr
    }

    /// Reads and checks sector 0.
    ///
    /// # Errors
    /// When there is no table, when it stands for a GPT (see [`Table::read`](super::table::Table::read)) or has extended partitions, or when a partition is empty, lies over the table, over
    /// another partition or past the end of `disk`.
    pub fn read(disk: &dyn Storage) -> Result<Self, MbrError> {
        let mut sector = [0; 512];
        disk.read_exact_at(0, &mut sector)?;
        let mbr = Self { sector };
        let found = [sector[510], sector[511]];
        if found != SIGNATURE {
            return Err(MbrError::NoSignature { found });
        }
        for number in 1..=4 {
            let flag = mbr.entry(number)[0];
            if !matches!(flag, 0x00 | 0x80) {
                return Err(MbrError::NotATable { number, flag });
            }
        }
        for number in 1..=4 {
            let Some(partition) = mbr.partition(number) else {
                // The kernel (block/partitions/msdos.c) asks for the size alone.
                match u32_at(mbr.entry(number), 12) {
                    0 => continue,
                    sectors => return Err(MbrError::NoType { number, sectors }),
                }
            };
            mbr.check(number, &partition)?;
            if partition.end() > disk.size() {
                return Err(MbrError::PastEnd { number, end: partition.end(), size: disk.size() });
            }
        }
        Ok(mbr)
    }

    /// Partition `number`, from 1; `None` where the entry is unused or there is no such entry.
    #[must_use]
    pub fn partition(&self, number: usize) -> Option<Partition> {
        if !(1..=4).contains(&number) {
            return None;
        }
        let entry = self.entry(number);
        (entry[4] != 0).then(|| Partition {
            kind: entry[4],
            active: entry[0] == 0x80,
            start: u64::from(u32_at(entry, 8)) * SECTOR,
            size: u64::from(u32_at(entry, 12)) * SECTOR,
        })
    }

    /// Sets or clears partition `number`. An entry that already says so keeps all its bytes.
    ///
    /// # Errors
    /// When there is no such entry, or the partition is empty, not in whole sectors, past 2 TiB, over the table or over another one.
    pub fn set_partition(&mut self, number: usize, partition: Option<Partition>) -> Result<(), MbrError> {
        let kind = partition.map_or(0, |p| p.kind);
        if !(1..=4).contains(&number) || (partition.is_some() && kind == 0) {
            return Err(MbrError::NoSuchEntry { number, kind });
        }
        if self.partition(number) == partition {
            return Ok(());
        }
        let mut entry = [0; ENTRY];
        if let Some(partition) = partition {
            let Partition { active, start, size, .. } = partition;
            if start % SECTOR != 0 || size % SECTOR != 0 {
                return Err(MbrError::Unaligned { number, start, size });
            }
            let sectors = |bytes: u64| u32::try_from(bytes / SECTOR).map_err(|_| MbrError::TooLarge { number, start, size });
            let (first, count) = (sectors(start)?, sectors(size)?);
            sectors(start + size)?;
            self.check(number, &partition)?;
            entry[0] = if active { 0x80 } else { 0 };
            entry[1..4].copy_from_slice(&cylinder_head_sector(first));
            entry[4] = kind;
            // `check` refused a count of zero, and both numbers together fit 32 bits.
            entry[5..8].copy_from_slice(&cylinder_head_sector(first + (count - 1)));
            entry[8..12].copy_from_slice(&first.to_le_bytes());
            entry[12..16].copy_from_slice(&count.to_le_bytes());
        }
        let at = Self::entry_offset(number);
        self.sector[at..at + ENTRY].copy_from_slice(&entry);
        Ok(())
    }

    /// The disk id, also called disk signature: what makes PARTUUIDs.
    #[must_use]
    pub fn disk_id(&self) -> u32 {
        u32_at(&self.sector, DISK_ID)
    }

    /// Sets the disk id, and with it every PARTUUID.
    pub fn set_disk_id(&mut self, disk_id: u32) {
        self.sector[DISK_ID..DISK_ID + 4].copy_from_slice(&disk_id.to_le_bytes());
    }

    /// The PARTUUID of partition `number` as Linux names it, such as `deadbeef-02`.
    #[must_use]
    pub fn partuuid(&self, number: usize) -> String {
        format!("{:08x}-{number:02x}", self.disk_id())
    }

    /// Sector 0.
    #[must_use]
    pub fn sector(&self) -> [u8; 512] {
        self.sector
    }

    fn check(&self, number: usize, partition: &Partition) -> Result<(), MbrError> {
        match partition.kind {
            PROTECTIVE => return Err(MbrError::Gpt { number }),
            kind @ (0x05 | 0x0f | 0x85) => return Err(MbrError::Extended { number, kind }),
            kind if partition.size == 0 => return Err(MbrError::Empty { number, kind }),
            _ if partition.start == 0 => return Err(MbrError::OverTable { number }),
            _ => {}
        }
        for other in 1..=4 {
            if other != number && self.partition(other).is_some_and(|there| there.overlaps(partition)) {
                return Err(MbrError::Overlap { first: number.min(other), second: number.max(other) });
            }
        }
        Ok(())
    }

    fn entry_offset(number: usize) -> usize {
        TABLE + (number - 1) * ENTRY
    }

    /// Callers pass 1 to 4, so the range lies inside the sector.
    fn entry(&self, number: usize) -> &[u8] {
        &self.sector[Self::entry_offset(number)..][..ENTRY]
    }
}

#[cfg(test)]
mod tests;
