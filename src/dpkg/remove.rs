//! Removing a package and leaving its conffiles, as `dpkg --remove` does.

use std::sync::Arc;

use super::{
    DpkgError,
    database::{Database, Id, Path},
    edit::Editor,
    record::{State, Want},
    scripts,
};
use crate::debian::{MultiArch, script::Kind};

/// Removes a package. Its scripts were foreseen to do nothing else than what is done here.
pub(super) fn remove(database: &mut Database, editor: &mut Editor<'_>, id: Id) -> Result<(), DpkgError> {
    database.edit(id).want = Want::Deinstall;
    let triggers = database.read_info(editor.tree, id, "triggers")?.unwrap_or_default();
    database.set_off_own(id, &triggers)?;
    let arguments = ["remove"];
    if database.get(id).state >= State::HalfConfigured {
        database.set_state(id, State::HalfConfigured);
        let script = database.read_info(editor.tree, id, "prerm")?;
        scripts::perform(database, editor, id, Kind::Prerm, script.as_deref(), &arguments)?;
        database.set_state(id, State::Unpacked);
    }
    database.set_state(id, State::HalfInstalled);
    let left = remove_files(database, editor, id)?;
    database.own(id, left);
    database.write_list(editor, id)?;
    let postrm = database.read_info(editor.tree, id, "postrm")?;
    scripts::perform(database, editor, id, Kind::Postrm, postrm.as_deref(), &arguments)?;
    let name = database.get(id).database_name();
    database.exchange_interests(id, &name, &triggers, b"")?;
    for kind in database.info_kinds(editor.tree, id) {
        if kind != "list" && kind != "postrm" {
            editor.remove(database.info(id, &kind))?;
        }
    }
    database.set_state(id, State::ConfigFiles);
    database.edit(id).drop_field("Essential");
    database.edit(id).drop_field("Protected");
    if postrm.is_none() && database.get(id).conffiles.is_empty() {
        forget(database, editor, id)?;
    }
    Ok(())
}

/// Nothing is left that could be purged later.
fn forget(database: &mut Database, editor: &mut Editor<'_>, id: Id) -> Result<(), DpkgError> {
    for path in database.list(id).to_vec().iter().rev() {
        let target = database.diversions.place(path, &database.get(id).name).to_vec();
        if editor.is_empty_folder(&target) && !is_used_by_others(database, path, id) && &**path != b"/." {
            database.touch_with_parents(&target, Some(id));
            editor.remove(&target)?;
        }
    }
    editor.remove(database.info(id, "list"))?;
    database.own(id, Vec::new());
    database.forget(id);
    Ok(())
}

/// Removes the files, and tells the paths that stay.
fn remove_files(database: &mut Database, editor: &mut Editor<'_>, id: Id) -> Result<Vec<Path>, DpkgError> {
    let paths: Vec<Path> = database.list(id).to_vec();
    let name = database.get(id).name.clone();
    let conffiles: Vec<(Vec<u8>, bool)> = database
        .get(id)
        .conffiles
        .iter()
        .map(|known| (known.path.clone().into_bytes(), known.is_obsolete || known.goes_on_upgrade))
        .collect();
    let is_shared = |database: &Database, path: &[u8]| {
        let both = |other: &Id| *other != id && database.get(*other).name == name && database.get(*other).multi_arch == MultiArch::Same;
        database.owners(path).iter().any(both)
    };
    let mut left: Vec<Path> = Vec::new();
    for path in paths.iter().rev() {
        let target = database.diversions.place(path, &name).to_vec();
        let is_folder = editor.folder(&target).is_some();
        if !is_folder && is_shared(database, path) {
            continue;
        }
        if conffiles.iter().any(|(conffile, _)| conffile[..] == **path) {
            left.push(Arc::clone(path));
            continue;
        }
        if is_folder {
            let below = |other: &[u8]| other.strip_prefix(&**path).is_some_and(|rest| rest.first() == Some(&b'/'));
            let has_conffiles = conffiles.iter().any(|(conffile, is_gone)| !is_gone && below(conffile));
            if has_conffiles || left.iter().any(|other| below(other)) {
                left.push(Arc::clone(path));
                continue;
            }
            if is_used_by_others(database, path, id) {
                continue;
            }
            if &**path == b"/." {
                left.push(Arc::clone(path));
                continue;
            }
        }
        database.touch_with_parents(&target, Some(id));
        for ending in [&b".dpkg-tmp"[..], b".dpkg-new"] {
            editor.remove([&target, ending].concat())?;
        }
        let Some(inode) = editor.tree.lookup(&target) else { continue };
        let is_full = editor.tree.inode(inode).children().is_some_and(|children| !children.is_empty());
        if is_full {
            left.push(Arc::clone(path));
        } else {
            editor.remove(&target)?;
        }
    }
    left.reverse();
    Ok(left)
}

fn is_used_by_others(database: &Database, path: &[u8], id: Id) -> bool {
    database.owners(path).iter().any(|owner| *owner != id)
}
