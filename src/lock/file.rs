//! The lock as a file: JSON, checked as it is read, replaced as a whole.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{Lock, LockedArchive, LockedBase, LockedPackage, LockedRemoval};
use crate::{
    debian::{
        Version,
        relation::{is_architecture, is_name},
    },
    error::{Classified, Kind},
    output::{OutputError, atomic},
};

/// The format that this program writes and the newest that it reads.
pub(super) const FORMAT: u64 = 1;
/// A lock of 2,000 packages has 1 MiB.
const MAX_SIZE: u64 = 32 << 20;

/// What can be wrong with a lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Reading failed.
    #[error("reading the lock `{}` failed", path.display())]
    Read {
        /// The lock.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Writing failed; what stood there before still stands there.
    #[error(transparent)]
    Write(#[from] OutputError),
    /// It is no lock, or damaged.
    #[error("the lock `{}` cannot be used: {reason}", path.display())]
    Damaged {
        /// The lock.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// It comes from a newer berry-image.
    #[error("the lock `{}` has format {got}; this program knows formats up to {FORMAT}", path.display())]
    Newer {
        /// The lock.
        path: PathBuf,
        /// Its format.
        got: u64,
    },
}

impl Classified for LockError {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { .. } => Kind::Io,
            Self::Write(error) => error.kind(),
            Self::Damaged { .. } => Kind::Corrupt,
            Self::Newer { .. } => Kind::Unsupported,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Write(error) => error.hint(),
            Self::Damaged { .. } => {
                Some("take it from your backup or version control, or remove it: then `berry-image lock` makes a new one".to_owned())
            }
            Self::Newer { .. } => Some("use the berry-image that wrote it, or a newer one".to_owned()),
            Self::Read { .. } => None,
        }
    }
}

impl Lock {
    /// The lock at `path`, or `None` where there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, is of a newer format, or says something that no lock says.
    pub fn load(path: &Path) -> Result<Option<Self>, LockError> {
        let read = |source| LockError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes)) {
            Ok(_) => Self::parse(&bytes, path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(read(error)),
        }
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self, LockError> {
        let wrong = |reason: String| LockError::Damaged { path: path.to_owned(), reason };
        if bytes.len() as u64 > MAX_SIZE {
            return Err(wrong(format!("it has more than {MAX_SIZE} bytes")));
        }
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(FORMAT) => {}
            Some(got) if got > FORMAT => return Err(LockError::Newer { path: path.to_owned(), got }),
            _ => return Err(wrong("it has no `version`".to_owned())),
        }
        // Once more from the text: the error then tells line and column.
        let lock: Self = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        lock.check().map_err(wrong)?;
        Ok(lock)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Text, numbers and maps with text for keys always become JSON.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Puts it in the place of what stands at `path`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), LockError> {
        Ok(atomic::write(path, &self.to_json(), 0o644)?)
    }

    /// What a type cannot say. File names, addresses and messages are made of these.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { version: _, epoch, base, asked: _, archives, packages, remove } = self;
        if !(0..1 << 33).contains(epoch) {
            return Err(format!("`epoch` is {epoch}, no time of a build"));
        }
        check_base(base)?;
        archives.iter().try_for_each(check_archive)?;
        let mut names = BTreeSet::new();
        for package in packages {
            check_package(package, archives.len())?;
            if !names.insert(package.name.as_str()) {
                return Err(format!("the package `{}` stands there twice", package.name));
            }
        }
        for LockedRemoval { name, version, architecture, .. } in remove {
            check_names(name, version, architecture)?;
            if !names.insert(name) {
                return Err(format!("the package `{name}` stands there twice"));
            }
        }
        Ok(())
    }
}

fn check_base(base: &LockedBase) -> Result<(), String> {
    if base.sha256.is_some() == base.packages.is_some() {
        return Err("`base` has either `sha256` or `packages`".to_owned());
    }
    if is_architecture(&base.architecture) { Ok(()) } else { Err("the architecture of `base` is none".to_owned()) }
}

fn check_archive(archive: &LockedArchive) -> Result<(), String> {
    let is_web = archive.uri.starts_with("http://") || archive.uri.starts_with("https://");
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_web && is_plain(&archive.uri) && is_plain(&archive.suite) && !archive.uri.contains(['@', '?', '#']) {
        return Ok(());
    }
    Err("the address or suite of an archive is none".to_owned())
}

fn check_package(package: &LockedPackage, archives: usize) -> Result<(), String> {
    let LockedPackage { name, version, architecture, archive, path, .. } = package;
    check_names(name, version, architecture)?;
    let is_below = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !is_below || !path.bytes().all(|byte| byte.is_ascii_graphic()) || path.contains(['?', '#', '\\']) {
        return Err(format!("the path of the package `{name}` does not lead below an archive"));
    }
    if *archive >= archives {
        return Err(format!("the package `{name}` comes from archive {archive}, and there are {archives}"));
    }
    Ok(())
}

fn check_names(name: &str, version: &str, architecture: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!("`{}` is no name of a package", name.escape_debug()));
    }
    if Version::new(version).is_err() || !is_architecture(architecture) {
        return Err(format!("the package `{name}` has no version or no architecture"));
    }
    Ok(())
}
