//! Inodes (`struct ext4_inode`).

use super::{checksums::InodeChecksums, options::Options};
use crate::{
    ext4::format::{RawInode, RawInodeExtra, inode_flags, ro_compat},
    tree::{Inode, Kind, Meta, Time},
};

/// Bytes of fields behind the first 128, in inodes that are larger.
const EXTRA: u16 = 32;
/// `EXT4_LINK_MAX`.
pub(super) const MOST_LINKS: u32 = 65000;
/// Longest target of a symbolic link that stands in the inode.
pub(super) const SHORT_LINK: usize = 59;

/// What an inode holds beside owner, permissions and times.
#[derive(Clone, Debug)]
pub(super) struct Body {
    /// In bytes.
    pub(super) size: u64,
    /// Blocks in use: of content, of the extent tree, of attributes.
    pub(super) blocks: u64,
    pub(super) links: u32,
    /// Flags that say how the inode is stored.
    pub(super) flags: u32,
    /// `i_block`.
    pub(super) block: [u8; 60],
    /// Block of extended attributes, or 0.
    pub(super) xattr_block: u64,
}

/// How inodes are written in one file system.
#[derive(Clone, Copy, Debug)]
pub(super) struct InodeFormat {
    pub(super) size: usize,
    sectors_per_block: u64,
    project: bool,
    huge_files: bool,
}

impl InodeFormat {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            size: usize::from(options.inode_size),
            sectors_per_block: u64::from(options.block_size) / 512,
            project: options.has_ro_compat(ro_compat::PROJECT),
            huge_files: options.has_ro_compat(ro_compat::HUGE_FILE),
        }
    }

    /// Room for extended attributes behind the fields, in bytes.
    pub(super) fn xattr_area(&self) -> usize {
        self.size.saturating_sub(128 + usize::from(EXTRA))
    }

    /// Largest file in bytes. Without `huge_file` the count of sectors in use has 32 bits; some of them are left for the extent tree.
    pub(super) fn most_bytes(&self) -> u64 {
        let blocks = u64::from(u32::MAX) * self.sectors_per_block * 512;
        if self.huge_files { blocks } else { blocks.min((2 << 40) - (4 << 30)) }
    }

    /// Puts an inode into `bytes`, which are zero. `area` is empty or as long as [`InodeFormat::xattr_area`].
    pub(super) fn put(&self, bytes: &mut [u8], mode: u16, meta: &Meta, body: &Body, area: &[u8], checksums: InodeChecksums) {
        let large = self.size > 128;
        let [atime, ctime, mtime, crtime] = [meta.atime, meta.ctime, meta.mtime, meta.crtime].map(|time| encode_time(time, large));
        let sectors = body.blocks * self.sectors_per_block;
        RawInode {
            mode,
            uid_lo: meta.uid as u16,
            size_lo: body.size as u32,
            atime: atime.0,
            ctime: ctime.0,
            mtime: mtime.0,
            dtime: 0,
            gid_lo: meta.gid as u16,
            // A folder with more folders in it than can be counted has 1 (`dir_nlink`); files were checked.
            links_count: if body.links > MOST_LINKS { 1 } else { body.links as u16 },
            blocks_lo: sectors as u32,
            flags: body.flags | meta.flags & kept_flags(mode),
            version: 0,
            block: body.block,
            generation: 0,
            file_acl_lo: body.xattr_block as u32,
            size_hi: (body.size >> 32) as u32,
            obso_faddr: 0,
            blocks_hi: (sectors >> 32) as u16,
            file_acl_hi: (body.xattr_block >> 32) as u16,
            uid_hi: (meta.uid >> 16) as u16,
            gid_hi: (meta.gid >> 16) as u16,
            checksum_lo: 0,
            reserved: 0,
        }
        .put(bytes);
        if large {
            RawInodeExtra {
                extra_isize: EXTRA,
                checksum_hi: 0,
                ctime_extra: ctime.1,
                mtime_extra: mtime.1,
                atime_extra: atime.1,
                crtime: crtime.0,
                crtime_extra: crtime.1,
                version_hi: 0,
                project: if self.project { meta.project } else { 0 },
            }
            .put(&mut bytes[128..]);
            bytes[self.size - area.len()..].copy_from_slice(area);
        }
        checksums.inode(bytes);
    }
}

/// Attribute flags that an inode of this mode may have, as the kernel's `ext4_mask_flags()`.
fn kept_flags(mode: u16) -> u32 {
    const FOLDERS_ONLY: u32 = 0x1_0000 | 0x2_0000 | 0x2000_0000;
    const ANY: u32 = 0x40 | 0x80;
    match mode & 0o170_000 {
        0o040_000 => inode_flags::KEPT,
        0o100_000 => inode_flags::KEPT & !FOLDERS_ONLY,
        _ => ANY,
    }
}

/// Lower 32 bits of the seconds, and the word with two more bits and the nanoseconds. A time out of range becomes the nearest in it.
fn encode_time(time: Time, large: bool) -> (u32, u32) {
    const FIRST: i64 = i32::MIN as i64;
    let last = if large { FIRST + (1 << 34) - 1 } else { i64::from(i32::MAX) };
    let seconds = time.seconds.clamp(FIRST, last);
    let low = seconds as i32;
    let epoch = ((seconds - i64::from(low)) >> 32) as u32;
    (low.cast_unsigned(), time.nanoseconds.min(999_999_999) << 2 | epoch)
}

/// `i_block` of a device; `None` when the number is out of range.
pub(super) fn device(major: u32, minor: u32) -> Option<[u8; 60]> {
    let mut block = [0; 60];
    if major < 256 && minor < 256 {
        block[..4].copy_from_slice(&(major << 8 | minor).to_le_bytes());
    } else if major < 1 << 12 && minor < 1 << 20 {
        block[4..8].copy_from_slice(&(minor & 0xff | major << 8 | (minor & !0xff) << 12).to_le_bytes());
    } else {
        return None;
    }
    Some(block)
}

/// `i_block` of what has no blocks of content; `None` for what may have.
pub(super) fn short_body(inode: &Inode) -> Option<[u8; 60]> {
    match &inode.kind {
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => device(*major, *minor),
        Kind::Symlink(target) if target.len() <= SHORT_LINK => {
            let mut block = [0; 60];
            block[..target.len()].copy_from_slice(target);
            Some(block)
        }
        Kind::Fifo | Kind::Socket => Some([0; 60]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_34_bits() {
        let cases = [
            (-1, 0xffff_ffff, 0),
            (i64::from(i32::MIN), 0x8000_0000, 0),
            (0x7fff_ffff, 0x7fff_ffff, 0),
            (0x8000_0000, 0x8000_0000, 1),
            (0x1_7fff_ffff, 0x7fff_ffff, 1),
            (0x3_7fff_ffff, 0x7fff_ffff, 3),
            (i64::MAX, 0x7fff_ffff, 3),
            (i64::MIN, 0x8000_0000, 0),
        ];
        for (seconds, low, epoch) in cases {
            assert_eq!(encode_time(Time { seconds, nanoseconds: 5 }, true), (low, 5 << 2 | epoch), "{seconds}");
        }
        assert_eq!(encode_time(Time::from_seconds(1 << 33), false).0, 0x7fff_ffff);
    }

    #[test]
    fn device_numbers_have_two_forms() {
        assert_eq!(device(4, 65).unwrap()[..8], [65, 4, 0, 0, 0, 0, 0, 0]);
        assert_eq!(device(259, 0x12345).unwrap()[..8], [0, 0, 0, 0, 0x45, 0x03, 0x31, 0x12]);
        assert_eq!((device(4096, 0), device(0, 1 << 20)), (None, None));
    }
}
