//! Random-access bytes: files, memory, and windows on them.

use std::{
    fmt,
    fs::{File, Metadata},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes that can be read at any offset and never change while the program runs.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Size in bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` when the range goes past [`Storage::size`]; otherwise what the operating system says.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// The open file that holds these bytes at the same offsets, for copies inside the kernel.
    fn file(&self) -> Option<&File> {
        None
    }
}

/// A read-only file.
pub struct FileStorage {
    file: File,
    path: PathBuf,
    size: u64,
}

impl FileStorage {
    /// Opens `path` for reading only.
    ///
    /// # Errors
    /// When it cannot be opened or is no regular file or block device whose size can be told.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::new(open_for_reading(path)?, path)
    }

    /// Takes an open file; `path` is for messages.
    ///
    /// # Errors
    /// When it is no regular file or block device, or its size cannot be told.
    pub fn new(mut file: File, path: &Path) -> io::Result<Self> {
        use std::io::Seek as _;
        if !is_seekable(&file.metadata()?) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a regular file nor a block device"));
        }
        let size = file.seek(io::SeekFrom::End(0))?;
        Ok(Self { file, path: path.to_owned(), size })
    }

    /// Where the file was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for FileStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStorage").field("path", &self.path).field("size", &self.size).finish()
    }
}

impl Storage for FileStorage {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        positioned::read_exact_at(&self.file, buffer, offset)
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

#[cfg(unix)]
fn open_for_reading(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // O_NONBLOCK: opening a pipe must not wait for a writer; for files and block devices it means nothing.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open_for_reading(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn is_seekable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    metadata.is_file() || metadata.file_type().is_block_device()
}

#[cfg(not(unix))]
fn is_seekable(metadata: &Metadata) -> bool {
    metadata.is_file()
}

mod positioned {
    use std::{fs::File, io};

    #[cfg(unix)]
    pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }

    #[cfg(windows)]
    pub(super) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        use std::os::windows::fs::FileExt as _;
        while !buffer.is_empty() {
            let count = file.seek_read(buffer, offset)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer = &mut buffer[count..];
            offset += count as u64;
        }
        Ok(())
    }
}

impl Storage for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A contiguous part of a storage, such as a partition; offsets count from its own start.
#[derive(Clone)]
pub struct Window {
    storage: Arc<dyn Storage>,
    start: u64,
    size: u64,
}

impl Window {
    /// The `size` bytes from `start` on.
    ///
    /// # Errors
    /// `UnexpectedEof` when the storage ends before the window does.
    pub fn new(storage: Arc<dyn Storage>, start: u64, size: u64) -> io::Result<Self> {
        match start.checked_add(size) {
            Some(end) if end <= storage.size() => Ok(Self { storage, start, size }),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// All of a storage.
    #[must_use]
    pub fn whole(storage: Arc<dyn Storage>) -> Self {
        let size = storage.size();
        Self { storage, start: 0, size }
    }

    /// The storage below, in which this window's first byte stands at [`Window::start`].
    #[must_use]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Offset of the first byte in the storage below.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").field("start", &self.start).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Storage for Window {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match offset.checked_add(buffer.len() as u64) {
            Some(end) if end <= self.size => self.storage.read_exact_at(self.start + offset, buffer),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
