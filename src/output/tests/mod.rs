//! Whole families of images, faults at every step, and two runs at once.

mod digests;
mod faults;
mod files;
mod images;

use std::{
    fs::{self, File},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    disk::{Extent, Extents, FileStorage, Source, Storage},
    output::{
        OutputError, Staging,
        digest::{BLOCK, Sum},
        platform::Host,
        sparse::{self, Options, Target, Written},
    },
    progress::{Progress, Silent, Stop},
};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub(super) const MIB: u64 = 1 << 20;

pub(super) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(len)
    .collect()
}

pub(super) fn sum(bytes: &[u8]) -> Sum {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    hasher.into()
}

pub(super) fn literal(offset: u64, bytes: Vec<u8>) -> Extent {
    Extent { offset, len: bytes.len() as u64, source: Source::bytes(bytes) }
}

/// A few images as a build makes them: files out of one large source, zeroes, holes, and a little that differs.
pub(super) struct Family {
    _folder: TempDir,
    images: Vec<Extents>,
}

impl Family {
    pub(super) fn new(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("source");
        let mut bytes = noise(6 << 20, 1);
        bytes[2 << 20..3 << 20].fill(0);
        fs::write(&path, &bytes).unwrap();
        let source: Arc<dyn Storage> = Arc::new(FileStorage::open(&path).unwrap());
        let memory: Arc<dyn Storage> = Arc::new(noise(300_000, 2));
        let images = (0..count)
            .map(|node| {
                let mut image = Extents::hole(40 * MIB + 512);
                image.push(literal(0, vec![node as u8 + 1; 512]));
                image.push(Extent { offset: MIB, len: 300_000, source: Source::Stored { storage: memory.clone(), start: 0 } });
                image.push(Extent { offset: 3 * MIB, len: 6 * MIB, source: Source::Zero });
                image.push(literal(16 * MIB + 100, format!("node {node}").into_bytes()));
                let mut at = 17 * MIB;
                for start in (0..6 * MIB - 90_000).step_by(90_001) {
                    image.push(Extent { offset: at, len: 90_000, source: Source::Stored { storage: source.clone(), start } });
                    at += 90_000u64.next_multiple_of(BLOCK);
                }
                image.push(literal(40 * MIB, vec![7; 512]));
                image
            })
            .collect();
        Self { _folder: folder, images }
    }

    pub(super) fn write(&self, folder: &Path, host: &dyn Host, jobs: usize) -> Result<Vec<Written>, OutputError> {
        let mut staging = Staging::begin(folder)?;
        let written = self.stage(&mut staging, host, jobs, &Silent, &Stop::default())?;
        staging.write("manifest.json", 0o600, b"{}")?;
        staging.commit("manifest.json", true)?;
        Ok(written)
    }

    pub(super) fn stage(
        &self,
        staging: &mut Staging,
        host: &dyn Host,
        jobs: usize,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Vec<Written>, OutputError> {
        let names: Vec<String> = (0..self.images.len()).map(|node| format!("node{node}.img")).collect();
        let paths: Vec<PathBuf> = names.iter().map(|name| staging.path(name)).collect();
        let files: Vec<File> = names.iter().map(|name| staging.create(name, 0o600)).collect::<Result<_, _>>()?;
        let targets: Vec<Target<'_>> =
            (0..names.len()).map(|n| Target { path: &paths[n], file: &files[n], image: &self.images[n] }).collect();
        let jobs = NonZeroUsize::new(jobs).unwrap();
        sparse::write(&targets, &Options { jobs, whole: true, host, progress, stop })
    }
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(super) fn small_family() -> Family {
    let images = (0..2u8).map(|node| {
        let mut image = Extents::hole(MIB);
        image.push(literal(0, vec![node + 1; 512]));
        image.push(literal(5 * BLOCK, vec![9; 20_000]));
        image.push(literal(MIB - 700, vec![node + 1; 600]));
        image
    });
    Family { _folder: tempfile::tempdir().unwrap(), images: images.collect() }
}
