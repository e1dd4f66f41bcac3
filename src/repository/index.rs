//! Indices of packages: which of the packed forms is taken, and unpacking it within limits.

use std::{
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
};

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use sha2::{Digest as _, Sha256, Sha512};

use crate::debian::release::{Indexed, Release};

/// No index is larger, in bytes. The largest of Debian has 60 MB.
pub(super) const MAX_TEXT: u64 = 160 << 20;
/// Memory for the dictionary of a packed index, in KiB. `xz -9` takes 64 MiB.
const DICTIONARY: u32 = 72 << 10;

/// How an index is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Xz,
    Gzip,
    Plain,
}

impl Packing {
    /// The best first, as for apt.
    const ALL: [Self; 3] = [Self::Xz, Self::Gzip, Self::Plain];

    const fn ending(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Gzip => ".gz",
            Self::Plain => "",
        }
    }
}

/// The form in which an index is fetched.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) packing: Packing,
    /// Path below the signed root.
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
}

/// The best form of an index of which the signed root has the SHA-256; `None` if there is none.
pub(super) fn form(release: &Release, path: &str) -> Option<Form> {
    Packing::ALL.into_iter().find_map(|packing| {
        let path = format!("{path}{}", packing.ending());
        let Indexed { size, sha256, .. } = *release.file(&path)?;
        Some(Form { packing, path, size, sha256: sha256? })
    })
}

/// Unpacks an index. `plain` is what the signed root says of it unpacked, if it lists that, too.
///
/// # Errors
/// When it is damaged, larger than it may be, not what the signed root says, or no text.
pub(super) fn unpack(packed: &[u8], packing: Packing, plain: Option<&Indexed>) -> Result<String, String> {
    let limit = plain.map_or(MAX_TEXT, |plain| plain.size);
    if limit > MAX_TEXT {
        return Err(format!("it has {limit} bytes, more than the {MAX_TEXT} that are looked at"));
    }
    // The codecs are other people's: one that panics on hostile bytes has found them not sound.
    let read = catch_unwind(AssertUnwindSafe(|| match packing {
        Packing::Xz => read_all(XzReader::new_mem_limit(packed, true, DICTIONARY), limit),
        Packing::Gzip => read_all(MultiGzDecoder::new(packed), limit),
        Packing::Plain => read_all(packed, limit),
    }));
    let text = read.unwrap_or_else(|_| Err(io::Error::other("its decoder gave up"))).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => format!("it unpacks to more than the {limit} bytes that it may have"),
        _ => format!("it cannot be unpacked: {error}"),
    })?;
    if let Some(plain) = plain {
        let is_right = text.len() as u64 == plain.size
            && plain.sha256.is_none_or(|expected| Sha256::digest(&text)[..] == expected)
            && (plain.sha256.is_some() || plain.sha512.is_none_or(|expected| Sha512::digest(&text)[..] == expected));
        if !is_right {
            return Err("unpacked, it is not what the signed `Release` lists".to_owned());
        }
    }
    if text.contains(&0) {
        return Err("it is no text: it has a zero byte".to_owned());
    }
    String::from_utf8(text).map_err(|error| format!("it is no text: byte {} is not UTF-8", error.utf8_error().valid_up_to()))
}

fn read_all(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}
