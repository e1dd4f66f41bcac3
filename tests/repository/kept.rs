//! What is kept between runs: without it, and with it changed by others.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    archive::Archive,
    bench::{Bench, names},
    site::Site,
    support::is_root,
};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.push(entry);
        }
    }
    found.sort();
    found
}

#[test]
fn without_network_and_without_cache() {
    if !is_root() {
        return;
    }
    let (bench, site) = (Bench::new(), Site::new(Archive::new().files()));
    bench.wants(&["alpha"], &site, "");
    let said = bench.refusal(2, "--offline", &["--offline"]).unwrap();
    assert!(said.text.contains(&site.uri()) && said.text.contains("bookworm"), "it names what is missing: {}", said.text);
    assert!(site.asked().is_empty());
    bench.locks(&[]);
    let asked = site.asked().len();
    let first = bench.locked().unwrap();
    bench.locks(&["--offline", "--update"]);
    assert_eq!(site.asked().len(), asked, "--offline asks nobody");
    assert!(bench.locked().unwrap() == first);
    let said = bench.refusal(2, "--offline", &["--offline", "--bundle", "bundle"]).unwrap();
    assert!(said.text.contains("alpha") || said.text.contains("beta"), "{}", said.text);
}

/// A way to change a file, by name.
type Change = (&'static str, fn(&mut Vec<u8>));

const CHANGES: [Change; 5] = [
    ("one bit", |bytes| {
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
    }),
    ("cut off", |bytes| bytes.truncate(bytes.len() / 2)),
    ("longer", |bytes| bytes.extend(b"\nPackage: evil\n")),
    ("empty", |bytes| bytes.clear()),
    ("another index", |bytes| {
        let mut archive = Archive::new();
        archive.packages[0] = crate::package::Package::new("alpha", "6.6");
        *bytes = archive.indices()["main/binary-arm64/Packages.xz"].clone();
    }),
];

/// Each file of the cache, changed in each way, is refused or got again, but never used.
#[test]
fn a_cache_that_somebody_changed() {
    if !is_root() {
        return;
    }
    let (bench, site) = (Bench::new(), Site::new(Archive::new().files()));
    bench.wants(&["alpha"], &site, "");
    bench.locks(&["--bundle", "bundle"]);
    let good = bench.locked().unwrap();
    let root = bench.path("cache");
    let kept: Vec<_> = files(&root).into_iter().filter(|path| !path.starts_with(root.join("locks"))).collect();
    assert!(kept.len() > 2, "{kept:?}");
    let backup: Vec<_> = kept.iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let mut wrong = Vec::new();
    for path in &kept {
        for (how, change) in CHANGES {
            let is_package = fs::read(path).unwrap().starts_with(b"!<arch>");
            let runs = if is_package {
                [&["--offline", "--bundle", "bundle"][..], &["--bundle", "bundle"]]
            } else {
                [&["--offline", "--update"][..], &["--update"]]
            };
            for options in runs {
                for (path, bytes) in &backup {
                    fs::write(path, bytes).unwrap();
                }
                let mut bytes = fs::read(path).unwrap();
                change(&mut bytes);
                fs::write(path, bytes).unwrap();
                let _ = fs::remove_dir_all(bench.path("bundle"));
                fs::write(bench.path("profile.lock"), &good).unwrap();
                let said = bench.lock(options);
                let name = format!("{}, {how}, {options:?}", path.strip_prefix(&root).unwrap().display());
                // Without the network it may be missed or refused; with it all must be well.
                let is_expected = match said.code {
                    Some(0) => true,
                    Some(2 | 3) => options.contains(&"--offline"),
                    _ => false,
                };
                if !is_expected {
                    wrong.push(format!("{name}: {:?}: {}", said.code, said.text));
                }
                if bench.locked().unwrap() != good {
                    wrong.push(format!("{name}: the lock changed: {}", said.text));
                }
                let is_deb = |path: &&PathBuf| path.extension().is_some_and(|end| end == "deb");
                let bundle: Vec<_> = files(&bench.path("bundle")).iter().filter(is_deb).map(|path| fs::read(path).unwrap()).collect();
                let debs = Archive::new().packages.into_iter().map(|package| package.deb);
                if said.code == Some(0) && options.contains(&"--bundle") && !debs.into_iter().all(|deb| bundle.contains(&deb)) {
                    wrong.push(format!("{name}: the bundle lacks a package"));
                }
                if bundle.iter().any(|bytes| !Archive::new().packages.iter().any(|own| own.deb == *bytes)) {
                    wrong.push(format!("{name}: the bundle has a wrong package"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is refused today leaves tomorrow's run as good as any.
#[test]
fn after_a_refusal_all_is_well_again() {
    if !is_root() {
        return;
    }
    let (bench, site) = (Bench::new(), Site::new(Archive::new().with_message(|text| format!("{text}x\n"))));
    bench.wants(&["alpha"], &site, "");
    bench.refusal(3, "behind", &[]).unwrap();
    site.offer(Archive::new().files(), None);
    assert_eq!(names(&bench.locks(&[])), ["alpha 1.0-1", "beta 2.0"]);
}

/// The lock is a file like any other, and people share it.
#[test]
fn a_lock_that_somebody_changed() {
    if !is_root() {
        return;
    }
    let (bench, site) = (Bench::new(), Site::new(Archive::new().files()));
    bench.wants(&["alpha"], &site, "");
    bench.locks(&[]);
    let good = String::from_utf8(bench.locked().unwrap()).unwrap();
    let digest = crate::archive::hex(&Archive::new().packages[0].deb);
    let path = Archive::new().packages[0].path();
    assert!(good.contains(&digest) && good.contains(&path), "{good}");
    let cases: [(&str, String, i32, &str); 8] = [
        ("another digest", good.replace(&digest, &"0".repeat(64)), 3, "is not the one that was locked"),
        ("a path that leads out", good.replace(&path, "../../../etc/passwd"), 4, "does not lead below"),
        ("a path with a query", good.replace(&path, "a?b"), 4, "does not lead below"),
        ("a name that is a path", good.replace("\"name\": \"alpha\"", "\"name\": \"../alpha\""), 4, "no name of a package"),
        ("an address of a file", good.replace(&site.uri(), "file:///etc"), 4, "address"),
        ("a newer format", good.replacen("\"version\": 1", "\"version\": 99", 1), 4, "format 99"),
        ("cut off", good[..good.len() / 2].to_owned(), 4, "cannot be used"),
        ("no JSON", "\0\0".to_owned(), 4, "cannot be used"),
    ];
    let mut wrong = Vec::new();
    for (name, lock, code, words) in cases {
        fs::write(bench.path("profile.lock"), lock).unwrap();
        // A package that is sound may be kept although another is not.
        let said = bench.lock(&["--bundle", "bundle"]);
        if said.code != Some(code) || !said.text.contains(words) || bench.path("bundle").exists() {
            wrong.push(format!("{name}: {:?}: {}", said.code, said.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
