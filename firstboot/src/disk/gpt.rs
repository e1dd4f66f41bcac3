//! The GUID partition table (UEFI 2.10, §5.3), as far as its growth needs it.
//!
//! Linux takes the copy at the start of the disk or, without a parameter of its command line, no table at all (`find_valid_gpt` in
//! `block/partitions/efi.c`). So that copy must be sound after each single sector that is written. Its header is one sector, but the
//! entries that it vouches for are others: so the new entries are first written where nothing is, right in front of the first partition,
//! and the header is made to point there; then those in the usual place follow, and the header points to them again.

use super::{
    SECTOR,
    bytes::{array_at, crc32, put, u32_at, u64_at},
    growth::{ALIGNMENT, Layout, Place, Refusal},
    mbr::Mbr,
    medium::Medium,
    table::Write,
};

const ENTRY: usize = 128;
/// Four times what every partitioning program makes.
const MAX_ENTRIES: u32 = 512;
/// Sector of the first header.
const PRIMARY: u64 = 1;
/// What stays free at the end of a card, as the program that makes images plans it: whole MiB.
const TAIL: u64 = ALIGNMENT / 4;

const HEADER_SIZE: usize = 12;
const CHECKSUM: usize = 16;
const AT: usize = 24;
const ALTERNATE: usize = 32;
const FIRST_USABLE: usize = 40;
const LAST_USABLE: usize = 48;
const ENTRIES_AT: usize = 72;
const COUNT: usize = 80;
const ENTRY_SIZE: usize = 84;
const ENTRIES_CHECKSUM: usize = 88;

const ID: usize = 16;
const FIRST: usize = 32;
const LAST: usize = 40;

/// The table, read from its copy at the start of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpt {
    record: Mbr,
    /// One sector.
    header: Vec<u8>,
    /// Whole sectors.
    entries: Vec<u8>,
}

impl Gpt {
    /// Reads it behind its protective record, and checks what Linux checks.
    ///
    /// # Errors
    /// When it cannot be read or is not sound.
    pub(super) fn read(medium: &dyn Medium, record: Mbr) -> Result<Self, super::DiskError> {
        record.covering(0)?;
        let header = medium.read(PRIMARY, 1)?;
        let size = u32_at(&header, HEADER_SIZE) as usize;
        let damaged = |what| Err(Refusal::Damaged(what).into());
        if !header.starts_with(b"EFI PART\0\0\x01\0") {
            return damaged("its header is not one of revision 1.0");
        }
        if !(92..=SECTOR as usize).contains(&size) || sealed(header.clone()) != header {
            return damaged("the checksum of its header is wrong");
        }
        let count = u32_at(&header, COUNT);
        if u64_at(&header, AT) != PRIMARY || u32_at(&header, ENTRY_SIZE) as usize != ENTRY || !(1..=MAX_ENTRIES).contains(&count) {
            return damaged("its header says something that is not supported");
        }
        let entries_at = u64_at(&header, ENTRIES_AT);
        let sectors = sectors_of(count);
        if entries_at <= PRIMARY || entries_at.checked_add(sectors as u64).is_none_or(|end| end > medium.sectors()) {
            return damaged("its entries are not on the disk");
        }
        let gpt = Self { record, entries: medium.read(entries_at, sectors)?, header };
        if gpt.checksum() != u32_at(&gpt.header, ENTRIES_CHECKSUM) {
            return damaged("the checksum of its entries is wrong");
        }
        Ok(gpt)
    }

    /// As Linux spells the PARTUUID of a partition, in lower case.
    #[must_use]
    pub fn partuuid(&self, number: u32) -> String {
        let entry = self.entry(number);
        let rest: [u8; 8] = array_at(entry, ID + 8);
        let text: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        let (second, third) = (u32_at(entry, ID + 4) & 0xffff, u32_at(entry, ID + 4) >> 16);
        format!("{:08x}-{second:04x}-{third:04x}-{}-{}", u32_at(entry, ID), &text[..4], &text[4..])
    }

    /// All partitions. A place that cannot be has no sector.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        (1..=u32_at(&self.header, COUNT))
            .filter(|number| self.entry(*number).get(..ID).is_some_and(|kind| kind.iter().any(|byte| *byte != 0)))
            .map(|number| {
                let (first, last) = (u64_at(self.entry(number), FIRST), u64_at(self.entry(number), LAST));
                Place { number, first, sectors: last.checked_sub(first).and_then(|more| more.checked_add(1)).unwrap_or(0) }
            })
            .collect()
    }

    /// The disk of so many sectors.
    ///
    /// # Errors
    /// When the table was made for a larger disk, or stands in its partitions' place.
    pub fn layout(&self, sectors: u64) -> Result<Layout, Refusal> {
        let places = self.places();
        let at_end = self.sectors() + 1;
        let (Some(end), true) = (sectors.checked_sub(at_end), self.number(ALTERNATE) < sectors) else {
            return Err(Refusal::Damaged("its copy at the end is behind the end of the disk"));
        };
        let entries_end = self.number(ENTRIES_AT) + self.sectors();
        let start = self.number(FIRST_USABLE).max(entries_end);
        Ok(Layout { places, start, end, limit: sectors.saturating_sub(at_end.next_multiple_of(TAIL)) })
    }

    /// What is to be written, in order, so that partition `number` has so many sectors and the copy stands at the end of the disk. Nothing
    /// where that is so; nothing either where the partition has that size and no change was begun.
    ///
    /// # Errors
    /// When the copy at the end cannot be read, or there is no free room for the entries meanwhile.
    pub(super) fn changes(&self, medium: &dyn Medium, number: u32, sectors: u64) -> Result<Vec<Write>, super::DiskError> {
        let end = medium.sectors();
        let count = self.sectors();
        let (Some(last), Some(copy_at)) = (end.checked_sub(1), end.checked_sub(1 + count)) else { return Err(Refusal::NoRoom.into()) };
        let mut wanted = self.clone();
        wanted.resize(number, sectors)?;
        let is_same = wanted.entries == self.entries;

        let spare = self.spare();
        let entries_at = self.number(ENTRIES_AT);
        let is_begun = spare == Some(entries_at);
        if is_same && !is_begun && self.number(ALTERNATE) != last {
            return Ok(Vec::new());
        }
        // That of other programs may have moved the entries, which stay there then.
        let home = if is_begun { PRIMARY + 1 } else { entries_at };
        if self.number(ALTERNATE) != last {
            wanted.set(ALTERNATE, last);
            wanted.set(LAST_USABLE, copy_at.saturating_sub(1));
        }

        let mut writes = Vec::new();
        let mut put = |what, first, bytes: &[u8], is_needed: bool| {
            if is_needed {
                writes.push(Write { what, first, bytes: bytes.to_vec() });
            }
        };
        let copy = wanted.header_at(last, PRIMARY, copy_at);
        put("the entries' copy", copy_at, &wanted.entries, medium.read(copy_at, wanted.entries.len() / SECTOR as usize)? != wanted.entries);
        put("the header's copy", last, &copy, medium.read(last, 1)? != copy);
        let header = wanted.header_at(PRIMARY, last, home);
        if is_same && !is_begun {
            put("the header", PRIMARY, &header, header != self.header);
        } else {
            if !is_begun {
                let spare = spare.ok_or(Refusal::NoRoom)?;
                put("the entries beside", spare, &wanted.entries, true);
                put("the header to the entries beside", PRIMARY, &wanted.header_at(PRIMARY, last, spare), true);
            }
            let there = medium.read(home, wanted.entries.len() / SECTOR as usize)?;
            let pairs = wanted.entries.chunks(SECTOR as usize).zip(there.chunks(SECTOR as usize));
            for (at, (new, old)) in (home..).zip(pairs) {
                put("the entries", at, new, new != old);
            }
            put("the header", PRIMARY, &header, true);
        }
        let record = self.record.covering(last)?;
        put("the record in front", 0, &record, record != self.record.sector());
        Ok(writes)
    }

    /// The sectors for entries in front of the first partition, where they share none with those behind the header.
    fn spare(&self) -> Option<u64> {
        let first = self.places().iter().map(|place| place.first).min()?;
        let spare = first.checked_sub(self.sectors())?;
        let at = self.number(ENTRIES_AT);
        let lowest = if at == spare { PRIMARY + 1 } else { at } + self.sectors();
        (spare >= lowest).then_some(spare)
    }

    fn resize(&mut self, number: u32, sectors: u64) -> Result<(), Refusal> {
        let place = self.places().into_iter().find(|place| place.number == number).ok_or(Refusal::NoPartition(number))?;
        let last = place.first.checked_add(sectors).and_then(|end| end.checked_sub(1)).ok_or(Refusal::NoPartition(number))?;
        put(&mut self.entries, (number as usize - 1) * ENTRY + LAST, &last.to_le_bytes());
        Ok(())
    }

    /// The header of these entries, as it stands at sector `at`.
    fn header_at(&self, at: u64, alternate: u64, entries_at: u64) -> Vec<u8> {
        let mut header = self.header.clone();
        for (place, number) in [(AT, at), (ALTERNATE, alternate), (ENTRIES_AT, entries_at)] {
            put(&mut header, place, &number.to_le_bytes());
        }
        put(&mut header, ENTRIES_CHECKSUM, &self.checksum().to_le_bytes());
        sealed(header)
    }

    fn checksum(&self) -> u32 {
        crc32(self.entries.get(..u32_at(&self.header, COUNT) as usize * ENTRY).unwrap_or_default())
    }

    fn sectors(&self) -> u64 {
        self.entries.len() as u64 / SECTOR
    }

    fn number(&self, at: usize) -> u64 {
        u64_at(&self.header, at)
    }

    fn set(&mut self, at: usize, number: u64) {
        put(&mut self.header, at, &number.to_le_bytes());
    }

    fn entry(&self, number: u32) -> &[u8] {
        // There are at most `MAX_ENTRIES`.
        let at = (1..=u32_at(&self.header, COUNT)).contains(&number).then(|| (number as usize - 1) * ENTRY);
        at.and_then(|at| self.entries.get(at..at + ENTRY)).unwrap_or(&[0; ENTRY])
    }
}

/// Sectors of so many entries.
fn sectors_of(count: u32) -> usize {
    (count as usize * ENTRY).div_ceil(SECTOR as usize)
}

/// A header with its checksum.
fn sealed(mut header: Vec<u8>) -> Vec<u8> {
    put(&mut header, CHECKSUM, &[0; 4]);
    let size = u32_at(&header, HEADER_SIZE) as usize;
    let sum = crc32(header.get(..size).unwrap_or(&header));
    put(&mut header, CHECKSUM, &sum.to_le_bytes());
    header
}
