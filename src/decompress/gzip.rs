//! gzip (RFC 1952): members follow each other, each with its own check sum and size.

use std::io::{BufRead as _, BufReader};

use flate2::bufread::GzDecoder;

use super::{DecompressError, Format, explain, input::Input, output::Output, pump};

/// First bytes of a member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

pub(super) fn decode(input: Input<'_>, output: &mut Output<'_>) -> Result<(), DecompressError> {
    let size = input.size();
    let mut reader = BufReader::with_capacity(256 << 10, input);
    loop {
        let mut member = GzDecoder::new(reader);
        pump(Format::Gzip, &mut member, output)?;
        reader = member.into_inner();
        let next = reader.fill_buf().map_err(|error| explain(Format::Gzip, size, &error))?;
        if next.is_empty() {
            return Ok(());
        }
        if !next.starts_with(&MAGIC[..next.len().min(2)]) {
            let offset = reader.get_ref().position() - reader.buffer().len() as u64;
            return Err(DecompressError::Trailing { format: Format::Gzip.name(), offset, len: size - offset });
        }
    }
}
