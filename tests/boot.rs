//! A built image comes up in QEMU: a real kernel, the real initrd, systemd, sshd. Nothing else proves that it would on a Pi.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use support::{
    image::Image,
    program::{berry, folder, ok, profile_in, shell, tool},
};

/// Ten times what a quiet machine needs.
const PATIENCE: Duration = Duration::from_secs(600);

/// How QEMU shows the image to its guest.
#[derive(Clone, Copy, PartialEq)]
enum Machine {
    /// Paravirtual and quick: proves all but the SD path.
    Virt,
    /// A Pi 3B: the real SD controller, USB network.
    Raspi3b,
}

struct Guest {
    qemu: Child,
    console: PathBuf,
    port: u16,
    ssh_config: PathBuf,
}

impl Guest {
    /// Boots `image` with the kernel, initrd and command line of its own boot partition; its card is an overlay, the file stays as it is.
    fn start(machine: Machine, image: &Image, ssh_config: &Path, folder: &Path) -> Self {
        let names = image.boot_names();
        let find = |prefix: &str| names.iter().find(|name| name.starts_with(prefix)).unwrap_or_else(|| panic!("no {prefix}* in {names:?}"));
        let [kernel, initrd] = ["vmlinuz", "initrd.img"].map(|prefix| {
            let copy = folder.join(prefix);
            image.copy_boot_file(find(prefix), &copy);
            copy
        });
        let card = folder.join("card.qcow2");
        ok(tool("qemu-img").args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]).arg(&image.path).arg(&card).arg("8G"));
        let console = folder.join("console");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let network =
            format!("user,id=lan,net=192.168.2.0/24,host=192.168.2.1,dns=192.168.2.3,hostfwd=tcp:127.0.0.1:{port}-192.168.2.5:22");
        let command_line = image.boot_file("cmdline.txt").trim().to_owned();

        let mut qemu = Command::new("qemu-system-aarch64");
        qemu.args(["-nodefaults", "-display", "none", "-no-reboot", "-kernel"]).arg(&kernel).arg("-initrd").arg(&initrd);
        qemu.args(["-netdev", &network]);
        match machine {
            Machine::Virt => {
                let serial = "console=ttyS1,115200";
                assert!(command_line.contains(serial), "{command_line}");
                qemu.args(["-M", "virt", "-cpu", "max", "-smp", "2", "-m", "768", "-accel", "tcg,thread=multi"]);
                qemu.args(["-append", &command_line.replace(serial, "console=ttyAMA0")]);
                qemu.arg("-drive").arg(format!("if=none,id=card,format=qcow2,cache=unsafe,file={}", card.display()));
                qemu.args(["-device", "virtio-blk-pci,drive=card", "-device", "virtio-net-pci,netdev=lan,romfile="]);
                qemu.args(["-device", "virtio-rng-pci", "-serial"]).arg(format!("file:{}", console.display()));
            }
            Machine::Raspi3b => {
                let tree = folder.join("pi.dtb");
                image.copy_boot_file("bcm2837-rpi-3-b.dtb", &tree);
                // QEMU's network stick answers to two drivers, and the one that the kernel tries first passes no packet.
                qemu.args(["-M", "raspi3b", "-m", "1G", "-smp", "4", "-append", &format!("{command_line} modprobe.blacklist=cdc_subset")]);
                qemu.arg("-dtb").arg(&tree).arg("-drive").arg(format!("if=sd,format=qcow2,cache=unsafe,file={}", card.display()));
                qemu.args(["-device", "usb-net,netdev=lan,mac=52:54:00:be:00:31", "-serial", "null", "-serial"]);
                qemu.arg(format!("file:{}", console.display()));
            }
        }
        let qemu = qemu.stdin(Stdio::null()).spawn().expect("qemu-system-aarch64 can be started (.ci/setup test installs it)");
        Self { qemu, console, port, ssh_config: ssh_config.to_owned() }
    }

    fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.console).unwrap_or_default()).into_owned()
    }

    /// Waits for a text on the console and returns how long the machine has been running since `since`.
    fn wait_for(&mut self, text: &str, since: Instant) -> Duration {
        loop {
            if self.console().contains(text) {
                return since.elapsed();
            }
            let ended = self.qemu.try_wait().expect("the machine can be asked");
            assert!(ended.is_none() && since.elapsed() < PATIENCE, "no `{text}` on the console ({ended:?}):\n{}", self.console());
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// Waits until the node lets its operator in: sshd and the network may come up after the console's login.
    fn wait_for_ssh(&mut self, since: Instant) -> Duration {
        while !support::program::output(&mut self.ssh_command("true")).status.success() {
            let ended = self.qemu.try_wait().expect("the machine can be asked");
            assert!(ended.is_none() && since.elapsed() < PATIENCE, "no SSH ({ended:?}):\n{}", self.console());
        }
        since.elapsed()
    }

    /// Runs a command on the node.
    fn ssh(&self, command: &str) -> String {
        ok(&mut self.ssh_command(command))
    }

    /// A command on the node, as its operator would run it: with the `ssh_config` that the build wrote, and its host key checked.
    fn ssh_command(&self, command: &str) -> Command {
        let mut ssh = tool("ssh");
        ssh.arg("-F").arg(&self.ssh_config).args(["-o", "HostName=127.0.0.1", "-o", &format!("Port={}", self.port)]);
        ssh.args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=30", "cluster01", command]);
        ssh
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Builds cluster01's image and returns the folder with it.
fn built(folder: &Path) -> Image {
    let profile = profile_in(folder, "cluster01.yaml");
    ok(berry().arg("build").arg(&profile).args(["--node", "cluster01", "--output"]).arg(folder.join("images")));
    Image::open(&folder.join("images/cluster01.img"))
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

#[test]
fn an_image_boots_with_its_identity_and_its_brick() {
    let folder = folder();
    let image = built(folder.path());
    let start = Instant::now();
    let mut guest = Guest::start(Machine::Virt, &image, &folder.path().join("images/ssh_config"), folder.path());
    let login = guest.wait_for("cluster01 login:", start);
    println!("virt: login after {login:.1?}, SSH after {:.1?}", guest.wait_for_ssh(start));
    assert_is_cluster01(&guest, &image);
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
fn a_node_with_a_destroyed_brick_boots_to_a_login() {
    let folder = folder();
    let mut image = built(folder.path());
    let damaged = folder.path().join("damaged.img");
    let start = image.partitions[2].start.to_string();
    let script = "cp --sparse=always \"$1\" \"$2\" && dd if=/dev/zero of=\"$2\" bs=1 seek=\"$3\" count=65536 conv=notrunc status=none";
    shell(script, &[image.path.as_os_str(), damaged.as_os_str(), start.as_ref()]);
    image.path = damaged;
    let start = Instant::now();
    let mut guest = Guest::start(Machine::Virt, &image, &folder.path().join("images/ssh_config"), folder.path());
    let login = guest.wait_for("cluster01 login:", start);
    println!("virt without a brick: login after {login:.1?}, SSH after {:.1?}", guest.wait_for_ssh(start));
    assert_is_cluster01(&guest, &image);
    assert_eq!(guest.ssh("findmnt -no FSTYPE /export || echo none").trim(), "none");
    assert!(!guest.console().contains("emergency"), "{}", guest.console());
}

/// `cargo test --release --test boot -- --ignored --nocapture`: minutes, so not part of every run.
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
