//! What is different between two locks.

use std::fmt;

use super::Lock;
use crate::output::digest::Sum;

/// What changed from one lock to the next, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Packages that come now and did not: name and version.
    pub added: Vec<(String, String)>,
    /// Packages that came and do not now: name and version.
    pub dropped: Vec<(String, String)>,
    /// Packages of which another version comes: name, old and new version.
    pub moved: Vec<(String, String, String)>,
    /// Packages that come in the same version as another file: name and version.
    pub replaced: Vec<(String, String)>,
    /// Packages of the base that go now and stayed.
    pub removed: Vec<String>,
    /// Packages of the base that went and stay now.
    pub kept: Vec<String>,
}

impl Changes {
    /// From `old` to `new`; without an old one all is new.
    #[must_use]
    pub fn between(old: Option<&Lock>, new: &Lock) -> Self {
        let (before, now) = (old.map(Lock::files).unwrap_or_default(), new.files());
        let pair = |(name, (version, _)): (&&str, &(&str, Sum))| ((*name).to_owned(), (*version).to_owned());
        let moved = now.iter().filter_map(|(name, (version, _))| {
            let (old, _) = before.get(name).filter(|(old, _)| old != version)?;
            Some(((*name).to_owned(), (*old).to_owned(), (*version).to_owned()))
        });
        let is_replaced = |(name, (version, sha256)): &(&&str, &(&str, Sum))| {
            before.get(*name).is_some_and(|(old, old_sha256)| old == version && old_sha256 != sha256)
        };
        let gone = |lock: &Lock| lock.remove.iter().map(|removal| removal.name.clone()).collect::<Vec<_>>();
        let (went, goes) = (old.map(gone).unwrap_or_default(), gone(new));
        Self {
            added: now.iter().filter(|(name, _)| !before.contains_key(*name)).map(pair).collect(),
            dropped: before.iter().filter(|(name, _)| !now.contains_key(*name)).map(pair).collect(),
            moved: moved.collect(),
            replaced: now.iter().filter(is_replaced).map(pair).collect(),
            removed: goes.iter().filter(|name| !went.contains(name)).cloned().collect(),
            kept: went.iter().filter(|name| !goes.contains(name)).cloned().collect(),
        }
    }

    /// Whether all packages are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.added.iter().try_for_each(|(name, version)| writeln!(f, "+ {name} {version}"))?;
        self.moved.iter().try_for_each(|(name, old, new)| writeln!(f, "~ {name} {old} -> {new}"))?;
        self.replaced.iter().try_for_each(|(name, version)| writeln!(f, "! {name} {version} (another file of the same version)"))?;
        self.dropped.iter().try_for_each(|(name, version)| writeln!(f, "- {name} {version} (no longer added)"))?;
        self.removed.iter().try_for_each(|name| writeln!(f, "- {name} (of the base)"))?;
        self.kept.iter().try_for_each(|name| writeln!(f, "= {name} (of the base, stays now)"))
    }
}
