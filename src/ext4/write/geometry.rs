//! Where the fixed metadata stands: superblocks, descriptors, bitmaps and inode tables, at the places that `mke2fs` gives them.

use super::{
    error::WriteError,
    options::{Inodes, Options},
    space::Run,
};
use crate::ext4::format::{compat, incompat, ino, ro_compat};

/// Where bitmaps and inode table of a group stand, as block numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
}

/// Sizes, numbers and places that the options and the number of files decide.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    pub(super) block_size: u64,
    /// Blocks of the file system; may be fewer than the image has room for.
    pub(super) blocks: u64,
    /// 1 with blocks of 1 KiB, because the superblock stands in block 1 there; else 0.
    pub(super) first_block: u64,
    pub(super) blocks_per_group: u64,
    pub(super) groups: u32,
    pub(super) inodes_per_group: u32,
    /// Blocks of an inode table.
    pub(super) table_blocks: u64,
    pub(super) descriptor_size: usize,
    pub(super) descriptor_blocks: u64,
    pub(super) reserved_descriptor_blocks: u64,
    pub(super) places: Vec<Places>,
    /// All fixed metadata, ascending and disjoint.
    pub(super) taken: Vec<Run>,
    /// Groups that hold bitmaps or tables of other groups.
    pub(super) hosts: Vec<bool>,
    sparse: bool,
}

impl Geometry {
    /// For `used` inodes, the reserved ones among them.
    pub(super) fn new(options: &Options, used: u64) -> Result<Self, WriteError> {
        let too_small = || WriteError::TooSmall { size: options.size };
        let block_size = u64::from(options.block_size);
        let wide = options.has_incompat(incompat::BIT64);
        let mut geometry = Self {
            block_size,
            // Without 64bit a number of blocks has 32 bits.
            blocks: (options.size / block_size).min(if wide { 1 << 48 } else { u64::from(u32::MAX) }),
            first_block: u64::from(options.block_size == 1024),
            blocks_per_group: 8 * block_size,
            groups: 0,
            inodes_per_group: 0,
            table_blocks: 0,
            descriptor_size: if wide { 64 } else { 32 },
            descriptor_blocks: 0,
            reserved_descriptor_blocks: 0,
            places: Vec::new(),
            taken: Vec::new(),
            hosts: Vec::new(),
            sparse: options.has_ro_compat(ro_compat::SPARSE_SUPER),
        };
        loop {
            geometry.count(options, used)?;
            let last = geometry.groups - 1;
            let rest = geometry.group_blocks(last);
            // As mke2fs: a last group that would hold little but its own metadata is not made.
            if rest == geometry.blocks_per_group || rest >= geometry.fixed_blocks(last) + 50 {
                break;
            }
            if last == 0 {
                return Err(too_small());
            }
            geometry.blocks -= rest;
        }
        let flex = if options.has_incompat(incompat::FLEX_BG) { 1 << options.log_groups_per_flex } else { 1 };
        geometry.place(flex).ok_or_else(too_small)?;
        Ok(geometry)
    }

    fn count(&mut self, options: &Options, used: u64) -> Result<(), WriteError> {
        let too_small = || WriteError::TooSmall { size: options.size };
        let groups = self.blocks.checked_sub(self.first_block).filter(|blocks| *blocks > 0).ok_or_else(too_small)?;
        let groups = groups.div_ceil(self.blocks_per_group);
        self.groups = u32::try_from(groups).map_err(|_| WriteError::Option {
            name: "bytes of size",
            got: options.size,
            expected: "at most 2^32 groups",
        })?;
        let per_block = self.block_size / self.descriptor_size as u64;
        self.descriptor_blocks = groups.div_ceil(per_block);
        self.reserved_descriptor_blocks = if options.has_compat(compat::RESIZE_INODE) {
            let grown = (options.growth_limit / self.block_size).max(self.blocks).div_ceil(self.blocks_per_group).div_ceil(per_block);
            grown.saturating_sub(self.descriptor_blocks).min(self.block_size / 4)
        } else {
            0
        };
        // Whole blocks of the table, and whole bytes of the bitmap.
        let unit = (self.block_size / u64::from(options.inode_size)).max(8);
        // A bitmap is one block, and the descriptor without 64bit counts up to 65535.
        let most = (8 * self.block_size).min(65536 - unit);
        let per_group = match options.inodes {
            Inodes::PerGroup(count) => u64::from(count),
            Inodes::PerBytes(bytes) => (options.size / bytes.max(1)).max(used + used / 5).div_ceil(groups),
        };
        let per_group = per_group.next_multiple_of(unit).clamp(unit.max(16), most);
        let available = (per_group * groups).min(u64::from(u32::MAX));
        if used > available || per_group * groups > u64::from(u32::MAX) {
            return Err(WriteError::NoInodes { needed: used, available });
        }
        self.inodes_per_group = per_group as u32;
        self.table_blocks = per_group * u64::from(options.inode_size) / self.block_size;
        Ok(())
    }

    /// Puts bitmaps and tables of each flex group together at its start.
    fn place(&mut self, flex: u32) -> Option<()> {
        let supers: Vec<Run> = (0..self.groups).filter_map(|group| self.super_run(group)).collect();
        if supers.iter().any(|run| run.end() > self.blocks) {
            return None;
        }
        self.places = vec![Places::default(); self.groups as usize];
        self.hosts = vec![false; self.groups as usize];
        let mut carved = Vec::new();
        for first in (0..self.groups).step_by(flex as usize) {
            let after = first.saturating_add(flex).min(self.groups);
            let end = self.group_start(after - 1) + self.group_blocks(after - 1);
            let mut cursor = self.group_start(first);
            let mut carve = |count: u64| {
                // At most one pass over the backups of this flex group: the cursor only moves on.
                let mut next = supers.partition_point(|run| run.end() <= cursor);
                while let Some(run) = supers.get(next).filter(|run| run.first < cursor + count) {
                    cursor = run.end();
                    next += 1;
                }
                let start = cursor;
                cursor += count;
                (cursor <= end).then(|| {
                    carved.push(Run { first: start, count });
                    start
                })
            };
            for group in first..after {
                self.places[group as usize].block_bitmap = carve(1)?;
            }
            for group in first..after {
                self.places[group as usize].inode_bitmap = carve(1)?;
            }
            for group in first..after {
                self.places[group as usize].inode_table = carve(self.table_blocks)?;
            }
        }
        for group in 0..self.groups {
            let places = self.places[group as usize];
            for (start, count) in [(places.block_bitmap, 1), (places.inode_bitmap, 1), (places.inode_table, self.table_blocks)] {
                for host in [self.group_of(start), self.group_of(start + count - 1)] {
                    self.hosts[host as usize] |= host != group;
                }
            }
        }
        let mut taken: Vec<Run> = supers;
        taken.extend(carved);
        taken.sort_unstable_by_key(|run| run.first);
        self.taken = Vec::new();
        for run in taken {
            match self.taken.last_mut() {
                Some(last) if last.end() == run.first => last.count += run.count,
                _ => self.taken.push(run),
            }
        }
        Some(())
    }

    /// First block of a group.
    pub(super) fn group_start(&self, group: u32) -> u64 {
        self.first_block + u64::from(group) * self.blocks_per_group
    }

    /// Blocks of a group: fewer in the last one.
    pub(super) fn group_blocks(&self, group: u32) -> u64 {
        self.blocks_per_group.min(self.blocks - self.group_start(group))
    }

    /// The group that a block belongs to.
    pub(super) fn group_of(&self, block: u64) -> u32 {
        // The number of groups fits, and so does that of a group.
        ((block - self.first_block) / self.blocks_per_group) as u32
    }

    /// Whether a group holds a copy of the superblock and the descriptors.
    pub(super) fn has_super(&self, group: u32) -> bool {
        let power_of = |base: u32| {
            let mut power = base;
            while power < group {
                power = power.saturating_mul(base);
            }
            power == group
        };
        !self.sparse || group <= 1 || [3, 5, 7].into_iter().any(power_of)
    }

    /// Groups with a copy of the superblock, but for the first.
    pub(super) fn backups(&self) -> impl Iterator<Item = u32> + '_ {
        (1..self.groups).filter(|group| self.has_super(*group))
    }

    fn super_run(&self, group: u32) -> Option<Run> {
        // Block 0 of blocks larger than 1 KiB holds the boot sector and the superblock.
        let count = 1 + self.descriptor_blocks + self.reserved_descriptor_blocks;
        self.has_super(group).then(|| Run { first: self.group_start(group), count })
    }

    /// What a group needs for itself, whether or not it stands in it.
    fn fixed_blocks(&self, group: u32) -> u64 {
        2 + self.table_blocks + self.super_run(group).map_or(0, |run| run.count)
    }

    /// All inodes.
    pub(super) fn inodes(&self) -> u32 {
        // Checked when they were counted.
        self.inodes_per_group * self.groups
    }

    /// How many inodes up to number `last` stand in a group.
    pub(super) fn inodes_used(&self, group: u32, last: u32) -> u32 {
        last.saturating_sub(group * self.inodes_per_group).min(self.inodes_per_group)
    }

    /// Group of an inode and its index in the table there.
    pub(super) fn inode_place(&self, number: u32) -> (u32, u32) {
        ((number - 1) / self.inodes_per_group, (number - 1) % self.inodes_per_group)
    }

    /// The reserved inodes, which count as used.
    pub(super) const RESERVED_INODES: u32 = ino::FIRST - 1;
}
