//! Asking apt, and asking the resolver, what they would do with the same packages.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
    process::Command,
    thread,
};

use berry_image::debian::{
    Package, Universe, extended_states, preferences,
    resolve::{Request, resolve},
    stanzas, status,
};

use super::program::{folder, ok, output, tool};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    pub action: Action,
    pub names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Install,
    /// With what is recommended.
    InstallAll,
    /// With what came only for it.
    Remove,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::InstallAll => "install-with-recommends",
            Self::Remove => "remove",
        }
    }
}

impl Question {
    pub fn new<S: AsRef<str>>(action: Action, names: impl IntoIterator<Item = S>) -> Self {
        Self { action, names: names.into_iter().map(|name| name.as_ref().to_owned()).collect() }
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, names) = text.split_once(' ')?;
        let action = [Action::Install, Action::InstallAll, Action::Remove].into_iter().find(|action| action.word() == word)?;
        Some(Self::new(action, names.split(' ')))
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action.word(), self.names.join(" "))
    }
}

/// What is done, as `+NAME VERSION` and `-NAME`, or nothing when it is refused.
pub type Answer = Option<BTreeSet<String>>;

/// A folder with apt's sources, state and caches: nothing of the host is changed.
pub struct Archive {
    folder: tempfile::TempDir,
    /// The texts of the indices, in the order in which apt reads them.
    pub indices: Vec<String>,
    /// Which packages came only because something needed them.
    pub auto: String,
}

impl Archive {
    /// The archives of the sources that `write_sources` puts into the folder that it is given.
    pub fn new(auto: String, write_sources: impl FnOnce(&Path)) -> Self {
        let folder = folder();
        for name in ["parts", "state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("state/extended_states"), &auto).unwrap();
        write_sources(&folder.path().join("parts"));
        let mut archive = Self { folder, indices: Vec::new(), auto };
        let empty = archive.system("empty", "");
        ok(empty.apt("apt-get").args(["-qq", "update"]));
        let targets = ok(empty.apt("apt-get").args(["indextargets", "--format", "$(FILENAME)", "Created-By: Packages"]));
        archive.indices = targets.lines().map(|path| fs::read_to_string(path).unwrap()).collect();
        archive
    }

    /// A system that has these packages. Two that are in use at the same time need names of their own.
    pub fn system<'a>(&'a self, name: &'a str, status: &str) -> System<'a> {
        fs::write(self.folder.path().join(name), status).unwrap();
        System { archive: self, name }
    }
}

/// An archive, and what is installed.
#[derive(Clone, Copy)]
pub struct System<'a> {
    archive: &'a Archive,
    name: &'a str,
}

impl System<'_> {
    /// A program of apt, which decides for itself, however the host may be set up.
    pub fn apt(self, program: &str) -> Command {
        let path = |option: &str, path: &str| format!("{option}={}", self.archive.folder.path().join(path).display());
        let paths = [
            path("Dir::Etc::sourceparts", "parts"),
            path("Dir::State", "state"),
            path("Dir::State::status", self.name),
            path("Dir::Cache", "cache"),
            // What apt knows of its indices is kept for the next question, which a host may have switched off.
            format!("Dir::Cache::pkgcache={}.bin", self.name),
        ];
        let others = [
            "Dir::Cache::srcpkgcache=srcpkgcache.bin",
            // Tests ask at the same time, and the lock would stand beside the status of all of them.
            "Debug::NoLocking=true",
            "Dir::Etc::sourcelist=/dev/null",
            "Dir::Etc::preferences=/dev/null",
            "Dir::Etc::preferencesparts=/dev/null",
            "APT::Sandbox::User=",
            "APT::Architecture=arm64",
            "APT::Architectures=arm64",
            "Acquire::GzipIndexes=false",
            "Acquire::Languages=none",
            "APT::AutoRemove::SuggestsImportant=true",
            "APT::AutoRemove::RecommendsImportant=true",
        ];
        let mut command = tool(program);
        command.args(paths.iter().map(String::as_str).chain(others).flat_map(|option| ["-o", option]));
        command
    }

    /// What apt would do.
    pub fn answer(self, question: &Question) -> Answer {
        let mut command = self.apt("apt-get");
        command.arg("-s");
        match question.action {
            Action::Install => command.args(["--no-install-recommends", "install"]),
            Action::InstallAll => command.args(["--install-recommends", "install"]),
            Action::Remove => command.args(["--auto-remove", "remove"]),
        };
        let result = output(command.args(&question.names));
        let text = String::from_utf8(result.stdout).unwrap();
        let line = |line: &str| {
            let mut words = line.split(' ');
            let (what, name) = (words.next()?, words.next()?);
            let version = words.find_map(|word| word.strip_prefix('('));
            match what {
                "Inst" => Some(format!("+{name} {}", version?)),
                "Remv" => Some(format!("-{name}")),
                _ => None,
            }
        };
        result.status.success().then(|| text.lines().filter_map(line).collect())
    }

    /// What apt would do, each time on the system as it is. Two are asked at a time.
    pub fn answers(self, questions: &[Question]) -> Vec<Answer> {
        ok(self.apt("apt-cache").arg("gencaches"));
        let ask = |half: &[Question]| half.iter().map(|question| self.answer(question)).collect::<Vec<_>>();
        let (one, other) = questions.split_at(questions.len() / 2);
        thread::scope(|scope| {
            let one = scope.spawn(move || ask(one));
            let other = ask(other);
            let mut answers = one.join().unwrap();
            answers.extend(other);
            answers
        })
    }
}

/// All that a system has and can have.
pub fn universe<'a>(indices: &'a [String], status: &'a str, auto: &str) -> Universe<'a> {
    let mut universe = Universe::new("arm64");
    for text in indices {
        for stanza in stanzas(text) {
            universe.offer(Package::new(&stanza.unwrap()).unwrap(), preferences::OFFERED);
        }
    }
    for record in status::installed(status).unwrap() {
        universe.install(record.package, preferences::INSTALLED, record.is_held);
    }
    for name in extended_states::auto_installed(auto, "arm64").unwrap() {
        universe.mark_auto(universe.find(name).unwrap());
    }
    universe
}

/// What we would do, or why not.
pub fn ours(universe: &Universe<'_>, question: &Question) -> Result<BTreeSet<String>, String> {
    let names: Vec<&str> = question.names.iter().map(String::as_str).collect();
    let request = match question.action {
        Action::Remove => Request { remove: names, ..Request::default() },
        action => Request { install: names, recommends: action == Action::InstallAll, ..Request::default() },
    };
    let solution = resolve(universe, &request).map_err(|reason| reason.to_string())?;
    let new = solution.install.into_iter().chain(solution.upgrade.into_iter().map(|(_, new)| new));
    let gone = solution.remove.into_iter().chain(solution.orphaned);
    let package = |id| universe.package(id);
    let new = new.map(package).map(|package| format!("+{} {}", package.name, package.version));
    Ok(new.chain(gone.map(package).map(|package| format!("-{}", package.name))).collect())
}

/// How two answers go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Equal,
    BothRefuse,
    /// We refuse a removal, for something that stays needs what is to go; apt would take that along or put something in its place.
    WouldTakeAlong,
    OtherPackages,
    OnlyAptFindsAWay,
    OnlyWeFindAWay,
}

/// Compares our answer with apt's; in words if they differ.
pub fn judge(universe: &Universe<'_>, question: &Question, expected: &Answer) -> (Verdict, String) {
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>().join(", ");
    match (ours(universe, question), expected) {
        (Ok(found), Some(expected)) if found == *expected => (Verdict::Equal, String::new()),
        (Err(_), None) => (Verdict::BothRefuse, String::new()),
        (Ok(found), Some(expected)) => {
            (Verdict::OtherPackages, format!("ours has {{{}}}, apt's has {{{}}}", only(&found, expected), only(expected, &found)))
        }
        (Err(_), Some(expected)) if question.action == Action::Remove && would_take_along(universe, &question.names, expected) => {
            (Verdict::WouldTakeAlong, String::new())
        }
        (Err(reason), Some(_)) => (Verdict::OnlyAptFindsAWay, reason),
        (Ok(found), None) => (Verdict::OnlyWeFindAWay, only(&found, &BTreeSet::new())),
    }
}

/// Whether something that no system works without would go, or something that needs what is to go, or something new would come.
fn would_take_along(universe: &Universe<'_>, names: &[String], expected: &BTreeSet<String>) -> bool {
    let installed = |name: &str| universe.find(name).and_then(|name| universe.installed(name));
    let is_kept = |id| universe.package(id).essential || universe.package(id).protected;
    let gone: Vec<_> = names.iter().filter_map(|name| installed(name)).collect();
    let needs_it = |id| {
        let mut needs = universe.package(id).needs.iter().filter(|need| need.kind.is_critical());
        needs.any(|need| need.any.0.iter().any(|relation| gone.iter().any(|id| universe.is_meant(relation, *id))))
    };
    let along = expected.iter().filter_map(|line| line.strip_prefix('-')).filter(|name| names.iter().all(|own| own != name));
    gone.iter().any(|id| is_kept(*id))
        || along.filter_map(installed).any(|id| is_kept(id) || needs_it(id))
        || expected.iter().any(|line| line.starts_with('+'))
}

/// What came out of many questions.
#[derive(Debug, Default)]
pub struct Tally {
    pub counts: BTreeMap<Verdict, usize>,
    /// Questions with other answers than apt's, how they differ, and in words.
    pub differences: Vec<(String, Verdict, String)>,
    /// How many packages apt would install, and how many of these are upgrades.
    pub packages: usize,
    pub upgrades: usize,
}

impl Tally {
    pub fn add(&mut self, universe: &Universe<'_>, question: &Question, expected: &Answer) {
        let (verdict, difference) = judge(universe, question, expected);
        *self.counts.entry(verdict).or_default() += 1;
        if verdict >= Verdict::OtherPackages {
            self.differences.push((question.to_string(), verdict, difference));
        }
        let new = expected.iter().flatten().filter_map(|line| line.strip_prefix('+')?.split(' ').next());
        for name in new {
            self.packages += 1;
            self.upgrades += usize::from(universe.find(name).is_some_and(|name| universe.installed(name).is_some()));
        }
    }

    pub fn count(&self, verdict: Verdict) -> usize {
        self.counts.get(&verdict).copied().unwrap_or(0)
    }

    /// At most so many of a hundred questions have another answer, and where apt refuses, so do we.
    pub fn check(&self, per_cent: usize) {
        let table: String =
            self.differences.iter().map(|(question, verdict, words)| format!("{verdict:?}: {question}: {words}\n")).collect();
        assert_eq!(self.count(Verdict::OnlyWeFindAWay), 0, "{table}");
        let all: usize = self.counts.values().sum();
        assert!(self.differences.len() * 100 <= all * per_cent, "{self}\n{table}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} packages, {} of them upgrades", self.counts, self.packages, self.upgrades)
    }
}
