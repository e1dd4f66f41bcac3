//! Finding and changing things in a tree by their path.

use super::{Content, Inode, InodeId, Kind, Meta, Name, Tree, TreeError, path::printable};
use crate::disk::Storage as _;

/// As many as Linux follows (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;
/// No file that an edit looks into is larger than this; the largest one edited is a locale archive of a few MiB.
const MAX_READ: u64 = 64 << 20;
/// No path of an edit is longer (`PATH_MAX` without the NUL).
const MAX_PATH: usize = 4095;

impl Tree {
    /// The inode at `path`, following symbolic links in all but the last component.
    #[must_use]
    pub fn lookup(&self, path: impl AsRef<[u8]>) -> Option<InodeId> {
        self.find(path.as_ref(), false).ok()
    }

    /// The inode at `path`, following symbolic links.
    #[must_use]
    pub fn resolve(&self, path: impl AsRef<[u8]>) -> Option<InodeId> {
        self.find(path.as_ref(), true).ok()
    }

    /// Whether something, be it a dangling link, stands at `path`.
    #[must_use]
    pub fn exists(&self, path: impl AsRef<[u8]>) -> bool {
        self.lookup(path).is_some()
    }

    /// The names in the folder at `path` (links followed), in byte order; empty when there is no such folder.
    #[must_use]
    pub fn names(&self, path: impl AsRef<[u8]>) -> Vec<Vec<u8>> {
        let folder = self.resolve(path).and_then(|id| self.inode(id).children());
        folder.map(|children| children.keys().map(|name| name.as_bytes().to_vec()).collect()).unwrap_or_default()
    }

    /// The content of the regular file at `path`, links followed.
    ///
    /// # Errors
    /// When there is none, when it is larger than 64 MiB, or when reading fails.
    pub fn read(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, TreeError> {
        let path = path.as_ref();
        let id = self.find(path, true)?;
        let content = self.inode(id).content().ok_or_else(|| TreeError::NotAFile(printable(path)))?;
        if content.size() > MAX_READ {
            return Err(TreeError::TooLarge { path: printable(path), size: content.size(), limit: MAX_READ });
        }
        content.to_vec(MAX_READ).map_err(|source| TreeError::Read { path: printable(path), source })
    }

    /// As [`Tree::read`], as text; bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn read_text(&self, path: impl AsRef<[u8]>) -> Result<String, TreeError> {
        Ok(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }

    /// Makes the folder at `path` and its missing parents, each with `meta`; a folder that exists keeps what it has.
    ///
    /// # Errors
    /// When something else than a folder stands in the way.
    pub fn make_folder(&mut self, path: impl AsRef<[u8]>, meta: &Meta) -> Result<InodeId, TreeError> {
        let path = path.as_ref();
        // Upwards to what is there, then downwards again.
        let mut missing = Vec::new();
        let mut here = path;
        let mut folder = loop {
            match self.find(here, true) {
                Ok(id) if self.inode(id).children().is_some() => break id,
                Ok(_) => return Err(TreeError::NotAFolder(printable(here))),
                Err(_) => {
                    let (parent, name) = split(here)?;
                    missing.push(name);
                    here = parent;
                }
            }
        };
        while let Some(name) = missing.pop() {
            folder = self.put_in(folder, name, Inode::new(meta.clone(), Kind::directory()), path)?;
        }
        Ok(folder)
    }

    /// Puts an inode at `path`, in the place of any file or link there; the parent folder must exist. A last component that is a
    /// symbolic link is replaced, not followed.
    ///
    /// # Errors
    /// When the parent is missing, or a folder stands at `path`.
    pub fn put(&mut self, path: impl AsRef<[u8]>, inode: Inode) -> Result<InodeId, TreeError> {
        let path = path.as_ref();
        let (parent, name) = split(path)?;
        let parent = self.find(parent, true)?;
        self.put_in(parent, name, inode, path)
    }

    /// Puts a regular file at `path`, as [`Tree::put`]; missing parents are made with mode 0755 and the file's times, owned by root.
    ///
    /// # Errors
    /// As [`Tree::put`].
    pub fn put_file(&mut self, path: impl AsRef<[u8]>, meta: Meta, content: Content) -> Result<InodeId, TreeError> {
        self.make_parent(path.as_ref(), &meta)?;
        self.put(path, Inode::new(meta, Kind::File(content)))
    }

    /// Puts a symbolic link at `path`, as [`Tree::put_file`].
    ///
    /// # Errors
    /// As [`Tree::put`].
    pub fn put_link(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>, meta: Meta) -> Result<InodeId, TreeError> {
        self.make_parent(path.as_ref(), &meta)?;
        self.put(path, Inode::new(Meta { permissions: 0o777, ..meta }, Kind::Symlink(target.as_ref().to_vec())))
    }

    /// Gives the file at `path` (links followed) new content and a new mtime and ctime; owner and permissions stay.
    ///
    /// # Errors
    /// When there is no regular file at `path`.
    pub fn rewrite(&mut self, path: impl AsRef<[u8]>, content: Vec<u8>, time: super::Time) -> Result<InodeId, TreeError> {
        let path = path.as_ref();
        let id = self.find(path, true)?;
        if self.inode(id).content().is_none() {
            return Err(TreeError::NotAFile(printable(path)));
        }
        let inode = self.inode_mut(id);
        inode.kind = Kind::File(Content::bytes(content));
        inode.meta.mtime = time;
        inode.meta.ctime = time;
        Ok(id)
    }

    /// Gives an existing inode one more name (a hard link).
    ///
    /// # Errors
    /// When the parent is missing, the name is taken, or the inode is a folder.
    pub fn link(&mut self, path: impl AsRef<[u8]>, id: InodeId) -> Result<(), TreeError> {
        let path = path.as_ref();
        let (parent, name) = split(path)?;
        let parent = self.find(parent, true)?;
        if self.inode(id).children().is_some() {
            return Err(TreeError::IsAFolder(printable(path)));
        }
        let folder = self.folder_mut(parent, path)?;
        if folder.contains_key(name.as_bytes()) {
            return Err(TreeError::Exists(printable(path)));
        }
        folder.insert(name, id);
        Ok(())
    }

    /// Removes the name at `path`, and with a folder all that is in it. Returns whether there was anything.
    ///
    /// # Errors
    /// When the path itself is wrong, or names the root.
    pub fn remove(&mut self, path: impl AsRef<[u8]>) -> Result<bool, TreeError> {
        let is_removed = self.unlink(path)?;
        if is_removed {
            self.forget_unnamed();
        }
        Ok(is_removed)
    }

    /// Moves the name at `from` to `to`, whose parent must exist and where nothing may stand.
    ///
    /// # Errors
    /// When `from` is missing, `to` exists, or `to` lies inside `from`.
    pub fn rename(&mut self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<(), TreeError> {
        let (from, to) = (from.as_ref(), to.as_ref());
        let id = self.find(from, false)?;
        if self.exists(to) {
            return Err(TreeError::Exists(printable(to)));
        }
        let (old_parent, old_name) = split(from)?;
        let (new_parent, new_name) = split(to)?;
        let (old_parent, new_parent) = (self.find(old_parent, true)?, self.find(new_parent, true)?);
        if self.is_inside(new_parent, id) {
            return Err(TreeError::BadPath(printable(to)));
        }
        self.folder_mut(old_parent, from)?.remove(old_name.as_bytes());
        self.folder_mut(new_parent, to)?.insert(new_name, id);
        Ok(())
    }

    fn is_inside(&self, id: InodeId, folder: InodeId) -> bool {
        let mut pending = vec![folder];
        while let Some(folder) = pending.pop() {
            if folder == id {
                return true;
            }
            let children = self.inode(folder).children().into_iter().flat_map(|children| children.values().copied());
            pending.extend(children.filter(|child| self.inode(*child).children().is_some()));
        }
        false
    }

    fn make_parent(&mut self, path: &[u8], meta: &Meta) -> Result<(), TreeError> {
        let (parent, _) = split(path)?;
        if self.find(parent, true).is_err() {
            self.make_folder(parent, &Meta { permissions: 0o755, uid: 0, gid: 0, flags: 0, ..meta.clone() })?;
        }
        Ok(())
    }

    fn put_in(&mut self, parent: InodeId, name: Name, inode: Inode, path: &[u8]) -> Result<InodeId, TreeError> {
        let children = self.inode(parent).children().ok_or_else(|| TreeError::NotAFolder(printable(path)))?;
        let before = children.get(name.as_bytes()).copied();
        if before.is_some_and(|id| self.inode(id).children().is_some()) {
            return Err(TreeError::IsAFolder(printable(path)));
        }
        let replaceable = before.filter(|id| self.names_of(*id) == 1);
        if let Some(id) = replaceable {
            // The number stays, so that nodes that each put their own file here agree on it.
            *self.inode_mut(id) = inode;
            return Ok(id);
        }
        let id = self.add(inode);
        self.folder_mut(parent, path)?.insert(name, id);
        Ok(id)
    }

    fn names_of(&self, id: InodeId) -> usize {
        self.iter().filter_map(|(_, inode)| inode.children()).flat_map(|children| children.values()).filter(|child| **child == id).count()
    }

    pub(super) fn folder_mut(&mut self, id: InodeId, path: &[u8]) -> Result<&mut std::collections::BTreeMap<Name, InodeId>, TreeError> {
        match &mut self.inode_mut(id).kind {
            Kind::Directory(children) => Ok(children),
            _ => Err(TreeError::NotAFolder(printable(path))),
        }
    }

    /// As [`Tree::resolve`] or, unless `follow_last`, as [`Tree::lookup`], with the reason why nothing was found.
    ///
    /// # Errors
    /// When the path is relative, leads through too many links, or nothing stands there.
    pub fn find(&self, path: &[u8], follow_last: bool) -> Result<InodeId, TreeError> {
        let (trail, missing) = self.trace(path, follow_last)?;
        let found = trail.last().map_or(InodeId::ROOT, |(id, _)| *id);
        if missing.is_empty() { Ok(found) } else { Err(TreeError::Missing(printable(path))) }
    }

    /// The path without links, `.` and `..` that leads to the same place, as realpath(1) with `--canonicalize-missing`; the last component
    /// is followed only if `follow_last`.
    ///
    /// # Errors
    /// When the path is relative, or leads through too many links.
    pub fn real_path(&self, path: &[u8], follow_last: bool) -> Result<Vec<u8>, TreeError> {
        let (trail, missing) = self.trace(path, follow_last)?;
        let real: Vec<u8> =
            trail.into_iter().map(|(_, name)| name).chain(missing).flat_map(|name| [b"/".to_vec(), name].concat()).collect();
        Ok(if real.is_empty() { b"/".to_vec() } else { real })
    }

    /// What stands at the components of a path, links followed, and those from the first one on where nothing stands.
    fn trace(&self, path: &[u8], follow_last: bool) -> Result<Trace, TreeError> {
        if path.first() != Some(&b'/') || path.len() > MAX_PATH {
            return Err(TreeError::BadPath(printable(path)));
        }
        let mut pending: Vec<Vec<u8>> = components(path).rev().map(<[u8]>::to_vec).collect();
        let mut trail: Vec<(InodeId, Vec<u8>)> = Vec::new();
        let mut links = 0;
        while let Some(component) = pending.pop() {
            if component == b".." {
                trail.pop();
                continue;
            }
            let here = trail.last().map_or(InodeId::ROOT, |(id, _)| *id);
            let Some(id) = self.inode(here).children().and_then(|children| children.get(component.as_slice()).copied()) else {
                let missing = [component].into_iter().chain(pending.into_iter().rev()).collect();
                return Ok((trail, missing));
            };
            match &self.inode(id).kind {
                Kind::Symlink(target) if follow_last || !pending.is_empty() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(TreeError::TooManyLinks(printable(path)));
                    }
                    if target.first() == Some(&b'/') {
                        trail.clear();
                    }
                    pending.extend(components(target).rev().map(<[u8]>::to_vec));
                }
                _ => trail.push((id, component)),
            }
        }
        Ok((trail, Vec::new()))
    }
}

/// See [`Tree::trace`].
type Trace = (Vec<(InodeId, Vec<u8>)>, Vec<Vec<u8>>);

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

pub(super) fn split(path: &[u8]) -> Result<(&[u8], Name), TreeError> {
    let bad = || TreeError::BadPath(printable(path));
    if path.len() > MAX_PATH {
        return Err(bad());
    }
    let slash = path.iter().rposition(|byte| *byte == b'/').ok_or_else(bad)?;
    let name = Name::new(&path[slash + 1..]).ok_or_else(bad)?;
    Ok((if slash == 0 { b"/" } else { &path[..slash] }, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_to_be_read_at_once_is_not_an_error_of_reading() {
        use crate::error::{Classified as _, Kind as ErrorKind};
        let mut tree = Tree::new(meta(0o755));
        tree.put_file("/large", meta(0o644), Content::hole(MAX_READ + 1)).unwrap();
        assert_eq!(tree.read("/large").unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn a_grafted_tree_takes_the_place_of_a_folder() {
        let mut tree = Tree::new(meta(0o755));
        tree.make_folder("/mnt/hidden", &meta(0o755)).unwrap();
        tree.put_file("/other", meta(0o644), Content::bytes(b"other".to_vec())).unwrap();
        let mut grafted = Tree::new(meta(0o700));
        grafted.put_file("/removed", meta(0o644), Content::default()).unwrap();
        let file = grafted.put_file("/folder/file", meta(0o644), Content::bytes(b"file".to_vec())).unwrap();
        grafted.link("/second", file).unwrap();
        grafted.remove("/removed").unwrap();
        let folder = tree.lookup("/mnt").unwrap();
        tree.graft(folder, grafted);
        assert_eq!(tree.read("/mnt/folder/file").unwrap(), b"file");
        assert_eq!(tree.lookup("/mnt/second"), tree.lookup("/mnt/folder/file"));
        assert_eq!((tree.names("/mnt"), tree.inode(folder).meta.permissions), (vec![b"folder".to_vec(), b"second".to_vec()], 0o700));
        assert_eq!(tree.read("/other").unwrap(), b"other");
    }
    use crate::tree::Time;

    fn meta(permissions: u16) -> Meta {
        Meta::new(permissions, 0, 0, Time::from_seconds(1))
    }

    fn sample() -> Tree {
        let mut tree = Tree::new(meta(0o755));
        tree.make_folder("/usr/lib", &meta(0o755)).unwrap();
        tree.put_link("/lib", "usr/lib", meta(0)).unwrap();
        tree.put_file("/lib/a", meta(0o644), Content::bytes(b"one".to_vec())).unwrap();
        tree
    }

    #[test]
    fn parents_that_are_links_are_followed_inside_the_tree() {
        let mut tree = sample();
        assert_eq!(tree.read("/usr/lib/a").unwrap(), b"one");
        tree.put_link("/up", "../../../usr", meta(0)).unwrap();
        assert_eq!(tree.read("/up/lib/a").unwrap(), b"one");
        tree.put_link("/abs", "/lib/a", meta(0)).unwrap();
        assert_eq!(tree.read("/abs").unwrap(), b"one");
        assert!(matches!(tree.inode(tree.lookup("/abs").unwrap()).kind, Kind::Symlink(_)));
    }

    #[test]
    fn a_loop_of_links_ends() {
        let mut tree = sample();
        tree.put_link("/x", "y", meta(0)).unwrap();
        tree.put_link("/y", "x", meta(0)).unwrap();
        assert!(matches!(tree.read("/x/z"), Err(TreeError::TooManyLinks(_))));
    }

    #[test]
    fn an_edit_leaves_the_other_tree_alone() {
        let common = sample();
        let mut node = common.clone();
        node.put_file("/lib/a", meta(0o600), Content::bytes(b"two".to_vec())).unwrap();
        assert_eq!(common.read("/lib/a").unwrap(), b"one");
        assert_eq!(node.read("/lib/a").unwrap(), b"two");
        let id = common.lookup("/lib/a").unwrap();
        assert_eq!(node.lookup("/lib/a"), Some(id));
        assert!(!common.shares_inode(&node, id));
        assert!(common.shares_inode(&node, common.lookup("/lib").unwrap()));
    }

    #[test]
    fn a_file_with_two_names_is_not_written_through() {
        let mut tree = sample();
        let id = tree.lookup("/lib/a").unwrap();
        tree.link("/b", id).unwrap();
        tree.put_file("/b", meta(0o644), Content::bytes(b"new".to_vec())).unwrap();
        assert_eq!(tree.read("/lib/a").unwrap(), b"one");
        assert_eq!(tree.read("/b").unwrap(), b"new");
    }

    #[test]
    fn removing_and_renaming() {
        let mut tree = sample();
        assert!(tree.remove("/usr/lib").unwrap());
        assert!(!tree.remove("/usr/lib").unwrap());
        assert!(tree.resolve("/lib/a").is_none());
        assert_eq!(tree.iter().count(), 3);
        tree.make_folder("/home/pi", &meta(0o700)).unwrap();
        tree.rename("/home/pi", "/home/berry").unwrap();
        assert!(tree.exists("/home/berry") && !tree.exists("/home/pi"));
        assert!(matches!(tree.rename("/home", "/home/berry/x"), Err(TreeError::BadPath(_))));
        assert!(matches!(tree.rename("/home", "/lib"), Err(TreeError::Exists(_))));
    }

    #[test]
    fn wrong_paths_are_refused() {
        let mut tree = sample();
        for path in ["relative", "/a/..", "/", ""] {
            assert!(matches!(tree.put_file(path, meta(0), Content::default()), Err(TreeError::BadPath(_))), "{path}");
        }
        assert!(matches!(tree.put_file("/usr", meta(0), Content::default()), Err(TreeError::IsAFolder(_))));
        assert!(matches!(tree.put_file("/lib/a/b", meta(0), Content::default()), Err(TreeError::NotAFolder(_))));
    }

    #[test]
    fn depth_costs_no_stack_and_paths_are_limited() {
        let (mut tree, deepest) = crate::tree::nested(100_000);
        let mut longest = 0;
        tree.walk(&mut |path, _| longest = longest.max(path.len()));
        assert_eq!(longest, 200_000);
        assert!(tree.is_inside(deepest, tree.lookup("/d").unwrap()));
        assert!(matches!(tree.rename("/d", "/d/d/d/new"), Err(TreeError::BadPath(_))));
        tree.rename("/d", "/e").unwrap();
        let longest = "/x".repeat(MAX_PATH / 2);
        tree.make_folder(&longest, &meta(0o755)).unwrap();
        assert!(tree.exists(&longest));
        let too_long = format!("{longest}/x");
        assert!(matches!(tree.make_folder(&too_long, &meta(0o755)), Err(TreeError::BadPath(_))));
        assert!(matches!(tree.put_file(&too_long, meta(0o644), Content::default()), Err(TreeError::BadPath(_))));
        tree.remove("/e").unwrap();
        assert_eq!(tree.iter().count(), 1 + MAX_PATH / 2);
    }

    #[test]
    fn walking_names_parents_first() {
        let mut paths = Vec::new();
        sample().walk(&mut |path, _| paths.push(String::from_utf8(path.to_vec()).unwrap()));
        assert_eq!(paths, ["/", "/lib", "/usr", "/usr/lib", "/usr/lib/a"]);
    }

    #[test]
    fn a_real_path_has_no_detours() {
        let mut tree = Tree::new(meta(0o755));
        tree.put_file("/usr/lib/x", meta(0o644), Content::bytes(Vec::new())).unwrap();
        for (link, target) in [("/lib", "usr/lib"), ("/var/run", "/run"), ("/a/up", "../usr/./lib/"), ("/loop", "loop")] {
            tree.put_link(link, target, meta(0o777)).unwrap();
        }
        let real = |path: &str, follow| tree.real_path(path.as_bytes(), follow).map(|path| String::from_utf8(path).unwrap());
        for (path, follow, expected) in [
            ("/lib/x", false, "/usr/lib/x"),
            ("/lib", false, "/lib"),
            ("/lib", true, "/usr/lib"),
            ("/a/up/y/z", true, "/usr/lib/y/z"),
            ("/var/run/x", false, "/run/x"),
            ("/usr/../../lib/./x", false, "/usr/lib/x"),
            ("/usr/lib/x/y", false, "/usr/lib/x/y"),
            ("/", true, "/"),
        ] {
            assert_eq!(real(path, follow).unwrap(), expected, "{path}");
        }
        assert!(matches!(real("/loop/x", false), Err(TreeError::TooManyLinks(_))));
        assert!(matches!(real("lib", false), Err(TreeError::BadPath(_))));
    }
}
