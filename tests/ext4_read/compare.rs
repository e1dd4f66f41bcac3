//! What we read against what the kernel shows.

use std::{
    collections::BTreeMap,
    ffi::{CString, OsStr},
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

use berry_image::{
    disk::{Extents, Storage as _},
    ext4::format::inode_flags,
    tree::{Inode, InodeId, Kind, Time, Tree},
};

/// Compares the whole tree with a mount.
pub(crate) fn compare(tree: &Tree, mount: &Path) {
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
