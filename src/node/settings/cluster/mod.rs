//! What is in an image for its first boot: the program that does it, with its units and the [`config::NodeConfig`] that it reads; and on the nodes
//! of the pool what makes and serves the volume: glusterd's identity and pool, its unit, the mount, and Apache's site.
//!
//! Most of it are the files of `overlays/manifest`. What differs between nodes is written by [`personal`]. A node in another place is not
//! in the pool, and gets only what every node gets.
//!
//! Debian's package of Apache switches modules and its own site on when it is configured, whatever stands there before. So what is to be
//! on is switched on here, and what is to be off is told to first boot ([`Switch`]).

mod describe;
mod manifest;
mod options;

use std::collections::BTreeMap;

use berry_firstboot::{
    baked::{self, mount_unit},
    config::{self, Packages, Switch, SwitchKind},
    gluster::baked as glusterd,
};

use manifest::{Entry, What, When};

use super::{Build, edit::Editor};
use crate::{
    base::facts::{Facts, Release},
    dpkg,
    node::{NodeError, boot, identity::Identity, partuuid::PartUuids, program},
    overlay::template::Values,
    profile::{Node, Profile, Volume},
    tree::{Inode, Kind, Meta},
};

/// The package whose version glusterd's operating version follows from.
pub const GLUSTERD: &str = "glusterfs-server";
/// What nothing else may be laid over: first boot itself.
pub(super) const MADE: [&str; 2] = [config::PATH, baked::PROGRAM];
/// Triggers that were set off and whose packages do not know it yet (deb-triggers(5)): `dpkg --configure -a` tells them.
const TRIGGERS: &str = "/var/lib/dpkg/triggers/Unincorp";
/// `FS_IMMUTABLE_FL` of linux/fs.h: nothing can be made in the folder while nothing is mounted there, not even by root.
const IMMUTABLE: u32 = 0x10;

/// Apache's modules, settings and sites, and whether they are on.
const SWITCHES: [(SwitchKind, &str, bool); 9] = [
    (SwitchKind::Module, "asis", true),
    (SwitchKind::Module, "headers", true),
    (SwitchKind::Module, "rewrite", true),
    (SwitchKind::Module, "remoteip", true),
    (SwitchKind::Module, "autoindex", false),
    (SwitchKind::Module, "status", false),
    (SwitchKind::Conf, "zz-cluster", true),
    (SwitchKind::Site, "000-default", false),
    (SwitchKind::Site, "000-cluster", true),
];

/// What of this is equal on all nodes, and needed for each.
#[derive(Clone, Debug)]
pub(super) struct Common {
    epoch: i64,
    /// Where the boot partition is mounted.
    boot_mount: String,
    /// glusterd's UUID of each node, by its name.
    uuids: BTreeMap<String, String>,
    packages: Packages,
    /// glusterd's, where there is a volume.
    operating_version: Option<u32>,
    /// Options of the volume, where there is one.
    options: BTreeMap<String, String>,
}

/// Makes what all nodes have, and a place for what [`personal`] writes.
pub(super) fn common(editor: &mut Editor, facts: &Facts, profile: &Profile, build: &Build) -> Result<Common, NodeError> {
    let architecture = facts.architecture;
    let program = program::of(architecture).ok_or(NodeError::NoProgram { architecture: architecture.name() })?;
    editor.create(baked::PROGRAM, 0o755, 0, 0, program)?;
    let installed = dpkg::list(editor.tree)?;
    let mut common = Common {
        epoch: build.epoch,
        boot_mount: facts.boot_mount.clone(),
        uuids: build.uuids.clone(),
        packages: packages(&installed, &editor.text(TRIGGERS)?, profile),
        operating_version: None,
        options: BTreeMap::new(),
    };
    if let Some(volume) = &profile.volume {
        let present = installed.iter().find(|package| package.name == GLUSTERD).map(|package| package.version.as_str());
        // Packages that are not in the tree yet have the version that the lock says.
        let version = present.or(build.gluster.as_deref()).ok_or(NodeError::NoPackage { package: GLUSTERD, purpose: "the volume" })?;
        let unknown = || NodeError::Gluster { version: version.to_owned() };
        let operating_version = baked::operating_version(version).ok_or_else(unknown)?;
        common.operating_version = Some(operating_version);
        common.options = options::of(profile, volume, operating_version);
        mount_point(editor, volume)?;
        editor.mask("glustereventsd.service")?;
    }
    let values = values(facts, profile);
    for entry in manifest::entries(&values, |when| applies(when, facts, profile))? {
        place(editor, &entry)?;
    }
    for switch in switches(profile).iter().filter(|switch| switch.on) {
        editor.link(&switch.link(), &switch.target())?;
        editor.create(&switch.memory(), 0o644, 0, 0, "")?;
    }
    editor.reserve(config::PATH, 0o644)?;
    Ok(common)
}

/// Makes of a copy of the common tree that of one node.
pub(super) fn personal(
    editor: &mut Editor,
    facts: &Facts,
    profile: &Profile,
    node: &Node,
    identity: &Identity,
    names: &PartUuids,
    common: &Common,
) -> Result<(), NodeError> {
    let config = describe::node(profile, node, identity, names, common)?;
    if let Some(pool) = &config.pool {
        for (path, text) in glusterd::files(pool) {
            editor.create(&path, glusterd::MODE, 0, 0, text)?;
        }
    } else if let Some(volume) = &profile.volume {
        withdraw(editor, facts, profile, volume)?;
    }
    editor.write(config::PATH, config.to_text())
}

/// Takes what only nodes of the pool have from a node that is not in it.
fn withdraw(editor: &mut Editor, facts: &Facts, profile: &Profile, volume: &Volume) -> Result<(), NodeError> {
    for entry in manifest::entries(&values(facts, profile), |when| when != When::Always && applies(when, facts, profile))? {
        editor.remove(&entry.path)?;
    }
    for switch in switches(profile).iter().filter(|switch| switch.on) {
        editor.remove(&switch.link())?;
        editor.remove(&switch.memory())?;
    }
    // A folder like any other.
    let meta = editor.meta(0o755, 0, 0);
    empty_folder(editor, &volume.mount_point, meta)
}

/// Whether a line of the manifest is about this image.
fn applies(when: When, facts: &Facts, profile: &Profile) -> bool {
    let is_before_network = facts.release <= Release::Bookworm;
    match when {
        When::Always => true,
        When::Volume => profile.volume.is_some(),
        When::GlusterdUnit => profile.volume.is_some() && is_before_network,
        When::GlusterdDropIn => profile.volume.is_some() && !is_before_network,
        When::Web => profile.web.is_some(),
    }
}

fn place(editor: &mut Editor, entry: &Entry) -> Result<(), NodeError> {
    match &entry.what {
        What::Link(target) => editor.link(&entry.path, target),
        What::File { permissions, uid, gid, text } => editor.create(&entry.path, *permissions, *uid, *gid, text.as_bytes()),
    }
}

/// What is to be on and off of Apache; nothing without a web server.
fn switches(profile: &Profile) -> Vec<Switch> {
    let all = SWITCHES.iter().filter(|_| profile.web.is_some());
    all.map(|(kind, name, on)| Switch { kind: *kind, name: (*name).to_owned(), on: *on }).collect()
}

/// The folder that the volume is mounted on: for nobody, and not to be changed, so that nothing is written or served in the volume's place.
fn mount_point(editor: &mut Editor, volume: &Volume) -> Result<(), NodeError> {
    let path = &volume.mount_point;
    if !editor.names(path).is_empty() {
        // The volume would hide it.
        return Err(NodeError::Taken { what: "mount point", value: path.clone() });
    }
    editor.folder(path, 0o755, 0, 0)?;
    let mut meta = editor.meta(0, 0, 0);
    meta.flags |= IMMUTABLE;
    empty_folder(editor, path, meta)
}

/// Gives the empty folder at `path` other metadata.
fn empty_folder(editor: &mut Editor, path: &str, meta: Meta) -> Result<(), NodeError> {
    let id = editor.tree.find(path.as_bytes(), true)?;
    *editor.tree.inode_mut(id) = Inode::new(meta, Kind::directory());
    Ok(())
}

/// The values that stand in the overlays; those of a volume and of a web server only where there are any.
fn values(facts: &Facts, profile: &Profile) -> Values {
    let mut values = Values::from([
        ("boot_mount", facts.boot_mount.clone()),
        ("config", config::PATH.to_owned()),
        ("program", baked::PROGRAM.to_owned()),
        ("status_file", boot::status_path(&facts.boot_mount)),
    ]);
    if let Some(volume) = &profile.volume {
        let unit = mount_unit(&volume.mount_point);
        values.extend([
            ("brick_unit", mount_unit(&profile.brick.mount_point)),
            ("marker", volume.marker()),
            ("mount_point", volume.mount_point.clone()),
            ("mount_unit", unit),
            ("subnet", profile.network.subnet.to_string()),
            ("volume", volume.name.clone()),
        ]);
    }
    if let Some(web) = &profile.web {
        values.extend([("server_name", web.server_name.clone().unwrap_or_else(|| "localhost".to_owned())), ("web_root", web.root.clone())]);
    }
    values
}

/// What first boot has to do with packages.
fn packages(installed: &[dpkg::Listed], triggers: &str, profile: &Profile) -> Packages {
    let patterns = profile.packages.held();
    let is_meant = |name: &str| {
        let matches = |pattern: &String| pattern.strip_suffix('*').map_or(pattern == name, |beginning| name.starts_with(beginning));
        patterns.iter().any(matches)
    };
    Packages {
        pending: installed.iter().any(|package| package.state != "installed" || package.leaving) || !triggers.trim().is_empty(),
        // Those that were to be put on hold and could not be (`dpkg::hold`).
        hold: installed
            .iter()
            .filter(|package| package.is_waiting() && !package.held && !package.leaving)
            .filter(|package| is_meant(&package.name) || is_meant(&package.source))
            .map(|package| package.name.clone())
            .collect(),
    }
}
