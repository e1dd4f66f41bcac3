//! The clock is not before the image was made.

use std::time::Duration;

use crate::{
    config::NodeConfig,
    host::Host,
    step::{Doing as _, Outcome, Step, StepError},
};

/// How long after power-on the time of the network is awaited. Most Pis have no clock that runs without power, and systemd-timesyncd asks
/// as soon as there is an address, and again after half a minute: with half a minute for Wi-Fi and DHCP that is two attempts. Nothing
/// that follows fails with a clock that is late but not before the packages' files, so no node waits longer for a network without NTP.
const LIMIT: Duration = Duration::from_secs(90);

/// Sets the clock to the image's epoch where it is before that, and gives the network a while to say the right time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Step for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn purpose(&self) -> &'static str {
        "the clock is not before the image was made"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let changed = host.clock() < config.epoch;
        if changed {
            host.set_clock(config.epoch).doing("set the clock")?;
        }
        // A clock that began at the epoch, or before it, cannot be ahead of it by more than the machine runs: then nobody has told it.
        let up = host.uptime();
        let ahead = host.clock().saturating_sub(config.epoch);
        let is_told = u64::try_from(ahead).is_ok_and(|ahead| ahead > up.as_secs().saturating_add(1));
        if is_told || up >= LIMIT {
            return Ok(Outcome::Done { changed });
        }
        let again = Duration::from_secs(5).min(LIMIT.saturating_sub(up)).max(Duration::from_secs(1));
        Ok(Outcome::Waiting { on: "the network has not told the time yet".to_owned(), again })
    }
}
