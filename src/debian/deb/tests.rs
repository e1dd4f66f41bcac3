//! Whole packages: compressions, limits, memory. What is hostile is in tests/deb_archives.

use std::{fs, process::Command};

use super::*;
use crate::{
    disk::{Source, Storage as _},
    error::{Classified as _, Kind},
};

struct Temporary;

impl Scratch for Temporary {
    fn file(&self) -> io::Result<File> {
        tempfile::tempfile()
    }
}

/// A place that has no room.
struct Full;

impl Scratch for Full {
    fn file(&self) -> io::Result<File> {
        File::options().write(true).open("/dev/full")
    }
}

fn read(bytes: Vec<u8>) -> Result<Deb, DebError> {
    Deb::read(Arc::new(bytes), &Temporary, &Stop::default())
}

/// What `script` writes to the file `$1`, in a new folder.
fn made(script: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("sh").args(["-ec", script, "sh", "out"]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(folder.path().join("out")).unwrap()
}

const TREE: &str = "mkdir -p p/DEBIAN p/usr/bin p/etc
    printf 'Package: p\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@x.x>\\nDescription: x\\n' > p/DEBIAN/control
    printf '/etc/p.conf\\n' > p/DEBIAN/conffiles; printf '#!/bin/sh\\n' > p/DEBIAN/postinst; chmod 755 p/DEBIAN/postinst
    printf 'x = 1\\n' > p/etc/p.conf; printf hello > p/usr/bin/p; ln p/usr/bin/p p/usr/bin/q; ln -s p p/usr/bin/r
    chmod 4755 p/usr/bin/p; : > p/empty; seq 200000 > p/usr/bin/long";

fn package(options: &str) -> Vec<u8> {
    made(&format!("{TREE}\ndpkg-deb --root-owner-group {options} -b p \"$1\" > log"))
}

/// An `ar` archive with these members.
fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len()).into_bytes());
        bytes.extend_from_slice(content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// The members of [`package`] without compression, to be packed another way.
fn tars() -> (Vec<u8>, Vec<u8>) {
    let member = |option: &str| made(&format!("{TREE}\ndpkg-deb --root-owner-group -b p p.deb > log; dpkg-deb {option} p.deb > \"$1\""));
    (member("--ctrl-tarfile"), member("--fsys-tarfile"))
}

fn packed(tool: &str, bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in"), bytes).unwrap();
    let output = Command::new("sh").args(["-ec", &format!("{tool} < in")]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn check(deb: &Deb) {
    let text = String::from_utf8(deb.control_text("control").unwrap().to_vec()).unwrap();
    assert!(text.starts_with("Package: p\n"), "{text}");
    assert_eq!(deb.control_text("conffiles"), Some(&b"/etc/p.conf\n"[..]));
    assert_eq!(deb.control_text("prerm"), None);
    assert_eq!(deb.control.iter().find(|file| file.name == "postinst").unwrap().permissions, 0o755);
    let find = |path: &str| deb.members.iter().find(|member| member.path == path.as_bytes()).unwrap_or_else(|| panic!("{path}"));
    assert!(matches!(find("/").kind, MemberKind::Folder));
    // Which of the two names comes first is up to the folder's order.
    let [p, q] = [find("/usr/bin/p"), find("/usr/bin/q")];
    let (file, link) = if matches!(p.kind, MemberKind::HardLink(_)) { (q, p) } else { (p, q) };
    let MemberKind::File { content, md5 } = &file.kind else { panic!("{file:?}") };
    assert_eq!((content.to_vec(10).unwrap(), crate::hex::encode(md5)), (b"hello".to_vec(), "5d41402abc4b2a76b9719d911017c592".to_owned()));
    assert_eq!((file.permissions, file.uid, file.gid, &file.user[..]), (0o4755, 0, 0, &b"root"[..]));
    assert!(matches!(&link.kind, MemberKind::HardLink(target) if *target == file.path));
    assert!(matches!(&find("/usr/bin/r").kind, MemberKind::Symlink(target) if target == b"p"));
    let MemberKind::File { content, md5 } = &find("/usr/bin/long").kind else { panic!() };
    assert_eq!(content.size(), 1_288_895);
    assert_eq!(crate::hex::encode(md5), "0e10426a1d5bddffcef02f1345787128");
    let MemberKind::File { content, md5 } = &find("/empty").kind else { panic!() };
    assert_eq!((content.size(), crate::hex::encode(md5)), (0, "d41d8cd98f00b204e9800998ecf8427e".to_owned()));
}

#[test]
fn every_compression_gives_the_same() {
    for options in ["-Zxz", "-Zgzip", "-Znone", "-Zgzip --no-uniform-compression", "-Zxz --threads-max=2"] {
        check(&read(package(options)).unwrap());
    }
    let (control, data) = tars();
    for (tool, suffix) in [("zstd -c", ".zst"), ("zstd -19 -c", ".zst"), ("gzip -c", ".gz"), ("xz -c", ".xz"), ("cat", "")] {
        let (control, data) = (packed(tool, &control), packed(tool, &data));
        let names = [format!("control.tar{suffix}"), format!("data.tar{suffix}/")];
        check(&read(ar(&[("debian-binary", b"2.0\n"), (&names[0], &control), (&names[1], &data)])).unwrap());
    }
}

#[test]
fn without_compression_the_package_itself_is_referred_to() {
    let storage: Arc<dyn Storage> = Arc::new(package("-Znone"));
    let deb = Deb::read(Arc::clone(&storage), &Full, &Stop::default()).unwrap();
    let contents = deb.members.iter().filter_map(|member| match &member.kind {
        MemberKind::File { content, .. } if content.size() > 0 => Some(&content.list()[0].source),
        _ => None,
    });
    let sources: Vec<&Source> = contents.collect();
    assert_eq!(sources.len(), 3);
    assert!(sources.iter().all(|source| matches!(source, Source::Stored { storage: found, .. } if Arc::ptr_eq(found, &storage))));
}

#[test]
fn other_compressions_are_named() {
    let (control, data) = tars();
    for name in ["data.tar.bz2", "data.tar.lzma", "data.tar.Z", "data.tarx"] {
        let error = read(ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), (name, &data)])).unwrap_err();
        assert!(matches!(&error, DebError::Compression { part: Part::Data, member } if member == name), "{error}");
        assert_eq!(error.kind(), Kind::Unsupported);
    }
    let swapped = ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &packed("xz -c", &control)), ("data.tar", &data)]);
    assert!(matches!(read(swapped), Err(DebError::Decompress { part: Part::Control, .. })));
}

#[test]
fn versions_are_read_as_dpkg_reads_them() {
    let (control, data) = tars();
    let with = |version: &[u8]| read(ar(&[("debian-binary", version), ("control.tar", &control), ("data.tar", &data)]));
    for version in ["2.0\n", "2.1\n", "2.0\nmore\nlines\n", "02.2147483647\n"] {
        check(&with(version.as_bytes()).unwrap());
    }
    for version in ["3.0\n", "1.0\n", "0.93\n"] {
        assert!(matches!(with(version.as_bytes()), Err(DebError::Version { found }) if version.starts_with(&found)), "{version}");
    }
    for version in ["2.0", "", "2\n", "2.\n", ".0\n", "2.0 \n", "+2.0\n", "2.2147483648\n", "2.0\0\n", "\n2.0\n"] {
        let offset = 8;
        assert!(
            matches!(with(version.as_bytes()), Err(DebError::Ar { offset: at, fault: ArFault::Version }) if at == offset),
            "{version:?}"
        );
    }
    let long = [b"2.0\n".to_vec(), vec![b'x'; 4093]].concat();
    assert!(matches!(with(&long), Err(DebError::Ar { fault: ArFault::Version, .. })));
}

#[test]
fn a_wish_to_stop_is_heard() {
    let stop = Stop::default();
    stop.request();
    for options in ["-Zxz", "-Znone"] {
        let error = Deb::read(Arc::new(package(options)), &Temporary, &stop).unwrap_err();
        assert!(matches!(error, DebError::Interrupted), "{error}");
        assert_eq!(error.kind(), Kind::Interrupted);
    }
}

#[test]
fn a_full_disk_is_an_io_error() {
    let error = Deb::read(Arc::new(package("-Zxz")), &Full, &Stop::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
}

/// A tar archive of GNU's with one file of `size` bytes, which are not there.
fn large_file(path: &str, size: u64) -> Vec<u8> {
    let mut header = ::tar::Header::new_gnu();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn limits_hold_for_what_is_unpacked() {
    let (control, data) = tars();
    let with = |control: (&str, &[u8]), data: (&str, &[u8])| read(ar(&[("debian-binary", b"2.0\n"), control, data])).unwrap_err();
    let control_file = [large_file("control", (16 << 20) + 1), vec![0; (16 << 20) + 2048]].concat();
    let error = with(("control.tar", &control_file), ("data.tar", &data));
    assert!(matches!(error, DebError::Control { fault: ControlFault::TooLarge(size), .. } if size == (16 << 20) + 1), "{error}");
    let whole = [control, vec![0; 64 << 20]].concat();
    let error = with(("control.tar", &whole), ("data.tar", &data));
    assert!(matches!(error, DebError::TooLarge { part: Part::Control, limit: limits::MAX_CONTROL, .. }), "{error}");
    for (tool, suffix) in [("gzip -c", "gz"), ("xz -c", "xz"), ("zstd -c", "zst")] {
        let error = with((&format!("control.tar.{suffix}"), &packed(tool, &whole)), ("data.tar", &data));
        let too_large = |source: &crate::decompress::DecompressError| {
            matches!(source, crate::decompress::DecompressError::TooLarge { limit: limits::MAX_CONTROL, .. })
        };
        assert!(matches!(&error, DebError::Decompress { part: Part::Control, source } if too_large(source)), "{error}");
        assert_eq!(error.kind(), Kind::Corrupt);
    }
}

#[test]
fn too_many_members_are_refused() {
    let (control, _) = tars();
    // Folders may come twice. A million headers are 512 MB; long paths are enough sooner.
    let mut name = large_file("././@LongLink", 4001);
    name[156] = b'L';
    let mut header = ::tar::Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&name);
    header.set_cksum();
    let path = [b"a/".repeat(2000), vec![b'b']].concat();
    let folder = {
        let mut header = ::tar::Header::new_gnu();
        header.as_mut_bytes().copy_from_slice(&large_file("b", 0));
        header.set_entry_type(::tar::EntryType::Directory);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let mut one = [&header.as_bytes()[..], &path].concat();
    one.resize(one.len().next_multiple_of(512), 0);
    one.extend(folder);
    let data = [one.repeat(limits::MAX_TEXT / (path.len() + 1) + 1), vec![0; 1024]].concat();
    let error = read(ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", &data)])).unwrap_err();
    assert!(matches!(error, DebError::TooMany { part: Part::Data }), "{error}");
}
