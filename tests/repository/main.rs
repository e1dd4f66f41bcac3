//! The repository simulator: a Debian archive in memory, behind a web server that lies. Whatever it does, `lock` ends with the right
//! packages, or with a refusal that names the reason and leaves cache and lock as they were.
//!
//! Images are made through a mount, so these tests need root.

#[allow(dead_code, reason = "the tests of signatures use all of it")]
#[path = "../../src/debian/openpgp/tests/kit.rs"]
mod kit;

mod archive;
mod attack;
mod bench;
mod binding;
mod bomb;
mod download;
mod family;
mod good;
mod index;
mod kept;
mod moved;
mod oracle;
mod package;
mod release;
mod request;
mod secret;
mod signature;
mod site;
mod stanza;
#[path = "../support/mod.rs"]
mod support;
