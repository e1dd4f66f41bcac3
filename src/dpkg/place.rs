//! Files of a package into a tree, as dpkg extracts them.

use std::collections::HashMap;

use super::{
    DpkgError,
    arrival::{Arrival, Placed},
    contest::{self, Present, Verdict},
    database::{Database, Path},
    edit::Editor,
};
use crate::{
    accounts::Accounts,
    debian::deb::{Member, MemberKind},
    disk::Storage as _,
    tree::{Content, InodeId, Kind, Meta, Tree},
};

/// What a conffile is called until the package is configured.
const NEW: &[u8] = b".dpkg-new";
/// What dpkg calls a file that it moves out of the way; one that was left behind is cleaned up.
const OLD: &[u8] = b".dpkg-tmp";
/// As many links as dpkg follows from the path of a conffile to the file.
const MAX_LINKS: usize = 25;

/// Puts all members into the tree, in the order of the archive; but symbolic links last, so that nothing is put through one of them.
pub(super) fn place_all(database: &mut Database, editor: &mut Editor<'_>, arrival: &mut Arrival<'_>) -> Result<(), DpkgError> {
    let mut placing = Placing { owners: Owners::read(editor.tree), database, editor, arrival, inodes: HashMap::new() };
    // Borrowed from the archive, not from the arrival that is changed.
    let deb = placing.arrival.deb;
    let (links, others): (Vec<_>, Vec<_>) = deb.members.iter().partition(|member| matches!(member.kind, MemberKind::Symlink(_)));
    others.into_iter().chain(links).try_for_each(|member| placing.place(member))
}

/// Users and groups of the system: where it knows the name that an archive gives an owner, its number counts.
struct Owners {
    users: Accounts,
    groups: Accounts,
}

impl Owners {
    fn read(tree: &Tree) -> Self {
        let [users, groups] = ["/etc/passwd", "/etc/group"].map(|path| Accounts::parse(&tree.read(path).unwrap_or_default()));
        Self { users, groups }
    }

    fn of(&self, member: &Member) -> (u32, u32) {
        let number = |accounts: &Accounts, name: &[u8]| std::str::from_utf8(name).ok().and_then(|name| accounts.number(name));
        (number(&self.users, &member.user).unwrap_or(member.uid), number(&self.groups, &member.group).unwrap_or(member.gid))
    }
}

struct Placing<'p, 'e, 'a> {
    database: &'p mut Database,
    editor: &'p mut Editor<'e>,
    arrival: &'p mut Arrival<'a>,
    owners: Owners,
    /// Regular files that were placed, by the path that the package ships.
    inodes: HashMap<Path, InodeId>,
}

impl Placing<'_, '_, '_> {
    fn fail<T>(&self, path: &[u8], reason: &str) -> Result<T, DpkgError> {
        let package = self.arrival.name().to_owned();
        Err(DpkgError::Place { package, path: path.escape_ascii().to_string(), reason: reason.to_owned() })
    }

    fn place(&mut self, member: &Member) -> Result<(), DpkgError> {
        let path = listed(&member.path);
        if path.contains(&b'\n') {
            return self.fail(&path, "its name has a line feed, and could not be told from two in dpkg's lists");
        }
        if self.arrival.conffiles.iter().any(|conffile| conffile.goes_on_upgrade && conffile.path.as_bytes() == &*path) {
            return self.fail(&path, "it is a conffile that the package removes");
        }
        if let Some(diversion) = self.database.diversions.to(&path) {
            let owner = format!("the diversion of `{}`", diversion.from);
            return Err(DpkgError::Conflict { package: self.arrival.name().to_owned(), path: path.escape_ascii().to_string(), owner });
        }
        let target = self.database.diversions.place(&path, self.arrival.name()).to_vec();
        self.database.touch_path(&target, self.arrival.id);
        let conffile = self.arrival.conffile(&path);
        let target = if conffile.is_some() { self.dereferenced(target) } else { target };

        let present = self.editor.tree.lookup(&target);
        let stays = self.stays(member, &target, present);
        let what = match present.map(|id| &self.editor.tree.inode(id).kind) {
            None => Present::Nothing,
            Some(Kind::File(_)) => Present::RegularFile,
            Some(_) => Present::Other,
        };
        let verdict = match stays {
            true => Verdict::Place,
            false => contest::decide(self.database, self.arrival, &path, what, matches!(member.kind, MemberKind::Folder))?,
        };
        let is_left_out = self.database.filters.leaves_out(&path, matches!(member.kind, MemberKind::Folder | MemberKind::Symlink(_)));
        match verdict {
            Verdict::Keep => {
                if let Some(index) = conffile {
                    self.arrival.conffiles[index].is_obsolete = true;
                }
                return Ok(());
            }
            _ if is_left_out => {
                self.arrival.files.push(Placed { path, is_taken: false, is_left_out, md5: None });
                return Ok(());
            }
            Verdict::Place if stays => {
                self.list(path, false, member);
                return Ok(());
            }
            Verdict::Place => {}
            Verdict::Share => {
                if !self.is_equal(member, conffile, present) {
                    let owner = "the package for another architecture, with other content".to_owned();
                    let path = path.escape_ascii().to_string();
                    return Err(DpkgError::Conflict { package: self.arrival.name().to_owned(), path, owner });
                }
                self.list(path, false, member);
                return Ok(());
            }
        }
        let [fresh, moved] = [NEW, OLD].map(|ending| [&target, ending].concat());
        self.editor.remove(&fresh)?;
        self.editor.remove(&moved)?;
        self.extract(member, &path, if conffile.is_some() { &fresh } else { &target })?;
        self.list(path, true, member);
        Ok(())
    }

    /// Whether a folder that is there already serves, and nothing is done.
    fn stays(&self, member: &Member, target: &[u8], present: Option<InodeId>) -> bool {
        let tree = &*self.editor.tree;
        match &member.kind {
            MemberKind::Folder => self.editor.folder(target).is_some(),
            MemberKind::Symlink(link) => match present.map(|id| &tree.inode(id).kind) {
                Some(Kind::Directory(_)) => true,
                Some(Kind::Symlink(_)) => {
                    let folder = target.iter().rposition(|byte| *byte == b'/').map_or(target, |slash| &target[..=slash]);
                    let proposed = if link.starts_with(b"/") { link.clone() } else { [folder, link].concat() };
                    let led_to = self.editor.folder(target);
                    led_to.is_some() && led_to == self.editor.folder(&proposed)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether what comes is what the package for another architecture has put there.
    fn is_equal(&self, member: &Member, conffile: Option<usize>, present: Option<InodeId>) -> bool {
        let Some(inode) = present.map(|id| self.editor.tree.inode(id)) else { return false };
        let is_same = |one: &Content, other: &Content| one.size() == other.size() && are_equal(one, other);
        match (&member.kind, &inode.kind) {
            (MemberKind::Folder, _) => true,
            // A conffile is compared with what was shipped, which may have been edited since.
            (MemberKind::File { md5, .. }, _) if conffile.is_some() => {
                let known = self.database.of_name(self.arrival.name()).iter().flat_map(|id| &self.database.get(*id).conffiles);
                let path = listed(&member.path);
                let hash = crate::hex::encode(md5);
                known.filter(|known| known.path.as_bytes() == &*path).any(|known| known.hash == hash)
            }
            (MemberKind::File { content, .. }, Kind::File(other)) => is_same(content, other),
            (MemberKind::HardLink(to), Kind::File(other)) => {
                let content = self.arrival.deb.members.iter().find(|member| member.path == *to).map(|member| &member.kind);
                matches!(content, Some(MemberKind::File { content, .. }) if is_same(content, other))
            }
            (MemberKind::Symlink(link), Kind::Symlink(other)) => link == other,
            (MemberKind::Fifo, Kind::Fifo) => true,
            (MemberKind::CharDevice { major, minor }, Kind::CharDevice { major: x, minor: y })
            | (MemberKind::BlockDevice { major, minor }, Kind::BlockDevice { major: x, minor: y }) => (major, minor) == (x, y),
            _ => false,
        }
    }

    /// Puts one member at `target`, in the place of whatever is there.
    fn extract(&mut self, member: &Member, path: &Path, target: &[u8]) -> Result<InodeId, DpkgError> {
        let meta = self.meta(member, path);
        let kind = match &member.kind {
            MemberKind::Folder => Kind::directory(),
            MemberKind::File { content, .. } => Kind::File(content.clone()),
            MemberKind::Symlink(link) => Kind::Symlink(link.clone()),
            MemberKind::CharDevice { major, minor } => Kind::CharDevice { major: *major, minor: *minor },
            MemberKind::BlockDevice { major, minor } => Kind::BlockDevice { major: *major, minor: *minor },
            MemberKind::Fifo => Kind::Fifo,
            MemberKind::HardLink(to) => return self.link(&listed(to), target, meta),
        };
        let is_file = matches!(kind, Kind::File(_));
        let id = match self.editor.place(target, meta, kind) {
            Ok(id) => id,
            Err(error) => return self.fail(target, &error.to_string()),
        };
        if is_file {
            self.inodes.insert(Path::clone(path), id);
        }
        Ok(id)
    }

    /// One more name for a file that this package has, which may have stood there before.
    fn link(&mut self, to: &[u8], target: &[u8], meta: Meta) -> Result<InodeId, DpkgError> {
        let before = || self.editor.tree.lookup(self.database.diversions.place(to, self.arrival.name()));
        let Some(id) = self.inodes.get(to).copied().or_else(before).filter(|id| self.editor.tree.inode(*id).content().is_some()) else {
            return self.fail(target, "it is a hard link to what is not there");
        };
        if let Err(error) = self.editor.tree.place_link(target, id) {
            return self.fail(target, &error.to_string());
        }
        // Owner and permissions are set once more by the later name.
        let own = &mut self.editor.tree.inode_mut(id).meta;
        (own.permissions, own.uid, own.gid, own.mtime) = (meta.permissions, meta.uid, meta.gid, meta.mtime);
        Ok(id)
    }

    fn meta(&self, member: &Member, path: &[u8]) -> Meta {
        let Member { permissions, mtime, .. } = *member;
        let (uid, gid) = self.owners.of(member);
        let (permissions, uid, gid) = match self.database.overrides.of(path) {
            Some(given) => (given.permissions, given.uid, given.gid),
            None => (permissions, uid, gid),
        };
        let permissions = if matches!(member.kind, MemberKind::Symlink(_)) { 0o777 } else { permissions };
        self.editor.meta(permissions, uid, gid, mtime)
    }

    fn list(&mut self, path: Path, is_taken: bool, member: &Member) {
        let md5 = match &member.kind {
            MemberKind::File { md5, .. } => Some(*md5),
            MemberKind::HardLink(to) => {
                let to = listed(to);
                self.arrival.files.iter().find(|file| file.path == to).and_then(|file| file.md5)
            }
            _ => None,
        };
        self.arrival.files.push(Placed { path, is_taken, is_left_out: false, md5 });
    }

    /// Where the file of a conffile is: its links are followed, so that an administrator's link stays one.
    fn dereferenced(&self, path: Vec<u8>) -> Vec<u8> {
        dereferenced(self.editor, &path).unwrap_or(path)
    }
}

/// A path as dpkg's lists have it.
pub(super) fn listed(path: &[u8]) -> Path {
    if path == b"/" { Path::from(&b"/."[..]) } else { Path::from(path) }
}

/// Follows the links at a path of a conffile; `None` when they lead to no regular file.
pub(super) fn dereferenced(editor: &Editor<'_>, path: &[u8]) -> Option<Vec<u8>> {
    let mut here = path.to_vec();
    for _ in 0..MAX_LINKS {
        match editor.tree.lookup(&here).map(|id| &editor.tree.inode(id).kind) {
            None | Some(Kind::File(_)) => return Some(here),
            Some(Kind::Symlink(link)) if link.starts_with(b"/") => here.clone_from(link),
            Some(Kind::Symlink(link)) => {
                let slash = here.iter().rposition(|byte| *byte == b'/')?;
                here.truncate(slash + 1);
                here.extend_from_slice(link);
            }
            Some(_) => return None,
        }
    }
    None
}

/// Whether two contents of one size have the same bytes. What cannot be read is not equal to anything.
fn are_equal(one: &Content, other: &Content) -> bool {
    const PIECE: usize = 256 << 10;
    let (mut a, mut b) = (vec![0; PIECE], vec![0; PIECE]);
    let mut at = 0;
    while at < one.size() {
        let count = usize::try_from(one.size() - at).unwrap_or(PIECE).min(PIECE);
        let (a, b) = (&mut a[..count], &mut b[..count]);
        if one.read_exact_at(at, a).is_err() || other.read_exact_at(at, b).is_err() || a != b {
            return false;
        }
        at += count as u64;
    }
    true
}
