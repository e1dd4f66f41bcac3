//! `berry-image status`.

use std::{
    convert::Infallible,
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use berry_firstboot::status::Status;
use serde_json::{Value, json};

use super::{args, failure::Failure, inputs, report::Report, units};
use crate::{
    error::Kind,
    node::operator,
    parallel,
    profile::Profile,
    progress::Stop,
    ssh::{Nodes, Silence},
};

/// Nodes that are asked at the same time.
const AT_ONCE: usize = 16;
/// How often it is looked whether to stop while nothing is to be done.
const TICK: Duration = Duration::from_millis(100);

/// A node and what it said.
type Answer = (String, Result<Status, Silence>);

pub(super) fn run(options: &args::Status, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let profile = inputs::load(&options.profile, report)?;
    let names = selected(&profile, &options.node)?;
    let output = inputs::output_folder(options.output.as_deref(), &profile);
    let config = output.join(operator::SSH_CONFIG_FILE);
    if !config.is_file() {
        return Err(Failure::new(Kind::Usage, format!("{} is missing; `build` writes it", config.display()))
            .with_hint("where the images were built into another folder, name it with --output"));
    }
    let nodes = Nodes::new(&config);
    loop {
        let begun = Instant::now();
        let Ok(answers) = parallel::each(&names, AT_ONCE, |name| Ok::<Answer, Infallible>((name.clone(), nodes.status(name))));
        if stop.is_requested() {
            return Err(interrupted());
        }
        if let Some(Silence::Start(error)) = answers.iter().find_map(|(_, said)| said.as_ref().err()) {
            return Err(Failure::new(Kind::Io, format!("ssh could not be started: {error}")).with_hint("install OpenSSH's client"));
        }
        if options.json {
            report.json(&for_programs(&profile.cluster, &answers))?;
        } else {
            report.result(&table(&profile.cluster, &answers))?;
        }
        let well = answers.iter().filter(|answer| is_well(answer)).count();
        if well == answers.len() {
            return Ok(());
        }
        let Some(seconds) = options.watch else {
            let text = format!("{} of {} not ready", answers.len() - well, units::count(answers.len(), "node"));
            return Err(Failure::new(Kind::Verification, text));
        };
        while begun.elapsed() < Duration::from_secs(seconds.into()) {
            if stop.is_requested() {
                return Err(interrupted());
            }
            thread::sleep(TICK);
        }
        if !options.json {
            report.result("\n")?;
        }
    }
}

fn interrupted() -> Failure {
    Failure::new(Kind::Interrupted, "interrupted; the nodes go on")
}

/// The names of the nodes that are asked for, in the order of the profile.
fn selected(profile: &Profile, wanted: &[String]) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = profile.nodes.iter().map(|node| node.name.to_string()).collect();
    if let Some(unknown) = wanted.iter().find(|wanted| !names.contains(wanted)) {
        return Err(
            Failure::new(Kind::Usage, format!("the profile has no node `{unknown}`")).with_hint(format!("it has {}", names.join(", ")))
        );
    }
    Ok(names.into_iter().filter(|name| wanted.is_empty() || wanted.contains(name)).collect())
}

fn is_well((_, said): &Answer) -> bool {
    said.as_ref().is_ok_and(Status::is_well)
}

/// A line for each node: how it stands, and the first thing that it waits for, with the time that it has done so.
fn table(cluster: &str, answers: &[Answer]) -> String {
    let well = answers.iter().filter(|answer| is_well(answer)).count();
    let mut text = format!("{cluster}: {well} of {} ready\n", units::count(answers.len(), "node"));
    let width = answers.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, said) in answers {
        // Writing to a String cannot fail.
        let _ = match said {
            Ok(status) => writeln!(text, "  {name:<width$}  {}", line(name, status)),
            Err(silence) => writeln!(text, "  {name:<width$}  {silence}"),
        };
    }
    text
}

fn line(name: &str, status: &Status) -> String {
    let mut text = status.summary();
    if status.node != name {
        let _ = write!(text, "; it says that it is {} of {}", status.node, status.cluster);
    }
    if let Some(step) = status.held_by().filter(|_| !status.finished) {
        let since = duration(status.clock.saturating_sub(step.since));
        let reason = step.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let _ = write!(text, "; {} {} for {since}{reason}", step.name, step.state.words());
    }
    text
}

/// Seconds as a person counts them.
fn duration(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn for_programs(cluster: &str, answers: &[Answer]) -> Value {
    let node = |(name, said): &Answer| match said {
        Ok(status) => json!({ "node": name, "ready": status.is_well(), "status": status }),
        Err(silence) => json!({ "node": name, "ready": false, "error": silence.to_string() }),
    };
    json!({ "cluster": cluster, "ready": answers.iter().all(is_well), "nodes": answers.iter().map(node).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &str) -> Status {
        serde_json::from_str(text).unwrap()
    }

    fn answers() -> Vec<Answer> {
        let waiting = r#"{"cluster":"c","node":"node02","finished":false,"clock":1000,"steps":[
            {"name":"glusterd","purpose":"p","state":"done","since":1,"attempts":1,"reason":null},
            {"name":"pool","purpose":"p","state":"waiting","since":400,"attempts":9,"reason":"node3 does not answer"}]}"#;
        let ready = r#"{"cluster":"c","node":"n1","finished":true,"clock":1000,"volume":true,"steps":[]}"#;
        let lost = ready.replace("n1", "other").replace("true,\"steps", "false,\"steps");
        vec![
            ("n1".to_owned(), Ok(status(ready))),
            ("node02".to_owned(), Ok(status(waiting))),
            ("n3".to_owned(), Err(Silence::NotReached("no route".to_owned()))),
            ("n4".to_owned(), Ok(status(&lost))),
        ]
    }

    #[test]
    fn a_line_says_what_a_node_waits_for() {
        assert_eq!(
            table("c", &answers()),
            "c: 1 of 4 nodes ready\n  n1      ready\n  node02  not ready yet, 1 of 2 steps done; pool waiting for 10 min: node3 does not answer\n  \
             n3      not reached: no route\n  n4      set up, but its volume is not mounted now; it says that it is other of c\n"
        );
    }

    #[test]
    fn programs_get_all_that_was_said() {
        let value = for_programs("c", &answers());
        assert_eq!((value["ready"].as_bool(), value["nodes"][0]["ready"].as_bool()), (Some(false), Some(true)));
        assert_eq!(value["nodes"][1]["status"]["steps"][1]["state"], "waiting");
        assert_eq!(value["nodes"][2]["error"], "not reached: no route");
    }

    #[test]
    fn times_are_short() {
        let cases = [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 days")];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }
}
