//! A node that runs in QEMU, and what its operator sees of it: the console and SSH.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    image::Image,
    program::{ok, output, tool},
};

/// Ten times what a quiet machine needs.
const PATIENCE: Duration = Duration::from_secs(600);

/// The same for a whole first boot: some fifty packages are configured by an emulated computer.
const PATIENCE_WITH_PACKAGES: Duration = Duration::from_secs(1800);

/// How QEMU shows the image to its guest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Machine {
    /// Paravirtual and quick: proves all but the SD path.
    Virt,
    /// A Pi 3B: the real SD controller, USB network.
    Raspi3b,
}

/// The running machine; it ends with this value.
#[derive(Debug)]
pub struct Guest {
    qemu: Child,
    card: PathBuf,
    console: PathBuf,
    port: u16,
    ssh_config: PathBuf,
}

impl Guest {
    /// Boots `image` with the kernel, initrd and command line of its own boot partition; its card is an overlay, the file stays as it is.
    pub fn start(machine: Machine, image: &Image, ssh_config: &Path, folder: &Path) -> Self {
        let names = image.boot_names();
        // Debian's names of kernel and initrd, and those of Raspberry Pi OS.
        let [kernel, initrd] = [["vmlinuz", "kernel8.img"], ["initrd.img", "initramfs8"]].map(|prefixes| {
            let is_it = |name: &&String| prefixes.iter().any(|prefix| name.starts_with(prefix));
            let copy = folder.join(prefixes[0]);
            image.copy_boot_file(names.iter().find(is_it).unwrap_or_else(|| panic!("none of {prefixes:?} in {names:?}")), &copy);
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
                let serial = ["console=ttyS1,115200", "console=serial0,115200"].into_iter().find(|word| command_line.contains(word));
                let serial = serial.unwrap_or_else(|| panic!("no serial console: {command_line}"));
                qemu.args(["-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "768", "-accel", "tcg,thread=multi"]);
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
        Self { qemu, card, console, port, ssh_config: ssh_config.to_owned() }
    }

    pub fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.console).unwrap_or_default()).into_owned()
    }

    /// Waits for a text on the console and returns how long the machine has been running since `since`.
    pub fn wait_for(&mut self, text: &str, since: Instant) -> Duration {
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
    pub fn wait_for_ssh(&mut self, since: Instant) -> Duration {
        while !output(&mut self.ssh_command("true")).status.success() {
            let ended = self.qemu.try_wait().expect("the machine can be asked");
            assert!(ended.is_none() && since.elapsed() < PATIENCE, "no SSH ({ended:?}):\n{}", self.console());
        }
        since.elapsed()
    }

    /// Runs a command on the node.
    pub fn ssh(&self, command: &str) -> String {
        ok(&mut self.ssh_command(command))
    }

    /// What `berry-firstboot status` says, once `enough` of it is so.
    pub fn first_boot(&self, since: Instant, enough: impl Fn(&Value) -> bool) -> Value {
        loop {
            // It may be asked before there is a journal.
            let said = output(&mut self.ssh_command("/usr/lib/berry-image/berry-firstboot status --json"));
            let status = serde_json::from_slice(&said.stdout).unwrap_or(Value::Null);
            if enough(&status) {
                return status;
            }
            let log = || self.ssh("sudo -n journalctl --no-pager -b -u 'berry-*' | tail -n 60");
            assert!(since.elapsed() < PATIENCE_WITH_PACKAGES, "first boot stands at {status:#}\n{}", log());
            std::thread::sleep(Duration::from_secs(2));
        }
    }

    /// A folder with an `ssh_config` like that of the build, by which the node can be reached from here.
    pub fn reachable(&self, folder: &Path) -> PathBuf {
        let folder = folder.join("reachable");
        fs::create_dir(&folder).expect("a new folder");
        let text = fs::read_to_string(&self.ssh_config).expect("a text");
        let here = format!("HostName 127.0.0.1\n    Port {}\n", self.port);
        let there = text.replace("HostName 192.168.2.5\n", &here);
        assert_ne!(there, text);
        fs::write(folder.join("ssh_config"), there).expect("it can be written");
        folder
    }

    /// Switches the machine off and returns its card, an overlay of the image.
    pub fn power_off(mut self) -> PathBuf {
        // The connection may end before the command does.
        output(&mut self.ssh_command("sudo -n systemctl poweroff"));
        let since = Instant::now();
        while self.qemu.try_wait().expect("the machine can be asked").is_none() {
            assert!(since.elapsed() < PATIENCE, "it does not go off:\n{}", self.console());
            std::thread::sleep(Duration::from_millis(250));
        }
        self.card.clone()
    }

    /// A command on the node, as its operator would run it: with the `ssh_config` that the build wrote, and its host key checked.
    pub fn ssh_command(&self, command: &str) -> Command {
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
