//! Blocks of metadata, read in larger pieces and kept for a while.

use std::io;

use super::{bytes::index, error::Ext4Error};
use crate::disk::{Storage as _, Window};

/// Bytes read at once: metadata that is needed together stands together.
const PIECE: u64 = 32 << 10;
/// Pieces kept, each in the place its number says: 8 MiB.
const KEPT: u64 = 256;

/// A file system's blocks through a cache.
#[derive(Debug)]
pub(super) struct Blocks {
    window: Window,
    block_size: u64,
    pieces: Vec<Option<(u64, Vec<u8>)>>,
}

impl Blocks {
    pub(super) fn new(window: Window, block_size: u64) -> Self {
        Self { window, block_size, pieces: (0..KEPT).map(|_| None).collect() }
    }

    /// The bytes of a block.
    pub(super) fn block(&mut self, block: u64) -> Result<&[u8], Ext4Error> {
        let size = self.block_size;
        let past_end =
            || Ext4Error::Read { offset: block.saturating_mul(size), length: index(size), source: io::ErrorKind::UnexpectedEof.into() };
        let offset = block.checked_mul(size).ok_or_else(past_end)?;
        let number = offset / PIECE;
        // Below KEPT.
        let slot = &mut self.pieces[index(number % KEPT)];
        if slot.as_ref().is_none_or(|(held, _)| *held != number) {
            let start = number * PIECE;
            let len = PIECE.min(self.window.size().checked_sub(start).ok_or_else(past_end)?);
            // The buffer of the piece that stood here is used again.
            let mut bytes = slot.take().map(|(_, bytes)| bytes).unwrap_or_default();
            bytes.resize(index(len), 0);
            let failed = |source| Ext4Error::Read { offset: start, length: index(len), source };
            self.window.read_exact_at(start, &mut bytes).map_err(failed)?;
            *slot = Some((number, bytes));
        }
        let from = index(offset % PIECE);
        let bytes = slot.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        bytes.get(from..from + index(size)).ok_or_else(past_end)
    }

    /// The window the blocks come from.
    pub(super) const fn window(&self) -> &Window {
        &self.window
    }

    /// Offset of a block in the storage below the window.
    pub(super) fn storage_offset(&self, block: u64) -> u64 {
        // No overflow: callers have claimed the block, so it lies inside the window.
        self.window.start() + block * self.block_size
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn every_block_reads_as_it_stands() {
        // 9 MiB and one block: pieces take each other's places, and the last one is short.
        let bytes: Vec<u8> = (0..(9 << 20) + 1024_u64).map(|at| (at / 1024 % 251) as u8).collect();
        let count = bytes.len() as u64 / 1024;
        let window = Window::new(Arc::new(bytes), 0, count * 1024).unwrap();
        let mut blocks = Blocks::new(window, 1024);
        for block in (0..count).chain((0..count).step_by(97)) {
            assert_eq!(blocks.block(block).unwrap(), [(block % 251) as u8; 1024]);
        }
        for block in [count, count + 1000, u64::MAX] {
            assert!(matches!(blocks.block(block), Err(Ext4Error::Read { .. })), "{block}");
        }
    }
}
