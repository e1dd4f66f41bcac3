//! From the root folder to every name: builds the tree and counts what it finds.

use std::collections::VecDeque;

use super::{
    Session,
    bytes::index,
    dir::Entry,
    error::{Ext4Error, Fault, Unsupported},
    inode::{Record, Type},
    limits::{self, Budget, MAX_PATH},
    xattr::Attributes,
};
use crate::{
    ext4::format::{compat, ino, inode_flags, ro_compat},
    tree::{Content, Inode, InodeId, Kind, Name, Tree},
};

/// Bytes of a file that stand in the inode itself.
const IN_INODE: usize = 60;

/// An inode that has a name.
struct Found {
    inode: u32,
    id: InodeId,
    kind: Type,
    links: u16,
    /// Names in folders; for a folder, folders in it.
    names: u32,
}

/// A folder whose names are still to be read.
struct Folder {
    id: InodeId,
    inode: u32,
    parent: u32,
    /// Bytes of its path; none for the root.
    path: usize,
}

struct Walk<'v> {
    session: Session<'v>,
    tree: Tree,
    /// By inode number less one: one more than its place in `found`; 0 for none.
    places: Vec<u32>,
    found: Vec<Found>,
    /// Parents come before their children.
    pending: VecDeque<Folder>,
}

/// Reads the tree, then checks the counts and bitmaps.
pub(super) fn tree(mut session: Session<'_>) -> Result<(Tree, Budget), Ext4Error> {
    let root = session.inode(ino::ROOT, false)?;
    let kind = root.kind(&session.volume.geometry)?;
    if kind != Type::Directory {
        return Err(Ext4Error::field(root.place(), "i_mode", root.raw.mode.into(), "a folder at the root"));
    }
    let tree = Tree::new(root.meta(&session.volume.geometry)?);
    // Bounded: the inode tables were claimed, so there are that many inodes.
    let mut places = vec![0; index(session.volume.geometry.inodes.into())];
    places[index(ino::ROOT.into()) - 1] = 1;
    let found = vec![Found { inode: ino::ROOT, id: InodeId::ROOT, kind, links: root.raw.links_count, names: 0 }];
    let pending = VecDeque::from([Folder { id: InodeId::ROOT, inode: ino::ROOT, parent: ino::ROOT, path: 0 }]);
    let mut walk = Walk { session, tree, places, found, pending };
    while let Some(folder) = walk.pending.pop_front() {
        walk.folder(&folder)?;
    }
    walk.session.check_shared_blocks()?;
    walk.check_links()?;
    walk.check_bitmaps()?;
    Ok((walk.tree, walk.session.budget))
}

impl Walk<'_> {
    /// Reads the names in a folder and what they lead to.
    fn folder(&mut self, folder: &Folder) -> Result<(), Ext4Error> {
        let record = self.session.inode(folder.inode, false)?;
        let attributes = self.attributes(&record)?;
        let size = record.size()?;
        let mut entries = if let Some(rest) = &attributes.inline {
            check_inline_size(&record, size, rest)?;
            self.session.check_block_count(&record, attributes.blocks)?;
            self.session.folder(&record, folder.parent, Some(rest), &[])?
        } else {
            let map = self.session.map(&record)?;
            // No overflow: blocks of the file system.
            self.session.check_block_count(&record, map.owned + attributes.blocks)?;
            let blocks = self.session.folder_blocks(&record, &map, size)?;
            self.session.folder(&record, folder.parent, None, &blocks)?
        };
        // Inodes are read in the order of the table.
        entries.sort_by_key(|entry| entry.inode);
        let mut children = Vec::with_capacity(entries.len());
        for entry in entries {
            children.push(self.child(folder, &record, entry)?);
        }
        children.sort();
        if let Some(twice) = children.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let name = twice[0].0.as_bytes().escape_ascii().to_string();
            return Err(Ext4Error::corrupt(record.place(), Fault::DuplicateName(name)));
        }
        let meta = record.meta(&self.session.volume.geometry)?;
        let kind = Kind::Directory(children.into_iter().collect());
        *self.tree.inode_mut(folder.id) = Inode { meta, xattrs: attributes.xattrs, kind };
        Ok(())
    }

    /// The inode behind a name, read when this is its first one.
    fn child(&mut self, folder: &Folder, record: &Record, entry: Entry) -> Result<(Name, InodeId), Ext4Error> {
        let geometry = &self.session.volume.geometry;
        let text = || entry.name.as_bytes().escape_ascii().to_string();
        let is_named = entry.inode >= geometry.first_ino && !self.is_orphan_file(entry.inode);
        let known = is_named.then(|| self.places.get(index(entry.inode.into()).wrapping_sub(1))).flatten();
        let Some(known) = known.copied() else {
            return Err(Ext4Error::field(record.place(), "inode", entry.inode.into(), "an inode that may have a name"));
        };
        let path = folder.path + 1 + entry.name.as_bytes().len();
        if path > MAX_PATH {
            return Err(Unsupported::LongPath { inode: folder.inode, limit: MAX_PATH }.into());
        }
        let place = match known.checked_sub(1) {
            Some(place) if self.found[index(place.into())].kind == Type::Directory => {
                return Err(Ext4Error::corrupt(record.place(), Fault::FolderTwice { name: text(), inode: entry.inode }));
            }
            Some(place) => index(place.into()),
            None => self.discover(folder, entry.inode, path)?,
        };
        let found = &mut self.found[place];
        let id = found.id;
        let expected = found.kind.in_folder();
        if let Some(got) = entry.kind.filter(|got| *got != expected) {
            return Err(Ext4Error::corrupt(record.place(), Fault::FileType { name: text(), got, expected }));
        }
        if found.kind == Type::Directory {
            let parent = self.places[index(folder.inode.into()) - 1];
            self.found[index(parent.into()) - 1].names += 1;
        } else {
            found.names += 1;
        }
        Ok((entry.name, id))
    }

    /// Reads an inode that was not named before and has a path of `path` bytes; returns its place in `found`.
    fn discover(&mut self, folder: &Folder, number: u32, path: usize) -> Result<usize, Ext4Error> {
        self.session.budget.spend(limits::INODE)?;
        let record = self.session.inode(number, false)?;
        let kind = record.kind(&self.session.volume.geometry)?;
        let meta = record.meta(&self.session.volume.geometry)?;
        let id = if kind == Type::Directory {
            let id = self.tree.add(Inode::new(meta, Kind::directory()));
            self.pending.push_back(Folder { id, inode: number, parent: folder.inode, path });
            id
        } else {
            let attributes = self.attributes(&record)?;
            let kind = self.content(&record, kind, &attributes)?;
            self.tree.add(Inode { meta, xattrs: attributes.xattrs, kind })
        };
        self.found.push(Found { inode: number, id, kind, links: record.raw.links_count, names: 0 });
        // No overflow: at most as many as inodes.
        self.places[index(number.into()) - 1] = self.found.len() as u32;
        Ok(self.found.len() - 1)
    }

    /// Attributes of an inode; there is inline data when the flag says so, and only then.
    fn attributes(&mut self, record: &Record) -> Result<Attributes, Ext4Error> {
        let attributes = self.session.attributes(record)?;
        if attributes.inline.is_some() != record.has_flag(inode_flags::INLINE_DATA) {
            return Err(Ext4Error::field(record.place(), "i_flags", record.raw.flags.into(), "inline data together with `system.data`"));
        }
        Ok(attributes)
    }

    /// What an inode that is no folder holds.
    fn content(&mut self, record: &Record, kind: Type, attributes: &Attributes) -> Result<Kind, Ext4Error> {
        let size = record.size()?;
        let mut owned = attributes.blocks;
        let (major, minor) = record.device();
        let kind = match kind {
            Type::File => Kind::File(if let Some(rest) = &attributes.inline {
                check_inline_size(record, size, rest)?;
                Content::bytes(inline(record, size, rest))
            } else {
                let map = self.session.map(record)?;
                owned += map.owned;
                self.session.check_file_size(record, &map, size)?;
                self.session.content(&map, size)
            }),
            Type::Symlink => Kind::Symlink(self.target(record, size, attributes, &mut owned)?),
            Type::CharDevice => Kind::CharDevice { major, minor },
            Type::BlockDevice => Kind::BlockDevice { major, minor },
            Type::Fifo => Kind::Fifo,
            Type::Socket => Kind::Socket,
            // Folders are read by folder().
            Type::Directory => Kind::directory(),
        };
        self.session.check_block_count(record, owned)?;
        Ok(kind)
    }

    /// The target of a symbolic link: in the inode when it is short, else in a block.
    fn target(&mut self, record: &Record, size: u64, attributes: &Attributes, owned: &mut u64) -> Result<Vec<u8>, Ext4Error> {
        let wrong = |size| Ext4Error::field(record.place(), "i_size", size, "the length of a target without NUL, shorter than a block");
        if size == 0 || size >= self.session.volume.geometry.block_size {
            return Err(wrong(size));
        }
        let len = index(size);
        let target = if let Some(rest) = &attributes.inline {
            check_inline_size(record, size, rest)?;
            inline(record, size, rest)
        } else if len < IN_INODE {
            if record.has_flag(inode_flags::EXTENTS) {
                return Err(Ext4Error::field(record.place(), "i_flags", record.raw.flags.into(), "no extents beside a short target"));
            }
            record.raw.block[..len].to_vec()
        } else {
            let map = self.session.map(record)?;
            *owned += map.owned;
            let block = map.runs.first().filter(|run| run.logical == 0).map(|run| run.physical);
            let block = block.ok_or_else(|| Ext4Error::corrupt(record.place(), Fault::Hole(0)))?;
            // Shorter than a block.
            self.session.blocks.block(block)?[..len].to_vec()
        };
        if target.contains(&0) { Err(wrong(size)) } else { Ok(target) }
    }

    fn is_orphan_file(&self, number: u32) -> bool {
        let volume = self.session.volume;
        volume.geometry.features.compat(compat::ORPHAN_FILE) && volume.superblock.orphan_file_inum == number
    }

    /// Every inode has as many names as it says; a folder is named once, by its own `.` and by its folders' `..`.
    fn check_links(&self) -> Result<(), Ext4Error> {
        let dir_nlink = self.session.volume.geometry.features.ro_compat(ro_compat::DIR_NLINK);
        for found in &self.found {
            let is_folder = found.kind == Type::Directory;
            let expected = u64::from(found.names) + if is_folder { 2 } else { 0 };
            // With `dir_nlink`, 1 says "more than could be counted once".
            let uncounted = is_folder && dir_nlink && found.links == 1;
            if u64::from(found.links) != expected && !uncounted {
                let fault = Fault::Count { what: "i_links_count", got: found.links.into(), expected };
                return Err(Ext4Error::corrupt(super::Place::Inode(found.inode), fault));
            }
        }
        Ok(())
    }

    /// Compares the bitmaps with the inodes that have a name or a fixed use, and looks at those that have none.
    fn check_bitmaps(&mut self) -> Result<(), Ext4Error> {
        let geometry = &self.session.volume.geometry;
        let mut used = vec![0_u8; self.places.len().div_ceil(8)];
        let mut mark = |number: u32| used[index(number.into()).wrapping_sub(1) / 8] |= 1 << (number.wrapping_sub(1) % 8);
        (1..geometry.first_ino).for_each(&mut mark);
        if geometry.features.compat(compat::ORPHAN_FILE) {
            mark(self.session.volume.superblock.orphan_file_inum);
        }
        let mut folders = vec![0; self.session.volume.groups.len()];
        for found in &self.found {
            mark(found.inode);
            if found.kind == Type::Directory {
                folders[index(geometry.inode_place(found.inode).0.into())] += 1;
            }
        }
        self.session.check_bitmaps(&used, &folders)?;
        self.session.check_unused(&used)
    }
}

/// Inline data fills the inode first, and then the attribute to its end or nearly so.
fn check_inline_size(record: &Record, size: u64, rest: &[u8]) -> Result<(), Ext4Error> {
    if size > super::bytes::length(IN_INODE + rest.len()) {
        return Err(Ext4Error::field(record.place(), "i_size", size, "no more than the inline data holds"));
    }
    Ok(())
}

/// The `size` bytes of inline data.
fn inline(record: &Record, size: u64, rest: &[u8]) -> Vec<u8> {
    let mut bytes = record.raw.block.to_vec();
    bytes.extend_from_slice(rest);
    bytes.truncate(index(size));
    bytes
}
