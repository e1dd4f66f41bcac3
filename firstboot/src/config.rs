//! The contract between the program that makes images and the node: what a node is to become.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;
/// Where it stands on a node.
pub const PATH: &str = "/etc/berry-image/node.json";

/// What a node is to become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// [`FORMAT`] when it was written.
    pub format: u32,
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the node, by which the others know it.
    pub node: String,
    /// When the image was made, in seconds since 1970: no clock is before it.
    pub epoch: i64,
    /// The third partition.
    pub brick: Brick,
    /// The packages that were unpacked.
    pub packages: Packages,
    /// The trusted pool, where the node is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// The volume, where there is one and the node is in its pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
    /// The web server, where it is to serve the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<Web>,
    /// The status file on the boot partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusFile>,
}

/// The partition that holds the brick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brick {
    /// Number of the partition, from 1.
    pub partition: u32,
    /// Its UUID as `/dev/disk/by-partuuid` spells it.
    pub partition_uuid: String,
    /// UUID of its ext4, in lower case with hyphens.
    pub uuid: String,
    /// Where it is mounted.
    pub mount: String,
    /// Bytes at which the partition stops to grow; none: the end of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<u64>,
}

/// What is to be done with packages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// Whether any are unpacked and to be configured, or to be removed.
    pub pending: bool,
    /// Packages that are put on hold once they are configured, because the image's dpkg would not configure what is on hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold: Vec<String>,
}

/// The trusted pool as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// glusterd's UUID of this node.
    pub uuid: String,
    /// glusterd's operating version of the packages in the image, such as 100000.
    pub operating_version: u32,
    /// Name of the node that makes the volume.
    pub leader: String,
    /// The other nodes, in the profile's order.
    pub peers: Vec<Peer>,
}

/// Another node of the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name, which `/etc/hosts` has.
    pub name: String,
    /// glusterd's UUID of it.
    pub uuid: String,
}

/// The volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// How bricks are put together.
    pub kind: VolumeKind,
    /// Its bricks, in the order in which glusterd gets them.
    pub bricks: Vec<VolumeBrick>,
    /// Options of `gluster volume set`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Where each node mounts it.
    pub mount: String,
}

/// How bricks are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum VolumeKind {
    /// Each file on one brick.
    Distribute,
    /// Each file on `count` bricks; with more bricks than that, files are spread over the sets.
    Replica {
        /// Bricks of a set.
        count: u32,
    },
    /// Each file on two bricks, with a third that knows only names and metadata; the last of each three is that one.
    Arbiter,
    /// Each file in pieces over `count` bricks, `redundancy` of which may be lost.
    Disperse {
        /// Bricks of a set.
        count: u32,
        /// Bricks of a set that may be lost.
        redundancy: u32,
    },
}

/// A brick of the volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeBrick {
    /// Name of the node.
    pub node: String,
    /// Its folder there.
    pub path: String,
}

/// As glusterd writes it: `node:/path`.
impl fmt::Display for VolumeBrick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.path)
    }
}

/// The web server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// The folder that is served, in the volume.
    pub root: String,
    /// The file without which it answers 503; the leader makes it on the volume.
    pub marker: String,
    /// The unit of systemd.
    pub unit: String,
    /// What is to be on and off of it, whatever its package did when it was configured. What is to be on is in the image already; what is
    /// to be off, and was switched on by the package, can only be switched off after that: before the unit is started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apache: Vec<Switch>,
}

/// Something that can be on or off of Debian's Apache (a2enmod(8)); [`crate::baked`] says by which program and link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// What it is.
    pub kind: SwitchKind,
    /// Its name, without a suffix.
    pub name: String,
    /// Whether it is to be on.
    pub on: bool,
}

/// What can be on or off of Debian's Apache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchKind {
    /// A module.
    Module,
    /// A file of settings.
    Conf,
    /// A site.
    Site,
}

/// A file that is overwritten in place, so that no metadata of its file system is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusFile {
    /// Where it is.
    pub path: String,
    /// Its size in bytes, which it keeps.
    pub size: u64,
}

/// Why a text is no [`NodeConfig`] that this version understands.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is no JSON of this shape: where, and why.
    Damaged(serde_json::Error),
    /// It was written by a newer version.
    Newer(u32),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(error) => write!(f, "it is damaged: {error}"),
            Self::Newer(format) => write!(f, "it has format {format}, and this program knows formats up to {FORMAT}"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl NodeConfig {
    /// Reads it.
    ///
    /// # Errors
    /// When it is damaged or of a newer format.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        // A newer one may have keys that are unknown here: its number comes first.
        let head: Head = serde_json::from_slice(bytes).map_err(ConfigError::Damaged)?;
        if head.format > FORMAT {
            return Err(ConfigError::Newer(head.format));
        }
        serde_json::from_slice(bytes).map_err(ConfigError::Damaged)
    }

    /// The text that [`NodeConfig::parse`] reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Whether this node makes the volume.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.pool.as_ref().is_some_and(|pool| pool.leader == self.node)
    }

    /// The bricks of the volume that are on this node.
    pub fn own_bricks(&self) -> impl Iterator<Item = &VolumeBrick> {
        self.volume.iter().flat_map(|volume| &volume.bricks).filter(|brick| brick.node == self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NodeConfig {
        NodeConfig {
            format: FORMAT,
            cluster: "cluster01".into(),
            node: "cluster01".into(),
            epoch: 1_700_000_000,
            brick: Brick {
                partition: 3,
                partition_uuid: "deadbeef-03".into(),
                uuid: "01020304-0506-4708-890a-0b0c0d0e0f10".into(),
                mount: "/export".into(),
                cap: None,
            },
            packages: Packages { pending: true, hold: Vec::new() },
            pool: None,
            volume: Some(Volume {
                name: "volpi".into(),
                kind: VolumeKind::Replica { count: 3 },
                bricks: vec![VolumeBrick { node: "cluster01".into(), path: "/export/brick".into() }],
                options: BTreeMap::new(),
                mount: "/mnt/www".into(),
            }),
            web: None,
            status: None,
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let config = config();
        assert_eq!(NodeConfig::parse(config.to_text().as_bytes()).unwrap(), config);
        assert!(!config.is_leader());
        assert_eq!(config.own_bricks().count(), 1);
    }

    #[test]
    fn a_newer_format_and_unknown_keys_are_refused() {
        let newer = "{\"format\": 2, \"colour\": \"red\"}";
        assert_eq!(NodeConfig::parse(newer.as_bytes()).unwrap_err().to_string(), "it has format 2, and this program knows formats up to 1");
        let odd = config().to_text().replacen("\"cluster\"", "\"colour\": 1, \"cluster\"", 1);
        assert!(NodeConfig::parse(odd.as_bytes()).unwrap_err().to_string().contains("unknown field `colour`"));
        for end in 0..odd.len() {
            assert!(NodeConfig::parse(&odd.as_bytes()[..end]).is_err());
        }
    }
}
