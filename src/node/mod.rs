//! What makes a node: its identity, kept in a [`ledger`], and the [`settings`] that turn the common tree into its own.
//!
//! Everything here is a pure function of its arguments except [`ledger::Ledger::load`], [`ledger::Ledger::save`] and the making of
//! fresh random identities.

pub mod boot;
pub mod brick;
mod embedded;
mod error;
mod file;
pub mod identity;
pub mod installed;
pub mod ledger;
pub mod operator;
pub mod partuuid;
pub mod program;
pub mod settings;
#[cfg(test)]
mod testing;

pub use error::NodeError;
