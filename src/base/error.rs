//! What can go wrong with a base, whichever part of it failed.

use std::{io, path::PathBuf};

use super::{cache::CacheError, debian::DebianError, detect::DetectError, fetch::FetchError};
use crate::{
    decompress::DecompressError,
    disk::table::TableError,
    error::{Classified, Kind},
    ext4::read::Ext4Error,
    fat::FatError,
};

/// Why there is no base.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// The image file cannot be opened or read.
    #[error("the base image `{path}` cannot be read")]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Neither an image nor one that is compressed in a known way.
    #[error("`{path}` is {found}, expected a disk image: raw, .xz, .gz, .zst or .zip")]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What it is, as far as can be told.
        found: String,
    },
    /// The file is not the one that the profile names.
    #[error("the SHA-256 of `{path}` is {found}, expected {expected}")]
    Digest {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// That of the profile.
        expected: String,
    },
    /// Making it would need the network.
    #[error("`{name}` is not in the cache, and making it needs the network, which --offline forbids")]
    Offline {
        /// The base.
        name: String,
    },
    /// The file system in the boot partition is damaged in a way that matters to an edit.
    #[error("the boot partition of the base")]
    Boot(#[source] FatError),
    /// The root file system.
    #[error("the root file system of the base")]
    Root(#[source] Ext4Error),
    /// The partition table.
    #[error("the partition table of the base")]
    Table(#[source] TableError),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Decompressing.
    #[error("decompressing `{path}`")]
    Decompress {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: DecompressError,
    },
    /// Downloading.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Making `debian:SUITE`.
    #[error(transparent)]
    Debian(#[from] DebianError),
    /// What the image is.
    #[error(transparent)]
    Detect(#[from] DetectError),
}

impl Classified for BaseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Open { .. } => Kind::Io,
            Self::NotAnImage { .. } => Kind::Unsupported,
            Self::Digest { .. } => Kind::Verification,
            Self::Offline { .. } => Kind::Usage,
            Self::Boot(error) => error.kind(),
            Self::Root(error) => error.kind(),
            Self::Table(error) => error.kind(),
            Self::Cache(error) => error.kind(),
            Self::Decompress { source, .. } => source.kind(),
            Self::Fetch(error) => error.kind(),
            Self::Debian(error) => error.kind(),
            Self::Detect(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Digest { .. } => Some("download it again, or correct `#sha256=` if the profile should name this file".to_owned()),
            Self::Offline { .. } => Some("run it once without --offline, or give --bundle".to_owned()),
            Self::Boot(error) => error.hint(),
            Self::Root(error) => error.hint(),
            Self::Table(error) => error.hint(),
            Self::Cache(error) => error.hint(),
            Self::Decompress { source, .. } => source.hint(),
            Self::Fetch(error) => error.hint(),
            Self::Debian(error) => error.hint(),
            Self::Detect(error) => error.hint(),
            Self::Open { .. } | Self::NotAnImage { .. } => None,
        }
    }
}
