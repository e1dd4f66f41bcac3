//! Who owns a block: every owner claims its blocks, and none is claimed twice.

use super::{
    bytes::index,
    error::{Ext4Error, Fault, Place},
    superblock::Geometry,
};

/// One bit for each block from `first_data_block` on, in the order of a block bitmap, so that it can be compared with one.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    first: u64,
    end: u64,
    bits: Vec<u8>,
}

impl Claims {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let bytes = (geometry.blocks - geometry.first_data_block).div_ceil(8);
        Self { first: geometry.first_data_block, end: geometry.blocks, bits: vec![0; index(bytes)] }
    }

    /// Takes `count` blocks from `first` on for what stands at `place`. Work is bounded by the blocks of the file system over all
    /// calls, because no block is taken twice.
    pub(super) fn claim(&mut self, place: Place, first: u64, count: u64) -> Result<(), Ext4Error> {
        let outside = || Ext4Error::corrupt(place, Fault::Outside { first, count });
        let end = first.checked_add(count).filter(|end| first >= self.first && *end <= self.end).ok_or_else(outside)?;
        let (mut bit, end) = (first - self.first, end - self.first);
        while bit < end {
            let byte = &mut self.bits[index(bit / 8)];
            let width = (8 - bit % 8).min(end - bit);
            // At most 8 bits, and they lie in one byte.
            let mask = (((1_u16 << width) - 1) << (bit % 8)) as u8;
            if *byte & mask != 0 {
                let taken = (bit..bit + width).find(|bit| *byte & (1 << (bit % 8)) != 0).unwrap_or(bit);
                return Err(Ext4Error::corrupt(place, Fault::UsedTwice(self.first + taken)));
            }
            *byte |= mask;
            bit += width;
        }
        Ok(())
    }

    /// The bits of one group.
    pub(super) fn group(&self, geometry: &Geometry, group: u32) -> &[u8] {
        // The bits of a group begin at a whole byte: blocks_per_group is a multiple of 8.
        let start = index((geometry.group_start(group) - self.first) / 8);
        let end = start + index(geometry.group_blocks(group).div_ceil(8));
        &self.bits[start..end]
    }
}

/// The first bit (of `count`) in which two bitmaps differ.
pub(super) fn first_difference(a: &[u8], b: &[u8], count: u64) -> Option<u64> {
    let byte = a.iter().zip(b).position(|(a, b)| a != b)?;
    let bits = u64::from((a[byte] ^ b[byte]).trailing_zeros());
    let from = 8 * super::bytes::length(byte) + bits;
    // Behind the last bit stands padding, which begins inside a byte at most.
    (from < count).then_some(from)
}

/// How many of the first `count` bits are set.
pub(super) fn set_bits(bits: &[u8], count: u64) -> u64 {
    let whole = index(count / 8).min(bits.len());
    let full: u64 = bits[..whole].iter().map(|byte| u64::from(byte.count_ones())).sum();
    let rest = bits.get(whole).map_or(0, |byte| (byte & ((1_u16 << (count % 8)) - 1) as u8).count_ones());
    full + u64::from(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(first: u64, end: u64) -> Claims {
        Claims { first, end, bits: vec![0; index((end - first).div_ceil(8))] }
    }

    #[test]
    fn a_block_is_claimed_once() {
        let mut claims = claims(1, 101);
        let place = Place::Inode(12);
        claims.claim(place, 3, 20).unwrap();
        claims.claim(place, 1, 2).unwrap();
        claims.claim(place, 23, 78).unwrap();
        assert_eq!(set_bits(&claims.bits, 100), 100);
        assert!(matches!(claims.claim(place, 57, 1), Err(Ext4Error::Corrupt { fault: Fault::UsedTwice(57), .. })));
    }

    #[test]
    fn overlap_is_named_and_outside_refused() {
        let mut claims = claims(0, 64);
        let place = Place::Inode(12);
        claims.claim(place, 10, 3).unwrap();
        assert!(matches!(claims.claim(place, 5, 9), Err(Ext4Error::Corrupt { fault: Fault::UsedTwice(10), .. })));
        for (first, count) in [(64, 1), (60, 5), (u64::MAX, 1), (1, u64::MAX)] {
            assert!(matches!(claims.claim(place, first, count), Err(Ext4Error::Corrupt { fault: Fault::Outside { .. }, .. })));
        }
    }

    #[test]
    fn differences_behind_the_count_do_not_matter() {
        assert_eq!(first_difference(&[0, 0b0100], &[0, 0], 16), Some(10));
        assert_eq!(first_difference(&[0, 0b0100], &[0, 0], 10), None);
        assert_eq!(set_bits(&[0xff, 0xff], 11), 11);
        assert_eq!(set_bits(&[0xff, 0xff], 16), 16);
    }
}
