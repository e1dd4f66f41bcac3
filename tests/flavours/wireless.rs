//! The wireless network: name, key, country, and a radio that is on.

use crate::{
    build::{Base, Node, PASSPHRASE, SSID},
    network::{CONNECTIONS, connection, keyfile, psk, value},
    support::pi_os::release::Release,
};

const WPA_SUPPLICANT: &str = "/etc/wpa_supplicant/wpa_supplicant.conf";
const STATE: &str = "/var/lib/NetworkManager/NetworkManager.state";

pub(super) fn network(node: &Node, base: &Base) {
    if base.flavour.network == "dhcpcd" {
        if node.is_wireless() {
            wpa_supplicant(node, base);
        } else {
            assert_eq!(node.view.text(WPA_SUPPLICANT), base.view.text(WPA_SUPPLICANT));
        }
        let secret = [CONNECTIONS].iter().flat_map(|folder| node.view.names(folder)).count();
        assert!(secret == 0 || base.flavour.network_manager, "nobody would read them");
        return;
    }
    if !node.is_wireless() {
        return;
    }
    let (_, text) = connection(node);
    let groups = keyfile(&text);
    let value = |group, key| value(&groups, group, key);
    assert_eq!(value("wifi", "mode").unwrap_or("infrastructure"), "infrastructure");
    // GKeyFile: a text, or the list of its bytes.
    let ssid = value("wifi", "ssid").expect("a name");
    let bytes: Option<Vec<u8>> = ssid.strip_suffix(';').and_then(|list| list.split(';').map(|byte| byte.parse().ok()).collect());
    assert_eq!(bytes.unwrap_or_else(|| unescape(ssid).into_bytes()), SSID.as_bytes(), "{ssid}");
    assert_eq!(value("wifi-security", "key-mgmt"), Some("wpa-psk"));
    let key = value("wifi-security", "psk").expect("a key");
    assert!(key == psk(SSID, PASSPHRASE) || unescape(key) == PASSPHRASE, "the key is another");
    assert!(!node.view.exists(WPA_SUPPLICANT), "wpa_supplicant is told by NetworkManager");
}

/// The escapes of a value in a GKeyFile.
fn unescape(value: &str) -> String {
    let mut text = String::new();
    let mut chars = value.trim_start_matches(' ').trim_end_matches([' ', '\t']).chars();
    while let Some(char) = chars.next() {
        match (char, if char == '\\' { chars.next() } else { None }) {
            ('\\', Some('s')) => text.push(' '),
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('t')) => text.push('\t'),
            ('\\', Some('\\')) => text.push('\\'),
            ('\\', other) => panic!("an escape that GKeyFile does not know: {other:?}"),
            (char, _) => text.push(char),
        }
    }
    text
}

/// wpa_supplicant's own reader: a `#` begins a comment unless it stands before the last of two or more quotes; a value in quotes ends at
/// the last quote, and knows no escapes (`wpa_config_get_line` and `wpa_config_parse_string`).
fn logical(line: &str) -> &str {
    let quoted = line.find('"').and_then(|first| line.rfind('"').filter(|last| *last > first));
    let from = quoted.unwrap_or(0);
    let end = line[from..].find('#').map_or(line.len(), |at| from + at);
    line[..end].trim()
}

fn string(value: &str) -> Vec<u8> {
    if let Some(rest) = value.strip_prefix('"') {
        return rest.strip_suffix('"').unwrap_or_else(|| panic!("no closing quote: {value}")).as_bytes().to_vec();
    }
    assert!(!value.starts_with("P\""), "older versions do not know printf's escapes: {value}");
    let byte =
        |index: usize| u8::from_str_radix(&value[index..index + 2], 16).unwrap_or_else(|_| panic!("neither text nor bytes: {value}"));
    (0..value.len()).step_by(2).map(byte).collect()
}

fn wpa_supplicant(node: &Node, base: &Base) {
    let text = node.view.text(WPA_SUPPLICANT);
    // It holds a key.
    assert_eq!(node.view.mode(WPA_SUPPLICANT), (0o600, 0, 0));
    let lines: Vec<&str> = text.lines().map(logical).filter(|line| !line.is_empty()).collect();
    let open = lines.iter().position(|line| line.replace(' ', "") == "network={").expect("a network");
    let (global, block) = lines.split_at(open);
    let close = block.iter().position(|line| *line == "}").expect("its end");
    assert_eq!(close + 1, block.len(), "one network, and nothing behind it: {lines:?}");
    let find = |lines: &[&str], key: &str| {
        let found: Vec<String> = lines.iter().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned)).collect();
        assert!(found.len() < 2, "{key} twice");
        found.into_iter().next()
    };
    assert_eq!(find(global, "country").as_deref(), Some("DE"));
    // wpa_cli, and through it the desktop, need both.
    for stock in base.view.text(WPA_SUPPLICANT).lines() {
        assert!(global.contains(&stock), "lost: {stock}");
    }
    assert_eq!(string(&find(block, "ssid").expect("a name")), SSID.as_bytes());
    let key = find(block, "psk").expect("a key");
    let derived = key.len() == 64 && key == psk(SSID, PASSPHRASE);
    assert!(derived || string(&key) == PASSPHRASE.as_bytes(), "the key is another");
    assert_ne!(find(block, "disabled").as_deref(), Some("1"));
}

/// Without a country all radios are off: systemd-rfkill restores that at every boot, and NetworkManager has a switch of its own.
pub(super) fn radio(node: &Node, base: &Base) {
    let folder = "/var/lib/systemd/rfkill";
    let radios: Vec<String> = node.view.names(folder).into_iter().filter(|name| name.ends_with(":wlan")).collect();
    if !node.is_wireless() {
        assert_eq!(node.view.names(folder), base.view.names(folder));
        for name in radios {
            assert_eq!(node.view.text(&format!("{folder}/{name}")), base.view.text(&format!("{folder}/{name}")), "{name}");
        }
        assert_eq!(node.view.read(STATE), base.view.read(STATE));
        return;
    }
    for name in &radios {
        assert_eq!(node.view.text(&format!("{folder}/{name}")), "0\n", "{name}");
    }
    // Pi 3, Pi 4, Pi 5: wherever the card is put.
    for device in ["3f300000.mmcnr", "fe300000.mmcnr", "1001100000.mmc"] {
        assert!(radios.contains(&format!("platform-{device}:wlan")), "{device}: {radios:?}");
    }
    for name in base.view.names(folder).iter().filter(|name| name.ends_with(":bluetooth")) {
        assert_eq!(node.view.text(&format!("{folder}/{name}")), base.view.text(&format!("{folder}/{name}")), "{name}");
    }
    if base.flavour.release >= Release::Bookworm {
        let state = node.view.read(STATE).unwrap_or_default();
        assert_ne!(value(&keyfile(&state), "main", "WirelessEnabled"), Some("false"), "{state}");
    }
}
