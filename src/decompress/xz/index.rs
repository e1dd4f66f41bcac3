//! Where the blocks of all streams are, read from the indexes at the streams' ends.

use flate2::Crc;

use super::{
    super::{
        DecompressError,
        input::Input,
        limits::{MAX_BLOCKS, MAX_STREAMS},
    },
    MAGIC, unsound,
};

/// Stream header and stream footer have this size each.
pub(super) const FRAME: u64 = 12;
/// An index is not longer than this many bytes: 2 numbers of 9 bytes per block, and its frame.
const MAX_INDEX: u64 = 18 * MAX_BLOCKS as u64 + 32;
/// Taken as the dictionary of a block whose header this module does not understand: that of `xz -9`.
const DICTIONARY: u64 = 64 << 20;
/// The largest piece in which padding is read, in bytes.
const PIECE: u64 = 64 << 10;
/// Filter id of LZMA2.
const LZMA2: u64 = 0x21;

/// A block of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Stream flags: kind of the check sum.
    pub(super) flags: [u8; 2],
    /// First byte in the file.
    pub(super) start: u64,
    /// Size in bytes without its padding to a multiple of four ("unpadded size").
    pub(super) unpadded: u64,
    /// Size of its data in bytes.
    pub(super) size: u64,
    /// Size of its dictionary in bytes.
    pub(super) dictionary: u64,
}

impl Block {
    /// Size in bytes with its padding.
    pub(super) fn padded(&self) -> u64 {
        // Read from an index that fits the file.
        self.unpadded.next_multiple_of(4)
    }
}

/// The blocks of all streams in order; `None` when anything is not as it must be.
///
/// # Errors
/// When there are more than [`MAX_BLOCKS`] or [`MAX_STREAMS`], or a wish to stop is heard.
pub(super) fn read(input: &Input<'_>) -> Result<Option<Vec<Block>>, DecompressError> {
    let (mut blocks, mut streams) = (Vec::new(), 0);
    let mut end = input.size();
    while end > 0 {
        if input.is_stopped() {
            return Err(DecompressError::Interrupted);
        }
        streams += 1;
        if streams > MAX_STREAMS {
            return Err(unsound());
        }
        let stream = without_padding(input, end).and_then(|end| read_stream(input, end));
        let Some((start, mut stream)) = stream else { return Ok(None) };
        stream.reverse();
        blocks.append(&mut stream);
        if blocks.len() > MAX_BLOCKS {
            return Err(unsound());
        }
        end = start;
    }
    blocks.reverse();
    for block in &mut blocks {
        if input.is_stopped() {
            return Err(DecompressError::Interrupted);
        }
        block.dictionary = dictionary(input, block).unwrap_or(DICTIONARY);
    }
    Ok(Some(blocks))
}

/// Where the stream in front of the padding that ends at `end` ends; the words of padding are zero.
fn without_padding(input: &Input<'_>, mut end: u64) -> Option<u64> {
    // Most streams have none: only where the last word is zero it is worth reading more.
    let mut largest = 4;
    while end >= 4 {
        let len = end.min(largest) / 4 * 4;
        let piece = bytes(input, end - len, len)?;
        let zeroes = piece.rchunks_exact(4).take_while(|word| **word == [0; 4]).count() as u64 * 4;
        end -= zeroes;
        if zeroes < len {
            return Some(end);
        }
        largest = (largest * 16).min(PIECE);
    }
    None
}

/// Start and blocks of the stream that ends at `end`.
fn read_stream(input: &Input<'_>, end: u64) -> Option<(u64, Vec<Block>)> {
    let footer_start = end.checked_sub(FRAME)?;
    let footer = bytes(input, footer_start, FRAME)?;
    let flags = [footer[8], footer[9]];
    let index_len = (u64::from(u32::from_le_bytes(footer[4..8].try_into().ok()?)) + 1) * 4;
    if footer[10..] != *b"YZ" || footer[..4] != checksum(&footer[4..10]) || index_len > MAX_INDEX {
        return None;
    }
    let index_start = footer_start.checked_sub(index_len)?;
    let index = bytes(input, index_start, index_len)?;
    let (body, sum) = index.split_at_checked(index.len().checked_sub(4)?)?;
    if sum != checksum(body) {
        return None;
    }
    let (marker, mut rest) = body.split_first()?;
    let count = usize::try_from(number(&mut rest)?).ok().filter(|count| *count <= MAX_BLOCKS)?;
    if *marker != 0 {
        return None;
    }
    let mut blocks = Vec::new();
    let mut len = 0u64;
    for _ in 0..count {
        let (unpadded, size) = (number(&mut rest)?, number(&mut rest)?);
        blocks.push(Block { flags, start: len, unpadded, size, dictionary: 0 });
        len = len.checked_add(unpadded.checked_next_multiple_of(4)?)?;
    }
    let start = index_start.checked_sub(len)?.checked_sub(FRAME)?;
    let header = bytes(input, start, FRAME)?;
    if rest.len() > 3 || rest.iter().any(|byte| *byte != 0) || header != self::header(flags) {
        return None;
    }
    for block in &mut blocks {
        block.start += start + FRAME;
    }
    Some((start, blocks))
}

/// The stream header of these flags.
pub(super) fn header(flags: [u8; 2]) -> Vec<u8> {
    [&MAGIC[..], &flags, &checksum(&flags)].concat()
}

/// Index and footer of a stream of this one block.
pub(super) fn end(block: &Block) -> Vec<u8> {
    let mut index = vec![0, 1];
    put_number(&mut index, block.unpadded);
    put_number(&mut index, block.size);
    index.resize(index.len().next_multiple_of(4), 0);
    index.extend(checksum(&index));
    // An index of one block has at most 24 bytes.
    let backward = (index.len() as u32 / 4 - 1).to_le_bytes();
    let fields = [&backward[..], &block.flags].concat();
    [&index[..], &checksum(&fields), &fields, b"YZ"].concat()
}

/// The dictionary size that the block's header gives its LZMA2 filter.
fn dictionary(input: &Input<'_>, block: &Block) -> Option<u64> {
    let len = (u64::from(*bytes(input, block.start, 1)?.first()?) + 1) * 4;
    let header = bytes(input, block.start, len)?;
    let flags = *header.get(1)?;
    let mut rest = header.get(2..)?;
    for bit in [0x40, 0x80] {
        if flags & bit != 0 {
            number(&mut rest)?;
        }
    }
    for _ in 0..=flags & 3 {
        let (id, len) = (number(&mut rest)?, usize::try_from(number(&mut rest)?).ok()?);
        let (properties, next) = rest.split_at_checked(len)?;
        if id == LZMA2 {
            let bits = u32::from(*properties.first()?);
            return (bits < 40).then(|| u64::from(2 | bits & 1) << (bits / 2 + 11));
        }
        rest = next;
    }
    None
}

/// A number of up to 63 bits in groups of seven, lowest first.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

fn bytes(input: &Input<'_>, offset: u64, len: u64) -> Option<Vec<u8>> {
    // No length here is above MAX_INDEX.
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    input.read_exact_at(offset, &mut bytes).ok()?;
    Some(bytes)
}
