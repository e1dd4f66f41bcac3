//! The resize inode: it owns the reserved descriptor blocks, so that the kernel finds room for descriptors of groups added later.
//!
//! It maps its blocks the old way: its double-indirect block points at the reserved blocks behind the first descriptor table, and each
//! of these, as an indirect block, lists its copies behind the backups (`ext2fs_create_resize_inode()`, `verify_reserved_gdb()`). The
//! copies hold nothing, and so they are not written.

use super::{geometry::Geometry, inode::Body};

/// The inode, its double-indirect block, and the reserved blocks behind the first descriptor table in a row.
#[derive(Debug)]
pub(super) struct Resize {
    pub(super) body: Body,
    pub(super) double_indirect: Vec<u8>,
    pub(super) reserved: Vec<u8>,
}

/// `place` is that of the double-indirect block.
pub(super) fn resize(geometry: &Geometry, place: u64) -> Resize {
    let size = geometry.block_size as usize;
    let numbers = geometry.block_size / 4;
    let count = geometry.reserved_descriptor_blocks;
    let mut double_indirect = vec![0; size];
    let mut reserved = vec![0; size * count as usize];
    let mut blocks = 1;
    // Block numbers have 32 bits here; reserved blocks of groups beyond that can never be used by this inode.
    let put = |bytes: &mut [u8], index: u64, block: u64| {
        let at = 4 * index as usize;
        bytes[at..at + 4].copy_from_slice(&(block as u32).to_le_bytes());
    };
    let backups: Vec<u64> = geometry
        .backups()
        .map(|group| geometry.group_start(group))
        .take_while(|start| *start <= u64::from(u32::MAX))
        .take(numbers as usize)
        .collect();
    for (index, block) in reserved.chunks_exact_mut(size).enumerate() {
        let behind = 1 + geometry.descriptor_blocks + index as u64;
        let slot = (geometry.descriptor_blocks + index as u64) % numbers;
        put(&mut double_indirect, slot, geometry.first_block + behind);
        for (backup, start) in (0..).zip(&backups) {
            put(block, backup, start + behind);
        }
        blocks += 1 + backups.len() as u64;
    }
    let mut block = [0; 60];
    put(&mut block, 13, place);
    let body = Body { size: (numbers * numbers + numbers + 12) * geometry.block_size, blocks, links: 1, flags: 0, block, xattr_block: 0 };
    Resize { body, double_indirect, reserved }
}
