//! A base, read and understood.

use std::sync::Arc;

use super::{
    BaseError,
    detect::{self, Layout},
    facts::Facts,
    source::RawImage,
};
use crate::{
    disk::{Storage, Window, mbr::MbrError, table::Table},
    ext4::{format::Superblock, read::Ext4},
    fat::Fat,
    tree::Tree,
};

/// Everything of a base that the images of the nodes are made from. File contents are references into [`Base::storage`].
#[derive(Debug)]
pub struct Base {
    /// As [`RawImage::name`].
    pub name: String,
    /// As [`RawImage::sha256`].
    pub sha256: [u8; 32],
    /// As [`RawImage::image_sha256`].
    pub image_sha256: [u8; 32],
    /// The whole image.
    pub storage: Arc<dyn Storage>,
    /// Its partition table.
    pub table: Table,
    /// Partition 1.
    pub boot: Window,
    /// The file system in it.
    pub fat: Fat,
    /// Partition 2.
    pub root: Window,
    /// Superblock of the file system in it.
    pub superblock: Superblock,
    /// The root file system.
    pub tree: Tree,
    /// What it is.
    pub facts: Facts,
    /// `cmdline.txt` of the boot partition.
    pub command_line: String,
    /// `config.txt` of the boot partition.
    pub config: String,
}

impl Base {
    /// Reads partition table, boot partition and root, all metadata verified, and tells what they are.
    ///
    /// # Errors
    /// When something is damaged, not supported, used before, or contradicts itself.
    pub fn read(raw: RawImage) -> Result<Self, BaseError> {
        let storage: Arc<dyn Storage> = raw.storage;
        let table = Table::read(&*storage).map_err(BaseError::Table)?;
        let Layout { boot, root } = detect::layout(&table)?;
        let window =
            |start, size| Window::new(Arc::clone(&storage), start, size).map_err(|error| BaseError::Table(MbrError::Io(error).into()));
        let (boot, root) = (window(boot.start, boot.size)?, window(root.start, root.size)?);
        let fat = Fat::open(boot.clone()).map_err(BaseError::Boot)?;
        let ext4 = Ext4::open(root.clone()).map_err(BaseError::Root)?;
        let tree = ext4.tree().map_err(BaseError::Root)?;
        let facts = detect::facts(&tree, &fat)?;
        let command_line = detect::boot_text(&fat, "cmdline.txt")?;
        detect::agreement(&table, &tree, &command_line, &facts)?;
        let config = detect::boot_text(&fat, "config.txt")?;
        let superblock = ext4.superblock().clone();
        Ok(Self {
            name: raw.name,
            sha256: raw.sha256,
            image_sha256: raw.image_sha256,
            storage,
            table,
            boot,
            fat,
            root,
            superblock,
            tree,
            facts,
            command_line,
            config,
        })
    }
}
