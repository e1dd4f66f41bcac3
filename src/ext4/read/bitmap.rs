//! Bitmaps of blocks and inodes: after everything was read, they must say what was found.

use super::{
    Session,
    bytes::{index, length, wide},
    claims::{first_difference, set_bits},
    error::{Ext4Error, Fault, Place},
    group::Group,
};
use crate::ext4::{checksum::crc32c, format::incompat};

/// A small descriptor keeps 16 bits of a bitmap's checksum, one of this size all 32.
const FULL_CHECKSUM: u64 = 64;

impl Session<'_> {
    /// Compares all bitmaps, and all counts of what is free, with what was found: `used` has one bit for each inode, `folders` the
    /// number of folders in each group.
    pub(super) fn check_bitmaps(&mut self, used: &[u8], folders: &[u64]) -> Result<(), Ext4Error> {
        let volume = self.volume;
        let (mut free_blocks, mut free_inodes) = (0, 0);
        for ((number, group), folders) in (0..).zip(&volume.groups).zip(folders) {
            free_blocks += self.check_block_bitmap(number, group)?;
            free_inodes += self.check_inode_bitmap(number, group, used)?;
            check_count(Place::Group(number), "bg_used_dirs_count", group.used_dirs, *folders)?;
        }
        let sb = &volume.superblock;
        let hi = if volume.geometry.features.incompat(incompat::BIT64) { sb.free_blocks_count_hi } else { 0 };
        check_count(Place::Superblock, "s_free_blocks_count", wide(sb.free_blocks_count_lo, hi), free_blocks)?;
        check_count(Place::Superblock, "s_free_inodes_count", sb.free_inodes_count.into(), free_inodes)
    }

    /// Returns the number of free blocks in the group.
    fn check_block_bitmap(&mut self, number: u32, group: &Group) -> Result<u64, Ext4Error> {
        let geometry = &self.volume.geometry;
        let (place, count) = (Place::BlockBitmap(number), geometry.group_blocks(number));
        let claimed = self.claims.group(geometry, number);
        let free = if group.blocks_uninit {
            // The bitmap is to be made up: nothing but metadata is in use.
            check_count(place, "blocks in use", group.metadata_blocks, set_bits(claimed, count))?;
            count - group.metadata_blocks
        } else {
            let bitmap = self.blocks.block(group.block_bitmap)?;
            if geometry.features.metadata_csum() {
                let covered = bitmap.get(..index(geometry.blocks_per_group / 8)).unwrap_or_default();
                check_checksum(place, covered, group.block_bitmap_csum, geometry.checksum_seed, geometry.desc_size)?;
            }
            compare(place, bitmap, claimed, count, geometry.group_start(number))?;
            check_padding(place, bitmap, count)?;
            count - set_bits(claimed, count)
        };
        check_count(Place::Group(number), "bg_free_blocks_count", group.free_blocks, free)?;
        Ok(free)
    }

    /// Returns the number of free inodes in the group.
    fn check_inode_bitmap(&mut self, number: u32, group: &Group, used: &[u8]) -> Result<u64, Ext4Error> {
        let geometry = &self.volume.geometry;
        let (place, count) = (Place::InodeBitmap(number), u64::from(geometry.inodes_per_group));
        // inodes_per_group is a multiple of 8, and `used` has a bit for every inode.
        let bytes = index(count / 8);
        let start = index(number.into()) * bytes;
        let used = &used[start..start + bytes];
        // An inode in use was read, which is refused where the table is not initialised.
        if !group.inodes_uninit {
            let bitmap = self.blocks.block(group.inode_bitmap)?;
            if geometry.features.metadata_csum() {
                let covered = bitmap.get(..bytes).unwrap_or_default();
                check_checksum(place, covered, group.inode_bitmap_csum, geometry.checksum_seed, geometry.desc_size)?;
            }
            // No overflow: inodes are counted with 32 bits.
            compare(place, bitmap, used, count, 1 + u64::from(number) * count)?;
            check_padding(place, bitmap, count)?;
        }
        let free = count - set_bits(used, count);
        check_count(Place::Group(number), "bg_free_inodes_count", group.free_inodes, free)?;
        Ok(free)
    }
}

/// Compares `count` bits, the first of which stands for number `first`.
fn compare(place: Place, bitmap: &[u8], found: &[u8], count: u64, first: u64) -> Result<(), Ext4Error> {
    let Some(bit) = first_difference(bitmap, found, count) else { return Ok(()) };
    let is_set = bitmap.get(index(bit / 8)).is_some_and(|byte| byte & (1 << (bit % 8)) != 0);
    let fault = if is_set { Fault::MarkedUsed(first + bit) } else { Fault::MarkedFree(first + bit) };
    Err(Ext4Error::corrupt(place, fault))
}

/// What stands behind the last block or inode of the group is marked in use.
fn check_padding(place: Place, bitmap: &[u8], count: u64) -> Result<(), Ext4Error> {
    let bits = 8 * length(bitmap.len());
    let (got, expected) = (set_bits(bitmap, bits) - set_bits(bitmap, count), bits - count);
    check_count(place, "bits set in the padding", got, expected)
}

fn check_checksum(place: Place, covered: &[u8], got: u32, seed: u32, desc_size: u64) -> Result<(), Ext4Error> {
    let mask = if desc_size >= FULL_CHECKSUM { !0 } else { 0xFFFF };
    let (got, expected) = (got & mask, crc32c(seed, covered) & mask);
    if got == expected { Ok(()) } else { Err(Ext4Error::corrupt(place, Fault::Checksum { got, expected })) }
}

fn check_count(place: Place, what: &'static str, got: u64, expected: u64) -> Result<(), Ext4Error> {
    if got == expected { Ok(()) } else { Err(Ext4Error::corrupt(place, Fault::Count { what, got, expected })) }
}
