//! The one ordinary user: the stock account renamed, or a new one, with the profile's password and keys; every other password locked.

use super::{
    Build,
    edit::Editor,
    flavour::{USER_GROUPS, WIZARD_USER},
};
use crate::{
    accounts::Accounts,
    base::facts::{Facts, Release},
    node::{NodeError, embedded},
    profile::{Profile, Sudo},
    tree::{Inode, InodeId, Kind},
};

/// The first number of ordinary users (`FIRST_UID` of adduser.conf), and of their groups.
const UID: u32 = 1000;
/// A field that no password matches. Unlike with `!`, an SSH key still opens the account, whatever sshd's settings.
const LOCKED: &str = "*";
const AUTOLOGIN: &str = "/etc/systemd/system/autologin@.service";
const SUDOERS: &str = "/etc/sudoers.d";
const SECONDS_PER_DAY: i64 = 86_400;

/// The files of accounts, and what of them differs from the image.
struct Files {
    passwd: Accounts,
    shadow: Accounts,
    group: Accounts,
    /// The rest may be missing.
    gshadow: Option<Accounts>,
    subuid: Option<Accounts>,
    subgid: Option<Accounts>,
}

pub(super) fn apply(editor: &mut Editor, facts: &Facts, profile: &Profile, build: &Build) -> Result<(), NodeError> {
    let user = &profile.user;
    if let Some(hash) = &user.password {
        check_scheme(facts.release, hash.expose())?;
    }
    let mut files = Files::read(editor)?;
    let stock = facts.stock_user.as_deref();
    if stock != Some(&user.name) {
        if files.passwd.find(&user.name).is_some() {
            return Err(NodeError::Taken { what: "user name", value: user.name.clone() });
        }
        if files.group.find(&user.name).is_some() {
            return Err(NodeError::Taken { what: "group name", value: user.name.clone() });
        }
    }
    let (uid, gid, home) = match stock {
        Some(old) => take_over(editor, &mut files, old, &user.name)?,
        None => add(editor, &mut files, &user.name)?,
    };
    let hash = user.password.as_ref().map_or(LOCKED, |hash| hash.expose());
    set_passwords(&mut files, &user.name, hash, editor.epoch());
    for group in USER_GROUPS {
        if files.group.find(group).is_some_and(|fields| fields.len() == 4) {
            let wanted = group != "sudo" || user.sudo != Sudo::No;
            files.set_member(group, &user.name, wanted);
        }
    }
    if files.passwd.find(WIZARD_USER).is_some() {
        files.forget(WIZARD_USER);
    }
    files.write(editor)?;
    remove_backups(editor)?;
    sudo(editor, &files, stock, profile)?;
    no_autologin(editor)?;
    keys(editor, profile, build, &home, uid, gid)
}

/// Refuses a hash by which nobody could log in: crypt(3) of Debian was glibc's up to buster, which knows MD5 and SHA-2 only.
fn check_scheme(release: Release, hash: &str) -> Result<(), NodeError> {
    let known = release >= Release::Bullseye || ["$5$", "$6$"].iter().any(|scheme| hash.starts_with(scheme));
    if known { Ok(()) } else { Err(NodeError::Scheme { release: release.codename() }) }
}

impl Files {
    fn read(editor: &Editor) -> Result<Self, NodeError> {
        let optional = |path: &str| -> Result<Option<Accounts>, NodeError> {
            if editor.is_file(path) { Ok(Some(Accounts::parse(&editor.tree.read(path)?))) } else { Ok(None) }
        };
        let needed = |path: &str| optional(path)?.ok_or_else(|| NodeError::Missing { path: path.to_owned(), purpose: "the user" });
        Ok(Self {
            passwd: needed("/etc/passwd")?,
            shadow: needed("/etc/shadow")?,
            group: needed("/etc/group")?,
            gshadow: optional("/etc/gshadow")?,
            subuid: optional("/etc/subuid")?,
            subgid: optional("/etc/subgid")?,
        })
    }

    fn write(&self, editor: &mut Editor) -> Result<(), NodeError> {
        let optional = [("/etc/gshadow", &self.gshadow), ("/etc/subuid", &self.subuid), ("/etc/subgid", &self.subgid)];
        let present = optional.into_iter().filter_map(|(path, file)| Some((path, file.as_ref()?)));
        let needed = [("/etc/passwd", &self.passwd), ("/etc/shadow", &self.shadow), ("/etc/group", &self.group)];
        for (path, file) in needed.into_iter().chain(present) {
            editor.write(path, file.to_bytes())?;
        }
        Ok(())
    }

    /// The files of groups.
    fn groups(&mut self) -> impl Iterator<Item = &mut Accounts> {
        [Some(&mut self.group), self.gshadow.as_mut()].into_iter().flatten()
    }

    fn set_member(&mut self, group: &str, name: &str, wanted: bool) {
        self.groups().for_each(|file| file.set_member(group, name, wanted));
    }

    /// Removes an account with its group.
    fn forget(&mut self, name: &str) {
        self.groups().for_each(|file| {
            file.remove(name);
            file.remove_member(name);
        });
        let ranges = [self.subuid.as_mut(), self.subgid.as_mut()].into_iter().flatten();
        [&mut self.passwd, &mut self.shadow].into_iter().chain(ranges).for_each(|file| file.remove(name));
    }
}

/// Gives the stock account the name of the profile; number, home and memberships stay its own.
fn take_over(editor: &mut Editor, files: &mut Files, old: &str, new: &str) -> Result<(u32, u32, String), NodeError> {
    let not_understood = |reason: String| NodeError::NotUnderstood { path: "/etc/passwd".to_owned(), reason };
    let record = files.passwd.find(old).ok_or_else(|| not_understood(format!("it has no user `{old}`")))?;
    let [_, _, uid, gid, _, old_home, shell] = record.as_slice() else {
        return Err(not_understood(format!("its line for `{old}` has {} fields, expected 7", record.len())));
    };
    let number = |text: &String| text.parse::<u32>().map_err(|_| not_understood(format!("a number of `{old}` is wrong")));
    let (uid, gid) = (number(uid)?, number(gid)?);
    // A home elsewhere than in its usual place stays there.
    let home = if *old_home == format!("/home/{old}") { format!("/home/{new}") } else { old_home.clone() };
    if shell.ends_with("/nologin") || shell.ends_with("/false") {
        files.passwd.set(old, 6, login_shell(editor));
    }
    files.passwd.set(old, 5, &home);
    if old != new {
        files.groups().for_each(|file| {
            file.set(old, 0, new);
            file.rename_member(old, new);
        });
        let ranges = [files.subuid.as_mut(), files.subgid.as_mut()].into_iter().flatten();
        [&mut files.passwd, &mut files.shadow].into_iter().chain(ranges).for_each(|file| file.set(old, 0, new));
        for (from, to) in [
            (old_home.clone(), home.clone()),
            (format!("/var/mail/{old}"), format!("/var/mail/{new}")),
            (format!("/var/spool/cron/crontabs/{old}"), format!("/var/spool/cron/crontabs/{new}")),
            (format!("/var/lib/systemd/linger/{old}"), format!("/var/lib/systemd/linger/{new}")),
        ] {
            if from != to && editor.tree.exists(&from) {
                editor.tree.rename(&from, &to)?;
            }
        }
    }
    make_home(editor, &home, uid, gid)?;
    Ok((uid, gid, home))
}

/// A new account with a group and ranges of subordinate numbers of its own, as `adduser` makes it.
fn add(editor: &mut Editor, files: &mut Files, name: &str) -> Result<(u32, u32, String), NodeError> {
    for (what, file) in [("user number", &files.passwd), ("group number", &files.group)] {
        if file.has_number(UID) {
            return Err(NodeError::Taken { what, value: UID.to_string() });
        }
    }
    let home = format!("/home/{name}");
    files.passwd.push(&format!("{name}:x:{UID}:{UID}:,,,:{home}:{}", login_shell(editor)));
    files.group.push(&format!("{name}:x:{UID}:"));
    if let Some(file) = &mut files.gshadow {
        file.push(&format!("{name}:!::"));
    }
    for file in [&mut files.subuid, &mut files.subgid].into_iter().flatten() {
        // SUB_UID_MIN and SUB_UID_COUNT of login.defs.
        let start = file.ranges().map(|range| range.end().saturating_add(1)).max().unwrap_or(0).max(100_000);
        file.push(&format!("{name}:{start}:65536"));
    }
    make_home(editor, &home, UID, UID)?;
    Ok((UID, UID, home))
}

fn login_shell(editor: &Editor) -> &'static str {
    if editor.is_file("/bin/bash") { "/bin/bash" } else { "/bin/sh" }
}

/// The user's password; all others locked, root's first of all; none in `passwd`, where everybody could read it.
fn set_passwords(files: &mut Files, name: &str, hash: &str, epoch: i64) {
    files.passwd.each_password("", |password| (password != b"x").then_some("x"));
    files.shadow.each_password(name, |password| (!password.starts_with(b"!") && !password.starts_with(b"*")).then_some(LOCKED));
    // Day 0 would mean: to be changed at the next login (shadow(5)).
    let day = epoch.div_euclid(SECONDS_PER_DAY).max(1);
    files.shadow.remove(name);
    files.shadow.push(&format!("{name}:{hash}:{day}:0:99999:7:::"));
}

/// A home like a new user's, where there is none.
fn make_home(editor: &mut Editor, home: &str, uid: u32, gid: u32) -> Result<(), NodeError> {
    if editor.tree.resolve(home).is_some() {
        return Ok(());
    }
    editor.folder(home, 0o700, uid, gid)?;
    if let Some(skeleton) = editor.tree.resolve("/etc/skel") {
        copy_folder(editor, skeleton, home, uid, gid)?;
    }
    Ok(())
}

fn copy_folder(editor: &mut Editor, from: InodeId, to: &str, uid: u32, gid: u32) -> Result<(), NodeError> {
    let children = editor.tree.inode(from).children().cloned().unwrap_or_default();
    for (name, child) in children {
        let path = format!("{to}/{}", String::from_utf8_lossy(name.as_bytes()));
        let inode = editor.tree.inode(child);
        let meta = editor.meta(inode.meta.permissions, uid, gid);
        match inode.kind.clone() {
            Kind::Directory(_) => {
                editor.folder(&path, meta.permissions, uid, gid)?;
                copy_folder(editor, child, &path, uid, gid)?;
            }
            kind @ (Kind::File(_) | Kind::Symlink(_)) => {
                editor.tree.put(&path, Inode::new(meta, kind))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Copies of old files hold old passwords.
fn remove_backups(editor: &mut Editor) -> Result<(), NodeError> {
    for name in ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"] {
        editor.remove(&format!("/etc/{name}-"))?;
        editor.remove(&format!("/var/backups/{name}.bak"))?;
    }
    Ok(())
}

fn sudo(editor: &mut Editor, files: &Files, stock: Option<&str>, profile: &Profile) -> Result<(), NodeError> {
    // What was granted to the stock account by name is not the profile's wish.
    for name in editor.names(SUDOERS) {
        let path = format!("{SUDOERS}/{name}");
        let granted = |line: &str| {
            let first = line.split_whitespace().next();
            first.is_some_and(|first| Some(first) == stock || first == WIZARD_USER || first == profile.user.name)
        };
        let text = editor.text(&path)?;
        if text.lines().any(granted) {
            let kept: String = text.lines().filter(|line| !granted(line)).map(|line| format!("{line}\n")).collect();
            if kept.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
                editor.remove(&path)?;
            } else {
                editor.write(&path, kept)?;
            }
        }
    }
    if profile.user.sudo == Sudo::No {
        return Ok(());
    }
    if files.group.find("sudo").is_none() || !editor.is_file("/etc/sudoers") {
        return Err(NodeError::Missing { path: "/etc/sudoers".to_owned(), purpose: "a user who may become root" });
    }
    if profile.user.sudo == Sudo::Passwordless {
        let text = embedded::render(&embedded::SUDOERS, &[("user", &profile.user.name)])?;
        // sudoers(5) skips files whose name has a dot or ends in a tilde, and refuses files that others can write.
        editor.create(&format!("{SUDOERS}/010_berry-nopasswd"), 0o440, 0, 0, text)?;
    }
    Ok(())
}

/// Nobody is logged in without being asked: the account that was is gone or has a password now.
fn no_autologin(editor: &mut Editor) -> Result<(), NodeError> {
    for folder in editor.names("/etc/systemd/system") {
        if folder.contains("getty@") && folder.ends_with(".service.d") {
            editor.remove(&format!("/etc/systemd/system/{folder}/autologin.conf"))?;
        }
    }
    // Up to stretch a template of its own stands in for a console's getty.
    if editor.is_file(AUTOLOGIN) {
        editor.remove(AUTOLOGIN)?;
        for unit in editor.names("/etc/systemd/system/getty.target.wants") {
            editor.enable(&unit, "getty.target.wants", "the login on the console")?;
        }
    }
    let path = "/etc/lightdm/lightdm.conf";
    if editor.is_file(path) {
        let comment = |line: &str| if line.starts_with("autologin-user=") { format!("#{line}\n") } else { format!("{line}\n") };
        let text: String = editor.text(path)?.lines().map(comment).collect();
        editor.write(path, text)?;
    }
    Ok(())
}

fn keys(editor: &mut Editor, profile: &Profile, build: &Build, home: &str, uid: u32, gid: u32) -> Result<(), NodeError> {
    let operator = profile.user.keys.is_empty().then(|| build.operator_key.clone().ok_or(NodeError::NoKey)).transpose()?;
    let text: String = profile.user.keys.iter().chain(&operator).map(|key| format!("{key}\n")).collect();
    let folder = format!("{home}/.ssh");
    editor.remove(&folder)?;
    editor.folder(&folder, 0o700, uid, gid)?;
    editor.create(&format!("{folder}/authorized_keys"), 0o600, uid, gid, text)
}
