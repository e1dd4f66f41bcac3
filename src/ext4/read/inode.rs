//! Inodes as they stand in the table.

use super::{
    Session,
    bytes::{index, le32, wide},
    error::{Ext4Error, Fault, Place, Unsupported},
    superblock::Geometry,
};
use crate::{
    ext4::{
        checksum::crc32c,
        format::{RawInode, RawInodeExtra, incompat, inode_flags, ro_compat},
    },
    tree::{Meta, Time},
};

/// Size of the part that every inode has.
const SMALL: usize = RawInode::SIZE;
/// Where the halves of the checksum stand.
const CHECKSUM_LO: usize = 0x7C;
const CHECKSUM_HI: usize = 0x82;

/// `EXT4_IMAGIC_FL`: an inode of the AFS server.
const IMAGIC: u32 = 0x2000;

/// What `i_mode` says an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    File,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

impl Type {
    /// The type byte beside a name (`EXT4_FT_*`).
    pub(super) const fn in_folder(self) -> u8 {
        match self {
            Self::File => 1,
            Self::Directory => 2,
            Self::CharDevice => 3,
            Self::BlockDevice => 4,
            Self::Fifo => 5,
            Self::Socket => 6,
            Self::Symlink => 7,
        }
    }
}

/// One inode, its checksum verified and its measures checked.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) number: u32,
    pub(super) raw: RawInode,
    extra: RawInodeExtra,
    /// Bytes behind the first 128 that are fields; extended attributes follow.
    extra_isize: usize,
    bytes: Vec<u8>,
    /// Register with which the checksums of what belongs to this inode start.
    pub(super) checksum_seed: u32,
}

impl Session<'_> {
    /// Reads an inode. `reserved` inodes may be all zero.
    pub(super) fn inode(&mut self, number: u32, reserved: bool) -> Result<Record, Ext4Error> {
        let geometry = &self.volume.geometry;
        let place = Place::Inode(number);
        if number == 0 || number > geometry.inodes {
            return Err(Ext4Error::field(place, "inode", number.into(), "1 to s_inodes_count"));
        }
        let (group, position) = geometry.inode_place(number);
        // A group for every inode up to s_inodes_count.
        let table = &self.volume.groups[index(group.into())];
        // No underflow: unused_inodes was checked.
        if table.inodes_uninit || position >= geometry.inodes_per_group - table.unused_inodes {
            return Err(Ext4Error::corrupt(place, Fault::UnusedInode));
        }
        let offset = u64::from(position) * geometry.inode_size;
        let at = index(offset % geometry.block_size);
        // Inodes do not straddle blocks: both sizes are powers of two.
        let bytes = self.blocks.block(table.inode_table + offset / geometry.block_size)?[at..at + index(geometry.inode_size)].to_vec();
        Record::check(number, bytes, geometry, reserved)
    }
}

impl Record {
    fn check(number: u32, bytes: Vec<u8>, geometry: &Geometry, reserved: bool) -> Result<Self, Ext4Error> {
        let place = Place::Inode(number);
        let raw = RawInode::parse(&bytes);
        let room = bytes.len() - SMALL;
        let mut extra_isize = 0;
        let mut extra_bytes = [0; RawInodeExtra::SIZE];
        if room > 0 {
            extra_isize = usize::from(RawInodeExtra::parse(&bytes[SMALL..]).extra_isize);
            if extra_isize > room || !extra_isize.is_multiple_of(4) {
                return Err(Ext4Error::field(
                    place,
                    "i_extra_isize",
                    super::bytes::length(extra_isize),
                    "a multiple of 4 that fits the inode",
                ));
            }
            // Fields behind extra_isize do not exist and are taken as zero.
            let present = extra_isize.min(extra_bytes.len());
            extra_bytes[..present].copy_from_slice(&bytes[SMALL..SMALL + present]);
        }
        let extra = RawInodeExtra::parse(&extra_bytes);
        let checksum_seed = crc32c(crc32c(geometry.checksum_seed, &number.to_le_bytes()), &raw.generation.to_le_bytes());
        if geometry.features.metadata_csum() && !(reserved && bytes.iter().all(|byte| *byte == 0)) {
            let has_hi = extra_isize >= CHECKSUM_HI + 2 - SMALL;
            let mut expected = checksum(&bytes, checksum_seed, has_hi);
            let mut got = u32::from(raw.checksum_lo) | u32::from(extra.checksum_hi) << 16;
            if !has_hi {
                expected &= 0xFFFF;
                got &= 0xFFFF;
            }
            if got != expected {
                return Err(Ext4Error::corrupt(place, Fault::Checksum { got, expected }));
            }
        }
        Ok(Self { number, raw, extra, extra_isize, bytes, checksum_seed })
    }

    pub(super) const fn place(&self) -> Place {
        Place::Inode(self.number)
    }

    /// Whether all of these flags are set.
    pub(super) const fn has_flag(&self, flag: u32) -> bool {
        self.raw.flags & flag == flag
    }

    /// What it is, after checking what holds for every inode with a name.
    pub(super) fn kind(&self, geometry: &Geometry) -> Result<Type, Ext4Error> {
        let kind = match self.raw.mode & 0xF000 {
            0x1000 => Type::Fifo,
            0x2000 => Type::CharDevice,
            0x4000 => Type::Directory,
            0x6000 => Type::BlockDevice,
            0x8000 => Type::File,
            0xA000 => Type::Symlink,
            0xC000 => Type::Socket,
            _ => return Err(Ext4Error::field(self.place(), "i_mode", self.raw.mode.into(), "a type of file")),
        };
        self.check_flags(geometry)?;
        let is_64bit = geometry.features.incompat(incompat::BIT64);
        let is_special = matches!(kind, Type::CharDevice | Type::BlockDevice | Type::Fifo | Type::Socket);
        let zeroes = [
            ("i_dtime", self.raw.dtime.into()),
            ("i_faddr", self.raw.obso_faddr.into()),
            ("i_file_acl_high", if is_64bit { 0 } else { self.raw.file_acl_hi.into() }),
            ("i_size", if is_special { self.size()? } else { 0 }),
        ];
        if let Some((field, got)) = zeroes.into_iter().find(|(_, got)| *got != 0) {
            return Err(Ext4Error::field(self.place(), field, got, "0"));
        }
        Ok(kind)
    }

    /// Flags that change the meaning of the content need their feature, or are refused.
    pub(super) fn check_flags(&self, geometry: &Geometry) -> Result<(), Ext4Error> {
        let refused = [
            (inode_flags::ENCRYPT, "encrypt"),
            (inode_flags::VERITY, "verity"),
            (inode_flags::EA_INODE, "ea_inode"),
            (inode_flags::CASEFOLD, "casefold"),
            (IMAGIC, "imagic"),
        ];
        if let Some((_, flag)) = refused.into_iter().find(|(bit, _)| self.has_flag(*bit)) {
            return Err(Unsupported::InodeFlag { inode: self.number, flag }.into());
        }
        let without_feature = self.has_flag(inode_flags::EXTENTS) && !geometry.features.incompat(incompat::EXTENTS)
            || self.has_flag(inode_flags::INLINE_DATA) && !geometry.features.incompat(incompat::INLINE_DATA)
            || self.has_flag(inode_flags::INLINE_DATA | inode_flags::EXTENTS);
        if without_feature {
            return Err(Ext4Error::field(
                self.place(),
                "i_flags",
                self.raw.flags.into(),
                "one way to store content, of an enabled feature",
            ));
        }
        Ok(())
    }

    /// `i_size`; the upper half counts for regular files only.
    pub(super) fn size(&self) -> Result<u64, Ext4Error> {
        if self.raw.mode & 0xF000 != 0x8000 {
            if self.raw.size_hi != 0 {
                return Err(Ext4Error::field(self.place(), "i_size_high", self.raw.size_hi.into(), "0 except for regular files"));
            }
            return Ok(self.raw.size_lo.into());
        }
        Ok(wide(self.raw.size_lo, self.raw.size_hi))
    }

    /// `i_blocks` in blocks of the file system; `None` when it is no whole number of them.
    pub(super) fn blocks(&self, geometry: &Geometry) -> Option<u64> {
        let huge = geometry.features.ro_compat(ro_compat::HUGE_FILE);
        let count = wide(self.raw.blocks_lo, if huge { self.raw.blocks_hi.into() } else { 0 });
        if huge && self.has_flag(inode_flags::HUGE_FILE) {
            return Some(count);
        }
        let sectors = geometry.block_size / 512;
        count.is_multiple_of(sectors).then_some(count / sectors)
    }

    /// `i_file_acl`: the block of extended attributes, 0 for none.
    pub(super) fn xattr_block(&self, geometry: &Geometry) -> u64 {
        let hi = if geometry.features.incompat(incompat::BIT64) { self.raw.file_acl_hi } else { 0 };
        wide(self.raw.file_acl_lo, hi.into())
    }

    /// The area behind the fields, for extended attributes. An inode without `i_extra_isize` has none.
    pub(super) fn xattr_area(&self) -> &[u8] {
        if self.extra_isize == 0 { &[] } else { &self.bytes[SMALL + self.extra_isize..] }
    }

    /// Major and minor number (`ext4_iget()`: the old encoding stands in the first word, the new one in the second).
    pub(super) fn device(&self) -> (u32, u32) {
        let word = |at| le32(&self.raw.block, at).unwrap_or(0);
        match word(0) {
            0 => {
                let new = word(4);
                ((new & 0xF_FF00) >> 8, (new & 0xFF) | (new >> 12 & 0xF_FF00))
            }
            old => (old >> 8 & 0xFF, old & 0xFF),
        }
    }

    /// Owner, permissions, times and attribute flags.
    pub(super) fn meta(&self, geometry: &Geometry) -> Result<Meta, Ext4Error> {
        let (raw, extra) = (&self.raw, &self.extra);
        let project = if geometry.features.ro_compat(ro_compat::PROJECT) { extra.project } else { 0 };
        Ok(Meta {
            permissions: raw.mode & 0o7777,
            uid: u32::from(raw.uid_hi) << 16 | u32::from(raw.uid_lo),
            gid: u32::from(raw.gid_hi) << 16 | u32::from(raw.gid_lo),
            atime: self.time("i_atime_extra", raw.atime, extra.atime_extra)?,
            ctime: self.time("i_ctime_extra", raw.ctime, extra.ctime_extra)?,
            mtime: self.time("i_mtime_extra", raw.mtime, extra.mtime_extra)?,
            crtime: self.time("i_crtime_extra", extra.crtime, extra.crtime_extra)?,
            flags: raw.flags & inode_flags::KEPT,
            project,
        })
    }

    /// A time: 32 bits with a sign, two more bits above them, nanoseconds (`ext4_decode_extra_time()`).
    fn time(&self, field: &'static str, seconds: u32, extra: u32) -> Result<Time, Ext4Error> {
        let nanoseconds = extra >> 2;
        if nanoseconds >= 1_000_000_000 {
            return Err(Ext4Error::field(self.place(), field, extra.into(), "fewer than 10^9 nanoseconds"));
        }
        Ok(Time { seconds: i64::from(seconds.cast_signed()) + (i64::from(extra & 3) << 32), nanoseconds })
    }
}

/// crc32c of an inode with its checksum taken as zero (`ext4_inode_csum()`).
pub(super) fn checksum(bytes: &[u8], seed: u32, has_hi: bool) -> u32 {
    let (small, large) = bytes.split_at(SMALL);
    let register = crc32c(crc32c(seed, &small[..CHECKSUM_LO]), &[0; 2]);
    let register = crc32c(register, &small[CHECKSUM_LO + 2..]);
    if !has_hi {
        return crc32c(register, large);
    }
    let register = crc32c(crc32c(register, &large[..CHECKSUM_HI - SMALL]), &[0; 2]);
    crc32c(register, &large[CHECKSUM_HI + 2 - SMALL..])
}
