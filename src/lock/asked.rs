//! What of a profile the packages were chosen for: a lock fits as long as this is the same.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{output::digest::Sum, profile::Packages, repository::Wish};

/// The part of a profile that decides which packages are chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Packages that are to be there.
    pub install: Vec<String>,
    /// Packages that are to go.
    pub remove: Vec<String>,
    /// Packages that stay at their version.
    pub hold: Vec<String>,
    /// Whether what is recommended comes, too.
    pub recommends: bool,
    /// Archives besides those of the image.
    pub sources: Vec<AskedSource>,
}

/// An archive of the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedSource {
    /// Its address.
    pub uri: String,
    /// Its suite.
    pub suite: String,
    /// Its components.
    pub components: Vec<String>,
    /// SHA-256 of its key as the profile has it.
    pub key: Sum,
}

impl Asked {
    /// What a profile asks for.
    #[must_use]
    pub fn of(packages: &Packages) -> Self {
        let source = |source: &crate::profile::ExtraSource| AskedSource {
            uri: source.uri.clone(),
            suite: source.suite.clone(),
            components: source.components.clone(),
            key: Sum(Sha256::digest(source.key.as_bytes()).into()),
        };
        Self {
            install: packages.install.clone(),
            remove: packages.remove.clone(),
            hold: packages.hold.clone().unwrap_or_default(),
            recommends: packages.recommends,
            sources: packages.sources.iter().map(source).collect(),
        }
    }

    /// As the resolver takes it.
    #[must_use]
    pub fn wish(&self) -> Wish {
        Wish { install: self.install.clone(), remove: self.remove.clone(), hold: self.hold.clone(), recommends: self.recommends }
    }

    /// In which way a profile asks for something else, if it does.
    #[must_use]
    pub fn difference(&self, profile: &Packages) -> Option<String> {
        let now = Self::of(profile);
        let lists = [("install", &self.install, &now.install), ("remove", &self.remove, &now.remove), ("hold", &self.hold, &now.hold)];
        for (name, old, new) in lists {
            let only = |one: &[String], other: &[String]| one.iter().filter(|name| !other.contains(name)).cloned().collect::<Vec<_>>();
            let (added, gone) = (only(new, old), only(old, new));
            let what = match (added.is_empty(), gone.is_empty()) {
                (true, true) if old == new => continue,
                (true, true) => "in another order".to_owned(),
                (false, true) => format!("now with {}", added.join(", ")),
                (true, false) => format!("now without {}", gone.join(", ")),
                (false, false) => format!("now with {} and without {}", added.join(", "), gone.join(", ")),
            };
            return Some(format!("`packages.{name}` of the profile is {what}"));
        }
        if self.recommends != now.recommends {
            return Some(format!("`packages.recommends` of the profile is now {}", now.recommends));
        }
        (self.sources != now.sources).then(|| "`packages.sources` of the profile has changed".to_owned())
    }
}
