//! Locks that meet an archive which has moved, and sources that meet each other.

use std::time::{Duration, Instant};

use pgp::crypto::hash::HashAlgorithm;

use crate::{
    archive::{Archive, Packing},
    bench::{Bench, names, source},
    kit::{ALICE, Certificate, armored},
    package::Package,
    site::Site,
    support::{is_root, program::ok},
};

fn archive(packages: Vec<Package>) -> Archive {
    Archive { packages, ..Archive::new() }
}

/// Two sources of one suite are one: they have the same files.
#[test]
fn sources_of_the_same_suite_come_together() {
    if !is_root() {
        return;
    }
    let components = vec!["main", "contrib"];
    let site = Site::new(Archive { components, ..Archive::new() }.files());
    let bench = Bench::new();
    let of = |components: &str| source(&site.uri(), "bookworm", components, "key.asc", "");
    bench.profile(&format!("  install: [alpha]\n  sources:\n{}{}", of("main"), of("main, contrib")));
    let begun = Instant::now();
    assert_eq!(names(&bench.locks(&[])), ["alpha 1.0-1", "beta 2.0"]);
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(site.asked().iter().filter(|path| path.ends_with("InRelease")).count(), 1);
    // With another key it is not the same.
    let other = ALICE.certificate(&Certificate { hash: HashAlgorithm::Sha256, ..Certificate::default() });
    bench.key("other.asc", armored("PUBLIC KEY BLOCK", &other).as_bytes());
    let sources = of("main") + &source(&site.uri(), "bookworm", "contrib", "other.asc", "");
    bench.profile(&format!("  install: [alpha]\n  sources:\n{sources}"));
    assert!(bench.lock(&["--update"]).text.contains("the same suite is bound to other keys in line"));
}

/// What the image has already may be of 2012; a key that is given today has no excuse.
#[test]
fn a_key_of_the_profile_is_not_bound_by_sha_1() {
    if !is_root() {
        return;
    }
    let site = Site::new(Archive::new().files());
    let bench = Bench::new();
    bench.wants(&["alpha"], &site, "");
    let weak = ALICE.certificate(&Certificate { hash: HashAlgorithm::Sha1, ..Certificate::default() });
    bench.key("key.asc", armored("PUBLIC KEY BLOCK", &weak).as_bytes());
    bench.refusal(3, "its signature cannot be trusted", &[]).unwrap();
}

#[test]
fn the_same_version_as_another_file_is_refused() {
    if !is_root() {
        return;
    }
    let first = || vec![Package::new("alpha", "1"), Package::new("beta", "1")];
    let (bench, site) = (Bench::new(), Site::new(archive(first()).files()));
    bench.wants(&["alpha"], &site, "");
    bench.locks(&[]);
    let mut second = first();
    second[0].deb = Package::new("alpha", "1.1").deb;
    site.offer(archive(second).files(), None);
    // A lock that has to move keeps what it can; this it cannot.
    bench.wants(&["alpha", "beta"], &site, "");
    let said = bench.refusal(3, "the package `alpha` 1 is another file now than the one that was locked", &[]).unwrap();
    assert!(said.text.contains("--update alpha"), "{}", said.text);
    let shown = ok(bench.berry().args(["lock", "profile.yaml", "--update", "alpha"]));
    assert!(shown.contains("! alpha 1 (another file of the same version)") && shown.contains("+ beta 1"), "{shown}");
}

/// Versions of a lock give way where they stand in the way, and only those.
#[test]
fn a_lock_gives_way_to_what_was_asked_for() {
    if !is_root() {
        return;
    }
    let version = |version: &str| {
        let alpha = Package::new("alpha", version).with("Depends", &format!("libalpha (= {version})"));
        let gamma = Package::new("gamma", version).with("Depends", &format!("libalpha (= {version})"));
        [alpha, gamma, Package::new("libalpha", version), Package::new("delta", version)]
    };
    let both = || [version("1"), version("2")].concat();
    let (bench, site) = (Bench::new(), Site::new(archive(version("1").to_vec()).files()));
    bench.wants(&["alpha", "delta"], &site, "");
    assert_eq!(names(&bench.locks(&[])), ["alpha 1", "delta 1", "libalpha 1"]);
    site.offer(archive(both()).files(), None);
    bench.locks(&[]);
    assert_eq!(names(&bench.locks(&["--update", "alpha"])), ["alpha 2", "delta 1", "libalpha 2"], "what it needs goes along");
    // Only version 2 of another package can be had, which needs what version 1 of the first does not go with.
    let gamma: Vec<_> = both().into_iter().filter(|package| package.name != "gamma" || package.version == "2").collect();
    site.offer(archive(version("1").to_vec()).files(), None);
    let bench = Bench::new();
    bench.wants(&["alpha", "delta"], &site, "");
    bench.locks(&[]);
    site.offer(archive(gamma).files(), None);
    bench.wants(&["alpha", "delta", "gamma"], &site, "");
    assert_eq!(names(&bench.locks(&[])), ["alpha 2", "delta 1", "gamma 2", "libalpha 2"]);
}

#[test]
fn what_is_held_must_be_there() {
    if !is_root() {
        return;
    }
    let site = Site::new(Archive::new().files());
    let bench = Bench::new();
    bench.wants(&["alpha"], &site, "");
    let profile = format!("  install: [alpha]\n  hold: [HELD]\n  sources:\n{}", source(&site.uri(), "bookworm", "main", "key.asc", ""));
    bench.profile(&profile.replace("HELD", "omega"));
    bench.refusal(2, "`omega` is to be held, but is neither installed nor comes", &[]).unwrap();
    bench.profile(&profile.replace("HELD", "beta"));
    assert_eq!(names(&bench.locks(&[])), ["alpha 1.0-1", "beta 2.0"]);
}

/// Each index is within its limit, and all together are not.
#[test]
fn many_large_indices_share_one_limit() {
    if !is_root() {
        return;
    }
    let packed = Packing::Xz.pack(&vec![b'\n'; 150 << 20]);
    let components = vec!["main", "b", "c", "d", "e", "f", "g", "h"];
    let archive = Archive { components: components.clone(), packings: vec![Packing::Xz], listed: vec![], ..Archive::new() };
    let large = |files: &mut crate::archive::Files| {
        for component in components.iter().skip(1) {
            files.insert(format!("{component}/binary-arm64/Packages.xz"), packed.clone());
        }
    };
    let site = Site::new(archive.tampered(large, |release| release));
    let bench = Bench::new();
    let all = components.join(", ");
    bench.profile(&format!("  install: [alpha]\n  sources:\n{}", source(&site.uri(), "bookworm", &all, "key.asc", "")));
    let before = bench.state();
    let said = bench.lock_within(300 << 20, 5, &[]);
    assert_eq!(said.code, Some(3), "{}", said.text);
    assert!(said.text.contains("the archives have more than 167772160 bytes of indices"), "{}", said.text);
    assert!(said.took.0 < 300.0 * 1024.0 && said.took.1 < 5.0, "{:?}", said.took);
    assert!(bench.state() == before, "something changed");
}

/// A flat archive as `dpkg-scanpackages .` makes it.
#[test]
fn names_that_begin_with_a_dot_are_those_below() {
    if !is_root() {
        return;
    }
    let good = Archive::new();
    let text: String = good.packages.iter().map(|package| package.stanza().replace("Filename: ", "Filename: ./")).collect();
    let (bench, site) = (Bench::new(), Site::new(good.with_index(text)));
    bench.wants(&["alpha"], &site, "");
    bench.locks(&["--bundle", "bundle"]);
    assert!(bench.path("bundle/alpha_1.0-1_arm64.deb").exists());
}
