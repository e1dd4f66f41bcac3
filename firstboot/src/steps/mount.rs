//! The volume is mounted, and answers.

use std::time::Duration;

use super::systemctl;
use crate::{
    config::{NodeConfig, Volume},
    host::{Command, Host, Mounted},
    step::{Doing as _, Outcome, Step, StepError},
};

/// What glusterfs' mounts are called.
const KIND: &str = "fuse.glusterfs";
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
        let path = &volume.mount;
        let unit = unit_name(path);
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
}

/// Whether it is the volume that is mounted: `node:/name` or `node:name`.
fn is_volume(volume: &Volume, mounted: &Mounted) -> bool {
    let name = mounted.source.rsplit(':').next().unwrap_or_default();
    mounted.kind == KIND && name.trim_start_matches('/') == volume.name
}

/// Takes away a mount whose program has died, also while a program has a file in it open.
fn unmount(path: &str, unit: &str, host: &mut dyn Host) -> Result<(), StepError> {
    // Fails where something is open; then it goes the other way.
    let _ = systemctl::order(host, "stop", unit);
    if host.mounted(path).doing(path)?.is_none() {
        return Ok(());
    }
    // Not from here: this program may have a mount table of its own.
    let command = Command::new("systemd-run", ["--quiet", "--wait", "--collect", "umount", "--lazy", path]);
    let output = host.run(&command).doing(&command)?;
    if output.is_ok() { Ok(()) } else { Err(StepError::Command { command: command.to_string(), said: output.last_words() }) }
}

/// The unit of systemd for what is mounted at a path (systemd.unit(5), "string escaping").
fn unit_name(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let path = parts.join("/");
    if path.is_empty() {
        return "-.mount".to_owned();
    }
    let mut name = String::new();
    for (index, byte) in path.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index == 0 => name.push_str("\\x2e"),
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b':' | b'_' | b'.' => name.push(char::from(byte)),
            _ => name.push_str(&format!("\\x{byte:02x}")),
        }
    }
    name + ".mount"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_named_as_systemd_names_them() {
        assert_eq!(unit_name("/mnt/www"), "mnt-www.mount");
        assert_eq!(unit_name("/srv//web-site/ä/"), "srv-web\\x2dsite-\\xc3\\xa4.mount");
        assert_eq!(unit_name("/.hidden/.x"), "\\x2ehidden-.x.mount");
        assert_eq!(unit_name("/"), "-.mount");
    }
}
