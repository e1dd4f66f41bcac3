//! How patient a download is, and how far it goes.

use std::time::Duration;

use super::FetchError;
use crate::{
    decompress::limits::MAX_SIZE,
    progress::{Progress, Stop},
};

/// How often a wish to stop is looked for.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// Times and limits; [`Policy::default`] is what the program uses, tests use shorter ones.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// To find a host, and again to connect to it.
    pub connect: Duration,
    /// Without a byte for so long, the connection counts as dead.
    pub stall: Duration,
    /// How long a download may be slow, and
    pub slow_for: Duration,
    /// how many bytes must come in that time.
    pub slow_bytes: u64,
    /// How often in a row a download is tried again.
    pub retries: u32,
    /// A failure after so many new bytes counts as the first one again.
    pub fresh_bytes: u64,
    /// The first pause; each further one is twice as long, up to
    pub pause: Duration,
    /// this.
    pub longest_pause: Duration,
    /// A server may ask for a pause up to this (`Retry-After`).
    pub longest_wish: Duration,
    /// No file is larger, in bytes.
    pub max_size: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            slow_for: Duration::from_secs(60),
            slow_bytes: 60 << 10,
            retries: 5,
            fresh_bytes: 1 << 20,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            longest_wish: Duration::from_secs(300),
            max_size: MAX_SIZE,
        }
    }
}

impl Policy {
    /// The pause before try `number` (from 1): doubled each time, and shortened by up to half, so that many who failed together do
    /// not come back together.
    pub(super) fn pause_before(&self, number: u32, random: u32) -> Duration {
        let doubled = self.pause.saturating_mul(1 << number.saturating_sub(1).min(16)).min(self.longest_pause);
        doubled.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

/// After a failed try that may pass: says so and waits, or gives up. `failures` in a row there were, with this one.
pub(super) fn pause_after(
    policy: &Policy,
    trouble: FetchError,
    failures: u32,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<(), FetchError> {
    if failures > policy.retries {
        return Err(FetchError::GaveUp { tries: failures, last: Box::new(trouble) });
    }
    let pause = match trouble {
        FetchError::Later { wish, .. } if wish > policy.longest_wish => return Err(trouble),
        FetchError::Later { wish, .. } => wish,
        _ => policy.pause_before(failures, getrandom::u32().unwrap_or(u32::MAX)),
    };
    progress.note(&format!("{trouble}; trying again in {:.1} s ({failures} of {})", pause.as_secs_f64(), policy.retries));
    sleep(pause, stop)
}

/// Sleeps, unless `stop` is requested.
///
/// # Errors
/// When it is.
pub fn sleep(pause: Duration, stop: &Stop) -> Result<(), FetchError> {
    let mut left = pause;
    while !left.is_zero() {
        if stop.is_requested() {
            return Err(FetchError::Interrupted);
        }
        let step = left.min(TICK);
        std::thread::sleep(step);
        left -= step;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let policy = Policy::default();
        let longest: Vec<_> = (1..=7).map(|number| policy.pause_before(number, u32::MAX).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(policy.pause_before(1, 0), Duration::from_millis(500));
        assert_eq!(policy.pause_before(u32::MAX, 0), Duration::from_secs(15));
    }

    #[test]
    fn a_pause_can_be_interrupted() {
        let stop = Stop::default();
        let later = stop.clone();
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            later.request();
        });
        assert!(matches!(sleep(Duration::from_secs(60), &stop), Err(FetchError::Interrupted)));
        assert!(begun.elapsed() < Duration::from_secs(1));
        thread.join().unwrap();
        assert!(sleep(Duration::ZERO, &stop).is_ok());
    }
}
