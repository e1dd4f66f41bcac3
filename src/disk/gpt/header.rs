//! The header of a copy of the table: one sector (UEFI 2.10, table 5.5).

use flate2::Crc;

use super::{Flaw, Guid, entries::ENTRY};
use crate::{
    disk::mbr::SECTOR,
    little_endian::{array_at, u32_at, u64_at},
};

/// Sector of the first copy's header.
pub(super) const PRIMARY: u64 = 1;
/// What a header begins with.
pub(super) const SIGNATURE: [u8; 8] = *b"EFI PART";
/// The only revision there is.
const REVISION: u32 = 0x0001_0000;
/// Bytes of a header of that revision.
const SIZE: usize = 92;
/// Four times what every partitioning program makes. Each entry costs time and memory, and Linux names 256 partitions of a disk.
const MAX_ENTRIES: u32 = 1024;

const CHECKSUM: usize = 16;
const RESERVED: usize = 20;
const AT: usize = 24;
const ALTERNATE: usize = 32;
const FIRST_USABLE: usize = 40;
const LAST_USABLE: usize = 48;
const DISK: usize = 56;
const ENTRIES_AT: usize = 72;
const COUNT: usize = 80;
const ENTRY_SIZE: usize = 84;
const ENTRIES_CHECKSUM: usize = 88;

/// A header that is sound in itself. All places are sectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Where it stands.
    pub(super) at: u64,
    /// Where the other copy stands.
    pub(super) alternate: u64,
    pub(super) first_usable: u64,
    pub(super) last_usable: u64,
    pub(super) disk: Guid,
    /// First sector of the entries.
    pub(super) entries_at: u64,
    /// Number of entries, used or not.
    pub(super) count: u32,
    pub(super) entries_checksum: u32,
}

impl Header {
    /// The header in `sector`, which was read at sector `at`. What it refers to is not read, but cannot lie over anything else.
    pub(super) fn parse(sector: &[u8; SECTOR as usize], at: u64) -> Result<Self, Flaw> {
        let signature = array_at(sector, 0);
        if signature != SIGNATURE {
            return Err(Flaw::Signature { found: signature });
        }
        let size = u32_at(sector, 12);
        let bytes = usize::try_from(size).ok().filter(|size| *size >= SIZE).and_then(|size| sector.get(..size));
        let Some(bytes) = bytes else { return Err(Flaw::HeaderSize { found: size }) };
        let mut bytes = bytes.to_vec();
        bytes[CHECKSUM..CHECKSUM + 4].fill(0);
        let (found, expected) = (u32_at(sector, CHECKSUM), checksum(&bytes));
        if found != expected {
            return Err(Flaw::HeaderChecksum { found, expected });
        }
        // From here on it is what somebody meant to write.
        let revision = u32_at(sector, 8);
        if revision != REVISION {
            return Err(Flaw::Revision { found: revision });
        }
        if u64_at(sector, AT) != at {
            return Err(Flaw::Place { found: u64_at(sector, AT), expected: at });
        }
        if u32_at(sector, RESERVED) != 0 {
            return Err(Flaw::Reserved);
        }
        let header = Self {
            at,
            alternate: u64_at(sector, ALTERNATE),
            first_usable: u64_at(sector, FIRST_USABLE),
            last_usable: u64_at(sector, LAST_USABLE),
            disk: Guid::from_disk(array_at(sector, DISK)),
            entries_at: u64_at(sector, ENTRIES_AT),
            count: u32_at(sector, COUNT),
            entries_checksum: u32_at(sector, ENTRIES_CHECKSUM),
        };
        check_entry_size(u32_at(sector, ENTRY_SIZE))?;
        match header.count {
            0 => Err(Flaw::NoEntries),
            1..=MAX_ENTRIES => header.check_places().map(|()| header),
            count => Err(Flaw::EntryCount { count, limit: MAX_ENTRIES }),
        }
    }

    /// Header, entries and usable sectors must not share a sector, and the two copies must stand on either side of what is usable.
    fn check_places(&self) -> Result<(), Flaw> {
        let Self { at, alternate, first_usable, last_usable, entries_at, .. } = *self;
        let places = Flaw::Places { first_usable, last_usable, entries_at, alternate };
        let entries_end = entries_at.checked_add(sectors_of(self.count)).ok_or_else(|| places.clone())?;
        let are_apart = if at == PRIMARY {
            entries_at > PRIMARY && entries_end <= first_usable && last_usable < alternate
        } else {
            alternate == PRIMARY && first_usable > PRIMARY && last_usable < entries_at && entries_end <= at
        };
        if are_apart && first_usable <= last_usable { Ok(()) } else { Err(places) }
    }

    /// The sector that says this.
    pub(super) fn sector(&self) -> [u8; SECTOR as usize] {
        let mut sector = [0; SECTOR as usize];
        let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &SIGNATURE);
        put(8, &REVISION.to_le_bytes());
        put(12, &(SIZE as u32).to_le_bytes());
        put(AT, &self.at.to_le_bytes());
        put(ALTERNATE, &self.alternate.to_le_bytes());
        put(FIRST_USABLE, &self.first_usable.to_le_bytes());
        put(LAST_USABLE, &self.last_usable.to_le_bytes());
        put(DISK, &self.disk.disk_bytes());
        put(ENTRIES_AT, &self.entries_at.to_le_bytes());
        put(COUNT, &self.count.to_le_bytes());
        put(ENTRY_SIZE, &(ENTRY as u32).to_le_bytes());
        put(ENTRIES_CHECKSUM, &self.entries_checksum.to_le_bytes());
        let sum = checksum(&sector[..SIZE]);
        sector[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum.to_le_bytes());
        sector
    }
}

/// Sectors that so many entries take up.
pub(super) fn sectors_of(count: u32) -> u64 {
    (u64::from(count) * ENTRY as u64).div_ceil(SECTOR)
}

/// CRC-32 as in zip and Ethernet, which is the one of UEFI.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The specification allows 128 times any power of two; the kernel (`is_gpt_valid` in block/partitions/efi.c) takes 128 alone.
fn check_entry_size(size: u32) -> Result<(), Flaw> {
    match size as usize {
        ENTRY => Ok(()),
        size if size > ENTRY && size.is_power_of_two() => Err(Flaw::EntrySize { size }),
        size => Err(Flaw::NoEntrySize { size }),
    }
}
