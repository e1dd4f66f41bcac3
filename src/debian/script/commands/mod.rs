//! The commands of the system: which of them change something, and what the others answer.

mod accounts;
mod change;
mod divert;
mod harmless;
mod helper;
mod options;
mod packages;
mod print;
mod query;
mod services;
mod simple;
mod test;
mod wrapped;

use super::{
    ScriptError,
    eval::{Field, Machine, Status},
};

/// Folders of commands.
const USUAL: [&str; 7] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/dpkg"];

/// Runs a command that is no function and none of those that change the shell.
pub(super) fn run(machine: &mut Machine<'_>, command: &str, arguments: &[Field], all: &[Field]) -> Result<Status, ScriptError> {
    // The folder does not matter when it is one of the usual.
    let name = match command.rsplit_once('/') {
        Some((folder, name)) if USUAL.contains(&folder) => name,
        _ => command,
    };
    if arguments.iter().any(|argument| argument.text == "--help") && harmless::has_help(name) {
        machine.print_unknown();
        return Ok(Status::YES);
    }
    let understood = match name {
        "test" | "[" => test::run(machine, name, arguments)?,
        "echo" | "printf" | "cat" | "dirname" | "basename" | "pwd" => print::run(machine, name, arguments)?,
        "command" | "which" | "type" | "getent" | "id" => match query::run(machine, name, arguments)? {
            None => wrapped::run(machine, name, arguments)?,
            status => status,
        },
        "env" | "nice" | "ionice" | "timeout" | "sh" | "dash" | "bash" | "chroot" | "setsid" | "builtin" | "time" => {
            wrapped::run(machine, name, arguments)?
        }
        "grep" | "egrep" | "fgrep" => simple::grep(machine, name, arguments)?,
        "sed" => change::edit(machine, arguments)?,
        "xargs" => wrapped::xargs(machine, arguments)?,
        "readlink" | "realpath" => simple::read_link(machine, name, arguments)?,
        "expr" | "stat" => None,
        "dpkg" => packages::dpkg(machine, arguments)?,
        "dpkg-query" => packages::query(machine, arguments)?,
        "dpkg-trigger" => packages::trigger(machine, arguments)?,
        "dpkg-divert" => divert::divert(machine, arguments)?,
        "dpkg-statoverride" => divert::statoverride(machine, arguments)?,
        "dpkg-maintscript-helper" => helper::run(machine, arguments)?,
        "adduser" | "addgroup" | "useradd" | "groupadd" | "usermod" | "gpasswd" | "deluser" | "delgroup" | "userdel" | "groupdel" => {
            accounts::run(machine, name, arguments)?
        }
        "rm" | "unlink" | "rmdir" | "mkdir" | "mv" | "cp" | "ln" | "install" | "touch" | "chmod" | "chown" | "chgrp" => {
            change::run(machine, name, arguments)?
        }
        "deb-systemd-helper" => services::helper(machine, arguments)?,
        "systemctl" if !harmless::is(name, arguments) => services::systemctl(machine, arguments)?,
        "deb-systemd-invoke" | "invoke-rc.d" | "service" | "start-stop-daemon" | "kill" | "killall" | "pkill" | "initctl" => {
            Some(services::service(machine, name, arguments)?)
        }
        "update-rc.d" => services::update_rc(machine, arguments)?,
        _ if command.starts_with("/etc/init.d/") => Some(services::service(machine, command, arguments)?),
        _ => simple::run(machine, name, arguments)?,
    };
    if let Some(status) = understood {
        if !matches!(
            name,
            "test"
                | "["
                | "echo"
                | "printf"
                | "cat"
                | "dirname"
                | "basename"
                | "command"
                | "which"
                | "getent"
                | "id"
                | "readlink"
                | "dpkg"
                | "dpkg-query"
                | "dpkg-divert"
                | "dpkg-statoverride"
                | "grep"
                | "egrep"
                | "fgrep"
                | "env"
                | "nice"
                | "builtin"
        ) {
            machine.print_unknown();
        }
        return Ok(status);
    }
    machine.print_unknown();
    if harmless::is(name, arguments) {
        // It may have read its input.
        machine.forget_input();
        return Ok(Status::Unknown);
    }
    match machine.program(command) {
        // What is not there does nothing.
        Some(None) => return Ok(Status::Known(127)),
        Some(Some(path)) => {
            if let Some(status) = machine.child(&path, arguments)? {
                return Ok(status);
            }
        }
        None => {}
    }
    let why = if arguments.iter().all(|argument| argument.known) { "what this does is not known" } else { "its arguments are not known" };
    machine.not_understood(all, why)?;
    Ok(Status::Unknown)
}

/// The arguments, when all of them are known.
fn known(arguments: &[Field]) -> Option<Vec<String>> {
    arguments.iter().map(|argument| argument.get().map(str::to_owned)).collect()
}

/// A command as it is told.
fn shown(name: &str, arguments: &[Field]) -> String {
    let words = [name].into_iter().chain(arguments.iter().map(|argument| argument.text.as_str()));
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().take(200).map(|character| if character.is_control() { ' ' } else { character }).collect()
}
