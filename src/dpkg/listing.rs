//! What dpkg's database says is there, for reports.

use std::collections::HashMap;

use serde::Serialize;

use super::{
    DpkgError,
    database::text,
    record::{self, STATUS, State, Want},
};
use crate::tree::Tree;

/// A package that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// Name of the source package that it was built from.
    pub source: String,
    /// dpkg's word for how far it got: `installed`, `unpacked`, …
    pub state: &'static str,
    /// Whether it stays at its version.
    pub held: bool,
    /// Whether it goes when its scripts can run.
    pub leaving: bool,
    /// Names of the packages that it needs, one for each relation that is met.
    #[serde(skip)]
    pub needs: Vec<String>,
}

impl Listed {
    /// Whether it waits to be configured.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        [State::Unpacked, State::HalfConfigured].iter().any(|state| state.name() == self.state)
    }
}

/// The packages that are there, with more than settings, in the order of the database.
///
/// # Errors
/// When there is a database and it is not sound.
pub fn list(tree: &Tree) -> Result<Vec<Listed>, DpkgError> {
    let records = record::read(&text(tree, STATUS)?.unwrap_or_default())?;
    let there: Vec<_> = records.iter().filter(|record| record.is_there()).collect();
    // Names that can be asked for, and who answers to them: packages of that name before those that provide it.
    let mut known: HashMap<String, Vec<&record::Record>> = HashMap::new();
    for record in &there {
        known.entry(record.name.clone()).or_default().insert(0, record);
        for provided in record.relations("Provides").0.iter().flat_map(|any| &any.0) {
            known.entry(provided.name.to_owned()).or_default().push(record);
        }
    }
    let is_met = |relation: &crate::debian::Relation<'_>| {
        let who = known.get(relation.name)?;
        let admits = |record: &&&record::Record| record.name != relation.name || relation.admits(record.parsed_version().as_ref());
        who.iter().find(admits).copied()
    };
    let listed = |record: &&record::Record| Listed {
        name: record.name.clone(),
        version: record.version.clone(),
        architecture: record.architecture.clone(),
        source: source(record).to_owned(),
        state: record.state.name(),
        held: record.want == Want::Hold,
        leaving: matches!(record.want, Want::Deinstall | Want::Purge),
        needs: {
            let fields = ["Pre-Depends", "Depends"].map(|field| record.relations(field));
            let any = fields.iter().flat_map(|relations| &relations.0);
            let mut needs: Vec<String> = any.filter_map(|any| any.0.iter().find_map(is_met)).map(|needed| needed.name.clone()).collect();
            needs.sort();
            needs.dedup();
            needs
        },
    };
    Ok(there.iter().map(listed).collect())
}

/// Name of the source package of a record.
pub(super) fn source(record: &record::Record) -> &str {
    record.field("Source").and_then(|source| source.split(' ').next()).unwrap_or(&record.name)
}
