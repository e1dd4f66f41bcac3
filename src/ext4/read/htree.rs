//! The index of a large folder. All names stand in its leaves, which are read like any block of names; the index is read to tell its
//! own blocks from the leaves, and to verify them.

use super::{
    Session,
    bytes::{index, le16, le32, length},
    dir::SMALLEST,
    error::{Ext4Error, Fault, Place},
    inode::Record,
};
use crate::ext4::{
    checksum::crc32c,
    format::{FLAG_SIGNED_HASH, FLAG_UNSIGNED_HASH, compat},
    hash::{Hasher, Version},
};

/// Where the index begins in the root (behind `.`, `..` and `struct dx_root_info`) and in a node (behind an empty entry).
const ROOT_AT: usize = 0x20;
const NODE_AT: usize = 8;
/// Size of an entry, and of the checksum tail.
const ENTRY: usize = 8;
/// Bits of an entry that are a block number (`dx_get_block()`).
const BLOCK_MASK: u32 = 0x0FFF_FFFF;

/// The lowest and the highest hash that names in a block may have.
pub(super) type Range = (u32, u32);

/// What the index says of the blocks of a folder.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// For each block, the hashes of its names; `None` for a block of the index.
    pub(super) leaves: Vec<Option<Range>>,
    /// How names are hashed; `None` where the file system does not say whether bytes have a sign.
    hasher: Option<Hasher>,
}

impl Index {
    /// Checks that a name stands where it would be looked for.
    pub(super) fn check(&self, place: Place, name: &[u8], (lowest, highest): Range) -> Result<(), Ext4Error> {
        let hash = self.hasher.map(|hasher| hasher.hash(name).0);
        match hash.filter(|hash| !(lowest..=highest).contains(hash)) {
            Some(hash) => Err(Ext4Error::corrupt(place, Fault::Hash { name: name.escape_ascii().to_string(), hash, lowest, highest })),
            None => Ok(()),
        }
    }
}

impl Session<'_> {
    /// Which blocks of a folder are index blocks, and what the others hold. Every block is referred to once.
    pub(super) fn index(&mut self, record: &Record, blocks: &[u64]) -> Result<Index, Ext4Error> {
        let place = record.place();
        if !self.volume.geometry.features.compat(compat::DIR_INDEX) {
            return Err(Ext4Error::field(place, "i_flags", record.raw.flags.into(), "no index without the feature dir_index"));
        }
        let mut found = Index { leaves: vec![None; blocks.len()], hasher: None };
        let mut seen = vec![false; blocks.len()];
        let Some(root) = blocks.first() else { return Ok(found) };
        seen[0] = true;
        let root_place = Place::Block { inode: record.number, block: *root };
        let bytes = self.blocks.block(*root)?;
        let (version, levels) = check_root(root_place, bytes)?;
        let superblock = &self.volume.superblock;
        let signed = match superblock.flags & (FLAG_SIGNED_HASH | FLAG_UNSIGNED_HASH) {
            FLAG_SIGNED_HASH => Some(true),
            FLAG_UNSIGNED_HASH => Some(false),
            _ => None,
        };
        found.hasher = signed.map(|signed| Hasher::new(version, signed, superblock.hash_seed));
        let mut children = self.index_node(record, *root, ROOT_AT, (0, u32::MAX))?;
        for level in 0..=levels {
            let mut next = Vec::new();
            for (child, range) in children {
                let number = index(child.into());
                let outside =
                    || Ext4Error::field(root_place, "dx_entry.block", child.into(), "a block of the folder that no other entry names");
                let block = *blocks.get(number).ok_or_else(outside)?;
                if std::mem::replace(&mut seen[number], true) {
                    return Err(outside());
                }
                if level < levels {
                    next.extend(self.index_node(record, block, NODE_AT, range)?);
                } else {
                    found.leaves[number] = Some(range);
                }
            }
            children = next;
        }
        if let Some(lost) = seen.iter().position(|seen| !seen) {
            let fault = Fault::Field { field: "dx_entry.block", got: length(lost), expected: "every block of the folder in its index" };
            return Err(Ext4Error::corrupt(place, fault));
        }
        Ok(found)
    }

    /// Verifies one block of the index, which begins at `at` and is there for hashes in `range`; returns the blocks that it names, and
    /// what hashes they are there for.
    fn index_node(&mut self, record: &Record, block: u64, at: usize, range: Range) -> Result<Vec<(u32, Range)>, Ext4Error> {
        let place = Place::Block { inode: record.number, block };
        let metadata_csum = self.volume.geometry.features.metadata_csum();
        let bytes = self.blocks.block(block)?;
        let truncated = || Ext4Error::corrupt(place, Fault::Truncated("the index of a folder"));
        if at == NODE_AT && (le32(bytes, 0) != Some(0) || le16(bytes, 4).map(usize::from) != Some(bytes.len())) {
            return Err(Ext4Error::field(
                place,
                "fake.rec_len",
                le16(bytes, 4).unwrap_or(0).into(),
                "an empty entry as large as the block",
            ));
        }
        let room = bytes.len().saturating_sub(at + if metadata_csum { ENTRY } else { 0 }) / ENTRY;
        let limit = usize::from(le16(bytes, at).ok_or_else(truncated)?);
        let count = usize::from(le16(bytes, at + 2).ok_or_else(truncated)?);
        if limit != room {
            return Err(Ext4Error::field(place, "limit", length(limit), "as many entries as fit"));
        }
        if count == 0 || count > limit {
            return Err(Ext4Error::field(place, "count", length(count), "1 to limit"));
        }
        if metadata_csum {
            check_tail(place, bytes, at + count * ENTRY, at + limit * ENTRY, record.checksum_seed)?;
        }
        let mut children: Vec<(u32, Range)> = Vec::with_capacity(count);
        let mut hash = 0;
        for entry in bytes.get(at..).unwrap_or_default().chunks_exact(ENTRY).take(count) {
            let mut first = range.0;
            // The place of the first hash, which is that of the entry above, holds limit and count.
            if let Some((_, before)) = children.last_mut() {
                let next = le32(entry, 0).unwrap_or(0);
                if next < hash {
                    return Err(Ext4Error::field(place, "dx_entry.hash", next.into(), "ascending"));
                }
                hash = next;
                // The lowest bit says that names with this hash begin in the block before.
                first = next & !1;
                before.1 = first;
            }
            children.push((le32(entry, 4).unwrap_or(0) & BLOCK_MASK, (first, range.1)));
        }
        Ok(children)
    }
}

/// Checks `struct dx_root_info`; returns how names are hashed, and how many levels of nodes stand between root and leaves.
fn check_root(place: Place, bytes: &[u8]) -> Result<(Version, u8), Ext4Error> {
    let at = 2 * SMALLEST;
    let byte = |at| bytes.get(at).copied().unwrap_or(0xFF);
    let (hash_version, info_length, levels, flags) = (byte(at + 4), byte(at + 5), byte(at + 6), byte(at + 7));
    let reserved = le32(bytes, at).unwrap_or(0);
    if reserved != 0 {
        return Err(Ext4Error::field(place, "dx_root_info.reserved_zero", reserved.into(), "0"));
    }
    let unknown = || Ext4Error::field(place, "dx_root_info.hash_version", hash_version.into(), "0 (legacy), 1 (half MD4) or 2 (TEA)");
    let version = Version::new(hash_version).ok_or_else(unknown)?;
    if info_length != 8 {
        return Err(Ext4Error::field(place, "dx_root_info.info_length", info_length.into(), "8"));
    }
    if levels > 1 {
        return Err(Ext4Error::field(place, "dx_root_info.indirect_levels", levels.into(), "0 or 1 without large_dir"));
    }
    if flags & 1 != 0 {
        return Err(Ext4Error::field(place, "dx_root_info.unused_flags", flags.into(), "an even number"));
    }
    Ok((version, levels))
}

/// Verifies the checksum over the used part of an index block (`ext4_dx_csum()`).
fn check_tail(place: Place, bytes: &[u8], used: usize, tail: usize, seed: u32) -> Result<(), Ext4Error> {
    let truncated = || Ext4Error::corrupt(place, Fault::Truncated("the index of a folder"));
    let got = le32(bytes, tail + 4).ok_or_else(truncated)?;
    let register = crc32c(seed, bytes.get(..used).ok_or_else(truncated)?);
    let register = crc32c(register, bytes.get(tail..tail + 4).ok_or_else(truncated)?);
    let expected = crc32c(register, &[0; 4]);
    if got == expected { Ok(()) } else { Err(Ext4Error::corrupt(place, Fault::Checksum { got, expected })) }
}
