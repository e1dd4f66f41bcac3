//! Everything that archives offer, with its priorities.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Archives, Fetched, Index, Place, Preferred, RepositoryError, Setup};
use crate::{
    base::fetch::Address,
    debian::{Package, PackageId, Universe, preferences::Offer, stanzas},
};

/// How many packages the archives may have together. Debian's `main` has 64,000 for one architecture.
const MAX_PACKAGES: u64 = 200_000;
/// How many relations they may have together. Debian's have 8 each.
const MAX_RELATIONS: u64 = 2_000_000;
/// Priority of a version that a lock names: above everything that is not forced.
const LOCKED: i32 = 999;

/// What archives offer.
pub(super) struct Offers<'a> {
    /// The packages.
    pub(super) universe: Universe<'a>,
    /// The suite that each comes from: position in [`Archives::suites`].
    pub(super) suites: HashMap<PackageId, usize>,
}

impl<'a> Offers<'a> {
    /// Reads all indices. What is preferred gets a priority above all others.
    ///
    /// # Errors
    /// When an index is not sound, all together are too large, or a file that is preferred is offered as another one.
    pub(super) fn read(setup: &Setup, archives: &'a Archives, preferred: &Preferred) -> Result<Self, RepositoryError> {
        let mut reader = Reader {
            offers: Self { universe: Universe::new(setup.architecture), suites: HashMap::new() },
            packages: 0,
            relations: 0,
            replaced: BTreeMap::new(),
            unchanged: BTreeSet::new(),
        };
        for (number, fetched) in archives.suites.iter().enumerate() {
            for index in &fetched.indices {
                reader.add(setup, number, fetched, index, preferred)?;
            }
        }
        let Reader { offers, replaced, unchanged, .. } = reader;
        match replaced.into_iter().find(|(name, _)| !unchanged.contains(name)) {
            Some((name, place)) => {
                let version = preferred.get(name).map(|(version, _)| version.clone()).unwrap_or_default();
                Err(RepositoryError::Replaced { place, package: name.to_owned(), version })
            }
            None => Ok(offers),
        }
    }
}

struct Reader<'a> {
    offers: Offers<'a>,
    packages: u64,
    relations: u64,
    /// Of preferred files that were offered as another file of the same version: where.
    replaced: BTreeMap<&'a str, Place>,
    /// Preferred files that were offered as they are.
    unchanged: BTreeSet<&'a str>,
}

impl<'a> Reader<'a> {
    fn add(
        &mut self,
        setup: &Setup,
        number: usize,
        fetched: &'a Fetched,
        index: &'a Index,
        preferred: &Preferred,
    ) -> Result<(), RepositoryError> {
        let wrong = |reason: String| RepositoryError::Index { place: fetched.suite.place(), path: index.path.clone(), reason };
        let (release, empty) = (&fetched.release, String::new());
        let address = Address::parse(&fetched.suite.source.uri).ok();
        let offer = Offer {
            suite: release.suite.as_ref().unwrap_or(&empty),
            codename: release.codename.as_ref().unwrap_or(&empty),
            release: release.version.as_ref().unwrap_or(&empty),
            origin: release.origin.as_ref().unwrap_or(&empty),
            label: release.label.as_ref().unwrap_or(&empty),
            component: &index.component,
            host: address.as_ref().map(Address::host).unwrap_or_default(),
            is_not_automatic: release.is_not_automatic,
            upgrades_itself: release.upgrades_itself,
        };
        let mut digests: HashMap<(&str, &str, &str), [u8; 32]> = HashMap::new();
        for stanza in stanzas(&index.text) {
            let package = Package::new(&stanza.map_err(|error| wrong(error.to_string()))?).map_err(|error| wrong(error.to_string()))?;
            self.packages += 1;
            let needs = package.needs.iter().map(|need| need.any.0.len()).sum::<usize>();
            self.relations += (needs + package.conflicts.len() + package.replaces.len() + package.provides.len()) as u64;
            let limits = [(self.packages, MAX_PACKAGES, "packages"), (self.relations, MAX_RELATIONS, "relations between packages")];
            if let Some((_, limit, what)) = limits.into_iter().find(|(count, limit, _)| count > limit) {
                return Err(RepositoryError::TooMuch { what, limit });
            }
            let (name, version) = (package.name, package.version.as_str());
            let Some(file) = package.file else { return Err(wrong(format!("the package `{name}` has no file (`Filename`)"))) };
            if digests.insert((name, version, package.architecture), file.sha256).is_some_and(|other| other != file.sha256) {
                return Err(wrong(format!("the package `{name}` stands twice in the version {version}, and not with the same file")));
            }
            let own = setup.preferences.of_offer(name, package.source.0, &package.version, &offer);
            let locked = preferred.get(name).filter(|(locked, _)| locked == version);
            let is_locked = own > 0 && locked.is_some_and(|(_, sha256)| *sha256 == file.sha256);
            if is_locked {
                self.unchanged.insert(name);
            } else if locked.is_some() && package.runs_on(setup.architecture) {
                self.replaced.insert(name, fetched.suite.place());
            }
            if let Some(id) = self.offers.universe.offer(package, if is_locked { own.max(LOCKED) } else { own }) {
                self.offers.suites.insert(id, number);
            }
        }
        Ok(())
    }
}
