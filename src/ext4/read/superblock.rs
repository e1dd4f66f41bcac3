//! The superblock: what it must say before anything behind it is looked at.

use super::{
    bytes::wide,
    error::{Ext4Error, Fault, Place, Unclean, Unsupported},
    features::Features,
    limits::{MAX_BLOCKS, MAX_INODES},
};
use crate::ext4::{
    checksum::crc32c,
    format::{
        CHECKSUM_CRC32C, GroupDescriptor, MAGIC, OS_LINUX, STATE_ERROR, STATE_ORPHAN, STATE_VALID, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE,
        Superblock, compat, incompat, ino, ro_compat,
    },
};

/// Largest descriptor, as in the kernel (`EXT4_MAX_DESC_SIZE`).
const MAX_DESC_SIZE: u16 = 1024;

/// The measures of a file system, all checked: none is zero, no product of them overflows, and all of it lies in the window.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    pub(super) features: Features,
    /// Bytes in a block: 1024, 2048 or 4096.
    pub(super) block_size: u64,
    /// Blocks in the file system, with those before `first_data_block`.
    pub(super) blocks: u64,
    /// First block of group 0.
    pub(super) first_data_block: u64,
    /// Blocks in a group, a multiple of 8.
    pub(super) blocks_per_group: u64,
    /// Number of groups.
    pub(super) groups: u32,
    /// Inodes in the file system.
    pub(super) inodes: u32,
    /// Inodes in a group, a multiple of 8.
    pub(super) inodes_per_group: u32,
    /// Bytes in an inode.
    pub(super) inode_size: u64,
    /// First inode that is not reserved.
    pub(super) first_ino: u32,
    /// Bytes in a group descriptor.
    pub(super) desc_size: u64,
    /// Blocks of group descriptors, without those kept for growth.
    pub(super) desc_blocks: u64,
    /// Blocks kept for growth of the descriptors.
    pub(super) reserved_gdt_blocks: u64,
    /// Groups with a copy of the superblock under `sparse_super2`.
    pub(super) backup_groups: [u32; 2],
    /// Register with which every metadata checksum starts.
    pub(super) checksum_seed: u32,
}

/// Checks the bytes of a superblock in a window of `size` bytes.
pub(super) fn check(bytes: &[u8; SUPERBLOCK_SIZE], size: u64) -> Result<(Superblock, Geometry), Ext4Error> {
    let sb = Superblock::parse(bytes);
    ensure(sb.magic == MAGIC, "s_magic", sb.magic.into(), "0xef53")?;
    if sb.rev_level != 1 {
        return Err(Unsupported::Revision(sb.rev_level).into());
    }
    check_checksum(bytes, &sb)?;
    let features = Features::check(&sb)?;
    check_clean(&sb)?;
    if sb.creator_os != OS_LINUX {
        return Err(Unsupported::CreatorOs(sb.creator_os).into());
    }
    if sb.journal_dev != 0 {
        return Err(Unsupported::ExternalJournal.into());
    }
    let geometry = geometry(&sb, features, size)?;
    Ok((sb, geometry))
}

fn ensure(holds: bool, field: &'static str, got: u64, expected: &'static str) -> Result<(), Ext4Error> {
    if holds { Ok(()) } else { Err(Ext4Error::field(Place::Superblock, field, got, expected)) }
}

fn in_limit(what: &'static str, got: u64, limit: u64) -> Result<(), Ext4Error> {
    if got <= limit { Ok(()) } else { Err(Unsupported::TooLarge { what, got, limit }.into()) }
}

fn check_checksum(bytes: &[u8; SUPERBLOCK_SIZE], sb: &Superblock) -> Result<(), Ext4Error> {
    if sb.feature_ro_compat & ro_compat::METADATA_CSUM == 0 {
        return Ok(());
    }
    ensure(sb.checksum_type == CHECKSUM_CRC32C, "s_checksum_type", sb.checksum_type.into(), "1 (crc32c)")?;
    let expected = crc32c(!0, &bytes[..SUPERBLOCK_SIZE - 4]);
    if sb.checksum != expected {
        return Err(Ext4Error::corrupt(Place::Superblock, Fault::Checksum { got: sb.checksum, expected }));
    }
    Ok(())
}

fn check_clean(sb: &Superblock) -> Result<(), Ext4Error> {
    if sb.state & STATE_ERROR != 0 {
        return Err(Unclean::Errors(sb.state).into());
    }
    if sb.state & STATE_VALID == 0 {
        return Err(Unclean::Mounted(sb.state).into());
    }
    if sb.state & STATE_ORPHAN != 0 || sb.last_orphan != 0 {
        return Err(Unclean::Orphans.into());
    }
    Ok(())
}

fn geometry(sb: &Superblock, features: Features, size: u64) -> Result<Geometry, Ext4Error> {
    ensure(sb.log_block_size <= 6, "s_log_block_size", sb.log_block_size.into(), "0 to 6")?;
    let block_size = 1024_u64 << sb.log_block_size;
    if block_size > 4096 {
        return Err(Unsupported::BlockSize(block_size).into());
    }
    // Without `bigalloc` a cluster is a block.
    ensure(sb.log_cluster_size == sb.log_block_size, "s_log_cluster_size", sb.log_cluster_size.into(), "s_log_block_size")?;
    let bits_per_block = 8 * block_size;

    let first_data_block = u64::from(sb.first_data_block);
    ensure(first_data_block == u64::from(block_size == 1024), "s_first_data_block", first_data_block, "1 with blocks of 1 KiB, else 0")?;
    let blocks_per_group = u64::from(sb.blocks_per_group);
    let in_bitmap = |count: u64| count >= 8 && count <= bits_per_block && count.is_multiple_of(8);
    ensure(in_bitmap(blocks_per_group), "s_blocks_per_group", blocks_per_group, "a multiple of 8 that fits a bitmap of one block")?;
    ensure(sb.clusters_per_group == sb.blocks_per_group, "s_clusters_per_group", sb.clusters_per_group.into(), "s_blocks_per_group")?;

    let is_64bit = features.incompat(incompat::BIT64);
    ensure(is_64bit || sb.blocks_count_hi == 0, "s_blocks_count_hi", sb.blocks_count_hi.into(), "0 without 64bit")?;
    let blocks = wide(sb.blocks_count_lo, sb.blocks_count_hi);
    ensure(blocks > first_data_block, "s_blocks_count", blocks, "more than s_first_data_block")?;
    ensure(blocks <= size / block_size, "s_blocks_count", blocks, "no more than the partition or file holds")?;
    in_limit("blocks in the file system", blocks, MAX_BLOCKS)?;
    let reserved = wide(sb.r_blocks_count_lo, if is_64bit { sb.r_blocks_count_hi } else { 0 });
    ensure(reserved <= blocks / 2, "s_r_blocks_count", reserved, "at most half of the blocks")?;
    let groups = (blocks - first_data_block).div_ceil(blocks_per_group);
    let groups =
        u32::try_from(groups).map_err(|_| Ext4Error::field(Place::Superblock, "s_blocks_count", blocks, "fewer than 2^32 groups"))?;

    let inode_size = u64::from(sb.inode_size);
    let fits = inode_size.is_power_of_two() && (128..=block_size).contains(&inode_size);
    ensure(fits, "s_inode_size", inode_size, "a power of two from 128 to the block size")?;
    let inodes_per_group = u64::from(sb.inodes_per_group);
    let fits = in_bitmap(inodes_per_group) && inodes_per_group >= block_size / inode_size;
    ensure(fits, "s_inodes_per_group", inodes_per_group, "a multiple of 8 that fits a bitmap of one block")?;
    // No overflow: both factors are below 2^32.
    let fits = u64::from(sb.inodes_count) == inodes_per_group * u64::from(groups);
    ensure(fits, "s_inodes_count", sb.inodes_count.into(), "s_inodes_per_group in each group")?;
    in_limit("inodes in its tables", sb.inodes_count.into(), MAX_INODES.into())?;
    ensure(sb.first_ino >= ino::FIRST && sb.first_ino <= sb.inodes_count, "s_first_ino", sb.first_ino.into(), "11 to s_inodes_count")?;

    let desc_size = if is_64bit { sb.desc_size } else { 32 };
    let fits = !is_64bit || (desc_size.is_power_of_two() && (64..=MAX_DESC_SIZE).contains(&desc_size));
    ensure(fits, "s_desc_size", desc_size.into(), "a power of two from 64 to 1024")?;
    debug_assert!(usize::from(desc_size) >= GroupDescriptor::SIZE);
    let desc_size = u64::from(desc_size);
    let desc_blocks = u64::from(groups).div_ceil(block_size / desc_size);
    let reserved_gdt_blocks = u64::from(sb.reserved_gdt_blocks);
    let fits = reserved_gdt_blocks <= if features.compat(compat::RESIZE_INODE) { block_size / 4 } else { 0 };
    ensure(fits, "s_reserved_gdt_blocks", reserved_gdt_blocks, "a quarter of the block size at most, and 0 without resize_inode")?;
    // No overflow: each is far below 2^63. Without `meta_bg` all of it stands in the first group.
    let fits = 1 + desc_blocks + reserved_gdt_blocks <= blocks_per_group.min(blocks - first_data_block);
    ensure(fits, "s_reserved_gdt_blocks", reserved_gdt_blocks, "descriptors and the room for their growth inside the first group")?;
    let flex = !features.incompat(incompat::FLEX_BG) || sb.log_groups_per_flex <= 31;
    ensure(flex, "s_log_groups_per_flex", sb.log_groups_per_flex.into(), "0 to 31")?;
    let has_journal = features.compat(compat::HAS_JOURNAL);
    let expected = if has_journal { ino::JOURNAL } else { 0 };
    ensure(sb.journal_inum == expected, "s_journal_inum", sb.journal_inum.into(), "8 with has_journal, else 0")?;
    let orphan_file = features.compat(compat::ORPHAN_FILE);
    let fits = !orphan_file || (sb.first_ino..=sb.inodes_count).contains(&sb.orphan_file_inum);
    ensure(fits, "s_orphan_file_inum", sb.orphan_file_inum.into(), "an inode that is not reserved")?;

    let checksum_seed = if features.incompat(incompat::CSUM_SEED) { sb.checksum_seed } else { crc32c(!0, &sb.uuid) };
    Ok(Geometry {
        features,
        block_size,
        blocks,
        first_data_block,
        blocks_per_group,
        groups,
        inodes: sb.inodes_count,
        inodes_per_group: sb.inodes_per_group,
        inode_size,
        first_ino: sb.first_ino,
        desc_size,
        desc_blocks,
        reserved_gdt_blocks,
        backup_groups: sb.backup_bgs,
        checksum_seed,
    })
}

impl Geometry {
    /// The block that holds the primary superblock.
    pub(super) const fn superblock_block(&self) -> u64 {
        SUPERBLOCK_OFFSET / self.block_size
    }

    /// First block of a group.
    pub(super) fn group_start(&self, group: u32) -> u64 {
        // No overflow: the group begins before the end of the file system.
        self.first_data_block + u64::from(group) * self.blocks_per_group
    }

    /// Number of blocks in a group; the last one may be shorter.
    pub(super) fn group_blocks(&self, group: u32) -> u64 {
        self.blocks_per_group.min(self.blocks - self.group_start(group))
    }

    /// Blocks of one inode table.
    pub(super) fn table_blocks(&self) -> u64 {
        (u64::from(self.inodes_per_group) * self.inode_size).div_ceil(self.block_size)
    }

    /// Group of an inode, and its place in the table of the group. The number must be 1 to `inodes`.
    pub(super) const fn inode_place(&self, ino: u32) -> (u32, u32) {
        let index = ino.saturating_sub(1);
        (index / self.inodes_per_group, index % self.inodes_per_group)
    }

    /// Whether a group holds a copy of superblock and descriptors (`ext4_bg_has_super()`).
    pub(super) fn has_superblock(&self, group: u32) -> bool {
        let power_of = |base: u32| {
            let mut power = base;
            while power < group {
                let Some(next) = power.checked_mul(base) else { return false };
                power = next;
            }
            power == group
        };
        if group == 0 {
            true
        } else if self.features.compat(compat::SPARSE_SUPER2) {
            self.backup_groups.contains(&group)
        } else {
            group == 1 || !self.features.ro_compat(ro_compat::SPARSE_SUPER) || [3, 5, 7].into_iter().any(power_of)
        }
    }
}
