//! What one tree has that another has not.

use super::{InodeId, Name, Tree, path::append};

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
    pub fn changes<'a>(&'a self, later: &'a Self) -> Vec<(Vec<u8>, Change)> {
        let mut changes = Vec::new();
        let mut path = Vec::new();
        // Not by recursion: a tree may be nested as deeply as it likes. The last one is the next.
        let mut pending = vec![Visit { parent: 0, name: b"", what: What::Both(InodeId::ROOT, InodeId::ROOT) }];
        while let Some(Visit { parent, name, what }) = pending.pop() {
            path.truncate(parent);
            append(&mut path, name);
            let next = pending.len();
            let mut visit = |name: &'a Name, what| pending.push(Visit { parent: path.len(), name: name.as_bytes(), what });
            let change = match what {
                What::Both(before, after) => self.pair(later, (before, after), &mut visit),
                What::One(tree, id, change) => {
                    let names = tree.inode(id).children().into_iter().flatten();
                    names.for_each(|(name, child)| visit(name, What::One(tree, *child, change)));
                    Some(change)
                }
            };
            pending[next..].reverse();
            changes.extend(change.map(|change| (if path.is_empty() { b"/".to_vec() } else { path.clone() }, change)));
        }
        changes
    }

    /// Compares what has the same path in both trees; tells the names in it that are still to be looked at.
    fn pair<'a>(
        &'a self,
        later: &'a Self,
        (before, after): (InodeId, InodeId),
        visit: &mut dyn FnMut(&'a Name, What<'a>),
    ) -> Option<Change> {
        let same = before == after && self.shares_inode(later, before);
        let (old, new) = (self.inode(before), later.inode(after));
        let (Some(old_names), Some(new_names)) = (old.children(), new.children()) else {
            return (!same).then_some(Change::Changed);
        };
        for (name, child) in old_names {
            match new_names.get(name) {
                Some(other) => visit(name, What::Both(*child, *other)),
                None => visit(name, What::One(self, *child, Change::Removed)),
            }
        }
        for (name, child) in new_names.iter().filter(|(name, _)| !old_names.contains_key(*name)) {
            visit(name, What::One(later, *child, Change::Added));
        }
        // A folder's times move with its names; that is no change of its own.
        let own = (old.mode(), old.meta.uid, old.meta.gid, old.meta.flags) != (new.mode(), new.meta.uid, new.meta.gid, new.meta.flags);
        (own || old.xattrs != new.xattrs).then_some(Change::Changed)
    }
}

/// A name still to be looked at, in a folder whose path has `parent` bytes.
struct Visit<'a> {
    parent: usize,
    name: &'a [u8],
    what: What<'a>,
}

/// What has that name, and where.
#[derive(Clone, Copy)]
enum What<'a> {
    /// An inode in the earlier and one in the later tree.
    Both(InodeId, InodeId),
    /// An inode in this tree only.
    One(&'a Tree, InodeId, Change),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Inode, Kind, Meta, Time};

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
    #[test]
    fn depth_costs_no_stack() {
        let meta = Meta::new(0o755, 0, 0, Time::default());
        let (mut tree, deepest) = crate::tree::nested(100_000);
        let before = tree.clone();
        tree.inode_mut(deepest).meta.uid = 1;
        let changes = before.changes(&tree);
        assert!(matches!(&changes[..], [(path, Change::Changed)] if path.len() == 200_000));
        tree.put("/d/new", Inode::new(meta, Kind::Fifo)).unwrap();
        assert_eq!(before.changes(&tree).len(), 2);
    }
}
