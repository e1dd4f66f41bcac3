//! The packages of the example, from the archives of its base: locked here, built elsewhere. The archives are real; a simulated one, with
//! all that can be wrong with it, is in `repository`.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;
use support::{
    pi_os::{
        self,
        release::{BOOKWORM_ARMHF, BULLSEYE_OLD},
    },
    program::{berry, berry_apart, fails, folder, ok, output, whole_profile_in, without},
};

/// A folder with the profile, its lock and a bundle.
struct Here {
    folder: tempfile::TempDir,
}

impl Here {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

static HERE: LazyLock<Here> = LazyLock::new(|| {
    let folder = folder();
    let profile = whole_profile_in(folder.path(), "cluster01.yaml");
    ok(berry().arg("lock").arg(&profile).arg("--bundle").arg(folder.path().join("bundle")));
    Here { folder }
});

fn lock(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect()
}

/// Another computer: nothing of this one but a copy of the profile, and of the lock if there is one.
struct Elsewhere {
    folder: tempfile::TempDir,
}

impl Elsewhere {
    fn new(with_lock: bool) -> Self {
        let folder = folder();
        fs::copy(HERE.path("cluster01.yaml"), folder.path().join("cluster01.yaml")).unwrap();
        if with_lock {
            fs::copy(HERE.path("cluster01.lock"), folder.path().join("cluster01.lock")).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command on its profile, with an empty cache and proxies that lead nowhere.
    fn berry(&self, command: &str) -> Command {
        let mut berry = berry();
        berry.env("BERRY_IMAGE_CACHE", self.path("cache")).env("http_proxy", "http://127.0.0.1:1").env("https_proxy", "http://127.0.0.1:1");
        berry.arg(command).arg(self.path("cluster01.yaml"));
        berry
    }

    /// A build of one node from a bundle.
    fn build(&self, bundle: &Path) -> Command {
        let mut berry = self.berry("build");
        berry.args(["--locked", "--offline", "--node", "cluster01", "--output"]).arg(self.path("images")).arg("--bundle").arg(bundle);
        berry
    }
}

#[test]
fn the_lock_names_what_the_cluster_needs() {
    let lock = lock(&HERE.path("cluster01.lock"));
    let packages = names(&lock["packages"]);
    for name in ["glusterfs-server", "glusterfs-common", "apache2", "apache2-bin", "ddclient", "rsync"] {
        assert!(packages.contains(&name), "{name}: {packages:?}");
    }
    assert!(packages.is_sorted() && packages.len() > 40, "{packages:?}");
    let asked: Vec<_> = lock["packages"].as_array().unwrap().iter().filter(|package| package["asked"] == true).collect();
    assert_eq!(asked.len(), 4);
    assert!(lock["base"]["packages"]["dpkg"].is_string() && lock["base"]["sha256"].is_null());
    let archives = lock["archives"].as_array().unwrap();
    assert!(archives.iter().any(|archive| archive["suite"] == "bookworm" && archive["keys"][0].as_str().unwrap().len() == 40));
    // Nothing moves it by itself.
    let before = fs::read(HERE.path("cluster01.lock")).unwrap();
    let said = ok(berry().arg("lock").arg(HERE.path("cluster01.yaml")));
    assert!(said.contains("is up to date") && fs::read(HERE.path("cluster01.lock")).unwrap() == before, "{said}");
}

#[test]
fn the_plan_lists_what_comes_with_its_size() {
    let plan = ok(berry().arg("plan").arg(HERE.path("cluster01.yaml")).args(["--offline", "--json"]));
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let packages = &plan["packages"];
    assert_eq!(packages["locked"], true);
    assert_eq!(names(&packages["add"]), names(&lock(&HERE.path("cluster01.lock"))["packages"]));
    assert!(packages["download"].as_u64().unwrap() > 10 << 20 && packages["growth"].as_i64().unwrap() > 50 << 20, "{packages}");
    let text = ok(berry().arg("plan").arg(HERE.path("cluster01.yaml")).arg("--offline"));
    assert!(text.contains("as locked") && text.contains("  + glusterfs-server ") && text.contains(" installed, needed"), "{text}");
    // A root without room is refused before anything is written, with the numbers.
    let elsewhere = Elsewhere::new(true);
    let profile = fs::read_to_string(elsewhere.path("cluster01.yaml")).unwrap();
    fs::write(elsewhere.path("cluster01.yaml"), profile.replace("root_size: 4 GiB", "root_size: 840 MiB")).unwrap();
    let said = fails(2, berry().arg("plan").arg(elsewhere.path("cluster01.yaml")).arg("--offline"));
    assert!(said.contains("the packages need ") && said.contains("make root_size larger, by at least "), "{said}");
}

#[test]
fn a_lock_and_a_bundle_serve_another_computer_without_a_network() {
    let elsewhere = Elsewhere::new(true);
    ok(&mut elsewhere.build(&HERE.path("bundle")));
    assert!(elsewhere.path("images/cluster01.img").exists());
    assert_eq!(fs::read(elsewhere.path("cluster01.lock")).unwrap(), fs::read(HERE.path("cluster01.lock")).unwrap());
    // The time of the build is that of the lock, so it is the same there.
    let manifest = lock(&elsewhere.path("images/manifest.json"));
    assert_eq!(manifest["epoch"], lock(&HERE.path("cluster01.lock"))["epoch"]);
    // Into its cache came the record of a digest, and the packages as they were decompressed.
    let count = |part: &str| fs::read_dir(elsewhere.path("cache").join(part)).unwrap().count();
    for part in ["images", "releases", "partials", "temps"] {
        assert_eq!(count(part), 0, "{part}");
    }
    assert!(count("files") > 40 && count("files") <= count("unpacked"));
    ok(elsewhere.berry("check").arg("--bundle").arg(HERE.path("bundle")));
    let plan = ok(elsewhere.berry("plan").args(["--offline", "--bundle"]).arg(HERE.path("bundle")));
    assert!(plan.contains("as locked"), "{plan}");
}

/// A copy of the bundle in which every file is a link to that of the original.
fn linked_bundle(folder: &Path) -> PathBuf {
    let copy = folder.join("bundle");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(HERE.path("bundle")).unwrap() {
        let entry = entry.unwrap();
        std::os::unix::fs::symlink(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    copy
}

fn file_of(bundle: &Path, start: &str) -> PathBuf {
    let mut files = fs::read_dir(bundle).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(start)).unwrap()
}

/// The image of a node, built once.
static IMAGE: LazyLock<PathBuf> = LazyLock::new(|| {
    let images = HERE.path("images");
    let said =
        output(berry().arg("build").arg(HERE.path("cluster01.yaml")).args(["--offline", "--node", "cluster02", "--output"]).arg(&images));
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && text.contains(" unpacked; each node configures them on its first boot"), "{text}");
    assert!(text.contains(" on hold, so that an upgrade of one node does not split the pool: glusterfs-cli, "), "{text}");
    assert!(text.contains("the same number on every node: group gluster (") && text.contains("user gluster ("), "{text}");
    images.join("cluster02.img")
});

#[test]
fn an_image_holds_the_packages_unpacked() {
    let lock = lock(&HERE.path("cluster01.lock"));
    let shown: Value = serde_json::from_str(&ok(berry().args(["inspect", "--json"]).arg(&*IMAGE))).unwrap();
    let packages = shown["packages"].as_array().unwrap();
    let in_state = |state: &str| packages.iter().filter(|package| package["state"] == state).collect::<Vec<_>>();
    let waiting: Vec<&str> = in_state("unpacked").iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(waiting, names(&lock["packages"]));
    assert!(in_state("installed").len() > 150);
    let held = |name: &str| packages.iter().find(|package| package["name"] == name).unwrap()["held"] == true;
    assert!(held("glusterfs-server") && held("libgfapi0") && !held("apache2"));
    let text = ok(berry().arg("inspect").arg(&*IMAGE));
    assert!(text.contains(" unpacked") && text.contains("  glusterfs-server ") && text.contains(": unpacked, on hold"), "{text}");
    assert!(!text.contains("  bash ") && ok(berry().args(["inspect", "--packages"]).arg(&*IMAGE)).contains("  bash "));

    // Files where a merged /usr has them, and conffiles that dpkg is still to look at.
    let list = |path: &str| ok(berry().args(["ls", "-l"]).arg(format!("{}:{path}", IMAGE.display())));
    assert!(list("/usr/sbin/glusterfsd").contains("glusterfsd") && list("/usr/sbin/mount.glusterfs").starts_with("-rwxr-xr-x"));
    assert!(list("/etc/glusterfs").contains("glusterd.vol.dpkg-new") && list("/var/lib/python").contains("python3.11_installed"));

    // dpkg itself reads the database, and finds nothing but what waits.
    let folder = folder();
    let database = folder.path().join("dpkg");
    fs::create_dir_all(database.join("updates")).unwrap();
    fs::create_dir_all(database.join("info")).unwrap();
    let status = ok(berry().arg("cat").arg(format!("{}:/var/lib/dpkg/status", IMAGE.display())));
    fs::write(database.join("status"), &status).unwrap();
    let audit = ok(Command::new("dpkg").arg("--admindir").arg(&database).arg("--audit").env("LC_ALL", "C"));
    assert!(audit.contains("unpacked but not yet configured") && audit.contains("\n glusterfs-server"), "{audit}");
    assert!(!audit.contains("only half") && !audit.contains("serious problem"), "{audit}");
    let groups = ok(berry().arg("cat").arg(format!("{}:/etc/group", IMAGE.display())));
    assert!(groups.lines().any(|line| line.starts_with("gluster:x:1")), "{groups}");
}

#[test]
fn a_bill_of_materials_stands_beside_the_image() {
    let bill = lock(&IMAGE.with_file_name("cluster02.cdx.json"));
    let locked = lock(&HERE.path("cluster01.lock"));
    assert_eq!((bill["bomFormat"].as_str(), bill["specVersion"].as_str()), (Some("CycloneDX"), Some("1.6")));
    let components = bill["components"].as_array().unwrap();
    let find = |name: &str| components.iter().find(|component| component["name"] == name).unwrap_or_else(|| panic!("{name}"));
    for package in locked["packages"].as_array().unwrap() {
        let component = find(package["name"].as_str().unwrap());
        assert_eq!((&component["version"], &component["hashes"][0]["content"]), (&package["version"], &package["sha256"]));
        let address = component["externalReferences"][0]["url"].as_str().unwrap();
        assert!(address.ends_with(package["path"].as_str().unwrap()), "{address}");
    }
    assert!(find("bash")["hashes"].is_null() && find("bash")["purl"].as_str().unwrap().starts_with("pkg:deb/debian/bash@"));
    let references: std::collections::HashSet<_> = components.iter().map(|component| component["bom-ref"].as_str().unwrap()).collect();
    assert_eq!(references.len(), components.len(), "each has a reference of its own");
    let dependencies = bill["dependencies"].as_array().unwrap();
    let needs = dependencies.iter().find(|entry| entry["ref"].as_str().unwrap().contains("/glusterfs-server@")).unwrap();
    assert!(needs["dependsOn"].as_array().unwrap().iter().any(|need| need.as_str().unwrap().contains("/glusterfs-common@")));
    let known = |reference: &Value| references.contains(reference.as_str().unwrap());
    assert!(dependencies.iter().flat_map(|entry| entry["dependsOn"].as_array().unwrap()).all(known));
}

#[test]
fn a_bundle_that_is_not_what_was_stored_is_refused() {
    let elsewhere = Elsewhere::new(true);
    let bundle = linked_bundle(elsewhere.folder.path());
    let package = file_of(&bundle, "rsync_");
    let mut bytes = fs::read(&package).unwrap();
    fs::remove_file(&package).unwrap();
    let said = fails(2, &mut elsewhere.build(&bundle));
    assert!(said.contains("--offline: this is not in the cache: rsync_"), "{said}");
    bytes[1000] ^= 1;
    fs::write(&package, &bytes).unwrap();
    let said = fails(3, &mut elsewhere.build(&bundle));
    assert!(said.contains("rsync_") && said.contains("has the SHA-256"), "{said}");
    fs::write(&package, &bytes[1..]).unwrap();
    assert!(fails(3, &mut elsewhere.build(&bundle)).contains("bytes, expected"));

    // What the bundle says of itself counts for nothing: the lock says what its base must be.
    let base = bundle.join("base.img");
    fs::remove_file(&base).unwrap();
    fs::write(&base, vec![0; 1 << 20]).unwrap();
    let said = fails(3, &mut elsewhere.build(&bundle));
    assert!(said.contains("base.img`, is not the one of the lock: its SHA-256 is"), "{said}");
    let record = bundle.join("bundle.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::remove_file(&record).unwrap();
    assert!(fails(2, &mut elsewhere.build(&bundle)).contains("is no bundle: it has no `bundle.json`"));
    fs::write(&record, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
    assert!(fails(2, &mut elsewhere.build(&bundle)).contains("it has format 2"));
    assert!(!elsewhere.path("images").exists());
}

#[test]
fn locked_means_that_the_lock_stays() {
    let elsewhere = Elsewhere::new(false);
    let bundle = HERE.path("bundle");
    let said = fails(4, &mut elsewhere.build(&bundle));
    assert!(said.contains("--bundle without a lock"), "{said}");
    let said = fails(4, berry().arg("build").arg(elsewhere.path("cluster01.yaml")).args(["--locked", "--offline"]));
    assert!(said.contains("there is no lock") && said.contains("berry-image lock"), "{said}");
    let elsewhere = Elsewhere::new(true);
    let profile = fs::read_to_string(elsewhere.path("cluster01.yaml")).unwrap();
    fs::write(elsewhere.path("cluster01.yaml"), profile.replace("ddclient, rsync]", "ddclient, lsof]")).unwrap();
    let said = fails(4, &mut elsewhere.build(&bundle));
    assert!(said.contains("is now with lsof and without rsync"), "{said}");
    assert!(!elsewhere.path("images").exists() && !elsewhere.path("cluster01.ledger").exists());
    let said = ok(elsewhere.berry("check").arg("--bundle").arg(&bundle));
    assert!(said.contains("not checked") && said.contains("the lock does not fit any more"), "{said}");
    // Without a network and an index, what is missing has a name.
    let said = fails(2, elsewhere.berry("plan").args(["--offline", "--bundle"]).arg(&bundle));
    assert!(said.contains("--offline: these are not in the cache: the index of http") && said.contains("bookworm-security"), "{said}");
    // Here it is made anew, and all else stays.
    let said = ok(berry().arg("lock").arg(elsewhere.path("cluster01.yaml")));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("+ lsof ") && lines.iter().any(|line| line.starts_with("- rsync ")), "{said}");
    assert!(lines.iter().all(|line| !line.starts_with('~')), "{said}");
}

#[test]
fn a_folder_with_something_else_in_it_becomes_no_bundle() {
    let elsewhere = Elsewhere::new(false);
    fs::create_dir(elsewhere.path("full")).unwrap();
    fs::write(elsewhere.path("full/letter"), "dear").unwrap();
    let said = fails(4, berry().arg("lock").arg(elsewhere.path("cluster01.yaml")).arg("--bundle").arg(elsewhere.path("full")));
    assert!(said.contains("is not empty and no bundle"), "{said}");
    assert!(!elsewhere.path("cluster01.lock").exists() && fs::read_dir(elsewhere.path("full")).unwrap().count() == 1);
}

#[test]
fn a_request_that_cannot_be_met_is_explained() {
    let elsewhere = Elsewhere::new(false);
    let profile = without(&fs::read_to_string(elsewhere.path("cluster01.yaml")).unwrap(), &["volume:", "web:"]);
    let lock = |install: &str, remove: &str| {
        let packages = format!("install: [{install}]\n  remove: [{remove}]\n");
        let text = profile.replace("install: [glusterfs-server, apache2, ddclient, rsync]\n", &packages);
        fs::write(elsewhere.path("cluster01.yaml"), text).unwrap();
        fails(2, berry().arg("lock").arg(elsewhere.path("cluster01.yaml")))
    };
    assert!(lock("no-such-package", "").contains("no archive has the package `no-such-package`"));
    assert!(lock("", "libc6").contains("libc6"), "what stays needs it");
    assert!(lock("", "no-such-package").contains("is not installed"));
    let said = lock("exim4-daemon-light, postfix", "");
    assert!(said.contains("exim4") && said.contains("postfix"), "{said}");
    assert!(!elsewhere.path("cluster01.lock").exists());
}

#[test]
fn glusterfs_on_a_32_bit_image_is_refused_with_the_ways_out() {
    let folder = folder();
    let profile = whole_profile_in(folder.path(), "cluster01.yaml");
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, text.replace("name: pi\n", "name: berry\n")).unwrap();
    let base = pi_os::make(folder.path(), "raspbian", &BOOKWORM_ARMHF);
    for command in ["check", "plan", "build", "lock"] {
        let said = fails(4, berry_apart().arg(command).arg(&profile).arg("--base").arg(&base));
        let is_explained = said.contains("`glusterfs-server` is installed on a 32-bit image") && said.contains("take a 64-bit image");
        assert!(is_explained, "{command}: {said}");
    }
    // Bullseye has GlusterFS 9, which runs; there it fails only for want of a network.
    let base = pi_os::make(folder.path(), "bullseye", &BULLSEYE_OLD);
    let said = output(berry_apart().arg("plan").arg(&profile).arg("--offline").arg("--base").arg(&base));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.contains("32-bit image"), "{said}");
}
