//! Reads a storage as a stream that reports its progress and can be stopped.

use std::{
    fmt,
    io::{self, Read},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    disk::Storage,
    progress::{Bar, Stop},
};

/// The error of a read after the user asked to stop.
#[derive(Debug)]
pub(super) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Stopped {}

/// A part of a storage, read from front to back.
#[derive(Clone)]
pub(super) struct Input<'a> {
    storage: &'a dyn Storage,
    position: u64,
    end: u64,
    stop: &'a Stop,
    bar: &'a dyn Bar,
    /// Bytes read so far, by all clones.
    read: &'a AtomicU64,
}

impl<'a> Input<'a> {
    /// All of `storage`; `read` counts what is read.
    pub(super) fn new(storage: &'a dyn Storage, stop: &'a Stop, bar: &'a dyn Bar, read: &'a AtomicU64) -> Self {
        Self { storage, position: 0, end: storage.size(), stop, bar, read }
    }

    /// The part from `start` on, at most `len` bytes.
    pub(super) fn part(&self, start: u64, len: u64) -> Self {
        let end = start.saturating_add(len).min(self.storage.size());
        Self { position: start.min(end), end, ..self.clone() }
    }

    /// Size of the whole storage in bytes.
    pub(super) fn size(&self) -> u64 {
        self.storage.size()
    }

    /// Where the next byte comes from.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Whether the user asked to stop; only [`Read::read`] looks for it by itself.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_requested()
    }

    /// Fills `buffer` from `offset` on, without moving.
    pub(super) fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.storage.read_exact_at(offset, buffer)
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_requested() {
            return Err(io::Error::other(Stopped));
        }
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        self.storage.read_exact_at(self.position, &mut buffer[..count])?;
        self.position += count as u64;
        self.bar.advance(count as u64);
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
