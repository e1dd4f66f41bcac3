//! `berry-image cache` through the built program: what is there, and what goes.

mod support;

use std::{
    fs::{self, File, FileTimes},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use sha2::{Digest as _, Sha256};
use support::{
    program::{berry, fails, folder, ok, profile_in},
    server::{self, Server, Step},
};

/// A cache of a test's own with what the program put there.
struct Shelf {
    folder: tempfile::TempDir,
    profile: PathBuf,
}

/// Bytes of an image in which no system stands, by number.
fn image(number: u8) -> Vec<u8> {
    let mut bytes = vec![number; 200_000];
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Shelf {
    fn new() -> Self {
        let folder = folder();
        let profile = profile_in(folder.path(), "cluster01.yaml");
        Self { folder, profile }
    }

    fn berry(&self, arguments: &[&str]) -> Command {
        let mut command = berry();
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.env("BERRY_IMAGE_CACHE", self.root()).args(arguments);
        command
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn plan(&self, base: &str) -> Command {
        let mut command = self.berry(&["plan"]);
        command.arg(&self.profile).arg("--base").arg(base);
        command
    }

    /// Brings an image from a server into the cache; its key.
    fn bring(&self, number: u8) -> String {
        let (bytes, server) = (image(number), Server::of(&image(number)));
        // In it there is no system.
        fails(4, &mut self.plan(&format!("{}#sha256={}", server.url(&format!("/{number}.img?canary")), hex(&bytes))));
        format!("file-{}", hex(&bytes))
    }

    fn entries(&self) -> Vec<serde_json::Value> {
        let listed: serde_json::Value = serde_json::from_str(&ok(&mut self.berry(&["cache", "ls", "--json"]))).unwrap();
        listed["entries"].as_array().unwrap().clone()
    }

    fn keys(&self) -> Vec<String> {
        self.entries().iter().map(|entry| entry["key"].as_str().unwrap().to_owned()).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// As if it had been used last so many days ago.
    fn age(&self, name: &str, days: u64) {
        let time = SystemTime::now() - Duration::from_secs(days * 24 * 3600);
        File::options().write(true).open(self.file(name)).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
    }
}

fn wait_for(mut what: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !what() {
        assert!(Instant::now() < deadline, "it did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends a process that a test started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_cache_that_is_not_there_is_empty_and_is_not_made() {
    let shelf = Shelf::new();
    assert!(ok(&mut shelf.berry(&["cache", "ls"])).starts_with("0 items, 0 B in "));
    assert_eq!(ok(&mut shelf.berry(&["cache", "path"])).trim_end(), shelf.root().to_str().unwrap());
    assert_eq!(ok(&mut shelf.berry(&["cache", "gc"])), "removed 0 items, 0 B\n");
    ok(&mut shelf.berry(&["cache", "verify"]));
    fails(2, &mut shelf.berry(&["cache", "rm", "x"]));
    assert!(!shelf.root().exists());
}

#[test]
fn what_is_there_is_listed() {
    let shelf = Shelf::new();
    let key = shelf.bring(1);
    let packed = shelf.folder.path().join("my own.img.gz");
    let mut encoder = flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &image(2)).unwrap();
    encoder.finish().unwrap();
    fails(4, &mut shelf.plan(packed.to_str().unwrap()));
    let entries = shelf.entries();
    assert_eq!(entries.len(), 2);
    let of = |key: &str| entries.iter().find(|entry| entry["key"] == key).unwrap();
    assert!(
        of(&key)["origin"].as_str().unwrap().starts_with("http://127.0.0.1:") && of(&key)["origin"].as_str().unwrap().ends_with("/1.img")
    );
    let other = of(&format!("file-{}", hex(&fs::read(&packed).unwrap())));
    assert_eq!(
        (other["origin"].as_str(), other["size"].as_u64(), other["in_use"].as_bool()),
        (Some("my own.img.gz"), Some(200_000), Some(false))
    );
    assert!(other["stored"].as_u64().unwrap() >= 200_000 && other["last_used"].as_str().unwrap().ends_with('Z'));
    let text = ok(&mut shelf.berry(&["cache", "ls"]));
    assert!(text.contains("my own.img.gz") && text.contains("used today") && text.contains("2 items"), "{text}");
    assert!(!text.contains("canary"));
}

#[test]
fn records_of_earlier_versions_are_read() {
    let shelf = Shelf::new();
    let key = shelf.bring(1);
    let record = shelf.file(&format!("images/{key}.json"));
    let text = format!("{{\"version\": 1, \"size\": 200000, \"sha256\": \"{}\"}}", hex(&image(1)));
    fs::write(&record, text).unwrap();
    assert_eq!((shelf.entries()[0]["content"].as_str(), shelf.entries()[0]["origin"].as_str()), (Some("image"), None));
    assert!(ok(&mut shelf.berry(&["cache", "verify"])).contains("as it was stored"));
    let said = fails(4, shelf.plan(&format!("https://images.example.org/x#sha256={}", hex(&image(1)))).arg("--offline"));
    assert!(!said.contains("not in the cache"), "{said}");
}

#[test]
fn a_use_is_noted() {
    let shelf = Shelf::new();
    let key = shelf.bring(1);
    shelf.age(&format!("images/{key}.json"), 40);
    assert!(ok(&mut shelf.berry(&["cache", "ls"])).contains("used 40 days ago"));
    ok(&mut shelf.berry(&["cache", "verify"]));
    assert!(ok(&mut shelf.berry(&["cache", "ls"])).contains("used 40 days ago"), "to look at it is no use");
    fails(4, shelf.plan(&format!("https://images.example.org/x#sha256={}", hex(&image(1)))).arg("--offline"));
    assert!(ok(&mut shelf.berry(&["cache", "ls"])).contains("used today"));
}

#[test]
fn one_is_removed_by_key_name_or_beginning() {
    let shelf = Shelf::new();
    let keys: Vec<_> = (1..=4).map(|number| shelf.bring(number)).collect();
    let said = fails(2, &mut shelf.berry(&["cache", "rm", "file-"]));
    assert!(said.contains("nothing in the cache is called `file-`"), "{said}");
    let origin = shelf.entries().iter().find(|entry| entry["key"] == *keys[1]).unwrap()["origin"].as_str().unwrap().to_owned();
    let said = ok(&mut shelf.berry(&["cache", "rm", &keys[0], &origin, &keys[2]["file-".len()..17]]));
    assert_eq!(said.lines().filter(|line| line.starts_with("removed ")).count(), 3, "{said}");
    assert_eq!(shelf.keys(), keys[3..]);
    assert_eq!(fs::read_dir(shelf.file("images")).unwrap().count(), 2);
}

#[test]
fn what_is_old_goes_and_what_takes_too_much_room() {
    let shelf = Shelf::new();
    let keys: Vec<_> = (1..=4).map(|number| shelf.bring(number)).collect();
    for (key, days) in keys.iter().zip([50, 40, 30, 20]) {
        shelf.age(&format!("images/{key}.json"), days);
    }
    let gc = |more: &[&str]| ok(&mut shelf.berry(&[&["cache", "gc"], more].concat()));
    assert_eq!((gc(&[]), shelf.keys().len()), ("removed 0 items, 0 B\n".to_owned(), 4));
    let said = gc(&["--older-than", "45", "--dry-run"]);
    assert!(said.contains("would remove http://127.0.0.1") && said.contains("(old)") && shelf.keys().len() == 4, "{said}");
    gc(&["--older-than", "45"]);
    assert!(!shelf.keys().contains(&keys[0]) && shelf.keys().len() == 3);
    // Each takes 200 KiB and a record.
    let report: serde_json::Value = serde_json::from_str(&gc(&["--keep", "450KiB", "--json"])).unwrap();
    assert_eq!((report["removed"].as_array().unwrap().len(), report["removed"][0]["why"].as_str()), (1, Some("room")));
    assert!(!shelf.keys().contains(&keys[1]) && shelf.keys().len() == 2);
    gc(&["--keep", "0"]);
    assert!(shelf.keys().is_empty());
    fails(2, &mut shelf.berry(&["cache", "gc", "--keep", "many"]));
}

#[test]
fn remains_go_and_what_is_alive_stays() {
    let shelf = Shelf::new();
    let key = shelf.bring(1);
    for name in ["images/half.img", "images/lost.json", "images/x.partial", "temps/k.99999.0.partial", "partials/file-00.0.part"] {
        fs::write(shelf.file(name), "left behind").unwrap();
    }
    shelf.age("partials/file-00.0.part", 8);
    fs::write(shelf.file("partials/file-11.0.part"), "recent").unwrap();
    let source = shelf.folder.path().join("gone.img");
    fs::write(&source, image(9)).unwrap();
    File::options().write(true).open(&source).unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
    fails(4, &mut shelf.plan(source.to_str().unwrap()));
    // The plan has removed the temporary file: another.
    fs::write(shelf.file("temps/k.99999.1.partial"), "left behind").unwrap();
    fs::remove_file(&source).unwrap();
    let sources = || fs::read_to_string(shelf.file("sources.json")).unwrap();
    assert!(sources().contains("gone.img"));
    let alive = File::create(shelf.file("temps/k.1.0.partial")).unwrap();
    alive.lock().unwrap();
    let said = ok(&mut shelf.berry(&["cache", "gc", "--dry-run"]));
    assert_eq!(said.lines().count(), 6, "{said}");
    assert!(shelf.file("temps/k.99999.1.partial").exists() && sources().contains("gone.img"));
    let said = ok(&mut shelf.berry(&["cache", "gc"]));
    assert!(said.contains("removed 5 items"), "{said}");
    let names = |folder: &str| {
        let mut names: Vec<_> =
            fs::read_dir(shelf.file(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("images"), [format!("{key}.img"), format!("{key}.json")]);
    assert_eq!((names("temps"), names("partials")), (vec!["k.1.0.partial".to_owned()], vec!["file-11.0.part".to_owned()]));
    assert!(!sources().contains("gone.img"));
    drop(alive);
}

#[test]
fn damage_is_found_and_removed() {
    let shelf = Shelf::new();
    let keys = [shelf.bring(1), shelf.bring(2)];
    let path = shelf.file(&format!("images/{}.img", keys[0]));
    let mut bytes = fs::read(&path).unwrap();
    bytes[77] ^= 1;
    fs::write(&path, bytes).unwrap();
    let said = fails(3, &mut shelf.berry(&["cache", "verify"]));
    assert!(said.contains("1 image damaged") && said.contains(&hex(&image(1))), "{said}");
    assert_eq!(shelf.keys(), keys[1..]);
    ok(&mut shelf.berry(&["cache", "verify"]));
}

#[test]
fn an_image_that_cannot_be_read_does_not_hide_the_others() {
    let shelf = Shelf::new();
    let keys = [shelf.bring(1), shelf.bring(2)];
    // The system says that this file has 4096 bytes, and gives fewer.
    std::os::unix::fs::symlink("/sys/devices/system/cpu/online", shelf.file("images/file-00.img")).unwrap();
    let record = format!("{{\"version\": 1, \"size\": 4096, \"sha256\": \"{}\"}}", "0".repeat(64));
    fs::write(shelf.file("images/file-00.json"), record).unwrap();
    let verify = |code| {
        let result = support::program::output(&mut shelf.berry(&["cache", "verify"]));
        assert_eq!(result.status.code(), Some(code));
        (String::from_utf8(result.stdout).unwrap(), String::from_utf8(result.stderr).unwrap())
    };
    let (said, failed) = verify(1);
    assert_eq!((said.matches("as it was stored").count(), said.matches("file-00: not verified").count()), (2, 1), "{said}");
    assert!(failed.contains("1 image not verified"), "{failed}");
    fs::write(shelf.file(&format!("images/{}.img", keys[1])), vec![1; 200_000]).unwrap();
    let (said, failed) = verify(3);
    assert!(said.contains("damaged, removed") && failed.contains("1 image damaged, 1 image not verified"), "{said}{failed}");
    assert!(shelf.file("images/file-00.img").exists() && !shelf.keys().contains(&keys[1]));
}

fn is_in_use(shelf: &Shelf, key: &str) -> bool {
    shelf.entries().iter().find(|entry| entry["key"] == *key).is_some_and(|entry| entry["in_use"] == true)
}

#[test]
fn an_image_in_use_stays() {
    let shelf = Shelf::new();
    let key = shelf.bring(1);
    let image = berry_image::base::cache::Cache::at(&shelf.root()).unwrap().get(&key).unwrap().unwrap();
    assert!(is_in_use(&shelf, &key) && ok(&mut shelf.berry(&["cache", "ls"])).contains("in use"));
    let said = fails(4, &mut shelf.berry(&["cache", "rm", &key]));
    assert!(said.contains("is in use and not removed"), "{said}");
    assert_eq!(ok(&mut shelf.berry(&["cache", "gc", "--keep", "0"])), "removed 0 items, 0 B\n");
    // Looking at it disturbs nobody.
    ok(&mut shelf.berry(&["cache", "verify"]));
    drop(image);
    assert!(!is_in_use(&shelf, &key));
    ok(&mut shelf.berry(&["cache", "rm", &key]));
    assert!(shelf.keys().is_empty());
}

#[test]
fn a_build_that_reads_its_base_keeps_it() {
    // The program itself, held up while it decompresses by a base that is large enough.
    let shelf = Shelf::new();
    let packed = shelf.folder.path().join("large.img.gz");
    let mut encoder = flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &image(3)).unwrap();
    let zeroes = vec![7; 1 << 20];
    for _ in 0..900 {
        std::io::Write::write_all(&mut encoder, &zeroes).unwrap();
    }
    encoder.finish().unwrap();
    let key = format!("file-{}", hex(&fs::read(&packed).unwrap()));
    let mut running = Running(shelf.plan(packed.to_str().unwrap()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
    let temps = shelf.file("temps");
    wait_for(|| fs::read_dir(&temps).is_ok_and(|entries| entries.count() > 0));
    ok(&mut shelf.berry(&["cache", "gc", "--keep", "0"]));
    assert_eq!(fs::read_dir(&temps).unwrap().count(), 1, "what is being made stays");
    assert_eq!(running.0.wait().unwrap().code(), Some(4));
    assert_eq!(shelf.keys(), [key]);
}

#[test]
fn a_download_that_goes_on_stays() {
    let shelf = Shelf::new();
    let bytes = image(5);
    let content = bytes.clone();
    let server = Server::new(move |_, _| [server::whole(&content, 100_000), vec![Step::Pause(Duration::from_secs(30))]].concat());
    let base = format!("{}#sha256={}", server.url("/x.img"), hex(&bytes));
    let mut running = Running(shelf.plan(&base).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
    wait_for(|| shelf.root().exists() && shelf.entries().iter().any(|entry| entry["size"] == 100_000));
    assert!(ok(&mut shelf.berry(&["cache", "ls"])).contains("goes on now"));
    let name = shelf.entries()[0]["origin"].as_str().unwrap().to_owned();
    fails(4, &mut shelf.berry(&["cache", "rm", &name]));
    ok(&mut shelf.berry(&["cache", "gc", "--keep", "0"]));
    assert_eq!(shelf.entries().len(), 1);
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    // What a process that was killed has left is a download like any other.
    let entry = &shelf.entries()[0];
    assert_eq!(
        (entry["content"].as_str(), entry["in_use"].as_bool(), entry["total"].as_u64()),
        (Some("download"), Some(false), Some(200_000))
    );
    ok(&mut shelf.berry(&["cache", "rm", &name]));
    assert_eq!(fs::read_dir(Path::new(&shelf.file("partials"))).unwrap().count(), 0);
}
