//! How a node stands, for people and programs.

use std::fmt;

use serde::Serialize;

use crate::{
    config::NodeConfig,
    host::Host,
    journal::{Entry, Journal, State},
    part::Part,
};

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
    /// Whether all was done once.
    pub finished: bool,
    /// The node's clock, in seconds since 1970.
    pub clock: i64,
    /// The steps of both parts, in order.
    pub steps: Vec<Entry>,
}

impl Status {
    /// As the journals say; steps of a part that has not begun are missing.
    pub fn read(config: &NodeConfig, host: &dyn Host) -> Self {
        let journals: Vec<Option<Journal>> = Part::ALL.into_iter().map(|part| Journal::read(part, host)).collect();
        Self {
            cluster: config.cluster.clone(),
            node: config.node.clone(),
            finished: journals.iter().all(|journal| journal.as_ref().is_some_and(|journal| journal.finished)),
            clock: host.clock(),
            steps: journals.into_iter().flatten().flat_map(|journal| journal.steps).collect(),
        }
    }

    /// What a person sees at login: nothing once all is done.
    #[must_use]
    pub fn at_login(&self) -> String {
        if self.finished {
            return String::new();
        }
        format!("\nThis node is still being set up (`berry-firstboot status` says more):\n{self}\n")
    }
}

/// A line for each step.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = self.steps.iter().filter(|entry| entry.state == State::Done).count();
        let how = if self.finished { "ready".to_owned() } else { format!("not ready yet, {done} of {} steps done", self.steps.len()) };
        writeln!(f, "{} of the cluster {}: {how} ({})", self.node, self.cluster, time(self.clock))?;
        for entry in &self.steps {
            let state = match entry.state {
                State::Pending => "not begun",
                State::Done => "done",
                State::Waiting => "waiting",
                State::Failing => "failing",
                State::Blocked => "NEEDS YOU",
            };
            write!(f, "  {:<10} {state:<10}", entry.name)?;
            match (&entry.reason, entry.state) {
                (Some(reason), _) => writeln!(f, "since {}, {} times: {reason}", time(entry.since), entry.attempts)?,
                (None, State::Done) => writeln!(f, "{}", entry.purpose)?,
                (None, _) => writeln!(f)?,
            }
        }
        Ok(())
    }
}

/// A text that fills a file of this size: cut at its end, or with blanks behind it, and a line feed last.
#[must_use]
pub fn padded(text: &str, size: u64) -> Vec<u8> {
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(1 << 20);
    let Some(room) = size.checked_sub(1) else { return Vec::new() };
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let mut bytes = text.as_bytes()[..end].to_vec();
    bytes.resize(room, b' ');
    bytes.push(b'\n');
    bytes
}

/// Seconds since 1970 as `YYYY-MM-DD hh:mm:ss UTC`.
///
/// The days are counted as by Howard Hinnant's `civil_from_days`, from 1 March of the year 0.
fn time(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let rest = day - (365 * year + year / 4 - year / 100);
    let month = (5 * rest + 2) / 153;
    let (day, month) = (rest - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Outcome;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(time(seconds), shown);
        }
    }

    #[test]
    fn a_text_fills_its_file() {
        assert_eq!(padded("ab", 4), b"ab \n");
        assert_eq!(padded("abcdef", 4), b"abc\n");
        assert_eq!(padded("abä", 4), b"ab \n");
        assert_eq!((padded("a", 1), padded("a", 0)), (b"\n".to_vec(), Vec::new()));
    }

    #[test]
    fn people_see_what_is_awaited() {
        let mut journal = Journal::new(Part::System, Part::System.steps().iter().map(|step| (step.name(), step.purpose())));
        journal.note(0, &Ok(Outcome::KEPT), 0);
        journal.note(1, &Ok(Outcome::blocked("no card")), 60);
        let mut status = Status { cluster: "c".into(), node: "n".into(), finished: false, clock: 120, steps: journal.steps };
        let text = status.to_string();
        assert!(text.starts_with("n of the cluster c: not ready yet, 1 of 4 steps done (1970-01-01 00:02:00 UTC)\n"), "{text}");
        assert!(text.contains("\n  brick      NEEDS YOU since 1970-01-01 00:01:00 UTC, 1 times: no card\n"), "{text}");
        assert!(status.at_login().contains("still being set up"));
        status.finished = true;
        assert_eq!(status.at_login(), "");
    }
}
