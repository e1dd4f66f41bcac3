//! Random trees and random file systems for them.

use berry_image::{
    disk::{Extent, Extents, Source},
    ext4::{
        format::{compat, incompat, ro_compat},
        write::{Inodes, Options},
    },
    tree::{Inode, InodeId, Kind, Meta, Name, Time, Tree, Xattrs},
};
use proptest::{collection::vec, prelude::*, sample::Index};

#[derive(Clone, Debug)]
pub(crate) struct Spec {
    entries: Vec<Entry>,
    /// Names in one folder, and their length.
    crowd: Option<(u16, u8)>,
}

#[derive(Clone, Debug)]
struct Entry {
    folder: Index,
    name: Vec<u8>,
    what: What,
    meta: Meta,
    xattrs: Xattrs,
}

#[derive(Clone, Debug)]
enum What {
    Folder,
    File(Vec<u8>),
    /// Extents of (gap in bytes, length in bytes, whether zeroes), and a hole at the end.
    Sparse(Vec<(u32, u16, bool)>, u32),
    /// So many single blocks, with a hole behind each.
    Comb(u16),
    Symlink(Vec<u8>),
    Char(u32, u32),
    Block(u32, u32),
    Fifo,
    Socket,
    HardLink(Index),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_map(|byte| if byte == 0 || byte == b'/' { b'x' } else { byte });
    prop_oneof![
        6 => "[a-z]{1,12}".prop_map(String::into_bytes),
        2 => vec(byte.clone(), 1..30),
        1 => vec(byte, 250..=255),
    ]
}

fn time() -> impl Strategy<Value = Time> {
    let seconds = prop_oneof![
        0..4_000_000_000_i64,
        -2_147_483_648..0_i64,
        // e2fsck takes times after 2310 with the sign bit set for an old mistake of the kernel, so there are none here.
        Just((1 << 34) - (1 << 31) - 1),
        Just(i64::MAX),
        Just(i64::MIN),
    ];
    (seconds, 0..1_000_000_000_u32).prop_map(|(seconds, nanoseconds)| Time { seconds, nanoseconds })
}

fn meta() -> impl Strategy<Value = Meta> {
    let number = prop_oneof![0..3_u32, 65_530..65_540_u32, any::<u32>().prop_map(|n| n.min(u32::MAX - 1))];
    // undelete, immutable, append-only, no dump, no atime, dirsync, topdir
    let flags = prop_oneof![4 => Just(0_u32), 1 => proptest::sample::select(vec![0x2, 0x10, 0x20, 0x40, 0x80, 0x1_0000, 0x2_0000])];
    (0..0o10_000_u16, number.clone(), number, [time(), time(), time(), time()], flags).prop_map(
        |(permissions, uid, gid, [atime, ctime, mtime, crtime], flags)| Meta {
            permissions,
            uid,
            gid,
            atime,
            ctime,
            mtime,
            crtime,
            flags,
            project: 0,
        },
    )
}

/// `ext4_acl_header` and entries: owner, one user, group, mask, others.
pub(crate) const ACL: [u8; 28] = [1, 0, 0, 0, 1, 0, 6, 0, 2, 0, 4, 0, 0x39, 0x30, 0, 0, 4, 0, 4, 0, 0x10, 0, 4, 0, 0x20, 0, 0, 0];

fn xattrs() -> impl Strategy<Value = Xattrs> {
    let one = prop_oneof![
        4 => ("(user|trusted|security)\\.[a-z]{1,20}", vec(any::<u8>(), 0..60)).prop_map(|(name, value)| (name.into_bytes(), value)),
        1 => Just((b"system.posix_acl_access".to_vec(), ACL.to_vec())),
        1 => ("user\\.[a-z]{1,9}", vec(any::<u8>(), 60..250)).prop_map(|(name, value)| (name.into_bytes(), value)),
    ];
    prop_oneof![3 => Just(Xattrs::new()), 1 => vec(one, 1..4).prop_map(|list| list.into_iter().collect())]
}

fn what() -> impl Strategy<Value = What> {
    let link = prop_oneof![1..200_usize, Just(58), Just(59), Just(60), Just(61), Just(1023)];
    prop_oneof![
        4 => Just(What::Folder),
        6 => vec(any::<u8>(), 0..20_000).prop_map(What::File),
        2 => (vec((0..200_000_u32, 1..u16::MAX, any::<bool>()), 0..6), 0..100_000_u32).prop_map(|(list, end)| What::Sparse(list, end)),
        1 => (1..700_u16).prop_map(What::Comb),
        2 => link.prop_map(|len| What::Symlink(vec![b'l'; len])),
        1 => (0..4096_u32, 0..1_u32 << 20).prop_map(|(major, minor)| What::Char(major, minor)),
        1 => (0..300_u32, 0..300_u32).prop_map(|(major, minor)| What::Block(major, minor)),
        1 => Just(What::Fifo),
        1 => Just(What::Socket),
        2 => any::<Index>().prop_map(What::HardLink),
    ]
}

pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    let entry = (any::<Index>(), name(), what(), meta(), xattrs()).prop_map(|(folder, name, what, meta, xattrs)| Entry {
        folder,
        name,
        what,
        meta,
        xattrs,
    });
    let crowd = prop_oneof![5 => Just(None), 2 => (50..400_u16, 4..60_u8).prop_map(Some), 1 => (2000..5000_u16, 5..250_u8).prop_map(Some)];
    (vec(entry, 0..80), crowd).prop_map(|(entries, crowd)| Spec { entries, crowd })
}

/// Options with room for a tree of [`spec`].
pub(crate) fn options() -> impl Strategy<Value = Options> {
    let bits = vec(any::<bool>(), 11);
    let sizes = (proptest::sample::select(vec![1024, 2048, 4096, 4096]), proptest::sample::select(vec![128_u16, 256, 256, 512]));
    // With and without a short last group, with blocks of any size.
    let size = prop_oneof![3 => 48_u64 << 20..90 << 20, 1 => 120_u64 << 20..150 << 20];
    let ids = any::<[[u8; 16]; 2]>();
    (bits, sizes, 0..3_u8, ids, size, 0..3_u8).prop_map(|(bits, sizes, hash_version, [uuid, seed], size, checksums)| {
        let mut options = Options::root(size, uuid, seed, "random", 1_700_000_000);
        (options.block_size, options.inode_size) = sizes;
        options.hash_version = hash_version;
        options.signed_hash = bits[0];
        options.inodes = Inodes::PerBytes(if bits[1] { 4096 } else { 32768 });
        options.journal_blocks = 1024;
        let mut compat_bits = 0;
        let mut incompat_bits = incompat::EXTENTS | incompat::FILETYPE;
        let mut ro_compat_bits = ro_compat::LARGE_FILE | ro_compat::SPARSE_SUPER;
        for (word, bit, on) in [
            (0, compat::HAS_JOURNAL, bits[2]),
            (0, compat::RESIZE_INODE, bits[3]),
            (0, compat::DIR_INDEX, bits[4] || bits[5]),
            (1, incompat::BIT64, bits[6]),
            (1, incompat::FLEX_BG, bits[7]),
            (1, incompat::CSUM_SEED, bits[8] && checksums == 2),
            (2, ro_compat::HUGE_FILE, bits[9]),
            (2, ro_compat::DIR_NLINK, bits[10]),
            (2, ro_compat::EXTRA_ISIZE, options.inode_size > 128),
            (2, ro_compat::GDT_CSUM, checksums == 1),
            (2, ro_compat::METADATA_CSUM, checksums == 2),
        ] {
            if on {
                *[&mut compat_bits, &mut incompat_bits, &mut ro_compat_bits][word] |= bit;
            }
        }
        options.features.compat = compat_bits;
        options.features.incompat = incompat_bits;
        options.features.ro_compat = ro_compat_bits;
        options
    })
}

/// A change of a tree, at one of its paths.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Remove(Index),
    /// A file, a folder or a link in the place of what is there.
    Replace(Index, u8),
    Add(Index, u8, u16),
    Move(Index, Index),
    Link(Index, Index),
    Change(Index),
}

pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let edit = prop_oneof![
        at().prop_map(Edit::Remove),
        (at(), 0..3_u8).prop_map(|(at, kind)| Edit::Replace(at, kind)),
        (at(), 0..8_u8, 0..20_000_u16).prop_map(|(at, name, size)| Edit::Add(at, name, size)),
        (at(), at()).prop_map(|(from, to)| Edit::Move(from, to)),
        (at(), at()).prop_map(|(from, to)| Edit::Link(from, to)),
        at().prop_map(Edit::Change),
    ];
    vec(edit, 0..12)
}

/// Applies what is possible of the edits.
pub(crate) fn apply(tree: &mut Tree, edits: &[Edit]) {
    for edit in edits {
        let (mut paths, mut folders) = (Vec::new(), Vec::new());
        tree.walk(&mut |path, id| {
            paths.push(path.to_vec());
            if tree.inode(id).children().is_some() {
                folders.push(if path == b"/" { Vec::new() } else { path.to_vec() });
            }
        });
        let path = |at: &Index| paths[at.index(paths.len())].clone();
        let inside = |at: &Index, name: &str| [folders[at.index(folders.len())].as_slice(), b"/", name.as_bytes()].concat();
        let meta = Meta::new(0o600, 7, 8, Time::from_seconds(9));
        let new = |size: u16| Inode::new(meta.clone(), Kind::File(Extents::bytes(vec![size as u8; size.into()])));
        // Some edits are impossible, as one of the root: the tree stays as it is.
        let _done = match edit {
            Edit::Remove(at) => tree.remove(path(at)).is_ok(),
            Edit::Replace(at, kind) => {
                let kind = [Kind::Fifo, Kind::directory(), Kind::Symlink(vec![b'x'; 100])][usize::from(*kind)].clone();
                tree.put(path(at), Inode::new(meta, kind)).is_ok()
            }
            Edit::Add(at, name, size) => tree.put(inside(at, &format!("new {name}")), new(*size)).is_ok(),
            Edit::Move(from, to) => tree.rename(path(from), inside(to, "moved")).is_ok(),
            Edit::Link(from, to) => tree.lookup(path(from)).is_some_and(|id| tree.link(inside(to, "linked"), id).is_ok()),
            Edit::Change(at) => tree.lookup(path(at)).is_some_and(|id| {
                tree.inode_mut(id).meta.uid = 77;
                true
            }),
        };
    }
}

impl Spec {
    /// Builds the tree; `block` is the size of the blocks that sparse files are cut to.
    pub(crate) fn tree(&self, block: u64) -> Tree {
        let mut tree = Tree::new(Meta::new(0o755, 0, 0, Time::from_seconds(1_600_000_000)));
        let mut folders = vec![InodeId::ROOT];
        let mut others = Vec::new();
        for entry in &self.entries {
            let folder = folders[entry.folder.index(folders.len())];
            let Some(name) = Name::new(&entry.name) else { continue };
            if tree.inode(folder).children().unwrap().contains_key(&name) {
                continue;
            }
            let kind = match &entry.what {
                What::Folder => Kind::directory(),
                What::File(bytes) => Kind::File(Extents::bytes(bytes.clone())),
                What::Sparse(list, end) => Kind::File(sparse(list, *end)),
                What::Comb(count) => Kind::File(comb(*count, block)),
                What::Symlink(target) => Kind::Symlink(target[..target.len().min(block as usize - 1)].to_vec()),
                What::Char(major, minor) => Kind::CharDevice { major: *major, minor: *minor },
                What::Block(major, minor) => Kind::BlockDevice { major: *major, minor: *minor },
                What::Fifo => Kind::Fifo,
                What::Socket => Kind::Socket,
                What::HardLink(index) => {
                    if !others.is_empty() {
                        insert(&mut tree, folder, name, others[index.index(others.len())]);
                    }
                    continue;
                }
            };
            let mut meta = entry.meta.clone();
            if !matches!(kind, Kind::Directory(_) | Kind::File(_)) {
                meta.flags &= 0xC0;
            } else if matches!(kind, Kind::File(_)) {
                meta.flags &= !0x3_0000;
            }
            let id = tree.add(Inode { meta, xattrs: entry.xattrs.clone(), kind });
            // Some kernels show no user attributes of what is neither file nor folder.
            if tree.inode(id).content().is_none() && tree.inode(id).children().is_none() {
                tree.inode_mut(id).xattrs.retain(|name, _| name.starts_with(b"trusted") || name.starts_with(b"security"));
            }
            let list = if tree.inode(id).children().is_some() { &mut folders } else { &mut others };
            list.push(id);
            insert(&mut tree, folder, name, id);
        }
        if let Some((count, length)) = self.crowd {
            let id = tree.add(Inode::new(Meta::new(0o700, 1, 2, Time::from_seconds(5)), Kind::directory()));
            insert(&mut tree, InodeId::ROOT, Name::new(b"a crowd").unwrap(), id);
            for number in 0..count {
                let name = format!("{number:0>width$}", width = usize::from(length));
                let child = tree.add(Inode::new(Meta::new(0o600, 3, 4, Time::from_seconds(6)), Kind::Fifo));
                insert(&mut tree, id, Name::new(name.as_bytes()).unwrap(), child);
            }
        }
        tree
    }
}

pub(crate) fn insert(tree: &mut Tree, folder: InodeId, name: Name, id: InodeId) {
    let Kind::Directory(children) = &mut tree.inode_mut(folder).kind else { panic!("not a folder") };
    children.insert(name, id);
}

fn sparse(list: &[(u32, u16, bool)], end: u32) -> Extents {
    let mut extents = Extents::default();
    let mut at = 0;
    for (number, (gap, len, zero)) in list.iter().enumerate() {
        at += u64::from(*gap);
        let source = if *zero { Source::Zero } else { Source::bytes(vec![number as u8 + 1; usize::from(*len)]) };
        extents.push(Extent { offset: at, len: u64::from(*len), source });
        at += u64::from(*len);
    }
    extents.resize(at + u64::from(end));
    extents
}

pub(crate) fn comb(count: u16, block: u64) -> Extents {
    let mut extents = Extents::default();
    for tooth in 0..count {
        extents.push(Extent { offset: 2 * block * u64::from(tooth), len: 9, source: Source::bytes(vec![tooth as u8; 9]) });
    }
    extents
}
