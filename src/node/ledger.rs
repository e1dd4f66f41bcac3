//! The ledger: the identities of a cluster, in one file beside the profile.
//!
//! It is what lets a dead card be replaced by building its node again: the same host key, machine id and UUIDs. It holds private keys,
//! so it is made with mode 0600 and refused when others can read it, and no error repeats anything that stands in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de};
use sha2::{Digest as _, Sha256};

use super::{
    file,
    identity::{Identity, RandomError, SshKey, Uuid},
};
use crate::{
    error::{Classified, Kind},
    profile::{NodeName, Profile},
};

/// The format that this program writes and the newest that it reads.
const FORMAT: u64 = 1;
/// A ledger of 10,000 nodes has about 10 MiB.
const MAX_SIZE: u64 = 64 << 20;

/// The identities of a cluster.
#[derive(Clone, Debug)]
pub struct Ledger {
    content: Stored,
    /// Digest of the file it was read from; `None` for a new one.
    origin: Option<[u8; 32]>,
    provisional: bool,
}

/// The file itself; the order of the fields is that in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u64,
    cluster: String,
    epoch: i64,
    root_uuid: Uuid,
    hash_seed: Uuid,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    operator_key: Option<SshKey>,
    #[serde(deserialize_with = "nodes_without_duplicates")]
    nodes: BTreeMap<String, Identity>,
}

/// What can be wrong with a ledger. No message repeats what stands in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Reading failed.
    #[error("reading the ledger `{}` failed", path.display())]
    Read {
        /// The ledger.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Writing failed; what stood there before still stands there.
    #[error("writing the ledger `{}` failed", path.display())]
    Write {
        /// The ledger.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Others than its owner can read it.
    #[error("the ledger `{}` holds private keys but has mode {mode:04o}: others than its owner can read or change it", path.display())]
    Exposed {
        /// The ledger.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a ledger, or damaged.
    #[error("the ledger `{}` is damaged in line {line}, column {column}: {reason}", path.display())]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// Line, from 1; 0 where there is none.
        line: usize,
        /// Column, from 1; 0 where there is none.
        column: usize,
        /// What was expected there.
        reason: &'static str,
    },
    /// It comes from a newer berry-image.
    #[error("the ledger `{}` has format {got}; this program knows formats up to {FORMAT}", path.display())]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its format.
        got: u64,
    },
    /// It belongs to another cluster.
    #[error("the ledger belongs to the cluster `{got}`, not to `{expected}`")]
    OtherCluster {
        /// Cluster of the ledger.
        got: String,
        /// Cluster of the profile.
        expected: String,
    },
    /// Another run changed it meanwhile.
    #[error("the ledger `{}` was changed by another run", path.display())]
    Changed {
        /// The ledger.
        path: PathBuf,
    },
    /// A ledger made for `plan` was to be saved.
    #[error("identities made only for a plan were to be saved")]
    Provisional,
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl Classified for LedgerError {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { .. } | Self::Write { .. } | Self::Random(_) | Self::Provisional => Kind::Io,
            Self::Damaged { .. } => Kind::Corrupt,
            Self::Newer { .. } => Kind::Unsupported,
            Self::Exposed { .. } | Self::OtherCluster { .. } | Self::Changed { .. } => Kind::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Exposed { path, .. } => Some(format!("if nobody has read it: chmod 600 {}", path.display())),
            Self::Damaged { .. } => Some("put your backup of it in its place; without it the nodes get new identities".to_owned()),
            Self::Newer { .. } => Some("use the berry-image that wrote it, or a newer one".to_owned()),
            Self::OtherCluster { .. } => {
                Some("give each cluster its own ledger; after renaming a cluster, change the name in its ledger too".to_owned())
            }
            Self::Changed { .. } => Some("run the command again".to_owned()),
            _ => None,
        }
    }
}

impl Ledger {
    /// The ledger at `path`, or `None` when there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, is readable by others, damaged, or of a newer format.
    pub fn load(path: &Path) -> Result<Option<Self>, LedgerError> {
        let read = |source| LedgerError::Read { path: path.to_owned(), source };
        let Some((bytes, mode)) = file::read(path, MAX_SIZE).map_err(read)? else { return Ok(None) };
        if mode & 0o077 != 0 {
            return Err(LedgerError::Exposed { path: path.to_owned(), mode });
        }
        let content = parse(&bytes, path)?;
        Ok(Some(Self { content, origin: Some(Sha256::digest(&bytes).into()), provisional: false }))
    }

    /// A new ledger for the cluster of `profile`, with all its nodes; `epoch` (seconds since 1970) is the time of this first build or
    /// `SOURCE_DATE_EPOCH`.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn create(profile: &Profile, epoch: i64) -> Result<Self, LedgerError> {
        let content = Stored {
            format: FORMAT,
            cluster: profile.cluster.clone(),
            epoch,
            root_uuid: Uuid::random()?,
            hash_seed: Uuid::random()?,
            operator_key: None,
            nodes: BTreeMap::new(),
        };
        let mut ledger = Self { content, origin: None, provisional: false };
        ledger.ensure(profile)?;
        Ok(ledger)
    }

    /// Identities for a plan, which writes nothing: as [`Ledger::create`], but [`Ledger::save`] refuses them.
    ///
    /// # Errors
    /// As [`Ledger::create`].
    pub fn provisional(profile: &Profile, epoch: i64) -> Result<Self, LedgerError> {
        Ok(Self { provisional: true, ..Self::create(profile, epoch)? })
    }

    /// The same ledger, only for a plan.
    #[must_use]
    pub fn into_provisional(self) -> Self {
        Self { provisional: true, ..self }
    }

    /// Whether these identities are only for a plan.
    #[must_use]
    pub const fn is_provisional(&self) -> bool {
        self.provisional
    }

    /// Adds what the profile needs and the ledger does not have: identities of new nodes, and a key for the operator when the profile
    /// lists none. Nothing that is there is changed, and nodes that left the profile are kept: they may come back. Returns whether
    /// anything was added.
    ///
    /// # Errors
    /// When the ledger is another cluster's, or the operating system has no random numbers.
    pub fn ensure(&mut self, profile: &Profile) -> Result<bool, LedgerError> {
        if self.content.cluster != profile.cluster {
            return Err(LedgerError::OtherCluster { got: self.content.cluster.clone(), expected: profile.cluster.clone() });
        }
        let mut changed = false;
        for node in &profile.nodes {
            let name = node.name.as_str();
            if !self.content.nodes.contains_key(name) {
                // Among 40 nodes two equal disk ids have a chance of 1 in 5 million: small, but a clash is hard to find later.
                let mut identity = Identity::random(name)?;
                while self.content.nodes.values().any(|other| clashes(&identity, other)) {
                    identity = Identity::random(name)?;
                }
                self.content.nodes.insert(name.to_owned(), identity);
                changed = true;
            }
        }
        if profile.user.keys.is_empty() && self.content.operator_key.is_none() {
            self.content.operator_key = Some(SshKey::random(&format!("operator@{}", profile.cluster))?);
            changed = true;
        }
        Ok(changed)
    }

    /// Writes the ledger to `path`, all or nothing, with mode 0600.
    ///
    /// # Errors
    /// When writing fails, when the file is not the one that was loaded, or when the identities are only for a plan.
    pub fn save(&mut self, path: &Path) -> Result<(), LedgerError> {
        if self.provisional {
            return Err(LedgerError::Provisional);
        }
        let write = |source: io::Error| LedgerError::Write { path: path.to_owned(), source };
        let mut bytes = serde_json::to_vec_pretty(&self.content).map_err(|error| write(error.into()))?;
        bytes.push(b'\n');
        let unchanged = file::replace(path, &bytes, self.origin).map_err(write)?;
        if !unchanged {
            return Err(LedgerError::Changed { path: path.to_owned() });
        }
        self.origin = Some(Sha256::digest(&bytes).into());
        Ok(())
    }

    /// Time of the first build, in seconds since 1970.
    #[must_use]
    pub const fn epoch(&self) -> i64 {
        self.content.epoch
    }

    /// UUID of the root file system of all nodes.
    #[must_use]
    pub const fn root_uuid(&self) -> Uuid {
        self.content.root_uuid
    }

    /// Seed of the hashes in the folders of the root file system of all nodes.
    #[must_use]
    pub const fn hash_seed(&self) -> Uuid {
        self.content.hash_seed
    }

    /// The key that lets the operator in when the profile lists none.
    #[must_use]
    pub const fn operator_key(&self) -> Option<&SshKey> {
        self.content.operator_key.as_ref()
    }

    /// The identity of a node, if it has one yet.
    #[must_use]
    pub fn identity(&self, node: &NodeName) -> Option<&Identity> {
        self.content.nodes.get(node.as_str())
    }

    /// The names of all nodes that it knows, with their identities.
    pub fn identities(&self) -> impl Iterator<Item = (&str, &Identity)> {
        self.content.nodes.iter().map(|(name, identity)| (name.as_str(), identity))
    }
}

/// Whether two nodes share something that no two nodes may share.
fn clashes(a: &Identity, b: &Identity) -> bool {
    a.disk_id == b.disk_id
        || a.brick_uuid == b.brick_uuid
        || a.machine_id == b.machine_id
        || a.gluster_uuid == b.gluster_uuid
        || a.connection_uuid == b.connection_uuid
        || a.ssh_host_key.public_without_comment() == b.ssh_host_key.public_without_comment()
}

fn parse(bytes: &[u8], path: &Path) -> Result<Stored, LedgerError> {
    /// Only the version: what else stands there may be unknown.
    #[derive(Deserialize)]
    struct Version {
        format: u64,
    }
    // The texts of serde_json may quote what stands in the file, so only its place and category are passed on.
    let damaged = |error: &serde_json::Error| LedgerError::Damaged {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        reason: match error.classify() {
            serde_json::error::Category::Data => "a value is wrong, missing, doubled or unknown",
            serde_json::error::Category::Eof => "it ends too early",
            _ => "it is not JSON",
        },
    };
    let version: Version = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
    if version.format > FORMAT {
        return Err(LedgerError::Newer { path: path.to_owned(), got: version.format });
    }
    let content: Stored = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
    let bad = |reason| LedgerError::Damaged { path: path.to_owned(), line: 0, column: 0, reason };
    if content.format != FORMAT {
        return Err(bad("its format is 0"));
    }
    if content.nodes.keys().any(|name| NodeName::new(name).is_none()) {
        return Err(bad("a node's name is not a host name"));
    }
    if !are_distinct(&content.nodes) {
        return Err(bad("two nodes share an identity"));
    }
    Ok(content)
}

fn are_distinct(nodes: &BTreeMap<String, Identity>) -> bool {
    let distinct = |values: BTreeSet<String>| values.len() == nodes.len();
    distinct(nodes.values().map(|node| node.disk_id.to_string()).collect())
        && distinct(nodes.values().map(|node| node.brick_uuid.to_string()).collect())
        && distinct(nodes.values().map(|node| node.machine_id.to_string()).collect())
        && distinct(nodes.values().map(|node| node.gluster_uuid.to_string()).collect())
        && distinct(nodes.values().map(|node| node.connection_uuid.to_string()).collect())
        && distinct(nodes.values().map(|node| node.ssh_host_key.public_without_comment()).collect())
}

/// A map as serde reads it keeps the last of two equal keys; an identity must not get lost that way.
fn nodes_without_duplicates<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Identity>, D::Error> {
    struct Nodes;
    impl<'de> de::Visitor<'de> for Nodes {
        type Value = BTreeMap<String, Identity>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the nodes by name")
        }

        fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut nodes = BTreeMap::new();
            while let Some((name, identity)) = access.next_entry::<String, Identity>()? {
                if nodes.insert(name, identity).is_some() {
                    return Err(de::Error::custom("a node stands there twice"));
                }
            }
            Ok(nodes)
        }
    }
    deserializer.deserialize_map(Nodes)
}

#[cfg(test)]
mod tests;
