//! From a path on this computer to the bytes of an image.

use std::{path::Path, sync::Arc};

use crate::{
    base::{
        BaseError,
        cache::Cache,
        sniff::{Sniffed, sniff},
        source,
    },
    decompress::Format,
    disk::{FileStorage, Storage},
    profile::BaseReference,
    progress::{Progress, Stop},
};

/// The image at an absolute path: a raw one, or a card itself, where it is; one that is packed (xz, gzip, zstd, zip) from the cache,
/// into which it is unpacked the first time.
///
/// # Errors
/// When it cannot be read, is no image, or cannot be unpacked.
pub fn open(path: &Path, progress: &dyn Progress, stop: &Stop) -> Result<Arc<dyn Storage>, BaseError> {
    if let Ok(storage) = FileStorage::open(path)
        && matches!(sniff(&storage), Ok(Sniffed::Supported(Format::Raw)))
    {
        // Not through the cache, which would read all of it for its digest.
        return Ok(Arc::new(storage));
    }
    let reference = BaseReference::File { path: path.to_owned(), sha256: None };
    Ok(source::obtain(&reference, &Cache::open_default()?, true, progress, stop)?.storage)
}
