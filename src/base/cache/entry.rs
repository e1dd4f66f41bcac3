//! One stored image and its record.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{CacheError, failed, hex, lock::Temp};
use crate::disk::{FileStorage, Storage as _};

/// Version of the record's format.
const VERSION: u32 = 1;

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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    size: u64,
    sha256: String,
}

/// Opens an image if its record is there and of this version, and its size is the recorded one.
pub(super) fn open(image: &Path, record: &Path) -> Result<Option<Entry>, CacheError> {
    let Some(made) = read(record)? else { return Ok(None) };
    let storage = match FileStorage::open(image) {
        Ok(storage) => storage,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("opening", image)(error)),
    };
    Ok((storage.size() == made.size).then(|| Entry { storage: Arc::new(storage), made }))
}

fn read(record: &Path) -> Result<Option<Made>, CacheError> {
    let text = match fs::read(record) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("reading", record)(error)),
    };
    // A record that says nothing is as good as none: the image is made again.
    let record: Option<Record> = serde_json::from_slice(&text).ok();
    let made = record.filter(|record| record.version == VERSION);
    Ok(made.and_then(|record| Some(Made { size: record.size, sha256: digest(&record.sha256)? })))
}

/// Puts a finished image and then its record under their names, each whole or not at all.
pub(super) fn store(temp: Temp, made: &Made, image: &Path, record: &Path) -> Result<(), CacheError> {
    let path = temp.path().to_owned();
    temp.file().sync_all().map_err(failed("writing", &path))?;
    // An old record must not vouch for the new image.
    match fs::remove_file(record) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("removing", record)(error)),
        _ => {}
    }
    temp.rename(image)?;
    let text = serde_json::to_vec_pretty(&Record { version: VERSION, size: made.size, sha256: hex(&made.sha256) });
    let text = text.map_err(|error| failed("writing", record)(error.into()))?;
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
    let digits = text.as_bytes().as_chunks::<2>().0;
    let bytes: Option<Vec<u8>> = digits.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    bytes.filter(|_| text.len() == 64)?.try_into().ok()
}
