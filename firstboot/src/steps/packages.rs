//! The packages that are unpacked in the image are configured, and those that are to go are gone.
//!
//! Their services are not started by the packages (policy-rc.d of invoke-rc.d(8)): they might wait for what waits for this. The initial RAM
//! disk is not made again, which takes minutes and is what the next boot needs.

use std::time::Duration;

use super::systemctl;
use crate::{
    config::NodeConfig,
    host::{Command, Host, Kind},
    step::{Doing as _, Outcome, Step, StepError, carry_out},
};

const STATUS: &str = "/var/lib/dpkg/status";
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_TEXT: &str =
    "#!/bin/sh\n# Written by berry-firstboot while packages are configured, and removed afterwards: no service is started.\nexit 101\n";
const INITRAMFS: &str = "/etc/initramfs-tools/update-initramfs.conf";
const INITRAMFS_KEPT: &str = "/etc/initramfs-tools/update-initramfs.conf.berry-kept";
/// What else would want dpkg's lock at this time.
const TIMERS: [&str; 2] = ["apt-daily.timer", "apt-daily-upgrade.timer"];
const JOBS: [&str; 2] = ["apt-daily.service", "apt-daily-upgrade.service"];
/// A Pi 1 configures the packages of a web server in a quarter of an hour.
const LIMIT: Duration = Duration::from_secs(2 * 3600);

/// The packages are configured.
#[derive(Clone, Copy, Debug)]
pub struct Packages;

/// What dpkg's database says is left to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Left {
    /// Packages that are neither as they are wanted nor on their way to be removed, in byte order.
    configure: Vec<String>,
    /// Packages that are to go.
    remove: Vec<String>,
}

impl Step for Packages {
    fn name(&self) -> &'static str {
        "packages"
    }

    fn purpose(&self) -> &'static str {
        "the packages of the image are configured"
    }

    /// A card that cannot be grown is no reason for a node that nobody can work on.
    fn stands_alone(&self) -> bool {
        true
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        if !config.packages.pending {
            return Ok(Outcome::KEPT);
        }
        let left = left(host)?;
        let is_fenced = host.read(POLICY).is_ok_and(|text| text == POLICY_TEXT.as_bytes())
            || host.look(INITRAMFS_KEPT).doing(INITRAMFS_KEPT)?.is_some();
        let mut changed = false;
        if left != Left::default() {
            fence(host)?;
            if !left.remove.is_empty() {
                dpkg(host, &["--remove", "--pending"])?;
            }
            dpkg(host, &["--configure", "-a", "--force-confdef", "--force-confold"])?;
            let still = self::left(host)?;
            if still != Left::default() {
                let names: Vec<String> = still.configure.into_iter().chain(still.remove).collect();
                let reason = format!("still to be done: {}", names.join(" "));
                return Err(StepError::Unexpected { what: "dpkg's database".to_owned(), reason });
            }
            changed = true;
        }
        changed |= hold(&config.packages.hold, host)?;
        if changed || is_fenced {
            unfence(host)?;
        }
        Ok(Outcome::Done { changed: changed || is_fenced })
    }
}

/// Reads dpkg's database.
fn left(host: &dyn Host) -> Result<Left, StepError> {
    let text = host.read(STATUS).doing(STATUS)?;
    Ok(read(&String::from_utf8_lossy(&text)))
}

/// What is left to do by the text of dpkg's status file (dpkg(1), "INFORMATION ABOUT PACKAGES").
fn read(text: &str) -> Left {
    let mut left = Left::default();
    for stanza in text.split("\n\n") {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let (Some(package), Some(status)) = (field("Package"), field("Status")) else { continue };
        let words: Vec<&str> = status.split(' ').collect();
        let [want, flag, state] = words[..] else { continue };
        let is_settled = flag == "ok" && !stanza.lines().any(|line| line.starts_with("Triggers-Pending:"));
        match (want, state) {
            ("deinstall" | "purge", "config-files" | "not-installed") | ("unknown", "not-installed") => {}
            ("deinstall" | "purge", _) => left.remove.push(package.to_owned()),
            (_, "installed") if is_settled => {}
            _ => left.configure.push(package.to_owned()),
        }
    }
    left
}

/// Runs dpkg, which asks nothing.
fn dpkg(host: &mut dyn Host, arguments: &[&str]) -> Result<(), StepError> {
    let command = Command::new("dpkg", arguments.iter().copied())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("DEBCONF_NONINTERACTIVE_SEEN", "true")
        .within(LIMIT)
        // dpkg sees to it that its database is on the card, and not that what a package's script wrote is there before. ext4 would wait for
        // up to half a minute with it, and after a power cut the file would be empty and the package installed.
        .synced();
    let output = host.run(&command).doing(&command)?;
    if output.is_ok() {
        return Ok(());
    }
    // What went wrong first is told; the last lines are a list of names.
    let first = output.stderr.lines().find(|line| line.contains("error")).map(str::to_owned);
    Err(StepError::Command { command: command.to_string(), said: first.unwrap_or_else(|| output.last_words()) })
}

/// Puts packages on hold that are not yet.
fn hold(names: &[String], host: &mut dyn Host) -> Result<bool, StepError> {
    let text = String::from_utf8_lossy(&host.read(STATUS).doing(STATUS)?).into_owned();
    let is_free = |name: &&String| {
        let of = |stanza: &&str| stanza.lines().any(|line| line.strip_prefix("Package: ") == Some(name.as_str()));
        text.split("\n\n").filter(of).any(|stanza| stanza.lines().any(|line| line == "Status: install ok installed"))
    };
    let names: Vec<&str> = names.iter().filter(is_free).map(String::as_str).collect();
    if names.is_empty() {
        return Ok(false);
    }
    carry_out(host, &Command::new("apt-mark", ["hold"].into_iter().chain(names)))?;
    Ok(true)
}

/// Keeps services, initial RAM disk and apt's timers out of it.
fn fence(host: &mut dyn Host) -> Result<(), StepError> {
    if host.look(POLICY).doing(POLICY)?.is_none() {
        host.write(POLICY, POLICY_TEXT.as_bytes(), 0o755).doing(POLICY)?;
    }
    // The one that is kept counts: this may have been cut short at any point.
    if host.look(INITRAMFS_KEPT).doing(INITRAMFS_KEPT)?.is_none() && matches!(host.look(INITRAMFS).doing(INITRAMFS)?, Some(Kind::File(_))) {
        let text = host.read(INITRAMFS).doing(INITRAMFS)?;
        host.write(INITRAMFS_KEPT, &text, 0o644).doing(INITRAMFS_KEPT)?;
    }
    if host.look(INITRAMFS_KEPT).doing(INITRAMFS_KEPT)?.is_some() {
        // The last assignment counts: the file is read by a shell.
        let mut text = host.read(INITRAMFS_KEPT).doing(INITRAMFS_KEPT)?;
        text.extend_from_slice(b"\nupdate_initramfs=no\n");
        host.write(INITRAMFS, &text, 0o644).doing(INITRAMFS)?;
    }
    for unit in TIMERS.into_iter().chain(JOBS) {
        // Where there is none it cannot be stopped.
        let _ = systemctl::order(host, "stop", unit);
    }
    Ok(())
}

/// Undoes it, and starts what the packages enabled and was not to be started by them. The policy goes last: as long as it is there, this is
/// not finished.
fn unfence(host: &mut dyn Host) -> Result<(), StepError> {
    if host.look(INITRAMFS_KEPT).doing(INITRAMFS_KEPT)?.is_some() {
        host.rename(INITRAMFS_KEPT, INITRAMFS).doing(INITRAMFS)?;
    }
    systemctl::run(host, &["daemon-reload"])?;
    for unit in TIMERS {
        if systemctl::says(host, "is-enabled", unit)? {
            systemctl::order(host, "start", unit)?;
        }
    }
    systemctl::run(host, &["--no-block", "start", "multi-user.target"])?;
    if host.read(POLICY).is_ok_and(|text| text == POLICY_TEXT.as_bytes()) {
        host.remove(POLICY).doing(POLICY)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
