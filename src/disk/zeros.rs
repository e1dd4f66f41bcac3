//! Leaving out what is zero.

use std::{io, sync::Arc};

use super::{Extent, Extents, Source, Storage as _, Window};

/// How much is read at a time.
const CHUNK: usize = 1 << 20;

impl Extents {
    /// The bytes of a window, with holes where whole blocks of `block` bytes are zero. Reads the window once.
    ///
    /// # Errors
    /// What reading says.
    ///
    /// # Panics
    /// When `block` is not a power of two between 1 and 1 MiB, which only a mistake in this program can cause.
    pub fn without_zeros(window: &Window, block: usize) -> io::Result<Self> {
        assert!(block.is_power_of_two() && block <= CHUNK, "blocks of {block} bytes");
        let mut extents = Self::hole(window.size());
        let mut buffer = vec![0; CHUNK];
        let mut offset = 0;
        while offset < window.size() {
            // Fits: it is at most the length of the buffer.
            let length = (window.size() - offset).min(CHUNK as u64) as usize;
            window.read_exact_at(offset, &mut buffer[..length])?;
            for (index, bytes) in buffer[..length].chunks(block).enumerate() {
                if bytes.iter().any(|byte| *byte != 0) {
                    let start = offset + (index * block) as u64;
                    let source = Source::Stored { storage: Arc::clone(window.storage()), start: window.start() + start };
                    extents.push(Extent { offset: start, len: bytes.len() as u64, source });
                }
            }
            offset += length as u64;
        }
        Ok(extents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_with_something_in_them_are_kept() {
        let mut bytes = vec![0; (3 << 20) + 100];
        for at in [0, 4096 * 3 + 17, (2 << 20) - 1, 2 << 20, (3 << 20) + 99] {
            bytes[at] = 1;
        }
        let window = Window::new(Arc::new([vec![9; 512], bytes.clone()].concat()), 512, bytes.len() as u64).unwrap();
        let extents = Extents::without_zeros(&window, 4096).unwrap();
        assert_eq!(extents.to_vec(4 << 20).unwrap(), bytes);
        let runs: Vec<_> = extents.list().iter().map(|extent| (extent.offset, extent.len)).collect();
        assert_eq!(runs, [(0, 4096), (12288, 4096), ((2 << 20) - 4096, 8192), (3 << 20, 100)]);
    }
}
