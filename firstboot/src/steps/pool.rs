//! Every node of the pool is in it, for itself and for every other.

use std::time::Duration;

use super::{
    glusterd::{self, UNIT},
    systemctl,
};
use crate::{
    config::{NodeConfig, Pool},
    gluster::{
        Gluster, GlusterError,
        answer::{Running, VolumeInfo},
        baked::{self, MODE, PEERS},
        folder,
        membership::{Membership, Standing},
    },
    host::Host,
    step::{Doing as _, Outcome, Step, StepError},
};

/// How often two that do not agree are looked at before it counts as stuck, and the seconds between. What goes well takes a second or two.
const LOOKS: (u32, u64) = (8, 3);
/// Seconds after which it is looked again whether those that were away are there.
const AGAIN: u64 = 10;

/// Every node of the pool is in it, for itself and for every other.
#[derive(Clone, Copy, Debug)]
pub struct PoolStep;

impl Step for PoolStep {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn purpose(&self) -> &'static str {
        "every node is in the pool, for itself and for every other"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let Some(pool) = &config.pool else { return Ok(Outcome::KEPT) };
        let mut changed = false;
        let mut looks = 0;
        loop {
            let now = match Membership::look(&config.node, pool, host) {
                Ok(now) => now,
                Err(GlusterError::Down) => return glusterd::revive(config, host),
                Err(error) => return Err(error.into()),
            };
            if now.is_whole() {
                return Ok(Outcome::Done { changed });
            }
            if let Some(why) = now.wrong() {
                return Ok(Outcome::blocked(why));
            }
            changed |= probe(config, pool, &now, host)?;
            let is_stuck = now.peers.iter().any(|(_, standing)| matches!(standing, Standing::Forgotten | Standing::Unsettled { .. }));
            let is_moving = is_stuck || now.peers.iter().any(|(_, standing)| is_to_be_probed(config, pool, standing));
            if !is_moving && is_served(config, host)? {
                // A node that is away keeps no other from what is there already.
                return Ok(Outcome::Done { changed });
            }
            looks += 1;
            if is_moving && looks < LOOKS.0 {
                host.sleep(Duration::from_secs(LOOKS.1));
                continue;
            }
            return if is_stuck { mend(pool, &now, host) } else { Ok(Outcome::wait(now.awaited(), AGAIN)) };
        }
    }
}

/// For the steps after this one, which need the whole pool and may find it otherwise again: what is awaited, if anything is.
pub(super) fn keep(config: &NodeConfig, host: &mut dyn Host) -> Result<Option<Outcome>, StepError> {
    Ok(match PoolStep.ensure(config, host)? {
        Outcome::Done { .. } => None,
        other => Some(other),
    })
}

/// Whether the volume is there and was started.
fn is_served(config: &NodeConfig, host: &mut dyn Host) -> Result<bool, StepError> {
    let Some(volume) = &config.volume else { return Ok(false) };
    Ok(Gluster::here(host).volume(&volume.name)?.is_some_and(|volume| volume.running == Running::Started))
}

/// Whether a node is to be probed by this one: it knows nobody, or this node does not know its name. So that two do not probe each other at
/// once, only the leader takes in what nobody knows.
fn is_to_be_probed(config: &NodeConfig, pool: &Pool, standing: &Standing) -> bool {
    *standing == Standing::Nameless || (*standing == Standing::Strangers && pool.leader == config.node)
}

/// Probes those that are to be; whether any was.
fn probe(config: &NodeConfig, pool: &Pool, now: &Membership, host: &mut dyn Host) -> Result<bool, StepError> {
    let mut changed = false;
    for (name, standing) in &now.peers {
        if is_to_be_probed(config, pool, standing) {
            match Gluster::here(host).probe(name) {
                Ok(()) => changed = true,
                // What comes of it is seen by looking; it is tried again.
                Err(GlusterError::Refused { .. } | GlusterError::Late(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(changed)
}

/// Where two do not come to agree by themselves, what the image says of the pool is put in place again, and glusterd started on it: its
/// peers take it back. Nothing is taken out of the pool and nobody is forced. Where one rejects the other because they do not know the same
/// of a volume, which of them is right only a person can say.
fn mend(pool: &Pool, now: &Membership, host: &mut dyn Host) -> Result<Outcome, StepError> {
    for (name, standing) in &now.peers {
        let Standing::Unsettled { how, is_rejected: true } = standing else { continue };
        let ours = Gluster::here(host).volumes()?;
        let theirs = match Gluster::at(host, name).volumes() {
            Ok(theirs) => theirs,
            Err(error) => return Ok(Outcome::wait(format!("{how}, and {name} does not tell its volumes: {error}"), AGAIN)),
        };
        let is_other = |volume: &&VolumeInfo| theirs.iter().any(|theirs| theirs.name == volume.name && theirs != *volume);
        if let Some(volume) = ours.iter().find(is_other) {
            let volume = &volume.name;
            return Ok(Outcome::blocked(format!("{how}, and they do not know the same of volume {volume}; nothing is touched")));
        }
    }
    systemctl::order(host, "stop", UNIT)?;
    for (name, _) in folder::peers(host).doing(PEERS)? {
        if !pool.peers.iter().any(|peer| peer.uuid == name) {
            let path = format!("{PEERS}/{name}");
            host.remove(&path).doing(&path)?;
        }
    }
    host.make_folder(PEERS, 0o755).doing(PEERS)?;
    for peer in &pool.peers {
        let path = baked::peer_path(peer);
        host.write(&path, baked::peer_text(peer).as_bytes(), MODE.into()).doing(&path)?;
    }
    systemctl::order(host, "start", UNIT)?;
    Ok(Outcome::wait(format!("the pool comes together again, after this: {}", now.awaited()), 5))
}
