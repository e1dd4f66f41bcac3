//! Bytes on a disk: where they come from, and the list of extents that makes an image.
//!
//! Nothing here knows of profiles, nodes or file systems.

mod extent;
pub mod gpt;
mod holes;
pub mod mbr;
mod storage;
pub mod table;
#[cfg(test)]
mod testing;
mod zeros;

pub use extent::{Extent, Extents, Source};
pub use holes::data_from;
pub use storage::{FileStorage, Storage, Window};
