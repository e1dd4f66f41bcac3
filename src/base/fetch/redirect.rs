//! From address to address, until an answer comes that is no redirect.

use std::time::Instant;

use ureq::http::header;

use super::{
    Address, FetchError, Network,
    exchange::{Event, Exchange},
    policy::TICK,
    response::Head,
    trouble::{Trouble, explain},
};
use crate::progress::Stop;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 10;

/// An answer: its head was read, its body not yet.
pub(super) struct Answer {
    /// Who gave it.
    pub(super) address: Address,
    pub(super) head: Head,
    pub(super) exchange: Exchange,
}

/// Asks for a file, and follows where that leads.
pub(super) fn follow(start: &Address, resume: Option<u64>, network: &Network, stop: &Stop) -> Result<Answer, Trouble> {
    let mut stations = vec![start.clone()];
    let mut address = start.clone();
    loop {
        let route = network.proxies.route(&address)?;
        let exchange = Exchange::begin(&address, resume, &route, &network.policy)?;
        let head = head(&exchange, &address, network, stop)?;
        if !matches!(head.status, 301 | 302 | 303 | 307 | 308) {
            return Ok(Answer { address, head, exchange });
        }
        let bad = |reason: String| FetchError::Redirect { address: address.clone(), reason };
        let location = head.text(header::LOCATION).ok_or_else(|| bad("it names none".to_owned()))?;
        let next = address.join(location).map_err(|error| bad(error.to_string()))?;
        if address.is_secure() && !next.is_secure() {
            return Err(FetchError::Downgrade { address, to: next }.into());
        }
        if stations.contains(&next) {
            let chain = stations.iter().chain([&next]).map(|station| format!("`{station}`")).collect();
            return Err(FetchError::Circle { address: start.clone(), chain }.into());
        }
        if stations.len() > MAX_REDIRECTS {
            return Err(FetchError::TooManyRedirects { address: start.clone(), limit: MAX_REDIRECTS }.into());
        }
        stations.push(next.clone());
        address = next;
    }
}

/// Waits for the head of an answer.
fn head(exchange: &Exchange, address: &Address, network: &Network, stop: &Stop) -> Result<Head, Trouble> {
    // Looking up and connecting have limits of their own.
    let deadline = Instant::now() + network.policy.connect.saturating_mul(2) + network.policy.stall;
    loop {
        if stop.is_requested() {
            return Err(FetchError::Interrupted.into());
        }
        match exchange.next(TICK) {
            Some(Event::Head(head)) => return Ok(head),
            Some(Event::Failed(error)) => return Err(explain(address, error)),
            // Nothing comes before a head.
            Some(Event::Piece(_) | Event::End) => {
                return Err(FetchError::Protocol { address: address.clone(), reason: "it has no head".to_owned() }.into());
            }
            None if Instant::now() >= deadline => {
                return Err(Trouble::Passing(FetchError::Stalled { address: address.clone(), after: network.policy.stall }));
            }
            None => {}
        }
    }
}
