//! The plan: a profile, a base and a ledger become one image per node, as lists of extents. Pure: nothing is written, and of the base
//! only what is edited is read.

mod partitions;
mod verify;

use std::sync::Arc;

pub use partitions::{ALIGNMENT, BRICK_IN_IMAGE, Partitions, Span};

use crate::{
    base::Base,
    disk::{
        Extent, Extents, Source, Storage as _, Window,
        table::{Table, TableError},
    },
    error::{Classified, Kind},
    ext4::write::{Layout, Options, Usage, WriteError},
    fat::{self, FatError},
    node::{
        NodeError,
        boot::{self, BootFiles},
        brick,
        identity::Identity,
        ledger::Ledger,
        partuuid::{self, PartUuids},
        settings::{self, Build},
    },
    profile::{BrickSize, NodeName, Profile},
    tree::{Change, Tree},
};

/// Sector 0, which both kinds of partition table begin with.
const SECTOR_0: u64 = 512;
/// Name of partition 3 in a GUID partition table.
const BRICK_NAME: &str = "brick";

/// What is kept free for the configuring of packages, in bytes: those of the example cluster need 25 MiB, most of it byte code of Python.
const TO_CONFIGURE: u64 = 64 << 20;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The partitions do not fit.
    #[error("the card of {card} bytes is too small: boot, root and the smallest brick need {needed} bytes")]
    CardTooSmall {
        /// `card_size` of the profile.
        card: u64,
        /// Where the brick would end.
        needed: u64,
    },
    /// The packages need more than the root has.
    #[error("the packages need {needed} bytes on the root, and {free} of its {size} bytes are free")]
    NoRoom {
        /// What they need in bytes, as they say themselves.
        needed: u64,
        /// Free bytes of the fullest root.
        free: u64,
        /// Size of the root partition in bytes.
        size: u64,
    },
    /// The packages fit, but not what they make when they are configured.
    #[error("configuring the packages needs about {needed} bytes on the root, and {free} of its {size} bytes are free behind them")]
    NoRoomToConfigure {
        /// What is kept free for it in bytes.
        needed: u64,
        /// Free bytes of the fullest root.
        free: u64,
        /// Size of the root partition in bytes.
        size: u64,
    },
    /// The ledger lacks a node; it must be completed before planning.
    #[error("the ledger has no identity for `{0}`")]
    NoIdentity(NodeName),
    /// A finished image contradicts itself, which only a mistake in this program can cause.
    #[error("the image of `{node}` contradicts itself: {finding}")]
    Contradiction {
        /// The node.
        node: NodeName,
        /// What does not agree.
        finding: String,
    },
    /// A setting cannot be made in this base.
    #[error("the settings of a node cannot be made")]
    Node(#[from] NodeError),
    /// The root or brick cannot be laid out.
    #[error("the {what} file system of `{node}` cannot be laid out")]
    Layout {
        /// `root` or `brick`.
        what: &'static str,
        /// The node.
        node: NodeName,
        /// Why.
        #[source]
        source: WriteError,
    },
    /// The boot partition cannot be edited.
    #[error("the boot partition cannot be edited")]
    Boot(#[from] FatError),
    /// The partition table cannot be written.
    #[error("the partition table cannot be written")]
    Table(#[from] TableError),
    /// The base cannot be read.
    #[error("reading the base failed")]
    Read(#[from] std::io::Error),
}

impl Classified for PlanError {
    fn kind(&self) -> Kind {
        match self {
            Self::CardTooSmall { .. } | Self::NoRoom { .. } | Self::NoRoomToConfigure { .. } => Kind::Usage,
            Self::NoIdentity(_) | Self::Read(_) => Kind::Io,
            Self::Contradiction { .. } => Kind::Verification,
            Self::Node(error) => error.kind(),
            Self::Layout { source, .. } => source.kind(),
            Self::Boot(error) => error.kind(),
            Self::Table(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::CardTooSmall { .. } => Some("make root_size smaller, or card_size larger if your cards are".to_owned()),
            Self::NoRoom { needed, free, .. } | Self::NoRoomToConfigure { needed, free, .. } => {
                Some(format!("make root_size larger, by at least {} MiB", needed.saturating_sub(*free).div_ceil(1 << 20)))
            }
            Self::Node(error) => error.hint(),
            Self::Layout { source, .. } => source.hint(),
            Self::Boot(error) => error.hint(),
            Self::Table(error) => error.hint(),
            _ => None,
        }
    }
}

/// What is planned for one node.
#[derive(Debug)]
pub struct NodePlan {
    /// Its name; the image is `NAME.img`.
    pub name: NodeName,
    /// What stands where in its root.
    pub root: Usage,
    /// What stands where in its brick.
    pub brick: Usage,
    /// Paths of the root file system that differ from the base with its packages.
    pub root_changes: Vec<(Vec<u8>, Change)>,
    /// Files of the boot partition that differ from the base.
    pub boot_changes: Vec<(String, Change)>,
    tree: Tree,
    boot: Extents,
    brick_layout: Layout,
    table: Table,
}

impl NodePlan {
    /// Identifier of a partition (1 to 3), as in `PARTUUID=`.
    #[must_use]
    pub fn partuuid(&self, number: usize) -> String {
        self.table.partuuid(number)
    }

    /// The finished root file system.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }
}

/// What is planned for a cluster.
#[derive(Debug)]
pub struct Plan {
    /// Layout of every image.
    pub partitions: Partitions,
    /// All made-up times, in seconds since 1970.
    pub epoch: i64,
    /// The nodes, in the order of the profile.
    pub nodes: Vec<NodePlan>,
    root: Layout,
    /// What stands between the partition table and the first partition.
    gap: Extents,
    boot_mount: String,
}

impl Plan {
    /// Plans all nodes of a profile. `root` is the base's tree, or that with its packages; `ledger` has an identity for each node (see
    /// [`Ledger::ensure`]), `build` is made from it.
    ///
    /// # Errors
    /// When the base cannot carry the profile; see [`PlanError`].
    pub fn new(profile: &Profile, base: &Base, root: &Tree, ledger: &Ledger, build: &Build) -> Result<Self, PlanError> {
        let epoch = build.epoch;
        let partitions = partitions_of(profile, base)?;
        let mut common = root.clone();
        let shared = settings::common(&mut common, &base.facts, profile, build)?;
        let mut trees = Vec::with_capacity(profile.nodes.len());
        let mut tables = Vec::with_capacity(profile.nodes.len());
        for node in &profile.nodes {
            let identity = identity(ledger, &node.name)?;
            let table = table(base, &partitions, identity)?;
            let mut tree = common.clone();
            settings::personal(&mut tree, &base.facts, profile, node, identity, &PartUuids::of(&table), &shared)?;
            trees.push(tree);
            tables.push(table);
        }
        let layout_error = |what, node: &NodeName| {
            let node = node.clone();
            move |source| PlanError::Layout { what, node, source }
        };
        let first = &profile.nodes[0].name;
        let seed = ledger.hash_seed().bytes();
        let root_options = Options::like(&base.superblock, partitions.root.size, ledger.root_uuid().bytes(), seed, epoch)
            .map_err(layout_error("root", first))?;
        let layout = Layout::new(&common, &trees.iter().collect::<Vec<_>>(), &root_options).map_err(layout_error("root", first))?;

        let names: Vec<_> = base.fat.entries().into_iter().map(|entry| entry.name).collect();
        let files = BootFiles { command_line: &base.command_line, names: &names };
        let mut nodes = Vec::with_capacity(trees.len());
        for (index, ((node, tree), table)) in profile.nodes.iter().zip(trees).zip(tables).enumerate() {
            let identity = identity(ledger, &node.name)?;
            let edits = boot::edits(&base.facts, profile, node, &PartUuids::of(&table), &files)?;
            let brick_options = Options::brick(
                partitions.brick.size,
                partitions.brick_grown,
                identity.brick_uuid.bytes(),
                seed,
                &profile.brick.label,
                epoch,
            );
            let brick_tree = brick::tree(epoch);
            let brick_layout = Layout::new(&brick_tree, &[&brick_tree], &brick_options).map_err(layout_error("brick", &node.name))?;
            nodes.push(NodePlan {
                name: node.name.clone(),
                root: layout.usage(index),
                brick: brick_layout.usage(0),
                root_changes: root.changes(&tree),
                boot_changes: boot_changes(base, &edits)?,
                boot: base.fat.edit(&edits, epoch)?,
                table,
                brick_layout,
                tree,
            });
        }
        let gap = Window::new(Arc::clone(&base.storage), SECTOR_0, partitions.boot.start.saturating_sub(SECTOR_0))?;
        let gap = Extents::without_zeros(&gap, 512)?;
        Ok(Self { partitions, epoch, nodes, root: layout, gap, boot_mount: base.facts.boot_mount.clone() })
    }

    /// Whether the root of every node has room for packages that need so many bytes more.
    ///
    /// # Errors
    /// When one has not.
    pub fn check_room(&self, growth: i64) -> Result<(), PlanError> {
        let free = self.free();
        match u64::try_from(growth) {
            Ok(needed) if needed > free => Err(PlanError::NoRoom { needed, free, size: self.partitions.root.size }),
            _ => Ok(()),
        }
    }

    /// Whether the root of every node has room for what packages make when they are configured: byte code, caches, keys.
    ///
    /// # Errors
    /// When one has not.
    pub fn check_room_to_configure(&self) -> Result<(), PlanError> {
        match self.free() {
            free if free < TO_CONFIGURE => {
                Err(PlanError::NoRoomToConfigure { needed: TO_CONFIGURE, free, size: self.partitions.root.size })
            }
            _ => Ok(()),
        }
    }

    /// Free bytes of the fullest root.
    fn free(&self) -> u64 {
        self.nodes.iter().map(|node| node.root.free_blocks * u64::from(node.root.block_size)).min().unwrap_or(u64::MAX)
    }

    /// The whole image of node number `index`.
    ///
    /// # Errors
    /// When its file systems cannot be written, or when the finished image contradicts itself.
    pub fn image(&self, index: usize) -> Result<Extents, PlanError> {
        let node = &self.nodes[index];
        let layout_error = |what| move |source| PlanError::Layout { what, node: node.name.clone(), source };
        let mut image = Extents::default();
        image.append_at(SECTOR_0, &self.gap);
        image.append_at(self.partitions.boot.start, &node.boot);
        image.append_at(self.partitions.root.start, &self.root.image(index).map_err(layout_error("root"))?);
        image.append_at(self.partitions.brick.start, &node.brick_layout.image(0).map_err(layout_error("brick"))?);
        image.resize(self.partitions.image_size());
        for (offset, bytes) in node.table.ranges(self.partitions.image_size())? {
            image.replace(Extent { offset, len: bytes.len() as u64, source: Source::bytes(bytes) });
        }
        verify::verify(&image, &node.name, &self.boot_mount)?;
        Ok(image)
    }
}

fn identity<'a>(ledger: &'a Ledger, name: &NodeName) -> Result<&'a Identity, PlanError> {
    ledger.identity(name).ok_or_else(|| PlanError::NoIdentity(name.clone()))
}

fn partitions_of(profile: &Profile, base: &Base) -> Result<Partitions, PlanError> {
    let boot = Span { start: base.boot.start(), size: base.boot.size() };
    let cap = match profile.brick.size {
        BrickSize::Rest => None,
        BrickSize::Cap(size) => Some(size),
    };
    Partitions::new(boot, base.root.start(), profile.root_size, profile.card_size, cap, base.table.size_at_end())
}

fn table(base: &Base, partitions: &Partitions, identity: &Identity) -> Result<Table, PlanError> {
    let mut table = base.table.clone();
    // The name counts only for a partition that the base does not have.
    for (number, span) in [(2, partitions.root), (3, partitions.brick)] {
        table.set_linux(number, span.start, span.size, BRICK_NAME)?;
    }
    partuuid::stamp(&mut table, identity);
    Ok(table)
}

fn boot_changes(base: &Base, edits: &[fat::Edit]) -> Result<Vec<(String, Change)>, PlanError> {
    let mut changes = Vec::new();
    for edit in edits {
        let change = match edit {
            fat::Edit::Write { name, content } => match base.fat.read(name)? {
                None => Some((name, Change::Added)),
                Some(before) if before != *content => Some((name, Change::Changed)),
                Some(_) => None,
            },
            fat::Edit::Remove { name } => base.fat.read(name)?.map(|_| (name, Change::Removed)),
        };
        changes.extend(change.map(|(name, change)| (name.clone(), change)));
    }
    Ok(changes)
}
