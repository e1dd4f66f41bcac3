//! A whole cluster under a real systemd: cards as they are flashed, on machines of systemd-nspawn.
#![allow(clippy::print_stdout, dead_code, reason = "figures are printed; other tests' parts are used in part")]

#[path = "../dpkg_oracle/apt.rs"]
mod apt;
#[path = "../dpkg_oracle/compare.rs"]
mod compare;
#[path = "../dpkg_oracle/ground.rs"]
mod ground;
#[path = "../dpkg_oracle/ours.rs"]
mod ours;
#[path = "../dpkg_oracle/place.rs"]
mod place;
#[path = "../dpkg_oracle/sets.rs"]
mod sets;
#[path = "../support/mod.rs"]
mod support;

mod cards;
mod cases;
mod lab;
