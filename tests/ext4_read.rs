//! File systems filled by the kernel are read by us and compared with what the kernel shows of them.

mod support;

use std::{
    collections::BTreeMap,
    ffi::{CString, OsStr},
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{FileExt as _, MetadataExt as _, symlink},
    },
    path::Path,
    sync::Arc,
};

use berry_image::{
    disk::{Extents, FileStorage, Storage as _, Window},
    ext4::{format::inode_flags, read::Ext4},
    tree::{Inode, InodeId, Kind, Time},
};
use rustix::fs::{AtFlags, CWD, FallocateFlags, FileType, Mode, Timespec, Timestamps, XattrFlags};
use support::{Mount, e2fsck, run};

/// Makes one file system, lets the kernel fill it, and compares. `options` go to `mke2fs`.
fn round_trip(options: &[&str]) {
    if !support::is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    File::create(&image).unwrap().set_len(384 << 20).unwrap();
    run(
        "mke2fs",
        ["-q", "-F", "-L", "test", "-E", "lazy_itable_init=1,nodiscard"].iter().chain(options).map(OsStr::new).chain([image.as_os_str()]),
    );
    let mount = Mount::new(&image, &folder.path().join("filled"), "user_xattr,acl");
    fill(mount.path());
    drop(mount);
    assert_eq!(e2fsck(&image), 0);
    assert_rich(&image);

    let ext4 = Ext4::open(Window::whole(Arc::new(FileStorage::open(&image).unwrap()))).unwrap();
    assert_eq!(ext4.summary().label, "test");
    let mount = Mount::new(&image, &folder.path().join("shown"), "ro,noload");
    compare(&ext4, mount.path());
}

/// Everything that a root file system can hold, and more of it than usual.
fn fill(root: &Path) {
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
fn assert_rich(image: &Path) {
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
    for piece in 0..900_u64 {
        file.write_all_at(&piece.to_le_bytes(), piece * 8192).unwrap();
    }
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
    for number in 0..5000 {
        File::create(root.join(format!("large/entry-with-a-rather-long-name-{number:05}"))).unwrap();
    }
    for number in (0..5000).step_by(3) {
        fs::remove_file(root.join(format!("large/entry-with-a-rather-long-name-{number:05}"))).unwrap();
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

/// Compares the whole tree with a mount.
fn compare(ext4: &Ext4, mount: &Path) {
    let tree = ext4.tree().unwrap();
    let mut ours = BTreeMap::new();
    tree.walk(&mut |path, id| {
        assert!(ours.insert(path.to_vec(), id).is_none());
    });
    let (mut inodes, mut ids) = (BTreeMap::new(), BTreeMap::new());
    let mut pending = vec![b"/".to_vec()];
    let mut count = 0;
    while let Some(path) = pending.pop() {
        let shown = mount.join(OsStr::from_bytes(&path[1..]));
        let meta = fs::symlink_metadata(&shown).unwrap();
        if meta.is_dir() {
            for entry in fs::read_dir(&shown).unwrap() {
                let parent = if path.len() == 1 { &[][..] } else { &path };
                pending.push([parent, b"/", entry.unwrap().file_name().as_bytes()].concat());
            }
        }
        let id = *ours.get(&path).unwrap_or_else(|| panic!("{} is missing", path.escape_ascii()));
        compare_inode(tree.inode(id), &shown, &meta);
        // Names of one inode are names of one inode.
        assert_eq!(*inodes.entry(meta.ino()).or_insert(id), id, "{shown:?}");
        assert_eq!(*ids.entry(id).or_insert(meta.ino()), meta.ino(), "{shown:?}");
        count += 1;
    }
    assert_eq!(count, ours.len());
    assert_eq!(tree.lookup("/"), Some(InodeId::ROOT));
}

fn compare_inode(inode: &Inode, shown: &Path, meta: &fs::Metadata) {
    assert_eq!(u32::from(inode.mode()), meta.mode(), "{shown:?}");
    assert_eq!((inode.meta.uid, inode.meta.gid), (meta.uid(), meta.gid()), "{shown:?}");
    let time = |time: Time| (time.seconds, i64::from(time.nanoseconds));
    assert_eq!(time(inode.meta.mtime), (meta.mtime(), meta.mtime_nsec()), "mtime of {shown:?}");
    assert_eq!(time(inode.meta.atime), (meta.atime(), meta.atime_nsec()), "atime of {shown:?}");
    assert_eq!(time(inode.meta.ctime), (meta.ctime(), meta.ctime_nsec()), "ctime of {shown:?}");
    if let Ok(created) = meta.created() {
        let since = created.duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!((inode.meta.crtime.seconds, inode.meta.crtime.nanoseconds), (since.as_secs() as i64, since.subsec_nanos()), "{shown:?}");
    }
    compare_attributes(inode, shown);
    match &inode.kind {
        Kind::Symlink(target) => assert_eq!(fs::read_link(shown).unwrap().as_os_str().as_bytes(), target),
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            assert_eq!((rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev())), (*major, *minor), "{shown:?}");
        }
        Kind::File(content) => {
            assert_eq!(content.size(), meta.size(), "{shown:?}");
            compare_content(content, shown);
            compare_flags(inode, shown);
        }
        Kind::Directory(_) => compare_flags(inode, shown),
        Kind::Fifo | Kind::Socket => (),
    }
}

fn compare_flags(inode: &Inode, shown: &Path) {
    let flags = rustix::fs::ioctl_getflags(File::open(shown).unwrap()).unwrap();
    assert_eq!(inode.meta.flags, flags.bits() & inode_flags::KEPT, "{shown:?}");
}

fn compare_attributes(inode: &Inode, shown: &Path) {
    let mut names = vec![0; 65_536];
    let length = rustix::fs::llistxattr(shown, &mut names[..]).unwrap();
    let mut shown_attributes = BTreeMap::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 65_536];
        let length = rustix::fs::lgetxattr(shown, CString::new(name).unwrap().as_c_str(), &mut value[..]).unwrap();
        value.truncate(length);
        shown_attributes.insert(name.to_vec(), value);
    }
    let ours = inode.xattrs.iter().map(|(name, value)| {
        let is_acl = name.starts_with(b"system.posix_acl_");
        (name.clone(), if is_acl { acl_as_shown(value) } else { value.clone() })
    });
    assert_eq!(ours.collect::<BTreeMap<_, _>>(), shown_attributes, "{shown:?}");
}

/// From ext4's form of an ACL (fs/ext4/acl.h) to that of getxattr(2) (linux/posix_acl_xattr.h).
fn acl_as_shown(mut stored: &[u8]) -> Vec<u8> {
    let mut shown = 2_u32.to_le_bytes().to_vec();
    assert_eq!(stored[..4], 1_u32.to_le_bytes());
    stored = &stored[4..];
    while !stored.is_empty() {
        let has_id = matches!(stored[0], 2 | 8);
        shown.extend_from_slice(&stored[..4]);
        shown.extend_from_slice(if has_id { &stored[4..8] } else { &[0xff; 4] });
        stored = &stored[if has_id { 8 } else { 4 }..];
    }
    shown
}

/// Compares where the kernel has data, and where we have data: the rest is a hole for both.
fn compare_content(content: &Extents, shown: &Path) {
    let mut file = File::open(shown).unwrap();
    let size = content.size();
    let mut ranges: Vec<_> = content.list().iter().map(|extent| (extent.offset, extent.end())).collect();
    if size < 1 << 24 {
        ranges.push((0, size));
    }
    let mut position = 0;
    while let Ok(start) = rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(position)) {
        let end = rustix::fs::seek(&file, rustix::fs::SeekFrom::Hole(start)).unwrap();
        ranges.push((start, end));
        position = end;
    }
    for (start, end) in ranges {
        let mut theirs = Vec::new();
        file.seek(SeekFrom::Start(start)).unwrap();
        (&mut file).take(end - start).read_to_end(&mut theirs).unwrap();
        let mut ours = vec![0; theirs.len()];
        content.read_exact_at(start, &mut ours).unwrap();
        assert!(theirs.len() as u64 == end - start && ours == theirs, "{shown:?} differs between {start} and {end}");
    }
}

#[test]
fn stretch_to_bullseye() {
    round_trip(&["-t", "ext4", "-O", "^metadata_csum,^64bit,^huge_file"]);
}

#[test]
fn bookworm_and_trixie() {
    round_trip(&["-t", "ext4", "-O", "metadata_csum,^64bit,^huge_file"]);
}

#[test]
fn debian_default() {
    round_trip(&["-t", "ext4"]);
}

#[test]
fn trixie_build_host() {
    round_trip(&["-t", "ext4", "-O", "orphan_file,metadata_csum_seed,64bit"]);
}

#[test]
fn inline_data() {
    round_trip(&["-t", "ext4", "-O", "inline_data"]);
}

#[test]
fn inline_data_in_large_inodes() {
    round_trip(&["-t", "ext4", "-O", "inline_data", "-I", "1024"]);
}

#[test]
fn blocks_of_1_kib() {
    round_trip(&["-t", "ext4", "-b", "1024"]);
}

#[test]
fn blocks_of_2_kib_and_sparse_super2() {
    round_trip(&["-t", "ext4", "-b", "2048", "-O", "sparse_super2,^resize_inode"]);
}

#[test]
fn indirect_blocks() {
    round_trip(&["-t", "ext4", "-O", "^extents,^64bit"]);
}

#[test]
fn indirect_blocks_of_1_kib() {
    round_trip(&["-t", "ext3", "-b", "1024", "-O", "^extents,^64bit,^flex_bg,^filetype,^dir_index"]);
}

#[test]
fn crc16_descriptors_and_small_inodes() {
    round_trip(&["-t", "ext4", "-O", "^metadata_csum,uninit_bg,^flex_bg,^extra_isize", "-I", "128"]);
}

/// Reads the file system that `BERRY_EXT4_IMAGE` names, and compares it with its mount: for real images, by hand.
#[test]
#[ignore = "needs an image"]
fn a_given_image() {
    let image = std::env::var_os("BERRY_EXT4_IMAGE").expect("BERRY_EXT4_IMAGE names an image of an ext4 file system");
    let folder = tempfile::tempdir().unwrap();
    let ext4 = Ext4::open(Window::whole(Arc::new(FileStorage::open(Path::new(&image)).unwrap()))).unwrap();
    let start = std::time::Instant::now();
    let inodes = ext4.tree().unwrap().iter().count();
    writeln!(std::io::stderr(), "{inodes} inodes in {:?}", start.elapsed()).unwrap();
    let mount = Mount::new(Path::new(&image), &folder.path().join("shown"), "ro,noload");
    compare(&ext4, mount.path());
}
