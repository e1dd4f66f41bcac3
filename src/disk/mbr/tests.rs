use std::sync::Arc;

use super::*;
use crate::disk::{Extent, Extents, Source, testing};

const MIB: u64 = 1 << 20;

/// 64 MiB with this record in front.
fn disk(mbr: &Mbr) -> Extents {
    let mut disk = Extents::hole(64 * MIB);
    disk.push(Extent { offset: 0, len: 512, source: Source::bytes(mbr.sector().to_vec()) });
    disk
}

fn linux(start: u64, size: u64) -> Partition {
    Partition { kind: LINUX, active: false, start, size }
}

/// [`testing::sfdisk`] on a disk of 64 MiB that begins with `sector`; gives back its new sector 0.
fn sfdisk(sector: &[u8; 512], arguments: &[&str], script: &str) -> ([u8; 512], String) {
    let (disk, said) = testing::sfdisk(sector, 64 * MIB as usize, arguments, script);
    (disk[..512].try_into().unwrap(), said)
}

#[test]
fn sfdisk_reads_what_is_written() {
    let mut mbr = Mbr::new(0xdead_beef);
    mbr.set_partition(1, Some(Partition { kind: FAT_LBA, active: true, start: 4 * MIB, size: 16 * MIB })).unwrap();
    mbr.set_partition(2, Some(linux(20 * MIB, 30 * MIB))).unwrap();
    mbr.set_partition(3, Some(linux(52 * MIB, 12 * MIB))).unwrap();
    let (_, verdict) = sfdisk(&mbr.sector(), &["--verify"], "");
    assert!(verdict.contains("No errors detected"), "{verdict}");
    let (_, dump) = sfdisk(&mbr.sector(), &["--dump"], "");
    assert!(dump.contains("label-id: 0xdeadbeef"), "{dump}");
    for line in ["1 : start=        8192, size=       32768, type=c, bootable", "2 : start=       40960, size=       61440, type=83"] {
        assert!(dump.contains(line), "{line}\n{dump}");
    }
    assert_eq!(Mbr::read(&disk(&mbr)).unwrap(), mbr);
}

#[test]
fn table_equals_the_one_sfdisk_makes() {
    let script = "label: dos\nlabel-id: 0x12345678\nstart=8192, size=32768, type=c\nstart=40960, size=61440, type=83, bootable\n";
    let (theirs, _) = sfdisk(&Mbr::new(1).sector(), &["--quiet"], script);
    let mut ours = Mbr::new(0x1234_5678);
    ours.set_partition(1, Some(Partition { kind: FAT_LBA, active: false, start: 4 * MIB, size: 16 * MIB })).unwrap();
    ours.set_partition(2, Some(Partition { active: true, ..linux(20 * MIB, 30 * MIB) })).unwrap();
    assert_eq!(ours.sector()[DISK_ID..], theirs[DISK_ID..], "disk id, table with its CHS fields, signature");
}

#[test]
fn what_is_not_set_stays() {
    let mut sector = Mbr::new(7).sector();
    for (index, byte) in sector[..DISK_ID].iter_mut().enumerate() {
        *byte = index as u8 | 1;
    }
    sector[444..446].copy_from_slice(&[0x5a, 0x5a]);
    sector[446..462].copy_from_slice(&[0x80, 9, 9, 9, 0x0c, 8, 8, 8, 0, 0x20, 0, 0, 0, 0x20, 0, 0]);
    sector[494..510].copy_from_slice(&[0, 1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11, 0, 0, 0, 0]);
    let mut mbr = Mbr::read(&disk(&Mbr { sector })).unwrap();
    assert_eq!(mbr.partition(4), None, "type 0 without a sector is no partition");

    mbr.set_partition(1, mbr.partition(1)).unwrap();
    mbr.set_partition(2, None).unwrap();
    mbr.set_partition(4, None).unwrap();
    assert_eq!(mbr.sector(), sector);

    mbr.set_partition(3, Some(linux(8 * MIB, 8 * MIB))).unwrap();
    mbr.set_disk_id(0xcafe_f00d);
    let changed: Vec<usize> = (0..512).filter(|at| mbr.sector()[*at] != sector[*at]).collect();
    assert!(changed.iter().all(|at| (440..444).contains(at) || (478..494).contains(at)), "{changed:?}");
    assert_eq!(mbr.partuuid(3), "cafef00d-03");
}

#[test]
fn parted_keeps_the_disk_id_of_a_new_record() {
    // parted decides by byte 0 alone (libparted/labels/dos.c), which needs no parted to check.
    assert_ne!(Mbr::new(1).sector()[0], 0);
}

#[test]
fn a_partition_that_cannot_be_is_refused() {
    let mut mbr = Mbr::new(1);
    mbr.set_partition(2, Some(linux(8 * MIB, 8 * MIB))).unwrap();
    let before = mbr.clone();
    let gib = 1 << 30;
    let mut set = |number, partition| mbr.set_partition(number, Some(partition)).unwrap_err();
    assert!(matches!(set(0, linux(MIB, MIB)), MbrError::NoSuchEntry { number: 0, .. }));
    assert!(matches!(set(5, linux(MIB, MIB)), MbrError::NoSuchEntry { number: 5, .. }));
    assert!(matches!(set(1, Partition { kind: 0, ..linux(MIB, MIB) }), MbrError::NoSuchEntry { .. }));
    assert!(matches!(set(1, Partition { kind: 5, ..linux(MIB, MIB) }), MbrError::Extended { .. }));
    assert!(matches!(set(1, linux(MIB, 100)), MbrError::Unaligned { .. }));
    assert!(matches!(set(1, linux(MIB, 0)), MbrError::Empty { .. }));
    assert!(matches!(set(1, linux(0, MIB)), MbrError::OverTable { .. }));
    assert!(matches!(set(1, linux(4 * MIB, 4 * MIB + 512)), MbrError::Overlap { first: 1, second: 2 }));
    assert!(matches!(set(3, linux(16 * MIB - 512, MIB)), MbrError::Overlap { first: 2, second: 3 }));
    assert!(matches!(set(3, linux(1024 * gib, 1024 * gib)), MbrError::TooLarge { .. }));
    assert!(matches!(set(3, linux(u64::MAX - 511, u64::MAX - 511)), MbrError::TooLarge { .. }));
    assert_eq!(mbr, before);
    mbr.set_partition(3, Some(linux(1024 * gib, 1024 * gib - 512))).unwrap();
}

#[test]
fn a_table_that_lies_is_refused() {
    let good = {
        let mut mbr = Mbr::new(1);
        mbr.set_partition(1, Some(linux(4 * MIB, 4 * MIB))).unwrap();
        mbr.set_partition(2, Some(linux(8 * MIB, 56 * MIB))).unwrap();
        mbr
    };
    let read = |at: usize, bytes: &[u8]| {
        let mut sector = good.sector();
        sector[at..at + bytes.len()].copy_from_slice(bytes);
        Mbr::read(&disk(&Mbr { sector })).unwrap_err()
    };
    assert!(matches!(read(510, &[0, 0]), MbrError::NoSignature { found: [0, 0] }));
    assert!(matches!(read(478, &[0x7f]), MbrError::NotATable { number: 3, flag: 0x7f }));
    assert!(matches!(read(482, &[0xee]), MbrError::Gpt { number: 3 }));
    assert!(matches!(read(466, &[0x0f]), MbrError::Extended { number: 2, kind: 0x0f }));
    assert!(matches!(read(474, &[0; 4]), MbrError::Empty { number: 2, kind: LINUX }));
    assert!(matches!(read(506, &[9]), MbrError::NoType { number: 4, sectors: 9 }));
    assert!(matches!(read(450, &[0]), MbrError::NoType { number: 1, .. }));
    assert!(matches!(read(454, &[0; 4]), MbrError::OverTable { number: 1 }));
    assert!(matches!(read(458, &[1, 0x20]), MbrError::Overlap { first: 1, second: 2 }));
    assert!(matches!(read(474, &[1]), MbrError::PastEnd { number: 2, .. }));
    assert!(matches!(read(470, &[0xff; 8]), MbrError::PastEnd { number: 2, .. }));
    assert!(matches!(Mbr::read(&vec![0; 100]).unwrap_err(), MbrError::Io(_)));
    assert_eq!(aligned(4 * MIB + 1), Some(8 * MIB));
    assert_eq!(aligned(u64::MAX), None);
}

#[test]
fn no_byte_makes_it_panic() {
    let storage = |sector: [u8; 512]| -> Arc<dyn Storage> { Arc::new(disk(&Mbr { sector })) };
    let mut refused = 0;
    for at in 440..512 {
        for value in [0, 1, 5, 0x0f, 0x7f, 0x80, 0x85, 0xee, 0xff] {
            let mut mbr = Mbr::new(1);
            mbr.set_partition(1, Some(linux(4 * MIB, 4 * MIB))).unwrap();
            mbr.set_partition(4, Some(linux(60 * MIB, 4 * MIB))).unwrap();
            let mut sector = mbr.sector();
            sector[at] = value;
            match Mbr::read(&*storage(sector)) {
                Ok(read) => assert_eq!(read.sector(), sector),
                Err(error) => {
                    refused += 1;
                    assert_ne!(error.kind(), Kind::Io, "{error}");
                }
            }
        }
    }
    assert!(refused > 50, "{refused}");
}
