//! The packages of a lock as files on this computer, each with its digest checked.

use std::{path::Path, sync::Arc};

use super::{Access, CONNECTIONS, Place, RepositoryError};
use crate::{
    base::{
        cache::sha256_of,
        fetch::{self, Address, FetchError},
    },
    disk::{FileStorage, Storage as _},
    hex, parallel,
    progress::{Bar, Progress, Stop},
};

/// A package that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// The suite that has it.
    pub place: Place,
    /// Path below the archive's address.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

impl Wanted {
    /// Name of its file in a bundle, as apt names files: `NAME_VERSION_ARCH.deb`, the colon of an epoch as `%3a`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}_{}_{}.deb", self.name, self.version.replace(':', "%3a"), self.architecture)
    }
}

/// Gets packages: from the folder of a bundle, else from the cache, else from the archives. The files are in the order in which they were
/// wanted, each was read and hashed, and what is open stays although its name may go.
///
/// # Errors
/// When one cannot be had, or is not the one that is wanted; offline with the names of all that are missing.
pub fn fetch(wanted: &[Wanted], bundle: Option<&Path>, access: &Access<'_>) -> Result<Vec<Arc<FileStorage>>, RepositoryError> {
    let mut found: Vec<Option<Arc<FileStorage>>> = Vec::with_capacity(wanted.len());
    for package in wanted {
        let bundled = match bundle {
            Some(folder) => bundled(package, &folder.join(package.file_name()), access.stop)?,
            None => None,
        };
        found.push(match bundled {
            Some(file) => Some(file),
            None => access.cached(|files| files.get(&package.sha256, package.size, access.stop))?,
        });
    }
    let missing: Vec<&Wanted> = wanted.iter().zip(&found).filter(|(_, file)| file.is_none()).map(|(package, _)| package).collect();
    if access.network.offline && !missing.is_empty() {
        return Err(RepositoryError::Offline { missing: missing.iter().map(|package| package.file_name()).collect(), are_packages: true });
    }
    let mut fetched = download(&missing, access)?.into_iter();
    // One was fetched for each that was not found.
    Ok(found.into_iter().filter_map(|file| file.or_else(|| fetched.next())).collect())
}

fn bundled(package: &Wanted, path: &Path, stop: &Stop) -> Result<Option<Arc<FileStorage>>, RepositoryError> {
    let shown = || path.display().to_string();
    let storage = match FileStorage::open(path) {
        Ok(storage) => storage,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(RepositoryError::BundleRead { path: shown(), source }),
    };
    if storage.size() != package.size {
        let reason = format!("has {} bytes, expected {}", storage.size(), package.size);
        return Err(RepositoryError::Bundle { path: shown(), reason });
    }
    let digest = sha256_of(&storage, stop)?;
    if digest != package.sha256 {
        let reason = format!("has the SHA-256 {}, expected {}", hex::encode(&digest), hex::encode(&package.sha256));
        return Err(RepositoryError::Bundle { path: shown(), reason });
    }
    Ok(Some(Arc::new(storage)))
}

/// Downloads packages, a few at a time, and gives them to the cache.
fn download(missing: &[&Wanted], access: &Access<'_>) -> Result<Vec<Arc<FileStorage>>, RepositoryError> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let total = missing.iter().map(|package| package.size).sum();
    let label = if missing.len() == 1 { "downloading 1 package".to_owned() } else { format!("downloading {} packages", missing.len()) };
    let whole: Arc<dyn Bar> = Arc::from(access.progress.begin(&label, Some(total)));
    let progress = Whole { each: access.progress, whole };
    let one = |package: &&Wanted| -> Result<Arc<FileStorage>, RepositoryError> {
        let place = || package.place.clone();
        if access.stop.is_requested() {
            return Err(RepositoryError::Interrupted);
        }
        let address = Address::parse(&format!("{}/{}", package.place.uri, package.path));
        let address = address.map_err(|reason| RepositoryError::Address { place: place(), reason })?;
        let wanted = (&package.sha256, package.size);
        let pending = fetch::download(&address, &package.file_name(), wanted, access.files, access.network, &progress, access.stop)
            .map_err(|error| {
                let (package, version) = (package.name.clone(), package.version.clone());
                match error {
                    FetchError::Status { status: 404 | 410, .. } => RepositoryError::Moved { place: place(), package, version },
                    source @ (FetchError::Digest { .. } | FetchError::Size { .. } | FetchError::TooLarge { .. }) => {
                        RepositoryError::Package { place: place(), package, source: Box::new(source) }
                    }
                    error => RepositoryError::fetch(place(), error),
                }
            })?;
        Ok(access.files.keep(pending)?)
    };
    parallel::each(missing, CONNECTIONS, one)
}

/// Reports each file, and what it adds to the whole.
struct Whole<'a> {
    each: &'a dyn Progress,
    whole: Arc<dyn Bar>,
}

impl Progress for Whole<'_> {
    fn begin(&self, label: &str, total: Option<u64>) -> Box<dyn Bar> {
        Box::new(Part { own: self.each.begin(label, total), whole: Arc::clone(&self.whole) })
    }

    fn note(&self, text: &str) {
        self.each.note(text);
    }
}

struct Part {
    own: Box<dyn Bar>,
    whole: Arc<dyn Bar>,
}

impl Bar for Part {
    fn advance(&self, bytes: u64) {
        self.own.advance(bytes);
        self.whole.advance(bytes);
    }

    fn skip(&self, bytes: u64) {
        self.own.skip(bytes);
        self.whole.skip(bytes);
    }
}
