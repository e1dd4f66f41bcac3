//! What a request means for an image: the packages that come, are upgraded and go.

use std::collections::{BTreeMap, HashMap};

use super::{Archives, RepositoryError, Setup, SetupError, offers::Offers};
use crate::{
    debian::{
        PackageId, Universe, extended_states,
        resolve::{Reason, Request, Solution, resolve},
        status,
    },
    error::{Classified, Kind},
};

/// How often a chain of packages is released from what a lock names.
const RELEASES: usize = 10;

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
    let Offers { mut universe, suites } = Offers::read(setup, archives, preferred)?;
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
