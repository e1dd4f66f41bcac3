//! Why archives cannot be used. No message shows more of an address than [`Address`](crate::base::fetch::Address) does.

use std::fmt;

use time::OffsetDateTime;

use crate::{
    base::{
        cache::CacheError,
        fetch::{BadAddress, FetchError},
    },
    debian::{
        openpgp::{KeyringError, SignatureError, utc},
        release::ReleaseError,
    },
    error::{Classified, Kind},
};

/// A suite of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Address of the archive.
    pub uri: String,
    /// The suite.
    pub suite: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A login is refused later, by its form; here it must not show.
        let uri = match self.uri.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, rest)| rest)),
            None => self.uri.clone(),
        };
        write!(f, "{} {}", uri.escape_debug(), self.suite.escape_debug())
    }
}

/// What can be wrong with what archives give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The address of a source cannot be used.
    #[error("{place}: the address cannot be used: {reason}")]
    Address {
        /// The suite.
        place: Place,
        /// What is wrong with it.
        reason: BadAddress,
    },
    /// A keyring that a source is bound to cannot be used.
    #[error("{place}: a keyring that it is bound to cannot be used")]
    Keyring {
        /// The suite.
        place: Place,
        /// What is wrong.
        #[source]
        source: KeyringError,
    },
    /// There is no key at all to trust.
    #[error("{place}: the image has no key to verify it with: {reason}")]
    NoKeys {
        /// The suite.
        place: Place,
        /// Where keys were looked for.
        reason: String,
    },
    /// There is a root, but nobody signed it.
    #[error("{place}: it is not signed: there is a `Release`, but neither `InRelease` nor `Release.gpg`")]
    Unsigned {
        /// The suite.
        place: Place,
    },
    /// The signature does not count.
    #[error("{place}: its signature cannot be trusted")]
    Signature {
        /// The suite.
        place: Place,
        /// Whether it stands in a file of its own.
        pair: bool,
        /// What is wrong.
        #[source]
        source: SignatureError,
    },
    /// The signed root is not the one that was asked for.
    #[error("{place}: its `Release` cannot be used")]
    Release {
        /// The suite.
        place: Place,
        /// What is wrong.
        #[source]
        source: ReleaseError,
    },
    /// The archive was set back.
    #[error("{place}: it was set back: its `Release` is of {}, and one of {} was seen before", utc(*.date), utc(*.seen))]
    Rollback {
        /// The suite.
        place: Place,
        /// When this one was made.
        date: OffsetDateTime,
        /// When the one was made that was seen before.
        seen: OffsetDateTime,
    },
    /// Its packages are for another processor.
    #[error(
        "{place}: its packages do not run on all Raspberry Pis that this image is for: it is of {origin}, whose armhf means ARMv7, and the image is of Raspbian, ARMv6"
    )]
    Family {
        /// The suite.
        place: Place,
        /// Who made the archive.
        origin: String,
    },
    /// It has nothing of what is wanted.
    #[error("{place}: it has no packages for {architecture} in {components}")]
    Nothing {
        /// The suite.
        place: Place,
        /// The architecture.
        architecture: String,
        /// The components that were looked for.
        components: String,
    },
    /// An index is not the one that the signed root lists, however often it was asked for.
    #[error("{place}: its indices did not fit its signed `Release` in {tries} tries: the mirror is in the middle of an update, or false")]
    MidSync {
        /// The suite.
        place: Place,
        /// How often it was tried.
        tries: u32,
        /// What was wrong last.
        #[source]
        last: Box<FetchError>,
    },
    /// An index that is the right one holds something that cannot be used.
    #[error("{place}: `{path}`: {reason}")]
    Index {
        /// The suite.
        place: Place,
        /// The index.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A locked package is offered in the same version as another file.
    #[error("{place}: the package `{package}` {version} is another file now than the one that was locked")]
    Replaced {
        /// The suite.
        place: Place,
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
    /// Together more than is looked at.
    #[error("the archives have more than {limit} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How many of it are looked at.
        limit: u64,
    },
    /// The network must not be used, and something is not in the cache.
    #[error("--offline: {} not in the cache: {}", if .missing.len() == 1 { "this is" } else { "these are" }, .missing.join(", "))]
    Offline {
        /// What is missing.
        missing: Vec<String>,
        /// Whether it is packages of a lock, or what a lock is made from.
        are_packages: bool,
    },
    /// Something cannot be had.
    #[error("{place}")]
    Fetch {
        /// The suite.
        place: Place,
        /// Why.
        #[source]
        source: Box<FetchError>,
    },
    /// A package that the pool no longer has.
    #[error("{place}: it no longer has the package `{package}` in the version {version}")]
    Moved {
        /// The suite.
        place: Place,
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
    /// A package is not the one that the lock names.
    #[error("{place}: the package `{package}` is not the one that was locked")]
    Package {
        /// The suite.
        place: Place,
        /// The package.
        package: String,
        /// What is wrong.
        #[source]
        source: Box<FetchError>,
    },
    /// A file of a bundle.
    #[error("the file `{path}` of the bundle {reason}")]
    Bundle {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of a bundle cannot be read.
    #[error("reading the file `{path}` of the bundle failed")]
    BundleRead {
        /// The file.
        path: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The user asked to stop.
    #[error("fetching was interrupted")]
    Interrupted,
}

impl RepositoryError {
    /// What could not be had: what is interrupted is nobody's fault.
    pub(super) fn fetch(place: Place, source: FetchError) -> Self {
        match source {
            FetchError::Interrupted => Self::Interrupted,
            FetchError::Cache(error) => Self::Cache(error),
            source => Self::Fetch { place, source: Box::new(source) },
        }
    }
}

/// A file that is larger than the signed size is as false as one with another digest.
pub(super) fn kind_of(error: &FetchError) -> Kind {
    match error {
        FetchError::TooLarge { .. } => Kind::Verification,
        error => error.kind(),
    }
}

impl Classified for RepositoryError {
    fn kind(&self) -> Kind {
        match self {
            Self::Address { .. } | Self::Offline { .. } => Kind::Usage,
            Self::Keyring { .. }
            | Self::NoKeys { .. }
            | Self::Unsigned { .. }
            | Self::Signature { .. }
            | Self::Release { .. }
            | Self::Rollback { .. }
            | Self::Index { .. }
            | Self::Replaced { .. }
            | Self::Bundle { .. }
            | Self::TooMuch { .. } => Kind::Verification,
            Self::Family { .. } => Kind::Refused,
            Self::Nothing { .. } => Kind::Unsupported,
            Self::Moved { .. } | Self::BundleRead { .. } => Kind::Io,
            Self::MidSync { last: source, .. } | Self::Fetch { source, .. } | Self::Package { source, .. } => kind_of(source),
            Self::Cache(error) => error.kind(),
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Address { .. } => "write it as http://HOST/PATH or https://HOST/PATH, without user name and password",
            Self::Keyring { .. } | Self::NoKeys { .. } => "the keyring of this source must be in the image, or its key in the profile",
            Self::Unsigned { .. } | Self::Signature { .. } => "do not use this mirror, or take a newer image if the archive has new keys",
            Self::Release { source: ReleaseError::Expired(_), place } => {
                return Some(format!(
                    "the mirror is stale, or somebody holds it back; if this archive no longer moves, list `{}` in the profile under \
                     packages.expired",
                    place.uri
                ));
            }
            Self::Release { source: ReleaseError::OtherSuite { .. }, .. } => "correct the source, or do not use this mirror",
            Self::Release { source: ReleaseError::Future(_), .. } => "set the clock of this computer",
            Self::Release { .. } | Self::Index { .. } | Self::TooMuch { .. } => "do not use this mirror",
            Self::Rollback { .. } => {
                "the mirror is stale, or false: try again later or use another; to take it nevertheless, remove the lock and \
                 `berry-image cache rm packages`"
            }
            Self::Family { .. } => {
                "take the package from Raspbian, or use a 64-bit image; if this archive is built for ARMv6, say `armv6: true` with its source"
            }
            Self::Nothing { .. } => "correct its components, or its architectures",
            Self::MidSync { .. } => "try again in some minutes, or use another mirror",
            Self::Offline { are_packages: true, .. } => {
                "run `build` once without --offline, or store what the lock needs with `lock --bundle DIR` where there is a network"
            }
            Self::Offline { are_packages: false, .. } => "run it once without --offline, or bring the lock that was made elsewhere",
            Self::Fetch { source, .. } => match **source {
                FetchError::Proxy { .. } | FetchError::Tls { .. } | FetchError::Status { status: 407, .. } => return source.hint(),
                FetchError::Status { status: 404 | 410, .. } => {
                    "correct address and suite of the source: archives of old releases move to other servers"
                }
                FetchError::Circle { .. }
                | FetchError::TooManyRedirects { .. }
                | FetchError::Redirect { .. }
                | FetchError::Protocol { .. } => "look at the address with a browser, or use another mirror",
                _ => "try again later, or use another mirror",
            },
            Self::Replaced { package, .. } => {
                return Some(format!(
                    "an archive must not do that: ask who runs it; if it is right, `berry-image lock PROFILE --update {package}` takes the new one"
                ));
            }
            Self::Moved { package, .. } => {
                return Some(format!(
                    "archives drop old versions: `berry-image lock PROFILE --update {package}` takes the new one; `lock --bundle` keeps \
                     what a lock needs"
                ));
            }
            Self::Package { .. } => "the mirror is false or damaged: use another; if the lock was changed by hand, make it anew",
            Self::BundleRead { .. } => return None,
            Self::Bundle { .. } => "make the bundle anew with `berry-image lock PROFILE --bundle DIR`, or do without",
            Self::Cache(error) => return error.hint(),
            Self::Interrupted => "run the command again: it goes on where it stopped",
        };
        Some(hint.to_owned())
    }
}
