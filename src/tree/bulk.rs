//! Edits for many changes at once: names change now, inodes without a name go at the end.
//!
//! [`Tree::put`] and [`Tree::remove`] look through the whole tree for what has lost its last name. Packages replace and remove thousands of
//! files, so here that is done once, by [`Tree::forget_unnamed`].

use super::{
    Inode, InodeId, Kind, Tree, TreeError,
    edit::split,
    path::{Name, printable},
};

impl Tree {
    /// Puts an inode at `path`, in the place of whatever is there: of a folder, too, with all that is in it. The parent folder must exist; a
    /// last component that is a symbolic link is replaced, not followed.
    ///
    /// # Errors
    /// When the parent is missing or no folder.
    pub fn place(&mut self, path: impl AsRef<[u8]>, inode: Inode) -> Result<InodeId, TreeError> {
        let path = path.as_ref();
        let (parent, name) = self.parent_of(path)?;
        let id = self.add(inode);
        self.name(parent, name, id, path)?;
        Ok(id)
    }

    /// Gives an existing inode the name `path`, in the place of whatever is there, as [`Tree::place`].
    ///
    /// # Errors
    /// As [`Tree::place`], or when the inode is a folder.
    pub fn place_link(&mut self, path: impl AsRef<[u8]>, id: InodeId) -> Result<(), TreeError> {
        let path = path.as_ref();
        if self.inode(id).children().is_some() {
            return Err(TreeError::IsAFolder(printable(path)));
        }
        let (parent, name) = self.parent_of(path)?;
        self.name(parent, name, id, path)
    }

    /// Removes the name at `path`, as [`Tree::remove`], but what has lost its last name stays until [`Tree::forget_unnamed`].
    ///
    /// # Errors
    /// When the path itself is wrong, or names the root.
    pub fn unlink(&mut self, path: impl AsRef<[u8]>) -> Result<bool, TreeError> {
        let path = path.as_ref();
        let (parent, name) = split(path)?;
        let Ok(parent) = self.find(parent, true) else { return Ok(false) };
        if !self.inode(parent).children().is_some_and(|children| children.contains_key(name.as_bytes())) {
            return Ok(false);
        }
        Ok(self.folder_mut(parent, path)?.remove(name.as_bytes()).is_some())
    }

    /// Forgets inodes that no name leads to.
    pub fn forget_unnamed(&mut self) {
        let mut named = vec![false; self.inodes.len()];
        let mut pending = vec![InodeId::ROOT];
        while let Some(id) = pending.pop() {
            named[id.index()] = true;
            pending.extend(self.inode(id).children().into_iter().flat_map(|children| children.values().copied()));
        }
        for (inode, named) in self.inodes.iter_mut().zip(named) {
            if !named {
                *inode = None;
            }
        }
    }

    fn parent_of(&self, path: &[u8]) -> Result<(InodeId, Name), TreeError> {
        let (parent, name) = split(path)?;
        Ok((self.find(parent, true)?, name))
    }

    fn name(&mut self, parent: InodeId, name: Name, id: InodeId, path: &[u8]) -> Result<(), TreeError> {
        match &mut self.inode_mut(parent).kind {
            Kind::Directory(children) => {
                children.insert(name, id);
                Ok(())
            }
            _ => Err(TreeError::NotAFolder(printable(path))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Meta, Time};

    #[test]
    fn names_change_at_once_and_inodes_go_at_the_end() {
        let meta = Meta::new(0o644, 0, 0, Time::default());
        let file = |text: &str| Inode::new(meta.clone(), Kind::File(Content::bytes(text.into())));
        let mut tree = Tree::new(meta.clone());
        let first = tree.put_file("/d/a", meta.clone(), Content::bytes(b"one".to_vec())).unwrap();
        tree.link("/d/b", first).unwrap();
        let second = tree.place("/d/a", file("two")).unwrap();
        assert_eq!((tree.read("/d/a").unwrap(), tree.read("/d/b").unwrap()), (b"two".to_vec(), b"one".to_vec()));
        assert!(tree.unlink("/d/b").unwrap() && !tree.unlink("/d/b").unwrap() && !tree.unlink("/x/y").unwrap());
        tree.place_link("/d/c", second).unwrap();
        assert_eq!(tree.lookup("/d/c"), tree.lookup("/d/a"));
        tree.place("/d", file("in the place of a folder")).unwrap();
        assert!(matches!(tree.place("/d/a", file("")), Err(TreeError::NotAFolder(_))));
        assert!(matches!(tree.place("/x/a", file("")), Err(TreeError::Missing(_))));
        assert!(matches!(tree.place_link("/e", InodeId::ROOT), Err(TreeError::IsAFolder(_))));
        assert!(tree.get(first).is_some());
        tree.forget_unnamed();
        assert!(tree.get(first).is_none() && tree.get(second).is_none());
        assert_eq!(tree.iter().count(), 2);
    }
}
