//! Archives as they are made by honest people, in all forms.

use std::fs;

use crate::{
    archive::{Archive, Packing, Signing, hex},
    bench::{Bench, names, source},
    kit::{Certificate, MALLORY, armored},
    package::Package,
    site::Site,
    support::is_root,
};

/// Locks `alpha`, once and again: the lock is right, and stays as it is.
fn works(name: &str, archive: &Archive) -> (Bench, Site) {
    let (bench, site) = (Bench::new(), Site::new(archive.files()));
    bench.wants(&["alpha"], &site, "");
    let lock = bench.locks(&[]);
    assert_eq!(names(&lock), ["alpha 1.0-1", "beta 2.0"], "{name}");
    for package in lock["packages"].as_array().unwrap() {
        let own = archive.packages.iter().find(|own| own.name == package["name"]).unwrap();
        assert_eq!(package["sha256"], hex(&own.deb), "{name}");
        assert_eq!(package["size"], own.deb.len(), "{name}");
        assert_eq!(package["architecture"], own.architecture, "{name}");
    }
    let first = bench.locked().unwrap();
    for options in [&[][..], &["--update"], &["--offline"]] {
        bench.locks(options);
        assert!(bench.locked().unwrap() == first, "{name}: {options:?} changes the lock of an archive that did not change");
    }
    assert!(!site.asked().iter().any(|path| path.ends_with(".deb")), "{name}: a lock needs no packages");
    (bench, site)
}

#[test]
fn archives_of_all_forms() {
    if !is_root() {
        return;
    }
    let good = Archive::new();
    let (_, site) = works("by hash", &good);
    let asked = site.asked();
    assert!(
        asked.iter().any(|path| path.contains("/by-hash/SHA256/")) && !asked.iter().any(|path| path.ends_with("/Packages.xz")),
        "{asked:?}"
    );
    works("by name, as it says", &Archive { by_hash: false, fields: "Acquire-By-Hash: no\n".to_owned(), ..good.clone() });
    works("by name", &Archive { by_hash: false, ..good.clone() });
    let promised = Archive { by_hash: true, ..good.clone() };
    let (bench, site) = works("by hash, and by name where a mirror lacks that", &promised);
    std::fs::remove_dir_all(bench.path("cache")).unwrap();
    let mut files = promised.files();
    files.retain(|path, _| !path.contains("by-hash"));
    site.offer(files, None);
    bench.locks(&["--update"]);
    works("Release and Release.gpg", &Archive { signing: Signing::Beside, ..good.clone() });
    works("gzip only", &Archive { packings: vec![Packing::Gzip], ..good.clone() });
    works("xz only", &Archive { packings: vec![Packing::Xz], listed: vec![], ..good.clone() });
    works("not packed", &Archive { packings: vec![Packing::Plain], listed: vec![], ..good.clone() });
    works("not packed, by name", &Archive { packings: vec![Packing::Plain], listed: vec![], by_hash: false, ..good.clone() });
    works("without an end", &Archive { valid_until: None, ..good.clone() });
    works("by suite", &Archive { suite: "bookworm", codename: "x", ..good.clone() });
    works("signed by the primary key", &Archive { made: crate::kit::Made { by_primary: true, ..Default::default() }, ..good });
}

#[test]
fn keys_and_sources_of_the_image() {
    if !is_root() {
        return;
    }
    let site = Site::new(Archive::new().files());
    let (uri, key) = (site.uri(), crate::kit::ALICE.certificate(&Certificate::default()));
    let forms: [(&str, String, &str); 4] = [
        ("sources.list", format!("deb [signed-by=/usr/share/keyrings/test.gpg] {uri} bookworm main\n"), "usr/share/keyrings/test.gpg"),
        (
            "sources.list.d/test.sources",
            format!("Types: deb\nURIs: {uri}/\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/test.gpg\n"),
            "usr/share/keyrings/test.gpg",
        ),
        ("sources.list.d/test.list", format!("deb {uri} stable main\n"), "etc/apt/trusted.gpg.d/test.gpg"),
        ("sources.list", format!("deb {uri}/ bookworm main\n"), "etc/apt/trusted.gpg"),
    ];
    for (file, text, keyring) in forms {
        let mut files = Archive::new().files();
        files.extend(Archive { folder: "stable", ..Archive::new() }.files());
        site.offer(files, None);
        let bench = Bench::with_image(|root| {
            fs::create_dir_all(root.join(keyring).parent().unwrap()).unwrap();
            fs::write(root.join(keyring), &key).unwrap();
            fs::write(root.join("etc/apt").join(file), &text).unwrap();
        });
        bench.profile("  install: [alpha]\n");
        assert_eq!(names(&bench.locks(&[])), ["alpha 1.0-1", "beta 2.0"], "{file}: {text}");
    }
}

#[test]
fn two_sources_and_a_preference() {
    if !is_root() {
        return;
    }
    let mine = Archive { packages: vec![Package::new("alpha", "2.0")], owner: &MALLORY, ..Archive::new() };
    let (one, other) = (Site::new(Archive::new().files()), Site::new(mine.files()));
    let pinned = Bench::with_image(|root| {
        fs::create_dir_all(root.join("etc/apt/preferences.d")).unwrap();
        fs::write(root.join("etc/apt/preferences.d/pin"), "Package: alpha\nPin: version 1.*\nPin-Priority: 900\n").unwrap();
    });
    for (bench, expected) in [(Bench::new(), vec!["alpha 2.0"]), (pinned, vec!["alpha 1.0-1", "beta 2.0"])] {
        bench.key("other.gpg", armored("PUBLIC KEY BLOCK", &MALLORY.certificate(&Certificate::default())).as_bytes());
        let sources = source(&one.uri(), "bookworm", "main", "key.asc", "") + &source(&other.uri(), "bookworm", "main", "other.gpg", "");
        bench.profile(&format!("  install: [alpha]\n  sources:\n{sources}"));
        assert_eq!(names(&bench.locks(&[])), expected);
    }
}

#[test]
fn a_newer_package_comes_with_an_update_only() {
    if !is_root() {
        return;
    }
    let (bench, site) = (Bench::new(), Site::new(Archive::of_yesterday().files()));
    bench.wants(&["alpha"], &site, "");
    assert_eq!(names(&bench.locks(&[])), ["alpha 0.9-1", "beta 2.0"]);
    let first = bench.locked().unwrap();
    site.offer(Archive::new().files(), None);
    bench.locks(&[]);
    assert!(bench.locked().unwrap() == first, "a lock moves by --update only");
    assert_eq!(names(&bench.locks(&["--update"])), ["alpha 1.0-1", "beta 2.0"]);
}

#[test]
fn a_bundle_has_the_packages() {
    if !is_root() {
        return;
    }
    let (bench, site) = (Bench::new(), Site::new(Archive::new().files()));
    bench.wants(&["alpha"], &site, "");
    bench.locks(&["--bundle", "bundle"]);
    let mut found = Vec::new();
    let mut folders = vec![bench.path("bundle")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(fs::read(entry.path()).unwrap());
            }
        }
    }
    assert!(Archive::new().packages.iter().all(|package| found.contains(&package.deb)));
}
