//! The signed root of an archive, as it was fetched and as the cache keeps it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Access, RepositoryError, Suite};
use crate::{
    base::fetch::{self, FetchError},
    debian::openpgp::{Keyring, MAX_MESSAGE, SignatureError, Verified, verify_detached, verify_inline},
};

/// Version of the cache's format.
const VERSION: u32 = 1;

/// `InRelease`, or `Release` and `Release.gpg`: nothing of it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    message: Vec<u8>,
    signature: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    suite: String,
    message: String,
    signature: Option<String>,
}

impl Signed {
    /// Asks the archive for it.
    pub(super) fn fetch(suite: &Suite, access: &Access<'_>) -> Result<Self, RepositoryError> {
        let get = |name: &str| -> Result<Option<Vec<u8>>, RepositoryError> {
            let address = suite.address(&format!("{}{name}", suite.folder()));
            let address = address.map_err(|reason| RepositoryError::Address { place: suite.place(), reason })?;
            match fetch::get(&address, MAX_MESSAGE as u64, access.network, access.progress, access.stop) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(FetchError::Status { status: 403 | 404 | 410, .. }) => Ok(None),
                // As large as this no root is.
                Err(FetchError::TooLarge { .. }) => Err(RepositoryError::Signature {
                    place: suite.place(),
                    pair: false,
                    source: SignatureError::TooLarge { bytes: MAX_MESSAGE + 1, limit: MAX_MESSAGE },
                }),
                Err(error) => Err(RepositoryError::fetch(suite.place(), error)),
            }
        };
        if let Some(message) = get("InRelease")? {
            return Ok(Self { message, signature: None });
        }
        let Some(message) = get("Release")? else {
            let address = suite.address(&format!("{}InRelease", suite.folder()));
            let address = address.map_err(|reason| RepositoryError::Address { place: suite.place(), reason })?;
            return Err(RepositoryError::fetch(suite.place(), FetchError::Status { address, status: 404 }));
        };
        match get("Release.gpg")? {
            Some(signature) => Ok(Self { message, signature: Some(signature) }),
            None => Err(RepositoryError::Unsigned { place: suite.place() }),
        }
    }

    /// What the cache has of it; what cannot be read is not there.
    pub(super) fn cached(suite: &Suite, access: &Access<'_>) -> Result<Option<Self>, RepositoryError> {
        let Some(bytes) = access.files.release(&suite.key())? else { return Ok(None) };
        let decode = |text: &str| STANDARD.decode(text).ok();
        let read = || {
            let stored: Stored = serde_json::from_slice(&bytes).ok()?;
            let is_own = stored.version == VERSION && stored.suite == suite.to_string();
            let signature = match &stored.signature {
                Some(text) => Some(decode(text)?),
                None => None,
            };
            is_own.then_some(Self { message: decode(&stored.message)?, signature })
        };
        Ok(read())
    }

    /// Gives it to the cache.
    pub(super) fn keep(&self, suite: &Suite, access: &Access<'_>) -> Result<(), RepositoryError> {
        let stored = Stored {
            version: VERSION,
            suite: suite.to_string(),
            message: STANDARD.encode(&self.message),
            signature: self.signature.as_ref().map(|bytes| STANDARD.encode(bytes)),
        };
        // Text and numbers always become JSON.
        let bytes = serde_json::to_vec(&stored).unwrap_or_default();
        Ok(access.files.keep_release(&suite.key(), &bytes)?)
    }

    /// Verifies it with these keys.
    pub(super) fn verify(&self, suite: &Suite, keyring: &Keyring, now: OffsetDateTime) -> Result<Verified, RepositoryError> {
        let verified = match &self.signature {
            Some(signature) => verify_detached(&self.message, signature, keyring, now),
            None => verify_inline(&self.message, keyring, now),
        };
        verified.map_err(|source| RepositoryError::Signature { place: suite.place(), pair: self.signature.is_some(), source })
    }
}
