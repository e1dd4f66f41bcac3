//! What we unpack is what dpkg unpacks, and what becomes of it is what apt would have made: the real ones do the same beside us, in copies
//! of one tree.
//!
//! Needs root, for the owners of files and for mounting; elsewhere the tests end early.

#![allow(clippy::print_stdout, reason = "figures are printed")]

#[path = "../support/mod.rs"]
mod support;

mod apt;
mod case;
mod compare;
mod expected;
mod faults;
mod ground;
mod made;
mod ours;
mod place;
mod real;
mod records;
mod sets;

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Instant,
};

use apt::Apt;
use case::{By, Case};
use ground::Ground;
use place::Place;
use sets::{Action, Set, set, sets};
use support::{hostile::Random, is_root};

/// A tree and its apt.
struct System {
    ground: Ground,
    apt: Apt,
}

/// Of this machine's own architecture, as long as a test needs it: what is static leaves its files behind.
fn native() -> Arc<System> {
    static NATIVE: Mutex<Weak<System>> = Mutex::new(Weak::new());
    let mut native = NATIVE.lock().unwrap_or_else(PoisonError::into_inner);
    native.upgrade().unwrap_or_else(|| {
        let began = Instant::now();
        let ground = Ground::native();
        let tree = began.elapsed();
        let apt = Apt::new(&ground);
        println!("the tree took {tree:.1?}, with its apt {:.1?}", began.elapsed());
        let system = Arc::new(System { ground, apt });
        *native = Arc::downgrade(&system);
        system
    })
}

/// Checks a set on a tree with its apt.
fn check(system: &System, set: &Set, by: By) -> Result<(), String> {
    let chosen = system.apt.choose(set).ok_or_else(|| format!("apt cannot {set:?}"))?;
    if chosen.come.is_empty() && chosen.go.is_empty() {
        return Err(format!("{}: nothing to do", set.name));
    }
    system.apt.download(set);
    let whole = |place: &Place| system.apt.do_all(place, set);
    Case { name: &set.name, ground: &system.ground, debs: system.apt.archives(), chosen, is_by_apt: true, whole: &whole }.run(by)
}

fn check_natively(name: &str, by: By) {
    if is_root() {
        check(&native(), &set(name), by).unwrap_or_else(|words| panic!("{words}"));
    }
}

/// Writes the list of random sets anew: the first that apt can install, out of all names that the archives have.
#[test]
#[ignore = "writes into the repository, and takes half an hour"]
fn choose() {
    const COUNT: usize = 30;
    /// In bytes: a set is downloaded by every run of all of them.
    const SIZE: u64 = 80 << 20;
    let native = native();
    let names = native.apt.names();
    let mut random = Random(2026);
    let mut text = String::from("# Random sets, chosen by the test `choose`. Those that came up and cannot serve are told.\n");
    let mut count = 0;
    while count < COUNT {
        let packages: Vec<String> = (0..=random.below(4)).map(|_| names[random.below(names.len())].clone()).collect();
        let set = Set { name: format!("random-{:02}", count + 1), action: Action::Install, packages };
        let line = format!("install {}\n", set.packages.join(" "));
        let refusal = match native.apt.choose(&set) {
            None => Some("apt finds no way".to_owned()),
            Some(chosen) if chosen.size > SIZE => Some(format!("{} MiB", chosen.size >> 20)),
            Some(_) => {
                native.apt.download(&set);
                let said = native.apt.do_all(&Place::copy(&native.ground), &set);
                (said.code != Some(0))
                    .then(|| format!("apt fails: {}", said.text.lines().rfind(|line| line.contains("error")).unwrap_or_default()))
            }
        };
        match refusal {
            Some(reason) => text += &format!("# {reason}: {line}"),
            None => {
                text += &format!("{} {line}", set.name);
                count += 1;
            }
        }
        std::fs::write("tests/dpkg_oracle/seeded.txt", &text).unwrap();
    }
}

#[test]
fn what_a_cluster_needs() {
    check_natively("cluster", By::Us);
}

#[test]
fn security_fixes() {
    check_natively("upgrade", By::Us);
}

#[test]
fn a_removal() {
    check_natively("removal", By::Us);
}

#[test]
fn services() {
    check_natively("services", By::Us);
}

#[test]
fn diversions() {
    check_natively("diversions", By::Us);
}

#[test]
fn triggers() {
    check_natively("triggers", By::Us);
}

/// That the tables say what is between unpacking and installing, and nothing about us.
#[test]
fn a_cluster_by_dpkg_itself() {
    check_natively("cluster", By::Dpkg);
}

/// All sets, or those named in `BERRY_ORACLE` with commas between, one after the other; all that is wrong is told at the end.
fn check_all(system: &System, by: By) {
    let wanted = std::env::var("BERRY_ORACLE").ok();
    let is_wanted = |set: &Set| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|name| name == set.name));
    let sets: Vec<Set> = sets().into_iter().filter(is_wanted).collect();
    let faults: Vec<String> = sets.iter().filter_map(|set| check(system, set, by).err().inspect(|words| println!("{words}"))).collect();
    println!("{} of {} sets are as they must be", sets.len() - faults.len(), sets.len());
    assert!(faults.is_empty() && !sets.is_empty(), "{}", faults.concat());
}

#[test]
#[ignore = "downloads half a gigabyte and takes half an hour"]
fn all_sets() {
    check_all(&native(), By::Us);
}

#[test]
#[ignore = "downloads half a gigabyte and takes half an hour"]
fn every_set_by_dpkg_itself() {
    check_all(&native(), By::Dpkg);
}

/// On the base of a Pi, whose scripts are emulated on another processor.
#[test]
#[ignore = "emulates another processor for an hour"]
fn arm64() {
    let ground = Ground::base();
    let apt = Apt::new(&ground);
    check_all(&System { ground, apt }, By::Us);
}
