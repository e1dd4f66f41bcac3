//! NetworkManager: our connection and no other, and the radio switched on where it is used.

use super::{edit::Editor, flavour::RADIOS, wifi_of};
use crate::{
    base::facts::{Facts, NetworkManager},
    node::NodeError,
    profile::Profile,
};

/// The node's connection.
pub(super) const KEYFILE: &str = "/etc/NetworkManager/system-connections/berry.nmconnection";
const CONNECTIONS: &str = "/etc/NetworkManager/system-connections";
const RFKILL: &str = "/var/lib/systemd/rfkill";

pub(super) fn apply(editor: &mut Editor, facts: &Facts, profile: &Profile) -> Result<(), NodeError> {
    match facts.network {
        NetworkManager::NetworkManager => {}
    }
    refuse_ifupdown(editor)?;
    editor.enable("NetworkManager.service", "multi-user.target.wants", "the network")?;
    editor.folder(CONNECTIONS, 0o755, 0, 0)?;
    for name in editor.names(CONNECTIONS) {
        // A connection of the image would compete with ours.
        editor.remove(&format!("{CONNECTIONS}/{name}"))?;
    }
    if profile.nodes.iter().any(|node| wifi_of(profile, node).is_some()) {
        radio_on(editor)?;
    }
    Ok(())
}

/// NetworkManager leaves alone what ifupdown is told to configure.
fn refuse_ifupdown(editor: &Editor) -> Result<(), NodeError> {
    let folder = "/etc/network/interfaces.d";
    let more = editor.names(folder).into_iter().map(|name| format!("{folder}/{name}"));
    for path in std::iter::once("/etc/network/interfaces".to_owned()).chain(more) {
        for line in editor.text(&path)?.lines() {
            let mut words = line.split_whitespace();
            if let (Some("iface"), Some(name @ ("eth0" | "wlan0"))) = (words.next(), words.next()) {
                let reason = format!("it configures {name}, so NetworkManager would not");
                return Err(NodeError::NotUnderstood { path, reason });
            }
        }
    }
    Ok(())
}

/// Undoes what keeps the radio off until a country is chosen: the state that systemd-rfkill restores and NetworkManager's own.
fn radio_on(editor: &mut Editor) -> Result<(), NodeError> {
    if !["/usr/sbin/wpa_supplicant", "/sbin/wpa_supplicant"].iter().any(|path| editor.is_file(path)) {
        return Err(NodeError::Missing { path: "/usr/sbin/wpa_supplicant".to_owned(), purpose: "a wireless network" });
    }
    let found = editor.names(RFKILL).into_iter().filter(|name| name.ends_with(":wlan"));
    let radios: Vec<String> = found.chain(RADIOS.map(str::to_owned)).collect();
    for name in radios {
        editor.write(&format!("{RFKILL}/{name}"), "0\n")?;
    }
    let state = "/var/lib/NetworkManager/NetworkManager.state";
    editor.write(state, "[main]\nNetworkingEnabled=true\nWirelessEnabled=true\nWWANEnabled=true\n")
}
