//! Why packages cannot be put into a tree.

use crate::{
    debian::{Deb822Error, PackageError},
    error::{Classified, Kind},
    tree::TreeError,
};

/// What can go wrong. Paths are printed with unprintable bytes escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DpkgError {
    /// A file of dpkg's database cannot be read.
    #[error("dpkg's database of the image: `{path}`, line {line}: {reason}")]
    Database {
        /// The file.
        path: String,
        /// The line, counted from 1; 0 for the file as a whole.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// dpkg was interrupted in the image, or keeps its database in another way.
    #[error("dpkg's database of the image cannot be changed: {reason}")]
    Unsuitable {
        /// Why.
        reason: String,
    },
    /// What a package says of itself is not sound.
    #[error("the package `{package}` is not sound: {reason}")]
    Package {
        /// The package, or as much as is known of it.
        package: String,
        /// What is wrong.
        reason: String,
    },
    /// Two packages have the same file, and neither says that it may.
    #[error("`{package}` would overwrite `{path}`, which {owner} has, too")]
    Conflict {
        /// The package that comes.
        package: String,
        /// The file.
        path: String,
        /// Who has it: a package, or the diversion of one.
        owner: String,
    },
    /// A file of a package has no place.
    #[error("`{package}`: `{path}` cannot be put into the image: {reason}")]
    Place {
        /// The package.
        package: String,
        /// The file.
        path: String,
        /// What is in the way.
        reason: String,
    },
    /// A maintainer script would have to run on the image.
    #[error("`{package}`: its {script} would have to run now, and no code of the image runs here: line {line}: {reason}")]
    Script {
        /// The package.
        package: String,
        /// The script and how it would be called.
        script: String,
        /// The line of the script, counted from 1.
        line: usize,
        /// What it would do.
        reason: String,
    },
    /// A package that is to go has to go before another comes, and cannot go without its scripts.
    #[error("`{package}` must be removed before `{other}` comes, and its removal needs the running system: {reason}")]
    Order {
        /// The package that is to go.
        package: String,
        /// The package that comes.
        other: String,
        /// Why it cannot go now.
        reason: String,
    },
    /// There is no such package.
    #[error("`{package}` is not installed in the image")]
    NotInstalled {
        /// The package.
        package: String,
    },
    /// A name or number of a user cannot be had.
    #[error("`{package}` needs the {what} `{name}`: {reason}")]
    Account {
        /// The package.
        package: String,
        /// `user` or `group`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// The tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl DpkgError {
    pub(super) fn package(package: &str, reason: impl Into<String>) -> Self {
        Self::Package { package: package.to_owned(), reason: reason.into() }
    }

    pub(super) fn database(path: &str, line: usize, reason: impl Into<String>) -> Self {
        Self::Database { path: path.to_owned(), line, reason: reason.into() }
    }

    /// What a stanza of the database says that is none.
    pub(super) fn stanza(path: &str, first: usize, error: &Deb822Error) -> Self {
        Self::database(path, first + error.line, error.reason.clone())
    }

    /// A field of a package that comes.
    pub(super) fn field(package: &str, error: &PackageError) -> Self {
        Self::package(package, error.to_string())
    }
}

impl Classified for DpkgError {
    fn kind(&self) -> Kind {
        match self {
            Self::Database { .. } | Self::Package { .. } => Kind::Corrupt,
            Self::Unsuitable { .. } | Self::Conflict { .. } | Self::Place { .. } | Self::Script { .. } | Self::Account { .. } => {
                Kind::Unsupported
            }
            Self::Order { .. } | Self::NotInstalled { .. } => Kind::Usage,
            Self::Tree(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unsuitable { .. } => "take a base on which dpkg finished its work".to_owned(),
            Self::Conflict { .. } => "leave one of the two out of `packages:`".to_owned(),
            Self::Script { package, .. } => {
                format!("take `{package}` out of `packages:` and install it on the running nodes, or take a base that has it already")
            }
            Self::Order { .. } => "take a newer base, or leave one of the two as it is".to_owned(),
            _ => return None,
        };
        Some(hint)
    }
}
