//! Making a lock: from the image's own archives, as its apt would choose.

use time::OffsetDateTime;

use super::{Asked, Lock, LockedArchive, LockedBase, LockedIndex, LockedPackage, LockedRemoval, base::LockedBaseError, file::FORMAT};
use crate::{
    base::Base,
    error::{Classified, Kind},
    output::digest::Sum,
    profile::Packages,
    repository::{
        Access, Archives, Choice, ChooseError, Chosen, Fetched, Gone, Preferred, RepositoryError, Setup, SetupError, Suite, Trouble,
        ahead_of_time, choose, in_choice,
    },
};

/// Which packages of the lock before may get another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// None that can still be had.
    Nothing,
    /// These.
    Only(Vec<String>),
    /// All.
    All,
}

/// Why no lock can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// The image's apt cannot be understood.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The archives cannot be used.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Nothing can be chosen.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// What would be chosen cannot run.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// The packages of the base cannot be read.
    #[error(transparent)]
    Base(#[from] LockedBaseError),
    /// A package that is to be updated is not in the lock.
    #[error("`{name}` is to be updated, but the lock has no such package")]
    NotLocked {
        /// The package.
        name: String,
    },
    /// What was chosen cannot stand in a lock.
    #[error("what was chosen makes no lock: {0}")]
    Form(String),
}

impl Classified for MakeError {
    fn kind(&self) -> Kind {
        match self {
            Self::Setup(error) => error.kind(),
            Self::Repository(error) => error.kind(),
            Self::Choose(error) => error.kind(),
            Self::Trouble(error) => error.kind(),
            Self::Base(error) => error.kind(),
            Self::NotLocked { .. } => Kind::Usage,
            // Names and paths come from signed indices.
            Self::Form(_) => Kind::Verification,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Setup(error) => error.hint(),
            Self::Repository(error) => error.hint(),
            Self::Choose(error) => error.hint(),
            Self::Trouble(error) => error.hint(),
            Self::Base(error) => error.hint(),
            Self::NotLocked { .. } => Some("name one of its packages, or none to update all".to_owned()),
            Self::Form(_) => Some("do not use this mirror".to_owned()),
        }
    }
}

/// Makes a lock. Where there is an old one, its versions are kept as far as `update` says and they can be had, and no archive may be older
/// than it was then.
///
/// # Errors
/// When the archives cannot be had or trusted, when what is asked for cannot be done, or would not run.
pub fn make(
    packages: &Packages,
    base: &Base,
    old: Option<&Lock>,
    update: &Update,
    epoch: i64,
    access: &Access<'_>,
) -> Result<Lock, MakeError> {
    let asked = Asked::of(packages);
    ahead_of_time(&base.facts, asked.install.iter().map(String::as_str))?;
    let setup = Setup::read(&base.tree, &base.facts, packages)?;
    setup.notes.iter().for_each(|note| access.progress.note(note));
    let preferred = preferred(old, update)?;
    let seen = |suite: &Suite| {
        let is_own = |archive: &&LockedArchive| archive.uri == suite.source.uri && archive.suite == suite.source.suite;
        let archive = old.into_iter().flat_map(|lock| &lock.archives).find(is_own)?;
        OffsetDateTime::from_unix_timestamp(archive.date).ok()
    };
    let mut archives = Archives::fetch(&setup, seen, access)?;
    let choice = match choose(&setup, &archives, &asked.wish(), &preferred) {
        Ok(choice) => choice,
        Err(error) => {
            // The archives are not to blame for a wish that cannot be met: what was fetched serves the next one.
            if error.kind() == Kind::Usage {
                archives.keep(access)?;
            }
            return Err(error.into());
        }
    };
    in_choice(&base.facts, choice.packages.iter().map(|package| (package.name.as_str(), package.version.as_str())))?;
    let lock = assemble(epoch, LockedBase::of(base)?, asked, &archives, choice);
    lock.check().map_err(MakeError::Form)?;
    archives.keep(access)?;
    Ok(lock)
}

fn preferred(old: Option<&Lock>, update: &Update) -> Result<Preferred, MakeError> {
    let Some(old) = old.filter(|_| *update != Update::All) else { return Ok(Preferred::new()) };
    let file = |package: &LockedPackage| (package.name.clone(), (package.version.clone(), package.sha256.0));
    let mut files: Preferred = old.packages.iter().map(file).collect();
    if let Update::Only(names) = update {
        for name in names {
            files.remove(name).ok_or_else(|| MakeError::NotLocked { name: name.clone() })?;
        }
    }
    Ok(files)
}

fn assemble(epoch: i64, base: LockedBase, asked: Asked, archives: &Archives, choice: Choice) -> Lock {
    let archive = |fetched: &Fetched| LockedArchive {
        uri: fetched.suite.source.uri.clone(),
        suite: fetched.suite.source.suite.clone(),
        codename: fetched.release.codename.clone(),
        date: fetched.release.date.unix_timestamp(),
        release: Sum(fetched.release_sha256),
        keys: fetched.signers.clone(),
        indices: fetched
            .indices
            .iter()
            .map(|index| LockedIndex { path: index.path.clone(), size: index.size, sha256: Sum(index.sha256) })
            .collect(),
    };
    let package = |chosen: Chosen| LockedPackage {
        name: chosen.name,
        version: chosen.version,
        architecture: chosen.architecture,
        replaces: chosen.replaces,
        asked: chosen.is_requested,
        archive: chosen.suite,
        path: chosen.path,
        size: chosen.size,
        sha256: Sum(chosen.sha256),
        growth: chosen.growth,
    };
    let removal = |gone: Gone| LockedRemoval {
        name: gone.name,
        version: gone.version,
        architecture: gone.architecture,
        orphan: gone.is_orphan,
        size: gone.size,
    };
    Lock {
        version: FORMAT,
        epoch,
        base,
        asked,
        archives: archives.suites.iter().map(archive).collect(),
        packages: choice.packages.into_iter().map(package).collect(),
        remove: choice.remove.into_iter().map(removal).collect(),
    }
}
