//! What is written is what the images say.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{Family, MIB, names, noise, sum};
use crate::{
    disk::{Extent, Extents, FileStorage, Source},
    error::{Classified as _, Kind},
    output::{
        OutputError, Staging,
        platform::{Host, Linux, Portable, host},
    },
    progress::{Bar, Progress, Stop},
};

#[test]
fn files_hold_what_the_images_say() {
    let family = Family::new(3);
    let mut all = Vec::new();
    for (host, jobs) in [(&Linux as &dyn Host, 1), (&Linux, 2), (&Linux, 7), (&Portable, 1), (&Portable, 3)] {
        let folder = tempfile::tempdir().unwrap();
        let written = family.write(folder.path(), host, jobs).unwrap();
        assert_eq!(names(folder.path()), ["manifest.json", "node0.img", "node1.img", "node2.img"]);
        for (node, image) in family.images.iter().enumerate() {
            let path = folder.path().join(format!("node{node}.img"));
            let bytes = fs::read(&path).unwrap();
            assert!(bytes == image.to_vec(50 * MIB).unwrap(), "{host:?} with {jobs} threads: node {node}");
            assert_eq!(written[node].sha256, Some(sum(&bytes)));
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!(metadata.mode() & 0o7777, 0o600);
            // A source with a MiB of zeroes was not stored in full, nor was anything twice.
            assert!(written[node].stored < image.stored_bytes() - MIB / 2);
            let allocated = metadata.blocks() * 512;
            assert!(
                allocated.abs_diff(written[node].stored) < 64 << 10,
                "{host:?}: {allocated} allocated for {} bytes",
                written[node].stored
            );
        }
        all.push(written.into_iter().map(|written| (written.ranges, written.stored)).collect::<Vec<_>>());
    }
    assert!(all.iter().all(|one| *one == all[0]), "neither threads nor hosts change a digest");
}

#[test]
fn a_source_that_fails_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.img");
    fs::write(&path, noise(100_000, 3)).unwrap();
    let source = FileStorage::open(&path).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(50_000).unwrap();
    let mut image = Extents::hole(MIB);
    image.push(Extent { offset: 8192, len: 100_000, source: Source::Stored { storage: Arc::new(source), start: 0 } });
    let family = Family { _folder: folder, images: vec![image] };
    let place = tempfile::tempdir().unwrap();
    let error = family.write(place.path(), host(), 2).unwrap_err();
    assert!(matches!(&error, OutputError::Source { offset: 8192, .. }), "{error:?}");
    assert!(error.to_string().contains("base.img"), "{error}");
    assert_eq!(names(place.path()), [] as [&str; 0]);
}

/// Asks to stop once so many bytes are done.
#[derive(Debug)]
struct Impatient(Stop);

impl Progress for Impatient {
    fn begin(&self, _label: &str, total: Option<u64>) -> Box<dyn Bar> {
        assert!(total.is_some_and(|total| total > MIB));
        Box::new(Self(self.0.clone()))
    }
    fn note(&self, _text: &str) {}
}

impl Bar for Impatient {
    fn advance(&self, _bytes: u64) {
        self.0.request();
    }
}

#[test]
fn an_interruption_leaves_nothing() {
    let family = Family::new(2);
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b");
    let mut staging = Staging::begin(&folder).unwrap();
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let stop = Stop::default();
    let error = family.stage(&mut staging, host(), 2, &Impatient(stop.clone()), &stop).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    drop(staging);
    assert_eq!(names(parent.path()), [] as [&str; 0]);
}

/// Adds up what is reported.
#[derive(Clone, Debug, Default)]
struct Counter {
    total: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
}

impl Progress for Counter {
    fn begin(&self, _label: &str, total: Option<u64>) -> Box<dyn Bar> {
        self.total.store(total.unwrap() as usize, Ordering::Relaxed);
        Box::new(self.clone())
    }
    fn note(&self, _text: &str) {}
}

impl Bar for Counter {
    fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes as usize, Ordering::Relaxed);
    }
}

#[test]
fn progress_ends_at_its_total() {
    let folder = tempfile::tempdir().unwrap();
    let mut staging = Staging::begin(folder.path()).unwrap();
    let counter = Counter::default();
    Family::new(3).stage(&mut staging, host(), 2, &counter, &Stop::default()).unwrap();
    let (total, done) = (counter.total.load(Ordering::Relaxed), counter.done.load(Ordering::Relaxed));
    assert!(total > 0);
    assert_eq!(done, total);
}

#[test]
fn hosts_do_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(700_000, 5);
    for (index, host) in [&Linux as &dyn Host, &Portable].into_iter().enumerate() {
        let path = |name: &str| folder.path().join(format!("{name}{index}"));
        let from = host.create_new(&path("from"), 0o640).unwrap();
        assert_eq!(from.metadata().unwrap().mode() & 0o7777, 0o640);
        assert_eq!(host.create_new(&path("from"), 0o640).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        symlink("nowhere", path("link")).unwrap();
        assert_eq!(host.create_new(&path("link"), 0o640).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        host.write_all_at(&from, &bytes[1000..], 1000).unwrap();
        host.write_all_at(&from, &bytes[..1000], 0).unwrap();
        host.sync(&from).unwrap();
        let to = host.create_new(&path("to"), 0o600).unwrap();
        host.copy(&from, &to, 0, 0).unwrap();
        host.copy(&from, &to, 4096, 600_001).unwrap();
        assert_eq!(host.copy(&from, &to, 600_000, 200_000).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let copied = fs::read(path("to")).unwrap();
        assert!(copied[..4096].iter().all(|byte| *byte == 0) && copied[4096..604_097] == bytes[4096..604_097]);
        // Another file system, where the kernel may not be able to copy.
        let memory =
            File::options().read(true).write(true).create_new(true).open(format!("/dev/shm/berry-{}-{index}", std::process::id())).unwrap();
        fs::remove_file(format!("/dev/shm/berry-{}-{index}", std::process::id())).unwrap();
        host.copy(&from, &memory, 100, 300_000).unwrap();
        let mut read = vec![0; 300_000];
        memory.read_exact_at(&mut read, 100).unwrap();
        assert!(read == bytes[100..300_100]);
        host.rename(&path("to"), &path("from")).unwrap();
        host.sync_folder(folder.path()).unwrap();
        assert!(host.sync_folder(&path("missing")).is_err());
        assert!(host.available(&path("missing")).is_err());
        assert!(host.available(folder.path()).unwrap().is_none_or(|bytes| bytes > 0));
        assert!(!host.shares_blocks(&path("missing")));
    }
}
