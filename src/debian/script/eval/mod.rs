//! Following a script along every way that it can take.
//!
//! Where a condition is not known both ways are followed, one after the other, from the same state; where they meet again what they
//! agree on is known, and nothing else. A way that ends (by `exit`, `return`, …) does not meet the others, and what comes after it is
//! no longer certain. Loops whose rounds cannot be counted are followed until what is known at their beginning no longer changes.

mod accounts;
mod arithmetic;
mod call;
mod child;
mod expand;
mod files;
mod flow;
mod loops;
mod output;
mod parameter;
mod pattern;
mod redirect;
mod state;
mod value;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    Call, Done, Effect, Foreseen, Kind, ScriptError, World,
    syntax::{AndOr, Command, Form, List, Pipeline},
};
pub(super) use files::Found;
use output::{Capture, Input};
pub(super) use pattern::matches;
use state::{State, either};
pub(super) use value::{Field, Status, Value};

/// Steps that may be taken: commands, rounds of loops, expansions, and texts by their length.
const MAX_STEPS: usize = 300_000;
/// Commands, functions among them, that may be in each other.
const MAX_DEPTH: usize = 90;
/// Changes that a script may make.
const MAX_EFFECTS: usize = 4096;

/// How often a way has ended; two counts that are equal say that none has in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ends {
    exits: usize,
    returns: usize,
    breaks: usize,
    continues: usize,
}

/// Where ways go that end before the end of a function, a loop, or the (sub)shell.
#[derive(Debug, Default)]
struct Frame {
    state: Option<State>,
    status: Option<Status>,
    /// In a function, variables that get back the values they had.
    locals: BTreeMap<String, Value>,
    /// How many ways were open when it began.
    forks: usize,
}

impl Frame {
    fn add(&mut self, state: Option<State>, status: Status) {
        self.status = Some(self.status.map_or(status, |other| other.or(status)));
        self.state = either(self.state.take(), state);
    }
}

/// What is known of the accounts that the script itself made or removed; `None` is not known.
type Accounts = BTreeMap<(bool, String), Option<bool>>;

/// A script that is being followed.
pub(super) struct Machine<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) world: &'a World<'a>,
    bash: bool,
    /// `None` when no way leads here.
    state: Option<State>,
    effects: Vec<Done>,
    line: usize,
    steps: usize,
    depth: usize,
    /// In a condition, where `set -e` does not count.
    quiet: usize,
    /// Open ways that are not certain.
    forks: usize,
    /// Loops whose rounds cannot be counted.
    indefinite: usize,
    /// Scripts that are run by the script.
    children: usize,
    /// Files read in by the script.
    sourced: usize,
    ends: Ends,
    shells: Vec<Frame>,
    functions: Vec<Frame>,
    loops: Vec<loops::Frames>,
    captures: Vec<Capture>,
    /// What commands read from standard input.
    inputs: Vec<Input>,
    /// Paths that the script has changed; `None` when it may have changed any.
    touched: Option<BTreeSet<String>>,
    accounts: Accounts,
    /// The accounts may have changed in ways that are not known.
    accounts_unknown: bool,
    /// What traps do, and the lines that set them.
    traps: Vec<(usize, String)>,
    /// All functions that were defined; `None` where there were several of a name.
    defined: BTreeMap<String, Option<Rc<Command>>>,
    pub(super) debconf: bool,
    /// The script has added or removed diversions.
    pub(super) diverted: bool,
}

/// Follows a script from its beginning.
pub(super) fn run(call: &Call<'_>, world: &World<'_>, program: &List, bash: bool, options: &str) -> Result<Foreseen, ScriptError> {
    let mut machine = Machine::new(call, world, bash);
    if let Some(state) = &mut machine.state {
        state.stops = options.starts_with('-') && options.contains('e');
    }
    machine.shells.push(Frame::default());
    let status = machine.list(program)?;
    if let (Some(state), Status::Known(status @ 1..)) = (&machine.state, status) {
        let certain = state.certain;
        machine.effects.push(Done { effect: Effect::Fail { status }, certain, line: machine.line });
    }
    machine.spring()?;
    Ok(Foreseen { effects: machine.effects })
}

impl<'a> Machine<'a> {
    fn new(call: &'a Call<'a>, world: &'a World<'a>, bash: bool) -> Self {
        let known = |text: &str| Value::Known(text.into());
        let script = match call.kind {
            Kind::Preinst => "/var/lib/dpkg/tmp.ci/preinst".to_owned(),
            kind => format!("/var/lib/dpkg/info/{}.{}", call.package, kind.name()),
        };
        let variables = [
            ("0", known(&script)),
            ("DPKG_ADMINDIR", known("/var/lib/dpkg")),
            ("DPKG_MAINTSCRIPT_ARCH", known(call.package_architecture)),
            ("DPKG_MAINTSCRIPT_DEBUG", known("0")),
            ("DPKG_MAINTSCRIPT_NAME", known(call.kind.name())),
            ("DPKG_MAINTSCRIPT_PACKAGE", known(call.package)),
            ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", known("1")),
            ("DPKG_ROOT", known("")),
            ("DPKG_RUNNING_VERSION", Value::Unknown),
            ("IFS", known(" \t\n")),
            ("PATH", known(files::PATH)),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        let arguments = call.arguments.iter().map(|argument| known(argument)).collect();
        Self {
            call,
            world,
            bash,
            state: Some(State::new(variables.into(), arguments)),
            effects: Vec::new(),
            line: 1,
            steps: 0,
            depth: 0,
            quiet: 0,
            forks: 0,
            indefinite: 0,
            children: 0,
            sourced: 0,
            ends: Ends::default(),
            shells: Vec::new(),
            functions: Vec::new(),
            loops: Vec::new(),
            captures: Vec::new(),
            inputs: Vec::new(),
            touched: Some(BTreeSet::new()),
            accounts: Accounts::new(),
            accounts_unknown: false,
            traps: Vec::new(),
            defined: BTreeMap::new(),
            debconf: false,
            diverted: false,
        }
    }

    /// Counts steps.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), ScriptError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS { Err(ScriptError::TooComplex) } else { Ok(()) }
    }

    /// Follows something that may hold itself.
    fn nested<T>(&mut self, follow: impl FnOnce(&mut Self) -> Result<T, ScriptError>) -> Result<T, ScriptError> {
        if self.depth >= MAX_DEPTH {
            return Err(ScriptError::TooComplex);
        }
        self.depth += 1;
        let result = follow(self);
        self.depth -= 1;
        result
    }

    /// Follows a condition, whose failure does not end the script.
    fn quietly(&mut self, follow: impl FnOnce(&mut Self) -> Result<Status, ScriptError>) -> Result<Status, ScriptError> {
        self.quiet += 1;
        let result = follow(self);
        self.quiet -= 1;
        result
    }

    /// The state on this way, to be changed.
    pub(super) const fn here(&mut self) -> Option<&mut State> {
        self.state.as_mut()
    }

    /// The value of a variable.
    pub(super) fn variable(&self, name: &str) -> Value {
        self.state.as_ref().map_or(Value::Unknown, |state| state.get(name))
    }

    /// Whether this way is taken whenever the script runs.
    pub(super) fn is_certain(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.certain)
    }

    fn list(&mut self, list: &List) -> Result<Status, ScriptError> {
        let mut status = Status::YES;
        for commands in list.iter() {
            if self.state.is_none() {
                break;
            }
            status = self.and_or(commands)?;
            if let Some(state) = &mut self.state {
                state.last = status;
            }
        }
        Ok(status)
    }

    fn and_or(&mut self, commands: &AndOr) -> Result<Status, ScriptError> {
        if commands.background {
            self.apart(|machine| machine.chain(&commands.first, &commands.rest))?;
            return Ok(Status::YES);
        }
        self.chain(&commands.first, &commands.rest)
    }

    fn chain(&mut self, first: &Pipeline, rest: &[(bool, Pipeline)]) -> Result<Status, ScriptError> {
        let mut status = if rest.is_empty() { self.pipeline(first)? } else { self.quietly(|machine| machine.pipeline(first))? };
        for (index, (and, next)) in rest.iter().enumerate() {
            if self.state.is_none() {
                break;
            }
            if let Some(state) = &mut self.state {
                state.last = status;
            }
            let is_last = index + 1 == rest.len();
            let run = |machine: &mut Self| if is_last { machine.pipeline(next) } else { machine.quietly(|machine| machine.pipeline(next)) };
            status = match status.truth() {
                Some(truth) if truth == *and => run(self)?,
                Some(_) => status,
                // Where it is not run the status is what kept it from being run.
                None => self.perhaps(run, Status::of(Some(!*and)))?,
            };
        }
        Ok(status)
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Result<Status, ScriptError> {
        let mut status = Status::YES;
        let follow = |machine: &mut Self| match pipeline.commands.as_slice() {
            [command] => machine.command(command),
            commands => machine.piped(commands),
        };
        if pipeline.negated {
            status = self.quietly(follow)?.not();
        } else {
            let checked = match pipeline.commands.as_slice() {
                [command] => matches!(command.form, Form::Simple { .. } | Form::Subshell(_)),
                _ => true,
            };
            let result = follow(self)?;
            if self.state.is_some() {
                status = result;
            }
            let stops = self.quiet == 0 && self.state.as_ref().is_some_and(|state| state.stops);
            if let (true, Status::Known(code @ 1..)) = (checked && stops, status) {
                self.exit(Status::Known(code));
            }
        }
        Ok(status)
    }

    /// Commands joined by `|`, each in a subshell.
    fn piped(&mut self, commands: &[Command]) -> Result<Status, ScriptError> {
        let mut status = Status::YES;
        let mut input = None;
        for (index, command) in commands.iter().enumerate() {
            let is_last = index + 1 == commands.len();
            if index > 0 {
                self.push_input(input.take());
            }
            if !is_last {
                self.captures.push(Capture::new(self.forks, self.ends));
            }
            // The status of all but the last does not count.
            self.quiet += usize::from(!is_last);
            let result = self.apart(|machine| machine.command(command));
            self.quiet -= usize::from(!is_last);
            if !is_last {
                input = self.captures.pop().and_then(Capture::text);
            }
            if index > 0 {
                self.inputs.pop();
            }
            status = result?;
        }
        Ok(status)
    }

    fn command(&mut self, command: &Command) -> Result<Status, ScriptError> {
        self.spend(1)?;
        if self.state.is_none() {
            return Ok(Status::YES);
        }
        if self.sourced == 0 {
            self.line = command.line;
        }
        self.nested(|machine| {
            if let Form::Simple { assignments, words } = &command.form {
                return machine.simple(assignments, words, &command.redirections);
            }
            machine.redirected(&command.redirections, |machine| machine.compound(&command.form))
        })
    }

    fn compound(&mut self, form: &Form) -> Result<Status, ScriptError> {
        match form {
            Form::Simple { .. } => Ok(Status::YES),
            Form::Group(body) => self.list(body),
            Form::Subshell(body) => self.apart(|machine| machine.list(body)),
            Form::If { arms, otherwise } => self.conditional(arms, otherwise.as_ref()),
            Form::Loop { until, condition, body } => self.repeated(*until, condition, body),
            Form::For { name, words, body } => self.for_each(name, words.as_deref(), body),
            Form::Case { word, arms } => self.choice(word, arms),
            Form::Function { name, body } => {
                if let Some(state) = &mut self.state {
                    state.define(name, Some(Rc::clone(body)));
                }
                let same = |other: &Option<Rc<Command>>| other.as_ref().is_some_and(|other| Rc::ptr_eq(other, body));
                let only = self.defined.get(name).is_none_or(same);
                self.defined.insert(name.clone(), only.then(|| Rc::clone(body)));
                Ok(Status::YES)
            }
            Form::Opaque(words) => {
                for word in words {
                    self.text(word)?;
                }
                Ok(Status::Unknown)
            }
        }
    }

    /// Adds a change.
    pub(super) fn record(&mut self, effect: Effect) -> Result<(), ScriptError> {
        let Some(state) = &self.state else { return Ok(()) };
        let done = Done { certain: state.certain, line: self.line, effect };
        self.touch(&done);
        self.diverted |= matches!(done.effect, Effect::Divert { .. } | Effect::Undivert { .. });
        if self.indefinite > 0 && self.effects.contains(&done) {
            return Ok(());
        }
        if self.effects.len() >= MAX_EFFECTS {
            return Err(ScriptError::TooComplex);
        }
        // Looking through all of them in a loop costs something, too.
        self.spend(1 + if self.indefinite > 0 { self.effects.len() } else { 0 })?;
        self.effects.push(done);
        Ok(())
    }
}
