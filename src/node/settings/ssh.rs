//! sshd: on from the first boot, by the profile's policy, with the host key of the ledger.

use super::edit::Editor;
use crate::{
    node::{NodeError, template},
    profile::Profile,
};

/// The node's private host key.
pub(super) const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";
/// The node's public host key.
pub(super) const HOST_KEY_PUBLIC: &str = "/etc/ssh/ssh_host_ed25519_key.pub";
const CONFIGURATION: &str = "/etc/ssh/sshd_config";
const DROP_INS: &str = "/etc/ssh/sshd_config.d";

pub(super) fn apply(editor: &mut Editor, profile: &Profile) -> Result<(), NodeError> {
    if !editor.is_file(CONFIGURATION) {
        return Err(NodeError::Missing { path: CONFIGURATION.to_owned(), purpose: "SSH" });
    }
    let reads_drop_ins = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("Include")) && words.any(|word| word.starts_with(DROP_INS))
    };
    if !editor.text(CONFIGURATION)?.lines().any(reads_drop_ins) {
        return Err(NodeError::NotUnderstood { path: CONFIGURATION.to_owned(), reason: format!("it does not include {DROP_INS}/*.conf") });
    }
    // Keys that every card from this image would share.
    for name in editor.names("/etc/ssh") {
        if name.starts_with("ssh_host_") {
            editor.remove(&format!("/etc/ssh/{name}"))?;
        }
    }
    editor.remove("/etc/ssh/sshd_not_to_be_run")?;
    let passwords = if profile.ssh.password_login { "yes" } else { "no" };
    let text = template::render(template::SSHD, &[("passwords", passwords)])?;
    editor.create(&format!("{DROP_INS}/00-berry.conf"), 0o644, 0, 0, text)?;
    editor.enable("ssh.service", "multi-user.target.wants", "SSH")?;
    // The unit's `Alias=`.
    let unit = editor.unit("ssh.service").unwrap_or_default();
    editor.link("/etc/systemd/system/sshd.service", &unit)
}
