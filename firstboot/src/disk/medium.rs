//! Sectors that can be read and written.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek as _, SeekFrom},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    thread,
    time::Duration,
};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::SECTOR;

/// What memory of direct transfers is aligned to: a page of any kernel that has small ones, and more than any device asks for.
const MEMORY: usize = 4096;
/// How often the lock of a disk is asked for, and how long between.
const LOCK: (u32, Duration) = (20, Duration::from_millis(100));

/// A disk. A card keeps a sector as it was or as it is written, when the power goes meanwhile; of a longer write, any sectors may be done.
pub trait Medium {
    /// How many sectors of [`SECTOR`] bytes it has.
    fn sectors(&self) -> u64;
    /// Reads whole sectors.
    ///
    /// # Errors
    /// When there are not so many, or they cannot be read.
    fn read(&self, first: u64, count: usize) -> io::Result<Vec<u8>>;
    /// Writes whole sectors, and comes back when they are on the medium.
    ///
    /// # Errors
    /// When that cannot be done, or `bytes` are no whole sectors.
    fn write(&mut self, first: u64, bytes: &[u8]) -> io::Result<()>;
}

/// A block device of the whole disk, past the page cache: what is written are exactly the sectors named, and what is read is what is there.
#[derive(Debug)]
pub struct Device {
    file: File,
    sectors: u64,
}

impl Device {
    /// To read.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::new(OpenOptions::new().read(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(path)?)
    }

    /// To read and write. It is locked meanwhile, as udev and programs that write partition tables agree on
    /// (<https://systemd.io/BLOCK_DEVICE_LOCKING>).
    ///
    /// # Errors
    /// When it cannot be opened; `WouldBlock` when another program holds the lock for longer than two seconds.
    pub fn open_locked(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(path)?;
        let mut left = LOCK.0;
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            left -= 1;
            if left == 0 || error != rustix::io::Errno::WOULDBLOCK {
                return Err(error.into());
            }
            thread::sleep(LOCK.1);
        }
        Self::new(file)
    }

    fn new(mut file: File) -> io::Result<Self> {
        let sectors = file.seek(SeekFrom::End(0))? / SECTOR;
        Ok(Self { file, sectors })
    }

    /// The device itself, for calls of the kernel.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

/// A buffer and the place in it where aligned memory begins.
fn aligned(size: usize) -> (Vec<u8>, usize) {
    let buffer = vec![0; size + MEMORY];
    let start = buffer.as_ptr().align_offset(MEMORY).min(MEMORY);
    (buffer, start)
}

/// First byte of some sectors, if all of them are there.
fn offset(first: u64, bytes: usize, sectors: u64) -> io::Result<u64> {
    let is_whole = (bytes as u64).is_multiple_of(SECTOR);
    let end = first.checked_add(bytes as u64 / SECTOR).filter(|end| is_whole && *end <= sectors);
    end.and(first.checked_mul(SECTOR)).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "these sectors are not there"))
}

impl Medium for Device {
    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn read(&self, first: u64, count: usize) -> io::Result<Vec<u8>> {
        let size = count * SECTOR as usize;
        let (mut buffer, start) = aligned(size);
        self.file.read_exact_at(&mut buffer[start..start + size], offset(first, size, self.sectors)?)?;
        Ok(buffer[start..start + size].to_vec())
    }

    fn write(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        let at = offset(first, bytes.len(), self.sectors)?;
        let (mut buffer, start) = aligned(bytes.len());
        let place = &mut buffer[start..start + bytes.len()];
        place.copy_from_slice(bytes);
        self.file.write_all_at(place, at)?;
        self.file.sync_data()
    }
}

/// A disk in memory, for tests.
impl Medium for Vec<u8> {
    fn sectors(&self) -> u64 {
        self.len() as u64 / SECTOR
    }

    fn read(&self, first: u64, count: usize) -> io::Result<Vec<u8>> {
        let size = count * SECTOR as usize;
        let at = usize::try_from(offset(first, size, self.sectors())?).map_err(io::Error::other)?;
        Ok(self[at..at + size].to_vec())
    }

    fn write(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset(first, bytes.len(), self.sectors())?).map_err(io::Error::other)?;
        self[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sectors_beyond_the_end_are_refused() {
        let mut disk = vec![0; 2048];
        disk.write(3, &[7; 512]).unwrap();
        assert_eq!((disk.sectors(), disk.read(3, 1).unwrap()), (4, vec![7; 512]));
        for (first, count) in [(4, 1), (3, 2), (u64::MAX, 1), (u64::MAX / 512, 2)] {
            assert_eq!(disk.read(first, count).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert!(disk.write(0, &[0; 100]).is_err());
        let (buffer, start) = aligned(512);
        assert!(buffer[start..].as_ptr().addr().is_multiple_of(MEMORY) && buffer.len() >= start + 512);
    }
}
