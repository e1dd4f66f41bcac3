//! The table: what we say of each package, what `dpkg-deb -c` (with GNU tar), `dpkg-deb -e` and `dpkg --unpack` say.
//!
//! Names begin with what the package is: `accept_` sound, `iffy_` odd but possible without bad intent, `reject_` damaged, `malicious_`
//! made to do harm. We must never accept what dpkg refuses; the other way is a decision, to be seen here.

use std::collections::HashSet;

use crate::{control, members, oracle::Oracle, outer, said, tars};

pub struct Case {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    /// The error in short, or the paths of the members with what they are.
    pub ours: &'static str,
    /// `c`, `e`, `u` for each of `dpkg-deb -c`, `dpkg-deb -e` and `dpkg --unpack` that takes it; [`EITHER`] instead of `u`.
    pub theirs: &'static str,
}

pub fn case(name: &'static str, bytes: Vec<u8>, ours: &'static str, theirs: &'static str) -> Case {
    Case { name, bytes, ours, theirs }
}

/// `dpkg --unpack` takes it or does not, by chance: before 1.21.23 it reads memory that it never wrote behind a long name without a NUL.
const EITHER: char = '?';

/// Packages whose members need folders that the system has or has not: who unpacks them knows.
const NEED_A_SYSTEM: [&str; 2] = ["iffy_no_parent", "iffy_folder_after_its_file"];

#[test]
fn every_package_is_judged_as_the_table_says() {
    let cases: Vec<Case> = [outer::cases(), tars::cases(), members::cases(), control::cases()].into_iter().flatten().collect();
    let oracle = Oracle::new();
    let mut wrong = Vec::new();
    for case in &cases {
        oracle.give(&case.bytes);
        let contents = oracle.contents();
        let is_to_unpack = case.theirs.contains(['u', EITHER]);
        // One that waits for ever is never one that is to unpack: those get the time that a busy machine takes.
        let (control, unpack) = (oracle.control(), oracle.unpack(if is_to_unpack { 300 } else { 10 }));
        let mut theirs = String::new();
        for (letter, said) in [('c', contents.is_some()), ('e', control), ('u', unpack.unwrap_or(is_to_unpack))] {
            theirs.extend(said.then_some(letter));
        }
        if case.theirs.contains(EITHER) {
            theirs = theirs.trim_end_matches('u').to_owned() + &EITHER.to_string();
        }
        let read = said::read(&case.bytes);
        let ours = match &read {
            Ok(deb) => deb.members.iter().map(|member| member.path.escape_ascii().to_string()).collect::<Vec<_>>().join(" "),
            Err(error) => said::short(error),
        };
        if let Ok(deb) = &read {
            let lines: Vec<String> = deb.members.iter().map(said::line).collect();
            let name = case.name;
            for (sound, what) in [
                (Some(lines) == contents, "listed otherwise by tar"),
                (theirs == "ceu" || NEED_A_SYSTEM.contains(&name), "accepted, but not by all of dpkg"),
                (name.starts_with("accept_") || name.starts_with("iffy_"), "accepted"),
            ] {
                if !sound {
                    wrong.push(format!("{name}: {what}: {theirs} {contents:?}"));
                }
            }
        } else if case.name.starts_with("accept_") {
            wrong.push(format!("{}: {ours}", case.name));
        }
        if ours != case.ours || theirs != case.theirs {
            wrong.push(format!("{}\n  ours   {ours}\n  table  {}\n  theirs {theirs}, table {}", case.name, case.ours, case.theirs));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let names: HashSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 60, "{}", cases.len());
    let count = |start: &str| cases.iter().filter(|case| case.name.starts_with(start)).count();
    let counts = ["accept_", "iffy_", "reject_", "malicious_"].map(count);
    assert_eq!(counts.iter().sum::<usize>(), cases.len());
    eprintln!("{} packages: {counts:?} accept, iffy, reject, malicious", cases.len());
}
