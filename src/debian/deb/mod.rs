//! A binary package, .deb (deb(5)): an `ar` archive of a format version, a control member and a data member.
//!
//! [`Deb::read`] reads and checks all of it and writes nothing but decompressed data to a [`Scratch`] file; contents of files are
//! references, into that or, where the data member is not compressed, into the package itself. What it lets through has one meaning
//! only: what dpkg and GNU tar would read differently is refused, and so is what no sound package has.

mod ar;
mod control;
mod data;
mod error;
mod member;
mod packed;
mod path;
#[cfg(test)]
mod tests;

use std::{fs::File, io, sync::Arc};

pub use control::ControlFile;
pub use error::{ArFault, ControlFault, DebError, MemberFault, Part};
pub use member::{Member, MemberKind};

use crate::{
    decompress::Decompressed,
    disk::{Storage, Window},
    progress::Stop,
};

/// What no package may ask for, whatever it claims.
pub mod limits {
    /// The control member, unpacked, in bytes.
    pub const MAX_CONTROL: u64 = 64 << 20;
    /// One file of it, in bytes.
    pub const MAX_CONTROL_FILE: u64 = 16 << 20;
    /// The name of one, in bytes (dpkg's `MAXCONTROLFILENAME`).
    pub const MAX_CONTROL_NAME: usize = 100;
    /// The data member, unpacked, in bytes.
    pub const MAX_DATA: u64 = 16 << 30;
    /// Members of one of the two archives.
    pub const MAX_MEMBERS: usize = 1_000_000;
    /// Paths, targets and owners of all members, in bytes: memory, for they are all kept.
    pub const MAX_TEXT: usize = 128 << 20;
    /// The target of a symbolic link, in bytes: Linux's `PATH_MAX` without the NUL at the end.
    pub const MAX_TARGET: usize = 4095;
    /// A path with its leading slash, in bytes: as much, but dpkg appends `.dpkg-new` while it unpacks.
    pub const MAX_PATH: usize = MAX_TARGET - DPKG_NEW;
    /// A name in a path, in bytes: Linux's `NAME_MAX`, likewise.
    pub const MAX_NAME: usize = 255 - DPKG_NEW;
    const DPKG_NEW: usize = ".dpkg-new".len();
}

/// A package, read and checked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Deb {
    /// The files of the control member, in its order.
    pub control: Vec<ControlFile>,
    /// The members of the data archive, in its order.
    pub members: Vec<Member>,
    /// Size and digest of the data archive, if it was decompressed: it is the file of the scratch that was asked for last.
    pub unpacked: Option<Decompressed>,
}

/// Where decompressed data goes.
pub trait Scratch: Sync {
    /// An empty file, readable and writable, that is gone when it is closed.
    ///
    /// # Errors
    /// What the operating system says.
    fn file(&self) -> io::Result<File>;
}

impl Deb {
    /// Reads all of the package `storage`: what it says of itself, what it holds, and the MD5 of each file.
    ///
    /// The contents of the members keep one file of `scratch` open, as long as one of them lives.
    ///
    /// # Errors
    /// When it is no sound package, is larger than the [`limits`], uses what is not supported, or `stop` is requested.
    pub fn read(storage: Arc<dyn Storage>, scratch: &dyn Scratch, stop: &Stop) -> Result<Self, DebError> {
        let parts = ar::parts(&storage)?;
        let (control, _) = parts.control.unpacked(Part::Control, scratch, stop)?;
        let control = control::read(control)?;
        let (data, unpacked) = parts.data.unpacked(Part::Data, scratch, stop)?;
        let members = data::read(data, stop)?;
        Ok(Self { control, members, unpacked })
    }

    /// As [`Deb::read`], with the data archive that an earlier call [decompressed](Deb::unpacked).
    ///
    /// # Errors
    /// As [`Deb::read`].
    pub fn read_unpacked(storage: Arc<dyn Storage>, data: Arc<dyn Storage>, scratch: &dyn Scratch, stop: &Stop) -> Result<Self, DebError> {
        let (control, _) = ar::parts(&storage)?.control.unpacked(Part::Control, scratch, stop)?;
        let control = control::read(control)?;
        let members = data::read(Window::whole(data), stop)?;
        Ok(Self { control, members, unpacked: None })
    }

    /// The bytes of the control member's file `name`: `control`, `conffiles`, `postinst`, ...
    #[must_use]
    pub fn control_text(&self, name: &str) -> Option<&[u8]> {
        self.control.iter().find(|file| file.name == name).map(|file| &file.bytes[..])
    }
}
