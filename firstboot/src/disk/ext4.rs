//! The superblock of an ext4 (`struct ext4_super_block` in the kernel's `fs/ext4/ext4.h`), as far as growth needs it.

use super::{
    bytes::{array_at, crc32c, u16_at, u32_at},
    signature,
};

/// Where it stands in its partition, in bytes.
const OFFSET: usize = 1024;
const SIZE: usize = 1024;
const MAGIC: u16 = 0xef53;

const HAS_ERRORS: u16 = 2;
const BIT64: u32 = 0x80;
const METADATA_CSUM: u32 = 0x400;

/// What a superblock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// UUID of the file system, in lower case with hyphens.
    pub uuid: String,
    /// Bytes of a block.
    pub block_size: u64,
    /// How many blocks there are.
    pub blocks: u64,
    /// Whether the kernel found errors since it was checked last.
    pub has_errors: bool,
    /// Whether its checksum is that of its bytes, or it has none.
    pub is_sealed: bool,
    /// Blocks of a group, and how many the tables of a last, short group may take.
    group: (u64, u64),
}

/// Why the first bytes of a partition are no superblock to go on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoSuperblock {
    /// There is none.
    #[error("it holds no ext4 but {0}")]
    Other(&'static str),
    /// Numbers that cannot be.
    #[error("the superblock of its ext4 is damaged")]
    Damaged,
}

impl Superblock {
    /// From the first [`signature::LENGTH`] bytes of a partition.
    ///
    /// # Errors
    /// When they hold none.
    pub fn parse(partition: &[u8]) -> Result<Self, NoSuperblock> {
        let other = || NoSuperblock::Other(signature::describe(partition));
        let bytes = partition.get(OFFSET..OFFSET + SIZE).ok_or_else(other)?;
        if u16_at(bytes, 0x38) != MAGIC {
            return Err(other());
        }
        let word = |at| u64::from(u32_at(bytes, at));
        let (incompatible, read_only) = (u32_at(bytes, 0x60), u32_at(bytes, 0x64));
        let high = |at| if incompatible & BIT64 == 0 { 0 } else { word(at) << 32 };
        let (blocks, per_group) = (word(0x4) | high(0x150), word(0x20));
        let block_size = 1024_u64.checked_shl(u32_at(bytes, 0x18)).filter(|size| (1024..=65536).contains(size));
        let (Some(block_size), true) = (block_size, blocks > 0 && (1..=8 << 16).contains(&per_group)) else {
            return Err(NoSuperblock::Damaged);
        };
        // As resize2fs reckons: bitmaps, inodes, a copy of the superblock and of all descriptors, and fifty blocks worth having.
        let inodes = (word(0x28) * u64::from(u16_at(bytes, 0x58))).div_ceil(block_size);
        let descriptor = if incompatible & BIT64 == 0 { 32 } else { u64::from(u16_at(bytes, 0xfe)).clamp(32, 1024) };
        let descriptors = blocks.div_ceil(per_group).saturating_mul(descriptor).div_ceil(block_size);
        let overhead = 2 + inodes + 1 + descriptors + u64::from(u16_at(bytes, 0xce)) + 50;
        Ok(Self {
            uuid: uuid(array_at(bytes, 0x68)),
            block_size,
            blocks,
            has_errors: u16_at(bytes, 0x3a) & HAS_ERRORS != 0,
            is_sealed: read_only & METADATA_CSUM == 0 || crc32c(&bytes[..0x3fc]) == u32_at(bytes, 0x3fc),
            group: (per_group, overhead),
        })
    }

    /// How many blocks it is to have in a partition of so many bytes; at least as many as it has. A last group that would be too short for
    /// its own tables is left out, as resize2fs does.
    #[must_use]
    pub fn grown(&self, bytes: u64) -> u64 {
        let wanted = bytes / self.block_size;
        let first = u64::from(self.block_size == 1024);
        let (per_group, overhead) = self.group;
        let rest = wanted.saturating_sub(first) % per_group;
        let wanted = if rest < overhead { wanted - rest.min(wanted) } else { wanted };
        wanted.max(self.blocks)
    }
}

fn uuid(bytes: [u8; 16]) -> String {
    let text = format!("{:032x}", u128::from_be_bytes(bytes));
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::bytes::put;

    /// 256 MiB in blocks of 4 KiB: inodes of 512 bytes, one for 16 KiB; room for descriptors of 2 TiB.
    fn partition() -> Vec<u8> {
        let mut bytes = vec![0; signature::LENGTH];
        let fields: [(usize, &[u8]); 10] = [
            (0x4, &65536_u32.to_le_bytes()),
            (0x18, &2_u32.to_le_bytes()),
            (0x20, &32768_u32.to_le_bytes()),
            (0x28, &8192_u32.to_le_bytes()),
            (0x38, &MAGIC.to_le_bytes()),
            (0x58, &512_u16.to_le_bytes()),
            (0x60, &BIT64.to_le_bytes()),
            (0x68, &[1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16]),
            (0xce, &256_u16.to_le_bytes()),
            (0xfe, &64_u16.to_le_bytes()),
        ];
        for (at, value) in fields {
            put(&mut bytes, OFFSET + at, value);
        }
        bytes
    }

    #[test]
    fn it_says_what_growth_needs() {
        let superblock = Superblock::parse(&partition()).unwrap();
        assert_eq!(superblock.uuid, "01020304-0506-4708-890a-0b0c0d0e0f10");
        assert_eq!((superblock.blocks, superblock.block_size, superblock.has_errors, superblock.is_sealed), (65536, 4096, false, true));
        assert_eq!(superblock.grown(512 << 20), 131_072);
        assert_eq!(superblock.grown(100 << 20), 65536, "it never shrinks");
        // 4 MiB are 1024 blocks, which the inodes of a group take up alone; 8 MiB are enough.
        assert_eq!(superblock.grown((512 << 20) + (4 << 20)), 131_072);
        assert_eq!(superblock.grown((512 << 20) + (8 << 20)), 131_072 + 2048);
    }

    #[test]
    fn damage_is_told_from_absence() {
        let with = |at: usize, value: &[u8]| {
            let mut bytes = partition();
            put(&mut bytes, OFFSET + at, value);
            Superblock::parse(&bytes)
        };
        assert_eq!(with(0x38, &[0, 0]), Err(NoSuperblock::Other("nothing that is known")));
        assert_eq!(with(0x18, &[9]), Err(NoSuperblock::Damaged));
        assert_eq!(with(0x18, &[0xff; 4]), Err(NoSuperblock::Damaged));
        assert_eq!(with(0x4, &[0; 4]), Err(NoSuperblock::Damaged));
        assert_eq!(with(0x20, &[0; 4]), Err(NoSuperblock::Damaged));
        assert_eq!(Superblock::parse(&[0; 100]), Err(NoSuperblock::Other("nothing but zeroes at its start")));
        assert!(with(0x3a, &[3]).unwrap().has_errors);
        assert!(!with(0x64, &METADATA_CSUM.to_le_bytes()).unwrap().is_sealed);
        // Any numbers are read without a panic.
        for seed in 0..2000_u32 {
            let bytes: Vec<u8> = (0..64_u32).map(|at| (seed.wrapping_mul(2_654_435_761).rotate_left(at) >> (at % 24)) as u8).collect();
            let at = (seed as usize * 7) % 960;
            if let Ok(superblock) = with(at, &bytes) {
                for size in [0, 1 << 20, 1 << 40, u64::MAX] {
                    assert!(superblock.grown(size) >= superblock.blocks);
                }
            }
        }
    }
}
