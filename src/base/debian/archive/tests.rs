use std::{fs, process::Command};

use ::tar::{
    EntryType::{self, Continuous, Directory, GNUSparse, Link, Regular, Symlink},
    Header,
};

use super::*;
use crate::disk::{FileStorage, Source};

fn tree(bytes: Vec<u8>) -> Result<Tree, ArchiveError> {
    let storage: Arc<dyn Storage> = Arc::new(bytes);
    tree_from_tar(&storage)
}

/// What GNU tar makes of a folder that `script` fills.
fn archived(script: &str, options: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let all = format!("mkdir t; cd t; {script}\ncd ..; tar --numeric-owner --sort=name {options} -C t -cf - .");
    let output = Command::new("sh").args(["-ec", &all]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn header(kind: EntryType, path: &str, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(1);
    header.set_gid(2);
    header.set_mtime(3);
    header.set_size(size);
    header.set_cksum();
    header
}

fn archive(members: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, path, text) in members {
        let is_link = kind.is_hard_link() || kind.is_symlink();
        let mut header = header(*kind, path, if is_link { 0 } else { text.len() as u64 });
        if is_link {
            header.as_mut_bytes()[157..157 + text.len()].copy_from_slice(text.as_bytes());
            header.set_cksum();
        }
        bytes.extend_from_slice(header.as_bytes());
        if !is_link {
            bytes.extend_from_slice(text.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

#[test]
fn a_tree_of_every_kind_is_read_as_it_was() {
    let script = "mkdir -m 2750 d; printf one > d/a; ln d/a b; ln -s ../usr l; chmod 4755 b; mkfifo p; : > empty
        touch -d @1700000000.123456789 d/a; long=$(printf 'x%.0s' $(seq 200)); printf deep > $long; ln -s $long$long s";
    for options in ["--format=gnu --owner=7 --group=8", "--format=pax --owner=7 --group=8"] {
        let tree = tree(archived(script, options)).unwrap();
        let find = |path: &str| tree.inode(tree.lookup(path).unwrap_or_else(|| panic!("{path}")));
        assert_eq!(find("/d").mode(), 0o042_750);
        assert_eq!((find("/d").meta.uid, find("/d").meta.gid), (7, 8));
        assert_eq!(tree.read("/d/a").unwrap(), b"one");
        assert_eq!(tree.lookup("/b"), tree.lookup("/d/a"));
        assert_eq!(find("/b").mode(), 0o104_755);
        assert!(matches!(&find("/l").kind, Kind::Symlink(target) if target == b"../usr"));
        assert!(matches!(find("/p").kind, Kind::Fifo));
        assert_eq!((find("/empty").size(), tree.read("/empty").unwrap().len()), (0, 0));
        assert_eq!(tree.read(format!("/{}", "x".repeat(200))).unwrap(), b"deep");
        assert_eq!(find("/s").size(), 400);
        let nanoseconds = if options.contains("pax") { 123_456_789 } else { 0 };
        let time = Time { seconds: 1_700_000_000, nanoseconds };
        let meta = &find("/d/a").meta;
        assert_eq!([meta.mtime, meta.atime, meta.ctime, meta.crtime], [time; 4]);
    }
}

#[test]
fn attributes_devices_and_lists_are_read() {
    // Device nodes and capabilities can be made by root only, as which these tests run in CI.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let script = "printf x > c; setcap cap_net_raw+ep c; mknod n c 1 3; mknod k b 259 70000; chown 4000000:5000000 c
        python3 -c \"import os; os.setxattr('c', 'user.x', b'a\\nb'); os.setxattr('.', 'system.posix_acl_access', \
        b'\\x02\\0\\0\\0' + b''.join(t.to_bytes(2, 'little') + p.to_bytes(2, 'little') + i.to_bytes(4, 'little') \
        for t, p, i in [(1, 7, 0xffffffff), (2, 5, 10), (4, 5, 0xffffffff), (16, 5, 0xffffffff), (32, 0, 0xffffffff)]))\"
        setcap cap_net_raw+ep c";
    let tree = tree(archived(script, "--format=pax --xattrs --xattrs-include='*'")).unwrap();
    let find = |path: &str| tree.inode(tree.lookup(path).unwrap());
    let capability = &find("/c").xattrs[&b"security.capability"[..]];
    // VFS_CAP_REVISION_2 with the effective bit, and CAP_NET_RAW (13) permitted.
    assert_eq!(capability[..8], [1, 0, 0, 2, 0, 0x20, 0, 0]);
    assert_eq!(find("/c").xattrs[&b"user.x"[..]], b"a\nb");
    assert_eq!((find("/c").meta.uid, find("/c").meta.gid), (4_000_000, 5_000_000));
    assert!(matches!(find("/n").kind, Kind::CharDevice { major: 1, minor: 3 }));
    assert!(matches!(find("/k").kind, Kind::BlockDevice { major: 259, minor: 70000 }));
    assert_eq!(find("/").xattrs[&b"system.posix_acl_access"[..]].len(), 4 + 4 * 4 + 8);
}

#[test]
fn contents_are_references() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), archive(&[(Regular, "./a", "hello"), (Regular, "b", "")])).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(FileStorage::open(file.path()).unwrap());
    let tree = tree_from_tar(&storage).unwrap();
    let content = tree.inode(tree.lookup("/a").unwrap()).content().unwrap();
    assert!(content.list()[0].source.is_same(&Source::Stored { storage, start: 512 }));
    assert_eq!(content.to_vec(10).unwrap(), b"hello");
}

#[test]
fn members_without_a_place_are_refused() {
    for (members, part) in [
        (&[(Regular, "/etc/passwd", "x")][..], "absolute"),
        (&[(Regular, "../a", "x")], "leads out"),
        (&[(Regular, "a/../../b", "x")], "leads out"),
        (&[(Regular, "a//b", "x")], "leads out"),
        (&[(Regular, "d/a", "x")], "parent is missing"),
        (&[(Regular, "d", "x"), (Regular, "d/a", "x")], "no folder"),
        (&[(Symlink, "d", "/tmp"), (Regular, "d/a", "x")], "no folder"),
        (&[(Regular, "a", "x"), (Regular, "a", "y")], "taken"),
        (&[(Regular, "a", "x"), (Directory, "a", "")], "taken"),
        (&[(Directory, "a", ""), (Regular, "a", "x")], "taken"),
        (&[(Link, "a", "b"), (Regular, "b", "x")], "not in the archive before it"),
        (&[(Directory, "d", ""), (Link, "a", "d")], "not in the archive before it"),
        (&[(GNUSparse, "a", "x")], "type `S`"),
        (&[(Symlink, "a", "")], "link to nothing"),
    ] {
        let error = tree(archive(members)).unwrap_err();
        let kind = if part == "type `S`" { ErrorKind::Unsupported } else { ErrorKind::Corrupt };
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_folder_may_be_named_twice_and_the_last_properties_hold() {
    let tree = tree(archive(&[(Directory, "./", ""), (Directory, "d/", ""), (Continuous, "d/a", "x"), (Directory, "./d", "")])).unwrap();
    assert_eq!(tree.read("/d/a").unwrap(), b"x");
    assert_eq!(tree.inode(InodeId::ROOT).meta.mtime, Time::from_seconds(3));
}

#[test]
fn an_archive_that_is_cut_off_or_changed_is_refused() {
    let bytes = archive(&[(Regular, "a", &"x".repeat(2000)), (Regular, "b", "y")]);
    for len in [100, 512, 1000, 2560, 3000, 3583] {
        assert!(matches!(tree(bytes[..len].to_vec()), Err(ArchiveError::Tar(TarError::Truncated { .. }))), "{len}");
    }
    for at in [0, 100, 130, 150, 156] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(matches!(tree(changed), Err(ArchiveError::Tar(TarError::Header { offset: 0, .. }))), "{at}");
    }
    let mut huge = bytes;
    huge[124..136].copy_from_slice(b"77777777777\0");
    let mut fixed = Header::from_byte_slice(&huge[..512]).clone();
    fixed.set_cksum();
    huge[..512].copy_from_slice(fixed.as_bytes());
    assert!(matches!(tree(huge), Err(ArchiveError::Tar(TarError::Truncated { .. }))));
}
