//! Commands that change files: rm(1), mv(1), mkdir(1), chmod(1), …

use super::options::{Options, Spec};
use crate::debian::script::{
    Effect, ScriptError,
    eval::{Field, Machine, Status},
};

const RM: Spec = Spec {
    long: &["dir", "force", "no-preserve-root", "one-file-system", "preserve-root", "recursive", "verbose"],
    short: &[('d', "dir"), ('f', "force"), ('r', "recursive"), ('R', "recursive"), ('v', "verbose")],
};
const RMDIR: Spec = Spec { long: &["ignore-fail-on-non-empty", "parents", "verbose"], short: &[('p', "parents"), ('v', "verbose")] };
const MKDIR: Spec = Spec { long: &["mode=", "parents", "verbose"], short: &[('m', "mode="), ('p', "parents"), ('v', "verbose")] };
const MV: Spec = Spec {
    long: &["backup", "force", "no-clobber", "no-target-directory", "update", "verbose"],
    short: &[('f', "force"), ('n', "no-clobber"), ('T', "no-target-directory"), ('u', "update"), ('v', "verbose"), ('i', "interactive")],
};
const CP: Spec = Spec {
    long: &[
        "archive",
        "dereference",
        "force",
        "no-clobber",
        "no-dereference",
        "no-target-directory",
        "preserve",
        "recursive",
        "update",
        "verbose",
    ],
    short: &[
        ('a', "archive"),
        ('L', "dereference"),
        ('f', "force"),
        ('n', "no-clobber"),
        ('P', "no-dereference"),
        ('d', "no-dereference"),
        ('p', "preserve"),
        ('r', "recursive"),
        ('R', "recursive"),
        ('T', "no-target-directory"),
        ('u', "update"),
        ('v', "verbose"),
    ],
};
const LN: Spec = Spec {
    long: &["force", "no-dereference", "no-target-directory", "relative", "symbolic", "verbose"],
    short: &[('f', "force"), ('n', "no-dereference"), ('T', "no-target-directory"), ('r', "relative"), ('s', "symbolic"), ('v', "verbose")],
};
const CHANGE: Spec = Spec {
    long: &["changes", "dereference", "from=", "no-dereference", "quiet", "recursive", "reference=", "silent", "verbose"],
    short: &[('c', "changes"), ('f', "quiet"), ('h', "no-dereference"), ('R', "recursive"), ('v', "verbose")],
};
const INSTALL: Spec = Spec {
    long: &["directory", "group=", "mode=", "no-target-directory", "owner=", "preserve-timestamps", "verbose"],
    short: &[
        ('D', "leading"),
        ('d', "directory"),
        ('g', "group="),
        ('m', "mode="),
        ('o', "owner="),
        ('p', "preserve-timestamps"),
        ('T', "no-target-directory"),
        ('v', "verbose"),
    ],
};
const TOUCH: Spec = Spec {
    long: &["date=", "no-create", "reference=", "time="],
    short: &[('a', "access"), ('c', "no-create"), ('d', "date="), ('m', "modify"), ('r', "reference="), ('t', "time=")],
};

/// Runs one; `None` when its arguments are not understood.
pub(super) fn run(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let spec = match name {
        "rm" | "unlink" => &RM,
        "rmdir" => &RMDIR,
        "mkdir" => &MKDIR,
        "mv" => &MV,
        "cp" => &CP,
        "ln" => &LN,
        "install" => &INSTALL,
        "touch" => &TOUCH,
        _ => &CHANGE,
    };
    // A mode like `-x` is no option: after two dashes it is not taken for one.
    let is_mode = |argument: &Field| {
        argument.text.strip_prefix('-').is_some_and(|mode| !mode.is_empty() && mode.chars().all(|letter| "rwxXst".contains(letter)))
    };
    let mut arguments = arguments.to_vec();
    if let (true, Some(position)) = (name == "chmod", arguments.iter().position(is_mode)) {
        let mode = arguments.remove(position);
        let first = arguments.iter().position(|argument| !argument.text.starts_with('-')).unwrap_or(arguments.len());
        arguments.splice(first..first, [Field::known("--"), mode]);
    }
    let Some(mut options) = spec.parse(&arguments) else { return Ok(None) };
    let mut paths = Vec::new();
    let first = usize::from(matches!(name, "chmod" | "chown" | "chgrp") && !options.has("reference"));
    for operand in options.operands.get(first..).unwrap_or_default() {
        // A symbolic link's target is written as it is.
        let Some(path) = machine.path(operand) else { return Ok(None) };
        paths.push(path);
    }
    match name {
        "rm" | "unlink" => remove(machine, &options, paths).map(Some),
        "rmdir" => remove_folders(machine, &options, paths).map(Some),
        "mkdir" => make_folders(machine, &options, paths).map(Some),
        "touch" => touch(machine, &options, paths).map(Some),
        "mv" | "cp" => transfer(machine, name, &options, &paths),
        "ln" => link(machine, &options, &paths),
        "install" => install(machine, &options, paths),
        _ if options.has("reference") || options.operands.is_empty() => Ok(None),
        _ => {
            let value = options.operands.remove(0);
            attributes(machine, name, &value, options.has("recursive"), paths).map(Some)
        }
    }
}

fn remove(machine: &mut Machine<'_>, options: &Options, paths: Vec<String>) -> Result<Status, ScriptError> {
    let (force, recursive) = (options.has("force"), options.has("recursive"));
    let mut status = Status::YES;
    for path in paths {
        match machine.there(&path) {
            Some(false) if force => {}
            Some(false) => status = Status::NO,
            Some(true) => machine.record(Effect::RemoveFile { path, recursive })?,
            None => {
                machine.record(Effect::RemoveFile { path, recursive })?;
                status = if force { status } else { Status::Unknown };
            }
        }
    }
    Ok(status)
}

fn remove_folders(machine: &mut Machine<'_>, options: &Options, paths: Vec<String>) -> Result<Status, ScriptError> {
    let mut status = Status::YES;
    for path in paths {
        if machine.there(&path) == Some(false) {
            status = Status::NO;
            continue;
        }
        // One that is not empty stays.
        let mut here = path;
        loop {
            let is_full = machine.is_empty_folder(&here) == Some(false);
            if is_full {
                status = if options.has("ignore-fail-on-non-empty") { status } else { Status::NO };
                break;
            }
            machine.record(Effect::RemoveFolder { path: here.clone() })?;
            status = Status::Unknown;
            match here.rsplit_once('/') {
                Some((parent, _)) if options.has("parents") && !parent.is_empty() => here = parent.to_owned(),
                _ => break,
            }
        }
    }
    Ok(status)
}

fn make_folders(machine: &mut Machine<'_>, options: &Options, paths: Vec<String>) -> Result<Status, ScriptError> {
    let mut status = Status::YES;
    for path in paths {
        match (machine.exists(&path), options.has("parents")) {
            (Some(true), true) => {}
            (Some(true), false) => status = Status::NO,
            _ => machine.record(Effect::MakeFolder { path, mode: options.value("mode").map(str::to_owned) })?,
        }
    }
    Ok(status)
}

fn touch(machine: &mut Machine<'_>, options: &Options, paths: Vec<String>) -> Result<Status, ScriptError> {
    for path in paths {
        if !options.has("no-create") || machine.exists(&path) != Some(false) {
            machine.record(Effect::Touch { path })?;
        }
    }
    Ok(Status::YES)
}

/// Runs sed where it changes files that are known; `None` when it does something else.
pub(super) fn edit(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let Some(files) = super::harmless::edited(arguments) else { return Ok(None) };
    let mut status = Status::YES;
    for file in files {
        let Some(path) = machine.path(&file) else { return Ok(None) };
        if machine.exists(&path) == Some(false) {
            status = Status::Known(2);
            continue;
        }
        machine.record(Effect::WriteFile { path })?;
    }
    Ok(Some(status))
}

/// Moves and copies.
fn transfer(machine: &mut Machine<'_>, name: &str, options: &Options, paths: &[String]) -> Result<Option<Status>, ScriptError> {
    let Some((last, sources)) = paths.split_last().filter(|(_, sources)| !sources.is_empty()) else { return Ok(None) };
    let into = match machine.is_folder(last) {
        _ if options.has("no-target-directory") => false,
        Some(into) => into,
        None if sources.len() > 1 => true,
        None => return Ok(None),
    };
    if sources.len() > 1 && !into {
        return Ok(Some(Status::NO));
    }
    let mut status = Status::YES;
    for from in sources {
        if machine.there(from) == Some(false) {
            status = Status::NO;
            continue;
        }
        let to = if into { format!("{last}/{}", from.rsplit('/').next().unwrap_or_default()) } else { last.clone() };
        if options.has("no-clobber") && machine.there(&to) == Some(true) {
            continue;
        }
        if machine.there(from).is_none() {
            status = Status::Unknown;
        }
        let from = from.clone();
        machine.record(if name == "mv" { Effect::Rename { from, to } } else { Effect::Copy { from, to } })?;
    }
    Ok(Some(status))
}

fn link(machine: &mut Machine<'_>, options: &Options, paths: &[String]) -> Result<Option<Status>, ScriptError> {
    let ([target, _], [_, path], false) = (options.operands.as_slice(), paths, options.has("relative")) else { return Ok(None) };
    let symbolic = options.has("symbolic");
    let keeps = options.has("no-dereference") || options.has("no-target-directory");
    let into = match machine.is_folder(path) {
        Some(true) => !keeps || machine.is_own_folder(path) != Some(false),
        Some(false) => false,
        None if keeps => false,
        None => return Ok(None),
    };
    let path = if into { format!("{path}/{}", target.rsplit('/').next().unwrap_or_default()) } else { path.clone() };
    if machine.there(&path) == Some(true) && !options.has("force") {
        return Ok(Some(Status::NO));
    }
    machine.record(Effect::Link { target: target.clone(), path, symbolic })?;
    Ok(Some(Status::YES))
}

fn install(machine: &mut Machine<'_>, options: &Options, mut paths: Vec<String>) -> Result<Option<Status>, ScriptError> {
    let owner = match (options.value("owner"), options.value("group")) {
        (None, None) => None,
        (owner, group) => Some(format!("{}{}", owner.unwrap_or_default(), group.map(|group| format!(":{group}")).unwrap_or_default())),
    };
    let mode = options.value("mode").unwrap_or("0755").to_owned();
    if !options.has("directory") {
        if transfer(machine, "cp", options, &paths)?.is_none() {
            return Ok(None);
        }
        paths = paths.pop().into_iter().collect();
        for path in paths {
            machine.record(Effect::Mode { path: path.clone(), mode: mode.clone(), recursive: false })?;
            if let Some(owner) = &owner {
                machine.record(Effect::Owner { path, owner: owner.clone(), recursive: false })?;
            }
        }
        return Ok(Some(Status::YES));
    }
    for path in paths {
        let exists = machine.is_folder(&path) == Some(true);
        if exists {
            machine.record(Effect::Mode { path: path.clone(), mode: mode.clone(), recursive: false })?;
        } else {
            machine.record(Effect::MakeFolder { path: path.clone(), mode: Some(mode.clone()) })?;
        }
        if let Some(owner) = &owner {
            machine.record(Effect::Owner { path, owner: owner.clone(), recursive: false })?;
        }
    }
    Ok(Some(Status::YES))
}

fn attributes(machine: &mut Machine<'_>, name: &str, value: &str, recursive: bool, paths: Vec<String>) -> Result<Status, ScriptError> {
    let mut status = Status::YES;
    for path in paths {
        if machine.exists(&path) == Some(false) && machine.there(&path) == Some(false) {
            status = Status::NO;
            continue;
        }
        machine.record(match name {
            "chmod" => Effect::Mode { path, mode: value.to_owned(), recursive },
            "chgrp" => Effect::Owner { path, owner: format!(":{value}"), recursive },
            _ => Effect::Owner { path, owner: value.to_owned(), recursive },
        })?;
    }
    Ok(status)
}
