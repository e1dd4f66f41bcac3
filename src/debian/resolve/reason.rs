//! Why something cannot be installed, as a chain that a person can read.

use std::fmt;

/// Why a request cannot be met: the way from what was asked for to what is in the way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Reason {
    steps: Vec<Step>,
    cause: String,
}

/// A package on the way, and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name and version.
    pub package: String,
    /// What it needs, as it says itself.
    pub needs: String,
}

impl Reason {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self { steps: Vec::new(), cause: cause.into() }
    }

    pub(super) fn unknown(name: &str) -> Self {
        Self::new(format!("no archive has the package `{name}`"))
    }

    pub(super) fn ambiguous(name: &str, one: &str, other: &str) -> Self {
        Self::new(format!("`{name}` is no package, but a name that several provide: name one of them, such as `{one}` or `{other}`"))
    }

    /// The same, one step further up.
    pub(super) fn needed_by(mut self, package: String, needs: String) -> Self {
        self.steps.insert(0, Step { package, needs });
        self
    }

    /// The packages on the way, beginning with what was asked for.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What is in the way at its end.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            // Writing to a String cannot fail.
            let _ = fmt::Write::write_fmt(&mut text, format_args!("{} needs {}; ", step.package, step.needs));
        }
        text + &self.cause
    }
}
