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
    if is_idle(&done.effect) {
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
        effect if !done.certain => format!("{effect:?}"),
        Effect::Undivert { from, .. } if database.diversions.of(from.as_bytes()).is_none() => return None,
        _ => return None,
    };
    Some(format!("{perhaps}{reason}"))
}

/// Whether nothing is left of an effect on a system that does not run.
fn is_idle(effect: &Effect) -> bool {
    match effect {
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

/// Does it.
pub(super) fn perform(database: &mut Database, editor: &mut Editor<'_>, id: Id, kind: Kind, done: &Done) -> Result<(), Problem> {
    if let Some(reason) = refusal(database, editor.tree, kind, done) {
        return Err(Problem::Refused(reason));
    }
    match &done.effect {
        Effect::Divert { package, from, to, rename } => {
            let diversion = Diversion { from: from.clone(), to: to.clone(), package: package.clone() };
            match database.diversions.of(from.as_bytes()) {
                Some(known) if *known == diversion => {}
                Some(_) => return Err(Problem::Refused(format!("it diverts `{from}`, which is diverted already"))),
                None => {
                    if *rename && editor.tree.exists(from) {
                        editor.rename(from.as_bytes(), to.as_bytes())?;
                    }
                    database.diversions.add(diversion);
                }
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
            let mode = mode.as_deref().and_then(|mode| u16::from_str_radix(mode, 8).ok()).unwrap_or(0o755);
            let meta = editor.new_meta(mode);
            editor.tree.make_folder(path, &meta)?;
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
    match helper {
        Helper::RemoveConffile { path, package, .. } if editor.tree.exists(path) => {
            // One that was edited is kept, under a name that the postinst knows.
            let ending = if is_as_shipped(editor, package, path)? { ".dpkg-remove" } else { ".dpkg-backup" };
            editor.rename(path.as_bytes(), format!("{path}{ending}").as_bytes())?;
        }
        Helper::MoveConffile { from, package, .. } if editor.tree.exists(from) && is_as_shipped(editor, package, from)? => {
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
