//! From a list of extents to files: sparse images, their digests, and nothing under a final name before all is done.
//!
//! A build takes a [`Staging`] in its output folder, writes all images into it by [`sparse::write`], adds small files, and commits:
//! the manifest gets its name last. What only one operating system can do stands in [`platform`].

pub mod atomic;
pub mod digest;
mod error;
pub mod manifest;
pub mod platform;
pub mod sparse;
mod staging;
#[cfg(test)]
mod tests;

pub use error::OutputError;
pub use staging::{LOCK, Staging};
