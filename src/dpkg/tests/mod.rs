//! Unpacking and removing on small systems. That dpkg itself would leave the same is shown on real ones (`tests/dpkg_oracle`).

mod kit;
mod remove;
mod triggers;
mod unpack;
mod upgrade;
