//! A mounted root file system, looked at without leaving it: links are read, never followed out of it.

use std::{
    cell::LazyCell,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::support::{Mount, image::Image};

/// A view that is opened when it is first looked through: e2fsck remarks on images that are mounted, so it has its turn before.
pub(super) type LateView = LazyCell<View, Box<dyn FnOnce() -> View>>;

/// The root partition of an image, mounted read-only.
#[derive(Debug)]
pub(super) struct View {
    mount: Mount,
}

impl View {
    /// Mounts partition 2 of `image` beside it.
    fn new(image: &Image) -> Self {
        let root = &image.partitions[1];
        // noload: not even a journal is replayed.
        let options = format!("ro,noload,offset={},sizelimit={}", root.start, root.size);
        Self { mount: Mount::new(&image.path, &image.path.with_extension("view"), &options) }
    }

    pub(super) fn root(&self) -> &Path {
        self.mount.path()
    }

    /// The same, but later.
    pub(super) fn later(image: &Image) -> LateView {
        let image = image.clone();
        LazyCell::new(Box::new(move || Self::new(&image)))
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// Whether something has this name.
    pub(super) fn exists(&self, path: &str) -> bool {
        fs::symlink_metadata(self.at(path)).is_ok()
    }

    /// The text of a file that must be there.
    #[track_caller]
    pub(super) fn text(&self, path: &str) -> String {
        self.read(path).unwrap_or_else(|| panic!("{path} is missing"))
    }

    /// The text of a regular file, if there is one.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        let at = self.at(path);
        let kind = fs::symlink_metadata(&at).ok()?;
        kind.is_file().then(|| String::from_utf8(fs::read(&at).expect("a readable file")).expect("a text"))
    }

    /// Where a link leads, if it is one.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        fs::read_link(self.at(path)).ok().map(|target| target.to_str().expect("a text").to_owned())
    }

    /// The names in a folder; none where there is no folder.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.at(path)).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a text")).collect();
        names.sort();
        names
    }

    /// Permissions, owner and group.
    #[track_caller]
    pub(super) fn mode(&self, path: &str) -> (u32, u32, u32) {
        let meta = fs::symlink_metadata(self.at(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        (meta.mode() & 0o7777, meta.uid(), meta.gid())
    }

    /// Time of the last change of content, in seconds since 1970.
    pub(super) fn modified(&self, path: &str) -> i64 {
        fs::symlink_metadata(self.at(path)).expect("it is there").mtime()
    }

    /// Whether systemd would not start this unit for anybody.
    pub(super) fn is_masked(&self, unit: &str) -> bool {
        self.link(&format!("/etc/systemd/system/{unit}")).as_deref() == Some("/dev/null")
    }

    /// Whether a unit is enabled for a target by the administrator's link.
    pub(super) fn is_enabled(&self, unit: &str, wants: &str) -> bool {
        !self.is_masked(unit) && self.exists(&format!("/etc/systemd/system/{wants}/{unit}"))
    }

    /// Whether a package brings this unit.
    pub(super) fn has_unit(&self, unit: &str) -> bool {
        ["/lib/systemd/system", "/usr/lib/systemd/system"].iter().any(|folder| self.exists(&format!("{folder}/{unit}")))
    }
}

/// The fields of a record of passwd(5) and its like.
#[track_caller]
pub(super) fn record(text: &str, name: &str) -> Vec<String> {
    let mut records = text.lines().filter(|line| line.split(':').next() == Some(name));
    let found = records.next().unwrap_or_else(|| panic!("no `{name}` in\n{text}"));
    assert!(records.next().is_none(), "`{name}` twice in\n{text}");
    found.split(':').map(str::to_owned).collect()
}
