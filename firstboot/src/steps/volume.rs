//! The volume is there, and runs on all its bricks.

mod make;
mod own_brick;
mod volfiles;

use std::time::Duration;

use super::{glusterd, pool};
use crate::{
    config::{NodeConfig, Volume, VolumeKind},
    gluster::{
        Gluster, GlusterError,
        answer::{BrickStatus, Running, VolumeInfo},
    },
    host::{Command, Host},
    step::{Outcome, Step, StepError, carry_out},
};

/// Seconds after which it is looked again for what others do.
const AGAIN: u64 = 5;
/// How often it is looked, a second apart, whether a brick comes up by itself after glusterd's start.
const BRICK_LOOKS: u32 = 8;

/// The volume is there, and runs on all its bricks. The leader makes it; on the others this waits for it, and for their own bricks.
#[derive(Clone, Copy, Debug)]
pub struct VolumeStep;

impl Step for VolumeStep {
    fn name(&self) -> &'static str {
        "volume"
    }

    fn purpose(&self) -> &'static str {
        "the volume is there, and runs on all its bricks"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let Some(volume) = &config.volume else { return Ok(Outcome::KEPT) };
        match steps(config, volume, host) {
            Ok(outcome) => Ok(outcome),
            Err(Trouble::Gluster(GlusterError::Down)) => glusterd::revive(config, host),
            Err(Trouble::Gluster(error)) if error.is_busy() => Ok(Outcome::wait(
                "another order is being carried out in the pool; the lock of one that died goes away after 180 seconds",
                10,
            )),
            Err(Trouble::Gluster(error)) => Err(error.into()),
            Err(Trouble::Step(error)) => Err(error),
        }
    }
}

/// What can go wrong, before it is sorted.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Gluster(#[from] GlusterError),
    #[error(transparent)]
    Step(#[from] StepError),
}

fn steps(config: &NodeConfig, volume: &Volume, host: &mut dyn Host) -> Result<Outcome, Trouble> {
    let Some(info) = Gluster::here(host).volume(&volume.name)? else {
        return if config.is_leader() { make::create(config, volume, host) } else { make::await_creation(config, volume, host) };
    };
    if let Some(difference) = difference(volume, &info) {
        return Ok(Outcome::blocked(format!("there is a volume {} already, and {difference}; nothing is touched", volume.name)));
    }
    match info.running {
        Running::Stopped => {
            let name = &volume.name;
            return Ok(Outcome::blocked(format!("the volume {name} was stopped by somebody; `gluster volume start {name}` starts it")));
        }
        Running::Created | Running::Started => {}
    }
    let mut changed = false;
    match own_brick::stand(config, &info, host)? {
        own_brick::Stand::Right { stamped } => changed |= stamped,
        own_brick::Stand::Wrong(reason) => return Ok(Outcome::blocked(reason)),
    }
    if info.running == Running::Created {
        changed |= confirm(config, &info, host)?;
    }
    if config.is_leader() {
        if let Some(outcome) = make::agree(config, &info, host)? {
            return Ok(outcome);
        }
        for (option, value) in &volume.options {
            if info.options.get(option) != Some(value) {
                Gluster::here(host).set(&volume.name, option, value)?;
                changed = true;
            }
        }
        if info.running == Running::Created {
            Gluster::here(host).start(&volume.name)?;
            changed = true;
        }
    } else if info.running == Running::Created {
        if let Some(outcome) = pool::keep(config, host)? {
            return Ok(outcome);
        }
        return Ok(Outcome::wait(format!("the volume {} is there and not started yet", volume.name), AGAIN));
    }
    come_up(config, volume, changed, host)
}

/// The option by which a node says that its bricks are the volume's. glusterd keeps what begins with `user.` and does nothing with it.
fn confirmation(node: &str) -> String {
    format!("user.berry-image.{node}")
}

/// Says to the leader that this node's bricks are stamped, and that a power cut takes that no more. Were the volume started before, an empty
/// brick could not be told from a wiped one. Whether it had to be said.
fn confirm(config: &NodeConfig, info: &VolumeInfo, host: &mut dyn Host) -> Result<bool, Trouble> {
    let option = confirmation(&config.node);
    if config.own_bricks().next().is_none() || info.options.contains_key(&option) {
        return Ok(false);
    }
    for brick in config.own_bricks() {
        carry_out(host, &Command::new("sync", ["--file-system", brick.path.as_str()]))?;
    }
    volfiles::mend(info, host)?;
    Gluster::here(host).set(&info.name, &option, "ready")?;
    Ok(true)
}

/// Waits for the bricks: the leader for all, the others for their own. A brick of this node that stays off is started.
fn come_up(config: &NodeConfig, volume: &Volume, mut changed: bool, host: &mut dyn Host) -> Result<Outcome, Trouble> {
    let own: Vec<String> = config.own_bricks().map(ToString::to_string).collect();
    let all = volume.bricks.iter().map(ToString::to_string);
    let needed: Vec<String> = if config.is_leader() && !is_marked(config, host) { all.collect() } else { own.clone() };
    let mut is_started = false;
    loop {
        let off = look_for(&needed, volume, host)?;
        if off.is_empty() {
            return Ok(Outcome::Done { changed });
        }
        if is_started || !off.iter().any(|brick| own.contains(brick)) {
            let are = if off.len() == 1 { "a brick is" } else { "bricks are" };
            return Ok(Outcome::wait(format!("{are} not online: {}", off.join(", ")), AGAIN));
        }
        let is_alone = !Gluster::here(host).pool()?.others.iter().any(|peer| peer.is_member());
        if is_alone && volume.bricks.iter().any(|brick| brick.node != config.node) {
            // What it knows of the volume may be old: glusterd itself waits for another node, too.
            return Ok(Outcome::wait("no other node of the pool is there yet, and alone no brick is started", AGAIN));
        }
        Gluster::here(host).start_rest(&volume.name)?;
        (is_started, changed) = (true, true);
    }
}

/// Looks for a while whether bricks come online; those that do not.
fn look_for(needed: &[String], volume: &Volume, host: &mut dyn Host) -> Result<Vec<String>, GlusterError> {
    let mut looks = 0;
    loop {
        let off = missing(needed, &Gluster::here(host).bricks(&volume.name)?);
        looks += 1;
        if off.is_empty() || looks == BRICK_LOOKS {
            return Ok(off);
        }
        host.sleep(Duration::from_secs(1));
    }
}

/// Bricks that are not online, of those that are needed. Those of nodes that are not connected are not in the list at all.
fn missing(needed: &[String], bricks: &[BrickStatus]) -> Vec<String> {
    let is_online = |wanted: &String| bricks.iter().any(|brick| brick.brick == *wanted && brick.is_online);
    needed.iter().filter(|brick| !is_online(brick)).cloned().collect()
}

/// The leader's work was done once: the marker is on the mounted volume. Then a node that is away is no reason to wait.
fn is_marked(config: &NodeConfig, host: &dyn Host) -> bool {
    let (Some(volume), Some(web)) = (&config.volume, &config.web) else { return false };
    let is_mounted = host.mounted(&volume.mount).is_ok_and(|mounted| mounted.is_some_and(|it| it.is_glusterfs() && it.is_alive));
    is_mounted && host.look(&web.marker).is_ok_and(|found| found.is_some())
}

/// How a volume differs from what it is to be, if it does.
fn difference(volume: &Volume, info: &VolumeInfo) -> Option<String> {
    let bricks: Vec<String> = volume.bricks.iter().map(ToString::to_string).collect();
    if bricks != info.bricks {
        return Some(format!("its bricks are {}", info.bricks.join(", ")));
    }
    let (replica, arbiter, disperse, redundancy) = match volume.kind {
        VolumeKind::Distribute => (1, 0, 0, 0),
        VolumeKind::Replica { count } => (count, 0, 0, 0),
        VolumeKind::Arbiter => (3, 1, 0, 0),
        VolumeKind::Disperse { count, redundancy } => (1, 0, count, redundancy),
    };
    let is_same = (info.replica, info.arbiter, info.disperse, info.redundancy) == (replica, arbiter, disperse, redundancy);
    (!is_same).then(|| {
        format!(
            "it is made otherwise (replica {}, arbiter {}, disperse {}, redundancy {})",
            info.replica, info.arbiter, info.disperse, info.redundancy
        )
    })
}
