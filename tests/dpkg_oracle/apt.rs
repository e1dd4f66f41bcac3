//! What the real apt chooses, in what order, and the files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use berry_image::{base::cache::sha256_of, disk::FileStorage, hex, progress::Stop};

use crate::{
    ground::Ground,
    place::{Place, Said},
    sets::{Action, Set},
};

/// Where apt has what it downloads, and what the archives offer.
const ARCHIVES: &str = "/var/cache/apt/archives";
const LISTS: &str = "/var/lib/apt/lists";
const ALWAYS: [&str; 10] = [
    "apt-get",
    "--yes",
    "--quiet",
    "--no-install-recommends",
    "--option=APT::Sandbox::User=root",
    // Tests ask at the same time.
    "--option=Debug::NoLocking=true",
    "--option=Dpkg::Use-Pty=0",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
    "--option=Dpkg::Options::=--force-unsafe-io",
];

/// All files, also those that are there already.
const URIS: [&str; 3] = ["--print-uris", "--option=Acquire::ForceHash=SHA256", "--option=Dir::Cache::archives=/tmp"];

/// The apt of a tree that knows what there is today.
pub(crate) struct Apt {
    place: Place,
    /// Downloaded files, by SHA-256.
    kept: PathBuf,
    /// One download at a time: sets have packages in common.
    download: Mutex<()>,
}

/// A package that comes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Incoming {
    /// Name, with the architecture if that is not the tree's own.
    pub(crate) name: String,
    /// Its file, as apt calls it.
    pub(crate) file: String,
    pub(crate) is_asked: bool,
    pub(crate) is_upgrade: bool,
}

/// What a set of packages comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chosen {
    /// In the order in which apt unpacks.
    pub(crate) come: Vec<Incoming>,
    /// In the order in which apt removes, before that.
    pub(crate) go: Vec<String>,
    /// Names that were asked for.
    pub(crate) asked: Vec<String>,
    /// Bytes to download.
    pub(crate) size: u64,
}

impl Chosen {
    /// Names of what comes only because something else needs it.
    pub(crate) fn automatic(&self) -> impl Iterator<Item = &str> {
        self.come.iter().filter(|incoming| !incoming.is_asked && !incoming.is_upgrade).map(|incoming| incoming.name.as_str())
    }
}

impl Apt {
    pub(crate) fn new(ground: &Ground) -> Self {
        let place = Place::copy(ground);
        let resolver = place.root().join("etc/resolv.conf");
        let _ = fs::remove_file(&resolver);
        fs::copy("/etc/resolv.conf", resolver).unwrap();
        let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("oracle-packages");
        fs::create_dir_all(&kept).unwrap();
        let words = [&ALWAYS[..], &["update", "--error-on=any"]].concat();
        place.run_connected(&[], &words).ok();
        Self { place, kept, download: Mutex::new(()) }
    }

    /// Names of all packages that the archives have, in byte order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place.root().join(&LISTS[1..])).unwrap().map(|entry| entry.unwrap().path());
        let texts = entries.filter(|path| path.to_string_lossy().ends_with("_Packages")).map(|path| fs::read_to_string(path).unwrap());
        let names: BTreeSet<String> = texts
            .flat_map(|text| text.lines().filter_map(|line| line.strip_prefix("Package: ")).map(str::to_owned).collect::<Vec<_>>())
            .collect();
        names.into_iter().collect()
    }

    /// What apt would do, or nothing when it finds no way.
    pub(crate) fn choose(&self, set: &Set) -> Option<Chosen> {
        let simulated = self.place.run(&[], &[&ALWAYS[..], &["--simulate"], &set.words()].concat());
        if simulated.code != Some(0) {
            return None;
        }
        let uris = self.place.run(&[], &[&ALWAYS[..], &URIS, &set.words()].concat()).ok();
        let files: Vec<(&str, u64)> = uris.lines().filter_map(uri).collect();
        let asked: BTreeSet<&str> = set.packages.iter().map(String::as_str).collect();
        let asked_to_come = if set.action == Action::Install { set.packages.clone() } else { Vec::new() };
        let mut chosen = Chosen { asked: asked_to_come, size: files.iter().map(|(_, size)| size).sum(), ..Chosen::default() };
        for line in simulated.text.lines() {
            let mut words = line.split(' ');
            let (what, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            match what {
                "Inst" => {
                    let (bare, architecture) = name.split_once(':').unwrap_or((name, ""));
                    let is_it = |file: &&str| file.split('_').next() == Some(bare) && file.ends_with(&format!("{architecture}.deb"));
                    let file = files.iter().map(|(file, _)| *file).find(is_it);
                    chosen.come.push(Incoming {
                        name: name.to_owned(),
                        file: file.unwrap_or_else(|| panic!("no file of {name} in\n{uris}")).to_owned(),
                        is_asked: asked.contains(name),
                        is_upgrade: words.next().is_some_and(|word| word.starts_with('[')),
                    });
                }
                "Remv" => chosen.go.push(name.to_owned()),
                _ => {}
            }
        }
        Some(chosen)
    }

    /// Gets the files of a choice into a folder: from what is kept, else from the archives.
    pub(crate) fn download(&self, set: &Set) {
        let _one = self.download.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.archives();
        let uris = self.place.run(&[], &[&ALWAYS[..], &URIS, &set.words()].concat()).ok();
        let files: Vec<(PathBuf, &str)> = uris
            .lines()
            .filter_map(|line| Some((folder.join(uri(line)?.0), line.rsplit_once(" SHA256:").unwrap_or_else(|| panic!("{line}")).1)))
            .collect();
        let missing = || files.iter().filter(|(here, _)| !here.exists());
        for (here, digest) in missing() {
            let kept = self.kept.join(digest);
            if kept.exists() && digest_of(&kept) == *digest {
                fs::hard_link(&kept, here).unwrap();
            }
        }
        let new: Vec<_> = missing().collect();
        if new.is_empty() {
            return;
        }
        let words = [&ALWAYS[..], &["--download-only"], &set.words()].concat();
        self.place.run_connected(&[], &words).ok();
        for (here, digest) in new {
            assert_eq!(digest_of(here), *digest, "{}", here.display());
            let kept = self.kept.join(digest);
            let _ = fs::remove_file(&kept);
            fs::hard_link(here, &kept).unwrap();
        }
    }

    /// Where the files are.
    pub(crate) fn archives(&self) -> PathBuf {
        self.place.root().join(&ARCHIVES[1..])
    }

    /// Lets the apt of a copy do all of it: choose, unpack, configure.
    pub(crate) fn do_all(&self, place: &Place, set: &Set) -> Said {
        let (archives, lists) = (self.archives(), self.place.root().join(&LISTS[1..]));
        let shown: [(&Path, &str); 2] = [(&archives, ARCHIVES), (&lists, LISTS)];
        place.run(&shown, &[&ALWAYS[..], &["--no-download"], &set.words()].concat())
    }
}

/// File name and size in a line `'URI' NAME SIZE SHA256:…`.
fn uri(line: &str) -> Option<(&str, u64)> {
    let mut words = line.strip_prefix('\'')?.split(' ').skip(1);
    Some((words.next()?, words.next()?.parse().ok()?))
}

fn digest_of(path: &Path) -> String {
    hex::encode(&sha256_of(&FileStorage::open(path).unwrap(), &Stop::default()).unwrap())
}

impl Set {
    /// What apt-get is told.
    fn words(&self) -> Vec<&str> {
        let action = match self.action {
            Action::Install => "install",
            Action::Upgrade => "upgrade",
            Action::Remove => "remove",
            Action::RemoveWithOrphans => "autoremove",
        };
        std::iter::once(action).chain(self.packages.iter().map(String::as_str)).collect()
    }
}
