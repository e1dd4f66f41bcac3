//! A profile, a cache and the built program, and how a refusal is asserted: exit code, reason, and nothing that changed.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tempfile::TempDir;

use crate::{
    archive::hex,
    kit::{ALICE, Certificate, armored},
    site::Site,
    support::{
        pi_os::{
            self,
            disk::change_ext4,
            release::{BOOKWORM, Disk, Flavour},
        },
        program::{alone, berry, folder, output, tool},
    },
};

/// Raspberry Pi OS on a small disk.
static FLAVOUR: Flavour =
    Flavour { disk: Disk { boot_size: 81_920, root_start: 98_304, root_size: 98_304, cluster: 1, ..BOOKWORM.disk }, ..BOOKWORM };

/// Alice's public key, as people publish them.
pub(super) static KEY: LazyLock<String> = LazyLock::new(|| armored("PUBLIC KEY BLOCK", &ALICE.certificate(&Certificate::default())));

/// An image of Raspberry Pi OS without any sources or keyrings, made once in a run of the tests.
static IMAGE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = folder();
    let made = pi_os::make(folder.path(), "base", &FLAVOUR);
    change_ext4(&made, &FLAVOUR.disk, |root| {
        let apt = root.join("etc/apt");
        for path in ["sources.list.d", "trusted.gpg.d"].map(|name| apt.join(name)) {
            fs::remove_dir_all(&path).unwrap();
            fs::create_dir(path).unwrap();
        }
        fs::write(apt.join("sources.list"), "# none\n").unwrap();
    });
    // One for all runs: a temporary file would outlive the test.
    let image = Path::new(env!("CARGO_TARGET_TMPDIR")).join("repository.img");
    fs::rename(made, &image).unwrap();
    image
});

/// What a run did.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    /// Standard error, its lines joined.
    pub(super) text: String,
    /// Standard output.
    pub(super) out: String,
    /// Kibibytes and seconds of the processor.
    pub(super) took: (f64, f64),
}

pub(super) struct Bench {
    folder: TempDir,
}

impl Bench {
    /// With the shared image as base.
    pub(super) fn new() -> Self {
        let bench = Self { folder: folder() };
        std::os::unix::fs::symlink(&*IMAGE, bench.path("base.img")).unwrap();
        bench.key("key.asc", KEY.as_bytes());
        bench
    }

    /// With an image whose root was changed.
    pub(super) fn with_image(change: impl FnOnce(&Path)) -> Self {
        let bench = Self::new();
        let image = bench.path("base.img");
        fs::remove_file(&image).unwrap();
        crate::support::program::ok(tool("cp").arg("--sparse=always").arg(&*IMAGE).arg(&image));
        change_ext4(&image, &FLAVOUR.disk, change);
        bench
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a public key beside the profile.
    pub(super) fn key(&self, name: &str, key: &[u8]) {
        fs::write(self.path(name), key).unwrap();
    }

    /// Writes the profile; `packages` is what follows the key of this name.
    pub(super) fn profile(&self, packages: &str) {
        let text = format!(
            "base: base.img\ncard_size: 16 GB\nroot_size: 4 GiB\nnetwork:\n  subnet: 192.168.2.0/24\n  gateway: 192.168.2.1\n\
             nodes:\n  - name: cluster01\n    address: 192.168.2.5\npackages:\n{packages}"
        );
        fs::write(self.path("profile.yaml"), text).unwrap();
    }

    /// The profile of most tests: some packages, and one source.
    pub(super) fn wants(&self, install: &[&str], site: &Site, options: &str) {
        self.profile(&format!(
            "  install: [{}]\n  sources:\n{}",
            install.join(", "),
            source(&site.uri(), "bookworm", "main", "key.asc", options)
        ));
    }

    /// The program, without the proxies of this machine.
    pub(super) fn berry(&self) -> Command {
        self.prepared(berry())
    }

    fn prepared(&self, command: Command) -> Command {
        let mut command = alone(command, self.folder.path());
        command.env("HOME", self.folder.path()).current_dir(self.folder.path());
        command
    }

    /// Locks the packages of the profile.
    pub(super) fn lock(&self, options: &[&str]) -> Said {
        self.run(&mut self.timed(&[]), options)
    }

    /// The same with no more private memory than this, in bytes, and no more time of the processor than this, in seconds.
    pub(super) fn lock_within(&self, memory: u64, seconds: u64, options: &[&str]) -> Said {
        // Twice the time: whoever takes longer is ended then, and whoever takes less is timed.
        self.run(&mut self.timed(&["prlimit", &format!("--data={memory}"), &format!("--cpu={}", seconds * 2)]), options)
    }

    fn timed(&self, wrapper: &[&str]) -> Command {
        let mut command = self.prepared(tool("/usr/bin/time"));
        command.args(["-q", "-f", "took %M %U %S"]).args(wrapper).arg(berry().get_program());
        command
    }

    pub(super) fn run(&self, command: &mut Command, options: &[&str]) -> Said {
        let result = output(command.arg("lock").arg("profile.yaml").args(options));
        let text = String::from_utf8_lossy(&result.stderr).into_owned();
        let took: Vec<f64> = text
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("took "))
            .map(|line| line.split(' ').map(|number| number.parse().expect("a number")).collect())
            .unwrap_or(vec![0.0; 3]);
        Said {
            code: result.status.code(),
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
            out: String::from_utf8_lossy(&result.stdout).into_owned(),
            took: (took[0], took[1] + took[2]),
        }
    }

    /// Locks, which must succeed, and returns the lock.
    pub(super) fn locks(&self, options: &[&str]) -> serde_json::Value {
        let said = self.lock(options);
        assert_eq!(said.code, Some(0), "{}", said.text);
        serde_json::from_slice(&fs::read(self.path("profile.lock")).expect("the lock is there")).expect("it is JSON")
    }

    /// The lock, if there is one.
    pub(super) fn locked(&self) -> Option<Vec<u8>> {
        fs::read(self.path("profile.lock")).ok()
    }

    /// The files of the cache and the lock, with their digests. Left out is what a refused run may touch: what locks others out, the
    /// folder's tag, and the note which digest the base image has.
    pub(super) fn state(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let root = self.path("cache");
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
                let name = entry.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else if !name.starts_with("locks/") && !["CACHEDIR.TAG", "sources.json"].contains(&name.as_str()) {
                    found.insert(name, hex(&fs::read(entry.path()).unwrap()));
                }
            }
        }
        found.extend(self.locked().map(|lock| ("profile.lock".to_owned(), hex(&lock))));
        for entry in fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            // What a run leaves half-made beside the profile would show here.
            if entry.file_type().unwrap().is_file() {
                found.entry(name).or_default();
            }
        }
        found
    }

    /// Runs `lock`, which must be refused with this code, these words, and no change of anything; else says what is wrong.
    pub(super) fn refusal(&self, code: i32, words: &str, options: &[&str]) -> Result<Said, String> {
        let before = self.state();
        let said = self.lock(options);
        let after = self.state();
        let mut wrong = String::new();
        if said.code != Some(code) {
            write!(wrong, "exit code {:?}, expected {code}; ", said.code).unwrap();
        }
        if !said.text.contains(words) {
            write!(wrong, "it does not say `{words}`; ").unwrap();
        }
        let differs = |name: &&String| before.get(*name) != after.get(*name) && !may_change(code, name);
        for name in before.keys().chain(after.keys()).filter(differs) {
            write!(wrong, "`{name}` changed: {:?} → {:?}; ", before.get(name), after.get(name)).unwrap();
        }
        if self.path("bundle").exists() {
            wrong.push_str("there is a bundle; ");
        }
        if wrong.is_empty() { Ok(said) } else { Err(format!("{wrong}\n    {}", said.text)) }
    }
}

/// Whether a run that ended with this code may change a file of the cache: what came of a download that broke off is kept for the next
/// run, and so is what was verified of archives that are not to blame.
pub(super) fn may_change(code: i32, name: &str) -> bool {
    match code {
        1 => name.starts_with("partials/"),
        2 => name.starts_with("files/") || name.starts_with("releases/"),
        _ => false,
    }
}

/// A source as it stands in a profile.
pub(super) fn source(uri: &str, suite: &str, components: &str, key: &str, options: &str) -> String {
    let components = if components.is_empty() { String::new() } else { format!("      components: [{components}]\n") };
    format!("    - uri: {uri}\n      suite: {suite}\n{components}      key: !file {key}\n{options}")
}

/// The packages of a lock, as `NAME VERSION`.
pub(super) fn names(lock: &serde_json::Value) -> Vec<String> {
    let text = |package: &serde_json::Value, name: &str| package[name].as_str().expect("a text").to_owned();
    let packages = lock["packages"].as_array().expect("a list").iter();
    let mut names: Vec<_> = packages.map(|package| format!("{} {}", text(package, "name"), text(package, "version"))).collect();
    names.sort();
    names
}
