//! The index of a folder: a tree of hashes above blocks of names (`struct dx_root`, `struct dx_node` of fs/ext4/namei.c).
//!
//! Block 0 is the root, then come the nodes of the second level if there are any, then the leaves in the order of their hashes.

use super::{
    checksums::{INDEX_TAIL, InodeChecksums},
    directory::{Entry, FolderFormat, record_size},
};

/// Where the entries begin in the root: behind `.`, `..` and `struct dx_root_info`.
const ROOT_ENTRIES: usize = 32;
/// Where they begin in a node: behind a record that makes the block look empty.
const NODE_ENTRIES: usize = 8;
const ENTRY: usize = 8;

/// Names sorted by hash and cut into leaves.
#[derive(Debug)]
pub(super) struct Index {
    /// Numbers of names in the order of their hashes.
    order: Vec<u32>,
    leaves: Vec<Leaf>,
    /// Nodes of the second level; 0 when the root points at the leaves.
    nodes: usize,
    root_most: usize,
    node_most: usize,
}

#[derive(Debug)]
struct Leaf {
    /// Index of its first name in the order.
    start: usize,
    /// Its first hash; the lowest bit says that names with the same hash stand in the leaf before.
    hash: u32,
}

impl Index {
    pub(super) fn new(format: &FolderFormat, names: &[&[u8]]) -> Option<Self> {
        let mut hashed: Vec<((u32, u32), u32)> = Vec::with_capacity(names.len());
        for (number, name) in names.iter().enumerate() {
            hashed.push((format.hasher.hash(name), u32::try_from(number).ok()?));
        }
        hashed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| names[a.1 as usize].cmp(names[b.1 as usize])));
        // An eighth stays free, or else every new name would split a block.
        let target = format.room() - format.room() / 8;
        let mut leaves: Vec<Leaf> = Vec::new();
        let mut used = 0;
        let mut before = 0;
        for (index, ((hash, _), number)) in hashed.iter().enumerate() {
            let size = record_size(names[*number as usize].len());
            if leaves.is_empty() || used + size > target {
                let continued = !leaves.is_empty() && before == *hash;
                leaves.push(Leaf { start: index, hash: hash | u32::from(continued) });
                used = 0;
            }
            used += size;
            before = *hash;
        }
        let tail = if format.checksummed { INDEX_TAIL } else { 0 };
        let root_most = (format.block_size - ROOT_ENTRIES - tail) / ENTRY;
        let node_most = (format.block_size - NODE_ENTRIES - tail) / ENTRY;
        let nodes = if leaves.len() <= root_most { 0 } else { leaves.len().div_ceil(node_most) };
        let order = hashed.into_iter().map(|(_, number)| number).collect();
        (nodes <= root_most).then_some(Self { order, leaves, nodes, root_most, node_most })
    }

    pub(super) fn blocks(&self) -> u64 {
        (1 + self.nodes + self.leaves.len()) as u64
    }

    /// Puts all blocks into `bytes`, which are zero.
    pub(super) fn put(
        &self,
        format: &FolderFormat,
        bytes: &mut [u8],
        entries: &[Entry<'_>],
        parents: &[Entry<'_>; 2],
        checksums: InodeChecksums,
    ) {
        let size = format.block_size;
        let (head, leaf_blocks) = bytes.split_at_mut(size * (1 + self.nodes));
        let (root, node_blocks) = head.split_at_mut(size);
        let first_leaf = 1 + self.nodes as u32;
        let targets: Vec<(u32, u32)> = self.leaves.iter().zip(first_leaf..).map(|(leaf, block)| (leaf.hash, block)).collect();

        let own = record_size(1);
        format.put_name(root, &parents[0], own);
        format.put_name(&mut root[own..], &parents[1], size - own);
        root[28] = format.hasher.version() as u8;
        root[29] = 8;
        root[30] = u8::from(self.nodes > 0);
        if self.nodes == 0 {
            put_entries(root, ROOT_ENTRIES, self.root_most, &targets, checksums);
        } else {
            let nodes = targets.chunks(self.node_most).zip(1..).map(|(chunk, block)| (chunk[0].0, block)).collect::<Vec<_>>();
            put_entries(root, ROOT_ENTRIES, self.root_most, &nodes, checksums);
            for (block, chunk) in node_blocks.chunks_exact_mut(size).zip(targets.chunks(self.node_most)) {
                block[4..6].copy_from_slice(&(size as u16).to_le_bytes());
                put_entries(block, NODE_ENTRIES, self.node_most, chunk, checksums);
            }
        }
        for (index, block) in leaf_blocks.chunks_exact_mut(size).enumerate() {
            let end = self.leaves.get(index + 1).map_or(self.order.len(), |next| next.start);
            let names = self.order[self.leaves[index].start..end].iter().map(|number| &entries[*number as usize]);
            format.put_names(block, names);
            checksums.directory_block(block);
        }
    }
}

/// Puts (hash, block) pairs; in the place of the first hash, which is lower than all, stand limit and count.
fn put_entries(block: &mut [u8], at: usize, most: usize, targets: &[(u32, u32)], checksums: InodeChecksums) {
    for ((hash, target), place) in targets.iter().zip(block[at..].chunks_exact_mut(ENTRY)) {
        place[..4].copy_from_slice(&hash.to_le_bytes());
        place[4..].copy_from_slice(&target.to_le_bytes());
    }
    // At most 511 entries.
    block[at..at + 2].copy_from_slice(&(most as u16).to_le_bytes());
    block[at + 2..at + 4].copy_from_slice(&(targets.len() as u16).to_le_bytes());
    checksums.index_block(block, at + ENTRY * targets.len());
}
