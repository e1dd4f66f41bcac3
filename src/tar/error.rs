//! What can be wrong with a tar archive.

use std::io;

use crate::error::{Classified, Kind};

/// Why an archive cannot be read on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// Reading failed.
    #[error("reading the archive failed at {offset}")]
    Read {
        /// Where, in bytes.
        offset: u64,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The archive ends too early.
    #[error("the archive is cut off: it has {size} bytes, and the record at {offset} goes on")]
    Truncated {
        /// Where, in bytes.
        offset: u64,
        /// Size of the archive in bytes.
        size: u64,
    },
    /// A header that is not one.
    #[error("the archive is damaged at {offset}: {reason}")]
    Header {
        /// Where, in bytes.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A member of a type that is not read.
    #[error("`{path}` in the archive: members of type `{}` ({name}) are not supported", .kind.escape_ascii())]
    Kind {
        /// Where, in bytes.
        offset: u64,
        /// Its path, unprintable bytes escaped.
        path: String,
        /// Its type, as its header has it.
        kind: u8,
        /// What that type is.
        name: &'static str,
    },
    /// Something stands behind the end of the archive.
    #[error("something stands at {offset}, behind the end of the archive, where zeroes are expected")]
    Trailing {
        /// Where, in bytes.
        offset: u64,
    },
}

impl TarError {
    pub(super) fn header(offset: u64, reason: impl Into<String>) -> Self {
        Self::Header { offset, reason: reason.into() }
    }
}

impl Classified for TarError {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { .. } => Kind::Io,
            Self::Kind { .. } => Kind::Unsupported,
            Self::Truncated { .. } | Self::Header { .. } | Self::Trailing { .. } => Kind::Corrupt,
        }
    }
}
