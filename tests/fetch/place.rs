//! A cache of a test's own, and how to download into it.

use std::{fs, io::Write as _, sync::Mutex, time::Duration};

use berry_image::{
    base::{
        BaseError,
        cache::Cache,
        fetch::{FetchError, Network, Policy, Proxies},
        source::{self, RawImage},
    },
    disk::Storage as _,
    profile::BaseReference,
    progress::{Bar, Progress, Silent, Stop},
};
use sha2::{Digest as _, Sha256};

use crate::support::program::folder;

/// Everything of a real download, but in a hurry.
pub(super) fn policy() -> Policy {
    Policy {
        connect: Duration::from_secs(2),
        stall: Duration::from_millis(400),
        slow_for: Duration::from_secs(1),
        slow_bytes: 4096,
        retries: 3,
        fresh_bytes: 64 << 10,
        pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(20),
        longest_wish: Duration::from_secs(2),
        max_size: 4 << 20,
    }
}

/// A raw image of a size that does not fit into the buffers of a connection.
pub(super) fn image() -> Vec<u8> {
    let mut state = 1_u32;
    let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(3 << 20)
    .collect();
    bytes[..512].fill(0);
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes
}

pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[derive(Default)]
pub(super) struct Notes(pub(super) Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _label: &str, _total: Option<u64>) -> Box<dyn Bar> {
        Box::new(Silent)
    }

    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// A cache of this test's own.
pub(super) struct Place {
    pub(super) folder: tempfile::TempDir,
    pub(super) cache: Cache,
    pub(super) network: Network,
    pub(super) notes: Notes,
    pub(super) stop: Stop,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = folder();
        let cache = Cache::at(&folder.path().join("cache")).unwrap();
        let network = Network { offline: false, policy: policy(), proxies: Proxies::default() };
        Self { folder, cache, network, notes: Notes::default(), stop: Stop::default() }
    }

    pub(super) fn get(&self, url: &str, sha256: [u8; 32]) -> Result<RawImage, BaseError> {
        let reference = BaseReference::Url { url: url.to_owned(), sha256 };
        let result = source::obtain_over(&self.network, &reference, &self.cache, &self.notes, &self.stop);
        if result.is_err() {
            assert_eq!((self.files("images").len(), self.files("temps").len()), (0, 0), "a failure leaves nothing but a partial download");
        }
        result
    }

    pub(super) fn fails(&self, url: &str, sha256: [u8; 32]) -> FetchError {
        match self.get(url, sha256).map(|image| image.name) {
            Err(BaseError::Fetch(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn files(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.cache.root().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Bytes that wait for another run.
    pub(super) fn kept(&self) -> Option<u64> {
        let folder = self.cache.root().join("partials");
        let part = self.files("partials").into_iter().find(|name| name.ends_with(".part"));
        part.map(|name| fs::metadata(folder.join(name)).unwrap().len())
    }

    pub(super) fn said(&self, words: &str) -> bool {
        self.notes.0.lock().unwrap().iter().any(|note| note.contains(words))
    }
}

/// The image that was got must be this one, and nothing else may lie about.
pub(super) fn is(place: &Place, got: &RawImage, expected: &[u8]) {
    let mut bytes = vec![0; usize::try_from(got.storage.size()).unwrap()];
    got.storage.read_exact_at(0, &mut bytes).unwrap();
    assert!(bytes == expected, "another image");
    assert_eq!((place.files("images").len(), place.files("temps").len(), place.files("partials").len()), (2, 0, 0));
}
