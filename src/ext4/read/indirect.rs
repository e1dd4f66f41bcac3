//! The map of ext2 and ext3: twelve blocks in the inode, then blocks of block numbers, up to three levels of them.

use super::{
    Session,
    bytes::le32,
    error::{Ext4Error, Place},
    inode::Record,
    map::{Map, Run},
};

/// Block numbers in the inode that are data.
const DIRECT: usize = 12;

impl Session<'_> {
    /// Reads the map. Work is bounded because every block of numbers is claimed before it is read.
    pub(super) fn indirect(&mut self, record: &Record) -> Result<Map, Ext4Error> {
        let mut map = Map::default();
        let mut logical = 0;
        for slot in 0..DIRECT + 3 {
            let level = (slot + 1).saturating_sub(DIRECT);
            let number = le32(&record.raw.block, 4 * slot).unwrap_or(0);
            self.indirect_entry(record, record.place(), number, level, &mut logical, &mut map)?;
        }
        Ok(map)
    }

    /// Takes in a block number: of data at level 0, else of a block of numbers one level below. Recursion is three deep at most.
    fn indirect_entry(
        &mut self,
        record: &Record,
        place: Place,
        number: u32,
        level: usize,
        logical: &mut u64,
        map: &mut Map,
    ) -> Result<(), Ext4Error> {
        let per_block = self.volume.geometry.block_size / 4;
        if number == 0 {
            // No overflow: 1024^3 at most.
            *logical += (0..level).fold(1, |blocks, _| blocks * per_block);
            return Ok(());
        }
        let physical = u64::from(number);
        self.claims.claim(place, physical, 1)?;
        map.owned += 1;
        if level == 0 {
            self.append(map, Run { logical: *logical, physical, count: 1 })?;
            *logical += 1;
            return Ok(());
        }
        let place = Place::Block { inode: record.number, block: physical };
        let bytes = self.blocks.block(physical)?.to_vec();
        for entry in bytes.chunks_exact(4) {
            self.indirect_entry(record, place, le32(entry, 0).unwrap_or(0), level - 1, logical, map)?;
        }
        Ok(())
    }
}
