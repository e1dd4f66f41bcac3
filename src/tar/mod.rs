//! Tar archives as members: metadata is read, contents stay references into the archive.
//!
//! Formats: v7, ustar (POSIX.1-1988), GNU long names and numbers, and, where the [dialect](Dialect) has them, pax records (POSIX.1-2001,
//! with GNU tar's and star's `SCHILY.xattr.*`). What a reader could not hold faithfully (sparse members, several volumes, unknown
//! types) is refused. Where a member lies, and whether its path is a sound one, is left to who puts members somewhere.

mod acl;
mod error;
mod header;
mod pax;
#[cfg(test)]
mod tests;

pub use error::TarError;
use header::Header;

use crate::{
    disk::{Extent, Source, Storage as _, Window},
    tree::{Content, Time, Xattrs},
};

/// Size of a header, and what every member is filled up to, in bytes.
pub const BLOCK: u64 = 512;
/// A long name or a set of pax records is not larger, in bytes.
const MAX_EXTENSION: u64 = 1 << 20;

/// Which archives are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// What POSIX and GNU tar write of a file tree; what stands behind the end of the archive is not looked at.
    Pax,
    /// What dpkg reads (deb(5), "FORMAT"): no pax records, no contiguous files, and nothing that two readers could understand
    /// differently: no size of what has no content, no bytes behind the end of a text, no type in the mode but the member's own, and
    /// zeroes only behind the end of the archive.
    Deb,
}

/// A member with all its extensions applied.
#[derive(Clone, Debug)]
pub struct Member {
    /// Where its header stands, in bytes from the start of the archive.
    pub offset: u64,
    /// Its path as the archive has it, never with a NUL, else unchecked.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky: the lower 12 bits of its mode.
    pub permissions: u16,
    /// Number of its owner.
    pub uid: u32,
    /// Number of its group.
    pub gid: u32,
    /// Name of its owner where the archive was made; may be empty.
    pub user: Vec<u8>,
    /// Name of its group where the archive was made; may be empty.
    pub group: Vec<u8>,
    /// Time of its last modification.
    pub mtime: Time,
    /// Its extended attributes.
    pub attributes: Xattrs,
}

/// The kind of a member, with what only that kind has.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A regular file; the content is a reference into the archive.
    File(Content),
    /// Another name, with the path of a member.
    HardLink(Vec<u8>),
    /// A symbolic link and its target, which may be empty.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// Reads members from the first to the last; after an error there are none.
#[derive(Debug)]
pub struct Reader {
    archive: Window,
    dialect: Dialect,
    position: u64,
    is_done: bool,
}

/// What stood before a member's header and applies to it.
#[derive(Default)]
struct Extensions {
    records: pax::Records,
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Reader {
    /// Reads the archive that is all of `archive`.
    #[must_use]
    pub fn new(archive: Window, dialect: Dialect) -> Self {
        Self { archive, dialect, position: 0, is_done: false }
    }

    /// The next member; `None` at the end-of-archive record.
    fn read_member(&mut self) -> Result<Option<Member>, TarError> {
        let mut extensions = Extensions::default();
        loop {
            let offset = self.position;
            let block = self.bytes(offset, BLOCK)?;
            if block.iter().all(|byte| *byte == 0) {
                if extensions.path.is_some() || extensions.target.is_some() {
                    return Err(TarError::header(offset, "the archive ends where the member of a long name is expected"));
                }
                self.end(offset + BLOCK)?;
                return Ok(None);
            }
            let header = Header::read(&block, offset, self.dialect)?;
            let size = match extensions.records.size()? {
                Some(size) => size,
                None => header.size()?,
            };
            // A link, a folder or a device has no data, whatever its size field says.
            let stored = if matches!(header.kind(), b'1'..=b'6') { 0 } else { size };
            if self.dialect == Dialect::Deb && stored != size {
                return Err(TarError::header(offset, format!("it has no content, but a size of {size} bytes")));
            }
            let data = offset + BLOCK;
            let end = data.checked_add(stored).filter(|end| *end <= self.archive.size());
            let end = end.ok_or(TarError::Truncated { offset, size: self.archive.size() })?;
            // Below 2⁶⁴, as a file's size has 63 bits.
            self.position = end.next_multiple_of(BLOCK);
            match (header.kind(), self.dialect) {
                (b'x', Dialect::Pax) => extensions.records = pax::Records::parse(&self.extension(data, size)?, offset)?,
                (b'g', Dialect::Pax) => pax::Records::parse(&self.extension(data, size)?, offset)?.expect_comment_only(offset)?,
                (b'L', _) => self.long_text(data, size, &mut extensions.path)?,
                (b'K', _) => self.long_text(data, size, &mut extensions.target)?,
                _ => return self.member(&header, extensions, data, stored).map(Some),
            }
        }
    }

    fn member(&self, header: &Header, extensions: Extensions, data: u64, stored: u64) -> Result<Member, TarError> {
        let Extensions { records, path: long_path, target: long_target } = extensions;
        let is_link = matches!(header.kind(), b'1' | b'2');
        if self.dialect == Dialect::Deb && long_target.is_some() && !is_link {
            return Err(TarError::header(header.offset(), "a long target stands before what is no link"));
        }
        let path = match records.path().map(<[u8]>::to_vec).or(long_path) {
            Some(path) => path,
            None => header.path()?,
        };
        let target = || match records.target().map(<[u8]>::to_vec).or(long_target) {
            Some(target) => Ok(target),
            None => header.target(),
        };
        let is_folder = header.kind() == b'5' || matches!(header.kind(), b'0' | 0) && path.ends_with(b"/");
        let kind = match (header.kind(), self.dialect) {
            // As before POSIX: a slash at the end makes a folder. Content of one would be taken for headers by dpkg.
            (b'0' | 0, Dialect::Deb) if is_folder && stored == 0 => Kind::Folder,
            (b'0' | 0, Dialect::Deb) if is_folder => return Err(TarError::header(header.offset(), "a folder has content")),
            (b'0' | 0, _) | (b'7', Dialect::Pax) => Kind::File(self.content(data, stored)),
            (b'1', _) => Kind::HardLink(target()?),
            (b'2', _) => Kind::Symlink(target()?),
            (b'3', _) => header.device().map(|(major, minor)| Kind::CharDevice { major, minor })?,
            (b'4', _) => header.device().map(|(major, minor)| Kind::BlockDevice { major, minor })?,
            (b'5', _) => Kind::Folder,
            (b'6', _) => Kind::Fifo,
            (other, _) => {
                let path = path.escape_ascii().to_string();
                return Err(TarError::Kind { offset: header.offset(), path, kind: other, name: header::kind_name(other) });
            }
        };
        let owner = |record: Option<u64>, field: Result<u64, TarError>| {
            let number = record.map_or(field, Ok)?;
            u32::try_from(number).map_err(|_| TarError::header(header.offset(), format!("{number} is no user or group")))
        };
        let mut attributes = Xattrs::new();
        for (name, value) in records.attributes()? {
            let value =
                acl::to_ext4(&name, value).ok_or_else(|| TarError::header(header.offset(), "an access control list is not sound"))?;
            attributes.insert(name, value);
        }
        Ok(Member {
            offset: header.offset(),
            permissions: header.permissions(&kind)?,
            uid: owner(records.uid()?, header.uid())?,
            gid: owner(records.gid()?, header.gid())?,
            user: header.user()?,
            group: header.group()?,
            mtime: match records.time()? {
                Some(time) => time,
                None => Time::from_seconds(header.mtime()?),
            },
            path,
            kind,
            attributes,
        })
    }

    fn content(&self, data: u64, len: u64) -> Content {
        let mut content = Content::hole(len);
        let source = Source::Stored { storage: std::sync::Arc::clone(self.archive.storage()), start: self.archive.start() + data };
        content.push(Extent { offset: 0, len, source });
        content
    }

    /// A GNU long name: all of a member, with one NUL at its end as a rule.
    fn long_text(&self, data: u64, size: u64, into: &mut Option<Vec<u8>>) -> Result<(), TarError> {
        let mut text = self.extension(data, size)?;
        if text.last() == Some(&0) {
            text.pop();
        }
        let offset = data - BLOCK;
        if text.contains(&0) {
            return Err(TarError::header(offset, "a long name holds a NUL"));
        }
        // GNU tar reads on to the first NUL, dpkg as far as the size says.
        let padding = (data + size).next_multiple_of(BLOCK) - (data + size);
        if self.dialect == Dialect::Deb && self.bytes(data + size, padding)?.iter().any(|byte| *byte != 0) {
            return Err(TarError::header(offset, "something stands behind the end of a long name"));
        }
        if self.dialect == Dialect::Deb && (text.is_empty() || into.is_some()) {
            return Err(TarError::header(offset, "a long name is empty, or the second one of its member"));
        }
        *into = Some(text);
        Ok(())
    }

    fn extension(&self, data: u64, size: u64) -> Result<Vec<u8>, TarError> {
        if size > MAX_EXTENSION {
            return Err(TarError::header(data - BLOCK, format!("a name or record of {size} bytes")));
        }
        self.bytes(data, size)
    }

    /// Looks at what stands behind the end of the archive, where it may be zeroes only.
    fn end(&self, from: u64) -> Result<(), TarError> {
        if self.dialect == Dialect::Pax {
            return Ok(());
        }
        let mut offset = from;
        while offset < self.archive.size() {
            let bytes = self.bytes(offset, (self.archive.size() - offset).min(MAX_EXTENSION))?;
            if let Some(at) = bytes.iter().position(|byte| *byte != 0) {
                return Err(TarError::Trailing { offset: offset + at as u64 });
            }
            offset = crate::disk::data_from(&self.archive, offset + bytes.len() as u64);
        }
        Ok(())
    }

    /// At most [`MAX_EXTENSION`] bytes.
    fn bytes(&self, offset: u64, len: u64) -> Result<Vec<u8>, TarError> {
        let size = self.archive.size();
        if offset.checked_add(len).is_none_or(|end| end > size) {
            return Err(TarError::Truncated { offset, size });
        }
        let mut bytes = vec![0; len as usize];
        self.archive.read_exact_at(offset, &mut bytes).map_err(|source| TarError::Read { offset, source })?;
        Ok(bytes)
    }
}

impl Iterator for Reader {
    type Item = Result<Member, TarError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.read_member().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}
