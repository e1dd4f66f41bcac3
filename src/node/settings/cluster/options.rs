//! The options that a volume gets: what follows from the profile, what suits computers with little memory and a card for a disk, and on top
//! what the profile sets itself. glusterd's own defaults are for large servers.

use std::collections::BTreeMap;

use crate::profile::{Profile, Volume, VolumeKind};

/// What suits small nodes: a dead node is given up after 15 seconds and not 42, cards are not worn out by logs, and caches and threads are
/// fewer.
const SMALL: [(&str, &str); 5] = [
    ("diagnostics.brick-log-level", "WARNING"),
    ("diagnostics.client-log-level", "WARNING"),
    ("network.ping-timeout", "15"),
    ("performance.cache-size", "32MB"),
    ("performance.io-thread-count", "4"),
];

/// A cache with a size of its own from GlusterFS 10 on (128 MB by default); before, [`SMALL`]'s `performance.cache-size` is its size, too.
const QUICK_READ: (&str, &str) = ("performance.quick-read-cache-size", "32MB");
/// The first version that is sure to have it.
const QUICK_READ_SINCE: u32 = 100_000;

/// All options of the volume, by name.
pub(super) fn of(profile: &Profile, volume: &Volume, operating_version: u32) -> BTreeMap<String, String> {
    let mut options: BTreeMap<String, String> = SMALL.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut set = |name: &str, value: String| {
        options.insert(name.to_owned(), value);
    };
    if operating_version >= QUICK_READ_SINCE {
        set(QUICK_READ.0, QUICK_READ.1.to_owned());
    }
    let addresses = profile.pool().filter_map(|node| node.address).map(|address| address.to_string());
    let allowed: Vec<String> = addresses.chain(volume.clients.iter().cloned()).collect();
    set("auth.allow", allowed.join(","));
    match volume.kind {
        // Two copies that may be split: either of them is written to.
        VolumeKind::Replica { count: 2 } => set("cluster.quorum-type", "none".to_owned()),
        VolumeKind::Replica { .. } | VolumeKind::Arbiter => set("cluster.quorum-type", "auto".to_owned()),
        VolumeKind::Disperse { .. } | VolumeKind::Distribute => {}
    }
    // Where each file is on one node only, stopping the bricks that are left would save nothing.
    if profile.pool().count() >= 3 && volume.kind != VolumeKind::Distribute {
        set("cluster.server-quorum-type", "server".to_owned());
    }
    options.extend(volume.options.clone());
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        node::testing,
        profile::{Public, Volume},
    };

    fn options(kind: VolumeKind, version: u32) -> BTreeMap<String, String> {
        let profile = testing::profile(Public::Name("far.example.org".to_owned()));
        of(&profile, &Volume { kind, ..testing::volume() }, version)
    }

    #[test]
    fn a_small_cluster_gets_small_caches_and_a_quorum() {
        let mut expected = BTreeMap::from(
            [
                ("auth.allow", "192.168.2.5,192.168.2.7,192.168.2.6,10.0.0.0/8"),
                ("cluster.quorum-type", "auto"),
                ("cluster.server-quorum-type", "server"),
                ("diagnostics.brick-log-level", "WARNING"),
                ("diagnostics.client-log-level", "WARNING"),
                ("network.ping-timeout", "20"),
                ("performance.cache-size", "32MB"),
                ("performance.io-thread-count", "4"),
                ("performance.quick-read-cache-size", "32MB"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(options(VolumeKind::Replica { count: 3 }, 100_000), expected, "the profile's own ping-timeout wins");
        expected.remove("performance.quick-read-cache-size");
        assert_eq!(options(VolumeKind::Arbiter, 90_000), expected);
    }

    #[test]
    fn the_quorum_follows_from_the_type() {
        let quorum = |kind| {
            let options = options(kind, 110_000);
            let get = |name: &str| options.get(name).cloned().unwrap_or_default();
            assert!(!get("auth.allow").contains('*') && !get("auth.allow").is_empty());
            [get("cluster.quorum-type"), get("cluster.server-quorum-type")]
        };
        assert_eq!(quorum(VolumeKind::Replica { count: 2 }), ["none", "server"]);
        assert_eq!(quorum(VolumeKind::Disperse { count: 3, redundancy: 1 }), ["", "server"]);
        assert_eq!(quorum(VolumeKind::Distribute), ["", ""]);
    }
}
