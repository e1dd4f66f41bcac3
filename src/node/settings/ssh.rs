//! sshd: on from the first boot, by the profile's policy, with the host key of the ledger.

use super::edit::Editor;
use crate::{
    node::{NodeError, embedded},
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
    // Keys that every card from this image would share.
    for name in editor.names("/etc/ssh") {
        if name.starts_with("ssh_host_") {
            editor.remove(&format!("/etc/ssh/{name}"))?;
        }
    }
    editor.remove("/etc/ssh/sshd_not_to_be_run")?;
    let passwords = if profile.ssh.password_login { "yes" } else { "no" };
    let ours = embedded::render(&embedded::SSHD, &[("passwords", passwords)])?;
    let stock = editor.text(CONFIGURATION)?;
    if stock.lines().any(reads_drop_ins) {
        editor.create(&format!("{DROP_INS}/00-berry.conf"), 0o644, 0, 0, ours)?;
    } else {
        // sshd up to OpenSSH 8.1 cannot include files.
        editor.write(CONFIGURATION, at_the_top(&ours, &stock))?;
    }
    editor.enable("ssh.service", "multi-user.target.wants", "SSH")?;
    // The unit's `Alias=`.
    let unit = editor.unit("ssh.service").unwrap_or_default();
    editor.link("/etc/systemd/system/sshd.service", &unit)
}

/// Whether a line of the configuration includes the drop-ins.
fn reads_drop_ins(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("Include")) && words.any(|word| word.starts_with(DROP_INS))
}

/// Our settings before those of the image: the first value counts. Host keys are the one setting of which all values count, so that
/// those of the image go.
fn at_the_top(ours: &str, stock: &str) -> String {
    let is_host_key = |line: &&str| line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("HostKey"));
    let rest: String = stock.lines().filter(|line| !is_host_key(line)).map(|line| format!("{line}\n")).collect();
    format!("{ours}\n{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_drop_ins_our_settings_come_first() {
        let stock = "#HostKey /etc/ssh/ssh_host_rsa_key\nhostkey /etc/ssh/ssh_host_rsa_key\nPasswordAuthentication yes\n";
        let expected = "PermitRootLogin no\n\n#HostKey /etc/ssh/ssh_host_rsa_key\nPasswordAuthentication yes\n";
        assert_eq!(at_the_top("PermitRootLogin no\n", stock), expected);
        assert!(reads_drop_ins("include /etc/ssh/sshd_config.d/*.conf"));
        assert!(!reads_drop_ins("# Include /etc/ssh/sshd_config.d/*.conf") && !reads_drop_ins("Include /etc/ssh/other"));
    }
}
