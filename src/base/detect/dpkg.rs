//! The installed packages, from dpkg's database.

use std::collections::BTreeMap;

use super::{DetectError, text};
use crate::{
    debian::{Deb822Error, Stanza, stanzas},
    tree::Tree,
};

const STATUS: &str = "/var/lib/dpkg/status";

/// Installed packages and their architectures.
pub(super) struct Packages(BTreeMap<String, String>);

impl Packages {
    /// Reads the database; what is only partly installed or removed does not count.
    pub(super) fn read(tree: &Tree) -> Result<Self, DetectError> {
        let missing = |evidence| DetectError::Missing { what: "the installed packages", evidence };
        let status = text(tree, STATUS)?.ok_or_else(|| missing(format!("`{STATUS}` is missing")))?;
        installed(&status).map(Self).map_err(|error| missing(format!("`{STATUS}`, {error}")))
    }

    pub(super) fn has(&self, package: &str) -> bool {
        self.0.contains_key(package)
    }

    pub(super) fn architecture(&self, package: &str) -> Option<&str> {
        self.0.get(package).map(String::as_str)
    }
}

/// Names and architectures of the packages that are installed. This asks less of them than [`crate::debian::status`], which has to know
/// what goes with them.
fn installed(status: &str) -> Result<BTreeMap<String, String>, Deb822Error> {
    stanzas(status).filter_map(|stanza| stanza.map(|stanza| package(&stanza)).transpose()).collect()
}

/// The package that a stanza describes, if it is installed.
fn package(stanza: &Stanza<'_>) -> Option<(String, String)> {
    // WANT EFLAG STATE; `hold` wants it installed, too.
    let state = stanza.get("Status")?.split_ascii_whitespace().next_back();
    (state == Some("installed")).then_some(())?;
    Some((stanza.get("Package")?.to_owned(), stanza.get("Architecture")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_installed_counts() {
        let stanza = |status: &str| format!("Package: a\nStatus: {status}\nArchitecture: arm64\nDescription: x\n Package: b");
        let found = |status: &str| installed(status).unwrap().into_iter().next();
        assert_eq!(found(&stanza("install ok installed")), Some(("a".to_owned(), "arm64".to_owned())));
        assert_eq!(found(&stanza("hold ok installed")), Some(("a".to_owned(), "arm64".to_owned())));
        assert_eq!(found(&stanza("deinstall ok config-files")), None);
        assert_eq!(found(&stanza("install ok half-installed")), None);
        assert_eq!(found("Package: a\nArchitecture: arm64"), None);
        assert_eq!(found(""), None);
    }
}
