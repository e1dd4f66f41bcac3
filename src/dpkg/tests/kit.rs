//! A small system and packages for it, made in code.

use crate::{
    debian::deb::{ControlFile, Deb, Member, MemberKind},
    dpkg::{DpkgError, Incoming, Orders, Report, apply},
    tree::{Content, Kind, Meta, Time, Tree},
};

/// Seconds since 1970: of everything that a run makes up, and of what packages ship.
pub(super) const EPOCH: i64 = 1_700_000_000;
pub(super) const SHIPPED: i64 = 1_600_000_000;

/// A package in the making.
#[derive(Clone)]
pub(super) struct Package {
    control: String,
    files: Vec<(String, u16, String)>,
    members: Vec<Member>,
}

impl Package {
    /// `NAME VERSION`, for arm64, with the folders that every package has.
    pub(super) fn new(name: &str, version: &str) -> Self {
        let control = format!("Package: {name}\nVersion: {version}\nArchitecture: arm64\nMaintainer: m\nDescription: d\n");
        let package = Self { control, files: Vec::new(), members: Vec::new() };
        ["/", "/usr", "/usr/bin", "/usr/share"].iter().fold(package, |package, path| package.folder(path))
    }

    /// A line of its control file.
    pub(super) fn field(mut self, line: &str) -> Self {
        if let Some((field, _)) = line.split_once(':') {
            self.control = self.control.lines().filter(|own| !own.starts_with(field)).map(|line| format!("{line}\n")).collect();
        }
        self.control += &format!("{line}\n");
        self
    }

    /// A file of its control archive.
    pub(super) fn control(mut self, name: &str, text: &str) -> Self {
        let permissions = if name.starts_with("pre") || name.starts_with("post") { 0o755 } else { 0o644 };
        self.files.push((name.to_owned(), permissions, text.to_owned()));
        self
    }

    fn member(mut self, path: &str, permissions: u16, kind: MemberKind) -> Self {
        let (user, group) = (b"root".to_vec(), b"root".to_vec());
        self.members.push(Member { path: path.into(), permissions, uid: 0, gid: 0, user, group, mtime: SHIPPED, kind });
        self
    }

    pub(super) fn folder(self, path: &str) -> Self {
        self.member(path, 0o755, MemberKind::Folder)
    }

    pub(super) fn file(self, path: &str, text: &str) -> Self {
        let kind = MemberKind::File { content: Content::bytes(text.into()), md5: crate::dpkg::md5(text.as_bytes()) };
        self.member(path, 0o644, kind)
    }

    pub(super) fn link(self, path: &str, target: &str) -> Self {
        self.member(path, 0o777, MemberKind::Symlink(target.into()))
    }

    /// A file that no other package has: without one, a package disappears as soon as another comes.
    pub(super) fn own(self) -> Self {
        let name = self.control.lines().next().and_then(|line| line.strip_prefix("Package: ")).unwrap_or_default().to_owned();
        self.file(&format!("/usr/share/{name}.own"), &name)
    }

    pub(super) fn hard_link(self, path: &str, to: &str) -> Self {
        self.member(path, 0o644, MemberKind::HardLink(to.into()))
    }

    /// Gives the last member another owner and mode.
    pub(super) fn of(mut self, user: &str, permissions: u16) -> Self {
        if let Some(member) = self.members.last_mut() {
            (member.user, member.uid, member.permissions) = (user.into(), 4321, permissions);
        }
        self
    }

    /// A conffile, which is a file, too.
    pub(super) fn conffile(mut self, path: &str, text: &str) -> Self {
        let (folder, _) = path.rsplit_once('/').unwrap();
        if !self.members.iter().any(|member| member.path == folder.as_bytes()) {
            self = self.folder(folder);
        }
        match self.files.iter_mut().find(|(name, ..)| name == "conffiles") {
            Some((_, _, list)) => *list += &format!("{path}\n"),
            None => self = self.control("conffiles", &format!("{path}\n")),
        }
        self.file(path, text)
    }

    pub(super) fn deb(&self) -> Deb {
        let mut control =
            vec![ControlFile { name: "control".to_owned(), permissions: 0o644, mtime: SHIPPED, bytes: self.control.clone().into_bytes() }];
        for (name, permissions, text) in &self.files {
            control.push(ControlFile { name: name.clone(), permissions: *permissions, mtime: SHIPPED, bytes: text.clone().into_bytes() });
        }
        Deb { control, members: self.members.clone(), unpacked: None }
    }
}

/// A system with dpkg's database.
#[derive(Clone)]
pub(super) struct System {
    pub(super) tree: Tree,
}

impl System {
    /// A merged `/usr`, two users, and no packages.
    pub(super) fn new() -> Self {
        let meta = Meta::new(0o755, 0, 0, Time::from_seconds(SHIPPED));
        let mut system = Self { tree: Tree::new(meta.clone()) };
        for folder in ["/usr/bin", "/usr/lib", "/usr/share", "/etc", "/var/lib/dpkg/updates", "/var/lib/apt"] {
            system.tree.make_folder(folder, &meta).unwrap();
        }
        system.tree.put_link("/lib", "usr/lib", meta).unwrap();
        system.put("/var/lib/dpkg/info/format", "1\n");
        system.put("/var/lib/dpkg/status", "");
        system.put("/var/lib/dpkg/triggers/Unincorp", "");
        system.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\ndaemon:x:7:7::/:/bin/false\n");
        system.put("/etc/group", "root:x:0:\ndaemon:x:8:\n");
        system
    }

    pub(super) fn put(&mut self, path: &str, text: &str) {
        let meta = Meta::new(0o644, 0, 0, Time::from_seconds(SHIPPED));
        self.tree.put_file(path, meta, Content::bytes(text.into())).unwrap();
    }

    pub(super) fn text(&self, path: &str) -> String {
        self.tree.read_text(path).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.tree.exists(path)
    }

    /// The stanza of a package, empty if there is none.
    pub(super) fn stanza(&self, name: &str) -> String {
        let status = self.text("/var/lib/dpkg/status");
        status.split("\n\n").find(|stanza| stanza.starts_with(&format!("Package: {name}\n"))).unwrap_or_default().to_owned() + "\n"
    }

    /// A field of a package.
    pub(super) fn field(&self, name: &str, field: &str) -> Option<String> {
        let stanza = self.stanza(name);
        let line = stanza.lines().find_map(|line| line.strip_prefix(&format!("{field}:")))?;
        Some(line.trim().to_owned())
    }

    /// The conffiles that the database has of a package.
    pub(super) fn conffiles(&self, name: &str) -> Vec<String> {
        let stanza = self.stanza(name);
        let behind = stanza.lines().skip_while(|line| *line != "Conffiles:").skip(1);
        behind.take_while(|line| line.starts_with(' ')).map(|line| line.trim().to_owned()).collect()
    }

    /// The paths that the database has of a package.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.text(&format!("/var/lib/dpkg/info/{name}.list")).lines().map(str::to_owned).collect()
    }

    pub(super) fn try_apply(&mut self, orders: &Orders) -> Result<Report, DpkgError> {
        let mut tree = self.tree.clone();
        let report = apply(&mut tree, orders)?;
        self.tree = tree;
        Ok(report)
    }

    pub(super) fn try_unpack(&mut self, packages: &[&Package]) -> Result<Report, DpkgError> {
        let come = packages.iter().map(|package| Incoming { deb: package.deb(), is_asked: false }).collect();
        self.try_apply(&Orders { come, architecture: "arm64".to_owned(), epoch: EPOCH, ..Orders::default() })
    }

    pub(super) fn unpack(&mut self, packages: &[&Package]) -> Report {
        self.try_unpack(packages).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) fn remove(&mut self, names: &[&str]) -> Report {
        let go = names.iter().map(|name| (*name).to_owned()).collect();
        self.try_apply(&Orders { go, architecture: "arm64".to_owned(), epoch: EPOCH, ..Orders::default() }).unwrap()
    }

    /// Does what `dpkg --configure -a` would: every package is installed, its conffiles have their names.
    pub(super) fn configure(&mut self) {
        let mut new = Vec::new();
        self.tree.walk(&mut |path, _| {
            if path.ends_with(b".dpkg-new") {
                new.push(path.to_vec());
            }
        });
        for path in new {
            let to = path.strip_suffix(b".dpkg-new").unwrap();
            self.tree.remove(to).unwrap();
            self.tree.rename(&path, to).unwrap();
        }
        let status = self.text("/var/lib/dpkg/status").replace(" unpacked\n", " installed\n");
        let lines: Vec<String> = status
            .lines()
            .filter(|line| !line.starts_with("Config-Version"))
            .map(|line| match line.strip_suffix(" newconffile") {
                Some(path) => format!("{path} {}", crate::hex::encode(&crate::dpkg::md5(&self.tree.read(path.trim()).unwrap()))),
                None => line.to_owned(),
            })
            .collect();
        self.put("/var/lib/dpkg/status", &(lines.join("\n") + "\n"));
    }

    /// What a link leads to.
    pub(super) fn target(&self, path: &str) -> Option<String> {
        match &self.tree.inode(self.tree.lookup(path)?).kind {
            Kind::Symlink(target) => Some(String::from_utf8_lossy(target).into_owned()),
            _ => None,
        }
    }
}
