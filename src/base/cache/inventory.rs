//! What is in the cache.

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata, TryLockError},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{Cache, CacheError, entry, failed, lock::Lock, partial};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A whole image.
    Image,
    /// All packages and indices of archives.
    Packages,
    /// A download that is not at its end.
    Download,
    /// What is left of an image without a record, or a record without its image.
    Remains,
}

/// One thing in the cache.
#[derive(Clone, Debug)]
pub struct Item {
    /// The cache's name for it.
    pub key: String,
    /// What it is.
    pub content: Content,
    /// What it was made from; images of earlier versions do not say.
    pub origin: Option<String>,
    /// Its size in bytes: of an image with its holes, of a download as far as it came.
    pub size: u64,
    /// What it takes on the disk, in bytes.
    pub stored: u64,
    /// Of a download: the size it will have, if the server told it.
    pub total: Option<u64>,
    /// When it was used last; of a download, when its last bytes came.
    pub last_used: SystemTime,
    /// Whether a process uses, makes or downloads it now.
    pub in_use: bool,
    /// Its files, the one with the bytes last.
    pub(super) files: Vec<PathBuf>,
}

impl Item {
    /// Whether it is of use as it is.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self.content, Content::Image | Content::Packages)
    }
}

impl Cache {
    /// Everything that is there, by key.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn inventory(&self) -> Result<Vec<Item>, CacheError> {
        let mut items = self.images()?;
        items.extend(self.files_item()?);
        items.extend(self.partials()?);
        items.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(items)
    }

    fn images(&self) -> Result<Vec<Item>, CacheError> {
        let mut keys: Vec<String> = Vec::new();
        for path in list(&self.folder("images"))? {
            let is_known = matches!(path.extension().and_then(OsStr::to_str), Some("img" | "json" | "partial"));
            keys.extend(path.file_stem().and_then(OsStr::to_str).filter(|_| is_known).map(str::to_owned));
        }
        keys.sort();
        keys.dedup();
        keys.into_iter().filter_map(|key| self.image_item(key).transpose()).collect()
    }

    fn image_item(&self, key: String) -> Result<Option<Item>, CacheError> {
        let (image, record) = (self.image(&key), self.record(&key));
        let files: Vec<_> = [record.with_extension("partial"), record.clone(), image.clone()].into_iter().filter(|f| f.exists()).collect();
        let found: Vec<Metadata> = files.iter().filter_map(|file| fs::metadata(file).ok()).collect();
        if found.is_empty() {
            // Gone meanwhile.
            return Ok(None);
        }
        let size = fs::metadata(&image).map_or(0, |metadata| metadata.len());
        let known = entry::read(&record)?;
        let is_whole = image.exists() && known.as_ref().is_some_and(|record| record.size == size);
        let last_used = fs::metadata(&record).and_then(|metadata| metadata.modified()).ok();
        Ok(Some(Item {
            in_use: !self.is_free(&key, &image)?,
            key,
            content: if is_whole { Content::Image } else { Content::Remains },
            origin: known.and_then(|record| record.origin),
            size,
            stored: found.iter().map(stored).sum(),
            total: None,
            last_used: last_used.or_else(|| latest(&found)).unwrap_or(SystemTime::UNIX_EPOCH),
            files,
        }))
    }

    /// Whether nobody makes or uses an image at this moment.
    fn is_free(&self, key: &str, image: &Path) -> Result<bool, CacheError> {
        // Who finds the image locked for the moment of this look waits for this lock and then looks again.
        let Some(_lock) = Lock::try_take(&self.lock_of(key))? else { return Ok(false) };
        Ok(File::open(image).map_or(true, |file| is_unlocked(&file)))
    }

    fn partials(&self) -> Result<Vec<Item>, CacheError> {
        Ok(list(&self.folder("partials"))?.into_iter().filter_map(partial_item).collect())
    }

    /// The item as it is now, if it is still there. Whether it is in use does not show to who holds its lock.
    pub(super) fn again(&self, item: &Item) -> Result<Option<Item>, CacheError> {
        match item.content {
            Content::Download => Ok(item.files.last().cloned().and_then(partial_item)),
            Content::Packages => self.files_item(),
            Content::Image | Content::Remains => self.image_item(item.key.clone()),
        }
    }
}

fn partial_item(path: PathBuf) -> Option<Item> {
    let name = path.file_stem().and_then(OsStr::to_str).filter(|_| path.extension() == Some(OsStr::new("part")))?;
    let key = name.rsplit_once('.').map_or(name, |(key, _)| key).to_owned();
    let (file, metadata) = (File::open(&path).ok()?, fs::metadata(&path).ok()?);
    let description = partial::read(&path);
    Some(Item {
        key,
        content: Content::Download,
        total: description.as_ref().and_then(|description| description.total),
        origin: description.map(|description| description.origin),
        size: metadata.len(),
        stored: stored(&metadata),
        last_used: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        in_use: !is_unlocked(&file),
        files: vec![partial::description(&path), path],
    })
}

/// Whether nobody has locked a file; the lock is given back when `file` is closed.
pub(super) fn is_unlocked(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// All files of a folder; one that is not there has none.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, CacheError> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed("reading the folder", folder))).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed("reading the folder", folder)(error)),
    }
}

fn latest(found: &[Metadata]) -> Option<SystemTime> {
    found.iter().filter_map(|metadata| metadata.modified().ok()).max()
}

#[cfg(unix)]
pub(super) fn stored(metadata: &Metadata) -> u64 {
    // stat(2): in units of 512 bytes, whatever the file system's blocks are.
    std::os::unix::fs::MetadataExt::blocks(metadata).saturating_mul(512)
}

#[cfg(not(unix))]
pub(super) fn stored(metadata: &Metadata) -> u64 {
    metadata.len()
}
