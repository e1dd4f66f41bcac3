//! A member as it is stored, and how it is unpacked.

use std::{path::Path, sync::Arc};

use super::{DebError, Part, Scratch};
use crate::{
    decompress::{DecompressError, Decompressed, Format, decompress_at_most},
    disk::{FileStorage, Storage as _, Window},
    progress::{Silent, Stop},
};

pub(super) struct Packed {
    pub(super) format: Format,
    pub(super) content: Window,
}

impl Packed {
    /// The tar archive in it: in a file of `scratch`, of which size and digest are told, or where it stands if it is not compressed.
    pub(super) fn unpacked(self, part: Part, scratch: &dyn Scratch, stop: &Stop) -> Result<(Window, Option<Decompressed>), DebError> {
        let (size, limit) = (self.content.size(), part.limit());
        if self.format == Format::Raw {
            return if size <= limit { Ok((self.content, None)) } else { Err(DebError::TooLarge { part, size, limit }) };
        }
        let file = scratch.file().map_err(DebError::Scratch)?;
        let done = decompress_at_most(limit, self.format, &self.content, &file, &Silent, stop).map_err(|source| match source {
            DecompressError::Interrupted => DebError::Interrupted,
            source => DebError::Decompress { part, source },
        })?;
        // The path is for messages.
        let storage = FileStorage::new(file, Path::new(part.name())).map_err(DebError::Read)?;
        Ok((Window::whole(Arc::new(storage)), Some(done)))
    }
}
