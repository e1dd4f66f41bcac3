//! Removes from the cache what nobody uses.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use super::{
    Cache, CacheError, Content, Item,
    inventory::{is_unlocked, list, stored},
    lock::{Lock, guard, remove},
    sources,
};

/// A download that has had no bytes for so long is not taken up again.
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// What may stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Only what was used within this time.
    pub max_age: Option<Duration>,
    /// Only so many bytes of whole images and packages on the disk, those used last; what is in use counts, too.
    pub max_stored: Option<u64>,
}

/// Why something was removed, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No process can use it any more.
    Stale,
    /// It was not used for too long.
    Old,
    /// The cache was too large.
    Room,
}

/// Something that was removed, or would be.
#[derive(Clone, Debug)]
pub struct Removed {
    /// Its origin, or else its key or file name.
    pub name: String,
    /// Why.
    pub why: Why,
    /// Room that this gave back, in bytes.
    pub stored: u64,
}

impl Cache {
    /// Removes what is stale, then what is beyond the limits. What is in use stays. With `dry_run` it only tells.
    ///
    /// # Errors
    /// When a folder cannot be read, or something not be removed.
    pub fn sweep(&self, limits: &Limits, now: SystemTime, dry_run: bool) -> Result<Vec<Removed>, CacheError> {
        let mut removed = self.sweep_temps(dry_run)?;
        if !dry_run {
            sources::forget_stale(self)?;
        }
        let mut items = self.inventory()?;
        items.sort_by_key(|item| item.last_used);
        let mut stored: u64 = items.iter().filter(|item| item.is_whole()).map(|item| item.stored).sum();
        for item in items.into_iter().filter(|item| !item.in_use) {
            let age = now.duration_since(item.last_used).unwrap_or_default();
            let is_stale = match item.content {
                Content::Image | Content::Packages => false,
                Content::Remains => true,
                Content::Download => age > STALE || self.image(&item.key).exists() && self.record(&item.key).exists(),
            };
            let why = match () {
                () if is_stale => Why::Stale,
                () if limits.max_age.is_some_and(|max| age > max) => Why::Old,
                () if item.is_whole() && limits.max_stored.is_some_and(|max| stored > max) => Why::Room,
                () => continue,
            };
            if dry_run || self.remove_unused(&item)? {
                if item.is_whole() {
                    stored = stored.saturating_sub(item.stored);
                }
                removed.push(Removed { name: item.origin.unwrap_or(item.key), why, stored: item.stored });
            }
        }
        Ok(removed)
    }

    /// Removes an item, unless somebody uses or makes it, or has done so since it was looked at: then `false`.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_unused(&self, item: &Item) -> Result<bool, CacheError> {
        // Whoever wants the image next waits for this lock, and finds that it is gone.
        let Some(_key) = Lock::try_take(&self.lock_of(&item.key))? else { return Ok(false) };
        // Whoever opens a download or a temporary file does so under this one.
        let _guard = Lock::take_briefly(&guard(&self.folder("locks")))?;
        // What was half an image may be a whole one by now.
        let Some(item) = self.again(item)?.filter(|now| (now.content, now.last_used) == (item.content, item.last_used)) else {
            return Ok(false);
        };
        let Some(bytes) = item.files.last() else { return Ok(true) };
        // Held until all is removed: who opened it before has locked it, who comes later finds it locked.
        let file = File::open(bytes).ok();
        if file.as_ref().is_some_and(|file| !is_unlocked(file)) {
            return Ok(false);
        }
        item.files.iter().try_for_each(|path| remove(path).map(drop))?;
        Ok(true)
    }

    /// Temporary files of processes that have died.
    fn sweep_temps(&self, dry_run: bool) -> Result<Vec<Removed>, CacheError> {
        let _guard = Lock::take_briefly(&guard(&self.folder("locks")))?;
        let mut removed = Vec::new();
        for path in list(&self.folder("temps"))? {
            let (Ok(file), Ok(metadata)) = (File::open(&path), fs::metadata(&path)) else { continue };
            if !is_unlocked(&file) {
                continue;
            }
            if !dry_run && !remove(&path)? {
                continue;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            removed.push(Removed { name, why: Why::Stale, stored: stored(&metadata) });
        }
        Ok(removed)
    }
}
