//! What is asked of an honest archive: what can be had, and what cannot, and why.

use crate::{
    archive::Archive,
    bench::{Bench, names},
    package::Package,
    site::Site,
    support::is_root,
};

fn archive(packages: Vec<Package>) -> Archive {
    Archive { packages, ..Archive::new() }
}

fn package(name: &str, version: &str, depends: &str) -> Package {
    Package::new(name, version).with("Depends", depends)
}

#[test]
fn relations_of_all_kinds() {
    if !is_root() {
        return;
    }
    let cases = [
        ("circle", vec![package("alpha", "1", "beta"), package("beta", "1", "alpha")], vec!["alpha 1", "beta 1"]),
        ("virtual", vec![package("alpha", "1", "mail"), Package::new("beta", "1").with("Provides", "mail")], vec!["alpha 1", "beta 1"]),
        (
            "versioned provides",
            vec![
                package("alpha", "1", "mail (>= 2)"),
                Package::new("beta", "1").with("Provides", "mail (= 1)"),
                Package::new("gamma", "1").with("Provides", "mail (= 2)"),
            ],
            vec!["alpha 1", "gamma 1"],
        ),
        ("alternatives", vec![package("alpha", "1", "none | beta"), Package::new("beta", "1")], vec!["alpha 1", "beta 1"]),
        (
            "newest version",
            vec![Package::new("alpha", "1"), Package::new("alpha", "1.10"), Package::new("alpha", "1.9")],
            vec!["alpha 1.10"],
        ),
        ("for all architectures", vec![Package::of("alpha", "1", "all")], vec!["alpha 1"]),
        ("installed already", vec![package("alpha", "1", "dpkg (>= 1:2)")], vec!["alpha 1"]),
    ];
    for (name, packages, expected) in cases {
        let (bench, site) = (Bench::new(), Site::new(archive(packages).files()));
        bench.wants(&["alpha"], &site, "");
        assert_eq!(names(&bench.locks(&[])), expected, "{name}");
    }
}

#[test]
fn what_cannot_be_had() {
    if !is_root() {
        return;
    }
    let cases: [(&str, Vec<Package>, &[&str]); 6] = [
        ("unknown", vec![Package::new("beta", "1")], &["alpha"]),
        ("nothing in the index", vec![], &["alpha"]),
        ("for another architecture", vec![Package::of("alpha", "1", "armhf")], &["alpha"]),
        ("needs what nobody has", vec![package("alpha", "1", "beta"), package("beta", "1", "gamma (>= 3)")], &["alpha", "beta", "gamma"]),
        (
            "conflict",
            vec![package("alpha", "1", "beta, gamma"), Package::new("beta", "1"), Package::new("gamma", "1").with("Conflicts", "beta")],
            &["alpha", "beta", "gamma"],
        ),
        ("too new for what is installed", vec![package("alpha", "1", "dpkg (>= 2:1)")], &["alpha", "dpkg"]),
    ];
    for (name, packages, words) in cases {
        let mut with_other = Archive { architectures: vec!["arm64"], ..archive(packages) };
        // An index may have packages of other architectures, by mistake or on purpose.
        let text: String = with_other.packages.iter().map(Package::stanza).collect();
        with_other.packages.retain(|package| package.architecture == "arm64");
        let (bench, site) = (Bench::new(), Site::new(with_other.with_index(text)));
        bench.wants(&["alpha"], &site, "");
        let said = bench.refusal(2, "", &[]).unwrap_or_else(|text| panic!("{name}: {text}"));
        assert!(words.iter().all(|word| said.text.contains(word)), "{name}: the chain is told: {}", said.text);
    }
}
