//! Everything that the kernel shows of a mounted tree, for comparing two of them.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::CString,
    fs::{self, File},
    io::Read as _,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};

/// What the kernel shows of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub mode: u32,
    pub owner: (u32, u32),
    /// Zero for folders, where it depends on the layout.
    pub size: u64,
    pub device: u64,
    pub modified: (i64, i64),
    /// The first path, in byte order, that names the same inode.
    pub first_name: Vec<u8>,
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Target of a link, digest of a file.
    pub content: Vec<u8>,
}

/// Every path below `root` (as seen from there, starting with a slash).
pub fn listing(root: &Path) -> BTreeMap<Vec<u8>, Shown> {
    let mut paths = Vec::new();
    collect(root, root, &mut paths);
    paths.sort();
    let mut first_names: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut shown = BTreeMap::new();
    for path in paths {
        let full = root.join(std::ffi::OsStr::from_bytes(&path[1..]));
        let meta = fs::symlink_metadata(&full).expect("a path that was just listed");
        let first_name = first_names.entry(meta.ino()).or_insert_with(|| path.clone()).clone();
        let content = if meta.is_symlink() {
            fs::read_link(&full).expect("a link").into_os_string().as_bytes().to_vec()
        } else if meta.is_file() {
            digest(&full)
        } else {
            Vec::new()
        };
        let entry = Shown {
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            size: if meta.is_dir() { 0 } else { meta.len() },
            device: meta.rdev(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            first_name,
            attributes: attributes(&full),
            content,
        };
        shown.insert(path, entry);
    }
    shown
}

fn collect(root: &Path, folder: &Path, paths: &mut Vec<Vec<u8>>) {
    let relative = folder.strip_prefix(root).expect("a path below the root");
    paths.push([b"/", relative.as_os_str().as_bytes()].concat());
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            collect(root, &entry.path(), paths);
        } else {
            let relative = entry.path().strip_prefix(root).expect("a path below the root").as_os_str().as_bytes().to_vec();
            paths.push([b"/", relative.as_slice()].concat());
        }
    }
}

fn digest(path: &Path) -> Vec<u8> {
    let mut file = File::open(path).expect("a readable file");
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).expect("a readable file");
        if count == 0 {
            return hasher.finalize().to_vec();
        }
        hasher.update(&buffer[..count]);
    }
}

fn attributes(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names = vec![0; 64 << 10];
    let length = rustix::fs::llistxattr(path, &mut names).expect("a list of attributes");
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let mut value = vec![0; 64 << 10];
            let text = CString::new(name).expect("a name without NUL");
            let length = rustix::fs::lgetxattr(path, &text, &mut value).expect("an attribute");
            (name.to_vec(), value[..length].to_vec())
        })
        .collect()
}
