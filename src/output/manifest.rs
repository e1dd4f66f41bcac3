//! `manifest.json`: the record of a build, and the proof that it was finished, since it gets its name last.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

/// Version of the format below; a newer one is not read.
const FORMAT: u32 = 1;
/// No manifest is larger: forty nodes with a thousand ranges each stay below 10 MiB.
const MAX_SIZE: u64 = 64 << 20;

/// The record of a build. It holds no secret and nothing of the computer that built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format.
    pub format: u32,
    /// Name and version of the program.
    pub program: String,
    /// Name of the cluster.
    pub cluster: String,
    /// The base that the images were made of.
    pub base: BaseEntry,
    /// All made-up times in the images, in seconds since 1970.
    pub epoch: i64,
    /// The images, in the order of the profile.
    pub images: Vec<ImageEntry>,
}

/// The base of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseEntry {
    /// As it calls itself.
    pub name: String,
    /// SHA-256 of the raw image, in hexadecimal digits.
    pub sha256: String,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageEntry {
    /// Name of the node.
    pub node: String,
    /// Name of the file beside the manifest.
    pub file: String,
    /// Size in bytes.
    pub size: u64,
    /// Bytes that are more than holes and zeroes.
    pub used: u64,
    /// One digest over the list of ranges (see [`crate::output::digest::Ranges::sum`]).
    pub digest: String,
    /// SHA-256 that the whole file must have, where it was asked for: made from its sources, not read back, so that it tells a file that
    /// was written wrongly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What a card must get; everything else may stay as it is there, and is zero in the file.
    pub ranges: Vec<RangeEntry>,
}

/// A run of bytes of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeEntry {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
    /// SHA-256 of the bytes, in hexadecimal digits; none for zeroes, which a card must get all the same.
    pub sha256: Option<String>,
}

/// What stands under the name of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No file.
    Nothing,
    /// A manifest.
    Manifest(Box<Manifest>),
    /// A file that this version does not understand: of a newer one, or damaged.
    Other,
}

impl Manifest {
    /// A manifest without images.
    #[must_use]
    pub fn new(cluster: &str, base: BaseEntry, epoch: i64) -> Self {
        let program = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { format: FORMAT, program, cluster: cluster.to_owned(), base, epoch, images: Vec::new() }
    }

    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub fn load(path: &Path) -> io::Result<Found> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
            Ok(metadata) if metadata.len() > MAX_SIZE => return Ok(Found::Other),
            Ok(_) => {}
        }
        let manifest = serde_json::from_slice(&fs::read(path)?).ok().filter(|manifest: &Self| manifest.format == FORMAT);
        Ok(manifest.map_or(Found::Other, |manifest| Found::Manifest(Box::new(manifest))))
    }

    /// Whether images listed in both manifests belong to one build: same program, cluster, base and epoch.
    #[must_use]
    pub fn is_of_same_build(&self, other: &Self) -> bool {
        (&self.program, &self.cluster, &self.base, self.epoch) == (&other.program, &other.cluster, &other.base, other.epoch)
    }

    /// The file's bytes.
    ///
    /// # Panics
    /// Never: all keys are texts.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("all keys are texts");
        json.push(b'\n');
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_a_newer_format_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        assert_eq!(Manifest::load(&path).unwrap(), Found::Nothing);
        let mut manifest = Manifest::new("cluster01", BaseEntry { name: "debian:bookworm".into(), sha256: "00".repeat(32) }, 7);
        manifest.images.push(ImageEntry {
            node: "cluster01".into(),
            file: "cluster01.img".into(),
            size: 4096,
            used: 512,
            digest: "11".repeat(32),
            sha256: None,
            ranges: vec![RangeEntry { offset: 0, length: 512, sha256: Some("22".repeat(32)) }],
        });
        fs::write(&path, manifest.to_json()).unwrap();
        assert_eq!(Manifest::load(&path).unwrap(), Found::Manifest(Box::new(manifest.clone())));
        let newer = String::from_utf8(manifest.to_json()).unwrap().replace("\"format\": 1", "\"format\": 2");
        fs::write(&path, newer).unwrap();
        assert_eq!(Manifest::load(&path).unwrap(), Found::Other);
    }
}
