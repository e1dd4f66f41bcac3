//! Keyrings: which certificates a source may be signed by.

use pgp::{
    packet::{Packet, Signature},
    types::KeyVersion,
};

use super::{
    KeyringError, armor,
    certificate::{Certificate, Component, is_by},
    packets::Packets,
};
use crate::debian::sources::SignedBy;

/// How many bytes a keyring may have.
pub const MAX_KEYRING: usize = 8 << 20;
/// How many certificates a keyring may have, all of its files together.
pub const MAX_CERTIFICATES: usize = 1000;
/// How many signatures of its own a certificate may have. Debian's have fewer than thirty.
const MAX_OWN_SIGNATURES: usize = 256;

/// Certificates, each with the file that it came from.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    pub(super) certificates: Vec<Certificate>,
    skipped: usize,
    /// Fingerprints that it is restricted to, and whether exactly they are meant.
    allowed: Option<Vec<(String, bool)>>,
}

/// What is done with owners' signatures on their own keys that were made with SHA-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sha1Bindings {
    /// They count, with a note: for keyrings that are in the image already. Raspbian's key of 2012 has no others.
    Tolerated,
    /// They do not count.
    Refused,
}

impl Keyring {
    /// Reads a keyring, binary or ASCII-armoured. Keys that are not understood are skipped, and counted.
    ///
    /// # Errors
    /// When it is too large, damaged, or has no key that is understood.
    pub fn new(file: &str, bytes: &[u8], sha1: Sha1Bindings) -> Result<Self, KeyringError> {
        let wrong = |reason: String| KeyringError { file: file.to_owned(), reason };
        if bytes.len() > MAX_KEYRING {
            return Err(wrong(format!("a keyring of {} bytes, more than {MAX_KEYRING}", bytes.len())));
        }
        let packets = armor::keyring(bytes).map_err(|reason| wrong(reason.to_owned()))?;
        let mut keyring = Self::default();
        let mut reader = Reader { file, sha1, current: None, place: Place::Ignored, has_key: false };
        for packet in Packets(&packets) {
            let packet = packet.map_err(|reason| wrong(reason.to_owned()))?;
            // Public and secret keys begin certificates.
            if matches!(packet.tag, 5 | 6) {
                reader.finish(&mut keyring);
                reader.has_key = true;
            }
            // Signatures, keys and user IDs are read; what hangs on secret keys and pictures is not; trust and markers mean nothing.
            match packet.tag {
                2 | 6 | 13 | 14 => match packet.read() {
                    Some(read) => reader.take(read),
                    None if packet.tag == 2 => {}
                    None => reader.place = Place::Ignored,
                },
                5 | 7 | 17 => reader.place = Place::Ignored,
                _ => {}
            }
            if keyring.certificates.len() + keyring.skipped > MAX_CERTIFICATES {
                return Err(wrong(format!("a keyring of more than {MAX_CERTIFICATES} keys")));
            }
        }
        reader.finish(&mut keyring);
        if keyring.certificates.is_empty() {
            return Err(wrong(match keyring.skipped {
                0 => "no OpenPGP key is in it".to_owned(),
                skipped => format!("none of its {skipped} keys is understood"),
            }));
        }
        Ok(keyring)
    }

    /// Adds the certificates of another keyring. A restriction stays as it is.
    ///
    /// # Errors
    /// When there are too many of them.
    pub fn add(&mut self, other: Self) -> Result<(), KeyringError> {
        self.skipped += other.skipped;
        self.certificates.extend(other.certificates);
        if self.certificates.len() > MAX_CERTIFICATES {
            let file = self.certificates.last().map(|last| last.file.clone()).unwrap_or_default();
            return Err(KeyringError { file, reason: format!("together with the others more than {MAX_CERTIFICATES} keys") });
        }
        Ok(())
    }

    /// Restricts it to the keys that a source is bound to by fingerprint, sources.list(5): a certificate with all of its subkeys, a
    /// subkey, or with `!` exactly this key. Bindings to files and to keys in the source itself are not restrictions.
    #[must_use]
    pub fn only(mut self, bindings: &[SignedBy]) -> Self {
        let fingerprint = |binding: &SignedBy| match binding {
            SignedBy::Fingerprint { digits, is_exact } => Some((digits.clone(), *is_exact)),
            SignedBy::Keyring(_) | SignedBy::Inline(_) => None,
        };
        let allowed: Vec<_> = bindings.iter().filter_map(fingerprint).collect();
        self.allowed = (!allowed.is_empty()).then_some(allowed);
        self
    }

    /// How many certificates it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// Whether it has none, which only an empty [`Keyring::default`] is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// How many keys were skipped, because they are not understood.
    #[must_use]
    pub const fn skipped(&self) -> usize {
        self.skipped
    }

    /// Fingerprint, user ID and file of each certificate.
    pub fn certificates(&self) -> impl Iterator<Item = (&str, String, &str)> {
        self.certificates.iter().map(|one| (one.primary.fingerprint.as_str(), one.user_id(), one.file.as_str()))
    }

    /// Whether a key may sign, by its own fingerprint and that of its certificate.
    pub(super) fn allows(&self, own: &str, primary: &str) -> bool {
        let is_match = |(digits, is_exact): &(String, bool)| digits == own || (!is_exact && digits == primary);
        self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(is_match))
    }
}

/// Where the next signature belongs.
#[derive(Clone, Copy, Debug)]
enum Place {
    Primary,
    User,
    Subkey,
    Ignored,
}

struct Reader<'a> {
    file: &'a str,
    sha1: Sha1Bindings,
    current: Option<Certificate>,
    place: Place,
    has_key: bool,
}

impl Reader<'_> {
    fn finish(&mut self, keyring: &mut Keyring) {
        match self.current.take() {
            Some(certificate) if certificate.signatures() <= MAX_OWN_SIGNATURES => keyring.certificates.push(certificate),
            _ => keyring.skipped += usize::from(self.has_key),
        }
        (self.place, self.has_key) = (Place::Ignored, false);
    }

    fn take(&mut self, packet: Packet) {
        if let Packet::PublicKey(key) = packet {
            self.current = Component::new(key).map(|primary| Certificate {
                primary,
                users: Vec::new(),
                subkeys: Vec::new(),
                file: self.file.to_owned(),
                sha1: self.sha1,
            });
            self.place = if self.current.is_some() { Place::Primary } else { Place::Ignored };
            return;
        }
        let Some(certificate) = &mut self.current else { return };
        match packet {
            Packet::UserId(id) => {
                certificate.users.push((id, Vec::new()));
                self.place = Place::User;
            }
            Packet::PublicSubkey(key) => match Component::new(key) {
                Some(subkey) => {
                    certificate.subkeys.push(subkey);
                    self.place = Place::Subkey;
                }
                None => self.place = Place::Ignored,
            },
            Packet::Signature(signature) if is_by(&signature, &certificate.primary) => certificate.attach(self.place, signature),
            _ => {}
        }
    }
}

impl Certificate {
    fn attach(&mut self, place: Place, signature: Signature) {
        let list = match place {
            Place::Primary => Some(&mut self.primary.signatures),
            Place::User => self.users.last_mut().map(|(_, signatures)| signatures),
            Place::Subkey => self.subkeys.last_mut().map(|subkey| &mut subkey.signatures),
            Place::Ignored => None,
        };
        if let Some(list) = list {
            list.push(signature);
        }
    }

    fn signatures(&self) -> usize {
        let users = self.users.iter().map(|(_, signatures)| signatures.len());
        let subkeys = self.subkeys.iter().map(|subkey| subkey.signatures.len());
        self.primary.signatures.len() + users.chain(subkeys).sum::<usize>()
    }
}

/// Versions of keys that are understood: RFC 4880's and RFC 9580's.
pub(super) const fn is_known(version: KeyVersion) -> bool {
    matches!(version, KeyVersion::V4 | KeyVersion::V6)
}
