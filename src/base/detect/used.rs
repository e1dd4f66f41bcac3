//! What shows that an image has been booted or customised. All signs are named, as each alone might be an oversight.

use super::{BootFiles, DetectError, expansion::Armed};
use crate::{base::facts::Expansion, tree::Tree};

/// Files on the boot partition by which Raspberry Pi Imager, or a user, tells the first boot what to do. They would act on top of, or
/// against, what is written here.
const PRESEEDS: [&str; 6] = ["firstrun.sh", "custom.toml", "userconf.txt", "userconf", "rpi-preseed.toml", "wpa_supplicant.conf"];
/// The same for cloud-init. They stand there as published, with nothing but comments.
const CLOUD_SEEDS: [&str; 2] = ["user-data", "network-config"];

/// The signs that `tree` and `boot` show.
pub(super) fn signs(
    tree: &Tree,
    boot: &dyn BootFiles,
    command_line: &str,
    machine_id: Option<&str>,
    armed: &Armed,
) -> Result<Vec<String>, DetectError> {
    let mut signs = Vec::new();
    if machine_id.is_some_and(|id| !matches!(id, "" | "uninitialized")) {
        signs.push("`/etc/machine-id` is set".to_owned());
    }
    let is_host_key = |name: &Vec<u8>| name.starts_with(b"ssh_host_") && name.ends_with(b"_key");
    if tree.names("/etc/ssh").iter().any(is_host_key) {
        signs.push("`/etc/ssh` holds host keys".to_owned());
    }
    if armed.found == Expansion::None && !armed.expected.is_empty() {
        let triggers: Vec<_> = armed.expected.iter().filter_map(|expansion| expansion.trigger()).map(|word| format!("`{word}`")).collect();
        signs.push(format!("`cmdline.txt` has no {} any more", triggers.join(" or ")));
    }
    if let Some(word) = command_line.split_whitespace().find(|word| word.starts_with("ds=nocloud")) {
        signs.push(format!("`cmdline.txt` has `{word}`"));
    }
    for name in PRESEEDS {
        if boot.read(name)?.is_some() {
            signs.push(format!("the boot partition holds `{name}`"));
        }
    }
    for name in CLOUD_SEEDS {
        let says_something = |line: &[u8]| !matches!(line.trim_ascii_start().first(), None | Some(b'#'));
        if boot.read(name)?.is_some_and(|content| content.split(|byte| *byte == b'\n').any(says_something)) {
            signs.push(format!("`{name}` on the boot partition has more than comments"));
        }
    }
    Ok(signs)
}
