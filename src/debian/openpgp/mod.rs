//! Signatures of archives, OpenPGP as of RFC 9580 and its predecessor RFC 4880.
//!
//! rPGP reads packets and does the mathematics. Which signature counts is decided here, as apt does by gpgv and sqv: SHA-256, SHA-384 or
//! SHA-512, by a primary key or a signing subkey that is bound both ways, not revoked, not expired, and not of tomorrow. The signatures of
//! owners on their own keys may be SHA-1 if the keyring says so, because the keys in older images have no others.

mod armor;
mod certificate;
mod error;
mod keyring;
mod packets;
#[cfg(test)]
mod tests;

use pgp::{
    packet::{Packet, Signature, SignatureType},
    types::VerifyingKey,
};
use time::OffsetDateTime;

pub(crate) use self::error::utc;
use self::{
    certificate::{CLOCK_SKEW, Certificate, Component, end, is_by, is_understood, issuer, moment, seconds, weak_hash, weak_key},
    packets::{Packets, guarded},
};
pub use self::{
    error::{KeyringError, Reason, Rejected, SignatureError},
    keyring::{Keyring, MAX_CERTIFICATES, MAX_KEYRING, Sha1Bindings},
};

/// How many bytes a signed message may have. Debian's InRelease has 150 kB, that of its port archives 500 kB.
pub const MAX_MESSAGE: usize = 16 << 20;
/// How many signatures a message may have. Debian's has three.
pub const MAX_SIGNATURES: usize = 64;
/// How many bytes are hashed for all signatures of a message together: more is an attempt to keep us busy.
const MAX_HASHED: usize = 256 << 20;

/// Bytes that somebody who may has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    text: Vec<u8>,
    signers: Vec<Signer>,
    rejected: Vec<Rejected>,
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Fingerprint of the key that signed, hexadecimal digits, upper case.
    pub fingerprint: String,
    /// Fingerprint of its certificate; the same if the primary key signed.
    pub certificate: String,
    /// The first user ID of the certificate, on one line.
    pub user_id: String,
    /// The keyring that it came from.
    pub file: String,
    /// When it was signed, as the signature says.
    pub time: OffsetDateTime,
    /// Whether the key is bound to its certificate by SHA-1 alone.
    pub is_sha1_bound: bool,
}

impl Verified {
    /// What is signed, and nothing else. In a cleartext-signed message dashes are no longer escaped, and white space at the ends of lines,
    /// which no signature covers, is gone.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Who signed it; never empty.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// The signatures on it that do not count.
    #[must_use]
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// What a person should know, one sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let note = |signer: &Signer| {
            let Signer { fingerprint, user_id, file, .. } = signer;
            format!("{file}: the key {fingerprint} ({user_id}) is bound to its owner by SHA-1 alone; take a newer keyring if there is one")
        };
        self.signers.iter().filter(|signer| signer.is_sha1_bound).map(note).collect()
    }
}

/// Verifies a cleartext-signed message, such as `InRelease`, at a time. One good signature will do, as for apt.
///
/// # Errors
/// When it is not exactly one signed message without anything around it, or none of its signatures is good.
pub fn verify_inline(message: &[u8], keyring: &Keyring, now: OffsetDateTime) -> Result<Verified, SignatureError> {
    limit(message, MAX_MESSAGE)?;
    let cleartext = armor::Cleartext::new(message)?;
    let hashed = cleartext.hashed();
    let judge = Judge { data: &hashed, keyring, now: now.unix_timestamp() };
    let (signers, rejected) = judge.all(&cleartext.signatures)?;
    Ok(Verified { text: cleartext.text, signers, rejected })
}

/// Verifies a file whose signatures stand in another one, armoured or not, such as `Release` and `Release.gpg`, at a time.
///
/// # Errors
/// When the other file has no signature, or something else, or none of its signatures is good.
pub fn verify_detached(data: &[u8], signature: &[u8], keyring: &Keyring, now: OffsetDateTime) -> Result<Verified, SignatureError> {
    limit(data, MAX_MESSAGE)?;
    limit(signature, MAX_MESSAGE)?;
    let packets = armor::detached(signature)?;
    let judge = Judge { data, keyring, now: now.unix_timestamp() };
    let (signers, rejected) = judge.all(&packets)?;
    Ok(Verified { text: data.to_owned(), signers, rejected })
}

fn limit(bytes: &[u8], limit: usize) -> Result<(), SignatureError> {
    if bytes.len() > limit { Err(SignatureError::TooLarge { bytes: bytes.len(), limit }) } else { Ok(()) }
}

/// Everything that signatures are judged by.
struct Judge<'a> {
    data: &'a [u8],
    keyring: &'a Keyring,
    /// Seconds since 1970.
    now: i64,
}

impl Judge<'_> {
    fn all(&self, packets: &[u8]) -> Result<(Vec<Signer>, Vec<Rejected>), SignatureError> {
        let (mut signers, mut rejected) = (Vec::new(), Vec::new());
        let limit = MAX_SIGNATURES.min(MAX_HASHED / self.data.len().max(1));
        for (number, packet) in Packets(packets).enumerate() {
            let packet = packet.map_err(|reason| SignatureError::Malformed { reason })?;
            if packet.tag != 2 {
                return Err(SignatureError::Malformed { reason: "something else than a signature stands among its signatures" });
            }
            if number == limit {
                return Err(SignatureError::TooMany { limit });
            }
            let Some(Packet::Signature(signature)) = packet.read() else {
                rejected.push(Rejected { issuer: String::new(), reason: Reason::Unsupported });
                continue;
            };
            match self.one(&signature) {
                Ok(signer) => signers.push(signer),
                Err(reason) => rejected.push(Rejected { issuer: issuer(&signature), reason }),
            }
        }
        match (signers.is_empty(), rejected.is_empty()) {
            (true, true) => Err(SignatureError::Unsigned),
            (true, false) => Err(SignatureError::NoneGood(rejected)),
            (false, _) => Ok((signers, rejected)),
        }
    }

    fn one(&self, signature: &Signature) -> Result<Signer, Reason> {
        if !is_understood(signature) {
            return Err(Reason::Unsupported);
        }
        // Cleartext should have the second (RFC 9580 section 7.1), and GnuPG takes both: they cover the same bytes.
        if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
            return Err(Reason::WrongType);
        }
        if let Some(weak) = weak_hash(signature) {
            return Err(Reason::TooWeak(weak));
        }
        let made = seconds(signature);
        if made > self.now + CLOCK_SKEW {
            return Err(Reason::Future(moment(made)));
        }
        let mut verdict = Err(Reason::UnknownKey);
        for certificate in &self.keyring.certificates {
            let found = self.by_certificate(signature, certificate);
            // The same key may be in several keyrings, and only the newest knows that it was revoked.
            if matches!(found, Err(Reason::RevokedKey(_))) {
                return found;
            }
            if verdict.is_err() && found != Err(Reason::UnknownKey) {
                verdict = found;
            }
        }
        match (verdict, end(signature)) {
            (Ok(_), Some(end)) if end <= self.now => Err(Reason::Expired(moment(end))),
            (verdict, _) => verdict,
        }
    }

    fn by_certificate(&self, signature: &Signature, certificate: &Certificate) -> Result<Signer, Reason> {
        let made = seconds(signature);
        if is_by(signature, &certificate.primary) {
            return self.by_key(signature, certificate, &certificate.primary, || certificate.primary_signs(made, self.now));
        }
        let mut verdict = Err(Reason::UnknownKey);
        for subkey in certificate.subkeys.iter().filter(|subkey| is_by(signature, subkey)) {
            verdict = self.by_key(signature, certificate, subkey, || certificate.subkey_signs(subkey, made, self.now));
            if verdict.is_ok() {
                break;
            }
        }
        verdict
    }

    fn by_key<K: VerifyingKey>(
        &self,
        signature: &Signature,
        certificate: &Certificate,
        key: &Component<K>,
        may_sign: impl FnOnce() -> Result<bool, Reason>,
    ) -> Result<Signer, Reason> {
        if !self.keyring.allows(&key.fingerprint, &certificate.primary.fingerprint) {
            return Err(Reason::NotAllowed);
        }
        if let Some(weak) = weak_key(&key.key) {
            return Err(Reason::TooWeak(weak));
        }
        guarded(|| signature.verify(&key.key, self.data)).ok_or(Reason::Bad)?;
        Ok(Signer {
            is_sha1_bound: may_sign()?,
            fingerprint: key.fingerprint.clone(),
            certificate: certificate.primary.fingerprint.clone(),
            user_id: certificate.user_id(),
            file: certificate.file.clone(),
            time: moment(seconds(signature)),
        })
    }
}
