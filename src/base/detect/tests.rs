use super::*;
use crate::{
    base::{
        debian::marker::Marker,
        facts::{Expansion, Release},
    },
    disk::{
        mbr::{FAT_LBA, LINUX, Mbr, Partition},
        table::Table,
    },
    tree::{Content, Meta, Time},
};

type Boot = BTreeMap<String, Vec<u8>>;

const ID: u32 = 0x4e63_9091;
const RASPBERRY_PI_CMDLINE: &str = "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait \
     quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n";

fn put(tree: &mut Tree, path: &str, text: &str) {
    let meta = Meta::new(0o644, 0, 0, Time::default());
    tree.put_file(path, meta, Content::bytes(text.as_bytes().to_vec())).unwrap();
}

fn link(tree: &mut Tree, path: &str, target: &str) {
    tree.put_link(path, target, Meta::new(0o777, 0, 0, Time::default())).unwrap();
}

fn dpkg(architecture: &str, others: &[&str]) -> String {
    let stanza = |name: &str, architecture: &str| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: 1\n\n")
    };
    let others: String = others.iter().map(|name| stanza(name, "all")).collect();
    stanza("dpkg", architecture) + &others
}

fn common(id: &str, codename: &str) -> Tree {
    let mut tree = Tree::new(Meta::new(0o755, 0, 0, Time::default()));
    put(&mut tree, "/usr/lib/os-release", &format!("PRETTY_NAME=\"{id} GNU/Linux ({codename})\"\nID={id}\nVERSION_CODENAME={codename}\n"));
    link(&mut tree, "/etc/os-release", "../usr/lib/os-release");
    link(&mut tree, "/etc/systemd/system/multi-user.target.wants/NetworkManager.service", "/lib/systemd/system/NetworkManager.service");
    put(&mut tree, "/etc/machine-id", "");
    put(&mut tree, "/etc/ssh/sshd_config", "");
    tree
}

/// Raspberry Pi OS Lite, bookworm, as pi-gen makes it.
fn raspberry_pi_os() -> (Tree, Boot) {
    let mut tree = common("debian", "bookworm");
    put(&mut tree, "/etc/rpi-issue", "Raspberry Pi reference 2024-11-19\n");
    put(&mut tree, "/var/lib/dpkg/status", &dpkg("arm64", &["dphys-swapfile", "fake-hwclock"]));
    put(&mut tree, "/var/lib/dpkg/arch", "armhf\narm64\n");
    put(&mut tree, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000:,,,:/home/pi:/bin/bash\n");
    let fstab = "proc /proc proc defaults 0 0\nPARTUUID=4e639091-01  /boot/firmware  vfat    defaults          0       2\n\
                 PARTUUID=4e639091-02  /               ext4    defaults,noatime  0       1\n";
    put(&mut tree, "/etc/fstab", fstab);
    link(&mut tree, "/etc/systemd/system/multi-user.target.wants/userconfig.service", "/lib/systemd/system/userconfig.service");
    put(&mut tree, "/etc/ssh/sshd_config.d/rename_user.conf", "Banner /usr/share/userconf-pi/sshd_banner\n");
    (tree, Boot::from([("cmdline.txt".to_owned(), RASPBERRY_PI_CMDLINE.into()), ("config.txt".to_owned(), b"[all]\n".to_vec())]))
}

fn berry_debian() -> (Tree, Boot) {
    let mut tree = common("debian", "bookworm");
    put(&mut tree, Marker::PATH, &Marker::new("bookworm").text());
    put(&mut tree, "/var/lib/dpkg/status", &dpkg("arm64", &[]));
    put(&mut tree, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    put(&mut tree, "/etc/fstab", "");
    let command_line = super::super::raspi_firmware::command_line("LABEL=RASPIROOT", "");
    (tree, Boot::from([("CMDLINE.TXT".to_owned(), command_line.into())]))
}

fn mbr() -> Table {
    Table::Mbr(record())
}

fn record() -> Mbr {
    let mut mbr = Mbr::new(ID);
    mbr.set_partition(1, Some(Partition { kind: FAT_LBA, active: false, start: 8 << 20, size: 512 << 20 })).unwrap();
    mbr.set_partition(2, Some(Partition { kind: LINUX, active: false, start: 520 << 20, size: 2 << 30 })).unwrap();
    mbr
}

fn refusal(tree: &Tree, boot: &Boot) -> String {
    facts(tree, boot).unwrap_err().to_string()
}

#[test]
fn raspberry_pi_os_bookworm() {
    let (tree, boot) = raspberry_pi_os();
    let facts = facts(&tree, &boot).unwrap();
    let expected = Facts {
        flavour: Flavour::RaspberryPiOs,
        release: Release::Bookworm,
        architecture: Architecture::Arm64,
        name: "debian GNU/Linux (bookworm)".to_owned(),
        boot_mount: "/boot/firmware".to_owned(),
        network: NetworkService::NetworkManager,
        cloud_init: false,
        wizard: true,
        expansion: Expansion::FirstbootInit,
        stock_user: Some("pi".to_owned()),
        applies_presets: false,
        swap: Swap::DphysSwapfile,
        fake_hwclock: true,
    };
    assert_eq!(facts, expected);
    agreement(&mbr(), &tree, RASPBERRY_PI_CMDLINE, &facts).unwrap();
}

#[test]
fn the_32_bit_one_calls_itself_raspbian() {
    let (mut tree, boot) = raspberry_pi_os();
    put(&mut tree, "/usr/lib/os-release", "PRETTY_NAME='Raspbian GNU/Linux 12 (bookworm)'\nID=raspbian\nVERSION_CODENAME=bookworm\n");
    put(&mut tree, "/var/lib/dpkg/status", &dpkg("armhf", &["cloud-init"]));
    let facts = facts(&tree, &boot).unwrap();
    assert_eq!((facts.architecture, facts.cloud_init, facts.swap), (Architecture::Armhf, true, Swap::None));
    assert_eq!(facts.name, "Raspbian GNU/Linux 12 (bookworm)");
}

#[test]
fn a_base_made_here() {
    let (mut tree, boot) = berry_debian();
    let found = facts(&tree, &boot).unwrap();
    assert_eq!((found.flavour, found.expansion, found.stock_user.as_deref()), (Flavour::BerryDebian, Expansion::None, None));
    assert_eq!((found.boot_mount.as_str(), found.wizard, found.applies_presets), ("/boot/firmware", false, false));
    agreement(&mbr(), &tree, &boot_text(&boot, "cmdline.txt").unwrap(), &found).unwrap();
    put(&mut tree, "/etc/machine-id", "uninitialized\n");
    assert!(facts(&tree, &boot).unwrap().applies_presets);
    tree.remove("/etc/machine-id").unwrap();
    assert!(facts(&tree, &boot).unwrap().applies_presets);
}

#[test]
fn every_release_is_told_by_what_is_its_own() {
    let (resize, firstboot) = ("init=/usr/lib/raspi-config/init_resize.sh", "init=/usr/lib/raspberrypi-sys-mods/firstboot");
    let wants = "/etc/systemd/system/multi-user.target.wants";
    for (codename, version, word, network, packages, expected) in [
        // stretch's os-release has no code name.
        ("", "9", resize, "dhcpcd", &["dphys-swapfile", "fake-hwclock"][..], (Release::Stretch, Expansion::InitResize)),
        ("buster", "10", resize, "dhcpcd", &["dphys-swapfile", "fake-hwclock"], (Release::Buster, Expansion::InitResize)),
        ("bullseye", "11", resize, "dhcpcd", &["dphys-swapfile"], (Release::Bullseye, Expansion::InitResize)),
        ("bullseye", "11", firstboot, "dhcpcd", &["network-manager"], (Release::Bullseye, Expansion::FirstbootInit)),
        ("bookworm", "12", firstboot, "NetworkManager", &["dphys-swapfile"], (Release::Bookworm, Expansion::FirstbootInit)),
        ("trixie", "13", "resize", "NetworkManager", &["rpi-swap", "cloud-init"], (Release::Trixie, Expansion::ResizeWord)),
    ] {
        let (mut tree, mut boot) = raspberry_pi_os();
        let codename = if codename.is_empty() { String::new() } else { format!("VERSION_CODENAME={codename}\n") };
        put(&mut tree, "/usr/lib/os-release", &format!("ID=raspbian\nVERSION_ID=\"{version}\"\n{codename}"));
        put(&mut tree, "/var/lib/dpkg/status", &dpkg("armhf", packages));
        tree.remove(format!("{wants}/NetworkManager.service")).unwrap();
        link(&mut tree, &format!("{wants}/{network}.service"), "/lib/systemd/system/some.service");
        boot.insert("cmdline.txt".to_owned(), RASPBERRY_PI_CMDLINE.replace(firstboot, word).into_bytes());
        let facts = facts(&tree, &boot).unwrap();
        assert_eq!((facts.release, facts.expansion), expected);
        let (dhcpcd, rpi_swap) = (facts.network == NetworkService::Dhcpcd, facts.swap == Swap::RpiSwap);
        assert_eq!((dhcpcd, rpi_swap, facts.cloud_init), (network == "dhcpcd", version == "13", version == "13"));
        // Without its trigger it has been booted.
        boot.insert("cmdline.txt".to_owned(), RASPBERRY_PI_CMDLINE.replace(firstboot, "").into_bytes());
        let text = refusal(&tree, &boot);
        assert!(text.contains("`cmdline.txt` has no") && text.contains(word), "{text}");
    }
}

#[test]
fn other_systems_are_refused_by_name() {
    let (mut tree, boot) = raspberry_pi_os();
    for codename in ["jessie", "forky"] {
        put(&mut tree, "/usr/lib/os-release", &format!("ID=debian\nVERSION_CODENAME={codename}\n"));
        let text = refusal(&tree, &boot);
        assert!(text.contains(&format!("Raspberry Pi OS {codename}")) && text.contains("from stretch to trixie"), "{text}");
    }
    put(&mut tree, "/usr/lib/os-release", "ID=debian\nVERSION_CODENAME=trixie\n");
    assert!(refusal(&tree, &boot).contains("raspberrypi-sys-mods/firstboot` of another release"));
    put(&mut tree, "/usr/lib/os-release", "ID=ubuntu\nPRETTY_NAME=\"Ubuntu 24.04 LTS\"\nVERSION_CODENAME=noble\n");
    let text = refusal(&tree, &boot);
    assert!(text.contains("Ubuntu 24.04 LTS (noble), which is refused: its cloud-init"), "{text}");
    let (mut tree, boot) = raspberry_pi_os();
    tree.remove("/etc/rpi-issue").unwrap();
    assert!(refusal(&tree, &boot).contains("neither by Raspberry Pi nor by `debian:SUITE`"));
    let (mut tree, boot) = raspberry_pi_os();
    put(&mut tree, "/var/lib/dpkg/status", &dpkg("amd64", &[]));
    assert!(refusal(&tree, &boot).contains("for amd64"));
    let (mut tree, boot) = raspberry_pi_os();
    link(&mut tree, "/etc/systemd/system/multi-user.target.wants/dhcpcd.service", "/lib/systemd/system/dhcpcd.service");
    assert!(refusal(&tree, &boot).contains("dhcpcd and NetworkManager both configure"));
    let (mut tree, boot) = berry_debian();
    put(&mut tree, Marker::PATH, "{\"version\": 7}");
    assert!(refusal(&tree, &boot).contains("another version of berry-image"));
    put(&mut tree, Marker::PATH, &Marker::new("trixie").text());
    assert!(refusal(&tree, &boot).contains("made as debian:trixie"));
}

#[test]
fn debian_s_own_images_are_told_by_their_initramfs() {
    let (mut tree, mut boot) = berry_debian();
    tree.remove(Marker::PATH).unwrap();
    let initramfs = |name: &str| {
        let entry = |name: &str| {
            let mut entry = format!("070701{:072}{:08x}{:08}", 0, 0, 0);
            entry.truncate(6 + 11 * 8);
            entry.push_str(&format!("{:08x}{:08}{name}\0", name.len() + 1, 0));
            let padded = entry.len().next_multiple_of(4);
            entry.into_bytes().into_iter().chain(std::iter::repeat(0)).take(padded).collect::<Vec<u8>>()
        };
        [entry(name), entry("TRAILER!!!")].concat()
    };
    boot.insert("initrd.img-6.1.0-17-arm64".to_owned(), initramfs("scripts/local-bottom/other"));
    assert!(refusal(&tree, &boot).contains("made neither by"));
    boot.insert("initrd.img-6.1.0-18-arm64".to_owned(), initramfs("scripts/local-bottom/rpi-resizerootfs"));
    let error = facts(&tree, &boot).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    let text = error.to_string();
    assert!(text.contains("Debian's own image for Raspberry Pis") && text.contains("`rpi-resizerootfs`"), "{text}");
    // Of an initramfs that cannot be read nothing can be told.
    boot.insert("initrd.img-6.1.0-18-arm64".to_owned(), b"lz4?".to_vec());
    assert!(refusal(&tree, &boot).contains("made neither by"));
    // Of many only some are looked at.
    (0..8).for_each(|number| drop(boot.insert(format!("initrd.img-6.0.{number}"), initramfs("scripts/local-bottom/other"))));
    boot.insert("initrd.img-6.1.0-18-arm64".to_owned(), initramfs("scripts/local-bottom/rpi-resizerootfs"));
    assert!(refusal(&tree, &boot).contains("made neither by"));
    link(&mut tree, "/etc/systemd/system/systemd-remount-fs.service.requires/rpi3-resizerootfs.service", "/x");
    assert!(refusal(&tree, &boot).contains("`rpi-resizerootfs`"));
}

#[test]
fn used_images_are_refused_with_every_sign() {
    let (mut tree, mut boot) = raspberry_pi_os();
    put(&mut tree, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    put(&mut tree, "/etc/ssh/ssh_host_ed25519_key", "x");
    boot.insert("cmdline.txt".to_owned(), b"console=tty1 root=PARTUUID=4e639091-02 rootwait\n".to_vec());
    boot.insert("firstrun.sh".to_owned(), Vec::new());
    boot.insert("user-data".to_owned(), b"#cloud-config\nhostname: x\n".to_vec());
    let error = facts(&tree, &boot).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    let text = error.to_string();
    for sign in ["machine-id", "host keys", "cmdline.txt", "firstrun.sh", "user-data"] {
        assert!(text.contains(sign), "{text}");
    }
    // What stands there in every published image is no sign.
    let (mut tree, boot) = raspberry_pi_os();
    put(&mut tree, "/etc/ssh/ssh_host_notes", "x");
    let mut boot = boot;
    boot.insert("user-data".to_owned(), b"#cloud-config\n\n # hostname: x\n".to_vec());
    boot.insert("meta-data".to_owned(), b"dsmode: local\ninstance_id: rpios-image\n".to_vec());
    assert!(facts(&tree, &boot).is_ok());
}

#[test]
fn missing_evidence_is_named() {
    for (path, part) in [
        ("/usr/lib/os-release", "os-release"),
        ("/var/lib/dpkg/status", "dpkg/status"),
        ("/etc/passwd", "/etc/passwd"),
        ("/etc/fstab", "mounts neither"),
        ("/etc/systemd/system/multi-user.target.wants/NetworkManager.service", "NetworkManager.service"),
    ] {
        let (mut tree, boot) = raspberry_pi_os();
        assert!(tree.remove(path).unwrap());
        let text = refusal(&tree, &boot);
        assert!(text.contains("cannot tell") && text.contains(part), "{path}: {text}");
    }
    let (mut tree, mut boot) = raspberry_pi_os();
    boot.insert("cmdline.txt".to_owned(), vec![0xff]);
    assert!(refusal(&tree, &boot).contains("is not text"));
    boot.remove("cmdline.txt");
    assert!(refusal(&tree, &boot).contains("`cmdline.txt` on the boot partition is missing"));
    let (_, boot) = raspberry_pi_os();
    put(&mut tree, "/usr/lib/os-release", "PRETTY_NAME=x\n");
    assert!(refusal(&tree, &boot).contains("no ID"));
    put(&mut tree, "/usr/lib/os-release", "ID=raspbian\n");
    assert!(refusal(&tree, &boot).contains("neither VERSION_CODENAME nor VERSION_ID"));
    tree.remove("/etc/rpi-issue").unwrap();
    assert!(refusal(&tree, &boot).contains("/etc/rpi-issue"));
    let (mut tree, boot) = raspberry_pi_os();
    put(&mut tree, "/var/lib/dpkg/status", &(dpkg("arm64", &[]) + "Package x\n"));
    assert!(refusal(&tree, &boot).contains("the installed packages of the image: `/var/lib/dpkg/status`, line 6: a line that is no field"));
}

#[test]
fn partitions_of_a_base_are_two() {
    let good = mbr();
    assert_eq!(layout(&good).unwrap().root.start, 520 << 20);
    let refused = |change: &dyn Fn(&mut Mbr)| {
        let mut mbr = record();
        change(&mut mbr);
        layout(&Table::Mbr(mbr)).unwrap_err().to_string()
    };
    let at = |kind: u8, start: u64| Some(Partition { kind, active: false, start, size: 1 << 20 });
    assert!(refused(&|mbr| mbr.set_partition(2, None).unwrap()).contains("1 partitions (types: 0x0c)"));
    assert!(refused(&|mbr| mbr.set_partition(3, at(LINUX, 4 << 30)).unwrap()).contains("3 partitions"));
    assert!(refused(&|mbr| mbr.set_partition(1, at(LINUX, 8 << 20)).unwrap()).contains("first partition of type 0x83"));
    assert!(refused(&|mbr| mbr.set_partition(2, at(0x07, 1 << 30)).unwrap()).contains("second partition of type 0x07"));
    assert!(refused(&|mbr| mbr.set_partition(2, at(LINUX, 1 << 20)).unwrap()).contains("before its first"));
    assert!(layout(&Table::Mbr(Mbr::new(1))).unwrap_err().to_string().contains("0 partitions (types: none)"));
}

#[test]
fn partuuids_must_be_those_of_the_disk() {
    let (mut tree, boot) = raspberry_pi_os();
    let facts = facts(&tree, &boot).unwrap();
    let error = |tree: &Tree, command_line: &str| agreement(&mbr(), tree, command_line, &facts).unwrap_err();
    let other = RASPBERRY_PI_CMDLINE.replace("4e639091-02", "4e639091-01");
    assert!(matches!(error(&tree, &other), DetectError::Disagreement { place: "cmdline.txt", .. }));
    let damaged = RASPBERRY_PI_CMDLINE.replace("4e639091", "");
    assert!(matches!(error(&tree, &damaged), DetectError::NoDiskId { place: "cmdline.txt", found } if found == "PARTUUID=-02"));
    assert!(matches!(error(&tree, "console=tty1"), DetectError::Missing { .. }));
    assert!(matches!(error(&tree, "root=/dev/mmcblk0p2"), DetectError::Disagreement { .. }));
    let fstab = tree.read_text("/etc/fstab").unwrap();
    put(&mut tree, "/etc/fstab", &fstab.replace("4e639091-01", "deadbeef-01"));
    let text = error(&tree, RASPBERRY_PI_CMDLINE).to_string();
    assert!(text.contains("/etc/fstab says `PARTUUID=deadbeef-01`, expected `PARTUUID=4e639091-01`"), "{text}");
    put(&mut tree, "/etc/fstab", &fstab.replace("4e639091-02", "-02"));
    assert_eq!(error(&tree, RASPBERRY_PI_CMDLINE).kind(), Kind::Corrupt);
    put(&mut tree, "/etc/fstab", &fstab.replace("PARTUUID=4e639091-02", "/dev/mmcblk0p2"));
    assert!(matches!(error(&tree, RASPBERRY_PI_CMDLINE), DetectError::Missing { .. }));
    // Case does not matter to the kernel.
    put(&mut tree, "/etc/fstab", &fstab.to_uppercase().replace("/BOOT/FIRMWARE", "/boot/firmware"));
    agreement(&mbr(), &tree, RASPBERRY_PI_CMDLINE, &facts).unwrap();
}
