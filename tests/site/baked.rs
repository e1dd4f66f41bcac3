//! What an image says about the site, as a build bakes it in.

use std::{fs, path::Path};

use berry_firstboot::config::{self, NodeConfig};
use berry_image::{
    base::{Base, cache::Cache, source},
    node::{
        ledger::Ledger,
        partuuid::PartUuids,
        settings::{self, Build},
    },
    profile::{self, BaseReference, ProcessEnvironment},
    progress::{Silent, Stop},
};

use crate::support::{
    pi_os::{self, disk, release::BOOKWORM},
    program::repository,
};

/// What is in the image of a node.
#[derive(Debug)]
pub(super) struct Baked {
    /// What first boot makes the node by.
    pub(super) config: NodeConfig,
    pub(super) site: String,
    pub(super) conf: String,
    pub(super) unavailable: String,
}

impl Baked {
    /// The first node of the example, made of a base in `folder` that has GlusterFS already: its packages are not what is looked at.
    pub(super) fn make(folder: &Path) -> Self {
        let image = pi_os::make(folder, "base", &BOOKWORM);
        disk::change_ext4(&image, &BOOKWORM.disk, |root| {
            let status = root.join("var/lib/dpkg/status");
            let text = fs::read_to_string(&status).unwrap();
            let stanza = "Package: glusterfs-server\nStatus: install ok installed\nMaintainer: Nobody <nobody@example.org>\n\
                          Architecture: arm64\nVersion: 10.3-5\nDescription: volumes\n\n";
            fs::write(status, text + stanza).unwrap();
        });
        let profile = profile::load(&repository().join("profiles/cluster01.yaml"), &ProcessEnvironment).unwrap().profile;
        let reference = BaseReference::parse(image.to_str().unwrap(), folder, &ProcessEnvironment).unwrap();
        let cache = Cache::at(&folder.join("cache")).unwrap();
        let base = Base::read(source::obtain(&reference, &cache, true, &Silent, &Stop::default()).unwrap()).unwrap();

        let ledger = Ledger::create(&profile, 1_700_000_000).unwrap();
        let node = &profile.nodes[0];
        let identity = ledger.identity(&node.name).unwrap();
        let mut tree = base.tree.clone();
        let shared = settings::common(&mut tree, &base.facts, &profile, &Build::new(&ledger, None)).unwrap();
        settings::personal(&mut tree, &base.facts, &profile, node, identity, &PartUuids::of(&base.table), &shared).unwrap();
        Self {
            config: NodeConfig::parse(&tree.read(config::PATH).unwrap()).unwrap(),
            site: tree.read_text("/etc/apache2/sites-available/000-cluster.conf").unwrap(),
            conf: tree.read_text("/etc/apache2/conf-available/zz-cluster.conf").unwrap(),
            unavailable: tree.read_text("/usr/share/berry-image/unavailable.asis").unwrap(),
        }
    }
}
