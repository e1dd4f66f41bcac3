//! The card: its partition table, the brick's file system on it, and how both grow.
//!
//! A card is larger than the image that was written onto it. What is here gives the space behind the brick to the brick, in three steps
//! that each may be the last before the power goes: the partition table on the card ([`table`]), the kernel's idea of the partition and
//! the mounted file system ([`machine`]). How far it may grow is arithmetic ([`growth`]); nothing is ever made smaller, moved, formatted
//! or touched that is not the brick's.

mod bytes;
pub mod ext4;
pub mod gpt;
pub mod growth;
mod kernel;
pub mod machine;
pub mod mbr;
pub mod medium;
pub mod signature;
pub mod table;

use std::io;

pub use growth::{Place, Refusal};
pub use table::Table;

/// Bytes of a sector: the unit of every number in a partition table here, and of `size` in sysfs.
pub const SECTOR: u64 = 512;

/// Why a card is not read or not changed.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The operating system could not.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It must not be done.
    #[error("{0}")]
    Refused(#[from] Refusal),
}
