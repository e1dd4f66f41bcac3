//! The boot partition: a FAT file system read, edited without touching its bytes, or made anew.
//!
//! [`Fat`] reads FAT12, FAT16 and FAT32. [`Fat::edit`] gives back the partition as [`Extents`](crate::disk::Extents) in which only the
//! changed sectors differ from the base. [`create()`] lays out a new FAT32 whose file contents stay references.
//!
//! This is our own code rather than a library over a copy-on-write layer: an edit needs files of the root folder only, a hostile boot
//! sector makes the known libraries overflow, and only a creator that knows where every file goes can leave contents where they are.
//! The format: Microsoft, "FAT: General Overview of On-Disk Format" 1.03 (2000), and the kernel's `fs/fat`.

mod create;
mod directory;
mod edit;
mod error;
mod geometry;
pub mod limits;
mod name;
mod table;
#[cfg(test)]
mod tests;
mod volume;

pub use create::{New, create};
pub use edit::Edit;
pub use error::FatError;
pub use geometry::Variant;
pub use volume::{Entry, Fat, Listed, Summary};

/// Bytes of a sector. Others exist (up to 4096), but not on SD cards.
const SECTOR: u64 = 512;
