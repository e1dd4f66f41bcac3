//! The master boot record in front of a GUID partition table: one partition of type 0xee over all of the disk, so that a program
//! which knows nothing of GUID partition tables leaves it alone (UEFI 2.10, §5.2.3).

use super::GptError;
use crate::{
    disk::mbr::{ENTRY, PROTECTIVE, SECTOR, SIGNATURE, TABLE},
    little_endian::u32_at,
};

/// Sector 0.
pub(super) type Record = [u8; SECTOR as usize];

const KIND: usize = 4;
const START: usize = 8;
const SIZE: usize = 12;

/// Whether a partition of this record stands for a GUID partition table: it is a record of partitions at all, and one has type 0xee.
pub(super) fn is_protective(record: &Record) -> bool {
    let entries = || (0..4).map(|index| &record[TABLE + index * ENTRY..][..ENTRY]);
    record[510..] == SIGNATURE && entries().all(|entry| matches!(entry[0], 0 | 0x80)) && entries().any(|entry| entry[KIND] == PROTECTIVE)
}

/// Offset of the one partition that protects.
///
/// # Errors
/// [`GptError::Hybrid`] when there is another partition; programs that make such tables also write a second one of type 0xee.
pub(super) fn entry_of(record: &Record) -> Result<usize, GptError> {
    let kind = |index: usize| record[TABLE + index * ENTRY + KIND];
    let first = (0..4).find(|index| kind(*index) == PROTECTIVE).unwrap_or(0);
    match (0..4).find(|index| *index != first && kind(*index) != 0) {
        Some(index) => Err(GptError::Hybrid { number: index + 1, kind: kind(index) }),
        None => Ok(TABLE + first * ENTRY),
    }
}

/// Checks that all of a disk is protected. `last` are the sectors at which it may end: that of the backup copy and, where an image was
/// lengthened since, that of the disk. Beyond 2 TiB, or where a program did not bother, the number of sectors is the largest there is.
pub(super) fn check(record: &Record, at: usize, last: [u64; 2]) -> Result<(), GptError> {
    let (start, size) = (u32_at(record, at + START), u32_at(record, at + SIZE));
    // From sector 1 on, there are as many sectors as the last one's number says.
    if start == 1 && (size == u32::MAX || last.map(capped).contains(&size)) {
        return Ok(());
    }
    Err(GptError::Protective { start, size, expected: capped(last[0]) })
}

/// Sets what is protected to a disk whose last sector is `last`; all else of the record stays.
pub(super) fn cover(record: &mut Record, last: u64) -> Result<(), GptError> {
    let at = entry_of(record)?;
    record[at + SIZE..at + ENTRY].copy_from_slice(&capped(last).to_le_bytes());
    Ok(())
}

fn capped(last: u64) -> u32 {
    u32::try_from(last).unwrap_or(u32::MAX)
}
