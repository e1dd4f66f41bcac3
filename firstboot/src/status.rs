//! How a node stands, for people and programs. It is what `status --json` prints, and what the program that makes images asks the nodes for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a node stands. What a later version adds is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
    /// Whether all was done once.
    pub finished: bool,
    /// The node's clock, in seconds since 1970.
    pub clock: i64,
    /// Whether the volume is mounted and answers at this moment; none on a node that is to have none.
    #[serde(default)]
    pub volume: Option<bool>,
    /// The steps of both parts, in order.
    pub steps: Vec<Entry>,
}

/// How a step stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// How it stands.
    pub state: State,
    /// Since when, in seconds since 1970 by the node's clock.
    pub since: i64,
    /// How often it was tried since then. On disk only every power of two: a card does not last for ever.
    pub attempts: u32,
    /// What is awaited, what is wrong, or nothing.
    pub reason: Option<String>,
}

/// How a step can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not looked at yet.
    Pending,
    /// It is done for the first time at this moment.
    Working,
    /// It is as it must be.
    Done,
    /// Something is not there yet that comes by itself.
    Waiting,
    /// Something went wrong that may go right the next time.
    Failing,
    /// A person has to do something.
    Blocked,
}

impl State {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Pending => "not begun",
            Self::Working => "at work",
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Failing => "failing",
            Self::Blocked => "NEEDS YOU",
        }
    }
}

impl Status {
    /// Whether all was done once, and the volume is there now where there is to be one.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.finished && self.volume != Some(false)
    }

    /// The steps that are done.
    #[must_use]
    pub fn done(&self) -> usize {
        self.steps.iter().filter(|entry| entry.state == State::Done).count()
    }

    /// How it stands in few words: `ready`, `3 of 9 steps done`.
    #[must_use]
    pub fn summary(&self) -> String {
        match (self.finished, self.volume) {
            (true, Some(false)) => "set up, but its volume is not mounted now".to_owned(),
            (true, _) => "ready".to_owned(),
            (false, _) => format!("not ready yet, {} of {} steps done", self.done(), self.steps.len()),
        }
    }

    /// The step that holds up the others or is at work, if any.
    #[must_use]
    pub fn held_by(&self) -> Option<&Entry> {
        self.steps.iter().find(|entry| !matches!(entry.state, State::Done | State::Pending))
    }

    /// What a person sees at login: nothing while all is well.
    #[must_use]
    pub fn at_login(&self) -> String {
        match (self.is_well(), self.finished) {
            (true, _) => String::new(),
            (false, true) => {
                "\nThe volume of this node is not mounted at the moment; `systemctl status berry-volume` says more.\n\n".to_owned()
            }
            (false, false) => format!("\nThis node is still being set up (`berry-firstboot status` says more):\n{self}\n"),
        }
    }
}

/// A line for each step.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of the cluster {}: {} ({})", self.node, self.cluster, self.summary(), time(self.clock))?;
        for entry in &self.steps {
            write!(f, "  {:<10} {:<10}", entry.name, entry.state.words())?;
            match (&entry.reason, entry.state) {
                (Some(reason), _) => writeln!(f, "since {}, {} times: {reason}", time(entry.since), entry.attempts)?,
                (None, State::Done) => writeln!(f, "{}", entry.purpose)?,
                (None, State::Working) => writeln!(f, "since {}", time(entry.since))?,
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

    fn entry(name: &str, state: State, reason: Option<&str>) -> Entry {
        let (name, purpose, reason) = (name.to_owned(), format!("for {name}"), reason.map(str::to_owned));
        Entry { name, purpose, state, since: 60, attempts: 1, reason }
    }

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
        let steps = vec![
            entry("clock", State::Done, None),
            entry("brick", State::Blocked, Some("no card")),
            entry("web", State::Working, None),
            entry("x", State::Pending, None),
        ];
        let mut status = Status { cluster: "c".into(), node: "n".into(), finished: false, clock: 120, volume: None, steps };
        assert_eq!(
            status.to_string(),
            "n of the cluster c: not ready yet, 1 of 4 steps done (1970-01-01 00:02:00 UTC)\n  clock      done      for clock\n  \
             brick      NEEDS YOU since 1970-01-01 00:01:00 UTC, 1 times: no card\n  web        at work   since 1970-01-01 00:01:00 UTC\n  x          not begun \n"
        );
        assert!(status.at_login().contains("still being set up"));
        assert_eq!(status.held_by().map(|entry| entry.name.as_str()), Some("brick"));
        status.finished = true;
        assert_eq!((status.at_login().as_str(), status.summary().as_str()), ("", "ready"));
        status.volume = Some(false);
        assert!(status.at_login().contains("not mounted") && status.summary().contains("not mounted"));
    }

    #[test]
    fn another_version_is_read_as_far_as_it_goes() {
        let text = r#"{"cluster":"c","node":"n","finished":true,"clock":5,"steps":[],"more":[1]}"#;
        let status: Status = serde_json::from_str(text).unwrap();
        assert_eq!((status.is_well(), status.volume), (true, None));
    }
}
