//! ext4: the on-disk format, a reader and a packed writer, independent of everything above.
//!
//! The format follows Documentation/filesystems/ext4 of the Linux kernel and `fs/ext4/ext4.h`; field names are the kernel's.

pub mod checksum;
pub mod format;
mod hash;
pub mod read;
pub mod write;

pub use read::{Ext4, Summary};
