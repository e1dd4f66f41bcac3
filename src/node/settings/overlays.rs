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
    for entry in entries(profile) {
        if let Some(path) = MADE.iter().chain(made).find(|path| **path == entry.path) {
            let what = format!("`{path}` is made of the profile, and not to be replaced");
            return Err(wrong(entry, what));
        }
    }
    let Some(first) = profile.nodes.first() else { return Ok(()) };
    let values = profile.values(first);
    entries(profile).filter(|entry| entry.on == On::Every).try_for_each(|entry| lay(editor, entry, &values, false))
}

/// Lays what this node gets.
pub(super) fn personal(editor: &mut Editor, profile: &Profile, node: &Node) -> Result<(), NodeError> {
    let values = profile.values(node);
    entries(profile).filter(|entry| node.gets(&entry.on)).try_for_each(|entry| lay(editor, entry, &values, entry.on == On::Every))
}

fn entries(profile: &Profile) -> impl Iterator<Item = &Entry> {
    profile.overlays.iter().flat_map(|overlay| &overlay.entries)
}

fn wrong(entry: &Entry, what: String) -> NodeError {
    NodeError::Overlay { place: entry.place.clone(), what }
}

/// Puts an entry into the tree; `again`: it was put there for all nodes, and differs by its values alone.
fn lay(editor: &mut Editor, entry: &Entry, values: &Values, again: bool) -> Result<(), NodeError> {
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
            let content = filled(content.expose(), values)?;
            let is_there = editor.tree.lookup(path).is_some_and(|id| {
                let inode = editor.tree.inode(id);
                inode.content().is_some() && (inode.meta.permissions, inode.meta.uid, inode.meta.gid) == (*permissions, uid, gid)
            });
            if again && is_there {
                editor.write(path, content.as_ref().clone())
            } else {
                let meta = editor.meta(*permissions, uid, gid);
                editor.tree.put_file(path, meta, tree::Content::shared(&content)).map(|_| ()).map_err(NodeError::from)
            }
        }
    };
    done.map_err(|error| wrong(entry, error.to_string()))
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
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        let accounts = Accounts::parse(editor.text(file)?.as_bytes());
        accounts.number(name).ok_or_else(|| wrong(entry, format!("the image has no {what} `{}`", name.escape_debug())))
    };
    Ok((number(&owner.user, "/etc/passwd", "user")?, number(&owner.group, "/etc/group", "group")?))
}
