//! `packages:`: what is accepted, and each mistake with its place.

use super::support::{check, good};

const REST: &str =
    "base: debian:bookworm\nnetwork: {subnet: 192.168.2.0/24, gateway: 192.168.2.1}\nnodes: [{name: a, address: 192.168.2.5}]\n";
const KEY: &str = "|\n        -----BEGIN PGP PUBLIC KEY BLOCK-----\n        x\n        -----END PGP PUBLIC KEY BLOCK-----\n";

#[test]
fn everything_said_of_packages_is_kept() {
    let text = format!(
        "{REST}packages:\n  install: [glusterfs-server, g++]\n  remove: triggerhappy\n  hold: [linux-image-arm64]\n  recommends: true\n\
         \x20 sources:\n    - uri: https://packages.example.org/debian/\n      suite: bookworm\n      components: [main, x/y]\n      \
         expired: true\n      armv6: true\n      key: {KEY}    - {{uri: http://flat.example.org, suite: ./, key: '-----BEGIN PGP PUBLIC KEY \
         BLOCK-----'}}\n  expired: [http://legacy.example.org/raspbian/]\n"
    );
    let packages = good(&text).packages;
    assert_eq!(packages.install, ["glusterfs-server", "g++"]);
    assert_eq!(
        (packages.remove, packages.hold, packages.recommends),
        (vec!["triggerhappy".into()], Some(vec!["linux-image-arm64".into()]), true)
    );
    let source = &packages.sources[0];
    assert_eq!((source.uri.as_str(), source.suite.as_str(), source.line), ("https://packages.example.org/debian", "bookworm", 10));
    assert_eq!((source.components.as_slice(), source.expired, source.armv6), (["main".into(), "x/y".into()].as_slice(), true, true));
    assert!(source.key.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n"));
    assert!(packages.sources[1].components.is_empty() && !packages.sources[1].expired);
    assert_eq!(packages.expired, ["http://legacy.example.org/raspbian"]);
    assert!(good(REST).packages.is_empty());
}

#[test]
fn what_is_on_hold_is_the_pools_unless_the_profile_says_so() {
    let held = |text: &str| good(&format!("{REST}packages:\n  install: rsync\n{text}")).packages.held();
    assert_eq!(held(""), ["glusterfs*"]);
    assert_eq!(held("  hold: rsync\n"), ["rsync"]);
    assert!(held("  hold: []\n").is_empty());
}

/// The codes and lines of all problems of `packages:`.
fn problems(packages: &str) -> Vec<(String, usize)> {
    let errors = check(&format!("{REST}packages:\n{packages}")).unwrap_err();
    let problems = errors.report().problems().iter();
    problems.map(|problem| (problem.code.as_str().to_owned(), problem.line() - 4)).collect()
}

#[test]
fn wrong_names_are_told() {
    let found = problems("  install:\n    - -apache2\n    - rsync=3.2\n    - a b\n    - rsync\n    - rsync\n  remove: rsync\n");
    let expected: Vec<_> = [2, 3, 4, 6, 7].map(|line| ("package".to_owned(), line)).into();
    assert_eq!(found, expected);
}

#[test]
fn wrong_sources_are_told() {
    let source = |text: &str| problems(&format!("  sources:\n    - {{{text}}}\n")).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    let key = "key: '-----BEGIN PGP PUBLIC KEY BLOCK-----'";
    for (text, codes) in [
        ("suite: x, components: main, key: x".to_owned(), vec!["missing-key", "source-key"]),
        ("uri: http://a.example, suite: x, components: main".to_owned(), vec!["missing-key"]),
        (format!("uri: 'ftp://a.example', suite: x, components: main, {key}"), vec!["source"]),
        (format!("uri: 'http://me:word@a.example', suite: x, components: main, {key}"), vec!["source"]),
        (format!("uri: http://a.example, suite: ../x, components: main, {key}"), vec!["source"]),
        (format!("uri: http://a.example, suite: x, {key}"), vec!["source"]),
        (format!("uri: http://a.example, suite: x/, components: main, {key}"), vec!["source"]),
        ("uri: http://a.example, suite: x/, key: '-----BEGIN PGP PRIVATE KEY BLOCK-----'".to_owned(), vec!["private-key"]),
        (format!("uri: http://a.example, suite: x, components: main, trusted: true, {key}"), vec!["unknown-key"]),
    ] {
        assert_eq!(source(&text), codes, "{text}");
    }
    assert_eq!(problems("  expired: not an address\n"), [("source".to_owned(), 1)]);
}
