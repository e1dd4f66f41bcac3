//! Decompresses a file, trusting nothing that it says.
//!
//! Every codec hands its output to one output, which counts, hashes and writes it sparsely. A file that is cut off, that goes on
//! after its end, or whose sizes or check sums do not agree is refused, and so is one beyond the [`limits`].

mod format;
mod gzip;
mod input;
pub mod limits;
mod output;
#[cfg(test)]
mod tests;
mod xz;
mod zip;
mod zstd;

use std::{
    error::Error,
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::AtomicU64,
    thread,
};

pub use format::Format;
use input::{Input, Stopped};
use limits::{MAX_SIZE, MEMORY};
use output::Output;

use crate::{
    disk::Storage,
    error::{Classified, Kind},
    progress::{Progress, Stop},
};

/// What can be wrong with a compressed file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// The file ends too early.
    #[error("the {format} file is cut off: it ends after {size} bytes, in the middle of its data")]
    Truncated {
        /// Format.
        format: &'static str,
        /// Size of the file in bytes.
        size: u64,
    },
    /// The file goes on after the end of its data.
    #[error("the {format} file has {len} bytes after its end at {offset} that do not belong to it")]
    Trailing {
        /// Format.
        format: &'static str,
        /// Where its data ends, in bytes.
        offset: u64,
        /// How many bytes follow.
        len: u64,
    },
    /// The data contradicts itself.
    #[error("the {format} file is damaged: {reason}")]
    Corrupt {
        /// Format.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Decompressing would need more memory than is allowed.
    #[error("the {format} file needs more memory to decompress than the {} MiB that are allowed: {reason}", MEMORY >> 20)]
    Memory {
        /// Format.
        format: &'static str,
        /// What needs it.
        reason: String,
    },
    /// The output grows too large.
    #[error("{size} bytes of the {format} file decompress to more than {limit} bytes, which those of no real one do")]
    TooLarge {
        /// Format.
        format: &'static str,
        /// Size of the file, or of the part of it that was read, in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A zip archive without or with several files.
    #[error("the zip archive holds {files} files, expected exactly one: the image")]
    Members {
        /// How many files it holds.
        files: u64,
    },
    /// A zip archive that uses something rare.
    #[error("the zip archive uses {what}, which is not supported")]
    Zip {
        /// What it uses.
        what: String,
    },
    /// Reading or writing failed.
    #[error("{action} failed")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The user asked to stop.
    #[error("decompressing was interrupted")]
    Interrupted,
}

impl Classified for DecompressError {
    fn kind(&self) -> Kind {
        match self {
            Self::Truncated { .. } | Self::Trailing { .. } | Self::Corrupt { .. } | Self::TooLarge { .. } => Kind::Corrupt,
            Self::Memory { .. } | Self::Members { .. } | Self::Zip { .. } => Kind::Unsupported,
            Self::Io { .. } => Kind::Io,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Truncated { .. } | Self::Trailing { .. } | Self::Corrupt { .. } => {
                Some("download it again and compare its SHA-256 with the published one".to_owned())
            }
            Self::Members { .. } | Self::Zip { .. } | Self::Memory { .. } => {
                Some("decompress it yourself and give the raw image as the base".to_owned())
            }
            _ => None,
        }
    }
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decompressed {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of all of it, holes as zeroes.
    pub sha256: [u8; 32],
}

/// Decompresses an image, all of `source`, into the empty file `destination`: blocks of zeroes become holes.
///
/// # Errors
/// When the file is not sound, too large, or `stop` is requested; `destination` then holds some of the image.
pub fn decompress(
    format: Format,
    source: &dyn Storage,
    destination: &File,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Decompressed, DecompressError> {
    decompress_at_most(MAX_SIZE, format, source, destination, progress, stop)
}

/// As [`decompress`], for what has at most `max_size` bytes.
///
/// # Errors
/// As [`decompress`].
pub fn decompress_at_most(
    max_size: u64,
    format: Format,
    source: &dyn Storage,
    destination: &File,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Decompressed, DecompressError> {
    let label = if format == Format::Raw { "storing the image".to_owned() } else { format!("decompressing ({})", format.name()) };
    let bar = progress.begin(&label, Some(source.size()));
    let read = AtomicU64::new(0);
    let input = Input::new(source, stop, &*bar, &read);
    let mut output = Output::new(destination, format.name(), source.size(), &read, stop).limited_to(max_size);
    // The codecs are other people's: one that panics on hostile bytes has found them not sound. Nothing is used after it.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(format, input, &mut output)));
    decoded.unwrap_or_else(|_| Err(DecompressError::Corrupt { format: format.name(), reason: "its decoder gave up".to_owned() }))?;
    output.finish()
}

fn decode(format: Format, input: Input<'_>, output: &mut Output<'_>) -> Result<(), DecompressError> {
    match format {
        // A raw image goes the same way where a sparse copy is wanted.
        Format::Raw => pump(format, &mut input.clone(), output),
        Format::Xz => xz::decode(&input, output, cores(), MEMORY),
        Format::Gzip => gzip::decode(input, output),
        Format::Zstd => zstd::decode(input, output),
        Format::Zip => zip::decode(&input, output),
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Moves everything from a reader of a codec to the output.
fn pump(format: Format, reader: &mut dyn io::Read, output: &mut Output<'_>) -> Result<(), DecompressError> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            // A reader cannot have read more than there is room for.
            Ok(count) => output.write(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(explain(format, output.source_size(), &error)),
        }
    }
}

/// What an error of a codec, or of reading below it, means.
fn explain(format: Format, size: u64, error: &(dyn Error + 'static)) -> DecompressError {
    let format = format.name();
    let mut reason = error.to_string();
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Stopped>() {
            return DecompressError::Interrupted;
        }
        let mut inner = error.source();
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if let Some(code) = error.raw_os_error() {
                return DecompressError::Io { action: "reading the compressed file", source: io::Error::from_raw_os_error(code) };
            }
            match error.kind() {
                io::ErrorKind::UnexpectedEof => return DecompressError::Truncated { format, size },
                io::ErrorKind::OutOfMemory => return DecompressError::Memory { format, reason },
                _ => {}
            }
            inner = error.get_ref().map(|error| error as &(dyn Error + 'static)).or(inner);
        }
        if let Some(error) = inner {
            reason = error.to_string();
        }
        next = inner;
    }
    DecompressError::Corrupt { format, reason }
}
