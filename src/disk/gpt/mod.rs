//! The GUID partition table (GPT): UEFI specification 2.10, §5.
//!
//! A disk has it twice: a header at sector 1 with its entries behind it, and at the end of the disk the entries again with a header in
//! the last sector. Sector 0 holds a master boot record that protects both. Both copies must be sound and equal: where one is not, a
//! reader that takes the other may see a different disk than the next one, so such an image is refused, with the name of the bad copy.
//!
//! Everything that is not asked to change stays as it was: boot code, types, names and attributes of partitions, unused entries. The
//! rest is derived from the size of the disk, so a table is written anew for a larger or smaller one.

mod entries;
mod error;
mod guid;
mod header;
mod protective;
#[cfg(test)]
mod tests;

pub use error::{Flaw, GptError, Half};
pub use guid::{BASIC_DATA, EFI_SYSTEM, Guid, LINUX, LINUX_ROOT_ARM, LINUX_ROOT_ARM64};

use super::{Storage, mbr::SECTOR};
use entries::Entries;
use header::{Header, PRIMARY, SIGNATURE};
use protective::Record;

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Partition type, such as [`LINUX`].
    pub kind: Guid,
    /// Its own GUID, which Linux calls its PARTUUID.
    pub id: Guid,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub size: u64,
    /// Attribute bits (UEFI 2.10, table 5.8).
    pub attributes: u64,
    /// Name, for people.
    pub name: String,
}

/// A table whose copies were checked: sound, equal, with partitions that are disjoint and have GUIDs of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpt {
    record: Record,
    disk: Guid,
    first_usable: u64,
    /// Sector of the primary copy's entries. Behind it some boards keep a boot loader, so it need not be 2.
    entries_at: u64,
    entries: Entries,
}

impl Gpt {
    /// Whether sector 0, `record`, says that a disk has such a table.
    #[must_use]
    pub fn is_announced(record: &[u8; SECTOR as usize]) -> bool {
        protective::is_protective(record)
    }

    /// Reads and checks both copies, and sector 0 in front of them.
    ///
    /// # Errors
    /// When the table is hybrid, for other sectors than those of 512 bytes, damaged in one copy or both, or its partitions cannot be.
    pub fn read(disk: &dyn Storage) -> Result<Self, GptError> {
        let mut record = [0; SECTOR as usize];
        disk.read_exact_at(0, &mut record)?;
        let protective = protective::entry_of(&record)?;
        let sectors = disk.size() / SECTOR;
        let last = sectors.saturating_sub(1);
        let primary = match read_copy(disk, PRIMARY, sectors)? {
            Ok(primary) => primary,
            Err(Flaw::CutShort { expected, .. }) => {
                return Err(GptError::CutShort { end: expected.saturating_add(1).saturating_mul(SECTOR), size: disk.size() });
            }
            Err(flaw) if flaw.is_unsupported() => return Err(GptError::Unsupported(flaw)),
            Err(flaw) if matches!(flaw, Flaw::Signature { .. }) && has_large_sectors(disk)? => return Err(GptError::SectorSize),
            Err(primary) => {
                return Err(match read_copy(disk, last, sectors)? {
                    Ok(_) => GptError::Damaged { half: Half::Primary, flaw: primary },
                    Err(backup) => GptError::BothDamaged { primary, backup },
                });
            }
        };
        let backup = read_copy(disk, primary.header.alternate, sectors)?;
        let backup = backup.map_err(|flaw| GptError::Damaged { half: Half::Backup, flaw })?;
        if let Some(what) = difference(&primary, &backup) {
            return Err(GptError::Differ { what });
        }
        protective::check(&record, protective, [primary.header.alternate, last])?;
        let Header { disk, first_usable, last_usable, entries_at, .. } = primary.header;
        primary.entries.check_places(first_usable, last_usable)?;
        primary.entries.check_ids()?;
        Ok(Self { record, disk, first_usable, entries_at, entries: primary.entries })
    }

    /// GUID of the disk.
    #[must_use]
    pub fn disk_guid(&self) -> Guid {
        self.disk
    }

    /// Partition `number`, from 1; `None` where the entry is unused or there is no such entry.
    #[must_use]
    pub fn partition(&self, number: usize) -> Option<Partition> {
        self.entries.partition(number)
    }

    /// All partitions with their numbers, in the order of the numbers.
    pub fn partitions(&self) -> impl Iterator<Item = (usize, Partition)> + '_ {
        self.entries.partitions()
    }

    /// The GUID of partition `number`; [`Guid::NIL`], which no partition has, where there is none.
    #[must_use]
    pub fn guid(&self, number: usize) -> Guid {
        self.entries.id(number)
    }

    /// Sets where partition `number` stands (in bytes). One that is there keeps all else; a new one gets the type `kind`, the name
    /// `name` and, by [`Gpt::set_guids`], its GUID.
    ///
    /// # Errors
    /// When there is no such entry, or the partition is empty, not in whole sectors, over the table or over another partition. The table
    /// then is as it was.
    pub fn place(&mut self, number: usize, start: u64, size: u64, kind: Guid, name: &str) -> Result<(), GptError> {
        if !start.is_multiple_of(SECTOR) || !size.is_multiple_of(SECTOR) {
            return Err(GptError::Unaligned { number, start, size });
        }
        let (first, sectors) = (start / SECTOR, size / SECTOR);
        let Some(last) = sectors.checked_sub(1).map(|more| first.saturating_add(more)) else {
            return Err(GptError::Empty { number, first, last: first.saturating_sub(1) });
        };
        let mut entries = self.entries.clone();
        if entries.partition(number).is_none() {
            entries.reset(number, kind, name);
        }
        if !entries.set_place(number, first, last) {
            return Err(GptError::NoSuchEntry { number, count: entries.count() });
        }
        // Where the disk ends is known when it is written.
        entries.check_places(self.first_usable, u64::MAX / SECTOR - 1)?;
        self.entries = entries;
        Ok(())
    }

    /// Gives the disk the GUID `of(0)` and each partition `of(number)`.
    pub fn set_guids(&mut self, of: impl Fn(usize) -> Guid) {
        self.disk = of(0);
        let numbers: Vec<_> = self.partitions().map(|(number, _)| number).collect();
        for number in numbers {
            self.entries.set_id(number, of(number));
        }
    }

    /// Bytes that the backup copy takes up at the end of a disk.
    #[must_use]
    pub fn backup_size(&self) -> u64 {
        (self.entries.sectors() + 1) * SECTOR
    }

    /// The table for a disk of `size` bytes: what stands at which byte.
    ///
    /// # Errors
    /// When a partition would lie over the backup copy or have no GUID, or when the disk is too small for any partition.
    pub fn ranges(&self, size: u64) -> Result<Vec<(u64, Vec<u8>)>, GptError> {
        let too_small = || GptError::TooSmall { size };
        let last = (size / SECTOR).checked_sub(1).ok_or_else(too_small)?;
        let backup_entries = last.checked_sub(self.entries.sectors()).ok_or_else(too_small)?;
        let last_usable = backup_entries.checked_sub(1).filter(|last| *last >= self.first_usable).ok_or_else(too_small)?;
        self.entries.check_places(self.first_usable, last_usable)?;
        self.entries.check_ids()?;
        let mut record = self.record;
        protective::cover(&mut record, last)?;
        let header = |at, alternate, entries_at| {
            let (count, entries_checksum) = (self.entries.count(), self.entries.checksum());
            let first_usable = self.first_usable;
            Header { at, alternate, first_usable, last_usable, disk: self.disk, entries_at, count, entries_checksum }.sector().to_vec()
        };
        Ok(vec![
            (0, record.to_vec()),
            (PRIMARY * SECTOR, header(PRIMARY, last, self.entries_at)),
            (self.entries_at * SECTOR, self.entries.bytes().to_vec()),
            (backup_entries * SECTOR, self.entries.bytes().to_vec()),
            (last * SECTOR, header(last, PRIMARY, backup_entries)),
        ])
    }
}

/// A copy that is sound in itself.
struct TableCopy {
    header: Header,
    entries: Entries,
}

/// Reads the copy whose header stands at sector `at` of a disk of so many sectors.
fn read_copy(disk: &dyn Storage, at: u64, sectors: u64) -> Result<Result<TableCopy, Flaw>, GptError> {
    let mut sector = [0; SECTOR as usize];
    if at == 0 || at >= sectors {
        // A disk of one sector.
        return Ok(Err(Flaw::Signature { found: [0; 8] }));
    }
    disk.read_exact_at(at * SECTOR, &mut sector)?;
    let header = match Header::parse(&sector, at) {
        Ok(header) => header,
        Err(flaw) => return Ok(Err(flaw)),
    };
    // With this, and by what the header was checked for, the entries lie inside the disk.
    if header.alternate >= sectors {
        return Ok(Err(Flaw::CutShort { expected: header.alternate, sectors }));
    }
    // At most 1024 entries of 128 bytes.
    let mut bytes = vec![0; (header::sectors_of(header.count) * SECTOR) as usize];
    disk.read_exact_at(header.entries_at * SECTOR, &mut bytes)?;
    let entries = Entries::new(bytes, header.count);
    let (found, expected) = (entries.checksum(), header.entries_checksum);
    Ok(if found == expected { Ok(TableCopy { header, entries }) } else { Err(Flaw::EntriesChecksum { found, expected }) })
}

/// The first thing in which two sound copies differ though they must not.
fn difference(primary: &TableCopy, backup: &TableCopy) -> Option<&'static str> {
    let (one, other) = (&primary.header, &backup.header);
    if one.disk != other.disk {
        return Some("the GUID of the disk");
    }
    if (one.first_usable, one.last_usable) != (other.first_usable, other.last_usable) {
        return Some("the sectors that are for partitions");
    }
    if one.count != other.count {
        return Some("the number of entries");
    }
    (primary.entries.table() != backup.entries.table()).then_some("an entry")
}

/// Whether the primary copy stands where it does when sectors have 4096 bytes.
fn has_large_sectors(disk: &dyn Storage) -> Result<bool, GptError> {
    const LARGE: u64 = 4096;
    let mut found = [0; SIGNATURE.len()];
    if disk.size() < 2 * LARGE {
        return Ok(false);
    }
    disk.read_exact_at(LARGE, &mut found)?;
    Ok(found == SIGNATURE)
}
