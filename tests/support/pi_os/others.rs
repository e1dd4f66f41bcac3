//! Images of others for the same computers, which are no bases: Debian's own and Ubuntu's.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    DISK_ID, disk,
    initramfs::{self, Packing},
    release::{BOOKWORM, Disk},
    root::Root,
};

/// How the initrd of Debian's image is made up.
#[derive(Clone, Copy, Debug)]
pub struct Initrd {
    pub packing: Packing,
    /// Whether an uncompressed archive stands before the compressed one, as for microcode.
    pub early: bool,
}

const DISK: Disk = Disk { cluster: 1, hidden: 0, ..BOOKWORM.disk };

fn common(root: &Root, os_release: &str, packages: &[&str]) {
    root.text("usr/lib/os-release", os_release);
    root.link("etc/os-release", "../usr/lib/os-release");
    let stanza = |name: &&str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: Nobody\nArchitecture: arm64\nVersion: 1.2-3\nDescription: {name}\n\n"
        )
    };
    root.text("var/lib/dpkg/status", packages.iter().map(stanza).collect::<String>());
    root.put("etc/machine-id", "", 0o444);
    root.text("etc/hostname", "pi\n");
    root.text("etc/hosts", "127.0.0.1\tlocalhost\n");
    root.text("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    root.secret("etc/shadow", "root::18000:0:99999:7:::\n");
    root.text("etc/group", "root:x:0:\nsudo:x:27:\nshadow:x:42:\n");
    root.text("etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n");
    root.unit("ssh.service");
}

fn finish(folder: &Path, name: &str, disk: &Disk, root: &Root, boot: &Path) -> PathBuf {
    let image = folder.join(format!("{name}.img"));
    disk::assemble(&image, disk, boot, root.path());
    fs::remove_dir_all(root.path()).expect("the tree can be removed");
    fs::remove_dir_all(boot).expect("the boot files can be removed");
    image
}

/// Debian's own image for the Raspberry Pi, made from its image-specs: labels RASPIFIRM and RASPIROOT, and an initrd that grows the root
/// at every boot for as long as there is room behind it.
pub fn debian(folder: &Path, name: &str, initrd: Initrd) -> PathBuf {
    let root = Root::plain(&folder.join(format!("{name}.root")));
    let os = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
    common(&root, os, &["dpkg", "systemd", "raspi-firmware", "linux-image-arm64", "ifupdown", "openssh-server"]);
    root.text("etc/debian_version", "12.10\n");
    root.text("etc/fstab", "LABEL=RASPIROOT / ext4 rw 0 1\nLABEL=RASPIFIRM /boot/firmware vfat rw 0 2\n");
    root.text("etc/network/interfaces.d/eth0", "auto eth0\niface eth0 inet dhcp\n");
    root.text("etc/default/raspi-firmware", "#ROOTPART=LABEL=RASPIROOT\n");
    root.enabled("rpi-set-sysconf.service", "basic.target.wants");
    root.folder("boot/firmware", 0o755);

    let boot = folder.join(format!("{name}.boot"));
    fs::create_dir_all(&boot).expect("a folder");
    let put = |name: &str, content: &[u8]| fs::write(boot.join(name), content).expect("a file");
    put("cmdline.txt", b"console=tty0 console=ttyS1,115200 root=LABEL=RASPIROOT rw fsck.repair=yes net.ifnames=0  rootwait \n");
    put("config.txt", b"arm_64bit=1\nkernel=vmlinuz-6.1.0-32-arm64\ninitramfs initrd.img-6.1.0-32-arm64\n");
    put("sysconf.txt", b"# This file will be automatically evaluated and installed at next boot\n#root_pw=\n#hostname=rpi\n");
    put("vmlinuz-6.1.0-32-arm64", "kernel".repeat(50_000).as_bytes());
    let filler = "echo and more\n".repeat(20_000);
    let scripts = [
        ("init", "#!/bin/sh\n"),
        ("scripts/functions", filler.as_str()),
        ("scripts/local-bottom/ORDER", "/scripts/local-bottom/rpi-resizerootfs \"$@\"\n"),
        ("scripts/local-bottom/rpi-resizerootfs", "#!/bin/sh\nset -e\nparted -s \"${root_dev}\" resizepart \"${part}\" 100%\n"),
    ];
    let mut bytes = if initrd.early { initramfs::archive(&[("kernel/arm64/early.bin", "early")]) } else { Vec::new() };
    bytes.extend(initramfs::pack(folder, &initramfs::archive(&scripts), initrd.packing));
    put("initrd.img-6.1.0-32-arm64", &bytes);
    finish(folder, name, &Disk { fat_label: "RASPIFIRM", ext4_label: Some("RASPIROOT"), ..DISK }, &root, &boot)
}

/// Ubuntu's preinstalled server image: labels system-boot and writable, and cloud-init with its seed on the FAT.
pub fn ubuntu(folder: &Path, name: &str) -> PathBuf {
    let root = Root::plain(&folder.join(format!("{name}.root")));
    let os =
        "PRETTY_NAME=\"Ubuntu 24.04.2 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n";
    common(&root, os, &["dpkg", "systemd", "cloud-init", "netplan.io", "flash-kernel", "openssh-server"]);
    root.text("etc/debian_version", "trixie/sid\n");
    root.text("etc/fstab", "LABEL=writable\t/\text4\tdefaults\t0\t1\nLABEL=system-boot\t/boot/firmware\tvfat\tdefaults\t0\t1\n");
    root.text("etc/cloud/cloud.cfg", "users:\n  - default\n");
    root.folder("boot/firmware", 0o755);

    let boot = folder.join(format!("{name}.boot"));
    fs::create_dir_all(&boot).expect("a folder");
    let put = |name: &str, content: &[u8]| fs::write(boot.join(name), content).expect("a file");
    put(
        "cmdline.txt",
        b"console=serial0,115200 multipath=off dwc_otg.lpm_enable=0 console=tty1 root=LABEL=writable rootfstype=ext4 rootwait fixrtc\n",
    );
    put("config.txt", b"[all]\nkernel=vmlinuz\ncmdline=cmdline.txt\ninitramfs initrd.img followkernel\n");
    put("vmlinuz", "kernel".repeat(50_000).as_bytes());
    put("user-data", b"#cloud-config\nchpasswd:\n  expire: true\n  list:\n  - ubuntu:ubuntu\nssh_pwauth: true\n");
    put("network-config", b"version: 2\nethernets:\n  eth0:\n    dhcp4: true\n    optional: true\n");
    put("meta-data", b"dsmode: local\ninstance_id: cloud-image\n");
    finish(folder, name, &Disk { fat_label: "system-boot", ext4_label: Some("writable"), ..DISK }, &root, &boot)
}

/// A card that NOOBS has made: the systems are in logical partitions of an extended one.
pub fn noobs(folder: &Path, name: &str, stock: &Path, disk: &Disk) -> PathBuf {
    let image = folder.join(format!("{name}.img"));
    let (extended, boot) = (1_048_576, 1_056_768);
    let root = boot + disk.boot_size + 8192;
    let end = root + disk.root_size;
    fs::File::create(&image).and_then(|file| file.set_len(end * 512)).expect("an empty image");
    let table = format!(
        "label: dos\nlabel-id: 0x{DISK_ID}\nstart=8192, size=1024000, type=e\nstart={extended}, size={}, type=5\nstart={boot}, size={}, type=c\n\
         start={root}, size={}, type=83\n",
        end - extended,
        disk.boot_size,
        disk.root_size
    );
    // Lines without a number are taken for partitions 3 and 4, so the logical ones say theirs.
    let table = table.replacen(&format!("start={boot}"), &format!("{}5 : start={boot}", image.display()), 1).replacen(
        &format!("start={root}"),
        &format!("{}6 : start={root}", image.display()),
        1,
    );
    let script = "sfdisk --quiet \"$1\" <<< \"$2\"; copy() { dd if=\"$3\" of=\"$1\" bs=512 skip=\"$4\" seek=\"$5\" count=\"$6\" conv=notrunc,sparse status=none; }
                  copy \"$1\" \"$2\" \"$3\" \"$4\" \"$5\" \"$6\"; copy \"$1\" \"$2\" \"$3\" \"$7\" \"$8\" \"$9\"";
    let numbers = [disk.boot_start, boot, disk.boot_size, disk.root_start, root, disk.root_size].map(|number| number.to_string());
    let mut arguments = vec![image.as_os_str(), table.as_ref(), stock.as_os_str()];
    arguments.extend(numbers.iter().map(std::ffi::OsStr::new));
    crate::support::program::shell(script, &arguments);
    image
}
