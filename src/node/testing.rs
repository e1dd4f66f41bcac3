//! What the tests of this module share: profiles and small trees of both flavours.

use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf};

use super::identity::{DiskId, Identity};
use crate::{
    base::facts::{Architecture, Expansion, Facts, Flavour, NetworkService, Release, Swap},
    profile::{
        BaseReference, Brick, BrickSize, Keyboard, Network, Node, NodeName, Packages, Profile, Public, Remote, SshPolicy, Subnet, Sudo,
        User, Volume, VolumeKind, Wifi,
    },
    secret::Secret,
    tree::{Content, Meta, Time, Tree},
};

/// A key line for `authorized_keys`.
pub(super) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyxAzQLJ8h0CwKxmX3q3xW0cKe1w9oKJ8Vb6w2yQ0aQ operator@desk";
/// A password hash in crypt(5) form.
pub(super) const HASH: &str = "$y$j9T$canaryhashsalt$canaryhashcanaryhashcanaryhashcanaryhas";
/// 2023-11-14 22:13:20 UTC.
pub(super) const EPOCH: i64 = 1_700_000_000;

/// A node with a static address.
pub(super) fn node(name: &str, address: [u8; 4]) -> Node {
    Node { name: NodeName::new(name).unwrap(), address: Some(Ipv4Addr::from(address)), dhcp: false, mac: None, remote: None }
}

/// The article's cluster: three nodes at home, a fourth known by `public`.
pub(super) fn profile(public: Public) -> Profile {
    let remote = Node { address: None, dhcp: true, remote: Some(Remote { public, network: None }), ..node("cluster04", [0, 0, 0, 0]) };
    Profile {
        cluster: "cluster01".to_owned(),
        path: PathBuf::from("profiles/cluster01.yaml"),
        base: BaseReference::Debian { suite: "bookworm".to_owned() },
        card_size: 16_000_000_000,
        root_size: 4 << 30,
        brick: Brick { size: BrickSize::Rest, mount_point: "/export".to_owned(), label: "brick".to_owned() },
        time_zone: "Europe/Berlin".to_owned(),
        locale: "de_DE.UTF-8".to_owned(),
        keyboard: Keyboard { model: "pc105".to_owned(), layout: "de".to_owned(), variant: "nodeadkeys".to_owned(), options: String::new() },
        packages: Packages::default(),
        volume: None,
        web: None,
        overlays: Vec::new(),
        user: User {
            name: "berry".to_owned(),
            password: Some(Secret::new(HASH.to_owned())),
            keys: vec![KEY.to_owned()],
            sudo: Sudo::Passwordless,
        },
        ssh: SshPolicy { password_login: false },
        network: Network {
            subnet: Subnet::new(Ipv4Addr::new(192, 168, 2, 0), 24).unwrap(),
            gateway: Some(Ipv4Addr::new(192, 168, 2, 1)),
            dns: vec!["192.168.2.1".parse().unwrap(), "2001:db8::53".parse().unwrap()],
            wifi: None,
        },
        ntp: vec!["ptbtime1.ptb.de".to_owned(), "ptbtime2.ptb.de".to_owned()],
        nodes: vec![node("cluster01", [192, 168, 2, 5]), node("cluster02", [192, 168, 2, 7]), node("cluster03", [192, 168, 2, 6]), remote],
    }
}

/// A volume over the nodes at home.
pub(super) fn volume() -> Volume {
    Volume {
        name: "volpi".to_owned(),
        kind: VolumeKind::Replica { count: 3 },
        nodes: ["cluster01", "cluster02", "cluster03"].into_iter().filter_map(NodeName::new).collect(),
        mount_point: "/mnt/www".to_owned(),
        clients: vec!["10.0.0.0/8".to_owned()],
        options: BTreeMap::from([("network.ping-timeout".to_owned(), "20".to_owned())]),
    }
}

/// A wireless network with a passphrase that a keyfile must escape.
pub(super) fn wifi() -> Wifi {
    Wifi {
        ssid: "Berry Net".to_owned(),
        passphrase: Some(Secret::new(" canary\\passphrase;# ".to_owned())),
        country: "DE".to_owned(),
        hidden: false,
    }
}

/// A random identity on the card with this disk id.
pub(super) fn identity(disk_id: u32) -> Identity {
    Identity { disk_id: DiskId::new(disk_id).unwrap(), ..Identity::random("cluster01").unwrap() }
}

/// A tree of `files`: path, permissions, owner, group, content; a path that ends in a slash is a folder, `->` makes a link.
fn tree(files: &[(&str, u16, u32, u32, &str)]) -> Tree {
    let time = Time::from_seconds(1_600_000_000);
    let mut tree = Tree::new(Meta::new(0o755, 0, 0, time));
    for &(path, permissions, uid, gid, content) in files {
        let meta = Meta::new(permissions, uid, gid, time);
        if let Some(folder) = path.strip_suffix('/') {
            tree.make_folder(folder, &meta).unwrap();
        } else if let Some(target) = content.strip_prefix("-> ") {
            tree.put_link(path, target, meta).unwrap();
        } else {
            tree.put_file(path, meta, Content::bytes(content.as_bytes().to_vec())).unwrap();
        }
    }
    tree
}

/// What both flavours have.
fn debian_base() -> Vec<(&'static str, u16, u32, u32, &'static str)> {
    vec![
        ("/usr/bin/bash", 0o755, 0, 0, "\x7fELF"),
        ("/bin", 0o777, 0, 0, "-> usr/bin"),
        ("/usr/sbin/wpa_supplicant", 0o755, 0, 0, "\x7fELF"),
        ("/usr/sbin/locale-gen", 0o755, 0, 0, "#!/bin/sh\n"),
        ("/sbin", 0o777, 0, 0, "-> usr/sbin"),
        ("/usr/lib/systemd/system/ssh.service", 0o644, 0, 0, "[Unit]\n"),
        ("/usr/lib/systemd/system/getty@.service", 0o644, 0, 0, "[Unit]\n"),
        ("/usr/lib/systemd/system/NetworkManager.service", 0o644, 0, 0, "[Unit]\n"),
        ("/usr/lib/systemd/system/systemd-timesyncd.service", 0o644, 0, 0, "[Unit]\n"),
        ("/lib", 0o777, 0, 0, "-> usr/lib"),
        ("/usr/share/zoneinfo/Europe/Berlin", 0o644, 0, 0, "TZif2"),
        ("/usr/share/zoneinfo/Europe/London", 0o644, 0, 0, "TZif2"),
        ("/usr/share/zoneinfo/tzdata.zi", 0o644, 0, 0, "# version"),
        ("/usr/share/i18n/SUPPORTED", 0o644, 0, 0, "de_DE.UTF-8 UTF-8\nde_DE ISO-8859-1\nen_GB.UTF-8 UTF-8\n"),
        ("/usr/lib/locale/C.utf8/", 0o755, 0, 0, ""),
        ("/etc/localtime", 0o777, 0, 0, "-> /usr/share/zoneinfo/Europe/London"),
        ("/etc/timezone", 0o644, 0, 0, "Europe/London\n"),
        ("/etc/console-setup/cached_setup_keyboard.sh", 0o755, 0, 0, "#!/bin/sh\n"),
        ("/etc/console-setup/remap.inc", 0o644, 0, 0, "keep\n"),
        ("/etc/skel/.profile", 0o644, 0, 0, "# profile\n"),
        ("/etc/sudoers", 0o440, 0, 0, "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"),
        ("/etc/sudoers.d/README", 0o440, 0, 0, "# read me\n"),
        ("/etc/ssh/sshd_config", 0o644, 0, 0, "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nX11Forwarding yes\n"),
        ("/etc/ssh/sshd_config.d/", 0o755, 0, 0, ""),
        ("/etc/NetworkManager/system-connections/", 0o755, 0, 0, ""),
        ("/home/", 0o755, 0, 0, ""),
        ("/root/", 0o700, 0, 0, ""),
        ("/var/lib/dbus/", 0o755, 0, 0, ""),
    ]
}

/// A hash that must not survive.
pub(super) const STOCK_HASH: &str = "$y$j9T$stockhash$stockhashstockhash";

/// Raspberry Pi OS bookworm.
pub(super) mod raspberry {
    use super::*;

    pub(in crate::node) fn facts() -> Facts {
        Facts {
            flavour: Flavour::RaspberryPiOs,
            release: Release::Bookworm,
            architecture: Architecture::Arm64,
            name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            boot_mount: "/boot/firmware".to_owned(),
            network: NetworkService::NetworkManager,
            cloud_init: false,
            wizard: true,
            expansion: Expansion::FirstbootInit,
            stock_user: Some("pi".to_owned()),
            applies_presets: false,
            swap: Swap::DphysSwapfile,
            fake_hwclock: true,
        }
    }

    pub(in crate::node) fn tree() -> Tree {
        let mut files = debian_base();
        files.extend([
            (
                "/etc/passwd",
                0o644,
                0,
                0,
                "root:x:0:0:root:/root:/bin/bash\nsystemd-timesync:x:997:997:Time:/:/usr/sbin/nologin\n\
                 pi:x:1000:1000:,,,:/home/pi:/bin/bash\nrpi-first-boot-wizard:x:120:65534::/home/rpi-first-boot-wizard:/bin/sh\n\
                 sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n",
            ),
            (
                "/etc/shadow",
                0o640,
                0,
                42,
                "root:*:19000:0:99999:7:::\nsystemd-timesync:!*:19000::::::\npi:$y$j9T$stockhash$stockhashstockhash:19000:0:99999:7:::\n\
                 rpi-first-boot-wizard:$y$j9T$stockhash$stockhashstockhash:19000::::::\nsshd:!:19000::::::\n",
            ),
            (
                "/etc/group",
                0o644,
                0,
                0,
                "root:x:0:\nadm:x:4:pi\ndialout:x:20:pi\ncdrom:x:24:pi\nsudo:x:27:pi\naudio:x:29:pi\nshadow:x:42:\nvideo:x:44:pi\n\
                 nogroup:x:65534:\nusers:x:100:pi\ninput:x:102:pi\nnetdev:x:103:pi\nsystemd-timesync:x:997:\nspi:x:999:pi\nhistory:x:1234:\n\
                 pi:x:1000:\n",
            ),
            (
                "/etc/gshadow",
                0o640,
                0,
                42,
                "root:*::\nadm:*::pi\ndialout:*::pi\ncdrom:*::pi\nsudo:*::pi\naudio:*::pi\nshadow:*::\nvideo:*::pi\nnogroup:*::\n\
                 users:*::pi\ninput:!::pi\nnetdev:!::pi\nsystemd-timesync:!*::\nspi:!::pi\nhistory:!::\npi:!::\n",
            ),
            ("/etc/subuid", 0o644, 0, 0, "pi:100000:65536\n"),
            ("/etc/subgid", 0o644, 0, 0, "pi:100000:65536\n"),
            ("/etc/shadow-", 0o640, 0, 42, STOCK_HASH),
            ("/etc/hostname", 0o644, 0, 0, "raspberrypi\n"),
            (
                "/etc/hosts",
                0o644,
                0,
                0,
                "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n\n\
                 127.0.1.1\t\traspberrypi\n",
            ),
            ("/etc/machine-id", 0o444, 0, 0, ""),
            (
                "/etc/fstab",
                0o644,
                0,
                0,
                "proc            /proc           proc    defaults          0       0\n\
                 PARTUUID=4e639091-01  /boot/firmware  vfat    defaults          0       2\n\
                 PARTUUID=4e639091-02  /               ext4    defaults,noatime  0       1\n# a swapfile is not a swap partition\n",
            ),
            ("/etc/default/locale", 0o644, 0, 0, "LANG=en_GB.UTF-8\n"),
            ("/etc/locale.gen", 0o644, 0, 0, "# de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n"),
            (
                "/etc/default/keyboard",
                0o644,
                0,
                0,
                "# KEYBOARD\nXKBMODEL=\"pc105\"\nXKBLAYOUT=\"gb\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\n\nBACKSPACE=\"guess\"\n",
            ),
            ("/etc/sudoers.d/010_pi-nopasswd", 0o440, 0, 0, "pi ALL=(ALL) NOPASSWD: ALL\n"),
            ("/etc/sudoers.d/010_wiz-nopasswd", 0o440, 0, 0, "rpi-first-boot-wizard ALL=(ALL) NOPASSWD: ALL\n"),
            ("/etc/sudoers.d/010_at-export", 0o440, 0, 0, "Defaults env_keep += \"NO_AT_BRIDGE\"\n"),
            ("/etc/ssh/sshd_config.d/rename_user.conf", 0o644, 0, 0, "Banner /usr/share/userconf-pi/sshd_banner\n"),
            ("/etc/init.d/resize2fs_once", 0o755, 0, 0, "#!/bin/sh\n"),
            ("/etc/rc3.d/S01resize2fs_once", 0o777, 0, 0, "-> ../init.d/resize2fs_once"),
            ("/etc/rc3.d/K01ssh", 0o777, 0, 0, "-> ../init.d/ssh"),
            ("/usr/lib/systemd/system/userconfig.service", 0o644, 0, 0, "[Unit]\n"),
            ("/usr/lib/systemd/system/regenerate_ssh_host_keys.service", 0o644, 0, 0, "[Unit]\n"),
            ("/usr/lib/systemd/system/dphys-swapfile.service", 0o644, 0, 0, "[Unit]\n"),
            ("/usr/lib/systemd/system/sshswitch.service", 0o644, 0, 0, "[Unit]\n"),
            ("/etc/systemd/system/multi-user.target.wants/userconfig.service", 0o777, 0, 0, "-> /lib/systemd/system/userconfig.service"),
            (
                "/etc/systemd/system/multi-user.target.wants/regenerate_ssh_host_keys.service",
                0o777,
                0,
                0,
                "-> /lib/systemd/system/regenerate_ssh_host_keys.service",
            ),
            ("/etc/systemd/system/multi-user.target.wants/dphys-swapfile.service", 0o777, 0, 0, "-> /lib/systemd/system/dphys-swapfile.service"),
            ("/etc/systemd/system/multi-user.target.wants/sshswitch.service", 0o777, 0, 0, "-> /lib/systemd/system/sshswitch.service"),
            ("/etc/systemd/system/getty@tty1.service.d/autologin.conf", 0o644, 0, 0, "[Service]\nExecStart=-/sbin/agetty --autologin pi\n"),
            ("/etc/fake-hwclock.data", 0o644, 0, 0, "2024-11-19 12:00:00\n"),
            ("/var/lib/systemd/random-seed", 0o600, 0, 0, "not random any more"),
            ("/home/pi/", 0o700, 1000, 1000, ""),
            ("/home/pi/.bashrc", 0o644, 1000, 1000, "# bashrc\n"),
            ("/var/lib/systemd/rfkill/platform-fe215040.serial:bluetooth", 0o644, 0, 0, "0\n"),
            ("/var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan", 0o644, 0, 0, "1\n"),
            ("/var/lib/NetworkManager/NetworkManager.state", 0o644, 0, 0, "[main]\nWirelessEnabled=false\n"),
        ]);
        super::tree(&files)
    }
}

/// Debian bookworm as this program makes it.
pub(super) mod debian {
    use super::*;

    pub(in crate::node) fn facts() -> Facts {
        Facts {
            flavour: Flavour::BerryDebian,
            wizard: false,
            expansion: Expansion::None,
            stock_user: None,
            swap: Swap::None,
            fake_hwclock: false,
            ..raspberry::facts()
        }
    }

    pub(in crate::node) fn tree() -> Tree {
        let mut files = debian_base();
        files.extend([
            (
                "/etc/passwd",
                0o644,
                0,
                0,
                "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
                 systemd-timesync:x:997:997:systemd Time Synchronization:/:/usr/sbin/nologin\n",
            ),
            ("/etc/shadow", 0o640, 0, 42, "systemd-timesync:!*:20778::::::\nroot::20778:0:99999:7:::\nnobody:*:20778:0:99999:7:::\n"),
            ("/etc/group", 0o644, 0, 0, "root:x:0:\nadm:x:4:\nsudo:x:27:\nshadow:x:42:\nnogroup:x:65534:\nsystemd-timesync:x:997:\n"),
            ("/etc/gshadow", 0o640, 0, 42, "root:*::\nadm:*::\nsudo:*::\nshadow:*::\nnogroup:*::\nsystemd-timesync:!*::\n"),
            ("/etc/subuid", 0o644, 0, 0, ""),
            ("/etc/subgid", 0o644, 0, 0, ""),
            ("/etc/shadow-", 0o640, 0, 42, "root::20778:0:99999:7:::\n"),
            ("/etc/hostname", 0o644, 0, 0, "builder\n"),
            ("/etc/hosts", 0o644, 0, 0, "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n"),
            ("/etc/machine-id", 0o644, 0, 0, ""),
            ("/etc/fstab", 0o644, 0, 0, "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n"),
            ("/etc/default/locale", 0o644, 0, 0, "#  File generated by update-locale\n"),
            ("/etc/locale.gen", 0o644, 0, 0, "# C.UTF-8 UTF-8\n# de_DE ISO-8859-1\n# de_DE.UTF-8 UTF-8\n"),
            ("/etc/default/keyboard", 0o644, 0, 0, "XKBMODEL=\"pc105\"\nXKBLAYOUT=\"us\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\n"),
            ("/etc/default/raspi-firmware", 0o644, 0, 0, "ROOTPART=\"LABEL=RASPIROOT\"\nCONSOLES=\"tty0 ttyS1,115200\"\nCMA=0\n"),
            ("/etc/ssh/ssh_host_rsa_key", 0o600, 0, 0, "a key of the base\n"),
            ("/etc/systemd/system/multi-user.target.wants/ssh.service", 0o777, 0, 0, "-> /lib/systemd/system/ssh.service"),
            ("/etc/systemd/system/sshd.service", 0o777, 0, 0, "-> /lib/systemd/system/ssh.service"),
        ]);
        super::tree(&files)
    }
}
