//! Packages decompressed: into the cache, so that the next build finds them so.

use std::{
    fs::File,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::BakeError;
use crate::{
    base::cache::{CacheError, Files, Temp},
    debian::deb::{Deb, Scratch},
    disk::FileStorage,
    lock::LockedPackage,
    repository::Access,
};

/// Reads a package of a lock; its data archive is decompressed only where the cache does not have it.
pub(super) fn read(package: &LockedPackage, file: &Arc<FileStorage>, access: &Access<'_>) -> Result<Deb, BakeError> {
    let failed = |source| BakeError::Deb { package: package.name.clone(), version: package.version.clone(), source };
    let scratch = Temporary { files: access.files, temps: Mutex::new(Vec::new()) };
    let sha256 = &package.sha256.0;
    match access.files.unpacked(sha256, access.stop) {
        Ok(Some(data)) => return Deb::read_unpacked(Arc::clone(file) as _, data, &scratch, access.stop).map_err(failed),
        // It was removed, and is made anew.
        Ok(None) | Err(CacheError::Damaged { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let deb = Deb::read(Arc::clone(file) as _, &scratch, access.stop).map_err(failed)?;
    let temps = scratch.temps.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let (Some(done), Some(data)) = (deb.unpacked, temps.into_iter().next_back()) {
        access.files.keep_unpacked(sha256, data, &done.sha256, done.size)?;
    }
    Ok(deb)
}

/// Temporary files of the cache. The names go with this; what is open stays.
struct Temporary<'a> {
    files: &'a Files<'a>,
    temps: Mutex<Vec<Temp>>,
}

impl Scratch for Temporary<'_> {
    fn file(&self) -> io::Result<File> {
        let temp = self.files.temp().map_err(io::Error::other)?;
        let file = temp.file().try_clone()?;
        self.temps.lock().unwrap_or_else(PoisonError::into_inner).push(temp);
        Ok(file)
    }
}
