//! Tables of what is peculiar to an image.

use crate::base::facts::Flavour;

/// Units that would undo or delay what is built here. They are masked where an image has them.
pub(super) const MASKED: [(&str, &str); 4] = [
    ("userconfig.service", "asks on the console for a user, and renames ours"),
    ("regenerate_ssh_host_keys.service", "deletes all host keys before it makes new ones"),
    ("rpi-resize.service", "grows the root, which fills its partition from the start"),
    ("apply_noobs_os_config.service", "sets what a boot partition of NOOBS says"),
];

/// Files of stock images that are in the way. They are removed where an image has them.
pub(super) const REMOVED: [&str; 4] = [
    // The root fills its partition from the start.
    "/etc/init.d/resize2fs_once",
    // A banner that says that there is no user yet.
    "/etc/ssh/sshd_config.d/rename_user.conf",
    // The wizard of the desktop, and what lets it become root.
    "/etc/xdg/autostart/piwiz.desktop",
    "/etc/sudoers.d/010_wiz-nopasswd",
];

/// Secrets that a system makes for itself when they are missing. Cards from one image must not share them: the seed of the random
/// numbers, the key of encrypted credentials, the key of NetworkManager's stable addresses.
pub(super) const UNIQUE: [&str; 3] =
    ["/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret", "/var/lib/NetworkManager/secret_key"];

/// The account of the desktop's wizard.
pub(super) const WIZARD_USER: &str = "rpi-first-boot-wizard";

/// Files that say whether a radio is switched off; systemd-rfkill(8) names them after the device's path. Pi 1 to 3 and Zero 2, Pi 4,
/// Pi 5, Zero W.
pub(super) const RADIOS: [&str; 4] =
    ["platform-3f300000.mmcnr:wlan", "platform-fe300000.mmcnr:wlan", "platform-1001100000.mmc:wlan", "platform-20300000.mmcnr:wlan"];

/// The network interfaces that a node may use: every flavour keeps the kernel's names.
pub(super) const INTERFACES: [&str; 2] = [CABLE, RADIO];
const CABLE: &str = "eth0";
const RADIO: &str = "wlan0";

/// The one that a node uses.
pub(super) const fn interface(wireless: bool) -> &'static str {
    if wireless { RADIO } else { CABLE }
}

/// Groups of the ordinary user, as far as an image has them: those that Raspberry Pi OS gives its own.
pub(super) const USER_GROUPS: [&str; 15] =
    ["adm", "audio", "cdrom", "dialout", "games", "gpio", "i2c", "input", "netdev", "plugdev", "render", "spi", "users", "video", "sudo"];

/// Options and check order of the two file systems in `fstab`, for an image that has no lines for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mounts {
    pub(super) root: &'static str,
    pub(super) boot: &'static str,
}

/// What [`Mounts`] an image of this flavour gets.
pub(super) const fn mounts(flavour: Flavour) -> Mounts {
    match flavour {
        Flavour::RaspberryPiOs => Mounts { root: "defaults,noatime 0 1", boot: "defaults 0 2" },
        Flavour::BerryDebian => Mounts { root: "noatime,errors=remount-ro 0 1", boot: "defaults 0 2" },
    }
}
