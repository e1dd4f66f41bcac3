//! The cache: decompressed images and made bases, each stored once, under a name that says what it was made from.
//!
//! ```text
//! images/KEY.img   the raw image, sparse
//! images/KEY.json  its size, SHA-256 and origin; written last, so what has no record is not there; modified when the image is used
//! files/, releases/  packages and indices of archives (see `files`)
//! partials/        downloads that are not at their end (see `partial`)
//! sources.json     which file had which SHA-256 (see `sources`)
//! locks/, temps/   lock files; half-made images, each locked by the process that makes it
//! ```
//! Any number of processes may use it at once: one makes an image while the others wait for it. An entry is used when its image has
//! the recorded size; [`Cache::verify`] reads all of it. What is damaged is made again. Who uses an image holds a shared lock on it, and
//! [what removes images](Cache::remove_unused) leaves those alone.

mod entry;
mod files;
mod inventory;
mod lock;
mod partial;
mod sources;
mod sweep;
#[cfg(test)]
mod tests;

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use entry::{Entry, Made};
pub use files::{Files, Pending, sha256_of};
pub use inventory::{Content, Item};
use lock::Lock;
pub use lock::Temp;
pub use partial::Partial;
pub use sources::Stamp;
pub use sweep::{Limits, Removed, Why};

use crate::{
    disk::FileStorage,
    error::{Classified, Kind},
    hex,
    progress::{Progress, Stop},
};

/// Environment variable that names the folder.
pub const VARIABLE: &str = "BERRY_IMAGE_CACHE";
const FOLDERS: [&str; 7] = ["images", files::FILES, files::RELEASES, files::UNPACKED, "locks", "partials", "temps"];

/// What can go wrong in the cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// No folder can be found for it.
    #[error("there is no folder for the cache: none of {VARIABLE}, XDG_CACHE_HOME and HOME is set to an absolute path")]
    NoFolder,
    /// A file operation failed.
    #[error("{action} `{path}` failed")]
    Io {
        /// What was being done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A file was changed while it was read.
    #[error("`{path}` was changed while it was read")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file in the cache is not what was stored.
    #[error("the cached file `{path}` is damaged: its SHA-256 is {found}, expected {expected}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SHA-256 of what is there.
        found: String,
        /// SHA-256 of what was stored.
        expected: String,
    },
    /// The user asked to stop.
    #[error("the work was interrupted")]
    Interrupted,
}

impl Classified for CacheError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoFolder => Kind::Usage,
            Self::Io { .. } | Self::Changed { .. } => Kind::Io,
            Self::Damaged { .. } => Kind::Verification,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoFolder => Some(format!("set {VARIABLE} to a folder with room for the base, 3 to 16 GiB")),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some(format!("make room, or set {VARIABLE} to a folder on another disk"))
            }
            Self::Damaged { .. } => Some("it was removed; run the command again to make it anew".to_owned()),
            _ => None,
        }
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    move |source| CacheError::Io { action, path: path.to_owned(), source }
}

/// A folder of images, packages and downloads.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The user's cache: `$BERRY_IMAGE_CACHE`, else `berry-image` in `$XDG_CACHE_HOME`, else in `~/.cache`.
    ///
    /// # Errors
    /// When none of them is known, or the folder cannot be made.
    pub fn open_default() -> Result<Self, CacheError> {
        Self::at(&Self::default_root()?)
    }

    /// Where the user's cache is, whether or not it is there.
    ///
    /// # Errors
    /// When no variable tells it.
    pub fn default_root() -> Result<PathBuf, CacheError> {
        folder(&|name| env::var_os(name)).ok_or(CacheError::NoFolder)
    }

    /// The cache in the folder `root`, which is made if needed; removes what processes that died have left half-made.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn at(root: &Path) -> Result<Self, CacheError> {
        for part in FOLDERS {
            let folder = root.join(part);
            fs::create_dir_all(&folder).map_err(failed("making the folder", &folder))?;
        }
        let tag = root.join("CACHEDIR.TAG");
        if !tag.exists() {
            // Tells backups to pass it over (bford.info/cachedir).
            fs::write(&tag, "Signature: 8a477f597d28d172789f06886806bc55\n").map_err(failed("writing", &tag))?;
        }
        let cache = Self { root: root.to_owned() };
        lock::remove_stale(&cache.folder("temps"), &cache.folder("locks"))?;
        Ok(cache)
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// SHA-256 of an open file as it stands there; remembered, by path, size, time, inode and device.
    ///
    /// # Errors
    /// When it cannot be read, changes meanwhile, or `stop` is requested.
    pub fn digest(&self, storage: &FileStorage, progress: &dyn Progress, stop: &Stop) -> Result<[u8; 32], CacheError> {
        sources::digest(self, storage, progress, stop)
    }

    /// As [`Cache::digest`], but only what is remembered.
    #[must_use]
    pub fn known_digest(&self, path: &Path) -> Option<[u8; 32]> {
        sources::known(self, path)
    }

    /// The image stored under `key`, if it is there and has its recorded size.
    ///
    /// # Errors
    /// When it is there but cannot be opened.
    pub fn get(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        let entry = self.look(key)?;
        if entry.is_some() {
            entry::touch(&self.record(key));
        }
        Ok(entry)
    }

    /// As [`Cache::get`], but it does not count as a use.
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub fn look(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        entry::open(&self.image(key), &self.record(key))
    }

    /// The image stored under `key`; when it is not there or not whole, `make` makes it in the empty temporary file it is given. Waits while
    /// another process makes the same one. `origin` says what it is made from, as it may be shown.
    ///
    /// # Errors
    /// What `make` says, and everything that keeps the result from being stored; nothing is left behind then.
    pub fn get_or_make<E: From<CacheError>>(
        &self,
        key: &str,
        origin: &str,
        progress: &dyn Progress,
        stop: &Stop,
        make: impl FnOnce(&Scratch<'_>, &Temp) -> Result<Made, E>,
    ) -> Result<Entry, E> {
        self.get_or_bring(key, origin, progress, stop, |scratch| {
            let temp = scratch.temp()?;
            let made = make(scratch, &temp)?;
            Ok((temp, made))
        })
    }

    /// As [`Cache::get_or_make`], but `bring` comes with a file of its own.
    ///
    /// # Errors
    /// As [`Cache::get_or_make`].
    pub fn get_or_bring<E: From<CacheError>>(
        &self,
        key: &str,
        origin: &str,
        progress: &dyn Progress,
        stop: &Stop,
        bring: impl FnOnce(&Scratch<'_>) -> Result<(Temp, Made), E>,
    ) -> Result<Entry, E> {
        if let Some(entry) = self.get(key)? {
            return Ok(entry);
        }
        let _lock = Lock::take(&self.lock_of(key), &format!("the base `{key}`"), progress, stop)?;
        // Another process may have made it while this one waited.
        if let Some(entry) = self.get(key)? {
            return Ok(entry);
        }
        let (temp, made) = bring(&Scratch { cache: self, key })?;
        entry::store(temp, &made, origin, &self.image(key), &self.record(key))?;
        let path = self.image(key);
        self.get(key)?.ok_or_else(|| CacheError::Changed { path }.into())
    }

    /// Reads all of an image and compares its SHA-256 with the recorded one. A damaged one is removed.
    ///
    /// # Errors
    /// When it is damaged, cannot be read, or `stop` is requested.
    pub fn verify(&self, key: &str, entry: &Entry, progress: &dyn Progress, stop: &Stop) -> Result<(), CacheError> {
        let found = sources::hash(&*entry.storage, &self.image(key), progress, stop)?;
        if found == entry.made.sha256 {
            return Ok(());
        }
        // Whoever makes it anew does so under this lock, and what was made anew is another file.
        let _lock = Lock::take(&self.lock_of(key), &format!("the base `{key}`"), progress, stop)?;
        if entry::is_at(entry, &self.image(key)) {
            self.remove(key)?;
        }
        Err(CacheError::Damaged { path: self.image(key), found: hex::encode(&found), expected: hex::encode(&entry.made.sha256) })
    }

    /// Removes what is stored under `key`, if anything; who has it open keeps it.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, key: &str) -> Result<(), CacheError> {
        for path in [self.record(key), self.image(key)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("removing", &path)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The cache at `root` as it stands there, if there is one: nothing is made or cleaned up.
    #[must_use]
    pub fn existing(root: &Path) -> Option<Self> {
        root.join("images").is_dir().then(|| Self { root: root.to_owned() })
    }

    fn lock_of(&self, key: &str) -> PathBuf {
        self.folder("locks").join(format!("{key}.lock"))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn image(&self, key: &str) -> PathBuf {
        self.folder("images").join(format!("{key}.img"))
    }

    fn record(&self, key: &str) -> PathBuf {
        self.folder("images").join(format!("{key}.json"))
    }
}

/// Room for more temporary files while an image is made.
#[derive(Debug)]
pub struct Scratch<'a> {
    cache: &'a Cache,
    key: &'a str,
}

impl Scratch<'_> {
    /// An empty file that is removed when it is dropped, or by the next process if this one dies.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn temp(&self) -> Result<Temp, CacheError> {
        Temp::new(&self.cache.folder("temps"), &self.cache.folder("locks"), self.key)
    }

    /// What there is of a download of this key from `address`, or its beginning; `origin` is the address as it may be shown.
    ///
    /// # Errors
    /// When it cannot be opened or made, or `stop` is requested while somebody else has it.
    pub fn partial(&self, address: &str, origin: &str, stop: &Stop) -> Result<Partial, CacheError> {
        Partial::open(&self.cache.folder("partials"), &self.cache.folder("locks"), self.key, address, origin, stop)
    }
}

impl Temp {
    /// What was written so far, for reading.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn storage(&self) -> Result<Arc<FileStorage>, CacheError> {
        FileStorage::open(self.path()).map(Arc::new).map_err(failed("opening", self.path()))
    }
}

/// Which folder the cache is in, by these variables.
fn folder(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The XDG base directory specification: a relative path is to be ignored.
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = variable(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    own.or_else(|| Some(absolute("XDG_CACHE_HOME")?.join("berry-image"))).or_else(|| Some(absolute("HOME")?.join(".cache/berry-image")))
}
