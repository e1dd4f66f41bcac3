//! Running the built program and the tools that judge what it made.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{self, Command, Output},
    sync::Once,
};

/// A folder of this test, on the disk that also holds the target folder (images are large, `/tmp` may be small).
///
/// A test binary that keeps one in a static never drops it. Its name therefore says whose it is, and the next binary removes what those
/// that have ended left: a whole run would otherwise need some 15 GB more.
pub fn folder() -> tempfile::TempDir {
    static SWEPT: Once = Once::new();
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    SWEPT.call_once(|| sweep(root));
    let prefix = format!("{OF_PROCESS}{}-", process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir_in(root).expect("the target folder can be written")
}

const OF_PROCESS: &str = "of-process-";

/// Removes the folders of processes that are no more. One that another process removes at the same time is no failure.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(OF_PROCESS)?.split('-').next()?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The program under test.
pub fn berry() -> Command {
    Command::new(env!("CARGO_BIN_EXE_berry-image"))
}

/// The program with a cache in the target folder, for bases that only a test knows: they would fill the cache of whoever runs it. The
/// base of `debian:` takes minutes to make and stays in the shared one.
pub fn berry_apart() -> Command {
    let mut command = berry();
    command.env("BERRY_IMAGE_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    command
}

/// A command that knows neither the cache nor the proxies of whoever runs it: its cache is in `folder`, and it asks what it is told to ask.
pub fn alone(mut command: Command, folder: &Path) -> Command {
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env("BERRY_IMAGE_CACHE", folder.join("cache"));
    command
}

/// A tool on the search path, speaking English.
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("LC_ALL", "C");
    command
}

/// Runs a command; a tool that is missing is a failure of the test, never a reason to skip it.
pub fn output(command: &mut Command) -> Output {
    let name = command.get_program().to_owned();
    command.output().unwrap_or_else(|error| panic!("{} could not be started: {error} (.ci/setup test installs it)", name.display()))
}

/// Runs a command that must succeed and returns what it printed to standard output.
pub fn ok(command: &mut Command) -> String {
    let result = output(command);
    let (out, err) = (String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr));
    assert!(result.status.success(), "{command:?} ended with {}\n{out}\n{err}", result.status);
    out.into_owned()
}

/// Runs a command that must fail with this exit code and returns what it printed to standard error.
pub fn fails(code: i32, command: &mut Command) -> String {
    let result = output(command);
    let (out, err) = (String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr));
    assert_eq!(result.status.code(), Some(code), "{command:?}\n{out}\n{err}");
    err.into_owned()
}

/// Runs a shell command that must succeed, with `$1`, `$2`, … as given.
pub fn shell(script: &str, arguments: &[&OsStr]) -> String {
    ok(tool("bash").args(["-euo", "pipefail", "-c", script, "bash"]).args(arguments))
}

/// Puts a profile of the repository into `folder` (its ledger stands beside it) and returns its path there.
pub fn whole_profile_in(folder: &Path, name: &str) -> PathBuf {
    let copy = folder.join(name);
    std::fs::copy(repository().join("profiles").join(name), &copy).expect("the profile can be copied");
    copy
}

/// As [`whole_profile_in`], but without packages, which need archives, and what needs packages.
pub fn profile_in(folder: &Path, name: &str) -> PathBuf {
    let copy = whole_profile_in(folder, name);
    let text = std::fs::read_to_string(&copy).expect("the profile can be read");
    std::fs::write(&copy, without(&text, &["packages:", "volume:", "web:"])).expect("the profile can be written");
    copy
}

/// The text of a profile without these sections.
pub fn without(text: &str, sections: &[&str]) -> String {
    let mut is_inside = false;
    let mut is_kept = |line: &&str| {
        let begins = sections.iter().any(|section| line.starts_with(section));
        is_inside = begins || is_inside && line.starts_with([' ', '\t']);
        !is_inside
    };
    text.lines().filter(|line| is_kept(line)).map(|line| format!("{line}\n")).collect()
}
