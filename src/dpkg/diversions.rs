//! Diversions: files of packages that stand under another name, dpkg-divert(1).

use super::{DpkgError, database::text, edit::Editor};
use crate::tree::Tree;

const FILE: &str = "/var/lib/dpkg/diversions";

/// A diversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diversion {
    /// The path as packages ship it.
    pub(super) from: String,
    /// Where it stands instead.
    pub(super) to: String,
    /// The package whose own file is not diverted; `None` where an administrator diverts that of all.
    pub(super) package: Option<String>,
}

/// All diversions, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Diversions {
    list: Vec<Diversion>,
    is_changed: bool,
}

impl Diversions {
    /// Three lines each: from, to, package or `:`.
    pub(super) fn read(tree: &Tree) -> Result<Self, DpkgError> {
        let text = text(tree, FILE)?.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let mut list = Vec::new();
        for (index, lines) in lines.chunks(3).enumerate() {
            let wrong = |reason: &str| DpkgError::database(FILE, index * 3 + 1, reason);
            let [from, to, package] = lines else { return Err(wrong("a diversion has three lines")) };
            if !from.starts_with('/') || !to.starts_with('/') || package.is_empty() {
                return Err(wrong("a diversion has two absolute paths and a package"));
            }
            let package = (*package != ":").then(|| (*package).to_owned());
            list.push(Diversion { from: (*from).to_owned(), to: (*to).to_owned(), package });
        }
        Ok(Self { list, is_changed: false })
    }

    /// The diversion of a path as packages ship it.
    pub(super) fn of(&self, path: &[u8]) -> Option<&Diversion> {
        self.list.iter().find(|diversion| diversion.from.as_bytes() == path)
    }

    /// The diversion that leads to a path.
    pub(super) fn to(&self, path: &[u8]) -> Option<&Diversion> {
        self.list.iter().find(|diversion| diversion.to.as_bytes() == path)
    }

    /// Where the file of a package stands.
    pub(super) fn place<'a>(&'a self, path: &'a [u8], package: &str) -> &'a [u8] {
        match self.of(path) {
            Some(diversion) if diversion.package.as_deref() != Some(package) => diversion.to.as_bytes(),
            _ => path,
        }
    }

    /// Adds one.
    pub(super) fn add(&mut self, diversion: Diversion) {
        self.list.push(diversion);
        self.is_changed = true;
    }

    /// Removes the one of a path and tells it.
    pub(super) fn take(&mut self, from: &str) -> Option<Diversion> {
        let index = self.list.iter().position(|diversion| diversion.from == from)?;
        self.is_changed = true;
        Some(self.list.remove(index))
    }

    pub(super) fn save(&self, editor: &mut Editor<'_>) -> Result<(), DpkgError> {
        if !self.is_changed {
            return Ok(());
        }
        let line = |diversion: &Diversion| {
            let Diversion { from, to, package } = diversion;
            format!("{from}\n{to}\n{}\n", package.as_deref().unwrap_or(":"))
        };
        editor.write(FILE, 0o644, self.list.iter().map(line).collect::<String>().into_bytes())
    }
}
