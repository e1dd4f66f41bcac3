//! `cargo bench`: what a build costs, beside what copying its result costs.
//!
//! Prints, from one run on one file system: the time of `build` for the article's four nodes, of `cp --sparse=always` of the four
//! images, and of `mke2fs -d` of the same root tree; the ratios; peak memory; and a plan of forty nodes. Needs the base
//! `debian:bookworm` in the cache, and root for the loop mount that gives mke2fs its tree.
#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark prints")]

mod measure;

use std::{fs, path::Path, process::Command, time::Duration};

use measure::{median, peak_memory, ratio, run, text, timed};

const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder in the target folder");
    let folder = folder.path();
    let profile = folder.join("cluster01.yaml");
    // Without its packages, and what needs some: what is measured is the images.
    let whole = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/cluster01.yaml")).expect("the profile can be read");
    let mut is_left_out = false;
    let lines = whole.lines().filter(|line| {
        let begins = ["packages:", "volume:", "web:"].iter().any(|section| line.starts_with(section));
        is_left_out = begins || is_left_out && line.starts_with(' ');
        !is_left_out
    });
    fs::write(&profile, lines.map(|line| format!("{line}\n")).collect::<String>()).expect("the profile can be written");
    let images = folder.join("images");
    let copies = folder.join("copies");
    fs::create_dir(&copies).expect("a folder for copies");
    run(berry().arg("build").arg(&profile).arg("--output").arg(&images));
    println!("file system: {}", text(Command::new("findmnt").args(["-no", "FSTYPE", "-T"]).arg(folder)).trim());
    println!("four images: {}", text(Command::new("du").args(["-ch"]).args(image_files(&images))).lines().last().unwrap_or_default());

    for synced in [false, true] {
        let mut ours = Vec::new();
        let mut cp = Vec::new();
        for _ in 0..ROUNDS {
            ours.push(timed(|| {
                let mut build = berry();
                build.arg("build").arg(&profile).arg("--offline").arg("--output").arg(&images);
                run(if synced { &mut build } else { build.arg("--no-sync") });
            }));
            cp.push(timed(|| {
                run(Command::new("cp").arg("--sparse=always").args(image_files(&images)).arg(&copies));
                if synced {
                    run(Command::new("sync").args(image_files(&copies)));
                }
            }));
            // Neither pays for what the other left to be written.
            run(&mut Command::new("sync"));
        }
        println!(
            "{}: build {:.2?}, cp {:.2?} (medians of {ROUNDS}); ratio {}, target 1.2",
            if synced { "with fsync" } else { "without fsync" },
            median(&ours),
            median(&cp),
            ratio(&ours, &cp),
        );
    }

    let mount = Mount::new(&images.join("cluster01.img"), &folder.join("tree"));
    let container = folder.join("mke2fs.img");
    let mke2fs: Vec<Duration> = (0..3)
        .map(|_| {
            let _ = fs::remove_file(&container);
            timed(|| run(Command::new("mke2fs").args(["-q", "-F", "-t", "ext4", "-d"]).arg(&mount.0).arg(&container).arg("4G")))
        })
        .collect();
    let single: Vec<Duration> = (0..3)
        .map(|_| {
            timed(|| {
                let mut build = berry();
                run(build.arg("build").arg(&profile).args(["--offline", "--no-sync", "--node", "cluster01", "--output"]).arg(&images));
            })
        })
        .collect();
    println!(
        "one node: build {:.2?} (whole image), mke2fs -d of its root tree {:.2?}: {:.1} times as fast, target 2",
        median(&single),
        median(&mke2fs),
        median(&mke2fs).as_secs_f64() / median(&single).as_secs_f64()
    );

    let program = Path::new(env!("CARGO_BIN_EXE_berry-image"));
    let peak = peak_memory(
        program,
        &["build", &profile.display().to_string(), "--offline", "--no-sync", "--output", &images.display().to_string()],
    );
    println!("build: peak memory {peak} MiB, target 300");

    let forty = folder.join("forty.yaml");
    fs::write(&forty, "base: debian:bookworm\nnetwork: {subnet: 10.0.0.0/16, gateway: 10.0.0.1}\nnodes:\n  - {count: 40, name: \"pi%02d\", first_address: 10.0.1.1}\n").expect("a profile of forty nodes");
    let plans: Vec<Duration> = (0..ROUNDS).map(|_| timed(|| run(berry().arg("plan").arg("--offline").arg(&forty)))).collect();
    println!("plan of 40 nodes: {:.2?} (median of {ROUNDS}), target 1 s", median(&plans));
    println!("plan of 40 nodes: peak memory {} MiB", peak_memory(program, &["plan", "--offline", &forty.display().to_string()]));
}

fn berry() -> Command {
    Command::new(env!("CARGO_BIN_EXE_berry-image"))
}

fn image_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of images").map(|entry| entry.expect("an entry").path());
    let mut images: Vec<_> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "img")).collect();
    images.sort();
    images
}

/// The root of an image, mounted read-only.
struct Mount(std::path::PathBuf);

impl Mount {
    fn new(image: &Path, at: &Path) -> Self {
        fs::create_dir(at).expect("a mount point");
        let table: serde_json::Value =
            serde_json::from_str(&text(Command::new("sfdisk").arg("--json").arg(image))).expect("sfdisk prints JSON");
        let root = &table["partitiontable"]["partitions"][1];
        let bytes = |field: &str| root[field].as_u64().expect("sectors") * 512;
        let options = format!("ro,loop,offset={},sizelimit={}", bytes("start"), bytes("size"));
        run(Command::new("mount").args(["-o", &options]).arg(image).arg(at));
        Self(at.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
