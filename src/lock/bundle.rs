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
    fs, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use serde::{Deserialize, Serialize};

use super::Lock;
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
    repository::spool::Spool,
};

const RECORD: &str = "bundle.json";
const BASE: &str = "base.img";
const FORMAT: u64 = 1;
/// A record names one base.
const MAX_RECORD: usize = 64 << 10;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u64,
    base: BaseRecord,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaseRecord {
    /// As [`RawImage::name`].
    name: String,
    /// As [`RawImage::sha256`].
    sha256: Sum,
    /// Of the file in the bundle.
    file_sha256: Sum,
    size: u64,
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
    /// The base in it is not what it was.
    #[error("the base in the bundle, `{}`, is damaged: its SHA-256 is {found}, expected {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SHA-256 of what is there.
        found: Sum,
        /// SHA-256 of what was put there.
        expected: Sum,
    },
    /// The base in it is not the one of the profile.
    #[error("the bundle has the base `{found}`, but the profile wants {expected}")]
    OtherBase {
        /// The name of the base in the bundle.
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
            Self::OtherBase { .. } => "use the bundle that was made for this profile",
            Self::Write(error) => return error.hint(),
            Self::Cache(error) => return error.hint(),
            Self::Read { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Writes a bundle into a folder that is new, empty, or a bundle.
///
/// # Errors
/// When something else is there, or it cannot be written.
pub fn write(
    folder: &Path,
    cluster: &str,
    lock: &Lock,
    base: &Base,
    spool: &Spool,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<(), BundleError> {
    let read = |source| BundleError::Read { path: folder.to_owned(), source };
    let is_used = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(read(error)),
    };
    if is_used && !folder.join(RECORD).is_file() {
        return Err(BundleError::Other { path: folder.to_owned() });
    }
    let mut staging = Staging::begin(folder)?;
    let mut buffer = Vec::new();
    for (package, file) in lock.wanted().iter().zip(&spool.files) {
        buffer.resize(usize::try_from(file.size()).unwrap_or_default(), 0);
        file.read_exact_at(0, &mut buffer).map_err(|source| BundleError::Read { path: file.path().to_owned(), source })?;
        staging.write(&package.file_name(), 0o644, &buffer)?;
    }
    let image = Extents::window(&Window::whole(Arc::clone(&base.storage)));
    let (path, file) = (staging.path(BASE), staging.create(BASE, 0o644)?);
    let jobs = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let options = sparse::Options { jobs, whole: true, host: platform::host(), progress, stop };
    let written = sparse::write(&[Target { path: &path, file: &file, image: &image }], &options)?;
    // Asked for above.
    let file_sha256 = written.first().and_then(|written| written.sha256).unwrap_or(Sum([0; 32]));
    let base = BaseRecord { name: base.name.clone(), sha256: Sum(base.sha256), file_sha256, size: base.storage.size() };
    let mut record = serde_json::to_vec_pretty(&Record { version: FORMAT, base }).unwrap_or_default();
    record.push(b'\n');
    staging.write(&format!("{cluster}.lock"), 0o644, &lock.to_json())?;
    staging.write(RECORD, 0o644, &record)?;
    Ok(staging.commit(RECORD, true)?)
}

/// The base of a bundle, all of it read once, if it is the one that `reference` means.
///
/// # Errors
/// When there is no bundle, when it is damaged, or has another base.
pub fn base(
    folder: &Path,
    reference: &BaseReference,
    cache: &Cache,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<RawImage, BundleError> {
    let form = |reason: String| BundleError::Form { path: folder.to_owned(), reason };
    let path = folder.join(RECORD);
    let bytes = match fs::read(&path) {
        Ok(bytes) if bytes.len() <= MAX_RECORD => bytes,
        Ok(_) => return Err(form(format!("its `{RECORD}` is too large"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(form(format!("it has no `{RECORD}`"))),
        Err(source) => return Err(BundleError::Read { path, source }),
    };
    let record: Record = serde_json::from_slice(&bytes).map_err(|error| form(format!("`{RECORD}`: {error}")))?;
    if record.version != FORMAT {
        return Err(form(format!("it has format {}, and this program knows {FORMAT}", record.version)));
    }
    let BaseRecord { name, sha256, file_sha256, size } = record.base;
    must_be_meant(reference, &name, sha256)?;
    let path = folder.join(BASE);
    let storage = Arc::new(FileStorage::open(&path).map_err(|source| BundleError::Read { path: path.clone(), source })?);
    let found = Sum(cache.digest(&storage, progress, stop)?);
    if found != file_sha256 || storage.size() != size {
        return Err(BundleError::Damaged { path, found, expected: file_sha256 });
    }
    Ok(RawImage { name, sha256: sha256.0, storage })
}

fn must_be_meant(reference: &BaseReference, name: &str, sha256: Sum) -> Result<(), BundleError> {
    let (is_meant, expected) = match reference {
        BaseReference::Debian { suite } => (name == format!("debian:{suite}"), format!("`debian:{suite}`")),
        BaseReference::Url { sha256: pinned, .. } | BaseReference::File { sha256: Some(pinned), .. } => {
            (*pinned == sha256.0, format!("one with the SHA-256 {}", Sum(*pinned)))
        }
        BaseReference::File { path, sha256: None } => {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (file == name, format!("`{file}`"))
        }
    };
    if is_meant { Ok(()) } else { Err(BundleError::OtherBase { found: name.to_owned(), expected }) }
}
