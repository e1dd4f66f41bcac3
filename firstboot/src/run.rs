//! Taking the steps of a part, until each is done.

use std::time::Duration;

use crate::{
    config::NodeConfig,
    host::Host,
    journal::{self, Change, Journal},
    part::Part,
    status,
    step::{Outcome, Step, StepError},
};

/// The first and the longest pause after something went wrong.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// How often what a person has to mend is looked at again.
const BLOCKED: Duration = Duration::from_secs(60);
/// How often what is looked after for good is looked at.
const KEEP: Duration = Duration::from_secs(15);
/// By how many seconds the clock may run otherwise than the machine before it counts as set.
const STEADY: u64 = 2;

/// Takes the steps of a part in their order until each is done, and says through `tell` what has changed.
///
/// After each pause it begins with the first again: what was done may have been undone. A step that does not end well keeps those after
/// it waiting, unless they can do without it.
pub fn run(part: Part, steps: &[Box<dyn Step>], config: &NodeConfig, host: &mut dyn Host, tell: &mut dyn FnMut(&str)) {
    let named = steps.iter().map(|step| (step.name(), step.purpose()));
    let mut journal = Journal::new(part, named).continued(Journal::read(part, host));
    let mut course = Course { clock: Clock::of(host), failed: vec![Failed::default(); steps.len()] };
    record(&journal, config, host, tell);
    loop {
        let round = round(steps, config, host, &mut course, &mut journal, tell);
        let is_done = journal.is_done();
        journal.finished |= is_done;
        if is_done || round.is_due {
            record(&journal, config, host, tell);
        }
        if is_done {
            return;
        }
        host.sleep(round.pause);
    }
}

/// Looks after what steps have reached, for good; a test lets it end.
pub fn keep(
    steps: &[Box<dyn Step>],
    config: &NodeConfig,
    host: &mut dyn Host,
    tell: &mut dyn FnMut(&str),
    go_on: &dyn Fn(&dyn Host) -> bool,
) {
    let mut last: Option<String> = None;
    while go_on(host) {
        let mut said = None;
        let mut pause = KEEP;
        for step in steps {
            let result = step.ensure(config, host);
            if let Ok(Outcome::Done { changed }) = result {
                if changed {
                    tell(&format!("{}: {}", step.name(), step.purpose()));
                }
                continue;
            }
            said = Some(words(step.as_ref(), &result));
            pause = pause.min(pause_after(&result));
            break;
        }
        if said != last {
            tell(said.as_deref().unwrap_or("all is well again"));
            last = said;
        }
        host.sleep(pause);
    }
}

/// The clock of a machine that has none without power, and on which it is set by days while this runs.
struct Clock {
    /// What it says beyond the time that the machine is on, in seconds.
    offset: i64,
    /// When this run began, by the clock as it stands now.
    began: i64,
}

impl Clock {
    fn of(host: &dyn Host) -> Self {
        Self { offset: Self::offset(host), began: host.clock() }
    }

    fn offset(host: &dyn Host) -> i64 {
        host.clock().saturating_sub(i64::try_from(host.uptime().as_secs()).unwrap_or(i64::MAX))
    }

    /// Moves what was noted in this run along with a clock that was set meanwhile; whether it was.
    fn follow(&mut self, journal: &mut Journal, host: &dyn Host) -> bool {
        let jump = Self::offset(host).saturating_sub(self.offset);
        if jump.unsigned_abs() <= STEADY {
            return false;
        }
        journal.shift(self.began, jump);
        (self.offset, self.began) = (self.offset.saturating_add(jump), self.began.saturating_add(jump));
        true
    }
}

/// How often a step has gone wrong on end, and when it is tried again, counted from power-on.
#[derive(Clone, Copy, Debug, Default)]
struct Failed {
    times: u32,
    again: Duration,
}

impl Failed {
    /// Counts one more failure at this time since power-on; how long until the next attempt, twice as long each time.
    fn once_more(&mut self, now: Duration) -> Duration {
        let pause = PAUSE.0.saturating_mul(2_u32.saturating_pow(self.times.min(16))).min(PAUSE.1);
        (self.times, self.again) = (self.times.saturating_add(1), now.saturating_add(pause));
        pause
    }
}

/// What is remembered from round to round.
struct Course {
    clock: Clock,
    /// Of each step.
    failed: Vec<Failed>,
}

/// What became of the steps once.
struct Round {
    /// Whether a number of attempts is to be written down.
    is_due: bool,
    pause: Duration,
}

fn round(
    steps: &[Box<dyn Step>],
    config: &NodeConfig,
    host: &mut dyn Host,
    Course { clock, failed }: &mut Course,
    journal: &mut Journal,
    tell: &mut dyn FnMut(&str),
) -> Round {
    let mut round = Round { is_due: false, pause: PAUSE.1 };
    let mut is_held = false;
    for ((index, step), failed) in steps.iter().enumerate().zip(failed) {
        if is_held && !step.stands_alone() {
            continue;
        }
        let left = failed.again.saturating_sub(host.uptime());
        if left > Duration::ZERO {
            // The others do not wait for its next attempt, unless they need it.
            is_held = true;
            round.pause = round.pause.min(left);
            continue;
        }
        round.is_due |= clock.follow(journal, host);
        if journal.begin(index, host.clock()) == Change::Told {
            // Before, and not only after: it may take an hour.
            record(journal, config, host, tell);
        }
        let result = step.ensure(config, host);
        round.is_due |= clock.follow(journal, host);
        match journal.note(index, &result, host.clock()) {
            Change::Told => {
                tell(&words(step.as_ref(), &result));
                record(journal, config, host, tell);
            }
            Change::Due => round.is_due = true,
            Change::Nothing => {}
        }
        let pause = if result.is_err() {
            failed.once_more(host.uptime())
        } else {
            *failed = Failed::default();
            pause_after(&result)
        };
        if !matches!(result, Ok(Outcome::Done { .. })) {
            is_held = true;
            round.pause = round.pause.min(pause);
        }
    }
    round
}

fn pause_after(result: &Result<Outcome, StepError>) -> Duration {
    match result {
        Ok(Outcome::Done { .. }) => Duration::ZERO,
        Ok(Outcome::Waiting { again, .. }) => *again,
        Ok(Outcome::Blocked { .. }) => BLOCKED,
        Err(_) => PAUSE.0,
    }
}

/// A line for the log.
fn words(step: &dyn Step, result: &Result<Outcome, StepError>) -> String {
    let name = step.name();
    match result {
        Ok(Outcome::Done { changed: true }) => format!("{name}: done, {}", step.purpose()),
        Ok(Outcome::Done { changed: false }) => format!("{name}: is so, {}", step.purpose()),
        Ok(Outcome::Waiting { on, .. }) => format!("{name}: waiting, {on}"),
        Ok(Outcome::Blocked { reason }) => format!("{name}: needs a person, {reason}"),
        Err(error) => format!("{name}: failed, {error}"),
    }
}

/// Puts the journal on disk and shows it.
fn record(journal: &Journal, config: &NodeConfig, host: &mut dyn Host, tell: &mut dyn FnMut(&str)) {
    if let Err(error) = journal.write(host) {
        tell(&format!("the journal cannot be written: {error}"));
    }
    show(config, host, tell);
}

/// Brings the file on the boot partition up to date, where there is one.
fn show(config: &NodeConfig, host: &mut dyn Host, tell: &mut dyn FnMut(&str)) {
    let Some(file) = &config.status else { return };
    let text = status::padded(&journal::status(config, host).to_string(), file.size);
    if let Err(error) = host.overwrite(&file.path, &text) {
        tell(&format!("{} cannot be brought up to date: {error}", file.path));
    }
}

#[cfg(test)]
mod tests;
