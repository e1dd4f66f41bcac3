//! What is put into an image for glusterd: who this node is, and who the others are.
//!
//! glusterd takes its own files as they are: nodes whose images have them are one pool within seconds of meeting, with no probe at all, and
//! a node that has them cannot be captured by a stranger's probe. The same files make a node that is flashed again come back as itself.

use crate::config::{Peer, Pool};

/// glusterd's folder.
pub const FOLDER: &str = "/var/lib/glusterd";
/// Where it keeps who it is.
pub const INFO: &str = "/var/lib/glusterd/glusterd.info";
/// Where it keeps the others, one file each.
pub const PEERS: &str = "/var/lib/glusterd/peers";
/// Where it keeps volumes, one folder each.
pub const VOLUMES: &str = "/var/lib/glusterd/vols";
/// Mode of all these files.
pub const MODE: u16 = 0o600;

/// Who a glusterd is: `glusterd.info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its UUID.
    pub uuid: String,
    /// The newest format that it may use, such as 100000. glusterd does not start when this is above what it can do.
    pub operating_version: u32,
}

impl Info {
    /// What a node's image says.
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        Self { uuid: pool.uuid.clone(), operating_version: pool.operating_version }
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("UUID={}\noperating-version={}\n", self.uuid, self.operating_version)
    }

    /// Reads the file; none when it has no UUID, as after a power cut. glusterd makes up a new one then.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = value(text, "UUID").filter(|uuid| !uuid.is_empty())?.to_owned();
        let operating_version = value(text, "operating-version").and_then(|number| number.parse().ok()).unwrap_or(0);
        Some(Self { uuid, operating_version })
    }
}

/// The value of `key=value` in one of glusterd's files.
#[must_use]
pub fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::trim)
}

/// Where another node's file is.
#[must_use]
pub fn peer_path(peer: &Peer) -> String {
    format!("{PEERS}/{}", peer.uuid)
}

/// The text of another node's file: it is in the pool (state 3) under its name.
#[must_use]
pub fn peer_text(peer: &Peer) -> String {
    format!("uuid={}\nstate=3\nhostname1={}\n", peer.uuid, peer.name)
}

/// All files that an image gets: paths and texts. Their mode is [`MODE`].
#[must_use]
pub fn files(pool: &Pool) -> Vec<(String, String)> {
    let info = (INFO.to_owned(), Info::of(pool).to_text());
    std::iter::once(info).chain(pool.peers.iter().map(|peer| (peer_path(peer), peer_text(peer)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_glusterds_own() {
        let pool = Pool {
            uuid: "11111111-1111-4111-8111-111111111111".into(),
            operating_version: 100_000,
            leader: "h1".into(),
            peers: vec![Peer { name: "h2".into(), uuid: "22222222-2222-4222-8222-222222222222".into() }],
        };
        let files = files(&pool);
        assert_eq!(files[0].0, "/var/lib/glusterd/glusterd.info");
        assert_eq!(files[0].1, "UUID=11111111-1111-4111-8111-111111111111\noperating-version=100000\n");
        assert_eq!(files[1].0, "/var/lib/glusterd/peers/22222222-2222-4222-8222-222222222222");
        assert_eq!(files[1].1, "uuid=22222222-2222-4222-8222-222222222222\nstate=3\nhostname1=h2\n");
        assert_eq!(Info::parse(&files[0].1), Some(Info::of(&pool)));
    }

    #[test]
    fn what_a_power_cut_leaves_has_no_uuid() {
        assert_eq!(Info::parse(""), None);
        assert_eq!(Info::parse("UUID=\noperating-version=100000\n"), None);
        assert_eq!(Info::parse("UUID=x\n"), Some(Info { uuid: "x".into(), operating_version: 0 }));
    }
}
