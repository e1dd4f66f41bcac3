//! The lock: which packages the images of a profile get, to the byte, in one file beside the profile.
//!
//! It is made once from what the archives offer ([`make()`]) and from then on says what a build takes, so that every node, and every later
//! build, has the same. It names the [base](LockedBase) that it was made for, what was [asked for](Asked), the signed state of the
//! archives, and each package with its digest. A [`bundle`] keeps the bytes as well, because archives drop old versions.

mod asked;
mod base;
pub mod bundle;
mod changes;
mod file;
mod make;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use asked::{Asked, AskedSource};
pub use base::{LockedBase, LockedBaseError};
pub use changes::Changes;
pub use file::LockError;
pub use make::{MakeError, Update, make};

use crate::{
    output::digest::Sum,
    repository::{Place, spool::Wanted},
};

/// What a build takes; the order of the fields is that in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Version of the format.
    version: u64,
    /// Seconds since 1970: the time of everything that a build makes, where no ledger says another.
    pub epoch: i64,
    /// The base that the packages go with.
    pub base: LockedBase,
    /// What of the profile they were chosen for.
    pub asked: Asked,
    /// The archives that they come from, as they were.
    pub archives: Vec<LockedArchive>,
    /// The packages that come, by name.
    pub packages: Vec<LockedPackage>,
    /// The packages that go, by name.
    pub remove: Vec<LockedRemoval>,
}

/// An archive's suite as it was when the lock was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedArchive {
    /// Its address.
    pub uri: String,
    /// The suite.
    pub suite: String,
    /// The code name that its signed root has.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub codename: Option<String>,
    /// When its signed root was made, seconds since 1970.
    pub date: i64,
    /// SHA-256 of the text of its signed root.
    pub release: Sum,
    /// Fingerprints of the keys that signed it.
    pub keys: Vec<String>,
    /// The indices that were read: path below the signed root, size in bytes, SHA-256.
    pub indices: Vec<LockedIndex>,
}

/// An index of packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedIndex {
    /// Path below the signed root.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: Sum,
}

/// A package that comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// The version of the base that it takes the place of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaces: Option<String>,
    /// Whether the profile asks for it, or it comes because something needs it.
    pub asked: bool,
    /// Position of its archive in [`Lock::archives`].
    pub archive: usize,
    /// Path below the archive's address.
    pub path: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: Sum,
    /// How much more the root needs with it, as it says itself, in KiB.
    pub growth: i64,
}

/// A package that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedRemoval {
    /// Its name.
    pub name: String,
    /// The version that is in the base.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// Whether it goes only because nothing needs it any more.
    pub orphan: bool,
    /// What the root gets back, as it says itself, in KiB.
    pub size: u64,
}

impl Lock {
    /// What has to be had for it.
    #[must_use]
    pub fn wanted(&self) -> Vec<Wanted> {
        let wanted = |package: &LockedPackage| {
            // Every position was checked when the lock was read or made.
            let archive = self.archives.get(package.archive);
            let (uri, suite) = archive.map(|archive| (archive.uri.clone(), archive.suite.clone())).unwrap_or_default();
            Wanted {
                name: package.name.clone(),
                version: package.version.clone(),
                architecture: package.architecture.clone(),
                place: Place { uri, suite },
                path: package.path.clone(),
                size: package.size,
                sha256: package.sha256.0,
            }
        };
        self.packages.iter().map(wanted).collect()
    }

    /// Bytes of all files of packages.
    #[must_use]
    pub fn download_size(&self) -> u64 {
        self.packages.iter().map(|package| package.size).fold(0, u64::saturating_add)
    }

    /// How many bytes more the root needs, as the packages say themselves; negative where it needs fewer.
    #[must_use]
    pub fn growth(&self) -> i64 {
        let come = self.packages.iter().map(|package| package.growth).fold(0, i64::saturating_add);
        let go = self.remove.iter().map(|removal| i64::try_from(removal.size).unwrap_or(i64::MAX)).fold(0, i64::saturating_add);
        come.saturating_sub(go).saturating_mul(1024)
    }

    /// Versions and digests by name.
    fn files(&self) -> BTreeMap<&str, (&str, Sum)> {
        self.packages.iter().map(|package| (package.name.as_str(), (package.version.as_str(), package.sha256))).collect()
    }
}
