//! How far a part of the work has come, on disk, so that people can be told and nothing is told twice.
//!
//! It decides nothing: each step looks at the machine. A journal that is lost or damaged costs a node its history, not its way.

use std::io;

use serde::{Deserialize, Serialize};

use crate::{
    config::NodeConfig,
    host::Host,
    part::Part,
    status::{Entry, State, Status},
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

/// Whether the volume was mounted and answered when it was looked last, until the node is switched off.
const SEEN: &str = "/run/berry-firstboot-volume";
/// What stands there when it did.
const MOUNTED: &str = "mounted\n";

/// What has become of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// People are to be told.
    Told,
    /// It was tried in vain as often as is to be written down: once more than a power of two is not, as a card does not last for ever.
    Due,
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

    /// Notes that a step is begun at this time; whether that is worth being told, as it was not looked at before.
    pub fn begin(&mut self, index: usize, now: i64) -> Change {
        let Some(entry) = self.steps.get_mut(index).filter(|entry| entry.state == State::Pending) else { return Change::Nothing };
        (entry.state, entry.since) = (State::Working, now);
        Change::Told
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
            if let Ok(Outcome::Done { changed }) = result {
                // What had come undone and was done again is told.
                return if *changed { Change::Told } else { Change::Nothing };
            }
            entry.attempts = entry.attempts.saturating_add(1);
            return if entry.attempts.is_power_of_two() { Change::Due } else { Change::Nothing };
        }
        // What is awaited may change from moment to moment; since when it is awaited does not.
        if entry.state != state {
            entry.since = now;
        }
        (entry.state, entry.reason, entry.attempts) = (state, reason, 1);
        Change::Told
    }

    /// Moves what was noted at `from` or later by so many seconds.
    pub fn shift(&mut self, from: i64, by: i64) {
        for entry in self.steps.iter_mut().filter(|entry| entry.state != State::Pending && entry.since >= from) {
            entry.since = entry.since.saturating_add(by);
        }
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

    /// Whether all is reached but that the unit is switched off, which the last step does: the power may go before that is written down.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let (_, others) = self.steps.split_last().unzip();
        self.finished || others.is_some_and(|others: &[Entry]| others.iter().all(|entry| entry.state == State::Done))
    }

    /// Whether each step is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.steps.iter().all(|entry| entry.state == State::Done)
    }
}

/// Notes whether the volume is mounted and answers. It is noted in memory; where that fails, nothing better can be done about it.
pub fn note_volume(host: &mut dyn Host, is_mounted: bool) {
    let _ = host.write(SEEN, if is_mounted { MOUNTED } else { "away\n" }.as_bytes(), 0o644);
}

/// How the node stands, as the journals say; steps of a part that has not begun are missing. Nothing is asked of the volume itself, which may
/// not answer: how that is, is what was [seen](note_volume) last.
pub fn status(config: &NodeConfig, host: &dyn Host) -> Status {
    let journals: Vec<Option<Journal>> = Part::of(config).iter().map(|part| Journal::read(*part, host)).collect();
    let is_mounted = || host.read(SEEN).is_ok_and(|text| text == MOUNTED.as_bytes());
    Status {
        cluster: config.cluster.clone(),
        node: config.node.clone(),
        finished: journals.iter().all(|journal| journal.as_ref().is_some_and(Journal::is_over)),
        clock: host.clock(),
        volume: config.volume.as_ref().map(|_| is_mounted()),
        steps: journals.into_iter().flatten().flat_map(|journal| journal.steps).collect(),
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
        assert_eq!((journal.begin(0, 5), journal.begin(0, 6)), (Change::Told, Change::Nothing));
        assert_eq!((journal.steps[0].state, journal.steps[0].since), (State::Working, 5));
        let waiting = || Ok(Outcome::wait("x", 5));
        assert_eq!(journal.note(0, &waiting(), 10), Change::Told);
        for change in [Change::Due, Change::Nothing, Change::Due, Change::Nothing] {
            assert_eq!(journal.note(0, &waiting(), 20), change);
        }
        assert_eq!((journal.steps[0].since, journal.steps[0].attempts), (10, 5));
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
        assert_eq!((journal.begin(0, 70), journal.begin(7, 70)), (Change::Nothing, Change::Nothing));
        assert_eq!(journal.note(7, &Ok(Outcome::KEPT), 60), Change::Nothing);
    }

    #[test]
    fn a_node_is_ready_when_each_of_its_parts_is() {
        use crate::{
            config::{Pool, Volume, VolumeKind},
            testing::{Fake, config},
        };
        let mut host = Fake::idle(std::time::Duration::ZERO);
        assert!(!status(&config(), &host).finished);
        Journal { finished: true, ..journal() }.write(&mut host).unwrap();
        let alone = status(&config(), &host);
        assert_eq!((alone.finished, alone.is_well(), alone.volume, alone.steps.len()), (true, true, None, 2));
        let pool = Pool { uuid: "u".into(), operating_version: 100_000, leader: "cluster01".into(), peers: vec![] };
        let (mount, kind) = ("/mnt/www".into(), VolumeKind::Distribute);
        let volume = Volume { name: "volpi".into(), mount, kind, bricks: vec![], options: std::collections::BTreeMap::new() };
        let member = NodeConfig { pool: Some(pool), volume: Some(volume), ..config() };
        assert!(!status(&member, &host).finished);
        let journal = Journal { finished: true, ..Journal::new(Part::Cluster, [("c", "for c")]) };
        journal.write(&mut host).unwrap();
        let away = status(&member, &host);
        assert_eq!((away.finished, away.is_well(), away.volume, away.steps.len()), (true, false, Some(false), 3));
        note_volume(&mut host, true);
        assert!(status(&member, &host).is_well());
        note_volume(&mut host, false);
        assert!(!status(&member, &host).is_well());
    }

    #[test]
    fn a_power_cut_behind_the_last_step_leaves_nothing_open() {
        let mut journal = journal();
        assert!(!journal.is_over());
        journal.note(0, &Ok(Outcome::CHANGED), 1);
        assert!(journal.is_over() && !journal.is_done());
        assert!(!Journal::new(Part::System, []).is_over());
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
