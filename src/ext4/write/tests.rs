//! What can only be tested with a view of the inside: names whose hashes collide, and refusals.

use std::{collections::HashMap, fs::File, os::unix::fs::FileExt as _, process::Command};

use super::{
    checksums::Checksums,
    directory::{FolderFormat, Shape, record_size},
    *,
};
use crate::{
    disk::{Extent, Extents, Source, Storage as _},
    error::Classified as _,
    ext4::format::{Superblock, compat, incompat, ro_compat},
    tree::{Content, Inode, Kind, Meta, Time, Tree},
};

fn meta() -> Meta {
    Meta::new(0o755, 0, 0, Time::from_seconds(1_700_000_000))
}

fn options(size: u64) -> Options {
    Options::root(size, [7; 16], [9; 16], "test", 1_700_000_000)
}

fn folder_format(options: &Options) -> FolderFormat {
    FolderFormat::new(options, &Checksums::new(options))
}

fn make(tree: &Tree, options: &Options) -> Extents {
    Layout::new(tree, &[tree], options).unwrap().image(0).unwrap()
}

#[test]
fn an_index_has_two_levels_when_its_root_is_full() {
    let format = folder_format(&options(1 << 30));
    let blocks = |count: u32, length: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("{number:0>length$}")).collect();
        let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        format.shape(&names, 12).unwrap().blocks()
    };
    let per_leaf = |length| ((4084 - 510) / record_size(length)) as u64;
    assert_eq!((per_leaf(8), per_leaf(255)), (223, 13));
    assert_eq!(blocks(253, 8), 1);
    assert_eq!(blocks(255, 8), 1 + 2);
    assert_eq!(blocks(507 * 13, 255), 1 + 507);
    assert_eq!(blocks(507 * 13 + 1, 255), 1 + 1 + 508);
    assert_eq!(blocks(20_000, 255), 1 + 4 + 20_000_u64.div_ceil(13));
}

#[test]
fn names_with_equal_hashes_are_found_on_both_sides_of_a_leafs_end() {
    let options = options(64 << 20);
    let format = folder_format(&options);
    let name = |number: u32| format!("{number:08}").into_bytes();
    let mut by_hash: HashMap<u32, u32> = HashMap::new();
    let (twin, other, hash) = (0..)
        .find_map(|number| {
            let hash = format.hasher.hash(&name(number)).0;
            // Neither the first nor the last, so that others stand around them.
            let is_middle = (0x4000_0000..0xC000_0000).contains(&hash);
            by_hash.insert(hash, number).filter(|_| is_middle).map(|before| (before, number, hash))
        })
        .unwrap();
    // A leaf takes 223 names of this length: 222 go before the first of the twins.
    let (lower, higher): (Vec<u32>, Vec<u32>) =
        (0..).map(|n| n + 10_000_000).take(1500).partition(|number| format.hasher.hash(&name(*number)).0 < hash);
    let numbers: Vec<u32> = lower.into_iter().take(222).chain(higher).chain([twin, other]).collect();
    let names: Vec<Vec<u8>> = numbers.iter().map(|number| name(*number)).collect();
    let borrowed: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let Shape::Indexed(index) = format.shape(&borrowed, 12).unwrap() else { panic!("not indexed") };
    assert!(format!("{index:?}").contains(&format!("start: 223, hash: {}", hash | 1)), "{index:?}");

    let mut tree = Tree::new(meta());
    for name in &names {
        tree.put([b"/crowd/", name.as_slice()].concat(), Inode::new(meta(), Kind::Fifo))
            .or_else(|_| {
                tree.make_folder("/crowd", &meta())?;
                tree.put([b"/crowd/", name.as_slice()].concat(), Inode::new(meta(), Kind::Fifo))
            })
            .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let file = File::create_new(&image).unwrap();
    let bytes = make(&tree, &options).to_vec(options.size).unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    let output = Command::new("e2fsck").arg("-fn").arg(&image).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    if !rustix::process::geteuid().is_root() {
        // Only root can mount.
        return;
    }
    let mounted = folder.path().join("mounted");
    std::fs::create_dir(&mounted).unwrap();
    assert!(Command::new("mount").args(["-o", "loop,ro"]).arg(&image).arg(&mounted).status().unwrap().success());
    let missing: Vec<u32> =
        numbers.into_iter().filter(|number| mounted.join(format!("crowd/{number:08}")).symlink_metadata().is_err()).collect();
    assert!(Command::new("umount").arg(&mounted).status().unwrap().success());
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_does_not_fit_is_refused_with_numbers() {
    let mut tree = Tree::new(meta());
    let content = |size| {
        let mut content = Content::default();
        content.push(Extent { offset: 0, len: size, source: Source::Zero });
        content
    };
    tree.put_file("/large", meta(), content(200 << 20)).unwrap();
    let error = Layout::new(&tree, &[&tree], &options(128 << 20)).unwrap_err();
    let WriteError::NoSpace { needed, available, size } = error else { panic!("{error}") };
    assert!(needed > 200 << 20 && needed < 220 << 20 && available < 128 << 20 && size == 128 << 20, "{error}");
    let hint = error.hint().unwrap();
    let enough: u64 = hint.split(' ').find_map(|word| word.parse().ok()).unwrap();
    assert!(Layout::new(&tree, &[&tree], &options(enough << 20)).is_ok(), "{hint}");

    assert!(matches!(Layout::new(&tree, &[], &options(100 << 10)), Err(WriteError::TooSmall { .. })));
    let mut few = options(1 << 30);
    few.inodes = Inodes::PerGroup(16);
    let mut crowd = Tree::new(meta());
    for number in 0..200 {
        crowd.put_file(format!("/{number}"), meta(), Content::default()).unwrap();
    }
    assert_eq!(Layout::new(&crowd, &[], &few).unwrap_err(), WriteError::NoInodes { needed: 211, available: 128 });
    few.inodes = Inodes::PerBytes(1 << 30);
    let usage = Layout::new(&crowd, &[], &few).unwrap().usage(0);
    assert!(usage.inodes - usage.free_inodes == 211 && usage.free_inodes >= 42, "{usage:?}");
}

#[test]
fn what_ext4_cannot_hold_is_refused_with_its_path() {
    let refusal = |kind: Kind| {
        let mut tree = Tree::new(meta());
        tree.put("/x", Inode::new(meta(), kind)).unwrap();
        Layout::new(&tree, &[], &options(64 << 20)).unwrap_err()
    };
    let path = || "/x".to_owned();
    assert_eq!(refusal(Kind::Symlink(Vec::new())), WriteError::Symlink { path: path(), got: 0, limit: 4095 });
    assert_eq!(refusal(Kind::Symlink(vec![b'x'; 4096])), WriteError::Symlink { path: path(), got: 4096, limit: 4095 });
    assert_eq!(refusal(Kind::Symlink(b"a\0b".to_vec())), WriteError::Symlink { path: path(), got: 3, limit: 4095 });
    assert_eq!(refusal(Kind::CharDevice { major: 4096, minor: 1 }), WriteError::Device { path: path(), major: 4096, minor: 1 });
    let limit = (2 << 40) - (4 << 30);
    assert_eq!(refusal(Kind::File(Extents::hole(3 << 40))), WriteError::FileSize { path: path(), got: 3 << 40, limit });

    let mut tree = Tree::new(meta());
    let mut inode = Inode::new(meta(), Kind::Fifo);
    inode.xattrs.insert(b"user.a".to_vec(), vec![0; 5000]);
    let id = tree.put("/x", inode).unwrap();
    let error = Layout::new(&tree, &[], &options(64 << 20)).unwrap_err();
    assert_eq!(error, WriteError::TooManyXattrs { path: path(), needed: 5020 });
    tree.inode_mut(id).xattrs = [(b"strange".to_vec(), Vec::new())].into();
    let error = Layout::new(&tree, &[], &options(64 << 20)).unwrap_err();
    assert_eq!(error, WriteError::XattrName { path: path(), name: "strange".to_owned() });
}

#[test]
fn a_folder_with_two_names_is_refused() {
    let mut tree = Tree::new(meta());
    let id = tree.make_folder("/a/b", &meta()).unwrap();
    let above = tree.lookup("/a").unwrap();
    let Kind::Directory(children) = &mut tree.inode_mut(id).kind else { panic!() };
    children.insert(crate::tree::Name::new(b"loop").unwrap(), above);
    let error = Layout::new(&tree, &[], &options(64 << 20)).unwrap_err();
    assert_eq!(error, WriteError::FolderTwice { path: "/a/b/loop".to_owned() });
}

/// The superblock of a fresh file system, as another base would have it.
fn superblock(options: &Options) -> Superblock {
    let mut bytes = vec![0; 1024];
    make(&Tree::new(meta()), options).read_exact_at(1024, &mut bytes).unwrap();
    Superblock::parse(&bytes)
}

#[test]
fn a_base_is_taken_as_it_is() {
    let mut expected = options(2 << 30);
    expected.last_mounted[..5].copy_from_slice(b"/root");
    expected.signed_hash = true;
    expected.errors = 2;
    expected.features.ro_compat |= ro_compat::HUGE_FILE;
    expected.journal_blocks = 4096;
    let base = superblock(&expected);
    assert_eq!(Options::like(&base, 2 << 30, expected.uuid, expected.hash_seed, expected.time).unwrap(), expected);
    let larger = Options::like(&base, 8 << 30, [1; 16], [2; 16], 5).unwrap();
    assert_eq!((larger.inodes, larger.journal_blocks, larger.reserved_per_million), (Inodes::PerBytes(16384), 4096, 50_000));
}

#[test]
fn features_that_only_allow_something_are_dropped_and_others_refused() {
    let good = superblock(&options(1 << 30));
    let like = |change: fn(&mut Superblock)| {
        let mut base = good.clone();
        change(&mut base);
        Options::like(&base, 1 << 30, [1; 16], [2; 16], 5)
    };
    let dropped = like(|base| {
        base.feature_compat |= compat::ORPHAN_FILE | compat::FAST_COMMIT | compat::SPARSE_SUPER2;
        base.feature_incompat |= incompat::LARGEDIR | incompat::INLINE_DATA;
        base.feature_ro_compat |= ro_compat::GDT_CSUM;
    });
    assert_eq!(dropped.unwrap().features, options(1).features);
    for (name, change) in [
        ("needs_recovery", (|base| base.feature_incompat |= incompat::RECOVER) as fn(&mut Superblock)),
        ("casefold", |base| base.feature_incompat |= incompat::CASEFOLD),
        ("bigalloc", |base| base.feature_ro_compat |= ro_compat::BIGALLOC),
        ("orphan_present", |base| base.feature_ro_compat |= ro_compat::ORPHAN_PRESENT),
        ("0x80000000 of word 1", |base| base.feature_incompat |= 1 << 31),
        ("no extent", |base| base.feature_incompat &= !incompat::EXTENTS),
    ] {
        assert_eq!(like(change).unwrap_err(), WriteError::Feature(name.to_owned()));
    }
    assert!(matches!(like(|base| base.log_block_size = 6), Err(WriteError::Option { got: 65536, .. })));
    assert!(matches!(like(|base| base.log_block_size = 4_000_000_000), Err(WriteError::Option { got: 0, .. })));
    assert!(matches!(like(|base| base.inode_size = 100), Err(WriteError::Option { got: 100, .. })));
}

#[test]
fn bricks_of_every_size_have_a_journal_that_fits() {
    for (size, grown, journal) in
        [(16 << 20, 1 << 40, 2048), (64 << 20, 1 << 40, 8192), (256 << 20, 100 << 30, 16384), (1 << 30, 1 << 30, 8192)]
    {
        let options = Options::brick(size, grown, [1; 16], [2; 16], "a label that is too long", 5);
        assert_eq!(options.journal_blocks, journal, "{size}");
        assert_eq!(&options.label, b"a label that is ");
        let usage = Layout::new(&Tree::new(meta()), &[], &options).unwrap().usage(0);
        assert_eq!(u64::from(usage.inodes), 8192 * size.div_ceil(128 << 20));
    }
}
