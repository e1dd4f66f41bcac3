//! An output folder while a run writes into it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Component, Path, PathBuf},
};

use super::{
    OutputError,
    atomic::{self, Temporary},
    error,
    platform::{self, Host},
};

/// Name of the file that a run holds locked.
pub const LOCK: &str = ".berry-image.lock";

/// Files on their way to their final names: all of them get there, or none.
///
/// Dropping it, after an error or an interruption, removes what was written. What a killed run left is removed by the next one.
#[derive(Debug)]
pub struct Staging {
    // Dropped in this order: temporary files, then the lock.
    files: Vec<Staged>,
    folder: PathBuf,
    /// The folder and those around it that this run made, while nothing has a final name in them; the innermost first.
    made: Vec<PathBuf>,
    host: &'static dyn Host,
    lock: Option<File>,
}

#[derive(Debug)]
struct Staged {
    name: String,
    temporary: Temporary,
}

impl Staging {
    /// Makes the folder (0700) where it is missing, locks it and removes what dead runs left in it.
    ///
    /// # Errors
    /// [`OutputError::InUse`] when another run holds the lock; otherwise when the folder cannot be made or written.
    pub fn begin(folder: &Path) -> Result<Self, OutputError> {
        Self::begin_on(platform::host(), folder)
    }

    pub(super) fn begin_on(host: &'static dyn Host, folder: &Path) -> Result<Self, OutputError> {
        let made = folder.ancestors().take_while(|at| *at != Path::new("") && !at.exists()).map(Path::to_owned).collect();
        make_folder(folder).map_err(error::io("make the folder", folder))?;
        let mut staging = Self { files: Vec::new(), folder: folder.to_owned(), made, host, lock: None };
        staging.lock = Some(lock(folder)?);
        atomic::remove_stale(folder, |_| true);
        Ok(staging)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The final path of a file.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes a file that [`Staging::commit`] will call `name`, open for reading and writing, with these permissions from the start.
    ///
    /// # Errors
    /// When `name` is not the plain name of a file or is used already, when something that is no regular file has it, or when the file
    /// cannot be made.
    pub fn create(&mut self, name: &str, mode: u32) -> Result<File, OutputError> {
        let is_plain = matches!(Path::new(name).components().collect::<Vec<_>>()[..], [Component::Normal(only)] if only == name);
        if !is_plain || name == LOCK || self.files.iter().any(|file| file.name == name) {
            return Err(OutputError::Name { name: name.to_owned() });
        }
        let path = self.path(name);
        atomic::refuse_special(&path)?;
        let temporary = Temporary::create(self.host, &self.folder, name, mode)?;
        let file = temporary.file().try_clone().map_err(error::io("open", &path))?;
        self.files.push(Staged { name: name.to_owned(), temporary });
        Ok(file)
    }

    /// Adds a small file.
    ///
    /// # Errors
    /// As [`Staging::create`], and when it cannot be written.
    pub fn write(&mut self, name: &str, mode: u32, bytes: &[u8]) -> Result<(), OutputError> {
        let file = self.create(name, mode)?;
        let path = self.path(name);
        let failed = |source| OutputError::writing(self.host, "write", &path, Some(bytes.len() as u64), source);
        self.host.write_all_at(&file, bytes, 0).map_err(failed)
    }

    /// Gives all files their final names, `last` at the end: while that one is missing, the others are of no account. A file of that
    /// name which an earlier run left goes first. With `sync`, a power cut at any moment leaves it missing or everything complete.
    ///
    /// # Errors
    /// When syncing or renaming fails. Then none of the files is there, nor an older one that one of them had replaced already.
    pub fn commit(mut self, last: &str, sync: bool) -> Result<(), OutputError> {
        let mut files = std::mem::take(&mut self.files);
        files.sort_by_key(|file| file.name == last);
        for file in &files {
            let path = self.path(&file.name);
            atomic::refuse_special(&path)?;
            if sync {
                // Some file systems find out only now that they are full.
                let failed = |source| OutputError::writing(self.host, "sync", &path, None, source);
                self.host.sync(file.temporary.file()).map_err(failed)?;
            }
        }
        let old = self.path(last);
        match fs::remove_file(&old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error::io("remove", &old)(error)),
            _ => {}
        }
        self.sync_folder(sync)?;
        let mut renamed = Vec::new();
        let result = self.rename_all(files, last, sync, &mut renamed);
        if result.is_err() {
            for path in renamed {
                // Already on the way out with an error that says more.
                let _ = fs::remove_file(path);
            }
            return result;
        }
        self.made.clear();
        Ok(())
    }

    fn rename_all(&self, files: Vec<Staged>, last: &str, sync: bool, renamed: &mut Vec<PathBuf>) -> Result<(), OutputError> {
        for file in files {
            if file.name == last {
                self.sync_folder(sync)?;
            }
            let path = self.path(&file.name);
            file.temporary.rename(self.host, &path)?;
            renamed.push(path);
        }
        self.sync_folder(sync)
    }

    fn sync_folder(&self, sync: bool) -> Result<(), OutputError> {
        if sync { self.host.sync_folder(&self.folder).map_err(error::io("sync", &self.folder)) } else { Ok(()) }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.files.clear();
        if self.lock.is_some() {
            // Still locked: whoever waits for this very file finds that its name is gone and makes a new one.
            let _ = fs::remove_file(self.folder.join(LOCK));
        }
        for folder in &self.made {
            // Fails, as it should, when something else is in it by now.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

fn lock(folder: &Path) -> Result<File, OutputError> {
    let path = folder.join(LOCK);
    loop {
        atomic::refuse_special(&path)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OutputError::InUse { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(error::io("lock", &path)(source)),
        }
        // A run that ended in between has removed the name of the file that is locked now.
        if is_still_there(&file, &path) {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Where an open file cannot lose its name.
#[cfg(not(unix))]
fn is_still_there(_file: &File, _path: &Path) -> bool {
    true
}
