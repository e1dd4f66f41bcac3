//! The kinds of failure a caller can act on, shared by every module.
//!
//! Each module has its own typed error; each such error says which [`Kind`] it is, and may carry a hint. The command line maps the
//! kind to an exit code and prints the hint, and nothing else ever looks into an error's text.

use std::error::Error;

/// What sort of failure an error is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reading or writing failed, or an internal rule was broken.
    Io,
    /// The input contradicts its own format.
    Corrupt,
    /// The input is valid but uses something that is not supported.
    Unsupported,
    /// Going on would be unsafe: an unclean file system, a lost ledger, an output that is in use.
    Refused,
    /// The command line or the profile is wrong.
    Usage,
    /// A digest, a signature or a read-back did not match.
    Verification,
    /// The user or the system asked the program to stop.
    Interrupted,
}

impl Kind {
    /// The process exit code: 0 is success and 2 is also what the argument parser uses.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Io => 1,
            Self::Usage => 2,
            Self::Verification => 3,
            Self::Corrupt | Self::Unsupported | Self::Refused => 4,
            Self::Interrupted => 130,
        }
    }
}

/// An error that knows its kind and, where there is one, the way out.
pub trait Classified: Error {
    /// The kind of failure.
    fn kind(&self) -> Kind;

    /// What the user can do about it, as one sentence without a full stop.
    fn hint(&self) -> Option<String> {
        None
    }
}
