//! Against mkfs.fat, mtools, fsck.fat and the kernel.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    disk::{Extent, Extents, FileStorage, Source, Storage, Window},
    error::{Classified as _, Kind},
};

const MIB: u64 = 1 << 20;
const TIME: i64 = 1_700_000_000;

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("MTOOLS_SKIP_CHECK", "1")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

/// A file system made by mkfs.fat and filled by mtools, as pi-gen's are.
struct Base {
    _folder: TempDir,
    path: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    })
    .take(len)
    .collect()
}

impl Base {
    fn new(size: u64, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boot.fat");
        File::create(&path).unwrap().set_len(size).unwrap();
        let image = path.to_str().unwrap().to_owned();
        run("mkfs.fat", &[&["--invariant", "-n", "bootfs"], arguments, &[&image]].concat());
        run("mmd", &["-i", &image, "::overlays"]);
        let mut files = BTreeMap::new();
        for (index, (name, len)) in [
            ("cmdline.txt", 150),
            ("config.txt", 1200),
            ("bcm2710-rpi-3-b-plus.dtb", 31_000),
            ("kernel8.img", 500_000),
            ("initramfs_2712", 70_001),
            ("issue.txt", 0),
            ("EXACT.BIN", 4096),
            ("overlays/vc4-kms-v3d.dtbo", 3000),
            ("overlays/README", 99),
        ]
        .into_iter()
        .enumerate()
        {
            let content = noise(len, index as u32 + 1);
            let file = folder.path().join("content");
            fs::write(&file, &content).unwrap();
            run("mcopy", &["-i", &image, file.to_str().unwrap(), &format!("::{name}")]);
            files.insert(name.to_owned(), content);
        }
        Self { _folder: folder, path, files }
    }

    fn all() -> Vec<(&'static str, Self)> {
        vec![
            ("FAT32, 512 bytes", Self::new(40 * MIB, &["-F", "32", "-s", "1"])),
            ("FAT32, 2 KiB", Self::new(160 * MIB, &["-F", "32", "-s", "4"])),
            ("FAT16", Self::new(16 * MIB, &["-F", "16"])),
            ("FAT12", Self::new(2 * MIB, &["-F", "12"])),
        ]
    }

    /// The partition, somewhere inside a storage.
    fn window(&self) -> Window {
        let mut disk = Extents::hole(8192);
        disk.append_at(8192, &Extents::window(&Window::whole(Arc::new(FileStorage::open(&self.path).unwrap()))));
        let size = disk.size();
        Window::new(Arc::new(disk), 8192, size - 8192).unwrap()
    }

    fn fat(&self) -> Fat {
        Fat::open(self.window()).unwrap()
    }
}

fn write(image: &Extents, path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(image.size()).unwrap();
    for extent in image.list().iter().filter(|extent| !matches!(extent.source, Source::Zero)) {
        let mut at = 0;
        while at < extent.len {
            let mut buffer = vec![0; (extent.len - at).min(MIB) as usize];
            extent.source.advanced(at).read_exact(&mut buffer).unwrap();
            file.write_all_at(&buffer, extent.offset + at).unwrap();
            at += buffer.len() as u64;
        }
    }
}

/// Writes the image to a file of which fsck.fat has nothing to say but the summary.
fn checked(image: &Extents) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    write(image, file.path());
    let said = run("fsck.fat", &["-n", file.path().to_str().unwrap()]);
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.starts_with("fsck.fat ") && said.contains(" files, "), "{said}");
    file
}

fn reopened(image: &Extents) -> Fat {
    Fat::open(Window::whole(Arc::new(image.clone()))).unwrap()
}

fn with(name: &str, content: &[u8]) -> Edit {
    Edit::Write { name: name.to_owned(), content: content.to_vec() }
}

fn without(name: &str) -> Edit {
    Edit::Remove { name: name.to_owned() }
}

fn mtype(image: &Path, name: &str) -> Vec<u8> {
    let output = Command::new("mtype")
        .args(["-i", image.to_str().unwrap(), &format!("::{name}")])
        .env("MTOOLS_SKIP_CHECK", "1")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("mtools is needed for this test");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

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

fn created(size: u64, sectors_per_cluster: u8) -> New {
    New { size, label: "bootfs".into(), volume_id: 0x1234_abcd, sectors_per_cluster, hidden_sectors: 8192, time: TIME }
}

#[test]
fn a_created_volume_is_what_mkfs_would_make() {
    for (size, sectors) in [(40 * MIB, 1), (160 * MIB, 4), (512 * MIB, 4), (300 * MIB, 8)] {
        let image = create(&created(size, sectors), &[]).unwrap();
        let file = checked(&image);
        let theirs = tempfile::NamedTempFile::new().unwrap();
        theirs.as_file().set_len(size).unwrap();
        let arguments = ["-F", "32", "-s", &sectors.to_string(), "-n", "bootfs", "--invariant", "-h", "8192", "-g", "255/63"];
        run("mkfs.fat", &[&arguments[..], &[theirs.path().to_str().unwrap()]].concat());
        let (mut ours, mut model) = ([0; 512], [0; 512]);
        image.read_exact_at(0, &mut ours).unwrap();
        theirs.as_file().read_exact_at(&mut model, 0).unwrap();
        for field in [0..32, 40..90, 510..512] {
            assert_eq!(ours[field.clone()], model[field.clone()], "{field:?} of {size}");
        }
        // Sectors in all and per table: mkfs rounds to tracks, and tables to clusters.
        for field in [32, 36] {
            let (ours, model) = (u32_at(&ours, field), u32_at(&model, field));
            assert!(ours.abs_diff(model) <= 64, "{ours} {model} at {field} of {size}");
        }
        let summary = reopened(&image).summary().unwrap();
        assert_eq!(summary.free_clusters + 1, summary.clusters);
        drop(file);
    }
}

#[test]
fn created_files_are_references_and_everyone_reads_them() {
    let kernel: Arc<dyn Storage> = Arc::new(noise(3_000_000, 3));
    let stored = Extents::window(&Window::new(kernel.clone(), 5, 2_900_000).unwrap());
    let mut sparse = Extents::hole(20_000);
    sparse.push(Extent { offset: 5000, len: 9, source: Source::bytes(b"not zero!".to_vec()) });
    let files = vec![
        ("bootcode.bin".to_owned(), Extents::bytes(noise(52_000, 1))),
        ("EMPTY".to_owned(), Extents::default()),
        ("kernel8.img".to_owned(), stored),
        ("overlays/a very long name of an overlay.dtbo".to_owned(), Extents::bytes(noise(1, 2))),
        ("config.txt".to_owned(), Extents::bytes(b"arm_64bit=1\n".to_vec())),
        ("overlays/deeper/README".to_owned(), Extents::bytes(noise(700, 4))),
        ("sparse".to_owned(), sparse),
    ];
    let image = create(&created(40 * MIB, 1), &files).unwrap();
    let file = checked(&image);
    let fat = reopened(&image);
    for (name, content) in &files {
        let content = content.to_vec(10 * MIB).unwrap();
        assert!(fat.read(name).unwrap().as_ref() == Some(&content), "{name}");
        assert!(mtype(file.path(), name) == content, "{name}");
    }
    assert!(
        image
            .list()
            .iter()
            .any(|extent| extent.len == 2_900_000 && extent.source.is_same(&Source::Stored { storage: kernel.clone(), start: 5 }))
    );

    // What a card held before must not show: every byte of tables, folders and files is covered.
    let covered = |from: u64, to: u64| image.between(from, to).map(|extent| extent.len).sum::<u64>() == to - from;
    assert!(covered(0, fat.geometry.cluster_offset(3)));
    for (name, _) in &files {
        let record = fat.content(name).unwrap().unwrap();
        assert!(record.list().iter().all(|extent| match &extent.source {
            Source::Stored { start, .. } => covered(*start, start + extent.len),
            Source::Zero => false,
        }));
    }

    // Files of one image are the bytes of the next one.
    let again = create(&created(40 * MIB, 1), &files).unwrap();
    assert!(again.to_vec(50 * MIB).unwrap() == image.to_vec(50 * MIB).unwrap());
    checked(&fat.edit(&[with("config.txt", b"other"), without("kernel8.img")], TIME).unwrap());
}

#[test]
fn many_files_need_many_clusters_of_slots() {
    let files: Vec<(String, Extents)> = (0..400)
        .flat_map(|n| [format!("file number {n}"), format!("overlays/overlay number {n}.dtbo")])
        .map(|name| (name.clone(), Extents::bytes(name.into())))
        .collect();
    let image = create(&created(40 * MIB, 1), &files).unwrap();
    checked(&image);
    let fat = reopened(&image);
    for (name, _) in &files {
        assert_eq!(fat.read(name).unwrap().unwrap(), name.as_bytes());
    }
}

#[test]
fn what_cannot_be_created_is_refused() {
    let one = |name: &str| vec![(name.to_owned(), Extents::default())];
    let good = created(40 * MIB, 1);
    for new in [
        New { size: 30 * MIB, ..good.clone() },
        New { size: 40 * MIB + 1, ..good.clone() },
        New { size: 0, ..good.clone() },
        New { size: u64::MAX, ..good.clone() },
        New { sectors_per_cluster: 3, ..good.clone() },
        New { sectors_per_cluster: 0, ..good.clone() },
        New { label: String::new(), ..good.clone() },
        New { label: "twelve chars".into(), ..good.clone() },
        New { label: "größe".into(), ..good.clone() },
    ] {
        assert!(matches!(create(&new, &[]), Err(FatError::Geometry(_))), "{new:?}");
    }
    for name in ["", "/etc", "a//b", "../a", "a/..", "a?", &"a/".repeat(40)] {
        assert!(matches!(create(&good, &one(name)), Err(FatError::Name { .. })), "{name}");
    }
    for pair in [["a", "A"], ["a", "a/b"], ["a/b", "a"]] {
        assert!(matches!(create(&good, &[one(pair[0]), one(pair[1])].concat()), Err(FatError::Name { .. })), "{pair:?}");
    }
    let large = [("large".to_owned(), Extents::hole(39 * MIB + MIB / 2)), ("more".to_owned(), Extents::hole(MIB))];
    assert!(matches!(create(&good, &large), Err(FatError::Full { .. })));
    let giant = [("giant".to_owned(), Extents::hole(1 << 32))];
    assert!(matches!(create(&created(1 << 40, 128), &giant), Err(FatError::TooLarge { .. })));
}

#[test]
fn the_kernel_reads_the_same() {
    // Mounting needs root, and a kernel with vfat, which small ones for virtual machines lack.
    let _ = Command::new("modprobe").arg("vfat").output();
    let has_vfat = fs::read_to_string("/proc/filesystems").unwrap().lines().any(|line| line.trim() == "vfat");
    if !rustix::process::geteuid().is_root() || !has_vfat {
        return;
    }
    let content = noise(100_000, 9);
    let files = vec![("a file.bin".to_owned(), Extents::bytes(content.clone())), ("overlays/b".to_owned(), Extents::bytes(b"b".to_vec()))];
    let image = create(&created(40 * MIB, 1), &files).unwrap();
    let edited = reopened(&image).edit(&[with("Größe.txt", b"five!"), with("A FILE.BIN", &content[1..])], TIME).unwrap();
    let file = checked(&edited);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    run("mount", &["-t", "vfat", "-o", "loop,ro,iocharset=utf8,tz=UTC", file.path().to_str().unwrap(), at]);
    let read = |name: &str| fs::read(folder.path().join(name));
    let found = [read("a file.bin"), read("overlays/b"), read("Größe.txt")];
    let modified = fs::metadata(folder.path().join("Größe.txt")).and_then(|metadata| metadata.modified());
    run("umount", &[at]);
    let [a, b, c] = found.map(Result::unwrap);
    assert!(a == content[1..]);
    assert_eq!((b.as_slice(), c.as_slice()), (b"b".as_slice(), b"five!".as_slice()));
    assert_eq!(modified.unwrap(), std::time::UNIX_EPOCH + std::time::Duration::from_secs(TIME as u64));
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

/// Does everything with an image that may be damaged; gives back whether an edit was possible.
fn exercise(image: Extents) -> bool {
    let size = image.size();
    let Ok(fat) = Fat::open(Window::whole(Arc::new(image))) else { return false };
    let _ = fat.summary();
    for entry in fat.entries() {
        if let Ok(Some(content)) = fat.content(&entry.name) {
            assert!(content.size() <= u64::from(u32::MAX));
        }
    }
    let _ = fat.read("overlays/README");
    match fat.edit(&[with("cmdline.txt", &[1; 5000]), with("a new and long name", b"new"), without("config.txt")], TIME) {
        Ok(edited) => {
            assert_eq!(edited.size(), size);
            assert!(matches!(reopened(&edited).read("a new and long name"), Ok(Some(_))), "an edit that succeeds can be read");
            true
        }
        Err(error) => {
            assert_ne!(error.kind(), Kind::Usage, "{error}");
            false
        }
    }
}

fn damaged(base: &Arc<dyn Storage>, at: u64, bytes: &[u8]) -> Extents {
    let mut image = Extents::window(&Window::whole(base.clone()));
    image.replace(Extent { offset: at, len: bytes.len() as u64, source: Source::bytes(bytes.to_vec()) });
    image
}

#[test]
fn no_field_of_the_boot_sector_makes_it_panic() {
    for (size, arguments) in [(4 * MIB, ["-F", "16", "-s", "1"]), (36 * MIB, ["-F", "32", "-s", "1"])] {
        let base: Arc<dyn Storage> = Arc::new(fs::read(Base::new(size, &arguments).path).unwrap());
        let mut boot = [0; 96];
        base.read_exact_at(0, &mut boot).unwrap();
        let (mut cases, mut edited) = (0, 0);
        for at in 0..90usize {
            for width in [1, 2, 4] {
                let old = u32_at(&boot, at);
                for value in [
                    0,
                    1,
                    2,
                    0x7f,
                    0x80,
                    0xff,
                    0x7fff,
                    0xffff,
                    0x7fff_ffff,
                    u32::MAX,
                    old.wrapping_add(1),
                    old.wrapping_sub(1),
                    old << 1,
                    old >> 1,
                ] {
                    let image = damaged(&base, at as u64, &value.to_le_bytes()[..width]);
                    cases += 1;
                    // Full edits read all of the volume: every seventh is enough.
                    if cases % 7 == 0 {
                        edited += u32::from(exercise(image));
                    } else if let Ok(fat) = Fat::open(Window::whole(Arc::new(image))) {
                        let _ = (fat.entries(), fat.read("kernel8.img"), fat.content("overlays/README"));
                    }
                }
            }
        }
        assert!(edited > 50, "harmless changes stay harmless: {edited} of {cases}");
    }
}

#[test]
fn no_random_damage_makes_it_panic() {
    let base: Arc<dyn Storage> = Arc::new(fs::read(Base::new(4 * MIB, &["-F", "16", "-s", "1"]).path).unwrap());
    let fat = Fat::open(Window::whole(base.clone())).unwrap();
    let metadata = fat.geometry.data;
    let mut random = noise(4 * 3000 * 8, 42).into_iter();
    let mut next = || u32::from_le_bytes(std::array::from_fn(|_| random.next().unwrap_or(1)));
    let mut edited = 0;
    for _ in 0..2000 {
        let mut image = Extents::window(&Window::whole(base.clone()));
        for _ in 0..=next() % 3 {
            // Half of all damage hits the first slots and the used part of the tables.
            let at = if next() % 2 == 0 {
                u64::from(next()) % metadata
            } else {
                [512, fat.geometry.tables[1], 15872][next() as usize % 3] + u64::from(next()) % 1200
            };
            image.replace(Extent { offset: at, len: 2, source: Source::bytes(next().to_le_bytes()[..2].to_vec()) });
        }
        edited += u32::from(exercise(image));
    }
    assert!((100..1900).contains(&edited), "{edited}");
}

#[test]
fn a_partition_that_is_cut_short_is_refused() {
    let base = Base::new(4 * MIB, &["-F", "16", "-s", "1"]);
    let storage: Arc<dyn Storage> = Arc::new(FileStorage::open(&base.path).unwrap());
    for size in [0, 1, 511, 512, 4096, MIB, 4 * MIB - 512] {
        assert!(Fat::open(Window::new(storage.clone(), 0, size).unwrap()).is_err(), "{size}");
    }
}
