//! Debian's package raspi-firmware writes `cmdline.txt` anew at every update of the kernel or its initramfs (its kernel hook
//! `z50-raspi-firmware`), from two files on the root. They must say what the boot partition says.

use super::edit::assign;
use crate::{
    node::{identity::Identity, partuuid::PartUuids},
    profile::Wifi,
};

/// Shell assignments that the hook reads.
pub(super) const SETTINGS: &str = "/etc/default/raspi-firmware";
/// Words that the hook puts at the end of the command line.
pub(super) const EXTRA: &str = "/etc/default/raspi-extra-cmdline";
/// The kernel's parameter for the country whose radio rules apply.
const COUNTRY: &str = "cfg80211.ieee80211_regdom=";

/// [`SETTINGS`] with the node's root partition.
pub(super) fn settings(base: &str, identity: &Identity) -> String {
    assign(base, "ROOTPART", &format!("\"{}\"", PartUuids::new(identity.disk_id).root()))
}

/// [`EXTRA`] with the country of the node's wireless network.
pub(super) fn extra_words(base: &str, wifi: Option<&Wifi>) -> String {
    let words = with_country(base.split_whitespace(), wifi);
    if words.is_empty() { String::new() } else { format!("{}\n", words.join(" ")) }
}

/// Words of a kernel command line with the country of a wireless network in place of any other.
pub(in crate::node) fn with_country<'a>(words: impl Iterator<Item = &'a str>, wifi: Option<&Wifi>) -> Vec<String> {
    match wifi {
        None => words.map(str::to_owned).collect(),
        Some(wifi) => {
            let others = words.filter(|word| !word.starts_with(COUNTRY)).map(str::to_owned);
            others.chain([format!("{COUNTRY}{}", wifi.country)]).collect()
        }
    }
}
