//! The volume is mounted, and answers.

use std::time::Duration;

use super::systemctl;
use crate::{
    baked::mount_unit,
    config::{NodeConfig, Volume},
    host::{Command, Host, Mounted},
    journal,
    step::{Doing as _, Outcome, Step, StepError, carry_out},
};

/// Seconds after which it is tried again.
const AGAIN: u64 = 10;
/// A mount that the bricks refuse ends with success, and is gone a moment later.
const MOMENT: Duration = Duration::from_secs(2);

/// The volume is mounted, and answers.
#[derive(Clone, Copy, Debug)]
pub struct Mount;

impl Step for Mount {
    fn name(&self) -> &'static str {
        "mount"
    }

    fn purpose(&self) -> &'static str {
        "the volume is mounted, and answers"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let Some(volume) = &config.volume else { return Ok(Outcome::KEPT) };
        let result = mount(volume, host);
        journal::note_volume(host, matches!(result, Ok(Outcome::Done { .. })));
        result
    }
}

fn mount(volume: &Volume, host: &mut dyn Host) -> Result<Outcome, StepError> {
    let path = &volume.mount;
    let unit = mount_unit(path);
    match host.mounted(path).doing(path)? {
        Some(mounted) if !is_volume(volume, &mounted) => {
            let (source, kind) = (mounted.source, mounted.kind);
            return Ok(Outcome::blocked(format!("{source} ({kind}) is mounted at {path}, where the volume {} is to be", volume.name)));
        }
        Some(mounted) if mounted.is_alive => return Ok(Outcome::KEPT),
        Some(_) => unmount(path, &unit, host)?,
        None => {}
    }
    // Where it has failed too often there is nothing to reset otherwise; that fails only then.
    let _ = systemctl::order(host, "reset-failed", &unit);
    match systemctl::order(host, "start", &unit) {
        Ok(()) => {}
        Err(StepError::Command { said, .. }) => {
            return Ok(Outcome::wait(format!("the volume {} cannot be mounted at {path} yet: {said}", volume.name), AGAIN));
        }
        Err(error) => return Err(error),
    }
    host.sleep(MOMENT);
    match host.mounted(path).doing(path)? {
        Some(mounted) if is_volume(volume, &mounted) && mounted.is_alive => Ok(Outcome::CHANGED),
        _ => Ok(Outcome::wait(
            format!("the volume {} did not stay mounted at {path}; auth.allow may not have this node", volume.name),
            AGAIN,
        )),
    }
}

/// Whether it is the volume that is mounted: `node:/name` or `node:name`.
fn is_volume(volume: &Volume, mounted: &Mounted) -> bool {
    let name = mounted.source.rsplit(':').next().unwrap_or_default();
    mounted.is_glusterfs() && name.trim_start_matches('/') == volume.name
}

/// Takes away a mount whose program has died, also while a program has a file in it open.
fn unmount(path: &str, unit: &str, host: &mut dyn Host) -> Result<(), StepError> {
    // Fails where something is open; then it goes the other way.
    let _ = systemctl::order(host, "stop", unit);
    if host.mounted(path).doing(path)?.is_none() {
        return Ok(());
    }
    // Not from here: this program may have a mount table of its own.
    carry_out(host, &Command::new("systemd-run", ["--quiet", "--wait", "--collect", "umount", "--lazy", path]))
}
