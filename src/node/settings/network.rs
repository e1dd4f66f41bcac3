//! The network: our settings and no others, for whatever configures it in this image, and the radio switched on where it is used.

use super::{
    dhcpcd,
    edit::Editor,
    flavour::{INTERFACES, RADIOS},
    has_wifi, keyfile, network_manager, wifi_of, wpa_supplicant,
};
use crate::{
    base::facts::{Facts, NetworkService},
    node::{NodeError, identity::Identity},
    profile::{Node, Profile},
};

const RFKILL: &str = "/var/lib/systemd/rfkill";

/// What is equal on all nodes.
pub(super) fn apply(editor: &mut Editor, facts: &Facts, profile: &Profile) -> Result<(), NodeError> {
    refuse_ifupdown(editor)?;
    match facts.network {
        NetworkService::NetworkManager => network_manager::apply(editor)?,
        NetworkService::Dhcpcd => dhcpcd::apply(editor)?,
    }
    if has_wifi(profile) {
        radio_on(editor)?;
        if facts.network == NetworkService::NetworkManager {
            network_manager::radio_on(editor)?;
        }
    }
    Ok(())
}

/// What only this node gets.
pub(super) fn personal(editor: &mut Editor, facts: &Facts, profile: &Profile, node: &Node, identity: &Identity) -> Result<(), NodeError> {
    match facts.network {
        NetworkService::NetworkManager => editor.write(network_manager::KEYFILE, keyfile::text(profile, node, identity)),
        NetworkService::Dhcpcd => {
            let text = dhcpcd::file(&editor.text(dhcpcd::CONFIGURATION)?, profile, node);
            editor.write(dhcpcd::CONFIGURATION, text)?;
            match wifi_of(profile, node) {
                Some(wifi) => editor.write(wpa_supplicant::CONFIGURATION, wpa_supplicant::text(wifi)),
                None => Ok(()),
            }
        }
    }
}

/// NetworkManager and dhcpcd leave alone what ifupdown is told to configure.
fn refuse_ifupdown(editor: &Editor) -> Result<(), NodeError> {
    let folder = "/etc/network/interfaces.d";
    let more = editor.names(folder).into_iter().map(|name| format!("{folder}/{name}"));
    for path in std::iter::once("/etc/network/interfaces".to_owned()).chain(more) {
        for line in editor.text(&path)?.lines() {
            let mut words = line.split_whitespace();
            if let (Some("iface"), Some(name)) = (words.next(), words.next())
                && INTERFACES.contains(&name)
            {
                let reason = format!("it configures {name}, so that the image's network service would not");
                return Err(NodeError::NotUnderstood { path, reason });
            }
        }
    }
    Ok(())
}

/// Undoes what keeps the radio off until a country is chosen: the state that systemd-rfkill restores.
fn radio_on(editor: &mut Editor) -> Result<(), NodeError> {
    if !["/usr/sbin/wpa_supplicant", "/sbin/wpa_supplicant"].iter().any(|path| editor.is_file(path)) {
        return Err(NodeError::Missing { path: "/usr/sbin/wpa_supplicant".to_owned(), purpose: "a wireless network" });
    }
    let found = editor.names(RFKILL).into_iter().filter(|name| name.ends_with(":wlan"));
    let radios: Vec<String> = found.chain(RADIOS.map(str::to_owned)).collect();
    for name in radios {
        editor.write(&format!("{RFKILL}/{name}"), "0\n")?;
    }
    Ok(())
}
