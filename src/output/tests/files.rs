//! Names, locks and what others left.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{faults::Faulty, names, small_family};
use crate::{
    error::{Classified as _, Kind},
    output::{LOCK, OutputError, Staging, atomic, platform::host},
};

#[test]
fn a_killed_run_is_cleaned_up_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    // What kill -9 leaves: files without locks, under names as they are made.
    for name in [".node0.img.berry-0123abcd.partial", ".manifest.json.berry-ffffffff.partial", ".berry-image.lock"] {
        fs::write(folder.path().join(name), b"left").unwrap();
    }
    let others = [".node0.img.berry-xyz.partial", "node0.img.berry-0123abcd.partial", ".hidden", "notes.txt"];
    for name in others {
        fs::write(folder.path().join(name), b"not ours").unwrap();
    }
    fs::create_dir(folder.path().join(".folder.berry-0123abcd.partial")).unwrap();
    symlink("notes.txt", folder.path().join(".link.berry-0123abcd.partial")).unwrap();
    small_family().write(folder.path(), host(), 1).unwrap();
    let mut expected =
        [&others[..], &[".folder.berry-0123abcd.partial", ".link.berry-0123abcd.partial", "manifest.json", "node0.img", "node1.img"]]
            .concat();
    expected.sort_unstable();
    assert_eq!(names(folder.path()), expected);
}

#[test]
fn only_one_run_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Staging::begin(folder.path()).unwrap();
    first.write("hosts", 0o600, b"first").unwrap();
    let error = Staging::begin(folder.path()).unwrap_err();
    assert!(matches!(error, OutputError::InUse { .. }));
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(names(folder.path()).len(), 2, "the second run touched nothing");
    first.commit("hosts", false).unwrap();
    assert_eq!(names(folder.path()), ["hosts"]);
    drop(Staging::begin(folder.path()).unwrap());

    // Many at once: each either has the folder for itself or is refused, and no lock file is left.
    let counter = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    match Staging::begin(folder.path()) {
                        Ok(staging) => {
                            assert_eq!(counter.fetch_add(1, Ordering::SeqCst), 0, "two runs in one folder");
                            counter.fetch_sub(1, Ordering::SeqCst);
                            drop(staging);
                        }
                        Err(error) => assert!(matches!(error, OutputError::InUse { .. }), "{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(names(folder.path()), ["hosts"]);
}

#[test]
fn nothing_special_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("precious"), b"precious").unwrap();
    symlink("precious", path("link")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    symlink("/dev/null", path("device")).unwrap();
    assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    let before = names(folder.path());
    let mut staging = Staging::begin(folder.path()).unwrap();
    for name in ["link", "dangling", "folder", "device", "pipe"] {
        let error = staging.create(name, 0o600).unwrap_err();
        assert!(matches!(&error, OutputError::InTheWay { .. }), "{name}: {error}");
        assert_eq!(error.kind(), Kind::Refused);
        assert!(matches!(atomic::write(&path(name), b"x", 0o600).unwrap_err(), OutputError::InTheWay { .. }), "{name}");
    }
    for name in ["", ".", "..", "a/b", "/etc/passwd", "a/", LOCK] {
        assert!(matches!(staging.create(name, 0o600).unwrap_err(), OutputError::Name { .. }), "{name}");
    }
    // One that gets there while the run writes.
    staging.write("late", 0o600, b"x").unwrap();
    assert!(matches!(staging.create("late", 0o600).unwrap_err(), OutputError::Name { .. }));
    symlink("precious", path("late")).unwrap();
    assert!(matches!(staging.commit("late", false).unwrap_err(), OutputError::InTheWay { .. }));
    fs::remove_file(path("late")).unwrap();
    assert_eq!(names(folder.path()), before);
    assert_eq!(fs::read(path("precious")).unwrap(), b"precious");
    // A lock that is a link is not followed either.
    symlink("made", path(LOCK)).unwrap();
    assert!(matches!(Staging::begin(folder.path()).unwrap_err(), OutputError::InTheWay { .. }));
    assert!(!path("made").exists());
}

#[test]
fn small_files_are_replaced_in_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.ledger");
    atomic::write(&path, b"one", 0o600).unwrap();
    fs::write(folder.path().join(".cluster.ledger.berry-01234567.partial"), b"dead").unwrap();
    fs::write(folder.path().join(".other.ledger.berry-01234567.partial"), b"not ours").unwrap();
    atomic::write(&path, b"two", 0o640).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(names(folder.path()), [".other.ledger.berry-01234567.partial", "cluster.ledger"]);

    for at in 0.. {
        let host = Faulty { at, sticky: false, error: io::ErrorKind::StorageFull, count: AtomicUsize::new(0) };
        let result = atomic::write_on(&host, &path, b"three", 0o600);
        assert_eq!(names(folder.path()).len(), 2);
        match result {
            Ok(()) => {
                assert_eq!(at, 5, "make, write, sync, rename, sync the folder");
                break;
            }
            // Only after the rename is the new one there.
            Err(_) => assert_eq!(fs::read(&path).unwrap(), if at < 4 { b"two".as_slice() } else { b"three" }),
        }
    }
    assert!(atomic::write(&folder.path().join("no folder/file"), b"", 0o600).unwrap_err().to_string().contains("no folder"));
}

#[test]
fn writers_of_one_file_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::thread::scope(|scope| {
        for n in 0..4u8 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..20 {
                    // Another writer may take this one's file for dead in the moment before it is locked.
                    let _ = atomic::write(path, &[n; 10_000], 0o600);
                    let bytes = fs::read(path).unwrap_or_default();
                    assert!(bytes.is_empty() || (bytes.len() == 10_000 && bytes.iter().all(|byte| *byte == bytes[0])));
                }
            });
        }
    });
    assert_eq!(names(folder.path()), ["file"]);
}
