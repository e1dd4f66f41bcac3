//! The boot partition of a node: its kernel command line, and files of the stock image that would set something else.

use super::{NodeError, partuuid::PartUuids, settings::wifi_of};
use crate::{
    base::{
        facts::{Expansion, Facts, Flavour, NetworkService, Release},
        raspi_firmware,
    },
    fat::Edit,
    profile::{Node, Profile, Wifi},
};

/// The file with the kernel's command line.
pub const COMMAND_LINE: &str = "cmdline.txt";

/// The file by which a node tells how far it is, to whoever puts its card into a computer. It has its size from the beginning: on the node
/// only its bytes and its time change, and no cluster is allocated.
pub const STATUS_FILE: &str = "node-status.txt";
/// Its size in bytes.
pub const STATUS_SIZE: usize = 4096;

/// Where that file is on a node whose boot partition is mounted there.
#[must_use]
pub fn status_path(boot_mount: &str) -> String {
    format!("{boot_mount}/{STATUS_FILE}")
}

/// Files by which the boot partition customizes a stock image on its first boot. All that they could say is in the profile, and a
/// password must not come in through a file that is left over.
const SEEDS: [&str; 9] =
    ["ssh", "ssh.txt", "userconf", "userconf.txt", "custom.toml", "firstrun.sh", "rpi-preseed.toml", "wpa_supplicant.conf", "sysconf.txt"];

/// The kernel's parameter for the country whose radio rules apply.
const COUNTRY: &str = "cfg80211.ieee80211_regdom=";

/// What the base's boot partition holds, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct BootFiles<'a> {
    /// Content of [`COMMAND_LINE`].
    pub command_line: &'a str,
    /// The names in its root folder.
    pub names: &'a [String],
}

/// The changes of the boot partition that make it this node's; `partitions` are the names of its card. `config.txt` stays as it is.
///
/// # Errors
/// When the command line is not understood, or says something that would undo what is built here.
pub fn edits(facts: &Facts, profile: &Profile, node: &Node, partitions: &PartUuids, files: &BootFiles) -> Result<Vec<Edit>, NodeError> {
    let line = command_line(facts, wifi_of(profile, node), partitions, files.command_line)?;
    let seeds = files.names.iter().filter(|name| SEEDS.iter().any(|seed| name.eq_ignore_ascii_case(seed)));
    let removed = seeds.map(|name| Edit::Remove { name: name.clone() });
    let written = Edit::Write { name: COMMAND_LINE.to_owned(), content: line.into_bytes() };
    let text = format!("{} of the cluster {}: not switched on yet, or not started as far as this.", node.name, profile.cluster);
    let status = Edit::Write { name: STATUS_FILE.to_owned(), content: format!("{text:<width$}\n", width = STATUS_SIZE - 1).into_bytes() };
    Ok(removed.chain([written, status]).collect())
}

/// The node's command line: the root by PARTUUID, the country of its wireless network, no expansion; all else as the base has it.
///
/// Where Debian's raspi-firmware writes it anew with every kernel, it is what that makes of the node's settings on the root, whatever
/// the base says.
///
/// # Errors
/// As [`edits`].
pub fn command_line(facts: &Facts, wifi: Option<&Wifi>, partitions: &PartUuids, base: &str) -> Result<String, NodeError> {
    let root = partitions.root();
    match facts.flavour {
        Flavour::BerryDebian => Ok(raspi_firmware::command_line(&root, &extra_words(facts, wifi))),
        Flavour::RaspberryPiOs => edited(facts, wifi, &root, base),
    }
}

/// The words that a node adds to the end of the command line: where wpa_supplicant is told the country in its own file, none.
pub(super) fn extra_words(facts: &Facts, wifi: Option<&Wifi>) -> String {
    let wifi = wifi.filter(|_| facts.network == NetworkService::NetworkManager);
    wifi.map(|wifi| format!("{COUNTRY}{}", wifi.country)).unwrap_or_default()
}

fn edited(facts: &Facts, wifi: Option<&Wifi>, root: &str, base: &str) -> Result<String, NodeError> {
    let not_understood = |reason: &str| NodeError::NotUnderstood { path: COMMAND_LINE.to_owned(), reason: reason.to_owned() };
    let line = base.trim_end_matches(['\n', '\r']);
    if line.contains(['\n', '\r']) {
        return Err(not_understood("it has more than one line"));
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.iter().filter(|word| word.starts_with("root=")).count() != 1 {
        return Err(not_understood("it does not have exactly one `root=`"));
    }
    let armed = facts.expansion.trigger().is_some_and(|trigger| words.contains(&trigger));
    // Words that the stock first boot takes away with its trigger; `quiet` only unless a splash screen covers the console.
    let leaves_with_it: &[&str] = match facts.expansion {
        Expansion::InitResize if armed => &["quiet", "sdhci.debug_quirks2=4"],
        Expansion::FirstbootInit if armed => &["quiet"],
        _ => &[],
    };
    let splash = words.contains(&"splash");
    let mut kept = Vec::new();
    for word in words {
        let stock = (armed && Some(word) == facts.expansion.trigger()) || (leaves_with_it.contains(&word) && !(word == "quiet" && splash));
        if stock || (wifi.is_some() && word.starts_with(COUNTRY)) || is_first_run(word) {
            continue;
        }
        if let Some(reason) = undoes(facts, word) {
            return Err(NodeError::CommandLine { word: word.to_owned(), reason });
        }
        kept.push(if word.starts_with("root=") { format!("root={root}") } else { word.to_owned() });
    }
    kept.extend(Some(extra_words(facts, wifi)).filter(|words| !words.is_empty()));
    Ok(format!("{}\n", kept.join(" ")))
}

/// Why a word cannot stay.
fn undoes(facts: &Facts, word: &str) -> Option<&'static str> {
    const GROWS: &str = "which makes the image grow its root over the brick";
    // The initramfs looks for ` resize` with nothing behind it, so that any word that begins so will do.
    let resizes = facts.release >= Release::Trixie && word.starts_with("resize");
    if word.contains("firstboot") || word.contains("init_resize") || resizes {
        return Some(GROWS);
    }
    word.starts_with("init=").then_some("so another program than systemd would start first")
}

/// What Raspberry Pi Imager adds for `firstrun.sh`, which goes with it.
fn is_first_run(word: &str) -> bool {
    (word.starts_with("systemd.run") && !word.contains("firstboot")) || word == "systemd.unit=kernel-command-line.target"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        disk::{mbr::Mbr, table::Table},
        node::testing::{debian, profile, raspberry, wifi},
        profile::Public,
    };

    const STOCK: &str = "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait quiet \
                         init=/usr/lib/raspberrypi-sys-mods/firstboot\n";

    fn line(facts: &Facts, wifi: Option<&Wifi>, base: &str) -> Result<String, NodeError> {
        command_line(facts, wifi, &card(), base)
    }

    /// The names of the card with the disk id 1.
    fn card() -> PartUuids {
        PartUuids::of(&Table::Mbr(Mbr::new(1)))
    }

    #[test]
    fn raspberry_pi_os_loses_its_expansion_and_gets_its_country() {
        let facts = raspberry::facts();
        let kept = "console=serial0,115200 console=tty1 root=PARTUUID=00000001-02 rootfstype=ext4 fsck.repair=yes rootwait";
        assert_eq!(line(&facts, None, STOCK).unwrap(), format!("{kept}\n"));
        assert_eq!(line(&facts, Some(&wifi()), STOCK).unwrap(), format!("{kept} cfg80211.ieee80211_regdom=DE\n"));
        let desktop = STOCK.replace("quiet init", "quiet splash plymouth.ignore-serial-consoles init");
        assert_eq!(line(&facts, None, &desktop).unwrap(), format!("{kept} quiet splash plymouth.ignore-serial-consoles\n"));
        let booted =
            STOCK.replace(" init=/usr/lib/raspberrypi-sys-mods/firstboot", "").replace("rootwait", "cfg80211.ieee80211_regdom=GB rootwait");
        assert_eq!(line(&facts, Some(&wifi()), &booted).unwrap(), format!("{kept} quiet cfg80211.ieee80211_regdom=DE\n"));
        let customized = STOCK.replace(
            "quiet init",
            "systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target quiet init",
        );
        assert_eq!(line(&facts, None, &customized).unwrap(), format!("{kept}\n"));
    }

    #[test]
    fn older_releases_lose_theirs_with_all_that_goes_with_it() {
        let facts =
            Facts { release: Release::Buster, expansion: Expansion::InitResize, network: NetworkService::Dhcpcd, ..raspberry::facts() };
        let stock = "dwc_otg.lpm_enable=0 root=PARTUUID=4e639091-02 elevator=deadline rootwait quiet sdhci.debug_quirks2=4 \
                     init=/usr/lib/raspi-config/init_resize.sh\n";
        let expected = "dwc_otg.lpm_enable=0 root=PARTUUID=00000001-02 elevator=deadline rootwait\n";
        assert_eq!(line(&facts, None, stock).unwrap(), expected);
        // The country stands in wpa_supplicant's file there.
        assert_eq!(line(&facts, Some(&wifi()), stock).unwrap(), expected);
    }

    #[test]
    fn words_that_would_arm_the_expansion_or_start_something_else_are_refused() {
        let facts = raspberry::facts();
        for word in ["systemd.firstboot=off", "systemd.run=/boot/firstboot.sh", "init=/bin/sh", "init=/usr/lib/raspi-config/init_resize.sh"]
        {
            let error = line(&facts, None, &STOCK.replace("quiet", word)).unwrap_err();
            assert!(matches!(&error, NodeError::CommandLine { word: got, .. } if got == word), "{error}");
        }
        let trixie = Facts { release: Release::Trixie, expansion: Expansion::ResizeWord, ..raspberry::facts() };
        let stock = STOCK.replace("quiet init=/usr/lib/raspberrypi-sys-mods/firstboot", "resize");
        assert!(line(&trixie, None, &stock).unwrap().ends_with(" rootwait\n"));
        assert!(matches!(line(&trixie, None, &stock.replace("rootwait", "resize_root")), Err(NodeError::CommandLine { .. })));
        // Where the image does not say that this is its expansion, its trigger is as strange as any.
        assert!(line(&Facts { expansion: Expansion::None, ..raspberry::facts() }, None, STOCK).is_err());
        for bad in ["", "quiet\n", "root=a root=b\n", "root=a\nroot=b\n"] {
            assert!(matches!(line(&facts, None, bad), Err(NodeError::NotUnderstood { .. })), "{bad:?}");
        }
    }

    #[test]
    fn debians_line_is_the_one_that_its_hook_writes() {
        let head = " console=tty0 console=ttyS1,115200 root=PARTUUID=00000001-02 rw fsck.repair=yes net.ifnames=0  rootwait ";
        let facts = debian::facts();
        let base = raspi_firmware::command_line(raspi_firmware::BASE_ROOT, "");
        assert_eq!(line(&facts, None, &base).unwrap(), format!("{head}\n"));
        assert_eq!(line(&facts, Some(&wifi()), &base).unwrap(), format!("{head}cfg80211.ieee80211_regdom=DE\n"));
    }

    #[test]
    fn seeds_of_the_stock_image_go() {
        let profile = profile(Public::Name("berries.example.org".to_owned()));
        let names = ["SSH", "bootcode.bin", "cmdline.txt", "config.txt", "userconf.txt"].map(str::to_owned);
        let files = BootFiles { command_line: STOCK, names: &names };
        let changes = edits(&raspberry::facts(), &profile, &profile.nodes[0], &card(), &files).unwrap();
        let names: Vec<_> = changes
            .iter()
            .map(|change| match change {
                Edit::Write { name, .. } => format!("+{name}"),
                Edit::Remove { name } => format!("-{name}"),
            })
            .collect();
        assert_eq!(names, ["-SSH", "-userconf.txt", "+cmdline.txt", "+node-status.txt"]);
        // The node overwrites its bytes in place.
        let size = changes.iter().find_map(|change| match change {
            Edit::Write { name, content } if name == STATUS_FILE => Some(content.len()),
            _ => None,
        });
        assert_eq!(size, Some(STATUS_SIZE));
    }
}
