//! Orders to systemd.

use crate::{
    host::{Command, Host},
    step::{Doing as _, StepError},
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
    let command = Command::new("systemctl", words.iter().copied()).within(std::time::Duration::from_secs(360));
    let output = host.run(&command).doing(&command)?;
    if output.is_ok() { Ok(()) } else { Err(StepError::Command { command: command.to_string(), said: output.last_words() }) }
}
