//! The node's NetworkManager connection, as a keyfile (nm-settings-keyfile(5)).

use std::net::IpAddr;

use super::{flavour::interface, network_of, wifi_of};
use crate::{
    node::identity::Identity,
    profile::{Network, Node, Profile, Wifi},
};

/// The keyfile of `node`: the cable or the profile's wireless network, with its static address or by DHCP.
pub(super) fn text(profile: &Profile, node: &Node, identity: &Identity) -> String {
    let network = network_of(profile, node);
    let wifi = wifi_of(profile, node);
    let (kind, interface) = (if wifi.is_some() { "wifi" } else { "ethernet" }, interface(wifi.is_some()));
    let mut text = format!(
        "# Written by berry-image.\n[connection]\nid=berry\nuuid={}\ntype={kind}\ninterface-name={interface}\nautoconnect=true\n",
        identity.connection_uuid
    );
    match wifi {
        Some(wifi) => text.push_str(&wireless(wifi)),
        None => text.push_str("\n[ethernet]\n"),
    }
    let servers = network.map(|network| network.dns.as_slice()).unwrap_or_default();
    text.push_str("\n[ipv4]\n");
    match (node.address, network) {
        (Some(address), Some(network)) if !node.dhcp => {
            text.push_str(&format!("method=manual\naddress1={address}/{}{}\n", network.subnet.prefix(), gateway(network)));
        }
        _ => text.push_str("method=auto\n"),
    }
    text.push_str(&list("dns", servers.iter().filter(|server| server.is_ipv4())));
    text.push_str("\n[ipv6]\nmethod=auto\n");
    text.push_str(&list("dns", servers.iter().filter(|server| server.is_ipv6())));
    text
}

fn gateway(network: &Network) -> String {
    network.gateway.map(|gateway| format!(",{gateway}")).unwrap_or_default()
}

/// `key=a;b;`, or nothing.
fn list<'a>(key: &str, values: impl Iterator<Item = &'a IpAddr>) -> String {
    let joined: String = values.map(|value| format!("{value};")).collect();
    if joined.is_empty() { joined } else { format!("{key}={joined}\n") }
}

fn wireless(wifi: &Wifi) -> String {
    let mut text = format!("\n[wifi]\nmode=infrastructure\nssid={}\n", ssid(&wifi.ssid));
    if wifi.hidden {
        text.push_str("hidden=true\n");
    }
    if let Some(passphrase) = &wifi.passphrase {
        text.push_str(&format!("\n[wifi-security]\nkey-mgmt=wpa-psk\npsk={}\n", escape(passphrase.expose())));
    }
    text
}

/// A network's name: as text where that has only one reading, else as the list of its bytes, which always has.
fn ssid(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte);
    let has_letter = name.bytes().any(|byte| byte.is_ascii_alphabetic());
    if has_letter && name.bytes().all(plain) && name.trim() == name {
        return name.to_owned();
    }
    name.bytes().map(|byte| format!("{byte};")).collect()
}

/// A value of a keyfile (GKeyFile): backslashes doubled, spaces at the ends as `\s`, since plain ones there are dropped.
fn escape(value: &str) -> String {
    let inner = value.trim_matches(' ');
    if inner.is_empty() {
        return "\\s".repeat(value.len());
    }
    let leading = value.len() - value.trim_start_matches(' ').len();
    let trailing = value.len() - value.trim_end_matches(' ').len();
    format!("{}{}{}", "\\s".repeat(leading), inner.replace('\\', "\\\\"), "\\s".repeat(trailing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_networks_have_one_reading() {
        for (name, expected) in [
            ("Berry Net", "Berry Net"),
            ("1;2;", "49;59;50;59;"),
            ("12", "49;50;"),
            (" a", "32;97;"),
            ("Café", "67;97;102;195;169;"),
            ("a\\n", "97;92;110;"),
        ] {
            assert_eq!(ssid(name), expected);
        }
    }

    #[test]
    fn passphrases_are_escaped() {
        for (value, expected) in [("plain#;=x y", "plain#;=x y"), ("  a\\b ", "\\s\\sa\\\\b\\s"), ("  ", "\\s\\s")] {
            assert_eq!(escape(value), expected);
        }
    }
}
