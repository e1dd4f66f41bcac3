//! Bitmaps and group descriptors.

use super::{checksums::Checksums, geometry::Geometry, space::Run};
use crate::ext4::format::{GroupDescriptor, GroupDescriptorHigh, group_flags};

/// Which blocks and inodes one image uses.
#[derive(Debug)]
pub(super) struct Marks {
    groups: Vec<Group>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// Empty as long as no block is used.
    blocks: Vec<u8>,
    inodes: Vec<u8>,
    used_blocks: u64,
    used_inodes: u32,
    folders: u32,
}

/// Bitmaps to be written, descriptors, and the sums of what is free.
#[derive(Debug)]
pub(super) struct Tables {
    /// Block numbers and bytes.
    pub(super) bitmaps: Vec<(u64, Vec<u8>)>,
    /// The descriptor table, in whole blocks.
    pub(super) descriptors: Vec<u8>,
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u32,
}

impl Marks {
    /// Of no group at all.
    pub(super) fn empty() -> Self {
        Self { groups: Vec::new() }
    }

    /// Nothing but the fixed metadata and the reserved inodes.
    pub(super) fn new(geometry: &Geometry) -> Self {
        let mut marks = Self { groups: vec![Group::default(); geometry.groups as usize] };
        for run in &geometry.taken {
            marks.blocks(geometry, *run);
        }
        for number in 1..=Geometry::RESERVED_INODES {
            marks.inode(geometry, number, false);
        }
        marks
    }

    pub(super) fn blocks(&mut self, geometry: &Geometry, mut run: Run) {
        while run.count > 0 {
            let number = geometry.group_of(run.first);
            let from = run.first - geometry.group_start(number);
            let count = run.count.min(geometry.blocks_per_group - from);
            let group = &mut self.groups[number as usize];
            group.used_blocks += count;
            group.blocks.resize(geometry.block_size as usize, 0);
            set(&mut group.blocks, from as usize, (from + count) as usize);
            run = Run { first: run.first + count, count: run.count - count };
        }
    }

    pub(super) fn inode(&mut self, geometry: &Geometry, number: u32, folder: bool) {
        let (group, index) = geometry.inode_place(number);
        let group = &mut self.groups[group as usize];
        group.inodes.resize(geometry.block_size as usize, 0);
        let byte = &mut group.inodes[index as usize / 8];
        let bit = 1 << (index % 8);
        // The root is one of the reserved inodes, marked before.
        group.used_inodes += u32::from(*byte & bit == 0);
        *byte |= bit;
        group.folders += u32::from(folder);
    }

    /// Builds bitmaps and descriptors. `last_inode` is the last one that any image uses; `touched` are the groups in which any image
    /// has a block that is no fixed metadata. With these two the same groups are left uninitialised in all images.
    pub(super) fn tables(mut self, geometry: &Geometry, checksums: &Checksums, last_inode: u32, touched: &[bool]) -> Tables {
        let mut tables = Tables {
            bitmaps: Vec::new(),
            descriptors: vec![0; (geometry.descriptor_blocks * geometry.block_size) as usize],
            free_blocks: 0,
            free_inodes: 0,
        };
        let table = tables.descriptors.chunks_exact_mut(geometry.descriptor_size);
        for ((number, group), descriptor) in (0..geometry.groups).zip(&mut self.groups).zip(table) {
            let places = geometry.places[number as usize];
            let size = geometry.block_size as usize;
            let inodes = geometry.inodes_used(number, last_inode);
            let mut flags = 0;
            let (mut block_checksum, mut inode_checksum) = (0, 0);
            // As mke2fs: the last group may be a short one and is always initialised.
            let own_only = !touched[number as usize] && !geometry.hosts[number as usize] && number + 1 < geometry.groups;
            if checksums.groups() && own_only {
                flags |= group_flags::BLOCK_UNINIT;
            } else {
                group.blocks.resize(size, 0);
                set(&mut group.blocks, geometry.group_blocks(number) as usize, 8 * size);
                block_checksum = checksums.bitmap(&group.blocks);
                tables.bitmaps.push((places.block_bitmap, std::mem::take(&mut group.blocks)));
            }
            if checksums.groups() && inodes == 0 {
                flags |= group_flags::INODE_UNINIT;
            } else {
                group.inodes.resize(size, 0);
                set(&mut group.inodes, geometry.inodes_per_group as usize, 8 * size);
                inode_checksum = checksums.bitmap(&group.inodes[..geometry.inodes_per_group as usize / 8]);
                tables.bitmaps.push((places.inode_bitmap, std::mem::take(&mut group.inodes)));
            }
            let free_blocks = geometry.group_blocks(number) - group.used_blocks;
            let free_inodes = geometry.inodes_per_group - group.used_inodes;
            let unused = if checksums.groups() { geometry.inodes_per_group - inodes } else { 0 };
            tables.free_blocks += free_blocks;
            tables.free_inodes += free_inodes;
            GroupDescriptor {
                block_bitmap_lo: places.block_bitmap as u32,
                inode_bitmap_lo: places.inode_bitmap as u32,
                inode_table_lo: places.inode_table as u32,
                free_blocks_count_lo: free_blocks as u16,
                free_inodes_count_lo: free_inodes as u16,
                used_dirs_count_lo: group.folders as u16,
                flags,
                exclude_bitmap_lo: 0,
                block_bitmap_csum_lo: block_checksum as u16,
                inode_bitmap_csum_lo: inode_checksum as u16,
                itable_unused_lo: unused as u16,
                checksum: 0,
            }
            .put(descriptor);
            if descriptor.len() == 64 {
                GroupDescriptorHigh {
                    block_bitmap_hi: (places.block_bitmap >> 32) as u32,
                    inode_bitmap_hi: (places.inode_bitmap >> 32) as u32,
                    inode_table_hi: (places.inode_table >> 32) as u32,
                    free_blocks_count_hi: (free_blocks >> 16) as u16,
                    free_inodes_count_hi: (free_inodes >> 16) as u16,
                    used_dirs_count_hi: (group.folders >> 16) as u16,
                    itable_unused_hi: (unused >> 16) as u16,
                    exclude_bitmap_hi: 0,
                    block_bitmap_csum_hi: (block_checksum >> 16) as u16,
                    inode_bitmap_csum_hi: (inode_checksum >> 16) as u16,
                    reserved: 0,
                }
                .put(&mut descriptor[32..]);
            }
            checksums.descriptor(number, descriptor);
        }
        tables
    }
}

/// Sets the bits from `from` up to `to`.
fn set(bitmap: &mut [u8], from: usize, to: usize) {
    if from >= to {
        return;
    }
    let (first, last) = (from / 8, (to - 1) / 8);
    let head = 0xff << (from % 8);
    let tail = 0xff >> (7 - (to - 1) % 8);
    if first == last {
        bitmap[first] |= head & tail;
    } else {
        bitmap[first] |= head;
        bitmap[first + 1..last].fill(0xff);
        bitmap[last] |= tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_bits_equals_setting_them_one_by_one() {
        for from in 0..24_usize {
            for to in 0..=24 {
                let mut bitmap = [0_u8; 3];
                set(&mut bitmap, from, to);
                let expected: u32 = (from..to).map(|bit| 1 << bit).sum();
                assert_eq!(bitmap, expected.to_le_bytes()[..3], "{from}..{to}");
            }
        }
    }
}
