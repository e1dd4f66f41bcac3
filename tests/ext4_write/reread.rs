//! Compares a tree with what our own reader makes of its image.

use std::{collections::BTreeMap, sync::Arc};

use berry_image::{
    disk::{Extents, Window},
    ext4::Ext4,
    tree::{Inode, InodeId, Kind, Meta, Tree},
};

use crate::mounted::stored;

pub(crate) fn compare(tree: &Tree, image: &Extents, large_inodes: bool) {
    let found = Ext4::open(Window::whole(Arc::new(image.clone()))).and_then(|ext4| ext4.tree()).unwrap();
    let mut expected_paths = paths(tree);
    let mut found_paths = paths(&found);
    if !expected_paths.contains_key(b"/lost+found".as_slice()) {
        assert!(found_paths.remove(b"/lost+found".as_slice()).is_some());
    }
    assert!(expected_paths.keys().eq(found_paths.keys()));
    let mut numbers: BTreeMap<InodeId, InodeId> = BTreeMap::new();
    for (path, id) in std::mem::take(&mut expected_paths) {
        let there = found_paths[&path];
        // Names of one inode lead to one inode.
        assert_eq!(*numbers.entry(id).or_insert(there), there, "{}", path.escape_ascii());
        compare_inodes(tree.inode(id), found.inode(there), large_inodes, &path);
    }
    let distinct: std::collections::BTreeSet<_> = numbers.values().collect();
    assert_eq!(distinct.len(), numbers.len());
}

fn paths(tree: &Tree) -> BTreeMap<Vec<u8>, InodeId> {
    let mut paths = BTreeMap::new();
    tree.walk(&mut |path, id| {
        paths.insert(path.to_vec(), id);
    });
    paths
}

fn compare_inodes(expected: &Inode, found: &Inode, large_inodes: bool, path: &[u8]) {
    let path = path.escape_ascii();
    assert_eq!(found.mode(), expected.mode(), "{path}");
    assert_eq!(found.xattrs, expected.xattrs, "{path}");
    let times = |meta: &Meta| [meta.atime, meta.ctime, meta.mtime];
    for (expected, found) in times(&expected.meta).into_iter().zip(times(&found.meta)) {
        assert_eq!((found.seconds, i64::from(found.nanoseconds)), stored(expected, large_inodes), "{path}");
    }
    if large_inodes {
        let (expected, found) = (expected.meta.crtime, found.meta.crtime);
        assert_eq!((found.seconds, i64::from(found.nanoseconds)), stored(expected, true), "{path}");
    }
    let rest = |meta: &Meta| (meta.uid, meta.gid, meta.flags, meta.project);
    assert_eq!(rest(&found.meta), rest(&expected.meta), "{path}");
    match (&expected.kind, &found.kind) {
        (Kind::Directory(_), Kind::Directory(_)) | (Kind::Fifo, Kind::Fifo) | (Kind::Socket, Kind::Socket) => {}
        (Kind::File(expected), Kind::File(found)) => {
            assert!(expected.to_vec(1 << 30).unwrap() == found.to_vec(1 << 30).unwrap(), "content of {path}");
        }
        (Kind::Symlink(expected), Kind::Symlink(found)) => assert_eq!(found, expected, "{path}"),
        (Kind::CharDevice { major: a, minor: b }, Kind::CharDevice { major: c, minor: d })
        | (Kind::BlockDevice { major: a, minor: b }, Kind::BlockDevice { major: c, minor: d }) => assert_eq!((c, d), (a, b), "{path}"),
        (expected, found) => panic!("{path}: {found:?} instead of {expected:?}"),
    }
}
