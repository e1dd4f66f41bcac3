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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, config};

    /// A machine that is on for `uptime` seconds, and whose clock is ahead of the image.
    fn late(uptime: u32, ahead: i64) -> Fake {
        Fake { clock: config().epoch + ahead - i64::from(uptime), ..Fake::idle(Duration::from_secs(uptime.into())) }
    }

    #[test]
    fn a_clock_before_the_image_is_set_and_the_network_is_awaited_for_a_while() {
        let mut host = late(12, -1_700_000_000);
        let mut waited = 0;
        let outcome = loop {
            match Clock.ensure(&config(), &mut host).unwrap() {
                Outcome::Waiting { again, .. } => {
                    waited += 1;
                    host.sleep(again);
                }
                outcome => break outcome,
            }
            assert!(host.clock() >= config().epoch && host.uptime() <= LIMIT + Duration::from_secs(1));
        };
        assert!(outcome == Outcome::KEPT && waited > 10, "{outcome:?} {waited}");
        assert_eq!(host.clock(), config().epoch + 78);
        // Late, it is set at once.
        let mut host = late(3600, -5);
        assert_eq!(Clock.ensure(&config(), &mut host).unwrap(), Outcome::CHANGED);
        assert_eq!((Clock.ensure(&config(), &mut host).unwrap(), host.clock()), (Outcome::KEPT, config().epoch));
    }

    #[test]
    fn a_clock_that_was_told_is_kept() {
        let mut host = late(20, 86_400);
        assert_eq!(Clock.ensure(&config(), &mut host).unwrap(), Outcome::KEPT);
        assert_eq!(host.clock(), config().epoch + 86_400);
        // Running since the epoch of the image is not being told.
        assert!(matches!(Clock.ensure(&config(), &mut late(20, 20)).unwrap(), Outcome::Waiting { .. }));
        let broken = NodeConfig { epoch: i64::MIN, ..config() };
        assert_eq!(Clock.ensure(&broken, &mut late(20, 20)).unwrap(), Outcome::KEPT);
    }
}
