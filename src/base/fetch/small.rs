//! Downloads a small file whose digest nobody knows beforehand, such as the signed root of an archive.

use super::{
    Address, FetchError, Network, body, policy,
    redirect::{self, Answer},
    refusal,
    trouble::Trouble,
};
use crate::progress::{Progress, Stop};

/// Downloads a file of at most `limit` bytes into memory. Failures that may pass are tried again.
///
/// # Errors
/// When it cannot be had, is larger, or `stop` is requested.
pub fn get(address: &Address, limit: u64, network: &Network, progress: &dyn Progress, stop: &Stop) -> Result<Vec<u8>, FetchError> {
    if network.offline {
        return Err(FetchError::Offline { address: address.clone() });
    }
    let mut failures = 0;
    loop {
        match attempt(address, limit, network, stop) {
            Ok(bytes) => return Ok(bytes),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Passing(trouble)) => {
                failures += 1;
                policy::pause_after(&network.policy, trouble, failures, progress, stop)?;
            }
        }
    }
}

fn attempt(start: &Address, limit: u64, network: &Network, stop: &Stop) -> Result<Vec<u8>, Trouble> {
    let Answer { address, head, exchange } = redirect::follow(start, None, network, stop)?;
    if head.status != 200 {
        return Err(refusal(address, head.status, &head));
    }
    let too_large = || FetchError::TooLarge { address: start.clone(), limit };
    let total = head.content_length();
    if total.is_some_and(|total| total > limit) {
        return Err(too_large().into());
    }
    let mut bytes = Vec::new();
    let mut take = |piece: &[u8]| {
        if bytes.len() as u64 + piece.len() as u64 > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(piece);
        Ok(bytes.len() as u64)
    };
    body::read(&address, &exchange, &network.policy, stop, (0, total), &mut take)?;
    Ok(bytes)
}
