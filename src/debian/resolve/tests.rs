use super::*;
use crate::debian::{package::Package, preferences, stanzas, status};

/// Stanzas from lines such as `a 1 Depends: b, c; Provides: d`.
fn text(lines: &[&str], status: &str) -> String {
    let stanza = |line: &&str| {
        let (name, rest) = line.split_once(' ').unwrap();
        let (version, fields) = rest.split_once(' ').unwrap_or((rest, ""));
        let fields: String = fields.split(';').map(|field| format!("{}\n", field.trim())).collect();
        format!("Package: {name}\nVersion: {version}\nArchitecture: arm64\n{status}{}\n", fields.trim_start_matches('\n'))
    };
    lines.iter().map(stanza).collect()
}

/// What is done, as words: `+new 1`, `^upgraded 2`, `-removed`; or why not.
fn answer(archive: &[&str], installed: &[&str], request: &[&str], recommends: bool) -> Result<String, String> {
    let (archive, installed) = (text(archive, ""), text(installed, "Status: install ok installed\n"));
    let mut universe = Universe::new("arm64");
    for stanza in stanzas(&archive) {
        universe.offer(Package::new(&stanza.unwrap()).unwrap(), preferences::OFFERED);
    }
    for record in status::installed(&installed).unwrap() {
        universe.install(record.package, preferences::INSTALLED, record.is_held);
    }
    let solution = resolve(&universe, &Request { install: request.to_vec(), recommends, ..Request::default() })
        .map_err(|reason| reason.to_string())?;
    let word = |mark: &str, id: PackageId| format!("{mark}{} {}", universe.package(id).name, universe.package(id).version);
    let new = solution.install.iter().map(|id| word("+", *id));
    let upgraded = solution.upgrade.iter().map(|(_, id)| word("^", *id));
    let gone = solution.remove.iter().map(|id| format!("-{}", universe.package(*id).name));
    Ok(new.chain(upgraded).chain(gone).collect::<Vec<_>>().join(", "))
}

fn done(archive: &[&str], installed: &[&str], request: &[&str]) -> String {
    answer(archive, installed, request, false).unwrap()
}

#[test]
fn what_is_needed_comes_along() {
    let archive = ["a 1 Depends: b (>= 2), c | d; Recommends: r", "b 2 Pre-Depends: e", "c 1", "d 1", "e 1", "r 1", "b 1"];
    assert_eq!(done(&archive, &[], &["a"]), "+a 1, +b 2, +c 1, +e 1");
    assert_eq!(done(&archive, &["d 1"], &["a"]), "+a 1, +b 2, +e 1", "what is there will do");
    assert_eq!(answer(&archive, &[], &["a"], true).unwrap(), "+a 1, +b 2, +c 1, +e 1, +r 1");
    assert_eq!(done(&archive, &["a 1", "b 2", "c 1", "e 1"], &["a"]), "");
    assert_eq!(done(&archive, &["b 1"], &["a"]), "+a 1, +c 1, +e 1, ^b 2", "an upgrade that the request needs");
    // Circles end.
    assert_eq!(done(&["a 1 Depends: b", "b 1 Depends: a"], &[], &["b"]), "+a 1, +b 1");
}

#[test]
fn what_was_recommended_before_and_is_missing_is_not_wanted() {
    let archive = ["a 2 Recommends: r, s | t (>= 2), n", "r 1", "s 1", "t 2", "n 1"];
    let with = |installed: &[&str]| answer(&archive, installed, &["a"], true).unwrap();
    assert_eq!(with(&["a 2 Recommends: r, s | t (>= 2), n"]), "", "nor if it is asked for what is there");
    assert_eq!(with(&["a 1 Recommends: r, s"]), "+n 1, ^a 2", "what is new is looked for");
    assert_eq!(with(&["a 1 Recommends: r | x, x | s, n", "x 1"]), "+r 1, +s 1, ^a 2", "and what was met in another way");
    assert_eq!(with(&["a 1 Suggests: r, s, n"]), "+n 1, +r 1, +s 1, ^a 2", "a suggestion was nothing");
}

#[test]
fn names_that_are_provided() {
    let archive = [
        "mta 1 Provides: agent (= 3)",
        "other 1 Provides: agent",
        "a 1 Depends: agent",
        "b 1 Depends: agent (>= 2)",
        "one 1 Provides: single",
    ];
    assert_eq!(done(&archive, &[], &["b"]), "+b 1, +mta 1");
    assert_eq!(done(&archive, &["other 1 Provides: agent"], &["a"]), "+a 1");
    assert_eq!(done(&archive, &[], &["single"]), "+one 1");
    let said = answer(&archive, &[], &["agent"], false).unwrap_err();
    assert!(said.contains("`agent` is no package") && said.contains("`mta` or `other`"), "{said}");
}

#[test]
fn the_more_important_provider_is_taken() {
    let archive = [
        "x 1 Provides: v; Priority: optional",
        "y 1 Provides: v; Priority: standard",
        "z 1 Provides: v; Priority: optional",
        "a 1 Depends: v",
    ];
    assert_eq!(done(&archive, &[], &["a"]), "+a 1, +y 1");
    assert_eq!(done(&archive, &[], &["a", "z"]), "+a 1, +z 1", "what is requested is there first");
}

#[test]
fn what_cannot_stand_beside_it_gives_way() {
    let archive = [
        "a 1 Conflicts: b",
        "b 1",
        "c 1 Breaks: d (<< 2)",
        "d 2",
        "e 1 Provides: mta; Conflicts: mta",
        "f 1 Provides: mta; Conflicts: mta",
    ];
    assert_eq!(done(&archive, &["b 1"], &["a"]), "+a 1, -b");
    assert_eq!(done(&archive, &["d 1"], &["c"]), "+c 1, ^d 2");
    assert_eq!(done(&archive, &["f 1 Provides: mta; Conflicts: mta"], &["e"]), "+e 1, -f");
    assert!(answer(&archive, &["b 1 Essential: yes"], &["a"], false).unwrap_err().contains("must not be removed"));
    assert!(answer(&archive, &[], &["a", "b"], false).unwrap_err().contains("beside"), "both were asked for");
    let said = answer(&archive, &["b 1", "z 1 Depends: b"], &["a"], false).unwrap_err();
    assert!(said.contains("z 1 needs b"), "nobody is left without what it needs: {said}");
}

#[test]
fn what_is_built_together_is_upgraded_together() {
    let archive = ["perl 2 Depends: base (= 2)", "base 2 Source: perl", "modules 2 Source: perl", "user 1 Depends: perl"];
    let installed = ["base 1 Source: perl", "modules 1 Source: perl"];
    assert_eq!(done(&archive, &installed, &["user"]), "+perl 2, +user 1, ^base 2, ^modules 2");
    // What needs the old version exactly goes along, or nothing goes.
    let archive = ["lib 2", "tool 2 Depends: lib (= 2)", "new 1 Depends: lib (>= 2)"];
    assert_eq!(done(&archive, &["lib 1", "tool 1 Depends: lib (= 1)"], &["new"]), "+new 1, ^lib 2, ^tool 2");
}

#[test]
fn another_way_is_tried_and_what_is_left_of_the_first_is_forgotten() {
    let archive = ["a 1 Depends: b | c", "b 1 Depends: x, missing", "x 1", "c 1"];
    assert_eq!(done(&archive, &[], &["a"]), "+a 1, +c 1");
}

#[test]
fn the_way_to_what_is_missing_is_told() {
    let archive = ["glusterfs-server 11 Depends: glusterfs-common", "glusterfs-common 11 Depends: liburcu8 (>= 0.13)", "liburcu8 0.12"];
    let said = answer(&archive, &[], &["glusterfs-server"], false).unwrap_err();
    let expected =
        "glusterfs-server 11 needs glusterfs-common; glusterfs-common 11 needs liburcu8 (>= 0.13); only liburcu8 0.12 can be had";
    assert_eq!(said, expected);
    assert_eq!(answer(&archive, &[], &["nothing"], false).unwrap_err(), "no archive has the package `nothing`");
}

#[test]
fn what_is_held_stays() {
    let archive = text(&["a 1 Depends: b (>= 2)", "b 2"], "");
    let installed = text(&["b 1"], "Status: hold ok installed\n");
    let mut universe = Universe::new("arm64");
    for stanza in stanzas(&archive) {
        universe.offer(Package::new(&stanza.unwrap()).unwrap(), preferences::OFFERED);
    }
    for record in status::installed(&installed).unwrap() {
        universe.install(record.package, preferences::INSTALLED, record.is_held);
    }
    let said = resolve(&universe, &Request { install: vec!["a"], ..Request::default() }).unwrap_err().to_string();
    assert!(said.contains("a 1 needs b (>= 2); only b 1 can be had"), "{said}");
}

#[test]
fn what_is_removed_takes_along_what_only_it_needed() {
    let removed = |installed: &[&str], auto: &[&str], request: &[&str], install: &[&str]| -> Result<String, String> {
        let (archive, installed) = (text(&["new 1", "shared 2"], ""), text(installed, "Status: install ok installed\n"));
        let mut universe = Universe::new("arm64");
        for stanza in stanzas(&archive) {
            universe.offer(Package::new(&stanza.unwrap()).unwrap(), preferences::OFFERED);
        }
        for record in status::installed(&installed).unwrap() {
            universe.install(record.package, preferences::INSTALLED, record.is_held);
        }
        for name in auto {
            universe.mark_auto(universe.find(name).unwrap());
        }
        let request = Request { install: install.to_vec(), remove: request.to_vec(), recommends: false };
        let solution = resolve(&universe, &request).map_err(|reason| reason.to_string())?;
        let names = |list: &[PackageId]| list.iter().map(|id| universe.package(*id).name).collect::<Vec<_>>().join(" ");
        Ok([&solution.remove, &solution.orphaned, &solution.install].map(|list| names(list)).join(", "))
    };
    let installed = [
        "app 1 Depends: lib, shared; Suggests: extra",
        "lib 1 Depends: deep",
        "deep 1",
        "shared 1",
        "other 1 Recommends: shared",
        "extra 1",
        "old 1",
        "base 1 Essential: yes",
        "by-hand 1",
    ];
    let auto = ["lib", "deep", "shared", "extra", "old"];
    assert_eq!(removed(&installed, &auto, &["app"], &[]).unwrap(), "app, deep extra lib, ");
    assert_eq!(removed(&installed, &auto, &["app"], &["new"]).unwrap(), "app, deep extra lib, new");
    assert_eq!(removed(&installed, &auto, &["by-hand"], &[]).unwrap(), "by-hand, , ", "old was garbage before, and stays");
    let said = removed(&installed, &auto, &["lib"], &[]).unwrap_err();
    assert!(said.contains("app 1 needs lib"), "{said}");
    assert!(removed(&installed, &auto, &["base"], &[]).unwrap_err().contains("no system works without it"));
    assert!(removed(&installed, &auto, &["nothing"], &[]).unwrap_err().contains("is not installed"));
    assert!(removed(&installed, &auto, &["shared"], &["shared"]).is_err(), "to go and to come");
}

#[test]
fn a_broken_system_is_told() {
    let said = answer(&["a 1"], &["b 1 Depends: c"], &["a"], false).unwrap_err();
    assert!(said.contains("what is installed does not fit together: b 1 needs c"), "{said}");
}

#[test]
fn long_chains_end() {
    let lines: Vec<String> = (0..3000).map(|number| format!("p{number} 1 Depends: p{}", number + 1)).collect();
    let archive: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(answer(&archive, &[], &["p0"], false).unwrap_err().contains("longer than"));
}
