//! Two trees, and in what they differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

use crate::support::listing::Shown;

/// What the kernel shows of a tree, by path.
pub(crate) type Listing = BTreeMap<Vec<u8>, Shown>;

/// In what one path differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    /// Only in the first tree.
    OnlyFirst,
    /// Only in the second tree.
    OnlySecond,
    /// File, folder, link, …
    Kind,
    Permissions,
    Owner,
    /// Bytes of a file.
    Content,
    /// Where a link leads.
    Target,
    /// Number of a device.
    Device,
    /// Which other names the same inode has.
    Links,
    /// Extended attributes, with ACLs.
    Attributes,
    /// Last change of the content, of files and links.
    Time,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) aspect: Aspect,
    pub(crate) words: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.path, self.aspect, self.words)
    }
}

/// All differences, in the order of paths. Times after `began` (in seconds) are that of the test itself and are all the same.
pub(crate) fn differences(first: &Listing, second: &Listing, began: i64) -> Vec<Difference> {
    let paths: BTreeSet<&Vec<u8>> = first.keys().chain(second.keys()).collect();
    let mut differences = Vec::new();
    for path in paths {
        let shown = path.escape_ascii().to_string();
        let mut add = |aspect, words: String| differences.push(Difference { path: shown.clone(), aspect, words });
        match (first.get(path), second.get(path)) {
            (Some(one), Some(other)) => pair(one, other, began, &mut add),
            (Some(one), None) => add(Aspect::OnlyFirst, format!("{:o}", one.mode)),
            (None, Some(other)) => add(Aspect::OnlySecond, format!("{:o}", other.mode)),
            (None, None) => {}
        }
    }
    differences
}

fn pair(one: &Shown, other: &Shown, began: i64, add: &mut dyn FnMut(Aspect, String)) {
    const FORMAT: u32 = 0o170_000;
    const FILE: u32 = 0o100_000;
    const LINK: u32 = 0o120_000;
    if one.mode & FORMAT != other.mode & FORMAT {
        return add(Aspect::Kind, format!("{:o}, {:o}", one.mode, other.mode));
    }
    let kind = one.mode & FORMAT;
    if one.mode != other.mode {
        add(Aspect::Permissions, format!("{:o}, {:o}", one.mode & !FORMAT, other.mode & !FORMAT));
    }
    if one.owner != other.owner {
        add(Aspect::Owner, format!("{:?}, {:?}", one.owner, other.owner));
    }
    if kind == LINK && one.content != other.content {
        add(Aspect::Target, format!("{}, {}", one.content.escape_ascii(), other.content.escape_ascii()));
    }
    if kind == FILE && (one.size, &one.content) != (other.size, &other.content) {
        add(Aspect::Content, format!("{} and {} bytes", one.size, other.size));
    }
    if one.device != other.device {
        add(Aspect::Device, format!("{:x}, {:x}", one.device, other.device));
    }
    if one.first_name != other.first_name {
        add(Aspect::Links, format!("{}, {}", one.first_name.escape_ascii(), other.first_name.escape_ascii()));
    }
    if one.attributes != other.attributes {
        let names = |shown: &Shown| shown.attributes.keys().map(|name| format!("{} ", name.escape_ascii())).collect::<String>();
        add(Aspect::Attributes, format!("{}, {}", names(one), names(other)));
    }
    let is_new = |shown: &Shown| shown.modified.0 >= began;
    if matches!(kind, FILE | LINK) && one.modified != other.modified && !(is_new(one) && is_new(other)) {
        add(Aspect::Time, format!("{:?}, {:?}", one.modified, other.modified));
    }
}

/// When an expected difference shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shows {
    Always,
    /// With these sets, and with no other.
    With(&'static [&'static str]),
    /// When this is so, and only then.
    When(Fact),
    /// By chance.
    Perhaps,
}

/// What is so with some sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// The cache of shared libraries is to be made anew.
    Libraries,
    /// Something comes or goes by apt.
    Apt,
    /// dpkg has left a log in the tree with which all begins.
    Log,
    /// It has left none.
    NoLog,
    /// We divert something.
    Diversions,
    /// Configuring changes alternatives.
    Alternatives,
    /// We make users in advance.
    Users,
    /// We make groups in advance.
    Groups,
    /// The tree with which all begins has the files before the last change of accounts and of dpkg's status.
    Old,
    /// It has not.
    NoOld,
    /// [`Fact::Users`] and [`Fact::Old`].
    OldUsers,
    /// [`Fact::Groups`] and [`Fact::Old`].
    OldGroups,
    /// [`Fact::Users`] and [`Fact::NoOld`].
    NoOldUsers,
    /// [`Fact::Groups`] and [`Fact::NoOld`].
    NoOldGroups,
    /// A preinst asks ucf to forget a file.
    Ucf,
}

/// A difference that must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// The path; `*` stands for anything.
    pub(crate) path: &'static str,
    pub(crate) aspects: &'static [Aspect],
    pub(crate) shows: Shows,
    pub(crate) reason: &'static str,
}

/// Whether the differences are exactly those of the table, for a set of which `facts` are so; else in words what is not.
pub(crate) fn judge(set: &str, facts: &BTreeSet<Fact>, table: &[Expected], found: &[Difference]) -> Result<(), String> {
    let is_in = |expected: &&Expected| match expected.shows {
        Shows::Always | Shows::Perhaps => true,
        Shows::With(sets) => sets.contains(&set),
        Shows::When(fact) => facts.contains(&fact),
    };
    let table: Vec<&Expected> = table.iter().filter(is_in).collect();
    let mut seen = BTreeSet::new();
    let mut words = String::new();
    for difference in found {
        let is_it = |expected: &&Expected| expected.aspects.contains(&difference.aspect) && fits(expected.path, &difference.path);
        match table.iter().position(is_it) {
            Some(number) => {
                seen.insert((number, difference.aspect));
            }
            None => writeln!(words, "{set}: not expected: {difference}").unwrap(),
        }
    }
    for (number, expected) in table.iter().enumerate().filter(|(_, expected)| !matches!(expected.shows, Shows::Perhaps)) {
        for aspect in expected.aspects.iter().filter(|aspect| !seen.contains(&(number, **aspect))) {
            writeln!(words, "{set}: expected, but not there: {} {aspect:?} ({})", expected.path, expected.reason).unwrap();
        }
    }
    if words.is_empty() { Ok(()) } else { Err(words) }
}

/// Whether a pattern stands for this path.
pub(crate) fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((start, rest)) => path
            .strip_prefix(start)
            .is_some_and(|path| (0..=path.len()).filter(|end| path.is_char_boundary(*end)).any(|end| fits(rest, &path[end..]))),
    }
}
