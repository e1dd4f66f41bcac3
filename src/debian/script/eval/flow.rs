//! Ways that part, meet and end.

use super::{Ends, Field, Frame, Machine, Status, Value, state::State};
use crate::debian::script::{
    Effect, ScriptError,
    syntax::{Arm, List, Word},
};

/// Ways that part in one place, and what they come to.
struct Ways {
    before: Ends,
    certain: bool,
    joined: Frame,
}

impl Machine<'_> {
    fn part(&self) -> Ways {
        Ways { before: self.ends, certain: self.is_certain(), joined: Frame::default() }
    }

    /// Follows one of several ways from the state `from`.
    fn way(
        &mut self,
        ways: &mut Ways,
        from: State,
        follow: impl FnOnce(&mut Self) -> Result<Status, ScriptError>,
    ) -> Result<(), ScriptError> {
        self.state = Some(from.uncertain());
        self.forks += 1;
        let result = self.nested(follow);
        self.forks -= 1;
        let status = result?;
        if let Some(state) = self.state.take() {
            ways.joined.add(Some(state), status);
        }
        Ok(())
    }

    /// The state where all ways met.
    fn meet(&mut self, ways: Ways) -> Status {
        self.state = ways.joined.state;
        if let Some(state) = &mut self.state {
            state.certain = ways.certain && self.ends == ways.before;
        }
        ways.joined.status.unwrap_or(Status::YES)
    }

    /// Follows what may or may not be done; `otherwise` is the status when it is not.
    pub(super) fn perhaps(
        &mut self,
        follow: impl FnOnce(&mut Self) -> Result<Status, ScriptError>,
        otherwise: Status,
    ) -> Result<Status, ScriptError> {
        let Some(state) = self.state.clone() else { return Ok(Status::YES) };
        let mut ways = self.part();
        self.way(&mut ways, state.clone(), follow)?;
        self.way(&mut ways, state, |_| Ok(otherwise))?;
        Ok(self.meet(ways))
    }

    /// Follows what may or may not be done, whatever its status.
    pub(in crate::debian::script) fn maybe(
        &mut self,
        follow: impl FnOnce(&mut Self) -> Result<Status, ScriptError>,
    ) -> Result<(), ScriptError> {
        self.perhaps(follow, Status::YES).map(|_| ())
    }

    pub(super) fn conditional(&mut self, arms: &[(List, List)], otherwise: Option<&List>) -> Result<Status, ScriptError> {
        let mut ways: Option<Ways> = None;
        let mut decided = false;
        for (condition, body) in arms {
            // A condition that ends the script ends all that comes after it.
            let parted = usize::from(ways.is_some());
            self.forks += parted;
            let status = self.quietly(|machine| machine.list(condition));
            self.forks -= parted;
            let status = status?;
            let Some(state) = self.state.clone() else {
                decided = true;
                break;
            };
            match status.truth() {
                Some(false) => {}
                Some(true) => {
                    match &mut ways {
                        Some(ways) => self.way(ways, state, |machine| machine.list(body))?,
                        None => return self.list(body),
                    }
                    decided = true;
                    break;
                }
                None => {
                    let mut parted = ways.take().unwrap_or_else(|| self.part());
                    self.way(&mut parted, state.clone(), |machine| machine.list(body))?;
                    ways = Some(parted);
                    // The conditions that follow are looked at on some ways only.
                    self.state = Some(state.uncertain());
                }
            }
        }
        let rest = |machine: &mut Self| otherwise.map_or(Ok(Status::YES), |body| machine.list(body));
        match (ways, self.state.clone()) {
            (None, None) => Ok(Status::YES),
            (None, Some(_)) => rest(self),
            (Some(mut ways), state) => {
                if let Some(state) = state.filter(|_| !decided) {
                    self.way(&mut ways, state, rest)?;
                }
                Ok(self.meet(ways))
            }
        }
    }

    pub(super) fn choice(&mut self, word: &Word, arms: &[Arm]) -> Result<Status, ScriptError> {
        let word = self.text(word)?;
        let mut possible = Vec::new();
        let mut surely = false;
        'arms: for arm in arms {
            let mut may = false;
            for pattern in &arm.patterns {
                let pattern = self.pattern(pattern)?;
                self.spend(1 + pattern.text.len().saturating_mul(word.text.len()) / 64)?;
                match (pattern.get(), word.get()) {
                    // Anything, be it known or not.
                    (Some("*"), _) => surely = true,
                    (Some(pattern), Some(word)) if super::matches(pattern, word) => surely = true,
                    (Some(_), Some(_)) => {}
                    _ => may = true,
                }
                if surely {
                    possible.push(arm);
                    break 'arms;
                }
            }
            if may {
                possible.push(arm);
            }
        }
        let Some(state) = self.state.clone() else { return Ok(Status::YES) };
        if let (true, [arm]) = (surely, possible.as_slice()) {
            return self.list(&arm.body);
        }
        if possible.is_empty() {
            return Ok(Status::YES);
        }
        let mut ways = self.part();
        for arm in possible {
            self.way(&mut ways, state.clone(), |machine| machine.list(&arm.body))?;
        }
        if !surely {
            self.way(&mut ways, state, |_| Ok(Status::YES))?;
        }
        Ok(self.meet(ways))
    }

    /// Follows something in a subshell: what it sets is forgotten, what it changes is not.
    pub(super) fn apart(&mut self, follow: impl FnOnce(&mut Self) -> Result<Status, ScriptError>) -> Result<Status, ScriptError> {
        let Some(state) = self.state.clone() else { return Ok(Status::YES) };
        let (ends, functions, loops) = (self.ends, std::mem::take(&mut self.functions), std::mem::take(&mut self.loops));
        self.shells.push(Frame::default());
        let result = self.nested(follow);
        let mut frame = self.shells.pop().unwrap_or_default();
        (self.ends, self.functions, self.loops) = (ends, functions, loops);
        let status = result?;
        if self.state.is_some() {
            frame.add(None, status);
        }
        self.state = Some(state);
        Ok(frame.status.unwrap_or(Status::YES))
    }

    /// The way ends with the (sub)shell.
    pub(super) fn exit(&mut self, status: Status) {
        let Some(state) = self.state.take() else { return };
        if let (1, Status::Known(status @ 1..)) = (self.shells.len(), status) {
            self.effects.push(crate::debian::script::Done { effect: Effect::Fail { status }, certain: state.certain, line: self.line });
        }
        if let Some(shell) = self.shells.last_mut() {
            shell.add(None, status);
        }
        self.ends.exits += 1;
    }

    /// The way ends with the function, or the file that is read in.
    pub(super) fn leave(&mut self, status: Status) {
        match self.functions.last_mut() {
            Some(function) => function.add(self.state.take(), status),
            // Outside of functions it ends the script.
            None => return self.exit(status),
        }
        self.ends.returns += 1;
    }

    /// Follows the body of a function or a file that is read in, from which `return` leads back here.
    pub(super) fn called(&mut self, follow: impl FnOnce(&mut Self) -> Result<Status, ScriptError>) -> Result<Status, ScriptError> {
        let (before, certain) = (self.ends, self.is_certain());
        let loops = std::mem::take(&mut self.loops);
        self.functions.push(Frame { forks: self.forks, ..Frame::default() });
        let result = self.nested(follow);
        let mut frame = self.functions.pop().unwrap_or_default();
        self.loops = loops;
        let status = result?;
        if self.state.is_some() {
            frame.add(self.state.take(), status);
        }
        self.state = frame.state;
        if let Some(state) = &mut self.state {
            state.certain = certain && self.ends.exits == before.exits;
            frame.locals.iter().for_each(|(name, value)| state.set(name, value.clone()));
        }
        Ok(frame.status.unwrap_or(Status::YES))
    }

    /// Makes a variable the function's own.
    pub(super) fn keep_local(&mut self, name: &str) {
        let value = self.variable(name);
        let forks = self.forks;
        let Some(function) = self.functions.last_mut() else { return };
        // On a way on which it is not local it keeps what it is given.
        let value = if function.forks == forks { value } else { Value::Unknown };
        function.locals.entry(name.to_owned()).or_insert(value);
    }

    /// Calls a function with arguments.
    pub(super) fn function(&mut self, body: &crate::debian::script::syntax::Command, arguments: &[Field]) -> Result<Status, ScriptError> {
        let Some(state) = &mut self.state else { return Ok(Status::YES) };
        let outer = state.positional.clone();
        state.positional = positional(arguments);
        let status = self.called(|machine| machine.command(body))?;
        if let Some(state) = &mut self.state {
            state.positional = outer;
        }
        Ok(status)
    }
}

/// Fields as positional parameters.
pub(super) fn positional(arguments: &[Field]) -> Option<std::rc::Rc<[Value]>> {
    if arguments.iter().any(|argument| argument.many) {
        return None;
    }
    Some(arguments.iter().map(|argument| argument.clone().value()).collect())
}
