//! Folders: lists of names in blocks, or in the inode itself.

use super::{
    Session,
    bytes::{le16, le32},
    error::{Ext4Error, Fault, Place},
    inode::Record,
    limits::{self, Budget},
};
use crate::{
    ext4::{
        checksum::crc32c,
        format::{DIR_TAIL_TYPE, incompat, inode_flags},
    },
    tree::Name,
};

/// Size of an entry without its name.
const HEADER: usize = 8;
/// Size of the checksum tail (`struct ext4_dir_entry_tail`), of `.`, and of any entry at least.
pub(super) const SMALLEST: usize = 12;
/// Type of a folder beside its name.
const TYPE_FOLDER: u8 = 2;

/// A name in a folder.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) inode: u32,
    /// Type of the inode, where the feature `filetype` keeps it.
    pub(super) kind: Option<u8>,
}

/// An entry as it stands in a block.
#[derive(Clone, Copy, Debug)]
struct RawEntry<'b> {
    inode: u32,
    rec_len: usize,
    name: &'b [u8],
    kind: Option<u8>,
}

impl Session<'_> {
    /// The names in a folder, without `.` and `..`, in no particular order and perhaps twice. `inline` is the second part of a folder
    /// inside its inode; `blocks` are those of any other.
    pub(super) fn folder(&mut self, record: &Record, parent: u32, inline: Option<&[u8]>, blocks: &[u64]) -> Result<Vec<Entry>, Ext4Error> {
        let filetype = self.volume.geometry.features.incompat(incompat::FILETYPE);
        let mut entries = Vec::new();
        if let Some(rest) = inline {
            let place = record.place();
            let got = le32(&record.raw.block, 0).unwrap_or(0);
            if got != parent {
                return Err(Ext4Error::corrupt(place, Fault::Count { what: "inode of `..`", got: got.into(), expected: parent.into() }));
            }
            scan(place, &record.raw.block[4..], filetype, &mut self.budget, &mut entries)?;
            scan(place, rest, filetype, &mut self.budget, &mut entries)?;
            return Ok(entries);
        }
        let index = if record.has_flag(inode_flags::INDEX) { Some(self.index(record, blocks)?) } else { None };
        let metadata_csum = self.volume.geometry.features.metadata_csum();
        for (position, block) in blocks.iter().enumerate() {
            let hashes = index.as_ref().and_then(|index| index.leaves.get(position).copied().flatten());
            let is_index = index.is_some() && hashes.is_none();
            if is_index && position > 0 {
                continue;
            }
            let place = Place::Block { inode: record.number, block: *block };
            let mut bytes = self.blocks.block(*block)?;
            if metadata_csum && !is_index {
                bytes = check_tail(place, bytes, record.checksum_seed)?;
            }
            if position == 0 {
                bytes = check_dots(place, bytes, filetype, record.number, parent)?;
            }
            if !is_index {
                let before = entries.len();
                scan(place, bytes, filetype, &mut self.budget, &mut entries)?;
                if let (Some(index), Some(hashes)) = (&index, hashes) {
                    entries[before..].iter().try_for_each(|entry| index.check(place, entry.name.as_bytes(), hashes))?;
                }
            }
        }
        Ok(entries)
    }
}

/// Appends the entries of a whole area; those without an inode are room left by removed names.
fn scan(place: Place, mut bytes: &[u8], filetype: bool, budget: &mut Budget, entries: &mut Vec<Entry>) -> Result<(), Ext4Error> {
    while !bytes.is_empty() {
        let raw = entry(place, bytes, filetype)?;
        if raw.inode != 0 {
            let bad = || Ext4Error::corrupt(place, Fault::BadName(raw.name.escape_ascii().to_string()));
            budget.spend(limits::NAME + super::bytes::length(raw.name.len()))?;
            entries.push(Entry { name: Name::new(raw.name).ok_or_else(bad)?, inode: raw.inode, kind: raw.kind });
        }
        // entry() made sure of it: rec_len is not zero and within the bytes.
        bytes = &bytes[raw.rec_len..];
    }
    Ok(())
}

/// The entry at the beginning of `bytes` (`struct ext4_dir_entry_2`).
fn entry(place: Place, bytes: &[u8], filetype: bool) -> Result<RawEntry<'_>, Ext4Error> {
    let truncated = || Ext4Error::corrupt(place, Fault::Truncated("the list of names"));
    let inode = le32(bytes, 0).ok_or_else(truncated)?;
    let rec_len = usize::from(le16(bytes, 4).ok_or_else(truncated)?);
    let name_len = le16(bytes, 6).ok_or_else(truncated)?;
    // Without `filetype` the length has 16 bits.
    let (name_len, kind) = if filetype { (name_len & 0xFF, Some((name_len >> 8) as u8)) } else { (name_len, None) };
    let name_len = usize::from(name_len);
    let room = if inode == 0 { SMALLEST } else { SMALLEST.max(HEADER + name_len.next_multiple_of(4)) };
    if rec_len < room || !rec_len.is_multiple_of(4) || rec_len > bytes.len() {
        return Err(Ext4Error::field(
            place,
            "rec_len",
            super::bytes::length(rec_len),
            "a multiple of 4 that holds the name and ends in the block",
        ));
    }
    let name = if inode == 0 { &[] } else { bytes.get(HEADER..HEADER + name_len).ok_or_else(truncated)? };
    Ok(RawEntry { inode, rec_len, name, kind })
}

/// The first two entries must be `.` and `..`; returns what follows them.
fn check_dots(place: Place, bytes: &[u8], filetype: bool, inode: u32, parent: u32) -> Result<&[u8], Ext4Error> {
    let mut rest = bytes;
    for (name, expected) in [(&b"."[..], inode), (&b".."[..], parent)] {
        let raw = entry(place, rest, filetype)?;
        if raw.name != name {
            return Err(Ext4Error::corrupt(place, Fault::BadName(raw.name.escape_ascii().to_string())));
        }
        if raw.inode != expected {
            let what = if name.len() == 1 { "inode of `.`" } else { "inode of `..`" };
            return Err(Ext4Error::corrupt(place, Fault::Count { what, got: raw.inode.into(), expected: expected.into() }));
        }
        if name.len() == 1 && raw.rec_len != SMALLEST {
            return Err(Ext4Error::field(place, "rec_len", super::bytes::length(raw.rec_len), "12 for `.`"));
        }
        if raw.kind.is_some_and(|kind| kind != TYPE_FOLDER) {
            let name = name.escape_ascii().to_string();
            return Err(Ext4Error::corrupt(place, Fault::FileType { name, got: raw.kind.unwrap_or(0), expected: TYPE_FOLDER }));
        }
        rest = &rest[raw.rec_len..];
    }
    Ok(rest)
}

/// Verifies the tail of a block of names; returns what stands before it.
fn check_tail(place: Place, bytes: &[u8], seed: u32) -> Result<&[u8], Ext4Error> {
    let (names, tail) = bytes.split_at(bytes.len().saturating_sub(SMALLEST));
    let header = [0, 0, 0, 0, SMALLEST as u8, 0, 0, DIR_TAIL_TYPE];
    if !tail.starts_with(&header) {
        return Err(Ext4Error::field(place, "det_reserved_ft", tail.get(7).copied().unwrap_or(0).into(), "0xde in a checksum tail"));
    }
    let (got, expected) = (le32(tail, 8).unwrap_or(0), crc32c(seed, names));
    if got == expected { Ok(names) } else { Err(Ext4Error::corrupt(place, Fault::Checksum { got, expected })) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place::Inode(2);

    fn raw(inode: u32, rec_len: u16, name: &[u8], kind: u8) -> Vec<u8> {
        let mut bytes = inode.to_le_bytes().to_vec();
        bytes.extend(rec_len.to_le_bytes());
        bytes.extend([u8::try_from(name.len()).unwrap(), kind]);
        bytes.extend(name);
        bytes.resize(usize::from(rec_len), 0);
        bytes
    }

    fn scanned(bytes: &[u8]) -> Result<Vec<Entry>, Ext4Error> {
        let mut entries = Vec::new();
        scan(PLACE, bytes, true, &mut Budget::new(), &mut entries).map(|()| entries)
    }

    #[test]
    fn removed_names_are_skipped() {
        let block = [raw(12, 12, b"abcd", 1), raw(0, 16, b"gone", 1), raw(13, 20, b"e", 2)].concat();
        let entries = scanned(&block).unwrap();
        assert_eq!(entries.iter().map(|entry| (entry.inode, entry.kind)).collect::<Vec<_>>(), [(12, Some(1)), (13, Some(2))]);
        assert_eq!(entries[1].name.as_bytes(), b"e");
    }

    #[test]
    fn wrong_lengths_and_names_are_refused() {
        for rec_len in [0_u16, 8, 11, 14, 16, 0xFFFC] {
            let mut block = raw(12, 12, b"abcd", 1);
            block[4..6].copy_from_slice(&rec_len.to_le_bytes());
            assert!(matches!(scanned(&block), Err(Ext4Error::Corrupt { fault: Fault::Field { field: "rec_len", .. }, .. })), "{rec_len}");
        }
        assert!(scanned(&raw(12, 12, b"abcd", 1)[..6]).is_err());
        let mut short = raw(12, 12, b"abcd", 1);
        short[6] = 5;
        assert!(matches!(scanned(&short), Err(Ext4Error::Corrupt { fault: Fault::Field { .. }, .. })));
        for name in [&b""[..], b".", b"..", b"a/b", b"a\0b"] {
            let error = scanned(&raw(12, 12, name, 1)).unwrap_err();
            assert!(matches!(error, Ext4Error::Corrupt { fault: Fault::BadName(_), .. }), "{name:?}");
        }
    }

    #[test]
    fn dots_come_first() {
        let good = [raw(2, 12, b".", 2), raw(2, 12, b"..", 2)].concat();
        assert!(check_dots(PLACE, &good, true, 2, 2).unwrap().is_empty());
        assert!(matches!(
            check_dots(PLACE, &good, true, 2, 5),
            Err(Ext4Error::Corrupt { fault: Fault::Count { got: 2, expected: 5, .. }, .. })
        ));
        let swapped = [raw(2, 12, b"..", 2), raw(2, 12, b".", 2)].concat();
        assert!(matches!(check_dots(PLACE, &swapped, true, 2, 2), Err(Ext4Error::Corrupt { fault: Fault::BadName(_), .. })));
        let typed = [raw(2, 12, b".", 1), raw(2, 12, b"..", 2)].concat();
        assert!(matches!(check_dots(PLACE, &typed, true, 2, 2), Err(Ext4Error::Corrupt { fault: Fault::FileType { got: 1, .. }, .. })));
    }
}
