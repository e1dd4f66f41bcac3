//! wpa_supplicant, which dhcpcd starts for a wireless interface: country and network (wpa_supplicant.conf(5)).

use crate::{hex, profile::Wifi};

/// The settings of wpa_supplicant.
pub(super) const CONFIGURATION: &str = "/etc/wpa_supplicant/wpa_supplicant.conf";
/// Digits of a key that is given instead of a passphrase.
const KEY_DIGITS: usize = 64;

/// The file: the first two settings are those of the stock image, by which its own tools work.
pub(super) fn text(wifi: &Wifi) -> String {
    // As hexadecimal digits the name has one reading, whatever is in it.
    let ssid = hex::encode(wifi.ssid.as_bytes());
    let hidden = if wifi.hidden { "\tscan_ssid=1\n" } else { "" };
    let key = match &wifi.passphrase {
        None => "\tkey_mgmt=NONE\n".to_owned(),
        Some(key) if key.expose().len() == KEY_DIGITS => format!("\tpsk={}\n", key.expose()),
        // All between the first and the last quotation mark counts, without escapes.
        Some(passphrase) => format!("\tpsk=\"{}\"\n", passphrase.expose()),
    };
    let country = &wifi.country;
    format!(
        "# Written by berry-image.\nctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\nupdate_config=1\ncountry={country}\n\n\
         # {}\nnetwork={{\n\tssid={ssid}\n{hidden}{key}}}\n",
        wifi.ssid.escape_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{node::testing::wifi, secret::Secret};

    #[test]
    fn a_network_is_written_so_that_it_has_one_reading() {
        let head = "# Written by berry-image.\nctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\nupdate_config=1\ncountry=DE\n\n";
        let body = "# Berry Net\nnetwork={\n\tssid=4265727279204e6574\n\tpsk=\" canary\\passphrase;# \"\n}\n";
        assert_eq!(text(&wifi()), format!("{head}{body}"));
        let open = Wifi { passphrase: None, hidden: true, ssid: "a\nb\"}".to_owned(), ..wifi() };
        assert!(
            text(&open).ends_with("\n# a\\nb\\\"}\nnetwork={\n\tssid=610a62227d\n\tscan_ssid=1\n\tkey_mgmt=NONE\n}\n"),
            "{}",
            text(&open)
        );
        let key = Wifi { passphrase: Some(Secret::new("0f".repeat(32))), ..wifi() };
        assert!(text(&key).contains(&format!("\tpsk={}\n", "0f".repeat(32))));
    }
}
