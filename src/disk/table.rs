//! The partition table of a disk, whichever of the two kinds it is.
//!
//! What was one kind stays that kind: the boot ROMs of a Raspberry Pi up to the 3 read only a master boot record, and whoever made an
//! image with a GUID partition table had a reason.

use std::fmt;

use serde::Serialize;

use super::{
    Storage,
    gpt::{self, BASIC_DATA, EFI_SYSTEM, Gpt, GptError, Guid, LINUX_ROOT_ARM, LINUX_ROOT_ARM64},
    mbr::{self, Mbr, MbrError, SECTOR},
};
use crate::error::{Classified, Kind};

/// A partition table that was checked; see [`Mbr`] and [`Gpt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// A master boot record.
    Mbr(Mbr),
    /// A GUID partition table.
    Gpt(Gpt),
}

/// The kinds of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// A master boot record.
    Mbr,
    /// A GUID partition table.
    Gpt,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mbr => "MBR",
            Self::Gpt => "GPT",
        })
    }
}

/// What a partition is for, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A FAT file system.
    Fat,
    /// A file system of Linux.
    Linux,
    /// Something else; [`Type`] names it.
    Other,
}

/// Type of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// In a master boot record.
    Mbr(u8),
    /// In a GUID partition table.
    Gpt(Guid),
}

impl Type {
    /// What such a partition is for.
    #[must_use]
    pub fn usage(self) -> Use {
        match self {
            // FAT12, FAT16 and FAT32, with and without LBA.
            Self::Mbr(0x01 | 0x04 | 0x06 | 0x0b | mbr::FAT_LBA | 0x0e) => Use::Fat,
            Self::Mbr(mbr::LINUX) => Use::Linux,
            Self::Gpt(EFI_SYSTEM | BASIC_DATA) => Use::Fat,
            Self::Gpt(gpt::LINUX | LINUX_ROOT_ARM | LINUX_ROOT_ARM64) => Use::Linux,
            Self::Mbr(_) | Self::Gpt(_) => Use::Other,
        }
    }
}

/// As in messages: `0x0c`, or a GUID with what it is called.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mbr(kind) => write!(f, "{kind:#04x}"),
            Self::Gpt(kind) => match kind.type_name() {
                Some(name) => write!(f, "{kind} ({name})"),
                None => write!(f, "{kind}"),
            },
        }
    }
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// From 1; Linux numbers partitions alike.
    pub number: usize,
    /// Its type.
    pub kind: Type,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub size: u64,
    /// Its name; only a GUID partition table has any.
    pub name: Option<String>,
}

impl Partition {
    /// First byte after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }
}

/// Why a partition table is not read or not changed.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A master boot record, or no table at all.
    #[error(transparent)]
    Mbr(#[from] MbrError),
    /// A GUID partition table.
    #[error(transparent)]
    Gpt(#[from] GptError),
}

impl Classified for TableError {
    fn kind(&self) -> Kind {
        match self {
            Self::Mbr(error) => error.kind(),
            Self::Gpt(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Mbr(error) => error.hint(),
            Self::Gpt(error) => error.hint(),
        }
    }
}

impl Table {
    /// Reads and checks the table of a disk. What sector 0 says decides the kind: a GUID partition table without the record that stands
    /// for it is what an earlier use of the disk left.
    ///
    /// # Errors
    /// As [`Mbr::read`] and [`Gpt::read`].
    pub fn read(disk: &dyn Storage) -> Result<Self, TableError> {
        let mut record = [0; SECTOR as usize];
        disk.read_exact_at(0, &mut record).map_err(MbrError::Io)?;
        if Gpt::is_announced(&record) { Ok(Self::Gpt(Gpt::read(disk)?)) } else { Ok(Self::Mbr(Mbr::read(disk)?)) }
    }

    /// Which kind it is.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::Mbr(_) => Scheme::Mbr,
            Self::Gpt(_) => Scheme::Gpt,
        }
    }

    /// The identifier of the disk, as Linux shows it: `deadbeef`, or a GUID.
    #[must_use]
    pub fn disk_id(&self) -> String {
        match self {
            Self::Mbr(mbr) => format!("{:08x}", mbr.disk_id()),
            Self::Gpt(gpt) => gpt.disk_guid().to_string(),
        }
    }

    /// The PARTUUID of partition `number` as Linux names it: `deadbeef-02`, or a GUID. Of a partition that is not there, it is a name
    /// that no partition has.
    #[must_use]
    pub fn partuuid(&self, number: usize) -> String {
        match self {
            Self::Mbr(mbr) => mbr.partuuid(number),
            Self::Gpt(gpt) => gpt.guid(number).to_string(),
        }
    }

    /// All partitions, in the order of their numbers.
    #[must_use]
    pub fn partitions(&self) -> Vec<Partition> {
        match self {
            Self::Mbr(mbr) => (1..=4)
                .filter_map(|number| {
                    let mbr::Partition { kind, start, size, .. } = mbr.partition(number)?;
                    Some(Partition { number, kind: Type::Mbr(kind), start, size, name: None })
                })
                .collect(),
            Self::Gpt(gpt) => gpt
                .partitions()
                .map(|(number, gpt::Partition { kind, start, size, name, .. })| Partition {
                    number,
                    kind: Type::Gpt(kind),
                    start,
                    size,
                    name: Some(name),
                })
                .collect(),
        }
    }

    /// Makes partition `number` one with a Linux file system at this place (in bytes). In a GUID partition table, one that is there keeps
    /// its type and all else, and a new one is called `name`.
    ///
    /// # Errors
    /// When the table has no such partition, or it cannot stand there; the table then is as it was.
    pub fn set_linux(&mut self, number: usize, start: u64, size: u64, name: &str) -> Result<(), TableError> {
        match self {
            Self::Mbr(mbr) => {
                mbr.set_partition(number, Some(mbr::Partition { kind: mbr::LINUX, active: false, start, size }))?;
            }
            Self::Gpt(gpt) => gpt.place(number, start, size, gpt::LINUX, name)?,
        }
        Ok(())
    }

    /// Makes it the table of another disk. A master boot record gets the id `disk_id`, from which the names of its partitions follow; a
    /// GUID partition table gets the GUID `guid(0)` and its partitions `guid(number)`.
    pub fn set_ids(&mut self, disk_id: u32, guid: impl Fn(usize) -> Guid) {
        match self {
            Self::Mbr(mbr) => mbr.set_disk_id(disk_id),
            Self::Gpt(gpt) => gpt.set_guids(guid),
        }
    }

    /// Bytes that the table takes up at the end of a disk.
    #[must_use]
    pub fn size_at_end(&self) -> u64 {
        match self {
            Self::Mbr(_) => 0,
            Self::Gpt(gpt) => gpt.backup_size(),
        }
    }

    /// The table for a disk of `size` bytes: what stands at which byte. The first range is sector 0.
    ///
    /// # Errors
    /// When a partition does not fit the disk.
    pub fn ranges(&self, size: u64) -> Result<Vec<(u64, Vec<u8>)>, TableError> {
        match self {
            Self::Mbr(mbr) => match self.partitions().iter().find(|partition| partition.end() > size) {
                Some(partition) => Err(MbrError::PastEnd { number: partition.number, end: partition.end(), size }.into()),
                None => Ok(vec![(0, mbr.sector().to_vec())]),
            },
            Self::Gpt(gpt) => Ok(gpt.ranges(size)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_apart() {
        for kind in [Type::Mbr(0x0c), Type::Mbr(0x06), Type::Gpt(EFI_SYSTEM), Type::Gpt(BASIC_DATA)] {
            assert_eq!(kind.usage(), Use::Fat, "{kind}");
        }
        for kind in [Type::Mbr(0x83), Type::Gpt(gpt::LINUX), Type::Gpt(LINUX_ROOT_ARM), Type::Gpt(LINUX_ROOT_ARM64)] {
            assert_eq!(kind.usage(), Use::Linux, "{kind}");
        }
        let swap = Type::Gpt(Guid::new(0x0657_fd6d_a4ab_43c4_84e5_0933_c84b_4f4f));
        for kind in [Type::Mbr(0x07), Type::Mbr(0x82), Type::Mbr(0xee), Type::Gpt(Guid::NIL), swap] {
            assert_eq!(kind.usage(), Use::Other, "{kind}");
        }
        assert_eq!(swap.to_string(), "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f (Linux swap)");
        assert_eq!(Type::Mbr(7).to_string(), "0x07");
    }

    #[test]
    fn a_master_boot_record_is_one_sector() {
        let mut table = Table::Mbr(Mbr::new(0));
        table.set_ids(0xbeef, |_| Guid::NIL);
        table.set_linux(3, 1 << 20, 1 << 20, "brick").unwrap();
        assert_eq!((table.disk_id().as_str(), table.partuuid(3).as_str()), ("0000beef", "0000beef-03"));
        assert_eq!((table.scheme(), table.size_at_end()), (Scheme::Mbr, 0));
        let ranges = table.ranges(2 << 20).unwrap();
        assert_eq!((ranges.len(), ranges[0].0, ranges[0].1.len()), (1, 0, 512));
        assert!(matches!(table.ranges((2 << 20) - 512), Err(TableError::Mbr(MbrError::PastEnd { number: 3, .. }))));
        assert_eq!(table.partitions(), [Partition { number: 3, kind: Type::Mbr(0x83), start: 1 << 20, size: 1 << 20, name: None }]);
    }
}
