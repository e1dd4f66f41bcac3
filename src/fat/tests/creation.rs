//! Making what others read.

use std::{fs, os::unix::fs::FileExt as _, process::Command, sync::Arc};

use super::{MIB, TIME, checked, mtype, noise, reopened, run, with, without};
use crate::{
    disk::{Extent, Extents, Source, Storage, Window},
    fat::{FatError, New, create},
    little_endian::u32_at,
};

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
