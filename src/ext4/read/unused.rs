//! Inodes without a name: what is left of deleted files must look deleted. `e2fsck` gives files back that do not.

use super::{
    Session,
    bytes::index,
    error::{Ext4Error, Fault},
};

impl Session<'_> {
    /// Checks every inode that is not in `used` (a bit for each inode) and in the part of its table that is in use.
    pub(super) fn check_unused(&mut self, used: &[u8]) -> Result<(), Ext4Error> {
        let geometry = &self.volume.geometry;
        for (number, group) in (0_u32..).zip(&self.volume.groups).filter(|(_, group)| !group.inodes_uninit) {
            // No overflow: at most as many as all inodes. No underflow: unused_inodes was checked.
            let first = number * geometry.inodes_per_group;
            for inode in first..first + (geometry.inodes_per_group - group.unused_inodes) {
                // There is a bit for every inode.
                if used[index(u64::from(inode / 8))] >> (inode % 8) & 1 == 0 {
                    self.check_deleted(inode + 1)?;
                }
            }
        }
        Ok(())
    }

    fn check_deleted(&mut self, number: u32) -> Result<(), Ext4Error> {
        let record = self.inode(number, true)?;
        if record.raw.links_count != 0 {
            let fault = Fault::Count { what: "i_links_count", got: record.raw.links_count.into(), expected: 0 };
            return Err(Ext4Error::corrupt(record.place(), fault));
        }
        if record.raw.mode != 0 && record.raw.dtime == 0 {
            return Err(Ext4Error::field(record.place(), "i_dtime", 0, "when the file was deleted"));
        }
        Ok(())
    }
}
