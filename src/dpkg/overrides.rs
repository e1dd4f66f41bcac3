//! Owners and permissions that an administrator gave to files of packages, dpkg-statoverride(1).

use std::collections::HashMap;

use super::{DpkgError, database::text};
use crate::{accounts::Accounts, tree::Tree};

const FILE: &str = "/var/lib/dpkg/statoverride";

/// Owner, group and permissions in place of those that a package ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Override {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The lower 12 bits of `st_mode`.
    pub(super) permissions: u16,
}

/// By path as packages ship it.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides(HashMap<Vec<u8>, Override>);

impl Overrides {
    /// Lines of `USER GROUP MODE PATH`; a number has `#` in front.
    pub(super) fn read(tree: &Tree) -> Result<Self, DpkgError> {
        let Some(text) = text(tree, FILE)? else { return Ok(Self::default()) };
        let [users, groups] = ["/etc/passwd", "/etc/group"].map(|path| Accounts::parse(&tree.read(path).unwrap_or_default()));
        let number = |names: &Accounts, word: &str| match word.strip_prefix('#') {
            Some(digits) => digits.parse().ok(),
            None => names.number(word),
        };
        let mut overrides = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |reason: &str| DpkgError::database(FILE, index + 1, reason);
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let [user, group, mode, path] = words[..] else { return Err(wrong("it has no owner, group, mode and path")) };
            let uid = number(&users, user).ok_or_else(|| wrong("its owner is not known"))?;
            let gid = number(&groups, group).ok_or_else(|| wrong("its group is not known"))?;
            let permissions = u16::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(|| wrong("its mode is none"))?;
            overrides.insert(path.as_bytes().to_vec(), Override { uid, gid, permissions });
        }
        Ok(Self(overrides))
    }

    /// That of a path as packages ship it.
    pub(super) fn of(&self, path: &[u8]) -> Option<Override> {
        self.0.get(path).copied()
    }
}
