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
};

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

/// Whether there is what this needs; what is missing otherwise.
pub(crate) fn is_possible() -> bool {
    let has = |program: &str| ["/usr/sbin", "/usr/bin", "/sbin"].iter().any(|folder| Path::new(folder).join(program).exists());
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    is_root && has("glusterd") && has("ip") && has("mke2fs") && Path::new("/dev/fuse").exists() && Path::new("/dev/loop-control").exists()
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
        ] {
            let path = at.join("programs").join(program);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        for index in 0..HOSTS {
            hosts += &format!("10.77.0.{} {}\n", index + 1, name(index));
            let own = at.join(name(index));
            fs::create_dir_all(own.join("glusterd/peers")).unwrap();
            fs::create_dir(own.join("log")).unwrap();
            let config = config(lab, index);
            fs::write(own.join("node.json"), config.to_text()).unwrap();
            if !unbaked.contains(&index) {
                for (path, text) in baked::files(config.pool.as_ref().unwrap()) {
                    fs::write(own.join("glusterd").join(path.strip_prefix("/var/lib/glusterd/").unwrap()), text).unwrap();
                }
            }
            let image = own.join("brick.img");
            fs::File::create(&image).unwrap().set_len(48 << 20).unwrap();
            run(Command::new("mke2fs").args(["-q", "-t", "ext4", "-I", "512", "-U", &brick_uuid(lab, index)]).arg(&image));
        }
        fs::write(at.join("hosts"), hosts).unwrap();
        let script = "mount --make-rprivate / && ip link set lo up && ip link add bridge type bridge && ip link set bridge up && touch \"$0\" && read -r _";
        let network = Holder::start(Command::new("unshare").args(["--net", "--mount", "bash", "-c", script]).arg(at.join("network")));
        wait_for("the network", Duration::from_secs(10), || at.join("network").exists()).unwrap();
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
        wait_for("a host", Duration::from_secs(10), || own.join("up").exists()).unwrap();
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
        if !own.join("done").exists() {
            self.start_service(index);
        }
    }

    /// Cuts a host's power. What it had written is there again: the kernel is not the host's own.
    pub(crate) fn power_off(&mut self, index: usize) {
        self.hosts[index] = None;
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
        command.arg("/usr/local/sbin/service.sh").arg(self.own(index)).args(Self::program());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // It ends with its host.
        thread::spawn(move || command.status());
    }

    fn program() -> [String; 5] {
        let own = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
        [own, "driver::driver".into(), "--exact".into(), "--ignored".into(), "--nocapture".into()]
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

    /// Takes all steps again on a host that has finished; what they say.
    pub(crate) fn again(&self, index: usize) -> String {
        let config = format!("{}={}", crate::driver::CONFIG, self.own(index).join("node.json").display());
        let output = self.inside(index).arg("env").arg(config).args(Self::program()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The end of what all programs said.
    pub(crate) fn logs(&self) -> String {
        let mut text = String::new();
        for index in 0..HOSTS {
            let log = fs::read_to_string(self.own(index).join("program.log")).unwrap_or_default();
            let lines: Vec<&str> =
                log.lines().filter(|line| line.contains(": Ok(") || line.contains(": Err(") || line.contains("panicked")).collect();
            text += &format!("== {}\n{}\n", name(index), lines[lines.len().saturating_sub(40)..].join("\n"));
        }
        text
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // All else of a host, its mounts and its devices, ends with its first process; only then is its folder removed.
        let first: Vec<u32> = self.hosts.drain(..).flatten().map(|host| host.first).collect();
        let are_gone = || first.iter().all(|first| !Path::new(&format!("/proc/{first}")).exists());
        let _ = wait_for("the end of the hosts", Duration::from_secs(10), are_gone);
    }
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
