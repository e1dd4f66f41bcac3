//! Names of owners and groups, from the image's own `/etc/passwd` and `/etc/group`.

use std::collections::HashMap;

use crate::tree::Tree;

/// Names by number.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Accounts {
    /// Reads both files; one that is missing or no text names nobody.
    #[must_use]
    pub fn read(tree: &Tree) -> Self {
        let names = |path: &str| names(&tree.read_text(path).unwrap_or_default());
        Self { users: names("/etc/passwd"), groups: names("/etc/group") }
    }

    /// The first account with this number.
    #[must_use]
    pub fn user(&self, number: u32) -> Option<&str> {
        self.users.get(&number).map(String::as_str)
    }

    /// The first group with this number.
    #[must_use]
    pub fn group(&self, number: u32) -> Option<&str> {
        self.groups.get(&number).map(String::as_str)
    }
}

/// `NAME:PASSWORD:NUMBER…` (passwd(5), group(5)).
fn names(text: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(Ok(number))) = (fields.next(), fields.next(), fields.next().map(str::parse))
            && !name.is_empty()
        {
            names.entry(number).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_name_of_a_number_counts() {
        let names = super::names("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:\n# comment\nhalf:x\n:x:7:\nbad:x:x:\npi:x:1000:1000\n");
        assert_eq!((names.len(), names[&0].as_str(), names[&1000].as_str()), (2, "root", "pi"));
    }
}
