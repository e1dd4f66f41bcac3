//! What tests with the host's own tools share.

#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod apt;
pub mod ext4;
pub mod freeze;
pub mod frozen;
pub mod guest;
pub mod host;
pub mod hostile;
pub mod image;
pub mod listing;
pub mod near_copy;
pub mod pi_os;
pub mod program;
pub mod questions;
pub mod server;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Whether mounting is possible. CI runs as root; elsewhere tests that need a mount end early.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a program that must succeed; returns what it wrote to its standard output.
pub fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> String {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{stdout}{stderr}", output.status);
    stdout.into_owned()
}

/// What `e2fsck -fn` ends with: 0 is clean. What it says is not kept: of some damage it writes 100 MB.
pub fn e2fsck(image: &Path) -> i32 {
    let mut command = Command::new("/usr/sbin/e2fsck");
    command.arg("-fn").arg(image).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    status.code().unwrap_or(-1)
}

/// A file system image mounted through a loop device; unmounted when dropped.
#[derive(Debug)]
pub struct Mount {
    folder: PathBuf,
}

impl Mount {
    /// Mounts `image` on `folder`, which is made. `options` are those of mount(8) besides `loop`.
    pub fn new(image: &Path, folder: &Path, options: &str) -> Self {
        std::fs::create_dir_all(folder).expect("the folder of the test is writable");
        let options = format!("loop,{options}");
        run("mount", [OsStr::new("-o"), options.as_ref(), image.as_os_str(), folder.as_os_str()]);
        Self { folder: folder.to_owned() }
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", [&self.folder]);
    }
}
