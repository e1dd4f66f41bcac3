//! Commands that ask what there is: accounts, commands, architecture.

use crate::debian::script::{
    ScriptError,
    eval::{Field, Machine, Status},
};

/// Runs `getent`, `id`, `command`, `which`, `type`; `None` when the arguments are not understood.
pub(super) fn run(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let known: Option<Vec<&str>> = arguments.iter().map(Field::get).collect();
    let Some(words) = known else { return Ok(None) };
    match (name, words.as_slice()) {
        ("getent", [database @ ("passwd" | "group" | "shadow" | "gshadow"), key]) => {
            let is_group = matches!(*database, "group" | "gshadow");
            account(machine, is_group, key, Status::Known(2)).map(Some)
        }
        ("id", words) => {
            let mut users = words.iter().filter(|word| !word.starts_with('-'));
            match (users.next(), users.next()) {
                (Some(user), None) => {
                    let status = match has_account(machine, false, user)? {
                        (known, Some(line)) if words.iter().any(|word| *word == "-u" || *word == "--user") => {
                            machine.print_line(line.split(':').nth(2).unwrap_or_default())?;
                            known
                        }
                        (known, _) => {
                            machine.print_unknown();
                            known
                        }
                    };
                    Ok(Some(Status::of(status)))
                }
                (None, _) if words == ["-u"] => {
                    machine.print_line("0")?;
                    Ok(Some(Status::YES))
                }
                _ => Ok(None),
            }
        }
        ("command", ["-v" | "-V", program]) | ("which" | "type", [program]) => {
            if machine.is_function(program) || (name != "which" && SHELL.contains(program)) {
                machine.print_line(program)?;
                return Ok(Some(Status::YES));
            }
            Ok(Some(match machine.program(program) {
                Some(Some(path)) => {
                    if name == "type" {
                        machine.print_unknown()
                    } else {
                        machine.print_line(&path)?
                    }
                    Status::YES
                }
                Some(None) => {
                    machine.print_unknown();
                    if name == "which" { Status::NO } else { Status::Known(127) }
                }
                None => {
                    machine.print_unknown();
                    Status::Unknown
                }
            }))
        }
        _ => Ok(None),
    }
}

/// Commands that the shell has itself.
const SHELL: [&str; 12] = ["echo", "printf", "test", "[", "cd", "true", "false", "read", "type", "command", "kill", "pwd"];

fn account(machine: &mut Machine<'_>, group: bool, key: &str, missing: Status) -> Result<Status, ScriptError> {
    let (exists, line) = has_account(machine, group, key)?;
    match line {
        Some(line) => machine.print_line(&line)?,
        None => machine.print_unknown(),
    }
    Ok(if exists == Some(false) { missing } else { Status::of(exists) })
}

/// Whether there is a user or a group, and its line.
pub(super) fn has_account(machine: &mut Machine<'_>, group: bool, key: &str) -> Result<(Option<bool>, Option<String>), ScriptError> {
    if let Some(known) = machine.own_account(group, key) {
        return Ok((known, None));
    }
    let path = if group { "/etc/group" } else { "/etc/passwd" };
    // Where there is no such file there is nobody.
    let tree = machine.world.tree;
    let Ok(text) = tree.read_text(path) else { return Ok((Some(false), None)) };
    machine.spend(text.len() / 256)?;
    let by_number = key.bytes().all(|byte| byte.is_ascii_digit());
    let found = text.lines().find(|line| line.split(':').nth(if by_number { 2 } else { 0 }) == Some(key));
    if by_number && found.is_none() {
        // One that the script made may have any number.
        return Ok((None, None));
    }
    Ok((Some(found.is_some()), found.map(str::to_owned)))
}
