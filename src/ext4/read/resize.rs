//! The resize inode: it owns the blocks kept for growth of the descriptors, through maps of a shape of its own
//! (`verify_reserved_gdb()` in fs/ext4/resize.c).

use super::{
    Session,
    bytes::{index, le32},
    error::{Ext4Error, Place},
    inode::Record,
};

/// Place in `i_block` of the block that names the kept blocks of group 0.
const DOUBLE: usize = 13;

impl Session<'_> {
    /// Checks the maps. The kept blocks are claimed with their groups; the one block of block numbers above them is claimed here.
    pub(super) fn check_resize_inode(&mut self, record: &Record) -> Result<(), Ext4Error> {
        let geometry = &self.volume.geometry;
        let reserved = geometry.reserved_gdt_blocks;
        let word = |slot: usize| le32(&record.raw.block, 4 * slot).unwrap_or(0);
        let unused = (0..15).filter(|slot| *slot != DOUBLE).find(|slot| word(*slot) != 0);
        if let Some(slot) = unused {
            return Err(Ext4Error::field(record.place(), "i_block", word(slot).into(), "only a doubly indirect block in the resize inode"));
        }
        let double = u64::from(word(DOUBLE));
        if double == 0 && reserved == 0 {
            return self.check_block_count(record, 0);
        }
        self.claims.claim(record.place(), double, 1)?;
        let per_block = geometry.block_size / 4;
        let first = geometry.superblock_block() + 1 + geometry.desc_blocks;
        let mut expected = vec![0; index(per_block)];
        for kept in 0..reserved {
            // Below per_block; there are no more kept blocks than entries.
            expected[index((geometry.desc_blocks + kept) % per_block)] = first + kept;
        }
        let place = |block| Place::Block { inode: record.number, block };
        compare(place(double), self.blocks.block(double)?, &expected)?;

        let copies: Vec<u64> = (1..geometry.groups).filter(|group| geometry.has_superblock(*group)).map(u64::from).collect();
        for block in first..first + reserved {
            // No overflow: every copy lies in its group.
            let expected: Vec<u64> = copies.iter().map(|group| block + group * geometry.blocks_per_group).collect();
            compare(place(block), self.blocks.block(block)?, &expected)?;
        }
        self.check_block_count(record, 1 + reserved * (1 + super::bytes::length(copies.len())))
    }
}

/// Compares a block of block numbers with what it must hold; the rest of it is zero.
fn compare(place: Place, bytes: &[u8], expected: &[u64]) -> Result<(), Ext4Error> {
    let expected = expected.iter().copied().chain(std::iter::repeat(0));
    for (entry, expected) in bytes.chunks_exact(4).zip(expected) {
        let got = u64::from(le32(entry, 0).unwrap_or(0));
        if got != expected {
            return Err(Ext4Error::field(place, "resize inode", got, "the blocks kept for growth, in order"));
        }
    }
    Ok(())
}
