//! `Release`, the signed root of an archive: what it is, how old, and the digests of its indices (Debian's wiki, "Repository format").

mod check;
mod date;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, hash_map::Entry};

use time::OffsetDateTime;

pub use self::check::{Expiry, ReleaseError};
use super::{Stanza, openpgp::Verified, stanzas};
use crate::hex;

/// How many files a `Release` may list. Debian's lists 3,000.
pub const MAX_FILES: usize = 200_000;

/// A `Release` whose bytes were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Who made the archive.
    pub origin: Option<String>,
    /// What the archive is, such as `Debian-Security`.
    pub label: Option<String>,
    /// Its role, such as `stable`.
    pub suite: Option<String>,
    /// Its name, such as `bookworm`.
    pub codename: Option<String>,
    /// Number of the release, such as `12.5`.
    pub version: Option<String>,
    /// Whether nothing of it is taken without being asked for (`NotAutomatic`).
    pub is_not_automatic: bool,
    /// Whether what was taken from it once is upgraded from it nevertheless (`ButAutomaticUpgrades`).
    pub upgrades_itself: bool,
    /// Whether packages for all architectures stand in indices of their own.
    pub has_all: bool,
    /// When it was made.
    pub date: OffsetDateTime,
    /// Until when it may be used.
    pub valid_until: Option<OffsetDateTime>,
    /// Whether indices can be had by their digest, which survives a mirror in mid-sync.
    pub by_hash: bool,
    /// Its architectures, if it says which.
    pub architectures: Vec<String>,
    /// Its components, if it says which, without a path in front of them (`updates/main` is `main`), as apt sees them.
    pub components: Vec<String>,
    files: HashMap<String, Indexed>,
}

/// What a `Release` says of a file. At least one digest is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// How many bytes it has.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// Its SHA-512.
    pub sha512: Option<[u8; 64]>,
}

impl Release {
    /// Reads what was verified.
    ///
    /// # Errors
    /// When it has another form, or no digests that protect.
    pub fn new(verified: &Verified) -> Result<Self, ReleaseError> {
        Self::read(verified.text())
    }

    fn read(text: &[u8]) -> Result<Self, ReleaseError> {
        let text = std::str::from_utf8(text).map_err(|_| ReleaseError::Form("it is not UTF-8".to_owned()))?;
        let mut found = stanzas(text);
        let mut next = || found.next().transpose().map_err(|error| ReleaseError::Form(error.to_string()));
        let stanza = next()?.ok_or_else(|| ReleaseError::Form("it is empty".to_owned()))?;
        if next()?.is_some() {
            return Err(ReleaseError::Form("it has more than one stanza".to_owned()));
        }
        let word = |name: &str| stanza.get(name).map(str::to_owned).filter(|value| !value.is_empty());
        let date = |name: &'static str| {
            let read = |value: &str| date::read(value).ok_or_else(|| ReleaseError::Date { name, value: value.escape_debug().to_string() });
            stanza.get(name).map(read).transpose()
        };
        let is_set = |name: &str| stanza.get(name).is_some_and(|value| value.eq_ignore_ascii_case("yes"));
        let words = |name: &str| stanza.get(name).unwrap_or_default().split_ascii_whitespace();
        Ok(Self {
            origin: word("Origin"),
            label: word("Label"),
            version: word("Version"),
            is_not_automatic: is_set("NotAutomatic"),
            upgrades_itself: is_set("ButAutomaticUpgrades"),
            has_all: words("Architectures").any(|word| word == "all")
                && words("No-Support-for-Architecture-all").all(|word| word != "Packages"),
            suite: word("Suite"),
            codename: word("Codename"),
            date: date("Date")?.ok_or_else(|| ReleaseError::Form("it has no `Date`".to_owned()))?,
            valid_until: date("Valid-Until")?,
            by_hash: is_set("Acquire-By-Hash"),
            architectures: words("Architectures").map(str::to_owned).collect(),
            components: words("Components").map(|word| word.rsplit('/').next().unwrap_or(word).to_owned()).collect(),
            files: files(&stanza)?,
        })
    }

    /// What it says of a file, by the path below the place of the `Release` itself.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&Indexed> {
        self.files.get(path)
    }

    /// All files that it lists, in no order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Indexed)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }
}

impl Indexed {
    /// Where it can be had by its digest, if it is at `path` by its name: `by-hash` in the same folder.
    #[must_use]
    pub fn by_hash(&self, path: &str) -> String {
        let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let (name, digest) = match (&self.sha256, &self.sha512) {
            (Some(digest), _) => ("SHA256", hex::encode(digest)),
            (None, Some(digest)) => ("SHA512", hex::encode(digest)),
            (None, None) => ("SHA256", String::new()),
        };
        format!("{folder}by-hash/{name}/{digest}")
    }
}

/// The two tables together.
fn files(stanza: &Stanza<'_>) -> Result<HashMap<String, Indexed>, ReleaseError> {
    let mut files = HashMap::new();
    for line in stanza.lines("SHA256") {
        let (digest, size, path) = row(line)?;
        add(&mut files, path, Indexed { size, sha256: Some(digest), sha512: None })?;
    }
    for line in stanza.lines("SHA512") {
        let (digest, size, path) = row(line)?;
        add(&mut files, path, Indexed { size, sha256: None, sha512: Some(digest) })?;
    }
    let is_weak = |name: &&&str| stanza.get(name).is_some();
    match ["MD5Sum", "SHA1"].iter().find(is_weak) {
        Some(name) if files.is_empty() => Err(ReleaseError::Weak { name: (*name).to_owned() }),
        None if files.is_empty() => Err(ReleaseError::Form("it lists no files by SHA-256 or SHA-512".to_owned())),
        _ => Ok(files),
    }
}

/// A line of a table: digest, size, path.
fn row<const N: usize>(line: &str) -> Result<([u8; N], u64, &str), ReleaseError> {
    let mut words = line.split_ascii_whitespace();
    let (Some(digest), Some(size), Some(path), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(ReleaseError::Row { line: line.escape_debug().to_string(), reason: "it is not digest, size and path" });
    };
    let wrong = |reason| ReleaseError::Row { line: line.escape_debug().to_string(), reason };
    let digest = hex::decode(digest).ok_or_else(|| wrong("the digest has another form"))?;
    let is_number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    let size = size.parse().ok().filter(|_| is_number).ok_or_else(|| wrong("the size is no number of bytes"))?;
    let path = path.strip_prefix("./").unwrap_or(path);
    let is_safe = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !is_safe || path.contains('\\') || path.chars().any(char::is_control) {
        return Err(wrong("the path leads out of the archive, or is none"));
    }
    Ok((digest, size, path))
}

/// Adds a file; what is said of it twice must be the same.
fn add(files: &mut HashMap<String, Indexed>, path: &str, new: Indexed) -> Result<(), ReleaseError> {
    let count = files.len();
    match files.entry(path.to_owned()) {
        Entry::Vacant(_) if count >= MAX_FILES => return Err(ReleaseError::Form(format!("it lists more than {MAX_FILES} files"))),
        Entry::Vacant(entry) => {
            entry.insert(new);
        }
        Entry::Occupied(mut entry) => {
            let old = entry.get_mut();
            let differ = old.size != new.size
                || old.sha256.zip(new.sha256).is_some_and(|(old, new)| old != new)
                || old.sha512.zip(new.sha512).is_some_and(|(old, new)| old != new);
            if differ {
                return Err(ReleaseError::Twice { path: path.to_owned() });
            }
            (old.sha256, old.sha512) = (old.sha256.or(new.sha256), old.sha512.or(new.sha512));
        }
    }
    Ok(())
}
