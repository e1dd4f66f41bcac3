//! dpkg's work on a tree: packages are unpacked and removed as `dpkg --unpack` and `dpkg --remove` would, and its database says so.
//!
//! No maintainer script runs. What one would do is foreseen ([`crate::debian::script`]); then it is done here, or the package is refused by
//! name. The packages are left `unpacked`, and `dpkg --configure -a` on the running system finishes them.
//!
//! Formats and rules: dpkg(1), deb(5), deb-conffiles(5), deb-triggers(5), dpkg-divert(1), dpkg-statoverride(1), and what dpkg itself does, with
//! which the tests compare.

mod arrival;
mod contest;
mod database;
mod diversions;
mod edit;
mod effects;
mod error;
mod filters;
mod hold;
mod leftover;
mod listing;
mod marks;
mod mode;
mod overrides;
mod place;
mod record;
mod remove;
mod scripts;
mod sysusers;
#[cfg(test)]
mod tests;
mod triggers;
mod unpack;
mod users;

pub use error::DpkgError;
pub use listing::{Listed, list};

use database::{Database, Id};
use edit::Editor;
use record::{State, Want};

use crate::{debian::deb::Deb, tree::Tree};

/// A package that is to come.
#[derive(Debug)]
pub struct Incoming {
    /// The package.
    pub deb: Deb,
    /// Whether it was asked for by name, and does not come only because something needs it.
    pub is_asked: bool,
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Orders {
    /// The packages that come, in the order in which they are unpacked.
    pub come: Vec<Incoming>,
    /// Names of the packages that go; they go first.
    pub go: Vec<String>,
    /// Names of packages that stay at their version from now on; a `*` at the end stands for anything.
    pub hold: Vec<String>,
    /// Names that were asked for, whether they come or are there.
    pub asked: Vec<String>,
    /// dpkg's name of the system's architecture.
    pub architecture: String,
    /// The time of everything that is made up, in seconds since 1970.
    pub epoch: i64,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Packages that wait to be configured, by name, with their versions.
    pub unpacked: Vec<(String, String)>,
    /// Packages that are gone.
    pub removed: Vec<String>,
    /// Packages that go on first boot, because a script of theirs has to run: names and reasons.
    pub deferred: Vec<(String, String)>,
    /// Packages that are on hold.
    pub held: Vec<String>,
    /// System users and groups that were made in advance.
    pub accounts: Vec<Account>,
}

/// A user or group of the system that a package would have made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `user` or `group`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: u32,
}

/// Does it. The tree is of no use after an error: work on a copy.
///
/// # Errors
/// When the tree has no sound database, or a package cannot be unpacked as dpkg would; see [`DpkgError`].
pub fn apply(tree: &mut Tree, orders: &Orders) -> Result<Report, DpkgError> {
    let mut database = Database::read(tree, &orders.architecture)?;
    let mut editor = Editor::new(tree, orders.epoch);
    let mut report = Report::default();
    database.incorporate();

    let mut deferred: Vec<(Id, String)> = Vec::new();
    for id in order_of_removal(&database, &orders.go)? {
        let name = database.get(id).name.clone();
        let reason = match deferred.iter().find(|(other, _)| database.needs(*other, id)) {
            Some((other, _)) => format!("`{}`, which needs it, goes then", database.get(*other).name),
            None => {
                // On a copy: how far its scripts can be foreseen shows on the way.
                let (mut trial, mut tree) = (database.clone(), editor.tree.clone());
                match remove::remove(&mut trial, &mut Editor::new(&mut tree, orders.epoch), id) {
                    Ok(()) => {
                        (database, *editor.tree) = (trial, tree);
                        report.removed.push(name);
                        continue;
                    }
                    Err(DpkgError::Script { script, line, reason, .. }) => format!("{script}: line {line}: {reason}"),
                    Err(error) => return Err(error),
                }
            }
        };
        database.edit(id).want = Want::Deinstall;
        deferred.push((id, reason));
    }
    for incoming in &orders.come {
        must_not_clash(&database, &deferred, &incoming.deb)?;
        let unpack::Unpacked { id, .. } = unpack::unpack(&mut database, &mut editor, &incoming.deb)?;
        let record = database.get(id);
        report.unpacked.push((record.name.clone(), record.version.clone()));
    }
    report.accounts = users::prepare(&database, &mut editor, orders)?;
    report.held = hold::hold(&mut database, &orders.hold);
    marks::write(&database, &mut editor, orders)?;
    database.save(&mut editor)?;
    editor.tree.forget_unnamed();
    report.deferred = deferred.into_iter().map(|(id, reason)| (database.get(id).name.clone(), reason)).collect();
    Ok(report)
}

/// The packages of these names, those first that others among them do not need.
fn order_of_removal(database: &Database, names: &[String]) -> Result<Vec<Id>, DpkgError> {
    let mut waiting = Vec::new();
    for name in names {
        let there: Vec<Id> = database.of_name(name).iter().copied().filter(|id| database.get(*id).is_there()).collect();
        // Of several architectures, it is the system's that was chosen.
        let is_own = |id: &&Id| [database.native.as_str(), "all"].contains(&database.get(**id).architecture.as_str());
        let own = there.iter().find(is_own).or(there.first());
        waiting.push(*own.ok_or_else(|| DpkgError::NotInstalled { package: name.clone() })?);
    }
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let is_needed = |id: &Id| waiting.iter().any(|other| other != id && database.needs(*other, *id));
        // Where they need each other, the first goes first.
        let index = waiting.iter().position(|id| !is_needed(id)).unwrap_or(0);
        order.push(waiting.remove(index));
    }
    Ok(order)
}

/// A package that cannot go before first boot must not be in the way of one that comes.
fn must_not_clash(database: &Database, deferred: &[(Id, String)], deb: &Deb) -> Result<(), DpkgError> {
    if deferred.is_empty() {
        return Ok(());
    }
    let text = deb.control_text("control").and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let Some(package) = crate::debian::stanzas(text).next().and_then(Result::ok) else { return Ok(()) };
    let Ok(package) = crate::debian::Package::new(&package) else { return Ok(()) };
    for (id, reason) in deferred {
        let record = database.get(*id);
        let is_meant = |relation: &crate::debian::Relation<'_>| {
            let provides = record.relations("Provides").0.iter().flat_map(|any| &any.0).any(|provided| provided.name == relation.name);
            (record.name == relation.name && relation.admits(record.parsed_version().as_ref()))
                || (provides && relation.constraint.is_none())
        };
        if record.state >= State::Unpacked && package.name != record.name && package.conflicts.iter().any(is_meant) {
            let (package, other) = (record.name.clone(), package.name.to_owned());
            return Err(DpkgError::Order { package, other, reason: reason.clone() });
        }
    }
    Ok(())
}

/// MD5, by which dpkg knows the content of files (it protects from nothing but accidents).
fn md5(bytes: &[u8]) -> [u8; 16] {
    use md5::Digest as _;
    md5::Md5::digest(bytes).into()
}
