//! Maintainer scripts: what one would do is foreseen, and done here, or the package is refused.

use super::{
    DpkgError,
    arrival::Arrival,
    database::{Database, Id},
    edit::Editor,
    effects,
};
use crate::{
    debian::script::{Call, Done, Kind, Known, World, foresee},
    tree::Tree,
};

/// A script and its arguments, for messages.
fn shown(kind: Kind, arguments: &[&str]) -> String {
    format!("{} {}", kind.name(), arguments.join(" "))
}

/// Whose script it is.
struct Whose<'a> {
    package: &'a str,
    architecture: &'a str,
}

/// Does what a script of a package in the database would do.
pub(super) fn perform(
    database: &mut Database,
    editor: &mut Editor<'_>,
    id: Id,
    kind: Kind,
    script: Option<&[u8]>,
    arguments: &[&str],
) -> Result<(), DpkgError> {
    let record = database.get(id);
    let (package, architecture) = (record.name.clone(), record.architecture.clone());
    run(database, editor, id, &Whose { package: &package, architecture: &architecture }, kind, script, arguments)
}

/// Does what a script of a package that comes would do.
pub(super) fn perform_new(
    database: &mut Database,
    editor: &mut Editor<'_>,
    arrival: &Arrival<'_>,
    kind: Kind,
    script: Option<&[u8]>,
    arguments: &[&str],
) -> Result<(), DpkgError> {
    let whose = Whose { package: arrival.name(), architecture: arrival.package.architecture };
    run(database, editor, arrival.id, &whose, kind, script, arguments)
}

fn run(
    database: &mut Database,
    editor: &mut Editor<'_>,
    id: Id,
    whose: &Whose<'_>,
    kind: Kind,
    script: Option<&[u8]>,
    arguments: &[&str],
) -> Result<(), DpkgError> {
    let Some(script) = script else { return Ok(()) };
    let refuse =
        |line: usize, reason: String| DpkgError::Script { package: whose.package.to_owned(), script: shown(kind, arguments), line, reason };
    let done = foreseen(database, editor.tree, whose, kind, script, arguments).map_err(|reason| refuse(0, reason))?;
    for done in done {
        effects::perform(database, editor, id, kind, &done).map_err(|error| match error {
            effects::Problem::Refused(reason) => refuse(done.line, reason),
            effects::Problem::Failed(error) => error,
        })?;
    }
    Ok(())
}

/// What the postinst of a package that was unpacked would do when it is configured for the first time; nothing where it cannot be told.
pub(super) fn of_configuring(database: &Database, tree: &Tree, id: Id, script: &[u8]) -> Vec<Done> {
    let record = database.get(id);
    let whose = Whose { package: &record.name, architecture: &record.architecture };
    foreseen(database, tree, &whose, Kind::Postinst, script, &["configure", ""]).unwrap_or_default()
}

fn foreseen(
    database: &Database,
    tree: &Tree,
    whose: &Whose<'_>,
    kind: Kind,
    script: &[u8],
    arguments: &[&str],
) -> Result<Vec<Done>, String> {
    let installed = |name: &str| {
        let name = name.strip_suffix(":any").unwrap_or(name);
        let record = database.get(database.by_database_name(name)?);
        Some(Known { status: record.status(), version: record.version.clone() })
    };
    let world = World { tree, architecture: &database.native, installed: &installed };
    let call = Call { script, kind, package: whose.package, package_architecture: whose.architecture, arguments };
    foresee(&call, &world).map(|foreseen| foreseen.effects).map_err(|error| error.to_string())
}
