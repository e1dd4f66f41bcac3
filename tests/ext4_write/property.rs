//! Whatever the tree and the features: nothing to complain about, and everything is found again.
//!
//! `PROPTEST_CASES` sets the number of cases.

use std::cell::Cell;

use berry_image::{
    disk::Storage as _,
    ext4::write::{Layout, Options},
    tree::{Inode, Kind, Meta, Time, Tree},
};
use proptest::{collection::vec, prelude::*, test_runner::Config};

use crate::{
    mounted,
    oracle::{self, Mount},
    reread, trees,
};

fn config(cases: u32) -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok()).unwrap_or(cases);
    Config { cases, max_shrink_iters: 40, failure_persistence: None, ..Config::default() }
}

/// Judges the image of one node; `complaints` of `e2fsck` are returned.
fn judge(layout: &Layout, node: usize, tree: &Tree, options: &Options, mounted: bool) -> Vec<String> {
    let extents = layout.image(node).unwrap();
    assert_eq!(extents.size(), options.size);
    reread::compare(tree, &extents, options.inode_size > 128);
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    // What a card held before must not matter.
    if options.size < 200 << 20 {
        oracle::used_card(&extents, &image);
    } else {
        oracle::sparse(&extents, &image);
    }
    let complaints = oracle::complaints(&image);
    if complaints.is_empty() {
        let usage = layout.usage(node);
        assert_eq!(oracle::header(&image, "Free blocks"), usage.free_blocks.to_string());
        assert_eq!(oracle::header(&image, "Free inodes"), usage.free_inodes.to_string());
        if mounted && oracle::is_root() {
            let mount = Mount::new(&image, "ro");
            mounted::compare(tree, &mount.path, options.inode_size > 128);
        }
    }
    complaints
}

#[test]
fn any_tree_is_clean_and_comes_back() {
    let cases = Cell::new(0);
    proptest!(config(90), |(spec in trees::spec(), options in trees::options())| {
        cases.set(cases.get() + 1);
        let tree = spec.tree(u64::from(options.block_size));
        let layout = Layout::new(&tree, &[&tree], &options).unwrap();
        let complaints = judge(&layout, 0, &tree, &options, cases.get() % 3 == 0);
        prop_assert!(complaints.is_empty(), "{:#?}", complaints);
    });
}

#[test]
fn any_family_is_clean_and_comes_back() {
    let cases = Cell::new(0);
    proptest!(config(25), |(spec in trees::spec(), edits in vec(trees::edits(), 2..4), options in trees::options())| {
        cases.set(cases.get() + 1);
        let common = spec.tree(u64::from(options.block_size));
        let mut nodes = vec![common.clone(); edits.len()];
        for (tree, edits) in nodes.iter_mut().zip(&edits) {
            trees::apply(tree, edits);
        }
        let layout = Layout::new(&common, &nodes.iter().collect::<Vec<_>>(), &options).unwrap();
        for (node, tree) in nodes.iter().enumerate() {
            let complaints = judge(&layout, node, tree, &options, cases.get() % nodes.len() == node);
            prop_assert!(complaints.is_empty(), "node {}: {:#?}", node, complaints);
        }
    });
}

#[test]
fn a_folder_of_twenty_thousand_long_names_and_a_folder_of_too_many_folders() {
    let meta = Meta::new(0o755, 0, 0, Time::from_seconds(1));
    let mut tree = Tree::new(meta.clone());
    for (name, count, kind) in [("names", 20_000, Kind::Fifo), ("folders", 65_010, Kind::directory())] {
        let folder = tree.make_folder(format!("/{name}"), &meta).unwrap();
        for number in 0..count {
            let id = tree.add(Inode::new(meta.clone(), kind.clone()));
            let width = if name == "names" { 255 } else { 9 };
            let name = berry_image::tree::Name::new(format!("{number:0>width$}").as_bytes()).unwrap();
            trees::insert(&mut tree, folder, name, id);
        }
    }
    let options = Options::root(512 << 20, [1; 16], [2; 16], "", 1);
    let layout = Layout::new(&tree, &[&tree], &options).unwrap();
    let complaints = judge(&layout, 0, &tree, &options, true);
    assert!(complaints.is_empty(), "{complaints:#?}");
}
