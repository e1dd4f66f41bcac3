//! What no image file may ask for, whatever it claims. Memory for one is at most [`MEMORY`] and some buffers.
//!
//! Real images are sparse, but the emptiest one seen, 0.3 GB of files on a card of 64 GB, is at 1:250, while zeroes alone reach 1:1000
//! (deflate), 1:7000 (xz) or 1:30000 (zstd).

/// No image is larger, in bytes: the largest card that a Pi 3 reads as it is sold.
pub const MAX_SIZE: u64 = 64 << 30;
/// Up to here, in bytes, the ratio does not count.
pub const RATIO_FROM: u64 = 1 << 30;
/// The largest ratio of decompressed to compressed size: of the whole file, and of every beginning of it.
pub const MAX_RATIO: u64 = 1000;
/// Memory for windows, dictionaries and blocks that wait, in bytes.
pub const MEMORY: u64 = 256 << 20;
/// The largest window of Zstandard, as `zstd --long=27` makes and every decoder must take on request.
pub const MAX_WINDOW: u64 = 128 << 20;
/// A directory of a zip archive with more bytes than this is not that of one image and a few folders.
pub const MAX_DIRECTORY: u64 = 1 << 20;
/// A file of .xz with more blocks is refused: 64 GiB in blocks of 64 KiB.
pub const MAX_BLOCKS: usize = 1 << 20;
/// A file of .xz with more streams is refused: packers make one of a file, and 64 GiB in pieces of 1 MiB have as many.
pub const MAX_STREAMS: usize = 1 << 16;

/// The largest output of `size` compressed bytes.
pub(super) fn largest_output(size: u64) -> u64 {
    size.saturating_mul(MAX_RATIO).clamp(RATIO_FROM, MAX_SIZE)
}
