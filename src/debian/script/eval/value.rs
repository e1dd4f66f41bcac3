//! What is known of texts and of exit statuses.

use std::rc::Rc;

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::debian::script) enum Value {
    Unset,
    Known(Rc<str>),
    /// It may be any text, or not be set.
    Unknown,
}

impl Value {
    /// What is known of a variable that has this or that value.
    pub(super) fn or(self, other: &Self) -> Self {
        if self == *other { self } else { Self::Unknown }
    }
}

/// A text that was expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::debian::script) struct Field {
    /// The text; where it is not known, with `…` in the place of what is not.
    pub(in crate::debian::script) text: String,
    pub(in crate::debian::script) known: bool,
    /// It may be any number of fields.
    pub(in crate::debian::script) many: bool,
}

impl Field {
    pub(in crate::debian::script) fn known(text: impl Into<String>) -> Self {
        Self { text: text.into(), known: true, many: false }
    }

    /// The text, when it is known.
    pub(in crate::debian::script) fn get(&self) -> Option<&str> {
        self.known.then_some(&self.text)
    }

    pub(super) fn value(self) -> Value {
        if self.known { Value::Known(self.text.into()) } else { Value::Unknown }
    }
}

/// The exit status of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::debian::script) enum Status {
    Known(u8),
    Unknown,
}

impl Status {
    pub(in crate::debian::script) const YES: Self = Self::Known(0);
    pub(in crate::debian::script) const NO: Self = Self::Known(1);

    /// Whether the command succeeded, when that is known.
    pub(in crate::debian::script) const fn truth(self) -> Option<bool> {
        match self {
            Self::Known(status) => Some(status == 0),
            Self::Unknown => None,
        }
    }

    pub(in crate::debian::script) const fn of(truth: Option<bool>) -> Self {
        match truth {
            Some(true) => Self::YES,
            Some(false) => Self::NO,
            None => Self::Unknown,
        }
    }

    pub(super) const fn not(self) -> Self {
        match self.truth() {
            Some(truth) => Self::of(Some(!truth)),
            None => Self::Unknown,
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        if self == other { self } else { Self::Unknown }
    }
}
