//! Indices of packages that are not those which the `Release` lists, or are made to do harm.

use crate::{
    archive::{Archive, Files, Packing, by_hash},
    attack::{Attack, all_fail},
    bench::{Bench, names},
    package::Package,
    site::Site,
    support::server,
};

fn good() -> Archive {
    Archive { packings: vec![Packing::Xz], ..Archive::new() }
}

/// An archive whose `Release` says another size or digest of the packed index than it has.
fn lie(by_hash: bool, change: impl Fn(&str, usize) -> (String, usize)) -> Files {
    let archive = Archive { by_hash, ..good() };
    let (old, listed) = (archive.files(), archive.indices());
    let path = Archive::index_path(Packing::Xz);
    let mut files = archive.with_release(|text| {
        let line = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            if words.last() != Some(&path.as_str()) {
                return format!("{line}\n");
            }
            let (digest, size) = change(words[0], words[1].parse().unwrap());
            format!(" {digest} {size} {path}\n")
        };
        text.lines().map(line).collect()
    });
    // By whatever digest it is asked for, it gets this index.
    let digest = change(&crate::archive::hex(&listed[&path]), 0).0;
    files.insert(archive.path(&format!("main/binary-arm64/by-hash/SHA256/{digest}")), old[&archive.path(&path)].clone());
    files
}

/// A good archive, one of whose files has another content.
fn swapped(archive: &Archive, path: &str, content: Vec<u8>) -> Files {
    let mut files = archive.files();
    assert!(files.insert(archive.path(path), content).is_some(), "{path}");
    files
}

#[test]
fn another_index_than_the_one_that_is_listed() {
    let path = Archive::index_path(Packing::Xz);
    let index = good().indices()[&path].clone();
    let by_name = Archive { by_hash: false, ..good() };
    let other = Archive { packages: vec![Package::new("alpha", "6.6")], suite: "testing", codename: "trixie", ..good() };
    let others = other.indices()[&path].clone();
    let older = Archive::of_yesterday().indices()[&path].clone();
    let hashed = by_hash(&path, &index);
    let longer = [&index[..], b"more"].concat();
    let shorter = index[..index.len() - 4].to_vec();
    let mut flipped = index.clone();
    flipped[index.len() / 2] ^= 1;
    let name = "its indices did not fit its signed `Release` in 3 tries";
    let mut attacks = Vec::new();
    for (how, is_by_hash) in [("by hash", true), ("by name", false)] {
        let larger = lie(is_by_hash, |digest, size| (digest.to_owned(), size + 1));
        let smaller = lie(is_by_hash, |digest, size| (digest.to_owned(), size.saturating_sub(1)));
        let digest = lie(is_by_hash, |digest, size| (digest.replace('a', "b").replace('0', "1"), size));
        attacks.push(Attack::new(&format!("{how}: listed as larger"), name, larger));
        attacks.push(Attack::new(&format!("{how}: listed as smaller"), name, smaller));
        attacks.push(Attack::new(&format!("{how}: listed with another digest"), name, digest));
    }
    attacks.extend([
        Attack::new("an index of another suite", name, swapped(&by_name, &path, others.clone())),
        Attack::new("an index of another suite by hash", name, swapped(&good(), &hashed, others)),
        Attack::new("an old index that stays", name, swapped(&by_name, &path, older)),
        Attack::new("one bit", name, swapped(&by_name, &path, flipped)),
        Attack::new("longer", name, swapped(&by_name, &path, longer)),
        Attack::new("shorter", name, swapped(&by_name, &path, shorter)),
        Attack::new("empty", name, swapped(&by_name, &path, Vec::new())),
    ]);
    all_fail(&attacks);
}

/// A mirror that is being updated has an old index for a while: it is asked again.
#[test]
fn a_mirror_in_mid_sync_is_asked_again() {
    if !crate::support::is_root() {
        return;
    }
    let archive = Archive { by_hash: false, ..good() };
    let path = archive.path(&Archive::index_path(Packing::Xz));
    let older = Archive { packings: vec![Packing::Xz], ..Archive::of_yesterday() }.indices()[&Archive::index_path(Packing::Xz)].clone();
    let (bench, site) = (Bench::new(), Site::new(Files::new()));
    site.offer(
        archive.files(),
        Some(std::sync::Arc::new(move |asked, before| (asked == path && before == 0).then(|| server::whole(&older, older.len())))),
    );
    bench.wants(&["alpha"], &site, "");
    assert_eq!(names(&bench.locks(&[])), ["alpha 1.0-1", "beta 2.0"]);
}

#[test]
fn indices_that_are_missing_or_no_indices() {
    let path = Archive::index_path(Packing::Xz);
    let unlisted = Archive { packings: vec![], listed: vec![], ..good() }
        .with_release(|text| format!("{text} {} 0 main/x\n", crate::archive::hex(b"")));
    let mut absent = good().files();
    absent.retain(|path, _| !path.contains("Packages") && !path.contains("by-hash"));
    let repacked = |bytes: &[u8]| good().tampered(|indices| drop(indices.insert(path.clone(), bytes.to_owned())), |release| release);
    let evil = Archive { packages: vec![Package::new("alpha", "6.6")], ..good() }.indices()[&path].clone();
    all_fail(&[
        Attack::new("no index is listed", "no packages for arm64", unlisted).code(4),
        Attack::new("the index is not there", "404", absent).code(1),
        Attack::new(
            "one bit of the packed index, listed so",
            "Packages.xz",
            repacked(&{
                let mut index = good().indices()[&path].clone();
                let middle = index.len() / 2;
                index[middle] ^= 1;
                index
            }),
        ),
        Attack::new("no xz in Packages.xz, listed so", "Packages.xz", repacked(b"Package: alpha\n")),
        Attack::new("cut off, listed so", "Packages.xz", repacked(&evil[..evil.len() - 30])),
        Attack::new("packed another one than plain", "Packages", repacked(&evil)),
    ]);
}
