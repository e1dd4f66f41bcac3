//! What `apt-get install` would do: which packages come, which are upgraded, which go.
//!
//! The decisions are taken in the order in which apt 2.6 takes them (`pkgDepCache::MarkInstall`, read for what it does), because another
//! order would choose other packages wherever several will do: what is requested is marked first, then each one's needs, depth first, the
//! alternatives of a need by its preferences, what is installed before what is new. Where apt would go on to its problem resolver, which
//! removes packages by scores until nothing is broken, this one refuses and says why.

mod garbage;
mod mark;
mod preference;
mod reason;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use reason::{Reason, Step};

use self::state::State;
use super::universe::{NameId, PackageId, Universe};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request<'r> {
    /// Names of packages, or names that exactly one package provides.
    pub install: Vec<&'r str>,
    /// Names of installed packages that are to go, with what came only for them.
    pub remove: Vec<&'r str>,
    /// Whether what is recommended comes, too.
    pub recommends: bool,
}

/// What is to be done. Each list is in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solution {
    /// Packages that are not installed now.
    pub install: Vec<PackageId>,
    /// Packages that are installed now, and what takes their place.
    pub upgrade: Vec<(PackageId, PackageId)>,
    /// Packages that are installed now and are to go or get in the way.
    pub remove: Vec<PackageId>,
    /// Packages that came only for something that goes, and go with it.
    pub orphaned: Vec<PackageId>,
    /// Of the packages in `install`, those that were asked for.
    pub requested: BTreeSet<PackageId>,
}

/// Finds what has to be done, or why it cannot be.
///
/// # Errors
/// The chain of needs that ends at something that cannot be had.
pub fn resolve<'a>(universe: &Universe<'a>, request: &Request<'_>) -> Result<Solution, Reason> {
    let names = request.install.iter().map(|name| requested(universe, name)).collect::<Result<Vec<_>, _>>()?;
    let mut state = State::new(universe, request.recommends);
    // As apt: on a system that is broken already nothing is installed.
    state.check().map_err(|reason| Reason::new(format!("what is installed does not fit together: {}", reason.cause())))?;
    let reached = state.reached(&[]);
    for name in &request.remove {
        remove(universe, &mut state, name)?;
    }
    for name in &names {
        state.request(*name)?;
    }
    for name in &names {
        state.mark_install(*name, true, true, 0)?;
    }
    state.check()?;
    let orphans = state.sweep(&names, &reached);
    state.check()?;
    if state.is_exhausted() {
        return Err(mark::exhausted());
    }
    Ok(state.solution(&names, &orphans))
}

/// Plans that a package goes and never comes back. Whether something that stays needs it is found at the end.
fn remove(universe: &Universe<'_>, state: &mut State<'_, '_>, name: &str) -> Result<(), Reason> {
    let installed = universe.find(name).and_then(|id| Some((id, universe.installed(id)?)));
    let Some((id, package)) = installed else { return Err(Reason::new(format!("`{name}` is to be removed, but is not installed"))) };
    let package = universe.package(package);
    if package.essential || package.protected {
        return Err(Reason::new(format!("`{name}` is to be removed, but no system works without it")));
    }
    state.banish(id);
    Ok(())
}

/// The package that a name means. Of a name that is only provided, the one package that provides it.
fn requested(universe: &Universe<'_>, name: &str) -> Result<NameId, Reason> {
    let unknown = || Reason::unknown(name);
    let id = universe.find(name).ok_or_else(unknown)?;
    if universe.candidate(id).is_some() {
        return Ok(id);
    }
    let providers: BTreeSet<NameId> = universe
        .providers(id)
        .map(|package| (universe.name_of(package), package))
        .filter(|(own, package)| universe.candidate(*own) == Some(*package))
        .map(|(own, _)| own)
        .collect();
    let mut providers = providers.into_iter();
    match (providers.next(), providers.next()) {
        (None, _) => Err(unknown()),
        (Some(only), None) => Ok(only),
        (Some(one), Some(other)) => Err(Reason::ambiguous(name, universe.text(one), universe.text(other))),
    }
}
