//! Nothing is left behind, whatever fails.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{Family, MIB, names, small_family};
use crate::{
    disk::Extents,
    error::Classified as _,
    output::{
        OutputError, Staging,
        platform::{Host, Linux, host},
        sparse,
    },
    progress::{Silent, Stop},
};

/// Fails at a given operation, and at all later ones if `sticky`.
#[derive(Debug)]
pub(super) struct Faulty {
    pub(super) at: usize,
    pub(super) sticky: bool,
    pub(super) error: io::ErrorKind,
    pub(super) count: AtomicUsize,
}

impl Faulty {
    fn check(&self) -> io::Result<()> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        if count == self.at || (self.sticky && count > self.at) { Err(self.error.into()) } else { Ok(()) }
    }
}

impl Host for Faulty {
    fn create_new(&self, path: &Path, mode: u32) -> io::Result<File> {
        self.check()?;
        Linux.create_new(path, mode)
    }
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.check() {
            // A short write first, as a full file system does it.
            file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        Linux.write_all_at(file, bytes, offset)
    }
    fn copy(&self, from: &File, to: &File, offset: u64, len: u64) -> io::Result<()> {
        self.check()?;
        Linux.copy(from, to, offset, len)
    }
    fn sync(&self, _file: &File) -> io::Result<()> {
        self.check()
    }
    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        self.check()
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        Linux.rename(from, to)
    }
    fn available(&self, folder: &Path) -> io::Result<Option<u64>> {
        Linux.available(folder)
    }
    fn shares_blocks(&self, _folder: &Path) -> bool {
        false
    }
}

#[test]
fn a_fault_at_any_step_leaves_nothing() {
    let family = small_family();
    for error in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        for sticky in [false, true] {
            let mut steps = 0;
            loop {
                let parent = tempfile::tempdir().unwrap();
                let folder = parent.path().join("images");
                let host: &'static Faulty = Box::leak(Box::new(Faulty { at: steps, sticky, error, count: AtomicUsize::new(0) }));
                let result = Staging::begin_on(host, &folder).and_then(|mut staging| {
                    family.stage(&mut staging, host, 2, &Silent, &Stop::default())?;
                    staging.write("hosts", 0o644, b"hosts")?;
                    staging.write("manifest.json", 0o600, b"{}")?;
                    staging.commit("manifest.json", true)
                });
                match result {
                    Ok(()) => break,
                    Err(fault) => {
                        assert!(!folder.exists(), "step {steps}: {:?}", names(&folder));
                        assert_eq!(
                            matches!(fault, OutputError::NoSpace { .. }),
                            error == io::ErrorKind::StorageFull && !is_rename(&fault),
                            "step {steps}: {fault}"
                        );
                        assert!(fault.to_string().contains(folder.to_str().unwrap()), "{fault}");
                    }
                }
                steps += 1;
            }
            assert!(steps > 20, "{steps}");
        }
    }
}

/// Renaming and syncing a folder need no room that a user could make.
fn is_rename(error: &OutputError) -> bool {
    matches!(error, OutputError::Io { action: "rename to" | "sync", .. })
}

#[test]
fn a_fault_while_committing_keeps_no_half_of_a_new_build() {
    let family = small_family();
    let folder = tempfile::tempdir().unwrap();
    family.write(folder.path(), host(), 1).unwrap();
    let before = names(folder.path());
    // Fails while the files are synced: the old build stays as it was.
    let run = |at: usize| {
        let host: &'static Faulty =
            Box::leak(Box::new(Faulty { at, sticky: true, error: io::ErrorKind::Other, count: AtomicUsize::new(0) }));
        let mut staging = Staging::begin_on(host, folder.path()).unwrap();
        staging.write("node0.img", 0o600, b"new").unwrap();
        staging.write("manifest.json", 0o600, b"new").unwrap();
        staging.commit("manifest.json", true).unwrap_err()
    };
    run(4);
    assert_eq!(names(folder.path()), before);
    assert_eq!(fs::metadata(folder.path().join("node0.img")).unwrap().len(), MIB);
    // Fails after the first rename: the manifest is gone, and with it the claim that the rest is a whole.
    run(8);
    assert_eq!(names(folder.path()), ["node1.img"]);
}

#[test]
fn a_full_file_system_leaves_nothing() {
    // Mounting needs root, which continuous integration has.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let family = Family::new(2);
    let images: Vec<&Extents> = family.images.iter().collect();
    let place = tempfile::tempdir().unwrap();
    let at = place.path().to_str().unwrap();
    let needed = sparse::check_room(place.path(), &images, host()).unwrap();
    let mut full = 0;
    for size in (1..=16).map(|n| n * MIB) {
        assert!(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", at]).status().unwrap().success());
        let folder = place.path().join("images");
        let room = sparse::check_room(place.path(), &images, host());
        let result = family.write(&folder, host(), 2);
        let left = names(place.path());
        let sizes: Vec<u64> = if folder.exists() {
            names(&folder).iter().map(|name| fs::metadata(folder.join(name)).unwrap().len()).collect()
        } else {
            Vec::new()
        };
        // Lazily: a process that another test is just starting may still hold a copy of a file.
        assert!(Command::new("umount").args(["--lazy", at]).status().unwrap().success());
        match room {
            Err(OutputError::NoSpace { needed: Some(told), available: Some(available), .. }) => {
                assert_eq!((told, available), (needed, size));
                assert!(size < needed);
            }
            other => assert!(other.unwrap() <= size),
        }
        match result {
            Ok(_) => assert_eq!(sizes, [2, 40 * MIB + 512, 40 * MIB + 512], "manifest and images"),
            Err(error) => {
                full += 1;
                assert!(matches!(&error, OutputError::NoSpace { available: Some(_), .. }), "{error}");
                assert!(error.hint().is_some());
                assert_eq!(left, [] as [&str; 0], "{size}");
            }
        }
    }
    assert!((8..16).contains(&full), "{full} of 16 sizes were too small");
}
