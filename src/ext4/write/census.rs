//! Who is there: counts the links of each tree, tells what all nodes share from what differs, and gives inode numbers.

use std::collections::HashMap;

use super::error::{WriteError, path_of};
use crate::{
    ext4::format::ino,
    tree::{InodeId, Name, Tree},
};

/// An inode that some node has, or all have.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// Inode number in every image.
    pub(super) number: u32,
    pub(super) owners: Owners,
}

/// What an object is called in the trees.
#[derive(Clone, Debug)]
pub(super) enum Owners {
    /// The same thing in all of them.
    All(InodeId),
    /// In each node its own, or nothing.
    Each(Box<[Option<InodeId>]>),
}

impl Object {
    /// What it is called in the tree of `node`.
    pub(super) fn id(&self, node: usize) -> Option<InodeId> {
        match &self.owners {
            Owners::All(id) => Some(*id),
            Owners::Each(ids) => ids.get(node).copied().flatten(),
        }
    }
}

/// Tables of one tree, by [`InodeId::index`]; zero for what is not in it.
#[derive(Clone, Debug)]
pub(super) struct Register {
    /// Names of an inode.
    pub(super) links: Vec<u32>,
    /// Number of the folder that holds a folder.
    pub(super) parents: Vec<u32>,
    /// Inode numbers.
    pub(super) numbers: Vec<u32>,
}

/// The result.
#[derive(Debug)]
pub(super) struct Census {
    /// Shared ones in the order of the tree, then the others in the order of their paths.
    pub(super) objects: Vec<Object>,
    /// How many of them are shared.
    pub(super) shared: usize,
    /// One for each node.
    pub(super) registers: Vec<Register>,
    /// The highest number given.
    pub(super) last_number: u32,
}

/// The first name of an inode on the way through a tree.
struct Visit<'a> {
    id: InodeId,
    /// Index of the visit of the folder that holds it; the root's is its own.
    folder: usize,
    name: Option<&'a Name>,
}

/// What differs between nodes: a path by which one of them has it, and its number in each.
struct Own {
    path: Vec<u8>,
    ids: Box<[Option<InodeId>]>,
}

struct Way<'a> {
    visits: Vec<Visit<'a>>,
    links: Vec<u32>,
    /// The folder that holds a folder, by [`InodeId::index`].
    parents: Vec<InodeId>,
}

const NONE: u32 = u32::MAX;

/// Takes the census of `nodes`, which are edits of `common`; there is at least one.
pub(super) fn census(common: &Tree, nodes: &[Tree]) -> Result<Census, WriteError> {
    let ways = nodes.iter().map(walk).collect::<Result<Vec<_>, _>>()?;
    let is_shared = shared(common, nodes, &ways);
    let is_shared = |id: InodeId| is_shared.get(id.index()).copied().unwrap_or(false);
    let mut objects_of: Vec<Vec<u32>> = ways.iter().map(|way| vec![NONE; way.links.len()]).collect();
    let mut owners = Vec::new();
    for visit in ways[0].visits.iter().filter(|visit| is_shared(visit.id)) {
        for objects in &mut objects_of {
            objects[visit.id.index()] = owners.len() as u32;
        }
        owners.push(Owners::All(visit.id));
    }
    let shared = owners.len();

    // What differs is matched across nodes: by its number in the common tree, else by its path.
    let mut own: Vec<Own> = Vec::new();
    let mut by_common: HashMap<usize, usize> = HashMap::new();
    let mut by_name: HashMap<(u32, &Name), usize> = HashMap::new();
    for (node, way) in ways.iter().enumerate() {
        for (index, visit) in way.visits.iter().enumerate().filter(|(_, visit)| !is_shared(visit.id)) {
            let fresh = own.len();
            let folder = objects_of[node][way.visits[visit.folder].id.index()];
            let object = match visit.name {
                Some(name) if visit.id.index() >= common.id_bound() => *by_name.entry((folder, name)).or_insert(fresh),
                _ => *by_common.entry(visit.id.index()).or_insert(fresh),
            };
            if object == fresh {
                own.push(Own { path: way.path(index), ids: vec![None; nodes.len()].into() });
            }
            own[object].ids[node] = Some(visit.id);
            objects_of[node][visit.id.index()] = (shared + object) as u32;
        }
    }
    own.sort_by(|a, b| a.path.cmp(&b.path));
    owners.extend(own.into_iter().map(|own| Owners::Each(own.ids)));
    drop((by_common, by_name, objects_of));

    let lost_and_found: Vec<Option<InodeId>> = nodes.iter().map(|tree| tree.lookup("/lost+found")).collect();
    let mut last_number = ino::FIRST;
    let mut objects = Vec::with_capacity(owners.len());
    let mut is_given = false;
    for owners in owners {
        let mut object = Object { number: 0, owners };
        let id = |node| object.id(node);
        object.number = if (0..nodes.len()).any(|node| id(node) == Some(InodeId::ROOT)) {
            ino::ROOT
        } else if !is_given && (0..nodes.len()).any(|node| id(node).is_some() && id(node) == lost_and_found[node]) {
            is_given = true;
            ino::FIRST
        } else {
            last_number = last_number.checked_add(1).ok_or(WriteError::NoInodes { needed: 1 << 32, available: u64::from(u32::MAX) })?;
            last_number
        };
        objects.push(object);
    }
    let registers = ways.iter().enumerate().map(|(node, way)| way.register(&objects, node)).collect();
    Ok(Census { objects, shared, registers, last_number })
}

/// Marks the inodes that are the same object in the common tree and all nodes, and about which nothing else differs either: as many
/// names, and the same folder around a folder.
fn shared(common: &Tree, nodes: &[Tree], ways: &[Way<'_>]) -> Vec<bool> {
    let mut shared: Vec<bool> = (0..common.id_bound()).map(|index| ways[0].links.get(index).is_some_and(|links| *links > 0)).collect();
    for (tree, way) in nodes.iter().zip(ways) {
        for visit in &ways[0].visits {
            let index = visit.id.index();
            if let Some(mark) = shared.get_mut(index).filter(|mark| **mark) {
                *mark = common.shares_inode(tree, visit.id)
                    && way.links.get(index) == ways[0].links.get(index)
                    && way.parents.get(index) == ways[0].parents.get(index);
            }
        }
    }
    shared
}

/// Goes through a tree in the order of [`Tree::walk`].
fn walk(tree: &Tree) -> Result<Way<'_>, WriteError> {
    let mut way =
        Way { visits: Vec::with_capacity(tree.id_bound()), links: vec![0; tree.id_bound()], parents: vec![InodeId::ROOT; tree.id_bound()] };
    way.links[InodeId::ROOT.index()] = 1;
    way.visits.push(Visit { id: InodeId::ROOT, folder: 0, name: None });
    let mut pending = vec![0];
    let mut folders = Vec::new();
    while let Some(folder) = pending.pop() {
        let id = way.visits[folder].id;
        let Some(children) = tree.inode(id).children() else { continue };
        for (name, child) in children {
            let links = &mut way.links[child.index()];
            *links += 1;
            let is_first = *links == 1;
            if tree.inode(*child).children().is_some() {
                if !is_first {
                    return Err(WriteError::FolderTwice { path: path_of_visit(&way, folder, name) });
                }
                way.parents[child.index()] = id;
                folders.push(way.visits.len());
            }
            if is_first {
                way.visits.push(Visit { id: *child, folder, name: Some(name) });
            }
        }
        pending.extend(folders.drain(..).rev());
    }
    Ok(way)
}

fn path_of_visit(way: &Way<'_>, folder: usize, name: &Name) -> String {
    let mut path = way.path(folder);
    path.push(b'/');
    path.extend_from_slice(name.as_bytes());
    path.escape_ascii().to_string()
}

impl Way<'_> {
    /// The path of a visit; empty for the root, so that it is first in any order.
    fn path(&self, mut index: usize) -> Vec<u8> {
        let mut names = Vec::new();
        while let Visit { name: Some(name), folder, .. } = &self.visits[index] {
            names.push(*name);
            index = *folder;
        }
        names.iter().rev().fold(Vec::new(), |mut path, name| {
            path.push(b'/');
            path.extend_from_slice(name.as_bytes());
            path
        })
    }

    fn register(&self, objects: &[Object], node: usize) -> Register {
        let mut numbers = vec![0; self.links.len()];
        for object in objects {
            if let Some(id) = object.id(node) {
                numbers[id.index()] = object.number;
            }
        }
        let parents = self.parents.iter().map(|parent| numbers[parent.index()]).collect();
        Register { links: self.links.clone(), parents, numbers }
    }
}

/// Refuses what has more names than an inode can count.
pub(super) fn check_links(tree: &Tree, id: InodeId, links: u32, limit: u32) -> Result<(), WriteError> {
    if links <= limit {
        return Ok(());
    }
    Err(WriteError::TooManyLinks { path: path_of(tree, id), got: links.into() })
}
