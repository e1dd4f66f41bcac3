//! Extent trees: a header and entries in the inode, and in blocks below it (fs/ext4/ext4_extents.h).

use super::{
    Session,
    bytes::{index, le16, le32, length, wide},
    error::{Ext4Error, Fault, Place},
    inode::Record,
    map::{Map, Run},
};
use crate::ext4::{
    checksum::crc32c,
    format::{EXTENT_MAGIC, EXTENT_MAX_LEN},
};

/// Size of a header, and of an entry.
const ENTRY: usize = 12;
/// No tree of 2^32 blocks is deeper (`EXT4_MAX_EXTENT_DEPTH`).
const MAX_DEPTH: u16 = 5;
/// Logical blocks end here (`EXT_MAX_BLOCKS`).
const END: u64 = 0xFFFF_FFFF;

/// A block of the tree still to be read.
struct Node {
    block: u64,
    depth: u16,
    /// Logical blocks it may describe, the first of which it must begin with.
    first: u64,
    end: u64,
}

impl Session<'_> {
    /// Reads an extent tree. Work is bounded because every block of the tree is claimed before it is read.
    pub(super) fn extents(&mut self, record: &Record) -> Result<Map, Ext4Error> {
        let mut map = Map::default();
        let place = record.place();
        let depth = le16(&record.raw.block, 6).unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(Ext4Error::field(place, "eh_depth", depth.into(), "0 to 5"));
        }
        // The last one is the next to read, so that logical blocks come in ascending order.
        let mut pending = Vec::new();
        self.extent_node(place, &record.raw.block, depth, (None, END), &mut map, &mut pending)?;
        while let Some(node) = pending.pop() {
            let place = Place::Block { inode: record.number, block: node.block };
            self.claims.claim(place, node.block, 1)?;
            map.owned += 1;
            let bytes = self.blocks.block(node.block)?.to_vec();
            if self.volume.geometry.features.metadata_csum() {
                check_tail(place, &bytes, record.checksum_seed)?;
            }
            self.extent_node(place, &bytes, node.depth, (Some(node.first), node.end), &mut map, &mut pending)?;
        }
        Ok(map)
    }

    /// Takes in one node that describes logical blocks from `first` (if known) to `end`.
    fn extent_node(
        &mut self,
        place: Place,
        bytes: &[u8],
        depth: u16,
        (first, end): (Option<u64>, u64),
        map: &mut Map,
        pending: &mut Vec<Node>,
    ) -> Result<(), Ext4Error> {
        let count = check_header(place, bytes, depth, first.is_some())?;
        let entries = bytes.chunks_exact(ENTRY).skip(1).take(count);
        let logical = |entry: &[u8]| u64::from(le32(entry, 0).unwrap_or(0));
        if let (Some(first), Some(entry)) = (first, entries.clone().next())
            && logical(entry) != first
        {
            return Err(Ext4Error::field(place, "ee_block", logical(entry), "the first block that the node above names"));
        }
        let mut from = first.unwrap_or(0);
        let nodes = pending.len();
        for entry in entries {
            let start = logical(entry);
            if start < from || start >= end {
                return Err(Ext4Error::field(place, "ee_block", start, "behind the extent before it and inside the node"));
            }
            if depth > 0 {
                if let Some(before) = pending[nodes..].last_mut() {
                    before.end = start;
                }
                let block = wide(le32(entry, 4).unwrap_or(0), le16(entry, 8).unwrap_or(0).into());
                pending.push(Node { block, depth: depth - 1, first: start, end });
                from = start + 1;
                continue;
            }
            let len = le16(entry, 4).unwrap_or(0);
            let (len, written) = if len > EXTENT_MAX_LEN { (len - EXTENT_MAX_LEN, false) } else { (len, true) };
            let count = u64::from(len);
            if count == 0 || start + count > end {
                return Err(Ext4Error::field(place, "ee_len", count, "at least 1, and inside the node"));
            }
            let physical = wide(le32(entry, 8).unwrap_or(0), le16(entry, 6).unwrap_or(0).into());
            self.claims.claim(place, physical, count)?;
            map.owned += count;
            if written {
                self.append(map, Run { logical: start, physical, count })?;
            }
            from = start + count;
        }
        pending[nodes..].reverse();
        Ok(())
    }
}

/// Checks a header; returns the number of entries.
fn check_header(place: Place, bytes: &[u8], depth: u16, is_block: bool) -> Result<usize, Ext4Error> {
    let field = |at| le16(bytes, at).unwrap_or(0);
    let (magic, entries, max, got_depth) = (field(0), field(2), field(4), field(6));
    let room = length(bytes.len() / ENTRY).saturating_sub(1);
    if magic != EXTENT_MAGIC {
        return Err(Ext4Error::field(place, "eh_magic", magic.into(), "0xf30a"));
    }
    if got_depth != depth {
        return Err(Ext4Error::field(place, "eh_depth", got_depth.into(), "one less than in the node above"));
    }
    if max == 0 || u64::from(max) > room {
        return Err(Ext4Error::field(place, "eh_max", max.into(), "as many entries as fit"));
    }
    // Only an empty file has an empty node.
    if entries > max || (entries == 0 && (depth > 0 || is_block)) {
        return Err(Ext4Error::field(place, "eh_entries", entries.into(), "1 to eh_max"));
    }
    Ok(index(entries.into()))
}

/// Verifies the checksum behind the last place for an entry (`struct ext4_extent_tail`).
fn check_tail(place: Place, bytes: &[u8], seed: u32) -> Result<(), Ext4Error> {
    let at = ENTRY * (1 + usize::from(le16(bytes, 4).unwrap_or(0)));
    let truncated = || Ext4Error::corrupt(place, Fault::Truncated("the list of extents"));
    let got = le32(bytes, at).ok_or_else(truncated)?;
    let expected = crc32c(seed, bytes.get(..at).ok_or_else(truncated)?);
    if got == expected { Ok(()) } else { Err(Ext4Error::corrupt(place, Fault::Checksum { got, expected })) }
}
