//! The tree with which all begins: as a [`Tree`] for us, as a folder for the real dpkg.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use berry_image::{
    base::{
        Base,
        cache::{Cache, CacheError, Made},
        debian::{archive::tree_from_tar, recipe, sources},
        source,
    },
    disk::{FileStorage, Storage},
    profile::BaseReference,
    progress::{Silent, Stop},
    tree::{Content, Meta, Time, Tree},
};
use sha2::{Digest as _, Sha256};

use crate::{
    place::Place,
    support::{
        Mount,
        image::Image,
        program::{folder, ok, tool},
    },
};

const SUITE: &str = "bookworm";
/// What the base of a Pi has, but for what makes it boot.
const PACKAGES: &str = include_str!("../../src/base/debian/packages.txt");
const BOOT: [&str; 3] = ["linux-image-arm64", "raspi-firmware", "firmware-brcm80211"];
/// Files of no package that make a tree one in which tests can work. No service is started in it.
pub(crate) const POLICY: (&str, u16, &str) = ("/usr/sbin/policy-rc.d", 0o755, "#!/bin/sh\nexit 101\n");
/// When those were made.
const TIME: i64 = 1_600_000_000;

/// A tree of Debian, at the versions with which its release was made, and where to get newer ones.
pub(crate) struct Ground {
    /// As dpkg calls it.
    pub(crate) architecture: String,
    tree: Tree,
    stored: Stored,
    /// Path, permissions, text.
    added: Vec<(&'static str, u16, String)>,
}

enum Stored {
    /// A tar archive, and the folder that goes with it.
    Archive(Arc<FileStorage>, #[expect(dead_code, reason = "removed when this is dropped")] Option<tempfile::TempDir>),
    /// A disk whose second partition it is.
    Disk(Arc<FileStorage>),
}

impl Ground {
    /// Of this machine's own architecture, so that nothing is emulated. It is made once, in a minute, and kept beside the other bases.
    pub(crate) fn native() -> Self {
        let mirrors = sources(SUITE);
        assert!(mirrors.len() > 1, "this machine's apt has no source of Debian's {SUITE} and its security fixes: {mirrors:?}");
        // Without updates and security fixes, so that there is something to upgrade.
        let arguments = arguments(&mirrors[..1]);
        let architecture = ok(tool("dpkg").arg("--print-architecture")).trim().to_owned();
        let digest = Sha256::digest(arguments.join("\n"));
        let key = format!("oracle-{SUITE}-{architecture}-{}", berry_image::hex::encode(&digest[..8]));
        let cache = Cache::open_default().unwrap();
        let made = cache.get_or_make(&key, "tree for tests", &Silent, &Stop::default(), |_, temp| Ok(make(&arguments, temp.file())));
        let entry = made.unwrap_or_else(|error: CacheError| panic!("{error}"));
        let storage: Arc<dyn Storage> = entry.storage.clone();
        let added = vec![("/etc/apt/sources.list", 0o644, mirrors.join("\n") + "\n")];
        Self::new(architecture, tree_from_tar(&storage).unwrap(), Stored::Archive(entry.storage, None), added)
    }

    /// The base `debian:bookworm`, whose programs are emulated on another processor.
    pub(crate) fn base() -> Self {
        let reference = BaseReference::Debian { suite: SUITE.into() };
        let raw = source::obtain(&reference, &Cache::open_default().unwrap(), false, &Silent, &Stop::default()).unwrap();
        let disk = raw.storage.clone();
        // As on first boot: the initial RAM disk is left alone, which would be written to a boot partition that is not there.
        let added = vec![("/etc/initramfs-tools/update-initramfs.conf", 0o644, "update_initramfs=no\n".to_owned())];
        Self::new(recipe::ARCHITECTURE.to_owned(), Base::read(raw).unwrap().tree, Stored::Disk(disk), added)
    }

    /// A copy of a tree, as it is now.
    pub(crate) fn of(place: &Place, origin: &Self) -> Self {
        let folder = folder();
        let path = folder.path().join("tree.tar");
        ok(tool("tar")
            .args(["--create", "--format=posix", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--sort=name", "--file"])
            .arg(&path)
            .arg("--directory")
            .arg(place.root())
            .arg("."));
        let archive = Arc::new(FileStorage::open(&path).unwrap());
        let storage: Arc<dyn Storage> = archive.clone();
        let tree = tree_from_tar(&storage).unwrap();
        Self { architecture: origin.architecture.clone(), tree, stored: Stored::Archive(archive, Some(folder)), added: Vec::new() }
    }

    fn new(architecture: String, mut tree: Tree, stored: Stored, mut added: Vec<(&'static str, u16, String)>) -> Self {
        added.push((POLICY.0, POLICY.1, POLICY.2.to_owned()));
        for (path, permissions, text) in &added {
            let meta = Meta::new(*permissions, 0, 0, Time::from_seconds(TIME));
            tree.put_file(path, meta, Content::bytes(text.clone().into_bytes())).unwrap();
        }
        Self { architecture, tree, stored, added }
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Writes all of it into an empty folder, as what it is for the kernel.
    pub(crate) fn copy_to(&self, root: &Path) {
        match &self.stored {
            Stored::Archive(archive, _) => {
                ok(tool("tar")
                    .args(["--extract", "--preserve-permissions", "--same-owner", "--numeric-owner", "--xattrs", "--xattrs-include=*"])
                    .arg("--file")
                    .arg(archive.path())
                    .arg("--directory")
                    .arg(root));
            }
            Stored::Disk(disk) => {
                let partition = &Image::open(disk.path()).partitions[1];
                let folder = folder();
                let options = format!("ro,noload,offset={},sizelimit={}", partition.start, partition.size);
                let mount = Mount::new(disk.path(), &folder.path().join("mounted"), &options);
                ok(tool("cp").args(["--archive", "--no-target-directory"]).arg(mount.path()).arg(root));
                fs::remove_dir(root.join("lost+found")).unwrap();
            }
        }
        for (path, permissions, text) in &self.added {
            let path: PathBuf = root.join(&path[1..]);
            let _ = fs::remove_file(&path);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode((*permissions).into())).unwrap();
            ok(tool("touch").arg("--date").arg(format!("@{TIME}")).arg(&path));
        }
    }
}

/// Arguments of mmdebstrap for a tree of the host's own architecture.
fn arguments(sources: &[String]) -> Vec<String> {
    let packages: Vec<&str> = PACKAGES.lines().filter(|name| !BOOT.contains(name)).collect();
    let mut arguments: Vec<String> =
        ["--mode=root", "--format=tar", "--variant=minbase", "--components=main", "--aptopt=APT::Install-Recommends \"false\""]
            .map(str::to_owned)
            .into();
    arguments.push(format!("--include={}", packages.join(",")));
    arguments.extend(recipe::DPKG_OPTIONS.iter().map(|option| format!("--dpkgopt={option}")));
    arguments.extend([SUITE.to_owned(), "-".to_owned()]);
    arguments.extend_from_slice(sources);
    arguments
}

fn make(arguments: &[String], file: &File) -> Made {
    let mut file = file.try_clone().unwrap();
    let output = tool("mmdebstrap").args(arguments).stdout(Stdio::from(file.try_clone().unwrap())).output().unwrap();
    assert!(output.status.success(), "mmdebstrap: {}", String::from_utf8_lossy(&output.stderr));
    file.rewind().unwrap();
    let (mut hasher, mut buffer, mut size) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        let count = file.read(&mut buffer).unwrap();
        if count == 0 {
            return Made { size, sha256: hasher.finalize().into() };
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
}
