//! What the stock image would do on its first boot, and must not do any more.

use crate::{
    build::{Base, Node},
    support::pi_os::release::{Expansion, Release},
};

/// The line, word for word. The stock first boot takes `quiet` away with its trigger where no splash screen covers the console, and so
/// must we: a node is looked at when it does not come up. trixie's line has no `quiet`.
pub(super) fn command_line(node: &Node, base: &Base) {
    let kept = match base.flavour.name {
        "stretch-2017" | "stretch" => {
            "dwc_otg.lpm_enable=0 console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 elevator=deadline fsck.repair=yes rootwait"
        }
        "buster" => "console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 elevator=deadline fsck.repair=yes rootwait",
        "bookworm-desktop" => {
            "console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 fsck.repair=yes rootwait quiet quiet splash \
             plymouth.ignore-serial-consoles"
        }
        _ => "console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 fsck.repair=yes rootwait",
    };
    let kept = kept.replace("ROOT", &format!("PARTUUID={}", node.image.partitions[1].uuid));
    let country = format!("{kept} cfg80211.ieee80211_regdom=DE");
    let line = node.image.boot_file("cmdline.txt");
    let allowed = match (node.is_wireless(), base.flavour.network) {
        (false, _) => vec![kept],
        // Here the country comes from wpa_supplicant.conf; said twice it does no harm.
        (true, "dhcpcd") => vec![kept, country],
        (true, _) => vec![country],
    };
    assert!(allowed.iter().any(|allowed| line == format!("{allowed}\n")), "{line}");
}

pub(super) fn no_expansion(node: &Node, base: &Base) {
    let line = node.image.boot_file("cmdline.txt");
    // The initramfs of bookworm looks for `firstboot` anywhere, that of trixie for a word that begins with `resize`.
    assert!(!line.contains("firstboot") && !line.contains(" resize") && !line.contains("init="), "{line}");
    let view = &node.view;
    // A SysV script is a unit, too, through systemd's generator.
    let gone = !view.exists("/etc/init.d/resize2fs_once") || view.is_masked("resize2fs_once.service");
    assert!(gone, "resize2fs_once would still run");
    for level in ["2", "3", "4", "5", "S"] {
        let names = view.names(&format!("/etc/rc{level}.d"));
        assert!(!names.iter().any(|name| name.contains("resize2fs_once")), "rc{level}.d: {names:?}");
    }
    if base.flavour.expansion == Expansion::ResizeWord {
        // Its ConditionFirstBoot does not hold any more, but one line of a reset machine id would bring it back.
        assert!(view.is_masked("rpi-resize.service"));
    }
    if base.flavour.cloud.is_some() {
        // cc_growpart.py looks for this file before anything else.
        assert!(view.exists("/etc/growroot-disabled"));
    }
}

pub(super) fn no_wizard(node: &Node, base: &Base) {
    let view = &node.view;
    if base.flavour.wizard {
        // Masked, for a preset would bring back what is only disabled.
        assert!(view.is_masked("userconfig.service"));
    }
    assert!(!view.exists("/etc/systemd/system/multi-user.target.wants/userconfig.service"));
    assert!(!view.exists("/etc/ssh/sshd_config.d/rename_user.conf"), "its banner says that there is no user yet");
    let login = view.link("/etc/systemd/system/getty.target.wants/getty@tty1.service").expect("a login on the console");
    assert!(login.ends_with("/systemd/system/getty@.service"), "{login}");
    assert!(!view.is_masked("getty@tty1.service") && !view.is_masked("getty@.service"));
    for path in ["/etc/xdg/autostart/piwiz.desktop", "/etc/sudoers.d/010_wiz-nopasswd"] {
        assert!(!view.exists(path), "{path}");
    }
}

pub(super) fn no_cloud_init(node: &Node, base: &Base) {
    if base.flavour.cloud.is_none() {
        assert!(!node.view.exists("/etc/cloud"), "there is nothing to switch off");
        return;
    }
    // Its generator looks for this file first. Else it would lock `pi`, or make it again and call the wizard back.
    assert!(node.view.exists("/etc/cloud/cloud-init.disabled"));
    for name in node.image.boot_names() {
        if ["user-data", "network-config"].contains(&name.as_str()) {
            let text = node.image.boot_file(&name);
            assert!(text.lines().all(|line| line.trim().is_empty() || line.starts_with('#')), "{name}: {text}");
        }
    }
    let line = node.image.boot_file("cmdline.txt");
    assert!(!line.contains("ds=nocloud") && !line.contains("cloud-init="), "{line}");
}

/// systemd takes a missing machine id and `uninitialized` for a first boot, and then enables everything that has an [Install] section.
pub(super) fn machine_id(node: &Node, _base: &Base) {
    let text = node.view.text("/etc/machine-id");
    assert_eq!(text, format!("{}\n", node.ledger("machine_id")));
    assert!(text.len() == 33 && text.trim().bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)), "{text}");
    assert_eq!(node.view.mode("/etc/machine-id"), (0o444, 0, 0));
    let other = "/var/lib/dbus/machine-id";
    assert!(!node.view.exists(other) || node.view.link(other).as_deref() == Some("/etc/machine-id"));
}

pub(super) fn no_swap_file(node: &Node, base: &Base) {
    let view = &node.view;
    if base.flavour.swap_size.is_some() {
        assert!(view.is_masked("dphys-swapfile.service"), "it makes its file when it starts");
    }
    assert!(!view.exists("/var/swap"));
    if base.flavour.release < Release::Trixie {
        assert!(!view.exists("/etc/rpi"), "there is no rpi-swap");
        return;
    }
    // rpi-swap reads swap.conf and then the drop-ins by name; the last word counts.
    let folder = "/etc/rpi/swap.conf.d";
    let drop_ins = view.names(folder).into_iter().filter(|name| name.ends_with(".conf")).map(|name| view.text(&format!("{folder}/{name}")));
    let mut section = String::new();
    let mut mechanism = "auto".to_owned();
    for text in std::iter::once(view.text("/etc/rpi/swap.conf")).chain(drop_ins) {
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line.to_owned();
            } else if let Some(value) = line.strip_prefix("Mechanism=").filter(|_| section == "[Main]") {
                mechanism = value.trim().to_owned();
            }
        }
    }
    assert_eq!(mechanism, "zram", "`auto` grows a file on the root to the size of the memory");
}
