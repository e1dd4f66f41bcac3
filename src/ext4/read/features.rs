//! Which features are understood: a list of what is allowed, so that whatever is new is refused.

use super::error::{Ext4Error, Fault, Place, Unclean, Unsupported};
use crate::ext4::format::{FEATURE_NAMES, Superblock, compat, incompat, ro_compat};

const COMPAT: u32 =
    compat::HAS_JOURNAL | compat::EXT_ATTR | compat::RESIZE_INODE | compat::DIR_INDEX | compat::SPARSE_SUPER2 | compat::ORPHAN_FILE;
const INCOMPAT: u32 =
    incompat::FILETYPE | incompat::EXTENTS | incompat::BIT64 | incompat::FLEX_BG | incompat::CSUM_SEED | incompat::INLINE_DATA;
const RO_COMPAT: u32 = ro_compat::SPARSE_SUPER
    | ro_compat::LARGE_FILE
    | ro_compat::HUGE_FILE
    | ro_compat::GDT_CSUM
    | ro_compat::DIR_NLINK
    | ro_compat::EXTRA_ISIZE
    | ro_compat::METADATA_CSUM
    | ro_compat::PROJECT;

/// The feature bits of a superblock, all of them understood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Features {
    compat: u32,
    incompat: u32,
    ro_compat: u32,
}

impl Features {
    /// Refuses what is unclean, not understood, or contradictory.
    pub(super) fn check(superblock: &Superblock) -> Result<Self, Ext4Error> {
        if superblock.feature_incompat & incompat::RECOVER != 0 {
            return Err(Unclean::Journal.into());
        }
        if superblock.feature_ro_compat & ro_compat::ORPHAN_PRESENT != 0 {
            return Err(Unclean::Orphans.into());
        }
        let words = [superblock.feature_compat, superblock.feature_incompat, superblock.feature_ro_compat];
        let fields = ["s_feature_compat", "s_feature_incompat", "s_feature_ro_compat"];
        for (index, allowed) in [COMPAT, INCOMPAT, RO_COMPAT].into_iter().enumerate() {
            let bits = words[index] & !allowed;
            if let Some((_, name)) = FEATURE_NAMES[index].iter().find(|(bit, _)| bits & bit != 0) {
                return Err(Unsupported::Feature(name).into());
            }
            if bits != 0 {
                return Err(Unsupported::UnknownFeature { field: fields[index], bits }.into());
            }
        }
        let features = Self { compat: words[0], incompat: words[1], ro_compat: words[2] };
        let contradiction = if features.ro_compat(ro_compat::METADATA_CSUM | ro_compat::GDT_CSUM) {
            "metadata_csum, uninit_bg"
        } else if features.incompat(incompat::CSUM_SEED) && !features.metadata_csum() {
            "metadata_csum_seed, ^metadata_csum"
        } else if features.compat(compat::ORPHAN_FILE) && !features.compat(compat::HAS_JOURNAL) {
            "orphan_file, ^has_journal"
        } else {
            return Ok(features);
        };
        Err(Ext4Error::corrupt(Place::Superblock, Fault::Features(contradiction)))
    }

    /// Whether all of these bits are set.
    pub(super) const fn compat(self, bits: u32) -> bool {
        self.compat & bits == bits
    }

    /// Whether all of these bits are set.
    pub(super) const fn incompat(self, bits: u32) -> bool {
        self.incompat & bits == bits
    }

    /// Whether all of these bits are set.
    pub(super) const fn ro_compat(self, bits: u32) -> bool {
        self.ro_compat & bits == bits
    }

    /// Whether metadata carries crc32c checksums.
    pub(super) const fn metadata_csum(self) -> bool {
        self.ro_compat(ro_compat::METADATA_CSUM)
    }

    /// Whether group descriptors carry a checksum; only then are the flags for uninitialised parts valid.
    pub(super) const fn group_csum(self) -> bool {
        self.metadata_csum() || self.ro_compat(ro_compat::GDT_CSUM)
    }

    /// The names of all features, as `dumpe2fs` gives them.
    pub(super) fn names(self) -> Vec<&'static str> {
        let words = [self.compat, self.incompat, self.ro_compat];
        let named = FEATURE_NAMES.iter().zip(words);
        named.flat_map(|(list, word)| list.iter().filter(move |(bit, _)| word & bit != 0).map(|(_, name)| *name)).collect()
    }
}
