//! A small stand-in for a Raspberry Pi OS bookworm (64 bit, Lite) image, laid out as pi-gen does, made by mke2fs, mkfs.fat and sfdisk.
//!
//! It has every file that the first boot of the stock image depends on, in the state in which the stock image ships them, and none of
//! the programs. So it does not boot, but it shows whether each of these things is taken care of.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use super::program::{ok, tool};

const DISK_ID: &str = "4e639091";

/// Makes `NAME.img` in `folder`.
pub fn make(folder: &Path, name: &str) -> PathBuf {
    let root = folder.join(format!("{name}.root"));
    fill_root(&root);
    let boot = folder.join(format!("{name}.boot"));
    fill_boot(&boot);

    let image = folder.join(format!("{name}.img"));
    fs::File::create(&image).and_then(|file| file.set_len(1_064_960 * 512 + (256 << 20))).expect("an empty image");
    let table = format!("label: dos\nlabel-id: 0x{DISK_ID}\nstart=16384, size=1048576, type=c\nstart=1064960, size=524288, type=83\n");
    let script = folder.join("table");
    fs::write(&script, table).expect("a script for sfdisk");
    ok(tool("bash").args(["-euc", "sfdisk --quiet \"$1\" < \"$2\"", "bash"]).arg(&image).arg(&script));
    ok(tool("mkfs.fat").args(["-F", "32", "-s", "4", "-n", "bootfs", "--offset", "16384"]).arg(&image).arg("524288"));
    let names: Vec<_> = fs::read_dir(&boot).expect("the boot files").map(|entry| entry.expect("an entry").path()).collect();
    let at = format!("{}@@{}", image.display(), 16384 * 512);
    ok(tool("mcopy").env("MTOOLS_SKIP_CHECK", "1").args(["-s", "-i", &at]).args(&names).arg("::/"));
    let offset = format!("offset={}", 1_064_960u64 * 512);
    ok(tool("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-L", "rootfs", "-O", "^64bit,^huge_file,^orphan_file,^metadata_csum_seed", "-E", &offset, "-d"])
        .arg(&root)
        .arg(&image)
        .arg("262144k"));
    fs::remove_dir_all(root).expect("the tree can be removed");
    fs::remove_dir_all(boot).expect("the boot files can be removed");
    image
}

fn fill_boot(boot: &Path) {
    put(boot, "overlays/vc4-kms-v3d.dtbo", "overlay", 0o755);
    let command_line = format!(
        "console=serial0,115200 console=tty1 root=PARTUUID={DISK_ID}-02 rootfstype=ext4 fsck.repair=yes rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n"
    );
    put(boot, "cmdline.txt", &command_line, 0o755);
    put(boot, "config.txt", "dtparam=audio=on\nauto_initramfs=1\narm_64bit=1\n[cm5]\ndtoverlay=dwc2,dr_mode=host\n\n[all]\n", 0o755);
    put(boot, "issue.txt", "Raspberry Pi reference 2024-11-19\n", 0o755);
    put(boot, "kernel8.img", &"kernel".repeat(100_000), 0o755);
    put(boot, "bootcode.bin", &"code".repeat(10_000), 0o755);
}

fn fill_root(root: &Path) {
    for folder in
        ["usr/bin", "usr/sbin", "usr/lib", "boot/firmware", "boot/overlays", "proc", "sys", "dev", "run", "tmp", "root", "var/log", "mnt"]
    {
        fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    for (link, target) in [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib")] {
        symlink(target, root.join(link)).expect("a link");
    }
    let os = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
    put(root, "usr/lib/os-release", os, 0o644);
    symlink("../usr/lib/os-release", at(root, "etc/os-release")).expect("a link");
    put(root, "etc/debian_version", "12.8\n", 0o644);
    put(root, "etc/rpi-issue", "Raspberry Pi reference 2024-11-19\nGenerated using pi-gen, stage2\n", 0o644);
    packages(root);
    accounts(root);
    settings(root);
    units(root);
}

fn packages(root: &Path) {
    let packages = [
        ("dpkg", "1.21.22", "arm64"),
        ("systemd", "252.31-1~deb12u1", "arm64"),
        ("raspberrypi-sys-mods", "20240911", "arm64"),
        ("raspi-config", "20241021", "all"),
        ("userconf-pi", "0.11", "all"),
        ("network-manager", "1.42.4-1+rpt1+deb12u1", "arm64"),
        ("openssh-server", "1:9.2p1-2+deb12u3", "arm64"),
        ("dphys-swapfile", "20100506-7+rpt1", "all"),
        ("fake-hwclock", "0.12+nmu1", "all"),
        ("rfkill", "2.38.1-5+deb12u2", "arm64"),
    ];
    let stanzas = packages.map(|(name, version, architecture)| {
        format!("Package: {name}\nStatus: install ok installed\nMaintainer: Nobody\nArchitecture: {architecture}\nVersion: {version}\nDescription: {name}\n\n")
    });
    put(root, "var/lib/dpkg/status", &stanzas.concat(), 0o644);
    put(root, "var/lib/dpkg/arch", "arm64\narmhf\n", 0o644);
}

fn accounts(root: &Path) {
    let passwd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nsystemd-timesync:x:997:997:systemd Time Synchronization:/:/usr/sbin/nologin\npi:x:1000:1000:,,,:/home/pi:/bin/bash\n";
    put(root, "etc/passwd", passwd, 0o644);
    let shadow = "root:*:20046:0:99999:7:::\ndaemon:*:20046:0:99999:7:::\nsystemd-timesync:!*:20046::::::\npi:$y$j9T$F5Jx5fExrKuPp53xLKQ..1$stockpasswordstockpasswordstockpasswordst:20046:0:99999:7:::\n";
    secret(root, "etc/shadow", shadow);
    let group = "root:x:0:\nadm:x:4:pi\ndialout:x:20:pi\ncdrom:x:24:pi\nsudo:x:27:pi\naudio:x:29:pi\nshadow:x:42:\nvideo:x:44:pi\ngames:x:60:pi\nusers:x:100:pi\nsystemd-timesync:x:997:\ninput:x:105:pi\nrender:x:106:pi\nnetdev:x:108:pi\nspi:x:999:pi\ni2c:x:998:pi\ngpio:x:996:pi\npi:x:1000:\n";
    put(root, "etc/group", group, 0o644);
    let gshadow: String = group
        .lines()
        .map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            format!("{}:*::{}\n", fields[0], fields[3])
        })
        .collect();
    secret(root, "etc/gshadow", &gshadow);
    for path in ["etc/subuid", "etc/subgid"] {
        put(root, path, "pi:100000:65536\n", 0o644);
    }
    put(root, "etc/sudoers", "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n", 0o440);
    put(root, "etc/sudoers.d/010_pi-nopasswd", "pi ALL=(ALL) NOPASSWD: ALL\n", 0o440);
    put(root, "etc/sudoers.d/010_at-export", "Defaults env_keep += \"NO_AT_BRIDGE\"\n", 0o440);
    for name in [".bashrc", ".profile"] {
        put(root, &format!("etc/skel/{name}"), "# stock\n", 0o644);
        put(root, &format!("home/pi/{name}"), "# stock\n", 0o644);
        chown(root.join("home/pi").join(name), Some(1000), Some(1000)).expect("root may");
    }
    fs::set_permissions(root.join("home/pi"), fs::Permissions::from_mode(0o700)).expect("a mode");
    chown(root.join("home/pi"), Some(1000), Some(1000)).expect("root may");
}

fn settings(root: &Path) {
    let table = format!(
        "proc            /proc           proc    defaults          0       0\nPARTUUID={DISK_ID}-01  /boot/firmware  vfat    defaults          0       2\nPARTUUID={DISK_ID}-02  /               ext4    defaults,noatime  0       1\n# a swapfile is not a swap partition, no line here\n#   use  dphys-swapfile swap[on|off]  for that\n"
    );
    put(root, "etc/fstab", &table, 0o644);
    put(root, "etc/hostname", "raspberrypi\n", 0o644);
    let hosts = "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n\n127.0.1.1\t\traspberrypi\n";
    put(root, "etc/hosts", hosts, 0o644);
    put(root, "etc/machine-id", "", 0o444);
    put(root, "etc/timezone", "Europe/London\n", 0o644);
    for zone in ["Europe/London", "Europe/Berlin", "Etc/UTC"] {
        put(root, &format!("usr/share/zoneinfo/{zone}"), "TZif2", 0o644);
    }
    symlink("/usr/share/zoneinfo/Europe/London", root.join("etc/localtime")).expect("a link");
    put(root, "etc/default/locale", "LANG=en_GB.UTF-8\n", 0o644);
    put(root, "etc/locale.gen", "# de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n# en_US.UTF-8 UTF-8\n", 0o644);
    put(root, "usr/share/i18n/SUPPORTED", "de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\nen_US.UTF-8 UTF-8\n", 0o644);
    put(root, "usr/lib/locale/locale-archive", "head\0en_GB.utf8\0tail", 0o644);
    put(root, "usr/sbin/locale-gen", "#!/bin/sh\n", 0o755);
    put(
        root,
        "etc/default/keyboard",
        "XKBMODEL=\"pc105\"\nXKBLAYOUT=\"gb\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\n\nBACKSPACE=\"guess\"\n",
        0o644,
    );
    put(root, "etc/console-setup/cached_setup_keyboard.sh", "#!/bin/sh\n", 0o755);
    put(root, "etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\n", 0o644);
    put(root, "etc/ssh/sshd_config.d/rename_user.conf", "Banner /usr/share/userconf-pi/sshd_banner\n", 0o644);
    put(root, "etc/NetworkManager/NetworkManager.conf", "[main]\nplugins=ifupdown,keyfile\n", 0o644);
    fs::create_dir_all(root.join("etc/NetworkManager/system-connections")).expect("a folder");
    secret(root, "var/lib/NetworkManager/NetworkManager.state", "[main]\nWirelessEnabled=false\n");
    put(root, "var/lib/systemd/rfkill/platform-3f300000.mmcnr:bluetooth", "0\n", 0o644);
    put(root, "etc/fake-hwclock.data", "2024-11-19 14:20:00\n", 0o644);
    put(root, "etc/dphys-swapfile", "CONF_SWAPSIZE=512\n", 0o644);
    put(root, "etc/systemd/timesyncd.conf", "[Time]\n", 0o644);
    fs::create_dir_all(root.join("var/lib/systemd/timesync")).expect("a folder");
    put(root, "boot/cmdline.txt", "DO NOT EDIT THIS FILE\n", 0o755);
    put(root, "boot/config.txt", "DO NOT EDIT THIS FILE\n", 0o755);
    put(root, "usr/lib/raspberrypi-sys-mods/firstboot", "#!/bin/bash\n", 0o755);
    put(root, "usr/lib/raspi-config/init_resize.sh", "#!/bin/sh\n", 0o755);
    put(root, "usr/share/initramfs-tools/scripts/local-premount/firstboot", "#!/bin/sh\n", 0o755);
    put(root, "etc/init.d/resize2fs_once", "#!/bin/sh\n", 0o755);
    fs::create_dir_all(root.join("etc/rc3.d")).expect("a folder");
    symlink("../init.d/resize2fs_once", root.join("etc/rc3.d/S01resize2fs_once")).expect("a link");
}

fn units(root: &Path) {
    let names = [
        "ssh",
        "getty@",
        "userconfig",
        "regenerate_ssh_host_keys",
        "sshswitch",
        "NetworkManager",
        "dphys-swapfile",
        "fake-hwclock",
        "systemd-timesyncd",
        "rpi-eeprom-update",
    ];
    for name in names {
        put(root, &format!("usr/lib/systemd/system/{name}.service"), "[Unit]\n[Service]\nExecStart=/bin/true\n", 0o644);
    }
    let wanted = ["userconfig", "regenerate_ssh_host_keys", "sshswitch", "NetworkManager", "dphys-swapfile", "rpi-eeprom-update"];
    for name in wanted {
        let link = at(root, &format!("etc/systemd/system/multi-user.target.wants/{name}.service"));
        symlink(format!("/lib/systemd/system/{name}.service"), link).expect("a link");
    }
    fs::create_dir_all(root.join("etc/systemd/system/getty.target.wants")).expect("a folder");
}

fn at(root: &Path, path: &str) -> PathBuf {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    path
}

fn put(root: &Path, path: &str, content: &str, mode: u32) {
    let path = at(root, path);
    fs::write(&path, content).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// A file as `/etc/shadow` is: for root and the group `shadow`.
fn secret(root: &Path, path: &str, content: &str) {
    put(root, path, content, 0o640);
    chown(root.join(path), Some(0), Some(42)).expect("root may");
}
