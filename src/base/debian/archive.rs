//! A tar archive as a tree: metadata is read, contents stay references into the archive.
//!
//! What a tree cannot hold faithfully (sparse members, several volumes, unknown types) is refused by [`crate::tar`].

#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use crate::{
    disk::{Storage, Window},
    error::{Classified, Kind as ErrorKind},
    tar::{self, Dialect, Member, Reader, TarError},
    tree::{Inode, InodeId, Kind, Meta, Name, Time, Tree},
};

/// Linux's `PATH_MAX`.
const MAX_PATH: usize = 4096;

/// What can be wrong with an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is no sound archive.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// A member that cannot be put into a tree.
    #[error("`{path}` in the archive: {reason}")]
    Member {
        /// Its path, unprintable bytes escaped.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl Classified for ArchiveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Tar(error) => error.kind(),
            Self::Member { .. } => ErrorKind::Corrupt,
        }
    }
}

/// Reads all members of the archive `storage` into a tree.
///
/// Access, change and creation times, which archives do not keep, are the time of modification.
///
/// # Errors
/// When the archive is damaged, or a member has no place in a tree: a parent that is missing or no folder, a path that leads out,
/// a name that is there already, a hard link to what is not there, an unknown type.
pub fn tree_from_tar(storage: &Arc<dyn Storage>) -> Result<Tree, ArchiveError> {
    let mut builder = Builder::default();
    for member in Reader::new(Window::whole(Arc::clone(storage)), Dialect::Pax) {
        builder.add(member?)?;
    }
    Ok(builder.tree)
}

/// Puts members into a tree. Parents must be real folders: an archive of a file tree has nothing below its symbolic links.
struct Builder {
    tree: Tree,
    /// Folders and everything else by path, without a leading slash.
    folders: HashMap<Vec<u8>, InodeId>,
    others: HashMap<Vec<u8>, InodeId>,
}

impl Default for Builder {
    fn default() -> Self {
        let root = Meta::new(0o755, 0, 0, Time::default());
        Self { tree: Tree::new(root), folders: HashMap::from([(Vec::new(), InodeId::ROOT)]), others: HashMap::new() }
    }
}

impl Builder {
    fn add(&mut self, member: Member) -> Result<(), ArchiveError> {
        let shown = member.path.escape_ascii().to_string();
        let fail = |reason: &str| ArchiveError::Member { path: shown.clone(), reason: reason.to_owned() };
        let path = clean(&member.path).ok_or_else(|| fail("its path is absolute, too long, or leads out of the tree"))?;
        let taken = "its parent is missing or no folder, or its name is taken";
        let meta = Meta::new(member.permissions, member.uid, member.gid, member.mtime);
        let kind = match member.kind {
            tar::Kind::Folder => Kind::directory(),
            tar::Kind::File(content) => Kind::File(content),
            tar::Kind::HardLink(target) => {
                let id = clean(&target).and_then(|target| self.others.get(&target).copied());
                let id = id.ok_or_else(|| fail("it is a hard link to what is not in the archive before it"))?;
                return self.name(path, id).ok_or_else(|| fail(taken));
            }
            tar::Kind::Symlink(target) if target.is_empty() => return Err(fail("it is a symbolic link to nothing")),
            tar::Kind::Symlink(target) => Kind::Symlink(target),
            tar::Kind::CharDevice { major, minor } => Kind::CharDevice { major, minor },
            tar::Kind::BlockDevice { major, minor } => Kind::BlockDevice { major, minor },
            tar::Kind::Fifo => Kind::Fifo,
        };
        let is_folder = matches!(kind, Kind::Directory(_));
        let inode = Inode { meta, xattrs: member.attributes, kind };
        if is_folder {
            return self.add_folder(path, inode).ok_or_else(|| fail(taken));
        }
        let id = self.tree.add(inode);
        self.name(path, id).ok_or_else(|| fail(taken))
    }

    /// Adds a folder, or gives one that is there these properties.
    fn add_folder(&mut self, path: Vec<u8>, folder: Inode) -> Option<()> {
        if let Some(id) = self.folders.get(&path) {
            let inode = self.tree.inode_mut(*id);
            inode.meta = folder.meta;
            inode.xattrs = folder.xattrs;
            return Some(());
        }
        let id = self.tree.add(folder);
        self.name(path.clone(), id)?;
        self.others.remove(&path);
        self.folders.insert(path, id);
        Some(())
    }

    fn name(&mut self, path: Vec<u8>, id: InodeId) -> Option<()> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (parent, name) = slash.map_or((&b""[..], &path[..]), |at| (&path[..at], &path[at + 1..]));
        let (parent, name) = (*self.folders.get(parent)?, Name::new(name)?);
        match &mut self.tree.inode_mut(parent).kind {
            Kind::Directory(children) if !children.contains_key(name.as_bytes()) => {
                children.insert(name, id);
            }
            _ => return None,
        }
        self.others.insert(path, id);
        Some(())
    }
}

/// The path without a leading `./` and a trailing slash; `None` when it is absolute or has an impossible component.
fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let path = path.strip_prefix(b"./").unwrap_or(path);
    if path.is_empty() || path == b"." {
        return Some(Vec::new());
    }
    let sound = path.len() <= MAX_PATH && path.split(|byte| *byte == b'/').all(|component| Name::new(component).is_some());
    sound.then(|| path.to_vec())
}
