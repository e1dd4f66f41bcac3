//! The archives of an image: what its apt would fetch, fetched, verified and understood on the host.
//!
//! [`Setup`] is what apt in the image would work with: sources, keyrings, pins, the packages that are there. [`Archives::fetch`] gets what
//! the archives offer, in apt's way and with apt's checks, and [`choose()`] decides what a request means. Packages themselves are had by
//! [`spool`], from the network, the cache or a folder. Nothing is used that no key of its source has signed.

mod archives;
mod choose;
mod error;
mod index;
mod keys;
mod offers;
mod setup;
mod signed;
pub mod spool;
mod suite;
#[cfg(test)]
mod testing;
mod trouble;

pub use archives::{Archives, Fetched, Index};
pub use choose::{Choice, ChooseError, Chosen, Gone, Preferred, Wish, choose};
pub use error::{Place, RepositoryError};
pub use setup::{Setup, SetupError};
pub use suite::Suite;
pub use trouble::{Trouble, ahead_of_time, in_choice};

use time::OffsetDateTime;

use crate::{
    base::{
        cache::{CacheError, Files},
        fetch::Network,
    },
    progress::{Progress, Stop},
};

/// How many connections are held at the same time; mirrors do not like many.
const CONNECTIONS: usize = 4;

/// With what archives are fetched.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// What was fetched before.
    pub files: &'a Files<'a>,
    /// The way to servers.
    pub network: &'a Network,
    /// The time of day, by which signatures and archives expire.
    pub now: OffsetDateTime,
    /// Where work reports itself.
    pub progress: &'a dyn Progress,
    /// How it is told to stop.
    pub stop: &'a Stop,
}

impl Access<'_> {
    /// What the cache has. Online a damaged file is as good as none: it is fetched again.
    fn cached<T>(&self, look: impl FnOnce(&Files<'_>) -> Result<Option<T>, CacheError>) -> Result<Option<T>, RepositoryError> {
        match look(self.files) {
            Err(error @ CacheError::Damaged { .. }) if !self.network.offline => {
                self.progress.note(&format!("{error}; fetching it again"));
                Ok(None)
            }
            found => Ok(found?),
        }
    }
}

impl std::fmt::Debug for Access<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("network", self.network).field("now", &self.now).finish_non_exhaustive()
    }
}
