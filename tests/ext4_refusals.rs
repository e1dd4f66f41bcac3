//! One wrong thing at a time, with checksums that fit unless they are what is wrong: the exact reason of each refusal.

mod support;

use std::{fs, path::Path, sync::Arc};

use berry_image::{
    disk::Window,
    error::{Classified as _, Kind as ErrorKind},
    ext4::{
        format::{compat, incompat, ro_compat},
        read::{Ext4, Ext4Error, Fault, Place, Unclean, Unsupported},
    },
};
use support::{
    e2fsck,
    ext4::{Image, Kind, number, put, small_image},
    run,
};

fn checked() -> Image {
    small_image(&["-t", "ext4", "-b", "1024", "-J", "size=1", "-O", "64bit,orphan_file"], 4 << 20)
}

fn plain() -> Image {
    small_image(&["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^64bit,^has_journal,uninit_bg,^extents"], 2 << 20)
}

fn read(bytes: Vec<u8>) -> Result<(), Ext4Error> {
    Ext4::open(Window::whole(Arc::new(bytes)))?.tree().map(|_| ())
}

/// Why the image is refused after `damage`, all checksums fitting.
fn sealed(image: &Image, damage: impl FnOnce(&mut [u8])) -> Ext4Error {
    let mut bytes = image.bytes.clone();
    damage(&mut bytes);
    image.seal(&mut bytes);
    read(bytes).expect_err("the damage must be seen")
}

/// Why the image is refused after `damage`, checksums left as they were.
fn stale(image: &Image, damage: impl FnOnce(&mut [u8])) -> Ext4Error {
    let mut bytes = image.bytes.clone();
    damage(&mut bytes);
    read(bytes).expect_err("the damage must be seen")
}

macro_rules! assert_refused {
    ($error:expr, $pattern:pat $(if $guard:expr)?) => {
        let error = $error;
        assert!(matches!(&error, $pattern $(if $guard)?), "{error:?}");
    };
}

#[test]
fn superblock_fields() {
    if !support::is_root() {
        return;
    }
    let image = checked();
    let cases = [
        (0x38, 2, 0xEF52, "s_magic"),
        (0x0, 4, 0, "s_inodes_count"),
        (0x0, 4, 0xFFFF_FFFF, "s_inodes_count"),
        (0x4, 4, 0, "s_blocks_count"),
        (0x4, 4, 5000, "s_blocks_count"),
        (0x150, 4, 1, "s_blocks_count"),
        (0x8, 4, 4000, "s_r_blocks_count"),
        (0x14, 4, 0, "s_first_data_block"),
        (0x14, 4, 2, "s_first_data_block"),
        (0x18, 4, 7, "s_log_block_size"),
        (0x1C, 4, 1, "s_log_cluster_size"),
        (0x20, 4, 0, "s_blocks_per_group"),
        (0x20, 4, 8191, "s_blocks_per_group"),
        (0x20, 4, 8200, "s_blocks_per_group"),
        (0x24, 4, 8, "s_clusters_per_group"),
        (0x28, 4, 0, "s_inodes_per_group"),
        (0x28, 4, 8200, "s_inodes_per_group"),
        (0x54, 4, 0, "s_first_ino"),
        (0x58, 2, 0, "s_inode_size"),
        (0x58, 2, 129, "s_inode_size"),
        (0x58, 2, 2048, "s_inode_size"),
        (0xCE, 2, 257, "s_reserved_gdt_blocks"),
        (0xE0, 4, 9, "s_journal_inum"),
        (0xFE, 2, 1, "s_desc_size"),
        (0xFE, 2, 32, "s_desc_size"),
        (0xFE, 2, 2048, "s_desc_size"),
        (0x174, 1, 32, "s_log_groups_per_flex"),
        (0x175, 1, 0, "s_checksum_type"),
        (0x280, 4, 3, "s_orphan_file_inum"),
        (0x280, 4, 100_000, "s_orphan_file_inum"),
    ];
    for (at, width, value, name) in cases {
        let error = sealed(&image, |bytes| put(bytes, 1024 + at, width, value));
        assert_refused!(error, Ext4Error::Corrupt { place: Place::Superblock, fault: Fault::Field { field, got, .. } }
            if *field == name && (*got == value || name == "s_blocks_count"));
    }
    let counts = [(0xC, "s_free_blocks_count"), (0x10, "s_free_inodes_count")];
    for (at, name) in counts {
        let error = sealed(&image, |bytes| put(bytes, 1024 + at, 4, number(bytes, 1024 + at, 4) + 1));
        assert_refused!(error, Ext4Error::Corrupt { place: Place::Superblock, fault: Fault::Count { what, .. } } if *what == name);
    }
    assert_refused!(sealed(&image, |bytes| put(bytes, 1024 + 0x18, 4, 3)), Ext4Error::Unsupported(Unsupported::BlockSize(8192)));
    assert_refused!(sealed(&image, |bytes| put(bytes, 1024 + 0x4C, 4, 0)), Ext4Error::Unsupported(Unsupported::Revision(0)));
    assert_refused!(sealed(&image, |bytes| put(bytes, 1024 + 0x48, 4, 1)), Ext4Error::Unsupported(Unsupported::CreatorOs(1)));
    assert_refused!(sealed(&image, |bytes| put(bytes, 1024 + 0xE4, 4, 1)), Ext4Error::Unsupported(Unsupported::ExternalJournal));
    let error = stale(&image, |bytes| bytes[1024 + 0x78] ^= 1);
    assert_refused!(error, Ext4Error::Corrupt { place: Place::Superblock, fault: Fault::Checksum { .. } });
    let short = image.bytes[..1500].to_vec();
    let error = read(short).unwrap_err();
    assert_refused!(error, Ext4Error::Corrupt { place: Place::Superblock, fault: Fault::Field { got: 1500, .. } });
}

#[test]
fn features_by_name() {
    if !support::is_root() {
        return;
    }
    let image = checked();
    let set = |field: usize, bit: u32| sealed(&image, |bytes| put(bytes, 1024 + field, 4, number(bytes, 1024 + field, 4) | u64::from(bit)));
    let named = [
        (0x5C, compat::DIR_PREALLOC, "dir_prealloc"),
        (0x5C, compat::IMAGIC_INODES, "imagic_inodes"),
        (0x5C, compat::FAST_COMMIT, "fast_commit"),
        (0x5C, compat::STABLE_INODES, "stable_inodes"),
        (0x60, incompat::COMPRESSION, "compression"),
        (0x60, incompat::JOURNAL_DEV, "journal_dev"),
        (0x60, incompat::META_BG, "meta_bg"),
        (0x60, incompat::MMP, "mmp"),
        (0x60, incompat::EA_INODE, "ea_inode"),
        (0x60, incompat::DIRDATA, "dirdata"),
        (0x60, incompat::LARGEDIR, "large_dir"),
        (0x60, incompat::ENCRYPT, "encrypt"),
        (0x60, incompat::CASEFOLD, "casefold"),
        (0x64, ro_compat::BTREE_DIR, "btree_dir"),
        (0x64, ro_compat::QUOTA, "quota"),
        (0x64, ro_compat::BIGALLOC, "bigalloc"),
        (0x64, ro_compat::READONLY, "read-only"),
        (0x64, ro_compat::VERITY, "verity"),
    ];
    for (field, bit, name) in named {
        let error = set(field, bit);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_refused!(error, Ext4Error::Unsupported(Unsupported::Feature(got)) if *got == name);
    }
    for (field, name) in [(0x5C, "s_feature_compat"), (0x60, "s_feature_incompat"), (0x64, "s_feature_ro_compat")] {
        let error = set(field, 0x8000_0000);
        assert_refused!(error, Ext4Error::Unsupported(Unsupported::UnknownFeature { field, bits: 0x8000_0000 }) if *field == name);
    }
    assert_refused!(set(0x64, ro_compat::GDT_CSUM), Ext4Error::Corrupt { place: Place::Superblock, fault: Fault::Features(_) });
}

#[test]
fn what_is_not_clean() {
    if !support::is_root() {
        return;
    }
    let image = checked();
    let set =
        |at: usize, width: usize, value: u64| sealed(&image, |bytes| put(bytes, 1024 + at, width, number(bytes, 1024 + at, width) | value));
    let error = set(0x60, 4, incompat::RECOVER.into());
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.hint().unwrap().contains("e2fsck"));
    assert_refused!(error, Ext4Error::Unclean(Unclean::Journal));
    assert_refused!(set(0x64, 4, ro_compat::ORPHAN_PRESENT.into()), Ext4Error::Unclean(Unclean::Orphans));
    assert_refused!(set(0xE8, 4, 12), Ext4Error::Unclean(Unclean::Orphans));
    assert_refused!(set(0x3A, 2, 2), Ext4Error::Unclean(Unclean::Errors(3)));
    assert_refused!(sealed(&image, |bytes| put(bytes, 1024 + 0x3A, 2, 0)), Ext4Error::Unclean(Unclean::Mounted(0)));

    let journal = number(&image.raw_inode(8).block, 20, 4) as usize * image.block_size;
    assert_refused!(
        stale(&image, |bytes| bytes[journal + 0x1B] ^= 1),
        Ext4Error::Corrupt { place: Place::Journal, fault: Fault::Checksum { .. } }
    );
}

/// A file system that the kernel still has mounted, copied as it is: what a card looks like after a power cut.
#[test]
fn a_mounted_file_system() {
    if !support::is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    fs::write(&path, checked().bytes).unwrap();
    let mount = support::Mount::new(&path, &folder.path().join("mounted"), "rw");
    fs::write(mount.path().join("new"), "content").unwrap();
    run("sync", ["-f".as_ref(), mount.path().as_os_str()]);
    let bytes = fs::read(&path).unwrap();
    drop(mount);
    assert_refused!(read(bytes).unwrap_err(), Ext4Error::Unclean(Unclean::Journal));
    read(fs::read(&path).unwrap()).unwrap();
    assert_eq!(e2fsck(&path), 0);
}

#[test]
fn groups_and_bitmaps() {
    if !support::is_root() {
        return;
    }
    for image in [checked(), plain()] {
        let group = image.group_at(0);
        let fields = [(0x0, "bg_block_bitmap"), (0x4, "bg_inode_bitmap"), (0x8, "bg_inode_table")];
        for (at, name) in fields {
            let error = sealed(&image, |bytes| put(bytes, group + at, 4, 0xFFFF_FFFF));
            assert_refused!(error, Ext4Error::Corrupt { place: Place::Group(0), fault: Fault::Field { field, .. } } if *field == name);
        }
        let error = sealed(&image, |bytes| put(bytes, group + 4, 4, number(bytes, group, 4)));
        assert_refused!(error, Ext4Error::Corrupt { place: Place::Group(0), fault: Fault::UsedTwice(_) });
        let error = sealed(&image, |bytes| put(bytes, group + 0x1C, 2, 256 - 10));
        assert_refused!(error, Ext4Error::Corrupt { place: Place::Inode(_), fault: Fault::UnusedInode });
        for (at, name) in [(0xC, "bg_free_blocks_count"), (0xE, "bg_free_inodes_count"), (0x10, "bg_used_dirs_count")] {
            let error = sealed(&image, |bytes| bytes[group + at] ^= 1);
            assert_refused!(error, Ext4Error::Corrupt { place: Place::Group(0), fault: Fault::Count { what, .. } } if *what == name);
        }
        let error = stale(&image, |bytes| bytes[group + 0xC] ^= 1);
        assert_refused!(error, Ext4Error::Corrupt { place: Place::Group(0), fault: Fault::Checksum { .. } });

        let (blocks, inodes) = (number(&image.bytes, group, 4) as usize, number(&image.bytes, group + 4, 4) as usize);
        let (blocks, inodes) = (blocks * image.block_size, inodes * image.block_size);
        // Bit 0 is block 1, the superblock; the first free block is not far from the end.
        assert_refused!(
            sealed(&image, |bytes| bytes[blocks] ^= 1),
            Ext4Error::Corrupt { place: Place::BlockBitmap(0), fault: Fault::MarkedFree(1) }
        );
        assert_refused!(
            sealed(&image, |bytes| bytes[inodes] ^= 2),
            Ext4Error::Corrupt { place: Place::InodeBitmap(0), fault: Fault::MarkedFree(2) }
        );
        let last = image.superblock.inodes_per_group as usize / 8 - 1;
        let error = sealed(&image, |bytes| bytes[inodes + last] |= 0x80);
        assert_refused!(error, Ext4Error::Corrupt { place: Place::InodeBitmap(0), fault: Fault::MarkedUsed(256) });
        let error = sealed(&image, |bytes| bytes[inodes + last + 1] ^= 1);
        assert_refused!(
            error,
            Ext4Error::Corrupt { place: Place::InodeBitmap(0), fault: Fault::Count { what: "bits set in the padding", .. } }
        );
    }
    let image = checked();
    let group = image.group_at(0);
    let blocks = number(&image.bytes, group, 4) as usize * image.block_size;
    let error = stale(&image, |bytes| bytes[blocks] ^= 1);
    assert_refused!(error, Ext4Error::Corrupt { place: Place::BlockBitmap(0), fault: Fault::Checksum { .. } });
}

#[test]
fn inodes() {
    if !support::is_root() {
        return;
    }
    let image = checked();
    let file = image.find("/file");
    let at = image.inode_at(file);
    let place = Place::Inode(file);
    let fields = [
        (0x0, 2, 0x9000, "i_mode"),
        (0x14, 4, 1, "i_dtime"),
        (0x70, 4, 1, "i_faddr"),
        (0x80, 2, 200, "i_extra_isize"),
        (0x80, 2, 31, "i_extra_isize"),
        (0x88, 4, 4_000_000_000, "i_mtime_extra"),
        (0x4, 4, 1024, "i_size"),
        (0x6C, 4, 0x1000, "i_size"),
        (0x20, 4, 0x1008_0000, "i_flags"),
        (0x28, 2, 0, "eh_magic"),
        (0x2A, 2, 5, "eh_entries"),
        (0x2C, 2, 5, "eh_max"),
        (0x2E, 2, 6, "eh_depth"),
        (0x38, 2, 0, "ee_len"),
    ];
    for (offset, width, value, name) in fields {
        let error = sealed(&image, |bytes| put(bytes, at + offset, width, value));
        assert_refused!(error, Ext4Error::Corrupt { place: found, fault: Fault::Field { field, .. } } if *field == name && *found == place);
    }
    assert_refused!(
        sealed(&image, |bytes| bytes[at + 0x1A] += 1),
        Ext4Error::Corrupt { fault: Fault::Count { what: "i_links_count", got: 3, expected: 2 }, .. }
    );
    assert_refused!(
        sealed(&image, |bytes| bytes[at + 0x1C] += 2),
        Ext4Error::Corrupt { fault: Fault::Count { what: "i_blocks", got: 4, expected: 3 }, .. }
    );
    assert_refused!(
        sealed(&image, |bytes| put(bytes, at + 0x3C, 4, 4096)),
        Ext4Error::Corrupt { fault: Fault::Outside { first: 4096, count: 3 }, .. }
    );
    let error = sealed(&image, |bytes| put(bytes, at + 0x3C, 4, number(bytes, image.group_at(0) + 8, 4)));
    assert_refused!(error, Ext4Error::Corrupt { fault: Fault::UsedTwice(_), .. });
    for (bit, name) in [(0x800, "encrypt"), (0x10_0000, "verity"), (0x20_0000, "ea_inode"), (0x4000_0000, "casefold")] {
        let error = sealed(&image, |bytes| put(bytes, at + 0x20, 4, number(bytes, at + 0x20, 4) | bit));
        assert_refused!(error, Ext4Error::Unsupported(Unsupported::InodeFlag { flag, .. }) if *flag == name);
    }
    for offset in [0x2, 0x80 + 0x1C, 0xFF] {
        let error = stale(&image, |bytes| bytes[at + offset] ^= 1);
        assert_refused!(error, Ext4Error::Corrupt { place: found, fault: Fault::Checksum { .. } } if *found == place);
    }
    let link = image.inode_at(image.find("/link"));
    assert_refused!(sealed(&image, |bytes| bytes[link + 0x29] = 0), Ext4Error::Corrupt { fault: Fault::Field { field: "i_size", .. }, .. });
    assert_refused!(sealed(&image, |bytes| bytes[link + 0x4] = 0), Ext4Error::Corrupt { fault: Fault::Field { field: "i_size", .. }, .. });
    let resize = image.inode_at(7);
    assert_refused!(sealed(&image, |bytes| bytes[resize + 0x28] = 1), Ext4Error::Corrupt { place: Place::Inode(7), .. });
    assert_refused!(sealed(&image, |bytes| bytes[image.inode_at(1) + 0x28] = 1), Ext4Error::Unsupported(Unsupported::BadBlocks));
}

#[test]
fn extent_blocks() {
    if !support::is_root() {
        return;
    }
    let image = checked();
    let inode = image.find("/fragmented");
    let number_of_block = image.block_of(inode, Kind::Extents);
    let at = number_of_block as usize * image.block_size;
    let place = Place::Block { inode, block: number_of_block };
    let fields = [
        (0x0, 2, 1, "eh_magic"),
        (0x2, 2, 0, "eh_entries"),
        (0x4, 2, 0, "eh_max"),
        (0x6, 2, 1, "eh_depth"),
        (0xC, 4, 9, "ee_block"),
        (0x18, 4, 0, "ee_block"),
        (0x10, 2, 0, "ee_len"),
    ];
    for (offset, width, value, name) in fields {
        let error = sealed(&image, |bytes| put(bytes, at + offset, width, value));
        assert_refused!(error, Ext4Error::Corrupt { place: found, fault: Fault::Field { field, .. } } if *field == name && *found == place);
    }
    // The first block of the second extent once more in the third.
    let error = sealed(&image, |bytes| put(bytes, at + 0x2C, 4, number(bytes, at + 0x20, 4)));
    assert_refused!(error, Ext4Error::Corrupt { place: found, fault: Fault::UsedTwice(_) } if *found == place);
    let error = stale(&image, |bytes| bytes[at + 0x18] ^= 1);
    assert_refused!(error, Ext4Error::Corrupt { place: found, fault: Fault::Checksum { .. } } if *found == place);
    // A tree that contains itself.
    let error = sealed(&image, |bytes| {
        put(bytes, at + 2, 2, 1);
        put(bytes, at + 6, 2, 1);
        put(bytes, at + 0x10, 4, number_of_block);
        put(bytes, at + 0x14, 2, 0);
        put(bytes, image.inode_at(inode) + 0x2E, 2, 2);
    });
    assert_refused!(error, Ext4Error::Corrupt { fault: Fault::UsedTwice(_), .. });

    let image = plain();
    let inode = image.find("/fragmented");
    let block = image.block_of(inode, Kind::Indirect);
    let at = block as usize * image.block_size;
    assert_refused!(sealed(&image, |bytes| put(bytes, at, 4, block)), Ext4Error::Corrupt { fault: Fault::UsedTwice(_), .. });
    assert_refused!(sealed(&image, |bytes| put(bytes, at, 4, 1 << 31)), Ext4Error::Corrupt { fault: Fault::Outside { .. }, .. });
}

#[test]
fn folders() {
    if !support::is_root() {
        return;
    }
    let image = checked();
    let inode = image.find("/folder");
    let block = image.block_of(inode, Kind::Names);
    let place = Place::Block { inode, block };
    let at = block as usize * image.block_size;
    // `.` at 0, `..` at 12, `in` at 24.
    let error = sealed(&image, |bytes| put(bytes, at, 4, 2));
    assert_refused!(error, Ext4Error::Corrupt { place: found, fault: Fault::Count { what: "inode of `.`", got: 2, .. } } if *found == place);
    let error = sealed(&image, |bytes| put(bytes, at + 12, 4, 12));
    assert_refused!(error, Ext4Error::Corrupt { fault: Fault::Count { what: "inode of `..`", got: 12, expected: 2 }, .. });
    assert_refused!(
        sealed(&image, |bytes| put(bytes, at + 28, 2, 8)),
        Ext4Error::Corrupt { fault: Fault::Field { field: "rec_len", .. }, .. }
    );
    assert_refused!(sealed(&image, |bytes| bytes[at + 32] = b'/'), Ext4Error::Corrupt { fault: Fault::BadName(name), .. } if name == "/n");
    assert_refused!(
        sealed(&image, |bytes| bytes[at + 31] = 1),
        Ext4Error::Corrupt { fault: Fault::FileType { got: 1, expected: 2, .. }, .. }
    );
    assert_refused!(
        sealed(&image, |bytes| put(bytes, at + 24, 4, inode.into())),
        Ext4Error::Corrupt { fault: Fault::FolderTwice { .. }, .. }
    );
    assert_refused!(
        sealed(&image, |bytes| put(bytes, at + 24, 4, 8)),
        Ext4Error::Corrupt { fault: Fault::Field { field: "inode", got: 8, .. }, .. }
    );
    assert_refused!(stale(&image, |bytes| bytes[at + 32] = b'x'), Ext4Error::Corrupt { place: found, fault: Fault::Checksum { .. } } if *found == place);
    assert_refused!(
        stale(&image, |bytes| bytes[at + 1024 - 5] = 0),
        Ext4Error::Corrupt { fault: Fault::Field { field: "det_reserved_ft", .. }, .. }
    );
    // The root once more in a folder.
    assert_refused!(
        sealed(&image, |bytes| put(bytes, at + 24, 4, 2)),
        Ext4Error::Corrupt { fault: Fault::Field { field: "inode", .. }, .. }
    );

    let large = image.find("/large");
    let root = image.block_of(large, Kind::IndexRoot) as usize * image.block_size;
    let fields = [
        (0x18, 4, 1, "dx_root_info.reserved_zero"),
        (0x1C, 1, 9, "dx_root_info.hash_version"),
        (0x1D, 1, 7, "dx_root_info.info_length"),
        (0x1E, 1, 2, "dx_root_info.indirect_levels"),
        (0x1F, 1, 1, "dx_root_info.unused_flags"),
        (0x20, 2, 9, "limit"),
        (0x22, 2, 0, "count"),
        (0x24, 4, 0, "dx_entry.block"),
        (0x24, 4, 99, "dx_entry.block"),
        (0x28, 4, 0xFFFF_FFFF, "dx_entry.hash"),
    ];
    for (offset, width, value, name) in fields {
        let error = sealed(&image, |bytes| put(bytes, root + offset, width, value));
        assert_refused!(error, Ext4Error::Corrupt { fault: Fault::Field { field, .. }, .. } if *field == name);
    }
    assert_refused!(stale(&image, |bytes| bytes[root + 0x28] ^= 1), Ext4Error::Corrupt { fault: Fault::Checksum { .. }, .. });
    let names = image.block_of(large, Kind::Names) as usize * image.block_size;
    // Two names that differ in two digits become one.
    let error = sealed(&image, |bytes| bytes.copy_within(names + 8..names + 68, names + 68 + 8));
    assert_refused!(error, Ext4Error::Corrupt { place: Place::Inode(folder), fault: Fault::DuplicateName(_) } if *folder == large);
}

#[test]
fn extended_attributes() {
    if !support::is_root() {
        return;
    }
    let image = checked();
    let inode = image.find("/shared-1");
    let holder = image.blocks.iter().find(|block| block.kind == Kind::Attributes).unwrap();
    let at = holder.number as usize * image.block_size;
    // An entry: name length, class, value's offset, value's inode, value's size, hash, name.
    let fields = [
        (0x0, 1, 1, "h_magic"),
        (0x4, 4, 0, "h_refcount"),
        (0x4, 4, 1025, "h_refcount"),
        (0x8, 4, 2, "h_blocks"),
        (0x24, 4, 7, "e_value_inum"),
    ];
    for (offset, width, value, name) in fields {
        let error = sealed(&image, |bytes| put(bytes, at + offset, width, value));
        assert_refused!(error, Ext4Error::Corrupt { fault: Fault::Field { field, .. }, .. } if *field == name);
    }
    assert_refused!(sealed(&image, |bytes| bytes[at + 4] += 1), Ext4Error::Corrupt { fault: Fault::Count { what: "h_refcount", .. }, .. });
    assert_refused!(sealed(&image, |bytes| bytes[at + 4] -= 1), Ext4Error::Corrupt { fault: Fault::Count { what: "h_refcount", .. }, .. });
    assert_refused!(sealed(&image, |bytes| bytes[at + 0x21] = 99), Ext4Error::Unsupported(Unsupported::XattrIndex { index: 99, .. }));
    assert_refused!(sealed(&image, |bytes| bytes[at + 0x2C] ^= 1), Ext4Error::Corrupt { fault: Fault::Checksum { .. }, .. });
    assert_refused!(sealed(&image, |bytes| put(bytes, at + 0x22, 2, 1020)), Ext4Error::Corrupt { fault: Fault::Truncated(_), .. });
    assert_refused!(
        stale(&image, |bytes| bytes[at + 0x30] ^= 1),
        Ext4Error::Corrupt { place: Place::Block { .. }, fault: Fault::Checksum { .. } }
    );
    // In the inode behind the fields: the magic number, then entries without a hash. The value's offset counts from the first of them.
    let area = image.inode_at(inode) + 128 + 32;
    assert_eq!(number(&image.bytes, area, 4), 0xEA02_0000);
    let value = number(&image.bytes, area + 4 + 2, 2);
    assert!(value > 0);
    let error = sealed(&image, |bytes| put(bytes, area + 4 + 2, 2, 8));
    assert_refused!(error, Ext4Error::Corrupt { place: Place::Inode(_), fault: Fault::Field { field: "e_value_offs", .. } });
    assert_refused!(sealed(&image, |bytes| put(bytes, area + 4 + 8, 4, 0xFFFF)), Ext4Error::Corrupt { fault: Fault::Truncated(_), .. });
}

/// The hint of every refusal leads somewhere, and messages name numbers.
#[test]
fn messages() {
    let error = read(vec![0; 4096]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.to_string(), "the ext4 file system is damaged: superblock: `s_magic`: got 0x0, expected 0xef53");
    assert!(Path::new("/usr/sbin/e2fsck").exists() && error.hint().unwrap().contains("e2fsck -fn"));
}
