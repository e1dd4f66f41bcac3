//! A real root file system, against `mke2fs -d`. Run with
//! `BERRY_TAR=… BERRY_SCRATCH=… cargo test --release --test ext4_write real -- --ignored --nocapture`: the tar of a root file system, and a folder that
//! holds the same extracted as `tree` (it is made where it is missing), and the images afterwards.

use std::{
    collections::HashMap,
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use berry_image::{
    disk::{Extents, FileStorage, Source, Storage as _, Window},
    ext4::write::{Layout, Options},
    tree::{Inode, InodeId, Kind, Meta, Name, Time, Tree},
};
use tar::EntryType;

use crate::{oracle, trees};

/// Reads a tar; the content of files stays in it.
fn read_tar(path: &Path) -> Tree {
    let storage = Arc::new(FileStorage::open(path).unwrap());
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    let mut tree = Tree::new(Meta::new(0o755, 0, 0, Time::from_seconds(0)));
    let mut by_path: HashMap<Vec<u8>, InodeId> = HashMap::from([(Vec::new(), InodeId::ROOT)]);
    // `./usr/` and `usr` are one name; `./` is the root, whose name is empty.
    let normal = |path: &[u8]| {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        path.strip_prefix(b"./").unwrap_or(if path == b"." { b"" } else { path }).to_vec()
    };
    for entry in archive.entries_with_seek().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let seconds = header.mtime().unwrap() as i64;
        let meta = Meta::new(
            header.mode().unwrap() as u16 & 0o7777,
            header.uid().unwrap() as u32,
            header.gid().unwrap() as u32,
            Time::from_seconds(seconds),
        );
        let path = normal(&entry.path_bytes());
        let target = entry.link_name_bytes().map(|target| target.into_owned());
        let device = || (header.device_major().unwrap().unwrap(), header.device_minor().unwrap().unwrap());
        let kind = match header.entry_type() {
            EntryType::Directory if path.is_empty() => {
                tree.inode_mut(InodeId::ROOT).meta = meta;
                continue;
            }
            EntryType::Directory => Kind::directory(),
            EntryType::Regular => {
                let window = Window::new(storage.clone(), entry.raw_file_position(), entry.size()).unwrap();
                Kind::File(Extents::window(&window))
            }
            EntryType::Symlink => Kind::Symlink(target.clone().unwrap()),
            EntryType::Char => Kind::CharDevice { major: device().0, minor: device().1 },
            EntryType::Block => Kind::BlockDevice { major: device().0, minor: device().1 },
            EntryType::Fifo => Kind::Fifo,
            EntryType::Link => {
                let id = by_path[&normal(&target.unwrap())];
                add(&mut tree, &by_path, &path, id);
                continue;
            }
            other => panic!("{other:?}"),
        };
        let mut inode = Inode::new(meta, kind);
        for extension in entry.pax_extensions().unwrap().into_iter().flatten() {
            let extension = extension.unwrap();
            if let Some(name) = extension.key_bytes().strip_prefix(b"SCHILY.xattr.") {
                inode.xattrs.insert(name.to_vec(), extension.value_bytes().to_vec());
            }
        }
        let id = tree.add(inode);
        add(&mut tree, &by_path, &path, id);
        by_path.insert(path, id);
    }
    tree
}

fn add(tree: &mut Tree, by_path: &HashMap<Vec<u8>, InodeId>, path: &[u8], id: InodeId) {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    let (folder, name) = slash.map_or((&b""[..], path), |slash| (&path[..slash], &path[slash + 1..]));
    trees::insert(tree, by_path[folder], Name::new(name).unwrap(), id);
}

fn seconds<T>(label: &str, work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    report(&format!("{label}: {seconds:.3} s"));
    (result, seconds)
}

#[expect(clippy::print_stderr, reason = "a measurement that nobody sees is none; it is run by hand")]
fn report(line: &str) {
    eprintln!("{line}");
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Writes as a plain writer would: what a storage holds, and nothing else.
fn write_plainly(image: &Extents, path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(image.size()).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let (mut start, mut length) = (0, 0);
    for extent in image.list().iter().filter(|extent| !matches!(extent.source, Source::Zero)) {
        let mut done = 0;
        while done < extent.len {
            let at = extent.offset + done;
            // The ends of blocks between two files are zero in a new file, and in this buffer.
            if length > 0 && (at - start > start_limit(&buffer) || at - start < length as u64 || at - start - length as u64 > 4096) {
                file.write_all_at(&buffer[..length], start).unwrap();
                length = 0;
            }
            if length == 0 {
                start = at;
            }
            let from = (at - start) as usize;
            buffer[length..from].fill(0);
            let count = (extent.len - done).min((buffer.len() - from) as u64) as usize;
            extent.source.advanced(done).read_exact(&mut buffer[from..from + count]).unwrap();
            length = from + count;
            done += count as u64;
        }
    }
    file.write_all_at(&buffer[..length], start).unwrap();
}

fn start_limit(buffer: &[u8]) -> u64 {
    buffer.len() as u64 - 1
}

#[test]
#[ignore = "needs a tar of a root file system and takes minutes"]
fn a_real_root_is_clean_and_quick() {
    let tar = PathBuf::from(std::env::var_os("BERRY_TAR").expect("BERRY_TAR is a tar"));
    let scratch = PathBuf::from(std::env::var_os("BERRY_SCRATCH").expect("BERRY_SCRATCH is a folder"));
    let (tree, _) = seconds("reading the tar", || read_tar(&tar));
    let before = peak_memory();
    let options = Options::root(4 << 30, [1; 16], [2; 16], "rootfs", 1_700_000_000);
    let mut nodes: Vec<Tree> = Vec::new();
    for node in 0..4 {
        let mut tree = tree.clone();
        for number in 0..25 {
            let content = format!("{node} {number}").into_bytes();
            let content = berry_image::tree::Content::bytes(content);
            tree.put_file(format!("/etc/berry{number}"), Meta::new(0o644, 0, 0, Time::default()), content).unwrap();
        }
        nodes.push(tree);
    }
    let nodes: Vec<&Tree> = nodes.iter().collect();
    let (layout, _) = seconds("Layout::new of one", || Layout::new(&tree, &[&tree], &options).unwrap());
    let (image, _) = seconds("image of one", || layout.image(0).unwrap());
    report(&format!("memory above the tree: {} KiB", peak_memory() - before));
    let (four, _) = seconds("Layout::new of four", || Layout::new(&tree, &nodes, &options).unwrap());
    for node in 0..4 {
        let (extents, _) = seconds("image of one of four", || four.image(node).unwrap());
        report(&format!("{} extents", extents.list().len()));
    }
    report(&format!("inodes {}, usage {:?}", tree.iter().count(), layout.usage(0)));
    report(&format!("memory above the tree with both: {} KiB", peak_memory() - before));

    let source = scratch.join("tree");
    if !source.exists() {
        std::fs::create_dir_all(&source).unwrap();
        oracle::expect("tar", &["-xpf", tar.to_str().unwrap(), "--xattrs", "--xattrs-include=*", "-C", source.to_str().unwrap()]);
    }
    let (ours, theirs) = (scratch.join("ours.img"), scratch.join("theirs.img"));
    let (mut our_time, mut their_time) = (f64::MAX, f64::MAX);
    for _ in 0..3 {
        let _ = std::fs::remove_file(&ours);
        let all = || {
            let layout = Layout::new(&tree, &[&tree], &options).unwrap();
            write_plainly(&layout.image(0).unwrap(), &ours);
        };
        our_time = our_time.min(seconds("layout, image and writing", all).1);
        let _ = std::fs::remove_file(&theirs);
        let features = "^64bit,^huge_file";
        let arguments =
            ["-q", "-t", "ext4", "-O", features, "-E", "root_owner=0:0", "-d", source.to_str().unwrap(), theirs.to_str().unwrap(), "4G"];
        their_time = their_time.min(seconds("mke2fs -d", || oracle::expect("mke2fs", &arguments)).1);
    }
    report(&format!("{:.1} times as fast", their_time / our_time));
    oracle::assert_clean(&ours);
    assert_eq!(std::fs::metadata(&ours).unwrap().len(), image.size());
    assert!(2.0 * our_time < their_time);
}
