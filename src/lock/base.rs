//! The base that a lock was made for: an image by its digest, a base that is made from packages by those packages, because making it again
//! gives the same packages and never the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    base::{Base, facts::Flavour},
    debian::status::{self, StatusError},
    error::{Classified, Kind},
    output::digest::Sum,
    tree::TreeError,
};

const STATUS: &str = "/var/lib/dpkg/status";
/// So many packages that differ are named.
const NAMED: usize = 3;

/// A base, as a lock knows it. Exactly one of the last two is there, and says whether another base will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedBase {
    /// What it is called.
    pub name: String,
    /// The architecture of its packages, as dpkg calls it.
    pub architecture: String,
    /// SHA-256 of the raw image: what the image in a bundle must have.
    pub image: Sum,
    /// SHA-256 of the image file, packed or not, as it was given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<Sum>,
    /// Versions of its packages by name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub packages: Option<BTreeMap<String, String>>,
}

/// Why the packages of a base cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LockedBaseError {
    /// The file cannot be read.
    #[error("`{STATUS}` of the base cannot be read")]
    Read(#[from] TreeError),
    /// It is not what dpkg writes.
    #[error("`{STATUS}` of the base")]
    Status(#[from] StatusError),
}

impl Classified for LockedBaseError {
    fn kind(&self) -> Kind {
        Kind::Corrupt
    }
}

impl LockedBase {
    /// How a lock knows this base.
    ///
    /// # Errors
    /// When its packages cannot be read.
    pub fn of(base: &Base) -> Result<Self, LockedBaseError> {
        let is_made = base.facts.flavour == Flavour::BerryDebian;
        let architecture = base.facts.architecture.name();
        let packages = if is_made { Some(versions(&base.tree.read_text(STATUS)?)?) } else { None };
        Ok(Self {
            name: base.name.clone(),
            architecture: architecture.to_owned(),
            image: Sum(base.image_sha256),
            sha256: (!is_made).then_some(Sum(base.sha256)),
            packages,
        })
    }

    /// In which way another base is not this one, if it is not; what it is called does not count.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.architecture != other.architecture {
            return Some(format!("it is for {}, not for {}", other.architecture, self.architecture));
        }
        match (self.sha256, other.sha256, &self.packages, &other.packages) {
            (Some(own), Some(others), ..) => (own != others).then(|| format!("it is another image: its SHA-256 is {others}, not {own}")),
            (.., Some(own), Some(others)) => different_packages(own, others),
            _ => Some("one is an image, and the other made by mmdebstrap".to_owned()),
        }
    }
}

fn versions(text: &str) -> Result<BTreeMap<String, String>, StatusError> {
    let records = status::installed(text)?.into_iter();
    Ok(records.map(|record| (record.package.name.to_owned(), record.package.version.as_str().to_owned())).collect())
}

fn different_packages(own: &BTreeMap<String, String>, others: &BTreeMap<String, String>) -> Option<String> {
    let changed = own.iter().filter_map(|(name, version)| match others.get(name) {
        Some(other) if other == version => None,
        Some(other) => Some(format!("{name} is {other}, not {version}")),
        None => Some(format!("{name} is missing")),
    });
    let new = others.keys().filter(|name| !own.contains_key(*name)).map(|name| format!("{name} is new"));
    let all: Vec<String> = changed.chain(new).collect();
    let rest = all.len().saturating_sub(NAMED);
    let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
    (!all.is_empty()).then(|| format!("{}{more}", all[..all.len() - rest].join(", ")))
}
