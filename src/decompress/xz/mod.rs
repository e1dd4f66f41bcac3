//! The .xz format (xz-file-format.txt 1.2): streams of blocks, decoded on as many cores as the memory budget allows.
//!
//! The indexes at the ends of the streams say where each block is and how long its data gets. Where blocks are small enough, each one
//! is decoded by itself, as a stream of one block put together for it, so the library that decodes it also checks header, check sum and
//! both sizes. Where they are not (`xz -T1` makes one block of it all), the streams are decoded one after another.

mod index;
mod parallel;

use std::io::{self, BufRead as _, BufReader};

use lzma_rust2::XzReader;

use super::{
    DecompressError, Format, explain,
    input::Input,
    limits::{MAX_BLOCKS, MAX_STREAMS},
    output::Output,
    pump,
};

/// First bytes of a stream.
const MAGIC: [u8; 6] = *b"\xfd7zXZ\0";
/// What a decoder uses beside its dictionary and its output, in bytes: tables and buffers.
const OVERHEAD: u64 = 1 << 20;

/// Decodes all streams with up to `cores` threads and about `memory` bytes.
pub(super) fn decode(input: &Input<'_>, output: &mut Output<'_>, cores: usize, memory: u64) -> Result<(), DecompressError> {
    let Some(blocks) = index::read(input)? else {
        // Decoding from the start finds out what is wrong with the blocks before it; the library does not compare the index with them.
        sequential(input.clone(), output, memory)?;
        return Err(unsound());
    };
    let total = blocks.iter().try_fold(0u64, |sum, block| sum.checked_add(block.size));
    let Some(total) = total.filter(|total| *total <= output.room()) else { return Err(output.too_large()) };
    let largest = blocks.iter().map(|block| block.size).max().unwrap_or(0);
    let dictionary = blocks.iter().map(|block| block.dictionary).max().unwrap_or(0);
    // One block per thread being decoded, and one that waits for its turn.
    let per_thread = largest.saturating_mul(2).saturating_add(dictionary).saturating_add(OVERHEAD);
    let threads = usize::try_from(memory / per_thread).unwrap_or(usize::MAX).min(cores).min(blocks.len());
    if threads >= 2 {
        return parallel::decode(input, &blocks, threads, dictionary, output);
    }
    sequential(input.clone(), output, memory)?;
    if output.size() == total { Ok(()) } else { Err(unsound()) }
}

fn unsound() -> DecompressError {
    let reason = format!(
        "an index at the end of a stream does not describe its blocks, or there are more than {MAX_BLOCKS} blocks or {MAX_STREAMS} streams"
    );
    DecompressError::Corrupt { format: Format::Xz.name(), reason }
}

/// Decodes one stream after another.
fn sequential(input: Input<'_>, output: &mut Output<'_>, memory: u64) -> Result<(), DecompressError> {
    let size = input.size();
    let mut reader = BufReader::with_capacity(256 << 10, input);
    for _ in 0..MAX_STREAMS {
        let mut stream = XzReader::new_mem_limit(&mut reader, false, kibibytes(memory));
        pump(Format::Xz, &mut stream, output)?;
        drop(stream);
        let padding = skip_zeroes(&mut reader).map_err(|error| explain(Format::Xz, size, &error))?;
        let next = reader.fill_buf().map_err(|error| explain(Format::Xz, size, &error))?;
        if next.is_empty() && padding % 4 == 0 {
            return Ok(());
        }
        let mut magic = [0; MAGIC.len()];
        let offset = position(&reader) - padding;
        let is_stream = padding % 4 == 0 && { reader.get_ref().read_exact_at(position(&reader), &mut magic).is_ok() && magic == MAGIC };
        if !is_stream {
            return Err(DecompressError::Trailing { format: Format::Xz.name(), offset, len: size - offset });
        }
    }
    Err(unsound())
}

fn position(reader: &BufReader<Input<'_>>) -> u64 {
    reader.get_ref().position() - reader.buffer().len() as u64
}

fn skip_zeroes(reader: &mut BufReader<Input<'_>>) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let zeroes = buffer.iter().take_while(|byte| **byte == 0).count();
        let all = zeroes == buffer.len();
        let ended = buffer.is_empty();
        reader.consume(zeroes);
        skipped += zeroes as u64;
        if ended || !all {
            return Ok(skipped);
        }
    }
}

fn kibibytes(bytes: u64) -> u32 {
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX)
}
