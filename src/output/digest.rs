//! Digests of an image by ranges, so that what several images share is hashed once.
//!
//! The ranges depend on the image alone, not on the other images of a build, on sources or on threads: a block of 4096 bytes is
//! *mapped* when an extent covers a byte of it. Mapped blocks in a row make a range, cut at every multiple of 4 MiB and between blocks
//! that hold nothing but [`Source::Zero`] and all others. A range of zeroes has no digest; any other has the SHA-256 of its bytes, in
//! which holes smaller than a block count as zeroes. What no range covers is free and need not be written to a card.
//!
//! The digest of the image is the SHA-256 of this text, numbers in decimal, digests in small hexadecimal digits:
//!
//! ```text
//! berry-image ranges 1
//! size SIZE
//! OFFSET LENGTH SHA256
//! OFFSET LENGTH zero
//! ```

use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use crate::{
    disk::{Extent, Extents, Source, Storage as _},
    hex,
};

/// Blocks that are mapped or not, in bytes.
pub const BLOCK: u64 = 4096;

/// No range crosses a multiple of this many bytes.
pub const LONGEST: u64 = 4 << 20;

/// A SHA-256, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sum(pub [u8; 32]);

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text).map(Self).ok_or_else(|| de::Error::custom("a SHA-256 has 64 hexadecimal digits"))
    }
}

impl From<Sha256> for Sum {
    fn from(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

/// A range before its bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// First byte; a multiple of [`BLOCK`].
    pub offset: u64,
    /// Length in bytes; a multiple of [`BLOCK`] except at the end of an image.
    pub len: u64,
    /// Whether all of it is [`Source::Zero`].
    pub zero: bool,
}

/// A range and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// First byte.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// The digest; `None` (`null`) for zeroes, which must be written all the same.
    pub sha256: Option<Sum>,
}

/// The ranges of an image, with what they are in sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    /// Size of the image in bytes.
    pub size: u64,
    /// All ranges, in ascending order.
    pub list: Vec<Range>,
}

impl Ranges {
    /// The digest of the image: of its canonical text.
    #[must_use]
    pub fn sum(&self) -> Sum {
        let mut text = format!("berry-image ranges 1\nsize {}\n", self.size);
        for Range { offset, len, sha256 } in &self.list {
            // Writing to a string cannot fail.
            let _ = match sha256 {
                Some(sum) => writeln!(text, "{offset} {len} {sum}"),
                None => writeln!(text, "{offset} {len} zero"),
            };
        }
        let mut hasher = Sha256::new();
        hasher.update(text);
        hasher.into()
    }
}

/// The ranges of an image, in ascending order.
#[must_use]
pub fn mapped(image: &Extents) -> Vec<Mapped> {
    let mut blocks: Vec<Mapped> = Vec::new();
    for extent in image.list() {
        let zero = matches!(extent.source, Source::Zero);
        let mut start = extent.offset / BLOCK * BLOCK;
        let end = extent.end().next_multiple_of(BLOCK).min(image.size());
        // The first block may be the last one of the extent before.
        if let Some(last) = blocks.last_mut()
            && start < last.offset + last.len
        {
            start = last.offset + last.len;
            if last.zero && !zero {
                let shared = (start - 1) / BLOCK * BLOCK;
                last.len = shared - last.offset;
                if last.len == 0 {
                    blocks.pop();
                }
                append(&mut blocks, Mapped { offset: shared, len: start - shared, zero });
            }
        }
        if start < end {
            append(&mut blocks, Mapped { offset: start, len: end - start, zero });
        }
    }
    blocks.iter().flat_map(cut).collect()
}

fn append(list: &mut Vec<Mapped>, next: Mapped) {
    match list.last_mut() {
        Some(last) if last.offset + last.len == next.offset && last.zero == next.zero => last.len += next.len,
        _ => list.push(next),
    }
}

fn cut(run: &Mapped) -> impl Iterator<Item = Mapped> + use<> {
    let (mut at, end, zero) = (run.offset, run.offset + run.len, run.zero);
    std::iter::from_fn(move || {
        let offset = at;
        at = (offset / LONGEST + 1).saturating_mul(LONGEST).min(end);
        (offset < end).then_some(Mapped { offset, len: at - offset, zero })
    })
}

/// Whether a range of two images holds the same bytes, as far as that can be told without reading files: by identity of the source, or
/// by comparing what is in memory.
#[must_use]
pub fn is_shared(a: &Extents, b: &Extents, range: Mapped) -> bool {
    let (from, to) = (range.offset, range.offset + range.len);
    let (mut left, mut right) = (a.between(from, to), b.between(from, to));
    let (mut one, mut other) = (left.next(), right.next());
    loop {
        let (Some(x), Some(y)) = (&one, &other) else { return one.is_none() && other.is_none() };
        if x.offset != y.offset {
            return false;
        }
        let end = x.end().min(y.end());
        if !same_bytes(&x.source, &y.source, end - x.offset) {
            return false;
        }
        let rest = |extent: &Extent| extent.clipped(end, u64::MAX);
        (one, other) = (rest(x).or_else(|| left.next()), rest(y).or_else(|| right.next()));
    }
}

fn same_bytes(a: &Source, b: &Source, len: u64) -> bool {
    let in_memory = |source: &Source| matches!(source, Source::Stored { storage, .. } if storage.file().is_none());
    if a.is_same(b) {
        return true;
    }
    if !in_memory(a) || !in_memory(b) {
        return false;
    }
    let (mut x, mut y) = ([0; BLOCK as usize], [0; BLOCK as usize]);
    (0..len).step_by(BLOCK as usize).all(|at| {
        let count = BLOCK.min(len - at) as usize;
        let read = |source: &Source, buffer: &mut [u8]| source.advanced(at).read_exact(buffer).is_ok();
        read(a, &mut x[..count]) && read(b, &mut y[..count]) && x[..count] == y[..count]
    })
}
