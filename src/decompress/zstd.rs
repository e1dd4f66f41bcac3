//! Zstandard (RFC 8878): frames follow each other; skippable frames hold no data.

use std::io::{self, BufRead as _, BufReader, Read as _};

use ruzstd::decoding::{
    StreamingDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use super::{DecompressError, Format, explain, input::Input, limits::MAX_WINDOW, output::Output, pump};

pub(super) fn decode(input: Input<'_>, output: &mut Output<'_>) -> Result<(), DecompressError> {
    let size = input.size();
    let mut reader = BufReader::with_capacity(256 << 10, input);
    loop {
        let next = reader.fill_buf().map_err(|error| explain(Format::Zstd, size, &error))?;
        if next.is_empty() {
            return Ok(());
        }
        let offset = reader.get_ref().position() - reader.buffer().len() as u64;
        frame(&mut reader, offset, output)?;
    }
}

/// Decodes the frame at `offset`.
fn frame(reader: &mut BufReader<Input<'_>>, offset: u64, output: &mut Output<'_>) -> Result<(), DecompressError> {
    let size = output.source_size();
    let mut decoder = match StreamingDecoder::new_with_max_window_size(&mut *reader, MAX_WINDOW) {
        Ok(decoder) => decoder,
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => return skip(reader, length, size),
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(_))) => {
            return Err(DecompressError::Trailing { format: Format::Zstd.name(), offset, len: size - offset });
        }
        Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
            let reason = format!("its window has {requested} bytes, at most {MAX_WINDOW} are allowed");
            return Err(DecompressError::Memory { format: Format::Zstd.name(), reason });
        }
        Err(error) => return Err(explain(Format::Zstd, size, &error)),
    };
    let before = output.size();
    pump(Format::Zstd, &mut decoder, output)?;
    let frame = decoder.into_frame_decoder();
    let corrupt = |reason: String| DecompressError::Corrupt { format: Format::Zstd.name(), reason };
    // A frame need not say its size; zero then, as for an empty frame.
    let (said, got) = (frame.content_size(), output.size() - before);
    if said != 0 && said != got {
        return Err(corrupt(format!("the frame at {offset} has {got} bytes, its header says {said}")));
    }
    match (frame.get_checksum_from_data(), frame.get_calculated_checksum()) {
        (Some(said), Some(got)) if said != got => {
            Err(corrupt(format!("the check sum of the frame at {offset} is {got:08x}, expected {said:08x}")))
        }
        _ => Ok(()),
    }
}

fn skip(reader: &mut BufReader<Input<'_>>, length: u32, size: u64) -> Result<(), DecompressError> {
    let skipped = io::copy(&mut reader.take(length.into()), &mut io::sink()).map_err(|error| explain(Format::Zstd, size, &error))?;
    if skipped == u64::from(length) { Ok(()) } else { Err(DecompressError::Truncated { format: Format::Zstd.name(), size }) }
}
