//! The superblock.

use super::{checksums::Checksums, geometry::Geometry, options::Options};
use crate::ext4::format::{
    CHECKSUM_CRC32C, FLAG_SIGNED_HASH, FLAG_UNSIGNED_HASH, MAGIC, OS_LINUX, STATE_VALID, SUPERBLOCK_SIZE, Superblock, compat, incompat, ino,
};

/// What is counted in one image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Free {
    pub(super) blocks: u64,
    pub(super) inodes: u32,
}

/// The superblock of group 0; `journal` is `i_block` and size of the journal's inode, a copy in case that the inode is lost.
pub(super) fn superblock(
    options: &Options,
    geometry: &Geometry,
    checksums: &Checksums,
    free: Free,
    journal: Option<([u8; 60], u64)>,
) -> Vec<u8> {
    let mut jnl_blocks = [0; 17];
    if let Some((block, size)) = journal {
        for (word, bytes) in jnl_blocks.iter_mut().zip(block.chunks_exact(4)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        jnl_blocks[15] = (size >> 32) as u32;
        jnl_blocks[16] = size as u32;
    }
    let reserved = (u128::from(geometry.blocks) * u128::from(options.reserved_per_million) / 1_000_000) as u64;
    let extra = if options.inode_size > 128 { 32 } else { 0 };
    let time = options.time as u32;
    let time_hi = (options.time >> 32) as u8;
    let fields = Superblock {
        inodes_count: geometry.inodes(),
        blocks_count_lo: geometry.blocks as u32,
        r_blocks_count_lo: reserved as u32,
        free_blocks_count_lo: free.blocks as u32,
        free_inodes_count: free.inodes,
        first_data_block: geometry.first_block as u32,
        log_block_size: options.block_size.ilog2() - 10,
        log_cluster_size: options.block_size.ilog2() - 10,
        blocks_per_group: geometry.blocks_per_group as u32,
        clusters_per_group: geometry.blocks_per_group as u32,
        inodes_per_group: geometry.inodes_per_group,
        mtime: 0,
        wtime: time,
        mnt_count: 0,
        max_mnt_count: u16::MAX,
        magic: MAGIC,
        state: STATE_VALID,
        errors: options.errors,
        minor_rev_level: 0,
        lastcheck: time,
        checkinterval: 0,
        creator_os: OS_LINUX,
        rev_level: 1,
        def_resuid: options.reserved_uid,
        def_resgid: options.reserved_gid,
        first_ino: ino::FIRST,
        inode_size: options.inode_size,
        block_group_nr: 0,
        feature_compat: options.features.compat,
        feature_incompat: options.features.incompat,
        feature_ro_compat: options.features.ro_compat,
        uuid: options.uuid,
        volume_name: options.label,
        last_mounted: options.last_mounted,
        algorithm_usage_bitmap: 0,
        prealloc_blocks: 0,
        prealloc_dir_blocks: 0,
        reserved_gdt_blocks: geometry.reserved_descriptor_blocks as u16,
        journal_uuid: [0; 16],
        journal_inum: if options.has_compat(compat::HAS_JOURNAL) { ino::JOURNAL } else { 0 },
        journal_dev: 0,
        last_orphan: 0,
        hash_seed: std::array::from_fn(|word| u32::from_le_bytes(std::array::from_fn(|byte| options.hash_seed[4 * word + byte]))),
        def_hash_version: options.hash_version,
        jnl_backup_type: u8::from(journal.is_some()),
        // Without 64bit the field is not used, and mke2fs leaves it zero.
        desc_size: if options.has_incompat(incompat::BIT64) { geometry.descriptor_size as u16 } else { 0 },
        default_mount_opts: options.default_mount_options,
        first_meta_bg: 0,
        mkfs_time: time,
        jnl_blocks,
        blocks_count_hi: (geometry.blocks >> 32) as u32,
        r_blocks_count_hi: (reserved >> 32) as u32,
        free_blocks_count_hi: (free.blocks >> 32) as u32,
        min_extra_isize: extra,
        want_extra_isize: extra,
        flags: if options.signed_hash { FLAG_SIGNED_HASH } else { FLAG_UNSIGNED_HASH },
        raid_stride: 0,
        mmp_interval: 0,
        mmp_block: 0,
        raid_stripe_width: 0,
        log_groups_per_flex: if options.has_incompat(incompat::FLEX_BG) { options.log_groups_per_flex } else { 0 },
        checksum_type: if checksums.metadata() { CHECKSUM_CRC32C } else { 0 },
        kbytes_written: 0,
        error_count: 0,
        overhead_blocks: 0,
        backup_bgs: [0; 2],
        lpf_ino: 0,
        checksum_seed: checksums.stored_seed(options.features.incompat),
        wtime_hi: time_hi,
        mtime_hi: 0,
        mkfs_time_hi: time_hi,
        lastcheck_hi: time_hi,
        encoding: 0,
        orphan_file_inum: 0,
        checksum: 0,
    };
    let mut bytes = vec![0; SUPERBLOCK_SIZE];
    fields.put(&mut bytes);
    checksums.superblock(&mut bytes);
    bytes
}

/// The same superblock as the backup in a group.
pub(super) fn backup(superblock: &[u8], group: u32, checksums: &Checksums) -> Vec<u8> {
    const GROUP: usize = 0x5A;
    let mut bytes = superblock.to_vec();
    // The field is for a reader's eyes; groups beyond its 16 bits wrap around, as mke2fs does it.
    bytes[GROUP..GROUP + 2].copy_from_slice(&(group as u16).to_le_bytes());
    checksums.superblock(&mut bytes);
    bytes
}
