//! A machine for the tests of steps that need little of it.

use std::{io, time::Duration};

use crate::{
    config::{Brick, FORMAT, NodeConfig, Packages},
    host::{Command, Host, Kind, Mounted, Output},
};

/// A machine that has a clock and mounts, and refuses all else.
#[derive(Debug)]
pub(super) struct Bare {
    pub(super) uptime: Duration,
    pub(super) clock: i64,
    pub(super) mounted: Option<Mounted>,
}

fn refused<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Host for Bare {
    fn uptime(&self) -> Duration {
        self.uptime
    }

    fn clock(&self) -> i64 {
        self.clock
    }

    fn set_clock(&mut self, seconds: i64) -> io::Result<()> {
        self.clock = seconds;
        Ok(())
    }

    fn sleep(&mut self, time: Duration) {
        self.uptime += time;
        self.clock += i64::try_from(time.as_secs()).unwrap();
    }

    fn run(&mut self, _: &Command) -> io::Result<Output> {
        refused()
    }

    fn connects(&mut self, _: &str, _: u16, _: Duration) -> bool {
        false
    }

    fn get(&mut self, _: &str) -> io::Result<(u16, Vec<u8>)> {
        refused()
    }

    fn look(&self, _: &str) -> io::Result<Option<Kind>> {
        refused()
    }

    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        refused()
    }

    fn list(&self, _: &str) -> io::Result<Vec<String>> {
        refused()
    }

    fn write(&mut self, _: &str, _: &[u8], _: u32) -> io::Result<bool> {
        refused()
    }

    fn overwrite(&mut self, _: &str, _: &[u8]) -> io::Result<()> {
        refused()
    }

    fn make_folder(&mut self, _: &str, _: u32) -> io::Result<()> {
        refused()
    }

    fn rename(&mut self, _: &str, _: &str) -> io::Result<()> {
        refused()
    }

    fn remove(&mut self, _: &str) -> io::Result<()> {
        refused()
    }

    fn attribute(&self, _: &str, _: &str) -> io::Result<Option<Vec<u8>>> {
        refused()
    }

    fn set_attribute(&mut self, _: &str, _: &str, _: &[u8]) -> io::Result<()> {
        refused()
    }

    fn remove_attribute(&mut self, _: &str, _: &str) -> io::Result<()> {
        refused()
    }

    fn mounted(&self, _: &str) -> io::Result<Option<Mounted>> {
        Ok(self.mounted.clone())
    }
}

/// A node that is to have nothing but its brick.
pub(super) fn config() -> NodeConfig {
    NodeConfig {
        format: FORMAT,
        cluster: "cluster01".into(),
        node: "cluster01".into(),
        epoch: 1_700_000_000,
        brick: Brick {
            partition: 3,
            partition_uuid: "DEADBEEF-03".into(),
            uuid: "01010101-0101-0101-0101-010101010101".into(),
            mount: "/export".into(),
            cap: None,
        },
        packages: Packages::default(),
        pool: None,
        volume: None,
        web: None,
        status: None,
    }
}
