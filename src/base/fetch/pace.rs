//! Whether bytes come fast enough.

use std::time::Instant;

use super::policy::Policy;

/// What a connection does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// Nothing comes any more.
    Stalled,
    /// Something comes, but it would take for ever.
    Slow,
}

/// Measures one connection.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    policy: &'a Policy,
    last: Instant,
    window: Instant,
    bytes: u64,
}

impl<'a> Pace<'a> {
    pub(super) fn new(policy: &'a Policy, now: Instant) -> Self {
        Self { policy, last: now, window: now, bytes: 0 }
    }

    /// So many bytes came.
    pub(super) fn advance(&mut self, bytes: usize, now: Instant) {
        self.last = now;
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// What to think of it.
    pub(super) fn judge(&mut self, now: Instant) -> Verdict {
        if now.saturating_duration_since(self.last) >= self.policy.stall {
            return Verdict::Stalled;
        }
        if now.saturating_duration_since(self.window) < self.policy.slow_for {
            return Verdict::Fine;
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.window = now;
        if bytes < self.policy.slow_bytes { Verdict::Slow } else { Verdict::Fine }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_trickle_is_slow_and_silence_is_a_stall() {
        let policy = Policy::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(&policy, start);
        assert_eq!(pace.judge(after(29)), Verdict::Fine);
        assert_eq!(pace.judge(after(30)), Verdict::Stalled);
        // 1 KiB/s is enough, half of it is not.
        for (each, expected) in [(1024, Verdict::Fine), (512, Verdict::Slow)] {
            let mut pace = Pace::new(&policy, start);
            for second in 1..60 {
                pace.advance(each, after(second));
                assert_eq!(pace.judge(after(second)), Verdict::Fine);
            }
            pace.advance(each, after(60));
            assert_eq!(pace.judge(after(60)), expected, "{each} bytes a second");
        }
    }
}
