//! The BIOS parameter block: where everything stands, checked before anything else is read.

use serde::Serialize;

use super::{FatError, SECTOR, limits::LARGEST_TABLE};
use crate::little_endian::{u16_at, u32_at};

/// The number of bits in an entry of the table. Decided by the number of clusters and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Variant {
    /// Fewer than 4085 clusters.
    #[serde(rename = "FAT12")]
    Fat12,
    /// Fewer than 65525 clusters.
    #[serde(rename = "FAT16")]
    Fat16,
    /// All others.
    #[serde(rename = "FAT32")]
    Fat32,
}

impl Variant {
    fn of(clusters: u64) -> Self {
        match clusters {
            0..4085 => Self::Fat12,
            4085..65525 => Self::Fat16,
            _ => Self::Fat32,
        }
    }

    fn bits(self) -> u64 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }
}

/// Where the root folder is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Root {
    /// FAT12, FAT16: a place of its own, first byte and length in bytes.
    Fixed { offset: u64, len: u64 },
    /// FAT32: a chain from this cluster.
    Chain(u32),
}

/// A checked parameter block. Every offset lies inside the window, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    pub(super) variant: Variant,
    pub(super) cluster_size: u64,
    /// Number of data clusters; the first one is number 2.
    pub(super) clusters: u32,
    /// First byte of each table, one or two.
    pub(super) tables: Vec<u64>,
    /// Bytes of a table that hold entries, in whole sectors.
    pub(super) table_len: u64,
    pub(super) root: Root,
    /// First byte of cluster 2.
    pub(super) data: u64,
    pub(super) fs_info: Option<u64>,
    pub(super) volume_id: Option<u32>,
    /// The label of the boot sector, used when the root folder has none.
    pub(super) label: Option<[u8; 11]>,
    /// Set by a system that has mounted the volume for writing.
    pub(super) dirty: bool,
}

impl Geometry {
    /// Checks the boot sector of a partition of `size` bytes.
    pub(super) fn parse(boot: &[u8; 512], size: u64) -> Result<Self, FatError> {
        let corrupt = |what: String| Err(FatError::Corrupt(what));
        let unsupported = |what: String| Err(FatError::Unsupported(what));

        let sector_size = u16_at(boot, 11);
        let cluster_sectors = u64::from(boot[13]);
        let reserved = u64::from(u16_at(boot, 14));
        let table_count = u64::from(boot[16]);
        let root_slots = u64::from(u16_at(boot, 17));
        let total = match u16_at(boot, 19) {
            0 => u64::from(u32_at(boot, 32)),
            small => u64::from(small),
        };
        let media = boot[21];
        let small_table = u64::from(u16_at(boot, 22));
        let is_fat32 = small_table == 0;
        let table_sectors = if is_fat32 { u64::from(u32_at(boot, 36)) } else { small_table };

        if boot[510..] != [0x55, 0xaa] {
            return corrupt(format!("got {:02x?} at byte 510 of the boot sector, expected 55 aa", &boot[510..]));
        }
        if !matches!(boot[0], 0xeb | 0xe9) || !matches!(media, 0xf0 | 0xf8..=0xff) {
            return corrupt(format!("jump {:#04x} and media {media:#04x} are not those of a FAT boot sector", boot[0]));
        }
        match u64::from(sector_size) {
            SECTOR => {}
            1024 | 2048 | 4096 => return unsupported(format!("got sectors of {sector_size} bytes, expected {SECTOR}")),
            _ => return corrupt(format!("got sectors of {sector_size} bytes, expected {SECTOR}")),
        }
        if !cluster_sectors.is_power_of_two() {
            return corrupt(format!("got {cluster_sectors} sectors per cluster, expected a power of two"));
        }
        if reserved == 0 || table_sectors == 0 || total == 0 {
            return corrupt(format!("{reserved} reserved sectors, {table_sectors} per table and {total} in all: none may be 0"));
        }
        if !(1..=2).contains(&table_count) {
            return unsupported(format!("got {table_count} tables, expected 1 or 2"));
        }
        if is_fat32 != (root_slots == 0) {
            return corrupt(format!("{root_slots} slots in the root folder contradict the table of {small_table} 16-bit sectors"));
        }
        if total > size / SECTOR {
            return corrupt(format!("{total} sectors in a partition of {}", size / SECTOR));
        }

        // No overflow: every factor comes from at most 32 bits.
        let root_start = reserved + table_count * table_sectors;
        let root_sectors = (root_slots * 32).div_ceil(SECTOR);
        let data = root_start + root_sectors;
        let clusters = total.saturating_sub(data) / cluster_sectors;
        if clusters == 0 {
            return corrupt(format!("no room for data: it would begin at sector {data} of {total}"));
        }
        let variant = Variant::of(clusters);
        if is_fat32 != (variant == Variant::Fat32) {
            return unsupported(format!(
                "its fields say {}, but {clusters} clusters say otherwise",
                if is_fat32 { "FAT32" } else { "FAT12 or FAT16" }
            ));
        }
        let table_len = ((clusters + 2) * variant.bits()).div_ceil(8).div_ceil(SECTOR) * SECTOR;
        if table_len > table_sectors * SECTOR {
            return corrupt(format!("{clusters} clusters need a table of {table_len} bytes, got {}", table_sectors * SECTOR));
        }
        if table_len > LARGEST_TABLE {
            return unsupported(format!("a table of {table_len} bytes; at most {LARGEST_TABLE} are read"));
        }

        let extended = if is_fat32 { 66 } else { 38 };
        let has_label = boot[extended] == 0x29;
        let mut geometry = Self {
            variant,
            cluster_size: cluster_sectors * SECTOR,
            clusters: clusters as u32, // a table of at most 8 MiB has fewer than 2^23 entries
            tables: (0..table_count).map(|n| (reserved + n * table_sectors) * SECTOR).collect(),
            table_len,
            root: Root::Fixed { offset: root_start * SECTOR, len: root_slots * 32 },
            data: data * SECTOR,
            fs_info: None,
            volume_id: has_label.then(|| u32_at(boot, extended + 1)),
            label: if has_label { boot[extended + 5..extended + 16].try_into().ok() } else { None },
            dirty: boot[extended - 1] & 1 != 0,
        };
        if is_fat32 {
            let (flags, version, root, info) = (u16_at(boot, 40), u16_at(boot, 42), u32_at(boot, 44), u64::from(u16_at(boot, 48)));
            if flags & 0x80 != 0 {
                return unsupported(format!("only one of the tables is in use (flags {flags:#06x})"));
            }
            if version != 0 {
                return unsupported(format!("got version {version:#06x}, expected 0"));
            }
            if !geometry.is_cluster(root) {
                return corrupt(format!("the root folder begins at cluster {root}, the last one is {}", geometry.clusters + 1));
            }
            geometry.root = Root::Chain(root);
            geometry.fs_info = (info != 0 && info < reserved).then_some(info * SECTOR);
        }
        Ok(geometry)
    }

    pub(super) fn is_cluster(&self, number: u32) -> bool {
        number >= 2 && number - 2 < self.clusters
    }

    /// First byte of a cluster for which [`Geometry::is_cluster`] holds.
    pub(super) fn cluster_offset(&self, number: u32) -> u64 {
        self.data + u64::from(number - 2) * self.cluster_size
    }

    /// Clusters that hold `bytes`.
    pub(super) fn clusters_for(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.cluster_size)
    }
}
