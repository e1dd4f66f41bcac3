//! Orders to systemd.

use std::time::Duration;

use crate::{
    host::{Command, Host},
    step::{Doing as _, StepError, carry_out},
};

/// Whether `systemctl` says yes.
pub(super) fn says(host: &mut dyn Host, verb: &str, unit: &str) -> Result<bool, StepError> {
    let command = Command::new("systemctl", [verb, "--quiet", unit]);
    Ok(host.run(&command).doing(&command)?.is_ok())
}

/// Gives an order about a unit that must be carried out.
pub(super) fn order(host: &mut dyn Host, verb: &str, unit: &str) -> Result<(), StepError> {
    run(host, &[verb, unit])
}

/// Gives an order that must be carried out.
pub(super) fn run(host: &mut dyn Host, words: &[&str]) -> Result<(), StepError> {
    carry_out(host, &Command::new("systemctl", words.iter().copied()).within(Duration::from_secs(360)))
}
