//! The body of an answer, piece by piece, as fast as it has to come.

use std::time::Instant;

use super::{
    Address, FetchError,
    exchange::{Event, Exchange},
    pace::{Pace, Verdict},
    policy::{Policy, TICK},
    trouble::{Trouble, explain},
};
use crate::progress::Stop;

/// Hands each piece to `take`, which tells how many bytes of the file are there then; `have` are there before. `total` is its size, if the
/// server told it.
pub(super) fn read(
    address: &Address,
    exchange: &Exchange,
    policy: &Policy,
    stop: &Stop,
    (have, total): (u64, Option<u64>),
    take: &mut dyn FnMut(&[u8]) -> Result<u64, FetchError>,
) -> Result<(), Trouble> {
    let mut pace = Pace::new(policy, Instant::now());
    let mut received = have;
    loop {
        if stop.is_requested() {
            return Err(FetchError::Interrupted.into());
        }
        let cut = |expected| Trouble::Passing(FetchError::Cut { address: address.clone(), received, expected });
        match exchange.next(TICK) {
            Some(Event::Piece(bytes)) => {
                received = take(&bytes)?;
                pace.advance(bytes.len(), Instant::now());
            }
            Some(Event::End) => return total.filter(|expected| received < *expected).map_or(Ok(()), |expected| Err(cut(expected))),
            Some(Event::Failed(error)) => {
                return Err(match (explain(address, error), total) {
                    // In the middle of a body the library calls a cut connection by many names; the count says it best.
                    (Trouble::Passing(FetchError::Connection { .. }), Some(expected)) if received < expected => cut(expected),
                    (trouble, _) => trouble,
                });
            }
            Some(Event::Head(_)) | None => {}
        }
        match pace.judge(Instant::now()) {
            Verdict::Fine => {}
            Verdict::Stalled => return Err(Trouble::Passing(FetchError::Stalled { address: address.clone(), after: policy.stall })),
            Verdict::Slow => {
                let (bytes, during) = (policy.slow_bytes, policy.slow_for);
                // Another connection may be faster.
                return Err(Trouble::Passing(FetchError::Slow { address: address.clone(), bytes, during }));
            }
        }
    }
}
