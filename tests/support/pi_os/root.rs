//! A root file system as a folder that is being filled.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use super::release::{Flavour, Release};

/// The folder.
#[derive(Debug)]
pub struct Root {
    folder: PathBuf,
    merged: bool,
    /// What links to units begin with.
    units: &'static str,
}

impl Root {
    /// An empty root with the folders that every system has.
    pub fn new(folder: &Path, flavour: &Flavour) -> Self {
        let units = if flavour.release == Release::Trixie { "/usr/lib/systemd/system" } else { "/lib/systemd/system" };
        let root = Self { folder: folder.to_owned(), merged: flavour.merged_usr, units };
        root.skeleton();
        root
    }

    /// An empty root of a present-day system that is not of Raspberry Pi.
    pub fn plain(folder: &Path) -> Self {
        let root = Self { folder: folder.to_owned(), merged: true, units: "/lib/systemd/system" };
        root.skeleton();
        root
    }

    fn skeleton(&self) {
        for folder in ["usr/bin", "usr/sbin", "usr/lib", "usr/share", "boot", "proc", "sys", "dev", "run", "home", "var/log", "mnt", "etc"]
        {
            self.folder(folder, 0o755);
        }
        self.folder("root", 0o700);
        self.folder("tmp", 0o1777);
        for name in ["bin", "sbin", "lib"] {
            if self.merged {
                self.link(name, &format!("usr/{name}"));
            } else {
                self.folder(name, 0o755);
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Where a path of this system leads on the host, with its parents made.
    pub fn at(&self, path: &str) -> PathBuf {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        path
    }

    /// A folder with these permissions.
    pub fn folder(&self, path: &str, mode: u32) {
        let path = self.at(path);
        fs::create_dir_all(&path).expect("a folder");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// A file with these permissions.
    pub fn put(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) {
        let path = self.at(path);
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// A file that all can read.
    pub fn text(&self, path: &str, content: impl AsRef<[u8]>) {
        self.put(path, content, 0o644);
    }

    /// A program that does nothing.
    pub fn program(&self, path: &str) {
        self.put(path, "#!/bin/sh\n", 0o755);
    }

    /// A file of /bin, /sbin or /lib of a system that has them apart, and of /usr otherwise.
    pub fn core(&self, path: &str) -> String {
        if self.merged { format!("usr/{path}") } else { path.to_owned() }
    }

    /// A file as `/etc/shadow` is: for root and the group `shadow`.
    pub fn secret(&self, path: &str, content: &str) {
        self.put(path, content, 0o640);
        self.owner(path, 0, 42);
    }

    pub fn owner(&self, path: &str, uid: u32, gid: u32) {
        chown(self.folder.join(path), Some(uid), Some(gid)).expect("root may");
    }

    pub fn link(&self, path: &str, target: &str) {
        symlink(target, self.at(path)).expect("a link");
    }

    /// A unit of a package.
    pub fn unit(&self, name: &str) {
        self.unit_text(name, "[Unit]\nDescription=Stand-in\n\n[Service]\nExecStart=/bin/true\n\n[Install]\nWantedBy=multi-user.target\n");
    }

    /// A unit of a package with a text of its own.
    pub fn unit_text(&self, name: &str, text: &str) {
        let folder = self.core("lib/systemd/system");
        self.text(&format!("{folder}/{name}"), text);
    }

    /// A unit of a package that is enabled for a target: `multi-user.target.wants`.
    pub fn enabled(&self, name: &str, wants: &str) {
        self.unit(name);
        self.enable(name, wants);
    }

    /// The link that enables a unit.
    pub fn enable(&self, name: &str, wants: &str) {
        self.link(&format!("etc/systemd/system/{wants}/{name}"), &format!("{}/{name}", self.units));
    }

    /// A link with another name than the unit's: of a template, or an alias.
    pub fn enable_as(&self, name: &str, wants: &str, unit: &str) {
        self.link(&format!("etc/systemd/system/{wants}/{name}"), &format!("{}/{unit}", self.units));
    }
}
