//! The resolver chooses what apt chose: recorded answers of apt 2.6, on a part of bookworm's archive. Needs neither network nor apt.
//!
//! The records are made anew, of the archives as they are then, by `cargo test --test apt_oracle -- --ignored freeze`.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::sync::LazyLock;

use support::{
    apt::{Action, Tally, Verdict, ours, universe},
    frozen::{Case, Frozen, Setting},
};

/// A question that we answer in another way than apt, how the answers differ, and why that is so.
type Difference = (&'static str, Verdict, &'static str, &'static str);

const PROBLEM_RESOLVER: &str =
    "apt's problem resolver removes, by scores, packages of the base that nothing asked for needs to go; we refuse";
const HELD_BUT_NAMED: &str = "`apt-get -s` changes what is on hold if it is named, where `apt-get -y` refuses; with us it stays";

const INSTALLS: &[Difference] = &[
    (
        "install sysvinit-core",
        Verdict::OnlyAptFindsAWay,
        "libpam-systemd 252.39-1~deb12u2 needs systemd-sysv, but systemd-sysv 252.39-1~deb12u2 cannot be installed beside sysvinit-core 3.06-4",
        PROBLEM_RESOLVER,
    ),
    (
        "install golang-github-influxdata-go-syslog-dev golang-github-k0kubun-go-ansi-dev senlin-common python3-bracex libelogind-dev",
        Verdict::OnlyAptFindsAWay,
        "libpam-systemd 252.39-1~deb12u2 needs systemd (= 252.39-1~deb12u2), but systemd 252.39-1~deb12u2 cannot be installed beside \
         libelogind0 246.10-1debian1",
        PROBLEM_RESOLVER,
    ),
];

const UPGRADES: &[Difference] = &[];

const HOLDS: &[Difference] = &[
    (
        "install-with-recommends libperl5.36",
        Verdict::OnlyAptFindsAWay,
        "usrmerge 37~deb12u1 needs perl:any, which nothing that is installed or could be meets",
        PROBLEM_RESOLVER,
    ),
    (
        "install libpcre2-32-0 perl-modules-5.36 libapt-pkg6.0 sasl2-bin libbrotli1",
        Verdict::OtherPackages,
        "ours has {}, apt's has {+apt 2.6.2, +libapt-pkg6.0 2.6.2}",
        HELD_BUT_NAMED,
    ),
    (
        "install libsasl2-modules-gssapi-mit libsasl2-2 libssh2-1-dev libsasl2-modules xz-utils",
        Verdict::OtherPackages,
        "ours has {}, apt's has {+libsasl2-2 2.1.28+dfsg-10+deb12u1}",
        HELD_BUT_NAMED,
    ),
];

static FROZEN: LazyLock<Frozen> = LazyLock::new(Frozen::read);

/// Puts the questions that are wanted. The answers differ in exactly what `known` lists, which is at most so much of them.
fn compare(known: &[Difference], per_cent: usize, is_wanted: impl Fn(&Case) -> bool) -> Tally {
    let mut tally = Tally::default();
    let cases: Vec<&Case> = FROZEN.cases.iter().filter(|case| is_wanted(case)).collect();
    for same in cases.chunk_by(|one, other| one.setting == other.setting) {
        let status = FROZEN.status(&same[0].setting);
        let universe = universe(&FROZEN.indices, &status, &FROZEN.auto);
        for Case { question, answer, .. } in same {
            tally.add(&universe, question, answer);
        }
    }
    println!("{tally}");
    let found: Vec<_> = tally.differences.iter().map(|(question, verdict, words)| (question.as_str(), *verdict, words.as_str())).collect();
    let known: Vec<_> = known.iter().map(|(question, verdict, words, _)| (*question, *verdict, *words)).collect();
    assert_eq!(found, known, "{found:#?}");
    tally.check(per_cent);
    tally
}

fn is_plain(case: &Case, is_older: bool) -> bool {
    case.setting == Setting { is_older, held: Vec::new() }
}

#[test]
fn requests_are_met_as_by_apt() {
    let tally = compare(INSTALLS, 5, |case| is_plain(case, false) && case.question.action != Action::Remove);
    let both_refuse = tally.count(Verdict::BothRefuse);
    assert!(tally.count(Verdict::Equal) >= 150 && both_refuse >= 10 && tally.packages > 4000, "{tally}");
}

/// On a base without security fixes and updates.
#[test]
fn requests_that_upgrade_are_met_as_by_apt() {
    let tally = compare(UPGRADES, 5, |case| is_plain(case, true));
    assert!(tally.count(Verdict::Equal) >= 57 && tally.upgrades > 30, "{tally}");
}

#[test]
fn removals_are_those_of_apt() {
    let tally = compare(&[], 0, |case| case.question.action == Action::Remove);
    assert!(tally.count(Verdict::Equal) >= 70 && tally.count(Verdict::WouldTakeAlong) >= 20, "{tally}");
}

/// What is on hold stays, also where a request needs its upgrade. These questions are made to be hard, so that more answers differ.
#[test]
fn what_is_on_hold_stays_as_with_apt() {
    let is_held = |case: &Case| !case.setting.held.is_empty();
    let tally = compare(HOLDS, 10, is_held);
    let needs_held = |case: &&Case| {
        let free = FROZEN.status(&Setting { held: Vec::new(), ..case.setting });
        let plan = ours(&universe(&FROZEN.indices, &free, &FROZEN.auto), &case.question).unwrap_or_default();
        case.setting
            .held
            .iter()
            .any(|held| plan.iter().any(|line| line.strip_prefix('+').and_then(|line| line.split(' ').next()) == Some(held)))
    };
    let (needs, all) = (
        FROZEN.cases.iter().filter(|case| is_held(case)).filter(needs_held).count(),
        FROZEN.cases.iter().filter(|case| is_held(case)).count(),
    );
    println!("{needs} of {all} would upgrade what is on hold");
    assert!(needs >= 8 && all - needs >= 8, "{needs} of {all}; {tally}");
}
