//! How much of a boot partition comes into memory, and how much work it may make: whatever it claims, 256 MiB suffice for any edit.

/// Largest table, in bytes: 2 million clusters of FAT32, 1 GiB in the smallest ones and 64 GiB in those of a large card.
pub const LARGEST_TABLE: u64 = 8 << 20;
/// Largest file that [`Fat::read`](super::Fat::read) takes into memory, in bytes.
pub const LARGEST_READ: u64 = 64 << 20;
/// Most slots of a folder, by the format.
pub const MOST_SLOTS: usize = 65536;
/// Most bytes in all folders together that are read before an edit: 2 million slots. Stock images have some 20 KiB.
pub const MOST_FOLDERS: u64 = 64 << 20;
/// Most slots of all folders together that are listed, some 25 MiB of names. A boot partition has a few thousand.
pub const MOST_LISTED: usize = 1 << 16;
/// Most runs of free clusters that become holes because they are zero; the others are kept as they stand.
pub const MOST_HOLES: usize = 1 << 17;
