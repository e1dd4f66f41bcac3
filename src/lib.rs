//! berry-image turns one stock Raspberry Pi image and one profile of a cluster into one ready SD image per node.
//!
//! A profile ([`profile`]) and a base image ([`base`]) become, by a pure plan, one image per node described as a list of
//! extents ([`disk`]). A root file system is a tree in memory ([`tree`]) whose file contents are references; the settings of a node
//! are edits of that tree; its packages are chosen from the archives ([`debian`], [`repository`]) and pinned by a [`lock`]; [`ext4`] lays it out and `fat` edits the boot partition. Bytes move once, at the end.

pub mod accounts;
pub mod bake;
pub mod base;
pub mod cli;
pub mod debian;
pub mod decompress;
pub mod disk;
pub mod dpkg;
pub mod error;
pub mod ext4;
pub mod fat;
pub mod hex;
pub mod image;
pub mod little_endian;
pub mod lock;
pub mod node;
pub mod output;
pub mod overlay;
mod parallel;
pub mod plan;
pub mod profile;
pub mod progress;
pub mod repository;
pub mod sbom;
pub mod secret;
pub mod ssh;
pub mod tar;
pub mod tree;
