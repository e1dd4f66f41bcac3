use std::sync::Arc;

use super::*;
use crate::disk::Storage;

fn read(bytes: Vec<u8>, dialect: Dialect) -> Result<Vec<Member>, TarError> {
    Reader::new(Window::whole(Arc::new(bytes)), dialect).collect()
}

/// A header of GNU tar for `path`, with a right check sum after `change`.
fn header(kind: u8, path: &[u8], size: u64, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..path.len()].copy_from_slice(path);
    bytes[100..108].copy_from_slice(b"0000644\0");
    bytes[108..116].copy_from_slice(b"0000001\0");
    bytes[116..124].copy_from_slice(b"0000002\0");
    bytes[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    bytes[136..148].copy_from_slice(b"00000000003\0");
    bytes[156] = kind;
    bytes[257..265].copy_from_slice(b"ustar  \0");
    change(&mut bytes);
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

fn same(_: &mut [u8]) {}

fn archive(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(part);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn one(kind: u8, change: impl FnOnce(&mut [u8])) -> Result<Member, TarError> {
    read(archive(&[&header(kind, b"a", 0, change)]), Dialect::Deb).map(|mut members| members.remove(0))
}

#[test]
fn numbers_are_octal_or_twos_complement() {
    let mtime = |field: &[u8; 12]| one(b'0', |bytes| bytes[136..148].copy_from_slice(field)).map(|member| member.mtime.seconds).ok();
    assert_eq!(mtime(b"00000000017\0"), Some(15));
    assert_eq!(mtime(b"777777777777"), Some((1 << 36) - 1));
    assert_eq!(mtime(b"   17 \0\0 \0\0\0"), Some(15));
    assert_eq!(mtime(b"\0\0\0\0\0\0\0\0\0\0\0\0"), Some(0));
    assert_eq!(mtime(b"            "), None);
    assert_eq!(mtime(b"17 1\0\0\0\0\0\0\0\0"), None);
    assert_eq!(mtime(b"18\0\0\0\0\0\0\0\0\0\0"), None);
    assert_eq!(mtime(b"-1\0\0\0\0\0\0\0\0\0\0"), None);
    assert_eq!(mtime(b"\x80\0\0\0\0\0\0\x01\0\0\0\0"), Some(1 << 32));
    assert_eq!(mtime(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
    assert_eq!(mtime(b"\x80\0\0\0\x80\0\0\0\0\0\0\0"), None, "2⁶³ is too large");
    assert_eq!(mtime(b"\x80\0\x01\0\0\0\0\0\0\0\0\0"), None);
    assert_eq!(mtime(b"\xff\xff\xff\xff\0\0\0\0\0\0\0\0"), None);
    assert_eq!(mtime(b"\x81\0\0\0\0\0\0\0\0\0\0\0"), None, "neither dpkg nor GNU tar reads it");
    let uid = |field: &[u8; 8]| one(b'0', |bytes| bytes[108..116].copy_from_slice(field)).map(|member| member.uid).ok();
    assert_eq!(uid(b"\x80\0\0\0\0\x03\x0d\x40"), Some(200_000));
    assert_eq!(uid(b"\x80\0\0\0\xff\xff\xff\xff"), Some(u32::MAX));
    assert_eq!(uid(b"\x80\0\0\x01\0\0\0\0"), None);
    assert_eq!(uid(b"\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    let size = one(b'0', |bytes| bytes[124..136].copy_from_slice(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0"));
    assert!(size.unwrap_err().to_string().contains("`size` is negative"));
}

#[test]
fn texts_end_at_a_nul_and_hide_nothing() {
    let member = one(b'2', |bytes| {
        bytes[..100].fill(b'n');
        bytes[157..257].fill(b't');
        bytes[265..270].copy_from_slice(b"alice");
        bytes[297..300].copy_from_slice(b"all");
    });
    let member = member.unwrap();
    assert_eq!((member.path.len(), &member.user[..], &member.group[..]), (100, &b"alice"[..], &b"all"[..]));
    assert!(matches!(member.kind, Kind::Symlink(target) if target == [b't'; 100]));
    for at in [50, 200, 290, 320] {
        let error = one(b'2', |bytes| bytes[at] = b'x').unwrap_err();
        assert!(error.to_string().contains("behind its end"), "{at}: {error}");
    }
    let hidden = archive(&[&header(b'0', b"a\0b", 0, same)]);
    assert_eq!(read(hidden, Dialect::Pax).unwrap()[0].path, b"a");
}

#[test]
fn the_prefix_is_that_of_ustar_only() {
    let ustar = |bytes: &mut [u8]| {
        bytes[257..265].copy_from_slice(b"ustar\x0000");
        bytes[345..348].copy_from_slice(b"x/y");
    };
    assert_eq!(one(b'0', ustar).unwrap().path, b"x/y/a");
    assert_eq!(one(b'0', |bytes| bytes[345..348].copy_from_slice(b"x/y")).unwrap().path, b"a");
    assert_eq!(one(b'0', |bytes| bytes[257..265].fill(0)).unwrap().path, b"a", "v7");
    let odd = one(b'0', |bytes| bytes[257..265].copy_from_slice(b"ustar\x0001"));
    assert!(odd.unwrap_err().to_string().contains("its magic"));
}

#[test]
fn long_names_are_those_of_the_next_member() {
    let (path, target) = ([b'p'; 300], [b't'; 600]);
    let parts: [&[u8]; 6] = [
        &header(b'L', b"././@LongLink", 301, same),
        &[&path[..], b"\0"].concat(),
        &header(b'K', b"././@LongLink", 600, same),
        &target,
        &header(b'2', b"short", 0, same),
        &header(b'0', b"b", 0, same),
    ];
    let members = read(archive(&parts), Dialect::Deb).unwrap();
    assert_eq!(members.iter().map(|member| member.path.len()).collect::<Vec<_>>(), [300, 1]);
    assert!(matches!(&members[0].kind, Kind::Symlink(text) if text == &target));
    let long = header(b'L', b"x", 3, same);
    for (parts, part) in [
        (&[&long[..], b"a\0b", &header(b'0', b"b", 0, same)][..], "holds a NUL"),
        (&[&long[..], b"abcd", &header(b'0', b"b", 0, same)], "behind the end of a long name"),
        (&[&long[..], b"abc", &long[..], b"abc", &header(b'0', b"b", 0, same)], "the second one"),
        (&[&header(b'L', b"x", 0, same)[..], &header(b'0', b"b", 0, same)], "is empty"),
        (&[&header(b'K', b"x", 3, same)[..], b"abc", &header(b'0', b"b", 0, same)], "what is no link"),
        (&[&long[..], b"abc"], "the archive ends"),
        (&[&header(b'L', b"x", 1 << 30, same)[..]], "cut off"),
    ] {
        let error = read(archive(parts), Dialect::Deb).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_deb_has_no_records_and_no_rare_types() {
    let records = archive(&[&header(b'x', b"p", 10, same), b"10 path=b\n", &header(b'0', b"a", 0, same)]);
    assert_eq!(read(records.clone(), Dialect::Pax).unwrap()[0].path, b"b");
    for (kind, name) in [(b'x', "pax records"), (b'g', "for all members"), (b'S', "sparse"), (b'7', "contiguous"), (b'Z', "unknown")] {
        let error = one(kind, same).unwrap_err();
        assert!(
            matches!(&error, TarError::Kind { offset: 0, kind: found, name: said, .. } if *found == kind && said.contains(name)),
            "{error}"
        );
    }
    assert!(matches!(read(records, Dialect::Deb), Err(TarError::Kind { kind: b'x', .. })));
    assert!(matches!(one(0, |bytes| bytes[1] = b'/').unwrap().kind, Kind::Folder), "as before POSIX");
}

#[test]
fn what_has_no_content_has_no_size() {
    for kind in b'1'..=b'6' {
        let bytes = archive(&[&header(kind, b"a", 512, same)]);
        assert!(read(bytes.clone(), Dialect::Deb).unwrap_err().to_string().contains("a size of 512"), "{kind}");
        assert_eq!(read(bytes, Dialect::Pax).unwrap().len(), 1);
    }
    let folder = archive(&[&header(b'0', b"a/", 3, same), b"abc"]);
    assert!(read(folder, Dialect::Deb).unwrap_err().to_string().contains("a folder has content"));
}

#[test]
fn a_mode_may_repeat_the_type_and_no_other() {
    let mode = |field: &[u8; 8]| one(b'0', |bytes| bytes[100..108].copy_from_slice(field)).map(|member| member.permissions);
    assert_eq!(mode(b"0104755\0").unwrap(), 0o4755);
    assert!(mode(b"0040755\0").is_err());
    assert!(mode(b"4000755\0").is_err());
}

#[test]
fn zeroes_only_stand_behind_the_end() {
    let whole = archive(&[&header(b'0', b"a", 0, same)]);
    let mut bytes = whole.clone();
    bytes.resize(5 << 20, 0);
    assert_eq!(read(bytes.clone(), Dialect::Deb).unwrap().len(), 1);
    bytes[3 << 20] = 1;
    assert!(matches!(read(bytes.clone(), Dialect::Deb), Err(TarError::Trailing { offset }) if offset == 3 << 20));
    assert_eq!(read(bytes, Dialect::Pax).unwrap().len(), 1);
    assert!(matches!(read(whole[..512].to_vec(), Dialect::Deb), Err(TarError::Truncated { offset: 512, size: 512 })));
}

#[test]
fn an_archive_may_be_a_part_of_a_storage() {
    let mut bytes = vec![7; 100];
    bytes.extend(archive(&[&header(b'0', b"a", 5, same), b"hello"]));
    bytes.extend([7; 100]);
    let size = bytes.len() as u64 - 200;
    let storage: Arc<dyn Storage> = Arc::new(bytes);
    let mut reader = Reader::new(Window::new(storage, 100, size).unwrap(), Dialect::Deb);
    let member = reader.next().unwrap().unwrap();
    assert!(matches!(member.kind, Kind::File(content) if content.to_vec(10).unwrap() == b"hello"));
    assert!(reader.next().is_none() && reader.next().is_none());
}

#[test]
fn nothing_is_read_after_an_error() {
    let bytes = archive(&[&header(b'Z', b"a", 0, same), &header(b'0', b"b", 0, same)]);
    let mut reader = Reader::new(Window::whole(Arc::new(bytes)), Dialect::Deb);
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
}
