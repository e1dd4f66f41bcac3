//! `berry-image ls`: what is in an image, as ls(1) would show it.

mod folders;
mod json;
mod text;

use std::io::{self, BufWriter, Write};

use super::{args::Ls, failure::Failure, report::Report, target::Target};
use crate::{
    image::{Accounts, ImageError, Mounted},
    progress::Stop,
    tree::InodeId,
};
use folders::Folders;

/// What is done with a folder, of which the path and number are given.
type Show<'s> = dyn FnMut(&[u8], InodeId) -> Result<(), Failure> + 's;

/// What is listed, and how.
struct Listing<'a> {
    options: &'a Ls,
    image: &'a Mounted,
    accounts: Accounts,
    /// The path that was asked for, without slashes at its end; empty for the root.
    path: &'a [u8],
    id: InodeId,
    stop: &'a Stop,
}

pub(super) fn run(options: &Ls, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let target = Target::parse(&options.target)?;
    let image = target.open(report, stop)?;
    let path = target.path.as_deref().unwrap_or_default();
    let id = image.find(if path.is_empty() { b"/" } else { path }, false)?;
    let path = &path[..path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1)];
    let listing = Listing { options, accounts: Accounts::read(image.tree()), image: &image, path, id, stop };
    let mut output = BufWriter::new(io::stdout().lock());
    let shown = if options.json { listing.write_json(&target.image, &mut output) } else { listing.write_text(&mut output) };
    // What could be listed has been, before it is said what could not.
    output.flush().map_err(|error| Failure::from_output(&error))?;
    shown
}

impl Listing<'_> {
    /// Calls `show` for each folder to be listed, with its path. A folder whose file system cannot be read is an error when all others
    /// have been shown.
    fn each_folder(&self, show: &mut Show<'_>) -> Result<(), Failure> {
        let mut first_error: Option<ImageError> = None;
        let mut folders = Folders::new(self.image.tree(), self.path, self.id);
        while let Some((path, id)) = folders.next()? {
            if self.stop.is_requested() {
                return Err(Failure::new(crate::error::Kind::Interrupted, "interrupted"));
            }
            match self.image.check(id) {
                Ok(()) => show(path, id)?,
                Err(error) => first_error = first_error.or(Some(error)),
            }
            if !self.options.recursive {
                break;
            }
        }
        first_error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn is_folder(&self) -> bool {
        self.image.tree().inode(self.id).children().is_some()
    }
}

/// Writes and, where that fails, says so as a command fails.
fn put(output: &mut dyn Write, text: &str) -> Result<(), Failure> {
    output.write_all(text.as_bytes()).map_err(|error| Failure::from_output(&error))
}
