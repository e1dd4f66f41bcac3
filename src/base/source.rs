//! From what a profile names to a raw image that can be read.

#[cfg(test)]
mod tests;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    BaseError,
    cache::{Cache, Made, Partial, Scratch, Stamp, Temp},
    debian::{self, DebianError},
    fetch::{self, Address, Expected, FetchError, Network},
    sniff::{Sniffed, sniff},
};
use crate::{
    decompress::{DecompressError, Format, decompress},
    disk::{FileStorage, Storage as _},
    error::{Classified as _, Kind},
    hex,
    profile::BaseReference,
    progress::{Progress, Stop},
};

/// A raw image, open for reading.
#[derive(Clone, Debug)]
pub struct RawImage {
    /// What it is called: a file's name without its folder, that of an address without query, or `debian:SUITE`.
    pub name: String,
    /// SHA-256 of the file that was given or downloaded as it stands, compressed or not; of a made base, of its image. This is what pins the base.
    pub sha256: [u8; 32],
    /// SHA-256 of the raw image: the same, unless it was packed.
    pub image_sha256: [u8; 32],
    /// The bytes.
    pub storage: Arc<FileStorage>,
}

/// Finds, downloads, decompresses or makes the image that `reference` names. `offline` forbids what needs the network; else the proxies
/// of the environment are used.
///
/// A raw image file is used where it is; everything else comes to lie in the cache.
///
/// # Errors
/// When the image is not there, not one, not sound, not the one that is pinned, or cannot be made.
pub fn obtain(
    reference: &BaseReference,
    cache: &Cache,
    offline: bool,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<RawImage, BaseError> {
    obtain_over(&Network::from_environment(offline), reference, cache, progress, stop)
}

/// As [`obtain`], with a network of one's own.
///
/// # Errors
/// As [`obtain`].
pub fn obtain_over(
    network: &Network,
    reference: &BaseReference,
    cache: &Cache,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<RawImage, BaseError> {
    match reference {
        BaseReference::Debian { suite } => made(suite, cache, network.offline, progress, stop),
        BaseReference::File { path, sha256 } => file(path, sha256.as_ref(), cache, progress, stop),
        BaseReference::Url { url, sha256 } => downloaded(url, sha256, cache, network, progress, stop),
    }
}

/// Whether [`obtain`] would be quick, if only to fail, and need no network: for `check`, which must not take minutes.
///
/// # Errors
/// When the cache cannot be read, or there is no such `debian:` suite.
pub fn is_at_hand(reference: &BaseReference, cache: &Cache) -> Result<bool, BaseError> {
    match reference {
        BaseReference::Debian { suite } => Ok(cache.get(&debian::key(suite)?)?.is_some()),
        BaseReference::File { path, .. } => {
            // What is wrong with it is worth saying, and said at once.
            let Ok(storage) = FileStorage::open(path) else { return Ok(true) };
            match sniff(&storage) {
                Ok(Sniffed::Supported(Format::Raw)) => Ok(true),
                Ok(Sniffed::Supported(_)) => match cache.known_digest(path) {
                    Some(digest) => Ok(cache.get(&key(&digest))?.is_some()),
                    None => Ok(false),
                },
                Ok(_) | Err(_) => Ok(true),
            }
        }
        BaseReference::Url { sha256, .. } => Ok(cache.get(&key(sha256))?.is_some()),
    }
}

fn made(suite: &str, cache: &Cache, offline: bool, progress: &dyn Progress, stop: &Stop) -> Result<RawImage, BaseError> {
    let name = format!("debian:{suite}");
    let key = debian::key(suite)?;
    if offline && cache.get(&key)?.is_none() {
        return Err(BaseError::Offline { name });
    }
    let entry = cache.get_or_make(&key, &name, progress, stop, |scratch, image| -> Result<Made, DebianError> {
        debian::make(suite, scratch, image.file(), progress, stop)
    })?;
    Ok(RawImage { name, sha256: entry.made.sha256, image_sha256: entry.made.sha256, storage: entry.storage })
}

fn file(path: &Path, pinned: Option<&[u8; 32]>, cache: &Cache, progress: &dyn Progress, stop: &Stop) -> Result<RawImage, BaseError> {
    let open = |source| BaseError::Open { path: path.to_owned(), source };
    if fs::metadata(path).map_err(open)?.is_dir() {
        return Err(open(io::ErrorKind::IsADirectory.into()));
    }
    // Whatever comes to stand at the path meanwhile: what is hashed, unpacked and read is this file.
    let storage = Arc::new(FileStorage::open(path).map_err(open)?);
    let stamp = Stamp::of(&storage)?;
    let format = match sniff(&*storage).map_err(open)? {
        Sniffed::Supported(format) => format,
        Sniffed::Known(found) => return Err(not_an_image(path, found)),
        Sniffed::Unknown => return Err(not_an_image(path, "nothing that is known here")),
    };
    let sha256 = cache.digest(&storage, progress, stop)?;
    if let Some(expected) = pinned
        && sha256 != *expected
    {
        return Err(BaseError::Digest { path: path.to_owned(), found: hex::encode(&sha256), expected: hex::encode(expected) });
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if format == Format::Raw {
        stamp.still_of(&storage)?;
        return Ok(RawImage { name, sha256, image_sha256: sha256, storage });
    }
    let entry = cache.get_or_make(&key(&sha256), &name, progress, stop, |_, image| -> Result<Made, BaseError> {
        let failed = |source: DecompressError| BaseError::Decompress { path: path.to_owned(), source };
        let decompressed = decompress(format, &*storage, image.file(), progress, stop).map_err(failed)?;
        stamp.still_of(&storage)?;
        check_inside(path, &*image.storage()?)?;
        Ok(Made { size: decompressed.size, sha256: decompressed.sha256 })
    })?;
    Ok(RawImage { name, sha256, image_sha256: entry.made.sha256, storage: entry.storage })
}

fn downloaded(
    url: &str,
    sha256: &[u8; 32],
    cache: &Cache,
    network: &Network,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<RawImage, BaseError> {
    let address = Address::parse(url).map_err(FetchError::Address)?;
    let key = key(sha256);
    if network.offline && cache.get(&key)?.is_none() {
        return Err(FetchError::Offline { address }.into());
    }
    let mut unpacked_from = None;
    let entry = cache.get_or_bring(&key, &address.to_string(), progress, stop, |scratch| -> Result<(Temp, Made), BaseError> {
        let mut partial = scratch.partial(url, &address.to_string(), stop)?;
        let expected = Expected { name: &address.file_name(), sha256, size: None };
        if let Err(error) = fetch::fetch(&address, expected, &mut partial, network, progress, stop) {
            if !error.keeps_partial() {
                partial.discard();
            }
            return Err(error.into());
        }
        let (image, rest) = unpacked(partial, &address, sha256, scratch, progress, stop)?;
        unpacked_from = rest;
        Ok(image)
    })?;
    // Only now the disk has the image.
    if let Some(partial) = unpacked_from {
        partial.discard();
    }
    Ok(RawImage { name: address.file_name(), sha256: *sha256, image_sha256: entry.made.sha256, storage: entry.storage })
}

/// The image in a download that is complete and the right one; and the download, unless it is the image itself.
fn unpacked(
    partial: Partial,
    address: &Address,
    sha256: &[u8; 32],
    scratch: &Scratch<'_>,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<((Temp, Made), Option<Partial>), BaseError> {
    let path = PathBuf::from(address.to_string());
    let storage = partial.storage()?;
    let unpack = || -> Result<Option<(Temp, Made)>, BaseError> {
        let format = match sniff(&*storage).map_err(|source| BaseError::Open { path: path.clone(), source })? {
            Sniffed::Supported(Format::Raw) => return Ok(None),
            Sniffed::Supported(format) => format,
            Sniffed::Known(found) => return Err(not_an_image(&path, found)),
            Sniffed::Unknown => return Err(not_an_image(&path, "nothing that is known here")),
        };
        let image = scratch.temp()?;
        let failed = |source: DecompressError| BaseError::Decompress { path: path.clone(), source };
        let decompressed = decompress(format, &*storage, image.file(), progress, stop).map_err(failed)?;
        check_inside(&path, &*image.storage()?)?;
        Ok(Some((image, Made { size: decompressed.size, sha256: decompressed.sha256 })))
    };
    match unpack() {
        Ok(Some(image)) => Ok((image, Some(partial))),
        // It is the image itself: it changes its place, and that is all.
        Ok(None) => Ok(((partial.into_temp()?, Made { size: storage.size(), sha256: *sha256 }), None)),
        Err(error) => {
            match &error {
                // It is what was asked for, and the user can unpack it.
                BaseError::Decompress { source, .. } if source.kind() == Kind::Unsupported => {
                    progress.note(&format!("the download is kept as `{}`", partial.path().display()));
                }
                // A full disk or an interruption passes; what the publisher calls an image and is none does not.
                error if !matches!(error.kind(), Kind::Io | Kind::Interrupted) => partial.discard(),
                _ => {}
            }
            Err(error)
        }
    }
}

/// What was in the file must be an image, not something else that is compressed or packed.
fn check_inside(path: &Path, image: &FileStorage) -> Result<(), BaseError> {
    let found = match sniff(image).map_err(|source| BaseError::Open { path: path.to_owned(), source })? {
        Sniffed::Supported(Format::Raw) => return Ok(()),
        Sniffed::Supported(format) => format!("a {} file inside another", format.name()),
        Sniffed::Known(found) => format!("{found} inside a compressed file"),
        Sniffed::Unknown => "a compressed file of something that is not known here".to_owned(),
    };
    Err(not_an_image(path, &found))
}

fn not_an_image(path: &Path, found: &str) -> BaseError {
    BaseError::NotAnImage { path: PathBuf::from(path), found: found.to_owned() }
}

/// The cache's name for what a file with this digest holds.
fn key(digest: &[u8; 32]) -> String {
    format!("file-{}", hex::encode(digest))
}
