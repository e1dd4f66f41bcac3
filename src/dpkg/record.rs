//! A package as dpkg's database has it: one stanza of `/var/lib/dpkg/status`.

use std::fmt::Write as _;

use super::DpkgError;
use crate::debian::{MultiArch, Package, Relations, Stanza, Version, stanzas};

pub(super) const STATUS: &str = "/var/lib/dpkg/status";

/// The hash of a conffile that was never configured.
pub(super) const NEW_CONFFILE: &str = "newconffile";

/// What is to become of a package: dpkg(1), "Package selection states".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Unknown,
    Install,
    Hold,
    Deinstall,
    Purge,
}

/// How far a package got: dpkg(1), "Package states", in the order in which dpkg compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    NotInstalled,
    ConfigFiles,
    HalfInstalled,
    Unpacked,
    HalfConfigured,
    TriggersAwaited,
    TriggersPending,
    Installed,
}

const WANTS: [(Want, &str); 5] =
    [(Want::Unknown, "unknown"), (Want::Install, "install"), (Want::Hold, "hold"), (Want::Deinstall, "deinstall"), (Want::Purge, "purge")];

const STATES: [(State, &str); 8] = [
    (State::NotInstalled, "not-installed"),
    (State::ConfigFiles, "config-files"),
    (State::HalfInstalled, "half-installed"),
    (State::Unpacked, "unpacked"),
    (State::HalfConfigured, "half-configured"),
    (State::TriggersAwaited, "triggers-awaited"),
    (State::TriggersPending, "triggers-pending"),
    (State::Installed, "installed"),
];

/// The fields in the order in which dpkg writes them; all others follow as they come.
const ORDER: [&str; 22] = [
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    "Config-Version",
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
];
/// The same, behind `Breaks`.
const ORDER_REST: [&str; 6] = ["Conflicts", "Enhances", "Conffiles", "Description", "Triggers-Pending", "Triggers-Awaited"];
/// What describes the archive that a package came from, and is never kept in the database.
const OF_ARCHIVE: [&str; 4] = ["Filename", "Size", "MD5sum", "MSDOS-Filename"];
const RELATIONS: [&str; 9] =
    ["Replaces", "Provides", "Depends", "Pre-Depends", "Recommends", "Suggests", "Breaks", "Conflicts", "Enhances"];

/// A conffile as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conffile {
    pub(super) path: String,
    /// MD5 of the version last configured, or [`NEW_CONFFILE`].
    pub(super) hash: String,
    /// No longer part of the package.
    pub(super) is_obsolete: bool,
    /// To be removed by an upgrade.
    pub(super) goes_on_upgrade: bool,
}

/// A package.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) architecture: String,
    pub(super) multi_arch: MultiArch,
    pub(super) version: String,
    pub(super) want: Want,
    /// Whether it must be reinstalled.
    pub(super) is_broken: bool,
    pub(super) state: State,
    /// The version that was configured last.
    pub(super) configured: Option<String>,
    pub(super) conffiles: Vec<Conffile>,
    /// Triggers that wait to be processed, the latest first.
    pub(super) pending: Vec<String>,
    /// Packages whose triggers have to be processed before this one is installed.
    pub(super) awaited: Vec<String>,
    /// All other fields, in dpkg's order.
    fields: Vec<(String, String)>,
    /// The stanza as it stands in the file; `None` once something is different.
    text: Option<String>,
}

/// Reads all stanzas of the database.
pub(super) fn read(status: &str) -> Result<Vec<Record>, DpkgError> {
    let mut records = Vec::new();
    let (mut start, mut line) = (0, 0);
    for (end, length) in paragraphs(status) {
        let text = &status[start..end];
        if let Some(stanza) = stanzas(text).next() {
            let stanza = stanza.map_err(|error| DpkgError::stanza(STATUS, line, &error))?;
            records.push(Record::read(&stanza, text, line + stanza.line())?);
        }
        line += text.matches('\n').count() + length;
        start = end + length;
    }
    Ok(records)
}

/// Where each paragraph ends, and how many line feeds part it from the next.
fn paragraphs(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        // The line feed that ends the last line is part of the paragraph.
        let end = rest.find("\n\n").map_or(text.len(), |end| at + end + 1);
        let length = text[end..].bytes().take_while(|byte| *byte == b'\n').count();
        at = end + length;
        Some((end, length))
    })
}

impl Record {
    /// A package of which nothing is installed.
    pub(super) fn absent(name: &str, architecture: &str) -> Self {
        Self {
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            multi_arch: MultiArch::No,
            version: String::new(),
            want: Want::Unknown,
            is_broken: false,
            state: State::NotInstalled,
            configured: None,
            conffiles: Vec::new(),
            pending: Vec::new(),
            awaited: Vec::new(),
            fields: Vec::new(),
            text: None,
        }
    }

    fn read(stanza: &Stanza<'_>, text: &str, line: usize) -> Result<Self, DpkgError> {
        let wrong = |reason: &str| {
            let name = stanza.get("Package").unwrap_or_default().chars().take(80).collect::<String>();
            DpkgError::database(STATUS, line, format!("the package `{name}`: {reason}"))
        };
        let words: Vec<&str> = stanza.get("Status").unwrap_or_default().split_ascii_whitespace().collect();
        let [want, flag, state] = words[..] else { return Err(wrong("its status does not have three words")) };
        let want = WANTS.iter().find(|(_, name)| *name == want).ok_or_else(|| wrong("what is wanted of it is not known"))?.0;
        let state = STATES.iter().find(|(_, name)| *name == state).ok_or_else(|| wrong("its state is not known"))?.0;
        let version = stanza.get("Version").unwrap_or_default().to_owned();
        let configured = match state {
            State::Installed | State::TriggersPending => Some(version.clone()),
            _ => stanza.get("Config-Version").map(str::to_owned),
        };
        let list = |field: &str| stanza.get(field).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut record = Self {
            want,
            is_broken: flag != "ok",
            state,
            configured,
            // dpkg puts each that it reads in front of those before, so a list is turned around whenever the database is written.
            pending: list("Triggers-Pending").into_iter().rev().collect(),
            awaited: list("Triggers-Awaited"),
            text: Some(text.to_owned()),
            version,
            ..Self::absent(stanza.get("Package").ok_or_else(|| wrong("it has no name"))?, stanza.get("Architecture").unwrap_or_default())
        };
        for conffile in stanza.lines("Conffiles") {
            record.conffiles.push(Conffile::read(conffile).ok_or_else(|| wrong("its conffiles are not understood"))?);
        }
        record.take_fields(stanza).map_err(|reason| wrong(&reason))?;
        if record.pending.len() > 1 {
            record.touch();
        }
        Ok(record)
    }

    /// Takes over what the stanza of a package that comes says. State, conffiles and triggers stay.
    pub(super) fn describe(&mut self, stanza: &Stanza<'_>, package: &Package<'_>) -> Result<(), DpkgError> {
        package.name.clone_into(&mut self.name);
        package.architecture.clone_into(&mut self.architecture);
        self.version = normal_version(package.version);
        self.take_fields(stanza).map_err(|reason| DpkgError::package(package.name, reason))?;
        self.touch();
        Ok(())
    }

    /// Takes all fields that are not kept apart, in dpkg's order and form.
    fn take_fields(&mut self, stanza: &Stanza<'_>) -> Result<(), String> {
        self.multi_arch = match stanza.get("Multi-Arch") {
            Some("same") => MultiArch::Same,
            Some("foreign") => MultiArch::Foreign,
            Some("allowed") => MultiArch::Allowed,
            _ => MultiArch::No,
        };
        let known = || ORDER.iter().chain(&ORDER_REST).copied();
        self.fields.clear();
        for name in known() {
            let Some(value) = stanza.get(name).filter(|value| !value.is_empty()) else { continue };
            let value = match name {
                "Package" | "Status" | "Architecture" | "Version" | "Config-Version" | "Conffiles" | "Triggers-Pending"
                | "Triggers-Awaited" => continue,
                "Essential" | "Protected" if !value.eq_ignore_ascii_case("yes") => continue,
                "Multi-Arch" if value == "no" => continue,
                _ if RELATIONS.contains(&name) => normal_relations(value).map_err(|reason| format!("its field {name}: {reason}"))?,
                _ => value.to_owned(),
            };
            self.fields.push((name.to_owned(), value));
        }
        for (name, value) in stanza.fields() {
            let is_known = known().chain(OF_ARCHIVE).any(|known| known.eq_ignore_ascii_case(name));
            if !is_known {
                self.fields.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        Ok(())
    }

    /// The value of a field that is not kept apart.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Removes a field.
    pub(super) fn drop_field(&mut self, name: &str) {
        self.fields.retain(|(own, _)| own != name);
        self.touch();
    }

    /// The relations of a field; none where it is not sound.
    pub(super) fn relations(&self, field: &str) -> Relations<'_> {
        self.field(field).and_then(|value| Relations::new(value).ok()).unwrap_or_default()
    }

    /// Its version, to be compared.
    pub(super) fn parsed_version(&self) -> Option<Version<'_>> {
        Version::new(&self.version).ok()
    }

    /// Whether there are files of it: more than settings.
    pub(super) fn is_there(&self) -> bool {
        self.state > State::ConfigFiles
    }

    /// How dpkg names it in the files of its database: with its architecture if several may be installed at once.
    pub(super) fn database_name(&self) -> String {
        if self.multi_arch == MultiArch::Same { format!("{}:{}", self.name, self.architecture) } else { self.name.clone() }
    }

    /// Whether its name alone could mean another: it is not of the system's architecture, or may be there for several.
    pub(super) fn is_ambiguous(&self, native: &str) -> bool {
        self.multi_arch == MultiArch::Same || !(self.architecture == native || self.architecture == "all")
    }

    /// How dpkg names it where it must not be taken for another: with its architecture if the name is [ambiguous](Self::is_ambiguous).
    pub(super) fn full_name(&self, native: &str) -> String {
        if self.is_ambiguous(native) { format!("{}:{}", self.name, self.architecture) } else { self.name.clone() }
    }

    /// Something of it has changed: it is written anew.
    pub(super) fn touch(&mut self) {
        self.text = None;
    }

    /// Whether the database has anything to say of it.
    fn is_informative(&self) -> bool {
        self.text.is_some() || self.want != Want::Unknown || self.state != State::NotInstalled
    }

    /// The stanza, as dpkg would write it, without the empty line behind it.
    pub(super) fn write(&self, into: &mut String) {
        if !self.is_informative() {
            return;
        }
        if let Some(text) = &self.text {
            into.push_str(text);
            if !text.ends_with('\n') {
                into.push('\n');
            }
            into.push('\n');
            return;
        }
        let mut line = |name: &str, value: &str| {
            // A value of several lines begins on the next one if its first line is empty.
            let gap = if value.starts_with('\n') { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = writeln!(into, "{name}:{gap}{value}");
        };
        for name in ORDER.iter().chain(&ORDER_REST).copied() {
            match name {
                "Package" => line(name, &self.name),
                "Status" => line(name, &self.status()),
                "Architecture" if !self.architecture.is_empty() => line(name, &self.architecture),
                "Version" if !self.version.is_empty() => line(name, &self.version),
                "Config-Version" => {
                    let is_said = !matches!(self.state, State::Installed | State::NotInstalled | State::TriggersPending);
                    if let Some(version) = self.configured.as_ref().filter(|_| is_said) {
                        line(name, version);
                    }
                }
                "Conffiles" if !self.conffiles.is_empty() => {
                    line(name, &self.conffiles.iter().map(|conffile| format!("\n {conffile}")).collect::<String>());
                }
                "Triggers-Pending" if !self.pending.is_empty() => line(name, &self.pending.join(" ")),
                "Triggers-Awaited" if !self.awaited.is_empty() => line(name, &self.awaited.join(" ")),
                _ => {
                    if let Some(value) = self.field(name) {
                        line(name, value);
                    }
                }
            }
        }
        let is_ordered = |name: &str| ORDER.contains(&name) || ORDER_REST.contains(&name);
        for (name, value) in self.fields.iter().filter(|(name, _)| !is_ordered(name)) {
            line(name, value);
        }
        into.push('\n');
    }

    /// The three words of the field `Status`.
    pub(super) fn status(&self) -> String {
        let want = WANTS.iter().find(|(want, _)| *want == self.want).map_or("", |(_, name)| name);
        let flag = if self.is_broken { "reinstreq" } else { "ok" };
        format!("{want} {flag} {}", self.state.name())
    }
}

impl State {
    /// dpkg's word for it.
    pub(super) fn name(self) -> &'static str {
        STATES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }
}

impl Conffile {
    /// `PATH HASH [obsolete] [remove-on-upgrade]`
    fn read(line: &str) -> Option<Self> {
        let (rest, goes_on_upgrade) = line.strip_suffix(" remove-on-upgrade").map_or((line, false), |rest| (rest, true));
        let (rest, is_obsolete) = rest.strip_suffix(" obsolete").map_or((rest, false), |rest| (rest, true));
        let (path, hash) = rest.rsplit_once(' ')?;
        path.starts_with('/').then(|| Self { path: path.to_owned(), hash: hash.to_owned(), is_obsolete, goes_on_upgrade })
    }
}

impl std::fmt::Display for Conffile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.path, self.hash)?;
        if self.is_obsolete {
            f.write_str(" obsolete")?;
        }
        if self.goes_on_upgrade {
            f.write_str(" remove-on-upgrade")?;
        }
        Ok(())
    }
}

/// An epoch of zero is not written.
fn normal_version(version: Version<'_>) -> String {
    let text = version.as_str();
    text.strip_prefix("0:").filter(|rest| !rest.contains(':')).unwrap_or(text).to_owned()
}

fn normal_relations(value: &str) -> Result<String, String> {
    Relations::new(value).map(|relations| relations.to_string()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Package: a\nStatus: install ok installed\nPriority: optional\nArchitecture: arm64\nVersion: 1\n\
        Depends: b (>= 1) | c, d:any\nConffiles:\n /etc/a 0123\n /etc/b c 4567 obsolete\nDescription: short\n long\n .\nHomepage: x\n\n\
        Package: b\nStatus: hold ok triggers-pending\nArchitecture: all\nVersion: 2\nDescription: b\nTriggers-Pending: /usr/share/man x\n\n\
        Package: c\nStatus: deinstall ok config-files\nArchitecture: arm64\nVersion: 3\nConfig-Version: 3\n\n";

    fn all(records: &[Record]) -> String {
        let mut text = String::new();
        records.iter().for_each(|record| record.write(&mut text));
        text
    }

    #[test]
    fn what_dpkg_wrote_is_written_so_again() {
        let mut records = read(TEXT).unwrap();
        let expected = TEXT.replace("/usr/share/man x", "x /usr/share/man");
        assert_eq!(all(&records), expected);
        records.iter_mut().for_each(Record::touch);
        assert_eq!(all(&records), expected);
        assert_eq!(records[0].conffiles[1].path, "/etc/b c");
        assert_eq!((records[1].configured.as_deref(), records[1].pending.len()), (Some("2"), 2));
        assert_eq!((records[2].is_there(), records[2].configured.as_deref()), (false, Some("3")));
    }

    #[test]
    fn a_package_that_comes_gets_dpkgs_form() {
        let text = "Homepage: h\nPackage: a\nDepends: b(>=1)|c ( << 2 ),d\nVersion: 0:1-1\nArchitecture: arm64\nEssential: no\n\
            Multi-Arch: same\nSize: 5\nTag: t\n u\nDescription: x\n";
        let stanza = stanzas(text).next().unwrap().unwrap();
        let mut record = Record::absent("a", "arm64");
        record.describe(&stanza, &Package::new(&stanza).unwrap()).unwrap();
        (record.want, record.state) = (Want::Install, State::Unpacked);
        record.conffiles.push(Conffile { path: "/etc/x".into(), hash: NEW_CONFFILE.into(), is_obsolete: false, goes_on_upgrade: false });
        let expected = "Package: a\nStatus: install ok unpacked\nArchitecture: arm64\nMulti-Arch: same\nVersion: 1-1\n\
            Depends: b (>= 1) | c (<< 2), d\nConffiles:\n /etc/x newconffile\nDescription: x\nHomepage: h\nTag: t\n u\n\n";
        assert_eq!(all(&[record.clone()]), expected);
        assert_eq!((record.database_name().as_str(), record.full_name("armhf").as_str()), ("a:arm64", "a:arm64"));
    }

    #[test]
    fn what_is_no_record_is_told_with_its_line() {
        for (text, line) in
            [("Package: a\n\n\nPackage: b\nStatus: x\n", 1), ("Package: a\nStatus: install ok installed\n\n\nPackage: b\n", 5)]
        {
            let error = read(text).unwrap_err();
            assert!(matches!(&error, DpkgError::Database { line: found, .. } if *found == line), "{error}");
        }
        for text in ["Status: install ok installed\n", "Package: a\nStatus: install ok installed\nConffiles:\n x\n", "x"] {
            assert!(matches!(read(text), Err(DpkgError::Database { .. })), "{text}");
        }
    }
}
