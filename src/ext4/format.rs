//! Names and places of everything on disk (fs/ext4/ext4.h, fs/ext4/ext4_extents.h, fs/ext4/xattr.h, include/linux/jbd2.h).
//!
//! Constants and plain data only: reading and writing stand in their own modules, and so does every check.

/// Offset of the superblock from the start of the file system, in bytes.
pub const SUPERBLOCK_OFFSET: u64 = 1024;
/// Size of the superblock in bytes.
pub const SUPERBLOCK_SIZE: usize = 1024;
/// `s_magic`.
pub const MAGIC: u16 = 0xEF53;

/// `s_feature_compat`: a kernel that does not know the bit may read and write.
#[allow(missing_docs)]
pub mod compat {
    pub const DIR_PREALLOC: u32 = 0x1;
    pub const IMAGIC_INODES: u32 = 0x2;
    pub const HAS_JOURNAL: u32 = 0x4;
    pub const EXT_ATTR: u32 = 0x8;
    pub const RESIZE_INODE: u32 = 0x10;
    pub const DIR_INDEX: u32 = 0x20;
    pub const SPARSE_SUPER2: u32 = 0x200;
    pub const FAST_COMMIT: u32 = 0x400;
    pub const STABLE_INODES: u32 = 0x800;
    pub const ORPHAN_FILE: u32 = 0x1000;
}

/// `s_feature_incompat`: a kernel that does not know the bit may not mount.
#[allow(missing_docs)]
pub mod incompat {
    pub const COMPRESSION: u32 = 0x1;
    pub const FILETYPE: u32 = 0x2;
    pub const RECOVER: u32 = 0x4;
    pub const JOURNAL_DEV: u32 = 0x8;
    pub const META_BG: u32 = 0x10;
    pub const EXTENTS: u32 = 0x40;
    pub const BIT64: u32 = 0x80;
    pub const MMP: u32 = 0x100;
    pub const FLEX_BG: u32 = 0x200;
    pub const EA_INODE: u32 = 0x400;
    pub const DIRDATA: u32 = 0x1000;
    pub const CSUM_SEED: u32 = 0x2000;
    pub const LARGEDIR: u32 = 0x4000;
    pub const INLINE_DATA: u32 = 0x8000;
    pub const ENCRYPT: u32 = 0x10000;
    pub const CASEFOLD: u32 = 0x20000;
}

/// `s_feature_ro_compat`: a kernel that does not know the bit may mount read-only.
#[allow(missing_docs)]
pub mod ro_compat {
    pub const SPARSE_SUPER: u32 = 0x1;
    pub const LARGE_FILE: u32 = 0x2;
    pub const BTREE_DIR: u32 = 0x4;
    pub const HUGE_FILE: u32 = 0x8;
    pub const GDT_CSUM: u32 = 0x10;
    pub const DIR_NLINK: u32 = 0x20;
    pub const EXTRA_ISIZE: u32 = 0x40;
    pub const QUOTA: u32 = 0x100;
    pub const BIGALLOC: u32 = 0x200;
    pub const METADATA_CSUM: u32 = 0x400;
    pub const READONLY: u32 = 0x1000;
    pub const PROJECT: u32 = 0x2000;
    pub const VERITY: u32 = 0x8000;
    pub const ORPHAN_PRESENT: u32 = 0x10000;
}

/// The names that `dumpe2fs` gives the feature bits, for messages and reports: (`compat`, `incompat`, `ro_compat`).
pub const FEATURE_NAMES: [&[(u32, &str)]; 3] = [
    &[
        (compat::DIR_PREALLOC, "dir_prealloc"),
        (compat::IMAGIC_INODES, "imagic_inodes"),
        (compat::HAS_JOURNAL, "has_journal"),
        (compat::EXT_ATTR, "ext_attr"),
        (compat::RESIZE_INODE, "resize_inode"),
        (compat::DIR_INDEX, "dir_index"),
        (compat::SPARSE_SUPER2, "sparse_super2"),
        (compat::FAST_COMMIT, "fast_commit"),
        (compat::STABLE_INODES, "stable_inodes"),
        (compat::ORPHAN_FILE, "orphan_file"),
    ],
    &[
        (incompat::COMPRESSION, "compression"),
        (incompat::FILETYPE, "filetype"),
        (incompat::RECOVER, "needs_recovery"),
        (incompat::JOURNAL_DEV, "journal_dev"),
        (incompat::META_BG, "meta_bg"),
        (incompat::EXTENTS, "extent"),
        (incompat::BIT64, "64bit"),
        (incompat::MMP, "mmp"),
        (incompat::FLEX_BG, "flex_bg"),
        (incompat::EA_INODE, "ea_inode"),
        (incompat::DIRDATA, "dirdata"),
        (incompat::CSUM_SEED, "metadata_csum_seed"),
        (incompat::LARGEDIR, "large_dir"),
        (incompat::INLINE_DATA, "inline_data"),
        (incompat::ENCRYPT, "encrypt"),
        (incompat::CASEFOLD, "casefold"),
    ],
    &[
        (ro_compat::SPARSE_SUPER, "sparse_super"),
        (ro_compat::LARGE_FILE, "large_file"),
        (ro_compat::BTREE_DIR, "btree_dir"),
        (ro_compat::HUGE_FILE, "huge_file"),
        (ro_compat::GDT_CSUM, "uninit_bg"),
        (ro_compat::DIR_NLINK, "dir_nlink"),
        (ro_compat::EXTRA_ISIZE, "extra_isize"),
        (ro_compat::QUOTA, "quota"),
        (ro_compat::BIGALLOC, "bigalloc"),
        (ro_compat::METADATA_CSUM, "metadata_csum"),
        (ro_compat::READONLY, "read-only"),
        (ro_compat::PROJECT, "project"),
        (ro_compat::VERITY, "verity"),
        (ro_compat::ORPHAN_PRESENT, "orphan_present"),
    ],
];

/// `s_state`: unmounted cleanly.
pub const STATE_VALID: u16 = 1;
/// `s_state`: errors were detected.
pub const STATE_ERROR: u16 = 2;
/// `s_state`: orphans are being recovered.
pub const STATE_ORPHAN: u16 = 4;

/// `s_flags`: the directory hash takes bytes as signed.
pub const FLAG_SIGNED_HASH: u32 = 1;
/// `s_flags`: the directory hash takes bytes as unsigned.
pub const FLAG_UNSIGNED_HASH: u32 = 2;

/// `s_creator_os`: Linux.
pub const OS_LINUX: u32 = 0;
/// `s_checksum_type`: crc32c, the only one.
pub const CHECKSUM_CRC32C: u8 = 1;

/// Inode numbers with a fixed use.
#[allow(missing_docs)]
pub mod ino {
    pub const BAD_BLOCKS: u32 = 1;
    pub const ROOT: u32 = 2;
    pub const RESIZE: u32 = 7;
    pub const JOURNAL: u32 = 8;
    /// First inode for files as a rule (`s_first_ino`); `lost+found` stands there.
    pub const FIRST: u32 = 11;
}

/// `i_flags`.
#[allow(missing_docs)]
pub mod inode_flags {
    pub const INDEX: u32 = 0x1000;
    pub const HUGE_FILE: u32 = 0x4_0000;
    pub const EXTENTS: u32 = 0x8_0000;
    pub const VERITY: u32 = 0x10_0000;
    pub const EA_INODE: u32 = 0x20_0000;
    pub const INLINE_DATA: u32 = 0x1000_0000;
    pub const ENCRYPT: u32 = 0x800;
    pub const CASEFOLD: u32 = 0x4000_0000;
    /// What `chattr` may set and a copy keeps: secrm, unrm, compr, sync, immutable, append, nodump, noatime, journal_data, notail,
    /// dirsync, topdir, dax, project inheritance.
    pub const KEPT: u32 =
        0x2 | 0x1 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x4000 | 0x8000 | 0x1_0000 | 0x2_0000 | 0x200_0000 | 0x2000_0000;
}

/// `bg_flags`.
#[allow(missing_docs)]
pub mod group_flags {
    pub const INODE_UNINIT: u16 = 1;
    pub const BLOCK_UNINIT: u16 = 2;
    pub const INODE_ZEROED: u16 = 4;
}

/// `eh_magic` of an extent header.
pub const EXTENT_MAGIC: u16 = 0xF30A;
/// An extent's `ee_len` above this is an unwritten extent of `ee_len` - 32768 blocks.
pub const EXTENT_MAX_LEN: u16 = 32768;
/// `h_magic` of an extended attribute block, and of the area inside an inode.
pub const XATTR_MAGIC: u32 = 0xEA02_0000;
/// `det_reserved_ft` of the checksum tail of a directory block.
pub const DIR_TAIL_TYPE: u8 = 0xDE;
/// `h_magic` of a journal block; the journal is big-endian.
pub const JOURNAL_MAGIC: u32 = 0xC03B_3998;

/// Prefixes of extended attribute names by `e_name_index`.
pub const XATTR_PREFIXES: [(u8, &str); 7] = [
    (1, "user."),
    (2, "system.posix_acl_access"),
    (3, "system.posix_acl_default"),
    (4, "trusted."),
    (6, "security."),
    (7, "system."),
    (8, "system.richacl"),
];

/// A number or an array of bytes in little-endian order at a fixed place of a structure.
trait Field: Sized {
    fn get(bytes: &[u8], at: usize) -> Self;
    fn put(&self, bytes: &mut [u8], at: usize);
}

macro_rules! number_field {
    ($($number:ty),*) => {$(
        impl Field for $number {
            fn get(bytes: &[u8], at: usize) -> Self {
                let mut field = [0; size_of::<$number>()];
                field.copy_from_slice(&bytes[at..at + size_of::<$number>()]);
                <$number>::from_le_bytes(field)
            }

            fn put(&self, bytes: &mut [u8], at: usize) {
                bytes[at..at + size_of::<$number>()].copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

number_field!(u8, u16, u32, u64);

impl<const N: usize> Field for [u8; N] {
    fn get(bytes: &[u8], at: usize) -> Self {
        let mut field = [0; N];
        field.copy_from_slice(&bytes[at..at + N]);
        field
    }

    fn put(&self, bytes: &mut [u8], at: usize) {
        bytes[at..at + N].copy_from_slice(self);
    }
}

impl<const N: usize> Field for [u32; N] {
    fn get(bytes: &[u8], at: usize) -> Self {
        std::array::from_fn(|index| u32::get(bytes, at + 4 * index))
    }

    fn put(&self, bytes: &mut [u8], at: usize) {
        for (index, word) in self.iter().enumerate() {
            word.put(bytes, at + 4 * index);
        }
    }
}

macro_rules! structure {
    ($(#[$meta:meta])* $name:ident, $size:expr, { $($field:ident : $kind:ty = $at:expr;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub struct $name { $(pub $field: $kind,)* }

        impl $name {
            /// Size on disk of what is read and written here, in bytes.
            pub const SIZE: usize = $size;

            /// Takes the fields out of `bytes`, without judging them.
            ///
            /// # Panics
            /// When `bytes` is shorter than [`Self::SIZE`].
            #[must_use]
            pub fn parse(bytes: &[u8]) -> Self {
                assert!(bytes.len() >= Self::SIZE, "the caller cuts a whole structure");
                Self { $($field: <$kind as Field>::get(bytes, $at),)* }
            }

            /// Puts the fields into `bytes`; what stands between them stays.
            ///
            /// # Panics
            /// As [`Self::parse`].
            pub fn put(&self, bytes: &mut [u8]) {
                assert!(bytes.len() >= Self::SIZE, "the caller makes room for a whole structure");
                $(self.$field.put(bytes, $at);)*
            }
        }
    };
}

structure!(
    /// `struct ext4_super_block`. A field `x_hi` holds the upper half of `x`. Fields that only a kernel with errors, snapshots, quotas
    /// or encryption uses are left out; they are zero in what is written.
    Superblock, SUPERBLOCK_SIZE, {
        inodes_count: u32 = 0x0;
        blocks_count_lo: u32 = 0x4;
        r_blocks_count_lo: u32 = 0x8;
        free_blocks_count_lo: u32 = 0xC;
        free_inodes_count: u32 = 0x10;
        first_data_block: u32 = 0x14;
        log_block_size: u32 = 0x18;
        log_cluster_size: u32 = 0x1C;
        blocks_per_group: u32 = 0x20;
        clusters_per_group: u32 = 0x24;
        inodes_per_group: u32 = 0x28;
        mtime: u32 = 0x2C;
        wtime: u32 = 0x30;
        mnt_count: u16 = 0x34;
        max_mnt_count: u16 = 0x36;
        magic: u16 = 0x38;
        state: u16 = 0x3A;
        errors: u16 = 0x3C;
        minor_rev_level: u16 = 0x3E;
        lastcheck: u32 = 0x40;
        checkinterval: u32 = 0x44;
        creator_os: u32 = 0x48;
        rev_level: u32 = 0x4C;
        def_resuid: u16 = 0x50;
        def_resgid: u16 = 0x52;
        first_ino: u32 = 0x54;
        inode_size: u16 = 0x58;
        block_group_nr: u16 = 0x5A;
        feature_compat: u32 = 0x5C;
        feature_incompat: u32 = 0x60;
        feature_ro_compat: u32 = 0x64;
        uuid: [u8; 16] = 0x68;
        volume_name: [u8; 16] = 0x78;
        last_mounted: [u8; 64] = 0x88;
        algorithm_usage_bitmap: u32 = 0xC8;
        prealloc_blocks: u8 = 0xCC;
        prealloc_dir_blocks: u8 = 0xCD;
        reserved_gdt_blocks: u16 = 0xCE;
        journal_uuid: [u8; 16] = 0xD0;
        journal_inum: u32 = 0xE0;
        journal_dev: u32 = 0xE4;
        last_orphan: u32 = 0xE8;
        hash_seed: [u32; 4] = 0xEC;
        def_hash_version: u8 = 0xFC;
        jnl_backup_type: u8 = 0xFD;
        desc_size: u16 = 0xFE;
        default_mount_opts: u32 = 0x100;
        first_meta_bg: u32 = 0x104;
        mkfs_time: u32 = 0x108;
        jnl_blocks: [u32; 17] = 0x10C;
        blocks_count_hi: u32 = 0x150;
        r_blocks_count_hi: u32 = 0x154;
        free_blocks_count_hi: u32 = 0x158;
        min_extra_isize: u16 = 0x15C;
        want_extra_isize: u16 = 0x15E;
        flags: u32 = 0x160;
        raid_stride: u16 = 0x164;
        mmp_interval: u16 = 0x166;
        mmp_block: u64 = 0x168;
        raid_stripe_width: u32 = 0x170;
        log_groups_per_flex: u8 = 0x174;
        checksum_type: u8 = 0x175;
        kbytes_written: u64 = 0x178;
        error_count: u32 = 0x194;
        overhead_blocks: u32 = 0x248;
        backup_bgs: [u32; 2] = 0x24C;
        lpf_ino: u32 = 0x268;
        checksum_seed: u32 = 0x270;
        wtime_hi: u8 = 0x274;
        mtime_hi: u8 = 0x275;
        mkfs_time_hi: u8 = 0x276;
        lastcheck_hi: u8 = 0x277;
        encoding: u16 = 0x27C;
        orphan_file_inum: u32 = 0x280;
        checksum: u32 = 0x3FC;
    }
);

structure!(
    /// The first 32 bytes of `struct ext4_group_desc`, which is all without the feature `64bit`.
    GroupDescriptor, 32, {
        block_bitmap_lo: u32 = 0x0;
        inode_bitmap_lo: u32 = 0x4;
        inode_table_lo: u32 = 0x8;
        free_blocks_count_lo: u16 = 0xC;
        free_inodes_count_lo: u16 = 0xE;
        used_dirs_count_lo: u16 = 0x10;
        flags: u16 = 0x12;
        exclude_bitmap_lo: u32 = 0x14;
        block_bitmap_csum_lo: u16 = 0x18;
        inode_bitmap_csum_lo: u16 = 0x1A;
        itable_unused_lo: u16 = 0x1C;
        checksum: u16 = 0x1E;
    }
);

structure!(
    /// Bytes 32 to 63 of `struct ext4_group_desc` (offsets here count from 32), present with `64bit` and a descriptor of 64 bytes.
    GroupDescriptorHigh, 32, {
        block_bitmap_hi: u32 = 0x0;
        inode_bitmap_hi: u32 = 0x4;
        inode_table_hi: u32 = 0x8;
        free_blocks_count_hi: u16 = 0xC;
        free_inodes_count_hi: u16 = 0xE;
        used_dirs_count_hi: u16 = 0x10;
        itable_unused_hi: u16 = 0x12;
        exclude_bitmap_hi: u32 = 0x14;
        block_bitmap_csum_hi: u16 = 0x18;
        inode_bitmap_csum_hi: u16 = 0x1A;
        reserved: u32 = 0x1C;
    }
);

structure!(
    /// The first 128 bytes of `struct ext4_inode`, which is all of a small one.
    RawInode, 128, {
        mode: u16 = 0x0;
        uid_lo: u16 = 0x2;
        size_lo: u32 = 0x4;
        atime: u32 = 0x8;
        ctime: u32 = 0xC;
        mtime: u32 = 0x10;
        dtime: u32 = 0x14;
        gid_lo: u16 = 0x18;
        links_count: u16 = 0x1A;
        blocks_lo: u32 = 0x1C;
        flags: u32 = 0x20;
        version: u32 = 0x24;
        block: [u8; 60] = 0x28;
        generation: u32 = 0x64;
        file_acl_lo: u32 = 0x68;
        size_hi: u32 = 0x6C;
        obso_faddr: u32 = 0x70;
        blocks_hi: u16 = 0x74;
        file_acl_hi: u16 = 0x76;
        uid_hi: u16 = 0x78;
        gid_hi: u16 = 0x7A;
        checksum_lo: u16 = 0x7C;
        reserved: u16 = 0x7E;
    }
);

structure!(
    /// What follows the first 128 bytes of a large `struct ext4_inode` (offsets here count from 128), as far as `extra_isize` says.
    RawInodeExtra, 32, {
        extra_isize: u16 = 0x0;
        checksum_hi: u16 = 0x2;
        ctime_extra: u32 = 0x4;
        mtime_extra: u32 = 0x8;
        atime_extra: u32 = 0xC;
        crtime: u32 = 0x10;
        crtime_extra: u32 = 0x14;
        version_hi: u32 = 0x18;
        project: u32 = 0x1C;
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn putting_back_what_was_parsed_changes_nothing() {
        let bytes: Vec<u8> = (0..1024u32).map(|n| (n * 7 % 251) as u8).collect();
        let mut copy = bytes.clone();
        Superblock::parse(&bytes).put(&mut copy);
        GroupDescriptor::parse(&bytes[512..]).put(&mut copy[512..]);
        RawInode::parse(&bytes[128..]).put(&mut copy[128..]);
        RawInodeExtra::parse(&bytes[256..]).put(&mut copy[256..]);
        assert_eq!(copy, bytes);
    }
}
