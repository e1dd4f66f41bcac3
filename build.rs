//! Builds the program that makes a card a node, for the nodes, and puts it into this one.
//!
//! `rust-lld` links it, so that no C toolchain is needed; what it links against comes with `rustup target add`. Where that is missing the
//! program is built without it, and says so when it is needed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Debian's name of an architecture, and Rust's.
const TARGETS: [(&str, &str); 1] = [("arm64", "aarch64-unknown-linux-musl")];
/// The program for ARMv6, which needs more than a stable Rust has, is built by a command of its own (`.ci/armhf`); it lies in this folder
/// of the target folder, or where the variable says.
const ARMHF: &str = "armhf/berry-firstboot";
const ARMHF_VARIABLE: &str = "BERRY_FIRSTBOOT_ARMHF";

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    for path in ["build.rs", "firstboot/Cargo.toml", "firstboot/src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rerun-if-env-changed={ARMHF_VARIABLE}");
    // A folder of its own, shared by all profiles: the outer cargo holds the lock of its own.
    let target = out.ancestors().nth(4).unwrap_or(&out).join("firstboot");
    let mut programs = String::new();
    for (architecture, triple) in TARGETS {
        programs += &line(architecture, build(&root, &target, triple).as_deref());
    }
    let armhf = env::var_os(ARMHF_VARIABLE).map_or_else(|| target.join(ARMHF), PathBuf::from);
    // A file that is not there would count as changed each time, and all be built again: its folder is watched, for which there is one.
    let folder = armhf.parent().unwrap_or(&target);
    if fs::create_dir_all(folder).is_ok() {
        println!("cargo:rerun-if-changed={}", folder.display());
    }
    if is_older(&armhf, &root.join("firstboot/src")) {
        println!("cargo:warning={} is older than its source: .ci/armhf builds it again", armhf.display());
    }
    programs += &line("armhf", Some(armhf.as_path()).filter(|path| path.is_file()));
    fs::write(out.join("programs.rs"), format!("&[\n{programs}]\n")).expect("the output folder can be written");
}

/// Whether a file is there, and something in the folder was changed after it.
fn is_older(file: &Path, folder: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(built) = changed(file) else { return false };
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() { is_older(file, &path) } else { changed(&path).is_some_and(|changed| changed > built) }
    })
}

/// A line of the table of programs.
fn line(architecture: &str, program: Option<&Path>) -> String {
    program
        .map(|path| format!("    ({architecture:?}, include_bytes!({:?}).as_slice()),\n", path.display().to_string()))
        .unwrap_or_default()
}

/// Builds it for a target; none where this toolchain has nothing for that target.
fn build(root: &Path, target: &Path, triple: &str) -> Option<PathBuf> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let library = Command::new(rustc).args(["--print", "target-libdir", "--target", triple]).output().ok()?;
    let library = String::from_utf8(library.stdout).ok()?;
    if !Path::new(library.trim()).is_dir() {
        // Until it is there.
        if let Some(targets) = Path::new(library.trim()).ancestors().nth(2) {
            println!("cargo:rerun-if-changed={}", targets.display());
        }
        println!("cargo:warning=images get no program for their first boot: `rustup target add {triple}` is missing");
        return None;
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo.args(["build", "--package", "berry-firstboot", "--bin", "berry-firstboot", "--profile", "firstboot", "--locked", "--quiet"]);
    cargo.args(["--target", triple, "--target-dir"]).arg(target);
    // What is meant for the host is not for the nodes.
    for name in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTFLAGS"]
    {
        cargo.env_remove(name);
    }
    let status = cargo.status().expect("cargo starts itself");
    assert!(status.success(), "the program for {triple} could not be built");
    Some(target.join(triple).join("firstboot/berry-firstboot"))
}
