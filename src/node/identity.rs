//! What tells one node from another, made once and kept for ever.

use std::{fmt, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Serialize, de};
use ssh_key::{
    LineEnding, PrivateKey,
    private::{Ed25519Keypair, KeypairData},
};

use crate::{hex, secret::Secret};

/// Fills an array from the operating system's generator.
fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|source| RandomError(source.to_string()))?;
    Ok(bytes)
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system's random number generator failed: {0}")]
pub struct RandomError(String);

/// A UUID of RFC 4122, version 4 where it was made here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// A fresh random one.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn random() -> Result<Self, RandomError> {
        let mut bytes = random::<16>()?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Ok(Self(bytes))
    }

    /// The bytes in the order in which they are printed, which is also how ext4 stores them.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    fn hexadecimal(self) -> String {
        hex::encode(&self.0)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.hexadecimal();
        write!(f, "{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('-').collect();
        if parts.iter().map(|part| part.len()).ne([8, 4, 4, 4, 12]) {
            return Err("a UUID (8-4-4-4-12 lower-case hexadecimal digits)");
        }
        unhex(&parts.concat()).map(Self).ok_or("a UUID (8-4-4-4-12 lower-case hexadecimal digits)")
    }
}

/// Sixteen bytes from 32 lower-case hexadecimal digits.
fn unhex(digits: &str) -> Option<[u8; 16]> {
    hex::decode(digits).filter(|_| !digits.contains(|digit: char| digit.is_ascii_uppercase()))
}

/// `/etc/machine-id`: a UUID of version 4 written as 32 digits, as machine-id(5) wants it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineId(Uuid);

impl MachineId {
    /// A fresh random one.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn random() -> Result<Self, RandomError> {
        Uuid::random().map(Self)
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.hexadecimal())
    }
}

impl fmt::Debug for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MachineId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "a machine id (32 lower-case hexadecimal digits, version 4)";
        let bytes = unhex(text).ok_or(expected)?;
        if bytes[6] >> 4 != 4 || bytes[8] >> 6 != 2 {
            return Err(expected);
        }
        Ok(Self(Uuid(bytes)))
    }
}

/// The signature in an MBR, from which the PARTUUIDs of its partitions are made; never zero, which means that there is none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiskId(NonZeroU32);

impl DiskId {
    /// A given one; zero is none.
    #[must_use]
    pub fn new(id: u32) -> Option<Self> {
        NonZeroU32::new(id).map(Self)
    }

    /// A fresh random one.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn random() -> Result<Self, RandomError> {
        loop {
            if let Some(id) = Self::new(u32::from_le_bytes(random()?)) {
                return Ok(id);
            }
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DiskId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "a disk id (8 lower-case hexadecimal digits, not all zero)";
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 8 || !text.bytes().all(lower) {
            return Err(expected);
        }
        u32::from_str_radix(text, 16).ok().and_then(Self::new).ok_or(expected)
    }
}

/// An ed25519 key pair for SSH.
///
/// RSA and ECDSA keys are not made: every OpenSSH since 6.5 (2014) speaks ed25519, so they would only be more secrets to keep.
#[derive(Clone, PartialEq, Eq)]
pub struct SshKey {
    private: Secret<String>,
    public: String,
}

impl SshKey {
    /// A fresh random pair.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn random(comment: &str) -> Result<Self, RandomError> {
        let pair = Ed25519Keypair::from_seed(&random()?);
        let encoded = PrivateKey::new(KeypairData::Ed25519(pair), comment).and_then(|key| key.to_openssh(LineEnding::LF));
        let text = encoded.map_err(|source| RandomError(source.to_string()))?;
        Self::parse(&text).map_err(|expected| RandomError(format!("the key made is not {expected}")))
    }

    /// The pair of an unencrypted private key in OpenSSH's own format, which is kept byte for byte.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let expected = "an unencrypted ed25519 private key in OpenSSH's format";
        let key = PrivateKey::from_openssh(text).map_err(|_| expected)?;
        if key.is_encrypted() || key.algorithm() != ssh_key::Algorithm::Ed25519 {
            return Err(expected);
        }
        let public = key.public_key().to_openssh().map_err(|_| expected)?;
        Ok(Self { private: Secret::new(text.to_owned()), public })
    }

    /// The private key, as `ssh-keygen` writes it into a file.
    #[must_use]
    pub const fn private(&self) -> &Secret<String> {
        &self.private
    }

    /// The public key: `ssh-ed25519 AAAA… comment`, without a newline.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The public key without its comment, as `known_hosts` wants it.
    #[must_use]
    pub fn public_without_comment(&self) -> String {
        self.public.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// What a node is and stays, however often it is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Signature of the node's card.
    pub disk_id: DiskId,
    /// UUID of the brick's file system.
    pub brick_uuid: Uuid,
    /// `/etc/machine-id`.
    pub machine_id: MachineId,
    /// SSH host key.
    pub ssh_host_key: SshKey,
    /// UUID of the node in its GlusterFS pool.
    pub gluster_uuid: Uuid,
    /// UUID of the NetworkManager connection.
    pub connection_uuid: Uuid,
}

impl Identity {
    /// A fresh random identity for the node called `name`.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn random(name: &str) -> Result<Self, RandomError> {
        Ok(Self {
            disk_id: DiskId::random()?,
            brick_uuid: Uuid::random()?,
            machine_id: MachineId::random()?,
            ssh_host_key: SshKey::random(&format!("root@{name}"))?,
            gluster_uuid: Uuid::random()?,
            connection_uuid: Uuid::random()?,
        })
    }
}

/// Serialization as text, without ever repeating a bad value in an error: it may be a secret in the wrong place.
macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer).map_err(|_| de::Error::custom("expected text"))?;
                text.parse().map_err(|expected| de::Error::custom(format_args!("expected {expected}")))
            }
        }
    };
}

as_text!(Uuid);
as_text!(MachineId);
as_text!(DiskId);

impl Serialize for SshKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.private.expose())
    }
}

impl<'de> Deserialize<'de> for SshKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer).map_err(|_| de::Error::custom("expected text"))?;
        Self::parse(&text).map_err(|expected| de::Error::custom(format_args!("expected {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn uuids_are_version_4_and_round_trip() {
        for _ in 0..64 {
            let uuid = Uuid::random().unwrap();
            let text = uuid.to_string();
            assert_eq!(&text[14..15], "4", "{text}");
            assert!("89ab".contains(&text[19..20]), "{text}");
            assert_eq!(text.parse(), Ok(uuid));
            let id = MachineId::random().unwrap();
            assert_eq!(id.to_string().len(), 32);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in ["", "0", "00000000", "DEADBEEF", "deadbeef0", "+eadbeef"] {
            assert!(text.parse::<DiskId>().is_err(), "{text}");
        }
        for text in ["", "550e8400e29b41d4a716446655440000", "550E8400-e29b-41d4-a716-446655440000", "550e840-0e29b-41d4-a716-446655440000"]
        {
            assert!(text.parse::<Uuid>().is_err(), "{text}");
        }
        for text in ["", "550e8400e29b11d4a716446655440000", "550e8400-e29b-41d4-a716-446655440000"] {
            assert!(text.parse::<MachineId>().is_err(), "{text}");
        }
        assert_eq!("0000beef".parse::<DiskId>().unwrap().get(), 0xbeef);
        assert_eq!("0000beef".parse::<DiskId>().unwrap().to_string(), "0000beef");
    }

    #[test]
    fn ssh_keygen_reads_the_key_and_finds_the_same_public_half() {
        let key = SshKey::random("root@cluster01").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, key.private().expose()).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let output = Command::new("ssh-keygen").arg("-y").arg("-f").arg(&path).output().expect("ssh-keygen is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), key.public());
        assert!(key.public().starts_with("ssh-ed25519 AAAA") && key.public().ends_with(" root@cluster01"));
        assert!(!key.public_without_comment().contains("root@"));
    }

    #[test]
    fn debug_shows_no_private_key() {
        let identity = Identity::random("cluster01").unwrap();
        let secret = identity.ssh_host_key.private().expose();
        let printed = format!("{identity:?} {identity:#?}");
        for line in secret.lines() {
            assert!(!printed.contains(line), "a line of the private key is printed");
        }
    }

    #[test]
    fn errors_do_not_repeat_the_value() {
        let canary = "\"canary-secret\"";
        for error in [
            serde_json::from_str::<SshKey>(canary).unwrap_err().to_string(),
            serde_json::from_str::<Uuid>(canary).unwrap_err().to_string(),
            serde_json::from_str::<DiskId>(canary).unwrap_err().to_string(),
            serde_json::from_str::<MachineId>(canary).unwrap_err().to_string(),
        ] {
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
