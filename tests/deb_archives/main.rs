//! Binary packages, good, odd and hostile, against dpkg and GNU tar.
//!
//! [`table`] has one named package for each rule, with what each reader makes of it; [`mutate`] damages sound packages at random: what is
//! accepted must be listed as they list it.

#![allow(missing_docs, unreachable_pub, clippy::print_stderr, reason = "a test; figures are printed")]

mod archive;
mod control;
mod members;
mod mutate;
mod oracle;
mod outer;
mod real;
mod said;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod tars;
