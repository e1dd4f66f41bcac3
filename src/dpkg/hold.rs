//! Packages that are to stay at their version.

use super::{
    database::Database,
    listing,
    record::{State, Want},
};
use crate::debian::Version;

/// From this version on, `dpkg --configure -a` configures packages that are on hold, too (its changelog, 1.20.0).
const CONFIGURES_HELD: &str = "1.20.0";

/// Puts packages on hold and tells their names. Where the image's dpkg would leave a package on hold unconfigured, one that waits for that
/// is left alone.
pub(super) fn hold(database: &mut Database, patterns: &[String]) -> Vec<String> {
    let is_new_enough = || {
        let dpkg = database.of_name("dpkg").iter().find(|id| database.get(**id).is_there())?;
        Some(database.get(*dpkg).parsed_version()? >= Version::new(CONFIGURES_HELD).ok()?)
    };
    let configures_held = is_new_enough().unwrap_or(false);
    let mut held = Vec::new();
    for id in database.ids() {
        let record = database.get(id);
        // All of one source go together: a library that moves alone would be as bad.
        let names = [record.name.as_str(), listing::source(record)];
        let is_meant = patterns.iter().any(|pattern| names.iter().any(|name| matches(pattern, name)));
        let can_wait = record.state == State::Installed || configures_held;
        if is_meant && record.is_there() && record.want == Want::Install && can_wait {
            held.push(record.name.clone());
            database.edit(id).want = Want::Hold;
        }
    }
    held.sort();
    held
}

/// Whether a name is meant: itself, or by its beginning where the pattern ends in `*`.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |beginning| name.starts_with(beginning))
}
