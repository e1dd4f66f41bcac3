//! Which file had which SHA-256, so that an unchanged image of some gigabytes is not read again by each command.
//!
//! A file counts as unchanged while path, size, time of modification (nanoseconds), inode and device are the same, as for make, git
//! and rsync. Who can set these at will on the user's own disk can change the cache as well, so nothing is lost against an attacker; a
//! disk that changes bytes by itself goes unseen here, and is found by the digests of the partitions that the build reads. A file that
//! was modified less than two seconds before it was read is not remembered: it might change again within one tick of its clock.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Cache, CacheError, entry, failed, lock::Lock};
use crate::{
    disk::{FileStorage, Storage},
    hex,
    progress::{Progress, Stop},
};

/// Version of the file's format.
const VERSION: u32 = 1;
/// More files are not remembered; the user of that many loses the time of one reading each.
const MAX_FILES: usize = 256;
/// Younger files are not remembered.
const SETTLED: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Index {
    version: u32,
    files: BTreeMap<String, Known>,
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Size, modification, inode and device, as one text.
    state: String,
    sha256: String,
}

/// What shows that a file was changed while it was open: the state, and when anything of it was changed last, which nobody can set back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(String);

impl Stamp {
    /// That of an open file.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub fn of(storage: &FileStorage) -> Result<Self, CacheError> {
        let metadata = metadata(storage)?;
        Ok(Self(format!("{} {}", state(&metadata), changed(&metadata))))
    }

    /// Compares it with that of now.
    ///
    /// # Errors
    /// When the file was changed meanwhile.
    pub fn still_of(&self, storage: &FileStorage) -> Result<(), CacheError> {
        if Self::of(storage)? == *self { Ok(()) } else { Err(CacheError::Changed { path: storage.path().to_owned() }) }
    }
}

fn metadata(storage: &FileStorage) -> Result<Metadata, CacheError> {
    let metadata = storage.file().map_or_else(|| fs::metadata(storage.path()), File::metadata);
    metadata.map_err(failed("reading", storage.path()))
}

/// SHA-256 of an open file, from the index where it is known. What its path leads to meanwhile does not matter.
pub(super) fn digest(cache: &Cache, storage: &FileStorage, progress: &dyn Progress, stop: &Stop) -> Result<[u8; 32], CacheError> {
    let path = fs::canonicalize(storage.path()).map_err(failed("opening", storage.path()))?;
    let (before, stamp) = (metadata(storage)?, Stamp::of(storage)?);
    let state = state(&before);
    let name = path.to_string_lossy().into_owned();
    if let Some(digest) = look_up(cache, &name, &state) {
        return Ok(digest);
    }
    let digest = hash(storage, &path, progress, stop)?;
    stamp.still_of(storage)?;
    let is_settled = before.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok()).is_some_and(|age| age > SETTLED);
    // A name that is not text cannot be a key of the index.
    if is_settled && path.to_str().is_some() {
        remember(cache, name, Known { state, sha256: hex::encode(&digest) })?;
    }
    Ok(digest)
}

/// What is remembered of a file, if it did not change.
pub(super) fn known(cache: &Cache, path: &Path) -> Option<[u8; 32]> {
    let path = fs::canonicalize(path).ok()?;
    look_up(cache, path.to_str()?, &state(&fs::metadata(&path).ok()?))
}

fn look_up(cache: &Cache, name: &str, state: &str) -> Option<[u8; 32]> {
    let index = read(&index(cache));
    entry::digest(&index.files.get(name).filter(|known| known.state == state)?.sha256)
}

/// Reads all of a storage.
pub(super) fn hash(storage: &dyn Storage, path: &Path, progress: &dyn Progress, stop: &Stop) -> Result<[u8; 32], CacheError> {
    let bar = progress.begin("reading the base image", Some(storage.size()));
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    while offset < storage.size() {
        if stop.is_requested() {
            return Err(CacheError::Interrupted);
        }
        let len = usize::try_from(storage.size() - offset).unwrap_or(usize::MAX).min(buffer.len());
        storage.read_exact_at(offset, &mut buffer[..len]).map_err(failed("reading", path))?;
        hasher.update(&buffer[..len]);
        offset += len as u64;
        bar.advance(len as u64);
    }
    Ok(hasher.finalize().into())
}

fn index(cache: &Cache) -> PathBuf {
    cache.root().join("sources.json")
}

fn read(path: &Path) -> Index {
    // It is only a shortcut: without it, or with a damaged one, files are read.
    let index: Option<Index> = fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    index.filter(|index| index.version == VERSION).unwrap_or(Index { version: VERSION, ..Index::default() })
}

fn remember(cache: &Cache, name: String, known: Known) -> Result<(), CacheError> {
    let path = index(cache);
    let _lock = Lock::take_briefly(&cache.folder("locks").join("sources.lock"))?;
    let mut index = read(&path);
    index.files.retain(|name, _| Path::new(name).exists());
    if index.files.len() >= MAX_FILES {
        index.files.clear();
    }
    index.files.insert(name, known);
    write(&path, &index)
}

/// Drops what is known of files that are gone or have changed.
pub(super) fn forget_stale(cache: &Cache) -> Result<(), CacheError> {
    let path = index(cache);
    if !path.exists() {
        return Ok(());
    }
    let _lock = Lock::take_briefly(&cache.folder("locks").join("sources.lock"))?;
    let mut index = read(&path);
    let known = index.files.len();
    index.files.retain(|name, known| fs::metadata(name).is_ok_and(|metadata| state(&metadata) == known.state));
    if index.files.len() == known { Ok(()) } else { write(&path, &index) }
}

fn write(path: &Path, index: &Index) -> Result<(), CacheError> {
    let text = serde_json::to_vec_pretty(index).map_err(|error| failed("writing", path)(error.into()))?;
    entry::write_whole(path, &text)
}

#[cfg(unix)]
fn state(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt as _;
    format!("{} {}.{:09} {} {}", metadata.size(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino(), metadata.dev())
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt as _;
    format!("{}.{:09}", metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> String {
    String::new()
}

#[cfg(not(unix))]
fn state(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    format!("{} {modified:?}", metadata.len())
}
