//! Why a signature or a keyring does not serve.

use std::fmt;

use time::{OffsetDateTime, macros::format_description};

use crate::error::{Classified, Kind};

/// Why a message is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It has no signature at all.
    #[error("it is not signed")]
    Unsigned,
    /// Something stands in front of the signed message or behind it, which no signature covers.
    #[error("there is text outside of the signed message, {place} it")]
    OutsideText {
        /// `in front of` or `behind`.
        place: &'static str,
    },
    /// It has more than one signed message, or more than one block of signatures.
    #[error("it has more than one signed message")]
    TwoMessages,
    /// It does not have the form of a signed message.
    #[error("it is no well-formed signed message: {reason}")]
    Malformed {
        /// What is wrong.
        reason: &'static str,
    },
    /// It has more bytes than are looked at.
    #[error("it has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        limit: usize,
    },
    /// It has more signatures than are looked at.
    #[error("it has more than {limit} signatures")]
    TooMany {
        /// How many it may have.
        limit: usize,
    },
    /// None of its signatures is good; never empty.
    #[error("no signature is good: {}", list(.0))]
    NoneGood(Vec<Rejected>),
}

/// A signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Who made it, as it says itself: a fingerprint or the 16 digits of a key ID; empty if it does not say.
    pub issuer: String,
    /// Why it does not count.
    pub reason: Reason,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No keyring has the key.
    #[error("the key is in none of the keyrings of this source")]
    UnknownKey,
    /// The key is known, and the source is bound to others.
    #[error("the source is bound to other keys by fingerprint")]
    NotAllowed,
    /// It is not of a kind that signs a file of this sort.
    #[error("it is not a signature over such a file")]
    WrongType,
    /// Its algorithm, or that of the key, no longer protects anything, or was never one for this.
    #[error("{0} is too weak or not accepted")]
    TooWeak(String),
    /// It says that it must not be used by who does not understand all of it, or its packet is not understood.
    #[error("it is not understood")]
    Unsupported,
    /// It was not made by this key over these bytes.
    #[error("it does not match: the file was changed or damaged")]
    Bad,
    /// It is of a later time than now.
    #[error("it was made at {}, which is in the future; is the clock right?", utc(*.0))]
    Future(OffsetDateTime),
    /// It has run out.
    #[error("it expired at {}", utc(*.0))]
    Expired(OffsetDateTime),
    /// The key has run out.
    #[error("the key expired at {}", utc(*.0))]
    ExpiredKey(OffsetDateTime),
    /// The key was taken back by its owner.
    #[error("the key was revoked at {}", utc(*.0))]
    RevokedKey(OffsetDateTime),
    /// The signature is older than its key.
    #[error("it is older than its key")]
    OlderThanKey,
    /// The key is not bound to its certificate by a signature that counts.
    #[error("the key is not bound to its certificate by a valid signature of the owner")]
    Unbound,
    /// The key is bound to its certificate by SHA-1 alone, which this keyring may not have.
    #[error("the key is bound to its certificate by SHA-1 alone, which is too weak")]
    WeakBinding,
    /// The key is not for signing.
    #[error("the key is not meant for signing files")]
    NotForSigning,
}

impl fmt::Display for Rejected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.issuer.is_empty() { self.reason.fmt(out) } else { write!(out, "{}: {}", self.issuer, self.reason) }
    }
}

/// A time for people.
pub(crate) fn utc(time: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    time.to_offset(time::UtcOffset::UTC).format(&form).unwrap_or_else(|_| "an impossible time".to_owned())
}

fn list(rejected: &[Rejected]) -> String {
    rejected.iter().map(Rejected::to_string).collect::<Vec<_>>().join("; ")
}

impl Classified for SignatureError {
    fn kind(&self) -> Kind {
        Kind::Verification
    }
}

/// Why a keyring cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct KeyringError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Classified for KeyringError {
    fn kind(&self) -> Kind {
        Kind::Corrupt
    }
}
