//! What the real dpkg does with the same files.

use std::path::Path;

use crate::{
    apt::Chosen,
    place::{Place, Said},
};

/// As apt calls it. What a package needs before it is unpacked may be only unpacked, as with us; nobody waits for the disk of a test.
const DPKG: [&str; 5] = ["dpkg", "--no-triggers", "--auto-deconfigure", "--force-depends", "--force-unsafe-io"];
/// Leaves nothing but the marks.
const MARK: [&str; 4] =
    ["apt-mark", "--option=Debug::NoLocking=true", "--option=Dir::Cache::pkgcache=", "--option=Dir::Cache::srcpkgcache="];
/// Where the files are seen.
const DEBS: &str = "/mnt";

/// Removes what goes, unpacks what comes, and marks what was not asked for; `debs` is the folder of the files.
pub(crate) fn unpack(place: &Place, debs: &Path, chosen: &Chosen) -> String {
    let mut said = String::new();
    if !chosen.go.is_empty() {
        let names = chosen.go.iter().map(String::as_str);
        said += &place.run(&[], &DPKG.into_iter().chain(["--remove"]).chain(names).collect::<Vec<_>>()).ok();
    }
    if !chosen.come.is_empty() {
        let files: Vec<String> = chosen.come.iter().map(|incoming| format!("{DEBS}/{}", incoming.file)).collect();
        let words: Vec<&str> = DPKG.into_iter().chain(["--unpack"]).chain(files.iter().map(String::as_str)).collect();
        said += &place.run(&[(debs, DEBS)], &words).ok();
    }
    mark(place, chosen);
    said
}

/// Keeps apt's part of the records: what came only because something else needs it, without what went.
fn mark(place: &Place, chosen: &Chosen) {
    let run =
        |action: &'static str, names: Vec<&str>| place.run(&[], &MARK.into_iter().chain([action]).chain(names).collect::<Vec<_>>()).ok();
    let automatic: Vec<&str> = chosen.automatic().collect();
    if !automatic.is_empty() {
        run("auto", automatic);
    } else if !chosen.go.is_empty() {
        // It writes only what has changed.
        run("auto", vec!["apt"]);
        run("manual", vec!["apt"]);
    }
}

/// Says that these are to be removed, and leaves them.
pub(crate) fn want_removed(place: &Place, names: &[String]) {
    for name in names {
        place.run(&[], &["sh", "-ec", "echo \"$1 deinstall\" | dpkg --set-selections", "sh", name]).ok();
    }
}

/// Removes what is to be removed.
pub(crate) fn remove_pending(place: &Place) {
    place.run(&[], &DPKG.into_iter().chain(["--remove", "--pending"]).collect::<Vec<_>>()).ok();
}

/// Runs the scripts of all that is only unpacked.
pub(crate) fn configure(place: &Place) -> Said {
    place.run(&[], &["dpkg", "--force-confdef", "--force-confold", "--force-unsafe-io", "--configure", "-a"])
}

/// What dpkg has to say about its own records, and about the files.
pub(crate) fn judgement(place: &Place) -> [Said; 2] {
    ["--audit", "--verify"].map(|what| place.run(&[], &["dpkg", what]))
}
