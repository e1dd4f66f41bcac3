//! What the archive of a release offers of GlusterFS and Apache: packages of its versions with their units and settings, and none of the
//! programs, behind a web server of the test's own.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    archive::Archive,
    build::{Base, Wanted, profile},
    kit::{ALICE, Certificate, armored},
    package::Package,
    site::Site,
    support::{
        pi_os::{Flavour, disk::change_ext4, release::Release},
        program::{shell, tool},
    },
};

/// Modules of Apache of which a node's are switched on or off, and some that are let be.
const MODULES: [&str; 8] = ["asis", "autoindex", "deflate", "headers", "mime", "remoteip", "rewrite", "status"];

/// Versions of GlusterFS and Apache of a release.
pub(super) const fn released(release: Release) -> (&'static str, &'static str) {
    match release {
        Release::Stretch => ("3.8.8-1", "2.4.25-3+deb9u13"),
        Release::Buster => ("5.5-3", "2.4.38-3+deb10u10"),
        Release::Bullseye => ("9.2-1", "2.4.62-1~deb11u2"),
        Release::Bookworm => ("10.3-5", "2.4.65-1~deb12u1"),
        Release::Trixie => ("11.1-6", "2.4.65-2"),
    }
}

/// The operating version of the flavour's GlusterFS; none where it cannot serve a volume: it is too old, or dies on 32 bits.
pub(super) fn versions(flavour: &Flavour) -> Option<u32> {
    match (flavour.release, flavour.architecture) {
        (Release::Stretch | Release::Buster, _) | (Release::Bookworm | Release::Trixie, "armhf") => None,
        (Release::Bullseye, _) => Some(90_000),
        (Release::Bookworm, _) => Some(100_000),
        (Release::Trixie, _) => Some(110_000),
    }
}

/// The archive, a copy of the base that has no other, and a profile that asks for both packages, a volume and a web server.
pub(super) struct Offer {
    pub(super) base: PathBuf,
    pub(super) profile: PathBuf,
    _site: Site,
}

impl Offer {
    /// All of it in `folder`, which is made.
    pub(super) fn new(folder: &Path, base: &Base) -> Self {
        fs::create_dir(folder).unwrap();
        let Flavour { release, architecture, .. } = *base.flavour;
        let (gluster, apache) = released(release);
        let units = if release >= Release::Trixie { "usr/lib/systemd/system" } else { "lib/systemd/system" };
        let unit = |name: &str| (format!("{units}/{name}.service"), "[Unit]\n\n[Service]\nExecStart=/bin/true\n".to_owned());
        let mut settings: Vec<_> = MODULES.iter().map(|name| (format!("etc/apache2/mods-available/{name}.load"), String::new())).collect();
        settings.extend([unit("apache2"), ("etc/apache2/sites-available/000-default.conf".to_owned(), String::new())]);
        let packages = [("glusterfs-server", gluster, vec![unit("glusterd"), unit("glustereventsd")]), ("apache2", apache, settings)];
        let packages = packages.map(|(name, version, files)| {
            let mut package = Package::of(name, version, architecture);
            package.deb = deb(&folder.join(name), &package, &files);
            package
        });
        let suite = release.codename();
        let archive = Archive { suite, codename: suite, folder: suite, architectures: vec![architecture], ..Archive::new() };
        let site = Site::new(Archive { packages: packages.into(), ..archive }.files());
        Self { base: without_sources(folder, base), profile: asking(folder, base, &site), _site: site }
    }
}

/// A package with these files; those in /etc are its conffiles, as debhelper makes them.
fn deb(folder: &Path, package: &Package, files: &[(String, String)]) -> Vec<u8> {
    let Package { name, version, architecture, .. } = package;
    let put = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let mut conffiles = String::new();
    for (path, text) in files {
        put(path, text);
        if path.starts_with("etc/") {
            writeln!(conffiles, "/{path}").unwrap();
        }
    }
    let fields = "Maintainer: Nobody <nobody@example.org>\nDescription: a stand-in\n";
    put("DEBIAN/control", &format!("Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n{fields}"));
    put("DEBIAN/conffiles", &conffiles);
    let made = folder.with_extension("deb");
    shell("dpkg-deb --root-owner-group -Zgzip -z1 --build \"$1\" \"$2\"", &[folder.as_os_str(), made.as_os_str()]);
    fs::read(made).unwrap()
}

/// A copy of the base whose archives, which are not there, are taken out.
fn without_sources(folder: &Path, base: &Base) -> PathBuf {
    let copy = folder.join("base.img");
    crate::support::program::ok(tool("cp").arg("--sparse=always").arg(&base.image.path).arg(&copy));
    change_ext4(&copy, &base.flavour.disk, |root| {
        let apt = root.join("etc/apt");
        for path in ["sources.list", "sources.list.d/raspi.list", "sources.list.d/raspi.sources", "sources.list.d/debian.sources"] {
            if apt.join(path).exists() {
                fs::write(apt.join(path), "").unwrap();
            }
        }
    });
    copy
}

fn asking(folder: &Path, base: &Base, site: &Site) -> PathBuf {
    let key = armored("PUBLIC KEY BLOCK", &ALICE.certificate(&Certificate::default()));
    fs::write(folder.join("archive.asc"), key).unwrap();
    let path = profile(folder, base.hash(), Wanted::Cable);
    let mut text = fs::read_to_string(&path).unwrap();
    let (uri, suite) = (site.uri(), base.flavour.release.codename());
    // Raspbian takes packages only from archives that are known to be for ARMv6, or said to be.
    let armv6 = if base.flavour.architecture == "armhf" { "      armv6: true\n" } else { "" };
    write!(
        text,
        "\npackages:\n  install: [glusterfs-server, apache2]\n  sources:\n    - uri: {uri}\n      suite: {suite}\n      components: main\n      \
         key: !file archive.asc\n{armv6}\nvolume:\n  name: volpi\n  type: replica 3\n  mount: /mnt/www\n\nweb:\n  server_name: www.example.org\n"
    )
    .unwrap();
    fs::write(&path, text).unwrap();
    path
}
