mod cluster;
mod overlays;
mod releases;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use super::*;
use crate::{
    disk::{mbr::Mbr, table::Table},
    node::{
        ledger::Ledger,
        partuuid::{PartUuids, Texts, verify_partuuids},
        testing::{EPOCH, HASH, KEY, STOCK_HASH, debian, profile, raspberry, wifi},
    },
    profile::{Public, Sudo},
    tree::{Content, InodeId, Kind, Meta, Time},
};

fn home() -> Profile {
    profile(Public::Name("berries.example.org".to_owned()))
}

/// The common tree and those of all nodes.
fn build(base: Tree, facts: &Facts, profile: &Profile, ledger: &Ledger) -> (Tree, Vec<Tree>) {
    let build = Build::new(ledger, None);
    let mut common_tree = base;
    let shared = common(&mut common_tree, facts, profile, &build).unwrap();
    let trees = profile.nodes.iter().map(|node| {
        let mut tree = common_tree.clone();
        let identity = ledger.identity(&node.name).unwrap();
        let names = PartUuids::of(&Table::Mbr(Mbr::new(identity.disk_id.get())));
        personal(&mut tree, facts, profile, node, identity, &names, &shared).unwrap();
        tree
    });
    let trees = trees.collect();
    (common_tree, trees)
}

fn raspberry_nodes(profile: &Profile) -> (Ledger, Vec<Tree>) {
    let ledger = Ledger::create(profile, EPOCH).unwrap();
    let (_, trees) = build(raspberry::tree(), &raspberry::facts(), profile, &ledger);
    (ledger, trees)
}

fn debian_nodes(profile: &Profile) -> (Ledger, Vec<Tree>) {
    let ledger = Ledger::create(profile, EPOCH).unwrap();
    let (_, trees) = build(debian::tree(), &debian::facts(), profile, &ledger);
    (ledger, trees)
}

/// Permissions, owner and group, and the content or a link's target.
fn shown(tree: &Tree, path: &str) -> String {
    let Some(id) = tree.lookup(path) else { return "-".to_owned() };
    let inode = tree.inode(id);
    let head = format!("{:04o} {}:{}", inode.meta.permissions, inode.meta.uid, inode.meta.gid);
    match &inode.kind {
        Kind::Directory(_) => format!("{head} /"),
        Kind::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
        Kind::File(content) => format!("{head} {}", String::from_utf8(content.to_vec(1 << 20).unwrap()).unwrap()),
        _ => "?".to_owned(),
    }
}

#[track_caller]
fn check(tree: &Tree, expected: &[(&str, &str)]) {
    for (path, expected) in expected {
        assert_eq!(&shown(tree, path), expected, "{path}");
    }
}

fn paths(tree: &Tree) -> Vec<(PathBuf, InodeId)> {
    let mut paths = Vec::new();
    tree.walk(&mut |path, id| paths.push((PathBuf::from(String::from_utf8(path.to_vec()).unwrap()), id)));
    paths
}

/// All that a tree holds, for comparison.
fn everything(tree: &Tree) -> BTreeMap<PathBuf, String> {
    let describe = |path: &Path, id: InodeId| format!("{:?} {}", tree.inode(id).meta, shown(tree, path.to_str().unwrap()));
    paths(tree).into_iter().map(|(path, id)| (path.clone(), describe(&path, id))).collect()
}

#[test]
fn raspberry_pi_os_becomes_the_node() {
    let profile = home();
    let (ledger, trees) = raspberry_nodes(&profile);
    let identity = ledger.identity(&profile.nodes[1].name).unwrap();
    let tree = &trees[1];
    check(
        tree,
        &[
            ("/etc/hostname", "0644 0:0 cluster02\n"),
            (
                "/etc/hosts",
                "0644 0:0 127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\n\
                 ff02::2\t\tip6-allrouters\n\n192.168.2.5\tcluster01\n192.168.2.7\tcluster02\n192.168.2.6\tcluster03\n",
            ),
            ("/etc/machine-id", &format!("0444 0:0 {}\n", identity.machine_id)),
            ("/var/lib/dbus/machine-id", "-> /etc/machine-id"),
            ("/etc/timezone", "0644 0:0 Europe/Berlin\n"),
            ("/etc/localtime", "-> /usr/share/zoneinfo/Europe/Berlin"),
            ("/etc/default/locale", "0644 0:0 LANG=de_DE.UTF-8\n"),
            ("/etc/locale.gen", "0644 0:0 de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n"),
            ("/etc/systemd/system/multi-user.target.wants/berry-locale.service", "-> /etc/systemd/system/berry-locale.service"),
            ("/var/lib/berry/locale-pending", "0644 0:0 "),
            (
                "/etc/default/keyboard",
                "0644 0:0 # KEYBOARD\nXKBMODEL=\"pc105\"\nXKBLAYOUT=\"de\"\nXKBVARIANT=\"nodeadkeys\"\nXKBOPTIONS=\"\"\n\nBACKSPACE=\"guess\"\n",
            ),
            ("/etc/console-setup/cached_setup_keyboard.sh", "-"),
            ("/etc/console-setup/remap.inc", "0644 0:0 keep\n"),
            ("/etc/systemd/system/userconfig.service", "-> /dev/null"),
            ("/etc/systemd/system/multi-user.target.wants/userconfig.service", "-"),
            ("/etc/systemd/system/regenerate_ssh_host_keys.service", "-> /dev/null"),
            ("/etc/systemd/system/multi-user.target.wants/regenerate_ssh_host_keys.service", "-"),
            ("/etc/systemd/system/dphys-swapfile.service", "-> /dev/null"),
            ("/etc/systemd/system/multi-user.target.wants/dphys-swapfile.service", "-"),
            ("/etc/systemd/system/multi-user.target.wants/sshswitch.service", "-> /lib/systemd/system/sshswitch.service"),
            ("/etc/systemd/system/multi-user.target.wants/ssh.service", "-> /lib/systemd/system/ssh.service"),
            ("/etc/systemd/system/sshd.service", "-> /lib/systemd/system/ssh.service"),
            ("/etc/systemd/system/getty.target.wants/getty@tty1.service", "-> /lib/systemd/system/getty@.service"),
            ("/etc/systemd/system/getty@tty1.service.d/autologin.conf", "-"),
            ("/etc/ssh/sshd_config.d/rename_user.conf", "-"),
            ("/etc/init.d/resize2fs_once", "-"),
            ("/etc/rc3.d/S01resize2fs_once", "-"),
            ("/etc/rc3.d/K01ssh", "-> ../init.d/ssh"),
            ("/etc/ssh/ssh_host_ed25519_key", &format!("0600 0:0 {}", identity.ssh_host_key.private().expose())),
            ("/etc/ssh/ssh_host_ed25519_key.pub", &format!("0644 0:0 {}\n", identity.ssh_host_key.public())),
            (
                "/etc/fstab",
                &format!(
                    "0644 0:0 proc            /proc           proc    defaults          0       0\n\
                     PARTUUID={id}-01  /boot/firmware  vfat    defaults          0       2\n\
                     PARTUUID={id}-02  /               ext4    defaults,noatime  0       1\n# a swapfile is not a swap partition\n\
                     UUID={brick}\t/export\text4\tnoatime,nofail,x-systemd.device-timeout=30s,x-systemd.wanted-by=local-fs.target,\
                     x-systemd.wanted-by=dev-disk-by\\x2duuid-{escaped}.device\t0 2\n",
                    id = identity.disk_id,
                    brick = identity.brick_uuid,
                    escaped = identity.brick_uuid.to_string().replace('-', "\\x2d")
                ),
            ),
            ("/export", "0755 0:0 /"),
            (
                "/etc/NetworkManager/system-connections/berry.nmconnection",
                &format!(
                    "0600 0:0 # Written by berry-image.\n[connection]\nid=berry\nuuid={}\ntype=ethernet\ninterface-name=eth0\n\
                     autoconnect=true\n\n[ethernet]\n\n[ipv4]\nmethod=manual\naddress1=192.168.2.7/24,192.168.2.1\ndns=192.168.2.1;\n\n\
                     [ipv6]\nmethod=auto\ndns=2001:db8::53;\n",
                    identity.connection_uuid
                ),
            ),
            ("/etc/fake-hwclock.data", "0644 0:0 2023-11-14 22:13:20\n"),
            ("/var/lib/systemd/timesync", "0755 997:997 /"),
            ("/var/lib/systemd/timesync/clock", "0644 997:997 "),
            (
                "/etc/passwd",
                "0644 0:0 root:x:0:0:root:/root:/bin/bash\nsystemd-timesync:x:997:997:Time:/:/usr/sbin/nologin\n\
                 berry:x:1000:1000:,,,:/home/berry:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n",
            ),
            (
                "/etc/shadow",
                &format!(
                    "0640 0:42 root:*:19000:0:99999:7:::\nsystemd-timesync:!*:19000::::::\nsshd:!:19000::::::\nberry:{HASH}:19675:0:99999:7:::\n"
                ),
            ),
            ("/etc/shadow-", "-"),
            (
                "/etc/group",
                "0644 0:0 root:x:0:\nadm:x:4:berry\ndialout:x:20:berry\ncdrom:x:24:berry\nsudo:x:27:berry\naudio:x:29:berry\nshadow:x:42:\n\
                 video:x:44:berry\nnogroup:x:65534:\nusers:x:100:berry\ninput:x:102:berry\nnetdev:x:103:berry\nsystemd-timesync:x:997:\n\
                 spi:x:999:berry\nhistory:x:1234:\nberry:x:1000:\n",
            ),
            (
                "/etc/gshadow",
                "0640 0:42 root:*::\nadm:*::berry\ndialout:*::berry\ncdrom:*::berry\nsudo:*::berry\naudio:*::berry\nshadow:*::\n\
                 video:*::berry\nnogroup:*::\nusers:*::berry\ninput:!::berry\nnetdev:!::berry\nsystemd-timesync:!*::\nspi:!::berry\n\
                 history:!::\nberry:!::\n",
            ),
            ("/etc/subuid", "0644 0:0 berry:100000:65536\n"),
            ("/etc/subgid", "0644 0:0 berry:100000:65536\n"),
            ("/home/pi", "-"),
            ("/home/berry", "0700 1000:1000 /"),
            ("/home/berry/.bashrc", "0644 1000:1000 # bashrc\n"),
            ("/home/berry/.ssh", "0700 1000:1000 /"),
            ("/home/berry/.ssh/authorized_keys", &format!("0600 1000:1000 {KEY}\n")),
            ("/etc/sudoers.d/010_pi-nopasswd", "-"),
            ("/etc/sudoers.d/010_wiz-nopasswd", "-"),
            ("/etc/sudoers.d/010_at-export", "0440 0:0 Defaults env_keep += \"NO_AT_BRIDGE\"\n"),
            ("/var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan", "0644 0:0 1\n"),
            ("/etc/cloud", "-"),
            ("/var/lib/systemd/random-seed", "-"),
        ],
    );
    assert!(shown(tree, "/etc/sudoers.d/010_berry-nopasswd").starts_with("0440 0:0 "));
    assert!(shown(tree, "/etc/sudoers.d/010_berry-nopasswd").ends_with("\nberry ALL=(ALL:ALL) NOPASSWD: ALL\n"));
    assert!(shown(tree, "/etc/ssh/sshd_config.d/00-berry.conf").contains("\nPasswordAuthentication no\n"));
    assert!(shown(tree, "/etc/systemd/timesyncd.conf.d/10-berry.conf").ends_with("[Time]\nNTP=ptbtime1.ptb.de ptbtime2.ptb.de\n"));
    let clock = tree.lookup("/var/lib/systemd/timesync/clock").unwrap();
    assert_eq!(tree.inode(clock).meta.mtime.seconds, EPOCH);
}

#[test]
fn debian_becomes_the_node() {
    let profile = home();
    let (ledger, trees) = debian_nodes(&profile);
    let identity = ledger.identity(&profile.nodes[0].name).unwrap();
    check(
        &trees[0],
        &[
            (
                "/etc/hosts",
                "0644 0:0 127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n\n192.168.2.5\tcluster01\n192.168.2.7\tcluster02\n192.168.2.6\tcluster03\n",
            ),
            ("/etc/machine-id", &format!("0444 0:0 {}\n", identity.machine_id)),
            (
                "/etc/fstab",
                &format!(
                    "0644 0:0 # UNCONFIGURED FSTAB FOR BASE SYSTEM\nPARTUUID={id}-01\t/boot/firmware\tvfat defaults 0 2\n\
                     PARTUUID={id}-02\t/\text4 noatime,errors=remount-ro 0 1\n\
                     UUID={brick}\t/export\text4\tnoatime,nofail,x-systemd.device-timeout=30s,x-systemd.wanted-by=local-fs.target,\
                     x-systemd.wanted-by=dev-disk-by\\x2duuid-{escaped}.device\t0 2\n",
                    id = identity.disk_id,
                    brick = identity.brick_uuid,
                    escaped = identity.brick_uuid.to_string().replace('-', "\\x2d")
                ),
            ),
            (
                "/etc/default/raspi-firmware",
                &format!("0644 0:0 {}", raspi_firmware::settings(&format!("PARTUUID={}-02", identity.disk_id))),
            ),
            ("/etc/default/raspi-extra-cmdline", "0644 0:0 "),
            (
                "/etc/passwd",
                "0644 0:0 root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
                 systemd-timesync:x:997:997:systemd Time Synchronization:/:/usr/sbin/nologin\n\
                 berry:x:1000:1000:,,,:/home/berry:/bin/bash\n",
            ),
            (
                "/etc/shadow",
                &format!(
                    "0640 0:42 systemd-timesync:!*:20778::::::\nroot:*:20778:0:99999:7:::\nnobody:*:20778:0:99999:7:::\n\
                     berry:{HASH}:19675:0:99999:7:::\n"
                ),
            ),
            ("/etc/shadow-", "-"),
            (
                "/etc/group",
                "0644 0:0 root:x:0:\nadm:x:4:berry\nsudo:x:27:berry\nshadow:x:42:\nnogroup:x:65534:\nsystemd-timesync:x:997:\nberry:x:1000:\n",
            ),
            ("/etc/subuid", "0644 0:0 berry:100000:65536\n"),
            ("/home/berry", "0700 1000:1000 /"),
            ("/home/berry/.profile", "0644 1000:1000 # profile\n"),
            ("/etc/ssh/ssh_host_rsa_key", "-"),
            ("/etc/fake-hwclock.data", "-"),
            ("/etc/systemd/system/userconfig.service", "-"),
            ("/etc/systemd/system/dphys-swapfile.service", "-"),
        ],
    );
}

#[test]
fn the_remote_node_knows_itself_and_no_local_names() {
    for (public, own, line) in [
        (Public::Name("berries.example.org".to_owned()), "berries.example.org cluster04", None),
        (Public::Name("cluster04".to_owned()), "cluster04", None),
        (Public::Address("203.0.113.9".parse().unwrap()), "cluster04", Some("203.0.113.9\tcluster04\n")),
    ] {
        let (_, trees) = debian_nodes(&profile(public));
        let head = "0644 0:0 127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n\n";
        check(&trees[3], &[("/etc/hosts", &format!("{head}127.0.1.1\t{own}\n"))]);
        let local = shown(&trees[0], "/etc/hosts");
        assert_eq!(local.contains("203.0.113.9\tcluster04\n"), line.is_some());
        assert!(!local.contains("example.org") && !local.contains("127.0.1.1"), "{local}");
        let keyfile = shown(&trees[3], network_manager::KEYFILE);
        assert!(keyfile.contains("type=ethernet") && keyfile.ends_with("[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n"), "{keyfile}");
    }
}

#[test]
fn a_name_on_several_lines_is_nowhere_ambiguous() {
    let profile = home();
    let base = "127.0.0.1 localhost cluster02\n10.0.0.9 cluster02 old\n10.0.0.8 other # cluster02\n127.0.1.1 raspberrypi\n";
    let file = hosts::file(base, &profile, &profile.nodes[1]);
    assert_eq!(hosts::file(&file, &profile, &profile.nodes[1]), file);
    let names = |line: &str| line.split('#').next().unwrap().split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let addresses: Vec<_> = file.lines().filter(|line| names(line).contains(&"cluster02".to_owned())).collect();
    assert_eq!(addresses, ["192.168.2.7\tcluster02"]);
    assert!(file.starts_with("127.0.0.1\tlocalhost\n::1\tlocalhost") && file.contains("10.0.0.8 other"), "{file}");
}

#[test]
fn wifi_is_switched_on_and_joined() {
    let mut profile = home();
    profile.network.wifi = Some(wifi());
    profile.nodes[1].dhcp = true;
    let (_, trees) = raspberry_nodes(&profile);
    let keyfile = shown(&trees[0], network_manager::KEYFILE);
    assert!(keyfile.starts_with("0600 0:0 ") && keyfile.contains("type=wifi\ninterface-name=wlan0\n"), "{keyfile}");
    assert!(
        keyfile.contains(
            "\n[wifi]\nmode=infrastructure\nssid=Berry Net\n\n[wifi-security]\nkey-mgmt=wpa-psk\npsk=\\scanary\\\\passphrase;#\\s\n\n[ipv4]\nmethod=manual\n"
        ),
        "{keyfile}"
    );
    assert!(shown(&trees[1], network_manager::KEYFILE).contains("[ipv4]\nmethod=auto\n"));
    // The remote node has no wireless network that we know of.
    assert!(shown(&trees[3], network_manager::KEYFILE).contains("type=ethernet"));
    for radio in ["3f300000.mmcnr", "fe300000.mmcnr", "1001100000.mmc", "20300000.mmcnr"] {
        assert_eq!(shown(&trees[0], &format!("/var/lib/systemd/rfkill/platform-{radio}:wlan")), "0644 0:0 0\n");
    }
    assert!(shown(&trees[0], "/var/lib/NetworkManager/NetworkManager.state").contains("\nWirelessEnabled=true\n"));
    let (_, trees) = debian_nodes(&profile);
    assert_eq!(shown(&trees[0], raspi_firmware::EXTRA), "0644 0:0 cfg80211.ieee80211_regdom=DE\n");
    assert_eq!(shown(&trees[3], raspi_firmware::EXTRA), "0644 0:0 ");
}

#[test]
fn a_locked_user_without_sudo_is_just_that() {
    let mut profile = home();
    profile.user.name = "pi".to_owned();
    profile.user.password = None;
    profile.user.sudo = Sudo::No;
    profile.user.keys.clear();
    let (ledger, trees) = raspberry_nodes(&profile);
    let tree = &trees[0];
    assert!(shown(tree, "/etc/shadow").ends_with("\npi:*:19675:0:99999:7:::\n"));
    assert!(shown(tree, "/etc/group").contains("\nsudo:x:27:\n") && shown(tree, "/etc/group").contains("\nadm:x:4:pi\n"));
    assert!(shown(tree, "/etc/gshadow").contains("\nsudo:*::\n"));
    check(
        tree,
        &[
            ("/etc/sudoers.d/010_pi-nopasswd", "-"),
            ("/etc/sudoers.d/010_berry-nopasswd", "-"),
            ("/home/pi/.ssh/authorized_keys", &format!("0600 1000:1000 {}\n", ledger.operator_key().unwrap().public())),
        ],
    );
}

#[test]
fn the_stock_passwords_are_nowhere_left() {
    for sudo in [Sudo::No, Sudo::Password, Sudo::Passwordless] {
        for name in ["pi", "berry"] {
            let mut profile = home();
            profile.user.name = name.to_owned();
            profile.user.sudo = sudo;
            let (_, trees) = raspberry_nodes(&profile);
            for (path, _) in paths(&trees[0]) {
                assert!(!shown(&trees[0], path.to_str().unwrap()).contains(STOCK_HASH), "{}", path.display());
            }
        }
    }
}

#[test]
fn names_that_are_taken_and_values_that_are_unknown_are_refused() {
    type Change = fn(&mut Profile);
    let cases: [(Change, &str); 6] = [
        (|profile| profile.user.name = "sshd".to_owned(), "the user name `sshd` is already taken in the base image"),
        (|profile| profile.user.name = "video".to_owned(), "the group name `video` is already taken in the base image"),
        (
            |profile| profile.time_zone = "Europe/Berlni".to_owned(),
            "the base image knows no time zone `Europe/Berlni`; it knows `Europe/Berlin`",
        ),
        (|profile| profile.time_zone = "../../etc/passwd".to_owned(), "the base image knows no time zone `../../etc/passwd`"),
        (|profile| profile.time_zone = "tzdata.zi".to_owned(), "the base image knows no time zone `tzdata.zi`"),
        (|profile| profile.locale = "de_DD.UTF-8".to_owned(), "the base image knows no locale `de_DD.UTF-8`; it knows `de_DE.UTF-8`"),
    ];
    for (change, expected) in cases {
        let mut profile = home();
        change(&mut profile);
        let build = Build { epoch: EPOCH, ..Build::default() };
        let error = common(&mut raspberry::tree(), &raspberry::facts(), &profile, &build).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let mut profile = home();
    profile.brick.mount_point = "/boot/firmware".to_owned();
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let identity = ledger.identity(&profile.nodes[0].name).unwrap();
    let names = PartUuids::of(&Table::Mbr(Mbr::new(1)));
    let fstab = shown(&raspberry::tree(), "/etc/fstab");
    assert!(matches!(
        fstab::file(&fstab, &raspberry::facts(), &profile, &profile.nodes[0], identity, &names),
        Err(NodeError::Taken { .. })
    ));
}

#[test]
fn what_a_setting_needs_and_the_image_lacks_is_named() {
    for path in ["/etc/shadow", "/etc/ssh/sshd_config", "/usr/lib/systemd/system/ssh.service", "/etc/sudoers", "/usr/sbin/locale-gen"] {
        let mut tree = raspberry::tree();
        assert!(tree.remove(path).unwrap());
        let build = Build { epoch: EPOCH, ..Build::default() };
        let error = common(&mut tree, &raspberry::facts(), &home(), &build).unwrap_err();
        let name = path.rsplit('/').next().unwrap();
        assert!(matches!(&error, NodeError::Missing { path: got, .. } if got.ends_with(name)), "{path}: {error}");
    }
    let mut tree = debian::tree();
    let text = b"auto eth0\niface eth0 inet dhcp\n".to_vec();
    let mut editor = Editor::new(&mut tree, 0);
    editor.create("/etc/network/interfaces.d/eth0", 0o644, 0, 0, text).unwrap();
    let build = Build { epoch: EPOCH, ..Build::default() };
    let error = common(&mut tree, &debian::facts(), &home(), &build).unwrap_err();
    assert!(matches!(&error, NodeError::NotUnderstood { path, .. } if path == "/etc/network/interfaces.d/eth0"), "{error}");
}

/// The layout of the images is stable only if no node adds, removes or renumbers anything.
#[test]
fn nodes_only_give_content_to_files_that_are_there() {
    let mut with_wifi = home();
    with_wifi.network.wifi = Some(wifi());
    for profile in [home(), with_wifi] {
        for (base, facts) in [(raspberry::tree(), raspberry::facts()), (debian::tree(), debian::facts())] {
            let ledger = Ledger::create(&profile, EPOCH).unwrap();
            let (common, trees) = build(base, &facts, &profile, &ledger);
            let names = paths(&common);
            for tree in &trees {
                assert_eq!(paths(tree), names);
                assert_eq!(tree.id_bound(), common.id_bound());
                for (path, id) in &names {
                    let (before, after) = (common.inode(*id), tree.inode(*id));
                    assert_eq!((before.mode(), before.meta.uid, before.meta.gid), (after.mode(), after.meta.uid, after.meta.gid));
                    assert!(common.shares_inode(tree, *id) || after.content().is_some(), "{}", path.display());
                }
            }
            let differing = |a: &Tree, b: &Tree| {
                names.iter().filter(|(_, id)| !a.shares_inode(b, *id)).map(|(path, _)| path.clone()).collect::<Vec<_>>()
            };
            let between_local = differing(&trees[0], &trees[1]);
            assert!(between_local.len() <= 9, "{between_local:?}");
            assert!(!between_local.contains(&PathBuf::from("/etc/hosts")), "local nodes share their hosts file");
            assert!(differing(&trees[0], &trees[3]).len() <= 10);
        }
    }
}

#[test]
fn the_same_ledger_gives_the_same_trees() {
    let profile = home();
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    for (base, facts) in [(raspberry::tree(), raspberry::facts()), (debian::tree(), debian::facts())] {
        let (_, first) = build(base.clone(), &facts, &profile, &ledger);
        let (_, second) = build(base, &facts, &profile, &ledger);
        for (a, b) in first.iter().zip(&second) {
            assert_eq!(everything(a), everything(b));
        }
    }
}

#[test]
fn every_time_that_is_made_up_is_the_epoch() {
    let profile = home();
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let (_, trees) = build(raspberry::tree(), &raspberry::facts(), &profile, &ledger);
    for (path, id) in paths(&trees[0]) {
        let meta = &trees[0].inode(id).meta;
        for time in [meta.atime, meta.mtime, meta.ctime, meta.crtime] {
            assert!([EPOCH, 1_600_000_000].contains(&time.seconds) && time.nanoseconds == 0, "{}", path.display());
        }
    }
    let early = Build::new(&ledger, Some(86_400));
    assert_eq!((early.epoch, Build::new(&ledger, None).epoch), (86_400, EPOCH));
}

#[test]
fn the_partitions_agree_on_the_finished_texts() {
    let profile = home();
    let facts = debian::facts();
    let (ledger, trees) = debian_nodes(&profile);
    for (node, tree) in profile.nodes.iter().zip(&trees) {
        let card = Table::Mbr(Mbr::new(ledger.identity(&node.name).unwrap().disk_id.get()));
        let line =
            crate::node::boot::command_line(&facts, None, &PartUuids::of(&card), " console=tty0 root=LABEL=RASPIROOT rw rootwait \n")
                .unwrap();
        let (fstab, settings) = (tree.read_text("/etc/fstab").unwrap(), tree.read_text(raspi_firmware::SETTINGS).unwrap());
        let texts = Texts { fstab: &fstab, boot_mount: &facts.boot_mount, command_line: &line, raspi_firmware: Some(&settings) };
        verify_partuuids(&card, &texts).unwrap();
        assert!(verify_partuuids(&Table::Mbr(Mbr::new(1)), &texts).is_err());
    }
}

/// Secrets stand where they must and nowhere else, and others cannot read them there.
#[test]
fn secrets_stand_only_where_they_must() {
    let mut profile = home();
    profile.network.wifi = Some(wifi());
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let (_, trees) = build(raspberry::tree(), &raspberry::facts(), &profile, &ledger);
    let key = ledger.identity(&profile.nodes[0].name).unwrap().ssh_host_key.private().expose().lines().nth(2).unwrap().to_owned();
    let mut found = Vec::new();
    for (path, id) in paths(&trees[0]) {
        let text = shown(&trees[0], path.to_str().unwrap());
        if text.contains("canary") || text.contains(&key) {
            assert_eq!(trees[0].inode(id).meta.permissions & 0o007, 0, "{}", path.display());
            found.push(path.display().to_string());
        }
    }
    found.sort();
    assert_eq!(found, [network_manager::KEYFILE, "/etc/shadow", ssh::HOST_KEY]);
    let mut bad = profile.clone();
    bad.user.name = "sshd".to_owned();
    let error = common(&mut raspberry::tree(), &raspberry::facts(), &bad, &Build::new(&ledger, None)).unwrap_err();
    let printed = format!("{error} {error:?} {profile:?} {:?}", Build::new(&ledger, None));
    assert!(!printed.contains("canary") && !printed.contains(&key), "{printed}");
}

/// Writes a tree into a folder of this machine.
fn unpack(tree: &Tree, root: &Path) {
    tree.walk(&mut |path, id| {
        let target = root.join(String::from_utf8(path[1..].to_vec()).unwrap());
        let inode = tree.inode(id);
        match &inode.kind {
            Kind::Directory(_) => fs::create_dir_all(&target).unwrap(),
            Kind::Symlink(link) => symlink(String::from_utf8(link.clone()).unwrap(), &target).unwrap(),
            Kind::File(content) => fs::write(&target, content.to_vec(1 << 20).unwrap()).unwrap(),
            _ => {}
        }
        if !matches!(inode.kind, Kind::Symlink(_)) {
            fs::set_permissions(&target, fs::Permissions::from_mode(u32::from(inode.meta.permissions))).unwrap();
            if rustix::process::geteuid().is_root() {
                chown(&target, Some(inode.meta.uid), Some(inode.meta.gid)).unwrap();
            }
        }
    });
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{text}", output.status);
    text
}

#[test]
fn the_systems_own_tools_accept_the_files() {
    let mut renamed_without_sudo = home();
    renamed_without_sudo.user.sudo = Sudo::No;
    for profile in [home(), renamed_without_sudo] {
        for (_, trees) in [raspberry_nodes(&profile), debian_nodes(&profile)] {
            let folder = tempfile::tempdir().unwrap();
            unpack(&trees[0], folder.path());
            let path = |path: &str| format!("{}{path}", folder.path().display());
            if rustix::process::geteuid().is_root() {
                // Both change their root, since they also look for members, homes and shells; CI is root.
                let root = folder.path().to_str().unwrap();
                run("pwck", &["-q", "-r", "-R", root]);
                run("grpck", &["-r", "-R", root]);
            }
            for (file, key) in [("/etc/passwd", 7), ("/etc/shadow", 9), ("/etc/group", 4), ("/etc/gshadow", 4)] {
                for line in fs::read_to_string(path(file)).unwrap().lines() {
                    assert_eq!(line.split(':').count(), key, "{file}: {line}");
                }
            }
            let fstab = path("/etc/fstab");
            let output = Command::new("findmnt").args(["--verify", "--tab-file", &fstab]).output().expect("findmnt is installed");
            let verdict = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            // The partitions and mount points are not this machine's; all else must be right.
            let errors = verdict.lines().filter(|line| line.contains("[E]") || line.contains("[W]"));
            assert!(verdict.contains("0 parse errors") && errors.clone().all(|line| line.contains("unreachable")), "{verdict}");
            let private = run("ssh-keygen", &["-y", "-f", &path(ssh::HOST_KEY)]);
            assert_eq!(private, fs::read_to_string(path(ssh::HOST_KEY_PUBLIC)).unwrap());
            run("ssh-keygen", &["-l", "-f", &path("/home/berry/.ssh/authorized_keys")]);
            for name in fs::read_dir(path("/etc/sudoers.d")).unwrap() {
                let file = name.unwrap().path();
                run("visudo", &["-c", "-q", "-f", file.to_str().unwrap()]);
            }
            sshd_accepts(folder.path());
        }
    }
}

/// sshd reads paths of the running system, so they are turned into those of the folder.
fn sshd_accepts(root: &Path) {
    let text = fs::read_to_string(root.join("etc/ssh/sshd_config.d/00-berry.conf")).unwrap();
    let config = root.join("sshd_config");
    fs::write(&config, text.replace("/etc/ssh/", &format!("{}/etc/ssh/", root.display())) + "UsePAM yes\n").unwrap();
    if !rustix::process::geteuid().is_root() {
        // Without root, sshd does not get as far as the configuration; CI is root.
        return;
    }
    fs::create_dir_all("/run/sshd").unwrap();
    let printed = run("/usr/sbin/sshd", &["-T", "-f", config.to_str().unwrap()]);
    for line in ["passwordauthentication no", "kbdinteractiveauthentication no", "permitrootlogin no", "pubkeyauthentication yes"] {
        assert!(printed.lines().any(|got| got == line), "no `{line}` in {printed}");
    }
    assert_eq!(printed.lines().filter(|line| line.starts_with("hostkey ")).count(), 1);
}

#[test]
fn systemd_accepts_the_unit() {
    let (_, trees) = raspberry_nodes(&home());
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("berry-locale.service");
    let text = trees[0].read_text("/etc/systemd/system/berry-locale.service").unwrap();
    assert!(text.contains("\nConditionPathExists=/var/lib/berry/locale-pending\n"), "{text}");
    assert!(text.contains("'/usr/sbin/locale-gen && rm -f /var/lib/berry/locale-pending'"), "{text}");
    assert!(!text.contains("Before="), "nothing waits for it: {text}");
    fs::write(&unit, text).unwrap();
    let printed = run("systemd-analyze", &["verify", "--man=no", "--recursive-errors=no", unit.to_str().unwrap()]);
    assert!(!printed.contains("berry-locale"), "{printed}");
}

#[test]
fn a_locale_that_is_ready_needs_no_unit() {
    let mut profile = home();
    for locale in ["C.UTF-8", "C"] {
        profile.locale = locale.to_owned();
        let (_, trees) = debian_nodes(&profile);
        check(
            &trees[0],
            &[
                ("/etc/default/locale", &format!("0644 0:0 #  File generated by update-locale\nLANG={locale}\n")),
                ("/etc/systemd/system/berry-locale.service", "-"),
                ("/var/lib/berry", "-"),
            ],
        );
    }
}

#[test]
fn cloud_init_stays_off_where_it_is_installed() {
    let profile = home();
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let facts = Facts { cloud_init: true, ..raspberry::facts() };
    let (common, _) = build(raspberry::tree(), &facts, &profile, &ledger);
    assert_eq!(shown(&common, "/etc/cloud/cloud-init.disabled"), "0644 0:0 ");
}
