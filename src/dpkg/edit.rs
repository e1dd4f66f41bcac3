//! Edits of a tree, with the times of a build.

use super::DpkgError;
use crate::tree::{Content, Inode, InodeId, Kind, Meta, Time, Tree};

/// A tree that packages are put into.
pub(super) struct Editor<'a> {
    pub(super) tree: &'a mut Tree,
    epoch: Time,
}

impl<'a> Editor<'a> {
    /// What is made up gets the time `epoch`, in seconds since 1970.
    pub(super) fn new(tree: &'a mut Tree, epoch: i64) -> Self {
        Self { tree, epoch: Time::from_seconds(epoch) }
    }

    /// Metadata of something new that has a time of its own, in seconds since 1970: all other times are the epoch.
    pub(super) fn meta(&self, permissions: u16, uid: u32, gid: u32, mtime: i64) -> Meta {
        Meta { mtime: Time::from_seconds(mtime), ..Meta::new(permissions, uid, gid, self.epoch) }
    }

    /// Metadata of something of root's that is new.
    pub(super) fn new_meta(&self, permissions: u16) -> Meta {
        Meta::new(permissions, 0, 0, self.epoch)
    }

    /// The time of what is made up, in seconds since 1970.
    pub(super) fn epoch(&self) -> i64 {
        self.epoch.seconds
    }

    /// Writes a file of root's; nothing happens where it has this content and these permissions already.
    pub(super) fn write(&mut self, path: &str, permissions: u16, content: Vec<u8>) -> Result<(), DpkgError> {
        if let Some(id) = self.tree.lookup(path) {
            let inode = self.tree.inode(id);
            let is_same = inode.meta.permissions == permissions && inode.size() == content.len() as u64;
            if is_same && inode.content().is_some() && self.tree.read(path)? == content {
                return Ok(());
            }
        }
        let meta = self.new_meta(permissions);
        self.tree.place(path, Inode::new(meta, Kind::File(Content::bytes(content))))?;
        Ok(())
    }

    /// Puts an inode at `path`, whatever stood there.
    pub(super) fn place(&mut self, path: &[u8], meta: Meta, kind: Kind) -> Result<InodeId, DpkgError> {
        Ok(self.tree.place(path, Inode::new(meta, kind))?)
    }

    /// Removes a name, and with a folder all that is in it.
    pub(super) fn remove(&mut self, path: impl AsRef<[u8]>) -> Result<bool, DpkgError> {
        Ok(self.tree.unlink(path)?)
    }

    /// Moves what stands at `from` to `to`, in the place of what is there.
    pub(super) fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), DpkgError> {
        self.tree.unlink(to)?;
        Ok(self.tree.rename(from, to)?)
    }

    /// The folder at `path`, links followed.
    pub(super) fn folder(&self, path: &[u8]) -> Option<InodeId> {
        self.tree.resolve(path).filter(|id| self.tree.inode(*id).children().is_some())
    }

    /// Whether there is an empty folder at `path`, links not followed.
    pub(super) fn is_empty_folder(&self, path: &[u8]) -> bool {
        self.tree.lookup(path).is_some_and(|id| self.tree.inode(id).children().is_some_and(std::collections::BTreeMap::is_empty))
    }
}
