//! Commands that run others.

use crate::debian::script::{
    ScriptError,
    eval::{Field, Machine, Status, Value},
};

/// Runs one; `None` when it is not understood what is run.
pub(super) fn run(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let rest = match name {
        "command" => match arguments {
            [option, ..] if option.text.starts_with('-') && option.text != "-p" => return Ok(None),
            [option, rest @ ..] if option.text == "-p" => rest,
            rest => rest,
        },
        "builtin" | "time" | "setsid" => arguments,
        "env" => return environment(machine, arguments),
        "nice" | "ionice" => {
            let mut rest = arguments;
            while let Some((option, others)) = rest.split_first() {
                match option.get() {
                    Some("-n" | "-c" | "-p") => rest = others.get(1..).unwrap_or_default(),
                    Some(text) if text.starts_with('-') => rest = others,
                    _ => break,
                }
            }
            rest
        }
        _ => return Ok(None),
    };
    if rest.is_empty() {
        return Ok(None);
    }
    machine.run_command(rest).map(Some)
}

/// `xargs COMMAND`: it is run with what is read, when that is known, or with it not known.
pub(super) fn xargs(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let mut rest = arguments;
    let mut separated = true;
    while let Some((option, others)) = rest.split_first() {
        match option.get() {
            Some("-r" | "--no-run-if-empty" | "--show-limits" | "-t") => rest = others,
            Some("-0" | "--null") => (rest, separated) = (others, false),
            Some("-n" | "-L" | "-s" | "-P") => rest = others.get(1..).unwrap_or_default(),
            Some(text) if text.starts_with("-n") => rest = others,
            _ if option.text.starts_with("--max-") => rest = others,
            Some(text) if text.starts_with('-') => return Ok(None),
            _ => break,
        }
    }
    if rest.is_empty() {
        // It prints what it reads.
        machine.forget_input();
        machine.print_unknown();
        return Ok(Some(Status::YES));
    }
    let input = machine.input().filter(|input| separated && !input.contains(['\'', '"', '\\']));
    let command = rest.iter().cloned();
    let Some(input) = input else {
        let unknown = Field { text: "…".to_owned(), known: false, many: true };
        let all: Vec<Field> = command.chain([unknown]).collect();
        machine.maybe(|machine| machine.run_command(&all))?;
        machine.print_unknown();
        return Ok(Some(Status::Unknown));
    };
    machine.spend(1 + input.len() / 16)?;
    let words: Vec<Field> = input.split_ascii_whitespace().map(Field::known).collect();
    if words.is_empty() {
        return Ok(Some(Status::YES));
    }
    machine.run_command(&command.chain(words).collect::<Vec<_>>()).map(Some)
}

/// `env NAME=VALUE… COMMAND`
fn environment(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let count = arguments.iter().take_while(|argument| argument.text.contains('=') && !argument.text.starts_with('-')).count();
    let (assignments, command) = arguments.split_at(count);
    if command.is_empty() {
        return Ok(None);
    }
    let mut before = Vec::new();
    for assignment in assignments {
        let Some((name, value)) = assignment.text.split_once('=') else { return Ok(None) };
        before.push((name.to_owned(), machine.variable(name)));
        let value = if assignment.known { Value::Known(value.into()) } else { Value::Unknown };
        machine.assign(name, value)?;
    }
    if command.first().is_some_and(|first| first.text.starts_with('-')) {
        return Ok(None);
    }
    let status = machine.run_command(command)?;
    for (name, value) in before {
        machine.assign(&name, value)?;
    }
    Ok(Some(status))
}
