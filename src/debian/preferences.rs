//! Which version is the candidate where several can be had: apt's priorities, apt_preferences(5).

use super::{
    deb822::{Deb822Error, Stanza, stanzas},
    version::Version,
};

/// Priority of a version that is installed and that no archive has.
pub const INSTALLED: i32 = 100;
/// Priority of what an archive offers.
pub const OFFERED: i32 = 500;
/// From this priority on a version is taken although a later one is installed.
pub const DOWNGRADE: i32 = 1000;

/// What a record can ask of the archive that offers a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer<'a> {
    /// `Suite` of its Release file, such as `stable`.
    pub suite: &'a str,
    /// `Codename`, such as `bookworm`.
    pub codename: &'a str,
    /// `Version`, such as `12.5`.
    pub release: &'a str,
    /// `Origin`, such as `Debian`.
    pub origin: &'a str,
    /// `Label`.
    pub label: &'a str,
    /// The component, such as `main`.
    pub component: &'a str,
    /// Host of its address.
    pub host: &'a str,
    /// `NotAutomatic: yes`: nothing of it is taken without being asked for.
    pub is_not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`: what was taken from it once is upgraded from it.
    pub upgrades_itself: bool,
}

/// The records of all files, in apt's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    records: Vec<Record>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    /// Patterns of names; `*` alone makes it a general record.
    packages: Vec<String>,
    pin: Pin,
    priority: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pin {
    /// A version, or the beginning of one with `*` behind it.
    Version(String),
    /// All of these of the archive: a letter and a pattern.
    Release(Vec<(char, String)>),
    /// The host of the archive; empty for what is only installed.
    Origin(String),
}

/// Why preferences cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct PreferencesError {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl Preferences {
    /// Adds the records of a file.
    ///
    /// # Errors
    /// When a record has no `Package`, `Pin` and `Pin-Priority`, or they are of a form that is not known here.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), PreferencesError> {
        for stanza in stanzas(text) {
            let stanza = stanza.map_err(|Deb822Error { line, reason }| PreferencesError { file: file.to_owned(), line, reason })?;
            let wrong = |reason: &str| PreferencesError { file: file.to_owned(), line: stanza.line(), reason: reason.to_owned() };
            self.records.push(record(&stanza).map_err(wrong)?);
        }
        Ok(())
    }

    /// The priority of a version that an archive offers; `source` is the name of its source package.
    #[must_use]
    pub fn of_offer(&self, name: &str, source: &str, version: &Version<'_>, offer: &Offer<'_>) -> i32 {
        self.first(name, source, |pin| pin.admits(version, Some(offer))).unwrap_or(match offer {
            Offer { is_not_automatic: true, upgrades_itself: true, .. } => INSTALLED,
            Offer { is_not_automatic: true, .. } => 1,
            _ => OFFERED,
        })
    }

    /// The priority of a version that is installed, and that no archive offers.
    #[must_use]
    pub fn of_installed(&self, name: &str, source: &str, version: &Version<'_>) -> i32 {
        self.first(name, source, |pin| pin.admits(version, None)).unwrap_or(INSTALLED)
    }

    /// The first record that names the package decides; if there is none, the first of all packages.
    fn first(&self, name: &str, source: &str, admits: impl Fn(&Pin) -> bool) -> Option<i32> {
        let specific = self.records.iter().filter(|record| !record.is_general() && record.names(name, source));
        let general = self.records.iter().filter(|record| record.is_general());
        specific.chain(general).find(|record| admits(&record.pin)).map(|record| record.priority)
    }
}

impl Record {
    fn is_general(&self) -> bool {
        self.packages == ["*"]
    }

    fn names(&self, name: &str, source: &str) -> bool {
        self.packages.iter().any(|pattern| match pattern.strip_prefix("src:") {
            Some(pattern) => matches(pattern, source),
            None => matches(pattern, name),
        })
    }
}

impl Pin {
    fn admits(&self, version: &Version<'_>, offer: Option<&Offer<'_>>) -> bool {
        match (self, offer) {
            (Self::Version(pattern), _) => matches(pattern, version.as_str()),
            (Self::Origin(host), offer) => offer.map_or("", |offer| offer.host) == host,
            (Self::Release(conditions), Some(offer)) => conditions.iter().all(|(letter, pattern)| {
                let field = match letter {
                    'a' => offer.suite,
                    'n' => offer.codename,
                    'v' => offer.release,
                    'o' => offer.origin,
                    'l' => offer.label,
                    _ => offer.component,
                };
                matches(pattern, field) || *letter == 'a' && matches(pattern, offer.codename)
            }),
            (Self::Release(conditions), None) => conditions.iter().all(|(letter, pattern)| *letter == 'a' && pattern == "now"),
        }
    }
}

fn record(stanza: &Stanza<'_>) -> Result<Record, &'static str> {
    let packages: Vec<String> = stanza.get("Package").ok_or("`Package` is missing")?.split_ascii_whitespace().map(str::to_owned).collect();
    if packages.iter().any(|pattern| pattern.starts_with('/')) {
        return Err("a regular expression in `Package` is not known here; write the names or use `*`");
    }
    let pin = stanza.get("Pin").ok_or("`Pin` is missing")?;
    let (kind, rest) = pin.split_once([' ', '\t']).unwrap_or((pin, ""));
    let rest = rest.trim();
    let pin = match kind {
        "version" => Pin::Version(rest.to_owned()),
        "origin" => Pin::Origin(rest.trim_matches('"').to_owned()),
        "release" => Pin::Release(rest.split(',').map(condition).collect::<Result<_, _>>()?),
        _ => return Err("`Pin` is none of `version`, `release`, `origin`"),
    };
    let priority = stanza.get("Pin-Priority").ok_or("`Pin-Priority` is missing")?;
    let priority = priority.parse::<i16>().map_err(|_| "`Pin-Priority` is no number from -32768 to 32767")?;
    Ok(Record { packages, pin, priority: priority.into() })
}

/// `LETTER=PATTERN`; without a letter a version if it begins with a digit, else a suite.
fn condition(text: &str) -> Result<(char, String), &'static str> {
    let text = text.trim();
    match text.split_once('=') {
        Some((letter @ ("a" | "n" | "v" | "o" | "l" | "c"), pattern)) => {
            Ok((letter.chars().next().unwrap_or('a'), pattern.trim_matches('"').to_owned()))
        }
        Some(_) => Err("`Pin: release` asks for something else than a, n, v, o, l, c"),
        None if text.starts_with(|first: char| first.is_ascii_digit()) => Ok(('v', text.to_owned())),
        None => Ok(('a', text.to_owned())),
    }
}

/// Whether a text is what a pattern with `*` and `?` describes.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut from) = (0, 0);
    // Where the last star stood, and how much of the text it takes so far.
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[from] => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    (at, from) = (place + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKWORM: Offer<'static> = Offer {
        suite: "stable",
        codename: "bookworm",
        release: "12.5",
        origin: "Debian",
        label: "Debian",
        component: "main",
        host: "example.org",
        is_not_automatic: false,
        upgrades_itself: false,
    };

    fn of(text: &str, name: &str, offer: &Offer<'_>) -> i32 {
        let mut preferences = Preferences::default();
        preferences.add("p", text).unwrap();
        preferences.of_offer(name, "source", &Version::new("1.2-3").unwrap(), offer)
    }

    #[test]
    fn an_archive_says_how_much_it_is_wanted() {
        assert_eq!(of("", "a", &BOOKWORM), 500);
        assert_eq!(of("", "a", &Offer { is_not_automatic: true, ..BOOKWORM }), 1);
        assert_eq!(of("", "a", &Offer { is_not_automatic: true, upgrades_itself: true, ..BOOKWORM }), 100);
    }

    #[test]
    fn the_first_record_decides_and_specific_ones_come_before_general_ones() {
        let text = "Package: *\nPin: release n=bookworm\nPin-Priority: 700\n\nPackage: *\nPin: origin example.org\nPin-Priority: 600\n\n\
            Package: lib* b\nPin: release o=Debian,c=main\nPin-Priority: -1\n\nPackage: b\nPin: version 1.*\nPin-Priority: 900\n";
        assert_eq!((of(text, "a", &BOOKWORM), of(text, "liba", &BOOKWORM), of(text, "b", &BOOKWORM)), (700, -1, -1));
        let other = Offer { codename: "trixie", component: "contrib", ..BOOKWORM };
        assert_eq!((of(text, "a", &other), of(text, "b", &other)), (600, 900));
    }

    #[test]
    fn what_a_record_can_ask_for() {
        let yes =
            ["release a=stable", "release bookworm", "release 12*", "release v=12.5, l=Debian", "origin \"example.org\"", "version 1.2-?"];
        for pin in yes {
            assert_eq!(of(&format!("Package: a\nPin: {pin}\nPin-Priority: 7"), "a", &BOOKWORM), 7, "{pin}");
        }
        for pin in ["release a=testing", "release c=contrib", "origin other.org", "version 1.3*", "release 11"] {
            assert_eq!(of(&format!("Package: a\nPin: {pin}\nPin-Priority: 7"), "a", &BOOKWORM), 500, "{pin}");
        }
        assert_eq!(of("Package: src:source\nPin: version *\nPin-Priority: 7", "a", &BOOKWORM), 7);
        let mut preferences = Preferences::default();
        preferences.add("p", "Package: *\nPin: release a=now\nPin-Priority: 99").unwrap();
        assert_eq!(preferences.of_installed("a", "a", &Version::new("1").unwrap()), 99);
    }

    #[test]
    fn what_is_no_record_is_told_with_its_line() {
        let cases = [
            ("Pin: version 1\nPin-Priority: 1", "`Package`"),
            ("Package: a\nPin-Priority: 1", "`Pin`"),
            ("Package: a\nPin: version 1", "`Pin-Priority`"),
            ("Package: a\nPin: version 1\nPin-Priority: x", "no number"),
            ("Package: a\nPin: size 1\nPin-Priority: 1", "none of"),
            ("Package: a\nPin: release z=1\nPin-Priority: 1", "something else"),
            ("Package: /a/\nPin: version 1\nPin-Priority: 1", "regular expression"),
        ];
        for (text, words) in cases {
            let error = Preferences::default().add("p", &format!("\n{text}")).unwrap_err();
            assert!(error.line == 2 && error.reason.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn patterns_end() {
        assert!(matches("a*b*c", "aXbYbZc") && matches("*", "") && matches("**", "x") && !matches("a*b", "aXc") && !matches("?", ""));
        assert!(!matches(&"*a".repeat(40), &"b".repeat(4000)));
    }
}
