//! Loops.

use super::{Ends, Field, Frame, Machine, Status, either};
use crate::debian::script::{
    ScriptError,
    syntax::{List, Word},
};

/// Where `break` and `continue` lead.
#[derive(Debug, Default)]
pub(super) struct Frames {
    ended: Frame,
    next: Frame,
}

impl Machine<'_> {
    pub(super) fn for_each(&mut self, name: &str, words: Option<&[Word]>, body: &List) -> Result<Status, ScriptError> {
        let fields = match words {
            Some(words) => self.fields(words)?,
            None => self.arguments(),
        };
        let (before, certain) = (self.ends, self.is_certain());
        self.loops.push(Frames::default());
        let status = if fields.iter().any(|field| field.many) {
            self.indefinitely(|machine| {
                machine.assign(name, super::Value::Unknown)?;
                machine.list(body).map(|_| ())
            })?;
            Status::Unknown
        } else {
            let mut status = Status::YES;
            for field in fields {
                if self.state.is_none() {
                    break;
                }
                self.spend(1)?;
                self.assign(name, field.value())?;
                status = self.list(body)?;
                self.next_round();
            }
            status
        };
        Ok(self.end_loop(before, certain, status))
    }

    pub(super) fn repeated(&mut self, until: bool, condition: &List, body: &List) -> Result<Status, ScriptError> {
        let (before, certain) = (self.ends, self.is_certain());
        self.loops.push(Frames::default());
        let mut status = Status::YES;
        while self.state.is_some() {
            self.spend(1)?;
            // Looked at once more when it turns out not to be known: it must not be seen twice.
            let start = (self.state.clone(), self.effects.len(), self.steps);
            let decided = self.quietly(|machine| machine.list(condition))?;
            match decided.truth() {
                Some(truth) if truth == until => break,
                Some(_) => {
                    status = self.list(body)?;
                    self.next_round();
                }
                None => {
                    self.state = start.0;
                    self.effects.truncate(start.1);
                    self.unknown_rounds(condition, body)?;
                    status = Status::Unknown;
                    break;
                }
            }
        }
        Ok(self.end_loop(before, certain, status))
    }

    /// A loop whose condition is not known.
    fn unknown_rounds(&mut self, condition: &List, body: &List) -> Result<(), ScriptError> {
        let mut after = None;
        self.indefinitely(|machine| {
            machine.quietly(|machine| machine.list(condition))?;
            after = either(after.take(), machine.state.clone());
            machine.list(body).map(|_| ())
        })?;
        // It ends where the condition was looked at.
        self.state = after;
        Ok(())
    }

    /// Follows `round` until what is known before it no longer changes.
    fn indefinitely(&mut self, mut round: impl FnMut(&mut Self) -> Result<(), ScriptError>) -> Result<(), ScriptError> {
        self.forks += 1;
        self.indefinite += 1;
        let result = self.rounds(&mut round);
        self.forks -= 1;
        self.indefinite -= 1;
        result
    }

    fn rounds(&mut self, round: &mut impl FnMut(&mut Self) -> Result<(), ScriptError>) -> Result<(), ScriptError> {
        while let Some(before) = self.state.clone() {
            self.spend(10)?;
            let before = before.uncertain();
            self.state = Some(before.clone());
            round(self)?;
            self.next_round();
            let Some(after) = self.state.take() else {
                self.state = Some(before);
                return Ok(());
            };
            let joined = before.clone().or(&after);
            let settled = joined.same(&before);
            self.state = Some(joined);
            if settled {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Brings the ways that went on by `continue` back.
    fn next_round(&mut self) {
        let waiting = self.loops.last_mut().and_then(|frames| frames.next.state.take());
        self.state = either(self.state.take(), waiting);
    }

    fn end_loop(&mut self, before: Ends, certain: bool, status: Status) -> Status {
        let frames = self.loops.pop().unwrap_or_default();
        let broken = frames.ended.state.is_some();
        self.state = either(self.state.take(), frames.ended.state);
        let same = (before.exits, before.returns) == (self.ends.exits, self.ends.returns) && self.loops_unbroken(before);
        if let Some(state) = &mut self.state {
            state.certain = certain && same;
        }
        if broken { Status::Unknown } else { status }
    }

    /// Whether no way left a loop around this one.
    fn loops_unbroken(&self, before: Ends) -> bool {
        (before.breaks, before.continues) == (self.ends.breaks, self.ends.continues)
            || self.loops.iter().all(|frames| frames.ended.state.is_none() && frames.next.state.is_none())
    }

    /// `break` and `continue`, out of as many loops as `levels`.
    pub(super) fn jump(&mut self, levels: &[Field], goes_on: bool) {
        let levels = match levels {
            [] => 1,
            [level, ..] => level.get().and_then(|level| level.parse::<usize>().ok()).unwrap_or(1).max(1),
        };
        let Some(index) = self.loops.len().checked_sub(levels.min(self.loops.len())) else { return };
        let Some(frames) = self.loops.get_mut(index) else { return };
        let state = self.state.take();
        if goes_on {
            frames.next.add(state, Status::YES);
            self.ends.continues += 1;
        } else {
            frames.ended.add(state, Status::YES);
            self.ends.breaks += 1;
        }
    }
}
