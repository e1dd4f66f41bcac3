//! What one tree has that another has not.

use super::{InodeId, Kind, Tree};

/// What became of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Only in the later tree.
    Added,
    /// Only in the earlier tree.
    Removed,
    /// In both, with other content, metadata or attributes; a folder counts only for what is its own, not for what is in it.
    Changed,
}

impl Tree {
    /// The paths in which `later`, a clone of `self` with edits, differs from it: parents first, names in byte order. What both share is
    /// recognised by identity, so no content is read; a file written anew with equal bytes counts as changed.
    #[must_use]
    pub fn changes(&self, later: &Self) -> Vec<(Vec<u8>, Change)> {
        let mut changes = Vec::new();
        let mut comparison = Comparison { earlier: self, later, changes: &mut changes };
        comparison.pair(&mut b"/".to_vec(), InodeId::ROOT, InodeId::ROOT);
        changes
    }
}

struct Comparison<'a> {
    earlier: &'a Tree,
    later: &'a Tree,
    changes: &'a mut Vec<(Vec<u8>, Change)>,
}

impl Comparison<'_> {
    fn pair(&mut self, path: &mut Vec<u8>, before: InodeId, after: InodeId) {
        let same = before == after && self.earlier.shares_inode(self.later, before);
        let (old, new) = (self.earlier.inode(before), self.later.inode(after));
        match (&old.kind, &new.kind) {
            (Kind::Directory(old_names), Kind::Directory(new_names)) => {
                // A folder's times move with its names; that is no change of its own.
                let own =
                    (old.mode(), old.meta.uid, old.meta.gid, old.meta.flags) != (new.mode(), new.meta.uid, new.meta.gid, new.meta.flags);
                if own || old.xattrs != new.xattrs {
                    self.changes.push((path.clone(), Change::Changed));
                }
                for (name, child) in old_names {
                    match new_names.get(name) {
                        Some(other) => self.inside(path, name.as_bytes(), |this, path| this.pair(path, *child, *other)),
                        None => self.inside(path, name.as_bytes(), |this, path| this.all(path, this.earlier, *child, Change::Removed)),
                    }
                }
                for (name, child) in new_names.iter().filter(|(name, _)| !old_names.contains_key(*name)) {
                    self.inside(path, name.as_bytes(), |this, path| this.all(path, this.later, *child, Change::Added));
                }
            }
            _ if !same => self.changes.push((path.clone(), Change::Changed)),
            _ => {}
        }
    }

    fn all(&mut self, path: &mut Vec<u8>, tree: &Tree, id: InodeId, change: Change) {
        self.changes.push((path.clone(), change));
        for (name, child) in tree.inode(id).children().into_iter().flatten() {
            self.inside(path, name.as_bytes(), |this, path| this.all(path, tree, *child, change));
        }
    }

    fn inside(&mut self, path: &mut Vec<u8>, name: &[u8], visit: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        let length = path.len();
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        visit(self, path);
        path.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Meta, Time};

    #[test]
    fn edits_are_found_and_nothing_else() {
        let meta = Meta::new(0o644, 0, 0, Time::default());
        let mut base = Tree::new(meta.clone());
        for path in ["/etc/hostname", "/etc/a/b", "/etc/a/c", "/var/x"] {
            base.put_file(path, meta.clone(), Content::bytes(b"old".to_vec())).unwrap();
        }
        let mut node = base.clone();
        assert!(base.changes(&node).is_empty());
        node.rewrite("/etc/hostname", b"new".to_vec(), Time::default()).unwrap();
        node.remove("/etc/a").unwrap();
        node.put_file("/opt/d/e", meta.clone(), Content::default()).unwrap();
        let var = node.lookup("/var").unwrap();
        node.inode_mut(var).meta.uid = 7;
        let changes: Vec<_> = base.changes(&node).into_iter().map(|(path, change)| (String::from_utf8(path).unwrap(), change)).collect();
        let expected = [
            ("/etc/a", Change::Removed),
            ("/etc/a/b", Change::Removed),
            ("/etc/a/c", Change::Removed),
            ("/etc/hostname", Change::Changed),
            ("/var", Change::Changed),
            ("/opt", Change::Added),
            ("/opt/d", Change::Added),
            ("/opt/d/e", Change::Added),
        ];
        assert_eq!(changes, expected.map(|(path, change)| (path.to_owned(), change)));
    }
}
