//! The command line: one file per command. The only place that prints.

mod args;
mod build;
mod cache;
mod cat;
mod check;
mod failure;
mod hash_password;
mod inputs;
mod inspect;
mod lock;
mod ls;
mod packages;
mod plan;
mod report;
mod schema;
mod status;
mod target;
mod units;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, Command};
use report::Report;

/// Every package of a build is held open, and the usual limit of 1024 is one for programs that use select(2).
fn allow_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Where it cannot be raised, a build of many packages says that there are too many open files.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// Reads the command line, does what it says, and tells how that went: the exit codes are those of [`crate::error::Kind`].
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let report = Report::new();
    let stop = report::stop_on_signals();
    allow_open_files();
    let outcome = match &arguments.command {
        Command::Build(options) => build::run(options, &report, &stop),
        Command::Plan(options) => plan::run(options, &report, &stop),
        Command::Check(options) => check::run(options, &report, &stop),
        Command::Lock(options) => lock::run(options, &report, &stop),
        Command::Inspect(options) => inspect::run(options, &report, &stop),
        Command::Status(options) => status::run(options, &report, &stop),
        Command::Cache(options) => cache::run(options, &report, &stop),
        Command::Ls(options) => ls::run(options, &report, &stop),
        Command::Cat(options) => cat::run(options, &report, &stop),
        Command::Schema => schema::run(&report),
        Command::HashPassword(options) => hash_password::run(options, &report),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            report.failure(&failure);
            ExitCode::from(failure.kind().exit_code())
        }
    }
}
