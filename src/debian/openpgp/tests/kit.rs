//! Owners of archives, honest and not: keys, certificates and signatures of any kind, made by rPGP.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pgp::{
    composed::KeyType,
    crypto::{hash::HashAlgorithm, public_key::PublicKeyAlgorithm},
    packet::{
        KeyFlags, PacketTrait, PubKeyInner, PublicKey, PublicSubkey, RevocationCode, SecretKey, SecretSubkey, Signature, SignatureConfig,
        SignatureType, Subpacket, SubpacketData, UserId,
    },
    types::{Duration, KeyDetails, KeyVersion, PacketHeaderVersion, Password, SecretParams, SigningKey, Tag, Timestamp},
};
use rand::{SeedableRng as _, rngs::StdRng};
use time::OffsetDateTime;

/// The time of all tests: now, because gpgv knows no other.
pub(super) static NOW: LazyLock<OffsetDateTime> = LazyLock::new(OffsetDateTime::now_utc);
pub(super) const HOUR: i64 = 3600;
pub(super) const DAY: i64 = 24 * HOUR;
/// When keys are made, in seconds from now.
const BIRTH: i64 = -100 * DAY;

pub(super) static ALICE: LazyLock<Owner> = LazyLock::new(|| Owner::new(1, "Alice's archive <alice@example.org>"));
pub(super) static MALLORY: LazyLock<Owner> = LazyLock::new(|| Owner::new(2, "Mallory\n<mallory@example.org>"));

pub(super) struct Owner {
    pub(super) primary: SecretKey,
    pub(super) subkey: SecretSubkey,
    id: UserId,
}

/// What is particular about a certificate.
#[derive(Clone)]
pub(super) struct Certificate {
    pub(super) hash: HashAlgorithm,
    /// Seconds from now at which the primary key and the subkey end.
    pub(super) ends: (Option<i64>, Option<i64>),
    pub(super) revoked: Option<(RevocationCode, i64)>,
    pub(super) subkey_revoked: Option<(RevocationCode, i64)>,
    pub(super) user_revoked: bool,
    pub(super) has_back_signature: bool,
    pub(super) subkey_signs: bool,
    /// Who binds the subkey, if not its owner.
    pub(super) binder: Option<&'static Owner>,
}

impl Default for Certificate {
    fn default() -> Self {
        Self {
            hash: HashAlgorithm::Sha512,
            ends: (None, None),
            revoked: None,
            subkey_revoked: None,
            user_revoked: false,
            has_back_signature: true,
            subkey_signs: true,
            binder: None,
        }
    }
}

/// What is particular about a signature over data.
#[derive(Clone, Copy)]
pub(super) struct Made {
    pub(super) by_primary: bool,
    pub(super) hash: HashAlgorithm,
    pub(super) kind: SignatureType,
    /// Seconds from now.
    pub(super) at: i64,
    pub(super) ends: Option<i64>,
    /// Something that must be understood and is not.
    pub(super) is_strange: bool,
}

impl Default for Made {
    fn default() -> Self {
        let (hash, kind) = (HashAlgorithm::Sha256, SignatureType::Text);
        Self { by_primary: false, hash, kind, at: -HOUR, ends: None, is_strange: false }
    }
}

fn stamp(from_now: i64) -> Timestamp {
    Timestamp::from_secs(u32::try_from(NOW.unix_timestamp() + from_now).unwrap())
}

fn span(from: i64, to: i64) -> Duration {
    Duration::from_secs(u32::try_from(to - from).unwrap())
}

fn pair(random: &mut StdRng, bits: u32) -> (PubKeyInner, SecretParams) {
    let (public, secret) = KeyType::Rsa(bits).generate(random).unwrap();
    (PubKeyInner::new(KeyVersion::V4, PublicKeyAlgorithm::RSA, stamp(BIRTH), None, public).unwrap(), secret)
}

fn config(kind: SignatureType, key: &impl SigningKey, hash: HashAlgorithm, at: i64, more: Vec<SubpacketData>) -> SignatureConfig {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), hash);
    let first = [SubpacketData::SignatureCreationTime(stamp(at)), SubpacketData::IssuerFingerprint(key.fingerprint())];
    config.hashed_subpackets = first.into_iter().chain(more).map(|data| Subpacket::regular(data).unwrap()).collect();
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id())).unwrap()];
    config
}

fn flags(signs: bool) -> SubpacketData {
    let mut flags = KeyFlags::default();
    flags.set_sign(signs);
    flags.set_encrypt_comms(!signs);
    SubpacketData::KeyFlags(flags)
}

fn revocation((code, _): (RevocationCode, i64)) -> Vec<SubpacketData> {
    vec![SubpacketData::RevocationReason(code, Vec::new().into())]
}

impl Owner {
    fn new(seed: u64, id: &str) -> Self {
        Self::with_bits(seed, id, 2048)
    }

    pub(super) fn with_bits(seed: u64, id: &str, bits: u32) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let (public, secret) = pair(&mut random, bits);
        let primary = SecretKey::new(PublicKey::from_inner(public).unwrap(), secret).unwrap();
        let (public, secret) = pair(&mut random, bits);
        let subkey = SecretSubkey::new(PublicSubkey::from_inner(public).unwrap(), secret).unwrap();
        Self { primary, subkey, id: UserId::from_str(PacketHeaderVersion::New, id).unwrap() }
    }

    pub(super) fn fingerprint(&self) -> String {
        self.primary.fingerprint().to_string().to_uppercase()
    }

    pub(super) fn subkey_fingerprint(&self) -> String {
        self.subkey.fingerprint().to_string().to_uppercase()
    }

    pub(super) fn certificate(&self, what: &Certificate) -> Vec<u8> {
        let (key, public, none) = (&self.primary, self.primary.public_key(), Password::empty());
        let mut out = Vec::new();
        public.to_writer_with_header(&mut out).unwrap();
        if let Some(revoked) = what.revoked {
            let config = config(SignatureType::KeyRevocation, key, what.hash, revoked.1, revocation(revoked));
            config.sign_key(key, &none, public).unwrap().to_writer_with_header(&mut out).unwrap();
        }
        self.id.to_writer_with_header(&mut out).unwrap();
        let mut more = vec![flags(true)];
        more.extend(what.ends.0.map(|end| SubpacketData::KeyExpirationTime(span(BIRTH, end))));
        let kinds = [Some((SignatureType::CertPositive, BIRTH)), what.user_revoked.then_some((SignatureType::CertRevocation, -DAY))];
        for (kind, at) in kinds.into_iter().flatten() {
            let config = config(kind, key, what.hash, at, more.clone());
            config.sign_certification(key, public, &none, Tag::UserId, &self.id).unwrap().to_writer_with_header(&mut out).unwrap();
        }
        let sub = self.subkey.public_key();
        sub.to_writer_with_header(&mut out).unwrap();
        if let Some(revoked) = what.subkey_revoked {
            let config = config(SignatureType::SubkeyRevocation, key, what.hash, revoked.1, revocation(revoked));
            config.sign_subkey_binding(key, public, &none, sub).unwrap().to_writer_with_header(&mut out).unwrap();
        }
        let mut more = vec![flags(what.subkey_signs)];
        more.extend(what.ends.1.map(|end| SubpacketData::KeyExpirationTime(span(BIRTH, end))));
        if what.has_back_signature {
            let config = config(SignatureType::KeyBinding, &self.subkey, what.hash, BIRTH, Vec::new());
            let back = config.sign_primary_key_binding(&self.subkey, sub, &none, public).unwrap();
            more.push(SubpacketData::EmbeddedSignature(Box::new(back)));
        }
        let config = config(SignatureType::SubkeyBinding, key, what.hash, BIRTH, more);
        let binder = what.binder.map_or(key, |other| &other.primary);
        config.sign_subkey_binding(binder, public, &none, sub).unwrap().to_writer_with_header(&mut out).unwrap();
        out
    }

    /// A signature over data that were brought into the form of its kind.
    pub(super) fn sign(&self, data: &[u8], made: Made) -> Vec<u8> {
        if made.by_primary { sign(&self.primary, data, made) } else { sign(&self.subkey, data, made) }
    }

    /// A cleartext-signed message.
    pub(super) fn inline(&self, text: &str, made: Made) -> String {
        message(text, &self.sign(text.trim_end_matches('\n').replace('\n', "\r\n").as_bytes(), made))
    }
}

fn sign(key: &impl SigningKey, data: &[u8], made: Made) -> Vec<u8> {
    let more = made.ends.map(|end| SubpacketData::SignatureExpirationTime(span(made.at, end))).into_iter().collect();
    let mut config = config(made.kind, key, made.hash, made.at, more);
    if made.is_strange {
        config.hashed_subpackets.push(Subpacket::critical(SubpacketData::Experimental(101, b"?".to_vec().into())).unwrap());
    }
    let signature: Signature = config.sign(key, &Password::empty(), data).unwrap();
    let mut out = Vec::new();
    signature.to_writer_with_header(&mut out).unwrap();
    out
}

/// A signed message of a text, whose dashes get escaped, and packets.
pub(super) fn message(text: &str, packets: &[u8]) -> String {
    let lines = text.split_inclusive('\n').map(|line| if line.starts_with('-') { format!("- {line}") } else { line.to_owned() });
    let text: String = lines.collect();
    format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{text}{}", armored("SIGNATURE", packets))
}

pub(super) fn armored(kind: &str, packets: &[u8]) -> String {
    let text = STANDARD.encode(packets);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    // GnuPG of Debian 12 does not find the end of packets that need no padding unless the checksum is there.
    let sum = STANDARD.encode(&crc24(packets).to_be_bytes()[1..]);
    format!("-----BEGIN PGP {kind}-----\n\n{}\n={sum}\n-----END PGP {kind}-----\n", lines.join("\n"))
}

/// The checksum of armour (RFC 4880 section 6.1).
fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xb7_04ce, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 16, |sum, _| if sum & 0x80_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x186_4cfb })
    })
}
