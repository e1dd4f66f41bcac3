//! A tar archive as a tree: metadata is read, contents stay references into the archive.
//!
//! Formats: ustar (POSIX.1-1988), pax (POSIX.1-2001, with GNU tar's and star's `SCHILY.xattr.*`) and GNU long names. The `tar` library
//! reads the fields of a header; the records are followed here, because its pax parser splits binary values at line ends, and an
//! attribute is binary. What a tree cannot hold faithfully (sparse members, several volumes, unknown types) is refused.

mod acl;
mod pax;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, io, sync::Arc};

use tar::Header;

use crate::{
    disk::{Extent, Source, Storage},
    error::{Classified, Kind as ErrorKind},
    tree::{Content, Inode, InodeId, Kind, Meta, Name, Time, Tree, Xattrs},
};

const BLOCK: u64 = 512;
/// A long name or a set of pax records is not larger, in bytes.
const MAX_EXTENSION: u64 = 1 << 20;
/// Linux's `PATH_MAX`.
const MAX_PATH: usize = 4096;

/// What can be wrong with an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Reading failed.
    #[error("reading the archive failed at {offset}")]
    Read {
        /// Where, in bytes.
        offset: u64,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The archive ends too early.
    #[error("the archive is cut off: it has {size} bytes, and the record at {offset} goes on")]
    Truncated {
        /// Where, in bytes.
        offset: u64,
        /// Size of the archive in bytes.
        size: u64,
    },
    /// A header that is not one.
    #[error("the archive is damaged at {offset}: {reason}")]
    Header {
        /// Where, in bytes.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A member that cannot be put into a tree.
    #[error("`{path}` in the archive: {reason}")]
    Member {
        /// Its path, unprintable bytes escaped.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl Classified for ArchiveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } => ErrorKind::Io,
            _ => ErrorKind::Corrupt,
        }
    }
}

/// Reads all members of the archive `storage` into a tree.
///
/// Access, change and creation times, which archives do not keep, are the time of modification.
///
/// # Errors
/// When the archive is damaged, or a member has no place in a tree: a parent that is missing or no folder, a path that leads out,
/// a name that is there already, a hard link to what is not there, an unknown type.
pub fn tree_from_tar(storage: &Arc<dyn Storage>) -> Result<Tree, ArchiveError> {
    let mut archive = Archive { storage, position: 0 };
    let mut builder = Builder::default();
    while let Some(member) = archive.next()? {
        builder.add(member)?;
    }
    Ok(builder.tree)
}

/// A member with all its extensions applied.
struct Member {
    path: Vec<u8>,
    target: Vec<u8>,
    header: Header,
    meta: Meta,
    attributes: Xattrs,
    content: Content,
}

struct Archive<'a> {
    storage: &'a Arc<dyn Storage>,
    position: u64,
}

impl Archive<'_> {
    /// The next member; `None` at the end-of-archive record.
    fn next(&mut self) -> Result<Option<Member>, ArchiveError> {
        let (mut records, mut long_name, mut long_target) = (pax::Records::default(), None, None);
        loop {
            let offset = self.position;
            let block = self.read(offset, BLOCK)?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block).clone();
            check_sum(&header, offset)?;
            let field = |result: io::Result<u64>| result.map_err(|error| ArchiveError::Header { offset, reason: error.to_string() });
            let size = records.size()?.map_or_else(|| field(header.entry_size()), Ok)?;
            let kind = header.entry_type();
            let data = offset + BLOCK;
            // A link, a folder or a device has no data, whatever its size field says.
            let stored = if kind.is_hard_link() || kind.is_symlink() || kind.is_dir() || is_special(&header) { 0 } else { size };
            let end = data.checked_add(stored).filter(|end| *end <= self.storage.size());
            let end = end.ok_or(ArchiveError::Truncated { offset, size: self.storage.size() })?;
            // Below 2⁶⁴, as a file's size has 63 bits.
            self.position = end.next_multiple_of(BLOCK);
            match kind.as_byte() {
                b'x' => records = pax::Records::parse(&self.extension(data, size)?, offset)?,
                b'g' => pax::Records::parse(&self.extension(data, size)?, offset)?.expect_comment_only(offset)?,
                b'L' => long_name = Some(self.extension(data, size)?),
                b'K' => long_target = Some(self.extension(data, size)?),
                _ => {
                    let mut content = Content::hole(stored);
                    content.push(Extent {
                        offset: 0,
                        len: stored,
                        source: Source::Stored { storage: Arc::clone(self.storage), start: data },
                    });
                    let path =
                        records.path().map(<[u8]>::to_vec).or(long_name.map(without_nul)).unwrap_or_else(|| header.path_bytes().to_vec());
                    let target = records.target().map(<[u8]>::to_vec).or(long_target.map(without_nul));
                    let target = target.unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().to_vec());
                    let meta = meta(&header, &records, offset)?;
                    return Ok(Some(Member { path, target, meta, attributes: records.attributes()?, header, content }));
                }
            }
        }
    }

    fn extension(&self, data: u64, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > MAX_EXTENSION {
            return Err(ArchiveError::Header { offset: data - BLOCK, reason: format!("a name or record of {size} bytes") });
        }
        self.read(data, size)
    }

    fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>, ArchiveError> {
        let size = self.storage.size();
        if offset.checked_add(len).is_none_or(|end| end > size) {
            return Err(ArchiveError::Truncated { offset, size });
        }
        // At most MAX_EXTENSION.
        let mut bytes = vec![0; len as usize];
        self.storage.read_exact_at(offset, &mut bytes).map_err(|source| ArchiveError::Read { offset, source })?;
        Ok(bytes)
    }
}

fn is_special(header: &Header) -> bool {
    let kind = header.entry_type();
    kind.is_character_special() || kind.is_block_special() || kind.is_fifo()
}

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

/// The sum of all bytes of the header, its own field as spaces.
fn check_sum(header: &Header, offset: u64) -> Result<(), ArchiveError> {
    let bytes = header.as_bytes();
    let field = 148..156;
    let sum: u32 = bytes.iter().enumerate().map(|(at, byte)| if field.contains(&at) { 32 } else { u32::from(*byte) }).sum();
    match header.cksum() {
        Ok(said) if said == sum => Ok(()),
        Ok(said) => Err(ArchiveError::Header { offset, reason: format!("the check sum is {sum}, expected {said}") }),
        Err(error) => Err(ArchiveError::Header { offset, reason: error.to_string() }),
    }
}

fn meta(header: &Header, records: &pax::Records, offset: u64) -> Result<Meta, ArchiveError> {
    let bad = |reason: String| ArchiveError::Header { offset, reason };
    let owner = |field: io::Result<u64>, record: Option<u64>| {
        let number = record.map_or(field, Ok).map_err(|error| bad(error.to_string()))?;
        u32::try_from(number).map_err(|_| bad(format!("{number} is no user or group")))
    };
    let time = match records.time()? {
        Some(time) => time,
        None => {
            let seconds = header.mtime().map_err(|error| bad(error.to_string()))?;
            Time::from_seconds(i64::try_from(seconds).map_err(|_| bad(format!("{seconds} is no time")))?)
        }
    };
    let mode = header.mode().map_err(|error| bad(error.to_string()))?;
    // The lower twelve bits; some writers put the type above them.
    let permissions = (mode & 0o7777) as u16;
    Ok(Meta::new(permissions, owner(header.uid(), records.uid()?)?, owner(header.gid(), records.gid()?)?, time))
}

/// Puts members into a tree. Parents must be real folders: an archive of a file tree has nothing below its symbolic links.
struct Builder {
    tree: Tree,
    /// Folders and everything else by path, without a leading slash.
    folders: HashMap<Vec<u8>, InodeId>,
    others: HashMap<Vec<u8>, InodeId>,
}

impl Default for Builder {
    fn default() -> Self {
        let root = Meta::new(0o755, 0, 0, Time::default());
        Self { tree: Tree::new(root), folders: HashMap::from([(Vec::new(), InodeId::ROOT)]), others: HashMap::new() }
    }
}

impl Builder {
    fn add(&mut self, member: Member) -> Result<(), ArchiveError> {
        let shown = member.path.escape_ascii().to_string();
        let fail = |reason: &str| ArchiveError::Member { path: shown.clone(), reason: reason.to_owned() };
        let path = clean(&member.path).ok_or_else(|| fail("its path is absolute, too long, or leads out of the tree"))?;
        let kind = member.header.entry_type();
        let target = clean(&member.target);
        let mut inode = Inode::new(member.meta, Kind::directory());
        for (name, value) in member.attributes {
            let value = acl::to_ext4(&name, value).ok_or_else(|| fail("an access control list of it is not sound"))?;
            inode.xattrs.insert(name, value);
        }
        if kind.is_dir() {
            return self.add_folder(path, inode).ok_or_else(|| fail("its parent is missing or no folder, or its name is taken"));
        }
        let devices = || Some((member.header.device_major().ok()??, member.header.device_minor().ok()??));
        inode.kind = match kind.as_byte() {
            b'0' | 0 | b'7' => Kind::File(member.content),
            b'2' if !member.target.is_empty() => Kind::Symlink(member.target),
            b'3' | b'4' => {
                let (major, minor) = devices().ok_or_else(|| fail("its device numbers are not sound"))?;
                if kind.is_block_special() { Kind::BlockDevice { major, minor } } else { Kind::CharDevice { major, minor } }
            }
            b'6' => Kind::Fifo,
            b'1' => {
                let id = target.and_then(|target| self.others.get(&target).copied());
                let id = id.ok_or_else(|| fail("it is a hard link to what is not in the archive before it"))?;
                return self.name(path, id).ok_or_else(|| fail("its parent is missing or no folder, or its name is taken"));
            }
            other => return Err(fail(&format!("members of type `{}` are not supported", other.escape_ascii()))),
        };
        let id = self.tree.add(inode);
        self.name(path, id).ok_or_else(|| fail("its parent is missing or no folder, or its name is taken"))
    }

    /// Adds a folder, or gives one that is there these properties.
    fn add_folder(&mut self, path: Vec<u8>, folder: Inode) -> Option<()> {
        if let Some(id) = self.folders.get(&path) {
            let inode = self.tree.inode_mut(*id);
            inode.meta = folder.meta;
            inode.xattrs = folder.xattrs;
            return Some(());
        }
        let id = self.tree.add(folder);
        self.name(path.clone(), id)?;
        self.others.remove(&path);
        self.folders.insert(path, id);
        Some(())
    }

    fn name(&mut self, path: Vec<u8>, id: InodeId) -> Option<()> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (parent, name) = slash.map_or((&b""[..], &path[..]), |at| (&path[..at], &path[at + 1..]));
        let (parent, name) = (*self.folders.get(parent)?, Name::new(name)?);
        match &mut self.tree.inode_mut(parent).kind {
            Kind::Directory(children) if !children.contains_key(name.as_bytes()) => {
                children.insert(name, id);
            }
            _ => return None,
        }
        self.others.insert(path, id);
        Some(())
    }
}

/// The path without a leading `./` and a trailing slash; `None` when it is absolute or has an impossible component.
fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let path = path.strip_prefix(b"./").unwrap_or(path);
    if path.is_empty() || path == b"." {
        return Some(Vec::new());
    }
    let sound = path.len() <= MAX_PATH && path.split(|byte| *byte == b'/').all(|component| Name::new(component).is_some());
    sound.then(|| path.to_vec())
}
