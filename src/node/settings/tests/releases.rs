//! What releases other than bookworm need instead.

use super::*;
use crate::base::facts::{Expansion, Release, Swap};

const HASH_SHA512: &str = "$6$canaryhashsalt$canaryhashcanaryhash";

fn put(tree: &mut Tree, path: &str, text: &str) {
    let meta = Meta::new(0o644, 0, 0, Time::from_seconds(0));
    tree.put_file(path, meta, Content::bytes(text.as_bytes().to_vec())).unwrap();
}

/// Raspbian buster, as far as it differs.
fn buster() -> (Tree, Facts) {
    let mut tree = raspberry::tree();
    for path in
        ["/etc/NetworkManager", "/var/lib/NetworkManager", "/usr/lib/systemd/system/NetworkManager.service", "/etc/ssh/sshd_config.d"]
    {
        assert!(tree.remove(path).unwrap(), "{path}");
    }
    // Start scripts that systemd makes units of.
    tree.remove("/usr/lib/systemd/system/dphys-swapfile.service").unwrap();
    put(&mut tree, "/etc/init.d/dphys-swapfile", "#!/bin/sh\n");
    put(&mut tree, "/usr/lib/systemd/system/dhcpcd.service", "[Unit]\n");
    put(&mut tree, "/etc/dhcpcd.conf", "hostname\nslaac private\n");
    put(&mut tree, "/etc/wpa_supplicant/wpa_supplicant.conf", "ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\n");
    put(&mut tree, "/etc/ssh/sshd_config", "#PermitRootLogin prohibit-password\nUsePAM yes\n");
    put(&mut tree, "/etc/systemd/system/autologin@.service", "[Service]\nExecStart=-/sbin/agetty --autologin pi %I\n");
    let getty = Meta::new(0o777, 0, 0, Time::from_seconds(0));
    tree.put_link("/etc/systemd/system/getty.target.wants/getty@tty1.service", "/etc/systemd/system/autologin@.service", getty).unwrap();
    let fstab = tree.read_text("/etc/fstab").unwrap().replace("/boot/firmware", "/boot");
    put(&mut tree, "/etc/fstab", &fstab);
    let facts = Facts {
        release: Release::Buster,
        boot_mount: "/boot".to_owned(),
        network: NetworkService::Dhcpcd,
        expansion: Expansion::InitResize,
        wizard: false,
        ..raspberry::facts()
    };
    (tree, facts)
}

fn sha512_home() -> Profile {
    let mut profile = home();
    profile.user.password = Some(crate::secret::Secret::new(HASH_SHA512.to_owned()));
    profile
}

#[test]
fn buster_has_dhcpcd_and_an_sshd_without_drop_ins() {
    let mut profile = sha512_home();
    profile.network.wifi = Some(wifi());
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let (tree, facts) = buster();
    let (common, nodes) = build(tree, &facts, &profile, &ledger);
    let end = "\ninterface wlan0\nstatic ip_address=192.168.2.7/24\nstatic routers=192.168.2.1\n\
               static domain_name_servers=192.168.2.1 2001:db8::53\n";
    let dhcpcd = shown(&nodes[1], "/etc/dhcpcd.conf");
    assert!(dhcpcd.starts_with("0644 0:0 hostname\nslaac private\n\n# Written by") && dhcpcd.ends_with(end), "{dhcpcd}");
    let network = shown(&nodes[1], "/etc/wpa_supplicant/wpa_supplicant.conf");
    assert!(network.starts_with("0600 0:0 ") && network.contains("\ncountry=DE\n"), "{network}");
    // The remote node has no wireless network that is known: its file holds only what the image says.
    assert!(!shown(&nodes[3], "/etc/wpa_supplicant/wpa_supplicant.conf").contains("psk="));
    let sshd = shown(&common, "/etc/ssh/sshd_config");
    let place = |text: &str| sshd.find(text).unwrap_or_else(|| panic!("no {text} in {sshd}"));
    assert!(place("\nPermitRootLogin no\n") < place("#PermitRootLogin prohibit-password"));
    assert!(place("\nChallengeResponseAuthentication no\n") < place("\nUsePAM yes\n"));
    check(
        &nodes[0],
        &[
            ("/etc/ssh/sshd_config.d", "-"),
            ("/etc/systemd/system/dphys-swapfile.service", "-> /dev/null"),
            ("/etc/systemd/system/multi-user.target.wants/dhcpcd.service", "-> /lib/systemd/system/dhcpcd.service"),
            ("/etc/systemd/system/autologin@.service", "-"),
            ("/etc/systemd/system/getty.target.wants/getty@tty1.service", "-> /lib/systemd/system/getty@.service"),
            ("/etc/NetworkManager", "-"),
            ("/var/lib/NetworkManager", "-"),
            ("/var/lib/systemd/rfkill/platform-3f300000.mmcnr:wlan", "0644 0:0 0\n"),
        ],
    );
    assert!(
        shown(&nodes[0], "/etc/fstab")
            .contains(&format!("PARTUUID={}-01  /boot ", ledger.identity(&profile.nodes[0].name).unwrap().disk_id))
    );
    assert!(shown(&nodes[0], "/etc/shadow").contains(&format!("\nberry:{HASH_SHA512}:")));
    // All nodes have the same names, so that their images differ in the content of a few files.
    let names = |tree: &Tree| paths(tree).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert!(nodes.iter().all(|node| names(node) == names(&common)));
}

#[test]
fn what_buster_cannot_do_is_refused() {
    let refused = |change: &dyn Fn(&mut Tree), profile: &Profile| {
        let (mut tree, facts) = buster();
        change(&mut tree);
        common(&mut tree, &facts, profile, &Build { epoch: EPOCH, ..Build::default() }).unwrap_err()
    };
    let error = refused(&|_| {}, &home());
    assert!(matches!(error, NodeError::Scheme { release: "buster" }), "{error}");
    assert!(!error.to_string().contains("canary"));
    for text in ["interface eth0\nstatic ip_address=10.0.0.1/8\n", "denyinterfaces wlan0\n"] {
        let error = refused(&|tree| put(tree, "/etc/dhcpcd.conf", text), &sha512_home());
        assert!(matches!(&error, NodeError::NotUnderstood { path, .. } if path == "/etc/dhcpcd.conf"), "{error}");
    }
}

#[test]
fn trixie_has_cloud_init_and_rpi_swap() {
    let mut tree = raspberry::tree();
    put(&mut tree, "/etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg", "datasource_list: [NoCloud, None]\n");
    put(&mut tree, "/etc/machine-id", "uninitialized\n");
    put(&mut tree, "/etc/netplan/90-NM-x.yaml", "network: {}\n");
    let (enabled, unit) =
        ("/etc/systemd/system/multi-user.target.wants/NetworkManager.service", "/usr/lib/systemd/system/NetworkManager.service");
    tree.put_link(enabled, unit, Meta::new(0o777, 0, 0, Time::from_seconds(0))).unwrap();
    for unit in ["rpi-resize.service", "rpi-resize-swap-file.service"] {
        put(&mut tree, &format!("/usr/lib/systemd/system/{unit}"), "[Unit]\n");
    }
    let facts = Facts {
        release: Release::Trixie,
        expansion: Expansion::ResizeWord,
        cloud_init: true,
        swap: Swap::RpiSwap,
        fake_hwclock: false,
        ..raspberry::facts()
    };
    let profile = home();
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let (_, nodes) = build(tree, &facts, &profile, &ledger);
    let id = ledger.identity(&profile.nodes[0].name).unwrap().machine_id;
    check(
        &nodes[0],
        &[
            ("/etc/cloud/cloud-init.disabled", "0644 0:0 "),
            ("/etc/growroot-disabled", "0644 0:0 "),
            ("/etc/systemd/system/rpi-resize.service", "-> /dev/null"),
            ("/etc/systemd/system/rpi-resize-swap-file.service", "-> /dev/null"),
            ("/etc/netplan/90-NM-x.yaml", "-"),
            (enabled, &format!("-> {unit}")),
            // Not `uninitialized`: systemd applies no presets.
            ("/etc/machine-id", &format!("0444 0:0 {id}\n")),
            ("/etc/fake-hwclock.data", "0644 0:0 2024-11-19 12:00:00\n"),
        ],
    );
    assert!(shown(&nodes[0], "/etc/cloud/cloud.cfg.d/zz-berry.cfg").contains("\ngrowpart:\n  mode: \"off\"\n"));
    assert!(shown(&nodes[0], "/etc/rpi/swap.conf.d/90-berry.conf").ends_with("[Main]\nMechanism=zram\n"));
}
