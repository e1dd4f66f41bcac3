//! Users and groups: adduser(8), addgroup(8), useradd(8), groupadd(8), usermod(8), gpasswd(1), deluser(8), userdel(8), …

use super::{
    options::{Options, Spec},
    query::has_account,
};
use crate::debian::{
    Version,
    script::{
        Effect, PrimaryGroup, ScriptError, User,
        eval::{Field, Machine, Status},
    },
};

/// Since this version users of the system have no home unless they ask for one.
const NO_HOME_SINCE: &str = "3.119";

const ADDUSER: Spec = Spec {
    long: &[
        "add-extra-groups",
        "add_extra_groups",
        "allow-all-names",
        "allow-badname",
        "allow-bad-names",
        "comment=",
        "debug",
        "disabled-login",
        "disabled-password",
        "firstgid=",
        "firstuid=",
        "force-badname",
        "gecos=",
        "gid=",
        "group",
        "home=",
        "ingroup=",
        "lastgid=",
        "lastuid=",
        "no-create-home",
        "quiet",
        "shell=",
        "system",
        "uid=",
        "verbose",
    ],
    short: &[('q', "quiet")],
};
const USERADD: Spec = Spec {
    long: &[
        "comment=",
        "create-home",
        "gid=",
        "groups=",
        "home-dir=",
        "key=",
        "no-create-home",
        "no-log-init",
        "no-user-group",
        "non-unique",
        "password=",
        "shell=",
        "system",
        "uid=",
        "user-group",
    ],
    short: &[
        ('c', "comment="),
        ('m', "create-home"),
        ('g', "gid="),
        ('G', "groups="),
        ('d', "home-dir="),
        ('K', "key="),
        ('M', "no-create-home"),
        ('l', "no-log-init"),
        ('N', "no-user-group"),
        ('p', "password="),
        ('s', "shell="),
        ('r', "system"),
        ('u', "uid="),
        ('U', "user-group"),
    ],
};
const GROUPADD: Spec =
    Spec { long: &["force", "gid=", "key=", "system"], short: &[('f', "force"), ('g', "gid="), ('K', "key="), ('r', "system")] };
const USERMOD: Spec = Spec { long: &["append", "groups="], short: &[('a', "append"), ('G', "groups=")] };
const GPASSWD: Spec = Spec { long: &["add="], short: &[('a', "add=")] };
const DELUSER: Spec = Spec { long: &["force", "group", "only-if-empty", "quiet", "system"], short: &[('f', "force"), ('q', "quiet")] };

/// Runs one; `None` when its arguments are not understood.
pub(super) fn run(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let spec = match name {
        "adduser" | "addgroup" => &ADDUSER,
        "useradd" => &USERADD,
        "groupadd" => &GROUPADD,
        "usermod" => &USERMOD,
        "gpasswd" => &GPASSWD,
        _ => &DELUSER,
    };
    let Some(options) = spec.parse(arguments) else { return Ok(None) };
    match (name, options.operands.as_slice()) {
        ("adduser", [user, group]) if !options.has("system") && !options.has("group") => member(machine, user, group).map(Some),
        ("adduser", [user]) if options.has("group") && !options.has("system") => add_group(machine, user, &options, Status::NO),
        ("adduser", [user]) if options.has("system") || options.has("disabled-password") || options.has("disabled-login") => {
            adduser(machine, user, &options)
        }
        ("addgroup", [group]) => add_group(machine, group, &options, if options.has("system") { Status::YES } else { Status::NO }),
        ("groupadd", [group]) => add_group(machine, group, &options, if options.has("force") { Status::YES } else { Status::Known(9) }),
        ("useradd", [user]) => useradd(machine, user, &options),
        ("usermod", [user]) if options.has("append") => match options.value("groups") {
            Some(groups) => {
                for group in groups.split(',') {
                    member(machine, user, group)?;
                }
                Ok(Some(Status::YES))
            }
            None => Ok(None),
        },
        ("gpasswd", [group]) => match options.value("add") {
            Some(user) => member(machine, user, group).map(Some),
            None => Ok(None),
        },
        ("deluser" | "userdel", [user]) if !options.has("group") => remove(machine, user, false).map(Some),
        ("delgroup" | "groupdel" | "deluser", [group]) => remove(machine, group, true).map(Some),
        _ => Ok(None),
    }
}

/// `existing` is the status when there is such a group.
fn add_group(machine: &mut Machine<'_>, name: &str, options: &Options, existing: Status) -> Result<Option<Status>, ScriptError> {
    let Ok(gid) = options.number("gid") else { return Ok(None) };
    if !is_name(name) {
        return Ok(None);
    }
    if let (Some(true), _) = has_account(machine, true, name)? {
        return Ok(Some(existing));
    }
    machine.record(Effect::Group { name: name.to_owned(), gid, system: options.has("system") })?;
    machine.set_account(true, name, true);
    Ok(Some(Status::YES))
}

fn adduser(machine: &mut Machine<'_>, name: &str, options: &Options) -> Result<Option<Status>, ScriptError> {
    let (Ok(uid), Ok(gid)) = (options.number("uid"), options.number("gid")) else { return Ok(None) };
    if !is_name(name) {
        return Ok(None);
    }
    let system = options.has("system");
    if let (Some(true), _) = has_account(machine, false, name)? {
        return Ok(Some(if system { Status::YES } else { Status::NO }));
    }
    let group = match (options.value("ingroup"), gid) {
        (Some(group), None) => PrimaryGroup::Named(group.to_owned()),
        (None, Some(gid)) => PrimaryGroup::Number(gid),
        (Some(_), Some(_)) => return Ok(None),
        (None, None) if options.has("group") || !system => PrimaryGroup::Own(uid.filter(|_| system)),
        (None, None) => PrimaryGroup::Nogroup,
    };
    let lets_no_home = (machine.world.installed)("adduser").is_none_or(|known| {
        let versions = Version::new(&known.version).ok().zip(Version::new(NO_HOME_SINCE).ok());
        versions.is_none_or(|(version, since)| version >= since)
    });
    let home = match options.value("home") {
        Some(home) => home.to_owned(),
        None if system && lets_no_home => "/nonexistent".to_owned(),
        None => format!("/home/{name}"),
    };
    let makes_home = !(options.has("no-create-home") || home == "/nonexistent" || home.starts_with("/nonexistent/"));
    let default_shell = if system { "/usr/sbin/nologin" } else { "/bin/bash" };
    let user = User {
        name: name.to_owned(),
        uid,
        group,
        home,
        makes_home,
        shell: options.value("shell").unwrap_or(default_shell).to_owned(),
        gecos: options.value("gecos").or_else(|| options.value("comment")).unwrap_or_default().to_owned(),
        system,
    };
    add_user(machine, user)
}

fn useradd(machine: &mut Machine<'_>, name: &str, options: &Options) -> Result<Option<Status>, ScriptError> {
    let Ok(uid) = options.number("uid") else { return Ok(None) };
    if !is_name(name) || options.has("password") || options.has("non-unique") {
        return Ok(None);
    }
    if let (Some(true), _) = has_account(machine, false, name)? {
        return Ok(Some(Status::Known(9)));
    }
    let group = match options.value("gid") {
        Some(group) => group.parse().map_or_else(|_| PrimaryGroup::Named(group.to_owned()), PrimaryGroup::Number),
        None if options.has("no-user-group") => PrimaryGroup::Number(100),
        None => PrimaryGroup::Own(None),
    };
    let user = User {
        name: name.to_owned(),
        uid,
        group,
        home: options.value("home-dir").map_or_else(|| format!("/home/{name}"), str::to_owned),
        makes_home: options.has("create-home"),
        shell: options.value("shell").unwrap_or("/bin/sh").to_owned(),
        gecos: options.value("comment").unwrap_or_default().to_owned(),
        system: options.has("system"),
    };
    let status = add_user(machine, user)?;
    for group in options.value("groups").into_iter().flat_map(|groups| groups.split(',')) {
        member(machine, name, group)?;
    }
    Ok(status)
}

fn add_user(machine: &mut Machine<'_>, user: User) -> Result<Option<Status>, ScriptError> {
    let name = user.name.clone();
    let own = matches!(user.group, PrimaryGroup::Own(_));
    machine.record(Effect::User(user))?;
    machine.set_account(false, &name, true);
    if own {
        machine.set_account(true, &name, true);
    }
    Ok(Some(Status::YES))
}

fn member(machine: &mut Machine<'_>, user: &str, group: &str) -> Result<Status, ScriptError> {
    let (_, line) = has_account(machine, true, group)?;
    let is_member = line.is_some_and(|line| line.rsplit(':').next().is_some_and(|members| members.split(',').any(|member| member == user)));
    if !is_member {
        machine.record(Effect::Member { user: user.to_owned(), group: group.to_owned() })?;
    }
    Ok(Status::YES)
}

fn remove(machine: &mut Machine<'_>, name: &str, group: bool) -> Result<Status, ScriptError> {
    if has_account(machine, group, name)?.0 == Some(false) {
        // Whether that is a failure depends on the command and its options.
        return Ok(Status::Unknown);
    }
    machine.record(if group { Effect::RemoveGroup(name.to_owned()) } else { Effect::RemoveUser(name.to_owned()) })?;
    machine.set_account(group, name, false);
    if !group {
        machine.set_account(true, name, false);
    }
    Ok(Status::YES)
}

/// What may be the name of an account; stricter than any of the commands.
fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=32).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with(['-', '.'])
}
