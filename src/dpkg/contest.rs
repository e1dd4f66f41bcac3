//! Who may have a path that another package has, too.

use super::{
    DpkgError,
    arrival::Arrival,
    database::{Database, Id},
    record::{Record, State},
};
use crate::debian::{MultiArch, Version, relation::Relation};

/// What becomes of a file that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is put into its place.
    Place,
    /// It is left out, for the package that has the path replaces those of this one.
    Keep,
    /// The same package of another architecture has it, and it must be equal.
    Share,
}

/// Whether there is something at a path already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Present {
    Nothing,
    RegularFile,
    Other,
}

/// Decides about the path of a package that comes. Shared folders are not asked about.
pub(super) fn decide(
    database: &Database,
    arrival: &Arrival<'_>,
    path: &[u8],
    present: Present,
    is_folder: bool,
) -> Result<Verdict, DpkgError> {
    let mut verdict = Verdict::Place;
    for owner in database.owners(path) {
        let other = database.get(*owner);
        if *owner == arrival.id || other.state == State::NotInstalled {
            continue;
        }
        let are_both_same = other.multi_arch == MultiArch::Same && arrival.package.multi_arch == MultiArch::Same;
        if other.name == arrival.name() && are_both_same {
            if present != Present::Nothing && is_in_step(database, arrival) && verdict == Verdict::Place {
                verdict = Verdict::Share;
            }
            continue;
        }
        let diverting = database.diversions.of(path).and_then(|diversion| diversion.package.as_deref());
        if diverting.is_some_and(|package| package == other.name || package == arrival.name()) {
            continue;
        }
        // A folder that is gone from the tree is taken for a folder.
        if (present == Present::Nothing && is_folder) || other.state == State::ConfigFiles {
            continue;
        }
        let is_obsolete = |record: &Record| record.conffiles.iter().any(|known| known.is_obsolete && known.path.as_bytes() == path);
        if arrival.conffile(path).is_some() && present == Present::RegularFile && is_obsolete(other) {
            continue;
        }
        let theirs = other.relations("Replaces");
        if other.parsed_version().is_some_and(|version| replaces(&arrival.package.replaces, &other.name, &version)) {
            continue;
        } else if theirs.0.iter().any(|any| replaces(&any.0, arrival.name(), &arrival.package.version)) {
            verdict = Verdict::Keep;
        } else {
            return Err(DpkgError::Conflict {
                package: arrival.name().to_owned(),
                path: path.escape_ascii().to_string(),
                owner: format!("`{} {}`", other.name, other.version),
            });
        }
    }
    Ok(verdict)
}

/// Whether one of the relations of `Replaces` means a package. What it provides does not count.
fn replaces(relations: &[Relation<'_>], name: &str, version: &Version<'_>) -> bool {
    relations.iter().any(|relation| relation.name == name && relation.admits(Some(version)))
}

/// Whether the package has the version that comes for all other architectures, too.
fn is_in_step(database: &Database, arrival: &Arrival<'_>) -> bool {
    let others = database.of_name(arrival.name()).iter().filter(|id: &&Id| **id != arrival.id);
    others.map(|id| database.get(*id)).filter(|other| other.is_there()).all(|other| other.parsed_version() == Some(arrival.package.version))
}
