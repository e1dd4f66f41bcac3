//! A volume that is not there yet.

use std::time::Duration;

use super::{AGAIN, Trouble, confirmation};
use crate::steps::pool;
use crate::{
    config::{NodeConfig, Volume},
    gluster::{
        Gluster, GlusterError,
        answer::{Running, VolumeInfo},
        brick::{self, Brick},
    },
    host::Host,
    step::{Doing as _, Outcome},
};

/// How long a stamp must have been there, with no volume for it, before it counts as a dead creation's: one that is alive takes seconds.
const STALE: (u32, Duration) = (12, Duration::from_secs(5));

/// What the pool knows of volumes, when all of it could be asked.
struct Known {
    /// The nodes that know the volume.
    knowing: Vec<String>,
    /// UUIDs of all volumes that any of them knows.
    ids: Vec<String>,
}

/// Asks every node. Nothing is made, or cleared away, before all have answered.
fn ask_all(config: &NodeConfig, volume: &Volume, host: &mut dyn Host) -> Result<Result<Known, Outcome>, Trouble> {
    let Some(pool) = &config.pool else {
        return Ok(Err(Outcome::blocked("this node is to have a volume and is in no pool: its configuration is wrong")));
    };
    if let Some(outcome) = pool::keep(config, host)? {
        return Ok(Err(outcome));
    }
    let mut known = Known { knowing: Vec::new(), ids: Vec::new() };
    let mut volumes = Gluster::here(host).volumes()?;
    for peer in &pool.peers {
        let theirs = match Gluster::at(host, &peer.name).volumes() {
            Ok(theirs) => theirs,
            Err(error) => return Ok(Err(Outcome::wait(format!("{} does not tell its volumes: {error}", peer.name), AGAIN))),
        };
        if theirs.iter().any(|theirs| theirs.name == volume.name) {
            known.knowing.push(peer.name.clone());
        }
        volumes.extend(theirs);
    }
    known.ids = volumes.into_iter().map(|volume| volume.id).collect();
    Ok(Ok(known))
}

/// What stands in the way of creating the volume on this node, if anything. What a dead creation left is cleared away.
fn clear(config: &NodeConfig, volume: &Volume, is_over: bool, host: &mut dyn Host) -> Result<Option<Outcome>, Trouble> {
    for own in config.own_bricks() {
        let path = &own.path;
        let found = Brick::look(host, path).doing(path)?;
        if found.is_unused() {
            continue;
        }
        if found.has_data {
            let whose = found.stamp.map_or_else(|| "no volume's".to_owned(), |stamp| format!("volume {stamp}'s"));
            let name = &volume.name;
            let reason = format!("{path} has files ({whose}), and nobody in the pool knows the volume {name}; nothing is touched");
            return Ok(Some(Outcome::blocked(reason)));
        }
        if !is_over {
            for _ in 0..STALE.0 {
                host.sleep(STALE.1);
                // A volume that appears, or a stamp that changes, shows that somebody is at work.
                if Gluster::here(host).volume(&volume.name)?.is_some() || Brick::look(host, path).doing(path)? != found {
                    return Ok(Some(Outcome::wait("a volume is being made", AGAIN)));
                }
            }
            match ask_all(config, volume, host)? {
                Err(outcome) => return Ok(Some(outcome)),
                Ok(known) if !known.knowing.is_empty() || found.stamp.as_ref().is_some_and(|stamp| known.ids.contains(stamp)) => {
                    return Ok(Some(Outcome::wait(format!("{path} is stamped, and its volume comes from the others"), AGAIN)));
                }
                Ok(_) => {}
            }
        }
        brick::unmark(host, path).doing(path)?;
    }
    Ok(None)
}

/// What stands in the way of a volume, on any node, if anything.
fn prepare(config: &NodeConfig, volume: &Volume, host: &mut dyn Host) -> Result<Option<Outcome>, Trouble> {
    match ask_all(config, volume, host)? {
        Err(outcome) => Ok(Some(outcome)),
        Ok(known) if !known.knowing.is_empty() => Ok(Some(coming(&known))),
        Ok(_) => clear(config, volume, false, host),
    }
}

/// The leader makes the volume when all are there and no brick is in use.
pub(super) fn create(config: &NodeConfig, volume: &Volume, host: &mut dyn Host) -> Result<Outcome, Trouble> {
    if let Some(outcome) = prepare(config, volume, host)? {
        return Ok(outcome);
    }
    match Gluster::here(host).create(volume) {
        // What is there counts, not the answer.
        Ok(()) => Ok(Outcome::wait(format!("the volume {} was made just now", volume.name), 1)),
        Err(error @ (GlusterError::Down | GlusterError::Late(_) | GlusterError::Start { .. } | GlusterError::Odd { .. })) => {
            Err(error.into())
        }
        Err(error) => {
            // An attempt that was answered is over, and its stamp here is nobody's. One that came no further than the lock, or than a stamp
            // that it found here, has left none: that stamp may be of a creation that goes on.
            if !error.is_busy()
                && !finds_stamp_here(config, &error)
                && Gluster::here(host).volume(&volume.name)?.is_none()
                && let Some(outcome) = clear(config, volume, true, host)?
            {
                return Ok(outcome);
            }
            match &error {
                GlusterError::Refused { said, .. } if said.contains("is already part of a volume") => {
                    Ok(Outcome::wait(format!("a brick is not free: {said}; its own node clears it, or says why not"), 10))
                }
                _ => Err(error.into()),
            }
        }
    }
}

/// Whether a creation was refused because of a brick of this node. Of another's it says `Staging failed on NODE` first.
fn finds_stamp_here(config: &NodeConfig, error: &GlusterError) -> bool {
    let GlusterError::Refused { said, .. } = error else { return false };
    let is_here = config.own_bricks().any(|brick| said.starts_with(&brick.path));
    is_here && said.contains("is already part of a volume")
}

/// The others wait for the leader, and clear away meanwhile what a dead creation left here.
pub(super) fn await_creation(config: &NodeConfig, volume: &Volume, host: &mut dyn Host) -> Result<Outcome, Trouble> {
    if let Some(outcome) = prepare(config, volume, host)? {
        return Ok(outcome);
    }
    let leader = config.pool.as_ref().map_or("the leader", |pool| pool.leader.as_str());
    Ok(Outcome::wait(format!("{leader} has not made the volume {} yet", volume.name), AGAIN))
}

fn coming(known: &Known) -> Outcome {
    Outcome::wait(format!("the volume comes from {}, which know it already", known.knowing.join(", ")), AGAIN)
}

/// Whether every node knows the same volume, and has its bricks ready for it; what is awaited where one does not. A volume that was started
/// once has passed this.
pub(super) fn agree(config: &NodeConfig, info: &VolumeInfo, host: &mut dyn Host) -> Result<Option<Outcome>, Trouble> {
    let Some(pool) = &config.pool else { return Ok(None) };
    if info.running == Running::Started {
        return Ok(None);
    }
    if let Some(outcome) = pool::keep(config, host)? {
        return Ok(Some(outcome));
    }
    for peer in &pool.peers {
        let name = &peer.name;
        match Gluster::at(host, name).volume(&info.name) {
            Ok(Some(theirs)) if theirs.id == info.id => {
                let has_brick = config.volume.iter().flat_map(|volume| &volume.bricks).any(|brick| brick.node == *name);
                if has_brick && !theirs.options.contains_key(&confirmation(name)) {
                    return Ok(Some(Outcome::wait(format!("{name} has not said yet that its brick is ready"), AGAIN)));
                }
            }
            Ok(Some(theirs)) => {
                let (id, volume) = (theirs.id, &info.name);
                return Ok(Some(Outcome::blocked(format!("{volume} is {id} on {name} and {} here; nothing is touched", info.id))));
            }
            Ok(None) => return Ok(Some(Outcome::wait(format!("{name} does not know the volume {} yet", info.name), AGAIN))),
            Err(error) => return Ok(Some(Outcome::wait(format!("{name} does not tell its volumes: {error}"), AGAIN))),
        }
    }
    Ok(None)
}
