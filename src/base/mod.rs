//! Base images: where one comes from, and what is in it.
//!
//! [`source::obtain`] turns what a profile names into a raw image: a file where it stands, a decompressed one from the [`cache`], one
//! that is [downloaded](fetch), or one [made](debian) from Debian's packages. [`Base::read`] reads it and [detects](detect) what it is.

pub mod cache;
pub mod debian;
pub mod detect;
mod error;
pub mod facts;
pub mod fetch;
mod image;
pub mod initramfs;
pub mod raspi_firmware;
pub mod sniff;
pub mod source;

pub use error::BaseError;
pub use image::Base;
