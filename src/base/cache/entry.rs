//! One stored image and its record.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{CacheError, failed, lock::Temp};
use crate::{
    disk::{FileStorage, Storage as _},
    hex,
};

/// Version of the record's format.
const VERSION: u32 = 1;
/// How often, and after what time, an image is tried again that another process looks at.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(10);

/// What was made: how large, and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of all of it.
    pub sha256: [u8; 32],
}

/// A stored image.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The image, open for reading.
    pub storage: Arc<FileStorage>,
    /// What was recorded of it.
    pub made: Made,
}

/// What stands beside an image. When it was modified is when the image was used last.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    version: u32,
    pub(super) size: u64,
    pub(super) sha256: String,
    /// What it was made from, as it may be shown; records of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
}

/// Opens an image if its record is there and of this version, and its size is the recorded one. While it is open it counts as in use.
pub(super) fn open(image: &Path, record: &Path) -> Result<Option<Entry>, CacheError> {
    let Some(made) = read(record)?.as_ref().and_then(made) else { return Ok(None) };
    let file = match File::open(image) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("opening", image)(error)),
    };
    if !share(&file) {
        return Ok(None);
    }
    let storage = FileStorage::new(file, image).map_err(failed("opening", image))?;
    if storage.size() != made.size {
        return Ok(None);
    }
    Ok(Some(Entry { storage: Arc::new(storage), made }))
}

/// Whether an open image is still the one that stands at its path.
pub(super) fn is_at(entry: &Entry, image: &Path) -> bool {
    let open = entry.storage.file().and_then(|file| file.metadata().ok());
    open.zip(fs::metadata(image).ok()).is_some_and(|(open, there)| (open.dev(), open.ino()) == (there.dev(), there.ino()))
}

/// Notes that an image was used now.
pub(super) fn touch(record: &Path) {
    // Only `cache ls` and `cache gc` miss it when that fails.
    let _ = File::open(record).and_then(|record| record.set_modified(SystemTime::now()));
}

/// Says that an image is in use, for as long as `file` is open. `false` when it is being removed.
fn share(file: &File) -> bool {
    for _ in 0..LOOKS {
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            // Where files cannot be locked, nobody can tell that it is in use; that is no reason not to use it.
            Ok(()) | Err(TryLockError::Error(_)) => return true,
        }
    }
    false
}

/// The record of an image; one that says nothing is as good as none: the image is made again.
pub(super) fn read(record: &Path) -> Result<Option<Record>, CacheError> {
    let text = match fs::read(record) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("reading", record)(error)),
    };
    let record: Option<Record> = serde_json::from_slice(&text).ok();
    Ok(record.filter(|record| record.version == VERSION))
}

fn made(record: &Record) -> Option<Made> {
    Some(Made { size: record.size, sha256: digest(&record.sha256)? })
}

/// Puts a finished image and then its record under their names, each whole or not at all.
pub(super) fn store(temp: Temp, made: &Made, origin: &str, image: &Path, record: &Path) -> Result<(), CacheError> {
    let path = temp.path().to_owned();
    temp.file().sync_all().map_err(failed("writing", &path))?;
    // An old record must not vouch for the new image.
    match fs::remove_file(record) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("removing", record)(error)),
        _ => {}
    }
    temp.rename(image)?;
    let content = Record { version: VERSION, size: made.size, sha256: hex::encode(&made.sha256), origin: Some(origin.to_owned()) };
    let text = serde_json::to_vec_pretty(&content).map_err(|error| failed("writing", record)(error.into()))?;
    write_whole(record, &text)
}

/// Writes a small file in place of what is there: another process sees the old one or the new one. The caller holds a lock.
pub(super) fn write_whole(path: &Path, text: &[u8]) -> Result<(), CacheError> {
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial).map_err(failed("making", &partial))?;
    file.write_all(text).and_then(|()| file.sync_all()).map_err(failed("writing", &partial))?;
    fs::rename(&partial, path).map_err(failed("renaming", &partial))?;
    sync_folder(path)
}

/// Makes the names in the file's folder outlast a power cut.
pub(super) fn sync_folder(path: &Path) -> Result<(), CacheError> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("writing the folder", folder))?;
    }
    Ok(())
}

/// 64 hexadecimal digits.
pub(super) fn digest(text: &str) -> Option<[u8; 32]> {
    hex::decode(text)
}
