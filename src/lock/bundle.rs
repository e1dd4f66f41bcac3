//! A bundle: the base and every package of a lock in one folder, for a computer without a network, or for a year in which the archives have
//! dropped them.
//!
//! ```text
//! bundle.json              what is in it; written last
//! base.img                 the base, unpacked, sparse
//! NAME_VERSION_ARCH.deb    the packages
//! CLUSTER.lock             a copy of the lock
//! ```

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use serde::{Deserialize, Serialize};

use super::{Lock, LockedBase};
use crate::{
    base::{
        Base,
        cache::{Cache, CacheError},
        source::RawImage,
    },
    disk::{Extents, FileStorage, Storage as _, Window},
    error::{Classified, Kind},
    output::{
        OutputError, Staging,
        digest::Sum,
        platform,
        sparse::{self, Target},
    },
    profile::BaseReference,
    progress::{Progress, Stop},
};

const RECORD: &str = "bundle.json";
const BASE: &str = "base.img";
const FORMAT: u64 = 1;
/// A record of 10,000 packages has 1 MiB.
const MAX_RECORD: u64 = 4 << 20;

/// What is in a bundle. Nothing in it is trusted: the lock says what base and packages must be.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u64,
    /// The other files.
    files: Vec<String>,
}

/// What can be wrong with a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It cannot be read.
    #[error("the bundle `{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// It is none, or not whole.
    #[error("`{}` is no bundle: {reason}", path.display())]
    Form {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The folder has something else in it.
    #[error("the folder `{}` is not empty and no bundle", path.display())]
    Other {
        /// The folder.
        path: PathBuf,
    },
    /// The base in it is not the one of the lock.
    #[error("the base in the bundle, `{}`, is not the one of the lock: its SHA-256 is {found}, expected {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SHA-256 of what is there.
        found: Sum,
        /// SHA-256 that the lock names.
        expected: Sum,
    },
    /// The base in it is not the one of the profile.
    #[error("the lock was made with the base `{found}`, but the profile wants {expected}")]
    OtherBase {
        /// The name of the base in the lock.
        found: String,
        /// What the profile says.
        expected: String,
    },
    /// Writing failed.
    #[error(transparent)]
    Write(#[from] OutputError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl Classified for BundleError {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { .. } => Kind::Io,
            Self::Form { .. } => Kind::Usage,
            Self::Other { .. } | Self::OtherBase { .. } => Kind::Refused,
            Self::Damaged { .. } => Kind::Verification,
            Self::Write(error) => error.kind(),
            Self::Cache(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Form { .. } | Self::Damaged { .. } => "make it anew with `berry-image lock PROFILE --bundle DIR`",
            Self::Other { .. } => "name a new or empty folder",
            Self::OtherBase { .. } => "use lock and bundle that were made for this profile",
            Self::Write(error) => return error.hint(),
            Self::Cache(error) => return error.hint(),
            Self::Read { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Refuses a folder that a bundle cannot be written into: one that holds something, and no bundle.
///
/// # Errors
/// When that is so, or it cannot be read.
pub fn check_folder(folder: &Path) -> Result<(), BundleError> {
    let is_used = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(source) => return Err(BundleError::Read { path: folder.to_owned(), source }),
    };
    if is_used && record(folder)?.is_none() { Err(BundleError::Other { path: folder.to_owned() }) } else { Ok(()) }
}

/// Writes a bundle into a folder that is new, empty, or a bundle, of which nothing stays that is not in the new one.
///
/// # Errors
/// When something else is there, or it cannot be written.
pub fn write(
    folder: &Path,
    cluster: &str,
    lock: &Lock,
    base: &Base,
    packages: &[Arc<FileStorage>],
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<(), BundleError> {
    check_folder(folder)?;
    let old = record(folder)?.map(|record| record.files).unwrap_or_default();
    let mut staging = Staging::begin(folder)?;
    let mut files = vec![BASE.to_owned(), format!("{cluster}.lock")];
    for (package, file) in lock.wanted().iter().zip(packages) {
        let name = package.file_name();
        copy(file, &staging.create(&name, 0o644)?, &staging.path(&name), stop)?;
        files.push(name);
    }
    let image = Extents::window(&Window::whole(Arc::clone(&base.storage)));
    let (path, file) = (staging.path(BASE), staging.create(BASE, 0o644)?);
    let jobs = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let options = sparse::Options { jobs, whole: false, host: platform::host(), progress, stop };
    sparse::write(&[Target { path: &path, file: &file, image: &image }], &options)?;
    staging.write(&format!("{cluster}.lock"), 0o644, &lock.to_json())?;
    let gone: Vec<PathBuf> = old.iter().filter(|name| !files.contains(name) && is_own(name)).map(|name| folder.join(name)).collect();
    let mut record = serde_json::to_vec_pretty(&Record { version: FORMAT, files }).unwrap_or_default();
    record.push(b'\n');
    staging.write(RECORD, 0o644, &record)?;
    staging.commit(RECORD, true)?;
    for path in gone {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(BundleError::Read { path, source }),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a record may name a file that is removed: packages and locks in the folder itself.
fn is_own(name: &str) -> bool {
    !name.contains('/') && !name.starts_with('.') && (name.ends_with(".deb") || name.ends_with(".lock"))
}

/// Copies a package; its bytes were hashed through the same open file.
fn copy(from: &FileStorage, mut to: &File, path: &Path, stop: &Stop) -> Result<(), BundleError> {
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    while offset < from.size() {
        if stop.is_requested() {
            return Err(OutputError::Interrupted { path: path.to_owned() }.into());
        }
        let count = usize::try_from(from.size() - offset).unwrap_or(usize::MAX).min(buffer.len());
        let piece = &mut buffer[..count];
        from.read_exact_at(offset, piece).map_err(|source| BundleError::Read { path: from.path().to_owned(), source })?;
        to.write_all(piece).map_err(|source| BundleError::Read { path: path.to_owned(), source })?;
        offset += count as u64;
    }
    Ok(())
}

/// The record of a folder, if it has one.
fn record(folder: &Path) -> Result<Option<Record>, BundleError> {
    let form = |reason: String| BundleError::Form { path: folder.to_owned(), reason };
    let path = folder.join(RECORD);
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|file| file.take(MAX_RECORD + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 <= MAX_RECORD => {}
        Ok(_) => return Err(form(format!("its `{RECORD}` is too large"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(BundleError::Read { path, source }),
    }
    let record: Record = serde_json::from_slice(&bytes).map_err(|error| form(format!("`{RECORD}`: {error}")))?;
    if record.version == FORMAT {
        return Ok(Some(record));
    }
    Err(form(format!("it has format {}, and this program knows {FORMAT}", record.version)))
}

/// The base of a bundle. It is the one that the lock was made with, to the byte, and the one that `reference` means, or none.
///
/// # Errors
/// When there is no bundle, or its base is another.
pub fn base(
    folder: &Path,
    lock: &Lock,
    reference: &BaseReference,
    cache: &Cache,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<RawImage, BundleError> {
    let missing = || BundleError::Form { path: folder.to_owned(), reason: format!("it has no `{RECORD}`") };
    record(folder)?.ok_or_else(missing)?;
    let LockedBase { name, image, sha256, .. } = &lock.base;
    must_be_meant(reference, name, *sha256)?;
    let path = folder.join(BASE);
    let storage = Arc::new(FileStorage::open(&path).map_err(|source| BundleError::Read { path: path.clone(), source })?);
    let found = Sum(cache.digest(&storage, progress, stop)?);
    if found != *image {
        return Err(BundleError::Damaged { path, found, expected: *image });
    }
    Ok(RawImage { name: name.clone(), sha256: sha256.unwrap_or(*image).0, image_sha256: image.0, storage })
}

/// Whether the base of a lock is what a profile means, as far as the profile pins it.
fn must_be_meant(reference: &BaseReference, name: &str, sha256: Option<Sum>) -> Result<(), BundleError> {
    let (is_meant, expected) = match reference {
        BaseReference::Debian { suite } => (sha256.is_none() && name == format!("debian:{suite}"), format!("`debian:{suite}`")),
        BaseReference::Url { sha256: pinned, .. } | BaseReference::File { sha256: Some(pinned), .. } => {
            (sha256 == Some(Sum(*pinned)), format!("one with the SHA-256 {}", Sum(*pinned)))
        }
        BaseReference::File { path, sha256: None } => (sha256.is_some(), format!("the image `{}`", path.display())),
    };
    if is_meant { Ok(()) } else { Err(BundleError::OtherBase { found: name.to_owned(), expected }) }
}
