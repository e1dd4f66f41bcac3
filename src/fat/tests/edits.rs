//! Reading and editing what mkfs.fat and mtools made.

use std::{collections::BTreeMap, fs};

use proptest::prelude::*;

use super::{Base, MIB, TIME, checked, mtype, noise, reopened, run, with, without};
use crate::{
    disk::{Extent, Extents, FileStorage, Source, Storage as _, Window},
    error::{Classified as _, Kind},
    fat::{Edit, Fat, FatError},
};

#[test]
fn reads_what_mtools_wrote() {
    for (kind, base) in Base::all() {
        let fat = base.fat();
        for (name, content) in &base.files {
            assert!(fat.read(name).unwrap().as_ref() == Some(content), "{kind}: {name}");
            assert!(fat.read(&name.to_uppercase()).unwrap().is_some(), "{kind}: {name}");
        }
        assert_eq!(fat.read("no such file").unwrap(), None);
        assert_eq!(fat.read("no such folder/file").unwrap(), None);
        assert!(matches!(fat.read("OVERLAYS").unwrap_err(), FatError::WrongType { .. }));
        assert!(matches!(fat.read("issue.txt/file").unwrap_err(), FatError::WrongType { .. }));

        let mut names: Vec<&str> = base.files.keys().map(String::as_str).filter(|name| !name.contains('/')).collect();
        let entries = fat.entries();
        let mut found: Vec<&str> = entries.iter().filter(|entry| !entry.is_folder).map(|entry| entry.name.as_str()).collect();
        names.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, names, "{kind}");

        let summary = fat.summary().unwrap();
        assert_eq!((summary.label.as_deref(), summary.volume_id.as_deref()), (Some("bootfs"), Some("1234-ABCD")));
        assert!(summary.clean);
        let said = run("fsck.fat", &["-n", base.path.to_str().unwrap()]);
        let used = summary.clusters - summary.free_clusters;
        assert!(said.contains(&format!("{used}/{} clusters", summary.clusters)), "{kind}: {used}/{} {said}", summary.clusters);
    }
}

#[test]
fn an_edit_changes_what_it_says_and_no_other_byte() {
    for (kind, base) in Base::all() {
        let fat = base.fat();
        let config = [base.files["config.txt"].as_slice(), b"\n[all]\nenable_uart=1\n"].concat();
        let long = "a long name, with spaces and ümläute, 名前.conf";
        let edits = [
            with("CMDLINE.TXT", b"root=PARTUUID=deadbeef-02 rootwait\n"),
            with("config.txt", &config),
            with("ssh", b""),
            with(long, &noise(9000, 7)),
            with("issue.txt", b"no longer empty"),
            with("bcm2710-rpi-3-b-plus.dtb", b""),
            without("initramfs_2712"),
            without("not there"),
        ];
        let image = fat.edit(&edits, TIME).unwrap();
        let file = checked(&image);
        let fresh = reopened(&image);

        let mut expected = base.files.clone();
        expected.remove("initramfs_2712");
        expected.insert("cmdline.txt".into(), b"root=PARTUUID=deadbeef-02 rootwait\n".to_vec());
        expected.insert("config.txt".into(), config);
        expected.insert("ssh".into(), Vec::new());
        expected.insert(long.into(), noise(9000, 7));
        expected.insert("issue.txt".into(), b"no longer empty".to_vec());
        expected.insert("bcm2710-rpi-3-b-plus.dtb".into(), Vec::new());
        for (name, content) in &expected {
            assert!(fresh.read(name).unwrap().as_ref() == Some(content), "{kind}: {name}");
            assert!(mtype(file.path(), name) == *content, "{kind}: {name}");
        }
        assert_eq!(fresh.read("initramfs_2712").unwrap(), None);
        let names: Vec<String> = fresh.entries().into_iter().map(|entry| entry.name).collect();
        assert!(names.contains(&"cmdline.txt".to_owned()) && names.contains(&long.to_owned()), "{names:?}");
        assert!(run("mdir", &["-i", file.path().to_str().unwrap(), "::cmdline.txt"]).contains("2023-11-14  22:13"));

        // Clusters of files that no edit names, and the boot sector, are the base's own bytes.
        let (window, size) = (fat.window.clone(), image.size());
        let (mut old, mut new) = (vec![0; size as usize], vec![0; size as usize]);
        window.read_exact_at(0, &mut old).unwrap();
        image.read_exact_at(0, &mut new).unwrap();
        assert_eq!(old[..512], new[..512]);
        for name in ["kernel8.img", "EXACT.BIN", "overlays/README", "overlays/vc4-kms-v3d.dtbo"] {
            for extent in fat.content(name).unwrap().unwrap().list() {
                let Source::Stored { start, .. } = extent.source else { panic!("a file has no zeroes") };
                let at = start - 8192;
                let same = Source::Stored { storage: window.storage().clone(), start };
                assert!(image.between(at, at + extent.len).next().unwrap().source.is_same(&same), "{kind}: {name}");
            }
        }
        let changed = old.chunks(512).zip(new.chunks(512)).filter(|(old, new)| old != new).count();
        let stored_anew: u64 = image.list().iter().filter(|extent| !refers_to(extent, &window)).map(|extent| extent.len).sum();
        assert!(stored_anew / 512 <= changed as u64 && changed < 300, "{kind}: {stored_anew} bytes stored for {changed} sectors");
    }
}

fn refers_to(extent: &Extent, window: &Window) -> bool {
    let same = Source::Stored { storage: window.storage().clone(), start: window.start() + extent.offset };
    extent.source.is_same(&same)
}

#[test]
fn free_space_of_the_base_costs_nothing() {
    let base = Base::new(160 * MIB, &["-F", "32", "-s", "4"]);
    let image = base.fat().edit(&[], TIME).unwrap();
    assert!(image.stored_bytes() < 2 * MIB, "{} bytes", image.stored_bytes());
    assert_eq!(image.to_vec(200 * MIB).unwrap(), fs::read(&base.path).unwrap(), "no edit, no change");
    // The same from the file itself, whose holes need not be read.
    let direct = Window::whole(std::sync::Arc::new(FileStorage::open(&base.path).unwrap()));
    let direct = Fat::open(direct).unwrap().edit(&[], TIME).unwrap();
    assert_eq!(direct.stored_bytes(), image.stored_bytes());
    assert_eq!(direct.to_vec(200 * MIB).unwrap(), fs::read(&base.path).unwrap());
}

#[test]
fn deleted_bytes_of_the_base_stay() {
    let base = Base::new(16 * MIB, &["-F", "16"]);
    run("mdel", &["-i", base.path.to_str().unwrap(), "::kernel8.img"]);
    let image = base.fat().edit(&[], TIME).unwrap();
    assert_eq!(image.to_vec(200 * MIB).unwrap(), fs::read(&base.path).unwrap());
}

#[test]
fn removed_bytes_are_gone() {
    let base = Base::new(16 * MIB, &["-F", "16"]);
    let secret = &base.files["initramfs_2712"][..64];
    let image = base.fat().edit(&[without("INITRAMFS_2712")], TIME).unwrap().to_vec(200 * MIB).unwrap();
    assert!(fs::read(&base.path).unwrap().windows(64).any(|bytes| bytes == secret));
    assert!(!image.windows(64).any(|bytes| bytes == secret));
}

#[test]
fn the_same_content_is_no_change() {
    let base = Base::new(16 * MIB, &["-F", "16"]);
    let image = base.fat().edit(&[with("config.txt", &base.files["config.txt"])], TIME).unwrap();
    assert_eq!(image.to_vec(200 * MIB).unwrap(), fs::read(&base.path).unwrap());
}

#[test]
fn a_full_volume_says_so() {
    for (kind, base) in Base::all() {
        let fat = base.fat();
        let summary = fat.summary().unwrap();
        let free = u64::from(summary.free_clusters) * summary.cluster_size;
        let all = vec![7; free as usize];
        checked(&fat.edit(&[with("EXACT.BIN", b""), with("all.bin", &all)], TIME).unwrap());
        let error = fat.edit(&[with("all.bin", &[all.as_slice(), b"!"].concat())], TIME).unwrap_err();
        assert!(matches!(&error, FatError::Full { available, .. } if *available == free), "{kind}: {error}");
        assert_eq!(error.kind(), Kind::Refused);
    }
    // The root folder of a FAT16 has a fixed number of slots, that of a FAT32 grows.
    let edits: Vec<Edit> = (0..300).map(|n| with(&format!("a file with a long name {n}"), b"x")).collect();
    let error = Base::new(16 * MIB, &["-F", "16"]).fat().edit(&edits, TIME).unwrap_err();
    assert!(matches!(error, FatError::FolderFull { slots: 512, .. }), "{error}");
    let image = Base::new(40 * MIB, &["-F", "32", "-s", "1"]).fat().edit(&edits, TIME).unwrap();
    checked(&image);
    assert_eq!(reopened(&image).entries().len(), 300 + 8);
}

#[test]
fn what_is_not_clean_is_not_edited() {
    let base = Base::new(16 * MIB, &["-F", "16"]);
    let image = Extents::window(&base.window());
    let geometry = base.fat().geometry;
    let edited = |at: u64, bytes: &[u8], copies: bool| {
        let mut image = image.clone();
        image.replace(Extent { offset: at, len: bytes.len() as u64, source: Source::bytes(bytes.to_vec()) });
        if copies {
            let at = at + geometry.tables[1] - geometry.tables[0];
            image.replace(Extent { offset: at, len: bytes.len() as u64, source: Source::bytes(bytes.to_vec()) });
        }
        let fat = reopened(&image);
        assert!(fat.read("config.txt").is_ok(), "it can still be read");
        fat.edit(&[], TIME).unwrap_err()
    };
    let table = geometry.tables[0];
    for (error, text) in [
        (edited(37, &[1], false), "not unmounted"),
        (edited(table + 2, &[0xff, 0x7f], true), "not unmounted"),
        (edited(table + 8000, &[0xff, 0xff], false), "tables differ"),
        (edited(table + 8000, &[0xff, 0xff], true), "belongs to nothing"),
    ] {
        assert!(matches!(&error, FatError::Unclean(what) if what.contains(text)), "{text}: {error}");
    }
    // The first clusters belong to the folder `overlays` and to cmdline.txt: a shorter, a longer and a shared chain.
    let kernel = base.fat().root.find("kernel8.img").unwrap();
    let at = table + u64::from(kernel.first) * 2;
    assert!(matches!(edited(at, &[0xff, 0xff], true), FatError::Unclean(_)));
    let config = base.fat().root.find("config.txt").unwrap();
    let error = edited(at, &(config.first as u16).to_le_bytes(), true);
    assert!(matches!(error, FatError::Unclean(_)), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_edits_give_a_clean_volume(
        edits in prop::collection::vec((0usize..12, prop::option::weighted(0.75, 0usize..70_000)), 1..30),
        variant in 0usize..3,
    ) {
        let base = match variant {
            0 => Base::new(4 * MIB, &["-F", "16", "-s", "1"]),
            1 => Base::new(36 * MIB, &["-F", "32", "-s", "1"]),
            _ => Base::new(2 * MIB, &["-F", "12", "-s", "2"]),
        };
        let names = ["cmdline.txt", "CONFIG.TXT", "kernel8.img", "issue.txt", "ssh", "userconf.txt", "Ünïcode", "long name 1.txt", "long name 2.txt", "LONG NAME 3.TXT", "x", "initramfs_2712"];
        let mut model: BTreeMap<String, Vec<u8>> = base.files.iter().map(|(name, content)| (name.to_lowercase(), content.clone())).collect();
        let mut list = Vec::new();
        for (index, (name, len)) in edits.into_iter().enumerate() {
            let name = names[name];
            match len {
                Some(len) => {
                    let content = noise(len, index as u32 + 100);
                    model.insert(name.to_lowercase(), content.clone());
                    list.push(Edit::Write { name: name.to_owned(), content });
                }
                None => {
                    model.remove(&name.to_lowercase());
                    list.push(without(name));
                }
            }
        }
        match base.fat().edit(&list, TIME) {
            Ok(image) => {
                checked(&image);
                let fat = reopened(&image);
                for (name, content) in &model {
                    assert!(fat.read(name).unwrap().as_ref() == Some(content), "{}", name);
                }
                assert_eq!(fat.entries().iter().filter(|entry| !entry.is_folder).count(), model.len() - 2);
                // In two steps: the same files.
                let (first, second) = list.split_at(list.len() / 2);
                let steps = reopened(&base.fat().edit(first, TIME).unwrap()).edit(second, TIME).unwrap();
                checked(&steps);
            }
            Err(FatError::Full { .. }) => assert_eq!(variant, 2, "only the small one can be full"),
            Err(error) => panic!("{error}"),
        }
    }
}
