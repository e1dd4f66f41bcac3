use std::{
    fs::{File, FileTimes},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    sync::Barrier,
    thread,
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::progress::Silent;

/// Set in a process that is only there to hold or wait for a lock of the cache in this folder.
const CHILD: &str = "BERRY_IMAGE_TEST_CACHE_OF_CHILD";

fn write(text: &str) -> impl FnOnce(&Scratch<'_>, &Temp) -> Result<Made, CacheError> {
    move |_, temp| {
        temp.file().write_all(text.as_bytes()).unwrap();
        Ok(Made { size: text.len() as u64, sha256: Sha256::digest(text.as_bytes()).into() })
    }
}

fn never(_: &Scratch<'_>, _: &Temp) -> Result<Made, CacheError> {
    panic!("it is in the cache")
}

fn text(entry: &Entry) -> String {
    use crate::disk::Storage as _;
    let mut bytes = vec![0; usize::try_from(entry.storage.size()).unwrap()];
    entry.storage.read_exact_at(0, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn files(cache: &Cache, folder: &str) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(cache.folder(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_image_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    assert!(cache.get("k").unwrap().is_none());
    assert_eq!(text(&cache.get_or_make("k", "origin", &Silent, &Stop::default(), write("image")).unwrap()), "image");
    let again = Cache::at(folder.path()).unwrap().get_or_make("k", "origin", &Silent, &Stop::default(), never).unwrap();
    assert_eq!((text(&again), again.made.size), ("image".to_owned(), 5));
    cache.verify("k", &again, &Silent, &Stop::default()).unwrap();
    assert_eq!(files(&cache, "images"), ["k.img", "k.json"]);
    let mode = fs::metadata(cache.folder("images").join("k.img")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "an image may hold keys");
    assert!(files(&cache, "temps").is_empty());
    cache.remove("k").unwrap();
    assert!(cache.get("k").unwrap().is_none());
    cache.remove("k").unwrap();
}

#[test]
fn a_damaged_entry_is_made_again() {
    for damage in ["image cut", "image gone", "record gone", "record cut", "record of another version"] {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        cache.get_or_make("k", "origin", &Silent, &Stop::default(), write("image")).unwrap();
        match damage {
            "image cut" => fs::write(cache.image("k"), "imag").unwrap(),
            "image gone" => fs::remove_file(cache.image("k")).unwrap(),
            "record gone" => fs::remove_file(cache.record("k")).unwrap(),
            "record cut" => fs::write(cache.record("k"), "{\"version\"").unwrap(),
            _ => {
                let record = fs::read_to_string(cache.record("k")).unwrap();
                fs::write(cache.record("k"), record.replace("\"version\": 1", "\"version\": 2")).unwrap();
            }
        }
        assert_eq!(text(&cache.get_or_make("k", "origin", &Silent, &Stop::default(), write("again")).unwrap()), "again", "{damage}");
        assert_eq!(cache.get("k").unwrap().unwrap().made.size, 5, "{damage}");
    }
}

#[test]
fn a_changed_byte_is_found_by_verifying() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    cache.get_or_make("k", "origin", &Silent, &Stop::default(), write("image")).unwrap();
    fs::write(cache.image("k"), "imagf").unwrap();
    let entry = cache.get("k").unwrap().unwrap();
    let error = cache.verify("k", &entry, &Silent, &Stop::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Verification);
    assert!(cache.get("k").unwrap().is_none());
}

#[test]
fn what_was_made_anew_meanwhile_stays() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    cache.get_or_make("k", "origin", &Silent, &Stop::default(), write("image")).unwrap();
    fs::write(cache.image("k"), "imagf").unwrap();
    let damaged = cache.get("k").unwrap().unwrap();
    let held = Lock::take_briefly(&cache.lock_of("k")).unwrap();
    thread::scope(|scope| {
        let verifying = scope.spawn(|| cache.verify("k", &damaged, &Silent, &Stop::default()));
        thread::sleep(Duration::from_millis(200));
        // Whoever holds the lock finds the damage by itself.
        cache.remove("k").unwrap();
        fs::write(cache.folder("temps").join("new"), "image").unwrap();
        let sha256: [u8; 32] = Sha256::digest(b"image").into();
        let temp = Temp::of(File::open(cache.folder("temps").join("new")).unwrap(), cache.folder("temps").join("new"));
        entry::store(temp, &Made { size: 5, sha256 }, "origin", &cache.image("k"), &cache.record("k")).unwrap();
        drop(held);
        assert!(matches!(verifying.join().unwrap(), Err(CacheError::Damaged { .. })));
    });
    assert_eq!(text(&cache.get("k").unwrap().unwrap()), "image");
}

#[test]
fn a_failure_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    let result = cache.get_or_make("k", "origin", &Silent, &Stop::default(), |scratch, temp| {
        temp.file().write_all(b"half").unwrap();
        let other = scratch.temp()?;
        other.file().write_all(b"more").unwrap();
        Err(CacheError::Interrupted)
    });
    assert!(matches!(result, Err(CacheError::Interrupted)));
    assert!(files(&cache, "images").is_empty() && files(&cache, "temps").is_empty());
}

#[test]
fn temps_of_the_dead_are_removed_and_those_of_the_living_stay() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    fs::write(cache.folder("temps").join("k.99999.0.partial"), "left behind").unwrap();
    let temp = Temp::new(&cache.folder("temps"), &cache.folder("locks"), "alive").unwrap();
    Cache::at(folder.path()).unwrap();
    assert_eq!(files(&cache, "temps"), [temp.path().file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn temps_that_go_meanwhile_are_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    let path = cache.folder("temps").join("k.1.0.partial");
    fs::write(&path, "done").unwrap();
    // Between its being found and its being removed it comes to its place.
    let file = File::open(&path).unwrap();
    fs::rename(&path, cache.image("k")).unwrap();
    assert!(!lock::remove_unlocked(&path, &file).unwrap());
    assert_eq!(files(&cache, "images"), ["k.img"]);
}

#[test]
fn remains_that_became_an_image_stay() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    fs::write(cache.image("k"), "half").unwrap();
    let remains = cache.inventory().unwrap().remove(0);
    assert_eq!(remains.content, Content::Remains);
    drop(cache.get_or_make("k", "origin", &Silent, &Stop::default(), write("image")).unwrap());
    assert!(!cache.remove_unused(&remains).unwrap());
    let image = cache.inventory().unwrap().remove(0);
    aged(&cache.record("k"), 50);
    assert!(!cache.remove_unused(&image).unwrap(), "it was used since");
    assert!(cache.remove_unused(&cache.inventory().unwrap().remove(0)).unwrap() && files(&cache, "images").is_empty());
}

#[test]
fn what_is_in_use_takes_room_and_a_download_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    let text: &'static str = Box::leak("x".repeat(200_000).into_boxed_str());
    for key in ["a", "b"] {
        drop(cache.get_or_make(key, "origin", &Silent, &Stop::default(), write(text)).unwrap());
    }
    let used = cache.look("b").unwrap().unwrap();
    fs::write(cache.folder("partials").join("c.0.part"), text).unwrap();
    let sweep = |max| cache.sweep(&Limits { max_age: None, max_stored: Some(max) }, std::time::SystemTime::now(), false).unwrap();
    assert!(sweep(450 << 10).is_empty(), "the download does not count");
    assert_eq!((sweep(300 << 10).len(), files(&cache, "images")), (1, vec!["b.img".to_owned(), "b.json".to_owned()]));
    assert!(sweep(0).is_empty() && files(&cache, "partials").len() == 1);
    drop(used);
    assert_eq!(sweep(0).len(), 1);
}

#[test]
fn threads_that_want_the_same_wait_for_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    let (start, made) = (Barrier::new(4), std::sync::atomic::AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                let entry = cache
                    .get_or_make("k", "origin", &Silent, &Stop::default(), |scratch, file| {
                        made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(200));
                        write("image")(scratch, file)
                    })
                    .unwrap();
                assert_eq!(text(&entry), "image");
            });
        }
    });
    assert_eq!(made.into_inner(), 1);
}

/// The other process of [`two_processes_make_one_image`]: makes the image slowly.
#[test]
fn child_process() {
    let Some(root) = env::var_os(CHILD) else { return };
    let cache = Cache::at(Path::new(&root)).unwrap();
    let entry = cache.get_or_make("k", "origin", &Silent, &Stop::default(), |scratch, file| {
        fs::write(Path::new(&root).join("begun"), "").unwrap();
        thread::sleep(Duration::from_millis(700));
        write("by the child")(scratch, file)
    });
    assert_eq!(text(&entry.unwrap()), "by the child");
}

#[test]
fn two_processes_make_one_image() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    let mut child = command.args(["base::cache::tests::child_process", "--exact"]).env(CHILD, folder.path()).spawn().unwrap();
    while !folder.path().join("begun").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the child ended before it began");
        thread::sleep(Duration::from_millis(10));
    }
    // Opening the cache meanwhile must not take the child's half-made image for a stale one.
    let cache = Cache::at(cache.root()).unwrap();
    assert_eq!(files(&cache, "temps").len(), 1);
    assert_eq!(text(&cache.get_or_make("k", "origin", &Silent, &Stop::default(), never).unwrap()), "by the child");
    assert!(child.wait().unwrap().success());
}

#[test]
fn waiting_for_another_process_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    let held = Lock::take_briefly(&cache.folder("locks").join("k.lock")).unwrap();
    let stop = Stop::default();
    stop.request();
    assert!(matches!(cache.get_or_make("k", "origin", &Silent, &stop, never), Err(CacheError::Interrupted)));
    drop(held);
}

fn aged(path: &Path, seconds: u64) {
    let time = std::time::SystemTime::now() - Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// Counts how often a file is read.
struct Counter(std::sync::atomic::AtomicUsize);

impl Progress for Counter {
    fn begin(&self, _label: &str, _total: Option<u64>) -> Box<dyn crate::progress::Bar> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Box::new(Silent)
    }
    fn note(&self, _text: &str) {}
}

#[test]
fn a_file_is_read_again_only_when_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(&folder.path().join("cache")).unwrap();
    let path = folder.path().join("image");
    let counter = Counter(0.into());
    let digest = || cache.digest(&FileStorage::open(&path).unwrap(), &counter, &Stop::default()).unwrap();
    let reads = || counter.0.load(std::sync::atomic::Ordering::Relaxed);
    fs::write(&path, "one").unwrap();
    assert_eq!(digest()[..], Sha256::digest(b"one")[..]);
    digest();
    // Too young to be remembered.
    assert_eq!(reads(), 2);
    aged(&path, 100);
    digest();
    digest();
    assert_eq!(reads(), 3);
    fs::write(&path, "two").unwrap();
    aged(&path, 50);
    assert_eq!(digest()[..], Sha256::digest(b"two")[..]);
    assert_eq!(reads(), 4);
    // Another file of the same size and time in its place.
    let other = folder.path().join("other");
    fs::write(&other, "six").unwrap();
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    File::options().write(true).open(&other).unwrap().set_times(FileTimes::new().set_modified(modified)).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(digest()[..], Sha256::digest(b"six")[..]);
    // A damaged index is no obstacle.
    fs::write(index_of(&cache), "{").unwrap();
    assert_eq!(digest()[..], Sha256::digest(b"six")[..]);
}

#[test]
fn the_digest_is_that_of_the_open_file() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(&folder.path().join("cache")).unwrap();
    let (path, other) = (folder.path().join("image"), folder.path().join("other"));
    fs::write(&path, "one").unwrap();
    fs::write(&other, "two").unwrap();
    aged(&path, 100);
    aged(&other, 100);
    let storage = FileStorage::open(&path).unwrap();
    fs::rename(&other, &path).unwrap();
    for (storage, text) in [(&storage, "one"), (&FileStorage::open(&path).unwrap(), "two"), (&storage, "one")] {
        assert_eq!(cache.digest(storage, &Silent, &Stop::default()).unwrap()[..], Sha256::digest(text)[..]);
    }
}

fn index_of(cache: &Cache) -> PathBuf {
    cache.root().join("sources.json")
}

#[test]
fn the_folder_follows_the_environment() {
    let with = |pairs: &'static [(&str, &str)]| {
        folder(&move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value)))
    };
    assert_eq!(with(&[(VARIABLE, "/c"), ("HOME", "/h")]), Some("/c".into()));
    assert_eq!(with(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x/berry-image".into()));
    assert_eq!(with(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]), Some("/h/.cache/berry-image".into()));
    assert_eq!(with(&[(VARIABLE, ""), ("HOME", "/h")]), Some("/h/.cache/berry-image".into()));
    assert_eq!(with(&[]), None);
}

#[test]
fn digests_are_64_digits() {
    let bytes: [u8; 32] = Sha256::digest(b"x").into();
    assert_eq!(entry::digest(&hex::encode(&bytes)), Some(bytes));
    let ones = "1".repeat(63);
    assert_eq!((entry::digest(&ones), entry::digest(&format!("{ones}g")), entry::digest("")), (None, None, None));
}
