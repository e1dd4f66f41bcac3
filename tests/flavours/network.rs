//! The local network: who configures it, and the node's address.

use crate::{
    build::{Base, Node},
    support::program::tool,
};

pub(super) const CONNECTIONS: &str = "/etc/NetworkManager/system-connections";

/// Groups and their keys of a GKeyFile.
pub(super) fn keyfile(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut groups: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            groups.push((name.to_owned(), Vec::new()));
        } else {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no key: {line}"));
            groups.last_mut().expect("a group").1.push((key.to_owned(), value.to_owned()));
        }
    }
    groups
}

/// The value of a key that stands once.
pub(super) fn value<'a>(groups: &'a [(String, Vec<(String, String)>)], group: &str, key: &str) -> Option<&'a str> {
    let keys = groups.iter().filter(|(name, _)| name == group).flat_map(|(_, keys)| keys);
    let found: Vec<_> = keys.filter(|(name, _)| name == key).collect();
    assert!(found.len() < 2, "{group}.{key}: {found:?}");
    found.first().map(|(_, value)| value.as_str())
}

/// The node's only connection.
pub(super) fn connection(node: &Node) -> (String, String) {
    let names = node.view.names(CONNECTIONS);
    let [name] = names.as_slice() else { panic!("one connection: {names:?}") };
    let path = format!("{CONNECTIONS}/{name}");
    let text = node.view.text(&path);
    (path, text)
}

/// What is enabled in the stock image stays the only one.
pub(super) fn manager(node: &Node, base: &Base) {
    let wants = "multi-user.target.wants";
    let dhcpcd = base.flavour.network == "dhcpcd";
    assert_eq!(node.view.is_enabled("dhcpcd.service", wants), dhcpcd);
    assert_eq!(node.view.is_enabled("NetworkManager.service", wants), !dhcpcd);
    for unit in ["systemd-networkd.service", "networking.service"] {
        assert!(!node.view.is_enabled(unit, wants), "{unit}");
    }
    for path in ["/etc/network/interfaces", "/etc/resolv.conf"] {
        assert_eq!(node.view.text(path), base.view.text(path), "{path}");
    }
    assert!(node.view.names("/etc/netplan").is_empty());
    assert_eq!(node.view.link("/etc/systemd/network/99-default.link").as_deref(), Some("/dev/null"), "names of interfaces stay");
}

pub(super) fn address(node: &Node, base: &Base) {
    if base.flavour.network == "dhcpcd" { dhcpcd(node, base) } else { network_manager(node) }
}

/// dhcpcd.conf(5): what follows an `interface` belongs to it, so the block stands at the end, after all that is meant for every interface.
fn dhcpcd(node: &Node, base: &Base) {
    let (old, new) = (base.view.text("/etc/dhcpcd.conf"), node.view.text("/etc/dhcpcd.conf"));
    let added = new.strip_prefix(&old).unwrap_or_else(|| panic!("the stock settings stand first, as they were: {new}"));
    let lines: Vec<&str> = added.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(lines.first().copied(), Some(format!("interface {}", node.interface()).as_str()), "{added}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("interface ")).count(), 1, "{added}");
    for wanted in ["static ip_address=192.168.2.5/24", "static routers=192.168.2.1", "static domain_name_servers=192.168.2.1"] {
        assert_eq!(lines.iter().filter(|line| **line == wanted).count(), 1, "`{wanted}`: {added}");
    }
    assert!(new.ends_with('\n'));
    assert_eq!(node.view.mode("/etc/dhcpcd.conf"), base.view.mode("/etc/dhcpcd.conf"));
    assert!(!node.view.is_masked("dhcpcd.service"));
    let drop_in = "/etc/systemd/system/dhcpcd.service.d/wait.conf";
    assert_eq!(node.view.read(drop_in), base.view.read(drop_in));
}

fn network_manager(node: &Node) {
    let (path, text) = connection(node);
    // NetworkManager ignores what others than root could read or write.
    assert_eq!(node.view.mode(&path), (0o600, 0, 0), "{path}");
    assert!(path.ends_with(".nmconnection"), "{path}");
    let groups = keyfile(&text);
    let value = |group, key| value(&groups, group, key);
    assert_eq!(value("connection", "interface-name"), Some(node.interface()));
    assert_eq!(value("connection", "type"), Some(if node.is_wireless() { "wifi" } else { "ethernet" }));
    assert_ne!(value("connection", "autoconnect"), Some("false"));
    assert_eq!(value("connection", "uuid"), Some(node.ledger("connection_uuid")));
    assert_eq!(value("ipv4", "method"), Some("manual"));
    assert_eq!(value("ipv4", "address1"), Some("192.168.2.5/24,192.168.2.1"));
    assert_eq!(value("ipv4", "dns").map(|dns| dns.trim_end_matches(';')), Some("192.168.2.1"));
    let known = ["connection", "ethernet", "wifi", "wifi-security", "ipv4", "ipv6", "proxy"];
    assert!(groups.iter().all(|(name, _)| known.contains(&name.as_str())), "{text}");
}

/// PBKDF2 of a passphrase, as IEEE 802.11i makes a key of it.
pub(super) fn psk(ssid: &str, passphrase: &str) -> String {
    let script = "import hashlib, sys; print(hashlib.pbkdf2_hmac('sha1', sys.argv[2].encode(), sys.argv[1].encode(), 4096, 32).hex())";
    crate::support::program::ok(tool("python3").args(["-c", script, ssid, passphrase])).trim().to_owned()
}
