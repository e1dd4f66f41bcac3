//! The resolver chooses what apt chooses: random requests to a real archive, on the packages of a real base.
//!
//! A few by default; `BERRY_MUTATIONS=150` asks many. Recorded answers, which need no network, are in `apt_frozen.rs`; they are made anew
//! by `cargo test --test apt_oracle -- --ignored freeze`.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::{fs, sync::LazyLock};

use berry_image::debian::Universe;
use support::{
    apt::{Action, Question, System, Tally, Verdict, universe},
    freeze,
    host::Host,
    hostile::MUTATIONS,
    questions::{older, random_questions, related, removals, upgradable},
};

/// Random requests in a run; `BERRY_MUTATIONS` sets another number. Each takes apt about a second.
const REQUESTS: usize = 24;

static HOST: LazyLock<Host> = LazyLock::new(Host::new);

/// How many requests, and whether that is more than usual.
fn requests() -> (usize, bool) {
    let count = std::env::var(MUTATIONS).map_or(REQUESTS, |count| count.parse().unwrap());
    (count, count > REQUESTS)
}

fn compare(system: System<'_>, universe: &Universe<'_>, questions: &[Question]) -> Tally {
    let mut tally = Tally::default();
    for (question, answer) in questions.iter().zip(system.answers(questions)) {
        tally.add(universe, question, &answer);
    }
    println!("{tally}\n{:#?}", tally.differences);
    tally.check(5);
    tally
}

#[test]
fn random_requests_are_met_as_by_apt() {
    let Host { archive, status } = &*HOST;
    let universe = universe(&archive.indices, status, &archive.auto);
    let names: Vec<&str> = universe.names().filter(|name| universe.candidate(*name).is_some()).map(|name| universe.text(name)).collect();
    assert!(names.len() > 50_000, "{}", names.len());
    let mut questions = random_questions(&names, 5, requests().0);
    // What this project is about.
    questions
        .extend([Action::Install, Action::InstallAll].map(|action| Question::new(action, ["glusterfs-server", "apache2", "ddclient"])));
    let tally = compare(archive.system("base", status), &universe, &questions);
    assert!(tally.packages > questions.len(), "the requests are worth the question");
}

/// The base as it would be if it had been made without security fixes and updates: then requests upgrade what they need.
#[test]
fn requests_that_upgrade_are_met_as_by_apt() {
    let Host { archive, status } = &*HOST;
    let older = older(&archive.indices, status);
    let universe = universe(&archive.indices, &older, &archive.auto);
    assert!(upgradable(&universe).len() > 3, "{:?}", upgradable(&universe));
    let questions = random_questions(&related(&universe), 11, requests().0.div_ceil(3) + 2);
    let tally = compare(archive.system("older", &older), &universe, &questions);
    assert!(tally.upgrades > 3, "{tally}");
}

/// A package goes with what came only for it, as by `apt-get --auto-remove remove`; where apt would take along what needs it, we refuse.
#[test]
fn what_is_removed_is_what_apt_removes() {
    let Host { archive, status } = &*HOST;
    let universe = universe(&archive.indices, status, &archive.auto);
    let questions = if requests().1 { removals(&universe, 3, 3) } else { removals(&universe, 24, 16) };
    let tally = compare(archive.system("removals", status), &universe, &questions);
    assert!(tally.differences.is_empty() && tally.count(Verdict::Equal) > 2 && tally.count(Verdict::WouldTakeAlong) > 2, "{tally}");
}

/// Makes `tests/apt_frozen/` anew, of the archives as they are now.
#[test]
#[ignore = "writes into the repository, and takes minutes"]
fn freeze() {
    freeze::freeze(&HOST.archive, &HOST.status);
    assert!(fs::exists("tests/apt_frozen/answers.xz").unwrap());
}
