//! Every offset of every image, known before the first byte.

use std::sync::OnceLock;

use super::{
    census::{Census, Object, Register, census, check_links},
    checksums::Checksums,
    directory::FolderFormat,
    emit::{Emitted, emit},
    error::{WriteError, path_of},
    extents,
    geometry::Geometry,
    inode::{InodeFormat, MOST_LINKS, SHORT_LINK, short_body},
    options::Options,
    space::{Run, Slot, Space},
    xattr::{self, XattrError},
};
use crate::{
    disk::{Extents, Storage as _},
    ext4::format::{compat, ro_compat},
    tree::{Content, Inode, InodeId, Kind, Meta, Time, Tree},
};

/// The places of everything in the images of a family of trees.
#[derive(Debug)]
pub struct Layout {
    pub(super) plan: Plan,
    /// Node 0, whose metadata the others refer to where theirs is equal.
    first: OnceLock<Emitted>,
}

/// What an image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Size of a block in bytes.
    pub block_size: u32,
    /// Blocks of the file system.
    pub blocks: u64,
    /// Those that are free.
    pub free_blocks: u64,
    /// Inodes of the file system.
    pub inodes: u32,
    /// Those that are free.
    pub free_inodes: u32,
    /// Bytes of file content that come from a storage.
    pub content: u64,
}

/// All decisions.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) options: Options,
    pub(super) formats: Formats,
    pub(super) geometry: Geometry,
    pub(super) space: Space,
    pub(super) nodes: Vec<Node>,
    pub(super) objects: Vec<Placed>,
    pub(super) last_inode: u32,
    /// Groups in which any image uses a block that is no fixed metadata.
    pub(super) touched: Vec<bool>,
    /// The double-indirect block of the resize inode.
    pub(super) resize: Option<u64>,
    pub(super) journal: Option<Slots>,
}

/// How each kind of thing is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formats {
    pub(super) checksums: Checksums,
    pub(super) folders: FolderFormat,
    pub(super) inodes: InodeFormat,
    pub(super) block_size: u64,
    count_folders: bool,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) tree: Tree,
    pub(super) register: Register,
    usage: Usage,
}

/// An object and its places.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) object: Object,
    pub(super) slots: Slots,
}

/// Places of one object: for its blocks, for its extent tree, for its extended attributes; each as large as the largest variant needs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slots {
    pub(super) data: Slot,
    pub(super) tree: Slot,
    pub(super) xattrs: Slot,
}

/// What one variant of an object takes up.
#[derive(Clone, Copy, Debug, Default)]
struct Need {
    data: u64,
    xattrs: u64,
    content: u64,
}

impl Layout {
    /// Lays out `nodes`, which are clones of `common` with edits; without nodes, `common` itself as the only one. A tree without
    /// `lost+found` gets one.
    ///
    /// # Errors
    /// When the options contradict themselves, when the trees do not fit, or when they hold what ext4 cannot.
    pub fn new(common: &Tree, nodes: &[&Tree], options: &Options) -> Result<Self, WriteError> {
        options.check()?;
        let nodes = if nodes.is_empty() { &[common][..] } else { nodes };
        let trees: Vec<Tree> = nodes.iter().map(|tree| with_lost_and_found(tree, options.time)).collect();
        let Census { objects, shared, registers, last_number } = census(common, &trees)?;
        let geometry = Geometry::new(options, last_number.into())?;
        let mut options = options.clone();
        if have_xattrs(&trees) {
            options.features.compat |= compat::EXT_ATTR;
        }
        let checksums = Checksums::new(&options);
        let formats = Formats {
            checksums,
            folders: FolderFormat::new(&options, &checksums),
            inodes: InodeFormat::new(&options),
            block_size: u64::from(options.block_size),
            count_folders: options.has_ro_compat(ro_compat::DIR_NLINK),
        };
        let space = Space::new(geometry.first_block, geometry.blocks, &geometry.taken);
        let usage = Usage {
            block_size: options.block_size,
            blocks: geometry.blocks,
            free_blocks: 0,
            inodes: geometry.inodes(),
            free_inodes: geometry.inodes() - Geometry::RESERVED_INODES,
            content: 0,
        };
        let nodes = trees.into_iter().zip(registers).map(|(tree, register)| Node { tree, register, usage }).collect();
        let touched = vec![false; geometry.groups as usize];
        let objects = objects.into_iter().map(|object| Placed { object, slots: Slots::default() }).collect();
        let mut plan =
            Plan { options, formats, geometry, space, nodes, objects, last_inode: last_number, touched, resize: None, journal: None };
        plan.place(shared)?;
        Ok(Self { plan, first: OnceLock::new() })
    }

    /// What the image of `node` holds.
    ///
    /// # Panics
    /// When there is no such node.
    #[must_use]
    pub fn usage(&self, node: usize) -> Usage {
        self.plan.nodes[node].usage
    }

    /// The image of `node`, of the size in the options. Content is referred to, not read; metadata that is equal to that of node 0 is
    /// the same source as there.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn image(&self, node: usize) -> Result<Extents, WriteError> {
        let nodes = self.plan.nodes.len();
        if node >= nodes {
            return Err(WriteError::NoSuchNode { got: node, nodes });
        }
        let first = self.first.get_or_init(|| emit(&self.plan, 0, None));
        Ok(if node == 0 { first.extents.clone() } else { emit(&self.plan, node, Some(first)).extents })
    }
}

impl Plan {
    /// Gives every object its slots: first what all nodes share, metadata before content, then the rest in the same way.
    fn place(&mut self, shared: usize) -> Result<(), WriteError> {
        let mut fixed = 0;
        if self.options.has_compat(compat::RESIZE_INODE) {
            let slot = self.space.give(1);
            self.resize = self.space.block(slot);
            fixed += 1;
        }
        if self.options.has_compat(compat::HAS_JOURNAL) {
            let count = u64::from(self.options.journal_blocks);
            let data = self.space.give(count);
            let mappings = extents::map(std::iter::once(Run { first: 0, count }), self.space.runs(data));
            let tree = self.space.give(extents::tree_blocks(mappings.len(), self.options.block_size as usize));
            self.journal = Some(Slots { data, tree, xattrs: Slot::default() });
            fixed += count + tree.len;
        }
        let mut used = vec![fixed; self.nodes.len()];
        for range in [0..shared, shared..self.objects.len()] {
            let needs = range.clone().map(|index| self.needs(index)).collect::<Result<Vec<_>, _>>()?;
            for content in [false, true] {
                for (index, needs) in range.clone().zip(&needs) {
                    self.place_object(index, needs, content, &mut used);
                }
            }
        }
        let (given, total) = (self.space.given(), self.space.total());
        if given > total {
            let block_size = u64::from(self.options.block_size);
            return Err(WriteError::NoSpace {
                needed: given.saturating_mul(block_size),
                available: total * block_size,
                size: self.options.size,
            });
        }
        for run in self.space.runs(Slot { at: 0, len: given }) {
            for group in self.geometry.group_of(run.first)..=self.geometry.group_of(run.end() - 1) {
                self.touched[group as usize] = true;
            }
        }
        for (node, used) in self.nodes.iter_mut().zip(used) {
            node.usage.free_blocks = total - used;
        }
        Ok(())
    }

    /// What each variant needs: one entry for all nodes, or one for each.
    fn needs(&self, index: usize) -> Result<Vec<Option<Need>>, WriteError> {
        let object = &self.objects[index].object;
        let nodes = if matches!(object.owners, super::census::Owners::All(_)) { 1 } else { self.nodes.len() };
        (0..nodes).map(|node| object.id(node).map(|id| self.formats.need(&self.nodes[node], id, object.number)).transpose()).collect()
    }

    /// Gives an object its place for metadata, or for content.
    fn place_object(&mut self, index: usize, needs: &[Option<Need>], content: bool, used: &mut [u64]) {
        let most = |part: fn(&Need) -> u64| needs.iter().flatten().map(part).max().unwrap_or(0);
        let of_all = needs.len() < used.len() || used.len() == 1;
        let is_content = self.variants(index).any(|(_, inode)| matches!(inode.kind, Kind::File(_)));
        let mut slots = self.objects[index].slots;
        let mut tree_blocks = vec![0; needs.len()];
        if !content {
            slots.xattrs = self.space.give(most(|need| need.xattrs));
        }
        if content == is_content {
            slots.data = self.space.give(most(|need| need.data));
            if slots.data.len > 0 && !self.is_simple(index, slots.data) {
                for (node, blocks) in tree_blocks.iter_mut().enumerate() {
                    let inode = self.objects[index].object.id(node).map(|id| self.nodes[node].tree.inode(id));
                    let mappings = inode.map_or(0, |inode| self.mappings(inode, slots.data, needs[node].map_or(0, |need| need.data)).len());
                    *blocks = extents::tree_blocks(mappings, self.options.block_size as usize);
                }
            }
            slots.tree = self.space.give(tree_blocks.iter().copied().max().unwrap_or(0));
        }
        self.objects[index].slots = slots;
        for (node, used) in used.iter_mut().enumerate() {
            let variant = if of_all { 0 } else { node };
            let Some(need) = needs[variant] else { continue };
            if !content {
                *used += need.xattrs;
                let usage = &mut self.nodes[node].usage;
                usage.content += need.content;
                // Root is among the reserved inodes.
                usage.free_inodes -= u32::from(self.objects[index].object.number > Geometry::RESERVED_INODES);
            }
            if content == is_content {
                *used += need.data + tree_blocks[variant];
            }
        }
    }

    /// Whether all variants are a few rows of blocks at most, so that no extent tree can be needed.
    fn is_simple(&self, index: usize, data: Slot) -> bool {
        let is_short = self.space.runs(data).take(2).count() == 1 && data.len <= 1 << 15;
        is_short && self.variants(index).all(|(_, inode)| inode.content().is_none_or(|content| content.list().len() <= 4))
    }

    fn variants(&self, index: usize) -> impl Iterator<Item = (usize, &Inode)> {
        let object = &self.objects[index].object;
        let nodes = if matches!(object.owners, super::census::Owners::All(_)) { 1 } else { self.nodes.len() };
        self.nodes.iter().enumerate().take(nodes).filter_map(|(node, of)| Some((node, of.tree.inode(object.id(node)?))))
    }

    /// Which blocks of an inode stand where, `used` of the blocks of a slot being its own.
    pub(super) fn mappings(&self, inode: &Inode, data: Slot, used: u64) -> Vec<extents::Mapping> {
        let places = self.space.runs(Slot { len: used, ..data });
        match inode.content() {
            Some(content) => extents::map(stored_runs(content, self.formats.block_size), places),
            None => extents::map(std::iter::once(Run { first: 0, count: used }).filter(|run| run.count > 0), places),
        }
    }
}

impl Formats {
    fn need(&self, node: &Node, id: InodeId, number: u32) -> Result<Need, WriteError> {
        let inode = node.tree.inode(id);
        let path = || path_of(&node.tree, id);
        let mut need = Need::default();
        if !inode.xattrs.is_empty() {
            let packed = xattr::pack(&inode.xattrs, self.inodes.xattr_area(), self.block_size as usize).map_err(|error| match error {
                XattrError::Name(name) => WriteError::XattrName { path: path(), name: name.escape_ascii().to_string() },
                XattrError::TooMany(needed) => WriteError::TooManyXattrs { path: path(), needed },
            })?;
            need.xattrs = u64::from(packed.block.is_some());
        }
        match &inode.kind {
            Kind::Directory(children) => {
                let folders = children.values().filter(|child| node.tree.inode(**child).children().is_some()).count();
                // Counting stops at 65000 where the feature says so.
                if !self.count_folders {
                    check_links(&node.tree, id, u32::try_from(folders).unwrap_or(u32::MAX).saturating_add(2), MOST_LINKS)?;
                }
                let names: Vec<&[u8]> = children.keys().map(|name| name.as_bytes()).collect();
                let shape = self.folders.shape(&names, number);
                need.data = shape.ok_or_else(|| WriteError::FolderSize { path: path(), got: names.len() })?.blocks();
                return Ok(need);
            }
            Kind::File(content) => {
                let limit = self.inodes.most_bytes();
                if content.size() > limit {
                    return Err(WriteError::FileSize { path: path(), got: content.size(), limit });
                }
                need.data = stored_runs(content, self.block_size).map(|run| run.count).sum();
                need.content = content.stored_bytes();
            }
            Kind::Symlink(target) => {
                // The kernel wants room for a NUL.
                let limit = self.block_size as usize - 1;
                if target.is_empty() || target.len() > limit || target.contains(&0) {
                    return Err(WriteError::Symlink { path: path(), got: target.len(), limit });
                }
                need.data = u64::from(target.len() > SHORT_LINK);
            }
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } if short_body(inode).is_none() => {
                return Err(WriteError::Device { path: path(), major: *major, minor: *minor });
            }
            _ => {}
        }
        check_links(&node.tree, id, node.register.links[id.index()], MOST_LINKS)?;
        Ok(need)
    }
}

/// The blocks of a file in which any byte is stored, counted from its start, in rows.
fn stored_runs(content: &Content, block_size: u64) -> impl Iterator<Item = Run> + '_ {
    let mut extents = content.list().iter().map(move |extent| (extent.offset / block_size, extent.end().div_ceil(block_size))).peekable();
    std::iter::from_fn(move || {
        let (first, mut end) = extents.next()?;
        while let Some((_, next_end)) = extents.next_if(|(next, _)| *next <= end) {
            end = next_end;
        }
        Some(Run { first, count: end - first })
    })
}

fn have_xattrs(trees: &[Tree]) -> bool {
    trees.iter().any(|tree| tree.iter().any(|(_, inode)| !inode.xattrs.is_empty()))
}

/// A folder for what a checker finds without a name, as `mke2fs` makes it; anything else of that name is left alone.
fn with_lost_and_found(tree: &Tree, time: i64) -> Tree {
    let mut tree = tree.clone();
    if !tree.exists("/lost+found") {
        let folder = Inode::new(Meta::new(0o700, 0, 0, Time::from_seconds(time)), Kind::directory());
        let made = tree.put("/lost+found", folder);
        debug_assert!(made.is_ok(), "the root is a folder and has no such name");
    }
    tree
}
