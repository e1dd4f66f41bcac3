//! The ext4 writer against what knows ext4 best: `e2fsck`, `dumpe2fs`, `resize2fs` and the kernel; and against our own reader.
//!
//! Mounting needs root; without it those parts end early (CI runs as root).

mod family;
mod grow;
mod mounted;
mod oracle;
mod property;
mod real;
mod reread;
mod trees;
