//! Why packages cannot be baked.

use crate::{
    base::cache::CacheError,
    debian::deb::DebError,
    dpkg::DpkgError,
    error::{Classified, Kind},
};

/// Why packages cannot be put into a tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BakeError {
    /// A package cannot be read.
    #[error("the package `{package} {version}`")]
    Deb {
        /// Its name.
        package: String,
        /// Its version.
        version: String,
        /// What is wrong with it.
        #[source]
        source: DebError,
    },
    /// A package is another than the archive said.
    #[error("the archive signed {expected}, and the package says that it is {found}")]
    Other {
        /// What the lock says.
        expected: String,
        /// What the package says, unprintable characters escaped.
        found: String,
    },
    /// The cache cannot take what is unpacked.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// It cannot be unpacked.
    #[error("the packages cannot be put into the images")]
    Dpkg(#[from] DpkgError),
}

impl Classified for BakeError {
    fn kind(&self) -> Kind {
        match self {
            Self::Deb { source, .. } => source.kind(),
            Self::Other { .. } => Kind::Verification,
            Self::Cache(error) => error.kind(),
            Self::Dpkg(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Deb { source, .. } => source.hint(),
            Self::Other { .. } => Some("do not use this mirror".to_owned()),
            Self::Cache(error) => error.hint(),
            Self::Dpkg(error) => error.hint(),
        }
    }
}
