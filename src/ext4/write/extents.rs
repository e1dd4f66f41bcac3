//! Extent trees (fs/ext4/ext4_extents.h).

use super::{checksums::InodeChecksums, space::Run};
use crate::ext4::format::{EXTENT_MAGIC, EXTENT_MAX_LEN};

/// Bytes of the header of each node, and of each entry.
const ENTRY: usize = 12;
/// Entries in the node inside the inode.
const IN_INODE: usize = 4;

/// Blocks of a file in a row that also stand in a row on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// First block, counted from the start of the file.
    pub(super) logical: u64,
    /// First block on disk.
    pub(super) physical: u64,
    /// At most 32768.
    pub(super) count: u64,
}

/// Puts the blocks of a file into blocks on disk, in order. What the disk has no room for is left out.
pub(super) fn map(logical: impl Iterator<Item = Run>, mut physical: impl Iterator<Item = Run>) -> Vec<Mapping> {
    let mut mappings = Vec::new();
    let mut free = Run { first: 0, count: 0 };
    for Run { first: mut at, count: mut left } in logical {
        while left > 0 {
            if free.count == 0 {
                let Some(next) = physical.next() else { return mappings };
                free = next;
            }
            let count = left.min(free.count).min(u64::from(EXTENT_MAX_LEN));
            mappings.push(Mapping { logical: at, physical: free.first, count });
            at += count;
            left -= count;
            free = Run { first: free.first + count, count: free.count - count };
        }
    }
    mappings
}

/// Entries in a block of the tree.
fn per_block(block_size: usize) -> usize {
    (block_size - ENTRY) / ENTRY
}

/// How many blocks the tree needs outside the inode.
pub(super) fn tree_blocks(mappings: usize, block_size: usize) -> u64 {
    let mut blocks = 0;
    let mut nodes = mappings;
    while nodes > IN_INODE {
        nodes = nodes.div_ceil(per_block(block_size));
        blocks += nodes as u64;
    }
    blocks
}

/// The tree: what stands in the inode, and the blocks outside with their numbers, taken from `places`.
pub(super) fn tree(
    mappings: &[Mapping],
    block_size: usize,
    checksums: InodeChecksums,
    mut places: impl Iterator<Item = u64>,
) -> ([u8; 60], Vec<(u64, Vec<u8>)>) {
    let mut blocks = Vec::new();
    let mut depth = 0;
    let mut entries: Vec<(u64, [u8; ENTRY])> = mappings.iter().map(|mapping| (mapping.logical, leaf_entry(mapping))).collect();
    while entries.len() > IN_INODE {
        let most = per_block(block_size);
        let mut above = Vec::with_capacity(entries.len().div_ceil(most));
        for chunk in entries.chunks(most) {
            let mut block = vec![0; block_size];
            put_node(&mut block, chunk, most, depth);
            checksums.extent_block(&mut block, ENTRY * (most + 1));
            // The layout counted these blocks with `tree_blocks`.
            let Some(place) = places.next() else { continue };
            blocks.push((place, block));
            above.push((chunk[0].0, index_entry(chunk[0].0, place)));
        }
        entries = above;
        depth += 1;
    }
    let mut root = [0; 60];
    put_node(&mut root, &entries, IN_INODE, depth);
    (root, blocks)
}

fn put_node(node: &mut [u8], entries: &[(u64, [u8; ENTRY])], most: usize, depth: u16) {
    // Both numbers of entries are far below 65536.
    for (at, number) in [(0, EXTENT_MAGIC), (2, entries.len() as u16), (4, most as u16), (6, depth)] {
        node[at..at + 2].copy_from_slice(&number.to_le_bytes());
    }
    for ((_, entry), place) in entries.iter().zip(node[ENTRY..].chunks_exact_mut(ENTRY)) {
        place.copy_from_slice(entry);
    }
}

/// `struct ext4_extent`: logical block, length, upper 16 and lower 32 bits of the block on disk.
fn leaf_entry(mapping: &Mapping) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    // Sizes of files and file systems were checked: 32 and 48 bits.
    entry[..4].copy_from_slice(&(mapping.logical as u32).to_le_bytes());
    entry[4..6].copy_from_slice(&(mapping.count as u16).to_le_bytes());
    entry[6..8].copy_from_slice(&((mapping.physical >> 32) as u16).to_le_bytes());
    entry[8..].copy_from_slice(&(mapping.physical as u32).to_le_bytes());
    entry
}

/// `struct ext4_extent_idx`: logical block, lower 32 and upper 16 bits of the block of the node below.
fn index_entry(logical: u64, place: u64) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..4].copy_from_slice(&(logical as u32).to_le_bytes());
    entry[4..8].copy_from_slice(&(place as u32).to_le_bytes());
    entry[8..10].copy_from_slice(&((place >> 32) as u16).to_le_bytes());
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_cut_where_either_side_ends() {
        let logical = [Run { first: 0, count: 3 }, Run { first: 10, count: 40_000 }];
        let physical = [Run { first: 100, count: 2 }, Run { first: 200, count: 50_000 }];
        let mappings = map(logical.into_iter(), physical.into_iter());
        let expected = [(0, 100, 2), (2, 200, 1), (10, 201, 32_768), (32_778, 32_969, 7_232)];
        assert_eq!(mappings.iter().map(|m| (m.logical, m.physical, m.count)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn trees_are_as_low_as_they_can_be() {
        let blocks = [(4, 0), (5, 1), (340, 1), (341, 2), (4 * 340, 4), (4 * 340 + 1, 5 + 1), (340 * 340 * 4, 340 * 4 + 4)];
        for (mappings, expected) in blocks {
            assert_eq!(tree_blocks(mappings, 4096), expected, "{mappings}");
        }
        assert_eq!(tree_blocks(85, 1024), 2);
    }

    #[test]
    fn the_root_of_a_deep_tree_points_at_its_nodes() {
        let options = super::super::Options::brick(1 << 30, 1 << 30, [1; 16], [2; 16], "", 0);
        let checksums = super::super::checksums::Checksums::new(&options).inode(12);
        let mappings: Vec<Mapping> = (0..341).map(|n| Mapping { logical: 2 * n, physical: (7 << 32) + n, count: 1 }).collect();
        let (root, blocks) = tree(&mappings, 4096, checksums, 5000..);
        assert_eq!(root[..8], [0x0a, 0xf3, 2, 0, 4, 0, 1, 0]);
        assert_eq!(blocks.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [5000, 5001]);
        assert_eq!(root[24..36], [168, 2, 0, 0, 137, 19, 0, 0, 0, 0, 0, 0]);
        assert_eq!(blocks[1].1[12..24], [168, 2, 0, 0, 1, 0, 7, 0, 84, 1, 0, 0]);
        assert_ne!(blocks[0].1[4092..], [0; 4]);
    }
}
