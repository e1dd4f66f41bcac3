//! How this node and each other one of the pool see each other.

use std::time::Duration;

use super::{
    Gluster, GlusterError, PORT,
    answer::{Peer, PoolView},
};
use crate::{
    config::{self, Pool},
    host::Host,
};

/// How long another node may take to accept a connection. A probe of one that does not would hang for two minutes, and all else with it.
const CONNECT: Duration = Duration::from_secs(3);
/// The UUID of a node that is not known yet.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// How this node and another one see each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Both are in the pool for each other, by their names.
    Good,
    /// It is not there, or not so far: what is awaited.
    Away(String),
    /// Neither knows the other, and it knows nobody: it can be probed.
    Strangers,
    /// It is in the pool, but this node does not know its name.
    Nameless,
    /// It knows this node, or others of the pool, and this node does not know it.
    Forgotten,
    /// They know each other, but at least one of them takes the other for something else than a member: in words.
    Unsettled {
        /// How they see each other.
        how: String,
        /// Whether one of them rejects the other.
        is_rejected: bool,
    },
    /// Only a person can say what is right: why.
    Wrong(String),
}

/// The pool, seen from this node and from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Why only a person can say what is right, where this node itself is in a pool with a stranger; then the others are not looked at.
    pub captured: Option<String>,
    /// The others by name, in the profile's order.
    pub peers: Vec<(String, Standing)>,
}

impl Membership {
    /// Looks around.
    ///
    /// # Errors
    /// When this node's own glusterd does not answer.
    pub fn look(node: &str, pool: &Pool, host: &mut dyn Host) -> Result<Self, GlusterError> {
        let ours = Gluster::here(host).pool()?;
        if let Some(stranger) = find_stranger(&ours, pool) {
            let advice = "which is not of this cluster; `gluster peer detach` there, or flash it again";
            return Ok(Self { captured: Some(format!("this node is in a pool with {stranger}, {advice}")), peers: Vec::new() });
        }
        let peers = pool.peers.iter().map(|peer| (peer.name.clone(), stand(node, pool, peer, &ours, host))).collect();
        Ok(Self { captured: None, peers })
    }

    /// Whether all are in the pool for all.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.captured.is_none() && self.peers.iter().all(|(_, standing)| *standing == Standing::Good)
    }

    /// Why only a person can say what is right, if it is so.
    #[must_use]
    pub fn wrong(&self) -> Option<&str> {
        let of_peers = self.peers.iter().find_map(|(_, standing)| match standing {
            Standing::Wrong(why) => Some(why),
            _ => None,
        });
        self.captured.as_ref().or(of_peers).map(String::as_str)
    }

    /// What is awaited, for people.
    #[must_use]
    pub fn awaited(&self) -> String {
        let words = self.peers.iter().filter_map(|(name, standing)| match standing {
            Standing::Good => None,
            Standing::Away(what) => Some(what.clone()),
            Standing::Strangers | Standing::Nameless | Standing::Forgotten => Some(format!("{name} is not in the pool yet")),
            Standing::Unsettled { how, .. } => Some(how.clone()),
            Standing::Wrong(why) => Some(why.clone()),
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

/// A node in a pool that is not of ours: its name.
fn find_stranger(view: &PoolView, pool: &Pool) -> Option<String> {
    let is_ours = |peer: &&Peer| {
        peer.uuid == pool.uuid || pool.peers.iter().any(|ours| ours.uuid == peer.uuid || (peer.uuid == NOBODY && peer.has_name(&ours.name)))
    };
    view.others.iter().find(|peer| !is_ours(peer)).map(|peer| format!("{} ({})", peer.names.join(", "), peer.uuid))
}

/// How this node and another one see each other.
fn stand(node: &str, pool: &Pool, peer: &config::Peer, ours: &PoolView, host: &mut dyn Host) -> Standing {
    let name = &peer.name;
    if !host.connects(name, PORT, CONNECT) {
        return Standing::Away(format!("{name} does not answer on port {PORT}"));
    }
    let theirs = match Gluster::at(host, name).pool() {
        Ok(theirs) => theirs,
        Err(error) => return Standing::Away(format!("{name} accepts connections and does not say who is in its pool: {error}")),
    };
    if theirs.own.as_deref() == Some(pool.uuid.as_str()) {
        let why = "has the UUID of this node: one image on two cards, or its name leads here";
        return Standing::Wrong(format!("{name} {why}; give each card its own image"));
    }
    if let Some(stranger) = find_stranger(&theirs, pool) {
        return Standing::Wrong(format!("{name} is in another pool, with {stranger}; flash it again, or take it out of that pool"));
    }
    match theirs.own.as_deref() {
        Some(own) if own == peer.uuid => {}
        Some(own) => {
            let wanted = &peer.uuid;
            return Standing::Away(format!(
                "{name} answers as {own}, and its image makes it {wanted}: it is not so far yet, or was not made for this cluster"
            ));
        }
        None => return Standing::Away(format!("{name} does not say who it is")),
    }
    match (ours.find(&peer.uuid), theirs.find(&pool.uuid)) {
        (None, None) if theirs.others.is_empty() => Standing::Strangers,
        (None, _) => Standing::Forgotten,
        (Some(_), None) => Standing::Away(format!("{name} does not know this node; its own program mends that")),
        (Some(theirs), Some(ours)) => judge(node, name, theirs, ours),
    }
}

/// How two that know each other stand: `it` as this node sees it, `we` as it sees this node.
fn judge(node: &str, name: &str, it: &Peer, we: &Peer) -> Standing {
    if it.state != 3 || we.state != 3 {
        let how = format!("{name} is `{}` for this node, which is `{}` for it", it.state_text, we.state_text);
        return Standing::Unsettled { how, is_rejected: it.state == 6 || we.state == 6 };
    }
    if !it.is_connected || !we.is_connected {
        return Standing::Away(format!("{name} and this node know each other and are not connected yet"));
    }
    if !it.has_name(name) {
        return Standing::Nameless;
    }
    if !we.has_name(node) {
        return Standing::Away(format!("{name} knows this node as {} only; its own program mends that", we.names.join(", ")));
    }
    Standing::Good
}
