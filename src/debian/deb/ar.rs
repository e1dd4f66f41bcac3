//! The outer archive: `ar` with a fixed order of members (deb(5), "FORMAT").
//!
//! Members whose name begins with `_` may stand between and are passed over, as deb(5) wants it, and so are further members behind
//! `data.tar`: signatures of the package, as a rule. A second member of the name of one of the three is refused, because other
//! readers may take that one.

use std::sync::Arc;

use super::{ArFault, DebError, Part, packed::Packed};
use crate::{
    decompress::Format,
    disk::{Storage, Window},
};

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;
/// Ends every header.
const HEADER_END: &[u8; 2] = b"`\n";
const VERSION_NAME: &str = "debian-binary";
/// More bytes of version, and lines behind it, than any package has.
const MAX_VERSION: u64 = 4096;

/// The members that count.
pub(super) struct Parts {
    pub(super) control: Packed,
    pub(super) data: Packed,
}

struct Entry {
    name: String,
    offset: u64,
    content: Window,
}

/// Finds the members of the package `storage`, and checks all of it but their contents.
pub(super) fn parts(storage: &Arc<dyn Storage>) -> Result<Parts, DebError> {
    let mut archive = Archive { storage, position: MAGIC.len() as u64 };
    check_magic(storage)?;
    let version = archive.next()?.ok_or_else(|| archive.missing(VERSION_NAME))?;
    if version.name != VERSION_NAME {
        return Err(order(version, VERSION_NAME));
    }
    check_version(&version)?;
    let control = archive.part(Part::Control)?;
    let data = archive.part(Part::Data)?;
    while let Some(entry) = archive.next()? {
        let is_known = |part: Part| entry.name.starts_with(part.name());
        if entry.name == VERSION_NAME || is_known(Part::Control) || is_known(Part::Data) {
            return Err(DebError::Ar { offset: entry.offset, fault: ArFault::Twice(entry.name) });
        }
    }
    Ok(Parts { control, data })
}

fn check_magic(storage: &Arc<dyn Storage>) -> Result<(), DebError> {
    let fail = |fault| Err(DebError::Ar { offset: 0, fault });
    if storage.size() < MAGIC.len() as u64 {
        return fail(ArFault::Magic);
    }
    match &bytes(&**storage, 0, MAGIC.len())?[..] {
        magic if magic == MAGIC => Ok(()),
        old if old.starts_with(b"0.93") => fail(ArFault::OldFormat),
        _ => fail(ArFault::Magic),
    }
}

/// The major version must be 2; the minor one, and further lines, are for later readers.
fn check_version(entry: &Entry) -> Result<(), DebError> {
    let bad = || DebError::Ar { offset: entry.offset, fault: ArFault::Version };
    if entry.content.size() > MAX_VERSION {
        return Err(bad());
    }
    let text = bytes(&entry.content, 0, entry.content.size() as usize)?;
    let line = text.split(|byte| *byte == b'\n').next().filter(|line| line.len() < text.len()).ok_or_else(bad)?;
    // As dpkg, whose numbers have 31 bits.
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i32>().ok()).flatten();
    let (major, minor) = std::str::from_utf8(line).ok().and_then(|line| line.split_once('.')).ok_or_else(bad)?;
    match (number(major), number(minor)) {
        (Some(2), Some(_)) => Ok(()),
        (Some(_), Some(_)) => Err(DebError::Version { found: line.escape_ascii().to_string() }),
        _ => Err(bad()),
    }
}

struct Archive<'a> {
    storage: &'a Arc<dyn Storage>,
    position: u64,
}

impl Archive<'_> {
    fn missing(&self, name: &'static str) -> DebError {
        DebError::Ar { offset: self.position, fault: ArFault::Missing(name) }
    }

    /// The next member that is not to be passed over, which must be `part`.
    fn part(&mut self, part: Part) -> Result<Packed, DebError> {
        loop {
            let entry = self.next()?.ok_or_else(|| self.missing(part.name()))?;
            if entry.name.starts_with('_') {
                continue;
            }
            let format = match entry.name.strip_prefix(part.name()) {
                Some("") => Format::Raw,
                Some(".gz") => Format::Gzip,
                Some(".xz") => Format::Xz,
                Some(".zst") => Format::Zstd,
                Some(_) => return Err(DebError::Compression { part, member: entry.name }),
                None => return Err(order(entry, part.name())),
            };
            return Ok(Packed { format, content: entry.content });
        }
    }

    /// The next member; `None` at the end.
    fn next(&mut self) -> Result<Option<Entry>, DebError> {
        let (offset, end) = (self.position, self.storage.size());
        let fail = |fault| Err(DebError::Ar { offset, fault });
        // Below 2⁶³, as every size of a storage.
        let left = end - offset;
        if left == 0 {
            return Ok(None);
        }
        if left < HEADER as u64 {
            return fail(ArFault::Truncated);
        }
        let header = bytes(&**self.storage, offset, HEADER)?;
        let name = header[..16].trim_ascii_end();
        let name = name.strip_suffix(b"/").unwrap_or(name);
        let size = number(&header[48..58]);
        let (true, Some(size), true) = (&header[58..] == HEADER_END, size, is_name(name)) else { return fail(ArFault::Header) };
        let name = name.escape_ascii().to_string();
        let left = left - HEADER as u64;
        if size > left {
            return fail(ArFault::Size { member: name, size, left });
        }
        let start = offset + HEADER as u64;
        let content = Window::new(Arc::clone(self.storage), start, size).map_err(DebError::Read)?;
        self.position = start + size;
        if size % 2 == 1 {
            if size == left {
                return fail(ArFault::Truncated);
            }
            if bytes(&**self.storage, self.position, 1)? != b"\n" {
                return fail(ArFault::Padding);
            }
            self.position += 1;
        }
        Ok(Some(Entry { name, offset, content }))
    }
}

/// Printable, without blanks and slashes: no long names of other kinds of `ar`.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'/')
}

/// Spaces may stand on both sides; ten digits at most.
fn number(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(' ');
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn order(entry: Entry, expected: &'static str) -> DebError {
    DebError::Ar { offset: entry.offset, fault: ArFault::Order { found: entry.name, expected } }
}

fn bytes(storage: &dyn Storage, offset: u64, len: usize) -> Result<Vec<u8>, DebError> {
    let mut bytes = vec![0; len];
    storage.read_exact_at(offset, &mut bytes).map_err(DebError::Read)?;
    Ok(bytes)
}
