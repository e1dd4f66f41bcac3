//! Group descriptors: where bitmaps and inode tables stand.

use super::{
    blocks::Blocks,
    bytes::{index, wide},
    claims::{Claims, set_bits},
    error::{Ext4Error, Fault, Place},
    superblock::Geometry,
};
use crate::ext4::{
    checksum::{crc16, crc32c},
    format::{GroupDescriptor, GroupDescriptorHigh, Superblock, group_flags, incompat},
};

/// Where the checksum stands in a descriptor.
const CHECKSUM_AT: usize = 0x1E;

/// A group descriptor, both halves put together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u64,
    pub(super) used_dirs: u64,
    /// Inodes at the end of the table that were never used.
    pub(super) unused_inodes: u32,
    /// Checksums, only the lower 16 bits of them in a small descriptor.
    pub(super) block_bitmap_csum: u32,
    pub(super) inode_bitmap_csum: u32,
    /// No block but metadata is in use, and the bitmap is not written.
    pub(super) blocks_uninit: bool,
    /// No inode is in use, and the bitmap is not written.
    pub(super) inodes_uninit: bool,
    /// Blocks in this group with metadata of this or other groups.
    pub(super) metadata_blocks: u64,
}

/// Reads and checks all descriptors.
pub(super) fn read(blocks: &mut Blocks, sb: &Superblock, geometry: &Geometry) -> Result<Vec<Group>, Ext4Error> {
    let per_block = geometry.block_size / geometry.desc_size;
    let table = geometry.superblock_block() + 1;
    let mut groups = Vec::new();
    for group in 0..geometry.groups {
        let block = blocks.block(table + u64::from(group) / per_block)?;
        let at = index(u64::from(group) % per_block * geometry.desc_size);
        // per_block whole descriptors fit a block.
        let bytes = &block[at..at + index(geometry.desc_size)];
        check_checksum(bytes, group, sb, geometry)?;
        groups.push(parse(bytes, group, geometry)?);
    }
    Ok(groups)
}

fn check_checksum(bytes: &[u8], group: u32, sb: &Superblock, geometry: &Geometry) -> Result<(), Ext4Error> {
    if !geometry.features.group_csum() {
        return Ok(());
    }
    let number = group.to_le_bytes();
    let rest = &bytes[CHECKSUM_AT + 2..];
    let expected = if geometry.features.metadata_csum() {
        let register = crc32c(crc32c(geometry.checksum_seed, &number), &bytes[..CHECKSUM_AT]);
        crc32c(crc32c(register, &[0; 2]), rest) & 0xFFFF
    } else {
        u32::from(crc16(crc16(crc16(crc16(!0, &sb.uuid), &number), &bytes[..CHECKSUM_AT]), rest))
    };
    let got = u32::from(GroupDescriptor::parse(bytes).checksum);
    if got == expected { Ok(()) } else { Err(Ext4Error::corrupt(Place::Group(group), Fault::Checksum { got, expected })) }
}

fn parse(bytes: &[u8], group: u32, geometry: &Geometry) -> Result<Group, Ext4Error> {
    let lo = GroupDescriptor::parse(bytes);
    let zero = [0; GroupDescriptorHigh::SIZE];
    let hi = GroupDescriptorHigh::parse(if geometry.desc_size >= 64 { &bytes[GroupDescriptor::SIZE..] } else { &zero });
    let both = |lo: u16, hi: u16| u32::from(hi) << 16 | u32::from(lo);
    let has_flag = |flag| geometry.features.group_csum() && lo.flags & flag != 0;
    let parsed = Group {
        block_bitmap: wide(lo.block_bitmap_lo, hi.block_bitmap_hi),
        inode_bitmap: wide(lo.inode_bitmap_lo, hi.inode_bitmap_hi),
        inode_table: wide(lo.inode_table_lo, hi.inode_table_hi),
        free_blocks: both(lo.free_blocks_count_lo, hi.free_blocks_count_hi).into(),
        free_inodes: both(lo.free_inodes_count_lo, hi.free_inodes_count_hi).into(),
        used_dirs: both(lo.used_dirs_count_lo, hi.used_dirs_count_hi).into(),
        unused_inodes: if geometry.features.group_csum() { both(lo.itable_unused_lo, hi.itable_unused_hi) } else { 0 },
        block_bitmap_csum: both(lo.block_bitmap_csum_lo, hi.block_bitmap_csum_hi),
        inode_bitmap_csum: both(lo.inode_bitmap_csum_lo, hi.inode_bitmap_csum_hi),
        blocks_uninit: has_flag(group_flags::BLOCK_UNINIT),
        inodes_uninit: has_flag(group_flags::INODE_UNINIT),
        metadata_blocks: 0,
    };
    let place = Place::Group(group);
    if parsed.unused_inodes > geometry.inodes_per_group {
        return Err(Ext4Error::field(place, "bg_itable_unused", parsed.unused_inodes.into(), "at most s_inodes_per_group"));
    }
    check_location(place, group, &parsed, geometry)?;
    Ok(parsed)
}

/// Bitmaps and table lie in the file system; without `flex_bg` they lie in their own group.
fn check_location(place: Place, number: u32, group: &Group, geometry: &Geometry) -> Result<(), Ext4Error> {
    let (first, end) = if geometry.features.incompat(incompat::FLEX_BG) {
        (geometry.first_data_block, geometry.blocks)
    } else {
        let start = geometry.group_start(number);
        (start, start + geometry.group_blocks(number))
    };
    let parts = [
        ("bg_block_bitmap", group.block_bitmap, 1),
        ("bg_inode_bitmap", group.inode_bitmap, 1),
        ("bg_inode_table", group.inode_table, geometry.table_blocks()),
    ];
    for (field, start, count) in parts {
        if start < first || start.checked_add(count).is_none_or(|after| after > end) {
            return Err(Ext4Error::field(place, field, start, "a place in the group, or in the file system with flex_bg"));
        }
    }
    Ok(())
}

/// Claims superblocks, descriptors, bitmaps and inode tables of all groups, and counts them by the group they lie in.
pub(super) fn claim(groups: &mut [Group], geometry: &Geometry, claims: &mut Claims) -> Result<(), Ext4Error> {
    for (number, group) in (0..).zip(groups.iter()) {
        let place = Place::Group(number);
        if geometry.has_superblock(number) {
            let count = 1 + geometry.desc_blocks + geometry.reserved_gdt_blocks;
            claims.claim(place, geometry.group_start(number), count)?;
        }
        claims.claim(place, group.block_bitmap, 1)?;
        claims.claim(place, group.inode_bitmap, 1)?;
        claims.claim(place, group.inode_table, geometry.table_blocks())?;
    }
    for (number, group) in (0..).zip(groups) {
        group.metadata_blocks = set_bits(claims.group(geometry, number), geometry.group_blocks(number));
    }
    Ok(())
}
