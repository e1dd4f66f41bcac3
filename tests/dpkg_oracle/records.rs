//! What dpkg and apt keep of packages, read as what it means.

use std::collections::{BTreeMap, BTreeSet};

use berry_image::debian::stanzas;

use crate::{
    place::Place,
    support::program::{folder, output, tool},
};

/// Files of stanzas, each about a package.
const STANZAS: [&str; 2] = ["/var/lib/dpkg/status", "/var/lib/apt/extended_states"];

/// Files of entries, and how many lines an entry has.
const LINES: [(&str, usize); 3] = [("/var/lib/dpkg/diversions", 3), ("/var/lib/dpkg/statoverride", 1), ("/var/lib/dpkg/triggers/File", 1)];

/// For each number in the first text of passwd(5) or group(5) the number that the same name has in the second: an owner counts by name.
pub(crate) fn renumbered(one: &str, other: &str) -> BTreeMap<u32, u32> {
    let read = |text: &str| -> BTreeMap<String, u32> {
        let entry = |line: &str| Some((line.split(':').next()?.to_owned(), line.split(':').nth(2)?.parse().ok()?));
        text.lines().filter_map(entry).collect()
    };
    let other = read(other);
    read(one).into_iter().filter_map(|(name, number)| Some((number, *other.get(&name)?))).collect()
}

/// In what the records of two trees differ, whatever the order in which they stand.
pub(crate) fn differences(one: &Place, other: &Place) -> Vec<String> {
    let mut all = Vec::new();
    for path in STANZAS {
        let (one, other) = (read(&one.read(path)), read(&other.read(path)));
        for key in one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))) {
            let (a, b) = (one.get(key), other.get(key));
            match (a, b) {
                (Some(a), Some(b)) => all.extend(fields(a, b).map(|words| format!("{path}: {key}: {words}"))),
                (Some(_), None) => all.push(format!("{path}: {key}: only in the first")),
                _ => all.push(format!("{path}: {key}: only in the second")),
            }
        }
    }
    for (path, count) in LINES {
        let read = |place: &Place| {
            let text = place.read(path);
            let lines: Vec<&str> = text.lines().collect();
            lines.chunks(count).map(|entry| entry.join(" ")).collect::<BTreeSet<_>>()
        };
        let (one, other) = (read(one), read(other));
        all.extend(
            one.symmetric_difference(&other)
                .map(|entry| format!("{path}: {entry}: only in the {}", if one.contains(entry) { "first" } else { "second" })),
        );
    }
    all
}

/// The fields that differ.
fn fields<'a>(one: &'a BTreeMap<String, String>, other: &'a BTreeMap<String, String>) -> impl Iterator<Item = String> + use<'a> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differing = names.into_iter().filter(|name| one.get(*name) != other.get(*name));
    differing.map(|name| format!("{name}: {:?}, {:?}", one.get(name), other.get(name)))
}

/// Packages by name and architecture, their fields by name.
fn read(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for stanza in stanzas(text) {
        let stanza = stanza.unwrap();
        let field = |name| stanza.get(name).unwrap_or_else(|| panic!("a stanza without {name}"));
        let key = format!("{}:{}", field("Package"), field("Architecture"));
        let fields = stanza.fields().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert!(all.insert(key, fields).is_none(), "two stanzas of one package");
    }
    all
}

/// The lines in which two texts differ, as many as are good to read.
pub(crate) fn lines(one: &str, other: &str) -> String {
    let folder = folder();
    let paths = [("one", one), ("other", other)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let said = String::from_utf8_lossy(&output(tool("diff").arg("--unified=1").args(paths)).stdout).into_owned();
    said.lines().skip(2).take(40).map(|line| format!("    {line}\n")).collect()
}
