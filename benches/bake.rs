//! `cargo bench --bench bake`: what unpacking the packages of the example costs, beside what it costs dpkg.
//!
//! Prints, from one run in turns, on a tree of this machine's own architecture: the time from the packages as files to a tree with their
//! files and records, the same with an image of that tree written, and that of `dpkg --unpack` of the same files, as apt calls it, without
//! waiting for the disk; and the ratios. Needs root.
//!
//! `cargo bench --bench bake -- emulated` takes minutes, and compares with the usual way: an image of the base for Pis in a loop device, and
//! `apt-get install` in a chroot, whose programs are emulated where this machine has another processor. Its packages are downloaded before.
#![allow(
    clippy::print_stdout,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark prints, and uses a part of what tests share"
)]

#[path = "../tests/dpkg_oracle/apt.rs"]
mod apt;
#[path = "../tests/dpkg_oracle/compare.rs"]
mod compare;
#[path = "../tests/dpkg_oracle/ground.rs"]
mod ground;
mod measure;
#[path = "../tests/dpkg_oracle/ours.rs"]
mod ours;
#[path = "../tests/dpkg_oracle/place.rs"]
mod place;
#[path = "../tests/dpkg_oracle/sets.rs"]
mod sets;
#[path = "../tests/support/mod.rs"]
mod support;

use apt::{Apt, Chosen};
use ground::Ground;
use measure::{median, ratio, timed};
use place::Place;
use sets::Set;

const ROUNDS: usize = 5;
const EPOCH: i64 = 1_700_000_000;

fn main() {
    if !support::is_root() {
        println!("only root can unpack packages with dpkg");
    } else if std::env::args().any(|argument| argument == "emulated") {
        against_the_usual_way();
    } else {
        against_dpkg();
    }
}

/// The packages of the example, for a tree: what apt chooses, and where the files are.
fn chosen(ground: &Ground) -> (Apt, Set, Chosen) {
    let apt = Apt::new(ground);
    let set = sets::set("cluster");
    let chosen = apt.choose(&set).expect("apt can install the packages of the example");
    apt.download(&set);
    (apt, set, chosen)
}

fn against_dpkg() {
    let ground = Ground::native();
    let (apt, _, chosen) = chosen(&ground);
    let debs = apt.archives();
    let files: Vec<String> = chosen.come.iter().map(|incoming| format!("/mnt/{}", incoming.file)).collect();
    let words = ["dpkg", "--no-triggers", "--auto-deconfigure", "--force-depends", "--force-unsafe-io", "--unpack"];
    let words: Vec<&str> = words.into_iter().chain(files.iter().map(String::as_str)).collect();

    let [mut tree, mut image, mut dpkg] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        tree.push(timed(|| drop(ours::unpack(&ground, &debs, &chosen, EPOCH).expect("unpacked"))));
        image.push(timed(|| drop(Place::image(&ours::unpack(&ground, &debs, &chosen, EPOCH).expect("unpacked").0))));
        let copy = Place::copy(&ground);
        dpkg.push(timed(|| drop(copy.run(&[(&debs, "/mnt")], &words).ok())));
    }
    println!("{} packages (medians of {ROUNDS})", chosen.come.len());
    println!("tree {:.2?}, with an image of it {:.2?}, dpkg --unpack {:.2?}", median(&tree), median(&image), median(&dpkg));
    println!("ratio to dpkg {}, with the image {}", ratio(&tree, &dpkg), ratio(&image, &dpkg));
}

fn against_the_usual_way() {
    let ground = Ground::base();
    let (apt, set, chosen) = chosen(&ground);
    let debs = apt.archives();
    let ours: Vec<_> =
        (0..ROUNDS).map(|_| timed(|| drop(Place::image(&ours::unpack(&ground, &debs, &chosen, EPOCH).expect("unpacked").0)))).collect();
    // Once: it is not a matter of some per cent.
    let image = Place::image(ground.tree());
    let usual = vec![timed(|| {
        apt.do_all(&image, &set).ok();
        drop(image);
    })];
    println!("{} packages for {}, into one image (median of {ROUNDS}, and once)", chosen.come.len(), ground.architecture);
    println!("unpacked, to be configured by the Pi {:.2?}, apt-get install in a chroot {:.2?}", median(&ours), median(&usual));
    println!("ratio {}", ratio(&usual, &ours));
}
