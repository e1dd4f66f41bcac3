//! What no base has and an attacker may make: each is refused in bounded time and memory. The limits stand in `ext4::read::limits`.

mod support;

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use berry_image::{
    disk::{FileStorage, Window},
    ext4::read::{Ext4, Ext4Error, Unsupported, limits},
};
use support::{
    Mount,
    program::{ok, output, shell, tool},
};

/// Variable with the path of the image that the child reads.
const IMAGE: &str = "BERRY_LIMITS_IMAGE";
/// Memory for reading any base.
const MEMORY: u64 = 300 << 20;

fn made(folder: &Path, size: u64, options: &[&str]) -> PathBuf {
    let path = folder.join("image");
    File::create(&path).unwrap().set_len(size).unwrap();
    ok(tool("mke2fs").args(["-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1,nodiscard"]).args(options).arg(&path));
    path
}

/// What the child says of an image, which it reads within [`MEMORY`].
fn said_of(image: &Path) -> String {
    let start = Instant::now();
    let mut command = Command::new(env::current_exe().unwrap());
    let result = output(command.args(["--exact", "one_image_in_child", "--ignored", "--nocapture"]).env(IMAGE, image));
    let said = String::from_utf8_lossy(&result.stdout).into_owned();
    assert!(result.status.success(), "{}: {said}{}", result.status, String::from_utf8_lossy(&result.stderr));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    said
}

#[test]
#[ignore = "limits its process; run by the tests below"]
fn one_image_in_child() {
    support::hostile::limit_memory(MEMORY);
    let path = PathBuf::from(env::var_os(IMAGE).expect("the parent sets it"));
    let window = Window::whole(Arc::new(FileStorage::open(&path).unwrap()));
    let said = match Ext4::open(window).and_then(|ext4| ext4.tree()) {
        Ok(tree) => format!("{} inodes", tree.iter().count()),
        Err(Ext4Error::Unsupported(Unsupported::Memory(limits::MAX_TREE))) => "too much for the memory".to_owned(),
        Err(Ext4Error::Unsupported(Unsupported::TooLarge { what, limit, .. })) => format!("more than {limit} {what}"),
        Err(Ext4Error::Unsupported(Unsupported::LongPath { limit, .. })) => format!("a path of more than {limit} bytes"),
        Err(error) => panic!("{error}"),
    };
    std::io::Write::write_all(&mut std::io::stdout(), format!("{said}\n").as_bytes()).unwrap();
}

#[test]
fn sizes_that_only_a_sparse_file_has() {
    let folder = support::program::folder();
    let huge = made(folder.path(), 300 << 30, &["-b", "4096", "-i", "1048576", "-O", "^has_journal"]);
    assert!(said_of(&huge).contains(&format!("more than {} blocks", limits::MAX_BLOCKS)));
    let many = made(folder.path(), 60 << 30, &["-b", "4096", "-i", "4096", "-O", "^has_journal"]);
    assert!(said_of(&many).contains(&format!("more than {} inodes", limits::MAX_INODES)));
    // Just inside both, and empty.
    let large = made(folder.path(), 120 << 30, &["-b", "4096", "-i", "16384", "-O", "^has_journal"]);
    assert!(said_of(&large).contains("2 inodes"));
}

/// One block of attributes that many inodes share: 30 MB on disk, 300 in memory.
#[test]
fn attributes_that_would_fill_the_memory() {
    if !support::is_root() {
        return;
    }
    let folder = support::program::folder();
    let image = made(folder.path(), 64 << 20, &["-b", "4096", "-N", "90000", "-I", "128", "-O", "^has_journal"]);
    let mount = Mount::new(&image, &folder.path().join("filled"), "user_xattr");
    for number in 0..64_000 {
        let path = mount.path().join(format!("{number}"));
        File::create(&path).unwrap();
        rustix::fs::setxattr(&path, "user.shared", &[7; 3900], rustix::fs::XattrFlags::empty()).unwrap();
    }
    drop(mount);
    assert_eq!(support::e2fsck(&image), 0);
    assert!(said_of(&image).contains("too much for the memory"));
}

/// What a base has is far from the limit: 400,000 files are read within it.
#[test]
#[ignore = "takes 30 seconds; for a change of the limits"]
fn a_very_large_base_is_read() {
    let folder = support::program::folder();
    let image = made(folder.path(), 4 << 30, &["-b", "4096", "-N", "420000"]);
    let mount = Mount::new(&image, &folder.path().join("filled"), "rw");
    for number in 0..400_000 {
        if number % 100 == 0 {
            fs::create_dir(mount.path().join(format!("{}", number / 100))).unwrap();
        }
        fs::write(mount.path().join(format!("{}/library-name-{number}", number / 100)), "x").unwrap();
    }
    drop(mount);
    let said = said_of(&image);
    assert!(said.contains("404002 inodes"), "{said}");
}

/// Several trees that are held at a time share the memory of one.
#[test]
fn trees_share_their_memory() {
    let folder = support::program::folder();
    let image = made(folder.path(), 16 << 20, &["-d", concat!(env!("CARGO_MANIFEST_DIR"), "/src")]);
    let ext4 = Ext4::open(Window::whole(Arc::new(FileStorage::open(&image).unwrap()))).unwrap();
    let inodes = ext4.tree().unwrap().iter().count() as u64;
    let mut budget = limits::Budget::without(limits::MAX_TREE - inodes * 600);
    assert!(ext4.tree_within(&mut budget).is_ok(), "one fits");
    let failed = ext4.tree_within(&mut budget).and_then(|_| ext4.tree_within(&mut budget)).unwrap_err();
    assert!(matches!(failed, Ext4Error::Unsupported(Unsupported::Memory(_))), "{failed}");
    assert!(limits::Budget::without(u64::MAX).spend(1).is_err());
}

#[test]
fn folders_inside_each_other() {
    if !support::is_root() {
        return;
    }
    let folder = support::program::folder();
    for (depth, expected) in [(2047, "2049 inodes"), (2048, "a path of more than 4095 bytes"), (100_000, "a path of more than 4095 bytes")]
    {
        let image = made(folder.path(), 256 << 20, &["-b", "1024", "-N", "110000", "-O", "inline_data,^has_journal"]);
        let mount = Mount::new(&image, &folder.path().join(format!("filled-{depth}")), "rw");
        let script = "python3 -c 'import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(int(sys.argv[2])): os.mkdir(\"d\"); os.chdir(\"d\")' \"$1\" \"$2\"";
        shell(script, &[mount.path().as_os_str(), OsStr::new(&depth.to_string())]);
        drop(mount);
        let said = said_of(&image);
        assert!(said.contains(expected), "{depth}: {said}");
    }
}
