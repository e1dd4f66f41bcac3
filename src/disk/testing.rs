//! What the tests of partition tables share.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

/// Runs sfdisk on a file of this size that begins with `start`; gives back the file's bytes after that and what it said.
pub(super) fn sfdisk(start: &[u8], size: usize, arguments: &[&str], script: &str) -> (Vec<u8>, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(start).unwrap();
    file.as_file().set_len(size as u64).unwrap();
    let mut child = Command::new("sfdisk")
        .env("LC_ALL", "C.UTF-8")
        .args(arguments)
        .arg(file.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sfdisk is needed for this test");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    (fs::read(file.path()).unwrap(), said)
}
