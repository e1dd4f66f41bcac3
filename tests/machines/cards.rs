//! Cards of a cluster whose nodes this machine's processor can run.
//!
//! All is done as for a Pi, but with a tree of this machine's own architecture in the place of the base's: its packages are unpacked by us, the
//! settings of the profile are made, the plan lays out the whole card and it is written. Afterwards one file of it is replaced:
//! `berry-firstboot`, of which berry-image only carries those for Pis.

use std::{
    fs::{self, File},
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use berry_image::{
    base::{Base, cache::Cache, source},
    node::{ledger::Ledger, settings::Build},
    output::{platform, sparse},
    plan::Plan,
    profile::{self, BaseReference, Profile},
    progress::{Silent, Stop},
    tree::Tree,
};

use crate::{
    apt::Apt,
    ground::{Ground, POLICY},
    ours, sets,
    support::program::{ok, repository, tool},
};

/// Name of the cluster: that of the profile's file.
pub(crate) const CLUSTER: &str = "machines";
/// Of the images, in seconds since 1970.
const EPOCH: i64 = 1_700_000_000;
/// The example cluster at home. The brick has its full size from the beginning: growing it is not for every machine (`CAP_SYS_RESOURCE`), and
/// `firstboot/tests/growth.rs` is about it.
const PROFILE: &str = "
base: debian:bookworm
card_size: 4 GB
root_size: 2 GiB
brick: { size: 256 MiB, mount: /export }
packages: { install: [glusterfs-server, apache2, ddclient, rsync] }
volume: { name: volpi, type: replica 3, mount: /mnt/www }
web: { server_name: www.example.org }
user: { name: pi }
network: { subnet: 192.168.2.0/24, gateway: 192.168.2.1 }
nodes:
  - { name: cluster01, address: 192.168.2.5 }
  - { name: cluster02, address: 192.168.2.7 }
  - { name: cluster03, address: 192.168.2.6 }
";

/// A card, as the one who flashes it has it.
pub(crate) struct Card {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) image: PathBuf,
}

/// The program of first boot for this machine.
pub(crate) fn program() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machines-program");
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let words = ["build", "--package", "berry-firstboot", "--bin", "berry-firstboot", "--profile", "firstboot", "--locked", "--quiet"];
    ok(tool(env!("CARGO")).current_dir(repository()).args(words).args(["--target", &triple, "--target-dir"]).arg(&target));
    target.join(triple).join("firstboot/berry-firstboot")
}

/// Makes the cards, in `folder`.
pub(crate) fn make(folder: &Path) -> Vec<Card> {
    let profile = profile::parse(PROFILE, &folder.join(format!("{CLUSTER}.yaml")), &profile::ProcessEnvironment).unwrap().profile;
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let tree = tree();
    let reference = BaseReference::Debian { suite: "bookworm".into() };
    let raw = source::obtain(&reference, &Cache::open_default().unwrap(), false, &Silent, &Stop::default()).unwrap();
    let base = Base { tree: tree.clone(), ..Base::read(raw).unwrap() };
    let plan = Plan::new(&profile, &base, &tree, &ledger, &Build::new(&ledger, None)).unwrap();
    profile.nodes.iter().enumerate().map(|(index, _)| card(folder, &profile, &plan, index)).collect()
}

/// A tree of Debian with the packages of the profile, which nobody has configured.
fn tree() -> Tree {
    let ground = Ground::native();
    let apt = Apt::new(&ground);
    let set = sets::set("cluster");
    let chosen = apt.choose(&set).expect("apt can install the packages of the example");
    apt.download(&set);
    let (mut tree, _) = ours::unpack(&ground, &apt.archives(), &chosen, EPOCH).unwrap();
    // The ground of other tests starts no service.
    assert!(tree.remove(POLICY.0).unwrap());
    tree
}

fn card(folder: &Path, profile: &Profile, plan: &Plan, index: usize) -> Card {
    let node = &profile.nodes[index];
    let path = folder.join(format!("{}.img", node.name));
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let image = plan.image(index).unwrap();
    let target = sparse::Target { path: &path, file: &file, image: &image };
    let stop = Stop::default();
    let options = sparse::Options { jobs: NonZeroUsize::MIN, whole: false, host: platform::host(), progress: &Silent, stop: &stop };
    sparse::write(&[target], &options).unwrap();
    // The card is larger than the image.
    file.set_len(profile.card_size).unwrap();
    fs::create_dir(folder.join(node.name.as_str())).unwrap();
    Card { name: node.name.to_string(), address: node.address.unwrap().to_string(), image: path }
}
