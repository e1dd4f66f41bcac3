//! Names, paths, and what can be wrong with them.

use std::fmt;

use crate::error::{Classified, Kind as ErrorKind};

/// A name in a folder: 1 to 255 bytes, no slash, no NUL, not `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// Checks a name.
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        let bad = name.is_empty() || name.len() > 255 || name == b"." || name == b".." || name.iter().any(|b| matches!(b, 0 | b'/'));
        (!bad).then(|| Self(name.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::borrow::Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// What can go wrong in an edit of a tree. Paths are printed with unprintable bytes escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// Nothing stands there.
    #[error("`{0}` does not exist in the image")]
    Missing(String),
    /// A folder was needed.
    #[error("`{0}` is not a folder in the image")]
    NotAFolder(String),
    /// A regular file was needed.
    #[error("`{0}` is not a regular file in the image")]
    NotAFile(String),
    /// A folder stands where something else was to be put.
    #[error("`{0}` is a folder in the image")]
    IsAFolder(String),
    /// Something stands there already.
    #[error("`{0}` exists already in the image")]
    Exists(String),
    /// Not a path at all: relative, with `..`, or with a name that is too long.
    #[error("`{0}` is not an absolute path without `..`")]
    BadPath(String),
    /// More symbolic links than any real system has.
    #[error("`{0}` leads through more than 40 symbolic links")]
    TooManyLinks(String),
    /// More content than a file that is read as a whole may have.
    #[error("`{path}` of the image has {size} bytes, more than the {limit} that are read at once")]
    TooLarge {
        /// The path in the image.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The largest possible size in bytes.
        limit: u64,
    },
    /// Content could not be read.
    #[error("reading `{path}` of the image failed")]
    Read {
        /// The path in the image.
        path: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

impl Classified for TreeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } => ErrorKind::Io,
            _ => ErrorKind::Unsupported,
        }
    }
}

pub(super) fn printable(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}

/// Lengthens a path, which is empty for the root, by a name.
pub(super) fn append(path: &mut Vec<u8>, name: &[u8]) {
    if !name.is_empty() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
}
