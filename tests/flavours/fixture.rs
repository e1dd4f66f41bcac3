//! The fixtures themselves, by other programs: what is known of the images that they stand for.

use crate::{
    build::Base,
    support::{
        pi_os::{
            DISK_ID,
            release::{Partitioner, Release},
        },
        program::{ok, output, tool},
    },
};

/// A check of a fixture.
type FixtureCheck = fn(&Base);

pub(super) const CHECKS: [(&str, FixtureCheck); 5] = [
    ("fixture: the partitions stand where pi-gen puts them", partitions),
    ("fixture: the FAT is as mkfs.fat made it", fat),
    ("fixture: the root has its era's features", ext4),
    ("fixture: command line and fstab are armed and agree", texts),
    ("fixture: it is in the state of before a first boot", state),
];

/// Start and size of the boot partition and start of the root, in sectors.
fn partitions(base: &Base) {
    base.image.verify_table();
    let expected = match base.flavour.name {
        "stretch-2017" => (8192, 85_622, 94_208),
        "stretch" => (8192, 87_851, 98_304),
        // 256 MiB of FAT, aligned to 4 MiB.
        "buster" | "bullseye-old" | "bullseye-2022-04" | "bullseye" => (8192, 524_288, 532_480),
        // 512 MiB.
        "bookworm-armhf" => (8192, 1_048_576, 1_056_768),
        // Aligned to 8 MiB.
        _ => (16_384, 1_048_576, 1_064_960),
    };
    let [boot, root] = base.image.partitions.as_slice() else { panic!("two partitions: {:?}", base.image.partitions) };
    assert_eq!((boot.start / 512, boot.size / 512, root.start / 512), expected);
    assert_eq!((boot.kind.as_str(), root.kind.as_str()), ("c", "83"));
    assert_eq!(base.image.disk_id, format!("0x{DISK_ID}"));
    assert_eq!(std::fs::metadata(&base.image.path).unwrap().len(), root.start + root.size, "the image ends with its root");
    let table = ok(tool("sfdisk").arg("--dump").arg(&base.image.path));
    assert!(!table.contains("bootable"), "{table}");
    let first = output(tool("head").args(["-c", "1"]).arg(&base.image.path)).stdout;
    // parted takes a table whose first byte is zero for one without an id, and gives it another.
    assert_eq!(first == [0], base.flavour.disk.partitioner == Partitioner::Fdisk);
}

fn fat(base: &Base) {
    base.image.verify_fat(base.image.path.parent().unwrap());
    let at = format!("{}@@{}", base.image.path.display(), base.image.partitions[0].start);
    let said = ok(tool("minfo").env("MTOOLS_SKIP_CHECK", "1").args(["-i", &at, "::"]));
    let has = |text: &str| assert!(said.contains(text), "no `{text}` in {said}");
    let sectors = match base.flavour.name {
        "stretch-2017" | "stretch" | "buster" | "bullseye-old" | "bullseye-2022-04" | "trixie" => 1,
        _ => 4,
    };
    has(&format!("cluster size: {sectors} sectors"));
    has("fats: 2");
    has("reserved (boot) sectors: 32");
    has("disk type=\"FAT32   \"");
    let label = if matches!(base.flavour.name, "stretch-2017" | "stretch" | "buster" | "bullseye-old" | "bullseye-2022-04") {
        "boot       "
    } else {
        "bootfs     "
    };
    has(&format!("disk label=\"{label}\""));
}

fn ext4(base: &Base) {
    base.image.verify_ext4(2);
    let features = base.image.superblock(2, "Filesystem features");
    let has = |feature: &str| features.split_whitespace().any(|word| word == feature);
    for always in ["has_journal", "ext_attr", "resize_inode", "dir_index", "filetype", "extent", "flex_bg", "sparse_super", "large_file"] {
        assert!(has(always), "no {always}: {features}");
    }
    assert!(!has("64bit") && !has("huge_file") && !has("needs_recovery"), "{features}");
    let old = matches!(base.flavour.name, "stretch-2017" | "stretch" | "buster" | "bullseye-old" | "bullseye-2022-04");
    assert_eq!(has("metadata_csum"), !old, "{features}");
    let debian_13 = base.flavour.name == "trixie";
    assert_eq!((has("orphan_file"), has("metadata_csum_seed")), (debian_13, debian_13), "{features}");
    let label = if base.flavour.name == "stretch-2017" { "<none>" } else { "rootfs" };
    assert_eq!(base.image.superblock(2, "Filesystem volume name"), label);
    assert_eq!(base.image.superblock(2, "Block size"), "4096");
    assert_eq!(base.image.superblock(2, "Inode size"), "256");
    assert_eq!(base.image.superblock(2, "Filesystem state"), "clean");
    assert_eq!(base.image.superblock(2, "Mount count"), "1", "it was filled through the kernel");
}

fn texts(base: &Base) {
    let line = base.image.boot_file("cmdline.txt");
    assert_eq!((line.lines().count(), line.ends_with('\n')), (1, true));
    assert!(line.contains(&format!(" root=PARTUUID={DISK_ID}-02 rootfstype=ext4 ")), "{line}");
    let trigger = match base.flavour.release {
        Release::Stretch | Release::Buster => " init=/usr/lib/raspi-config/init_resize.sh\n",
        Release::Bullseye if base.flavour.name != "bullseye" => " init=/usr/lib/raspi-config/init_resize.sh\n",
        Release::Bullseye | Release::Bookworm => " init=/usr/lib/raspberrypi-sys-mods/firstboot",
        Release::Trixie => " rootwait resize\n",
    };
    assert!(line.contains(trigger), "{line}");
    let table = base.image.root_file("/etc/fstab");
    let mount = if base.flavour.release >= Release::Bookworm { "/boot/firmware" } else { "/boot" };
    for (device, point) in [("01", mount), ("02", "/")] {
        assert!(table.lines().any(|line| line.split_whitespace().take(2).eq([&format!("PARTUUID={DISK_ID}-{device}"), point])), "{table}");
    }
    assert_eq!(base.image.boot_file("issue.txt"), base.image.root_file("/etc/rpi-issue"));
}

fn state(base: &Base) {
    let view = &base.view;
    let trixie = base.flavour.release == Release::Trixie;
    assert_eq!(view.text("/etc/machine-id"), if trixie { "uninitialized\n" } else { "" });
    assert!(!view.names("/etc/ssh").iter().any(|name| name.starts_with("ssh_host_")));
    assert!(view.is_enabled("regenerate_ssh_host_keys.service", "multi-user.target.wants"));
    assert!(!view.exists("/etc/systemd/system/multi-user.target.wants/ssh.service"));
    assert_eq!(view.is_enabled("userconfig.service", "multi-user.target.wants"), base.flavour.wizard);
    assert_eq!(view.exists("/etc/systemd/system/getty.target.wants/getty@tty1.service"), !base.flavour.wizard);
    assert_eq!(view.mode("/etc/shadow"), (0o640, 0, 42));
    let split = base.flavour.release <= Release::Buster;
    for folder in ["/bin", "/sbin", "/lib"] {
        assert_eq!(view.link(folder).is_none(), split, "{folder}");
    }
    assert_eq!(view.text("/usr/lib/os-release").contains("VERSION_CODENAME"), base.flavour.release > Release::Stretch);
    let armed = ["stretch", "buster", "bullseye-old"].iter().any(|name| base.flavour.name.starts_with(name));
    assert_eq!(view.text("/etc/shadow").contains("stockpassword"), armed, "later images have no password at all");
}
