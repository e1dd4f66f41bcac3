//! `berry-image cat`: the bytes of files that are in images.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use super::{args::Cat, failure::Failure, report::Report, target::Target};
use crate::{
    disk::{Extents, Storage as _},
    error::Kind,
    image::Mounted,
    progress::Stop,
};

/// Bytes that are read and written at a time.
const PIECE: u64 = 1 << 20;

pub(super) fn run(options: &Cat, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let mut images: Vec<(PathBuf, Mounted)> = Vec::new();
    // All of them are found before the first byte is written: half an output helps nobody.
    let mut files = Vec::new();
    for argument in &options.targets {
        let target = Target::parse(argument)?;
        let Some(path) = &target.path else {
            let shown = target.image.display();
            return Err(Failure::new(Kind::Usage, format!("no file in `{shown}` is named")).with_hint(format!("`{shown}:/etc/fstab`")));
        };
        let known = images.iter().position(|(image, _)| target.is_in(image));
        let at = match known {
            Some(at) => at,
            None => {
                images.push((target.image.clone(), target.open(report, stop)?));
                images.len() - 1
            }
        };
        let image = &images[at].1;
        files.push(image.find(path, true).and_then(|id| image.content(id, path))?);
    }
    files.iter().try_for_each(|content| write(content, stop))
}

fn write(content: &Extents, stop: &Stop) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let mut buffer = vec![0; PIECE.min(content.size()) as usize];
    let mut at = 0;
    while at < content.size() {
        if stop.is_requested() {
            return Err(Failure::new(Kind::Interrupted, "interrupted"));
        }
        let piece = &mut buffer[..PIECE.min(content.size() - at) as usize];
        content.read_exact_at(at, piece).map_err(|error| Failure::new(Kind::Io, format!("reading the image failed: {error}")))?;
        output.write_all(piece).map_err(|error| Failure::from_output(&error))?;
        at += piece.len() as u64;
    }
    output.flush().map_err(|error| Failure::from_output(&error))
}
