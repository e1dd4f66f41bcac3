//! Packages made for this, which meet each other in ways that real ones seldom do.

use std::fs;

use crate::{
    apt::{Chosen, Incoming},
    case::{By, Case},
    ground::Ground,
    native,
    place::Place,
    real,
    support::{
        is_root,
        program::{folder, shell},
    },
};

/// Builds the packages.
const BUILD: &str = include_str!("made.sh");
/// What the administrator did before and after the first versions were configured.
const BEFORE: &str = "
    dpkg-statoverride --force-statoverride-add --add nobody daemon 2751 /usr/share/made/override
    dpkg-divert --local --rename --add /usr/bin/made-tool
    dpkg-divert --package other --divert /usr/share/made-watched/file.other --rename --add /usr/share/made-watched/file
";
const AFTER: &str =
    "cd /etc/made; echo mine > edited; echo mine > obsolete-edited; rm deleted; echo 'made-same hold' | dpkg --set-selections";

/// A tree in which the first versions are configured, and the folder of all packages.
fn ground() -> (Ground, tempfile::TempDir) {
    let native = native();
    let debs = folder();
    shell(BUILD, &[debs.path().as_os_str(), native.ground.architecture.as_ref()]);
    let place = Place::copy(&native.ground);
    place.run(&[], &["sh", "-ec", BEFORE]).ok();
    let first = ["made-changes_1.0", "made-vanishes_1.0", "made-same_1.0", "made-empty_1.0"];
    real::unpack(&place, debs.path(), &chosen(&debs, &first));
    real::configure(&place).ok();
    place.run(&[], &["sh", "-ec", AFTER]).ok();
    (Ground::of(&place, &native.ground), debs)
}

fn chosen(debs: &tempfile::TempDir, prefixes: &[&str]) -> Chosen {
    let names: Vec<String> = fs::read_dir(debs.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let file = |prefix: &&str| {
        let is_it = |name: &&String| name.starts_with(*prefix) && name.ends_with(".deb");
        names.iter().find(is_it).unwrap_or_else(|| panic!("no package {prefix}")).clone()
    };
    let incoming = |prefix: &&str| Incoming {
        name: prefix.split('_').next().unwrap().to_owned(),
        file: file(prefix),
        is_asked: true,
        is_upgrade: false,
    };
    Chosen { come: prefixes.iter().map(incoming).collect(), ..Chosen::default() }
}

/// What dpkg makes of them when it may configure in between.
fn all_at_once(place: &Place, debs: &tempfile::TempDir, chosen: &Chosen) -> crate::place::Said {
    real::unpack(place, debs.path(), chosen);
    real::configure(place)
}

fn check(by: By) {
    if !is_root() {
        return;
    }
    let (ground, debs) = ground();
    let second = ["made-changes_2.0", "made-takes_1.0", "made-replaces_1.0", "made-same_1.1", "made-empty_2.0"];
    let upgrade = chosen(&debs, &second);
    // The file that is taken over is taken from the first version.
    let other_order = chosen(&debs, &["made-takes_1.0", "made-empty_2.0", "made-changes_2.0"]);
    let removal = Chosen { go: ["made-changes", "made-vanishes", "made-same"].map(str::to_owned).into(), ..Chosen::default() };
    for (name, chosen) in [("made-upgrade", upgrade), ("made-other-order", other_order), ("made-removal", removal)] {
        let whole = |place: &Place| all_at_once(place, &debs, &chosen);
        let case = Case { name, ground: &ground, debs: debs.path().to_owned(), chosen: chosen.clone(), is_by_apt: false, whole: &whole };
        case.run(by).unwrap_or_else(|words| panic!("{words}"));
    }
}

#[test]
fn made_packages_as_by_dpkg() {
    check(By::Us);
}

/// That the comparison accepts what is right.
#[test]
fn made_packages_by_dpkg_itself() {
    check(By::Dpkg);
}
