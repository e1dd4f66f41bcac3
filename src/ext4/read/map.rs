//! From blocks of a file to blocks of the file system, whichever way the inode keeps the map.

use super::{
    Session,
    error::{Ext4Error, Fault, Unsupported},
    inode::Record,
    limits::{self, MAX_FOLDER},
};
use crate::{
    disk::{Extent, Extents, Source},
    ext4::format::inode_flags,
};

/// Consecutive blocks that hold data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First block in the file.
    pub(super) logical: u64,
    /// First block in the file system.
    pub(super) physical: u64,
    /// Number of blocks.
    pub(super) count: u64,
}

/// The map of one inode: ascending runs, all of them claimed. Blocks without a run, and unwritten ones, are holes.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    pub(super) runs: Vec<Run>,
    /// All blocks the inode owns for its content: data, unwritten blocks, and the blocks of the map.
    pub(super) owned: u64,
}

impl Map {
    /// Appends a run, joined to the last one where they are one.
    fn push(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last) if last.logical + last.count == run.logical && last.physical + last.count == run.physical => last.count += run.count,
            _ => self.runs.push(run),
        }
    }
}

impl Session<'_> {
    /// Reads the map of an inode with blocks, and claims them.
    pub(super) fn map(&mut self, record: &Record) -> Result<Map, Ext4Error> {
        if record.has_flag(inode_flags::EXTENTS) { self.extents(record) } else { self.indirect(record) }
    }

    /// Appends a run to a map, if there is memory for it; the first one comes with the inode.
    pub(super) fn append(&mut self, map: &mut Map, run: Run) -> Result<(), Ext4Error> {
        let before = map.runs.len();
        map.push(run);
        if before > 0 && map.runs.len() > before { self.budget.spend(limits::EXTENT) } else { Ok(()) }
    }

    /// Checks the size of a regular file: what the map can hold at most, and no data behind the end.
    pub(super) fn check_file_size(&self, record: &Record, map: &Map, size: u64) -> Result<(), Ext4Error> {
        let block_size = self.volume.geometry.block_size;
        let per_block = block_size / 4;
        // No overflow: about 2^30 blocks of numbers, or 2^32 blocks, of 2^12 bytes.
        let indirect = 12 + per_block * (1 + per_block * (1 + per_block));
        let blocks = if record.has_flag(inode_flags::EXTENTS) { 1 << 32 } else { indirect };
        if size > blocks * block_size {
            return Err(Ext4Error::field(record.place(), "i_size", size, "no more than the map of the file can hold"));
        }
        if map.runs.last().is_some_and(|run| (run.logical + run.count - 1) * block_size > size) {
            return Err(Ext4Error::field(record.place(), "i_size", size, "no whole block of data behind the end"));
        }
        Ok(())
    }

    /// The content of a file of `size` bytes as references.
    pub(super) fn content(&self, map: &Map, size: u64) -> Extents {
        let block_size = self.volume.geometry.block_size;
        let mut content = Extents::default();
        for run in &map.runs {
            // No overflow: logical blocks have 32 bits, and the run lies in the file system.
            let offset = run.logical * block_size;
            if offset >= size {
                break;
            }
            let source =
                Source::Stored { storage: self.blocks.window().storage().clone(), start: self.blocks.storage_offset(run.physical) };
            content.push(Extent { offset, len: (run.count * block_size).min(size - offset), source });
        }
        content.resize(size);
        // A copy has no room to grow into: most files are one extent.
        content.clone()
    }

    /// The blocks of a folder of `size` bytes, in order; a folder has no holes.
    pub(super) fn folder_blocks(&self, record: &Record, map: &Map, size: u64) -> Result<Vec<u64>, Ext4Error> {
        let block_size = self.volume.geometry.block_size;
        if size == 0 || !size.is_multiple_of(block_size) {
            return Err(Ext4Error::field(record.place(), "i_size", size, "a whole number of blocks"));
        }
        if size > MAX_FOLDER {
            return Err(Unsupported::TooLarge { what: "bytes in a folder", got: size, limit: MAX_FOLDER }.into());
        }
        let count = size / block_size;
        let mut blocks = Vec::new();
        for run in &map.runs {
            if run.logical != super::bytes::length(blocks.len()) {
                break;
            }
            // More blocks than the size says are an error, whose number does not matter.
            let more = (count + 1).saturating_sub(run.logical).min(run.count);
            blocks.extend(run.physical..run.physical + more);
        }
        if super::bytes::length(blocks.len()) < count {
            return Err(Ext4Error::corrupt(record.place(), Fault::Hole(super::bytes::length(blocks.len()))));
        }
        if super::bytes::length(blocks.len()) > count || map.runs.last().is_some_and(|run| run.logical >= count) {
            return Err(Ext4Error::field(record.place(), "i_size", size, "all blocks of the folder"));
        }
        Ok(blocks)
    }
}
