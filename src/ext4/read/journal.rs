//! The journal's superblock and the orphan file: both must say that nothing is left to do.

use super::{
    Session,
    bytes::{be32, le32},
    error::{Ext4Error, Fault, Place, Unclean, Unsupported},
    inode::Record,
    map::Map,
};
use crate::ext4::{
    checksum::crc32c,
    format::{JOURNAL_MAGIC, ino},
};

/// Size of the journal superblock.
const SIZE: usize = 1024;
/// Where its checksum stands.
const CHECKSUM_AT: usize = 0xFC;
/// `h_blocktype` of its two versions.
const TYPES: [u32; 2] = [3, 4];
/// `s_feature_compat`: checksums of version 1.
const COMPAT: u32 = 1;
/// `s_feature_incompat`: revoke, 64bit, async_commit, csum_v2, csum_v3.
const INCOMPAT: u32 = 0x1F;
/// csum_v2 and csum_v3: the journal superblock has a checksum.
const CHECKSUMMED: u32 = 0x18;
/// `ob_magic` in the last eight bytes of a block of the orphan file.
const ORPHAN_MAGIC: u32 = 0x0B10_CA04;

impl Session<'_> {
    /// Claims the journal and checks that it is empty; returns its size in blocks.
    pub(super) fn check_journal(&mut self) -> Result<u64, Ext4Error> {
        let (record, map) = self.system_file(ino::JOURNAL)?;
        let mapped = match map.runs.as_slice() {
            [first, ..] if first.logical == 0 => map.runs.iter().map(|run| run.count).sum::<u64>(),
            _ => return Err(Ext4Error::corrupt(record.place(), Fault::Hole(0))),
        };
        let block_size = self.volume.geometry.block_size;
        let block = map.runs[0].physical;
        let bytes = &self.blocks.block(block)?[..SIZE];
        check_superblock(bytes, block_size, mapped)
    }

    /// Claims the orphan file and checks that it is empty.
    pub(super) fn check_orphan_file(&mut self) -> Result<(), Ext4Error> {
        let (record, map) = self.system_file(self.volume.superblock.orphan_file_inum)?;
        let metadata_csum = self.volume.geometry.features.metadata_csum();
        let size = record.size()?;
        for block in self.folder_blocks(&record, &map, size)? {
            let place = Place::Block { inode: record.number, block };
            let bytes = self.blocks.block(block)?;
            let (inodes, tail) = bytes.split_at(bytes.len() - 8);
            let (magic, got) = (le32(tail, 0).unwrap_or(0), le32(tail, 4).unwrap_or(0));
            if magic != ORPHAN_MAGIC {
                return Err(Ext4Error::field(place, "ob_magic", magic.into(), "0xb10ca04"));
            }
            let expected = crc32c(crc32c(record.checksum_seed, &block.to_le_bytes()), inodes);
            if metadata_csum && got != expected {
                return Err(Ext4Error::corrupt(place, Fault::Checksum { got, expected }));
            }
            if inodes.iter().any(|byte| *byte != 0) {
                return Err(Unclean::Orphans.into());
            }
        }
        Ok(())
    }

    /// A file that no folder names: its blocks are claimed and counted.
    fn system_file(&mut self, number: u32) -> Result<(Record, Map), Ext4Error> {
        let record = self.inode(number, false)?;
        if record.raw.mode & 0xF000 != 0x8000 || record.raw.links_count == 0 {
            return Err(Ext4Error::field(record.place(), "i_mode", record.raw.mode.into(), "a regular file in use"));
        }
        record.check_flags(&self.volume.geometry)?;
        let map = self.map(&record)?;
        self.check_block_count(&record, map.owned)?;
        Ok((record, map))
    }
}

/// Checks a journal superblock (big-endian); `mapped` blocks are there for the journal.
fn check_superblock(bytes: &[u8], block_size: u64, mapped: u64) -> Result<u64, Ext4Error> {
    debug_assert_eq!(bytes.len(), SIZE);
    let place = Place::Journal;
    let field = |at| be32(bytes, at).unwrap_or(0);
    let ensure =
        |holds: bool, name, got: u32, expected| if holds { Ok(()) } else { Err(Ext4Error::field(place, name, got.into(), expected)) };
    let (magic, kind) = (field(0), field(4));
    ensure(magic == JOURNAL_MAGIC, "h_magic", magic, "0xc03b3998")?;
    ensure(TYPES.contains(&kind), "h_blocktype", kind, "3 or 4 (a superblock)")?;
    let (size, blocks, first, start) = (field(0xC), field(0x10), field(0x14), field(0x1C));
    // Features exist from version 2 on.
    let (compat, incompat, ro_compat) = if kind == TYPES[1] { (field(0x24), field(0x28), field(0x2C)) } else { (0, 0, 0) };
    // e2fsck takes a first version with features for a mix of two versions, and several users for a device that holds journals only.
    let mixed = [0x24, 0x28, 0x2C, 0x40].into_iter().map(field).find(|word| kind == TYPES[0] && *word != 0);
    ensure(mixed.is_none(), "s_feature_compat", mixed.unwrap_or(0), "0 in version 1")?;
    let users = field(0x40);
    ensure(users <= 1, "s_nr_users", users, "one file system at most")?;
    let words = [("s_feature_compat", compat & !COMPAT), ("s_feature_incompat", incompat & !INCOMPAT), ("s_feature_ro_compat", ro_compat)];
    if let Some((field, bits)) = words.into_iter().find(|(_, bits)| *bits != 0) {
        return Err(Unsupported::JournalFeature { field, bits }.into());
    }
    if incompat & CHECKSUMMED != 0 {
        let register = crc32c(crc32c(!0, &bytes[..CHECKSUM_AT]), &[0; 4]);
        let (got, expected) = (field(CHECKSUM_AT), crc32c(register, &bytes[CHECKSUM_AT + 4..]));
        if got != expected {
            return Err(Ext4Error::corrupt(place, Fault::Checksum { got, expected }));
        }
    }
    ensure(u64::from(size) == block_size, "s_blocksize", size, "the block size of the file system")?;
    ensure(u64::from(blocks) <= mapped && blocks > 1, "s_maxlen", blocks, "2 to the blocks of the journal's inode")?;
    ensure((1..blocks).contains(&first), "s_first", first, "a block of the journal behind its superblock")?;
    let errno = field(0x20).cast_signed();
    if errno != 0 {
        return Err(Unclean::JournalError(errno).into());
    }
    if start != 0 {
        return Err(Unclean::Journal.into());
    }
    Ok(blocks.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock() -> Vec<u8> {
        let mut bytes = vec![0; SIZE];
        for (at, value) in [(0, JOURNAL_MAGIC), (4, 4), (0xC, 4096), (0x10, 1024), (0x14, 1), (0x28, 0x11)] {
            set(&mut bytes, at, value);
        }
        bytes
    }

    /// Sets a field and makes the checksum fit.
    fn set(bytes: &mut [u8], at: usize, value: u32) {
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        bytes[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
        let checksum = crc32c(!0, bytes);
        bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_be_bytes());
    }

    fn with(at: usize, value: u32) -> Ext4Error {
        let mut bytes = superblock();
        set(&mut bytes, at, value);
        check_superblock(&bytes, 4096, 1024).unwrap_err()
    }

    #[test]
    fn an_empty_journal_is_clean() {
        assert_eq!(check_superblock(&superblock(), 4096, 1024).unwrap(), 1024);
    }

    #[test]
    fn each_field_is_checked() {
        assert!(matches!(with(0x1C, 5), Ext4Error::Unclean(Unclean::Journal)));
        assert!(matches!(with(0x20, 5_u32.wrapping_neg()), Ext4Error::Unclean(Unclean::JournalError(-5))));
        assert!(matches!(
            with(0x28, 0x31),
            Ext4Error::Unsupported(Unsupported::JournalFeature { field: "s_feature_incompat", bits: 0x20 })
        ));
        for (at, value, name) in
            [(0, 1, "h_magic"), (4, 1, "h_blocktype"), (0xC, 1024, "s_blocksize"), (0x10, 1025, "s_maxlen"), (0x14, 0, "s_first")]
        {
            let error = with(at, value);
            assert!(
                matches!(error, Ext4Error::Corrupt { place: Place::Journal, fault: Fault::Field { field, .. } } if field == name),
                "{error}"
            );
        }
    }

    #[test]
    fn a_stale_checksum_is_refused() {
        let mut bytes = superblock();
        bytes[0x18] = 9;
        let error = check_superblock(&bytes, 4096, 1024).unwrap_err();
        assert!(matches!(error, Ext4Error::Corrupt { place: Place::Journal, fault: Fault::Checksum { .. } }));
    }
}
