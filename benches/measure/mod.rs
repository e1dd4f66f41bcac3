//! What benchmarks share: running and timing commands, and saying how two series compare.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Runs a command that must succeed.
pub fn run(command: &mut Command) {
    let result = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(result.status.success(), "{command:?}: {}", String::from_utf8_lossy(&result.stderr));
}

/// What a command prints.
pub fn text(command: &mut Command) -> String {
    let result = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    String::from_utf8_lossy(&result.stdout).into_owned()
}

pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

pub fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("no figure is NaN"));
    sorted[sorted.len() / 2]
}

/// The ratios of times that were taken in turns: `MEDIAN (LEAST to MOST)`.
pub fn ratio(ours: &[Duration], theirs: &[Duration]) -> String {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    format!("{:.2} ({least:.2} to {most:.2})", median(&ratios))
}

/// Peak resident memory of a run, in MiB, as GNU time tells it.
pub fn peak_memory(program: &Path, arguments: &[&str]) -> u64 {
    let result = Command::new("/usr/bin/time").args(["-f", "%M"]).arg(program).args(arguments).output().expect("GNU time");
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    let said = String::from_utf8_lossy(&result.stderr).into_owned();
    said.lines().last().and_then(|line| line.trim().parse::<u64>().ok()).expect("GNU time prints kilobytes last") / 1024
}
