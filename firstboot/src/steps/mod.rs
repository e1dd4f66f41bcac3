//! The steps, one file each.

pub mod brick;
pub mod clock;
