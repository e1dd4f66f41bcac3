//! Where packages come from: apt's sources, sources.list(5), in both of their forms.

mod one_line;
mod stanza;
#[cfg(test)]
mod tests;

use crate::debian::{Deb822Error, relation::is_architecture};

/// An archive's suite, and what of it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Address of the archive, without a slash at its end.
    pub uri: String,
    /// Suite or code name, or the path of a flat archive, which ends with a slash.
    pub suite: String,
    /// Components; none in a flat archive.
    pub components: Vec<String>,
    /// The architectures that it is asked for.
    pub architectures: Architectures,
    /// The keys that it is bound to; if there are none, those that are trusted for everything.
    pub signed_by: Vec<SignedBy>,
    /// What is said of its expiry: `false` lets an archive that no longer moves be used.
    pub check_valid_until: Option<bool>,
    /// Whether files may be had by their digest, which survives a mirror in mid-sync; if not said, the archive itself says it.
    pub by_hash: Option<bool>,
    /// Where it stands.
    pub origin: Origin,
}

/// The architectures that a source is asked for: those of the system, unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Architectures {
    /// These instead of those of the system.
    pub only: Option<Vec<String>>,
    /// These as well.
    pub added: Vec<String>,
    /// Not these.
    pub removed: Vec<String>,
}

impl Architectures {
    /// Whether a system of this architecture asks for its packages.
    #[must_use]
    pub fn has(&self, native: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|own| own == native);
        let is_asked = self.only.as_ref().is_none_or(|only| is_in(only)) || is_in(&self.added);
        is_asked && !is_in(&self.removed)
    }
}

/// A place in a file of sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// A key that a source is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// Absolute path of a keyring.
    Keyring(String),
    /// Fingerprint of a key in any of the trusted keyrings; with `!` behind it of exactly this (sub)key.
    Fingerprint {
        /// Hexadecimal digits, upper case.
        digits: String,
        /// Whether no subkey of it will do.
        is_exact: bool,
    },
    /// The key itself, ASCII-armoured.
    Inline(String),
}

/// Why a file of sources cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: {reason}", origin.file, origin.line)]
pub struct SourcesError {
    /// Where.
    pub origin: Origin,
    /// What is wrong.
    pub reason: String,
}

/// Whether a name in one of apt's folders has nothing but letters, digits and `-_:.`, and one of these endings.
pub(crate) fn has_ending(name: &str, endings: &[&str]) -> bool {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte));
    is_plain && !name.starts_with('.') && endings.contains(&name.rsplit_once('.').map_or("", |(_, ending)| ending))
}

/// Whether apt reads a file of this name in `sources.list.d`.
#[must_use]
pub fn is_read(name: &str) -> bool {
    has_ending(name, &["list", "sources"])
}

/// The sources for binary packages in a file; its name tells its form.
///
/// # Errors
/// When a line or a stanza is no source. What is switched off is not looked at.
pub fn read(file: &str, text: &str) -> Result<Vec<Source>, SourcesError> {
    each(file, text).into_iter().collect()
}

/// The sources for binary packages in a file as [`read`] gives them, and in their places what is no source: for who can do without a
/// line or a stanza. Nothing is read behind a line that leaves a stanza's form.
#[must_use]
pub fn each(file: &str, text: &str) -> Vec<Result<Source, SourcesError>> {
    if file.ends_with(".sources") { stanza::read(file, text) } else { one_line::read(file, text) }
}

/// A source in the making: what the two forms have in common.
struct Draft<'a> {
    file: &'a str,
    line: usize,
}

impl Draft<'_> {
    fn origin(&self) -> Origin {
        Origin { file: self.file.to_owned(), line: self.line }
    }

    fn wrong(&self, reason: impl Into<String>) -> SourcesError {
        SourcesError { origin: self.origin(), reason: reason.into() }
    }

    /// An address: what is in it stays on one line of a message.
    fn uri(&self, text: &str) -> Result<String, SourcesError> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        match text.split_once(':') {
            // What follows a question mark may be secret, and no path can be put behind it.
            Some(_) if text.contains(['?', '#']) => Err(self.wrong("the address of the archive has a query")),
            Some((scheme, rest)) if is_plain && !scheme.is_empty() && !rest.is_empty() => Ok(text.trim_end_matches('/').to_owned()),
            _ => Err(self.wrong("the address of the archive has no scheme, such as `https:`")),
        }
    }

    /// Suite and components, which must go together.
    fn suite(&self, suite: &str, components: &[&str]) -> Result<(), SourcesError> {
        let is_plain = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+~/:$()".contains(&byte))
                && !text.split('/').any(|part| part == "..")
        };
        if suite.is_empty() || !is_plain(suite) || !components.iter().all(|component| is_plain(component)) {
            return Err(self.wrong("the suite or a component has a character that is not allowed"));
        }
        match (suite.ends_with('/'), components.is_empty()) {
            (true, false) => Err(self.wrong(format!("`{suite}` is the path of a flat archive, which has no components"))),
            (false, true) => Err(self.wrong(format!("the suite `{suite}` is given without components, such as `main`"))),
            _ => Ok(()),
        }
    }

    fn architectures<'w>(&self, words: impl Iterator<Item = &'w str>) -> Result<Vec<String>, SourcesError> {
        let checked = |word: &str| match is_architecture(word) {
            true => Ok(word.to_owned()),
            false => Err(self.wrong(format!("`{}` is no architecture", word.escape_debug()))),
        };
        words.map(checked).collect()
    }

    fn signed_by<'w>(&self, words: impl Iterator<Item = &'w str>) -> Result<Vec<SignedBy>, SourcesError> {
        let one = |word: &str| {
            if word.starts_with('/') {
                return Ok(SignedBy::Keyring(word.to_owned()));
            }
            let (digits, is_exact) = word.strip_suffix('!').map_or((word, false), |digits| (digits, true));
            if !matches!(digits.len(), 40 | 64) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(
                    self.wrong(format!("`{}` is neither the absolute path of a keyring nor a whole fingerprint", word.escape_debug()))
                );
            }
            Ok(SignedBy::Fingerprint { digits: digits.to_ascii_uppercase(), is_exact })
        };
        words.map(one).collect()
    }

    /// apt takes some words for yes and no; anything else is a mistake here.
    fn switch(&self, name: &str, value: &str) -> Result<bool, SourcesError> {
        match value.to_ascii_lowercase().as_str() {
            "yes" | "true" | "with" | "on" | "enable" | "1" | "force" => Ok(true),
            "no" | "false" | "without" | "off" | "disable" | "0" => Ok(false),
            _ => Err(self.wrong(format!("`{name}` is neither yes nor no"))),
        }
    }

    /// What makes an archive trusted without a signature, or its signatures weak, is refused by name.
    fn unsafe_option(&self, name: &str) -> SourcesError {
        self.wrong(format!(
            "`{name}` switches off what protects the packages of the image; remove it and give the archive's key by `Signed-By`"
        ))
    }
}

fn text_error(file: &str, error: Deb822Error) -> SourcesError {
    SourcesError { origin: Origin { file: file.to_owned(), line: error.line }, reason: error.reason }
}
