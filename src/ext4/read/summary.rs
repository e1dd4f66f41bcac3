//! A file system in words and numbers, for reports.

use serde::Serialize;

use super::{Volume, bytes::wide};
use crate::ext4::format::{FLAG_SIGNED_HASH, FLAG_UNSIGNED_HASH, incompat};

/// The measures of a file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Volume label; bytes that are not UTF-8 are replaced.
    pub label: String,
    /// UUID in its usual text form.
    pub uuid: String,
    /// Where it was mounted last; empty when never.
    pub last_mounted: String,
    /// Creation, in seconds since 1970.
    pub created: i64,
    /// Bytes in a block.
    pub block_size: u64,
    /// Blocks in the file system.
    pub blocks: u64,
    /// Free blocks, those that are reserved included.
    pub free_blocks: u64,
    /// Blocks that only root may fill.
    pub reserved_blocks: u64,
    /// Inodes in the file system.
    pub inodes: u32,
    /// Free inodes.
    pub free_inodes: u32,
    /// Bytes in an inode.
    pub inode_size: u64,
    /// Block groups.
    pub groups: u32,
    /// Blocks kept for descriptors of groups that growth adds.
    pub growth_blocks: u64,
    /// Blocks of the journal, 0 without one.
    pub journal_blocks: u64,
    /// Default hash of names in folders (`half_md4`, …), and whether bytes are signed in it.
    pub directory_hash: String,
    /// Features by the names that `dumpe2fs` gives them.
    pub features: Vec<&'static str>,
}

impl Summary {
    pub(super) fn new(volume: &Volume, journal_blocks: u64) -> Self {
        let (sb, geometry) = (&volume.superblock, &volume.geometry);
        let hi = |half| if geometry.features.incompat(incompat::BIT64) { half } else { 0 };
        Self {
            label: text(&sb.volume_name),
            uuid: uuid(sb.uuid),
            last_mounted: text(&sb.last_mounted),
            created: i64::from(sb.mkfs_time_hi) << 32 | i64::from(sb.mkfs_time),
            block_size: geometry.block_size,
            blocks: geometry.blocks,
            free_blocks: wide(sb.free_blocks_count_lo, hi(sb.free_blocks_count_hi)),
            reserved_blocks: wide(sb.r_blocks_count_lo, hi(sb.r_blocks_count_hi)),
            inodes: geometry.inodes,
            free_inodes: sb.free_inodes_count,
            inode_size: geometry.inode_size,
            groups: geometry.groups,
            growth_blocks: geometry.reserved_gdt_blocks,
            journal_blocks,
            directory_hash: directory_hash(sb.def_hash_version, sb.flags),
            features: geometry.features.names(),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn directory_hash(version: u8, flags: u32) -> String {
    let name = match version {
        0 => "legacy",
        1 => "half_md4",
        2 => "tea",
        _ => "unknown",
    };
    let sign = match flags & (FLAG_SIGNED_HASH | FLAG_UNSIGNED_HASH) {
        FLAG_SIGNED_HASH => " (signed)",
        FLAG_UNSIGNED_HASH => " (unsigned)",
        _ => "",
    };
    format!("{name}{sign}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(uuid(std::array::from_fn(|n| n as u8)), "00010203-0405-0607-0809-0a0b0c0d0e0f");
        assert_eq!(text(b"rootfs\0\0x"), "rootfs");
        assert_eq!(directory_hash(1, FLAG_SIGNED_HASH), "half_md4 (signed)");
    }
}
