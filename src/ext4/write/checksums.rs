//! The checksum of every structure (Documentation/filesystems/ext4/checksums.rst).

use super::options::Options;
use crate::ext4::{
    checksum::{crc16, crc32c},
    format::{incompat, ro_compat},
};

/// Bytes that the checksum takes at the end of a directory block (`struct ext4_dir_entry_tail`).
pub(super) const DIR_TAIL: usize = 12;
/// Bytes that the checksum takes at the end of an index block of a folder (`struct dx_tail`).
pub(super) const INDEX_TAIL: usize = 8;

/// Which checksums a file system has, and where they start from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checksums {
    metadata: bool,
    descriptors: bool,
    seed: u32,
    descriptor_seed: u16,
}

/// Checksums of what belongs to one inode.
#[derive(Clone, Copy, Debug)]
pub(super) struct InodeChecksums {
    metadata: bool,
    seed: u32,
}

impl Checksums {
    pub(super) fn new(options: &Options) -> Self {
        let metadata = options.features.ro_compat & ro_compat::METADATA_CSUM != 0;
        Self {
            metadata,
            descriptors: options.features.ro_compat & ro_compat::GDT_CSUM != 0,
            seed: crc32c(!0, &options.uuid),
            descriptor_seed: crc16(!0, &options.uuid),
        }
    }

    /// Whether all metadata has checksums.
    pub(super) fn metadata(&self) -> bool {
        self.metadata
    }

    /// Whether a descriptor may say that its group is not initialised.
    pub(super) fn groups(&self) -> bool {
        self.metadata || self.descriptors
    }

    /// `s_checksum_seed`, for the feature `metadata_csum_seed`.
    pub(super) fn stored_seed(&self, incompat_features: u32) -> u32 {
        if incompat_features & incompat::CSUM_SEED != 0 { self.seed } else { 0 }
    }

    /// For what belongs to inode `number`, whose generation is 0.
    pub(super) fn inode(&self, number: u32) -> InodeChecksums {
        InodeChecksums { metadata: self.metadata, seed: crc32c(crc32c(self.seed, &number.to_le_bytes()), &[0; 4]) }
    }

    /// Of a bitmap, cut to the bytes in use.
    pub(super) fn bitmap(&self, bytes: &[u8]) -> u32 {
        if self.metadata { crc32c(self.seed, bytes) } else { 0 }
    }

    /// Puts the checksum into a descriptor, in which it must be zero.
    pub(super) fn descriptor(&self, group: u32, bytes: &mut [u8]) {
        const AT: usize = 0x1E;
        let checksum = if self.metadata {
            crc32c(crc32c(self.seed, &group.to_le_bytes()), bytes) as u16
        } else if self.descriptors {
            let head = crc16(crc16(self.descriptor_seed, &group.to_le_bytes()), &bytes[..AT]);
            crc16(head, &bytes[AT + 2..])
        } else {
            return;
        };
        bytes[AT..AT + 2].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Puts the checksum into a superblock.
    pub(super) fn superblock(&self, bytes: &mut [u8]) {
        const AT: usize = 0x3FC;
        if self.metadata {
            let checksum = crc32c(!0, &bytes[..AT]);
            bytes[AT..AT + 4].copy_from_slice(&checksum.to_le_bytes());
        }
    }

    /// Puts the checksum into a block of extended attributes, in which it must be zero.
    pub(super) fn xattr_block(&self, block: u64, bytes: &mut [u8]) {
        if self.metadata {
            let checksum = crc32c(crc32c(self.seed, &block.to_le_bytes()), bytes);
            bytes[0x10..0x14].copy_from_slice(&checksum.to_le_bytes());
        }
    }
}

impl InodeChecksums {
    /// Puts the checksum into an inode, in which it must be zero.
    pub(super) fn inode(&self, bytes: &mut [u8]) {
        if self.metadata {
            let checksum = crc32c(self.seed, bytes).to_le_bytes();
            bytes[0x7C..0x7E].copy_from_slice(&checksum[..2]);
            if bytes.len() > 128 {
                bytes[0x82..0x84].copy_from_slice(&checksum[2..]);
            }
        }
    }

    /// Puts the tail into a block of names, whose last [`DIR_TAIL`] bytes must be free.
    pub(super) fn directory_block(&self, bytes: &mut [u8]) {
        if self.metadata {
            let at = bytes.len() - DIR_TAIL;
            let checksum = crc32c(self.seed, &bytes[..at]);
            bytes[at..].fill(0);
            bytes[at + 4] = DIR_TAIL as u8;
            bytes[at + 7] = crate::ext4::format::DIR_TAIL_TYPE;
            bytes[at + 8..].copy_from_slice(&checksum.to_le_bytes());
        }
    }

    /// Puts the tail into an index block of a folder; `used` is where its last entry ends.
    pub(super) fn index_block(&self, bytes: &mut [u8], used: usize) {
        if self.metadata {
            let at = bytes.len() - INDEX_TAIL;
            // The entries in use, then the tail with its checksum as zero.
            let checksum = crc32c(crc32c(self.seed, &bytes[..used]), &[0; INDEX_TAIL]);
            bytes[at..at + 4].fill(0);
            bytes[at + 4..].copy_from_slice(&checksum.to_le_bytes());
        }
    }

    /// Puts the checksum behind the room for entries of a block of an extent tree, which ends at `at`.
    pub(super) fn extent_block(&self, bytes: &mut [u8], at: usize) {
        if self.metadata {
            let checksum = crc32c(self.seed, &bytes[..at]);
            bytes[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
        }
    }
}
