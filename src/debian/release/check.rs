//! Whether a `Release` is the one that was asked for, and of today.

use time::{Duration, OffsetDateTime};

use super::Release;
use crate::{
    debian::{openpgp::utc, sources::Source},
    error::{Classified, Kind},
};

/// Clocks that are wrong by less than this are forgiven.
const CLOCK_SKEW: Duration = Duration::DAY;

/// What is done with an archive that has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It is refused, unless its source says `Check-Valid-Until: no`.
    Refused,
    /// It is used: an exception that the user made by name, for archives that no longer move.
    Allowed,
}

/// Why a `Release` is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// It does not have the form of one.
    #[error("it is no `Release` of an archive: {0}")]
    Form(String),
    /// A line of its tables cannot be used.
    #[error("`{line}` lists no file: {reason}")]
    Row {
        /// The line.
        line: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A date is none.
    #[error("`{name}: {value}` is no date in UTC")]
    Date {
        /// The field.
        name: &'static str,
        /// What stands there.
        value: String,
    },
    /// It lists files by digests that can be forged, and by no others.
    #[error("it protects its files by `{name}` only, which is too weak")]
    Weak {
        /// The table.
        name: String,
    },
    /// It says two things of one file.
    #[error("it lists `{path}` twice, and not the same")]
    Twice {
        /// The file.
        path: String,
    },
    /// It is that of another suite.
    #[error("it is of {}, expected `{expected}`", names(.suite.as_deref(), .codename.as_deref()))]
    OtherSuite {
        /// The suite that was asked for.
        expected: String,
        /// Its suite.
        suite: Option<String>,
        /// Its code name.
        codename: Option<String>,
    },
    /// It has run out.
    #[error("it was valid until {}", utc(*.0))]
    Expired(OffsetDateTime),
    /// It is of a later time than now.
    #[error("it was made at {}, which is in the future; is the clock right?", utc(*.0))]
    Future(OffsetDateTime),
}

fn names(suite: Option<&str>, codename: Option<&str>) -> String {
    match (suite, codename) {
        (Some(suite), Some(codename)) if suite != codename => format!("`{}` (`{}`)", suite.escape_debug(), codename.escape_debug()),
        (Some(name), _) | (None, Some(name)) => format!("`{}`", name.escape_debug()),
        (None, None) => "no named suite".to_owned(),
    }
}

impl Classified for ReleaseError {
    fn kind(&self) -> Kind {
        Kind::Verification
    }

    fn hint(&self) -> Option<String> {
        let hint = "the mirror may be stale, or somebody holds it back; for an archive that no longer moves, set `Check-Valid-Until: no`";
        matches!(self, Self::Expired(_)).then(|| format!("{hint} in its source"))
    }
}

impl Release {
    /// Whether it is the one that a source asks for, by suite or code name, and neither expired at a time nor of a later one. If it has
    /// expired and is used all the same, returns since when.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self, source: &Source, now: OffsetDateTime, expiry: Expiry) -> Result<Option<OffsetDateTime>, ReleaseError> {
        if !self.is_named(&source.suite) {
            let (suite, codename) = (self.suite.clone(), self.codename.clone());
            return Err(ReleaseError::OtherSuite { expected: source.suite.clone(), suite, codename });
        }
        if self.date - now > CLOCK_SKEW {
            return Err(ReleaseError::Future(self.date));
        }
        match self.valid_until.filter(|until| *until <= now) {
            Some(until) if expiry == Expiry::Refused && source.check_valid_until != Some(false) => Err(ReleaseError::Expired(until)),
            until => Ok(until),
        }
    }

    /// Whether it is older than one that was used before: the archive was set back, or a mirror is stale.
    #[must_use]
    pub fn is_rollback(&self, previous: OffsetDateTime) -> bool {
        self.date < previous
    }

    /// Whether it is what a source calls `asked`. As for apt, `buster/updates` is of `buster`; the path of a flat archive names no suite.
    fn is_named(&self, asked: &str) -> bool {
        let is_own = |name: &str| [&self.suite, &self.codename].into_iter().flatten().any(|own| own == name);
        asked.ends_with('/') || is_own(asked) || asked.rsplit_once('/').is_some_and(|(suite, _)| is_own(suite))
    }
}
