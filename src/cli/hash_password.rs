//! `berry-image hash-password`: asks on the terminal without echo, or takes one line from standard input.

use std::io::{self, BufRead as _, IsTerminal as _};

use super::{args::HashPassword, failure::Failure, report::Report};
use crate::{
    error::Kind,
    profile::password::{self, Scheme},
    secret::Secret,
};

/// PAM takes no longer one (`PAM_MAX_RESP_SIZE`).
const MAX_LENGTH: usize = 511;

pub(super) fn run(options: &HashPassword, report: &Report) -> Result<(), Failure> {
    let password = if io::stdin().is_terminal() { ask()? } else { read_line()? };
    let length = password.expose().len();
    if length == 0 {
        return Err(Failure::new(Kind::Usage, "the password is empty"));
    }
    if length > MAX_LENGTH {
        return Err(Failure::new(Kind::Usage, format!("the password has {length} bytes, more than the {MAX_LENGTH} that a login takes")));
    }
    if password.expose().chars().any(char::is_control) {
        return Err(Failure::new(Kind::Usage, "the password has a control character, which cannot be typed at a login"));
    }
    let scheme = if options.sha512 { Scheme::Sha512 } else { Scheme::Yescrypt };
    report.result(&(password::hash(password.expose(), scheme)? + "\n"))
}

fn ask() -> Result<Secret<String>, Failure> {
    let prompt = |text: &str| rpassword::prompt_password(text).map(Secret::new).map_err(|error| failed(&error));
    let first = prompt("Password: ")?;
    if first != prompt("Once more: ")? {
        return Err(Failure::new(Kind::Usage, "the two passwords differ"));
    }
    Ok(first)
}

fn read_line() -> Result<Secret<String>, Failure> {
    let mut line = String::new();
    // One byte more than any good line, so that a longer one is noticed and an endless one does not matter.
    let mut input = io::Read::take(io::stdin().lock(), MAX_LENGTH as u64 + 3);
    input.read_line(&mut line).map_err(|error| failed(&error))?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn failed(error: &io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::Interrupted => Kind::Interrupted,
        io::ErrorKind::InvalidData => Kind::Usage,
        _ => Kind::Io,
    };
    Failure::new(kind, format!("reading the password failed: {error}"))
}
