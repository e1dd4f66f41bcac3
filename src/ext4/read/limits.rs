//! How much of a file system comes into memory. No claim on disk makes the reader ask for more, so that any base is read within
//! 300 MiB: two bitmaps of blocks (8 MiB each), a table of inodes (33 MiB), a cache of metadata (8 MiB), and the tree.

use super::error::{Ext4Error, Unsupported};

/// Most blocks: 256 GiB in blocks of 4 KiB.
pub const MAX_BLOCKS: u64 = 1 << 26;
/// Most inodes, in use or not: as many as `mke2fs` gives a card of 128 GB.
pub const MAX_INODES: u32 = 1 << 23;
/// Most bytes in the blocks of one folder.
pub const MAX_FOLDER: u64 = 256 << 20;
/// Most bytes in a path from the root, as in the kernel's system calls (`PATH_MAX` without the NUL). Bounds the nesting of folders, too.
pub const MAX_PATH: usize = 4095;
/// Most memory for the tree, in bytes: about 500,000 files.
pub const MAX_TREE: u64 = 224 << 20;

/// What an inode takes in the tree, with its first extent, at most.
pub(super) const INODE: u64 = 288;
/// What a name takes besides its bytes, while a folder is read.
pub(super) const NAME: u64 = 128;
/// What every further extent takes, while a file is read.
pub(super) const EXTENT: u64 = 128;
/// What one attribute takes besides its bytes.
pub(super) const ATTRIBUTE: u64 = 128;
/// What an inode with attributes takes besides them.
pub(super) const ATTRIBUTES: u64 = 512;

/// Memory that is left for trees, in bytes: [`MAX_TREE`] for one, or for several that are held at a time.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: u64,
}

impl Budget {
    /// All of it.
    #[must_use]
    pub const fn new() -> Self {
        Self { left: MAX_TREE }
    }

    /// All of it but `bytes` that are meant for something else.
    #[must_use]
    pub const fn without(bytes: u64) -> Self {
        Self { left: MAX_TREE.saturating_sub(bytes) }
    }

    /// Takes `bytes` before they are allocated.
    ///
    /// # Errors
    /// When so many are not left.
    pub fn spend(&mut self, bytes: u64) -> Result<(), Ext4Error> {
        self.left = self.left.checked_sub(bytes).ok_or(Unsupported::Memory(MAX_TREE))?;
        Ok(())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_gone() {
        let mut budget = Budget::new();
        budget.spend(MAX_TREE - 1).unwrap();
        assert!(matches!(budget.spend(2), Err(Ext4Error::Unsupported(Unsupported::Memory(MAX_TREE)))));
        budget.spend(1).unwrap();
        assert!(budget.spend(u64::MAX).is_err());
    }
}
