//! The overlays of the profile, on top of everything else.
//!
//! What every node gets is laid over the common tree already, so that names and inodes are equal on all; [`personal`] then lays what only
//! this node gets, and gives templates its values.

use std::sync::Arc;

use super::edit::Editor;
use crate::{
    accounts::Accounts,
    node::NodeError,
    overlay::{
        Content, Entry, Item, On, Owner,
        template::{self, Values, Wrong},
    },
    profile::{Node, Profile},
    tree,
};

/// Files by which nodes are told apart, or which say who there is: they are made of the profile and the ledger.
const MADE: [&str; 6] = ["/etc/group", "/etc/gshadow", "/etc/passwd", "/etc/shadow", "/etc/subgid", "/etc/subuid"];

/// Lays what every node gets, with the values of the first one. `made` are more files that are not to be replaced.
pub(super) fn common(editor: &mut Editor, profile: &Profile, made: &[&str]) -> Result<(), NodeError> {
    let Some(first) = profile.nodes.first() else { return Ok(()) };
    let mut layer = Layer { editor, profile, made, values: profile.values(first) };
    entries(profile).filter(|entry| entry.on == On::Every).try_for_each(|entry| layer.lay(entry, false))
}

/// Lays what this node gets; `made` as for [`common`].
pub(super) fn personal(editor: &mut Editor, profile: &Profile, node: &Node, made: &[&str]) -> Result<(), NodeError> {
    let mut layer = Layer { editor, profile, made, values: profile.values(node) };
    let entries: Vec<&Entry> = entries(profile).filter(|entry| node.gets(&entry.on)).collect();
    let is_alone = |entry: &Entry| entries.iter().filter(|other| other.path == entry.path).count() == 1;
    for entry in &entries {
        let is_done = entry.on == On::Every && !is_template(&entry.item) && is_alone(entry);
        if !is_done {
            layer.lay(entry, entry.on == On::Every)?;
        }
    }
    Ok(())
}

fn entries(profile: &Profile) -> impl Iterator<Item = &Entry> {
    profile.overlays.iter().flat_map(|overlay| &overlay.entries)
}

fn is_template(item: &Item) -> bool {
    matches!(item, Item::File { content, .. } if matches!(content.expose(), Content::Template { .. }))
}

fn wrong(entry: &Entry, what: String) -> NodeError {
    NodeError::Overlay { place: entry.place.clone(), what }
}

/// Where entries are laid, and what for.
struct Layer<'a, 'b> {
    editor: &'a mut Editor<'b>,
    profile: &'a Profile,
    made: &'a [&'a str],
    values: Values,
}

impl Layer<'_, '_> {
    /// Puts an entry into the tree; `again`: it was put there for all nodes, and differs by its values alone.
    fn lay(&mut self, entry: &Entry, again: bool) -> Result<(), NodeError> {
        self.guard(entry)?;
        let editor = &mut *self.editor;
        let path = entry.path.as_str();
        let done = match &entry.item {
            Item::Link(target) => editor.link(path, target),
            Item::Folder { permissions, owner } => {
                let (uid, gid) = numbers(editor, entry, owner)?;
                editor.folder(path, *permissions, uid, gid).and_then(|()| {
                    let id = editor.tree.find(path.as_bytes(), true)?;
                    let meta = &editor.tree.inode(id).meta;
                    if (meta.permissions, meta.uid, meta.gid) != (*permissions, uid, gid) {
                        let meta = &mut editor.tree.inode_mut(id).meta;
                        (meta.permissions, meta.uid, meta.gid) = (*permissions, uid, gid);
                    }
                    Ok(())
                })
            }
            Item::File { permissions, owner, content } => {
                let (uid, gid) = numbers(editor, entry, owner)?;
                let content = filled(content.expose(), &self.values)?;
                let is_there = editor.tree.lookup(path).is_some_and(|id| {
                    let inode = editor.tree.inode(id);
                    inode.content().is_some() && (inode.meta.permissions, inode.meta.uid, inode.meta.gid) == (*permissions, uid, gid)
                });
                if again && is_there {
                    editor.write(path, content.as_ref().clone())
                } else {
                    let meta = editor.meta(*permissions, uid, gid);
                    editor.tree.put_file(path, meta, tree::Content::shared(&content)).map(drop).map_err(NodeError::from)
                }
            }
        };
        done.map_err(|error| wrong(entry, error.to_string()))
    }

    /// Refuses what is not to be laid over, whatever links of the image or of an overlay lead there.
    fn guard(&self, entry: &Entry) -> Result<(), NodeError> {
        let tree = &self.editor.tree;
        // A link or file takes the place of a link; a folder is the one that it leads to.
        let is_folder = matches!(entry.item, Item::Folder { .. });
        let real = tree.real_path(entry.path.as_bytes(), is_folder).map_err(|error| wrong(entry, error.to_string()))?;
        let real = String::from_utf8_lossy(&real).into_owned();
        if let Some(path) = MADE.iter().chain(self.made).find(|path| **path == real) {
            return Err(wrong(entry, format!("`{path}` is made of the profile, and not to be replaced")));
        }
        match self.profile.closed(&real) {
            Some((folder, reason)) => Err(wrong(entry, format!("it leads to `{real}`, and nothing can be laid into `{folder}`: {reason}"))),
            None => Ok(()),
        }
    }
}

/// What is in a file on the node with these values.
fn filled(content: &Content, values: &Values) -> Result<Arc<Vec<u8>>, NodeError> {
    match content {
        Content::Bytes(bytes) => Ok(Arc::clone(bytes)),
        Content::Template { text, name } => match template::fill(text, values) {
            Ok(text) => Ok(Arc::new(text.into_bytes())),
            Err(Wrong { line, what }) => Err(NodeError::Overlay { place: format!("{name}:{line}"), what }),
        },
    }
}

/// The numbers of an owner, by the accounts of the image where they are names.
fn numbers(editor: &Editor, entry: &Entry, owner: &Owner) -> Result<(u32, u32), NodeError> {
    let number = |name: &str, file: &str, what: &str| {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            // The last one means none to chown(2).
            let number = name.parse().ok().filter(|number| *number != u32::MAX);
            return number.ok_or_else(|| wrong(entry, format!("`{}` is no number of a {what}", name.escape_debug())));
        }
        let accounts = Accounts::parse(editor.text(file)?.as_bytes());
        let missing = || {
            format!("the image has no {what} `{}`; those that a package makes when it is configured are not there yet", name.escape_debug())
        };
        accounts.number(name).ok_or_else(|| wrong(entry, missing()))
    };
    Ok((number(&owner.user, "/etc/passwd", "user")?, number(&owner.group, "/etc/group", "group")?))
}
