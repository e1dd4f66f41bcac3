//! Triggers: which packages want to be told of what, and what they were told. deb-triggers(5), and "triggers.txt" of dpkg's documents.

use std::collections::BTreeMap;

use super::{
    DpkgError,
    database::{Database, Id, text},
    edit::Editor,
    record::State,
};
use crate::tree::Tree;

const FOLDER: &str = "/var/lib/dpkg/triggers";
const FILE: &str = "/var/lib/dpkg/triggers/File";
const UNINCORPORATED: &str = "/var/lib/dpkg/triggers/Unincorp";
/// The files of the folder that are no trigger.
const OTHERS: [&str; 3] = ["File", "Lock", "Unincorp"];

/// No package has more lines of triggers; those of Debian have up to 30.
const MAX_DIRECTIVES: usize = 1_000;

/// Somebody who wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interest {
    /// The package, as the database names it.
    package: String,
    /// Whether whoever sets the trigger off waits until it is processed.
    is_awaited: bool,
}

/// Who wants to be told of what.
#[derive(Clone, Debug, Default)]
pub(super) struct Triggers {
    /// Paths, in the order of the file.
    paths: Vec<(String, Interest)>,
    /// By name of the trigger.
    named: BTreeMap<String, Vec<Interest>>,
    changed_names: Vec<String>,
    are_paths_changed: bool,
    /// Lines that dpkg has not looked at yet: a trigger, and who awaits it.
    waiting: Vec<(String, Vec<String>)>,
}

/// A line of a package's `triggers`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Directive {
    is_interest: bool,
    is_awaited: bool,
    trigger: String,
}

impl Triggers {
    pub(super) fn read(tree: &Tree) -> Result<Self, DpkgError> {
        let mut triggers = Self::default();
        for (index, line) in text(tree, FILE)?.unwrap_or_default().lines().enumerate() {
            let found = line.split_once(' ').filter(|(path, _)| path.starts_with('/'));
            let (path, package) = found.ok_or_else(|| DpkgError::database(FILE, index + 1, "it is no path and package"))?;
            triggers.paths.push((path.to_owned(), Interest::read(package)));
        }
        let names = tree.names(FOLDER).into_iter().filter_map(|name| String::from_utf8(name).ok());
        for name in names.filter(|name| !OTHERS.contains(&name.as_str())) {
            let text = text(tree, &format!("{FOLDER}/{name}"))?.unwrap_or_default();
            triggers.named.insert(name, text.lines().map(Interest::read).collect());
        }
        for line in text(tree, UNINCORPORATED)?.unwrap_or_default().lines() {
            let mut words = line.split_ascii_whitespace().map(str::to_owned);
            if let Some(trigger) = words.next().filter(|word| !word.starts_with('#')) {
                triggers.waiting.push((trigger, words.collect()));
            }
        }
        Ok(triggers)
    }

    /// Those who want to be told of a trigger: a path or a name. The latest to say so of a path is the first.
    fn interested(&self, trigger: &str) -> Vec<Interest> {
        if trigger.starts_with('/') {
            return self.paths.iter().rev().filter(|(path, _)| path == trigger).map(|(_, interest)| interest.clone()).collect();
        }
        self.named.get(trigger).cloned().unwrap_or_default()
    }

    fn add(&mut self, package: &str, directive: &Directive) {
        let interest = Interest { package: package.to_owned(), is_awaited: directive.is_awaited };
        if directive.trigger.starts_with('/') {
            let known = self.paths.iter_mut().find(|(path, known)| *path == directive.trigger && known.package == package);
            match known {
                Some((_, known)) => *known = interest,
                None => {
                    self.paths.push((directive.trigger.clone(), interest));
                    self.are_paths_changed = true;
                }
            }
            return;
        }
        let interests = self.named.entry(directive.trigger.clone()).or_default();
        interests.retain(|known| known.package != package);
        interests.push(interest);
        self.changed_names.push(directive.trigger.clone());
    }

    fn remove(&mut self, package: &str, directive: &Directive) {
        if directive.trigger.starts_with('/') {
            let before = self.paths.len();
            self.paths.retain(|(path, interest)| *path != directive.trigger || interest.package != package);
            self.are_paths_changed |= self.paths.len() != before;
        } else if let Some(interests) = self.named.get_mut(&directive.trigger) {
            interests.retain(|interest| interest.package != package);
            self.changed_names.push(directive.trigger.clone());
        }
    }

    pub(super) fn save(&self, editor: &mut Editor<'_>) -> Result<(), DpkgError> {
        if self.are_paths_changed {
            let line = |(path, interest): &(String, Interest)| format!("{path} {}\n", interest.text());
            editor.write(FILE, 0o644, self.paths.iter().map(line).collect::<String>().into_bytes())?;
        }
        for name in &self.changed_names {
            let interests = self.named.get(name).map(Vec::as_slice).unwrap_or_default();
            let path = format!("{FOLDER}/{name}");
            if interests.is_empty() {
                editor.remove(&path)?;
            } else {
                let text: String = interests.iter().map(|interest| interest.text() + "\n").collect();
                editor.write(&path, 0o644, text.into_bytes())?;
            }
        }
        if !self.waiting.is_empty() {
            // All of it stands in the packages now.
            editor.write(UNINCORPORATED, 0o644, Vec::new())?;
        }
        Ok(())
    }
}

impl Interest {
    /// `PACKAGE[/noawait]`
    fn read(text: &str) -> Self {
        let (package, option) = text.split_once('/').unwrap_or((text, ""));
        Self { package: package.to_owned(), is_awaited: option != "noawait" }
    }

    fn text(&self) -> String {
        format!("{}{}", self.package, if self.is_awaited { "" } else { "/noawait" })
    }
}

/// The lines of a package's `triggers`.
fn directives(package: &str, bytes: &[u8]) -> Result<Vec<Directive>, DpkgError> {
    let wrong = |reason: &str| DpkgError::package(package, format!("its triggers {reason}"));
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("are not UTF-8"))?;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, trigger) = line.split_once([' ', '\t']).ok_or_else(|| wrong("have a line of one word"))?;
        let (is_interest, is_awaited) = match word {
            "interest" | "interest-await" => (true, true),
            "interest-noawait" => (true, false),
            "activate" | "activate-await" => (false, true),
            "activate-noawait" => (false, false),
            _ => return Err(wrong("have a line that is neither `interest` nor `activate`")),
        };
        let trigger = trigger.trim_start();
        let is_path = trigger.starts_with('/') && trigger[1..].split('/').all(|part| !part.is_empty());
        let is_name = trigger.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.:".contains(&byte));
        if OTHERS.contains(&trigger) || found.len() >= MAX_DIRECTIVES {
            return Err(wrong("have too many lines, or name a file of dpkg's own"));
        }
        if !is_path && (!is_name || trigger.starts_with('.')) || trigger.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(wrong("name something that is neither a path nor a name"));
        }
        found.push(Directive { is_interest, is_awaited, trigger: trigger.to_owned() });
    }
    Ok(found)
}

impl Database {
    /// Takes in what was set off but not looked at yet, as dpkg does when it starts.
    pub(super) fn incorporate(&mut self) {
        for (trigger, awaiting) in self.triggers.waiting.clone() {
            let awaiting = awaiting.iter().map(|name| if name == "-" { None } else { self.by_database_name(name) });
            for package in awaiting.collect::<Vec<_>>() {
                self.set_off(&trigger, package);
            }
        }
    }

    /// Sets off what a package's `triggers` say, when its processing begins. `bytes` are those of the old or the new version.
    pub(super) fn set_off_own(&mut self, id: Id, bytes: &[u8]) -> Result<(), DpkgError> {
        for directive in directives(&self.get(id).name, bytes)?.iter().filter(|directive| !directive.is_interest) {
            self.set_off(&directive.trigger, directive.is_awaited.then_some(id));
        }
        Ok(())
    }

    /// Sets off a trigger by name; that of a path sets off those of the folders above, too.
    pub(super) fn set_off(&mut self, trigger: &str, awaiting: Option<Id>) {
        if trigger.starts_with('/') { self.touch_with_parents(trigger.as_bytes(), awaiting) } else { self.tell(trigger, awaiting) }
    }

    /// A package puts something at a path.
    pub(super) fn touch_path(&mut self, path: &[u8], by: Id) {
        if let Ok(path) = std::str::from_utf8(path) {
            self.tell(path, Some(by));
        }
    }

    /// A package removes something at a path: whoever looks at a folder above is told.
    pub(super) fn touch_with_parents(&mut self, path: &[u8], awaiting: Option<Id>) {
        let Ok(mut path) = std::str::from_utf8(path) else { return };
        self.tell(path, awaiting);
        while let Some((parent, _)) = path.rsplit_once('/') {
            self.tell(parent, awaiting);
            path = parent;
        }
    }

    fn tell(&mut self, trigger: &str, awaiting: Option<Id>) {
        for interest in self.triggers.interested(trigger) {
            if let Some(id) = self.by_database_name(&interest.package) {
                self.record_trigger(id, awaiting.filter(|_| interest.is_awaited), trigger);
            }
        }
    }

    fn record_trigger(&mut self, id: Id, awaiting: Option<Id>, trigger: &str) {
        if self.get(id).state < State::TriggersAwaited {
            // It will look at everything when it is configured.
            return;
        }
        if !self.get(id).pending.iter().any(|known| known == trigger) {
            let record = self.edit(id);
            record.pending.insert(0, trigger.to_owned());
            record.state = if record.awaited.is_empty() { State::TriggersPending } else { State::TriggersAwaited };
        }
        let Some(awaiting) = awaiting else { return };
        let name = self.get(id).full_name(&self.native);
        if !self.get(awaiting).awaited.contains(&name) {
            let record = self.edit(awaiting);
            record.awaited.push(name);
            record.state = record.state.min(State::TriggersAwaited);
            self.settle(awaiting);
        }
    }

    /// Moves a package to a state, with what follows for triggers.
    pub(super) fn set_state(&mut self, id: Id, state: State) {
        self.edit(id).state = state;
        self.settle(id);
    }

    /// Forgets triggers that a package's state has no place for.
    fn settle(&mut self, id: Id) {
        let record = self.edit(id);
        if !matches!(record.state, State::TriggersAwaited | State::TriggersPending) {
            record.pending.clear();
        }
        if record.state <= State::ConfigFiles {
            record.awaited.clear();
        }
        if !self.get(id).pending.is_empty() {
            return;
        }
        let name = self.get(id).full_name(&self.native);
        for other in self.ids() {
            if !self.get(other).awaited.contains(&name) {
                continue;
            }
            let record = self.edit(other);
            record.awaited.retain(|awaited| *awaited != name);
            if record.awaited.is_empty() && record.state == State::TriggersAwaited {
                record.state = if record.pending.is_empty() { State::Installed } else { State::TriggersPending };
            }
        }
    }

    /// Exchanges what a package is interested in.
    pub(super) fn exchange_interests(&mut self, id: Id, old_name: &str, old: &[u8], new: &[u8]) -> Result<(), DpkgError> {
        let name = self.get(id).name.clone();
        for directive in directives(&name, old)?.iter().filter(|directive| directive.is_interest) {
            self.triggers.remove(old_name, directive);
        }
        let new_name = self.get(id).database_name();
        for directive in directives(&name, new)?.iter().filter(|directive| directive.is_interest) {
            self.triggers.add(&new_name, directive);
        }
        Ok(())
    }
}
