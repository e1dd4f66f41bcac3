//! Downloads a package or an index whose size and digest are known.

use super::{Address, Expected, FetchError, Network, fetch, policy::Policy};
use crate::{
    base::cache::{Files, Pending},
    progress::{Progress, Stop},
};

/// Downloads the file with this digest and size, or what is still missing of it; `name` is what it is called. It is not kept yet.
///
/// # Errors
/// When it cannot be had, is not the right one, or `stop` is requested.
pub fn download(
    address: &Address,
    name: &str,
    (sha256, size): (&[u8; 32], u64),
    files: &Files<'_>,
    network: &Network,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Pending, FetchError> {
    if network.offline {
        return Err(FetchError::Offline { address: address.clone() });
    }
    let network = Network { policy: Policy { max_size: size, ..network.policy }, ..network.clone() };
    let mut partial = files.partial(sha256, &address.identity(), &address.to_string(), stop)?;
    let fetched = fetch(address, Expected { name, sha256, size: Some(size) }, &mut partial, &network, progress, stop).and_then(|()| {
        match partial.size()? {
            found if found == size => Ok(()),
            found => Err(FetchError::Size { address: address.clone(), found, expected: size }),
        }
    });
    match fetched {
        Ok(()) => Ok(Pending::of(partial, *sha256)?),
        Err(error) => {
            if !error.keeps_partial() {
                partial.discard();
            }
            Err(error)
        }
    }
}
