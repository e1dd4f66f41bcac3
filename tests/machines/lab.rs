//! Machines of systemd-nspawn with cards in them, on one network, on one computer.
//!
//! All of it is in namespaces that end with this process, however it ends. What a machine of nspawn lacks is made up for, and told here:
//! - Nothing starts from the boot partition. Its file with the node's status is in a folder, where the partition would be mounted.
//! - There is no udev, and in a container systemd leaves lines of devices out of fstab. They are taken out, a unit mounts the brick, and a link
//!   says which device it is.
//! - The clock is the computer's own.

use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};

use crate::{
    cards::Card,
    support::{
        image::Image,
        program::{ok, output, tool},
    },
};

/// Where the brick's device is seen: not in `/dev`, whose devices systemd awaits from udev.
const DEVICE: &str = "/brick-device";
/// Of `Options=`, as in fstab but for what is about devices.
const UNIT: &str = "[Unit]\nDescription=The brick, by a unit instead of fstab\nBefore=local-fs.target\n\n[Mount]\nWhat=/brick-device\n\
                    Where=/export\nType=ext4\nOptions=noatime\n";
/// Holds the namespaces: the network, with a computer at the gateway's address, mounts, and all processes.
const HOLDER: &str = r#"
    mount -t proc proc /proc
    # The second hierarchy alone, as on a node; a computer may have both.
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mkdir -p "/sys/fs/cgroup/$1"
    ip link set lo up
    ip link add bridge type bridge
    ip address add 192.168.2.1/24 dev bridge
    ip link set bridge up
    touch "$2"
    read -r _
"#;
/// Switches on the machine `$2` with its root at `$3`, in the group `$1`.
const SWITCH_ON: &str = r#"
    group=/sys/fs/cgroup/$1/$2
    mkdir "$group"
    echo $$ > "$group/cgroup.procs"
    machine=$2 root=$3; shift 3
    exec systemd-nspawn --quiet --register=no --keep-unit --boot --machine="$machine" --directory="$root" --link-journal=no \
        --resolv-conf=off --timezone=off --console=read-only --bind=/dev/fuse "$@"
"#;

/// Namespaces, and what is in them.
pub(crate) struct Lab {
    machines: Vec<Machine>,
    holder: Child,
    _input: ChildStdin,
    group: String,
    boots: u32,
    folder: PathBuf,
}

/// A card in its machine.
struct Machine {
    card: Card,
    device: String,
    running: Option<Running>,
}

struct Running {
    nspawn: Child,
    /// Its first process.
    first: u32,
}

/// How a machine is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Off {
    /// As a person does it.
    Orderly,
    /// The power is cut: what the journals of its file systems do not have is lost.
    Cut,
}

/// Whether there is what this needs.
pub(crate) fn is_possible() -> bool {
    let has = |program: &str| ["/usr/sbin", "/usr/bin", "/sbin"].iter().any(|folder| Path::new(folder).join(program).exists());
    crate::support::is_root()
        && has("systemd-nspawn")
        && has("ip")
        && Path::new("/dev/fuse").exists()
        && Path::new("/dev/loop-control").exists()
}

/// Waits for something.
pub(crate) fn wait_for(what: &str, limit: Duration, mut is_there: impl FnMut() -> bool) -> Result<Duration, String> {
    let began = Instant::now();
    while !is_there() {
        if began.elapsed() > limit {
            return Err(format!("{what} did not come within {limit:?}"));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(began.elapsed())
}

/// The child of a process that has one.
fn child_of(process: u32) -> Option<u32> {
    fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?.split(' ').next()?.parse().ok()
}

impl Lab {
    /// All cards are in their machines, which are off.
    pub(crate) fn new(cards: Vec<Card>, program: &Path, folder: &Path) -> Self {
        let group = format!("berry-machines-{}", std::process::id());
        let ready = folder.join("network");
        let mut holder = tool("unshare");
        holder.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-euc", HOLDER, "holder", &group]).arg(&ready);
        let mut holder = holder.stdin(Stdio::piped()).spawn().unwrap();
        let input = holder.stdin.take().unwrap();
        let mut lab = Self { machines: Vec::new(), holder, _input: input, group, boots: 0, folder: folder.to_owned() };
        wait_for("the network", Duration::from_secs(20), || ready.exists()).unwrap();
        for card in cards {
            let device = ok(tool("losetup").args(["--find", "--show", "--partscan"]).arg(&card.image)).trim().to_owned();
            lab.machines.push(Machine { card, device, running: None });
            lab.prepare(lab.machines.len() - 1, program);
        }
        lab
    }

    /// Makes a card one for a machine of nspawn.
    fn prepare(&self, index: usize, program: &Path) {
        let Machine { card, device, .. } = &self.machines[index];
        let image = Image::open(&card.image);
        if !Path::new(&format!("{device}p3")).exists() {
            for (number, partition) in (1..).zip(&image.partitions) {
                let [start, size] = [partition.start, partition.size].map(|bytes| (bytes / 512).to_string());
                ok(tool("addpart").args([device, &format!("{number}"), &start, &size]));
            }
        }
        let boot = self.own(index).join("boot");
        fs::create_dir(&boot).unwrap();
        image.copy_boot_file("node-status.txt", &boot.join("node-status.txt"));
        let root = self.mount(index);
        let put = |path: &str, text: &[u8], mode: u32| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let replaced = "usr/lib/berry-image/berry-firstboot";
        assert!(root.join(replaced).exists());
        put(replaced, &fs::read(program).unwrap(), 0o755);
        let fstab = fs::read_to_string(root.join("etc/fstab")).unwrap();
        let others: String = fstab.lines().filter(|line| line.starts_with("localhost:")).map(|line| format!("{line}\n")).collect();
        put("etc/fstab", others.as_bytes(), 0o644);
        put("etc/systemd/system/export.mount", UNIT.as_bytes(), 0o644);
        let wants = root.join("etc/systemd/system/local-fs.target.wants");
        fs::create_dir_all(&wants).unwrap();
        symlink("/etc/systemd/system/export.mount", wants.join("export.mount")).unwrap();
        let uuid = image.superblock(3, "Filesystem UUID");
        put("etc/tmpfiles.d/brick.conf", format!("L /dev/disk/by-uuid/{uuid} - - - - {DEVICE}\n").as_bytes(), 0o644);
        self.unmount(index);
    }

    /// A machine's own folder.
    fn own(&self, index: usize) -> PathBuf {
        self.folder.join(&self.machines[index].card.name)
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        &self.machines[index].card.name
    }

    pub(crate) fn address(&self, index: usize) -> &str {
        &self.machines[index].card.address
    }

    /// How many machines there are.
    pub(crate) fn count(&self) -> usize {
        self.machines.len()
    }

    /// A command beside the machines.
    pub(crate) fn beside(&self) -> Command {
        let first = child_of(self.holder.id()).expect("the namespaces are there").to_string();
        let mut command = tool("nsenter");
        command.args(["--target", &first, "--mount", "--net", "--pid", "--"]);
        command
    }

    /// Mounts the root of a card that is in no running machine; where it is seen from here.
    fn mount(&self, index: usize) -> PathBuf {
        let root = self.own(index).join("root");
        fs::create_dir_all(&root).unwrap();
        ok(self.beside().args(["mount", "-t", "ext4", "-o", "noatime"]).arg(format!("{}p2", self.machines[index].device)).arg(&root));
        let first = child_of(self.holder.id()).unwrap();
        Path::new(&format!("/proc/{first}/root")).join(root.strip_prefix("/").unwrap())
    }

    fn unmount(&self, index: usize) {
        ok(self.beside().arg("umount").arg(self.own(index).join("root")));
    }

    /// Switches a machine on.
    pub(crate) fn boot(&mut self, index: usize) {
        assert!(self.machines[index].running.is_none());
        self.boots += 1;
        self.mount(index);
        let own = self.own(index);
        let Machine { card, device, .. } = &self.machines[index];
        let cable = format!("cable{}", self.boots);
        let console = File::options().create(true).append(true).open(own.join("console")).unwrap();
        let mut command = self.beside();
        command.args(["bash", "-euc", SWITCH_ON, "nspawn", &self.group, &format!("{}-{}", card.name, self.boots)]).arg(own.join("root"));
        command.arg(format!("--hostname={}", card.name)).arg(format!("--network-veth-extra={cable}:eth0"));
        command.arg(format!("--bind={device}")).arg(format!("--bind={device}p3")).arg(format!("--bind={device}p3:{DEVICE}"));
        command.arg(format!("--bind={}:/boot/firmware", own.join("boot").display()));
        let nspawn = command.stdin(Stdio::null()).stdout(console.try_clone().unwrap()).stderr(console).spawn().unwrap();
        let plugged = wait_for("the cable", Duration::from_secs(60), || {
            output(self.beside().args(["ip", "link", "set", &cable, "master", "bridge", "up"])).status.success()
        });
        plugged.unwrap_or_else(|why| panic!("{why}\n{}", self.console(index)));
        let first = child_of(nspawn.id()).and_then(child_of).expect("the machine runs");
        self.machines[index].running = Some(Running { nspawn, first });
    }

    /// Switches a machine off, and waits until it is.
    pub(crate) fn off(&mut self, index: usize, how: Off) {
        let Running { mut nspawn, first } = self.machines[index].running.take().expect("it is on");
        match how {
            Off::Orderly => drop(output(Self::inside(first).args(["systemctl", "poweroff"]))),
            Off::Cut => {
                for path in ["export", ""] {
                    lose(&File::open(format!("/proc/{first}/root/{path}")).unwrap());
                }
                ok(tool("kill").args(["-KILL", &first.to_string()]));
            }
        }
        let ended = wait_for("the end of a machine", Duration::from_secs(180), || nspawn.try_wait().unwrap().is_some());
        ended.unwrap_or_else(|why| panic!("{why}\n{}", self.console(index)));
        self.unmount(index);
    }

    fn inside(first: u32) -> Command {
        let mut command = tool("nsenter");
        command.args(["--target", &first.to_string(), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"]);
        command.args(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]).stdin(Stdio::null());
        command
    }

    /// What a shell says in a machine, both streams.
    pub(crate) fn say(&self, index: usize, command: &str) -> String {
        let Some(Running { first, .. }) = &self.machines[index].running else { panic!("{} is off", self.name(index)) };
        let result = output(Self::inside(*first).args(["bash", "-c", command]));
        format!("{}{}", String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr)).trim().to_owned()
    }

    /// Status and text of a page of a machine, asked for from beside.
    pub(crate) fn page(&self, index: usize, path: &str) -> String {
        let url = format!("http://{}{path}", self.address(index));
        let result = output(self.beside().args(["curl", "--silent", "--max-time", "5", "--write-out", "%{http_code} "]).arg(url));
        String::from_utf8_lossy(&result.stdout).into_owned()
    }

    /// The end of what a machine showed on its console.
    pub(crate) fn console(&self, index: usize) -> String {
        let text = fs::read_to_string(self.own(index).join("console")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for machine in &mut self.machines {
            if let Some(Running { mut nspawn, first }) = machine.running.take() {
                let _ = tool("kill").args(["-KILL", &first.to_string()]).status();
                let _ = nspawn.wait();
            }
        }
        // All that is left, and the mounts.
        let remove = "find \"/sys/fs/cgroup/$1\" -depth -type d -exec rmdir {} + ";
        let _ = self.beside().args(["bash", "-c", remove, "remove", &self.group]).output();
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        for machine in &self.machines {
            let _ = tool("partx").args(["--delete", &machine.device]).output();
            let _ = tool("losetup").args(["--detach", &machine.device]).output();
        }
    }
}

/// From now on nothing is written to this file system, and what its journal has not is lost.
#[expect(unsafe_code, reason = "the call is in no library")]
fn lose(file: &File) {
    /// `EXT4_IOC_SHUTDOWN`, and `EXT4_GOING_FLAGS_NOLOGFLUSH`.
    const SHUTDOWN: Opcode = opcode::read::<u32>(b'X', 125);
    const LOSE: u32 = 2;
    // SAFETY: the call reads a 32-bit number, in spite of its name.
    unsafe { ioctl(file, Setter::<SHUTDOWN, u32>::new(LOSE)) }.unwrap();
}
