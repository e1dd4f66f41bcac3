//! What a script has at one moment.

use std::{collections::BTreeMap, rc::Rc};

use super::value::{Status, Value};
use crate::debian::script::syntax::Command;

/// What a script has at one moment, on one of its ways or on several that have met.
#[derive(Clone, Debug)]
pub(in crate::debian::script) struct State {
    variables: Rc<BTreeMap<String, Value>>,
    /// `$1` and so on, `None` when not even their number is known.
    pub(super) positional: Option<Rc<[Value]>>,
    /// `None` where it is not known which one is meant.
    functions: Rc<BTreeMap<String, Option<Rc<Command>>>>,
    /// The working folder.
    pub(in crate::debian::script) folder: Option<Rc<str>>,
    /// Variables that are not among them may be set, too.
    any_set: bool,
    /// `set -u`
    pub(super) strict: bool,
    /// `set -e`
    pub(super) stops: bool,
    /// `$?`
    pub(super) last: Status,
    /// Every run of the script comes here.
    pub(super) certain: bool,
}

/// Variables that the caller of dpkg may have set.
const FOREIGN: [&str; 34] = [
    "COLUMNS",
    "DEBCONF_DB_OVERRIDE",
    "DEBCONF_DEBUG",
    "DEBCONF_FORCE_DIALOG",
    "DEBCONF_FRONTEND",
    "DEBCONF_HAS_FRONTEND",
    "DEBCONF_NONINTERACTIVE_SEEN",
    "DEBCONF_NOWARNINGS",
    "DEBCONF_OLD_FD_BASE",
    "DEBCONF_PRIORITY",
    "DEBCONF_RECONFIGURE",
    "DEBCONF_REDIR",
    "DEBCONF_SYSTEMRC",
    "DEBCONF_USE_CDEBCONF",
    "DEBIAN_FRONTEND",
    "DEBIAN_HAS_FRONTEND",
    "DEBIAN_PRIORITY",
    "DISPLAY",
    "DPKG_COLORS",
    "DPKG_FORCE",
    "HOME",
    "HOSTNAME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LINES",
    "LOGNAME",
    "PWD",
    "SHELL",
    "SUDO_USER",
    "TERM",
    "TMPDIR",
    "USER",
    "XDG_RUNTIME_DIR",
];

impl State {
    pub(super) fn new(variables: BTreeMap<String, Value>, arguments: Vec<Value>) -> Self {
        Self {
            variables: Rc::new(variables),
            positional: Some(arguments.into()),
            functions: Rc::default(),
            folder: Some("/".into()),
            any_set: false,
            strict: false,
            stops: false,
            last: Status::YES,
            certain: true,
        }
    }

    /// The same on a way that is not always taken.
    pub(super) fn uncertain(self) -> Self {
        Self { certain: false, ..self }
    }

    /// The value of a variable; one that is not set and may come from outside is not known.
    pub(in crate::debian::script) fn get(&self, name: &str) -> Value {
        match self.variables.get(name) {
            Some(value) => value.clone(),
            None if self.any_set => Value::Unknown,
            None if FOREIGN.contains(&name) || name.starts_with("LC_") => Value::Unknown,
            None => Value::Unset,
        }
    }

    pub(in crate::debian::script) fn set(&mut self, name: &str, value: Value) {
        if self.variables.get(name) != Some(&value) {
            Rc::make_mut(&mut self.variables).insert(name.to_owned(), value);
        }
    }

    /// Every variable may have any value now.
    pub(super) fn forget_variables(&mut self) {
        Rc::make_mut(&mut self.variables).values_mut().for_each(|value| *value = Value::Unknown);
        self.positional = None;
        self.any_set = true;
    }

    /// Begins another script: it has the environment, in which a variable of this one may be or not.
    pub(super) fn enter(&mut self, path: &str, arguments: Option<Rc<[Value]>>, stops: bool) {
        for (name, value) in Rc::make_mut(&mut self.variables) {
            if !(name.starts_with("DPKG_") || matches!(name.as_str(), "PATH" | "IFS")) {
                *value = Value::Unknown;
            }
        }
        self.set("0", Value::Known(path.into()));
        self.functions = Rc::default();
        (self.positional, self.stops, self.strict, self.last) = (arguments, stops, false, Status::YES);
    }

    pub(super) fn function(&self, name: &str) -> Option<Option<Rc<Command>>> {
        self.functions.get(name).cloned()
    }

    pub(super) fn define(&mut self, name: &str, body: Option<Rc<Command>>) {
        Rc::make_mut(&mut self.functions).insert(name.to_owned(), body);
    }

    /// Whether both have the same, apart from how certain they are.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.variables == other.variables
            && self.positional == other.positional
            && same_functions(&self.functions, &other.functions)
            && self.folder == other.folder
            && self.stops == other.stops
            && self.strict == other.strict
            && self.any_set == other.any_set
            && self.last == other.last
    }

    /// What is known when this or the other way was taken.
    pub(super) fn or(mut self, other: &Self) -> Self {
        if self.variables != other.variables {
            let names: Vec<_> = self.variables.keys().chain(other.variables.keys()).cloned().collect();
            for name in names {
                let value = self.get(&name).or(&other.get(&name));
                self.set(&name, value);
            }
        }
        if self.positional != other.positional {
            self.positional = match (&self.positional, &other.positional) {
                (Some(a), Some(b)) if a.len() == b.len() => Some(a.iter().zip(b.iter()).map(|(a, b)| a.clone().or(b)).collect()),
                _ => None,
            };
        }
        if !same_functions(&self.functions, &other.functions) {
            let functions = Rc::make_mut(&mut self.functions);
            let names: Vec<_> = functions.keys().chain(other.functions.keys()).cloned().collect();
            for name in names {
                let same = match (functions.get(&name), other.functions.get(&name)) {
                    (Some(Some(a)), Some(Some(b))) => Rc::ptr_eq(a, b),
                    _ => false,
                };
                if !same {
                    functions.insert(name, None);
                }
            }
        }
        if self.folder != other.folder {
            self.folder = None;
        }
        self.stops &= other.stops;
        self.strict &= other.strict;
        self.any_set |= other.any_set;
        self.last = self.last.or(other.last);
        self.certain &= other.certain;
        self
    }
}

fn same_functions(a: &Rc<BTreeMap<String, Option<Rc<Command>>>>, b: &Rc<BTreeMap<String, Option<Rc<Command>>>>) -> bool {
    let same = |a: &Option<Rc<Command>>, b: &Option<Rc<Command>>| match (a, b) {
        (Some(a), Some(b)) => Rc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    };
    Rc::ptr_eq(a, b) || (a.len() == b.len() && a.iter().zip(b.iter()).all(|((a, x), (b, y))| a == b && same(x, y)))
}

/// What is known when one or the other way was taken, each of which may have ended.
pub(super) fn either(a: Option<State>, b: Option<State>) -> Option<State> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.or(&b)),
        (a, b) => a.or(b),
    }
}
