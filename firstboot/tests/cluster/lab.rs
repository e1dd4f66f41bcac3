//! Hosts in namespaces of their own, on one machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use berry_firstboot::{
    config::{Brick, FORMAT, NodeConfig, Packages, Peer, Pool, Volume, VolumeBrick, VolumeKind, Web},
    gluster::baked,
    journal::Journal,
    part::Part,
    step::Outcome,
};

/// The program on a node.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_berry-firstboot");

/// For what takes a moment on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// Hosts of a cluster.
pub(crate) const HOSTS: usize = 3;

/// A process that ends when its input does, and so with this one.
struct Holder {
    process: Child,
    _input: ChildStdin,
}

impl Holder {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        Self { process, _input: input }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A host that is on.
struct Host {
    _holder: Holder,
    /// Its first process, as this process sees it.
    first: u32,
}

/// A network with hosts.
pub(crate) struct Lab {
    hosts: Vec<Option<Host>>,
    network: Holder,
    boots: u32,
    folder: tempfile::TempDir,
}

pub(crate) fn name(index: usize) -> String {
    format!("cluster0{}", index + 1)
}

pub(crate) fn uuid(index: usize) -> String {
    let digit = index + 1;
    format!("{0}-0000-4000-8000-{1}", digit.to_string().repeat(8), digit.to_string().repeat(12))
}

/// No other lab on this machine has the same.
fn brick_uuid(lab: u32, index: usize) -> String {
    format!("{:08x}-{lab:04x}-4000-8000-{index:012}", std::process::id())
}

/// Whether this may be done here: not without being root. What is missing then is a failure, and no reason to leave it out.
pub(crate) fn is_possible() -> bool {
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        return false;
    }
    let has = |program: &str| ["/usr/sbin", "/usr/bin", "/sbin"].iter().any(|folder| Path::new(folder).join(program).exists());
    for program in ["glusterd", "ip", "mke2fs", "python3", "unshare"] {
        assert!(has(program), "{program} is missing (.ci/setup test installs it)");
    }
    for device in ["/dev/fuse", "/dev/loop-control"] {
        assert!(Path::new(device).exists(), "{device} is missing: a kernel without it cannot have these hosts");
    }
    true
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// Waits for something.
pub(crate) fn wait_for(what: &str, limit: Duration, mut is_there: impl FnMut() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !is_there() {
        if began.elapsed() > limit {
            return Err(format!("{what} did not come within {limit:?}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

impl Lab {
    /// Cards for all hosts, which are off. Those of `unbaked` do not have what the image says of the pool.
    pub(crate) fn new(unbaked: &[usize]) -> Self {
        static LABS: AtomicU32 = AtomicU32::new(0);
        let lab = LABS.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::Builder::new().prefix("berry-cluster").tempdir().unwrap();
        let at = folder.path();
        let mut hosts = String::from("127.0.0.1 localhost\n");
        fs::create_dir(at.join("programs")).unwrap();
        for (program, text) in [
            ("systemctl", include_str!("systemctl")),
            ("systemd-run", include_str!("systemd-run")),
            ("readlink", include_str!("readlink")),
            ("service.sh", include_str!("service.sh")),
            ("node.sh", include_str!("node.sh")),
            ("web.py", include_str!("web.py")),
        ] {
            let path = at.join("programs").join(program);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        for index in 0..HOSTS {
            hosts += &format!("10.77.0.{} {}\n", index + 1, name(index));
            let own = at.join(name(index));
            for folder in ["etc", "lib/berry-firstboot", "lib/enabled", "lib/glusterd/peers", "log"] {
                fs::create_dir_all(own.join(folder)).unwrap();
            }
            let config = config(lab, index);
            run(Command::new("cp").args(["-a", "/etc/.", "."]).current_dir(own.join("etc")));
            fs::create_dir_all(own.join("etc/berry-image")).unwrap();
            fs::write(own.join("etc/berry-image/node.json"), config.to_text()).unwrap();
            let put = |path: &str, text: &str| fs::write(own.join("lib").join(path.strip_prefix("/var/lib/").unwrap()), text).unwrap();
            if !unbaked.contains(&index) {
                for (path, text) in baked::files(config.pool.as_ref().unwrap()) {
                    put(&path, &text);
                }
            }
            put(&Journal::path(Part::System), &serde_json::to_string(&first_part()).unwrap());
            put(&format!("/var/lib/enabled/{}", Part::Cluster.unit()), "");
            let image = own.join("brick.img");
            fs::File::create(&image).unwrap().set_len(48 << 20).unwrap();
            run(Command::new("mke2fs").args(["-q", "-t", "ext4", "-I", "512", "-U", &brick_uuid(lab, index)]).arg(&image));
        }
        for index in 0..HOSTS {
            fs::write(at.join(name(index)).join("etc/hosts"), &hosts).unwrap();
        }
        let script = "mount --make-rprivate / && ip link set lo up && ip link add bridge type bridge && ip link set bridge up && touch \"$0\" && read -r _";
        let network = Holder::start(Command::new("unshare").args(["--net", "--mount", "bash", "-c", script]).arg(at.join("network")));
        wait_for("the network", PATIENCE, || at.join("network").exists()).unwrap();
        Self { hosts: (0..HOSTS).map(|_| None).collect(), network, boots: 0, folder }
    }

    /// A host's own folder.
    pub(crate) fn own(&self, index: usize) -> PathBuf {
        self.folder.path().join(name(index))
    }

    /// Switches a host on, and starts the program there.
    pub(crate) fn boot(&mut self, index: usize) {
        assert!(self.hosts[index].is_none());
        self.boots += 1;
        let own = self.own(index);
        let _ = fs::remove_file(own.join("up"));
        let network = self.network.process.id().to_string();
        let holder = Holder::start(
            Command::new("nsenter")
                .args(["--target", &network, "--net", "--mount", "unshare"])
                .args(["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "bash"])
                .arg(self.folder.path().join("programs/node.sh"))
                .arg(&own)
                .arg(name(index)),
        );
        wait_for("a host", PATIENCE, || own.join("up").exists()).unwrap();
        let unshare = holder.process.id();
        let first = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap().trim().parse().unwrap();
        let outside = format!("v{}", self.boots);
        let script = format!(
            "ip link add {outside} type veth peer name inside netns {first} && ip link set {outside} master bridge up && \
             nsenter --target {first} --net sh -c 'ip addr add 10.77.0.{}/24 dev inside && ip link set inside up'",
            index + 1
        );
        run(Command::new("nsenter").args(["--target", &network, "--net", "sh", "-c", &script]));
        self.hosts[index] = Some(Host { _holder: holder, first });
        self.start_service(index);
    }

    /// Cuts a host's power. What it had written is there again: the kernel is not the host's own.
    pub(crate) fn power_off(&mut self, index: usize) {
        let first = self.hosts[index].take().map(|host| host.first);
        // With its last process its mounts go, and its card is free again.
        let is_gone = || first.is_none_or(|first| !Path::new(&format!("/proc/{first}")).exists());
        wait_for("the end of a host", PATIENCE, is_gone).unwrap();
    }

    pub(crate) fn is_on(&self, index: usize) -> bool {
        self.hosts[index].is_some()
    }

    fn inside(&self, index: usize) -> Command {
        let mut command = Command::new("nsenter");
        let first = self.hosts[index].as_ref().unwrap().first.to_string();
        command.args(["--target", &first, "--net", "--mount", "--uts", "--pid", "--"]);
        command
    }

    fn start_service(&self, index: usize) {
        let mut command = self.inside(index);
        command.arg("/usr/local/sbin/service.sh").arg(self.own(index)).arg(PROGRAM);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // It ends with its host.
        thread::spawn(move || command.status());
    }

    /// What a command says on a host.
    pub(crate) fn say(&self, index: usize, command: &str) -> String {
        let output = self.inside(index).args(["bash", "-c", command]).stdin(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Kills a program or a daemon, by the process number that it has written down.
    pub(crate) fn kill(&self, index: usize, what: &str) {
        self.say(index, &format!("kill -KILL $(cat /run/{what}.pid)"));
    }

    /// Takes all steps again on a host that has finished; what is said and written on it.
    pub(crate) fn again(&self, index: usize) -> String {
        let journal = self.own(index).join("lib/berry-firstboot/cluster.json");
        let before = fs::read(&journal).unwrap();
        let output = self.inside(index).args([PROGRAM, "run", "--part", "cluster"]).output().unwrap();
        let rewritten = if fs::read(&journal).unwrap() == before { "" } else { "the journal is another one" };
        format!("{}{}{rewritten}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// The end of what all programs said, with glusterd's errors and what it has on the card.
    pub(crate) fn logs(&self) -> String {
        let mut text = String::new();
        for index in 0..HOSTS {
            let log = fs::read_to_string(self.own(index).join("program.log")).unwrap_or_default();
            let daemon = fs::read_to_string(self.own(index).join("log/glusterd.log")).unwrap_or_default();
            let errors = daemon.lines().filter(|line| line.contains(" E ")).collect::<Vec<_>>();
            let volume = Command::new("find").arg(self.own(index).join("lib/glusterd/vols")).args(["-printf", "%P %s, "]).output();
            let volume = volume.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = |lines: &[&str]| lines[lines.len().saturating_sub(30)..].join("\n");
            text += &format!("== {}\n{}\n{}\n{volume}\n", name(index), last(&lines), last(&errors));
        }
        text
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // All else of a host, its mounts and its devices, ends with its first process; only then is its folder removed.
        let first: Vec<u32> = self.hosts.drain(..).flatten().map(|host| host.first).collect();
        let are_gone = || first.iter().all(|first| !Path::new(&format!("/proc/{first}")).exists());
        let _ = wait_for("the end of the hosts", PATIENCE, are_gone);
    }
}

/// What the other part of first boot leaves when it is over.
fn first_part() -> Journal {
    let mut journal = Journal::new(Part::System, Part::System.steps().iter().map(|step| (step.name(), step.purpose())));
    for index in 0..journal.steps.len() {
        journal.note(index, &Ok(Outcome::KEPT), 0);
    }
    journal.finished = true;
    journal
}

fn config(lab: u32, index: usize) -> NodeConfig {
    let peer = |other| Peer { name: name(other), uuid: uuid(other) };
    NodeConfig {
        format: FORMAT,
        cluster: "cluster".into(),
        node: name(index),
        epoch: 0,
        brick: Brick { partition: 3, partition_uuid: String::new(), uuid: brick_uuid(lab, index), mount: "/mnt/export".into(), cap: None },
        packages: Packages::default(),
        pool: Some(Pool {
            uuid: uuid(index),
            operating_version: 100_000,
            leader: name(0),
            peers: (0..HOSTS).filter(|other| *other != index).map(peer).collect(),
        }),
        volume: Some(Volume {
            name: "volpi".into(),
            kind: VolumeKind::Replica { count: 3 },
            bricks: (0..HOSTS).map(|index| VolumeBrick { node: name(index), path: "/mnt/export/brick".into() }).collect(),
            options: [("auth.allow", "10.77.0.1,10.77.0.2,10.77.0.3"), ("network.ping-timeout", "10")]
                .map(|(a, b)| (a.into(), b.into()))
                .into(),
            mount: "/mnt/www".into(),
        }),
        web: Some(Web {
            root: "/mnt/www/html".into(),
            marker: "/mnt/www/.ready".into(),
            unit: "apache2.service".into(),
            apache: Vec::new(),
        }),
        status: None,
    }
}
