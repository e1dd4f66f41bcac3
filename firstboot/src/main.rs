//! The program that systemd starts on a node.

use std::{
    fs::File,
    io::{self, Write as _},
    process::ExitCode,
};

use berry_firstboot::{
    config::{self, NodeConfig},
    host::Real,
    journal,
    part::Part,
    run,
};
use rustix::fs::{FlockOperation, flock};

const HELP: &str = "\
Makes this machine a node of its cluster. systemd starts it; people ask it how things stand.

Usage: berry-firstboot status [--json]       how far this node is, and what it waits for
       berry-firstboot run --part system     clock, brick and packages
       berry-firstboot run --part cluster    pool, volume, mount and web server
       berry-firstboot keep                  keeps the volume mounted

What the node is to become stands in /etc/berry-image/node.json.
";

/// What is asked for.
enum Wish {
    Run(Part),
    Keep,
    Status(Form),
    Print(String),
}

/// For whom a status is.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Json,
    Login,
}

fn main() -> ExitCode {
    let wish = match wish(lexopt::Parser::from_env()) {
        Ok(wish) => wish,
        Err(error) => {
            let _ = write!(io::stderr(), "berry-firstboot: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match fulfil(wish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error);
            ExitCode::FAILURE
        }
    }
}

fn wish(mut arguments: lexopt::Parser) -> Result<Wish, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt as _};
    let mut wish = None;
    while let Some(argument) = arguments.next()? {
        wish = Some(match (argument, wish) {
            (Short('h') | Long("help"), _) => return Ok(Wish::Print(HELP.to_owned())),
            (Short('V') | Long("version"), _) => return Ok(Wish::Print(format!("berry-firstboot {}\n", env!("CARGO_PKG_VERSION")))),
            (Value(word), None) if word == "run" => match arguments.next()? {
                Some(Long("part")) => Wish::Run(arguments.value()?.parse()?),
                _ => return Err("`run` needs `--part system` or `--part cluster`".into()),
            },
            (Value(word), None) if word == "keep" => Wish::Keep,
            (Value(word), None) if word == "status" => Wish::Status(Form::Text),
            (Long("json"), Some(Wish::Status(_))) => Wish::Status(Form::Json),
            (Long("login"), Some(Wish::Status(_))) => Wish::Status(Form::Login),
            (argument, _) => return Err(argument.unexpected()),
        });
    }
    wish.ok_or_else(|| "nothing is asked for".into())
}

fn fulfil(wish: Wish) -> Result<(), String> {
    let mut host = Real;
    match wish {
        Wish::Print(text) => print(&text),
        Wish::Run(part) => {
            let config = read_config()?;
            let _lock = lock(&part.to_string())?;
            run::run(part, &part.steps(), &config, &mut host, &mut say);
            Ok(())
        }
        Wish::Keep => {
            let config = read_config()?;
            let _lock = lock("keep")?;
            run::keep(&Part::kept(), &config, &mut host, &mut say, &|_| true);
            Ok(())
        }
        Wish::Status(form) => {
            let status = journal::status(&read_config()?, &host);
            match form {
                Form::Text => print(&status.to_string()),
                Form::Login => print(&status.at_login()),
                Form::Json => print(&(serde_json::to_string_pretty(&status).map_err(|error| error.to_string())? + "\n")),
            }
        }
    }
}

fn read_config() -> Result<NodeConfig, String> {
    let bytes = std::fs::read(config::PATH).map_err(|error| format!("{}: {error}", config::PATH))?;
    NodeConfig::parse(&bytes).map_err(|error| format!("{}: {error}", config::PATH))
}

/// Only one at a time: the lock is kept as long as the file is open.
fn lock(name: &str) -> Result<File, String> {
    let path = format!("/run/berry-firstboot-{name}.lock");
    let file = File::create(&path).map_err(|error| format!("{path}: {error}"))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| format!("another one is at work already ({path})"))?;
    Ok(file)
}

/// A line for the journal of systemd.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}
