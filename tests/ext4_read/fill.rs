//! What the kernel fills a file system with.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{FileExt as _, symlink},
    },
    path::Path,
};

use rustix::fs::{AtFlags, CWD, FallocateFlags, FileType, Mode, Timespec, Timestamps, XattrFlags};

use crate::support::run;

/// Names in the largest folder: so many, and so long, that its index has two levels even with blocks of 4 KiB, and that these two are
/// enough with blocks of 1 KiB, whatever the hash seed is (the kernel then says that no space is left).
pub(crate) const NAMES: usize = 12_000;
/// Pieces of the most fragmented file.
pub(crate) const PIECES: u64 = 12_000;

/// Everything that a root file system can hold, and more of it than usual.
pub(crate) fn fill(root: &Path) {
    let at = |name: &str| root.join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("empty"), "").unwrap();
    for size in [1, 59, 60, 61, 120, 150, 1023, 4096, 70_000] {
        fs::write(at(&format!("file-{size}")), vec![b'x'; size]).unwrap();
    }
    for length in [1, 58, 59, 60, 61, 150, 1000] {
        symlink("t".repeat(length), at(&format!("link-{length}"))).unwrap();
    }
    for name in ["hard-1", "hard-2", "folder/hard-3"] {
        fs::hard_link(at("file-4096"), at(name)).unwrap();
    }
    fs::write(root.join(OsStr::from_bytes(b"n\xc3\xa4me \xff\n")), "odd").unwrap();
    fs::write(at(&"l".repeat(255)), "long").unwrap();
    special_files(root);
    holes(root);
    attributes(root);
    large_folders(root);
    // Last, because what was done before changes times.
    times(root);
}

/// The kernel stored what these tests are about: a map with blocks of its own, a block of attributes that is shared, an index.
pub(crate) fn assert_rich(image: &Path) {
    let debugfs = |request: &str| run("debugfs", [OsStr::new("-R"), request.as_ref(), image.as_os_str()]);
    let fragmented = debugfs("stat /fragmented");
    assert!(fragmented.contains("(ETB0)") || fragmented.contains("(DIND)") || fragmented.contains("(IND)"), "{fragmented}");
    let block = |name: &str| {
        let answer = debugfs(&format!("stat {name}"));
        let (_, rest) = answer.split_once("File ACL: ").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let in_inode = debugfs("stats").contains("Inode size:\t          1024");
    assert!(in_inode || (block("/x-shared-1") != "0" && block("/x-shared-1") == block("/x-shared-3")));
    if debugfs("stats").contains(" dir_index ") {
        let index = debugfs("htree_dump /many");
        assert!(index.contains("Indirect levels: 1"), "{}", &index[..index.len().min(500)]);
    }
    let has_index = debugfs("stats").contains(" dir_index ");
    assert_eq!(debugfs("stat /large").contains("Flags: 0x81000") || debugfs("stat /large").contains("Flags: 0x1000"), has_index);
}

fn special_files(root: &Path) {
    let devices = [("null", 1, 3), ("old", 255, 255), ("new", 259, 70_000), ("major", 4095, 0)];
    for (name, major, minor) in devices {
        let device = rustix::fs::makedev(major, minor);
        for (kind, prefix) in [(FileType::CharacterDevice, "c"), (FileType::BlockDevice, "b")] {
            rustix::fs::mknodat(CWD, root.join(format!("{prefix}-{name}")), kind, Mode::from_raw_mode(0o640), device).unwrap();
        }
    }
    for (name, kind) in [("fifo", FileType::Fifo), ("socket", FileType::Socket)] {
        rustix::fs::mknodat(CWD, root.join(name), kind, Mode::from_raw_mode(0o600), 0).unwrap();
    }
}

/// Sparse, fragmented, unwritten, and very large files.
fn holes(root: &Path) {
    let file = File::create(root.join("fragmented")).unwrap();
    for piece in 0..PIECES {
        file.write_all_at(&piece.to_le_bytes(), piece * 8192).unwrap();
    }
    let file = File::create(root.join("hole-at-the-end")).unwrap();
    file.write_all_at(&[1; 10_000], 20_000).unwrap();
    file.set_len(3 << 30).unwrap();
    let file = File::create(root.join("sparse")).unwrap();
    for offset in [0, 5 << 20, 100 << 20, (5 << 30) + 123] {
        file.write_all_at(b"an island in the hole", offset).unwrap();
    }
    let file = File::create(root.join("only-a-hole")).unwrap();
    file.set_len(7 << 30).unwrap();
    let file = File::create(root.join("unwritten")).unwrap();
    // Without extents the kernel cannot.
    if rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, 200 << 20).is_ok() {
        file.write_all_at(b"written", 1 << 20).unwrap();
        let file = File::create(root.join("behind-the-end")).unwrap();
        rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, 1 << 20).unwrap();
        file.write_all_at(b"short", 0).unwrap();
    }
}

fn attributes(root: &Path) {
    let set = |name: &str, key: &str, value: &[u8]| {
        rustix::fs::lsetxattr(root.join(name), key, value, XattrFlags::empty()).unwrap();
    };
    for name in ["x-small", "x-many", "x-shared-1", "x-shared-2", "x-shared-3", "x-cap", "x-acl", "x-flags"] {
        fs::write(root.join(name), name).unwrap();
    }
    set("x-small", "user.a", b"1");
    set("x-small", "user.empty", b"");
    set("folder", "trusted.folder", b"\0\xff");
    for number in 0..9 {
        set("x-many", &format!("user.key{number}"), &[number; 60]);
    }
    for name in ["x-shared-1", "x-shared-2", "x-shared-3"] {
        set(name, "user.shared", &[7; 400]);
    }
    rustix::fs::lsetxattr(root.join("link-61"), "trusted.on-link", b"yes", XattrFlags::empty()).unwrap();
    rustix::fs::chown(root.join("x-small").as_path(), Some(rustix::fs::Uid::from_raw(100_000)), Some(rustix::fs::Gid::from_raw(200_000)))
        .unwrap();
    rustix::fs::chmod(root.join("x-small"), Mode::from_raw_mode(0o6751)).unwrap();
    rustix::fs::chmod(root.join("folder"), Mode::from_raw_mode(0o1777)).unwrap();
    let path = |name: &str| root.join(name).into_os_string();
    run("setcap", ["cap_net_raw+ep".into(), path("x-cap")]);
    run("setfacl", ["-m".into(), "u:1000:rwx,g:100000:r".into(), path("x-acl")]);
    run("setfacl", ["-m".into(), "d:u:1000:rwx,d:m:rx".into(), path("folder")]);
    run("chattr", ["+iA".into(), path("x-flags")]);
}

fn large_folders(root: &Path) {
    fs::create_dir(root.join("large")).unwrap();
    for number in 0..30_000 {
        File::create(root.join(format!("large/entry-with-a-rather-long-name-{number:05}"))).unwrap();
    }
    for number in (0..30_000).step_by(3) {
        fs::remove_file(root.join(format!("large/entry-with-a-rather-long-name-{number:05}"))).unwrap();
    }
    fs::create_dir(root.join("many")).unwrap();
    for number in 0..NAMES {
        // 255 bytes that are no UTF-8.
        let mut name = number.to_le_bytes().map(|byte| b'A' + byte % 16).to_vec();
        name.extend(format!("{number:05}").bytes());
        name.resize(255, 0x80 | (number % 64) as u8);
        File::create(root.join("many").join(OsStr::from_bytes(&name))).unwrap();
    }
    fs::create_dir(root.join("few")).unwrap();
    for number in 0..12 {
        fs::create_dir(root.join(format!("few/{number}"))).unwrap();
    }
}

fn times(root: &Path) {
    let seconds = [0, 1_700_000_000, 2_147_483_647, 2_147_483_648, 4_294_967_296, 10_000_000_000, -1, -1_000_000_000];
    for (number, seconds) in seconds.into_iter().enumerate() {
        let path = root.join(format!("time-{number}"));
        fs::write(&path, "").unwrap();
        let stamp = |nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let stamps = Timestamps { last_access: stamp(999_999_999), last_modification: stamp(1) };
        rustix::fs::utimensat(CWD, &path, &stamps, AtFlags::empty()).unwrap();
    }
}
