//! Unpacking one package, in dpkg's order.

use std::fmt::Write as _;

use super::{
    DpkgError,
    arrival::Arrival,
    database::{Database, Id},
    edit::Editor,
    leftover, place,
    record::{Conffile, State, Want},
    scripts,
};
use crate::{
    debian::{deb::Deb, script::Kind},
    hex,
    tree::{self, Content},
};

/// What became of a package that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) id: Id,
    /// The version that it replaced.
    pub(super) replaced: Option<String>,
}

/// Unpacks a package.
pub(super) fn unpack(database: &mut Database, editor: &mut Editor<'_>, deb: &Deb) -> Result<Unpacked, DpkgError> {
    let mut arrival = Arrival::read(deb, database)?;
    let id = arrival.id;
    let before = database.get(id).state;
    let old_version = database.get(id).version.clone();
    let old_name = database.get(id).database_name();
    let version = arrival.package.version.as_str();
    let old_triggers = database.read_info(editor.tree, id, "triggers")?.unwrap_or_default();
    let new_triggers = deb.control_text("triggers").unwrap_or_default();

    database.set_off_own(id, &old_triggers)?;
    database.set_off_own(id, new_triggers)?;
    arrival.inherit_hashes(database);
    if before >= State::HalfConfigured {
        database.set_state(id, State::HalfConfigured);
        let script = database.read_info(editor.tree, id, "prerm")?;
        scripts::perform(database, editor, id, Kind::Prerm, script.as_deref(), &["upgrade", version])?;
        database.set_state(id, State::Unpacked);
    }
    // One on hold, too: it was asked for.
    database.edit(id).want = Want::Install;
    database.set_state(id, State::HalfInstalled);
    let preinst = deb.control_text("preinst");
    let arguments: &[&str] = match before {
        State::NotInstalled => &["install"],
        State::ConfigFiles => &["install", &old_version, version],
        _ => &["upgrade", &old_version, version],
    };
    scripts::perform_new(database, editor, &arrival, Kind::Preinst, preinst, arguments)?;

    place::place_all(database, editor, &mut arrival)?;

    if before >= State::HalfInstalled {
        let script = database.read_info(editor.tree, id, "postrm")?;
        scripts::perform(database, editor, id, Kind::Postrm, script.as_deref(), &["upgrade", version])?;
    }
    leftover::remove_old_files(database, editor, &mut arrival)?;
    let old_kinds = database.info_kinds(editor.tree, id);
    let old_infos: Vec<String> = old_kinds.iter().map(|kind| database.info(id, kind)).collect();
    database.own(id, arrival.files.iter().map(|file| file.path.clone()).collect());
    database.edit(id).describe(&arrival.stanza, &arrival.package)?;
    for info in old_infos {
        editor.remove(info)?;
    }
    database.write_list(editor, id)?;
    database.exchange_interests(id, &old_name, &old_triggers, new_triggers)?;
    write_info(database, editor, &arrival)?;
    database.edit(id).conffiles = arrival
        .conffiles
        .iter()
        .map(|conffile| Conffile {
            path: conffile.path.clone(),
            hash: conffile.hash.clone(),
            is_obsolete: conffile.is_obsolete,
            goes_on_upgrade: conffile.goes_on_upgrade,
        })
        .collect();
    for other in leftover::disappearing(database, &arrival) {
        let script = database.read_info(editor.tree, other, "postrm")?;
        let arguments = ["disappear", arrival.name(), version];
        scripts::perform(database, editor, other, Kind::Postrm, script.as_deref(), &arguments)?;
        leftover::disappear(database, editor, other)?;
    }
    leftover::take_from_others(database, editor, &arrival)?;
    database.set_state(id, State::Unpacked);
    Ok(Unpacked { id, replaced: (before > State::ConfigFiles).then_some(old_version) })
}

/// Puts the control archive into `/var/lib/dpkg/info`.
fn write_info(database: &Database, editor: &mut Editor<'_>, arrival: &Arrival<'_>) -> Result<(), DpkgError> {
    // `control` becomes the record, `list` is dpkg's own, and what has a dot is none of its business.
    let files = arrival.deb.control.iter().filter(|file| !matches!(file.name.as_str(), "control" | "list") && !file.name.contains('.'));
    let mut has_sums = false;
    for file in files {
        has_sums |= file.name == "md5sums";
        let meta = editor.meta(file.permissions, 0, 0, file.mtime);
        editor.place(database.info(arrival.id, &file.name).as_bytes(), meta, tree::Kind::File(Content::bytes(file.bytes.clone())))?;
    }
    if !has_sums {
        let mut sums = Vec::new();
        for file in &arrival.files {
            if let Some(md5) = file.md5 {
                let mut line = String::new();
                // Writing to a String cannot fail.
                let _ = write!(line, "{}  ", hex::encode(&md5));
                sums.extend_from_slice(line.as_bytes());
                sums.extend_from_slice(&file.path[1..]);
                sums.push(b'\n');
            }
        }
        editor.write(&database.info(arrival.id, "md5sums"), 0o644, sums)?;
    }
    Ok(())
}
