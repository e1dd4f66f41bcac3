//! Downloads files: base images, packages and indices whose SHA-256 is known, and the small signed roots of archives.
//!
//! What came so far lies in a [`Partial`] of the cache and outlives interruptions and most errors; the next try, or the next run, asks
//! for the rest alone (`Range`). Nothing is believed but the digest of the whole file: what has another one is thrown
//! away. Failures that may pass are tried again after growing pauses.

mod address;
mod body;
mod error;
mod exchange;
mod file;
mod forward;
mod pace;
mod policy;
mod proxy;
mod redirect;
mod response;
mod small;
mod trouble;

use std::{env, time::Duration};

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

pub use address::{Address, BadAddress};
pub use error::FetchError;
use exchange::Exchange;
pub use file::download;
pub use policy::{Policy, sleep};
pub use proxy::Proxies;
use redirect::Answer;
use response::Head;
pub use small::get;
use trouble::Trouble;

use super::cache::{CacheError, Partial};
use crate::{
    hex,
    progress::{Bar, Progress, Stop},
};

/// How the network is used, if at all.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// It is not.
    pub offline: bool,
    /// Times and limits.
    pub policy: Policy,
    /// The ways to servers.
    pub proxies: Proxies,
}

impl Network {
    /// With the proxies that the environment names.
    #[must_use]
    pub fn from_environment(offline: bool) -> Self {
        Self { offline, policy: Policy::default(), proxies: Proxies::from_environment(&|name| env::var(name).ok()) }
    }
}

/// What is known of a file before it is downloaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    /// What it is called in the progress.
    pub(super) name: &'a str,
    /// Its digest.
    pub(super) sha256: &'a [u8; 32],
    /// Its size in bytes, if that is known.
    pub(super) size: Option<u64>,
}

/// Downloads a file into `partial`, or what that still lacks of it.
///
/// # Errors
/// When it cannot be had, is not the right one, or `stop` is requested. [`FetchError::keeps_partial`] tells what to do with `partial`.
pub(super) fn fetch(
    address: &Address,
    expected: Expected<'_>,
    partial: &mut Partial,
    network: &Network,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<(), FetchError> {
    let mut download = Download {
        address,
        expected,
        partial,
        network,
        progress,
        stop,
        hasher: Sha256::new(),
        position: 0,
        best: 0,
        is_patched: false,
        may_resume: true,
    };
    download.read_what_is_there()?;
    download.run()
}

struct Download<'a> {
    address: &'a Address,
    expected: Expected<'a>,
    partial: &'a mut Partial,
    network: &'a Network,
    progress: &'a dyn Progress,
    stop: &'a Stop,
    /// Over the first `position` bytes of the partial file.
    hasher: Sha256,
    position: u64,
    /// The largest position so far; only what lies beyond it is progress.
    best: u64,
    /// Whether what is there came in more than one answer, which might not belong together.
    is_patched: bool,
    /// Whether to ask for the rest alone.
    may_resume: bool,
}

impl Download<'_> {
    fn read_what_is_there(&mut self) -> Result<(), FetchError> {
        let size = self.partial.size()?;
        if size == 0 {
            return Ok(());
        }
        if size > self.network.policy.max_size {
            return self.start_over().map_err(FetchError::from);
        }
        let bar = self.progress.begin("reading what was downloaded before", Some(size));
        let (partial, hasher, stop) = (&*self.partial, &mut self.hasher, self.stop);
        partial.read_all(|bytes| {
            hasher.update(bytes);
            bar.advance(bytes.len() as u64);
            !stop.is_requested()
        })?;
        if stop.is_requested() {
            return Err(FetchError::Interrupted);
        }
        self.position = size;
        self.best = size;
        self.is_patched = true;
        Ok(())
    }

    /// Tries until it is there, or no more tries are left.
    fn run(&mut self) -> Result<(), FetchError> {
        let policy = &self.network.policy;
        let mut failures = 0;
        let mut is_anew = false;
        loop {
            // What is all there needs nobody's consent; this is also how a file whose length was announced wrongly is found good.
            if self.is_complete() {
                return self.partial.sync().map_err(FetchError::from);
            }
            let best = self.best;
            let trouble = match self.attempt(true) {
                Ok(()) if self.is_complete() => continue,
                // Parts of two files may have come together. Once.
                Ok(()) if self.is_patched && !is_anew => {
                    self.progress.note("what was downloaded in parts has the wrong SHA-256: starting over");
                    is_anew = true;
                    self.may_resume = false;
                    self.start_over()?;
                    continue;
                }
                Ok(()) => return Err(self.wrong_digest()),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing(_)) if self.is_complete() => continue,
                Err(Trouble::Passing(error)) => error,
            };
            if self.best.saturating_sub(best) >= policy.fresh_bytes {
                failures = 0;
            }
            failures += 1;
            policy::pause_after(policy, trouble, failures, self.progress, self.stop)?;
        }
    }

    fn is_complete(&self) -> bool {
        self.position > 0 && self.hasher.clone().finalize()[..] == self.expected.sha256[..]
    }

    fn wrong_digest(&self) -> FetchError {
        let found: [u8; 32] = self.hasher.clone().finalize().into();
        FetchError::Digest { address: self.address.clone(), found: hex::encode(&found), expected: hex::encode(self.expected.sha256) }
    }

    fn start_over(&mut self) -> Result<(), CacheError> {
        self.partial.clear()?;
        self.hasher = Sha256::new();
        self.position = 0;
        self.is_patched = false;
        Ok(())
    }

    /// One request, and all that it gives.
    fn attempt(&mut self, may_resume: bool) -> Result<(), Trouble> {
        let may_resume = may_resume && self.may_resume && self.position > 0;
        let resume = may_resume.then_some(self.position);
        let Answer { address, head, exchange } = redirect::follow(self.address, resume, self.network, self.stop)?;
        self.must_have_the_size(&address, &head)?;
        let total = match head.status {
            200 => {
                if may_resume {
                    self.must_be_the_same(&address, head.content_length())?;
                }
                self.take_whole(&head)?
            }
            206 if may_resume => match head.content_range().filter(|range| range.start == Some(self.position)) {
                Some(range) => {
                    // Not every server tells it with a part.
                    if range.total.is_some() {
                        self.must_be_the_same(&address, range.total)?;
                    }
                    self.is_patched = true;
                    range.total
                }
                None => return self.ask_for_all("the server sent another part of the file than the one that is missing"),
            },
            416 if may_resume => return self.ask_for_all("the server has no more of the file, but what is here is not all of it"),
            206 => {
                let reason = "it sent a part of a file that was to come whole".to_owned();
                return Err(FetchError::Protocol { address, reason }.into());
            }
            status => return Err(refusal(address, status, &head)),
        };
        if total.is_some_and(|total| total > self.network.policy.max_size) {
            return Err(self.too_large().into());
        }
        let label = format!("downloading {}", self.expected.name);
        let bar = self.progress.begin(&label, total);
        bar.skip(self.position);
        self.pump(&address, &exchange, total, &*bar)
    }

    /// An answer of another length than the file has is another file, whatever is there: nothing of it is taken.
    fn must_have_the_size(&self, address: &Address, head: &Head) -> Result<(), FetchError> {
        let Some(expected) = self.expected.size else { return Ok(()) };
        let found = match head.status {
            200 => head.content_length(),
            206 => head.content_range().and_then(|range| range.total),
            _ => None,
        };
        match found.filter(|found| *found != expected) {
            Some(found) => Err(FetchError::Size { address: address.clone(), found, expected }),
            None => Ok(()),
        }
    }

    /// What is there is given up only for a file as large as the one that was begun, not for the page of a mirror that is out of order.
    fn must_be_the_same(&self, address: &Address, offered: Option<u64>) -> Result<(), Trouble> {
        // Notes that contradict what is there tell nothing.
        let begun = self.expected.size.or(self.partial.total()).filter(|begun| *begun > self.position);
        let is_shorter = offered.is_some_and(|offered| offered < self.position);
        if is_shorter || begun.is_some() && begun != offered {
            let (address, received) = (address.clone(), self.position);
            return Err(Trouble::Passing(FetchError::AnotherLength { address, offered, received, begun }));
        }
        Ok(())
    }

    /// The answer has all of the file: what is there is of no use.
    fn take_whole(&mut self, head: &Head) -> Result<Option<u64>, CacheError> {
        if self.position > 0 && self.may_resume {
            self.progress.note("the server begins again from the start: the file has changed there, or it cannot send a part of it");
        }
        self.start_over()?;
        let total = head.content_length();
        self.partial.describe(total)?;
        Ok(total)
    }

    /// Does without ranges this time, at the cost of what is there.
    fn ask_for_all(&mut self, reason: &str) -> Result<(), Trouble> {
        self.progress.note(&format!("{reason}: starting over"));
        self.start_over()?;
        self.attempt(false)
    }

    fn pump(&mut self, address: &Address, exchange: &Exchange, total: Option<u64>, bar: &dyn Bar) -> Result<(), Trouble> {
        let (network, stop, have) = (self.network, self.stop, self.position);
        let mut take = |bytes: &[u8]| {
            self.append(bytes)?;
            bar.advance(bytes.len() as u64);
            Ok(self.position)
        };
        let read = body::read(address, exchange, &network.policy, stop, (have, total), &mut take);
        if matches!(read, Err(Trouble::Final(FetchError::Interrupted))) {
            self.partial.sync()?;
        }
        read
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        let position = self.position.saturating_add(bytes.len() as u64);
        if position > self.network.policy.max_size {
            return Err(self.too_large());
        }
        self.partial.append(self.position, bytes)?;
        self.hasher.update(bytes);
        self.position = position;
        self.best = self.best.max(position);
        Ok(())
    }

    fn too_large(&self) -> FetchError {
        FetchError::TooLarge { address: self.address.clone(), limit: self.network.policy.max_size }
    }
}

/// An answer without a file.
fn refusal(address: Address, status: u16, head: &Head) -> Trouble {
    if !matches!(status, 408 | 429 | 500..=599) {
        return FetchError::Status { address, status }.into();
    }
    let wish = head.retry_after(OffsetDateTime::now_utc()).filter(|wish| *wish > Duration::ZERO);
    Trouble::Passing(match wish {
        Some(wish) => FetchError::Later { address, status, wish },
        None => FetchError::Status { address, status },
    })
}
