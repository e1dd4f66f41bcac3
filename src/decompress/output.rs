//! Where decompressed bytes go: counted, hashed, and written with holes.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest as _, Sha256};

use super::{DecompressError, Decompressed, limits::largest_output};
use crate::progress::Stop;

/// A block of zeroes of this size, at a multiple of it, becomes a hole; the block size of every file system a cache stands on.
const BLOCK: usize = 4096;
const ZEROES: [u8; BLOCK] = [0; BLOCK];

/// A sparse file in the making.
pub(super) struct Output<'a> {
    file: &'a File,
    format: &'static str,
    limit: u64,
    source_size: u64,
    /// Compressed bytes that were read for what came so far, and perhaps a little more.
    read: &'a AtomicU64,
    stop: &'a Stop,
    hasher: Sha256,
    /// Bytes taken so far; all whole blocks of them are written.
    size: u64,
    /// The bytes of the last, incomplete block.
    rest: Vec<u8>,
    /// Where the file's cursor stands.
    cursor: u64,
}

impl<'a> Output<'a> {
    pub(super) fn new(file: &'a File, format: &'static str, source_size: u64, read: &'a AtomicU64, stop: &'a Stop) -> Self {
        let limit = largest_output(source_size);
        Self { file, format, limit, source_size, read, stop, hasher: Sha256::new(), size: 0, rest: Vec::with_capacity(BLOCK), cursor: 0 }
    }

    /// Takes no more than `max_size` bytes.
    pub(super) fn limited_to(mut self, max_size: u64) -> Self {
        self.limit = self.limit.min(max_size);
        self
    }

    /// Size of the compressed file.
    pub(super) fn source_size(&self) -> u64 {
        self.source_size
    }

    /// Bytes taken so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// How many more bytes may come.
    pub(super) fn room(&self) -> u64 {
        self.limit - self.size
    }

    pub(super) fn too_large(&self) -> DecompressError {
        DecompressError::TooLarge { format: self.format, size: self.source_size, limit: self.limit }
    }

    /// Takes the next bytes.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), DecompressError> {
        if self.stop.is_requested() {
            return Err(DecompressError::Interrupted);
        }
        if bytes.len() as u64 > self.room() {
            return Err(self.too_large());
        }
        // A bomb shows early: the whole file need not be decompressed to see one.
        let read = self.read.load(Ordering::Relaxed);
        let limit = largest_output(read);
        if self.size + bytes.len() as u64 > limit {
            return Err(DecompressError::TooLarge { format: self.format, size: read, limit });
        }
        self.hasher.update(bytes);
        if !self.rest.is_empty() {
            let (head, tail) = bytes.split_at(bytes.len().min(BLOCK - self.rest.len()));
            self.rest.extend_from_slice(head);
            self.size += head.len() as u64;
            bytes = tail;
            if self.rest.len() == BLOCK {
                let block = std::mem::take(&mut self.rest);
                self.put(self.size - BLOCK as u64, &block)?;
            }
        }
        let (whole, tail) = bytes.split_at(bytes.len() - bytes.len() % BLOCK);
        self.put(self.size, whole)?;
        self.rest.extend_from_slice(tail);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Writes whole blocks that belong at `offset`, in runs without holes.
    fn put(&mut self, offset: u64, blocks: &[u8]) -> Result<(), DecompressError> {
        let mut start = 0;
        while start < blocks.len() {
            let zero = |at: usize| blocks[at..at + BLOCK] == ZEROES;
            let is_hole = zero(start);
            let mut end = start + BLOCK;
            while end < blocks.len() && zero(end) == is_hole {
                end += BLOCK;
            }
            if !is_hole {
                self.put_run(offset + start as u64, &blocks[start..end]).map_err(failed)?;
            }
            start = end;
        }
        Ok(())
    }

    fn put_run(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.cursor != offset {
            self.file.seek(SeekFrom::Start(offset))?;
        }
        self.file.write_all(bytes)?;
        self.cursor = offset + bytes.len() as u64;
        Ok(())
    }

    /// Writes what is left and gives the file its size.
    pub(super) fn finish(mut self) -> Result<Decompressed, DecompressError> {
        let rest = std::mem::take(&mut self.rest);
        if rest.iter().any(|byte| *byte != 0) {
            self.put_run(self.size - rest.len() as u64, &rest).map_err(failed)?;
        }
        self.file.set_len(self.size).map_err(failed)?;
        Ok(Decompressed { size: self.size, sha256: self.hasher.finalize().into() })
    }
}

fn failed(source: io::Error) -> DecompressError {
    DecompressError::Io { action: "writing the decompressed file", source }
}
