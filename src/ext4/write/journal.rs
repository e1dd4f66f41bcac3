//! An empty journal (include/linux/jbd2.h); its numbers are big-endian.

use crate::ext4::format::JOURNAL_MAGIC;

/// `JBD2_SUPERBLOCK_V2`.
const SUPERBLOCK_V2: u32 = 4;

/// The journal's first block. That the journal starts nowhere (`s_start` 0) says that it is empty. It has no features: the kernel adds
/// those it wants when it mounts.
///
/// The blocks behind it must be zeroes that are written: a card that is flashed a second time may hold an old journal of a file system
/// with the same UUID, and a later recovery goes on reading as long as the sequence numbers happen to match.
pub(super) fn first_block(block_size: u32, blocks: u32, uuid: [u8; 16]) -> Vec<u8> {
    let mut block = vec![0; block_size as usize];
    let numbers = [
        (0x00, JOURNAL_MAGIC),
        (0x04, SUPERBLOCK_V2),
        (0x0C, block_size),
        (0x10, blocks),
        // First block and first sequence number of the log.
        (0x14, 1),
        (0x18, 1),
        // Number of file systems that use it.
        (0x40, 1),
    ];
    for (at, number) in numbers {
        block[at..at + 4].copy_from_slice(&u32::to_be_bytes(number));
    }
    block[0x30..0x40].copy_from_slice(&uuid);
    block
}
