//! `cargo bench --bench packages`: what choosing packages costs, beside what it costs apt.
//!
//! Prints, from one run in turns: the time from the cached, packed indices of Debian to what has to be installed, in a process of its
//! own, and that of `apt-get -s install` of the same packages, with all that apt keeps prepared of its indices and without; the ratios;
//! what the stages take; and peak memory. Needs the base `debian:bookworm` in the cache, and the host's own archives of bookworm.
#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark prints")]

mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use measure::{median, peak_memory, ratio, run, text, timed};
use support::{
    apt::{Action, Question, ours, universe},
    host::Host,
    program::folder,
};

const ROUNDS: usize = 9;
const PACKAGES: [&str; 4] = ["glusterfs-server", "apache2", "ddclient", "rsync"];
/// First argument of the process that chooses once.
const ONCE: &str = "--choose-once";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, folder] = &arguments[..]
        && first == ONCE
    {
        return choose(Path::new(folder));
    }
    let Host { archive, status } = Host::new();
    let folder = folder();
    for (number, index) in archive.indices.iter().enumerate() {
        let file = folder.path().join(format!("{number}"));
        fs::write(&file, index).expect("a copy of the index");
        run(Command::new("xz").arg("-T1").arg(&file));
    }
    fs::write(folder.path().join("status"), &status).expect("a copy of the status");
    fs::write(folder.path().join("auto"), &archive.auto).expect("a copy of what came by itself");

    let system = archive.system("base", &status);
    run(system.apt("apt-cache").arg("gencaches"));
    let own = env::current_exe().expect("the path of this program");
    let place = folder.path().display().to_string();
    let apt = |is_cold: bool| {
        let mut command = system.apt("apt-get");
        if is_cold {
            command.args(["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]);
        }
        command.args(["-s", "--no-install-recommends", "install"]).args(PACKAGES);
        command
    };
    let chosen = text(&mut apt(false)).lines().filter(|line| line.starts_with("Inst ")).count();
    let said = text(Command::new(&own).args([ONCE, &place]));
    assert!(said.starts_with(&format!("{chosen} packages: ")), "apt chooses {chosen} packages; {said}");

    let [mut own_times, mut warm, mut cold] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        own_times.push(timed(|| run(Command::new(&own).args([ONCE, &place]))));
        warm.push(timed(|| run(&mut apt(false))));
        cold.push(timed(|| run(&mut apt(true))));
    }
    println!("{}", said.trim());
    println!(
        "indices to plan: {:.2?}, apt warm {:.2?}, apt cold {:.2?} (medians of {ROUNDS})",
        median(&own_times),
        median(&warm),
        median(&cold)
    );
    println!("ratio to apt warm {}, to apt cold {}", ratio(&own_times, &warm), ratio(&own_times, &cold));
    println!("peak memory {} MiB", peak_memory(&own, &[ONCE, &place]));
}

/// From the files in `folder` to what has to be installed; prints how long each stage took.
fn choose(folder: &Path) {
    let start = Instant::now();
    let files: Vec<PathBuf> = (0..).map(|number| folder.join(format!("{number}.xz"))).take_while(|path| path.exists()).collect();
    let unpack = |path: &PathBuf| {
        let mut text = String::new();
        let packed = fs::read(path).expect("an index");
        lzma_rust2::XzReader::new(&packed[..], false).read_to_string(&mut text).expect("a packed text");
        text
    };
    let indices: Vec<String> = files.iter().map(unpack).collect();
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a text");
    let (status, auto) = (read("status"), read("auto"));
    let unpacked = start.elapsed();
    let universe = universe(&indices, &status, &auto);
    let known = start.elapsed();
    let solution = ours(&universe, &Question::new(Action::Install, PACKAGES)).expect("a solution");
    let solved = start.elapsed();
    println!(
        "{} packages: unpacked in {unpacked:.2?}, known after {:.2?} more, chosen after {:.2?} more",
        solution.len(),
        known - unpacked,
        solved - known
    );
}
