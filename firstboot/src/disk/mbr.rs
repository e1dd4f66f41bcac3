//! The master boot record: four partitions in sector 0. Offsets as in the kernel's `include/linux/msdos_partition.h`.

use super::{
    bytes::{put, u32_at},
    growth::{Layout, Place, Refusal},
};
use crate::chs::cylinder_head_sector;

/// Type of a partition that stands for a GUID partition table.
pub(super) const PROTECTIVE: u8 = 0xee;
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];

const DISK_ID: usize = 440;
const TABLE: usize = 446;
const ENTRY: usize = 16;
const KIND: usize = 4;
const LAST_CHS: usize = 5;
const FIRST: usize = 8;
const SECTORS: usize = 12;
const SIGNATURE: usize = 510;

/// Sector 0 of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mbr {
    sector: Vec<u8>,
}

impl Mbr {
    /// Takes the bytes of sector 0 for what they say.
    ///
    /// # Errors
    /// When they are no table.
    pub fn parse(sector: Vec<u8>) -> Result<Self, Refusal> {
        let mbr = Self { sector };
        // A boot sector of FAT ends in the same two bytes, but has text or code in place of the flags.
        let is_table = mbr.sector.get(SIGNATURE..) == Some(&[0x55, 0xaa]) && (1..=4).all(|number| matches!(mbr.entry(number)[0], 0 | 0x80));
        if is_table { Ok(mbr) } else { Err(Refusal::NoTable) }
    }

    /// Whether it stands in front of a GUID partition table.
    #[must_use]
    pub fn is_protective(&self) -> bool {
        (1..=4).any(|number| self.entry(number)[KIND] == PROTECTIVE)
    }

    /// As Linux spells the PARTUUID of a partition, such as `deadbeef-03`.
    #[must_use]
    pub fn partuuid(&self, number: u32) -> String {
        format!("{:08x}-{number:02x}", u32_at(&self.sector, DISK_ID))
    }

    /// All partitions that Linux sees: it asks for the number of sectors alone (`block/partitions/msdos.c`).
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let place = |number| Place { number, first: self.field(number, FIRST), sectors: self.field(number, SECTORS) };
        (1..=4).map(place).filter(|place| place.sectors != 0).collect()
    }

    /// The disk of so many sectors.
    ///
    /// # Errors
    /// When it has partitions that are not understood here.
    pub fn layout(&self, sectors: u64) -> Result<Layout, Refusal> {
        for number in 1..=4 {
            match self.entry(number)[KIND] {
                kind if EXTENDED.contains(&kind) => return Err(Refusal::Extended(number)),
                0 if self.field(number, SECTORS) != 0 => return Err(Refusal::NoType(number)),
                _ => {}
            }
        }
        // Numbers of sectors have 32 bits, and so has that of the first one behind a partition in many programs.
        Ok(Layout { places: self.places(), start: 1, end: sectors, limit: sectors.min(u32::MAX.into()) })
    }

    /// Sector 0 with another size of partition `number`; all else of it stays as it is.
    ///
    /// # Errors
    /// When there is no such partition, or the size is beyond the format's.
    pub fn grown(&self, number: u32, sectors: u64) -> Result<Vec<u8>, Refusal> {
        let place = self.places().into_iter().find(|place| place.number == number).ok_or(Refusal::NoPartition(number))?;
        let end = place.first.saturating_add(sectors);
        let (Ok(count), Ok(last)) = (u32::try_from(sectors), u32::try_from(end.saturating_sub(1))) else {
            return Err(Refusal::PastEnd { number, end, limit: u32::MAX.into() });
        };
        let mut sector = self.sector.clone();
        let at = Self::offset(number);
        put(&mut sector, at + LAST_CHS, &cylinder_head_sector(last));
        put(&mut sector, at + SECTORS, &count.to_le_bytes());
        Ok(sector)
    }

    /// The bytes of sector 0.
    #[must_use]
    pub fn sector(&self) -> &[u8] {
        &self.sector
    }

    /// That of a disk whose last sector is `last`, where this is the record in front of a GUID partition table. A size that is as large as
    /// can be is meant so and stays.
    ///
    /// # Errors
    /// When there are other partitions beside the one that protects, or it does not begin at sector 1, as Linux asks for.
    pub(super) fn covering(&self, last: u64) -> Result<Vec<u8>, Refusal> {
        let number = (1..=4).find(|number| self.entry(*number)[KIND] == PROTECTIVE).ok_or(Refusal::NoTable)?;
        if let Some(other) = (1..=4).find(|other| *other != number && self.entry(*other)[KIND] != 0) {
            return Err(Refusal::Hybrid(other));
        }
        if self.field(number, FIRST) != 1 {
            return Err(Refusal::Damaged("the partition that protects it does not begin at sector 1"));
        }
        let mut sector = self.sector.clone();
        if self.field(number, SECTORS) != u64::from(u32::MAX) {
            put(&mut sector, Self::offset(number) + SECTORS, &u32::try_from(last).unwrap_or(u32::MAX).to_le_bytes());
        }
        Ok(sector)
    }

    fn field(&self, number: u32, at: usize) -> u64 {
        u32_at(self.entry(number), at).into()
    }

    fn offset(number: u32) -> usize {
        TABLE + number.saturating_sub(1).min(3) as usize * ENTRY
    }

    fn entry(&self, number: u32) -> &[u8] {
        self.sector.get(Self::offset(number)..).and_then(|rest| rest.get(..ENTRY)).unwrap_or(&[0; ENTRY])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(entries: &[(u32, u8, u32, u32)]) -> Vec<u8> {
        let mut sector: Vec<u8> = (0..512).map(|at| if at < 440 { at as u8 } else { 0 }).collect();
        put(&mut sector, DISK_ID, &[0xef, 0xbe, 0xad, 0xde, 1, 2]);
        put(&mut sector, SIGNATURE, &[0x55, 0xaa]);
        for (number, kind, first, sectors) in entries {
            let at = Mbr::offset(*number);
            sector[at + KIND] = *kind;
            put(&mut sector, at + FIRST, &first.to_le_bytes());
            put(&mut sector, at + SECTORS, &sectors.to_le_bytes());
        }
        sector
    }

    #[test]
    fn only_the_size_changes() {
        let sector = record(&[(1, 0x0c, 8192, 100), (3, 0x83, 16384, 8192)]);
        let mbr = Mbr::parse(sector.clone()).unwrap();
        assert_eq!(mbr.partuuid(3), "deadbeef-03");
        let grown = mbr.grown(3, 2_097_152).unwrap();
        let differing: Vec<usize> = (0..512).filter(|at| sector[*at] != grown[*at]).collect();
        let entry = Mbr::offset(3);
        assert!(differing.iter().all(|at| (entry + 5..entry + 8).contains(at) || (entry + 12..entry + 16).contains(at)), "{differing:?}");
        let place = Place { number: 3, first: 16384, sectors: 2_097_152 };
        assert_eq!(Mbr::parse(grown.clone()).unwrap().places()[1], place);
        assert_eq!(&grown[entry + 5..entry + 8], &cylinder_head_sector(16384 + 2_097_152 - 1));
        assert_eq!(mbr.grown(2, 1), Err(Refusal::NoPartition(2)));
        assert!(matches!(mbr.grown(3, u64::from(u32::MAX)), Err(Refusal::PastEnd { .. })));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let layout = |entries: &[_]| Mbr::parse(record(entries)).unwrap().layout(1 << 20);
        for kind in EXTENDED {
            assert_eq!(layout(&[(1, 0x83, 1, 1), (2, kind, 8, 8)]), Err(Refusal::Extended(2)));
        }
        assert_eq!(layout(&[(4, 0, 8, 8)]), Err(Refusal::NoType(4)));
        assert_eq!(layout(&[(1, 0x83, 1, 1), (4, 0x83, 8, 0)]).unwrap().places.len(), 1);
        assert_eq!(Mbr::parse(vec![0; 512]), Err(Refusal::NoTable));
        assert_eq!(Mbr::parse(Vec::new()), Err(Refusal::NoTable));
        let mut fat = record(&[]);
        fat[TABLE + ENTRY] = b'x';
        assert_eq!(Mbr::parse(fat), Err(Refusal::NoTable));
    }

    #[test]
    fn a_record_that_protects_follows_the_disk() {
        let protective = |entries: &[_]| Mbr::parse(record(entries)).unwrap();
        let mbr = protective(&[(1, PROTECTIVE, 1, 999)]);
        assert!(mbr.is_protective() && !protective(&[(1, 0x83, 1, 999)]).is_protective());
        assert_eq!(mbr.covering(1999).unwrap(), record(&[(1, PROTECTIVE, 1, 1999)]));
        assert_eq!(mbr.covering(1 << 40).unwrap(), record(&[(1, PROTECTIVE, 1, u32::MAX)]));
        let most = [(1, PROTECTIVE, 1, u32::MAX)];
        assert_eq!(protective(&most).covering(1999).unwrap(), record(&most));
        assert_eq!(protective(&[(1, 0x0c, 64, 64), (2, PROTECTIVE, 1, 63)]).covering(9), Err(Refusal::Hybrid(1)));
        assert!(matches!(protective(&[(2, PROTECTIVE, 2, 63)]).covering(9), Err(Refusal::Damaged(_))));
    }
}
