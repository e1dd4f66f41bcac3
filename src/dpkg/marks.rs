//! apt's marks on packages that came only because something needed them: `/var/lib/apt/extended_states`.

use std::fmt::Write as _;

use super::{
    DpkgError, Orders, arrival,
    database::{Database, text},
    edit::Editor,
};
use crate::debian::stanzas;

const FILE: &str = "/var/lib/apt/extended_states";

/// Marks what came by itself, and takes the mark from what was asked for or is gone.
pub(super) fn write(database: &Database, editor: &mut Editor<'_>, orders: &Orders) -> Result<(), DpkgError> {
    let old = text(editor.tree, FILE)?.unwrap_or_default();
    let mut kept = String::new();
    let mut known = Vec::new();
    for stanza in stanzas(&old) {
        let stanza = stanza.map_err(|error| DpkgError::database(FILE, error.line, error.reason))?;
        let name = stanza.get("Package").unwrap_or_default();
        let is_native = stanza.get("Architecture").is_none_or(|own| own == database.native || own == "all");
        let is_gone = !database.of_name(name).iter().any(|id| database.get(*id).is_there());
        if is_native && (is_gone || orders.asked.iter().any(|asked| asked == name)) {
            continue;
        }
        known.push(name);
        for (field, value) in stanza.fields() {
            // Writing to a String cannot fail.
            let _ = writeln!(kept, "{field}: {value}");
        }
        kept.push('\n');
    }
    for incoming in orders.come.iter().filter(|incoming| !incoming.is_asked) {
        let name = arrival::name(&incoming.deb);
        let is_new = database.of_name(name).iter().any(|id| database.get(*id).configured.is_none());
        if is_new && !known.contains(&name) {
            let _ = writeln!(kept, "Package: {name}\nArchitecture: {}\nAuto-Installed: 1\n", database.native);
        }
    }
    if kept == old || (old.is_empty() && !editor.tree.exists("/var/lib/apt")) {
        return Ok(());
    }
    editor.write(FILE, 0o644, kept.into_bytes())
}
