//! Talking to glusterd, and the files that it keeps.
//!
//! The command line is `gluster --mode=script --xml`: it asks no questions, and its answers are the same in every language. That it ends
//! with 0 says nothing; `opRet` does. When the daemon is down the answer is plain text.

pub mod baked;

#[cfg(feature = "agent")]
pub mod answer;
#[cfg(feature = "agent")]
pub mod brick;
#[cfg(feature = "agent")]
mod client;
#[cfg(feature = "agent")]
mod error;
#[cfg(feature = "agent")]
pub mod folder;
#[cfg(feature = "agent")]
pub mod membership;

#[cfg(feature = "agent")]
pub use client::{Gluster, PORT};
#[cfg(feature = "agent")]
pub use error::GlusterError;
