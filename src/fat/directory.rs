//! The slots of a folder: 32 bytes each, some long ones in front of each short one.

use std::{collections::BTreeSet, ops::Range};

use super::{
    FatError,
    limits::MOST_SLOTS,
    name::{self, Short},
};
use crate::little_endian::{u16_at, u32_at};

/// Bytes of a slot.
pub(super) const SLOT: usize = 32;

const FREE: u8 = 0xe5;
const END: u8 = 0;

const LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;
const ARCHIVE: u8 = 0x20;
const LONG: u8 = 0x0f;

/// What a folder says about one file or folder in it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) short: Short,
    /// Its slots; the last one is the short one.
    pub(super) slots: Range<usize>,
    pub(super) is_folder: bool,
    pub(super) first: u32,
    pub(super) size: u32,
}

impl Record {
    pub(super) fn is_dots(&self) -> bool {
        self.short.starts_with(b". ") || self.short.starts_with(b".. ")
    }
}

/// A folder as its bytes: a whole number of slots.
#[derive(Clone)]
pub(super) struct Directory {
    bytes: Vec<u8>,
}

impl Directory {
    pub(super) fn new(mut bytes: Vec<u8>) -> Self {
        bytes.truncate(bytes.len() / SLOT * SLOT);
        Self { bytes }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn slots(&self) -> impl Iterator<Item = &[u8; SLOT]> {
        self.bytes.as_chunks().0.iter()
    }

    /// All files and folders, with `.` and `..`, without the volume label.
    pub(super) fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut long = LongName::default();
        for (index, slot) in self.slots().enumerate() {
            match (slot[0], slot[11]) {
                (END, _) => break,
                (FREE, _) => long = LongName::default(),
                (_, attributes) if attributes & 0x3f == LONG => long.take(index, slot),
                (_, attributes) if attributes & LABEL != 0 => long = LongName::default(),
                (_, attributes) => {
                    let mut short = [0; 11];
                    short.copy_from_slice(&slot[..11]);
                    let (name, first_slot) = match std::mem::take(&mut long).finish(&short) {
                        Some((name, start)) => (name, start),
                        None => (name::display(&short, slot[12]), index),
                    };
                    records.push(Record {
                        name,
                        short,
                        slots: first_slot..index + 1,
                        is_folder: attributes & FOLDER != 0,
                        first: u32::from(u16_at(slot, 20)) << 16 | u32::from(u16_at(slot, 26)),
                        size: u32_at(slot, 28),
                    });
                }
            }
        }
        records
    }

    /// The volume label in the root folder.
    pub(super) fn label(&self) -> Option<[u8; 11]> {
        let slot = self
            .slots()
            .take_while(|slot| slot[0] != END)
            .find(|slot| slot[0] != FREE && slot[11] & 0x3f != LONG && slot[11] & LABEL != 0)?;
        slot[..11].try_into().ok()
    }

    /// Finds a file or folder by its long or short name, without regard to case.
    pub(super) fn find(&self, wanted: &str) -> Option<Record> {
        let wanted = name::folded(wanted);
        self.records()
            .into_iter()
            .filter(|record| !record.is_dots())
            .find(|record| name::folded(&record.name) == wanted || name::folded(&name::display(&record.short, 0)) == wanted)
    }

    /// Notes new content for what `record` describes.
    pub(super) fn update(&mut self, record: &Record, first: u32, size: u32, time: i64) {
        let slot = &mut self.bytes[(record.slots.end - 1) * SLOT..][..SLOT];
        let (date, clock) = name::stamp(time);
        slot[11] |= ARCHIVE;
        put(slot, 18, date);
        put_first(slot, first);
        put(slot, 22, clock);
        put(slot, 24, date);
        slot[28..32].copy_from_slice(&size.to_le_bytes());
    }

    /// Frees the slots of `record`.
    pub(super) fn remove(&mut self, record: &Record) {
        for slot in record.slots.clone() {
            self.bytes[slot * SLOT] = FREE;
        }
    }

    /// Adds a file or folder, in the first gap that is wide enough. `grow` tells how many bytes a folder without a gap gets, if any.
    pub(super) fn insert(
        &mut self,
        wanted: &str,
        is_folder: bool,
        first: u32,
        size: u32,
        time: i64,
        grow: Option<usize>,
    ) -> Result<(), FatError> {
        let taken: BTreeSet<Short> = self.records().into_iter().map(|record| record.short).collect();
        let short = name::shorten(wanted, &taken)?;
        let mut fresh = name::long_slots(wanted, &short);
        let mut slot = [0; SLOT];
        let (date, clock) = name::stamp(time);
        slot[..11].copy_from_slice(&short);
        slot[11] = if is_folder { FOLDER } else { ARCHIVE };
        for (at, value) in [(14, clock), (16, date), (18, date), (22, clock), (24, date)] {
            put(&mut slot, at, value);
        }
        put_first(&mut slot, first);
        slot[28..32].copy_from_slice(&size.to_le_bytes());
        fresh.push(slot);

        let start =
            self.gap(fresh.len(), grow).ok_or_else(|| FatError::FolderFull { name: wanted.to_owned(), slots: self.bytes.len() / SLOT })?;
        let was_end = self.bytes[start * SLOT..][..fresh.len() * SLOT].as_chunks::<SLOT>().0.iter().any(|slot| slot[0] == END);
        for (slot, bytes) in (start..).zip(&fresh) {
            self.bytes[slot * SLOT..][..SLOT].copy_from_slice(bytes);
        }
        // Nobody promises that what stood behind the old end was zero.
        if let Some(next) = self.bytes.get_mut((start + fresh.len()) * SLOT).filter(|_| was_end) {
            *next = END;
        }
        Ok(())
    }

    /// First of `count` free slots in a row; lengthens the folder by `grow` bytes at a time.
    fn gap(&mut self, count: usize, grow: Option<usize>) -> Option<usize> {
        let mut run = 0;
        let mut ended = false;
        for (index, slot) in self.slots().enumerate() {
            ended |= slot[0] == END;
            run = if ended || slot[0] == FREE { run + 1 } else { 0 };
            if run == count {
                return Some(index + 1 - count);
            }
        }
        let start = self.bytes.len() / SLOT - run;
        while self.bytes.len() / SLOT < start + count {
            let len = self.bytes.len() + grow?;
            if len / SLOT > MOST_SLOTS {
                return None;
            }
            self.bytes.resize(len, 0);
        }
        Some(start)
    }

    /// Adds the slot of the volume label.
    pub(super) fn push_label(&mut self, label: &Short, time: i64) {
        let mut slot = [0; SLOT];
        let (date, clock) = name::stamp(time);
        slot[..11].copy_from_slice(label);
        slot[11] = LABEL;
        put(&mut slot, 22, clock);
        put(&mut slot, 24, date);
        self.push(&slot);
    }

    /// Adds `.` and `..`; the root folder's number is written as 0.
    pub(super) fn push_dots(&mut self, own: u32, parent: u32, time: i64) {
        let (date, clock) = name::stamp(time);
        for (short, first) in [(b".          ", own), (b"..         ", parent)] {
            let mut slot = [0; SLOT];
            slot[..11].copy_from_slice(short);
            slot[11] = FOLDER;
            for (at, value) in [(14, clock), (16, date), (18, date), (22, clock), (24, date)] {
                put(&mut slot, at, value);
            }
            put_first(&mut slot, first);
            self.push(&slot);
        }
    }

    fn push(&mut self, slot: &[u8; SLOT]) {
        self.bytes.extend_from_slice(slot);
    }
}

fn put(slot: &mut [u8], at: usize, value: u16) {
    slot[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

fn put_first(slot: &mut [u8], first: u32) {
    put(slot, 20, (first >> 16) as u16);
    put(slot, 26, first as u16);
}

/// A long name while its slots are read, last part first.
#[derive(Default)]
struct LongName {
    start: usize,
    checksum: u8,
    /// Number of the slot expected next; 0 when the name is whole.
    next: u8,
    /// The parts, the last one first.
    parts: Vec<[u16; 13]>,
}

impl LongName {
    fn take(&mut self, index: usize, slot: &[u8; SLOT]) {
        let (number, checksum) = (slot[0] & 0x1f, slot[13]);
        if slot[0] & 0x40 != 0 {
            *self = Self { start: index, checksum, next: number, parts: Vec::new() };
        }
        if number == 0 || number != self.next || checksum != self.checksum {
            *self = Self::default();
            return;
        }
        self.next -= 1;
        self.parts.push(name::UNITS.map(|at| u16_at(slot, at)));
    }

    /// The name and its first slot, when it is whole and belongs to `short`.
    fn finish(self, short: &Short) -> Option<(String, usize)> {
        if self.parts.is_empty() || self.next != 0 || self.checksum != name::checksum(short) {
            return None;
        }
        let units: Vec<u16> = self.parts.iter().rev().flatten().copied().take_while(|unit| *unit != 0).collect();
        Some((String::from_utf16_lossy(&units), self.start))
    }
}
