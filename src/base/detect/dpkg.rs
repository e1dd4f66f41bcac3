//! The installed packages, from dpkg's database.

use std::collections::BTreeMap;

use super::{DetectError, text};
use crate::tree::Tree;

const STATUS: &str = "/var/lib/dpkg/status";

/// Installed packages and their architectures.
pub(super) struct Packages(BTreeMap<String, String>);

impl Packages {
    /// Reads the database; what is only partly installed or removed does not count.
    pub(super) fn read(tree: &Tree) -> Result<Self, DetectError> {
        let missing = || DetectError::Missing { what: "the installed packages", evidence: format!("`{STATUS}` is missing") };
        let status = text(tree, STATUS)?.ok_or_else(missing)?;
        Ok(Self(status.split("\n\n").filter_map(installed).collect()))
    }

    pub(super) fn has(&self, package: &str) -> bool {
        self.0.contains_key(package)
    }

    pub(super) fn architecture(&self, package: &str) -> Option<&str> {
        self.0.get(package).map(String::as_str)
    }
}

/// Name and architecture of the package that a stanza describes, if it is installed.
fn installed(stanza: &str) -> Option<(String, String)> {
    let field = |name: &str| {
        let lines = stanza.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value.trim()).next()
    };
    // WANT EFLAG STATE; `hold` wants it installed, too.
    let state = field("Status")?.split(' ').next_back();
    (state == Some("installed")).then_some(())?;
    Some((field("Package")?.to_owned(), field("Architecture")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_installed_counts() {
        let stanza = |status: &str| format!("Package: a\nStatus: {status}\nArchitecture: arm64\nDescription: x\n Package: b");
        assert_eq!(installed(&stanza("install ok installed")), Some(("a".to_owned(), "arm64".to_owned())));
        assert_eq!(installed(&stanza("hold ok installed")), Some(("a".to_owned(), "arm64".to_owned())));
        assert_eq!(installed(&stanza("deinstall ok config-files")), None);
        assert_eq!(installed(&stanza("install ok half-installed")), None);
        assert_eq!(installed("Package: a\nArchitecture: arm64"), None);
        assert_eq!(installed(""), None);
    }
}
