//! The web server serves the volume.

use super::systemctl;
use crate::{
    config::NodeConfig,
    host::{Command, Host},
    step::{Doing as _, Outcome, Step, StepError},
};

/// What answers with the marker, from the volume, when all is well.
const HEALTH: &str = "/healthz";
/// Seconds after which it is tried again.
const AGAIN: u64 = 5;

/// The web server serves the volume.
#[derive(Clone, Copy, Debug)]
pub struct Web;

impl Step for Web {
    fn name(&self) -> &'static str {
        "web"
    }

    fn purpose(&self) -> &'static str {
        "the web server serves the volume"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let Some(web) = &config.web else { return Ok(Outcome::KEPT) };
        let mut changed = false;
        for switch in &web.apache {
            if host.look(&switch.link()).doing(switch.link())?.is_some() == switch.on {
                continue;
            }
            let force: &[&str] = if switch.on { &[] } else { &["-f"] };
            let command = Command::new(switch.program(), [&["-q"], force, &[&switch.name]].concat());
            let output = host.run(&command).doing(&command)?;
            if !output.is_ok() {
                return Err(StepError::Command { command: command.to_string(), said: output.last_words() });
            }
            changed = true;
        }
        let unit = &web.unit;
        if !systemctl::says(host, "is-enabled", unit)? {
            systemctl::order(host, "enable", unit)?;
            changed = true;
        }
        if !systemctl::says(host, "is-active", unit)? {
            // Where it has failed too often there is nothing to reset otherwise; that fails only then.
            let _ = systemctl::order(host, "reset-failed", unit);
            systemctl::order(host, "start", unit)?;
            changed = true;
        } else if changed {
            systemctl::order(host, "restart", unit)?;
        }
        match host.get(HEALTH) {
            Ok((200, body)) if body.trim_ascii() == config.cluster.as_bytes() => Ok(Outcome::Done { changed }),
            Ok((200, _)) => {
                Ok(Outcome::blocked(format!("{HEALTH} is answered, but not from this cluster's volume: another site stands before it")))
            }
            Ok((status, _)) => Ok(Outcome::wait(format!("the web server answers {HEALTH} with {status}"), AGAIN)),
            Err(error) => Ok(Outcome::wait(format!("the web server does not answer: {error}"), AGAIN)),
        }
    }
}
