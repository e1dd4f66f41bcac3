//! Why it cannot be told what a script does.

use crate::error::{Classified, Kind};

/// Why it cannot be told what a script does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// Larger than any script is read.
    #[error("the script has {size} bytes, more than the {limit} that are looked at")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest possible size in bytes.
        limit: usize,
    },
    /// Not for a shell.
    #[error("the script is not one for sh or bash: it begins with `{0}`")]
    NotShell(String),
    /// Against the grammar of the shell.
    #[error("line {line} of the script is not understood: {reason}")]
    Syntax {
        /// The line, counted from one.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// Nested too deeply, or what it does takes too many steps to find out; perhaps it would never end.
    #[error("the script is too complex, or would never end")]
    TooComplex,
}

impl Classified for ScriptError {
    fn kind(&self) -> Kind {
        Kind::Unsupported
    }

    fn hint(&self) -> Option<String> {
        None
    }
}
