//! An image of a card, looked into: all its file systems as one tree, as the system on the card would see it.
//!
//! It may be any image with an ext4 root: a stock one, a finished one, a copy of a card. Nothing is asked of what is in it, which is
//! what sets it apart from a [base](crate::base); the file systems themselves are checked as always. Nothing is mounted on the host.

mod accounts;
mod error;
mod find;
mod fstab;
mod mount;
mod open;
mod partitions;
mod printable;

use std::sync::Arc;

pub use accounts::Accounts;
pub use error::{FileSystemError, ImageError};
pub use open::open;
pub use printable::{is_unsafe, printable, visible};

use crate::{
    disk::Extents,
    fat::{Fat, Listed},
    tree::{InodeId, Kind, Tree},
};

/// The file systems of an image as one tree.
#[derive(Debug)]
pub struct Mounted {
    tree: Tree,
    /// For each inode how many names it has, as `st_nlink` counts them.
    links: Vec<u64>,
    boot: Option<Boot>,
    unreadable: Vec<Unreadable>,
}

/// The boot partition, whose files are in the tree by name, size and date; where their bytes are is looked up when they are wanted.
#[derive(Debug)]
struct Boot {
    fat: Fat,
    list: Vec<Listed>,
    /// Position in the tree of the first thing on the list; the others follow.
    first: usize,
}

/// A file system that belongs into the tree but could not be read.
#[derive(Debug)]
struct Unreadable {
    /// The folder on which it belongs.
    folder: InodeId,
    number: usize,
    point: String,
    source: Arc<FileSystemError>,
}

impl Mounted {
    /// The tree. Regular files of the boot partition have their size in it, but no content: see [`Mounted::content`].
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How many names an inode has, as `ls -l` counts them: for a folder 2 and one for each folder in it.
    #[must_use]
    pub fn links(&self, id: InodeId) -> u64 {
        self.links.get(id.index()).copied().unwrap_or(1)
    }

    /// Whether all that belongs into this folder is in the tree.
    ///
    /// # Errors
    /// When a file system that belongs on it could not be read.
    pub fn check(&self, folder: InodeId) -> Result<(), ImageError> {
        match self.unreadable.iter().find(|unreadable| unreadable.folder == folder) {
            Some(Unreadable { number, point, source, .. }) => {
                Err(ImageError::Mount { number: *number, point: point.clone(), source: Arc::clone(source) })
            }
            None => Ok(()),
        }
    }

    /// The bytes of a regular file; `path` is for the message.
    ///
    /// # Errors
    /// When it is something else, or a file of the boot partition whose clusters are damaged.
    pub fn content(&self, id: InodeId, path: &[u8]) -> Result<Extents, ImageError> {
        let content = self.tree.inode(id).content().ok_or_else(|| ImageError::NotAFile { path: printable(path), found: self.what(id) })?;
        let Some((boot, index)) = self.in_boot(id) else { return Ok(content.clone()) };
        boot.fat.content_of(&boot.list[index]).map_err(ImageError::Boot)
    }

    /// What stands there, in a word or two.
    #[must_use]
    pub fn what(&self, id: InodeId) -> &'static str {
        match self.tree.inode(id).kind {
            Kind::Directory(_) => "folder",
            Kind::File(_) => "file",
            Kind::Symlink(_) => "symbolic link",
            Kind::CharDevice { .. } => "character device",
            Kind::BlockDevice { .. } => "block device",
            Kind::Fifo => "named pipe",
            Kind::Socket => "socket",
        }
    }

    fn in_boot(&self, id: InodeId) -> Option<(&Boot, usize)> {
        let boot = self.boot.as_ref()?;
        let index = id.index().checked_sub(boot.first)?;
        (index < boot.list.len()).then_some((boot, index))
    }
}
