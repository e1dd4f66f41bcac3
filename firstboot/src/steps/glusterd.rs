//! glusterd runs, as the node that the image makes it.

use std::time::Duration;

use super::systemctl;
use crate::{
    config::{NodeConfig, Pool},
    gluster::{
        Gluster, GlusterError,
        baked::{INFO, Info, MODE},
        folder,
    },
    host::Host,
    step::{Doing as _, Outcome, Step, StepError},
};

/// Its unit.
pub(super) const UNIT: &str = "glusterd.service";
/// How often it is asked after its start, a second apart. It answers after half a second to two, on a Pi later.
const QUESTIONS: u32 = 20;

/// glusterd runs, as the node that the image makes it.
#[derive(Clone, Copy, Debug)]
pub struct Glusterd;

impl Step for Glusterd {
    fn name(&self) -> &'static str {
        "glusterd"
    }

    fn purpose(&self) -> &'static str {
        "glusterd runs, as the node that the image makes it"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let Some(pool) = &config.pool else { return Ok(Outcome::KEPT) };
        let mut changed = false;
        let known = folder::info(host).doing(INFO)?;
        if known.as_ref().is_none_or(|known| known.uuid != pool.uuid) {
            if let Some(known) = known
                && let Some(reason) = whose_else(config, pool, &known, host)?
            {
                return Ok(Outcome::blocked(reason));
            }
            // It keeps its UUID in memory, and would write it back.
            systemctl::order(host, "stop", UNIT)?;
            host.write(INFO, Info::of(pool).to_text().as_bytes(), MODE.into()).doing(INFO)?;
            changed = true;
        }
        if !systemctl::says(host, "is-enabled", UNIT)? {
            systemctl::order(host, "enable", UNIT)?;
            changed = true;
        }
        if !systemctl::says(host, "is-active", UNIT)? {
            start(pool, host)?;
            changed = true;
        }
        for _ in 0..QUESTIONS {
            match Gluster::here(host).pool() {
                Ok(view) if view.own.as_deref() == Some(pool.uuid.as_str()) => return Ok(Outcome::Done { changed }),
                // It was started before its file was put right.
                Ok(_) => {
                    systemctl::order(host, "stop", UNIT)?;
                    host.write(INFO, Info::of(pool).to_text().as_bytes(), MODE.into()).doing(INFO)?;
                    return Ok(Outcome::wait("glusterd starts again, under its own UUID", 1));
                }
                Err(GlusterError::Down) => host.sleep(Duration::from_secs(1)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Outcome::wait("glusterd is started and does not answer yet", 5))
    }
}

/// For the steps after this one, which find glusterd dead: it is looked after again.
pub(super) fn revive(config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
    Ok(match Glusterd.ensure(config, host)? {
        Outcome::Done { .. } => Outcome::wait("glusterd did not answer for a moment", 1),
        other => other,
    })
}

/// Why the UUID that glusterd has may be somebody's: it is in a pool with others, or has a volume under it. What it has made up itself, because
/// its file was missing or empty, is in neither.
fn whose_else(config: &NodeConfig, pool: &Pool, known: &Info, host: &dyn Host) -> Result<Option<String>, StepError> {
    let (uuid, wanted) = (&known.uuid, &pool.uuid);
    for (_, peer) in folder::peers(host).doing("the peers of glusterd")? {
        if let Some(peer) = peer.filter(|peer| !pool.peers.iter().any(|ours| ours.uuid == *peer)) {
            return Ok(Some(format!(
                "glusterd is {uuid}, in a pool with {peer}, which is not of this cluster, and the image makes it {wanted}; flash it again"
            )));
        }
    }
    for volume in folder::volumes(host).doing("the volumes of glusterd")? {
        let is_ours = config.volume.as_ref().is_some_and(|ours| ours.name == volume);
        if !is_ours || folder::brick_owners(host, &volume).doing("the bricks of glusterd")?.contains(uuid) {
            return Ok(Some(format!("glusterd is {uuid} and has volume {volume}, and the image makes it {wanted}; nothing is touched")));
        }
    }
    Ok(None)
}

/// Starts it. Where it does not start, volumes that were not written down to their end are moved aside: nothing of them has ever been
/// in use here, and the others give back what they know.
fn start(pool: &Pool, host: &mut dyn Host) -> Result<(), StepError> {
    // Where it has failed too often there is nothing to reset otherwise; that fails only then.
    let _ = systemctl::order(host, "reset-failed", UNIT);
    let Err(error) = systemctl::order(host, "start", UNIT) else { return Ok(()) };
    let mut is_mended = false;
    for volume in folder::volumes(host).doing("the volumes of glusterd")? {
        if folder::is_half_written(host, &volume).doing(&volume)? {
            folder::set_aside(host, &volume).doing(&volume)?;
            is_mended = true;
        }
    }
    if let Some(known) = folder::info(host).doing(INFO)?
        && known.operating_version > pool.operating_version
    {
        // Above what it can do it does not start. Lower is never raised here: the pool agrees on that.
        host.write(INFO, Info::of(pool).to_text().as_bytes(), MODE.into()).doing(INFO)?;
        is_mended = true;
    }
    if !is_mended {
        return Err(error);
    }
    let _ = systemctl::order(host, "reset-failed", UNIT);
    systemctl::order(host, "start", UNIT)
}
