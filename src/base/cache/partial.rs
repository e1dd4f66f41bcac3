//! Downloads that are not at their end. Unlike a temporary file such a one outlives its process, so that the next can go on with it.
//!
//! ```text
//! partials/KEY.ADDRESS.part   what came so far, from the first byte on; locked by the process that downloads
//! partials/KEY.ADDRESS.json   where it comes from, and how large it will be
//! ```
//! KEY is that of the image it will become and so names its digest; ADDRESS is a digest of the whole address.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    CacheError, entry, failed,
    lock::{Lock, Temp, guard},
};
use crate::{disk::FileStorage, hex, progress::Stop};

/// How often a file that somebody else has is tried again.
const TICK: Duration = Duration::from_millis(100);
/// Version of the description's format.
const VERSION: u32 = 1;

/// What is known of a download beside its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Description {
    version: u32,
    /// Address without what may be secret.
    pub(super) origin: String,
    /// Size of the whole file in bytes, if the server told it.
    pub(super) total: Option<u64>,
}

/// A download in the making, locked by this process. Dropping it keeps what is there.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    description: Description,
    is_wanted: bool,
}

impl Partial {
    /// Opens what there is of the file with this key from this address, or begins it; waits while somebody else downloads the same.
    /// `origin` is the address as it may be shown.
    pub(super) fn open(folder: &Path, locks: &Path, key: &str, address: &str, origin: &str, stop: &Stop) -> Result<Self, CacheError> {
        let digest: String = hex::encode(&Sha256::digest(address.as_bytes())).chars().take(16).collect();
        let path = folder.join(format!("{key}.{digest}.part"));
        let file = loop {
            if let Some(file) = try_open(&path, locks)? {
                break file;
            }
            if stop.is_requested() {
                return Err(CacheError::Interrupted);
            }
            thread::sleep(TICK);
        };
        let empty = Description { version: VERSION, origin: origin.to_owned(), total: None };
        // Without one, what is there is checked by its digest alone, in the end.
        let description = read(&path).unwrap_or(empty);
        Ok(Self { file, path, description, is_wanted: true })
    }

    /// Where it is.
    pub(in crate::base) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are there.
    pub(in crate::base) fn size(&self) -> Result<u64, CacheError> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(failed("reading", &self.path))
    }

    /// Size of the whole file in bytes, if the server told it.
    pub(in crate::base) fn total(&self) -> Option<u64> {
        self.description.total
    }

    /// Hands out everything from the first byte on, until `each` says that it is enough.
    pub(in crate::base) fn read_all(&self, mut each: impl FnMut(&[u8]) -> bool) -> Result<(), CacheError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(failed("reading", &self.path))?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = file.read(&mut buffer).map_err(failed("reading", &self.path))?;
            if count == 0 || !each(buffer.get(..count).unwrap_or_default()) {
                return Ok(());
            }
        }
    }

    /// Throws everything away and begins anew.
    pub(in crate::base) fn clear(&mut self) -> Result<(), CacheError> {
        self.file.set_len(0).map_err(failed("writing", &self.path))?;
        self.description.total = None;
        Ok(())
    }

    /// Remembers what the server says of the file.
    pub(in crate::base) fn describe(&mut self, total: Option<u64>) -> Result<(), CacheError> {
        self.description.total = total;
        let path = description(&self.path);
        let text = serde_json::to_vec_pretty(&self.description).map_err(|error| failed("writing", &path)(error.into()))?;
        entry::write_whole(&path, &text)
    }

    /// Writes at `position`, the end of what is there.
    pub(in crate::base) fn append(&self, position: u64, bytes: &[u8]) -> Result<(), CacheError> {
        let mut file = &self.file;
        let written = file.seek(SeekFrom::Start(position)).and_then(|_| file.write_all(bytes));
        written.map_err(|error| {
            // What was written of the piece stays unhashed; a shorter file always fits on the disk.
            let _ = self.file.set_len(position);
            failed("writing", &self.path)(error)
        })
    }

    /// Waits until the disk has it.
    pub(in crate::base) fn sync(&self) -> Result<(), CacheError> {
        self.file.sync_all().map_err(failed("writing", &self.path))
    }

    /// What is there, for reading.
    pub(in crate::base) fn storage(&self) -> Result<Arc<FileStorage>, CacheError> {
        FileStorage::open(&self.path).map(Arc::new).map_err(failed("opening", &self.path))
    }

    /// Nobody needs it any more.
    pub(in crate::base) fn discard(mut self) {
        self.is_wanted = false;
    }

    /// Makes a temporary file of it, to be stored.
    pub(in crate::base) fn into_temp(self) -> Result<Temp, CacheError> {
        let file = self.file.try_clone().map_err(failed("opening", &self.path))?;
        let _ = fs::remove_file(description(&self.path));
        Ok(Temp::of(file, self.path.clone()))
    }
}

/// Opens and locks the file, unless somebody else has locked it.
fn try_open(path: &Path, locks: &Path) -> Result<Option<File>, CacheError> {
    // Between being made and being locked it looks as if nobody had it.
    let _guard = Lock::take_briefly(&guard(locks))?;
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
    let file = file.map_err(failed("making", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("locking", path)(error)),
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let is_empty = self.file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        if !self.is_wanted || is_empty {
            remove(&self.path);
        }
    }
}

/// Removes a partial file and its description; what cannot be removed is found again by a clean-up.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_file(description(path));
}

/// Where the description of a partial file is.
pub(super) fn description(path: &Path) -> PathBuf {
    path.with_extension("json")
}

/// The description of a partial file, if it can be read.
pub(super) fn read(path: &Path) -> Option<Description> {
    let description: Description = serde_json::from_slice(&fs::read(description(path)).ok()?).ok()?;
    (description.version == VERSION).then_some(description)
}
