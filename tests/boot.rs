//! A built image comes up in QEMU: a real kernel, the real initrd, systemd, sshd. Nothing else proves that it would on a Pi.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::{path::Path, time::Instant};

use serde_json::Value;
use support::{
    guest::{Guest, Machine},
    image::Image,
    program::{berry, folder, ok, profile_in, shell, whole_profile_in},
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

/// How a step of first boot stands, with the reason if there is one.
fn step<'a>(status: &'a Value, name: &str) -> (&'a str, &'a str) {
    let steps = status["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let step = steps.iter().find(|step| step["name"] == name).unwrap_or(&Value::Null);
    (step["state"].as_str().unwrap_or_default(), step["reason"].as_str().unwrap_or_default())
}

/// The node's brick is there and has grown with the card by itself, first boot is over, and nothing failed.
fn assert_brick_and_growth(guest: &Guest, image: &Image, folder: &Path, since: Instant) {
    let status = guest.first_boot(since, |status| status["finished"] == true);
    println!("first boot finished after {:.1?}", since.elapsed());
    assert_eq!(["clock", "brick", "packages", "system"].map(|name| step(&status, name).0), ["done"; 4]);
    assert_eq!(
        guest.ssh("findmnt -no FSTYPE,UUID /export").split_whitespace().collect::<Vec<_>>(),
        ["ext4", &image.superblock(3, "Filesystem UUID")]
    );
    assert_eq!(guest.ssh("stat -c '%F %U' /export/brick").trim(), "directory root");
    let kib: u64 = guest.ssh("findmnt -bno SIZE /export").trim().parse::<u64>().unwrap() / 1024;
    assert!(kib > 3 << 20, "the brick has {kib} KiB on a card of 8 GiB");
    assert_eq!(guest.ssh("sudo -n blkid -s PARTUUID -o value /dev/vda3").trim(), image.partitions[2].uuid, "the disk id stays");
    assert_eq!(guest.ssh("systemctl --failed --plain --no-legend"), "", "no unit may fail");
    assert_eq!(guest.ssh("systemctl is-enabled berry-firstboot-system || true").trim(), "disabled");
    let greeting = guest.ssh("run-parts /etc/update-motd.d");
    assert!(greeting.contains("Linux") && !greeting.contains("set up") && !greeting.contains("NEEDS YOU"), "{greeting}");
    assert!(guest.ssh("cat /boot/firmware/node-status.txt").starts_with("cluster01 of the cluster cluster01: ready ("));
    let (profile, output) = (folder.join("cluster01.yaml"), guest.reachable(folder));
    let said = ok(berry().arg("status").arg(profile).args(["--node", "cluster01", "--output"]).arg(output));
    assert_eq!(said, "cluster01: 1 of 1 node ready\n  cluster01  ready\n");
    // Again, on a node that is what it is to be: nothing is done.
    let before = "sudo -n sha256sum /var/lib/berry-firstboot/system.json /etc/fstab && sudo -n sfdisk --dump /dev/vda";
    let (before, run) =
        (guest.ssh(before), guest.ssh(&format!("sudo -n /usr/lib/berry-image/berry-firstboot run --part system 2>&1; {before}")));
    assert_eq!(run, before);
    assert_eq!(guest.ssh("sudo -n passwd -S root | cut -d' ' -f2").trim(), "L");
}

#[test]
fn an_image_boots_with_its_identity_and_its_brick() {
    let folder = folder();
    let image = built(folder.path());
    let start = Instant::now();
    let guest = came_up(&image, folder.path(), "virt");
    assert_is_cluster01(&guest, &image);
    assert_brick_and_growth(&guest, &image, folder.path(), start);
}

/// The whole card of a cluster's node, alone: all that it can do without the others is done. An emulated computer takes seven minutes for its
/// packages.
#[test]
fn a_node_of_a_cluster_is_set_up_as_far_as_it_can_be_alone() {
    let folder = folder();
    let profile = whole_profile_in(folder.path(), "cluster01.yaml");
    ok(berry().arg("build").arg(&profile).args(["--node", "cluster01", "--output"]).arg(folder.path().join("images")));
    let image = Image::open(&folder.path().join("images/cluster01.img"));
    let start = Instant::now();
    let guest = came_up(&image, folder.path(), "virt, whole cluster");
    let is_alone = |status: &Value| step(status, "pool").1.contains("cluster02") && step(status, "web").1.contains("503");
    let status = guest.first_boot(start, is_alone);
    println!("virt, whole cluster: alone after {:.1?}", start.elapsed());
    assert_eq!(["clock", "brick", "packages", "system", "ready"].map(|name| step(&status, name).0), ["done"; 5], "{status:#}");
    assert_eq!(
        (step(&status, "glusterd").0, step(&status, "pool").0, step(&status, "web").0),
        ("done", "waiting", "waiting"),
        "{status:#}"
    );
    assert_eq!(guest.ssh("sudo -n dpkg --audit"), "");
    let packages = guest.ssh("dpkg-query -W -f '${db:Status-Abbrev}${Package} ' apache2 ddclient glusterfs-server rsync");
    assert_eq!(packages.trim(), "ii apache2 ii ddclient hi glusterfs-server ii rsync");
    assert!(guest.ssh("findmnt -bno SIZE /export").trim().parse::<u64>().unwrap() > 3 << 30);
    assert_eq!(
        guest.ssh("systemctl is-active glusterd berry-firstboot-cluster berry-volume").split_whitespace().collect::<Vec<_>>(),
        ["active"; 3]
    );
    assert_eq!(
        guest.ssh("systemctl is-enabled glusterd berry-firstboot-system || true").split_whitespace().collect::<Vec<_>>(),
        ["enabled", "disabled"]
    );
    assert_eq!(guest.ssh("systemctl --failed --plain --no-legend"), "", "no unit may fail");
    // It knows who it is, whom it waits for, and tells both at login.
    assert_eq!(guest.ssh("sudo -n gluster pool list | grep -c cluster0[123]").trim(), "2");
    assert!(guest.ssh("run-parts /etc/update-motd.d").contains("still being set up"));
    // Nothing of the card is served, and nobody but the nodes gets at glusterd's files.
    let answer = guest.ssh("bash -c 'exec 3<>/dev/tcp/localhost/80; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3'");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: 30\r\n"), "{answer}");
    assert_eq!(guest.ssh("sudo -n stat -c %a /var/lib/glusterd/glusterd.info").trim(), "600");
}

/// `cargo trixie`: its base is made by this once, which takes longer than all other tests together.
#[test]
#[ignore = "makes a base of its own"]
fn an_image_of_trixie_boots() {
    let folder = folder();
    let image = built_from(folder.path(), "debian:trixie");
    let start = Instant::now();
    let guest = came_up(&image, folder.path(), "virt, trixie");
    assert_eq!(guest.ssh(". /etc/os-release && echo $VERSION_CODENAME").trim(), "trixie");
    assert_is_cluster01(&guest, &image);
    assert_brick_and_growth(&guest, &image, folder.path(), start);
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
    let since = Instant::now();
    let guest = came_up(&image, folder.path(), "virt without a brick");
    assert_is_cluster01(&guest, &image);
    // Nothing is formatted, the node tells why, and the rest is done.
    let status = guest.first_boot(since, |status| step(status, "brick").0 == "blocked" && step(status, "packages").0 == "done");
    let (reason, zeros) = (step(&status, "brick").1, "sudo -n dd if=/dev/vda3 bs=64K count=1 status=none | tr -d '\\0' | wc -c");
    assert!(reason.contains("no ext4") && status["finished"] == false, "{reason}");
    assert_eq!(guest.ssh(zeros).trim(), "0", "nothing is written where the file system was");
    assert!(guest.ssh("cat /boot/firmware/node-status.txt").contains("NEEDS YOU"));
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
