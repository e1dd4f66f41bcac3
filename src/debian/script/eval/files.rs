//! The files of the image, as a script sees them.

use super::{
    Field, Machine, matches,
    pattern::{is_pattern, unquote},
};
use crate::{
    debian::script::{Done, Effect, Helper, ScriptError},
    disk::Storage as _,
    tree::{Inode, Kind},
};

/// Where commands are looked for.
pub(in crate::debian::script) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// What stands at a path.
pub(in crate::debian::script) enum Found<'t> {
    Nothing,
    Inode(&'t Inode),
    Unknown,
}

impl<'a> Machine<'a> {
    /// An absolute path without `.`, doubled slashes and the like; `None` when the working folder is not known.
    pub(in crate::debian::script) fn path(&self, path: &str) -> Option<String> {
        let mut parts: Vec<&str> = Vec::new();
        let folder = self.state.as_ref().and_then(|state| state.folder.clone());
        let start = if path.starts_with('/') { "" } else { folder.as_deref()? };
        for part in start.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                // What is above a link is not known by its text.
                ".." => parts.push(".."),
                part => parts.push(part),
            }
        }
        Some(format!("/{}", parts.join("/")))
    }

    /// What stands at an absolute path.
    pub(in crate::debian::script) fn look(&self, path: &str, follow: bool) -> Found<'a> {
        if path == "/dev/null" || path == "/proc" || path == "/sys" || path == "/dev" {
            return Found::Unknown;
        }
        if ["/proc/", "/sys/", "/dev/"].iter().any(|root| path.starts_with(root)) || self.is_touched(path) {
            return Found::Unknown;
        }
        let tree = self.world.tree;
        let id = if follow { tree.resolve(path) } else { tree.lookup(path) };
        id.and_then(|id| tree.get(id)).map_or(Found::Nothing, Found::Inode)
    }

    /// Whether something stands at a path, links followed.
    pub(in crate::debian::script) fn exists(&self, path: &str) -> Option<bool> {
        match self.look(path, true) {
            Found::Nothing => Some(false),
            Found::Inode(_) => Some(true),
            Found::Unknown => None,
        }
    }

    /// Whether something, be it a link that leads nowhere, stands at a path.
    pub(in crate::debian::script) fn there(&self, path: &str) -> Option<bool> {
        match self.look(path, false) {
            Found::Nothing => Some(false),
            Found::Inode(_) => Some(true),
            Found::Unknown => None,
        }
    }

    /// Whether a folder, or a link to one, stands at a path.
    pub(in crate::debian::script) fn is_folder(&self, path: &str) -> Option<bool> {
        self.children(path, true).map(|children| children.is_some())
    }

    /// Whether a folder stands at a path.
    pub(in crate::debian::script) fn is_own_folder(&self, path: &str) -> Option<bool> {
        self.children(path, false).map(|children| children.is_some())
    }

    /// Whether an empty folder stands at a path.
    pub(in crate::debian::script) fn is_empty_folder(&self, path: &str) -> Option<bool> {
        self.children(path, false).map(|children| children == Some(0))
    }

    /// How many names the folder at a path has; `Some(None)` when there is no folder.
    fn children(&self, path: &str, follow: bool) -> Option<Option<usize>> {
        match self.look(path, follow) {
            Found::Nothing => Some(None),
            Found::Inode(inode) => Some(inode.children().map(std::collections::BTreeMap::len)),
            Found::Unknown => None,
        }
    }

    /// Whether a path, with its links followed, is another.
    pub(in crate::debian::script) fn same_place(&self, path: &str, other: &str) -> bool {
        self.canonical(path, true) == other
    }

    /// The text of a file of the image; `None` when it is not known.
    pub(in crate::debian::script) fn file_text(&mut self, path: &str) -> Result<Option<String>, ScriptError> {
        let Found::Inode(inode) = self.look(path, true) else { return Ok(None) };
        match inode.content() {
            Some(content) if content.size() <= 1 << 20 => {
                self.spend(usize::try_from(content.size()).unwrap_or(usize::MAX) / 1024)?;
                Ok(self.world.tree.read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok()))
            }
            _ => Ok(None),
        }
    }

    /// Where the command of this name is; `Some(None)` when there is none.
    pub(in crate::debian::script) fn program(&self, name: &str) -> Option<Option<String>> {
        let is_usual = matches!(self.variable("PATH"), super::Value::Known(path) if &*path == PATH);
        if name.contains('/') {
            let path = self.path(name)?;
            return Some(self.exists(&path)?.then_some(path));
        }
        if !is_usual {
            return None;
        }
        for folder in PATH.split(':') {
            let path = format!("{folder}/{name}");
            match self.look(&path, true) {
                Found::Inode(inode) if inode.content().is_some() && inode.meta.permissions & 0o111 != 0 => return Some(Some(path)),
                Found::Unknown => return None,
                _ => {}
            }
        }
        Some(None)
    }

    /// The names of files that a pattern matches, or the pattern as text when there are none.
    pub(super) fn names(&mut self, pattern: &str) -> Result<Vec<Field>, ScriptError> {
        let unknown = || Ok(vec![Field { text: unquote(pattern), known: false, many: true }]);
        if !pattern.starts_with('/') {
            return unknown();
        }
        let mut found = vec![String::new()];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let mut next = Vec::new();
            for folder in found {
                let here = if folder.is_empty() { "/" } else { &folder };
                if matches!(self.look(here, true), Found::Unknown) {
                    return unknown();
                }
                if !is_pattern(part) {
                    let path = format!("{folder}/{}", unquote(part));
                    if self.is_touched(&path) {
                        return unknown();
                    }
                    if self.world.tree.exists(&path) {
                        next.push(path);
                    }
                    continue;
                }
                let names = self.world.tree.names(here);
                self.spend(1 + names.len() / 8)?;
                for name in names {
                    let Ok(name) = String::from_utf8(name) else { return unknown() };
                    if matches(part, &name) && (!name.starts_with('.') || part.starts_with('.')) {
                        next.push(format!("{folder}/{name}"));
                    }
                }
            }
            found = next;
        }
        if found.is_empty() {
            return Ok(vec![Field::known(unquote(pattern))]);
        }
        Ok(found.into_iter().map(Field::known).collect())
    }

    /// Whether the script may have changed what stands at a path, or something above or below it.
    fn is_touched(&self, path: &str) -> bool {
        let Some(touched) = &self.touched else { return true };
        if touched.is_empty() {
            return false;
        }
        let paths = [self.canonical(path, false), self.canonical(path, true)];
        let is_in = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        paths.iter().any(|path| touched.iter().any(|other| is_in(path, other) || is_in(other, path)))
    }

    /// The path without links; with `follow` what the last part leads to, when it is a link.
    fn canonical(&self, path: &str, follow: bool) -> String {
        let tree = self.world.tree;
        let mut pending: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = pending.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(part),
            }
            let here = format!("/{}", done.join("/"));
            let link = tree.lookup(&here).and_then(|id| match &tree.inode(id).kind {
                Kind::Symlink(target) if follow || !pending.is_empty() => Some(String::from_utf8_lossy(target).into_owned()),
                _ => None,
            });
            if let Some(target) = link.filter(|_| links < MAX_LINKS) {
                links += 1;
                done.pop();
                if target.starts_with('/') {
                    done.clear();
                }
                pending.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        format!("/{}", done.join("/"))
    }

    /// Remembers what a change may have changed.
    pub(super) fn touch(&mut self, done: &Done) {
        let paths: Vec<&str> = match &done.effect {
            // What they change is not in their arguments.
            Effect::Other { .. }
            | Effect::Refresh { .. }
            | Effect::SysusersFile(_)
            | Effect::TmpfilesFile(_)
            | Effect::ChangeAlternative { .. }
            | Effect::Service { .. } => {
                self.touched = None;
                return;
            }
            Effect::Divert { from, to, .. } => vec![from, to],
            Effect::Undivert { from, to, .. } => {
                if to.is_none() {
                    self.touched = None;
                    return;
                }
                [Some(from), to.as_ref()].into_iter().flatten().map(String::as_str).collect()
            }
            Effect::RemoveFile { path, .. }
            | Effect::RemoveFolder { path }
            | Effect::MakeFolder { path, .. }
            | Effect::Touch { path }
            | Effect::WriteFile { path }
            | Effect::Link { path, .. }
            | Effect::Mode { path, .. }
            | Effect::Owner { path, .. } => vec![path],
            Effect::Rename { from, to } => vec![from, to],
            Effect::Copy { to, .. } => vec![to],
            Effect::Helper(Helper::RemoveConffile { path, .. } | Helper::SymlinkToDir { path, .. } | Helper::DirToSymlink { path, .. }) => {
                vec![path]
            }
            Effect::Helper(Helper::MoveConffile { from, to, .. }) => vec![from, to],
            Effect::Group { .. } | Effect::User(_) | Effect::Member { .. } | Effect::RemoveUser(_) | Effect::RemoveGroup(_) => {
                vec!["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/home", "/var/mail"]
            }
            Effect::Unit { .. } => vec!["/etc/systemd", "/var/lib/systemd"],
            Effect::UpdateRcD { .. } => {
                vec!["/etc/rc0.d", "/etc/rc1.d", "/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d", "/etc/rc6.d", "/etc/rcS.d"]
            }
            Effect::Debconf { .. } => vec!["/var/cache/debconf"],
            Effect::Trigger { .. } | Effect::Statoverride { .. } => vec!["/var/lib/dpkg"],
            Effect::InstallAlternative { arguments } => {
                let paths = arguments.iter().filter(|argument| argument.starts_with('/')).map(String::as_str);
                paths.chain(["/etc/alternatives", "/var/lib/dpkg/alternatives"]).collect()
            }
            Effect::Ucf { arguments } => {
                let paths = arguments.iter().filter(|argument| argument.starts_with('/')).map(String::as_str);
                paths.chain(["/var/lib/ucf"]).collect()
            }
            Effect::PyClean { .. } | Effect::PyCompile { .. } => vec!["/usr/lib", "/usr/share", "/opt"],
            Effect::Fail { .. } => vec![],
        };
        let home = if let Effect::User(user) = &done.effect { Some(user.home.as_str()) } else { None };
        let paths = paths.into_iter().chain(home);
        let paths: Vec<String> = paths.flat_map(|path| [self.canonical(path, false), self.canonical(path, true)]).collect();
        if let Some(touched) = &mut self.touched {
            touched.extend(paths);
        }
    }
}
