//! The file allocation table in memory.

use super::{
    FatError,
    geometry::{Geometry, Variant},
};

/// What an entry of the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Free,
    Next(u32),
    Bad,
    End,
}

/// All entries of one table, as its bytes.
#[derive(Clone)]
pub(super) struct Table {
    variant: Variant,
    clusters: u32,
    bytes: Vec<u8>,
}

impl Table {
    /// `bytes` has `geometry.table_len` bytes, enough for every cluster.
    pub(super) fn new(geometry: &Geometry, bytes: Vec<u8>) -> Self {
        Self { variant: geometry.variant, clusters: geometry.clusters, bytes }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Numbers of all data clusters.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        2..self.clusters + 2
    }

    /// Whether the flags in entry 1 say that the volume was unmounted and that no sector failed. FAT12 has no such flags.
    pub(super) fn is_clean(&self) -> bool {
        let flags = match self.variant {
            Variant::Fat12 => return true,
            Variant::Fat16 => 0xc000,
            Variant::Fat32 => 0x0c00_0000,
        };
        self.raw(1) & flags == flags
    }

    pub(super) fn link(&self, number: u32) -> Link {
        let (bad, mask) = match self.variant {
            Variant::Fat12 => (0xff7, 0xfff),
            Variant::Fat16 => (0xfff7, 0xffff),
            Variant::Fat32 => (0x0fff_fff7, 0x0fff_ffff),
        };
        match self.raw(number) & mask {
            0 => Link::Free,
            value if value == bad => Link::Bad,
            value if value > bad => Link::End,
            value => Link::Next(value),
        }
    }

    pub(super) fn set(&mut self, number: u32, link: Link) {
        let value = match link {
            Link::Free => 0,
            Link::Next(next) => next,
            Link::Bad => 0x0fff_fff7,
            Link::End => 0x0fff_ffff,
        };
        let at = self.entry(number);
        let bytes = &mut self.bytes[at..];
        match self.variant {
            Variant::Fat12 if number.is_multiple_of(2) => {
                bytes[0] = value as u8;
                bytes[1] = bytes[1] & 0xf0 | (value >> 8 & 0x0f) as u8;
            }
            Variant::Fat12 => {
                bytes[0] = bytes[0] & 0x0f | (value << 4) as u8;
                bytes[1] = (value >> 4) as u8;
            }
            Variant::Fat16 => bytes[..2].copy_from_slice(&(value as u16).to_le_bytes()),
            Variant::Fat32 => {
                // The upper four bits are reserved and stay.
                let kept = u32::from(bytes[3] & 0xf0) << 24;
                bytes[..4].copy_from_slice(&(value | kept).to_le_bytes());
            }
        }
    }

    /// The clusters of a chain, in order.
    pub(super) fn chain(&self, first: u32) -> Result<Vec<u32>, FatError> {
        let mut chain = Vec::new();
        let mut number = first;
        loop {
            if number < 2 || number - 2 >= self.clusters {
                return Err(FatError::Corrupt(format!("a chain goes to cluster {number}, the last one is {}", self.clusters + 1)));
            }
            if chain.len() >= self.clusters as usize {
                return Err(FatError::Corrupt(format!("the chain from cluster {first} has no end")));
            }
            chain.push(number);
            match self.link(number) {
                Link::Next(next) => number = next,
                Link::End => return Ok(chain),
                other => {
                    return Err(FatError::Corrupt(format!(
                        "the chain from cluster {first} goes through cluster {number}, marked {other:?}"
                    )));
                }
            }
        }
    }

    /// Writes a chain: each cluster points to the one behind it.
    pub(super) fn join(&mut self, chain: &[u32]) {
        for pair in chain.windows(2) {
            self.set(pair[0], Link::Next(pair[1]));
        }
        if let Some(last) = chain.last() {
            self.set(*last, Link::End);
        }
    }

    pub(super) fn free(&self) -> u32 {
        self.numbers().filter(|n| self.link(*n) == Link::Free).count() as u32
    }

    /// `count` free clusters: the first run that is long enough, else the first ones there are. `None` when there are too few.
    pub(super) fn find_free(&self, count: u64) -> Option<Vec<u32>> {
        let wanted = usize::try_from(count).ok().filter(|wanted| *wanted <= self.clusters as usize)?;
        let mut first = Vec::with_capacity(wanted);
        let mut run = 0;
        for number in self.numbers() {
            if run == wanted {
                return Some((number - run as u32..number).collect());
            }
            if self.link(number) == Link::Free {
                run += 1;
                if first.len() < wanted {
                    first.push(number);
                }
            } else {
                run = 0;
            }
        }
        if run == wanted {
            let end = self.clusters + 2;
            return Some((end - run as u32..end).collect());
        }
        (first.len() == wanted).then_some(first)
    }

    /// Offset of an entry; callers pass 0, 1 or the number of a cluster, for which the table is long enough.
    fn entry(&self, number: u32) -> usize {
        let number = number as usize;
        match self.variant {
            Variant::Fat12 => number + number / 2,
            Variant::Fat16 => number * 2,
            Variant::Fat32 => number * 4,
        }
    }

    fn raw(&self, number: u32) -> u32 {
        let bytes = &self.bytes[self.entry(number)..];
        let low = u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        match self.variant {
            Variant::Fat12 if number.is_multiple_of(2) => low & 0xfff,
            Variant::Fat12 => low >> 4,
            Variant::Fat16 => low,
            Variant::Fat32 => u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        }
    }
}
