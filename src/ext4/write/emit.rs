//! One image: metadata in memory, content by reference.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    directory::{Entry, FOLDER, Shape, file_type},
    extents::{self, Mapping},
    groups::Marks,
    inode::{Body, short_body},
    journal,
    layout::{Node, Placed, Plan, Slots},
    resize,
    space::{Run, Slot},
    superblock::{Free, backup, superblock},
    xattr,
};
use crate::{
    disk::{Extent, Extents, Source, Storage},
    ext4::format::{SUPERBLOCK_OFFSET, ino, inode_flags},
    tree::{Content, InodeId, Kind, Meta, Name, Time},
};

/// An image, and what other images of the family take from it.
#[derive(Debug)]
pub(super) struct Emitted {
    pub(super) extents: Extents,
    metadata: Vec<Piece>,
    /// Superblock and descriptors as the backups have them.
    backup: (Vec<u8>, Vec<u8>),
}

/// Blocks of metadata in a row.
#[derive(Debug)]
struct Piece {
    first: u64,
    bytes: Arc<Vec<u8>>,
}

/// What is gathered for one image.
struct Emitter<'a> {
    plan: &'a Plan,
    node: &'a Node,
    marks: Marks,
    /// The part of each group's inode table that any image uses.
    tables: Vec<Vec<u8>>,
    /// Metadata in rows of blocks, in any order.
    metadata: Vec<(u64, Vec<u8>)>,
    /// Everything else, in any order.
    extents: Vec<Extent>,
}

/// Puts together the image of a node; `first` is that of node 0, if this is another one.
pub(super) fn emit(plan: &Plan, node: usize, first: Option<&Emitted>) -> Emitted {
    let geometry = &plan.geometry;
    let used = |group| u64::from(geometry.inodes_used(group, plan.last_inode)) * plan.formats.inodes.size as u64;
    let table = |group| vec![0; used(group).next_multiple_of(geometry.block_size) as usize];
    let mut emitter = Emitter {
        plan,
        node: &plan.nodes[node],
        marks: Marks::new(geometry),
        tables: (0..geometry.groups).map(table).collect(),
        metadata: Vec::new(),
        extents: Vec::new(),
    };
    let journal = plan.journal.map(|slots| emitter.journal(slots));
    for placed in &plan.objects {
        if let Some(id) = placed.object.id(node) {
            emitter.object(placed, id);
        }
    }
    if let Some(place) = plan.resize {
        emitter.resize(place);
    }
    let backup = emitter.groups(journal, first);
    emitter.finish(backup, first)
}

impl Emitter<'_> {
    fn object(&mut self, placed: &Placed, id: InodeId) {
        let node = self.node;
        let inode = node.tree.inode(id);
        let number = placed.object.number;
        let slots = placed.slots;
        let inodes = self.plan.formats.inodes;
        // Checked when the layout was made.
        let attributes = xattr::pack(&inode.xattrs, inodes.xattr_area(), self.block_size()).unwrap_or_default();
        let links = node.register.links[id.index()];
        let mut body = Body { size: inode.size(), blocks: 0, links, flags: 0, block: [0; 60], xattr_block: 0 };
        match &inode.kind {
            Kind::Directory(children) => self.folder(children, node.register.parents[id.index()], slots, number, &mut body),
            Kind::File(content) => {
                let mappings = self.plan.mappings(inode, slots.data, slots.data.len);
                self.content(content, &mappings);
                self.map(&mappings, slots.tree, number, &mut body);
            }
            Kind::Symlink(target) if short_body(inode).is_none() => {
                let mut block = target.clone();
                block.resize(self.block_size(), 0);
                self.blocks(&block, slots, number, &mut body);
            }
            _ => body.block = short_body(inode).unwrap_or(body.block),
        }
        if let Some((mut block, place)) = attributes.block.zip(self.plan.space.block(slots.xattrs)) {
            self.plan.formats.checksums.xattr_block(place, &mut block);
            self.put(place, &block);
            self.marks.blocks(&self.plan.geometry, Run { first: place, count: 1 });
            body.xattr_block = place;
            body.blocks += 1;
        }
        self.marks.inode(&self.plan.geometry, number, inode.children().is_some());
        self.inode(number, inode.mode(), &inode.meta, &body, &attributes.area);
    }

    fn folder(&mut self, children: &BTreeMap<Name, InodeId>, parent: u32, slots: Slots, number: u32, body: &mut Body) {
        let format = self.plan.formats.folders;
        let mut entries = Vec::with_capacity(children.len());
        for (name, child) in children {
            let kind = file_type(&self.node.tree.inode(*child).kind);
            entries.push(Entry { name: name.as_bytes(), number: self.node.register.numbers[child.index()], kind });
        }
        let names: Vec<&[u8]> = entries.iter().map(|entry| entry.name).collect();
        // Checked when the layout was made.
        let Some(shape) = format.shape(&names, number) else { return };
        let bytes = format.blocks(&shape, &entries, number, parent, self.plan.formats.checksums.inode(number));
        // Folders are few against what a u32 counts; so are names.
        body.links = 2 + entries.iter().filter(|entry| entry.kind == FOLDER).count() as u32;
        body.size = bytes.len() as u64;
        if matches!(shape, Shape::Indexed(_)) {
            body.flags |= inode_flags::INDEX;
        }
        self.blocks(&bytes, slots, number, body);
    }

    /// Puts blocks made here into a slot.
    fn blocks(&mut self, bytes: &[u8], slots: Slots, number: u32, body: &mut Body) {
        let size = self.block_size();
        let count = (bytes.len() / size) as u64;
        let mappings = extents::map(std::iter::once(Run { first: 0, count }), self.plan.space.runs(slots.data));
        for mapping in &mappings {
            let start = mapping.logical as usize * size;
            self.put(mapping.physical, &bytes[start..start + mapping.count as usize * size]);
        }
        self.map(&mappings, slots.tree, number, body);
    }

    /// Refers to the content of a file. What is not stored in a block that is, is written as zeroes.
    fn content(&mut self, content: &Content, mappings: &[Mapping]) {
        let size = self.plan.formats.block_size;
        for mapping in mappings {
            let (start, end) = (mapping.logical * size, (mapping.logical + mapping.count) * size);
            let mut done = start;
            let mut push = |from: u64, to: u64, source| {
                if from < to {
                    self.extents.push(Extent { offset: mapping.physical * size + (from - start), len: to - from, source });
                }
            };
            for extent in content.between(start, end) {
                push(done, extent.offset, Source::Zero);
                done = extent.end();
                push(extent.offset, done, extent.source);
            }
            push(done, end, Source::Zero);
        }
    }

    /// Makes the extent tree and marks its blocks and those that it maps.
    fn map(&mut self, mappings: &[Mapping], tree: Slot, number: u32, body: &mut Body) {
        for mapping in mappings {
            self.marks.blocks(&self.plan.geometry, Run { first: mapping.physical, count: mapping.count });
            body.blocks += mapping.count;
        }
        let checksums = self.plan.formats.checksums.inode(number);
        let places = self.plan.space.runs(tree).flat_map(|run| run.first..run.end());
        let (root, blocks) = extents::tree(mappings, self.block_size(), checksums, places);
        for (place, block) in blocks {
            self.put(place, &block);
            self.marks.blocks(&self.plan.geometry, Run { first: place, count: 1 });
            body.blocks += 1;
        }
        body.block = root;
        body.flags |= inode_flags::EXTENTS;
    }

    fn inode(&mut self, number: u32, mode: u16, meta: &Meta, body: &Body, area: &[u8]) {
        let format = self.plan.formats.inodes;
        let (group, index) = self.plan.geometry.inode_place(number);
        let start = index as usize * format.size;
        let bytes = &mut self.tables[group as usize][start..start + format.size];
        format.put(bytes, mode, meta, body, area, self.plan.formats.checksums.inode(number));
    }

    /// Metadata of what belongs to the file system itself.
    fn own_meta(&self) -> Meta {
        Meta::new(0, 0, 0, Time::from_seconds(self.plan.options.time))
    }

    /// Returns what the superblock keeps of the journal's inode.
    fn journal(&mut self, slots: Slots) -> ([u8; 60], u64) {
        let options = &self.plan.options;
        let count = u64::from(options.journal_blocks);
        let size = self.plan.formats.block_size;
        let mappings = extents::map(std::iter::once(Run { first: 0, count }), self.plan.space.runs(slots.data));
        let mut body = Body { size: count * size, blocks: 0, links: 1, flags: 0, block: [0; 60], xattr_block: 0 };
        self.map(&mappings, slots.tree, ino::JOURNAL, &mut body);
        let first = journal::first_block(options.block_size, options.journal_blocks, options.uuid);
        for mapping in &mappings {
            let head = u64::from(mapping.logical == 0);
            if head == 1 {
                self.put(mapping.physical, &first);
            }
            self.zero(Run { first: mapping.physical + head, count: mapping.count - head });
        }
        self.inode(ino::JOURNAL, 0o100_600, &self.own_meta(), &body, &[]);
        (body.block, body.size)
    }

    fn resize(&mut self, place: u64) {
        let geometry = &self.plan.geometry;
        let made = resize::resize(geometry, place);
        self.marks.blocks(geometry, Run { first: place, count: 1 });
        self.put(place, &made.double_indirect);
        self.put(geometry.first_block + 1 + geometry.descriptor_blocks, &made.reserved);
        self.inode(ino::RESIZE, 0o100_600, &self.own_meta(), &made.body, &[]);
    }

    /// Writes inode tables, bitmaps, descriptors and superblocks. Returns what the backups hold.
    fn groups(&mut self, journal: Option<([u8; 60], u64)>, first: Option<&Emitted>) -> (Vec<u8>, Vec<u8>) {
        let plan = self.plan;
        let geometry = &plan.geometry;
        let checksums = &plan.formats.checksums;
        for (places, table) in geometry.places.iter().zip(std::mem::take(&mut self.tables)) {
            let used = (table.len() / self.block_size()) as u64;
            self.metadata.push((places.inode_table, table));
            if !checksums.groups() {
                self.zero(Run { first: places.inode_table + used, count: geometry.table_blocks - used });
            }
        }
        let marks = std::mem::replace(&mut self.marks, Marks::empty());
        let tables = marks.tables(geometry, checksums, plan.last_inode, &plan.touched);
        self.metadata.extend(tables.bitmaps);
        let free = Free { blocks: tables.free_blocks, inodes: tables.free_inodes };
        let superblock = superblock(&plan.options, geometry, checksums, free, journal);
        let mut head = vec![0; SUPERBLOCK_OFFSET as usize];
        head.extend_from_slice(&superblock);
        head.resize(head.len().next_multiple_of(self.block_size()), 0);
        head.extend_from_slice(&tables.descriptors);
        self.put(0, &head);
        let kept = first.map_or((superblock, tables.descriptors), |first| first.backup.clone());
        for group in geometry.backups() {
            let mut block = backup(&kept.0, group, checksums);
            block.resize(self.block_size(), 0);
            self.put(geometry.group_start(group), &block);
            self.put(geometry.group_start(group) + 1, &kept.1);
        }
        kept
    }

    fn block_size(&self) -> usize {
        self.plan.formats.folders.block_size
    }

    /// Metadata from block `first` on.
    fn put(&mut self, first: u64, bytes: &[u8]) {
        let size = self.plan.formats.block_size;
        match self.metadata.last_mut() {
            Some((start, before)) if *start + before.len() as u64 / size == first => before.extend_from_slice(bytes),
            _ => self.metadata.push((first, bytes.to_vec())),
        }
    }

    fn zero(&mut self, run: Run) {
        let size = self.plan.formats.block_size;
        self.extents.push(Extent { offset: run.first * size, len: run.count * size, source: Source::Zero });
    }

    fn finish(mut self, backup: (Vec<u8>, Vec<u8>), first: Option<&Emitted>) -> Emitted {
        let size = self.plan.formats.block_size;
        let shared = Shared { pieces: first.map_or(&[], |first| &first.metadata), block_size: size as usize };
        let mut metadata = Vec::new();
        for (start, bytes) in std::mem::take(&mut self.metadata) {
            shared.split(start, bytes, &mut self.extents, &mut metadata);
        }
        if first.is_none() {
            metadata.sort_unstable_by_key(|piece| piece.first);
        } else {
            metadata.clear();
        }
        // Mostly in order already, which this sort is quick with. Empty ones share their offset with others.
        self.extents.retain(|extent| extent.len > 0);
        self.extents.sort_by_key(|extent| extent.offset);
        let mut extents = Extents::hole(self.plan.options.size);
        for extent in self.extents {
            extents.push(extent);
        }
        Emitted { extents, metadata, backup }
    }
}

/// Metadata of node 0, to which other nodes refer where theirs is equal.
struct Shared<'a> {
    pieces: &'a [Piece],
    block_size: usize,
}

impl Shared<'_> {
    /// Turns blocks from `first` on into extents; what node 0 does not have becomes a new piece.
    fn split(&self, first: u64, bytes: Vec<u8>, extents: &mut Vec<Extent>, fresh: &mut Vec<Piece>) {
        if self.pieces.is_empty() {
            return Self::add(first, bytes, self.block_size, extents, fresh);
        }
        let size = self.block_size;
        let offset = |block: u64| block * size as u64;
        let mut own = Vec::new();
        for (block, chunk) in (first..).zip(bytes.chunks_exact(size)) {
            if let Some(source) = self.find(block, chunk) {
                let before = block - (own.len() / size) as u64;
                Self::add(before, std::mem::take(&mut own), size, extents, fresh);
                extents.push(Extent { offset: offset(block), len: size as u64, source });
            } else {
                own.extend_from_slice(chunk);
            }
        }
        let end = first + (bytes.len() / size) as u64;
        Self::add(end - (own.len() / size) as u64, own, size, extents, fresh);
    }

    /// The same bytes at the same place of node 0.
    fn find(&self, block: u64, bytes: &[u8]) -> Option<Source> {
        let index = self.pieces.partition_point(|piece| piece.first <= block).checked_sub(1)?;
        let piece = &self.pieces[index];
        let start = usize::try_from(block - piece.first).ok()?.checked_mul(self.block_size)?;
        let same = piece.bytes.get(start..start + self.block_size)? == bytes;
        let storage: Arc<dyn Storage> = Arc::clone(&piece.bytes) as Arc<dyn Storage>;
        same.then_some(Source::Stored { storage, start: start as u64 })
    }

    fn add(first: u64, mut bytes: Vec<u8>, block_size: usize, extents: &mut Vec<Extent>, fresh: &mut Vec<Piece>) {
        if bytes.is_empty() {
            return;
        }
        bytes.shrink_to_fit();
        let bytes = Arc::new(bytes);
        let storage: Arc<dyn Storage> = Arc::clone(&bytes) as Arc<dyn Storage>;
        let len = bytes.len() as u64;
        extents.push(Extent { offset: first * block_size as u64, len, source: Source::Stored { storage, start: 0 } });
        fresh.push(Piece { first, bytes });
    }
}
