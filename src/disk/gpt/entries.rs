//! The entries of a table: an array of 128 bytes each (UEFI 2.10, table 5.6).

use super::{
    GptError, Guid, Partition,
    header::{checksum, sectors_of},
};
use crate::{
    disk::mbr::SECTOR,
    little_endian::{array_at, u64_at},
};

/// Size of an entry, in bytes.
pub(super) const ENTRY: usize = 128;

const ID: usize = 16;
const FIRST: usize = 32;
const LAST: usize = 40;
const ATTRIBUTES: usize = 48;
const NAME: usize = 56;

/// The sectors with the entries, the unused ones among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entries {
    /// In whole sectors.
    bytes: Vec<u8>,
    count: u32,
}

impl Entries {
    /// `count` entries, from sectors of [`sectors_of`]`(count)`.
    pub(super) fn new(bytes: Vec<u8>, count: u32) -> Self {
        Self { bytes, count }
    }

    /// The sectors.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn sectors(&self) -> u64 {
        sectors_of(self.count)
    }

    /// The entries alone, without what fills their last sector.
    pub(super) fn table(&self) -> &[u8] {
        self.bytes.get(..self.count as usize * ENTRY).unwrap_or_default()
    }

    /// What the header says of them.
    pub(super) fn checksum(&self) -> u32 {
        checksum(self.table())
    }

    /// The bytes of entry `number`, from 1.
    fn entry(&self, number: usize) -> Option<&[u8; ENTRY]> {
        let index = number.checked_sub(1).filter(|index| *index < self.count as usize)?;
        self.bytes.as_chunks::<ENTRY>().0.get(index)
    }

    fn entry_mut(&mut self, number: usize) -> Option<&mut [u8; ENTRY]> {
        let index = number.checked_sub(1).filter(|index| *index < self.count as usize)?;
        self.bytes.as_chunks_mut::<ENTRY>().0.get_mut(index)
    }

    /// First and last sector, type and GUID of entry `number`, if it is used.
    fn used(&self, number: usize) -> Option<Used> {
        let entry = self.entry(number)?;
        let guid = |at| Guid::from_disk(array_at(entry, at));
        let used = Used { kind: guid(0), id: guid(ID), first: u64_at(entry, FIRST), last: u64_at(entry, LAST) };
        (used.kind != Guid::NIL).then_some(used)
    }

    fn all_used(&self) -> impl Iterator<Item = (usize, Used)> + '_ {
        (1..=self.count as usize).filter_map(|number| Some((number, self.used(number)?)))
    }

    /// Partition `number`, from 1, of a table that was checked.
    pub(super) fn partition(&self, number: usize) -> Option<Partition> {
        let (entry, used) = (self.entry(number)?, self.used(number)?);
        let units = entry[NAME..].as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
        let name = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Some(Partition {
            kind: used.kind,
            id: used.id,
            // A partition that was checked lies inside a disk whose bytes are counted by 64 bits.
            start: used.first.saturating_mul(SECTOR),
            size: (used.last.saturating_sub(used.first) + 1).saturating_mul(SECTOR),
            attributes: u64_at(entry, ATTRIBUTES),
            name,
        })
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = (usize, Partition)> + '_ {
        (1..=self.count as usize).filter_map(|number| Some((number, self.partition(number)?)))
    }

    /// GUID of entry `number`, used or not.
    pub(super) fn id(&self, number: usize) -> Guid {
        self.entry(number).map_or(Guid::NIL, |entry| Guid::from_disk(array_at(entry, ID)))
    }

    pub(super) fn set_id(&mut self, number: usize, id: Guid) {
        if let Some(entry) = self.entry_mut(number) {
            entry[ID..FIRST].copy_from_slice(&id.disk_bytes());
        }
    }

    /// Sets where entry `number` stands, in sectors; all else of it stays. `false` where there is no such entry.
    pub(super) fn set_place(&mut self, number: usize, first: u64, last: u64) -> bool {
        let Some(entry) = self.entry_mut(number) else { return false };
        entry[FIRST..LAST].copy_from_slice(&first.to_le_bytes());
        entry[LAST..ATTRIBUTES].copy_from_slice(&last.to_le_bytes());
        true
    }

    /// Makes entry `number` a fresh one of this type, without a place and a GUID yet. A name longer than 36 UTF-16 units is cut.
    pub(super) fn reset(&mut self, number: usize, kind: Guid, name: &str) {
        let Some(entry) = self.entry_mut(number) else { return };
        entry.fill(0);
        entry[..ID].copy_from_slice(&kind.disk_bytes());
        for (place, unit) in entry[NAME..].as_chunks_mut().0.iter_mut().zip(name.encode_utf16()) {
            *place = unit.to_le_bytes();
        }
    }

    /// Every partition must have a sector or more between the sectors `first` and `last`, and share none.
    pub(super) fn check_places(&self, first: u64, last: u64) -> Result<(), GptError> {
        let mut places: Vec<_> = self.all_used().collect();
        for (number, used) in &places {
            if used.last < used.first {
                return Err(GptError::Empty { number: *number, first: used.first, last: used.last });
            }
            if used.first < first || used.last > last {
                return Err(GptError::NotUsable { number: *number, first: used.first, last: used.last, usable: (first, last) });
            }
        }
        places.sort_unstable_by_key(|(number, used)| (used.first, *number));
        match places.windows(2).find(|pair| pair[1].1.first <= pair[0].1.last) {
            Some(pair) => Err(GptError::Overlap { first: pair[0].0.min(pair[1].0), second: pair[0].0.max(pair[1].0) }),
            None => Ok(()),
        }
    }

    /// Every partition must have a GUID of its own, for that is its name.
    pub(super) fn check_ids(&self) -> Result<(), GptError> {
        let mut ids: Vec<_> = self.all_used().map(|(number, used)| (used.id, number)).collect();
        ids.sort_unstable();
        if let Some((_, number)) = ids.first().filter(|(id, _)| *id == Guid::NIL) {
            return Err(GptError::NoGuid { number: *number });
        }
        match ids.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(GptError::SameGuid { first: pair[0].1, second: pair[1].1, guid: pair[0].0 }),
            None => Ok(()),
        }
    }
}

/// What is checked of an entry.
struct Used {
    kind: Guid,
    id: Guid,
    first: u64,
    last: u64,
}
