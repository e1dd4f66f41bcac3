//! A near-copy of Raspberry Pi OS bookworm (2025-05, 64 bits, Lite) that boots: Debian's kernel and programs, laid out and armed as the
//! stock image is. What the stock first boot would do is done by stand-ins that say so on the console. Made by other programs only.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use super::{
    Mount,
    image::Image,
    pi_os::{
        DISK_ID, boot_command_line, disk, initramfs,
        release::{BOOKWORM, Disk, STOCK_YESCRYPT},
    },
    program::{ok, shell, tool},
};

/// What every stand-in says, with the name of what it stands for.
pub const RAN: &str = "BERRY-TEST: ran";
/// What the initramfs says when it would grow the root.
pub const ARMED: &str = "BERRY-TEST: expansion armed";
/// What the initramfs says in any case: without it the test would prove nothing.
pub const LOOKED: &str = "BERRY-TEST: the initramfs looks at the command line";

/// The layout of 2025-05-13, whose image has 2632 MiB.
const DISK: Disk = Disk { root_size: 4_325_376, ..BOOKWORM.disk };

const PREMOUNT: &str = "scripts/local-premount/firstboot";

/// Makes `NAME.img` in `folder` from `debian`, an image that the program has made as `debian:bookworm`.
pub fn make(folder: &Path, name: &str, debian: &Image) -> PathBuf {
    let image = folder.join(format!("{name}.img"));
    let boot = folder.join(format!("{name}.boot"));
    fs::create_dir(&boot).expect("a folder");
    fill_boot(&boot, debian);
    let root = &debian.partitions[1];
    let options = format!("ro,noload,offset={},sizelimit={}", root.start, root.size);
    let mount = Mount::new(&debian.path, &folder.join(format!("{name}.debian")), &options);
    disk::assemble(&image, &DISK, &boot, mount.path());
    drop(mount);
    disk::change_ext4(&image, &DISK, |root| {
        strip(root);
        identity(root);
        account(root);
        stand_ins(root);
    });
    fs::remove_dir_all(boot).expect("the boot files can be removed");
    image
}

/// Debian's kernel and initrd under the names of Raspberry Pi OS; behind the initrd a second archive with the script that looks at the
/// command line.
fn fill_boot(folder: &Path, debian: &Image) {
    let put = |name: &str, content: &[u8]| fs::write(folder.join(name), content).expect("a file");
    for name in debian.boot_names() {
        let new = match name.as_str() {
            "cmdline.txt" | "config.txt" => continue,
            name if name.starts_with("vmlinuz") => "kernel8.img",
            name if name.starts_with("initrd.img") => "initramfs8",
            name => name,
        };
        debian.copy_boot_file(&name, &folder.join(new));
    }
    let mut initrd = fs::read(folder.join("initramfs8")).expect("Debian's image has an initrd");
    // The kernel passes over zeros between archives, and looks for the next one at a multiple of four.
    initrd.resize(initrd.len().next_multiple_of(512), 0);
    let look = format!(
        "#!/bin/sh\n[ \"$1\" = prereqs ] && exit 0\necho '{LOOKED}' > /dev/kmsg\n\
         case \"$(cat /proc/cmdline)\" in *firstboot*) echo '{ARMED}' > /dev/kmsg ;; esac\n"
    );
    let order = "for script in /scripts/local-premount/*; do\n    case \"$script\" in */ORDER) ;; *) \"$script\" \"$@\" ;; esac\n    \
                 [ -e /conf/param.conf ] && . /conf/param.conf\ndone\n";
    initrd.extend(initramfs::archive(&[(PREMOUNT, &look), ("scripts/local-premount/ORDER", order)]));
    put("initramfs8", &initrd);
    put("cmdline.txt", boot_command_line(&BOOKWORM).as_bytes());
    put("config.txt", b"dtparam=audio=on\nauto_initramfs=1\narm_64bit=1\n\n[cm5]\ndtoverlay=dwc2,dr_mode=host\n\n[all]\n");
    put("issue.txt", b"Raspberry Pi reference 2025-05-13\n");
}

fn put(root: &Path, path: &str, content: &str, mode: u32) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(&path, content).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

fn link(root: &Path, path: &str, target: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    symlink(target, path).expect("a link");
}

/// What only Debian's image has: its maker's mark, and the hooks that would write the boot partition anew.
fn strip(root: &Path) {
    fs::remove_dir_all(root.join("usr/lib/berry-image")).expect("the mark of the program");
    for path in ["etc/kernel/postinst.d/z50-raspi-firmware", "etc/initramfs/post-update.d/z50-raspi-firmware", "etc/default/raspi-firmware"]
    {
        fs::remove_file(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    // pi-gen switches sshd off, and the wizard takes the console.
    for unit in ["multi-user.target.wants/ssh.service", "sshd.service", "getty.target.wants/getty@tty1.service"] {
        let path = root.join("etc/systemd/system").join(unit);
        if fs::symlink_metadata(&path).is_ok() {
            fs::remove_file(path).expect("a link");
        }
    }
}

fn identity(root: &Path) {
    put(root, "etc/rpi-issue", "Raspberry Pi reference 2025-05-13\nGenerated using pi-gen, https://example.org/pi-gen, stage2\n", 0o644);
    put(root, "etc/hostname", "raspberrypi\n", 0o644);
    put(root, "etc/hosts", "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n\n127.0.1.1\t\traspberrypi\n", 0o644);
    let table = format!(
        "proc            /proc           proc    defaults          0       0\nPARTUUID={DISK_ID}-01  /boot/firmware  vfat    defaults          0       2\n\
         PARTUUID={DISK_ID}-02  /               ext4    defaults,noatime  0       1\n"
    );
    put(root, "etc/fstab", &table, 0o644);
    for name in ["cmdline.txt", "config.txt"] {
        put(root, &format!("boot/{name}"), "DO NOT EDIT THIS FILE\n", 0o755);
    }
    let packages = ["raspberrypi-sys-mods", "raspi-config", "userconf-pi", "dphys-swapfile", "fake-hwclock"];
    let stanzas = packages.map(|name| {
        format!("Package: {name}\nStatus: install ok installed\nMaintainer: Nobody\nArchitecture: all\nVersion: 1\nDescription: {name}\n\n")
    });
    let status = root.join("var/lib/dpkg/status");
    let text = fs::read_to_string(&status).expect("a text");
    fs::write(status, format!("{}\n\n{}", text.trim_end(), stanzas.concat())).expect("a file");
    // Interfaces keep the kernel's names.
    link(root, "etc/systemd/network/99-default.link", "/dev/null");
    link(root, "etc/systemd/network/73-usb-net-by-mac.link", "/dev/null");
    put(root, "var/lib/NetworkManager/NetworkManager.state", "[main]\nWirelessEnabled=false\n", 0o600);
    put(root, "etc/fake-hwclock.data", "2025-05-13 00:00:00\n", 0o644);
}

/// `pi`, with a password, so that it shows whether it goes.
fn account(root: &Path) {
    let append = |path: &str, line: &str| {
        let path = root.join(path);
        let text = fs::read_to_string(&path).unwrap_or_default();
        // Writing keeps owner and permissions.
        fs::write(path, format!("{text}{line}\n")).expect("a file");
    };
    append("etc/passwd", "pi:x:1000:1000:,,,:/home/pi:/bin/bash");
    append("etc/shadow", &format!("pi:{STOCK_YESCRYPT}:20221:0:99999:7:::"));
    append("etc/group", "pi:x:1000:");
    append("etc/gshadow", "pi:!::");
    for path in ["etc/subuid", "etc/subgid"] {
        append(path, "pi:100000:65536");
    }
    for group in ["adm", "sudo", "audio", "video", "plugdev", "users", "input", "netdev"] {
        for path in ["etc/group", "etc/gshadow"] {
            let script = "sed -i -E \"/^$2:/ { s/:\\$/:pi/; t; s/\\$/,pi/ }\" \"$1\"";
            shell(script, &[root.join(path).as_os_str(), group.as_ref()]);
        }
    }
    for path in ["etc/shadow", "etc/gshadow"] {
        // sed has put another file in its place.
        chown(root.join(path), Some(0), Some(42)).expect("root may");
    }
    put(root, "etc/sudoers.d/010_pi-nopasswd", "pi ALL=(ALL) NOPASSWD: ALL\n", 0o440);
    ok(tool("cp").arg("-a").arg(root.join("etc/skel")).arg(root.join("home/pi")));
    ok(tool("chown").args(["-R", "1000:1000"]).arg(root.join("home/pi")));
}

/// In place of each program of the stock first boot one that says that it ran.
fn stand_ins(root: &Path) {
    let says = |what: &str| format!("echo '{RAN} {what}' > /dev/kmsg");
    let unit = |name: &str, more: &str, command: &str| {
        let text = format!(
            "[Unit]\nDescription=Stand-in for {name}\n{more}\n[Service]\nType=oneshot\nExecStart=/bin/sh -c \"{command}\"\n\n[Install]\nWantedBy=multi-user.target\n"
        );
        put(root, &format!("usr/lib/systemd/system/{name}.service"), &text, 0o644);
        let wants = format!("etc/systemd/system/multi-user.target.wants/{name}.service");
        link(root, &wants, &format!("/lib/systemd/system/{name}.service"));
    };
    unit("userconfig", "", &says("the wizard"));
    unit("dphys-swapfile", "", &says("dphys-swapfile"));
    // As the stock one: it deletes the keys, makes new ones, and does it once.
    let keys = "rm -f /etc/ssh/ssh_host_*_key*; ssh-keygen -A; systemctl disable regenerate_ssh_host_keys";
    unit("regenerate_ssh_host_keys", "Before=ssh.service\n", &format!("{}; {keys}", says("regenerate_ssh_host_keys")));
    put(root, "etc/ssh/sshd_config.d/rename_user.conf", "Banner /usr/share/userconf-pi/sshd_banner\n", 0o644);
    put(root, "usr/share/userconf-pi/sshd_banner", "There is no user yet.\n", 0o644);
    let script = format!(
        "#!/bin/sh\n### BEGIN INIT INFO\n# Provides:          resize2fs_once\n# Required-Start:\n# Required-Stop:\n# Default-Start:     2 3 4 5\n\
         # Default-Stop:\n# Short-Description: Resize the root filesystem to fill partition\n### END INIT INFO\n{}\n",
        says("resize2fs_once")
    );
    put(root, "etc/init.d/resize2fs_once", &script, 0o755);
    for level in ["2", "3", "4", "5"] {
        link(root, &format!("etc/rc{level}.d/S01resize2fs_once"), "../init.d/resize2fs_once");
    }
    // PID 1 of the stock first boot. Debian's kernel would start it just so.
    let first = format!("#!/bin/bash\nmount -t devtmpfs dev /dev 2>/dev/null\n{}\nexec /sbin/init\n", says("firstboot"));
    put(root, "usr/lib/raspberrypi-sys-mods/firstboot", &first, 0o755);
    put(root, &format!("usr/share/initramfs-tools/{PREMOUNT}"), "#!/bin/sh\n", 0o755);
}
