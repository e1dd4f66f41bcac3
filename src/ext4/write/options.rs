//! What kind of file system to write.

use super::error::WriteError;
use crate::ext4::{
    format::{FEATURE_NAMES, FLAG_SIGNED_HASH, Superblock, compat, incompat, ro_compat},
    hash::Version,
};

/// The three words of feature bits; see [`compat`], [`incompat`], [`ro_compat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// `s_feature_compat`.
    pub compat: u32,
    /// `s_feature_incompat`.
    pub incompat: u32,
    /// `s_feature_ro_compat`.
    pub ro_compat: u32,
}

/// How many inodes to make room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inodes {
    /// One for so many bytes of the file system; in any case a fifth more than there are files.
    PerBytes(u64),
    /// So many in each group; also what each group has by which the file system grows later.
    PerGroup(u32),
}

/// What kind of file system to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Size of the image in bytes.
    pub size: u64,
    /// Size of a block in bytes: 1024, 2048 or 4096.
    pub block_size: u32,
    /// Size of an inode in bytes: a power of two from 128 up to the size of a block. Times end in 2038 with 128.
    pub inode_size: u16,
    /// How many inodes to make room for.
    pub inodes: Inodes,
    /// The features; see [`Options::like`] for those that can be written.
    pub features: Features,
    /// UUID of the file system, also the seed of its checksums.
    pub uuid: [u8; 16],
    /// Seed of the hash of names, as it stands on disk.
    pub hash_seed: [u8; 16],
    /// `s_def_hash_version`: 0 legacy, 1 half MD4, 2 TEA.
    pub hash_version: u8,
    /// Whether the hash takes bytes of names as signed.
    pub signed_hash: bool,
    /// Label, filled up with NUL.
    pub label: [u8; 16],
    /// `s_last_mounted`, filled up with NUL.
    pub last_mounted: [u8; 64],
    /// `s_default_mount_opts`.
    pub default_mount_options: u32,
    /// `s_errors`: 1 continue, 2 remount read-only, 3 panic.
    pub errors: u16,
    /// Blocks for root only, in millionths of all.
    pub reserved_per_million: u32,
    /// Who besides root may use the reserved blocks: user number.
    pub reserved_uid: u16,
    /// The same, group number.
    pub reserved_gid: u16,
    /// Groups that keep their bitmaps and inode tables together, as a power of two; only with `flex_bg`.
    pub log_groups_per_flex: u8,
    /// Size of the journal in blocks; only with `has_journal`.
    pub journal_blocks: u32,
    /// Up to how many bytes the file system can grow while it is mounted; only with `resize_inode`, and as far as
    /// `block_size / 4` reserved descriptor blocks reach.
    pub growth_limit: u64,
    /// Time of making, in seconds since 1970.
    pub time: i64,
}

/// Nothing here grows beyond what an MBR can describe.
const MBR_LIMIT: u64 = 2 << 40;
/// A larger journal costs seconds of each write of a card and gains nothing there.
const JOURNAL_LIMIT: u64 = 64 << 20;
/// `JBD2_MIN_JOURNAL_BLOCKS`.
pub(super) const JOURNAL_MIN: u32 = 1024;
/// `acl,user_xattr`, as `mke2fs.conf` has had it for all of ext4's life.
const ACL_AND_XATTR: u32 = 0xC;

const KEPT: Features = Features {
    compat: compat::HAS_JOURNAL | compat::EXT_ATTR | compat::RESIZE_INODE | compat::DIR_INDEX,
    incompat: incompat::FILETYPE | incompat::EXTENTS | incompat::BIT64 | incompat::FLEX_BG | incompat::CSUM_SEED,
    ro_compat: ro_compat::SPARSE_SUPER
        | ro_compat::LARGE_FILE
        | ro_compat::HUGE_FILE
        | ro_compat::GDT_CSUM
        | ro_compat::DIR_NLINK
        | ro_compat::EXTRA_ISIZE
        | ro_compat::METADATA_CSUM
        | ro_compat::PROJECT,
};
/// Only say that something may occur, which does not occur in what is written.
const DROPPED_INCOMPAT: u32 = incompat::LARGEDIR | incompat::INLINE_DATA;

impl Options {
    /// The same kind of file system as `base`, in another size: features, sizes and number of inodes, label, mount options, behaviour
    /// on errors and the share of reserved blocks are kept.
    ///
    /// Kept features: has_journal, ext_attr, resize_inode, dir_index; filetype, extent, 64bit, flex_bg, metadata_csum_seed (the seed is
    /// that of the new UUID); sparse_super, large_file, huge_file, uninit_bg, dir_nlink, extra_isize, metadata_csum, project.
    ///
    /// Other compatible features are dropped: by their definition nothing depends on them. `sparse_super2` becomes `sparse_super`;
    /// `orphan_file` goes, and orphans are kept on the list in the superblock instead, which every kernel can do. `large_dir` and
    /// `inline_data` are dropped, and small files are written as ordinary ones. `uninit_bg` is dropped beside `metadata_csum`, as
    /// `mke2fs` does.
    ///
    /// # Errors
    /// When `base` has another feature, no extents, or sizes that are not written here.
    pub fn like(base: &Superblock, size: u64, uuid: [u8; 16], hash_seed: [u8; 16], time: i64) -> Result<Self, WriteError> {
        refuse(1, base.feature_incompat & !(KEPT.incompat | DROPPED_INCOMPAT))?;
        refuse(2, base.feature_ro_compat & !KEPT.ro_compat)?;
        if base.log_block_size > 2 {
            let got = 1024_u64.checked_shl(base.log_block_size).unwrap_or(0);
            return Err(WriteError::Option { name: "blocks of bytes", got, expected: "1024, 2048 or 4096" });
        }
        let block_size = 1024 << base.log_block_size;
        let mut ro_compat_features = base.feature_ro_compat | ro_compat::LARGE_FILE;
        if base.feature_compat & compat::SPARSE_SUPER2 != 0 {
            // Two backups at places of choice become those at the customary places, or else every group would have one.
            ro_compat_features |= ro_compat::SPARSE_SUPER;
        }
        if ro_compat_features & ro_compat::METADATA_CSUM != 0 {
            ro_compat_features &= !ro_compat::GDT_CSUM;
        }
        let features = Features {
            compat: base.feature_compat & KEPT.compat,
            incompat: base.feature_incompat & KEPT.incompat,
            ro_compat: ro_compat_features,
        };
        let blocks = wide(base.blocks_count_lo, base.blocks_count_hi, features.incompat);
        let reserved = wide(base.r_blocks_count_lo, base.r_blocks_count_hi, features.incompat);
        let per_inode = blocks.saturating_mul(u64::from(block_size)) / u64::from(base.inodes_count.max(1));
        // Upwards: the number of blocks was rounded down when it was made from a share.
        let per_million = (u128::from(reserved) * 1_000_000).div_ceil(u128::from(blocks.max(1)));
        // The journal inode's size is kept in the superblock in case that the inode is lost.
        let journal = if base.jnl_backup_type == 1 { base.jnl_blocks[16] / block_size } else { 0 };
        let options = Self {
            size,
            block_size,
            inode_size: base.inode_size,
            inodes: Inodes::PerBytes(per_inode.max(1024)),
            features,
            uuid,
            hash_seed,
            hash_version: base.def_hash_version,
            signed_hash: base.flags & FLAG_SIGNED_HASH != 0,
            label: base.volume_name,
            last_mounted: base.last_mounted,
            default_mount_options: base.default_mount_opts,
            errors: base.errors,
            // At most half of everything, as mke2fs has it.
            reserved_per_million: u32::try_from(per_million).unwrap_or(u32::MAX).min(500_000),
            reserved_uid: base.def_resuid,
            reserved_gid: base.def_resgid,
            log_groups_per_flex: base.log_groups_per_flex,
            journal_blocks: journal_size(size, block_size, if journal >= JOURNAL_MIN { journal } else { u32::MAX }),
            growth_limit: size.saturating_mul(1024).min(MBR_LIMIT),
            time,
        };
        options.check()?;
        Ok(options)
    }

    /// A root file system as the images of Raspberry Pi OS have had it since 2022: metadata checksums, 256-byte inodes, one for 16 KiB,
    /// 5 % reserved, neither 64bit nor huge_file.
    #[must_use]
    pub fn root(size: u64, uuid: [u8; 16], hash_seed: [u8; 16], label: &str, time: i64) -> Self {
        Self {
            size,
            block_size: 4096,
            inode_size: 256,
            inodes: Inodes::PerBytes(16384),
            features: Features {
                compat: KEPT.compat,
                incompat: incompat::FILETYPE | incompat::EXTENTS | incompat::FLEX_BG,
                ro_compat: ro_compat::SPARSE_SUPER
                    | ro_compat::LARGE_FILE
                    | ro_compat::DIR_NLINK
                    | ro_compat::EXTRA_ISIZE
                    | ro_compat::METADATA_CSUM,
            },
            uuid,
            hash_seed,
            hash_version: Version::HalfMd4 as u8,
            signed_hash: false,
            label: padded(label),
            last_mounted: [0; 64],
            default_mount_options: ACL_AND_XATTR,
            errors: 1,
            reserved_per_million: 50_000,
            reserved_uid: 0,
            reserved_gid: 0,
            log_groups_per_flex: 4,
            journal_blocks: journal_size(size, 4096, u32::MAX),
            growth_limit: size.saturating_mul(1024).min(MBR_LIMIT),
            time,
        }
    }

    /// A brick of GlusterFS: `grown_size` is the space on the card that it will fill. 512-byte inodes (Gluster keeps its metadata in
    /// extended attributes), one for 16 KiB, nothing reserved, growable while mounted up to 2 TiB, and only features that every
    /// kernel and e2fsck of the supported releases knows. A label is cut to 16 bytes.
    #[must_use]
    pub fn brick(size: u64, grown_size: u64, uuid: [u8; 16], hash_seed: [u8; 16], label: &str, time: i64) -> Self {
        let root = Self::root(size, uuid, hash_seed, label, time);
        // mke2fs's rule for the grown size, but at most half of the image.
        let wanted = journal_size(grown_size.max(size), root.block_size, u32::MAX);
        let half = u32::try_from(size / 2 / u64::from(root.block_size)).unwrap_or(u32::MAX);
        let fitting = if half == 0 { 0 } else { 1 << half.ilog2() };
        Self {
            inode_size: 512,
            inodes: Inodes::PerGroup(8 * root.block_size / (16384 / root.block_size)),
            features: Features {
                incompat: root.features.incompat | incompat::BIT64,
                ro_compat: root.features.ro_compat | ro_compat::HUGE_FILE,
                ..root.features
            },
            reserved_per_million: 0,
            journal_blocks: wanted.min(fitting).max(JOURNAL_MIN),
            growth_limit: MBR_LIMIT,
            ..root
        }
    }

    pub(super) fn check(&self) -> Result<(), WriteError> {
        let option = |name, got, expected| Err(WriteError::Option { name, got, expected });
        refuse(0, self.features.compat & !KEPT.compat)?;
        refuse(1, self.features.incompat & !KEPT.incompat)?;
        refuse(2, self.features.ro_compat & !KEPT.ro_compat)?;
        if !self.has_incompat(incompat::EXTENTS) {
            return Err(WriteError::Feature("no extent".to_owned()));
        }
        if ![1024, 2048, 4096].contains(&self.block_size) {
            return option("blocks of bytes", self.block_size.into(), "1024, 2048 or 4096");
        }
        if !self.inode_size.is_power_of_two() || self.inode_size < 128 || u32::from(self.inode_size) > self.block_size {
            return option("inodes of bytes", self.inode_size.into(), "a power of two from 128 to the size of a block");
        }
        if Version::new(self.hash_version).is_none() {
            return option("hash version", self.hash_version.into(), "0, 1 or 2");
        }
        if self.has_compat(compat::HAS_JOURNAL) && !(JOURNAL_MIN..=10_240_000).contains(&self.journal_blocks) {
            return option("journal blocks", self.journal_blocks.into(), "1024 to 10240000");
        }
        if self.log_groups_per_flex > 16 {
            return option("flex_bg groups as a power of two", self.log_groups_per_flex.into(), "at most 16");
        }
        if self.reserved_per_million > 500_000 {
            return option("millionths reserved", self.reserved_per_million.into(), "at most 500000");
        }
        Ok(())
    }

    pub(super) fn has_compat(&self, bit: u32) -> bool {
        self.features.compat & bit != 0
    }

    pub(super) fn has_incompat(&self, bit: u32) -> bool {
        self.features.incompat & bit != 0
    }

    pub(super) fn has_ro_compat(&self, bit: u32) -> bool {
        self.features.ro_compat & bit != 0
    }
}

fn refuse(word: usize, bits: u32) -> Result<(), WriteError> {
    if bits == 0 {
        return Ok(());
    }
    let bit = 1 << bits.trailing_zeros();
    let known = FEATURE_NAMES[word].iter().find(|(of, _)| *of == bit);
    Err(WriteError::Feature(known.map_or_else(|| format!("{bit:#x} of word {word}"), |(_, name)| (*name).to_owned())))
}

fn wide(low: u32, high: u32, incompat_features: u32) -> u64 {
    let high = if incompat_features & incompat::BIT64 == 0 { 0 } else { high };
    u64::from(high) << 32 | u64::from(low)
}

/// `ext2fs_default_journal_size()` in blocks, but at most `most`, 64 MiB, and a quarter of the file system.
fn journal_size(size: u64, block_size: u32, most: u32) -> u32 {
    let blocks = size / u64::from(block_size);
    let rule = match blocks >> 10 {
        0..32 => 1024,
        32..256 => 4096,
        256..512 => 8192,
        _ => 16384_u64,
    };
    let limit = (JOURNAL_LIMIT / u64::from(block_size)).min(blocks / 4).min(u64::from(most));
    // At most 16384: fits.
    (rule.min(limit) as u32).max(JOURNAL_MIN)
}

fn padded(label: &str) -> [u8; 16] {
    let end = (0..=label.len().min(16)).rev().find(|end| label.is_char_boundary(*end)).unwrap_or(0);
    let mut bytes = [0; 16];
    bytes[..end].copy_from_slice(&label.as_bytes()[..end]);
    bytes
}
