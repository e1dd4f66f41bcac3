//! What the tests share.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use crate::profile::{Environment, Loaded, Profile, ProfileErrors, parse};

/// A public key that `ssh-keygen` made.
pub(super) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMdWfNoA4RTIbvbRG9+L98KtEYxeYLCU39N60N2Bu1JZ op@example";

/// An environment that a test makes up.
#[derive(Default)]
pub(super) struct Variables(pub(super) BTreeMap<String, OsString>);

impl Variables {
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect())
    }
}

impl Environment for Variables {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.0.get(name).cloned()
    }
}

/// Checks a text as if it stood in `cluster01.yaml` of an empty folder.
pub(super) fn check(text: &str) -> Result<Loaded, ProfileErrors> {
    parse(text, Path::new("/nonexistent/cluster01.yaml"), &Variables::default())
}

/// A text that has to be good.
pub(super) fn good(text: &str) -> Profile {
    match check(text) {
        Ok(loaded) => loaded.profile,
        Err(errors) => panic!("{errors}"),
    }
}

/// Code, line and column of every problem.
pub(super) fn places(errors: &ProfileErrors) -> Vec<(&'static str, usize, usize)> {
    errors.report().problems().iter().map(|problem| (problem.code.as_str(), problem.line(), problem.column())).collect()
}
