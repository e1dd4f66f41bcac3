//! What a request means for an image: the packages that come, are upgraded and go.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Archives, Fetched, Index, Place, RepositoryError, Setup, SetupError};
use crate::{
    base::fetch::Address,
    debian::{
        Package, PackageId, Universe, extended_states,
        preferences::Offer,
        resolve::{Reason, Request, Solution, resolve},
        stanzas, status,
    },
    error::{Classified, Kind},
};

/// How many packages the archives may have together. Debian's `main` has 64,000 for one architecture.
const MAX_PACKAGES: u64 = 200_000;
/// How many relations they may have together. Debian's have 8 each.
const MAX_RELATIONS: u64 = 2_000_000;
/// How often a chain of packages is released from what a lock names.
const RELEASES: usize = 10;
/// Priority of a version that a lock names: above everything that is not forced.
const LOCKED: i32 = 999;

/// What is wished for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Packages that are to be there.
    pub install: Vec<String>,
    /// Packages that are to go.
    pub remove: Vec<String>,
    /// Packages that stay at their version.
    pub hold: Vec<String>,
    /// Whether what is recommended comes, too.
    pub recommends: bool,
}

/// Files that are to be taken where they can still be had: version and SHA-256 by name of the package.
pub type Preferred = BTreeMap<String, (String, [u8; 32])>;

/// A package that comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// The version that it takes the place of.
    pub replaces: Option<String>,
    /// Whether it was asked for by name, and did not come only because something needs it.
    pub is_requested: bool,
    /// The suite that has it: position in [`Archives::suites`].
    pub suite: usize,
    /// Path below the archive's address.
    pub path: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// What the disk needs for it, as it says itself, less what the version before needed; in KiB.
    pub growth: i64,
}

/// A package that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// Whether it goes only because nothing needs it any more.
    pub is_orphan: bool,
    /// What it gives back, as it says itself, in KiB.
    pub size: u64,
}

/// What is to be done, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Packages that come.
    pub packages: Vec<Chosen>,
    /// Packages that go.
    pub remove: Vec<Gone>,
}

/// Why nothing can be chosen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// An index holds something that cannot be used.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The image's own database cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// What is to stay is not there.
    #[error("`{package}` is to be held, but is neither installed nor comes")]
    NothingToHold {
        /// The package.
        package: String,
    },
    /// No archive has the file of something that was chosen.
    #[error("`{package}` was chosen, but no archive has it")]
    NoFile {
        /// The package.
        package: String,
    },
    /// It cannot be done.
    #[error("the packages of the profile do not go together with this base")]
    Impossible(#[source] Reason),
}

impl Classified for ChooseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Repository(error) => error.kind(),
            Self::Setup(error) => error.kind(),
            Self::NoFile { .. } => Kind::Io,
            Self::NothingToHold { .. } | Self::Impossible(_) => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Repository(error) => error.hint(),
            Self::Setup(error) => error.hint(),
            Self::NoFile { .. } => None,
            Self::NothingToHold { .. } => Some("take it out of `packages.hold`".to_owned()),
            Self::Impossible(_) => {
                Some("correct `packages:` in the profile; if the base is too old for what the archives have, take a newer base".to_owned())
            }
        }
    }
}

/// Decides what a wish means. What is preferred gives way where the wish cannot be met with it: the packages in the chain first, then all.
///
/// # Errors
/// When an index is not sound, or the wish cannot be met.
pub fn choose(setup: &Setup, archives: &Archives, wish: &Wish, preferred: &Preferred) -> Result<Choice, ChooseError> {
    let mut preferred = preferred.clone();
    for _ in 0..RELEASES {
        match choose_with(setup, archives, wish, &preferred) {
            Err(ChooseError::Impossible(reason)) if !preferred.is_empty() => {
                let text = reason.to_string();
                let is_in_chain =
                    |name: &str| text.split(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c))).any(|word| word == name);
                let before = preferred.len();
                preferred.retain(|name, _| !is_in_chain(name));
                if preferred.len() == before {
                    break;
                }
            }
            done => return done,
        }
    }
    choose_with(setup, archives, wish, &Preferred::new())
}

fn choose_with(setup: &Setup, archives: &Archives, wish: &Wish, preferred: &Preferred) -> Result<Choice, ChooseError> {
    let mut offers = Offers {
        universe: Universe::new(setup.architecture),
        suites: HashMap::new(),
        packages: 0,
        relations: 0,
        replaced: BTreeMap::new(),
        unchanged: BTreeSet::new(),
    };
    for (number, fetched) in archives.suites.iter().enumerate() {
        for index in &fetched.indices {
            offers.add(setup, number, fetched, index, preferred)?;
        }
    }
    let Offers { mut universe, suites, replaced, unchanged, .. } = offers;
    if let Some((name, place)) = replaced.into_iter().find(|(name, _)| !unchanged.contains(name)) {
        let version = preferred.get(name).map(|(version, _)| version.clone()).unwrap_or_default();
        return Err(RepositoryError::Replaced { place, package: name.to_owned(), version }.into());
    }
    for record in status::installed(&setup.status).map_err(SetupError::from)? {
        let package = record.package;
        let priority = setup.preferences.of_installed(package.name, package.source.0, &package.version);
        let is_held = record.is_held || wish.hold.iter().any(|name| name == package.name);
        universe.install(package, priority, is_held);
    }
    for name in extended_states::auto_installed(&setup.extended_states, setup.architecture).map_err(SetupError::ExtendedStates)? {
        if let Some(name) = universe.find(name) {
            universe.mark_auto(name);
        }
    }
    let request = Request {
        install: wish.install.iter().map(String::as_str).collect(),
        remove: wish.remove.iter().map(String::as_str).collect(),
        recommends: wish.recommends,
    };
    let solution = resolve(&universe, &request).map_err(ChooseError::Impossible)?;
    let choice = read_off(&universe, &suites, &solution)?;
    let is_there = |name: &String| {
        let installed = universe.find(name).is_some_and(|name| universe.installed(name).is_some());
        installed || choice.packages.iter().any(|package| package.name == *name)
    };
    match wish.hold.iter().find(|name| !is_there(name)) {
        Some(name) => Err(ChooseError::NothingToHold { package: name.clone() }),
        None => Ok(choice),
    }
}

/// Everything that archives offer, with the suite that each package comes from.
struct Offers<'a> {
    universe: Universe<'a>,
    suites: HashMap<PackageId, usize>,
    packages: u64,
    relations: u64,
    /// Of locked packages that were offered as another file of the same version: where.
    replaced: BTreeMap<&'a str, Place>,
    /// Locked packages that were offered as they were locked.
    unchanged: BTreeSet<&'a str>,
}

impl<'a> Offers<'a> {
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
            if let Some(id) = self.universe.offer(package, if is_locked { own.max(LOCKED) } else { own }) {
                self.suites.insert(id, number);
            }
        }
        Ok(())
    }
}

/// What was decided, without the texts that it was decided by.
fn read_off(universe: &Universe<'_>, suites: &HashMap<PackageId, usize>, solution: &Solution) -> Result<Choice, ChooseError> {
    let kib = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
    let chosen = |id: PackageId, old: Option<PackageId>| -> Result<Chosen, ChooseError> {
        let package = universe.package(id);
        let old = old.map(|old| universe.package(old));
        // Only what archives offer is new, and each of these has a file.
        let found = suites.get(&id).copied().zip(package.file);
        let (suite, file) = found.ok_or_else(|| ChooseError::NoFile { package: package.name.to_owned() })?;
        Ok(Chosen {
            name: package.name.to_owned(),
            version: package.version.as_str().to_owned(),
            architecture: package.architecture.to_owned(),
            replaces: old.map(|old| old.version.as_str().to_owned()),
            is_requested: solution.requested.contains(&id),
            suite,
            path: file.path.to_owned(),
            size: file.size,
            sha256: file.sha256,
            growth: kib(package.installed_size).saturating_sub(old.map_or(0, |old| kib(old.installed_size))),
        })
    };
    let gone = |id: PackageId, is_orphan: bool| {
        let package = universe.package(id);
        Gone {
            name: package.name.to_owned(),
            version: package.version.as_str().to_owned(),
            architecture: package.architecture.to_owned(),
            is_orphan,
            size: package.installed_size,
        }
    };
    let new = solution.install.iter().map(|id| chosen(*id, None));
    let mut packages: Vec<_> = new.chain(solution.upgrade.iter().map(|(old, id)| chosen(*id, Some(*old)))).collect::<Result<_, _>>()?;
    let removed = solution.remove.iter().map(|id| gone(*id, false));
    let mut remove: Vec<_> = removed.chain(solution.orphaned.iter().map(|id| gone(*id, true))).collect();
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    remove.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Choice { packages, remove })
}
