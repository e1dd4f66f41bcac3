//! Whose signatures a source may have: the keyrings of the image, and keys that stand in the source itself.

use std::collections::BTreeMap;

use super::{RepositoryError, Suite};
use crate::debian::{
    openpgp::{Keyring, KeyringError, Sha1Bindings},
    sources::SignedBy,
};

/// The keyrings that sources may be verified with.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    /// `trusted.gpg` and `trusted.gpg.d`: for every source that is not bound to keys of its own.
    trusted: Keyring,
    /// Of the keyrings that sources name by path: the bytes of each that is there.
    named: BTreeMap<String, Vec<u8>>,
}

impl Keys {
    /// Adds a keyring that is trusted for everything.
    pub(super) fn trust(&mut self, file: &str, bytes: &[u8]) -> Result<(), KeyringError> {
        self.trusted.add(Keyring::new(file, bytes, Sha1Bindings::Tolerated)?)
    }

    /// Adds a keyring that a source names.
    pub(super) fn name(&mut self, path: &str, bytes: Vec<u8>) {
        self.named.insert(path.to_owned(), bytes);
    }

    /// The keys that a suite may be signed with.
    pub(super) fn of(&self, suite: &Suite) -> Result<Keyring, RepositoryError> {
        let bindings = &suite.source.signed_by;
        let wrong = |source| RepositoryError::Keyring { place: suite.place(), source };
        let mut keyring = Keyring::default();
        let mut is_own = false;
        for binding in bindings {
            let own = match binding {
                SignedBy::Keyring(path) => {
                    let missing = || KeyringError { file: path.clone(), reason: "it is not in the image".to_owned() };
                    let bytes = self.named.get(path).ok_or_else(missing).map_err(wrong)?;
                    Keyring::new(path, bytes, Sha1Bindings::Tolerated).map_err(wrong)?
                }
                SignedBy::Inline(text) => {
                    let origin = &suite.source.origin;
                    let file = format!("{} (Signed-By of line {})", origin.file, origin.line);
                    // A key that is in the image already may be of 2012; one that is given today has no excuse.
                    let sha1 = if suite.is_of_profile { Sha1Bindings::Refused } else { Sha1Bindings::Tolerated };
                    Keyring::new(&file, text.as_bytes(), sha1).map_err(wrong)?
                }
                SignedBy::Fingerprint { .. } => continue,
            };
            is_own = true;
            keyring.add(own).map_err(wrong)?;
        }
        if !is_own {
            keyring = self.trusted.clone();
        }
        if keyring.is_empty() {
            let reason = "neither `/etc/apt/trusted.gpg` nor `/etc/apt/trusted.gpg.d` has one, and the source names none".to_owned();
            return Err(RepositoryError::NoKeys { place: suite.place(), reason });
        }
        Ok(keyring.only(bindings))
    }
}
