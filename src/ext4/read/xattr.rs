//! Extended attributes, in the inode and in a block that inodes may share (fs/ext4/xattr.h).

use super::{
    Session,
    bytes::{index, le16, le32, length},
    error::{Ext4Error, Fault, Place, Unsupported},
    inode::Record,
    limits,
};
use crate::{
    ext4::{
        checksum::crc32c,
        format::{XATTR_MAGIC, XATTR_PREFIXES, compat},
    },
    tree::Xattrs,
};

/// Size of an entry without its name.
const ENTRY: usize = 16;
/// Size of the header of a block.
const HEADER: usize = 32;
/// Where its checksum stands.
const CHECKSUM_AT: usize = 0x10;
/// As many inodes share a block at most (`EXT4_XATTR_REFCOUNT_MAX`).
const MAX_REFCOUNT: u32 = 1024;

/// `e_name_index` and name of the second part of inline data, which is no attribute.
const INLINE_DATA: (u8, &[u8]) = (7, b"data");

/// A block of attributes and how many inodes refer to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedBlock {
    pub(super) refcount: u32,
    pub(super) seen: u32,
    first_inode: u32,
}

/// What an inode has in the format of extended attributes.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    pub(super) xattrs: Xattrs,
    /// What follows the 60 bytes of inline data in the inode.
    pub(super) inline: Option<Vec<u8>>,
    /// Blocks taken: 0 or 1.
    pub(super) blocks: u64,
}

impl Session<'_> {
    /// Reads all attributes of an inode.
    pub(super) fn attributes(&mut self, record: &Record) -> Result<Attributes, Ext4Error> {
        let mut attributes = Attributes::default();
        let area = record.xattr_area();
        if le32(area, 0) == Some(XATTR_MAGIC) {
            self.attribute_list(record, record.place(), &area[4..], 0, &mut attributes)?;
        }
        let block = record.xattr_block(&self.volume.geometry);
        if block != 0 {
            if !self.volume.geometry.features.compat(compat::EXT_ATTR) {
                return Err(Ext4Error::field(record.place(), "i_file_acl", block, "0 without the feature ext_attr"));
            }
            let place = Place::Block { inode: record.number, block };
            let bytes = self.shared_block(record, place, block)?;
            self.attribute_list(record, place, &bytes, HEADER, &mut attributes)?;
            attributes.blocks = 1;
        }
        Ok(attributes)
    }

    /// Reads a block of attributes; the first inode that refers to it claims it.
    fn shared_block(&mut self, record: &Record, place: Place, block: u64) -> Result<Vec<u8>, Ext4Error> {
        if let Some(shared) = self.xattr_blocks.get_mut(&block) {
            shared.seen += 1;
            if shared.seen > shared.refcount {
                let fault = Fault::Count { what: "h_refcount", got: shared.refcount.into(), expected: shared.seen.into() };
                return Err(Ext4Error::corrupt(place, fault));
            }
            return Ok(self.blocks.block(block)?.to_vec());
        }
        self.claims.claim(place, block, 1)?;
        let bytes = self.blocks.block(block)?.to_vec();
        let field = |at| le32(&bytes, at).unwrap_or(0);
        let (magic, refcount, blocks) = (field(0), field(4), field(8));
        if magic != XATTR_MAGIC {
            return Err(Ext4Error::field(place, "h_magic", magic.into(), "0xea020000"));
        }
        if blocks != 1 {
            return Err(Ext4Error::field(place, "h_blocks", blocks.into(), "1"));
        }
        if refcount == 0 || refcount > MAX_REFCOUNT {
            return Err(Ext4Error::field(place, "h_refcount", refcount.into(), "1 to 1024"));
        }
        let geometry = &self.volume.geometry;
        if geometry.features.metadata_csum() {
            let (got, expected) = (field(CHECKSUM_AT), block_checksum(&bytes, block, geometry.checksum_seed));
            if got != expected {
                return Err(Ext4Error::corrupt(place, Fault::Checksum { got, expected }));
            }
        }
        self.xattr_blocks.insert(block, SharedBlock { refcount, seen: 1, first_inode: record.number });
        Ok(bytes)
    }

    /// Takes in the list that begins at `at`; values stand in the same area, counted from its beginning.
    fn attribute_list(
        &mut self,
        record: &Record,
        place: Place,
        area: &[u8],
        mut at: usize,
        found: &mut Attributes,
    ) -> Result<(), Ext4Error> {
        let truncated = || Ext4Error::corrupt(place, Fault::Truncated("the list of extended attributes"));
        let is_block = at > 0;
        let mut values = Vec::new();
        self.budget.spend(if found.xattrs.is_empty() { limits::ATTRIBUTES } else { 0 })?;
        // Four zero bytes end the list.
        while le32(area, at).ok_or_else(truncated)? != 0 {
            let entry = area.get(at..at + ENTRY).ok_or_else(truncated)?;
            let (name_len, class) = (usize::from(entry[0]), entry[1]);
            let name = area.get(at + ENTRY..at + ENTRY + name_len).ok_or_else(truncated)?;
            let (offset, value_inode) = (index(le16(entry, 2).unwrap_or(0).into()), le32(entry, 4).unwrap_or(0));
            let (size, hash) = (index(le32(entry, 8).unwrap_or(0).into()), le32(entry, 12).unwrap_or(0));
            at += (ENTRY + name_len).next_multiple_of(4);
            if value_inode != 0 {
                return Err(Ext4Error::field(place, "e_value_inum", value_inode.into(), "0 without ea_inode"));
            }
            let value = if size == 0 {
                &[]
            } else {
                let end = offset.checked_add(size).ok_or_else(truncated)?;
                // Values are padded to four bytes.
                values.push((offset, end.next_multiple_of(4)));
                area.get(offset..end).ok_or_else(truncated)?
            };
            if (is_block || hash != 0) && !hashes(name, value).contains(&hash) {
                let fault = Fault::Checksum { got: hash, expected: hashes(name, value)[0] };
                return Err(Ext4Error::corrupt(place, fault));
            }
            self.keep(record, place, (class, name), value, found)?;
        }
        // The list, its end, and the values must not overlap.
        let mut free = at + 4;
        values.sort_unstable();
        for (start, end) in values {
            if start < free || end > area.len() {
                return Err(Ext4Error::field(place, "e_value_offs", length(start), "room of its own"));
            }
            free = end;
        }
        Ok(())
    }

    /// Keeps one attribute under its full name.
    fn keep(
        &mut self,
        record: &Record,
        place: Place,
        (class, name): (u8, &[u8]),
        value: &[u8],
        found: &mut Attributes,
    ) -> Result<(), Ext4Error> {
        // Inodes that share a block have their own copies.
        self.budget.spend(limits::ATTRIBUTE + length(name.len() + value.len()))?;
        let duplicate = |name: &[u8]| Ext4Error::corrupt(place, Fault::DuplicateName(name.escape_ascii().to_string()));
        if (class, name) == INLINE_DATA {
            return if found.inline.replace(value.to_vec()).is_none() { Ok(()) } else { Err(duplicate(b"system.data")) };
        }
        let prefix = XATTR_PREFIXES.iter().find(|(index, _)| *index == class);
        let (_, prefix) = prefix.ok_or(Unsupported::XattrIndex { inode: record.number, index: class })?;
        // ACLs have no name of their own, everything else has one.
        let complete = !prefix.ends_with('.');
        let full = [prefix.as_bytes(), name].concat();
        if name.is_empty() != complete || name.contains(&0) {
            return Err(Ext4Error::corrupt(place, Fault::BadName(full.escape_ascii().to_string())));
        }
        match found.xattrs.entry(full) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(value.to_vec());
                Ok(())
            }
            std::collections::btree_map::Entry::Occupied(entry) => Err(duplicate(entry.key())),
        }
    }

    /// After all inodes were read: every block has as many owners as it says.
    pub(super) fn check_shared_blocks(&self) -> Result<(), Ext4Error> {
        for (block, shared) in &self.xattr_blocks {
            if shared.refcount != shared.seen {
                let place = Place::Block { inode: shared.first_inode, block: *block };
                let fault = Fault::Count { what: "h_refcount", got: shared.refcount.into(), expected: shared.seen.into() };
                return Err(Ext4Error::corrupt(place, fault));
            }
        }
        Ok(())
    }
}

/// Checksum of a block with its checksum taken as zero (`ext4_xattr_block_csum()`).
fn block_checksum(bytes: &[u8], block: u64, seed: u32) -> u32 {
    let (before, rest) = bytes.split_at(CHECKSUM_AT);
    let register = crc32c(crc32c(seed, &block.to_le_bytes()), before);
    crc32c(crc32c(register, &[0; 4]), rest.get(4..).unwrap_or_default())
}

/// `e_hash` (`ext4_xattr_hash_entry()`). Kernels before 6.3 took the bytes of a name as signed on most machines: both are right.
fn hashes(name: &[u8], value: &[u8]) -> [u32; 2] {
    let hash = |byte: fn(u8) -> u32| {
        let named = name.iter().fold(0_u32, |hash, b| hash.rotate_left(5) ^ byte(*b));
        value.chunks(4).fold(named, |hash, chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    };
    [hash(u32::from), hash(|byte| i32::from(byte.cast_signed()).cast_unsigned())]
}
