//! Packages and indices of archives, each stored once under its SHA-256, and the signed roots of the archives.
//!
//! ```text
//! files/SHA256        a package, a packed index, or the data archive of a package, decompressed
//! unpacked/SHA256     of a package: the SHA-256 and size of its data archive
//! releases/KEY.json   what an archive signed last, and how
//! ```
//! What is read from here is hashed again each time. That the data archive of a package is the one that was decompressed from it, its record
//! here says, and nobody has signed that: whoever can write to the cache can change it. One process at a time works with them.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};

use sha2::{Digest as _, Sha256};

use super::{Cache, CacheError, Item, Partial, Temp, entry, failed, inventory, lock::Lock, sources};
use crate::{
    disk::{FileStorage, Storage as _},
    hex,
    progress::{Progress, Silent, Stop},
};

/// The name under which all of them stand in the inventory, and of their lock.
pub(super) const KEY: &str = "packages";
pub(super) const FILES: &str = "files";
pub(super) const RELEASES: &str = "releases";
pub(super) const UNPACKED: &str = "unpacked";
/// The signed root of an archive has at most 16 MiB and is kept in base64, perhaps with a signature beside it.
const MAX_RELEASE: u64 = 48 << 20;

/// The packages and indices of a cache, for one process.
#[derive(Debug)]
pub struct Files<'a> {
    cache: &'a Cache,
    _lock: Lock,
}

/// A file that was downloaded and is the right one, but not kept yet; dropped, it is gone.
#[derive(Debug)]
pub struct Pending {
    temp: Temp,
    sha256: [u8; 32],
}

impl Cache {
    /// The packages and indices; waits while another process works with them.
    ///
    /// # Errors
    /// When the lock cannot be had, or `stop` is requested.
    pub fn files(&self, progress: &dyn Progress, stop: &Stop) -> Result<Files<'_>, CacheError> {
        let lock = Lock::take(&self.lock_of(KEY), "packages ready", progress, stop)?;
        Ok(Files { cache: self, _lock: lock })
    }

    /// Reads all packages and indices; damaged ones are removed. Returns how many are sound, and what is damaged.
    ///
    /// # Errors
    /// When one cannot be read, or `stop` is requested.
    pub fn verify_files(&self, progress: &dyn Progress, stop: &Stop) -> Result<(usize, Vec<CacheError>), CacheError> {
        let files = self.files(progress, stop)?;
        let (mut sound, mut damaged) = (0, Vec::new());
        for path in inventory::list(&self.folder(FILES))? {
            let Some(sha256) = path.file_name().and_then(|name| hex::decode(name.to_str()?)) else { continue };
            let size = fs::metadata(&path).map_err(failed("reading", &path))?.len();
            match files.get(&sha256, size, stop) {
                Ok(_) => sound += 1,
                Err(error @ CacheError::Damaged { .. }) => damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok((sound, damaged))
    }

    /// All of them as one thing of the inventory, if there are any.
    pub(super) fn files_item(&self) -> Result<Option<Item>, CacheError> {
        let mut paths = inventory::list(&self.folder(RELEASES))?;
        paths.extend(inventory::list(&self.folder(UNPACKED))?);
        paths.extend(inventory::list(&self.folder(FILES))?);
        let found: Vec<_> = paths.iter().filter_map(|path| fs::metadata(path).ok()).collect();
        if found.is_empty() {
            return Ok(None);
        }
        Ok(Some(Item {
            key: KEY.to_owned(),
            content: super::Content::Packages,
            origin: None,
            size: found.iter().map(fs::Metadata::len).sum(),
            stored: found.iter().map(inventory::stored).sum(),
            total: None,
            last_used: found.iter().filter_map(|metadata| metadata.modified().ok()).max().unwrap_or(SystemTime::UNIX_EPOCH),
            in_use: Lock::try_take(&self.lock_of(KEY))?.is_none(),
            files: paths,
        }))
    }
}

impl Files<'_> {
    /// The file with this digest and size, if it is there; all of it is read.
    ///
    /// # Errors
    /// When it is damaged, and then it was removed; when it cannot be read, or `stop` is requested.
    pub fn get(&self, sha256: &[u8; 32], size: u64, stop: &Stop) -> Result<Option<Arc<FileStorage>>, CacheError> {
        let Some(storage) = self.open(sha256)? else { return Ok(None) };
        let found = sha256_of(&storage, stop)?;
        self.checked(&storage, found, (sha256, size)).map(|()| Some(storage))
    }

    /// As [`Files::get`], its bytes.
    ///
    /// # Errors
    /// As [`Files::get`].
    pub fn read(&self, sha256: &[u8; 32], size: u64, stop: &Stop) -> Result<Option<Vec<u8>>, CacheError> {
        let Some(storage) = self.open(sha256)? else { return Ok(None) };
        if storage.size() != size {
            // However large it is: that it is damaged is found piece by piece.
            return self.get(sha256, size, stop).map(|_| None);
        }
        let bytes = bytes_of(&storage)?;
        let found = Sha256::digest(&bytes).into();
        self.checked(&storage, found, (sha256, size)).map(|()| Some(bytes))
    }

    fn open(&self, sha256: &[u8; 32]) -> Result<Option<Arc<FileStorage>>, CacheError> {
        let path = self.path(sha256);
        match FileStorage::open(&path) {
            Ok(storage) => Ok(Some(Arc::new(storage))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("opening", &path)(error)),
        }
    }

    /// Removes a file that is not what its name says; else notes that it was used.
    fn checked(&self, storage: &FileStorage, found: [u8; 32], (sha256, size): (&[u8; 32], u64)) -> Result<(), CacheError> {
        let path = self.path(sha256);
        if found != *sha256 || storage.size() != size {
            fs::remove_file(&path).map_err(failed("removing", &path))?;
            return Err(CacheError::Damaged { path, found: hex::encode(&found), expected: hex::encode(sha256) });
        }
        entry::touch(&path);
        Ok(())
    }

    /// What there is of a download of the file with this digest; `origin` is the address as it may be shown.
    pub(in crate::base) fn partial(&self, sha256: &[u8; 32], address: &str, origin: &str, stop: &Stop) -> Result<Partial, CacheError> {
        let key = format!("{KEY}-{}", hex::encode(sha256));
        Partial::open(&self.cache.folder("partials"), &self.cache.folder("locks"), &key, address, origin, stop)
    }

    /// Keeps a file that was downloaded, and opens it.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn keep(&self, pending: Pending) -> Result<Arc<FileStorage>, CacheError> {
        let path = self.path(&pending.sha256);
        let storage = pending.storage()?;
        pending.temp.rename(&path)?;
        Ok(storage)
    }

    /// An empty file that is removed when it is dropped, or by the next process if this one dies.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn temp(&self) -> Result<Temp, CacheError> {
        Temp::new(&self.cache.folder("temps"), &self.cache.folder("locks"), KEY)
    }

    /// The data archive of the package with this digest as it was decompressed before, if it was; all of it is read.
    ///
    /// # Errors
    /// As [`Files::get`].
    pub fn unpacked(&self, package: &[u8; 32], stop: &Stop) -> Result<Option<Arc<FileStorage>>, CacheError> {
        let path = self.cache.folder(UNPACKED).join(hex::encode(package));
        // One that cannot be read is as good as none: it is made anew.
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let Some((sha256, size)) = text.trim_end().split_once(' ') else { return Ok(None) };
        let (Some(sha256), Ok(size)) = (hex::decode(sha256), size.parse()) else { return Ok(None) };
        let found = self.get(&sha256, size, stop)?;
        entry::touch(&path);
        Ok(found)
    }

    /// Keeps the data archive of the package with this digest.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn keep_unpacked(&self, package: &[u8; 32], archive: Temp, sha256: &[u8; 32], size: u64) -> Result<(), CacheError> {
        archive.rename(&self.path(sha256))?;
        let text = format!("{} {size}\n", hex::encode(sha256));
        entry::write_whole(&self.cache.folder(UNPACKED).join(hex::encode(package)), text.as_bytes())
    }

    /// What was kept under this key of the signed root of an archive.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn release(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let path = self.release_path(key);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(MAX_RELEASE).read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("reading", &path)(error)),
        }
    }

    /// Keeps the signed root of an archive.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn keep_release(&self, key: &str, bytes: &[u8]) -> Result<(), CacheError> {
        entry::write_whole(&self.release_path(key), bytes)
    }

    fn path(&self, sha256: &[u8; 32]) -> PathBuf {
        self.cache.folder(FILES).join(hex::encode(sha256))
    }

    fn release_path(&self, key: &str) -> PathBuf {
        self.cache.folder(RELEASES).join(format!("{key}.json"))
    }
}

impl Pending {
    /// A download that is complete and has this digest.
    pub(in crate::base) fn of(partial: Partial, sha256: [u8; 32]) -> Result<Self, CacheError> {
        Ok(Self { temp: partial.into_temp()?, sha256 })
    }

    /// All of its bytes, hashed as they were read.
    ///
    /// # Errors
    /// When they cannot be read, or are others by now.
    pub fn read(&self) -> Result<Vec<u8>, CacheError> {
        let bytes = bytes_of(&*self.storage()?)?;
        let found: [u8; 32] = Sha256::digest(&bytes).into();
        if found == self.sha256 {
            return Ok(bytes);
        }
        let (found, expected) = (hex::encode(&found), hex::encode(&self.sha256));
        Err(CacheError::Damaged { path: self.temp.path().to_owned(), found, expected })
    }

    fn storage(&self) -> Result<Arc<FileStorage>, CacheError> {
        self.temp.storage()
    }
}

fn bytes_of(storage: &FileStorage) -> Result<Vec<u8>, CacheError> {
    let mut bytes = vec![0; usize::try_from(storage.size()).unwrap_or(usize::MAX)];
    storage.read_exact_at(0, &mut bytes).map_err(failed("reading", storage.path()))?;
    Ok(bytes)
}

/// SHA-256 of a file, read in pieces.
///
/// # Errors
/// When it cannot be read, or `stop` is requested.
pub fn sha256_of(storage: &FileStorage, stop: &Stop) -> Result<[u8; 32], CacheError> {
    sources::hash(storage, storage.path(), &Silent, stop)
}
