//! Overlays: files that are laid over the root of a node, as a manifest says. One is built into this program (the folder `overlays` of the
//! repository); a profile may name more.
//!
//! [`manifest`] reads the lines, [`template`] puts values into texts, and [`folder`] reads an overlay from a folder of this computer. Nothing
//! here knows of profiles or trees.

pub mod folder;
pub mod manifest;
pub mod template;

use std::{path::PathBuf, sync::Arc};

use crate::secret::Secret;

/// The folder of an overlay, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// The folder, as it was named.
    pub folder: PathBuf,
    /// What to place, in the order of the manifest.
    pub entries: Vec<Entry>,
}

/// Something to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// File and line of the manifest, for messages.
    pub place: String,
    /// The nodes that get it.
    pub on: On,
    /// Absolute path in the root, without detours.
    pub path: String,
    /// What it is.
    pub item: Item,
}

/// The nodes that get something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// All of them.
    Every,
    /// Those in the pool.
    Pool,
    /// Those in another place.
    Remote,
    /// Those with these names.
    Named(Vec<String>),
}

/// A file, a folder or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A file.
    File {
        /// Permission bits.
        permissions: u16,
        /// Who it belongs to.
        owner: Owner,
        /// What is in it; it may be a secret.
        content: Secret<Content>,
    },
    /// A folder.
    Folder {
        /// Permission bits.
        permissions: u16,
        /// Who it belongs to.
        owner: Owner,
    },
    /// A symbolic link to this path.
    Link(String),
}

/// User and group: numbers, or names that the image knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: String,
    /// The group.
    pub group: String,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes; all nodes share them.
    Bytes(Arc<Vec<u8>>),
    /// A text with `{{name}}` where values go.
    Template {
        /// The text.
        text: String,
        /// The file that it stands in, for messages.
        name: String,
    },
}

/// Something that is wrong with an overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// File, and line where there is one.
    pub place: String,
    /// What is wrong there, without a full stop.
    pub what: String,
    /// What to do about it.
    pub hint: &'static str,
}
