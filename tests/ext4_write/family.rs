//! Images of one family differ in little, and say so by what they refer to.

use std::collections::BTreeSet;

use berry_image::{
    disk::{Extents, Source, Storage as _},
    ext4::write::{Layout, Options},
    tree::{Content, Meta, Time, Tree},
};

use crate::oracle;

const SIZE: u64 = 300 << 20;

fn meta() -> Meta {
    Meta::new(0o644, 0, 0, Time::from_seconds(1_700_000_000))
}

fn file(tree: &mut Tree, path: &str, content: &[u8]) {
    tree.put_file(path, meta(), Content::bytes(content.to_vec())).unwrap();
}

/// A few thousand files, among them those that the nodes will have their own version of.
fn common() -> Tree {
    let mut tree = Tree::new(Meta::new(0o755, 0, 0, Time::from_seconds(1)));
    for folder in 0..60 {
        for number in 0..40 {
            file(&mut tree, &format!("/usr/lib/{folder}/{number}"), &[folder as u8; 3000]);
        }
    }
    file(&mut tree, "/usr/large", &vec![1; 40 << 20]);
    for number in 0..100 {
        file(&mut tree, &format!("/etc/{number}.conf"), b"common");
    }
    tree
}

/// Twenty-five small files that differ: twenty in the place of common ones, five new ones.
fn node(common: &Tree, name: &str) -> Tree {
    let mut tree = common.clone();
    for number in 0..20 {
        file(&mut tree, &format!("/etc/{number}.conf"), name.repeat(number + 1).as_bytes());
    }
    for number in 0..5 {
        file(&mut tree, &format!("/etc/ssh/key{number}"), name.as_bytes());
    }
    tree
}

fn images(common: &Tree, nodes: &[Tree]) -> Vec<Extents> {
    let nodes: Vec<&Tree> = nodes.iter().collect();
    let options = Options::root(SIZE, [3; 16], [4; 16], "rootfs", 1_700_000_000);
    let layout = Layout::new(common, &nodes, &options).unwrap();
    let images = (0..nodes.len()).map(|node| layout.image(node).unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    for (node, image) in <Vec<Extents> as AsRef<[Extents]>>::as_ref(&images).iter().enumerate() {
        let path = folder.path().join(node.to_string());
        oracle::sparse(image, &path);
        oracle::assert_clean(&path);
        let usage = layout.usage(node);
        assert_eq!(oracle::header(&path, "Free blocks"), usage.free_blocks.to_string());
        assert_eq!(oracle::header(&path, "Free inodes"), usage.free_inodes.to_string());
    }
    images
}

/// Blocks of 4 KiB whose bytes differ, and how many bytes of both refer to different sources.
fn difference(one: &Extents, other: &Extents) -> (usize, u64) {
    let mut blocks = 0;
    let (mut left, mut right) = (vec![0; 4096], vec![0; 4096]);
    for block in 0..SIZE / 4096 {
        one.read_exact_at(block * 4096, &mut left).unwrap();
        other.read_exact_at(block * 4096, &mut right).unwrap();
        blocks += usize::from(left != right);
    }
    let mut edges: BTreeSet<u64> = [0, SIZE].into();
    edges.extend(one.list().iter().chain(other.list()).flat_map(|extent| [extent.offset, extent.end()]));
    let edges: Vec<u64> = edges.into_iter().collect();
    let source = |extents: &Extents, from, to| extents.between(from, to).next().map(|extent| extent.source);
    let differs = |pair: &&[u64]| match (source(one, pair[0], pair[1]), source(other, pair[0], pair[1])) {
        (Some(one), Some(other)) => !Source::is_same(&one, &other),
        (None, None) => false,
        _ => true,
    };
    (blocks, edges.windows(2).filter(differs).map(|pair| pair[1] - pair[0]).sum())
}

#[test]
fn nodes_with_the_same_names_differ_in_their_files_alone() {
    let common = common();
    let nodes: Vec<Tree> = (1..=4).map(|number| node(&common, &format!("cluster0{number} "))).collect();
    let images = images(&common, &nodes);
    for other in &images[1..] {
        let (blocks, bytes) = difference(&images[0], other);
        // 25 blocks of content and those of the inode table that hold their sizes.
        assert!((25..=30).contains(&blocks), "{blocks}");
        assert!(bytes <= 30 * 4096, "{bytes}");
    }
}

#[test]
fn a_file_more_or_less_changes_little_else() {
    let common = common();
    let mut nodes: Vec<Tree> = (1..=4).map(|number| node(&common, &format!("cluster0{number} "))).collect();
    file(&mut nodes[1], "/etc/extra", &[5; 9000]);
    assert!(nodes[2].remove("/etc/7.conf").unwrap());
    assert!(nodes[3].remove("/usr/lib/7").unwrap());
    file(&mut nodes[3], "/etc/8.conf", &[8; 5000]);
    let images = images(&common, &nodes);
    for (node, other) in images.iter().enumerate().skip(1) {
        let (blocks, bytes) = difference(&images[0], other);
        // What node 3 lacks are 40 files more, whose blocks are holes there.
        let limit = if node == 3 { 64 + 41 } else { 64 };
        assert!((25..=limit).contains(&blocks), "{node}: {blocks}");
        assert!(bytes <= limit as u64 * 4096, "{node}: {bytes}");
    }
}

#[test]
fn equal_nodes_have_equal_images() {
    let common = common();
    let layout = |nodes: &[&Tree]| Layout::new(&common, nodes, &Options::root(SIZE, [3; 16], [4; 16], "rootfs", 1_700_000_000)).unwrap();
    let three = layout(&[&common.clone(), &common, &common.clone()]);
    let images: Vec<Extents> = (0..3).map(|node| three.image(node).unwrap()).collect();
    assert_eq!(difference(&images[0], &images[1]), (0, 0));
    assert_eq!(difference(&images[0], &images[2]), (0, 0));
    assert_eq!(difference(&images[0], &layout(&[]).image(0).unwrap()).0, 0);
}

#[test]
fn threads_and_order_do_not_matter() {
    let common = common();
    let nodes: Vec<Tree> = (1..=4).map(|number| node(&common, &format!("cluster0{number} "))).collect();
    let nodes: Vec<&Tree> = nodes.iter().collect();
    let options = Options::root(SIZE, [3; 16], [4; 16], "rootfs", 1_700_000_000);
    let layout = || Layout::new(&common, &nodes, &options).unwrap();
    let (one, other) = (layout(), layout());
    let forward: Vec<Extents> = (0..4).map(|node| one.image(node).unwrap()).collect();
    let backward: Vec<Extents> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|node| {
                scope.spawn({
                    let other = &other;
                    move || other.image(node).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (one, other) in forward.iter().zip(&backward) {
        assert_eq!(difference(one, other).0, 0);
        let shape = |extents: &Extents| extents.list().iter().map(|e| (e.offset, e.len)).collect::<Vec<_>>();
        assert_eq!(shape(one), shape(other));
    }
    assert!(one.image(4).is_err());
}
