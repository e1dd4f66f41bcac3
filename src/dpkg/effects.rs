//! Doing what a maintainer script would have done to the files of the system.

use super::{
    DpkgError,
    database::{Database, Id},
    diversions::Diversion,
    edit::Editor,
    mode, users,
};
use crate::{
    accounts::Accounts,
    debian::script::{Done, Effect, Helper, Kind},
    hex,
    tree::{self, Tree},
};

/// What stops an effect.
pub(super) enum Problem {
    /// It needs the running system; the reason, as the end of a sentence.
    Refused(String),
    /// It went wrong.
    Failed(DpkgError),
}

impl<E: Into<DpkgError>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Why an effect cannot be had without the running system, if it cannot.
pub(super) fn refusal(database: &Database, tree: &Tree, kind: Kind, done: &Done) -> Option<String> {
    // Where it may fail, as where a service could not be stopped, it is taken to succeed: no service runs.
    if is_idle(&done.effect, tree) || (matches!(done.effect, Effect::Fail { .. }) && !done.certain) {
        return None;
    }
    let perhaps = if done.certain { "" } else { "perhaps " };
    let reason = match &done.effect {
        Effect::Other { command, why } => format!("`{command}`: {why}"),
        Effect::Fail { status } => format!("it ends with exit status {status}"),
        Effect::Unit { action, units } => format!("it changes a unit of systemd ({action} {})", units.join(" ")),
        Effect::UpdateRcD { name, .. } => format!("it changes when `{name}` is started"),
        Effect::Debconf { command } => format!("it changes debconf's database (`{command}`)"),
        Effect::InstallAlternative { arguments } | Effect::ChangeAlternative { arguments } => {
            format!("it changes an alternative ({})", arguments.join(" "))
        }
        Effect::Statoverride { .. } => "it changes owners and permissions of files of packages".to_owned(),
        Effect::Ucf { .. } => "it changes a configuration file".to_owned(),
        Effect::Refresh { command } | Effect::Service { command } => format!("it runs `{command}`"),
        Effect::WriteFile { path } => format!("it writes `{path}`"),
        Effect::Copy { from, .. } => format!("it copies `{from}`"),
        Effect::TmpfilesFile(_) => "it makes temporary files".to_owned(),
        Effect::PyCompile { .. } => "it compiles Python modules".to_owned(),
        Effect::RemoveUser(name) => format!("it removes the user `{name}`"),
        Effect::RemoveGroup(name) => format!("it removes the group `{name}`"),
        Effect::Helper(Helper::DirToSymlink { path, .. }) => format!("it turns the folder `{path}` into a link"),
        Effect::Helper(_) if kind != Kind::Preinst => "it moves configuration files".to_owned(),
        Effect::Mode { path, mode, recursive } if *recursive || mode::Change::parse(mode).is_none() => {
            format!("it changes the permissions of `{path}`")
        }
        Effect::Owner { path, owner, recursive } if *recursive || numbers(tree, owner).is_none() => {
            format!("it changes the owner of `{path}`")
        }
        Effect::Group { name, system: false, .. } => format!("it makes the group `{name}`"),
        Effect::User(user) if !user.system => format!("it makes the user `{}`", user.name),
        Effect::SysusersFile(name) if name.is_empty() => "it makes the users of all packages".to_owned(),
        Effect::RemoveFile { path, recursive: false } if is_folder(tree, path) => format!("it removes `{path}`, which is a folder"),
        Effect::MakeFolder { path, mode: Some(mode) } if mode::Change::parse(mode).is_none() => format!("it makes the folder `{path}`"),
        Effect::Divert { package, from, to, rename } => match clash(database, tree, (package.as_deref(), from, to), *rename) {
            Some(reason) => reason,
            None if done.certain => return None,
            None => format!("it diverts `{from}`"),
        },
        Effect::Undivert { package, from, to, rename } => match database.diversions.of(from.as_bytes()) {
            None => return None,
            Some(known) => {
                let is_other = package.as_ref().is_some_and(|package| known.package.as_ref() != Some(package));
                let leads_elsewhere = to.as_ref().is_some_and(|to| known.to != *to);
                if is_other || leads_elsewhere {
                    format!("it removes the diversion of `{from}`, which is another's")
                } else if *rename && tree.exists(from) && tree.exists(&known.to) {
                    format!("it moves `{}` back to `{from}`, which is there", known.to)
                } else if done.certain {
                    return None;
                } else {
                    format!("it removes the diversion of `{from}`")
                }
            }
        },
        _ if !done.certain => "whether it changes something cannot be told without running it".to_owned(),
        _ => return None,
    };
    Some(format!("{perhaps}{reason}"))
}

/// Whether nothing is left of an effect on a system that does not run.
fn is_idle(effect: &Effect, tree: &Tree) -> bool {
    match effect {
        // `--auto NAME`, `--remove NAME PATH`, `--remove-all NAME`: what has no alternatives has none to change (update-alternatives(1)).
        Effect::ChangeAlternative { arguments } => match &arguments[..] {
            [action, name, ..] if ["--auto", "--remove", "--remove-all"].contains(&action.as_str()) => {
                name.contains('/') || !tree.exists(format!("/var/lib/dpkg/alternatives/{name}"))
            }
            _ => false,
        },
        // What is done already.
        Effect::RemoveFile { path, .. } | Effect::RemoveFolder { path } | Effect::Rename { from: path, .. } => !tree.exists(path),
        Effect::MakeFolder { path, .. } | Effect::Touch { path } => tree.resolve(path).is_some(),
        Effect::Group { name, .. } => has_account(tree, "/etc/group", name),
        Effect::User(user) => has_account(tree, "/etc/passwd", &user.name),
        Effect::Ucf { arguments } => is_unknown_to_ucf(arguments, tree),
        // Nothing runs that could be stopped, and what is to run is started when it is configured.
        Effect::Service { .. } => true,
        Effect::Debconf { command } => {
            // What is asked and read has no effect of its own; the package's own templates are loaded when it is configured.
            let writes = ["set", "reset", "purge", "unregister", "subst", "clear", "x_loadtemplatefile"];
            !command.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| {
                let word = word.strip_prefix("db_").unwrap_or(word).to_ascii_lowercase();
                writes.contains(&word.as_str()) || word == "fset"
            })
        }
        _ => false,
    }
}

/// Whether `ucf --purge FILE` (ucf(1)) finds nothing to take out. Its records name the file that links and diversions lead to: any file of
/// that name counts.
fn is_unknown_to_ucf(arguments: &[String], tree: &Tree) -> bool {
    let [ucf, "-p" | "--purge", file] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] else { return false };
    let name = file.rsplit('/').next().unwrap_or_default();
    let is_free = |path: &str| match tree.read_text(path) {
        Ok(text) => !text.lines().any(|line| line.contains(name)),
        Err(_) => !tree.exists(path),
    };
    ucf == "ucf" && !name.is_empty() && is_free("/var/lib/ucf/hashfile")
}

fn is_folder(tree: &Tree, path: &str) -> bool {
    tree.lookup(path).is_some_and(|id| tree.inode(id).children().is_some())
}

/// Why dpkg-divert(1) would not add a diversion, if it would not.
fn clash(database: &Database, tree: &Tree, (package, from, to): (Option<&str>, &str, &str), rename: bool) -> Option<String> {
    let diversions = &database.diversions;
    if let Some(known) = diversions.of(from.as_bytes()) {
        let is_same = known.to == to && known.package.as_deref() == package;
        return (!is_same).then(|| format!("it diverts `{from}`, which is diverted already"));
    }
    if [from, to].iter().any(|path| diversions.to(path.as_bytes()).is_some()) || diversions.of(to.as_bytes()).is_some() {
        return Some(format!("it diverts `{from}` to `{to}`, and another diversion has one of them"));
    }
    (rename && tree.exists(from) && tree.exists(to)).then(|| format!("it moves `{from}` to `{to}`, which is there"))
}

fn has_account(tree: &Tree, file: &str, name: &str) -> bool {
    tree.read(file).is_ok_and(|bytes| Accounts::parse(&bytes).find(name).is_some())
}

/// Does it.
pub(super) fn perform(database: &mut Database, editor: &mut Editor<'_>, id: Id, kind: Kind, done: &Done) -> Result<(), Problem> {
    if let Some(reason) = refusal(database, editor.tree, kind, done) {
        return Err(Problem::Refused(reason));
    }
    match &done.effect {
        Effect::Divert { package, from, to, rename } => {
            let diversion = Diversion { from: from.clone(), to: to.clone(), package: package.clone() };
            if database.diversions.of(from.as_bytes()).is_none() {
                // Not the file of the package itself, which is to stay.
                let owners = database.owners(from.as_bytes());
                let is_own = owners.iter().any(|owner| Some(database.get(*owner).name.as_str()) == package.as_deref());
                if *rename && !is_own && editor.tree.exists(from) {
                    editor.rename(from.as_bytes(), to.as_bytes())?;
                }
                database.diversions.add(diversion);
            }
        }
        Effect::Undivert { from, rename, .. } => {
            if let Some(Diversion { to, .. }) = database.diversions.take(from)
                && *rename
                && editor.tree.exists(&to)
            {
                editor.rename(to.as_bytes(), from.as_bytes())?;
            }
        }
        Effect::Group { .. } | Effect::User(_) | Effect::Member { .. } | Effect::SysusersFile(_) => {
            users::make(&database.get(id).name, editor, &done.effect)?;
        }
        Effect::Helper(helper) => act(database, editor, helper)?,
        Effect::PyClean { package } => clean_python(database, editor, package)?,
        Effect::Trigger { name, awaits } => database.set_off(name, awaits.then_some(id)),
        Effect::RemoveFile { path, .. } => drop(editor.remove(path)?),
        Effect::RemoveFolder { path } if editor.is_empty_folder(path.as_bytes()) => drop(editor.remove(path)?),
        Effect::MakeFolder { path, mode } => {
            let meta = editor.new_meta(0o755);
            let id = editor.tree.make_folder(path, &meta)?;
            // Folders above it get what every folder gets.
            let change = mode.as_deref().and_then(mode::Change::parse);
            let meta = &mut editor.tree.inode_mut(id).meta;
            meta.permissions = change.map_or(meta.permissions, |change| change.of(meta.permissions, true));
        }
        Effect::Touch { path } if editor.tree.resolve(path).is_none() => editor.write(path, 0o644, Vec::new())?,
        Effect::Rename { from, to } if editor.tree.exists(from) => editor.rename(from.as_bytes(), to.as_bytes())?,
        Effect::Link { target, path, symbolic: true } => {
            let meta = editor.new_meta(0o777);
            editor.place(path.as_bytes(), meta, tree::Kind::Symlink(target.clone().into_bytes()))?;
        }
        Effect::Link { target, path, symbolic: false } => {
            let id = editor.tree.find(target.as_bytes(), false)?;
            editor.tree.place_link(path, id)?;
        }
        Effect::Mode { path, mode, .. } => {
            if let (Some(id), Some(change)) = (editor.tree.resolve(path), mode::Change::parse(mode)) {
                let inode = editor.tree.inode_mut(id);
                inode.meta.permissions = change.of(inode.meta.permissions, inode.children().is_some());
            }
        }
        Effect::Owner { path, owner, .. } => {
            if let (Some(id), Some((user, group))) = (editor.tree.resolve(path), numbers(editor.tree, owner)) {
                let meta = &mut editor.tree.inode_mut(id).meta;
                meta.uid = user.unwrap_or(meta.uid);
                meta.gid = group.unwrap_or(meta.gid);
            }
        }
        // The others were refused, or leave nothing behind.
        _ => {}
    }
    Ok(())
}

/// Numbers of `USER`, `USER:GROUP` or `:GROUP`, as chown(1) takes them.
fn numbers(tree: &Tree, owner: &str) -> Option<(Option<u32>, Option<u32>)> {
    let number = |file: &str, name: &str| {
        if name.is_empty() {
            return Some(None);
        }
        let accounts = Accounts::parse(&tree.read(file).ok()?);
        accounts.number(name).or_else(|| name.parse().ok()).map(Some)
    };
    let (user, group) = owner.split_once([':', '.']).unwrap_or((owner, ""));
    Some((number("/etc/passwd", user)?, number("/etc/group", group)?))
}

/// The part of dpkg-maintscript-helper(1) that a preinst does. The postinst goes on with it.
fn act(database: &Database, editor: &mut Editor<'_>, helper: &Helper) -> Result<(), Problem> {
    let is_as_shipped = |editor: &Editor<'_>, package: &str, path: &str| -> Result<bool, DpkgError> {
        let Some(known) = database.by_database_name(package).map(|id| &database.get(id).conffiles) else { return Ok(false) };
        let hash = known.iter().find(|known| known.path == path).map(|known| known.hash.as_str());
        Ok(hash == Some(hex::encode(&super::md5(&editor.tree.read(path)?)).as_str()))
    };
    // What is another's by now stays as it is.
    let owns = |package: &str, path: &str| {
        database.by_database_name(package).is_some_and(|id| database.list(id).iter().any(|own| **own == *path.as_bytes()))
    };
    match helper {
        Helper::RemoveConffile { path, package, .. } if editor.tree.exists(path) && owns(package, path) => {
            // One that was edited is kept, under a name that the postinst knows.
            let ending = if is_as_shipped(editor, package, path)? { ".dpkg-remove" } else { ".dpkg-backup" };
            editor.rename(path.as_bytes(), format!("{path}{ending}").as_bytes())?;
        }
        Helper::MoveConffile { from, package, .. }
            if editor.tree.exists(from) && owns(package, from) && is_as_shipped(editor, package, from)? =>
        {
            editor.rename(from.as_bytes(), format!("{from}.dpkg-remove").as_bytes())?;
        }
        Helper::SymlinkToDir { path, .. } if editor.tree.exists(path) => {
            editor.rename(path.as_bytes(), format!("{path}.dpkg-backup").as_bytes())?;
        }
        _ => {}
    }
    Ok(())
}

/// Removes the byte code of a package's Python modules, as py3clean(1).
fn clean_python(database: &Database, editor: &mut Editor<'_>, package: &str) -> Result<(), Problem> {
    let Some(id) = database.by_database_name(package) else { return Ok(()) };
    for path in database.list(id) {
        let Some(module) = path.strip_suffix(b".py") else { continue };
        let Some(slash) = module.iter().rposition(|byte| *byte == b'/') else { continue };
        let cache = [&module[..slash], b"/__pycache__"].concat();
        let beginning = [&module[slash + 1..], b"."].concat();
        for name in editor.tree.names(&cache) {
            if name.starts_with(&beginning) && name.ends_with(b".pyc") {
                editor.remove([&cache, &b"/"[..], &name].concat())?;
            }
        }
        if editor.is_empty_folder(&cache) {
            editor.remove(&cache)?;
        }
    }
    Ok(())
}
