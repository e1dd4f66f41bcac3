//! Holes of sparse files, where the operating system can tell them.

use super::{Storage as _, Window};

/// First byte at or after `offset` that may be something else than zero, without reading: what lies before it reads as zero. At most the
/// window's size; `offset` itself where nothing is known.
#[must_use]
pub fn data_from(window: &Window, offset: u64) -> u64 {
    let Some(file) = window.storage().file() else { return offset };
    let Some(next) = window.start().checked_add(offset).and_then(|at| next_data(file, at)) else { return offset };
    next.saturating_sub(window.start()).clamp(offset, window.size().max(offset))
}

/// `u64::MAX` where only a hole is left. Moves the file's position, which no [`Storage`](super::Storage) uses here.
#[cfg(target_os = "linux")]
fn next_data(file: &std::fs::File, offset: u64) -> Option<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)) {
        Ok(next) => Some(next),
        Err(rustix::io::Errno::NXIO) => Some(u64::MAX),
        Err(_) => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn next_data(_file: &std::fs::File, _offset: u64) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::FileExt as _, sync::Arc};

    use super::*;
    use crate::disk::{FileStorage, Storage};

    #[test]
    fn data_is_found_and_only_zeroes_are_skipped() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4 << 20).unwrap();
        file.as_file().write_all_at(b"data", 2 << 20).unwrap();
        let storage: Arc<dyn Storage> = Arc::new(FileStorage::open(file.path()).unwrap());
        for start in [0, 1 << 20, (2 << 20) + 2] {
            let window = Window::new(storage.clone(), start, (4 << 20) - start).unwrap();
            let mut bytes = vec![1; window.size() as usize];
            window.read_exact_at(0, &mut bytes).unwrap();
            for offset in [0, 1, 1 << 20, (1 << 20) + 3, window.size()] {
                let next = data_from(&window, offset);
                assert!((offset..=window.size()).contains(&next), "{start} {offset} {next}");
                assert!(bytes[offset as usize..next as usize].iter().all(|byte| *byte == 0), "{start} {offset} {next}");
            }
        }
        let whole = Window::whole(storage);
        if cfg!(target_os = "linux") {
            assert!(data_from(&whole, 0) >= 1 << 20, "a file system with holes is expected here");
            assert_eq!(data_from(&whole, 3 << 20), 4 << 20);
        }
        assert_eq!(data_from(&Window::whole(Arc::new(vec![0; 10])), 3), 3, "nothing is known of memory");
    }
}
