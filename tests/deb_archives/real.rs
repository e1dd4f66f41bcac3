//! Packages as dpkg-deb makes them, and any that `BERRY_DEBS` has.

use std::{env, fs, path::Path, process::Command, sync::Arc, time::Instant};

use berry_image::{
    debian::deb::{Deb, MemberKind},
    disk::FileStorage,
    progress::Stop,
};

use crate::{
    oracle::Oracle,
    said::{self, Temporary},
    support::program::{folder, output, shell},
};

/// A folder with packages to be read.
const DEBS: &str = "BERRY_DEBS";

/// Asks dpkg-deb about a package and compares.
fn compare(oracle: &Oracle, path: &Path) -> Deb {
    oracle.give(&fs::read(path).unwrap());
    let storage = FileStorage::open(path).unwrap();
    let deb = Deb::read(Arc::new(storage), &Temporary, &Stop::default())
        .unwrap_or_else(|error| panic!("{}: {}", path.display(), said::short(&error)));
    let lines: Vec<String> = deb.members.iter().map(said::line).collect();
    assert_eq!(Some(lines), oracle.contents(), "{}", path.display());
    assert!(oracle.control());
    deb
}

#[test]
fn packages_of_a_folder_are_read_as_dpkg_reads_them() {
    let Some(debs) = env::var_os(DEBS) else { return };
    let oracle = Oracle::new();
    let mut count = 0;
    for entry in fs::read_dir(debs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let start = Instant::now();
            let deb = compare(&oracle, &path);
            let took = start.elapsed();
            check_sums(&deb, &path);
            eprintln!("{}: {} members, {took:?}", path.display(), deb.members.len());
            count += 1;
        }
    }
    eprintln!("{count} packages");
    assert!(count > 0);
}

/// The package's own list of MD5 sums, which most have, agrees.
fn check_sums(deb: &Deb, path: &Path) {
    let list = deb.control_text("md5sums").unwrap_or_default();
    for line in std::str::from_utf8(list).unwrap().lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let member = deb.members.iter().find(|member| member.path.strip_prefix(b"/") == Some(name.as_bytes()));
        let Some(MemberKind::File { md5, .. }) = member.map(|member| &member.kind) else { continue };
        assert_eq!(berry_image::hex::encode(md5), sum, "{}: {name}", path.display());
    }
}

/// Peak of this process's resident memory, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Set to the path of a package for a process that reads it and nothing else.
const ALONE: &str = "BERRY_DEB_ALONE";

/// The memory of the other tests would count: this one runs again in a process of its own.
#[test]
fn the_data_of_a_package_is_not_held_in_memory() {
    if let Some(path) = env::var_os(ALONE) {
        let before = peak();
        let storage = Arc::new(FileStorage::open(Path::new(&path)).unwrap());
        let deb = Deb::read(storage, &Temporary, &Stop::default()).unwrap();
        let grown = peak() - before;
        eprintln!("{} KiB more for {} bytes", grown >> 10, fs::metadata(&path).unwrap().len());
        // The blocks of xz are unpacked side by side, in memory.
        let allowed = if path.to_string_lossy().contains("xz") { 48 } else { 4 };
        assert!(grown < allowed << 20, "{grown}");
        assert_eq!(deb.members.len(), 3);
        return;
    }
    let folder = folder();
    let script = "cd \"$1\"; mkdir -p p/DEBIAN; printf '%s\\n' 'Package: p' 'Version: 1' 'Architecture: all' 'Maintainer: x <x@x.x>' \
        'Description: x' > p/DEBIAN/control
        head -c 30000000 /dev/urandom > p/noise; seq 12000000 > p/text
        for kind in gzip xz none; do dpkg-deb -Z$kind -z1 --root-owner-group -b p $kind.deb > log; done";
    shell(script, &[folder.path().as_os_str()]);
    for kind in ["gzip", "xz", "none"] {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "real::the_data_of_a_package_is_not_held_in_memory", "--nocapture"]);
        let output = output(command.env(ALONE, folder.path().join(kind).with_extension("deb")));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("KiB more"), "{kind}: {text}");
        eprintln!("{kind}: {text}");
    }
}
