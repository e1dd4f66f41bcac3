//! From power-on to a served, replicated volume, with nobody touching the node.
//!
//! The program that makes images writes a [`config::NodeConfig`] into each of them; the agent of this crate, started by systemd on the
//! node, reads it and makes it so. Each [`step`] looks at what there is, does what is missing and says whether it did anything, so that it
//! can be cut short anywhere and run again; what it has reached and what it waits for stand in the [`journal`]. All that a step sees of
//! its machine it sees through [`host::Host`].

pub mod baked;
pub mod chs;
pub mod config;
pub mod gluster;

#[cfg(feature = "agent")]
pub mod disk;
#[cfg(feature = "agent")]
pub mod host;
#[cfg(feature = "agent")]
pub mod journal;
#[cfg(feature = "agent")]
pub mod part;
#[cfg(feature = "agent")]
pub mod run;
pub mod status;
#[cfg(feature = "agent")]
pub mod step;
#[cfg(feature = "agent")]
pub mod steps;
#[cfg(all(test, feature = "agent"))]
mod testing;
