//! What one operating system does better than others, and what all of them can do.

#[cfg(target_os = "linux")]
mod linux;
mod portable;

use std::{
    fmt::Debug,
    fs::{self, File},
    io,
    path::Path,
};

#[cfg(target_os = "linux")]
pub use linux::Linux;
pub use portable::Portable;

/// Operations on files that are not the same everywhere, and those whose failure is worth a test.
pub trait Host: Debug + Sync {
    /// Makes a file that did not exist, for reading and writing, with exactly these permissions where there are such.
    ///
    /// # Errors
    /// `AlreadyExists`, also for a link that leads nowhere; otherwise what the operating system says.
    fn create_new(&self, path: &Path, mode: u32) -> io::Result<File>;

    /// Writes all `bytes` at `offset`. Several threads may write to one file.
    ///
    /// # Errors
    /// What the operating system says.
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Copies `len` bytes that stand at `offset` in one file to the same place in another one; shares blocks where the file system can.
    ///
    /// # Errors
    /// What the operating system says; `UnexpectedEof` when `from` is too short.
    fn copy(&self, from: &File, to: &File, offset: u64, len: u64) -> io::Result<()>;

    /// Makes a file's bytes last through a power cut.
    ///
    /// # Errors
    /// What the operating system says.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Makes the names in a folder last through a power cut.
    ///
    /// # Errors
    /// What the operating system says.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file another name, in place of whatever has it.
    ///
    /// # Errors
    /// What the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Bytes that may still be written into a folder; `None` where that cannot be told.
    ///
    /// # Errors
    /// What the operating system says.
    fn available(&self, folder: &Path) -> io::Result<Option<u64>>;

    /// Whether copies inside a folder may share their blocks, so that several copies need the room of one.
    fn shares_blocks(&self, folder: &Path) -> bool;
}

/// The host this program was built for.
#[must_use]
pub fn host() -> &'static dyn Host {
    #[cfg(target_os = "linux")]
    return &Linux;
    #[cfg(not(target_os = "linux"))]
    &Portable
}
