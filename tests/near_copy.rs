//! A node that is built of a near-copy of a Raspberry Pi OS image boots on a larger card, and nothing of the stock first boot happens.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use berry_image::{
    base::{cache::Cache, source},
    profile::BaseReference,
    progress::{Silent, Stop},
};
use support::{
    guest::{Guest, Machine},
    image::Image,
    near_copy::{self, ARMED, LOOKED, RAN},
    pi_os::{DISK_ID, boot_command_line, release::BOOKWORM},
    program::{berry, folder, ok, profile_in, tool},
};

/// The image of `debian:bookworm`, made by the build of another test or now.
fn debian() -> Image {
    let cache = Cache::open_default().unwrap();
    let raw = source::obtain(&BaseReference::Debian { suite: "bookworm".into() }, &cache, false, &Silent, &Stop::default()).unwrap();
    Image::open(raw.storage.path())
}

/// Start and size of the partitions of a card, in bytes, from its first sector.
fn table(card: &Path, folder: &Path) -> Vec<(u64, u64)> {
    let sector = folder.join("first-sector");
    ok(tool("qemu-img")
        .args(["dd", "-f", "qcow2", "-O", "raw", "bs=512", "count=1"])
        .arg(format!("if={}", card.display()))
        .arg(format!("of={}", sector.display())));
    // sfdisk looks at the size, too.
    ok(tool("truncate").args(["-s", "8G"]).arg(&sector));
    Image::open(&sector).partitions.iter().map(|partition| (partition.start, partition.size)).collect()
}

/// What the node is asked, all at once: an emulated computer takes seconds for each connection.
const QUESTIONS: [(&str, &str); 19] = [
    ("host name", "hostname"),
    ("user", "id -un; id -u"),
    ("machine id", "cat /etc/machine-id"),
    ("address", "ip -4 -o address show dev eth0 | awk '{print $4}'"),
    ("command line", "cat /proc/cmdline"),
    ("card", "sudo -n blockdev --getsize64 /dev/vda"),
    ("partitions", "for n in 1 2 3; do cat /sys/block/vda/vda$n/start /sys/block/vda/vda$n/size; done"),
    ("root", "findmnt -no PARTUUID,FSTYPE /"),
    ("boot", "findmnt -no PARTUUID /boot/firmware"),
    ("brick", "findmnt -no UUID /export"),
    ("brick's folder", "stat -c %F /export/brick"),
    ("fstab", "cat /etc/fstab"),
    ("stand-ins", "systemctl is-enabled userconfig dphys-swapfile regenerate_ssh_host_keys"),
    ("console", "systemctl is-active getty@tty1"),
    ("host keys", "ls /etc/ssh/ssh_host_*_key"),
    ("swap", "swapon --noheadings"),
    ("stock password", "sudo -n grep -c stockpassword /etc/shadow"),
    ("failed", "systemctl --failed --plain --no-legend"),
    ("log", "sudo -n dmesg"),
];

/// The answers to [`QUESTIONS`], without white space at their ends.
fn ask(guest: &Guest) -> BTreeMap<&'static str, String> {
    let script: String = QUESTIONS.iter().map(|(name, command)| format!("echo \"#### {name}\"; {command}; ")).collect();
    // Some of the commands end with 1 when all is well.
    let said = guest.ssh(&format!("{script} true"));
    let answer = |name: &str| {
        let (_, rest) = said.split_once(&format!("#### {name}\n")).unwrap_or_else(|| panic!("no answer to {name}: {said}"));
        rest.split("#### ").next().unwrap_or_default().trim().to_owned()
    };
    QUESTIONS.iter().map(|(name, _)| (*name, answer(name))).collect()
}

/// Without these the boot of the node would prove nothing.
fn assert_armed(base: &Image, folder: &Path) {
    let line = base.boot_file("cmdline.txt");
    assert_eq!(line, boot_command_line(&BOOKWORM));
    assert!(line.ends_with(" quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n"), "{line}");
    let initrd = folder.join("initramfs8");
    base.copy_boot_file("initramfs8", &initrd);
    let bytes = fs::read(initrd).unwrap();
    for text in ["scripts/local-premount/firstboot", ARMED, LOOKED] {
        assert!(bytes.windows(text.len()).any(|window| window == text.as_bytes()), "the initramfs has no `{text}`");
    }
    let wants = base.debugfs(2, "ls -p /etc/systemd/system/multi-user.target.wants");
    for unit in ["userconfig", "regenerate_ssh_host_keys", "dphys-swapfile"] {
        assert!(wants.contains(&format!("/{unit}.service/")), "{wants}");
    }
    assert!(!wants.contains("/ssh.service/") && !base.debugfs(2, "ls -p /etc/systemd/system/getty.target.wants").contains("tty1"));
    assert!(base.debugfs(2, "ls -p /etc/rc3.d").contains("S01resize2fs_once"));
    assert!(base.root_file("/etc/shadow").contains("stockpassword"));
    let shown: serde_json::Value = serde_json::from_str(&ok(berry().args(["inspect", "--json"]).arg(&base.path))).unwrap();
    assert_eq!(shown["facts"]["flavour"], "raspberry-pi-os", "{}", shown["not_a_base"]);
    assert_eq!(shown["facts"]["expansion"], "firstboot-init");
    assert_eq!((shown["facts"]["wizard"].as_bool(), shown["facts"]["stock_user"].as_str()), (Some(true), Some("pi")));
}

#[test]
fn a_node_of_a_near_copy_boots_and_keeps_its_partitions() {
    let folder = folder();
    let start = Instant::now();
    let base = Image::open(&near_copy::make(folder.path(), "near-copy", &debian()));
    base.verify_table();
    base.verify_ext4(2);
    assert_eq!(fs::metadata(&base.path).unwrap().len(), 2632 << 20, "as the image of 2025-05-13");
    println!("near-copy made after {:.1?}", start.elapsed());
    assert_armed(&base, folder.path());

    let profile = profile_in(folder.path(), "cluster01.yaml");
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, text.replace("  name: pi\n", "  name: berry\n")).unwrap();
    let output = folder.path().join("images");
    ok(berry().arg("build").arg(&profile).arg("--base").arg(&base.path).args(["--node", "cluster01", "--output"]).arg(&output));
    let image = Image::open(&output.join("cluster01.img"));
    image.verify_ext4(2);
    let [boot, root, brick] = image.partitions.as_slice() else { panic!("{:?}", image.partitions) };
    let expected: Vec<_> = [boot, root, brick].map(|partition| (partition.start, partition.size)).into();

    let start = Instant::now();
    let mut guest = Guest::start(Machine::Virt, &image, &output.join("ssh_config"), folder.path());
    let login = guest.wait_for("cluster01 login:", start);
    println!("near-copy: login after {login:.1?}, SSH after {:.1?}", guest.wait_for_ssh(start));

    guest.first_boot(start, |status| status["finished"] == true);
    println!("near-copy: first boot finished after {:.1?}", start.elapsed());
    let said = ask(&guest);
    let told = |what: &str| said[what].as_str();
    let words = |what: &str| told(what).split_whitespace().collect::<Vec<_>>();
    // Who it is.
    assert_eq!(told("host name"), "cluster01");
    assert_eq!(words("user"), ["berry", "1000"]);
    assert_eq!(told("machine id"), image.root_file("/etc/machine-id").trim());
    assert_eq!(told("address"), "192.168.2.5/24");
    assert_eq!(told("command line"), image.boot_file("cmdline.txt").trim().replace("serial0,115200", "ttyAMA0"));
    // The card is larger than the image, and the root is as large as before.
    assert_eq!(told("card"), (8u64 << 30).to_string());
    let seen: Vec<u64> = words("partitions").iter().map(|number| number.parse::<u64>().unwrap() * 512).collect();
    // Only the brick has grown, to the end of the card.
    let mut expected = expected;
    expected[2].1 = (8 << 30) - brick.start;
    assert_eq!(seen.chunks(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>(), expected);
    assert_eq!(words("root"), [root.uuid.as_str(), "ext4"]);
    assert_eq!(told("boot"), boot.uuid);
    assert_eq!(told("brick"), image.superblock(3, "Filesystem UUID"));
    assert_eq!(told("brick's folder"), "directory");
    assert!(!told("fstab").contains(DISK_ID) && told("fstab").matches("PARTUUID").count() == 2, "{}", told("fstab"));
    // Nothing of the stock first boot: no wizard, no swap file, no new host keys (or this connection would have been refused).
    assert_eq!(words("stand-ins"), ["masked"; 3]);
    assert_eq!(told("console"), "active");
    assert_eq!(told("host keys"), "/etc/ssh/ssh_host_ed25519_key");
    assert_eq!(told("swap"), "");
    assert_eq!(told("stock password"), "0");
    assert_eq!(told("failed"), "", "no unit may fail");
    let (console, log) = (guest.console(), told("log"));
    assert!(console.contains(LOOKED) && log.contains(LOOKED), "the script of the initramfs must have run: {console}");
    for marker in [ARMED, RAN, "EXT4-fs error", "emergency"] {
        assert!(!console.contains(marker) && !log.contains(marker), "{marker}: {console}");
    }
    // And on the card itself, when all is over.
    let card = guest.power_off();
    assert_eq!(table(&card, folder.path()), expected);
}
