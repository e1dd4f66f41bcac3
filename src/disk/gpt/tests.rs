use std::{io::Write as _, process::Command};

use super::{header::checksum, *};
use crate::{
    disk::testing::sfdisk,
    error::{Classified as _, Kind},
};

const MIB: usize = 1 << 20;
const DISK: &str = "4e639091-4d45-4b3e-9d8e-000000000001";
const IDS: [&str; 2] = ["4e639091-4d45-4b3e-9d8e-000000000011", "4e639091-4d45-4b3e-9d8e-000000000022"];

/// A disk of 4 MiB on which sfdisk made two partitions.
fn disk() -> Vec<u8> {
    let [one, two] = IDS;
    let script = format!(
        "label: gpt\nlabel-id: {DISK}\nfirst-lba: 34\nstart=64, size=1024, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid={one}, \
         name=\"boot\", attrs=\"LegacyBIOSBootable\"\nstart=1088, size=4096, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid={two}, \
         name=\"Würzel\"\n"
    );
    sfdisk(&[], 4 * MIB, &["--quiet"], &script).0
}

fn read(disk: &[u8]) -> Result<Gpt, GptError> {
    Gpt::read(&disk.to_vec())
}

fn put(disk: &mut [u8], at: usize, bytes: &[u8]) {
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

fn number(disk: &[u8], at: usize) -> usize {
    u64::from_le_bytes(disk[at..at + 8].try_into().unwrap()) as usize
}

/// Makes the checksums of the copy fit whose header stands at byte `header`.
fn seal(disk: &mut [u8], header: usize) {
    let (entries, count) = (number(disk, header + 72).wrapping_mul(512), number(disk, header + 80) & 0xffff_ffff);
    if let Some(bytes) = disk.get(entries..).and_then(|bytes| bytes.get(..count * 128)) {
        let sum = checksum(bytes);
        put(disk, header + 88, &sum.to_le_bytes());
    }
    put(disk, header + 16, &[0; 4]);
    let sum = checksum(&disk[header..header + 92]);
    put(disk, header + 16, &sum.to_le_bytes());
}

/// The start of both headers of a disk.
fn headers(disk: &[u8]) -> [usize; 2] {
    [512, disk.len() - 512]
}

/// Changes `bytes` of both copies' entry `number`, from `at` on.
fn entry(disk: &mut [u8], number_: usize, at: usize, bytes: &[u8]) {
    for header in headers(disk) {
        let entries = number(disk, header + 72) * 512;
        put(disk, entries + (number_ - 1) * 128 + at, bytes);
        seal(disk, header);
    }
}

/// Changes `bytes` of both headers, from `at` on.
fn both(disk: &mut [u8], at: usize, bytes: &[u8]) {
    for header in headers(disk) {
        put(disk, header + at, bytes);
        seal(disk, header);
    }
}

/// What the disk is refused for after a change.
fn refused(change: impl FnOnce(&mut Vec<u8>)) -> GptError {
    let mut disk = disk();
    change(&mut disk);
    read(&disk).unwrap_err()
}

fn write(gpt: &Gpt, disk: &mut [u8]) {
    let size = disk.len() as u64;
    for (offset, bytes) in gpt.ranges(size).unwrap() {
        put(disk, offset as usize, &bytes);
    }
}

#[test]
fn sfdisk_s_table_is_read_and_written_as_it_was() {
    let mut disk = disk();
    let gpt = read(&disk).unwrap();
    assert_eq!(gpt.disk_guid().to_string(), DISK);
    let root = gpt.partition(2).unwrap();
    assert_eq!((root.kind, root.id.to_string().as_str(), root.name.as_str()), (LINUX, IDS[1], "Würzel"));
    assert_eq!((root.start, root.size, root.attributes, gpt.partition(1).unwrap().attributes), (1088 * 512, 4096 * 512, 0, 4));
    assert_eq!((gpt.partition(0), gpt.partition(3), gpt.partition(129), gpt.partitions().count()), (None, None, None, 2));
    assert_eq!((gpt.guid(1).to_string().as_str(), gpt.guid(3)), (IDS[0], Guid::NIL));
    let before = disk.clone();
    write(&gpt, &mut disk);
    assert!(disk == before, "the same table on the same disk");
}

#[test]
fn sfdisk_and_sgdisk_read_what_is_written_for_a_larger_disk() {
    let mut disk = disk();
    disk[..440].fill(0x90);
    let mut gpt = read(&disk).unwrap();
    gpt.place(2, 1088 * 512, 5 << 20, LINUX, "not this name").unwrap();
    gpt.place(3, 7 << 20, 2 << 20, LINUX, "brick").unwrap();
    assert!(matches!(gpt.ranges(16 << 20), Err(GptError::NoGuid { number: 3 })));
    gpt.set_guids(|number| Guid::new(0x8000 + number as u128));
    disk.resize(10 * MIB, 0);
    write(&gpt, &mut disk);
    assert_eq!(disk[..440], [0x90; 440], "boot code");
    assert_eq!(read(&disk).unwrap().partitions().collect::<Vec<_>>(), gpt.partitions().collect::<Vec<_>>());
    assert_eq!(gpt.backup_size(), 33 * 512);

    let (_, verdict) = sfdisk(&disk, disk.len(), &["--verify"], "");
    assert!(verdict.contains("No errors detected."), "{verdict}");
    let (_, dump) = sfdisk(&disk, disk.len(), &["--dump"], "");
    for words in [
        "label-id: 00000000-0000-0000-0000-000000008000",
        "1 : start=          64, size=        1024, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=00000000-0000-0000-0000-000000008001, \
         name=\"boot\", attrs=\"LegacyBIOSBootable\"",
        "2 : start=        1088, size=       10240, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=00000000-0000-0000-0000-000000008002, \
         name=\"W\\xc3\\xbcrzel\"",
        "3 : start=       14336, size=        4096, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=00000000-0000-0000-0000-000000008003, \
         name=\"brick\"",
    ] {
        assert!(dump.contains(words), "{words}\n{dump}");
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&disk).unwrap();
    let output = Command::new("sgdisk").arg("--verify").arg(file.path()).output().expect("sgdisk is needed for this test");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("No problems found."), "{said}");

    // Back to the smallest disk that holds it.
    let size = 9 * MIB as u64 + gpt.backup_size();
    disk.truncate(size as usize);
    write(&gpt, &mut disk);
    assert_eq!(read(&disk).unwrap().partitions().count(), 3);
    assert!(matches!(gpt.ranges(size - 512), Err(GptError::NotUsable { number: 3, .. })));
    for size in [0, 511, 512, 33 * 512, 40 * 512] {
        assert!(matches!(gpt.ranges(size), Err(GptError::TooSmall { .. })), "{size}");
    }
}

#[test]
fn a_lengthened_image_is_read() {
    let mut disk = disk();
    disk.extend([0; 5000]);
    let gpt = read(&disk).unwrap();
    write(&gpt, &mut disk);
    assert_eq!(number(&disk, 512 + 32), disk.len() / 512 - 1, "the backup stands at the end again");
    // Old protective records say so when a disk has more sectors than they can count.
    put(&mut disk, 458, &[0xff; 4]);
    read(&disk).unwrap();
}

#[test]
fn a_partition_that_cannot_be_is_refused() {
    let mut gpt = read(&disk()).unwrap();
    let before = gpt.clone();
    let mut place = |number, start, size| gpt.place(number, start, size, LINUX, "x").unwrap_err();
    assert!(matches!(place(0, 3 << 20, 512), GptError::NoSuchEntry { number: 0, count: 128 }));
    assert!(matches!(place(129, 3 << 20, 512), GptError::NoSuchEntry { number: 129, count: 128 }));
    assert!(matches!(place(3, 3 << 20, 100), GptError::Unaligned { number: 3, .. }));
    assert!(matches!(place(3, 5, 512), GptError::Unaligned { .. }));
    assert!(matches!(place(3, 3 << 20, 0), GptError::Empty { number: 3, .. }));
    assert!(matches!(place(3, 0, 512), GptError::NotUsable { number: 3, .. }));
    assert!(matches!(place(3, 33 * 512, 512), GptError::NotUsable { number: 3, .. }));
    assert!(matches!(place(3, u64::MAX - 511, u64::MAX - 511), GptError::NotUsable { number: 3, .. }));
    assert!(matches!(place(1, 64 * 512, 1025 * 512), GptError::Overlap { first: 1, second: 2 }));
    assert!(matches!(place(3, 63 * 512, 1024), GptError::Overlap { first: 1, second: 3 }));
    assert_eq!(gpt, before);
    gpt.place(3, 34 * 512, 30 * 512, LINUX, &"a name of more than 36 units".repeat(3)).unwrap();
    assert_eq!(gpt.partition(3).unwrap().name, "a name of more than 36 unitsa name o");
}

#[test]
fn a_hybrid_table_is_refused_by_name() {
    let hybrid = |at: usize, entry: [u8; 16]| refused(|disk| put(disk, at, &entry));
    let fat = [0, 0, 0, 0, 0x0c, 0, 0, 0, 64, 0, 0, 0, 0, 4, 0, 0];
    let error = hybrid(462, fat);
    assert!(matches!(error, GptError::Hybrid { number: 2, kind: 0x0c }), "{error}");
    assert!(error.to_string().starts_with("a hybrid partition table") && error.hint().is_some() && error.kind() == Kind::Unsupported);
    // The one that protects need not be the first.
    let error = refused(|disk| {
        disk.copy_within(446..462, 478);
        put(disk, 446, &fat);
    });
    assert!(matches!(error, GptError::Hybrid { number: 1, kind: 0x0c }), "{error}");
    let mut second = fat;
    second[4] = 0xee;
    assert!(matches!(hybrid(494, second), GptError::Hybrid { number: 4, kind: 0xee }));
    let moved = {
        let mut disk = disk();
        disk.copy_within(446..462, 494);
        disk[446..462].fill(0);
        disk
    };
    assert_eq!(read(&moved).unwrap().partitions().count(), 2);
}

#[test]
fn a_record_that_does_not_protect_is_refused() {
    let last = (4 * MIB / 512 - 1) as u32;
    for (at, value) in [(454, 0), (454, 2), (454, u32::MAX), (458, 0), (458, last - 1), (458, last + 1), (458, u32::MAX - 1)] {
        let error = refused(|disk| put(disk, at, &value.to_le_bytes()));
        assert!(matches!(error, GptError::Protective { expected, .. } if expected == last), "{at} {value}: {error}");
        assert_eq!(error.kind(), Kind::Corrupt);
    }
}

#[test]
fn the_bad_copy_is_named() {
    let backup = 4 * MIB - 512;
    for (at, half) in [(512, Half::Primary), (512 + 60, Half::Primary), (1024 + 5, Half::Primary), (backup, Half::Backup)] {
        let error = refused(|disk| disk[at] ^= 1);
        assert!(matches!(error, GptError::Damaged { half: got, .. } if got == half), "{at}: {error}");
        assert!(error.kind() == Kind::Corrupt && error.hint().unwrap().contains("gdisk"));
    }
    let error = refused(|disk| disk[backup - 1] ^= 1);
    assert!(matches!(error, GptError::Damaged { half: Half::Backup, flaw: Flaw::EntriesChecksum { .. } }), "{error}");
    let both = refused(|disk| {
        disk[512] ^= 1;
        disk[backup + 30] ^= 1;
    });
    assert!(matches!(both, GptError::BothDamaged { primary: Flaw::Signature { .. }, backup: Flaw::HeaderChecksum { .. } }), "{both}");
    let none = refused(|disk| disk[512..].fill(0));
    assert!(none.to_string().contains(r"got `\x00\x00\x00\x00\x00\x00\x00\x00`, expected `EFI PART`"), "{none}");
    for size in [4 * MIB - 512, 3 * MIB, 1024] {
        let error = refused(|disk| disk.truncate(size));
        assert!(matches!(error, GptError::CutShort { end: 0x40_0000, size: got } if got == size as u64), "{error}");
    }
    assert!(matches!(refused(|disk| disk.truncate(512)), GptError::BothDamaged { .. }));
    assert!(matches!(refused(|disk| disk.truncate(100)), GptError::Io(_)));
}

#[test]
fn copies_that_are_no_copies_are_refused() {
    let differ = |at: usize, value: u8, what: &str| {
        let error = refused(|disk| {
            let header = disk.len() - 512;
            disk[header + at] = value;
            seal(disk, header);
        });
        assert!(matches!(error, GptError::Differ { what: got } if got == what), "{at}: {error}");
    };
    differ(56, 7, "the GUID of the disk");
    differ(40, 35, "the sectors that are for partitions");
    differ(80, 127, "the number of entries");
    let entry = refused(|disk| {
        let header = disk.len() - 512;
        let entries = number(disk, header + 72) * 512;
        disk[entries + 56] = b'B';
        seal(disk, header);
    });
    assert!(matches!(entry, GptError::Differ { what: "an entry" }), "{entry}");
}

#[test]
fn headers_that_cannot_be_are_refused() {
    let flaw = |at: usize, bytes: &[u8]| match refused(|disk| both(disk, at, bytes)) {
        GptError::BothDamaged { primary, .. }
        | GptError::Unsupported(primary)
        | GptError::Damaged { half: Half::Primary, flaw: primary } => primary,
        error => panic!("{at}: {error}"),
    };
    assert!(matches!(flaw(8, &[0, 0, 2, 0]), Flaw::Revision { found: 0x2_0000 }));
    assert!(matches!(flaw(20, &[1]), Flaw::Reserved));
    assert!(matches!(flaw(24, &[2]), Flaw::Place { found: 2, expected: 1 }));
    assert!(matches!(flaw(80, &[0, 0]), Flaw::NoEntries));
    assert!(matches!(flaw(80, &[1, 4]), Flaw::EntryCount { count: 1025, .. }));
    assert!(matches!(flaw(84, &[0, 1]), Flaw::EntrySize { size: 256 }));
    for size in [[0, 0], [64, 0], [129, 0], [0x80, 1]] {
        assert!(matches!(flaw(84, &size), Flaw::NoEntrySize { .. }), "{size:?}");
    }
    // Usable sectors over the entries, none at all; entries over the header, before the disk, past 2^64.
    for (at, value) in [(40, 33), (40, u64::MAX), (48, 1), (48, u64::MAX), (72, 1), (72, 0), (72, 3), (72, u64::MAX)] {
        assert!(matches!(flaw(at, &value.to_le_bytes()), Flaw::Places { .. }), "{at} {value}");
    }
    for size in [0u32, 91, 513, u32::MAX] {
        let error = refused(|disk| headers(disk).iter().for_each(|header| put(disk, header + 12, &size.to_le_bytes())));
        assert!(matches!(error, GptError::BothDamaged { primary: Flaw::HeaderSize { found }, .. } if found == size), "{error}");
    }
    let later = refused(|disk| both(disk, 8, &[0, 0, 2, 0]));
    assert!(later.kind() == Kind::Unsupported && later.to_string().contains("revision 2.0"), "{later}");
    let large = refused(|disk| {
        disk[512..1024].fill(0);
        put(disk, 4096, b"EFI PART");
    });
    assert!(matches!(large, GptError::SectorSize) && large.kind() == Kind::Unsupported, "{large}");
}

#[test]
fn partitions_that_cannot_be_are_refused() {
    let place = |first: u64, last: u64| refused(|disk| entry(disk, 1, 32, &[first.to_le_bytes(), last.to_le_bytes()].concat()));
    assert!(matches!(place(64, 63), GptError::Empty { number: 1, .. }));
    assert!(matches!(place(u64::MAX, 0), GptError::Empty { number: 1, .. }));
    assert!(matches!(place(33, 70), GptError::NotUsable { number: 1, .. }));
    assert!(matches!(place(64, 8192 - 33), GptError::NotUsable { number: 1, .. }));
    assert!(matches!(place(64, u64::MAX), GptError::NotUsable { number: 1, .. }));
    assert!(matches!(place(64, 1088), GptError::Overlap { first: 1, second: 2 }));
    assert!(matches!(place(1088, 1088), GptError::Overlap { first: 1, second: 2 }));
    assert!(matches!(place(5000, 6000), GptError::Overlap { first: 1, second: 2 }));
    let id = |bytes: [u8; 16]| refused(|disk| entry(disk, 1, 16, &bytes));
    assert!(matches!(id([0; 16]), GptError::NoGuid { number: 1 }));
    let second = read(&disk()).unwrap().guid(2);
    assert!(matches!(id(second.disk_bytes()), GptError::SameGuid { first: 1, second: 2, guid } if guid == second));
    // What is in an unused entry does not matter.
    let mut disk = disk();
    entry(&mut disk, 1, 0, &[0; 16]);
    assert_eq!(read(&disk).unwrap().partitions().map(|(number, _)| number).collect::<Vec<_>>(), [2]);
    // A name that is no text, and one that fills its place.
    entry(&mut disk, 2, 56, &[0x00, 0xd8].repeat(36));
    assert_eq!(read(&disk).unwrap().partition(2).unwrap().name, "\u{fffd}".repeat(36));
}

#[test]
fn a_small_table_is_read() {
    let (mut disk, _) = sfdisk(&[], MIB, &["--quiet"], "label: gpt\ntable-length: 4\nstart=64, size=64\n");
    let mut gpt = read(&disk).unwrap();
    assert_eq!(gpt.backup_size(), 1024);
    assert!(matches!(gpt.place(5, 300 * 512, 512, LINUX, ""), Err(GptError::NoSuchEntry { number: 5, count: 4 })));
    gpt.place(4, 300 * 512, 512, LINUX, "").unwrap();
    gpt.set_guids(|number| Guid::new(1 + number as u128));
    write(&gpt, &mut disk);
    assert!(sfdisk(&disk, disk.len(), &["--verify"], "").1.contains("No errors detected."));
}
