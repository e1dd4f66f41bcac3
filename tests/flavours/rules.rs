//! Every path of the root that a build may change, with the reason. What is not here must be as it was.

use crate::{
    build::{Base, Node},
    support::pi_os::release::Release,
};

/// To which nodes a rule applies.
type Applies = fn(&Base, &Node) -> bool;

const ALL: Applies = |_, _| true;
const WIRELESS: Applies = |_, node| node.is_wireless();
const WIZARD: Applies = |base, _| base.flavour.wizard;
const DESKTOP: Applies = |base, _| base.flavour.desktop;
const ONE_SSHD_FILE: Applies = |base, _| base.flavour.release <= Release::Buster;
const SSHD_FOLDER: Applies = |base, _| base.flavour.release >= Release::Bullseye;
const BEFORE_TRIXIE: Applies = |base, _| base.flavour.release < Release::Trixie;
const TRIXIE: Applies = |base, _| base.flavour.release == Release::Trixie;
const DHCPCD: Applies = |base, _| base.flavour.network == "dhcpcd";
const DHCPCD_WIRELESS: Applies = |base, node| DHCPCD(base, node) && node.is_wireless();
const NETWORK_MANAGER: Applies = |base, _| base.flavour.network == "NetworkManager";
const NETWORK_MANAGER_WIRELESS: Applies = |base, node| NETWORK_MANAGER(base, node) && node.is_wireless();

/// Path, or the beginning of one before a `*`; to whom it applies; why.
const RULES: [(&str, Applies, &str); 68] = [
    ("/etc/fstab", ALL, "the card has its own disk id, and a brick"),
    ("/export", ALL, "where the brick is mounted"),
    ("/etc/hostname", ALL, "the node's name"),
    ("/etc/hosts", ALL, "the names of its peers"),
    ("/etc/machine-id", ALL, "the ledger's"),
    ("/etc/passwd", ALL, "the user"),
    ("/etc/shadow", ALL, "the user's password"),
    ("/etc/group", ALL, "the user's groups"),
    ("/etc/gshadow", ALL, "the user's groups"),
    ("/etc/subuid", ALL, "the user's subordinate numbers"),
    ("/etc/subgid", ALL, "the user's subordinate numbers"),
    ("/home/berry/.ssh*", ALL, "who may log in"),
    ("/etc/sudoers.d/010_pi-nopasswd", ALL, "granted to a name that is gone"),
    ("/etc/sudoers.d/010_berry-nopasswd", ALL, "as the profile says"),
    ("/etc/berry-image*", ALL, "what the node is to become"),
    ("/usr/lib/berry-image*", ALL, "the program of first boot"),
    ("/etc/systemd/system/berry-firstboot-system.service", ALL, "its unit"),
    ("/etc/systemd/system/multi-user.target.wants/berry-firstboot-system.service", ALL, "its unit"),
    ("/etc/update-motd.d", ALL, "made where the base has no messages at login"),
    ("/etc/update-motd.d/95-berry-firstboot", ALL, "how far first boot is"),
    ("/etc/localtime", ALL, "time zone"),
    ("/etc/timezone", ALL, "time zone"),
    ("/etc/default/keyboard", ALL, "keyboard"),
    ("/etc/console-setup/cached_*", ALL, "made from the old keyboard"),
    ("/etc/default/locale", WIRELESS, "another locale than the image's"),
    ("/etc/locale.gen", WIRELESS, "a locale that has to be made"),
    ("/etc/systemd/system/berry-locale.service", WIRELESS, "makes it"),
    ("/etc/systemd/system/multi-user.target.wants/berry-locale.service", WIRELESS, "makes it"),
    ("/var/lib/berry*", WIRELESS, "that it has yet to be made"),
    ("/etc/ssh/ssh_host_ed25519_key", ALL, "the ledger's"),
    ("/etc/ssh/ssh_host_ed25519_key.pub", ALL, "the ledger's"),
    ("/etc/ssh/sshd_config", ONE_SSHD_FILE, "OpenSSH before 8.2 reads no other"),
    ("/etc/ssh/sshd_config.d/00-berry.conf", SSHD_FOLDER, "the profile's policy"),
    ("/etc/systemd/system/multi-user.target.wants/ssh.service", ALL, "sshd is on"),
    ("/etc/systemd/system/sshd.service", ALL, "its alias"),
    ("/etc/systemd/system/regenerate_ssh_host_keys.service", ALL, "masked: it deletes keys"),
    ("/etc/systemd/system/multi-user.target.wants/regenerate_ssh_host_keys.service", ALL, "masked: it deletes keys"),
    ("/etc/systemd/system/userconfig.service", WIZARD, "masked"),
    ("/etc/systemd/system/multi-user.target.wants/userconfig.service", WIZARD, "masked"),
    ("/etc/systemd/system/getty.target.wants/getty@tty1.service", WIZARD, "the wizard had taken the console"),
    ("/etc/ssh/sshd_config.d/rename_user.conf", WIZARD, "the wizard's banner"),
    ("/etc/xdg/autostart/piwiz.desktop", DESKTOP, "the desktop's wizard"),
    ("/etc/sudoers.d/010_wiz-nopasswd", DESKTOP, "the desktop's wizard"),
    ("/home/rpi-first-boot-wizard*", DESKTOP, "the desktop's wizard"),
    ("/etc/lightdm/lightdm.conf", DESKTOP, "it logs in an account that is gone"),
    ("/etc/systemd/system/getty@tty1.service.d*", DESKTOP, "it logs in an account that is gone"),
    ("/etc/init.d/resize2fs_once", BEFORE_TRIXIE, "growth of the root"),
    ("/etc/rc3.d/S01resize2fs_once", BEFORE_TRIXIE, "growth of the root"),
    ("/etc/systemd/system/resize2fs_once.service", BEFORE_TRIXIE, "growth of the root"),
    ("/etc/systemd/system/rpi-resize.service", TRIXIE, "growth of the root"),
    ("/etc/systemd/system/sysinit.target.wants/rpi-resize.service", TRIXIE, "growth of the root"),
    ("/etc/growroot-disabled", TRIXIE, "growth of the root"),
    ("/etc/cloud/cloud-init.disabled", TRIXIE, "cloud-init is off"),
    ("/etc/cloud/cloud.cfg.d/zz-*", TRIXIE, "cloud-init, should somebody switch it on again"),
    ("/etc/systemd/system/dphys-swapfile.service", BEFORE_TRIXIE, "masked"),
    ("/etc/systemd/system/multi-user.target.wants/dphys-swapfile.service", BEFORE_TRIXIE, "masked"),
    ("/etc/rpi/swap.conf.d/*", TRIXIE, "no swap file"),
    ("/etc/systemd/system/rpi-resize-swap-file.service", TRIXIE, "no swap file"),
    ("/etc/fake-hwclock.data", BEFORE_TRIXIE, "the clock"),
    ("/var/lib/systemd/timesync*", ALL, "the clock"),
    ("/etc/systemd/timesyncd.conf.d*", ALL, "time servers"),
    ("/etc/dhcpcd.conf", DHCPCD, "the address"),
    ("/etc/wpa_supplicant/wpa_supplicant.conf", DHCPCD_WIRELESS, "the wireless network"),
    ("/etc/NetworkManager/system-connections/*", NETWORK_MANAGER, "the address"),
    ("/var/lib/NetworkManager*", NETWORK_MANAGER_WIRELESS, "the radio's switch"),
    ("/var/lib/systemd/rfkill/*", WIRELESS, "the radio's switch"),
    ("/etc/systemd/system/rpi-first-boot-wizard*", DESKTOP, "the desktop's wizard"),
    ("/var/lib/dbus/machine-id", ALL, "the same id"),
];

/// Why this path may have changed.
pub(super) fn reason(path: &str, base: &Base, node: &Node) -> Option<&'static str> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => path == pattern,
    };
    RULES.iter().find(|(pattern, applies, _)| matches(pattern) && applies(base, node)).map(|(_, _, reason)| *reason)
}
