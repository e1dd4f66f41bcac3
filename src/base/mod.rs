//! Base images: where one comes from, and what is in it.

pub mod facts;
