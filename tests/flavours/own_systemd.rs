//! The units of images before the systemd of their own release: it knows every directive, calls them switched on, and rates them.
//!
//! That systemd is fetched as a tree for this machine's processor, and kept. Of the image come the units, the links and the table of
//! mounts; the programs that they start are stand-ins.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::{Mutex, PoisonError},
};

use berry_image::base::debian::sources;

use crate::{
    build::{Base, Node, Wanted},
    support::{
        is_root,
        pi_os::release::{BOOKWORM, BULLSEYE, Release, TRIXIE},
        program::{folder, ok, output, shell, tool},
    },
    volume,
};

/// Units of which it is known what they have to do, so that all else is taken from them.
const RATED: [&str; 2] = ["berry-firstboot-cluster.service", "berry-volume.service"];
/// How exposed they may be, in tenths (`systemd-analyze security`).
const THRESHOLD: &str = "30";
/// What begins the names of all units that are baked in, or amended.
const OURS: [&str; 4] = ["berry-", "glusterd", "apache2", "mnt-www"];
/// Programs that units start, and that are not in the tree.
const PROGRAMS: [&str; 2] = ["usr/lib/berry-image/berry-firstboot", "usr/sbin/glusterd"];
/// Runs a command in the root `$1`, in namespaces and a control group `$2` of its own: `verify` makes groups, and moves processes.
const INSIDE: &str = r#"
    root=$1 group=$1/sys/all/$2
    shift 2
    mount -t tmpfs tmpfs "$root/sys"
    mkdir -p "$root/sys/all" "$root/sys/fs/cgroup"
    mount -t cgroup2 cgroup2 "$root/sys/all"
    mkdir "$group"
    mounts='mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"; mount -t proc proc "$1/proc"; exec chroot "$@"'
    (
        echo "$BASHPID" > "$group/cgroup.procs"
        exec unshare --mount --cgroup --pid --fork --kill-child bash -euc "$mounts" inside "$root" "$@"
    ) && result=0 || result=$?
    find "$group" -depth -type d -exec rmdir {} +
    exit "$result"
"#;

/// A tree with a release's systemd, and what an image has for it.
pub(super) struct System {
    pub(super) root: PathBuf,
    /// Such as 247.
    pub(super) version: u32,
}

impl System {
    pub(super) fn new(folder: &Path, release: Release) -> Self {
        let root = folder.join("system");
        fs::create_dir(&root).unwrap();
        ok(tool("tar").arg("--extract").arg("--file").arg(fetched(release)).arg("--directory").arg(&root));
        for program in PROGRAMS {
            fs::create_dir_all(root.join(program).parent().unwrap()).unwrap();
            fs::copy(root.join("bin/true"), root.join(program)).unwrap();
        }
        let mut system = Self { root, version: 0 };
        let said = system.says(&["systemctl", "--version"]);
        system.version = said.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{said}"));
        system
    }

    fn run(&self, command: &[&str]) -> Output {
        let group = format!("berry-units-{}", std::process::id());
        let mut inside = tool("unshare");
        inside.args(["--mount", "bash", "-euc", INSIDE, "inside"]).arg(&self.root).arg(group);
        output(inside.args(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]).args(command))
    }

    /// What a command says that must succeed, both streams.
    #[track_caller]
    fn says(&self, command: &[&str]) -> String {
        let result = self.run(command);
        let said = format!("{}{}", String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr));
        assert!(result.status.success(), "{command:?} ended with {}\n{said}", result.status);
        said
    }

    /// Takes over what an image has: its own units and links, what of packages those are about, and the table of mounts.
    pub(super) fn take(&self, node: &Node) {
        let script = r#"
            cd "$1"
            shopt -s nullglob
            cp -a --parents etc/systemd/system/{berry-*,glusterd*,apache2*,mnt-*} etc/systemd/system/multi-user.target.wants/berry-* \
                lib/systemd/system/{glusterd,apache2}.service* etc/berry-image/node.json etc/fstab "$2"
        "#;
        shell(script, &[node.view.root().as_os_str(), self.root.as_os_str()]);
    }

    /// Makes units of the table of mounts, as systemd does when it starts; where they are.
    fn mounts(&self) -> &'static str {
        let generated = ["/run/systemd/generator", "/run/systemd/generator.early", "/run/systemd/generator.late"];
        for folder in generated {
            fs::create_dir_all(self.root.join(&folder[1..])).unwrap();
        }
        let [normal, early, late] = generated;
        self.says(&["/lib/systemd/system-generators/systemd-fstab-generator", normal, early, late]);
        normal
    }

    /// What `verify` says of a unit, those lines that are about one of ours.
    fn complaints(&self, unit: &str) -> Vec<String> {
        let result = self.run(&["systemd-analyze", "verify", "--man=no", unit]);
        let said = format!("{}{}", String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr));
        said.lines().filter(|line| OURS.iter().any(|name| line.contains(name))).map(str::to_owned).collect()
    }
}

/// The tree of a release as an archive, made once.
fn fetched(release: Release) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let codename = release.codename();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("systemd-{codename}.tar"));
    if !kept.exists() {
        let made = kept.with_extension("part");
        let mut command = tool("mmdebstrap");
        command.args(["--quiet", "--variant=essential", "--include=systemd", "--format=tar", codename]).arg(&made);
        ok(command.args(sources(codename)));
        fs::rename(made, &kept).unwrap();
    }
    kept
}

/// The names of the units in a folder of the image that are ours.
fn baked(node: &Node) -> Vec<String> {
    let names = node.view.names("/etc/systemd/system").into_iter();
    names.filter(|name| name.ends_with(".service") && OURS.iter().any(|own| name.starts_with(own))).collect()
}

#[test]
#[ignore = "fetches three releases' systemd; `cargo units`"]
fn units_pass_the_systemd_of_their_own_release() {
    if !is_root() {
        return;
    }
    for flavour in [&BULLSEYE, &BOOKWORM, &TRIXIE] {
        let folder = folder();
        let base = Base::make(folder.path(), flavour);
        // The second one has to make its locale.
        let (home, _) = volume::build(&folder.path().join("served"), &base);
        let other = Node::build(folder.path(), &base, Wanted::Wireless);
        let system = System::new(folder.path(), flavour.release);
        system.take(&other);
        system.take(&home);
        let mount = format!("{}/mnt-www.mount", system.mounts());
        let mut units = baked(&home);
        units.extend(baked(&other));
        units.extend(["glusterd.service".to_owned(), "apache2.service".to_owned(), mount]);
        units.sort();
        units.dedup();
        assert_eq!(units.iter().filter(|unit| unit.starts_with("berry-")).count(), 4, "{units:?}");

        // It is the image's own unit that is looked at, and a mistake would be told.
        let wrong = system.root.join("etc/systemd/system/berry-wrong.service");
        fs::write(&wrong, "[Service]\nExecStart=/bin/true\nNoSuchDirective=yes\n").unwrap();
        assert!(system.complaints("berry-wrong.service").iter().any(|line| line.contains("NoSuchDirective")));
        fs::remove_file(wrong).unwrap();
        for unit in &units {
            assert_eq!(system.complaints(unit), Vec::<String>::new(), "{} of {}", unit, flavour.name);
        }
        for unit in units.iter().filter(|unit| unit.starts_with("berry-")) {
            assert_eq!(system.says(&["systemctl", "is-enabled", unit]).trim(), "enabled", "{unit}");
        }
        println!("{}: systemd {}, nothing to say of {}", flavour.name, system.version, units.join(", "));
        // Earlier ones rate only what runs.
        if system.version >= 250 {
            for unit in RATED {
                let unit = format!("/etc/systemd/system/{unit}");
                let threshold = format!("--threshold={THRESHOLD}");
                let said = system.says(&["systemd-analyze", "security", "--offline=yes", &threshold, "--no-pager", &unit]);
                println!("{}: {}", flavour.name, said.trim().lines().next_back().unwrap_or_default());
            }
        }
    }
}
