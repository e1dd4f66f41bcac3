//! The few kinds of edit that all settings are made of.

use crate::{
    node::NodeError,
    tree::{Content, Inode, Kind, Meta, Time, Tree},
};

/// Where packages put their units; the first is where Debian's own links point.
const UNIT_FOLDERS: [&str; 2] = ["/lib/systemd/system", "/usr/lib/systemd/system"];
/// Where the administrator puts units, and enables and masks them.
const LOCAL_UNITS: &str = "/etc/systemd/system";

/// A tree that is being edited; everything that is made gets the build's epoch as its times.
pub(super) struct Editor<'a> {
    pub(super) tree: &'a mut Tree,
    time: Time,
}

impl<'a> Editor<'a> {
    pub(super) fn new(tree: &'a mut Tree, epoch: i64) -> Self {
        Self { tree, time: Time::from_seconds(epoch) }
    }

    /// The build's epoch, in seconds since 1970.
    pub(super) fn epoch(&self) -> i64 {
        self.time.seconds
    }

    /// Metadata of something new.
    pub(super) fn meta(&self, permissions: u16, uid: u32, gid: u32) -> Meta {
        Meta::new(permissions, uid, gid, self.time)
    }

    /// The text of the file at `path`; empty when there is none.
    pub(super) fn text(&self, path: &str) -> Result<String, NodeError> {
        if self.is_file(path) { Ok(self.tree.read_text(path)?) } else { Ok(String::new()) }
    }

    /// Whether a regular file stands at `path`, links followed.
    pub(super) fn is_file(&self, path: &str) -> bool {
        self.tree.resolve(path).is_some_and(|id| self.tree.inode(id).content().is_some())
    }

    /// Gives the file at `path` new content. One that exists keeps owner and permissions; a new one is root's, with mode 0644.
    /// Nothing happens when it has this content already.
    pub(super) fn write(&mut self, path: &str, content: impl Into<Vec<u8>>) -> Result<(), NodeError> {
        let content = content.into();
        if !self.is_file(path) {
            return self.create(path, 0o644, 0, 0, content);
        }
        if self.tree.read(path)? != content {
            self.tree.rewrite(path, content, self.time)?;
        }
        Ok(())
    }

    /// Puts a new file at `path`, whatever stood there, with exactly these permissions and owner.
    pub(super) fn create(
        &mut self,
        path: &str,
        permissions: u16,
        uid: u32,
        gid: u32,
        content: impl Into<Vec<u8>>,
    ) -> Result<(), NodeError> {
        let meta = self.meta(permissions, uid, gid);
        self.tree.put_file(path, meta, Content::bytes(content.into()))?;
        Ok(())
    }

    /// Makes sure that a file stands at `path`, so that writing it later changes no folder. What is there stays, but what holds a
    /// secret (permissions without any for others than the owner) or is to be read-only gets its permissions.
    pub(super) fn reserve(&mut self, path: &str, permissions: u16) -> Result<(), NodeError> {
        if self.is_file(path) {
            if permissions != 0o644 {
                let bytes = self.tree.read(path)?;
                self.create(path, permissions, 0, 0, bytes)?;
            }
            return Ok(());
        }
        self.create(path, permissions, 0, 0, Vec::new())
    }

    /// Puts a symbolic link at `path`, whatever stood there; a link that leads to `target` already stays.
    pub(super) fn link(&mut self, path: &str, target: &str) -> Result<(), NodeError> {
        let present = self.tree.lookup(path).map(|id| &self.tree.inode(id).kind);
        if matches!(present, Some(Kind::Symlink(present)) if present == target.as_bytes()) {
            return Ok(());
        }
        let meta = self.meta(0o777, 0, 0);
        self.tree.put_link(path, target, meta)?;
        Ok(())
    }

    /// Makes a folder; missing parents are root's, with mode 0755. One that exists keeps what it has.
    pub(super) fn folder(&mut self, path: &str, permissions: u16, uid: u32, gid: u32) -> Result<(), NodeError> {
        if self.tree.resolve(path).is_none() {
            if let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
                let meta = self.meta(0o755, 0, 0);
                self.tree.make_folder(parent, &meta)?;
            }
            let folder = Inode::new(self.meta(permissions, uid, gid), Kind::directory());
            self.tree.put(path, folder)?;
        }
        let meta = self.meta(permissions, uid, gid);
        self.tree.make_folder(path, &meta)?;
        Ok(())
    }

    /// Removes what stands at `path`, if anything.
    pub(super) fn remove(&mut self, path: &str) -> Result<(), NodeError> {
        self.tree.remove(path)?;
        Ok(())
    }

    /// The names in a folder that are text, in byte order.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        self.tree.names(folder).into_iter().filter_map(|name| String::from_utf8(name).ok()).collect()
    }

    /// Path of the unit file that a package put into the image.
    pub(super) fn unit(&self, unit: &str) -> Option<String> {
        UNIT_FOLDERS.iter().map(|folder| format!("{folder}/{unit}")).find(|path| self.tree.resolve(path).is_some())
    }

    /// Enables a unit as `systemctl enable` does: `folder` is `multi-user.target.wants` or the like.
    pub(super) fn enable(&mut self, unit: &str, folder: &str, purpose: &'static str) -> Result<(), NodeError> {
        // An instance `getty@tty1.service` is of the file `getty@.service`.
        let file = match (unit.split_once('@'), unit.rsplit_once('.')) {
            (Some((name, _)), Some((_, kind))) => format!("{name}@.{kind}"),
            _ => unit.to_owned(),
        };
        let path = self.unit(&file).ok_or_else(|| NodeError::Missing { path: format!("{}/{file}", UNIT_FOLDERS[0]), purpose })?;
        let link = format!("{LOCAL_UNITS}/{folder}/{unit}");
        // One that leads to the same file by another name, as to `/usr/lib` for `/lib`, stays.
        if self.tree.resolve(&link).is_some_and(|enabled| Some(enabled) == self.tree.resolve(&path)) {
            return Ok(());
        }
        self.link(&link, &path)
    }

    /// Masks a unit if the image has it, and takes it out of every `.wants` and `.requires`. Only a mask lasts: in an image that
    /// applies presets on its first boot, a unit that is merely disabled is enabled again.
    pub(super) fn mask(&mut self, unit: &str) -> Result<(), NodeError> {
        let local = format!("{LOCAL_UNITS}/{unit}");
        // systemd makes a unit of each old start script, and a mask covers that, too.
        let script = unit.strip_suffix(".service").is_some_and(|name| self.is_file(&format!("/etc/init.d/{name}")));
        if self.unit(unit).is_none() && !self.tree.exists(&local) && !script {
            return Ok(());
        }
        for folder in self.names(LOCAL_UNITS) {
            if folder.ends_with(".wants") || folder.ends_with(".requires") {
                self.remove(&format!("{LOCAL_UNITS}/{folder}/{unit}"))?;
            }
        }
        self.link(&local, "/dev/null")
    }
}

/// `text` with the line `key=…` saying `value`; appended where there is none, other lines as they were.
pub(super) fn assign(text: &str, key: &str, value: &str) -> String {
    let is_it = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with('='));
    let mut done = false;
    let mut out = String::with_capacity(text.len() + key.len() + value.len() + 2);
    for line in text.lines() {
        if !is_it(line) {
            out.push_str(line);
            out.push('\n');
        } else if !done {
            done = true;
            out.push_str(&format!("{key}={value}\n"));
        }
    }
    if !done {
        out.push_str(&format!("{key}={value}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_replaces_its_line_only() {
        let text = "# LANG=x\nLANG=en\nLANGUAGE=en\nLANG=again\nX=1";
        assert_eq!(assign(text, "LANG", "de"), "# LANG=x\nLANG=de\nLANGUAGE=en\nX=1\n");
        assert_eq!(assign("", "A", "\"b\""), "A=\"b\"\n");
    }
}
