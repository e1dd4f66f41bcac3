//! The third partition: what is in its file system before the first boot.

use crate::tree::{Inode, Kind, Meta, Name, Time, Tree};

/// The folder that is the brick. It is not the mount point itself: glusterd refuses that, and if the partition is not mounted, nothing
/// is written onto the root by mistake.
pub const FOLDER: &str = "brick";

/// The tree of a fresh brick: the folder [`FOLDER`] and nothing else; all times are `time`, in seconds since 1970.
#[must_use]
pub fn tree(time: i64) -> Tree {
    let meta = Meta::new(0o755, 0, 0, Time::from_seconds(time));
    let mut tree = Tree::new(meta.clone());
    let folder = tree.add(Inode::new(meta, Kind::directory()));
    let root = tree.inode_mut(crate::tree::InodeId::ROOT);
    if let (Kind::Directory(names), Some(name)) = (&mut root.kind, Name::new(FOLDER.as_bytes())) {
        names.insert(name, folder);
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_one_folder() {
        let tree = tree(7);
        let mut paths = Vec::new();
        tree.walk(&mut |path, _| paths.push(String::from_utf8(path.to_vec()).unwrap()));
        assert_eq!(paths, ["/", "/brick"]);
        for (_, inode) in tree.iter() {
            assert_eq!((inode.mode(), inode.meta.uid, inode.meta.gid, inode.meta.mtime.seconds), (0o040_755, 0, 0, 7));
        }
    }
}
