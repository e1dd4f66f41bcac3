//! What a package that comes leaves of its older version and of others.

use std::collections::{HashMap, HashSet};

use super::{
    DpkgError,
    arrival::{Arrival, NewConffile, Placed},
    database::{Database, Id, Path},
    edit::Editor,
    place::dereferenced,
    record::{Conffile, NEW_CONFFILE, State, Want},
};
use crate::tree::InodeId;

/// Removes the files that only the older version had. Its conffiles stay, as obsolete ones.
pub(super) fn remove_old_files(database: &mut Database, editor: &mut Editor<'_>, arrival: &mut Arrival<'_>) -> Result<(), DpkgError> {
    remove_conffiles(database, editor, arrival)?;
    let id = arrival.id;
    let old: Vec<Path> = database.list(id).to_vec();
    let new: HashSet<Path> = arrival.files.iter().filter(|file| !file.is_left_out).map(|file| Path::clone(&file.path)).collect();
    let configured: Vec<Conffile> = database.get(id).conffiles.clone();
    // The same file may be known by another name, because of links among the folders above.
    let mut same: HashMap<InodeId, Path> = HashMap::new();
    for file in arrival.files.iter().filter(|file| !file.is_left_out) {
        if let Some(inode) = editor.tree.lookup(&file.path) {
            same.insert(inode, Path::clone(&file.path));
        }
    }
    for path in old.iter().rev() {
        if new.contains(path) || arrival.conffiles.iter().any(|conffile| conffile.path.as_bytes() == &**path) {
            continue;
        }
        let target = database.diversions.place(path, arrival.name()).to_vec();
        if editor.folder(&target).is_some() && database.owners(path).iter().any(|owner| *owner != id) {
            continue;
        }
        let Some(inode) = editor.tree.lookup(&target) else { continue };
        if editor.tree.inode(inode).children().is_some() {
            database.touch_with_parents(&target, Some(id));
            if editor.is_empty_folder(&target) && inode != InodeId::ROOT {
                editor.remove(&target)?;
            }
            continue;
        }
        let other_name = same.get(&inode);
        if let Some(known) = configured.iter().find(|known| known.path.as_bytes() == &**path) {
            match other_name {
                Some(other_name) => {
                    if let Some(index) = arrival.conffile(other_name).filter(|index| arrival.conffiles[*index].hash == NEW_CONFFILE) {
                        arrival.conffiles[index].hash.clone_from(&known.hash);
                    }
                }
                None => {
                    let Conffile { path: name, hash, .. } = known.clone();
                    arrival.conffiles.push(NewConffile { path: name, hash, is_obsolete: true, goes_on_upgrade: false });
                    arrival.files.push(Placed { path: Path::clone(path), is_taken: false, is_left_out: false, md5: None });
                }
            }
            continue;
        }
        if other_name.is_none() {
            database.touch_with_parents(&target, Some(id));
            editor.remove(&target)?;
        }
    }
    Ok(())
}

/// Removes the conffiles that the package says go with an upgrade; those that were edited are kept under another name.
fn remove_conffiles(database: &Database, editor: &mut Editor<'_>, arrival: &Arrival<'_>) -> Result<(), DpkgError> {
    for conffile in arrival.conffiles.iter().filter(|conffile| conffile.goes_on_upgrade) {
        let path = conffile.path.as_bytes();
        if database.owners(path).iter().any(|owner| *owner != arrival.id) {
            continue;
        }
        let target = database.diversions.place(path, arrival.name());
        let Some(target) = dereferenced(editor, target) else { continue };
        editor.remove([&target, &b".dpkg-dist"[..]].concat())?;
        let Some(id) = editor.tree.lookup(&target) else { continue };
        let is_file = editor.tree.inode(id).content().is_some();
        if is_file && crate::hex::encode(&super::md5(&editor.tree.read(&target)?)) == conffile.hash {
            editor.remove(&target)?;
        } else {
            editor.rename(&target, &[&target, &b".dpkg-old"[..]].concat())?;
        }
    }
    Ok(())
}

/// Takes the paths that the package has now from all others.
pub(super) fn take_from_others(database: &mut Database, editor: &mut Editor<'_>, arrival: &Arrival<'_>) -> Result<(), DpkgError> {
    let mut losing: HashMap<Id, HashSet<Path>> = HashMap::new();
    for file in arrival.files.iter().filter(|file| file.is_taken) {
        let diverting = database.diversions.of(&file.path).map(|diversion| diversion.package.clone());
        if diverting.as_ref().is_some_and(|package| package.as_deref() == Some(arrival.name())) {
            continue;
        }
        for owner in database.owners(&file.path).to_vec() {
            let other = database.get(owner);
            let is_diverting = diverting.as_ref().is_some_and(|package| package.as_deref() == Some(other.name.as_str()));
            if other.name == arrival.name() || is_diverting || other.state == State::NotInstalled {
                continue;
            }
            if arrival.conffile(&file.path).is_some() {
                for known in &mut database.edit(owner).conffiles {
                    known.is_obsolete |= known.path.as_bytes() == &*file.path;
                }
            }
            losing.entry(owner).or_default().insert(Path::clone(&file.path));
        }
    }
    let mut losing: Vec<_> = losing.into_iter().collect();
    losing.sort_by_key(|(id, _)| *id);
    for (id, lost) in losing {
        let left = database.list(id).iter().filter(|path| !lost.contains(*path)).cloned().collect();
        database.own(id, left);
        database.write_list(editor, id)?;
    }
    Ok(())
}

/// The packages that have nothing left of their own now, and that nothing needs: dpkg makes them disappear.
pub(super) fn disappearing(database: &Database, arrival: &Arrival<'_>) -> Vec<Id> {
    let new: HashSet<&[u8]> = arrival.files.iter().filter(|file| !file.is_left_out).map(|file| &*file.path).collect();
    let mut gone = Vec::new();
    // Only who shares a file with what comes can have lost all.
    let candidates: HashSet<Id> = arrival.files.iter().flat_map(|file| database.owners(&file.path)).copied().collect();
    let mut candidates: Vec<Id> = candidates.into_iter().collect();
    candidates.sort_unstable();
    for id in candidates {
        let other = database.get(id);
        let is_sibling = other.name == arrival.name();
        let has_files = database.list(id).iter().any(|path| &**path != b"/.");
        if id == arrival.id || is_sibling || !other.is_there() || !has_files {
            continue;
        }
        let saves = |path: &Path| {
            let diverting = database.diversions.of(path).and_then(|diversion| diversion.package.as_deref());
            if diverting.is_some_and(|package| package == other.name || package == arrival.name()) {
                return true;
            }
            let by_third = || database.owners(path).iter().any(|owner| *owner != id && *owner != arrival.id && !gone.contains(owner));
            !new.contains(&**path) && !by_third()
        };
        if !database.list(id).iter().any(saves) && !is_needed(database, id) {
            gone.push(id);
        }
    }
    gone
}

/// Whether a package that is there needs or recommends this one, or what it provides, and nothing else will do.
fn is_needed(database: &Database, id: Id) -> bool {
    let provides = |other: Id, name: &str| {
        database.get(other).relations("Provides").0.iter().flat_map(|any| &any.0).any(|relation| relation.name == name)
    };
    let there: Vec<Id> = database.ids().filter(|other| database.get(*other).is_there()).collect();
    let satisfies = |other: Id, relation: &crate::debian::Relation<'_>| {
        let record = database.get(other);
        let by_name = record.name == relation.name && relation.admits(record.parsed_version().as_ref());
        by_name || (relation.constraint.is_none() && provides(other, relation.name))
    };
    there.iter().filter(|other| **other != id).any(|other| {
        let record = database.get(*other);
        ["Depends", "Pre-Depends", "Recommends"].iter().any(|field| {
            let relations = record.relations(field);
            relations.0.iter().any(|any| {
                let is_met = |without: Option<Id>| {
                    any.0.iter().any(|relation| there.iter().any(|other| Some(*other) != without && satisfies(*other, relation)))
                };
                is_met(None) && !is_met(Some(id))
            })
        })
    })
}

/// Forgets a package whose files all belong to others now.
pub(super) fn disappear(database: &mut Database, editor: &mut Editor<'_>, id: Id) -> Result<(), DpkgError> {
    for kind in database.info_kinds(editor.tree, id) {
        editor.remove(database.info(id, &kind))?;
    }
    database.own(id, Vec::new());
    database.forget(id);
    Ok(())
}

impl Database {
    /// Nothing is left of a package.
    pub(super) fn forget(&mut self, id: Id) {
        self.set_state(id, State::NotInstalled);
        let record = self.edit(id);
        record.want = Want::Unknown;
        record.configured = None;
        record.conffiles.clear();
    }
}
