//! dpkg's database, `/var/lib/dpkg/status`: dpkg(1), "Package states", "selection states" and "flags".

use super::{
    deb822::{Deb822Error, stanzas},
    package::{Package, PackageError},
};

/// A package that the database knows.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// What it says of the package.
    pub package: Package<'a>,
    /// Whether it is to stay at its version (`hold`).
    pub is_held: bool,
    /// How far it got.
    pub state: InstallState,
}

/// How far a package got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstallState {
    /// Unpacked, perhaps partly configured, or waiting for triggers: it is there, and `dpkg --configure` goes on.
    Unpacked,
    /// Installed.
    Installed,
}

/// Why the database cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// A stanza of it describes no package.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A package is in a state in which nothing can be said of its files.
    #[error("line {line}: the package `{package}` is `{status}`, and must be repaired or removed first")]
    State {
        /// The line on which its stanza begins.
        line: usize,
        /// The package.
        package: String,
        /// Its status as it stands.
        status: String,
    },
}

impl From<Deb822Error> for StatusError {
    fn from(error: Deb822Error) -> Self {
        Self::Package(error.into())
    }
}

/// Reads the packages that are there. What was removed, with or without its settings, is left out.
///
/// # Errors
/// When a stanza describes no package, or a package was left half-installed.
pub fn installed(text: &str) -> Result<Vec<Record<'_>>, StatusError> {
    let mut records = Vec::new();
    for stanza in stanzas(text) {
        let stanza = stanza?;
        let status = stanza.get("Status").unwrap_or_default();
        let words: Vec<&str> = status.split_ascii_whitespace().collect();
        let wrong = || StatusError::State {
            line: stanza.line(),
            package: stanza.get("Package").unwrap_or_default().chars().take(80).collect(),
            status: status.chars().take(80).collect(),
        };
        let [want, flag, state] = words[..] else { return Err(wrong()) };
        let state = match state {
            "not-installed" | "config-files" => continue,
            "unpacked" | "half-configured" | "triggers-awaited" | "triggers-pending" => InstallState::Unpacked,
            "installed" => InstallState::Installed,
            _ => return Err(wrong()),
        };
        if flag != "ok" {
            return Err(wrong());
        }
        records.push(Record { package: Package::new(&stanza)?, is_held: want == "hold", state });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(name: &str, status: &str) -> String {
        format!("Package: {name}\nStatus: {status}\nArchitecture: arm64\nVersion: 1\n\n")
    }

    #[test]
    fn what_is_there_is_read() {
        let text = stanza("a", "install ok installed")
            + &stanza("b", "hold ok installed")
            + &stanza("c", "deinstall ok config-files")
            + &stanza("d", "install ok triggers-pending")
            + "Package: e\nStatus: purge ok not-installed\n";
        let read = installed(&text).unwrap();
        let found: Vec<_> = read.iter().map(|record| (record.package.name, record.is_held, record.state)).collect();
        let expected = [("a", false, InstallState::Installed), ("b", true, InstallState::Installed), ("d", false, InstallState::Unpacked)];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_package_that_is_in_between_is_told() {
        for status in ["install ok half-installed", "install reinstreq installed", "install ok", "", "install ok new"] {
            let text = stanza("a", "install ok installed") + &stanza("b", status);
            assert!(matches!(installed(&text), Err(StatusError::State { line: 6, .. })), "{status}");
        }
    }
}
