//! Compares a tree with what the kernel shows of it.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::Path,
};

use berry_image::tree::{Inode, InodeId, Kind, Time, Tree};
use rustix::fs::{Mode, OFlags, StatxFlags};

use crate::trees::ACL;

/// What the kernel makes of [`ACL`]: version 2, and an identity with every entry.
const KERNEL_ACL: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 0x39, 0x30, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 0x10, 0, 4, 0, 255, 255, 255,
    255, 0x20, 0, 0, 0, 255, 255, 255, 255,
];

/// Every name of the tree is looked up and compared with its inode, and every folder is listed.
pub(crate) fn compare(tree: &Tree, root: &Path, large_inodes: bool) {
    let mut numbers: BTreeMap<InodeId, u64> = BTreeMap::new();
    let mut links: BTreeMap<InodeId, u64> = BTreeMap::new();
    tree.walk(&mut |_, id| *links.entry(id).or_default() += 1);
    tree.walk(&mut |path, id| {
        let path = root.join(OsStr::from_bytes(&path[1..]));
        let inode = tree.inode(id);
        let found = std::fs::symlink_metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(*numbers.entry(id).or_insert(found.ino()), found.ino(), "{}", path.display());
        assert_eq!((found.mode(), found.uid(), found.gid()), (inode.mode().into(), inode.meta.uid, inode.meta.gid), "{}", path.display());
        for (expected, seconds, nanoseconds) in [
            (inode.meta.atime, found.atime(), found.atime_nsec()),
            (inode.meta.mtime, found.mtime(), found.mtime_nsec()),
            (inode.meta.ctime, found.ctime(), found.ctime_nsec()),
        ] {
            assert_eq!((seconds, nanoseconds), stored(expected, large_inodes), "{}", path.display());
        }
        let all = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let extended = rustix::fs::statx(rustix::fs::CWD, &path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW, all).unwrap();
        if large_inodes {
            let crtime = (extended.stx_btime.tv_sec, i64::from(extended.stx_btime.tv_nsec));
            assert_eq!(crtime, stored(inode.meta.crtime, true), "{}", path.display());
        }
        compare_xattrs(inode, &path);
        let type_of = found.file_type();
        match &inode.kind {
            Kind::Directory(children) => {
                let mut names: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
                if path == root && !children.contains_key(b"lost+found".as_slice()) {
                    names.retain(|name| name != "lost+found");
                }
                names.sort();
                assert!(names.iter().map(|name| name.as_bytes()).eq(children.keys().map(|name| name.as_bytes())), "{}", path.display());
            }
            Kind::File(content) => {
                assert_eq!(found.nlink(), links[&id]);
                assert!(std::fs::read(&path).unwrap() == content.to_vec(1 << 30).unwrap(), "content of {}", path.display());
            }
            Kind::Symlink(target) => assert_eq!(std::fs::read_link(&path).unwrap().as_os_str().as_bytes(), target),
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                assert_eq!(type_of.is_char_device(), matches!(inode.kind, Kind::CharDevice { .. }));
                assert_eq!((extended.stx_rdev_major, extended.stx_rdev_minor), (*major, *minor));
            }
            Kind::Fifo => assert!(type_of.is_fifo()),
            Kind::Socket => assert!(type_of.is_socket()),
        }
        if type_of.is_dir() || type_of.is_file() {
            let file = rustix::fs::open(&path, OFlags::RDONLY | OFlags::NOATIME | OFlags::CLOEXEC, Mode::empty()).unwrap();
            let flags = rustix::fs::ioctl_getflags(&file).unwrap().bits();
            // Those that trees::meta() makes.
            assert_eq!(flags & 0x3_00F2, inode.meta.flags, "{}", path.display());
        }
    });
}

/// How ext4 keeps a time.
pub(crate) fn stored(time: Time, large_inodes: bool) -> (i64, i64) {
    let last = if large_inodes { (1 << 34) - (1 << 31) - 1 } else { i64::from(i32::MAX) };
    let nanoseconds = if large_inodes { i64::from(time.nanoseconds) } else { 0 };
    (time.seconds.clamp(i64::from(i32::MIN), last), nanoseconds)
}

fn compare_xattrs(inode: &Inode, path: &Path) {
    let mut list = vec![0_u8; 65536];
    let length = rustix::fs::llistxattr(path, &mut list[..]).unwrap();
    let mut names: Vec<&[u8]> = list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    assert!(names.iter().copied().eq(inode.xattrs.keys().map(Vec::as_slice)), "{}: {names:?}", path.display());
    for (name, value) in &inode.xattrs {
        let mut buffer = vec![0_u8; 65536];
        let length = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut buffer[..]).unwrap();
        let expected = if value == &ACL { &KERNEL_ACL[..] } else { value };
        assert_eq!(&buffer[..length], expected, "{} of {}", name.escape_ascii(), path.display());
    }
}
