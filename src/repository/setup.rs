//! What apt in the image would work with, read from its tree.

#[cfg(test)]
mod tests;

use super::{Suite, keys::Keys};
use crate::{
    base::facts::{Architecture, Facts, Flavour},
    debian::{
        deb822::Deb822Error,
        openpgp::{Keyring, KeyringError, Sha1Bindings},
        preferences::{Preferences, PreferencesError},
        sources::{self, Architectures, Origin, SignedBy, Source, SourcesError},
        status::StatusError,
    },
    error::{Classified, Kind},
    profile::{ExtraSource, Packages},
    tree::{Tree, TreeError},
};

const STATUS: &str = "/var/lib/dpkg/status";
const EXTENDED_STATES: &str = "/var/lib/apt/extended_states";

/// What apt in an image works with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// dpkg's name of the architecture.
    pub architecture: &'static str,
    /// Whether its 32-bit packages must run on ARMv6: Raspbian.
    pub is_armv6: bool,
    /// dpkg's database.
    pub status: String,
    /// apt's list of what came only because something needed it.
    pub extended_states: String,
    /// Where packages come from: the image's sources, then those of the profile.
    pub suites: Vec<Suite>,
    /// The image's pins.
    pub preferences: Preferences,
    /// Archives that the profile allows to have expired, by address.
    pub expired: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
    pub(super) keys: Keys,
}

/// Why an image's apt cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A file of the image cannot be read.
    #[error("`{path}` of the image cannot be read")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// A file of sources.
    #[error("the sources of packages")]
    Sources(#[from] SourcesError),
    /// The key of a source of the profile.
    #[error("the key of the source {uri} in the profile")]
    Key {
        /// Address of the archive.
        uri: String,
        /// What is wrong with it.
        #[source]
        source: KeyringError,
    },
    /// A file of pins.
    #[error("the image's preferences of packages")]
    Preferences(#[from] PreferencesError),
    /// dpkg's database.
    #[error("`{STATUS}` of the image")]
    Status(#[from] StatusError),
    /// apt's list of automatic packages.
    #[error("`{EXTENDED_STATES}` of the image")]
    ExtendedStates(#[source] Deb822Error),
    /// There is no source at all.
    #[error("the image names no archive to take packages from, and neither does the profile")]
    NoSources,
}

impl Classified for SetupError {
    fn kind(&self) -> Kind {
        match self {
            Self::Key { .. } | Self::NoSources => Kind::Usage,
            Self::File { .. } | Self::Sources(_) | Self::Preferences(_) | Self::Status(_) | Self::ExtendedStates(_) => Kind::Corrupt,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSources => "list one in the profile under packages.sources",
            Self::Key { .. } => "export it with `gpg --export --armor`",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Setup {
    /// Reads it, and adds what the profile says.
    ///
    /// # Errors
    /// When a file has a form that is not understood: guessing would choose other packages than apt.
    pub fn read(tree: &Tree, facts: &Facts, packages: &Packages) -> Result<Self, SetupError> {
        let mut notes = Vec::new();
        let mut found = Vec::new();
        for path in source_files(tree) {
            if let Some(text) = text(tree, &path)? {
                found.extend(sources::read(&path, &text)?);
            }
        }
        found.retain(|source| {
            let is_web = source.uri.starts_with("http://") || source.uri.starts_with("https://");
            if !is_web {
                let scheme = source.uri.split(':').next().unwrap_or_default();
                let Origin { file, line } = &source.origin;
                notes.push(format!("{file}:{line}: a source by `{scheme}:` is passed over; only http and https are fetched"));
            }
            is_web
        });
        let keys = keys(tree, &found, &mut notes)?;
        let architecture = facts.architecture.name();
        let image = found.into_iter().map(|source| Suite::new(source, false, false));
        let suites = Suite::group(image.chain(extra(packages)?), architecture)?;
        if suites.is_empty() {
            return Err(SetupError::NoSources);
        }
        for path in configuration_files(tree) {
            let lines = text(tree, &path)?.unwrap_or_default();
            // The only setting of apt.conf(5) that decides candidates.
            if lines.lines().map(str::trim_start).any(|line| line.starts_with("APT::Default-Release")) {
                notes.push(format!("`{path}` of the image names a default release, which is not looked at here"));
            }
        }
        let mut preferences = Preferences::default();
        for path in preference_files(tree) {
            if let Some(text) = text(tree, &path)? {
                preferences.add(&path, &text)?;
            }
        }
        Ok(Self {
            architecture,
            is_armv6: facts.architecture == Architecture::Armhf && facts.flavour == Flavour::RaspberryPiOs,
            status: text(tree, STATUS)?.unwrap_or_default(),
            extended_states: text(tree, EXTENDED_STATES)?.unwrap_or_default(),
            suites,
            preferences,
            expired: packages.expired.clone(),
            notes,
            keys,
        })
    }

    /// Whether the profile allows an archive to have expired.
    pub(super) fn may_have_expired(&self, suite: &Suite) -> bool {
        self.expired.iter().any(|uri| uri.trim_end_matches('/') == suite.source.uri)
    }
}

/// In apt's order: `sources.list`, then `sources.list.d` by name.
fn source_files(tree: &Tree) -> Vec<String> {
    let folder = "/etc/apt/sources.list.d";
    let named = names(tree, folder).into_iter().filter(|name| sources::is_read(name)).map(|name| format!("{folder}/{name}"));
    std::iter::once("/etc/apt/sources.list".to_owned()).chain(named).collect()
}

/// In apt's order: `preferences`, then `preferences.d` by name.
fn preference_files(tree: &Tree) -> Vec<String> {
    let folder = "/etc/apt/preferences.d";
    let named = names(tree, folder).into_iter().filter(|name| sources::has_ending(name, &["", "pref"]));
    std::iter::once("/etc/apt/preferences".to_owned()).chain(named.map(|name| format!("{folder}/{name}"))).collect()
}

/// `apt.conf.d` by name, then `apt.conf`.
fn configuration_files(tree: &Tree) -> Vec<String> {
    let folder = "/etc/apt/apt.conf.d";
    let named = names(tree, folder).into_iter().filter(|name| sources::has_ending(name, &["", "conf"]));
    named.map(|name| format!("{folder}/{name}")).chain(["/etc/apt/apt.conf".to_owned()]).collect()
}

/// The keyrings that are trusted for everything, and those that sources name.
fn keys(tree: &Tree, found: &[Source], notes: &mut Vec<String>) -> Result<Keys, SetupError> {
    let mut keys = Keys::default();
    let folder = "/etc/apt/trusted.gpg.d";
    let named = names(tree, folder).into_iter().filter(|name| name.ends_with(".gpg") || name.ends_with(".asc"));
    for path in std::iter::once("/etc/apt/trusted.gpg".to_owned()).chain(named.map(|name| format!("{folder}/{name}"))) {
        let Some(bytes) = bytes(tree, &path)?.filter(|bytes| !bytes.is_empty()) else { continue };
        // apt passes over what it cannot read here; what then lacks a key is told by its signature.
        if let Err(error) = keys.trust(&path, &bytes) {
            notes.push(format!("a keyring of the image is passed over: {error}"));
        }
    }
    for binding in found.iter().flat_map(|source| &source.signed_by) {
        if let SignedBy::Keyring(path) = binding
            && let Some(bytes) = bytes(tree, path)?
        {
            keys.name(path, bytes);
        }
    }
    Ok(keys)
}

/// The sources of the profile, each bound to its key.
fn extra(packages: &Packages) -> Result<Vec<Suite>, SetupError> {
    let suite = |extra: &ExtraSource| {
        let wrong = |source| SetupError::Key { uri: extra.uri.clone(), source };
        // Early, where the profile can still be named as the place.
        Keyring::new("the profile", extra.key.as_bytes(), Sha1Bindings::Refused).map_err(wrong)?;
        Ok(Suite::new(source(extra), true, extra.armv6))
    };
    packages.sources.iter().map(suite).collect()
}

fn source(extra: &ExtraSource) -> Source {
    Source {
        uri: extra.uri.trim_end_matches('/').to_owned(),
        suite: extra.suite.clone(),
        components: extra.components.clone(),
        architectures: Architectures::default(),
        signed_by: vec![SignedBy::Inline(extra.key.clone())],
        check_valid_until: extra.expired.then_some(false),
        by_hash: None,
        origin: Origin { file: "the profile".to_owned(), line: extra.line },
    }
}

fn names(tree: &Tree, folder: &str) -> Vec<String> {
    // Names that are no UTF-8 are none that apt reads.
    let mut names: Vec<String> = tree.names(folder).into_iter().filter_map(|name| String::from_utf8(name).ok()).collect();
    names.sort();
    names
}

fn text(tree: &Tree, path: &str) -> Result<Option<String>, SetupError> {
    missing_is_none(path, tree.read_text(path))
}

fn bytes(tree: &Tree, path: &str) -> Result<Option<Vec<u8>>, SetupError> {
    missing_is_none(path, tree.read(path))
}

fn missing_is_none<T>(path: &str, read: Result<T, TreeError>) -> Result<Option<T>, SetupError> {
    match read {
        Ok(content) => Ok(Some(content)),
        Err(TreeError::Missing(_)) => Ok(None),
        Err(source) => Err(SetupError::File { path: path.to_owned(), source }),
    }
}
