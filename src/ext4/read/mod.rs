//! Reading: superblock, groups, inodes, maps, folders, attributes — one file for each structure.
//!
//! Nothing is trusted. Every number is checked before it is used, every metadata checksum is verified, every block has one owner, and
//! the bitmaps must say the same. A file system that needs a journal replay, has errors, or has a feature that is not on the list is
//! refused: it would be copied wrongly. Work is linear in the size of the file system, because no block is owned twice; memory
//! is bounded by [`limits`], whatever is there or claimed to be.

mod bitmap;
mod blocks;
mod bytes;
mod claims;
mod dir;
mod error;
mod extents;
mod features;
mod group;
mod htree;
mod indirect;
mod inode;
mod journal;
pub mod limits;
mod map;
mod resize;
mod summary;
mod superblock;
mod unused;
mod walk;
mod xattr;

use std::collections::BTreeMap;

pub use error::{Ext4Error, Fault, Place, Unclean, Unsupported};
pub use summary::Summary;

use self::{blocks::Blocks, claims::Claims, group::Group, limits::Budget, superblock::Geometry, xattr::SharedBlock};
use crate::{
    disk::{Storage as _, Window},
    ext4::format::{SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, Superblock, compat, ino},
    tree::Tree,
};

/// An ext4 file system that is clean and has only features that are understood.
#[derive(Debug)]
pub struct Ext4 {
    volume: Volume,
    /// Blocks of groups, journal, and other files without a name.
    claims: Claims,
    journal_blocks: u64,
}

/// What is known once superblock and descriptors are read.
#[derive(Debug)]
struct Volume {
    window: Window,
    superblock: Superblock,
    geometry: Geometry,
    groups: Vec<Group>,
}

/// One pass over a file system: what was read, and who owns what so far.
#[derive(Debug)]
struct Session<'v> {
    volume: &'v Volume,
    blocks: Blocks,
    claims: Claims,
    xattr_blocks: BTreeMap<u64, SharedBlock>,
    budget: Budget,
}

impl Ext4 {
    /// Opens the file system that begins with the window. Superblock, group descriptors, reserved inodes and journal are verified.
    ///
    /// # Errors
    /// When it is not clean, has a feature that is not supported, is damaged, or cannot be read.
    pub fn open(window: Window) -> Result<Self, Ext4Error> {
        let mut bytes = [0; SUPERBLOCK_SIZE];
        if window.size() < SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE as u64 {
            return Err(Ext4Error::field(Place::Superblock, "size of the partition", window.size(), "room for a superblock"));
        }
        let failed = |source| Ext4Error::Read { offset: SUPERBLOCK_OFFSET, length: SUPERBLOCK_SIZE, source };
        window.read_exact_at(SUPERBLOCK_OFFSET, &mut bytes).map_err(failed)?;
        let (superblock, geometry) = superblock::check(&bytes, window.size())?;
        let mut blocks = Blocks::new(window.clone(), geometry.block_size);
        let mut groups = group::read(&mut blocks, &superblock, &geometry)?;
        let mut claims = Claims::new(&geometry);
        group::claim(&mut groups, &geometry, &mut claims)?;

        let volume = Volume { window, superblock, geometry, groups };
        let mut session = Session::new(&volume, claims);
        session.check_reserved_inodes()?;
        let features = volume.geometry.features;
        let journal_blocks = if features.compat(compat::HAS_JOURNAL) { session.check_journal()? } else { 0 };
        if features.compat(compat::ORPHAN_FILE) {
            session.check_orphan_file()?;
        }
        let claims = session.claims;
        Ok(Self { volume, claims, journal_blocks })
    }

    /// The superblock as it stands.
    #[must_use]
    pub const fn superblock(&self) -> &Superblock {
        &self.volume.superblock
    }

    /// The measures of the file system in words and numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::new(&self.volume, self.journal_blocks)
    }

    /// Reads the whole tree. Every metadata checksum and both bitmaps are verified; no content of a file is read: it becomes
    /// references into the storage below the window. `lost+found` is a folder like any other.
    ///
    /// # Errors
    /// When the file system is damaged, has something that is not supported, or cannot be read.
    pub fn tree(&self) -> Result<Tree, Ext4Error> {
        self.tree_within(&mut Budget::new())
    }

    /// As [`Ext4::tree`], with memory that several trees share.
    ///
    /// # Errors
    /// As [`Ext4::tree`], also when too little is left; nothing is spent then.
    pub fn tree_within(&self, budget: &mut Budget) -> Result<Tree, Ext4Error> {
        let mut session = Session::new(&self.volume, self.claims.clone());
        session.budget = *budget;
        let (tree, left) = walk::tree(session)?;
        *budget = left;
        Ok(tree)
    }
}

impl<'v> Session<'v> {
    fn new(volume: &'v Volume, claims: Claims) -> Self {
        let blocks = Blocks::new(volume.window.clone(), volume.geometry.block_size);
        Self { volume, blocks, claims, xattr_blocks: BTreeMap::new(), budget: Budget::new() }
    }

    /// Claims what inodes below `s_first_ino` own, except root and journal.
    fn check_reserved_inodes(&mut self) -> Result<(), Ext4Error> {
        let features = self.volume.geometry.features;
        for number in (1..self.volume.geometry.first_ino).filter(|number| *number != ino::ROOT) {
            if number == ino::JOURNAL && features.compat(compat::HAS_JOURNAL) {
                continue;
            }
            let record = self.inode(number, true)?;
            if number == ino::BAD_BLOCKS && record.raw.block.iter().any(|byte| *byte != 0) {
                return Err(Unsupported::BadBlocks.into());
            }
            if number == ino::RESIZE && features.compat(compat::RESIZE_INODE) {
                self.check_resize_inode(&record)?;
                continue;
            }
            // Most are not in use; the boot loader's may be.
            if record.raw.mode != 0 {
                record.check_flags(&self.volume.geometry)?;
                let map = self.map(&record)?;
                self.check_block_count(&record, map.owned)?;
            }
        }
        Ok(())
    }

    /// Compares `i_blocks` with the blocks an inode owns.
    fn check_block_count(&self, record: &inode::Record, owned: u64) -> Result<(), Ext4Error> {
        let got = record.blocks(&self.volume.geometry);
        if got == Some(owned) {
            return Ok(());
        }
        let fault = Fault::Count { what: "i_blocks", got: got.unwrap_or(record.raw.blocks_lo.into()), expected: owned };
        Err(Ext4Error::corrupt(record.place(), fault))
    }
}
