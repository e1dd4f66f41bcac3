//! Base images: where one comes from, and what is in it.

pub mod cache;
pub mod debian;
pub mod decompress;
pub mod facts;
pub mod raspi_firmware;
pub mod sniff;
