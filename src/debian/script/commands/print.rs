//! Commands that print what is known.

use crate::debian::script::{
    ScriptError,
    eval::{Field, Machine, Status},
};

/// Runs one; `None` when its arguments are not understood.
pub(super) fn run(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    match name {
        "echo" => echo(machine, arguments)?,
        "printf" => printf(machine, arguments)?,
        "cat" => return cat(machine, arguments).map(Some),
        "dirname" | "basename" => path_part(machine, name, arguments)?,
        _ => machine.print_unknown(),
    }
    Ok(Some(Status::YES))
}

fn echo(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<(), ScriptError> {
    let (newline, words) = match arguments.split_first() {
        Some((first, rest)) if first.get() == Some("-n") => (false, rest),
        _ => (true, arguments),
    };
    // dash and bash differ in backslashes and in other options.
    let plain =
        words.iter().all(|word| word.known && !word.text.contains('\\')) && !words.first().is_some_and(|word| word.text.starts_with('-'));
    if !plain {
        machine.print_unknown();
        return Ok(());
    }
    let mut line = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    if newline {
        line.push('\n');
    }
    machine.print(&Field::known(line))
}

/// Formats with `%s` and `\n`.
fn printf(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<(), ScriptError> {
    let Some((format, words)) = arguments.split_first().filter(|_| arguments.iter().all(|word| word.known)) else {
        machine.print_unknown();
        return Ok(());
    };
    if format.text.starts_with('-') {
        // In bash `-v` gives it to a variable.
        if let (Some(name), "-v") = (words.first().and_then(Field::get), format.text.as_str()) {
            machine.assign(name, crate::debian::script::eval::Value::Unknown)?;
        }
        machine.print_unknown();
        return Ok(());
    }
    let (mut text, mut words) = (String::new(), words.iter());
    let mut characters = format.text.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => match characters.next() {
                Some('s') => text.push_str(words.next().map_or("", |word| word.text.as_str())),
                Some('%') => text.push('%'),
                _ => {
                    machine.print_unknown();
                    return Ok(());
                }
            },
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                _ => {
                    machine.print_unknown();
                    return Ok(());
                }
            },
            character => text.push(character),
        }
    }
    if words.next().is_some() {
        machine.print_unknown();
        return Ok(());
    }
    machine.print(&Field::known(text))
}

fn cat(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Status, ScriptError> {
    if arguments.is_empty() || arguments.iter().all(|argument| argument.text == "-") {
        match machine.input() {
            Some(text) => machine.print(&Field::known(text))?,
            None => machine.print_unknown(),
        }
        return Ok(Status::YES);
    }
    for argument in arguments {
        let path = argument.get().filter(|path| !path.starts_with('-')).and_then(|path| machine.path(path));
        let text = match path {
            Some(path) if machine.exists(&path) == Some(false) => return Ok(Status::NO),
            Some(path) => machine.file_text(&path)?,
            None => None,
        };
        match text {
            Some(text) => machine.print(&Field::known(text))?,
            None => {
                machine.print_unknown();
                return Ok(Status::Unknown);
            }
        }
    }
    Ok(Status::YES)
}

fn path_part(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<(), ScriptError> {
    let known: Option<Vec<&str>> = arguments.iter().map(Field::get).collect();
    let arguments = known.filter(|arguments| !arguments.iter().any(|argument| argument.starts_with('-')));
    let (path, suffix) = match arguments.as_deref() {
        Some([path]) => (path.trim_end_matches('/'), ""),
        Some([path, suffix]) if name == "basename" => (path.trim_end_matches('/'), *suffix),
        _ => {
            machine.print_unknown();
            return Ok(());
        }
    };
    let (folder, last) = match path.rsplit_once('/') {
        Some((folder, last)) => (if folder.is_empty() { "/" } else { folder }, last),
        None => (".", path),
    };
    if path.is_empty() {
        machine.print_unknown();
        return Ok(());
    }
    let part = if name == "dirname" {
        folder.trim_end_matches('/')
    } else {
        last.strip_suffix(suffix).filter(|short| !short.is_empty()).unwrap_or(last)
    };
    machine.print_line(if part.is_empty() { "/" } else { part })
}
