//! Folders: blocks of names, plain or under an index (Documentation/filesystems/ext4/directory.rst).

use super::{
    checksums::{Checksums, DIR_TAIL, InodeChecksums},
    htree::Index,
    options::Options,
};
use crate::{
    ext4::{
        format::{compat, incompat, ino},
        hash::{Hasher, Version},
    },
    tree::Kind,
};

/// How folders are written in one file system.
#[derive(Clone, Copy, Debug)]
pub(super) struct FolderFormat {
    pub(super) block_size: usize,
    pub(super) hasher: Hasher,
    /// Whether blocks have a tail with a checksum.
    pub(super) checksummed: bool,
    indexed: bool,
    file_types: bool,
}

/// A name in a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) number: u32,
    /// As [`file_type`] has it.
    pub(super) kind: u8,
}

/// How the names of one folder are spread over its blocks.
#[derive(Debug)]
pub(super) enum Shape {
    /// The end of each block, as a number of names; there may be empty blocks behind the last one.
    Plain { ends: Vec<usize>, empty: u64 },
    /// Sorted by hash, below an index.
    Indexed(Index),
}

impl FolderFormat {
    pub(super) fn new(options: &Options, checksums: &Checksums) -> Self {
        let seed = std::array::from_fn(|word| u32::from_le_bytes(std::array::from_fn(|byte| options.hash_seed[4 * word + byte])));
        // The options were checked; half MD4 is what every kernel falls back to.
        let version = Version::new(options.hash_version).unwrap_or(Version::HalfMd4);
        Self {
            block_size: options.block_size as usize,
            hasher: Hasher::new(version, options.signed_hash, seed),
            checksummed: checksums.metadata(),
            indexed: options.has_compat(compat::DIR_INDEX),
            file_types: options.has_incompat(incompat::FILETYPE),
        }
    }

    /// Bytes of a block that names can use.
    pub(super) fn room(&self) -> usize {
        self.block_size - if self.checksummed { DIR_TAIL } else { 0 }
    }

    /// Spreads names (in any order) over blocks; `None` when they are more than an index can hold.
    ///
    /// `number` is the folder's inode: `lost+found` is given 16 KiB in advance, so that a checker of a full file system has them.
    pub(super) fn shape(&self, names: &[&[u8]], number: u32) -> Option<Shape> {
        let parents = record_size(1) + record_size(2);
        let total = parents + names.iter().map(|name| record_size(name.len())).sum::<usize>();
        if total <= self.room() {
            let empty = if number == ino::FIRST { (16384 / self.block_size as u64).max(2) - 1 } else { 0 };
            return Some(Shape::Plain { ends: vec![names.len()], empty });
        }
        if self.indexed {
            return Index::new(self, names).map(Shape::Indexed);
        }
        let mut ends = Vec::new();
        let mut used = parents;
        for (index, name) in names.iter().enumerate() {
            if used + record_size(name.len()) > self.room() {
                ends.push(index);
                used = 0;
            }
            used += record_size(name.len());
        }
        ends.push(names.len());
        Some(Shape::Plain { ends, empty: 0 })
    }

    /// All blocks of a folder in a row; `entries` in the order in which their names made `shape`.
    pub(super) fn blocks(&self, shape: &Shape, entries: &[Entry<'_>], own: u32, parent: u32, checksums: InodeChecksums) -> Vec<u8> {
        let mut bytes = vec![0; self.block_size * shape.blocks() as usize];
        let parents = [Entry { name: b".", number: own, kind: FOLDER }, Entry { name: b"..", number: parent, kind: FOLDER }];
        match shape {
            Shape::Plain { ends, .. } => {
                let mut start = 0;
                for (index, block) in bytes.chunks_exact_mut(self.block_size).enumerate() {
                    let end = ends.get(index).copied().unwrap_or(start);
                    let head = if index == 0 { &parents[..] } else { &[] };
                    self.put_names(block, head.iter().chain(&entries[start..end]));
                    checksums.directory_block(block);
                    start = end;
                }
            }
            Shape::Indexed(index) => index.put(self, &mut bytes, entries, &parents, checksums),
        }
        bytes
    }

    /// Puts names into a block; the last one's record reaches to the end of the room.
    pub(super) fn put_names<'a>(&self, block: &mut [u8], names: impl Iterator<Item = &'a Entry<'a>>) {
        let mut at = 0;
        let mut last = 0;
        for entry in names {
            let size = record_size(entry.name.len());
            self.put_name(&mut block[at..], entry, size);
            last = at;
            at += size;
        }
        // An empty block is one unused record.
        let size = (self.room() - last) as u16;
        block[last + 4..last + 6].copy_from_slice(&size.to_le_bytes());
    }

    /// `struct ext4_dir_entry_2`: inode, size of the record, length of the name, file type, name.
    pub(super) fn put_name(&self, at: &mut [u8], entry: &Entry<'_>, record: usize) {
        at[..4].copy_from_slice(&entry.number.to_le_bytes());
        // A block has at most 4096 bytes, a name at most 255.
        at[4..6].copy_from_slice(&(record as u16).to_le_bytes());
        at[6] = entry.name.len() as u8;
        at[7] = if self.file_types { entry.kind } else { 0 };
        at[8..8 + entry.name.len()].copy_from_slice(entry.name);
    }
}

impl Shape {
    pub(super) fn blocks(&self) -> u64 {
        match self {
            Self::Plain { ends, empty } => ends.len() as u64 + empty,
            Self::Indexed(index) => index.blocks(),
        }
    }
}

/// Bytes of a record with a name of so many bytes.
pub(super) fn record_size(name: usize) -> usize {
    (8 + name).next_multiple_of(4)
}

/// `EXT4_FT_DIR`.
pub(super) const FOLDER: u8 = 2;

/// `EXT4_FT_*`.
pub(super) fn file_type(kind: &Kind) -> u8 {
    match kind {
        Kind::File(_) => 1,
        Kind::Directory(_) => FOLDER,
        Kind::CharDevice { .. } => 3,
        Kind::BlockDevice { .. } => 4,
        Kind::Fifo => 5,
        Kind::Socket => 6,
        Kind::Symlink(_) => 7,
    }
}
