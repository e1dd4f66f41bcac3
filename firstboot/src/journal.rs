//! How far a part of the work has come, on disk, so that people can be told and nothing is told twice.
//!
//! It decides nothing: each step looks at the machine. A journal that is lost or damaged costs a node its history, not its way.

use std::io;

use serde::{Deserialize, Serialize};

use crate::{
    host::Host,
    part::Part,
    step::{Outcome, StepError},
};

/// The format that this version writes and reads.
const FORMAT: u32 = 1;
/// Where the journals stand.
pub const FOLDER: &str = "/var/lib/berry-firstboot";

/// How far a part has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    format: u32,
    /// The part.
    pub part: Part,
    /// Whether all of it was done once.
    pub finished: bool,
    /// Its steps, in the order in which they are taken.
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
    /// It is as it must be.
    Done,
    /// Something is not there yet that comes by itself.
    Waiting,
    /// Something went wrong that may go right the next time.
    Failing,
    /// A person has to do something.
    Blocked,
}

/// What has become of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// People are to be told.
    Told,
    /// It is as before.
    Nothing,
}

impl Journal {
    /// None of these steps is done.
    #[must_use]
    pub fn new<'a>(part: Part, steps: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let entry = |(name, purpose): (&str, &str)| Entry {
            name: name.to_owned(),
            purpose: purpose.to_owned(),
            state: State::Pending,
            since: 0,
            attempts: 0,
            reason: None,
        };
        Self { format: FORMAT, part, finished: false, steps: steps.into_iter().map(entry).collect() }
    }

    /// Where the journal of a part stands.
    #[must_use]
    pub fn path(part: Part) -> String {
        format!("{FOLDER}/{part}.json")
    }

    /// The journal of a part as it stands on disk; none where there is none that can be read.
    pub fn read(part: Part, host: &dyn Host) -> Option<Self> {
        let journal: Self = serde_json::from_slice(&host.read(&Self::path(part)).ok()?).ok()?;
        (journal.format == FORMAT && journal.part == part).then_some(journal)
    }

    /// Takes over from an earlier one what is known of steps that are still taken.
    #[must_use]
    pub fn continued(mut self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        self.finished = earlier.finished;
        for entry in &mut self.steps {
            if let Some(known) = earlier.steps.iter().find(|known| known.name == entry.name) {
                *entry = Entry { purpose: entry.purpose.clone(), ..known.clone() };
            }
        }
        self
    }

    /// Notes how a step ended, at this time.
    pub fn note(&mut self, index: usize, result: &Result<Outcome, StepError>, now: i64) -> Change {
        let Some(entry) = self.steps.get_mut(index) else { return Change::Nothing };
        let (state, reason) = match result {
            Ok(Outcome::Done { .. }) => (State::Done, None),
            Ok(Outcome::Waiting { on, .. }) => (State::Waiting, Some(on.clone())),
            Ok(Outcome::Blocked { reason }) => (State::Blocked, Some(reason.clone())),
            Err(error) => (State::Failing, Some(error.to_string())),
        };
        if (entry.state, &entry.reason) == (state, &reason) {
            if state != State::Done {
                entry.attempts = entry.attempts.saturating_add(1);
            }
            return Change::Nothing;
        }
        // What is awaited may change from moment to moment; since when it is awaited does not.
        if entry.state != state {
            entry.since = now;
        }
        (entry.state, entry.reason, entry.attempts) = (state, reason, 1);
        Change::Told
    }

    /// Whether it is time to write it again though nothing has changed but a number of attempts.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.steps.iter().any(|entry| entry.state != State::Done && entry.attempts.is_power_of_two())
    }

    /// Puts it on disk.
    ///
    /// # Errors
    /// When it cannot be written; the one before is still there.
    pub fn write(&self, host: &mut dyn Host) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        host.make_folder(FOLDER, 0o755)?;
        host.write(&Self::path(self.part), &text, 0o644).map(|_| ())
    }

    /// Whether each step is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.steps.iter().all(|entry| entry.state == State::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        Journal::new(Part::System, [("a", "for a"), ("b", "for b")])
    }

    #[test]
    fn what_changes_is_told_once_and_counted() {
        let mut journal = journal();
        let waiting = || Ok(Outcome::wait("x", 5));
        assert_eq!(journal.note(0, &waiting(), 10), Change::Told);
        for _ in 0..3 {
            assert_eq!(journal.note(0, &waiting(), 20), Change::Nothing);
        }
        assert_eq!((journal.steps[0].since, journal.steps[0].attempts, journal.is_due()), (10, 4, true));
        // Another thing is awaited, and waiting goes on.
        assert_eq!(journal.note(0, &Ok(Outcome::wait("y", 5)), 30), Change::Told);
        assert_eq!((journal.steps[0].since, journal.steps[0].attempts), (10, 1));
        assert_eq!(journal.note(0, &Ok(Outcome::CHANGED), 40), Change::Told);
        assert_eq!(journal.note(0, &Ok(Outcome::KEPT), 50), Change::Nothing);
        assert_eq!((journal.steps[0].since, journal.steps[0].reason.clone()), (40, None));
        assert!(!journal.is_done());
        let error = StepError::Unexpected { what: "w".into(), reason: "r".into() };
        assert_eq!(journal.note(1, &Err(error), 60), Change::Told);
        assert_eq!(journal.steps[1].reason.as_deref(), Some("w is not understood: r"));
        assert_eq!(journal.note(7, &Ok(Outcome::KEPT), 60), Change::Nothing);
    }

    #[test]
    fn what_is_known_is_taken_over() {
        let mut earlier = journal();
        earlier.note(1, &Ok(Outcome::CHANGED), 7);
        earlier.finished = true;
        let later = Journal::new(Part::System, [("b", "for better"), ("c", "for c")]).continued(Some(earlier));
        assert_eq!((later.steps[0].state, later.steps[0].since, later.steps[0].purpose.as_str()), (State::Done, 7, "for better"));
        assert_eq!((later.steps[1].state, later.finished), (State::Pending, true));
    }
}
