//! A root file system in memory: metadata is owned, file content is a reference.
//!
//! Inodes are shared between trees: a clone of a tree of 60,000 inodes copies 60,000 pointers, and an edit replaces the one inode it
//! touches. So the trees of the nodes of a cluster are cheap variations of a common one, and what two of them share is the same
//! object ([`Tree::shares_inode`]).
//!
//! Paths are bytes, absolute inside the tree, and parent folders that are symbolic links are followed **inside the tree** only
//! (`/lib` → `usr/lib`); no path ever reaches the host.

mod bulk;
mod diff;
mod edit;
mod inode;
mod path;

use std::sync::Arc;

pub use diff::Change;
pub use inode::{Content, Inode, Kind, Meta, Time, Xattrs};
pub use path::{Name, TreeError};

/// Number of an inode in a [`Tree`]; the same in every tree cloned from a common one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(u32);

impl InodeId {
    /// The root folder of every tree.
    pub const ROOT: Self = Self(0);

    /// Position in the list of inodes, for tables beside the tree.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A tree of inodes.
#[derive(Clone, Debug)]
pub struct Tree {
    /// `None` is an inode whose last name was removed.
    inodes: Vec<Option<Arc<Inode>>>,
}

impl Tree {
    /// A tree of one empty folder.
    #[must_use]
    pub fn new(root: Meta) -> Self {
        Self { inodes: vec![Some(Arc::new(Inode::new(root, Kind::directory())))] }
    }

    /// The inode with this number.
    ///
    /// # Panics
    /// When the inode was removed from this tree; numbers found in a folder of the tree never are.
    #[must_use]
    pub fn inode(&self, id: InodeId) -> &Inode {
        self.inodes[id.index()].as_ref().expect("a name keeps its inode alive")
    }

    /// The inode with this number, or `None` when it is not in this tree.
    #[must_use]
    pub fn get(&self, id: InodeId) -> Option<&Inode> {
        self.inodes.get(id.index())?.as_deref()
    }

    /// The inode with this number, to be changed; other trees that share it keep what they have.
    ///
    /// # Panics
    /// As [`Tree::inode`].
    pub fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        Arc::make_mut(self.inodes[id.index()].as_mut().expect("a name keeps its inode alive"))
    }

    /// Adds an inode that no folder names yet.
    ///
    /// # Panics
    /// With more than 2³² inodes, which no file system here can hold.
    pub fn add(&mut self, inode: Inode) -> InodeId {
        let id = InodeId(u32::try_from(self.inodes.len()).expect("inode numbers have 32 bits"));
        self.inodes.push(Some(Arc::new(inode)));
        id
    }

    /// Puts another tree in the place of a folder: its root takes the folder's number, the other inodes get new ones. What was in the
    /// folder is hidden, as by a mount.
    ///
    /// # Panics
    /// As [`Tree::inode`] and [`Tree::add`].
    pub fn graft(&mut self, folder: InodeId, other: Self) {
        let first = self.inodes.len();
        let renumbered = |id: InodeId| match id.index().checked_sub(1) {
            None => folder,
            Some(index) => InodeId(u32::try_from(first + index).expect("inode numbers have 32 bits")),
        };
        for (index, inode) in other.inodes.into_iter().enumerate() {
            let inode = inode.map(|mut shared| {
                if let Kind::Directory(children) = &mut Arc::make_mut(&mut shared).kind {
                    children.values_mut().for_each(|child| *child = renumbered(*child));
                }
                shared
            });
            match (index, inode) {
                (0, Some(root)) => self.inodes[folder.index()] = Some(root),
                (0, None) => {}
                (_, inode) => self.inodes.push(inode),
            }
        }
    }

    /// One more than the largest inode number ever used in this tree.
    #[must_use]
    pub fn id_bound(&self) -> usize {
        self.inodes.len()
    }

    /// Inodes in ascending order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (InodeId, &Inode)> {
        self.inodes.iter().enumerate().filter_map(|(index, inode)| Some((InodeId(u32::try_from(index).ok()?), inode.as_deref()?)))
    }

    /// Whether both trees hold the very same inode under this number (same object: nothing about it can differ).
    #[must_use]
    pub fn shares_inode(&self, other: &Self, id: InodeId) -> bool {
        match (self.inodes.get(id.index()), other.inodes.get(id.index())) {
            (Some(Some(a)), Some(Some(b))) => Arc::ptr_eq(a, b),
            (None | Some(None), None | Some(None)) => true,
            _ => false,
        }
    }

    /// Calls `visit` with the path (absolute, without a trailing slash; `/` for the root) and number of every name in the tree,
    /// parents first, names in byte order. A file with several names is visited once for each.
    pub fn walk(&self, visit: &mut dyn FnMut(&[u8], InodeId)) {
        visit(b"/", InodeId::ROOT);
        let mut path = Vec::new();
        // A folder's own name, and how long the path before it is: paths are not kept, for a deep tree has long ones.
        let mut pending: Vec<(usize, &[u8], InodeId)> = vec![(0, b"", InodeId::ROOT)];
        while let Some((parent, name, id)) = pending.pop() {
            path.truncate(parent);
            path::append(&mut path, name);
            let (length, next) = (path.len(), pending.len());
            for (name, child) in self.inode(id).children().into_iter().flatten() {
                path::append(&mut path, name.as_bytes());
                visit(&path, *child);
                path.truncate(length);
                if self.inode(*child).children().is_some() {
                    pending.push((length, name.as_bytes(), *child));
                }
            }
            pending[next..].reverse();
        }
    }
}

/// Folders in folders, for tests: the tree, and the innermost one.
#[cfg(test)]
fn nested(depth: usize) -> (Tree, InodeId) {
    let meta = Meta::new(0o755, 0, 0, Time::default());
    let mut tree = Tree::new(meta.clone());
    let mut folder = InodeId::ROOT;
    for _ in 0..depth {
        let inner = tree.add(Inode::new(meta.clone(), Kind::directory()));
        if let (Kind::Directory(names), Some(name)) = (&mut tree.inode_mut(folder).kind, Name::new(b"d")) {
            names.insert(name, inner);
        }
        folder = inner;
    }
    (tree, folder)
}
