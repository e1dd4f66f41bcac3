//! dpkg's database in a tree, `/var/lib/dpkg`: read as a whole, changed in memory, written at the end.

use std::{collections::HashMap, sync::Arc};

use super::{
    DpkgError,
    diversions::Diversions,
    edit::Editor,
    filters::Filters,
    overrides::Overrides,
    record::{self, Record, STATUS, State},
    triggers::Triggers,
};
use crate::{debian::MultiArch, tree::Tree};

const FOLDER: &str = "/var/lib/dpkg";
const INFO: &str = "/var/lib/dpkg/info";
/// The list of a package's paths, besides what its control archive brings.
const LIST: &str = "list";

/// A package in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id(usize);

/// A path as packages name it: absolute, not resolved, `/.` for the root.
pub(super) type Path = Arc<[u8]>;

/// The database.
#[derive(Clone, Debug)]
pub(super) struct Database {
    /// The system's architecture.
    pub(super) native: String,
    records: Vec<Record>,
    names: HashMap<String, Vec<Id>>,
    lists: Vec<Vec<Path>>,
    owners: HashMap<Path, Vec<Id>>,
    pub(super) diversions: Diversions,
    pub(super) overrides: Overrides,
    pub(super) filters: Filters,
    pub(super) triggers: Triggers,
}

impl Database {
    /// Reads it.
    pub(super) fn read(tree: &Tree, native: &str) -> Result<Self, DpkgError> {
        let unsuitable = |reason: String| Err(DpkgError::Unsuitable { reason });
        let format = tree.read_text(format!("{INFO}/format")).unwrap_or_else(|_| "0".to_owned());
        if format.trim() != "1" {
            return unsuitable(format!("`{INFO}` has format {}, and 1 is known", format.trim().escape_debug()));
        }
        let updates = tree.names(format!("{FOLDER}/updates"));
        if updates.iter().any(|name| name.iter().all(u8::is_ascii_digit)) {
            return unsuitable("an earlier run of dpkg was interrupted".to_owned());
        }
        let records = record::read(&text(tree, STATUS)?.unwrap_or_default())?;
        let mut names: HashMap<String, Vec<Id>> = HashMap::new();
        for (index, record) in records.iter().enumerate() {
            if record.is_broken || record.state == State::HalfInstalled {
                return unsuitable(format!("the package `{}` is `{}`", record.name, record.status()));
            }
            names.entry(record.name.clone()).or_default().push(Id(index));
        }
        let mut database = Self {
            native: native.to_owned(),
            lists: vec![Vec::new(); records.len()],
            records,
            names,
            owners: HashMap::new(),
            diversions: Diversions::read(tree)?,
            overrides: Overrides::read(tree)?,
            filters: Filters::read(tree)?,
            triggers: Triggers::read(tree)?,
        };
        for id in database.ids() {
            if database.get(id).state > State::NotInstalled {
                let paths = database.list_in(tree, id)?;
                database.own(id, paths);
            }
        }
        Ok(database)
    }

    /// All packages, in the order of the file, then those that came.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.records.len()).map(Id)
    }

    pub(super) fn get(&self, id: Id) -> &Record {
        &self.records[id.0]
    }

    /// The record, to be changed.
    pub(super) fn edit(&mut self, id: Id) -> &mut Record {
        let record = &mut self.records[id.0];
        record.touch();
        record
    }

    /// The packages of a name, one for each architecture.
    pub(super) fn of_name(&self, name: &str) -> &[Id] {
        self.names.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The package that a name in a file of the database means: `NAME` or `NAME:ARCHITECTURE`.
    pub(super) fn by_database_name(&self, name: &str) -> Option<Id> {
        let (name, architecture) = name.split_once(':').map_or((name, None), |(name, architecture)| (name, Some(architecture)));
        let ids = self.of_name(name);
        let is_it = |id: &&Id| architecture.is_none_or(|architecture| self.get(**id).architecture == architecture);
        ids.iter().filter(is_it).max_by_key(|id| self.get(**id).state).copied()
    }

    /// The place for a package that comes: the one that it replaces, or a new one. Only packages that may be there for several
    /// architectures at once stand beside one of the same name.
    pub(super) fn slot(&mut self, name: &str, architecture: &str, multi_arch: MultiArch) -> Result<Id, DpkgError> {
        let ids = self.of_name(name);
        let same = ids.iter().find(|id| self.get(**id).architecture == architecture);
        let there: Vec<Id> = ids.iter().copied().filter(|id| self.get(*id).state > State::NotInstalled).collect();
        let found = match (multi_arch, same, &there[..]) {
            (MultiArch::Same, Some(same), _) => Some(*same),
            // One of another architecture stands beside it, if it may; one of all architectures gives way.
            (MultiArch::Same, None, [one]) if self.get(*one).multi_arch != MultiArch::Same => Some(*one),
            (MultiArch::Same, None, _) => None,
            (_, _, [one]) => Some(*one),
            (_, same, []) => same.copied(),
            _ => return Err(DpkgError::package(name, "the image has it for several architectures, and the new version is for one only")),
        };
        Ok(found.unwrap_or_else(|| {
            let id = Id(self.records.len());
            self.records.push(Record::absent(name, architecture));
            self.lists.push(Vec::new());
            self.names.entry(name.to_owned()).or_default().push(id);
            id
        }))
    }

    /// Whether a package depends on another, or on what that provides.
    pub(super) fn needs(&self, id: Id, other: Id) -> bool {
        let (record, other) = (self.get(id), self.get(other));
        let provided = other.relations("Provides");
        let is_it = |name: &str| name == other.name || provided.0.iter().flat_map(|any| &any.0).any(|relation| relation.name == name);
        let is_needed = |field: &&str| record.relations(field).0.iter().flat_map(|any| &any.0).any(|relation| is_it(relation.name));
        ["Depends", "Pre-Depends"].iter().any(is_needed)
    }

    /// The paths that a package has, in the order of its list.
    pub(super) fn list(&self, id: Id) -> &[Path] {
        &self.lists[id.0]
    }

    /// The packages that have a path.
    pub(super) fn owners(&self, path: &[u8]) -> &[Id] {
        self.owners.get(path).map(Vec::as_slice).unwrap_or_default()
    }

    /// Gives a package these paths, and takes from it those that it had.
    pub(super) fn own(&mut self, id: Id, paths: Vec<Path>) {
        for path in std::mem::take(&mut self.lists[id.0]) {
            if let Some(owners) = self.owners.get_mut(&path) {
                owners.retain(|owner| *owner != id);
            }
        }
        for path in &paths {
            let owners = self.owners.entry(Arc::clone(path)).or_default();
            if !owners.contains(&id) {
                owners.push(id);
            }
        }
        self.lists[id.0] = paths;
    }

    /// Path of a file of `/var/lib/dpkg/info`.
    pub(super) fn info(&self, id: Id, kind: &str) -> String {
        format!("{INFO}/{}.{kind}", self.get(id).database_name())
    }

    /// The content of a file of `/var/lib/dpkg/info`, if there is one.
    pub(super) fn read_info(&self, tree: &Tree, id: Id, kind: &str) -> Result<Option<Vec<u8>>, DpkgError> {
        let path = self.info(id, kind);
        if tree.exists(&path) { Ok(Some(tree.read(&path)?)) } else { Ok(None) }
    }

    /// The kinds of the files that a package has in `/var/lib/dpkg/info`.
    pub(super) fn info_kinds(&self, tree: &Tree, id: Id) -> Vec<String> {
        let prefix = format!("{}.", self.get(id).database_name());
        let names = tree.names(INFO).into_iter().filter_map(|name| String::from_utf8(name).ok());
        // What stands behind the name has no dot: `a.b.list` is of the package `a.b`.
        names.filter_map(|name| name.strip_prefix(&prefix).filter(|kind| !kind.contains('.')).map(str::to_owned)).collect()
    }

    /// Writes the list of a package.
    pub(super) fn write_list(&self, editor: &mut Editor<'_>, id: Id) -> Result<(), DpkgError> {
        let mut text = Vec::new();
        for path in self.list(id) {
            text.extend_from_slice(path);
            text.push(b'\n');
        }
        editor.write(&self.info(id, LIST), 0o644, text)
    }

    fn list_in(&self, tree: &Tree, id: Id) -> Result<Vec<Path>, DpkgError> {
        let name = self.info(id, LIST);
        let Some(bytes) = self.read_info(tree, id, LIST)? else {
            // As dpkg, which warns and goes on.
            return Ok(Vec::new());
        };
        let mut paths = Vec::new();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            match line.strip_suffix(b"/").unwrap_or(line) {
                [] => {}
                line @ [b'/', ..] => paths.push(Path::from(line)),
                _ => return Err(DpkgError::database(&name, index + 1, "it is no absolute path")),
            }
        }
        Ok(paths)
    }

    /// Writes what has changed into the tree.
    pub(super) fn save(&self, editor: &mut Editor<'_>) -> Result<(), DpkgError> {
        let mut order: Vec<&Record> = self.records.iter().collect();
        // dpkg's own order: by name, then by architecture, but what needs none in its name first.
        order.sort_by_key(|record| (&record.name, record.is_ambiguous(&self.native), &record.architecture));
        let mut status = String::new();
        order.iter().for_each(|record| record.write(&mut status));
        editor.write(STATUS, 0o644, status.into_bytes())?;
        self.diversions.save(editor)?;
        self.triggers.save(editor)
    }
}

/// The text of a file of the database, if there is one.
pub(super) fn text(tree: &Tree, path: &str) -> Result<Option<String>, DpkgError> {
    if !tree.exists(path) {
        return Ok(None);
    }
    let bytes = tree.read(path)?;
    String::from_utf8(bytes).map(Some).map_err(|_| DpkgError::database(path, 0, "it is not UTF-8"))
}
