//! A built image comes up in QEMU: a real kernel, the real initrd, systemd, sshd. Nothing else proves that it would on a Pi.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::{path::Path, time::Instant};

use support::{
    guest::{Guest, Machine},
    image::Image,
    program::{berry, folder, ok, profile_in, shell},
};

/// Builds cluster01's image and returns it.
fn built(folder: &Path) -> Image {
    built_from(folder, "debian:bookworm")
}

fn built_from(folder: &Path, base: &str) -> Image {
    let profile = profile_in(folder, "cluster01.yaml");
    ok(berry().arg("build").arg(&profile).args(["--base", base, "--node", "cluster01", "--output"]).arg(folder.join("images")));
    Image::open(&folder.join("images/cluster01.img"))
}

/// Starts cluster01 and waits until it answers over SSH; the figures are printed under `name`.
fn came_up(image: &Image, folder: &Path, name: &str) -> Guest {
    let start = Instant::now();
    let mut guest = Guest::start(Machine::Virt, image, &folder.join("images/ssh_config"), folder);
    let login = guest.wait_for("cluster01 login:", start);
    println!("{name}: login after {login:.1?}, SSH after {:.1?}", guest.wait_for_ssh(start));
    guest
}

/// What must be true of a node that has come up, asked over SSH.
fn assert_is_cluster01(guest: &Guest, image: &Image) {
    assert_eq!(guest.ssh("hostname").trim(), "cluster01");
    assert_eq!(guest.ssh("timedatectl show -p Timezone --value").trim(), "Europe/Berlin");
    assert_eq!(guest.ssh("ip -4 -o address show dev eth0 | awk '{print $4}'").trim(), "192.168.2.5/24");
    assert_eq!(guest.ssh("ip -4 route show default | awk '{print $3}'").trim(), "192.168.2.1");
    assert_eq!(guest.ssh("cat /etc/machine-id").trim(), image.root_file("/etc/machine-id").trim());
    assert_eq!(guest.ssh("getent hosts cluster02 | awk '{print $1}'").trim(), "192.168.2.7");
    let root = &image.partitions[1];
    assert_eq!(guest.ssh("sudo -n blkid -s PARTUUID -o value $(findmnt -no SOURCE /)").trim(), root.uuid);
    assert_eq!(guest.ssh("sudo -n blockdev --getsize64 $(findmnt -no SOURCE /)").trim(), root.size.to_string(), "the root must not grow");
    assert!(guest.ssh("findmnt -no OPTIONS /boot/firmware").contains("rw"));
    assert_eq!(guest.ssh("swapon --noheadings | wc -l").trim(), "0");
    assert_eq!(guest.ssh("sudo -n dmesg --level err,crit,alert,emerg | grep -c EXT4 || true").trim(), "0");
}

/// The node's brick is there, grows with the card, and nothing failed.
fn assert_brick_and_growth(guest: &Guest, image: &Image) {
    assert_eq!(
        guest.ssh("findmnt -no FSTYPE,UUID /export").split_whitespace().collect::<Vec<_>>(),
        ["ext4", &image.superblock(3, "Filesystem UUID")]
    );
    assert_eq!(guest.ssh("stat -c '%F %U' /export/brick").trim(), "directory root");
    // The brick was laid out for a card of any size: here is the growth that its room for descriptors was kept for.
    guest.ssh("echo ', +' | sudo -n sfdisk --quiet --no-reread -N 3 /dev/vda && sudo -n partx --update --nr 3 /dev/vda && sudo -n resize2fs /dev/vda3");
    let kib: u64 = guest.ssh("findmnt -bno SIZE /export").trim().parse::<u64>().unwrap() / 1024;
    assert!(kib > 3 << 20, "the brick has {kib} KiB on a card of 8 GiB");
    assert_eq!(guest.ssh("sudo -n blkid -s PARTUUID -o value /dev/vda3").trim(), image.partitions[2].uuid, "the disk id stays");
    assert_eq!(guest.ssh("systemctl --failed --plain --no-legend"), "", "no unit may fail");
    assert_eq!(guest.ssh("sudo -n passwd -S root | cut -d' ' -f2").trim(), "L");
}

#[test]
fn an_image_boots_with_its_identity_and_its_brick() {
    let folder = folder();
    let image = built(folder.path());
    let guest = came_up(&image, folder.path(), "virt");
    assert_is_cluster01(&guest, &image);
    assert_brick_and_growth(&guest, &image);
}

/// `cargo trixie`: its base is made by this once, which takes longer than all other tests together.
#[test]
#[ignore = "makes a base of its own"]
fn an_image_of_trixie_boots() {
    let folder = folder();
    let image = built_from(folder.path(), "debian:trixie");
    let guest = came_up(&image, folder.path(), "virt, trixie");
    assert_eq!(guest.ssh(". /etc/os-release && echo $VERSION_CODENAME").trim(), "trixie");
    assert_is_cluster01(&guest, &image);
    assert_brick_and_growth(&guest, &image);
}

#[test]
fn a_node_with_a_destroyed_brick_boots_to_a_login() {
    let folder = folder();
    let mut image = built(folder.path());
    let damaged = folder.path().join("damaged.img");
    let start = image.partitions[2].start.to_string();
    let script = "cp --sparse=always \"$1\" \"$2\" && dd if=/dev/zero of=\"$2\" bs=1 seek=\"$3\" count=65536 conv=notrunc status=none";
    shell(script, &[image.path.as_os_str(), damaged.as_os_str(), start.as_ref()]);
    image.path = damaged;
    let guest = came_up(&image, folder.path(), "virt without a brick");
    assert_is_cluster01(&guest, &image);
    assert_eq!(guest.ssh("findmnt -no FSTYPE /export || echo none").trim(), "none");
    assert!(!guest.console().contains("emergency"), "{}", guest.console());
}

/// `cargo raspi3b`: minutes, so not part of every run.
#[test]
#[ignore = "takes minutes; the real SD path"]
fn an_image_boots_from_a_pi_s_own_sd_controller() {
    let folder = folder();
    let image = built(folder.path());
    let start = Instant::now();
    let mut guest = Guest::start(Machine::Raspi3b, &image, &folder.path().join("images/ssh_config"), folder.path());
    let login = guest.wait_for("cluster01 login:", start);
    println!("raspi3b: login after {login:.1?}");
    // Older versions of QEMU pass no packet through their USB network card, so what is asked is what the console says.
    guest.wait_for("export.mount", start);
    let console = guest.console();
    assert!(console.contains("Mounted") && console.contains("mmcblk0: p1 p2 p3"), "{console}");
    for trouble in ["EXT4-fs error", "Failed to mount", "Dependency failed", "emergency"] {
        assert!(!console.contains(trouble), "{trouble}: {console}");
    }
}
