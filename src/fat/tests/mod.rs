//! Against mkfs.fat, mtools, fsck.fat and the kernel.

mod creation;
mod damage;
mod edits;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use tempfile::TempDir;

use crate::{
    disk::{Extents, FileStorage, Source, Storage as _, Window},
    fat::{Edit, Fat},
};

pub(super) const MIB: u64 = 1 << 20;
pub(super) const TIME: i64 = 1_700_000_000;

pub(super) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("MTOOLS_SKIP_CHECK", "1")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

/// A file system made by mkfs.fat and filled by mtools, as pi-gen's are.
pub(super) struct Base {
    _folder: TempDir,
    pub(super) path: PathBuf,
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

pub(super) fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    })
    .take(len)
    .collect()
}

impl Base {
    pub(super) fn new(size: u64, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boot.fat");
        File::create(&path).unwrap().set_len(size).unwrap();
        let image = path.to_str().unwrap().to_owned();
        run("mkfs.fat", &[&["--invariant", "-n", "bootfs"], arguments, &[&image]].concat());
        run("mmd", &["-i", &image, "::overlays"]);
        let mut files = BTreeMap::new();
        for (index, (name, len)) in [
            ("cmdline.txt", 150),
            ("config.txt", 1200),
            ("bcm2710-rpi-3-b-plus.dtb", 31_000),
            ("kernel8.img", 500_000),
            ("initramfs_2712", 70_001),
            ("issue.txt", 0),
            ("EXACT.BIN", 4096),
            ("overlays/vc4-kms-v3d.dtbo", 3000),
            ("overlays/README", 99),
        ]
        .into_iter()
        .enumerate()
        {
            let content = noise(len, index as u32 + 1);
            let file = folder.path().join("content");
            fs::write(&file, &content).unwrap();
            run("mcopy", &["-i", &image, file.to_str().unwrap(), &format!("::{name}")]);
            files.insert(name.to_owned(), content);
        }
        Self { _folder: folder, path, files }
    }

    pub(super) fn all() -> Vec<(&'static str, Self)> {
        vec![
            ("FAT32, 512 bytes", Self::new(40 * MIB, &["-F", "32", "-s", "1"])),
            ("FAT32, 2 KiB", Self::new(160 * MIB, &["-F", "32", "-s", "4"])),
            ("FAT16", Self::new(16 * MIB, &["-F", "16"])),
            ("FAT12", Self::new(2 * MIB, &["-F", "12"])),
        ]
    }

    /// The partition, somewhere inside a storage.
    pub(super) fn window(&self) -> Window {
        let mut disk = Extents::hole(8192);
        disk.append_at(8192, &Extents::window(&Window::whole(Arc::new(FileStorage::open(&self.path).unwrap()))));
        let size = disk.size();
        Window::new(Arc::new(disk), 8192, size - 8192).unwrap()
    }

    pub(super) fn fat(&self) -> Fat {
        Fat::open(self.window()).unwrap()
    }
}

pub(super) fn write(image: &Extents, path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(image.size()).unwrap();
    for extent in image.list().iter().filter(|extent| !matches!(extent.source, Source::Zero)) {
        let mut at = 0;
        while at < extent.len {
            let mut buffer = vec![0; (extent.len - at).min(MIB) as usize];
            extent.source.advanced(at).read_exact(&mut buffer).unwrap();
            file.write_all_at(&buffer, extent.offset + at).unwrap();
            at += buffer.len() as u64;
        }
    }
}

/// Writes the image to a file of which fsck.fat has nothing to say but the summary.
pub(super) fn checked(image: &Extents) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    write(image, file.path());
    let said = run("fsck.fat", &["-n", file.path().to_str().unwrap()]);
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.starts_with("fsck.fat ") && said.contains(" files, "), "{said}");
    file
}

pub(super) fn reopened(image: &Extents) -> Fat {
    Fat::open(Window::whole(Arc::new(image.clone()))).unwrap()
}

pub(super) fn with(name: &str, content: &[u8]) -> Edit {
    Edit::Write { name: name.to_owned(), content: content.to_vec() }
}

pub(super) fn without(name: &str) -> Edit {
    Edit::Remove { name: name.to_owned() }
}

pub(super) fn mtype(image: &Path, name: &str) -> Vec<u8> {
    let output = Command::new("mtype")
        .args(["-i", image.to_str().unwrap(), &format!("::{name}")])
        .env("MTOOLS_SKIP_CHECK", "1")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("mtools is needed for this test");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
