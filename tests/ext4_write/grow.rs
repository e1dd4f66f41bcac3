//! What is written here can grow: while it is mounted, and while it is not.

use std::{fs::File, path::Path};

use berry_image::{
    ext4::write::{Layout, Options},
    tree::{Content, Meta, Time, Tree},
};

use rustix::thread::CapabilitySet;

use crate::oracle::{self, Mount};

fn tree() -> Tree {
    let meta = Meta::new(0o755, 0, 0, Time::from_seconds(1_700_000_000));
    let mut tree = Tree::new(meta.clone());
    for number in 0..300 {
        tree.put_file(format!("/data/{number}"), meta.clone(), Content::bytes(vec![number as u8; 5000])).unwrap();
    }
    tree
}

fn make(options: &Options, path: &Path) {
    let tree = tree();
    oracle::sparse(&Layout::new(&tree, &[&tree], options).unwrap().image(0).unwrap(), path);
}

fn brick() -> Options {
    Options::brick(64 << 20, 100 << 30, [1; 16], [2; 16], "brick", 1_700_000_000)
}

fn root() -> Options {
    Options::root(300 << 20, [1; 16], [2; 16], "rootfs", 1_700_000_000)
}

/// Mounts the image on a larger device, grows it there, and lets the kernel fill it up with files of all sizes.
fn grow_mounted(options: &Options, size: u64) {
    // The kernel lets only root with this capability resize a mounted file system.
    if !oracle::is_root() || !rustix::thread::capabilities(None).unwrap().effective.contains(CapabilitySet::SYS_RESOURCE) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    make(options, &image);
    File::options().write(true).open(&image).unwrap().set_len(size).unwrap();
    let mount = Mount::new(&image, "rw");
    oracle::expect("resize2fs", &[&mount.device()]);
    for number in 0..2000_usize {
        let name = mount.path.join(format!("data/new file {number}"));
        std::fs::write(&name, vec![number as u8; number * 37 % 60_000]).unwrap();
        if number % 3 == 0 {
            std::fs::remove_file(&name).unwrap();
        }
    }
    for number in 0..300 {
        assert_eq!(std::fs::read(mount.path.join(format!("data/{number}"))).unwrap(), vec![number as u8; 5000]);
    }
    drop(mount);
    oracle::assert_clean(&image);
    let blocks: u64 = oracle::header(&image, "Block count").parse().unwrap();
    assert!(blocks * 4096 > size - (128 << 20) / 20, "{blocks}");
}

#[test]
fn a_brick_grows_while_it_is_mounted() {
    grow_mounted(&brick(), 640 << 20);
    // From a part of one group to 80: the reserved descriptor blocks are used.
    grow_mounted(&brick(), 10 << 30);
}

#[test]
fn a_root_grows_while_it_is_mounted() {
    grow_mounted(&root(), 3 << 30);
    let mut old = root();
    old.features.ro_compat &= !berry_image::ext4::format::ro_compat::METADATA_CSUM;
    grow_mounted(&old, 20 << 30);
}

#[test]
fn both_grow_while_they_are_not_mounted() {
    for options in [brick(), root()] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        make(&options, &image);
        oracle::assert_clean(&image);
        oracle::expect("resize2fs", &["-f", image.to_str().unwrap(), &format!("{}K", options.size * 10 / 1024)]);
        oracle::assert_clean(&image);
    }
}

#[test]
fn reserved_descriptors_reach_two_tebibytes() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("brick");
    make(&brick(), &image);
    // 16384 groups with 64 descriptors a block, the first of which is there.
    assert_eq!(oracle::header(&image, "Reserved GDT blocks"), "255");
    assert_eq!(oracle::header(&image, "Inodes per group"), "8192");
    assert_eq!(oracle::header(&image, "Reserved block count"), "0");
    let features = "has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super large_file huge_file dir_nlink \
                    extra_isize metadata_csum";
    assert_eq!(oracle::header(&image, "Filesystem features"), features);
}
