use super::*;
use crate::{
    lock::file::FORMAT,
    profile::{ExtraSource, Packages},
};

fn package(name: &str, version: &str) -> LockedPackage {
    LockedPackage {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: "arm64".to_owned(),
        replaces: None,
        asked: true,
        archive: 0,
        path: format!("pool/{name}.deb"),
        size: 100,
        sha256: Sum([7; 32]),
        growth: 4,
    }
}

fn lock(packages: &[(&str, &str)]) -> Lock {
    let archive = LockedArchive {
        uri: "http://archive.example/debian".to_owned(),
        suite: "bookworm".to_owned(),
        codename: Some("bookworm".to_owned()),
        date: 1_700_000_000,
        release: Sum([1; 32]),
        keys: vec!["AB".repeat(20)],
        indices: vec![LockedIndex { path: "main/binary-arm64/Packages.xz".to_owned(), size: 9, sha256: Sum([2; 32]) }],
    };
    Lock {
        version: FORMAT,
        epoch: 1_700_000_001,
        base: LockedBase {
            name: "a.img".to_owned(),
            architecture: "arm64".to_owned(),
            image: Sum([9; 32]),
            sha256: Some(Sum([3; 32])),
            packages: None,
        },
        asked: Asked { install: vec!["a".to_owned()], ..Asked::default() },
        archives: vec![archive],
        packages: packages.iter().map(|(name, version)| package(name, version)).collect(),
        remove: vec![LockedRemoval {
            name: "gone".to_owned(),
            version: "1".to_owned(),
            architecture: "all".to_owned(),
            orphan: true,
            size: 1,
        }],
    }
}

#[test]
fn a_lock_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.lock");
    assert!(Lock::load(&path).unwrap().is_none());
    let lock = lock(&[("a", "1:2.0-3+b1"), ("b", "1")]);
    lock.save(&path).unwrap();
    assert_eq!(Lock::load(&path).unwrap().as_ref(), Some(&lock));
    assert_eq!(std::fs::read(&path).unwrap(), lock.to_json());
    assert_eq!((lock.download_size(), lock.growth()), (200, 7 << 10));
    let wanted = &lock.wanted()[0];
    assert_eq!(wanted.file_name(), "a_1%3a2.0-3+b1_arm64.deb");
    assert_eq!(wanted.place.to_string(), "http://archive.example/debian bookworm");
}

#[test]
fn what_no_lock_says_is_refused() {
    let load = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        std::fs::write(&path, text).unwrap();
        Lock::load(&path).map(drop).map_err(|error| error.to_string())
    };
    let text = String::from_utf8(lock(&[("a", "1"), ("b", "2")]).to_json()).unwrap();
    assert_eq!(load(&text), Ok(()));
    for (from, to, reason) in [
        ("\"version\": 1,\n  \"epoch\"", "\"version\": 2,\n  \"epoch\"", "has format 2"),
        ("\"version\": 1,\n  \"epoch\"", "\"epoch\"", "it has no `version`"),
        ("\"epoch\": 1700000001", "\"epoch\": -1", "no time of a build"),
        ("\"epoch\"", "\"epoque\"", "line 3 column"),
        ("\"b\"", "\"a\"", "stands there twice"),
        ("\"b\"", "\"gone\"", "stands there twice"),
        ("\"b\"", "\"../b\"", "no name of a package"),
        ("pool/b.deb", "../b.deb", "does not lead below an archive"),
        ("pool/b.deb", "/b.deb", "does not lead below an archive"),
        ("pool/b.deb", "pool//b.deb?x", "does not lead below an archive"),
        ("\"archive\": 0", "\"archive\": 1", "comes from archive 1, and there are 1"),
        ("http://archive.example", "file://archive.example", "address or suite"),
        ("http://archive.example", "http://me:canary@archive.example", "address or suite"),
        ("archive.example/debian", "archive.example/debian?canary", "address or suite"),
        ("070707070707", "07", "64 hexadecimal digits"),
        ("\"sha256\": \"03", "\"packages\": \"03", "expected a map"),
        ("  ]\n}\n", "  ]\n", "EOF"),
    ] {
        assert!(text.contains(from), "{from}");
        let said = load(&text.replacen(from, to, 1)).unwrap_err();
        assert!(said.contains(reason) && !said.contains("canary"), "{from} -> {to}: {said}");
    }
}

#[test]
fn changes_are_told_by_name() {
    let (old, mut new) = (lock(&[("a", "1"), ("b", "1"), ("c", "1")]), lock(&[("a", "1"), ("b", "2"), ("d", "1")]));
    new.remove[0].name = "other".to_owned();
    let said = Changes::between(Some(&old), &new).to_string();
    assert_eq!(said, "+ d 1\n~ b 1 -> 2\n- c 1 (no longer added)\n- other (of the base)\n= gone (of the base, stays now)\n");
    let mut other = lock(&[("a", "1"), ("b", "1"), ("c", "1")]);
    other.packages[1].sha256 = Sum([8; 32]);
    assert_eq!(Changes::between(Some(&old), &other).to_string(), "! b 1 (another file of the same version)\n");
    assert!(Changes::between(Some(&old), &old).is_empty());
    assert_eq!(Changes::between(None, &old).added.len(), 3);
}

#[test]
fn a_lock_fits_what_it_was_made_for() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let source = ExtraSource {
        uri: "http://b.example".to_owned(),
        suite: "x".to_owned(),
        components: list(&["main"]),
        key: "key".to_owned(),
        expired: false,
        armv6: false,
        line: 4,
    };
    let packages = Packages { install: list(&["a", "b"]), sources: vec![source], ..Packages::default() };
    let asked = Asked::of(&packages);
    let difference = |change: &dyn Fn(&mut Packages)| {
        let mut other = packages.clone();
        change(&mut other);
        asked.difference(&other).unwrap_or_default()
    };
    assert_eq!(difference(&|packages| packages.sources[0].line = 9), "", "where it stands does not count");
    assert_eq!(difference(&|packages| packages.expired = list(&["http://c.example"])), "", "a permission changes nothing");
    assert!(difference(&|packages| packages.install = list(&["b", "c"])).ends_with("is now with c and without a"));
    assert!(difference(&|packages| packages.install = list(&["b", "a"])).ends_with("in another order"));
    assert!(difference(&|packages| packages.remove = list(&["z"])).starts_with("`packages.remove` of the profile is now with z"));
    assert!(difference(&|packages| packages.recommends = true).ends_with("now true"));
    assert!(difference(&|packages| packages.sources[0].key = "other".to_owned()).contains("sources"));
}

#[test]
fn bases_are_compared_by_what_they_are_made_of() {
    let made = |packages: &[(&str, &str)]| LockedBase {
        name: "debian:bookworm".to_owned(),
        architecture: "arm64".to_owned(),
        image: Sum([9; 32]),
        sha256: None,
        packages: Some(packages.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()),
    };
    let old = made(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]);
    let renamed = LockedBase { name: "other".to_owned(), image: Sum([8; 32]), ..old.clone() };
    assert_eq!(old.difference(&renamed), None, "a name is only a name, and a base that is made again has other bytes");
    let new = made(&[("a", "2"), ("d", "1"), ("e", "1"), ("f", "1")]);
    assert_eq!(old.difference(&new).as_deref(), Some("a is 2, not 1, b is missing, c is missing, and 2 more"));
    let image = LockedBase { sha256: Some(Sum([3; 32])), packages: None, ..old.clone() };
    assert!(old.difference(&image).is_some() && image.difference(&image).is_none());
    assert!(image.difference(&LockedBase { sha256: Some(Sum([4; 32])), ..image.clone() }).is_some());
    assert!(old.difference(&LockedBase { architecture: "armhf".to_owned(), ..old.clone() }).is_some());
}
