//! File systems that were not unmounted, made so by the kernel and by e2fsprogs: each is refused with its reason, and with the way out.

mod support;

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use berry_image::{
    disk::{FileStorage, Window},
    error::{Classified as _, Kind},
    ext4::read::{Ext4, Ext4Error, Unclean},
};
use support::{Mount, run};
use tempfile::TempDir;

/// What Debian 13 makes.
const TRIXIE: &str = "metadata_csum,metadata_csum_seed,64bit,orphan_file";
/// What Raspberry Pi OS has.
const PI_OS: &str = "^metadata_csum,^64bit,^huge_file,^orphan_file";

/// A new file system with these features.
fn made(folder: &TempDir, features: &str) -> PathBuf {
    let path = folder.path().join("image");
    File::create(&path).unwrap().set_len(32 << 20).unwrap();
    run("mke2fs", ["-q", "-F", "-t", "ext4", "-O", features].map(OsStr::new).into_iter().chain([path.as_os_str()]));
    read(&path).unwrap();
    path
}

fn read(path: &Path) -> Result<(), Ext4Error> {
    Ext4::open(Window::whole(Arc::new(FileStorage::open(path).unwrap())))?.tree().map(|_| ())
}

fn reason(path: &Path) -> Unclean {
    let error = read(path).expect_err("it is not clean");
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("e2fsck -f") && hint.contains("the image as downloaded"), "{hint}");
    let Ext4Error::Unclean(reason) = error else { panic!("{error}") };
    reason
}

fn debugfs(path: &Path, commands: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("commands");
    fs::write(&script, commands).unwrap();
    run("debugfs", [OsStr::new("-w"), OsStr::new("-f"), script.as_os_str(), path.as_os_str()]);
}

/// The way out that the hint names: afterwards the file system is read.
fn repair(path: &Path) {
    let status = Command::new("/usr/sbin/e2fsck").arg("-fy").arg(path).output().unwrap().status;
    assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    read(path).unwrap();
}

/// What a card holds when the power goes while a deleted file is still open.
fn cut_short(folder: &TempDir, features: &str) -> PathBuf {
    let path = made(folder, features);
    let mount = Mount::new(&path, &folder.path().join("mounted"), "rw");
    let name = mount.path().join("deleted");
    let mut open = File::create(&name).unwrap();
    open.write_all(&[7; 100_000]).unwrap();
    open.sync_all().unwrap();
    fs::remove_file(&name).unwrap();
    run("sync", ["-f".as_ref(), mount.path().as_os_str()]);
    let cut = folder.path().join("cut");
    fs::copy(&path, &cut).unwrap();
    drop((open, mount));
    cut
}

#[test]
fn a_journal_to_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(&folder, PI_OS);
    // A transaction that is committed but not checkpointed.
    debugfs(&path, "journal_open\njournal_write -b 500 /dev/null\njournal_close\n");
    assert_eq!(reason(&path), Unclean::Journal);
    repair(&path);
    if support::is_root() {
        for features in [PI_OS, TRIXIE] {
            let folder = tempfile::tempdir().unwrap();
            let cut = cut_short(&folder, features);
            assert_eq!(reason(&cut), Unclean::Journal);
            repair(&cut);
        }
    }
}

#[test]
fn a_file_system_without_a_journal_that_is_still_mounted() {
    if !support::is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = made(&folder, "^has_journal,^orphan_file");
    let mount = Mount::new(&path, &folder.path().join("mounted"), "rw");
    fs::write(mount.path().join("new"), "content").unwrap();
    run("sync", ["-f".as_ref(), mount.path().as_os_str()]);
    let cut = folder.path().join("cut");
    fs::copy(&path, &cut).unwrap();
    drop(mount);
    assert!(matches!(reason(&cut), Unclean::Mounted(_)));
    repair(&cut);
    read(&path).unwrap();
}

#[test]
fn a_state_that_is_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(&folder, TRIXIE);
    debugfs(&path, "dirty\n");
    assert_eq!(reason(&path), Unclean::Mounted(0));
    repair(&path);
}

#[test]
fn errors_that_were_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(&folder, PI_OS);
    run("tune2fs", [OsStr::new("-E"), OsStr::new("force_fsck"), path.as_os_str()]);
    assert!(matches!(reason(&path), Unclean::Errors(_)));
    repair(&path);
}

/// After a replay of the journal alone, as a boot loader or an old tool may do it, the deleted file is still in the list.
#[test]
fn a_list_of_orphans() {
    if !support::is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cut = cut_short(&folder, PI_OS);
    replay_only(&cut);
    assert_eq!(reason(&cut), Unclean::Orphans);
    repair(&cut);
}

#[test]
fn a_file_of_orphans() {
    if !support::is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cut = cut_short(&folder, TRIXIE);
    replay_only(&cut);
    let features = run("dumpe2fs", [OsStr::new("-h"), cut.as_os_str()]);
    assert!(features.contains("orphan_present"), "{features}");
    assert_eq!(reason(&cut), Unclean::Orphans);
    // The file itself counts, too, not only the flag that announces it.
    let flagless = folder.path().join("flagless");
    fs::copy(&cut, &flagless).unwrap();
    debugfs(&flagless, "feature -orphan_present\n");
    assert_eq!(reason(&flagless), Unclean::Orphans);
    repair(&cut);
}

/// Not `e2fsck -E journal_only`: that clears the list of orphans, too.
fn replay_only(path: &Path) {
    debugfs(path, "journal_run\n");
    let features = run("dumpe2fs", [OsStr::new("-h"), path.as_os_str()]);
    assert!(!features.contains("needs_recovery"), "{features}");
}
