//! The settings of a node, as edits of the tree of its root file system.
//!
//! [`common`] makes everything that is equal on all nodes, once; [`personal`] then only gives content to a few files. Each of them
//! stands already in the common tree, so the trees of all nodes have the same names and inode numbers, and what differs between two
//! images are the blocks of these files. Two things are otherwise, where there is a volume: a node has a file for each other node of its
//! pool, and a node in another place lacks what makes and serves the volume.
//!
//! One module per concern. What differs between images is detected from the tree or stands in the tables of `flavour`.

mod clock;
mod cluster;
mod dhcpcd;
mod edit;
mod first_boot;
mod flavour;
mod fstab;
pub(super) mod hosts;
mod keyfile;
mod network;
mod network_manager;
mod overlays;
mod region;
mod ssh;
mod swap;
mod user;
mod wpa_supplicant;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use cluster::GLUSTERD;
use edit::Editor;

use super::{NodeError, boot, identity::Identity, ledger::Ledger, partuuid::PartUuids};
use crate::{
    base::{
        facts::{Facts, Flavour, NetworkService, Release},
        raspi_firmware,
    },
    lock::Lock,
    profile::{Network, Node, Profile, Wifi},
    tree::Tree,
};

/// What all nodes of one build share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// Every time that is made up, in seconds since 1970.
    pub epoch: i64,
    /// Public key that lets the operator in when the profile lists none.
    pub operator_key: Option<String>,
    /// UUID of each node in the GlusterFS pool, by its name.
    pub uuids: BTreeMap<String, String>,
    /// Version of the package [`GLUSTERD`] that the images get, where that is known before it is in their tree.
    pub gluster: Option<String>,
}

/// What [`common`] found out and [`personal`] needs.
#[derive(Clone, Debug)]
pub struct Shared {
    epoch: i64,
    cluster: cluster::Common,
}

impl Build {
    /// The build of a ledger; `source_date_epoch` (seconds since 1970) takes the place of the time that the ledger keeps.
    #[must_use]
    pub fn new(ledger: &Ledger, source_date_epoch: Option<i64>) -> Self {
        Self {
            epoch: source_date_epoch.unwrap_or(ledger.epoch()),
            operator_key: ledger.operator_key().map(|key| key.public().to_owned()),
            uuids: ledger.identities().map(|(name, identity)| (name.to_owned(), identity.gluster_uuid.to_string())).collect(),
            gluster: None,
        }
    }

    /// The same, with what a lock says of the packages that the images get.
    #[must_use]
    pub fn with(mut self, lock: Option<&Lock>) -> Self {
        let gluster = lock.and_then(|lock| lock.packages.iter().find(|package| package.name == GLUSTERD));
        self.gluster = gluster.map(|package| package.version.clone());
        self
    }

    /// The same for a plan that nothing is made of, before the packages are chosen: what is not known is as in the archive of the release.
    #[must_use]
    pub fn or_as_in(mut self, release: Release) -> Self {
        let usual = match release {
            Release::Stretch => "3.8.8-1",
            Release::Buster => "5.5-3",
            Release::Bullseye => "9.2-1",
            Release::Bookworm => "10.3-5",
            Release::Trixie => "11.1-6",
        };
        self.gluster.get_or_insert_with(|| usual.to_owned());
        self
    }
}

/// Makes the edits that are equal on all nodes, and a place for every file that [`personal`] writes.
///
/// # Errors
/// When the image lacks something that a setting needs, or does not know a value of the profile.
pub fn common(tree: &mut Tree, facts: &Facts, profile: &Profile, build: &Build) -> Result<Shared, NodeError> {
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
    let cluster = cluster::common(&mut editor, facts, profile, build)?;
    for (path, permissions) in personal_files(facts, profile) {
        editor.reserve(path, permissions)?;
    }
    // Equal on all nodes of the local network, so that only remote nodes have one of their own.
    if let Some(node) = profile.nodes.iter().find(|node| node.remote.is_none()) {
        let hosts = hosts::file(&editor.text("/etc/hosts")?, profile, node);
        editor.write("/etc/hosts", hosts)?;
    }
    overlays::common(&mut editor, profile, &made(facts, profile))?;
    Ok(Shared { epoch: build.epoch, cluster })
}

/// Makes the edits that only this node gets, in a copy of the tree that [`common`] made, with what it found out. `names` are those of the
/// node's card.
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
    shared: &Shared,
) -> Result<(), NodeError> {
    let mut editor = Editor::new(tree, shared.epoch);
    editor.write("/etc/hostname", format!("{}\n", node.name))?;
    let hosts = hosts::file(&editor.text("/etc/hosts")?, profile, node);
    editor.write("/etc/hosts", hosts)?;
    editor.write("/etc/machine-id", format!("{}\n", identity.machine_id))?;
    let fstab = fstab::file(&editor.text("/etc/fstab")?, facts, profile, node, identity, names)?;
    editor.write("/etc/fstab", fstab)?;
    editor.write(ssh::HOST_KEY, identity.ssh_host_key.private().expose().clone())?;
    editor.write(ssh::HOST_KEY_PUBLIC, format!("{}\n", identity.ssh_host_key.public()))?;
    network::personal(&mut editor, facts, profile, node, identity)?;
    cluster::personal(&mut editor, facts, profile, node, identity, names, &shared.cluster)?;
    if facts.flavour == Flavour::BerryDebian {
        editor.write(raspi_firmware::SETTINGS, raspi_firmware::settings(&names.root()))?;
        let words = boot::extra_words(facts, wifi_of(profile, node));
        // Without words the file is empty, for it must be there on every node.
        let extra = if words.is_empty() { String::new() } else { raspi_firmware::extra(&words) };
        editor.write(raspi_firmware::EXTRA, extra)?;
    }
    overlays::personal(&mut editor, profile, node, &made(facts, profile))
}

/// The files that no overlay may replace.
fn made(facts: &Facts, profile: &Profile) -> Vec<&'static str> {
    personal_files(facts, profile).into_iter().map(|(path, _)| path).chain(cluster::MADE).collect()
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
