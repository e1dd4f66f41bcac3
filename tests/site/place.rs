//! Apache as it is on a node, in mounts and processes of its own; with a file system of GlusterFS' own client, which needs no pool.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{self, Child, ChildStdin, ChildStdout, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use berry_firstboot::config::SwitchKind;

use crate::{
    baked::Baked,
    support::program::{folder, ok, repository, tool},
};

/// What Debian's package switches on when it is configured, with what that needs.
const MODULES: [&str; 19] = [
    "access_compat",
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_host",
    "authz_user",
    "autoindex",
    "deflate",
    "dir",
    "env",
    "filter",
    "mime",
    "mpm_event",
    "negotiation",
    "reqtimeout",
    "setenvif",
    "status",
];

/// The text of the marker, of pages of the volume, and of what must never be seen.
pub(super) const MARKER: &str = "cluster01\n";
pub(super) const PAGE: &str = "<p>From the volume.</p>\n";
pub(super) const DEEP: &str = "<p>From a folder of the volume.</p>\n";
pub(super) const SECRET: &str = "not from the volume";

/// A page that is not read in one go.
pub(super) fn long() -> String {
    (0..20_000).map(|number| format!("line {number} of a long page\n")).collect()
}

/// The place. When it is dropped, or this process ends in whatever way, all in it ends.
#[derive(Debug)]
pub(super) struct Place {
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    pub(super) port: u16,
}

impl Place {
    /// With Apache running and nothing mounted.
    pub(super) fn new(baked: &Baked) -> Self {
        let folder = folder();
        let port = free_port();
        let tree = folder.path().join("tree");
        fill(&tree, baked, port);
        fs::create_dir(folder.path().join("log")).unwrap();
        let disk = folder.path().join("disk.img");
        ok(tool("/usr/sbin/mke2fs").args(["-q", "-t", "ext4", "-d"]).arg(&tree).arg(&disk).arg("32M"));
        let mut command = tool("unshare");
        command
            .args(["--mount", "--pid", "--fork", "--kill-child", "bash"])
            .arg(repository().join("tests/site/place.sh"))
            .arg(folder.path());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let mut place = Self { process, orders, answers, folder, port };
        assert_eq!(place.order("check"), "Syntax OK\n", "nothing else is remarked");
        place.order("start");
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < end, "Apache does not start: {}{}", place.log("start.log"), place.log("error.log"));
            thread::sleep(Duration::from_millis(20));
        }
        place
    }

    /// Has something done, and returns what was printed.
    pub(super) fn order(&mut self, word: &str) -> String {
        writeln!(self.orders.as_mut().unwrap(), "{word}").unwrap();
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "{word}: {said}");
            if line == "done\n" {
                return said;
            }
            said += &line;
        }
    }

    /// A log of Apache or of the volume; empty where there is none yet.
    pub(super) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join("log").join(name)).unwrap_or_default()
    }

    /// What Apache complains of about requests.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.log("error.log").lines().filter(|line| line.contains("[client ")).map(str::to_owned).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.orders.take());
        // Its last process has ended, and its mounts have gone, before the folder is removed.
        let _ = self.process.wait();
    }
}

/// A port that nobody uses, and that nobody is given who asks for any: those for connections begin higher.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (process::id() % 8_000) as u16;
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let mut candidates = std::iter::repeat_with(|| 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000);
    candidates.by_ref().take(100).find(free).unwrap()
}

/// All that is below `/mnt` there.
fn fill(root: &Path, baked: &Baked, port: u16) {
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let web = baked.config.web.as_ref().unwrap();
    assert_eq!((web.root.as_str(), web.marker.as_str()), ("/mnt/www", "/mnt/www/.cluster-volume"));
    let mut modules = BTreeSet::from(MODULES.map(str::to_owned));
    let mut others = Vec::new();
    for switch in &web.apache {
        match (switch.kind, switch.on) {
            (SwitchKind::Module, true) => drop(modules.insert(switch.name.clone())),
            (SwitchKind::Module, false) => drop(modules.remove(&switch.name)),
            (_, true) => others.push(switch.name.as_str()),
            // Until first boot has done it, Debian's site is on: that is the harder case.
            (_, false) => {}
        }
    }
    assert_eq!(others, ["zz-cluster", "000-cluster"]);
    for module in modules {
        let line = format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n");
        put(&format!("etc/apache2/mods-enabled/{module}.load"), &line);
    }
    put("etc/apache2/apache2.conf", include_str!("apache2.conf"));
    put("etc/apache2/ports.conf", &format!("Listen 127.0.0.1:{port}\n"));
    put("etc/apache2/conf-enabled/security.conf", "ServerTokens OS\nServerSignature On\nTraceEnable Off\n");
    put("etc/apache2/conf-enabled/zz-cluster.conf", &baked.conf);
    // All that is changed of the site.
    let mut site = baked.site.clone();
    for (from, to) in [("<VirtualHost *:80>", format!("<VirtualHost *:{port}>")), (" /usr/share/", " /mnt/usr/share/".to_owned())] {
        assert_eq!(site.matches(from).count(), 1, "{from}: {site}");
        site = site.replace(from, &to);
    }
    put("etc/apache2/sites-enabled/000-cluster.conf", &site);
    let default = format!("<VirtualHost *:{port}>\n    DocumentRoot /mnt/html\n</VirtualHost>\n");
    put("etc/apache2/sites-enabled/000-default.conf", &default);
    put("usr/share/berry-image/unavailable.asis", &baked.unavailable);
    put("html/index.html", SECRET);

    // Below the mount: each page of the volume, and one more.
    for path in ["index.html", "secret.html", "folder/page.html", ".git/config"] {
        put(&format!("www/{path}"), SECRET);
    }
    for (path, text) in [(".cluster-volume", MARKER), ("index.html", PAGE), ("folder/page.html", DEEP), ("long.txt", &long())] {
        put(&format!("brick/{path}"), text);
    }
    for path in [".git/config", "folder/.hidden", "private.html"] {
        put(&format!("brick/{path}"), SECRET);
    }
    fs::set_permissions(root.join("brick/private.html"), fs::Permissions::from_mode(0o600)).unwrap();
    put("volume.vol", "volume posix\n    type storage/posix\n    option directory /mnt/brick\nend-volume\n");
    for folder in ["log", "run"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
}
