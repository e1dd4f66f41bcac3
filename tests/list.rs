//! `ls` and `cat`: what they show against what debugfs, mtools and the kernel show.

mod support;

use std::{fs, path::PathBuf, sync::LazyLock};

use support::{
    image::Image,
    pi_os::{self, release::BOOKWORM},
    program::{berry, fails, folder, ok, shell},
};

static BASE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = folder();
    let image = pi_os::make(folder.path(), "raspios", &BOOKWORM);
    (folder, image)
});

fn at(path: &str) -> String {
    format!("{}:{path}", BASE.1.display())
}

#[test]
fn names_are_those_that_other_programs_see() {
    let image = Image::open(&BASE.1);
    let mut expected = image.boot_names();
    expected.iter_mut().for_each(|name| name.truncate(name.trim_end_matches('/').len()));
    expected.sort();
    let listed = ok(berry().arg("ls").arg(at("/boot/firmware")));
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected, "the boot partition stands where fstab mounts it");
    let debugfs = image.debugfs(2, "ls -p /etc");
    let mut expected: Vec<_> = debugfs.lines().filter_map(|line| line.split('/').nth(5)).filter(|name| !["", ".", ".."].contains(name)).collect();
    expected.sort_unstable();
    assert_eq!(ok(berry().arg("ls").arg(at("/etc"))).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_long_listing_has_types_owners_and_targets() {
    let line = |path: &str| ok(berry().args(["ls", "-l"]).arg(at(path)));
    let shadow = line("/etc/shadow");
    assert!(shadow.starts_with("-rw-r----- 1 root shadow "), "{shadow}");
    let size = BASE_SHADOW.len().to_string();
    assert!(shadow.split_whitespace().any(|word| word == size), "{shadow}");
    let numbers = ok(berry().args(["ls", "-l", "-n"]).arg(at("/etc/shadow")));
    assert!(numbers.starts_with("-rw-r----- 1 0 42 "), "{numbers}");
    let link = line("/etc/os-release");
    assert!(link.starts_with('l') && link.trim_end().ends_with("-> ../usr/lib/os-release"), "{link}");
    let everything = ok(berry().args(["ls", "-R"]).arg(at("/")));
    for name in ["cmdline.txt", "shadow", "resize2fs_once"] {
        assert!(everything.contains(name), "{name}");
    }
    let json: serde_json::Value = serde_json::from_str(&ok(berry().args(["ls", "--json"]).arg(at("/etc")))).unwrap();
    assert!(json.to_string().contains("\"shadow\""));
}

static BASE_SHADOW: LazyLock<String> = LazyLock::new(|| Image::open(&BASE.1).root_file("/etc/shadow"));

#[test]
fn files_come_out_byte_for_byte() {
    let image = Image::open(&BASE.1);
    assert_eq!(ok(berry().arg("cat").arg(at("/etc/shadow"))), *BASE_SHADOW);
    assert_eq!(ok(berry().arg("cat").arg(at("/boot/firmware/cmdline.txt"))), image.boot_file("cmdline.txt"));
    // Links are followed inside the image, several files come one after the other.
    let both = ok(berry().arg("cat").arg(at("/etc/os-release")).arg(at("/etc/hostname")));
    assert_eq!(both, image.root_file("/usr/lib/os-release") + &image.root_file("/etc/hostname"));
}

#[test]
fn a_packed_image_shows_the_same() {
    let folder = folder();
    let packed = folder.path().join("packed.img.zst");
    shell("zstd -q -1 -c \"$1\" > \"$2\"", &[BASE.1.as_os_str(), packed.as_os_str()]);
    let cache = folder.path().join("cache");
    fs::create_dir(&cache).unwrap();
    let listed = ok(berry().env("BERRY_IMAGE_CACHE", &cache).arg("ls").arg(format!("{}:/etc", packed.display())));
    assert_eq!(listed, ok(berry().arg("ls").arg(at("/etc"))));
}

#[test]
fn what_cannot_be_shown_is_an_error_that_names_it() {
    assert!(fails(2, berry().arg("cat").arg(at("/etc/shadwo"))).contains("/etc/shadwo"));
    assert!(fails(2, berry().arg("cat").arg(at("/etc"))).contains("/etc"));
    assert!(fails(2, berry().arg("cat").arg(at("etc/shadow"))).contains("begin with `/`"));
}
