use std::{io, sync::Arc};

use crate::{
    disk::table::TableError,
    error::{Classified, Kind},
    ext4::read::Ext4Error,
    fat::FatError,
    tree::TreeError,
};

/// Why a file system of an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileSystemError {
    /// A FAT.
    #[error(transparent)]
    Fat(#[from] FatError),
    /// An ext4.
    #[error(transparent)]
    Ext4(#[from] Ext4Error),
}

/// Why something in an image is not shown. Paths are those inside the image, [printable](super::printable()).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The partition table.
    #[error("the partition table of the image")]
    Table(#[source] TableError),
    /// The image itself.
    #[error("the image cannot be read")]
    Read(#[source] io::Error),
    /// No partition with an ext4 file system.
    #[error("the image has no ext4 file system that could be the root: {found}")]
    NoRoot {
        /// What it has.
        found: String,
    },
    /// The root file system.
    #[error("partition {number}, the root file system")]
    Root {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: Ext4Error,
    },
    /// Another file system, which is wanted.
    #[error("partition {number}, which belongs at `{point}`, cannot be read")]
    Mount {
        /// Its number, from 1.
        number: usize,
        /// Where it belongs.
        point: String,
        /// What is wrong with it.
        #[source]
        source: Arc<FileSystemError>,
    },
    /// A file of the boot partition.
    #[error("the boot partition")]
    Boot(#[source] FatError),
    /// Nothing stands there.
    #[error("`{path}` does not exist in the image")]
    Missing {
        /// The path, as far as it was followed.
        path: String,
        /// Names in the same folder that look like it, the likeliest first.
        near: Vec<String>,
    },
    /// A link to nothing.
    #[error("`{path}` is a symbolic link to `{target}`, which does not exist in the image")]
    Dangling {
        /// The link.
        path: String,
        /// Where it points.
        target: String,
    },
    /// A folder was needed.
    #[error("`{path}` is not a folder, it is a {found}")]
    NotAFolder {
        /// The path.
        path: String,
        /// What stands there.
        found: &'static str,
    },
    /// A regular file was needed.
    #[error("`{path}` is not a file, it is a {found}")]
    NotAFile {
        /// The path.
        path: String,
        /// What stands there.
        found: &'static str,
    },
    /// Another trouble with a path.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl Classified for FileSystemError {
    fn kind(&self) -> Kind {
        match self {
            Self::Fat(error) => error.kind(),
            Self::Ext4(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fat(error) => error.hint(),
            Self::Ext4(error) => error.hint(),
        }
    }
}

impl Classified for ImageError {
    fn kind(&self) -> Kind {
        match self {
            Self::Table(error) => error.kind(),
            Self::Read(_) => Kind::Io,
            Self::NoRoot { .. } => Kind::Unsupported,
            Self::Root { source, .. } => source.kind(),
            Self::Mount { source, .. } => source.kind(),
            Self::Boot(error) => error.kind(),
            Self::Missing { .. } | Self::Dangling { .. } | Self::NotAFolder { .. } | Self::NotAFile { .. } => Kind::Usage,
            Self::Tree(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) => error.hint(),
            Self::Root { source, .. } => source.hint(),
            Self::Mount { source, .. } => source.hint(),
            Self::Boot(error) => error.hint(),
            Self::Missing { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")))
            }
            Self::Tree(error) => error.hint(),
            _ => None,
        }
    }
}
