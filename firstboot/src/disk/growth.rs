//! How far one partition may grow. Pure arithmetic, in sectors.

/// Where partitions end: what SD cards erase at once. The program that makes images plans with the same.
pub const ALIGNMENT: u64 = (4 << 20) / super::SECTOR;

/// Where a partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 1.
    pub number: u32,
    /// Its first sector.
    pub first: u64,
    /// How many it has.
    pub sectors: u64,
}

impl Place {
    /// First sector after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first.saturating_add(self.sectors)
    }
}

/// A disk, as far as growth is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// All partitions.
    pub places: Vec<Place>,
    /// First sector that a partition may have.
    pub start: u64,
    /// First sector that no partition may have: the end of the disk, or the table's copy there.
    pub end: u64,
    /// First sector to which a partition grows no more; not behind `end`.
    pub limit: u64,
}

/// Why a partition table is left alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is none.
    #[error("the disk has no partition table that is understood")]
    NoTable,
    /// The disk has other sectors.
    #[error("the disk has sectors of {0} bytes, and only 512 are supported")]
    SectorSize(u64),
    /// A GUID partition table that is not sound.
    #[error("the GUID partition table is damaged or unusual: {0}")]
    Damaged(&'static str),
    /// Two tables of one disk.
    #[error(
        "besides the GUID partition table the disk has a partition {0} in its master boot record, and the two may contradict each other"
    )]
    Hybrid(u32),
    /// Partitions inside of one.
    #[error("partition {0} is an extended one, and such tables are not changed")]
    Extended(u32),
    /// An entry that is unused by its type, but Linux takes it for a partition.
    #[error("partition {0} has no type but a place")]
    NoType(u32),
    /// The table lacks the partition.
    #[error("there is no partition {0}")]
    NoPartition(u32),
    /// A partition over the table, or without a sector.
    #[error("partition {0} begins where the partition table is, or is empty")]
    OverTable(u32),
    /// Two partitions share sectors.
    #[error("partitions {0} and {1} overlap")]
    Overlap(u32, u32),
    /// The disk is smaller than its table says.
    #[error("partition {number} ends at sector {end}, but there is room up to sector {limit} only")]
    PastEnd {
        /// Number of the partition.
        number: u32,
        /// First sector after it.
        end: u64,
        /// First sector that no partition may have.
        limit: u64,
    },
    /// Another partition is in the way.
    #[error("partition {0} stands behind it, and is in the way")]
    Behind(u32),
    /// A change would leave moments without a sound table.
    #[error("there is no free room in front of the first partition, so the table cannot be changed safely")]
    NoRoom,
}

/// How many sectors partition `number` is to have: up to the layout's limit or to `cap` bytes, in steps of [`ALIGNMENT`]; at least as many
/// as it has.
///
/// # Errors
/// When the table is not sound, or another partition is in the way.
pub fn target(layout: &Layout, number: u32, cap: Option<u64>) -> Result<u64, Refusal> {
    check(layout)?;
    let place = layout.places.iter().find(|place| place.number == number).ok_or(Refusal::NoPartition(number))?;
    let room = layout.limit.saturating_sub(place.first);
    let wanted = cap.map_or(room, |cap| room.min(cap / super::SECTOR)) / ALIGNMENT * ALIGNMENT;
    if wanted <= place.sectors {
        return Ok(place.sectors);
    }
    // They do not overlap, so what begins later is behind it.
    match layout.places.iter().filter(|other| other.first > place.first).min_by_key(|other| other.first) {
        Some(other) => Err(Refusal::Behind(other.number)),
        None => Ok(wanted),
    }
}

/// Whether every partition lies where it may and shares no sector.
fn check(layout: &Layout) -> Result<(), Refusal> {
    let mut places = layout.places.clone();
    for Place { number, first, sectors } in &places {
        if *sectors == 0 || *first < layout.start {
            return Err(Refusal::OverTable(*number));
        }
        let end = first.checked_add(*sectors).filter(|end| *end <= layout.end);
        if end.is_none() {
            return Err(Refusal::PastEnd { number: *number, end: first.saturating_add(*sectors), limit: layout.end });
        }
    }
    places.sort_unstable_by_key(|place| (place.first, place.number));
    match places.windows(2).find(|pair| pair[0].end() > pair[1].first) {
        Some(pair) => Err(Refusal::Overlap(pair[0].number.min(pair[1].number), pair[0].number.max(pair[1].number))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 2048;

    fn layout(places: &[(u32, u64, u64)], end: u64) -> Layout {
        let places = places.iter().map(|(number, first, sectors)| Place { number: *number, first: *first, sectors: *sectors }).collect();
        Layout { places, start: 1, end, limit: end }
    }

    #[test]
    fn the_last_partition_grows_to_the_end_or_the_cap() {
        let card = layout(&[(1, 4 * MIB, 256 * MIB), (2, 260 * MIB, 1024 * MIB), (3, 1284 * MIB, 256 * MIB)], 4001 * MIB + 7);
        assert_eq!(target(&card, 3, None).unwrap(), 2716 * MIB);
        assert_eq!(target(&card, 3, Some(1 << 30)).unwrap(), 1024 * MIB);
        assert_eq!(target(&card, 3, Some((1 << 30) + (4 << 20) - 1)).unwrap(), 1024 * MIB);
        assert_eq!(target(&card, 3, Some(1 << 40)).unwrap(), 2716 * MIB);
        for cap in [0, 1, 255 << 20, 256 << 20, (260 << 20) - 1] {
            assert_eq!(target(&card, 3, Some(cap)).unwrap(), 256 * MIB, "it never shrinks");
        }
    }

    #[test]
    fn nothing_grows_into_another_partition_nor_in_a_bad_table() {
        let refused = |places: &[(u32, u64, u64)], cap| target(&layout(places, 4000 * MIB), 3, cap).unwrap_err();
        let (boot, brick) = ((1, 4 * MIB, 8 * MIB), (3, 100 * MIB, 100 * MIB));
        assert_eq!(refused(&[boot, brick, (4, 300 * MIB, MIB), (2, 250 * MIB, MIB)], None), Refusal::Behind(2));
        assert_eq!(refused(&[boot, brick, (2, 199 * MIB, MIB)], None), Refusal::Overlap(2, 3));
        assert_eq!(refused(&[boot, brick, (2, 0, MIB)], None), Refusal::OverTable(2));
        assert_eq!(refused(&[boot, brick, (2, MIB, 0)], None), Refusal::OverTable(2));
        assert_eq!(refused(&[boot, brick, (2, 5 * MIB, MIB)], None), Refusal::Overlap(1, 2));
        assert_eq!(refused(&[boot], None), Refusal::NoPartition(3));
        assert!(matches!(refused(&[boot, brick, (2, 3999 * MIB, MIB + 1)], None), Refusal::PastEnd { number: 2, .. }));
        assert!(matches!(refused(&[boot, brick, (2, u64::MAX, 2)], None), Refusal::PastEnd { end: u64::MAX, .. }));
        // What has reached its cap needs nothing.
        assert_eq!(target(&layout(&[boot, brick, (2, 250 * MIB, MIB)], 4000 * MIB), 3, Some(100 << 20)), Ok(100 * MIB));
        // What stands before it is not in its way, whatever its number.
        assert_eq!(target(&layout(&[(4, 4 * MIB, MIB), brick], 400 * MIB), 3, None), Ok(300 * MIB));
    }
}
