use std::{
    io,
    path::{Path, PathBuf},
};

use super::platform::Host;
use crate::error::{Classified, Kind};

/// Why nothing was put out.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// An operation on a file or folder failed.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The bytes of an image could not be read.
    #[error("cannot read {from} for `{}` at byte {offset}", path.display())]
    Source {
        /// Where the bytes stand.
        from: String,
        /// The image they are for.
        path: PathBuf,
        /// Offset in the image.
        offset: u64,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file system has too little room.
    #[error("no room for `{}`: {} bytes are needed, {} are free", path.display(), told(*needed), told(*available))]
    NoSpace {
        /// The file, or the folder of all files.
        path: PathBuf,
        /// Bytes needed for the file or all files, where that can be told.
        needed: Option<u64>,
        /// Bytes free, where that can be told.
        available: Option<u64>,
    },
    /// Another run writes into the folder.
    #[error("`{}` is in use by another run of berry-image", folder.display())]
    InUse {
        /// The output folder.
        folder: PathBuf,
    },
    /// Something that is no regular file has a name that is to be written.
    #[error("`{}` is a {what}, not a regular file; it is not overwritten", path.display())]
    InTheWay {
        /// The final name.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// Not the plain name of a file, or used twice.
    #[error("`{name}` cannot be the name of an output file")]
    Name {
        /// The name.
        name: String,
    },
    /// The user or the system asked to stop.
    #[error("interrupted while writing `{}`", path.display())]
    Interrupted {
        /// The image that was being written.
        path: PathBuf,
    },
}

impl Classified for OutputError {
    fn kind(&self) -> Kind {
        match self {
            Self::Io { .. } | Self::Source { .. } | Self::NoSpace { .. } | Self::Name { .. } => Kind::Io,
            Self::InUse { .. } | Self::InTheWay { .. } => Kind::Refused,
            Self::Interrupted { .. } => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSpace { .. } => Some("free some space, or choose a folder on another file system".to_owned()),
            Self::InUse { .. } => Some("wait for it to end, or choose another folder".to_owned()),
            Self::InTheWay { .. } => Some("remove it, or choose another folder".to_owned()),
            _ => None,
        }
    }
}

impl OutputError {
    /// An operation failed that makes `path`, a file in its folder, grow to `needed` bytes.
    pub(super) fn writing(host: &dyn Host, action: &'static str, path: &Path, needed: Option<u64>, source: io::Error) -> Self {
        let path = path.to_owned();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            let available = path.parent().and_then(|folder| host.available(folder).ok().flatten());
            return Self::NoSpace { path, needed, available };
        }
        Self::Io { action, path, source }
    }
}

fn told(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "an unknown number of".to_owned(), |bytes| bytes.to_string())
}

/// For `map_err`: what was tried, and on what.
pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OutputError {
    move |source| OutputError::Io { action, path: path.to_owned(), source }
}
