//! Tests of the whole way from text to profile or problems.

mod good;
mod overlays;
mod packages;
mod schema;
mod secrets;
mod support;
mod volume;
mod wrong;
