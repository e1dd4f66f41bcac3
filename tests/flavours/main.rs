//! Every flavour of the stock image: what it is (by other programs), what `inspect` makes of it, and what a node that is built of it
//! must be, setting by setting.
//!
//! A flavour is one test with many checks; all of them run, and the test ends with the list of those that failed. Fixtures are made
//! and nodes are looked at through mounts, so these tests need root.

#![allow(clippy::print_stdout, reason = "what a build changes is listed")]

#[allow(dead_code, reason = "the tests of signatures use all of it")]
#[path = "../../src/debian/openpgp/tests/kit.rs"]
mod kit;

mod account;
mod agent;
#[allow(dead_code, reason = "the simulator of archives uses all of it")]
#[path = "../repository/archive.rs"]
mod archive;
mod build;
mod changes;
mod facts;
mod first_boot;
mod fixture;
mod network;
mod offer;
mod own_systemd;
#[allow(dead_code, reason = "the simulator of archives uses all of it")]
#[path = "../repository/package.rs"]
mod package;
mod refusals;
mod region;
mod rules;
#[allow(dead_code, reason = "the simulator of archives uses all of it")]
#[path = "../repository/site.rs"]
mod site;
mod ssh;
mod status_file;
mod storage;
#[path = "../support/mod.rs"]
mod support;
mod view;
mod volume;
mod wireless;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use build::{Base, Node, Wanted};
use support::{
    pi_os::{
        Flavour,
        release::{
            BOOKWORM, BOOKWORM_ARMHF, BOOKWORM_DESKTOP, BULLSEYE, BULLSEYE_OLD, BULLSEYE_WIZARD, BUSTER, STRETCH, STRETCH_2017, TRIXIE,
            TRIXIE_2025,
        },
    },
    program::folder,
};

/// Collects the checks of a flavour that fail, so that one run shows all of them.
struct Checks {
    flavour: &'static str,
    done: usize,
    failed: Vec<String>,
}

impl Checks {
    /// Runs one check, which says by a panic that it failed; the panic's own message is in the test's output.
    fn run<T>(&mut self, what: &str, check: impl FnOnce() -> T) -> Option<T> {
        self.done += 1;
        let result = catch_unwind(AssertUnwindSafe(check)).ok();
        if result.is_none() {
            self.failed.push(what.to_owned());
        }
        result
    }

    fn finish(self) {
        let Self { flavour, done, failed } = self;
        assert!(done > 3 && failed.is_empty(), "{flavour}: {} of {done} checks failed: {}", failed.len(), failed.join("; "));
    }
}

/// A check of a built node.
type NodeCheck = fn(&Node, &Base);

const NODE_CHECKS: [(&str, NodeCheck); 33] = [
    ("other programs find nothing to remark on the image", storage::checkers_pass),
    ("partitions and file systems are the base's, with a larger root and a brick", storage::layout),
    ("every place names the partitions by the new disk id", storage::partition_uuids),
    ("the brick is mounted, and its loss does not stop the boot", storage::brick),
    ("the command line is the base's without the trigger", first_boot::command_line),
    ("nothing grows the root", first_boot::no_expansion),
    ("no wizard asks, and the console has a login", first_boot::no_wizard),
    ("cloud-init does nothing", first_boot::no_cloud_init),
    ("the machine id is the ledger's, so it is no first boot for systemd", first_boot::machine_id),
    ("no swap file is made on the root", first_boot::no_swap_file),
    ("the stock account has become the profile's", account::databases),
    ("it is in the groups in which the stock account was", account::groups),
    ("its home is the stock account's", account::home),
    ("no stock password is left in any file", account::no_stock_password),
    ("it becomes root as the profile says, and nobody else does", account::sudo),
    ("nobody is logged in unasked", account::no_autologin),
    ("sshd starts with the ledger's host key", ssh::starts),
    ("sshd accepts its configuration, with the profile's policy", ssh::policy),
    ("the stock configuration of sshd is still in it", ssh::nothing_lost),
    ("one program configures the network", network::manager),
    ("the address is the profile's", network::address),
    ("the wireless network is the profile's", wireless::network),
    ("the radio is on where it is used", wireless::radio),
    ("the node knows its name and its peers", region::names),
    ("the time zone is the profile's", region::time_zone),
    ("the locale is the profile's", region::locale),
    ("the keyboard is the profile's", region::keyboard),
    ("the clock starts at the build's time and is then set by the network", region::clock),
    ("the program of first boot is a static one for this processor", agent::program),
    ("its unit is switched on, and those for a cluster are not there", agent::unit),
    ("it is told what the node is to become", agent::words),
    ("all other files of the root are as they were", changes::root),
    ("all other files of the boot partition are as they were", changes::boot),
];

fn flavour(flavour: &'static Flavour) {
    let folder = folder();
    let mut checks = Checks { flavour: flavour.name, done: 0, failed: Vec::new() };
    let Some(base) = checks.run("the fixture can be made", || Base::make(folder.path(), flavour)) else { return checks.finish() };
    for (what, check) in fixture::CHECKS {
        checks.run(what, || check(&base));
    }
    checks.run("inspect tells what it is", || facts::inspect(&base));
    checks.run("a yescrypt hash is refused where the system would not know it", || account::yescrypt(folder.path(), &base));
    for wanted in [Wanted::Cable, Wanted::Wireless] {
        let Some(node) = checks.run(&format!("{wanted:?}: a node is built"), || Node::build(folder.path(), &base, wanted)) else {
            continue;
        };
        for (what, check) in NODE_CHECKS {
            checks.run(&format!("{wanted:?}: {what}"), || check(&node, &base));
        }
    }
    served(&mut checks, folder.path(), &base);
    checks.finish();
}

/// The same flavour with a volume and a web server: a node of the pool and one in another place, or the refusal to make them.
fn served(checks: &mut Checks, folder: &Path, base: &Base) {
    let folder = folder.join("served");
    if offer::versions(base.flavour).is_none() {
        checks.run("a volume is refused where GlusterFS cannot serve it", || volume::refused(&folder, base));
        return;
    }
    let Some((home, far)) = checks.run("nodes with a volume are built", || volume::build(&folder, base)) else { return };
    for (what, check) in volume::HOME_CHECKS {
        checks.run(&format!("a node of the pool: {what}"), || check(&home, base));
    }
    for (what, check) in volume::FAR_CHECKS {
        checks.run(&format!("a node in another place: {what}"), || check(&far, base));
    }
}

#[test]
fn stretch_of_2017() {
    flavour(&STRETCH_2017);
}

#[test]
fn stretch() {
    flavour(&STRETCH);
}

#[test]
fn buster() {
    flavour(&BUSTER);
}

#[test]
fn bullseye_with_the_known_password() {
    flavour(&BULLSEYE_OLD);
}

#[test]
fn bullseye_with_the_first_wizard() {
    flavour(&BULLSEYE_WIZARD);
}

#[test]
fn bullseye() {
    flavour(&BULLSEYE);
}

#[test]
fn bookworm_for_32_bits() {
    flavour(&BOOKWORM_ARMHF);
}

#[test]
fn bookworm() {
    flavour(&BOOKWORM);
}

#[test]
fn bookworm_with_a_desktop() {
    flavour(&BOOKWORM_DESKTOP);
}

#[test]
fn the_first_trixie() {
    flavour(&TRIXIE_2025);
}

#[test]
fn trixie() {
    flavour(&TRIXIE);
}
