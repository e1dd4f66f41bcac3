//! Switches off what a stock image does on its first boot.

use super::{
    edit::Editor,
    flavour::{MASKED, REMOVED, UNIQUE},
};
use crate::{
    base::facts::Facts,
    node::{NodeError, embedded},
};

/// Wizard, expansion, host keys anew, cloud-init: off.
pub(super) fn apply(editor: &mut Editor, facts: &Facts) -> Result<(), NodeError> {
    for (unit, _why) in MASKED {
        editor.mask(unit)?;
    }
    for path in REMOVED.into_iter().chain(UNIQUE) {
        editor.remove(path)?;
    }
    for level in ["0", "1", "2", "3", "4", "5", "6", "S"] {
        let folder = format!("/etc/rc{level}.d");
        for name in editor.names(&folder) {
            // `S01resize2fs_once`: a letter and two digits before the script's name.
            if name.get(3..) == Some("resize2fs_once") {
                editor.remove(&format!("{folder}/{name}"))?;
            }
        }
    }
    if facts.wizard {
        // The wizard took the first console.
        editor.enable("getty@tty1.service", "getty.target.wants", "the login on the console")?;
    }
    if facts.cloud_init {
        editor.create("/etc/cloud/cloud-init.disabled", 0o644, 0, 0, "")?;
        // For the day when somebody switches it on again: it would grow the root, rename the node and add the stock account.
        editor.create("/etc/growroot-disabled", 0o644, 0, 0, "")?;
        editor.create("/etc/cloud/cloud.cfg.d/zz-berry.cfg", 0o644, 0, 0, embedded::CLOUD.text)?;
    }
    if editor.tree.resolve("/var/lib/dbus").is_some() {
        // D-Bus would make an id of its own.
        editor.link("/var/lib/dbus/machine-id", "/etc/machine-id")?;
    }
    Ok(())
}
