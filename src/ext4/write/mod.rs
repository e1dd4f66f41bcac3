//! The packed writer: trees of one family in, one image per tree out, without moving a byte of content.
//!
//! [`Layout::new`] counts, numbers and places everything: after it every offset of every image is known and nothing can fail any more.
//! [`Layout::image`] then puts the metadata of one node into memory and refers to the content of files where it stands.
//!
//! **Place.** The fixed metadata (superblocks, descriptors, bitmaps, inode tables) takes the places that `mke2fs` would give it. All
//! other blocks, in ascending order, form one line (`space::Space`) that is given out from its start: journal, folders and
//! attributes, content of files in the order of the tree, and at last all that differs between nodes.
//!
//! **Family.** What all nodes share stands at the same place with the same inode number in every image. An inode that differs in any
//! node, or that some node lacks, gets its number after all shared ones and a slot of blocks as large as its largest variant. A smaller
//! variant uses the first blocks of its slot; the others are free in that node's bitmap, so they are lost to no one, and that node
//! differs by one block of the bitmap, one of the descriptors and the superblock. The backups of superblock and descriptors carry the
//! counts of node 0 in all images: no kernel keeps these counts up to date in the backups, and no checker compares them.
//!
//! **What is written to a card.** Unused inode tables and bitmaps of groups that are marked as uninitialised are holes. The journal and,
//! without group checksums, unused inode tables are zeroes that must be written, and so are the unused ends of the last blocks of
//! files: a file that grows shows them.
//!
//! Inode generations are 0: they only matter to NFS handles of an earlier life of the inode number, which there was not.

mod census;
mod checksums;
mod directory;
mod emit;
mod error;
mod extents;
mod geometry;
mod groups;
mod htree;
mod inode;
mod journal;
mod layout;
mod options;
mod resize;
mod space;
mod superblock;
#[cfg(test)]
mod tests;
mod xattr;

pub use error::WriteError;
pub use layout::{Layout, Usage};
pub use options::{Features, Inodes, Options};
