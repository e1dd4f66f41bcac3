//! The folders of a tree in the order of `ls -R`: each before those in it, by the bytes of their names.

use std::collections::btree_map::Iter;

use crate::{
    cli::failure::Failure,
    error::Kind,
    image::printable,
    tree::{InodeId, Name, Tree},
};

/// As `PATH_MAX` of Linux: what lies deeper cannot be named there either.
const LONGEST_PATH: usize = 4096;

/// A walk that keeps one path and, for each folder on it, where it stands in it.
pub(super) struct Folders<'a> {
    tree: &'a Tree,
    /// The folder to begin with, until it was given out.
    start: Option<InodeId>,
    path: Vec<u8>,
    /// Of each folder on the way what is still to be looked at, and how long its path is.
    stack: Vec<(Iter<'a, Name, InodeId>, usize)>,
}

impl<'a> Folders<'a> {
    pub(super) fn new(tree: &'a Tree, path: &[u8], start: InodeId) -> Self {
        Self { tree, start: Some(start), path: path.to_vec(), stack: Vec::new() }
    }

    /// The next folder and its path; empty for the root.
    pub(super) fn next(&mut self) -> Result<Option<(&[u8], InodeId)>, Failure> {
        if let Some(start) = self.start.take() {
            return Ok(self.enter(start).then_some((self.path.as_slice(), start)));
        }
        while let Some((names, length)) = self.stack.last_mut() {
            self.path.truncate(*length);
            let Some((name, id)) = names.next() else {
                self.stack.pop();
                continue;
            };
            if self.tree.inode(*id).children().is_none() {
                continue;
            }
            self.path.push(b'/');
            self.path.extend_from_slice(name.as_bytes());
            if self.path.len() >= LONGEST_PATH {
                let text = format!("a path of {} bytes is longer than any that Linux takes: {}", self.path.len(), printable(&self.path));
                return Err(Failure::new(Kind::Unsupported, text));
            }
            self.enter(*id);
            return Ok(Some((self.path.as_slice(), *id)));
        }
        Ok(None)
    }

    fn enter(&mut self, id: InodeId) -> bool {
        let children = self.tree.inode(id).children();
        self.stack.extend(children.map(|children| (children.iter(), self.path.len())));
        children.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Meta, Time};

    fn walked(tree: &Tree) -> Result<Vec<String>, Failure> {
        let mut folders = Folders::new(tree, b"", InodeId::ROOT);
        let mut paths = Vec::new();
        while let Some((path, _)) = folders.next()? {
            paths.push(String::from_utf8_lossy(path).into_owned());
        }
        Ok(paths)
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let meta = Meta::new(0o755, 0, 0, Time::default());
        let mut tree = Tree::new(meta.clone());
        for path in ["/b/d", "/b/c", "/a", "/b-"] {
            tree.make_folder(path, &meta).unwrap();
        }
        tree.put_file("/b/c/file", meta.clone(), Content::default()).unwrap();
        assert_eq!(walked(&tree).unwrap(), ["", "/a", "/b", "/b/c", "/b/d", "/b-"]);
        // Each path is short enough to be named, and one put below the other is not.
        let deep = format!("/deep{}", "/xxxxxxxxxxxxxxx".repeat(250));
        tree.make_folder(&deep, &meta).unwrap();
        tree.make_folder(format!("/more{}", "/xxxxxxxxxxxxxxx".repeat(8)), &meta).unwrap();
        tree.rename("/more", format!("{deep}/more")).unwrap();
        assert!(walked(&tree).unwrap_err().to_string().starts_with("a path of 4106 bytes"));
    }
}
