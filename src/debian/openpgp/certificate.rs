//! Certificates: which of their keys may sign, and until when. rPGP verifies signatures; what they mean is decided here, after RFC 9580
//! sections 5.2 and 10.1. Certifications by others mean nothing to archives, and are not looked at.

use pgp::{
    crypto::hash::HashAlgorithm,
    packet::{PublicKey, PublicSubkey, RevocationCode, Signature, SignatureType, SignatureVersion, SubpacketData, UserId},
    ser::Serialize,
    types::{KeyDetails, PublicParams, Tag, Timestamp},
};
use time::OffsetDateTime;

use super::{
    Reason,
    keyring::{Sha1Bindings, is_known},
    packets::guarded,
};

/// Clocks that are wrong by less than this are forgiven, in seconds.
pub(super) const CLOCK_SKEW: i64 = 24 * 3600;

/// A key, primary or not, with what its owner signed about it.
#[derive(Clone, Debug)]
pub(super) struct Component<K> {
    pub(super) key: K,
    /// Hexadecimal digits, upper case.
    pub(super) fingerprint: String,
    /// 16 hexadecimal digits, upper case.
    pub(super) id: String,
    pub(super) signatures: Vec<Signature>,
}

impl<K: KeyDetails> Component<K> {
    /// Takes a key of a version that is understood.
    pub(super) fn new(key: K) -> Option<Self> {
        let (fingerprint, id) = is_known(key.version()).then(|| (upper(key.fingerprint()), upper(key.legacy_key_id())))?;
        Some(Self { key, fingerprint, id, signatures: Vec::new() })
    }
}

/// A primary key with its user IDs and subkeys.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) primary: Component<PublicKey>,
    pub(super) users: Vec<(UserId, Vec<Signature>)>,
    pub(super) subkeys: Vec<Component<PublicSubkey>>,
    /// The keyring that it came from.
    pub(super) file: String,
    pub(super) sha1: Sha1Bindings,
}

/// What the owner says of a key.
#[derive(Clone, Copy, Debug)]
struct Binding<'a> {
    signature: &'a Signature,
    is_sha1: bool,
}

impl Certificate {
    /// The first user ID, fit for one line of a message.
    pub(super) fn user_id(&self) -> String {
        let id = self.users.first().map(|(id, _)| String::from_utf8_lossy(id.id()).into_owned()).unwrap_or_default();
        id.chars().take(200).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
    }

    /// Whether the primary key may have signed a file at a time; tells whether SHA-1 was needed to believe it.
    pub(super) fn primary_signs(&self, at: i64, now: i64) -> Result<bool, Reason> {
        let binding = self.primary_lives(at, now)?;
        // Without flags, keys may do what their algorithm can (RFC 9580 section 5.2.3.29 leaves it open, GnuPG does it so).
        match has_flags(binding.signature) && !binding.signature.key_flags().sign() {
            true => Err(Reason::NotForSigning),
            false => Ok(binding.is_sha1),
        }
    }

    /// Whether a subkey may have signed a file at a time; tells whether SHA-1 was needed to believe it.
    pub(super) fn subkey_signs(&self, subkey: &Component<PublicSubkey>, at: i64, now: i64) -> Result<bool, Reason> {
        let primary = self.primary_lives(at, now)?;
        let verify = |signature: &Signature| guarded(|| signature.verify_subkey_binding(&self.primary.key, &subkey.key)).is_some();
        revoked(&subkey.signatures, SignatureType::SubkeyRevocation, at, verify)?;
        let bindings = subkey.signatures.iter().filter(|one| one.typ() == Some(SignatureType::SubkeyBinding)).collect();
        let binding = self.newest(bindings, now, verify)?;
        if !binding.signature.key_flags().sign() {
            return Err(Reason::NotForSigning);
        }
        let back = binding.signature.embedded_signature().ok_or(Reason::Unbound)?;
        let verify_back = |back: &Signature| guarded(|| back.verify_primary_key_binding(&subkey.key, &self.primary.key)).is_some();
        let back = self.newest(vec![back], now, verify_back)?;
        lives(&subkey.key, binding.signature, at, now)?;
        Ok(primary.is_sha1 || binding.is_sha1 || back.is_sha1)
    }

    fn primary_lives(&self, at: i64, now: i64) -> Result<Binding<'_>, Reason> {
        let key = &self.primary.key;
        let verify = |signature: &Signature| guarded(|| signature.verify_key(key)).is_some();
        revoked(&self.primary.signatures, SignatureType::KeyRevocation, at, verify)?;
        let mut candidates: Vec<&Signature> = self.primary.signatures.iter().filter(|one| one.typ() == Some(SignatureType::Key)).collect();
        // rPGP counts the revocation of a certification as one.
        let certifies = |one: &&Signature| one.is_certification() && one.typ() != Some(SignatureType::CertRevocation);
        candidates.extend(self.users.iter().flat_map(|(_, signatures)| signatures.iter().filter(certifies)));
        let binding = self.newest(candidates, now, |signature| {
            if signature.typ() == Some(SignatureType::Key) {
                return verify(signature);
            }
            let owner = self.users.iter().find(|(_, signatures)| signatures.iter().any(|one| std::ptr::eq(one, signature)));
            owner.is_some_and(|(id, signatures)| self.certifies(signature, id, signatures))
        })?;
        lives(key, binding.signature, at, now)?;
        Ok(binding)
    }

    /// Whether a certification of a user ID holds and was not taken back.
    fn certifies(&self, signature: &Signature, id: &UserId, all: &[Signature]) -> bool {
        let verify = |one: &Signature| guarded(|| one.verify_certification(&self.primary.key, Tag::UserId, id)).is_some();
        let is_revocation = |one: &&Signature| one.typ() == Some(SignatureType::CertRevocation) && seconds(one) >= seconds(signature);
        verify(signature) && !all.iter().filter(is_revocation).any(verify)
    }

    /// The newest of these signatures of the owner that is in force.
    fn newest<'a>(&self, mut candidates: Vec<&'a Signature>, now: i64, verify: impl Fn(&Signature) -> bool) -> Result<Binding<'a>, Reason> {
        candidates.retain(|one| is_in_force(one, now) && is_understood(one));
        candidates.sort_by_key(|one| std::cmp::Reverse(seconds(one)));
        let mut reason = Reason::Unbound;
        for signature in candidates {
            let is_sha1 = signature.hash_alg() == Some(HashAlgorithm::Sha1);
            if is_sha1 && self.sha1 == Sha1Bindings::Refused {
                reason = Reason::WeakBinding;
            } else if (is_sha1 || weak_hash(signature).is_none()) && verify(signature) {
                return Ok(Binding { signature, is_sha1 });
            }
        }
        Err(reason)
    }
}

/// Whether one of the revocations counts for what was signed at a time. A key that was only replaced or retired stays good for what it
/// signed before (RFC 9580 section 5.2.3.31); any other reason, or none, takes all back. SHA-1 will do: who can forge may not un-revoke.
fn revoked(signatures: &[Signature], kind: SignatureType, at: i64, verify: impl Fn(&Signature) -> bool) -> Result<(), Reason> {
    for signature in signatures.iter().filter(|one| one.typ() == Some(kind)) {
        let reason = signature.revocation_reason_code();
        let is_soft = matches!(reason, Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired));
        let since = seconds(signature);
        if (!is_soft || since <= at) && verify(signature) {
            return Err(Reason::RevokedKey(moment(since)));
        }
    }
    Ok(())
}

/// Whether a key that is bound by a signature had begun when it signed, and goes on now.
fn lives(key: &impl KeyDetails, binding: &Signature, at: i64, now: i64) -> Result<(), Reason> {
    let begin = i64::from(key.created_at().as_secs());
    if at < begin {
        return Err(Reason::OlderThanKey);
    }
    let length = binding.key_expiration_time().map_or(0, |length| i64::from(length.as_secs()));
    if length != 0 && begin + length <= now { Err(Reason::ExpiredKey(moment(begin + length))) } else { Ok(()) }
}

/// Whether a signature is neither from the future nor past its end.
fn is_in_force(signature: &Signature, now: i64) -> bool {
    seconds(signature) <= now + CLOCK_SKEW && end(signature).is_none_or(|end| now < end)
}

/// When a signature ends, if it does, in seconds since 1970.
pub(super) fn end(signature: &Signature) -> Option<i64> {
    let length = signature.signature_expiration_time().map_or(0, |length| i64::from(length.as_secs()));
    (length != 0).then(|| seconds(signature) + length)
}

/// When a signature says that it was made, in seconds since 1970; 0 if it does not say.
pub(super) fn seconds(signature: &Signature) -> i64 {
    i64::from(signature.created().map_or(0, Timestamp::as_secs))
}

pub(super) fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Whether a signature names this key as its maker, or nobody.
pub(super) fn is_by<K>(signature: &Signature, key: &Component<K>) -> bool {
    let (fingerprints, ids) = (signature.issuer_fingerprint(), signature.issuer_key_id());
    (fingerprints.is_empty() && ids.is_empty())
        || fingerprints.into_iter().any(|fingerprint| upper(fingerprint) == key.fingerprint)
        || ids.into_iter().any(|id| upper(id) == key.id)
}

/// Who made a signature, as it says itself.
pub(super) fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(upper);
    fingerprint.or_else(|| signature.issuer_key_id().first().map(upper)).unwrap_or_default()
}

/// Whether a signature is of a version that is understood, nothing in it is critical and unknown (RFC 9580 section 5.2.3.7), and it says
/// when it was made.
pub(super) fn is_understood(signature: &Signature) -> bool {
    let Some(config) = signature.config() else { return false };
    let is_strange =
        |data: &SubpacketData| matches!(data, SubpacketData::Experimental(..) | SubpacketData::Other(..) | SubpacketData::Notation(_));
    let is_known = matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6);
    is_known && signature.created().is_some() && !config.hashed_subpackets().any(|one| one.is_critical && is_strange(&one.data))
}

fn has_flags(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| config.hashed_subpackets().any(|one| matches!(one.data, SubpacketData::KeyFlags(_))))
}

/// The name of a signature's hash, if it is none of those that are accepted.
pub(super) fn weak_hash(signature: &Signature) -> Option<String> {
    match signature.hash_alg() {
        Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512) => None,
        Some(HashAlgorithm::Sha1) => Some("SHA-1".to_owned()),
        Some(hash @ (HashAlgorithm::Private10 | HashAlgorithm::Other(_) | HashAlgorithm::None)) => Some(format!("hash {}", u8::from(hash))),
        Some(hash) => Some(hash.to_string()),
        None => Some("an unknown hash".to_owned()),
    }
}

/// The name of a key's algorithm, if it is none of those that are accepted: RSA of at least 2048 bits, and elliptic curves, as for apt.
pub(super) fn weak_key(key: &impl KeyDetails) -> Option<String> {
    match key.public_params() {
        PublicParams::RSA(rsa) => {
            // It begins with the modulus, and this with its length in bits.
            let bits = rsa.to_bytes().ok().and_then(|bytes| Some(u16::from_be_bytes(*bytes.first_chunk()?))).unwrap_or_default();
            (bits < 2048).then(|| format!("RSA of {bits} bits"))
        }
        PublicParams::ECDSA(_) | PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) | PublicParams::Ed448(_) => None,
        _ => Some(format!("{:?}", key.algorithm())),
    }
}

fn upper(text: impl std::fmt::Display) -> String {
    text.to_string().to_ascii_uppercase()
}
