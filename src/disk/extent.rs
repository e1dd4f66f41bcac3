//! Extents: which bytes stand where, without moving a byte.
//!
//! The same list describes the content of a file in the [tree](crate::tree) and a whole SD image. What no extent covers is a hole: it
//! reads as zero and need not be written to a card. [`Source::Zero`] also reads as zero but **must** be written, because what an
//! earlier use left on the card would otherwise be taken for data (an old journal, an old inode table).

use std::{fmt, io, sync::Arc};

use super::{Storage, Window};

/// Where the bytes of an extent come from.
#[derive(Clone)]
pub enum Source {
    /// Zeroes that must reach a card.
    Zero,
    /// Bytes of a storage, from `start` on.
    Stored {
        /// Who holds the bytes.
        storage: Arc<dyn Storage>,
        /// Offset of the extent's first byte in it.
        start: u64,
    },
}

impl Source {
    /// Literal bytes.
    #[must_use]
    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self::Stored { storage: Arc::new(bytes), start: 0 }
    }

    /// The source of the byte `offset` bytes further on.
    #[must_use]
    pub fn advanced(&self, offset: u64) -> Self {
        match self {
            Self::Zero => Self::Zero,
            Self::Stored { storage, start } => Self::Stored { storage: Arc::clone(storage), start: start + offset },
        }
    }

    /// Whether both are the same bytes of the same storage: equality by identity, which needs no reading.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Zero, Self::Zero) => true,
            (Self::Stored { storage: a, start: x }, Self::Stored { storage: b, start: y }) => x == y && Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Fills `buffer` from the source's first byte on.
    ///
    /// # Errors
    /// What reading the storage says.
    pub fn read_exact(&self, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Zero => {
                buffer.fill(0);
                Ok(())
            }
            Self::Stored { storage, start } => storage.read_exact_at(*start, buffer),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("Zero"),
            Self::Stored { storage, start } => write!(f, "{:p}+{start}", Arc::as_ptr(storage).cast::<()>()),
        }
    }
}

/// A run of bytes at an offset.
#[derive(Clone, Debug)]
pub struct Extent {
    /// First byte, in bytes from the start of the file or image.
    pub offset: u64,
    /// Length in bytes; never zero inside [`Extents`].
    pub len: u64,
    /// The bytes.
    pub source: Source,
}

impl Extent {
    /// First byte after the extent.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + self.len
    }

    /// The part between `from` and `to` (offsets as in `self.offset`), if any.
    #[must_use]
    pub fn clipped(&self, from: u64, to: u64) -> Option<Self> {
        let start = self.offset.max(from);
        let end = self.end().min(to);
        (start < end).then(|| Self { offset: start, len: end - start, source: self.source.advanced(start - self.offset) })
    }

    fn continues(&self, next: &Self) -> bool {
        self.end() == next.offset && self.source.advanced(self.len).is_same(&next.source)
    }
}

/// The bytes of a file or an image: extents, sorted and disjoint, over a length.
#[derive(Clone, Debug, Default)]
pub struct Extents {
    size: u64,
    list: Vec<Extent>,
}

impl Extents {
    /// Nothing but a hole of `size` bytes.
    #[must_use]
    pub fn hole(size: u64) -> Self {
        Self { size, list: Vec::new() }
    }

    /// Literal bytes.
    #[must_use]
    pub fn bytes(bytes: Vec<u8>) -> Self {
        let size = bytes.len() as u64;
        Self::from_source(size, Source::bytes(bytes))
    }

    /// Literal bytes that others have, too.
    #[must_use]
    pub fn shared(bytes: &Arc<Vec<u8>>) -> Self {
        let storage: Arc<dyn Storage> = Arc::<Vec<u8>>::clone(bytes);
        Self::from_source(bytes.len() as u64, Source::Stored { storage, start: 0 })
    }

    /// All of a window, byte for byte.
    #[must_use]
    pub fn window(window: &Window) -> Self {
        let source = Source::Stored { storage: Arc::clone(window.storage()), start: window.start() };
        Self::from_source(window.size(), source)
    }

    fn from_source(size: u64, source: Source) -> Self {
        let mut extents = Self::hole(size);
        extents.push(Extent { offset: 0, len: size, source });
        extents
    }

    /// The extents in ascending order.
    #[must_use]
    pub fn list(&self) -> &[Extent] {
        &self.list
    }

    /// Appends an extent that lies behind all others; joins it to the last one where both are one run of one storage. An empty
    /// extent is dropped. The size grows where needed.
    ///
    /// # Panics
    /// When the extent begins before the end of the last one, which only a mistake in this program can cause.
    pub fn push(&mut self, extent: Extent) {
        if extent.len == 0 {
            return;
        }
        self.size = self.size.max(extent.end());
        match self.list.last_mut() {
            Some(last) if last.continues(&extent) => last.len += extent.len,
            Some(last) => {
                assert!(last.end() <= extent.offset, "extent at {} begins inside the one before it", extent.offset);
                self.list.push(extent);
            }
            None => self.list.push(extent),
        }
    }

    /// Puts `extent` over whatever stands in its place.
    pub fn replace(&mut self, extent: Extent) {
        if extent.len == 0 {
            return;
        }
        let (from, to) = (extent.offset, extent.end());
        self.size = self.size.max(to);
        let first = self.list.partition_point(|e| e.end() <= from);
        let after = self.list.partition_point(|e| e.offset < to);
        let mut fresh = Vec::with_capacity(3);
        if first < after {
            fresh.extend(self.list[first].clipped(0, from));
            fresh.push(extent);
            fresh.extend(self.list[after - 1].clipped(to, u64::MAX));
        } else {
            fresh.push(extent);
        }
        self.list.splice(first..after.max(first), fresh);
    }

    /// Appends all of `other`, moved by `offset`.
    ///
    /// # Panics
    /// As [`Extents::push`].
    pub fn append_at(&mut self, offset: u64, other: &Self) {
        for extent in &other.list {
            self.push(Extent { offset: extent.offset + offset, len: extent.len, source: extent.source.clone() });
        }
        self.size = self.size.max(offset + other.size);
    }

    /// Cuts or lengthens (by a hole) to `size` bytes.
    pub fn resize(&mut self, size: u64) {
        self.list.retain(|e| e.offset < size);
        if let Some(last) = self.list.last_mut() {
            last.len = last.len.min(size - last.offset);
        }
        self.size = size;
    }

    /// The parts of extents between `from` and `to`, in order.
    pub fn between(&self, from: u64, to: u64) -> impl Iterator<Item = Extent> + '_ {
        let first = self.list.partition_point(|e| e.end() <= from);
        self.list[first..].iter().map_while(move |e| e.clipped(from, to))
    }

    /// Bytes that come from a storage: what a sparse file of this image takes up, without the rounding of its file system.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.list.iter().filter(|e| !matches!(e.source, Source::Zero)).map(|e| e.len).sum()
    }

    /// Reads everything into memory.
    ///
    /// # Errors
    /// What reading the storages says; `OutOfMemory` when the size is above `limit`.
    pub fn to_vec(&self, limit: u64) -> io::Result<Vec<u8>> {
        if self.size > limit {
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, format!("{} bytes are more than the {limit} expected here", self.size)));
        }
        let mut buffer = vec![0; usize::try_from(self.size).map_err(|_| io::ErrorKind::OutOfMemory)?];
        self.read_exact_at(0, &mut buffer)?;
        Ok(buffer)
    }
}

impl Storage for Extents {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.size).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.fill(0);
        for extent in self.between(offset, end) {
            // Both fit: the extent was clipped to the buffer's range.
            let start = (extent.offset - offset) as usize;
            extent.source.read_exact(&mut buffer[start..start + extent.len as usize])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(extents: &Extents) -> String {
        String::from_utf8(extents.to_vec(100).unwrap()).unwrap().replace('\0', ".")
    }

    fn literal(offset: u64, text: &str) -> Extent {
        Extent { offset, len: text.len() as u64, source: Source::bytes(text.into()) }
    }

    #[test]
    fn holes_read_as_zero_and_size_grows() {
        let mut extents = Extents::hole(4);
        extents.push(literal(2, "abc"));
        extents.push(literal(7, "d"));
        assert_eq!(text(&extents), "..abc..d");
        assert_eq!(extents.stored_bytes(), 4);
    }

    #[test]
    fn replacing_cuts_what_stood_there() {
        let mut extents = Extents::bytes(b"0123456789".to_vec());
        extents.replace(literal(3, "abc"));
        assert_eq!(text(&extents), "012abc6789");
        extents.replace(literal(0, "xyzw"));
        assert_eq!(text(&extents), "xyzwbc6789");
        extents.replace(literal(9, "??"));
        assert_eq!(text(&extents), "xyzwbc678??");
        extents.replace(literal(12, "!"));
        assert_eq!(text(&extents), "xyzwbc678??.!");
        extents.resize(5);
        assert_eq!(text(&extents), "xyzwb");
    }

    #[test]
    fn replacing_equals_overwriting_a_buffer() {
        proptest::proptest!(|(edits in proptest::collection::vec((0u64..60, 1usize..20), 0..30))| {
            let mut extents = Extents::hole(80);
            let mut model = vec![0u8; 80];
            for (index, (offset, len)) in edits.into_iter().enumerate() {
                let bytes = vec![index as u8 + 1; len];
                model[offset as usize..offset as usize + len].copy_from_slice(&bytes);
                extents.replace(Extent { offset, len: len as u64, source: Source::bytes(bytes) });
            }
            assert_eq!(extents.to_vec(80).unwrap(), model);
            assert!(extents.list().windows(2).all(|pair| pair[0].end() <= pair[1].offset));
        });
    }

    #[test]
    fn runs_of_one_storage_are_joined() {
        let storage: Arc<dyn Storage> = Arc::new(b"abcdef".to_vec());
        let mut extents = Extents::default();
        for start in 0..6 {
            extents.push(Extent { offset: 10 + start, len: 1, source: Source::Stored { storage: Arc::clone(&storage), start } });
        }
        assert_eq!(extents.list().len(), 1);
        assert!(extents.between(12, 14).next().unwrap().source.is_same(&Source::Stored { storage, start: 2 }));
    }

    #[test]
    fn reading_past_the_end_is_refused() {
        let extents = Extents::bytes(vec![1, 2, 3]);
        assert_eq!(extents.read_exact_at(2, &mut [0; 2]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(extents.read_exact_at(u64::MAX, &mut [0; 2]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
