//! Services: deb-systemd-helper(1p), systemctl(1), update-rc.d(8), invoke-rc.d(8), …

use crate::debian::script::{
    Effect, ScriptError,
    eval::{Field, Machine, Status},
};

/// Runs deb-systemd-helper; `None` when its arguments are not understood.
pub(super) fn helper(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let Some(words) = super::known(arguments) else { return Ok(None) };
    let mut words = words.into_iter().filter(|word| !word.starts_with('-'));
    let Some(action) = words.next() else { return Ok(Some(Status::NO)) };
    let units: Vec<String> = words.collect();
    match action.as_str() {
        // They ask for links that earlier calls have recorded.
        "was-enabled" | "debian-installed" | "is-enabled" => Ok(Some(Status::Unknown)),
        "enable" | "disable" | "mask" | "unmask" | "purge" | "update-state" | "reenable" => {
            if let ("purge" | "unmask", true) = (action.as_str(), nothing_recorded(machine, &units)) {
                return Ok(Some(Status::YES));
            }
            machine.record(Effect::Unit { action, units })?;
            Ok(Some(Status::YES))
        }
        _ => Ok(None),
    }
}

/// Whether deb-systemd-helper has nothing on record of any of the units, and no link of theirs is there.
fn nothing_recorded(machine: &Machine<'_>, units: &[String]) -> bool {
    units.iter().all(|unit| {
        let folders = ["/var/lib/systemd/deb-systemd-helper-enabled", "/var/lib/systemd/deb-systemd-helper-masked"];
        let names = folders.map(|folder| machine.exists(folder));
        let link = machine.there(&format!("/etc/systemd/system/{unit}"));
        names == [Some(false); 2] && link == Some(false)
    })
}

/// Runs systemctl; `None` when its arguments are not understood.
pub(super) fn systemctl(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let Some(words) = super::known(arguments) else { return Ok(None) };
    let mut plain = words.iter().filter(|word| !word.starts_with('-'));
    let action = plain.next().cloned().unwrap_or_default();
    let units: Vec<String> = plain.cloned().collect();
    match action.as_str() {
        "enable" | "disable" | "mask" | "unmask" | "preset" | "reenable" => {
            machine.record(Effect::Unit { action, units })?;
        }
        "start"
        | "stop"
        | "restart"
        | "try-restart"
        | "reload"
        | "reload-or-restart"
        | "try-reload-or-restart"
        | "daemon-reload"
        | "daemon-reexec"
        | "kill"
        | "reset-failed"
        | "isolate" => {
            return service(machine, "systemctl", arguments).map(Some);
        }
        _ => return Ok(None),
    }
    Ok(Some(Status::YES))
}

/// Starts or stops something.
pub(super) fn service(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Status, ScriptError> {
    let command = super::shown(name, arguments);
    machine.record(Effect::Service { command })?;
    // It may fail where nothing runs.
    Ok(Status::Unknown)
}

/// Runs update-rc.d; `None` when its arguments are not understood.
pub(super) fn update_rc(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let Some(words) = super::known(arguments) else { return Ok(None) };
    let mut words = words.into_iter().filter(|word| !word.starts_with('-'));
    let (Some(name), Some(action)) = (words.next(), words.next()) else { return Ok(None) };
    machine.record(Effect::UpdateRcD { name, action })?;
    Ok(Some(Status::YES))
}
