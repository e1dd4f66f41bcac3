use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use super::*;
use crate::{
    config::StatusFile,
    status::State,
    testing::{Fake, config},
};

type Script = Rc<RefCell<VecDeque<Result<Outcome, StepError>>>>;

/// A step that ends as the script says, and at last with its last line for ever.
struct Scripted {
    name: &'static str,
    script: Script,
    alone: bool,
}

impl Step for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn purpose(&self) -> &'static str {
        "it is so"
    }

    fn stands_alone(&self) -> bool {
        self.alone
    }

    fn ensure(&self, _: &NodeConfig, _: &mut dyn Host) -> Result<Outcome, StepError> {
        let mut script = self.script.borrow_mut();
        script.pop_front().unwrap_or(Ok(Outcome::KEPT))
    }
}

fn step(name: &'static str, script: impl IntoIterator<Item = Result<Outcome, StepError>>) -> Scripted {
    Scripted { name, script: Rc::new(RefCell::new(script.into_iter().collect())), alone: false }
}

fn failed() -> Result<Outcome, StepError> {
    Err(StepError::Command { command: "x".into(), said: "no".into() })
}

fn fake() -> Fake {
    Fake::new(|_, _| (0, String::new()))
}

fn told(steps: Vec<Scripted>, host: &mut Fake, config: &NodeConfig) -> Vec<String> {
    let steps: Vec<Box<dyn Step>> = steps.into_iter().map(|step| Box::new(step) as Box<dyn Step>).collect();
    let mut lines = Vec::new();
    run(Part::System, &steps, config, host, &mut |line| lines.push(line.to_owned()));
    lines
}

#[test]
fn each_step_waits_for_those_before_it() {
    let mut host = fake();
    let waiting = || Ok(Outcome::wait("the others", 7));
    let first = step("first", [waiting(), waiting(), Ok(Outcome::CHANGED)]);
    let second = step("second", [Ok(Outcome::CHANGED)]);
    let alone = Scripted { alone: true, ..step("alone", [Ok(Outcome::blocked("look at it")), Ok(Outcome::CHANGED)]) };
    let lines = told(vec![first, second, alone], &mut host, &config());
    assert_eq!(
        lines,
        [
            "first: waiting, the others",
            "alone: needs a person, look at it",
            "alone: done, it is so",
            "first: done, it is so",
            "second: done, it is so"
        ]
    );
    // The shortest of what is awaited, twice.
    assert_eq!(host.uptime, Duration::from_secs(14));
    let journal = Journal::read(Part::System, &host).unwrap();
    assert!(journal.finished && journal.is_done());
}

#[test]
fn what_fails_is_tried_again_at_growing_distance() {
    let mut host = fake();
    let first = step("first", (0..8).map(|_| failed()));
    let lines = told(vec![first], &mut host, &config());
    assert_eq!(lines, ["first: failed, `x` failed: no", "first: is so, it is so"]);
    assert_eq!(host.uptime.as_secs(), 5 + 10 + 20 + 40 + 80 + 160 + 300 + 300);
}

#[test]
fn a_step_that_fails_keeps_no_other_waiting_longer() {
    let mut host = fake();
    let first = step("first", (0..100).map(|_| Ok(Outcome::wait("the others", 10))));
    let alone = Scripted { alone: true, ..step("alone", (0..6).map(|_| failed())) };
    let left = Rc::clone(&alone.script);
    told(vec![first, alone], &mut host, &config());
    assert_eq!(host.uptime.as_secs(), 5 + 99 * 10, "once for the second attempt of the other, and each ten seconds");
    assert!(left.borrow().is_empty());
}

#[test]
fn what_is_done_again_is_told() {
    let mut host = fake();
    let waiting = || Ok(Outcome::wait("x", 5));
    let lines = told(
        vec![step("first", [Ok(Outcome::KEPT), Ok(Outcome::CHANGED), Ok(Outcome::KEPT)]), step("second", [waiting(), waiting()])],
        &mut host,
        &config(),
    );
    assert_eq!(lines, ["first: is so, it is so", "second: waiting, x", "first: done, it is so", "second: is so, it is so"]);
}

#[test]
fn a_second_run_changes_nothing_and_a_damaged_journal_does_no_harm() {
    let mut host = fake();
    told(vec![step("first", [Ok(Outcome::CHANGED)])], &mut host, &config());
    host.log.clear();
    assert!(told(vec![step("first", [])], &mut host, &config()).is_empty());
    assert!(host.log.is_empty(), "{:?}", host.log);
    host.put("/var/lib/berry-firstboot/system.json", "{\"format\": 1, \"pa");
    assert_eq!(told(vec![step("first", [])], &mut host, &config()), ["first: is so, it is so"]);
    assert_eq!(Journal::read(Part::System, &host).unwrap().steps[0].state, State::Done);
}

#[test]
fn the_status_file_is_filled_and_keeps_its_size() {
    let mut host = fake();
    host.put("/boot/firmware/status.txt", &" ".repeat(400));
    let config = NodeConfig { status: Some(StatusFile { path: "/boot/firmware/status.txt".into(), size: 400 }), ..config() };
    let lines = told(vec![step("first", [Ok(Outcome::wait("x", 5)), Ok(Outcome::KEPT)])], &mut host, &config);
    assert_eq!(lines.len(), 2);
    let text = host.text("/boot/firmware/status.txt").unwrap();
    assert!(text.len() == 400 && text.contains("first      done      it is so") && text.ends_with(" \n"), "{text}");
    let missing = NodeConfig { status: Some(StatusFile { path: "/none".into(), size: 400 }), ..config };
    assert!(told(vec![step("second", [])], &mut host, &missing)[0].starts_with("/none cannot be brought up to date: "));
}

#[test]
fn what_is_kept_is_told_when_it_changes() {
    let mut host = fake();
    let script =
        [Ok(Outcome::KEPT), Ok(Outcome::wait("the volume", 5)), Ok(Outcome::wait("the volume", 5)), Ok(Outcome::CHANGED), failed()];
    let steps: Vec<Box<dyn Step>> = vec![Box::new(step("mount", script))];
    let mut lines = Vec::new();
    let rounds = RefCell::new(0);
    keep(&steps, &config(), &mut host, &mut |line| lines.push(line.to_owned()), &|_| {
        *rounds.borrow_mut() += 1;
        *rounds.borrow() <= 6
    });
    assert_eq!(
        lines,
        ["mount: waiting, the volume", "mount: it is so", "all is well again", "mount: failed, `x` failed: no", "all is well again"]
    );
    assert_eq!(host.uptime.as_secs(), 15 + 5 + 5 + 15 + 5 + 15);
}

/// A step that takes long, during which people ask how things stand.
struct Long;

impl Step for Long {
    fn name(&self) -> &'static str {
        "long"
    }

    fn purpose(&self) -> &'static str {
        "it is so"
    }

    fn ensure(&self, _: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let journal = Journal::read(Part::System, host).unwrap();
        assert_eq!(journal.steps.iter().map(|entry| entry.state).collect::<Vec<_>>(), [State::Done, State::Working]);
        Ok(Outcome::CHANGED)
    }
}

#[test]
fn what_is_done_is_told_while_the_next_step_is_at_work() {
    let steps: Vec<Box<dyn Step>> = vec![Box::new(step("first", [])), Box::new(Long)];
    let mut host = fake();
    run(Part::System, &steps, &config(), &mut host, &mut |_| ());
    assert!(Journal::read(Part::System, &host).unwrap().finished);
}

/// A step during which the clock is set, as by the network, and for which something is awaited afterwards.
struct SetsClock(i64);

impl Step for SetsClock {
    fn name(&self) -> &'static str {
        "second"
    }

    fn purpose(&self) -> &'static str {
        "it is so"
    }

    fn ensure(&self, _: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        if host.clock() < self.0 {
            host.sleep(Duration::from_secs(3));
            host.set_clock(self.0).unwrap();
            return Ok(Outcome::wait("more", 7));
        }
        Ok(Outcome::KEPT)
    }
}

#[test]
fn a_clock_that_is_set_does_not_change_how_long_ago_something_was() {
    let mut host = fake();
    let (began, days) = (host.clock(), 20 * 86_400);
    // What an earlier run noted is not moved.
    let mut earlier = Journal::new(Part::System, [("old", "it is so"), ("first", ""), ("second", ""), ("third", "")]);
    (earlier.steps[0].state, earlier.steps[0].since) = (State::Done, began - 60);
    earlier.write(&mut host).unwrap();
    let set = SetsClock(began + days);
    let steps: Vec<Box<dyn Step>> =
        vec![Box::new(step("old", [])), Box::new(step("first", [])), Box::new(set), Box::new(step("third", []))];
    run(Part::System, &steps, &config(), &mut host, &mut |_| ());
    let since: Vec<i64> = Journal::read(Part::System, &host).unwrap().steps.iter().map(|entry| entry.since).collect();
    assert_eq!(since, [began - 60, began + days - 3, began + days + 7, began + days + 7]);
}
