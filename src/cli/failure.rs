//! Any error of any module, as the user sees it: cause after cause, then the way out.

use std::{fmt, io};

use crate::error::{Classified, Kind};

/// An error on its way to the user.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    /// The outermost message first.
    messages: Vec<String>,
    hint: Option<String>,
    broken_pipe: bool,
}

impl Failure {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, messages: vec![message.into()], hint: None, broken_pipe: false }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says first what was being done.
    pub(super) fn while_doing(mut self, what: impl Into<String>) -> Self {
        self.messages.insert(0, what.into());
        self
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the reader of our output went away, which is no failure (`berry-image plan … | head`).
    pub(super) const fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    /// A failure to write to standard output.
    pub(super) fn from_output(error: &io::Error) -> Self {
        let mut failure = Self::new(Kind::Io, "writing to standard output failed");
        failure.messages.push(error.to_string());
        failure.broken_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        failure
    }
}

impl<E: Classified> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut messages = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if messages.last() != Some(&text) {
                messages.push(text);
            }
            cause = inner.source();
        }
        Self { kind: error.kind(), hint: error.hint(), messages, broken_pipe: false }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join(": "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("opening `x`")]
    struct Outer(#[source] io::Error);

    impl Classified for Outer {
        fn kind(&self) -> Kind {
            Kind::Refused
        }

        fn hint(&self) -> Option<String> {
            Some("close it".to_owned())
        }
    }

    #[test]
    fn the_whole_chain_is_told() {
        let failure = Failure::from(Outer(io::Error::other("disk on fire"))).while_doing("building");
        assert_eq!(failure.to_string(), "building: opening `x`: disk on fire");
        assert_eq!((failure.kind().exit_code(), failure.hint()), (4, Some("close it")));
    }
}
