//! What every image has: its names, its packages and their sources, and files that are there to be kept as they are.

use std::{fs, os::unix::fs::MetadataExt as _};

use super::{
    DISK_ID, Flavour,
    release::{Expansion, Release},
    root::Root,
};
use crate::support::program::{ok, tool};

/// What `/etc/rpi-issue` and `issue.txt` say.
pub fn issue(flavour: &Flavour) -> String {
    let stage = if flavour.desktop { 4 } else { 2 };
    format!(
        "Raspberry Pi reference {}\nGenerated using pi-gen, https://example.org/pi-gen, 0123456789abcdef0123456789abcdef01234567, stage{stage}\n",
        flavour.date
    )
}

pub fn fill(root: &Root, flavour: &Flavour) {
    names(root, flavour);
    packages(root, flavour);
    sources(root, flavour);
    mounts(root, flavour);
    kept(root, flavour);
}

/// Raspbian is what the 32-bit ones call themselves.
fn names(root: &Root, flavour: &Flavour) {
    let (codename, number) = (flavour.release.codename(), flavour.release.number());
    let (name, id) = if flavour.architecture == "armhf" { ("Raspbian GNU/Linux", "raspbian") } else { ("Debian GNU/Linux", "debian") };
    let mut os = format!(
        "PRETTY_NAME=\"{name} {number} ({codename})\"\nNAME=\"{name}\"\nVERSION_ID=\"{number}\"\nVERSION=\"{number} ({codename})\"\n"
    );
    // os-release of stretch does not have it yet.
    if flavour.release > Release::Stretch {
        os.push_str(&format!("VERSION_CODENAME={codename}\n"));
    }
    os.push_str(&format!("ID={id}\n"));
    if id == "raspbian" {
        os.push_str("ID_LIKE=debian\n");
    }
    os.push_str("HOME_URL=\"https://www.example.org/\"\n");
    root.text("usr/lib/os-release", os);
    root.link("etc/os-release", "../usr/lib/os-release");
    let point = match flavour.release {
        Release::Stretch => "9.9",
        Release::Buster => "10.3",
        Release::Bullseye => "11.9",
        Release::Bookworm => "12.10",
        Release::Trixie => "13.5",
    };
    root.text("etc/debian_version", format!("{point}\n"));
    root.text("etc/rpi-issue", issue(flavour));
    root.text("etc/issue", format!("{name} {number} \\n \\l\n\n"));
}

/// Packages with their architectures; `all` where they have none.
fn packages(root: &Root, flavour: &Flavour) {
    let native = flavour.architecture;
    let mut packages = vec![
        ("base-files", native),
        ("dpkg", native),
        ("systemd", native),
        ("raspberrypi-sys-mods", native),
        ("raspi-config", "all"),
        ("openssh-server", native),
        ("wpasupplicant", native),
        ("sudo", native),
        ("locales", "all"),
        ("tzdata", "all"),
        ("keyboard-configuration", "all"),
    ];
    let mut removed = vec!["libfakeroot-stub"];
    if flavour.network == "dhcpcd" {
        packages.push(("dhcpcd5", native));
    }
    if flavour.network == "NetworkManager" || flavour.network_manager {
        packages.push(("network-manager", native));
    }
    if flavour.release >= Release::Bullseye {
        packages.push(("systemd-timesyncd", native));
    }
    if flavour.wizard {
        packages.push(("userconf-pi", "all"));
    }
    if flavour.swap_size.is_some() {
        packages.extend([("dphys-swapfile", "all"), ("fake-hwclock", "all")]);
        // What was removed, but for its configuration, is not there.
        removed.push("cloud-init");
    } else {
        packages.extend([("rpi-swap", "all"), ("systemd-zram-generator", native)]);
        removed.extend(["dphys-swapfile", "fake-hwclock"]);
    }
    if flavour.cloud.is_some() {
        packages.extend([("cloud-init", "all"), ("cloud-guest-utils", "all"), ("rpi-cloud-init-mods", "all")]);
    }
    if flavour.desktop {
        packages.extend([("lightdm", native), ("piwiz", native)]);
    }
    let stanza = |name: &str, status: &str, architecture: &str| {
        format!(
            "Package: {name}\nStatus: {status}\nPriority: optional\nSection: admin\nMaintainer: Nobody <nobody@example.org>\n\
             Architecture: {architecture}\nVersion: 1:2.3-4+rpt1\nDescription: {name}\n A line more.\n\n"
        )
    };
    let present = packages.iter().map(|(name, architecture)| stanza(name, "install ok installed", architecture));
    let gone = removed.iter().map(|name| stanza(name, "deinstall ok config-files", "all"));
    root.text("var/lib/dpkg/status", present.chain(gone).collect::<String>());
    root.text("var/lib/dpkg/info/format", "1\n");
    // Images of one architecture have no such file; the later ones list the other of the two as foreign.
    if flavour.release >= Release::Bookworm {
        root.text("var/lib/dpkg/arch", if native == "armhf" { "armhf\narm64\n" } else { "arm64\narmhf\n" });
        root.text(
            "var/lib/dpkg/diversions",
            "/usr/lib/python3.11/EXTERNALLY-MANAGED\n/usr/lib/python3.11/EXTERNALLY-MANAGED.orig\nraspberrypi-sys-mods\n",
        );
        root.text("usr/lib/python3.11/EXTERNALLY-MANAGED.orig", "[externally-managed]\n");
    }
}

fn sources(root: &Root, flavour: &Flavour) {
    let codename = flavour.release.codename();
    if flavour.release == Release::Trixie {
        let stanza = |place: &str| format!("Types: deb\nURIs: http://{place}.example.org/\nSuites: {codename}\nComponents: main\n");
        root.text("etc/apt/sources.list.d/debian.sources", stanza("debian"));
        root.text("etc/apt/sources.list.d/raspi.sources", stanza("raspi"));
        root.text("etc/apt/sources.list", "");
    } else {
        root.text("etc/apt/sources.list", format!("deb http://debian.example.org/ {codename} main contrib non-free\n"));
        root.text("etc/apt/sources.list.d/raspi.list", format!("deb http://raspi.example.org/ {codename} main\n"));
    }
    root.text("etc/apt/apt.conf.d/50raspi", "# never use pdiffs\nAcquire::PDiffs \"false\";\n");
    root.text("etc/apt/trusted.gpg.d/raspberrypi-archive-stable.gpg", b"\x99\x01\x0d\x04");
}

fn mounts(root: &Root, flavour: &Flavour) {
    let (mount, options) = (flavour.boot_mount, flavour.boot_options);
    let mut table = format!(
        "proc            /proc           proc    defaults          0       0\n\
         PARTUUID={DISK_ID}-01  {mount}  vfat    {options}          0       2\n\
         PARTUUID={DISK_ID}-02  /               ext4    defaults,noatime  0       1\n"
    );
    if flavour.swap_size.is_some() {
        table.push_str("# a swapfile is not a swap partition, no line here\n#   use  dphys-swapfile swap[on|off]  for that\n");
    }
    root.text("etc/fstab", table);
    if mount == "/boot/firmware" {
        root.folder("boot/firmware", 0o755);
        let decoy = |name: &str| format!("DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved to /boot/firmware/{name}\n");
        for name in ["cmdline.txt", "config.txt"] {
            root.put(&format!("boot/{name}"), decoy(name), 0o755);
        }
        root.link("boot/overlays", "firmware/overlays");
        root.link("boot/issue.txt", "firmware/issue.txt");
    }
}

/// Files that nothing may touch: of every kind that a file system has.
fn kept(root: &Root, flavour: &Flavour) {
    for path in ["bin/bash", "bin/sh", "bin/true", "sbin/wpa_supplicant"] {
        root.program(&root.core(path));
    }
    root.put("usr/bin/sudo", "sudo", 0o4755);
    root.text("usr/lib/large", (0..200_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    fs::hard_link(root.at("usr/lib/large"), root.at("usr/lib/large-again")).expect("a second name");
    assert_eq!(fs::metadata(root.at("usr/lib/large")).expect("a file").nlink(), 2);
    let ping = root.core("bin/ping");
    root.program(&ping);
    ok(tool("setcap").arg("cap_net_raw=ep").arg(root.at(&ping)));
    root.text(&format!("usr/share/doc/{}", "long".repeat(60)), "name\n");
    root.text("usr/share/doc/b\u{e9}rry", "name\n");
    let holes = root.at("var/cache/holes");
    fs::File::create(holes).and_then(|file| file.set_len(8 << 20)).expect("a file without blocks");
    ok(tool("mknod").arg(root.at("dev/null")).args(["c", "1", "3"]));
    ok(tool("mkfifo").arg(root.at("var/spool/pipe")));
    // The scripts of all expansions that a release has stay installed; what arms them is in the command line.
    root.program("usr/lib/raspi-config/init_resize.sh");
    match flavour.expansion {
        Expansion::InitResize => {}
        Expansion::Firstboot => root.program("usr/lib/raspberrypi-sys-mods/firstboot"),
        Expansion::ResizeWord => {
            root.program("usr/share/initramfs-tools/scripts/local-premount/resize_early");
            root.program("usr/share/initramfs-tools/scripts/local-bottom/set_partuuid");
            root.program("usr/share/initramfs-tools/hooks/firstboot");
        }
    }
    if flavour.expansion == Expansion::Firstboot && flavour.release == Release::Bookworm {
        root.program("usr/share/initramfs-tools/scripts/local-premount/firstboot");
        root.program("usr/share/initramfs-tools/scripts/local-bottom/imager_fixup");
        root.program("usr/share/initramfs-tools/hooks/firstboot");
    }
}
