//! Who may make what: lock files, and temporary files that outlive nobody.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use super::{CacheError, entry::sync_folder, failed};
use crate::progress::{Progress, Stop};

/// How often a taken lock is tried again.
const TICK: Duration = Duration::from_millis(100);

/// A lock on a file of the cache, given back when dropped or when the process ends. The file itself stays: to remove it would let two
/// processes hold "the same" lock.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no other process holds it, and says so once.
    pub(super) fn take(path: &Path, what: &str, progress: &dyn Progress, stop: &Stop) -> Result<Self, CacheError> {
        let file = open(path)?;
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed("locking", path)(error)),
            }
            if stop.is_requested() {
                return Err(CacheError::Interrupted);
            }
            if !said {
                progress.note(&format!("waiting for another berry-image that makes {what}"));
                said = true;
            }
            thread::sleep(TICK);
        }
    }

    /// Does not wait: `None` while another has it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>, CacheError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed("locking", path)(error)),
        }
    }

    /// Waits without a word: for locks that are held for moments.
    pub(super) fn take_briefly(path: &Path) -> Result<Self, CacheError> {
        let file = open(path)?;
        file.lock().map_err(failed("locking", path))?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<File, CacheError> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed("making", path))
}

/// A temporary file, locked by this process and removed when dropped.
#[derive(Debug)]
pub struct Temp {
    file: File,
    path: PathBuf,
    is_renamed: bool,
}

impl Temp {
    pub(super) fn new(temps: &Path, locks: &Path, name: &str) -> Result<Self, CacheError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let path = temps.join(format!("{name}.{}.{}.partial", process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        // Between being made and being locked it looks as if nobody had it.
        let _guard = Lock::take_briefly(&guard(locks))?;
        // An image that was unpacked to be looked at may be that of a node, with its keys.
        let file = OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(&path).map_err(failed("making", &path))?;
        file.lock().map_err(failed("locking", &path))?;
        Ok(Self { file, path, is_renamed: false })
    }

    /// A file that this process has locked already.
    pub(super) fn of(file: File, path: PathBuf) -> Self {
        Self { file, path, is_renamed: false }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its final name.
    pub(super) fn rename(mut self, path: &Path) -> Result<(), CacheError> {
        fs::rename(&self.path, path).map_err(failed("renaming", &self.path))?;
        self.is_renamed = true;
        sync_folder(path)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.is_renamed {
            // What cannot be removed now is removed as stale by the next process.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes temporary files that no process has locked.
pub(super) fn remove_stale(temps: &Path, locks: &Path) -> Result<(), CacheError> {
    let _guard = Lock::take_briefly(&guard(locks))?;
    for entry in fs::read_dir(temps).map_err(failed("reading the folder", temps))? {
        let path = entry.map_err(failed("reading the folder", temps))?.path();
        let Ok(file) = File::open(&path) else { continue };
        remove_unlocked(&path, &file)?;
    }
    Ok(())
}

/// Removes the file at `path`, open as `file`, unless a process has locked it.
pub(super) fn remove_unlocked(path: &Path, file: &File) -> Result<bool, CacheError> {
    if file.try_lock().is_ok() { remove(path) } else { Ok(false) }
}

/// Removes a file; `false` when another process has removed or renamed it meanwhile.
pub(super) fn remove(path: &Path) -> Result<bool, CacheError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("removing", path)(error)),
    }
}

/// The lock under which temporary files are made and removed.
pub(super) fn guard(locks: &Path) -> PathBuf {
    locks.join("temps.lock")
}
