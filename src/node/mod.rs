//! What makes a node: its identity, kept in a [`ledger`], and the [`settings`] that turn the common tree into its own.
//!
//! Everything here is a pure function of its arguments except [`ledger::Ledger::load`], [`ledger::Ledger::save`] and the making of
//! fresh random identities.

mod file;
pub mod identity;
pub mod ledger;
#[cfg(test)]
mod testing;
