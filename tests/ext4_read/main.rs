//! File systems filled by the kernel are read by us and compared with what the kernel shows of them: every feature set of a base, and more.
//!
//! A kernel that cannot mount one of them fails the test: it has to run where it can.

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod fill;

use std::{ffi::OsStr, fs::File, io::Write as _, path::Path, sync::Arc};

use berry_image::{
    disk::{FileStorage, Window},
    ext4::read::Ext4,
};
use support::{Mount, e2fsck, run};

/// Makes one file system, lets the kernel fill it, and compares. `options` go to `mke2fs`.
fn round_trip(options: &[&str]) {
    if !support::is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    File::create(&image).unwrap().set_len(512 << 20).unwrap();
    run(
        "mke2fs",
        ["-q", "-F", "-L", "test", "-N", "49152", "-E", "lazy_itable_init=1,nodiscard"]
            .iter()
            .chain(options)
            .map(OsStr::new)
            .chain([image.as_os_str()]),
    );
    let mount = Mount::new(&image, &folder.path().join("filled"), "user_xattr,acl");
    fill::fill(mount.path());
    drop(mount);
    assert_eq!(e2fsck(&image), 0);
    fill::assert_rich(&image);

    let ext4 = Ext4::open(Window::whole(Arc::new(FileStorage::open(&image).unwrap()))).unwrap();
    assert_eq!(ext4.summary().label, "test");
    let mount = Mount::new(&image, &folder.path().join("shown"), "ro,noload");
    let tree = ext4.tree().unwrap();
    compare::compare(&tree, mount.path());
    assert_eq!(tree.names("/many").len(), fill::NAMES);
    let fragmented = tree.inode(tree.lookup("/fragmented").unwrap()).content().unwrap();
    assert_eq!(fragmented.list().len() as u64, fill::PIECES, "every piece is an extent of its own");
}

#[test]
fn stretch_to_bullseye() {
    round_trip(&["-t", "ext4", "-b", "4096", "-I", "256", "-O", "^metadata_csum,^64bit,^huge_file"]);
}

#[test]
fn bullseye_of_2022_to_trixie() {
    round_trip(&["-t", "ext4", "-b", "4096", "-I", "256", "-O", "metadata_csum,^64bit,^huge_file"]);
}

#[test]
fn debian_default() {
    round_trip(&["-t", "ext4"]);
}

#[test]
fn trixie_build_host() {
    round_trip(&["-t", "ext4", "-b", "4096", "-O", "metadata_csum,orphan_file,metadata_csum_seed,64bit"]);
}

#[test]
fn trixie_build_host_with_blocks_of_1_kib() {
    round_trip(&["-t", "ext4", "-b", "1024", "-O", "metadata_csum,orphan_file,metadata_csum_seed,64bit"]);
}

#[test]
fn trixie_build_host_with_blocks_of_2_kib_and_inline_data() {
    round_trip(&["-t", "ext4", "-b", "2048", "-O", "metadata_csum,orphan_file,metadata_csum_seed,64bit,inline_data"]);
}

#[test]
fn small_inodes_with_checksums() {
    round_trip(&["-t", "ext4", "-b", "4096", "-I", "128", "-O", "metadata_csum,^64bit,^huge_file"]);
}

#[test]
fn inline_data() {
    round_trip(&["-t", "ext4", "-O", "inline_data"]);
}

#[test]
fn inline_data_in_large_inodes() {
    round_trip(&["-t", "ext4", "-O", "inline_data", "-I", "1024"]);
}

#[test]
fn blocks_of_1_kib() {
    round_trip(&["-t", "ext4", "-b", "1024"]);
}

#[test]
fn blocks_of_2_kib_and_sparse_super2() {
    round_trip(&["-t", "ext4", "-b", "2048", "-O", "sparse_super2,^resize_inode"]);
}

#[test]
fn indirect_blocks() {
    round_trip(&["-t", "ext4", "-O", "^extents,^64bit"]);
}

#[test]
fn indirect_blocks_of_1_kib() {
    round_trip(&["-t", "ext3", "-b", "1024", "-O", "^extents,^64bit,^flex_bg,^filetype,^dir_index"]);
}

#[test]
fn crc16_descriptors_and_small_inodes() {
    round_trip(&["-t", "ext4", "-O", "^metadata_csum,uninit_bg,^flex_bg,^extra_isize", "-I", "128"]);
}

/// Reads the file system that `BERRY_EXT4_IMAGE` names, and compares it with its mount: for real images, by hand.
#[test]
#[ignore = "needs an image"]
fn a_given_image() {
    let image = std::env::var_os("BERRY_EXT4_IMAGE").expect("BERRY_EXT4_IMAGE names an image of an ext4 file system");
    let folder = tempfile::tempdir().unwrap();
    let ext4 = Ext4::open(Window::whole(Arc::new(FileStorage::open(Path::new(&image)).unwrap()))).unwrap();
    let start = std::time::Instant::now();
    let tree = ext4.tree().unwrap();
    writeln!(std::io::stderr(), "{} inodes in {:?}", tree.iter().count(), start.elapsed()).unwrap();
    let mount = Mount::new(Path::new(&image), &folder.path().join("shown"), "ro,noload");
    compare::compare(&tree, mount.path());
}
