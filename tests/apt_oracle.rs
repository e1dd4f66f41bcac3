//! The resolver chooses what apt chooses: random requests to a real archive, on the packages of a real base.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    sync::LazyLock,
    thread,
};

use berry_image::debian::{
    NameId, Package, Universe, Version, extended_states, preferences,
    resolve::{Request, resolve},
    stanzas, status,
};
use support::{
    hostile::Random,
    program::{berry, folder, ok, output, profile_in, shell, tool},
};

/// Random requests in a run; `BERRY_MUTATIONS` sets another number.
const REQUESTS: usize = 150;

struct Archive {
    folder: tempfile::TempDir,
    /// The texts of the indices, in the order in which apt reads them.
    indices: Vec<String>,
    status: String,
    /// Which packages came only because something needed them.
    auto: String,
}

/// The host's own archives of Debian, asked for the packages of the base's architecture.
static ARCHIVE: LazyLock<Archive> = LazyLock::new(|| {
    let folder = folder();
    let profile = profile_in(folder.path(), "cluster01.yaml");
    // Makes the base if need be; the node's image has the same packages.
    ok(berry().arg("build").arg(&profile).args(["--node", "cluster01", "--output"]).arg(folder.path().join("images")));
    let image = folder.path().join("images/cluster01.img");
    let file = |path: &str| ok(berry().arg("cat").arg(format!("{}:{path}", image.display())));
    let (status, auto) = (file("/var/lib/dpkg/status"), file("/var/lib/apt/extended_states"));
    fs::write(folder.path().join("status"), &status).unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    fs::write(folder.path().join("state/extended_states"), &auto).unwrap();
    fs::remove_dir_all(folder.path().join("images")).unwrap();
    let script = r#"
        cd "$1"
        mkdir -p parts state/lists/partial cache/archives/partial
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
            [ ! -e "$file" ] || sed -n '/debian.* bookworm/p' "$file" > "parts/$(basename "$file" .list).list"
        done
        for file in /etc/apt/sources.list.d/*.sources; do
            [ ! -e "$file" ] || ! grep -q '^Suites:.*bookworm' "$file" || sed 's/^Types:.*/Types: deb/' "$file" > "parts/$(basename "$file")"
        done
    "#;
    shell(script, &[folder.path().as_os_str()]);
    ok(apt(folder.path(), "apt-get").args(["-qq", "update"]));
    ok(apt(folder.path(), "apt-cache").arg("gencaches"));
    let targets = ok(apt(folder.path(), "apt-get").args(["indextargets", "--format", "$(FILENAME)", "Created-By: Packages"]));
    let indices = targets.lines().map(|path| fs::read_to_string(path).unwrap()).collect();
    Archive { folder, indices, status, auto }
});

fn apt(folder: &Path, name: &str) -> std::process::Command {
    let mut command = tool(name);
    let option = |name: &str, path: &str| format!("{name}={}", folder.join(path).display());
    let mut options = vec![
        option("Dir::Etc::sourceparts", "parts"),
        option("Dir::State", "state"),
        option("Dir::State::status", "status"),
        option("Dir::Cache", "cache"),
    ];
    options.extend(
        [
            "Dir::Etc::sourcelist=/dev/null",
            "Dir::Etc::preferences=/dev/null",
            "Dir::Etc::preferencesparts=/dev/null",
            "APT::Sandbox::User=",
            "APT::Architecture=arm64",
            "APT::Architectures=arm64",
            "Acquire::GzipIndexes=false",
            // What apt knows of its indices is kept for the next question, which a host may have switched off.
            "Dir::Cache::pkgcache=pkgcache.bin",
            "Dir::Cache::srcpkgcache=srcpkgcache.bin",
            "Acquire::Languages=none",
            // As apt decides by itself; the host may be set up otherwise.
            "APT::AutoRemove::SuggestsImportant=true",
            "APT::AutoRemove::RecommendsImportant=true",
        ]
        .map(str::to_owned),
    );
    command.args(options.iter().flat_map(|option| ["-o", option]));
    command
}

/// What is done, as `apt-get -s` prints it, or nothing when it refuses.
type Answer = Option<BTreeSet<String>>;

fn by_apt(folder: &Path, names: &[&str], recommends: bool) -> Answer {
    let recommends = format!("APT::Install-Recommends={recommends}");
    let result = output(apt(folder, "apt-get").args(["-s", "-o", &recommends, "install"]).args(names));
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

fn by_us(universe: &Universe<'_>, names: &[&str], recommends: bool) -> Result<BTreeSet<String>, String> {
    let solution =
        resolve(universe, &Request { install: names.to_vec(), recommends, ..Request::default() }).map_err(|reason| reason.to_string())?;
    let shown = |id| {
        let package = universe.package(id);
        format!("+{} {}", package.name, package.version)
    };
    let new = solution.install.into_iter().chain(solution.upgrade.into_iter().map(|(_, new)| new)).map(shown);
    let gone = solution.remove.into_iter().map(|id| format!("-{}", universe.package(id).name));
    Ok(new.chain(gone).collect())
}

fn universe<'a>(indices: &'a [String], status: &'a str, auto: &str) -> Universe<'a> {
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

/// Random requests, and the one that this project is about.
fn requests<'n>(names: &[&'n str], seed: u64, count: usize) -> Vec<(Vec<&'n str>, bool)> {
    let mut random = Random(seed);
    let mut requests: Vec<_> = (0..count)
        .map(|number| {
            let size = if number % 3 == 0 { 2 + random.below(4) } else { 1 };
            ((0..size).map(|_| names[random.below(names.len())]).collect(), random.below(2) == 0)
        })
        .collect();
    requests.extend([false, true].map(|recommends| (vec!["glusterfs-server", "apache2", "ddclient"], recommends)));
    requests
}

/// Both answer all requests. What apt takes and we do not, or otherwise, is printed; the other way round nothing may be.
fn compare(folder: &Path, universe: &Universe<'_>, requests: &[(Vec<&str>, bool)]) {
    let halves = requests.chunks(requests.len().div_ceil(2));
    let answers: Vec<Answer> = thread::scope(|scope| {
        let ask =
            |half: &[(Vec<&str>, bool)]| half.iter().map(|(names, recommends)| by_apt(folder, names, *recommends)).collect::<Vec<_>>();
        let threads: Vec<_> = halves.map(|half| scope.spawn(move || ask(half))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut table, mut packages, mut upgrades) = (String::new(), 0, 0);
    for ((names, recommends), expected) in requests.iter().zip(&answers) {
        let found = by_us(universe, names, *recommends);
        let what = match (&found, expected) {
            (Ok(found), Some(expected)) if found == expected => "equal",
            (Err(_), None) => "both refuse",
            (Ok(_), Some(_)) => "other packages",
            (Err(_), Some(_)) => "only apt finds a way",
            (Ok(_), None) => "only we find a way",
        };
        *counts.entry(what).or_default() += 1;
        packages += expected.as_ref().map_or(0, BTreeSet::len);
        let is_upgrade = |line: &String| {
            let name = line.trim_start_matches('+').split(' ').next().unwrap_or_default();
            line.starts_with('+') && universe.find(name).is_some_and(|name| universe.installed(name).is_some())
        };
        upgrades += expected.iter().flatten().filter(|line| is_upgrade(line)).count();
        if !matches!(what, "equal" | "both refuse") {
            let empty = BTreeSet::new();
            let (ours, apts) = (found.as_ref().unwrap_or(&empty), expected.as_ref().unwrap_or(&empty));
            let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>().join(", ");
            let difference = || format!("only ours {{{}}}, only apt's {{{}}}", only(ours, apts), only(apts, ours));
            let reason = found.as_ref().err().cloned().unwrap_or_else(difference);
            writeln!(table, "{what}: {}{}: {reason}", names.join(" "), if *recommends { ", with recommends" } else { "" }).unwrap();
        }
    }
    println!("{table}{counts:?}, {packages} packages, {upgrades} of them upgrades");
    let count = |what| counts.get(what).copied().unwrap_or(0);
    assert_eq!(count("only we find a way"), 0, "{table}");
    assert!((count("equal") + count("both refuse")) * 100 >= requests.len() * 95, "{counts:?}\n{table}");
    assert!(packages > requests.len(), "the requests are worth the question");
}

#[test]
fn random_requests_are_met_as_by_apt() {
    let archive = &*ARCHIVE;
    let universe = universe(&archive.indices, &archive.status, &archive.auto);
    let names: Vec<&str> = universe.names().filter(|name| universe.candidate(*name).is_some()).map(|name| universe.text(name)).collect();
    assert!(names.len() > 50_000, "{}", names.len());
    let count = std::env::var(support::hostile::MUTATIONS).map_or(REQUESTS, |count| count.parse().unwrap());
    compare(archive.folder.path(), &universe, &requests(&names, 5, count));
}

/// The base as it would be if it had been made without security fixes and updates: then requests upgrade what they need.
#[test]
fn requests_that_upgrade_are_met_as_by_apt() {
    let archive = &*ARCHIVE;
    let older = older(archive);
    let folder = folder();
    shell("cp -r \"$1\"/. \"$2\"", &[archive.folder.path().as_os_str(), folder.path().as_os_str()]);
    fs::write(folder.path().join("status"), &older).unwrap();
    let universe = universe(&archive.indices, &older, &archive.auto);
    let is_upgradable = |name: &NameId| universe.installed(*name).is_some() && universe.installed(*name) != universe.candidate(*name);
    let upgradable: Vec<&str> = universe.names().filter(is_upgradable).map(|name| universe.text(name)).collect();
    assert!(upgradable.len() > 3, "{upgradable:?}");
    // Packages built from the same sources, and those that depend on exactly the same version.
    let sources: BTreeSet<&str> =
        upgradable.iter().filter_map(|name| universe.candidate(universe.find(name)?)).map(|id| universe.package(id).source.0).collect();
    let candidates = universe.names().filter_map(|name| universe.candidate(name)).map(|id| universe.package(id));
    let is_related = |package: &&Package<'_>| sources.contains(package.source.0) && !package.name.starts_with("linux-");
    let related: Vec<&str> = candidates.filter(is_related).map(|package| package.name).collect();
    compare(folder.path(), &universe, &requests(&related, 11, 50));
}

/// The packages of the base, those of which the suite itself has an older version at that version.
fn older(archive: &Archive) -> String {
    let suite = archive.indices.iter().max_by_key(|text| text.len()).unwrap();
    let mut stanzas: BTreeMap<&str, &str> = BTreeMap::new();
    stanzas.extend(suite.split("\n\n").filter_map(|stanza| Some((stanza.strip_prefix("Package: ")?.lines().next()?, stanza))));
    let version = |stanza: &str| stanza.lines().find_map(|line| line.strip_prefix("Version: ")).map(str::to_owned).unwrap_or_default();
    let older = |stanza: &str| {
        let name = stanza.strip_prefix("Package: ").and_then(|rest| rest.lines().next()).unwrap_or_default();
        // Kernels have their version in their name, so that the older one would need a package that is not there.
        let in_suite = stanzas.get(name).filter(|_| !name.starts_with("linux-")).filter(|other| {
            let (theirs, own) = (version(other), version(stanza));
            Version::new(&theirs).unwrap() < Version::new(&own).unwrap()
        });
        match in_suite {
            Some(other) => format!("{other}\nStatus: install ok installed\n\n"),
            None => format!("{}\n\n", stanza.trim_end()),
        }
    };
    archive.status.split("\n\n").filter(|stanza| !stanza.trim().is_empty()).map(older).collect()
}

/// A package goes with what came only for it, as by `apt-get --auto-remove remove`; where apt would take along what needs it, we refuse.
#[test]
fn what_is_removed_is_what_apt_removes() {
    let archive = &*ARCHIVE;
    let universe = universe(&archive.indices, &archive.status, &archive.auto);
    let installed: Vec<&str> =
        universe.names().filter(|name| universe.installed(*name).is_some()).map(|name| universe.text(name)).step_by(3).collect();
    let removed_by_apt = |name: &&str| {
        let result = output(apt(archive.folder.path(), "apt-get").args(["-s", "--auto-remove", "remove", name]));
        let text = String::from_utf8(result.stdout).unwrap();
        let line = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
            ["Remv", name, ..] => Some(name.to_owned()),
            ["Inst", name, ..] => Some(format!("+{name}")),
            _ => None,
        };
        text.lines().filter_map(line).collect::<BTreeSet<_>>()
    };
    let (mut equal, mut refused, mut orphans) = (0, 0, 0);
    for name in &installed {
        let expected = removed_by_apt(name);
        match resolve(&universe, &Request { remove: vec![name], ..Request::default() }) {
            Ok(solution) => {
                let gone = solution.remove.iter().chain(&solution.orphaned).map(|id| universe.package(*id).name.to_owned());
                assert_eq!(gone.collect::<BTreeSet<_>>(), expected, "{name}");
                orphans += solution.orphaned.len();
                equal += 1;
            }
            Err(reason) => {
                let id = universe.installed(universe.find(name).unwrap()).unwrap();
                let package = universe.package(id);
                // apt refuses, too, where something essential would go; or takes along what needs it, or installs another one for that.
                let is_alike = expected.is_empty() || expected.len() > 1;
                assert!(package.essential || package.protected || is_alike, "{name}: {reason}; apt removes {expected:?}");
                refused += 1;
            }
        }
    }
    println!("{equal} removed as by apt, {orphans} orphans among them; {refused} refused, because something that stays needs them");
    assert!(equal > 5 && refused > 5);
}
