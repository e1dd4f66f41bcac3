//! The settings of a node, as edits of the tree of its root file system.
//!
//! [`common`] makes everything that is equal on all nodes, once; [`personal`] then only gives content to a few files. Each of them
//! stands already in the common tree, so the trees of all nodes have the same names and inode numbers, and what differs between two
//! images are the blocks of these files.
//!
//! One module per concern. What differs between images is detected from the tree or stands in the tables of `flavour`.

mod clock;
mod dhcpcd;
mod edit;
mod first_boot;
mod flavour;
mod fstab;
pub(super) mod hosts;
mod keyfile;
mod network;
mod network_manager;
mod region;
mod ssh;
mod swap;
mod user;
mod wpa_supplicant;

#[cfg(test)]
mod tests;

use edit::Editor;

use super::{NodeError, boot, identity::Identity, ledger::Ledger, partuuid::PartUuids};
use crate::{
    base::{
        facts::{Facts, Flavour, NetworkService},
        raspi_firmware,
    },
    profile::{Network, Node, Profile, Wifi},
    tree::Tree,
};

/// What all nodes of one build share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Every time that is made up, in seconds since 1970.
    pub epoch: i64,
    /// Public key that lets the operator in when the profile lists none.
    pub operator_key: Option<String>,
}

impl Build {
    /// The build of a ledger; `source_date_epoch` (seconds since 1970) takes the place of the time that the ledger keeps.
    #[must_use]
    pub fn new(ledger: &Ledger, source_date_epoch: Option<i64>) -> Self {
        Self { epoch: source_date_epoch.unwrap_or(ledger.epoch()), operator_key: ledger.operator_key().map(|key| key.public().to_owned()) }
    }
}

/// Makes the edits that are equal on all nodes, and a place for every file that [`personal`] writes.
///
/// # Errors
/// When the image lacks something that a setting needs, or does not know a value of the profile.
pub fn common(tree: &mut Tree, facts: &Facts, profile: &Profile, build: &Build) -> Result<(), NodeError> {
    let mut editor = Editor::new(tree, build.epoch);
    first_boot::apply(&mut editor, facts)?;
    region::apply(&mut editor, profile)?;
    user::apply(&mut editor, facts, profile, build)?;
    ssh::apply(&mut editor, profile)?;
    network::apply(&mut editor, facts, profile)?;
    clock::apply(&mut editor, facts, profile)?;
    swap::apply(&mut editor, facts)?;
    let mount_point = &profile.brick.mount_point;
    if !editor.names(mount_point).is_empty() {
        // The brick would hide it: a home with its keys, a database of the system.
        return Err(NodeError::Taken { what: "mount point", value: mount_point.clone() });
    }
    editor.folder(mount_point, 0o755, 0, 0)?;
    for (path, permissions) in personal_files(facts, profile) {
        editor.reserve(path, permissions)?;
    }
    // Equal on all nodes of the local network, so that only remote nodes have one of their own.
    if let Some(node) = profile.nodes.iter().find(|node| node.remote.is_none()) {
        let hosts = hosts::file(&editor.text("/etc/hosts")?, profile, node);
        editor.write("/etc/hosts", hosts)?;
    }
    Ok(())
}

/// Makes the edits that only this node gets, in a copy of the tree that [`common`] made. `names` are those of its card.
///
/// # Errors
/// When the image's `fstab` is not understood.
pub fn personal(
    tree: &mut Tree,
    facts: &Facts,
    profile: &Profile,
    node: &Node,
    identity: &Identity,
    names: &PartUuids,
    build: &Build,
) -> Result<(), NodeError> {
    let mut editor = Editor::new(tree, build.epoch);
    editor.write("/etc/hostname", format!("{}\n", node.name))?;
    let hosts = hosts::file(&editor.text("/etc/hosts")?, profile, node);
    editor.write("/etc/hosts", hosts)?;
    editor.write("/etc/machine-id", format!("{}\n", identity.machine_id))?;
    let fstab = fstab::file(&editor.text("/etc/fstab")?, facts, profile, identity, names)?;
    editor.write("/etc/fstab", fstab)?;
    editor.write(ssh::HOST_KEY, identity.ssh_host_key.private().expose().clone())?;
    editor.write(ssh::HOST_KEY_PUBLIC, format!("{}\n", identity.ssh_host_key.public()))?;
    network::personal(&mut editor, facts, profile, node, identity)?;
    if facts.flavour == Flavour::BerryDebian {
        editor.write(raspi_firmware::SETTINGS, raspi_firmware::settings(&names.root()))?;
        let words = boot::extra_words(facts, wifi_of(profile, node));
        // Without words the file is empty, for it must be there on every node.
        let extra = if words.is_empty() { String::new() } else { raspi_firmware::extra(&words) };
        editor.write(raspi_firmware::EXTRA, extra)?;
    }
    Ok(())
}

/// The files that [`personal`] writes, with the permissions that they get where the image has no such file.
fn personal_files(facts: &Facts, profile: &Profile) -> Vec<(&'static str, u16)> {
    let mut files = vec![
        ("/etc/hostname", 0o644),
        ("/etc/hosts", 0o644),
        ("/etc/machine-id", 0o444),
        ("/etc/fstab", 0o644),
        (ssh::HOST_KEY, 0o600),
        (ssh::HOST_KEY_PUBLIC, 0o644),
    ];
    match facts.network {
        NetworkService::NetworkManager => files.push((network_manager::KEYFILE, 0o600)),
        NetworkService::Dhcpcd => {
            files.push((dhcpcd::CONFIGURATION, 0o644));
            if has_wifi(profile) {
                files.push((wpa_supplicant::CONFIGURATION, 0o600));
            }
        }
    }
    if facts.flavour == Flavour::BerryDebian {
        files.extend([(raspi_firmware::SETTINGS, 0o644), (raspi_firmware::EXTRA, 0o644)]);
    }
    files
}

/// The network a node stands in; `None` for a remote node of whose network nothing is known.
fn network_of<'a>(profile: &'a Profile, node: &'a Node) -> Option<&'a Network> {
    match &node.remote {
        Some(remote) => remote.network.as_ref(),
        None => Some(&profile.network),
    }
}

/// Whether any node joins a wireless network.
fn has_wifi(profile: &Profile) -> bool {
    profile.nodes.iter().any(|node| wifi_of(profile, node).is_some())
}

/// The wireless network a node joins, if any.
pub(super) fn wifi_of<'a>(profile: &'a Profile, node: &'a Node) -> Option<&'a Wifi> {
    network_of(profile, node).and_then(|network| network.wifi.as_ref())
}
