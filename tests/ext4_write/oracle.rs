//! Images on disk and the tools that judge them. A missing tool fails the test.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use berry_image::disk::{Extents, Source, Storage};

/// Writes what the extents say into a file; holes keep what was there.
pub(crate) fn write(extents: &Extents, file: &File) {
    let mut buffer = vec![0; 1 << 20];
    for extent in extents.list() {
        let mut done = 0;
        while done < extent.len {
            let count = (extent.len - done).min(buffer.len() as u64) as usize;
            extent.source.advanced(done).read_exact(&mut buffer[..count]).unwrap();
            file.write_all_at(&buffer[..count], extent.offset + done).unwrap();
            done += count as u64;
        }
    }
}

/// A fresh image in a new sparse file. What must be zero but is not written would go unnoticed there; see [`used_card`].
pub(crate) fn sparse(extents: &Extents, path: &Path) {
    let file = File::create_new(path).unwrap();
    file.set_len(extents.size()).unwrap();
    let mut kept = Extents::hole(extents.size());
    for extent in extents.list().iter().filter(|extent| !matches!(extent.source, Source::Zero)) {
        kept.push(extent.clone());
    }
    write(&kept, &file);
}

/// The image on a card that is full of something else.
pub(crate) fn used_card(extents: &Extents, path: &Path) {
    let file = File::create_new(path).unwrap();
    let garbage: Vec<u8> = (0..1_u32 << 18).flat_map(|n| (n.wrapping_mul(2_654_435_761) | 1).to_le_bytes()).collect();
    let mut offset = 0;
    while offset < extents.size() {
        let count = (extents.size() - offset).min(garbage.len() as u64);
        file.write_all_at(&garbage[..count as usize], offset).unwrap();
        offset += count;
    }
    write(extents, &file);
}

/// Runs a tool that must exist.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> Output {
    let output = Command::new(tool).args(arguments).env("LC_ALL", "C").output();
    output.unwrap_or_else(|error| panic!("{tool} is needed for this test: {error}"))
}

/// Runs a tool that must succeed; returns what it printed.
pub(crate) fn expect(tool: &str, arguments: &[&str]) -> String {
    let output = run(tool, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{tool} {arguments:?}: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

/// What `e2fsck -fn` has to complain about, which should be nothing.
pub(crate) fn complaints(image: &Path) -> Vec<String> {
    let image = image.to_str().unwrap();
    let output = run("e2fsck", &["-fn", image]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = |line: &str| line.is_empty() || line.starts_with("Pass ") || (line.contains(" files (") && line.ends_with(" blocks"));
    let mut lines: Vec<String> = text.lines().filter(|line| !expected(line)).map(str::to_owned).collect();
    if !output.status.success() {
        lines.push(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    lines
}

pub(crate) fn assert_clean(image: &Path) {
    let complaints = complaints(image);
    assert!(complaints.is_empty(), "e2fsck -fn {}:\n{}", image.display(), complaints.join("\n"));
}

/// The value of a line `Name: value` of `dumpe2fs -h`.
pub(crate) fn header(image: &Path, name: &str) -> String {
    let text = expect("dumpe2fs", &["-h", image.to_str().unwrap()]);
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("dumpe2fs shows no `{name}`:\n{text}")).trim().to_owned()
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An image that is mounted through a loop device, until it is dropped.
pub(crate) struct Mount {
    pub(crate) path: PathBuf,
}

impl Mount {
    pub(crate) fn new(image: &Path, options: &str) -> Self {
        let path = image.with_extension("mounted");
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("loop,{options}");
        expect("mount", &["-t", "ext4", "-o", &options, image.to_str().unwrap(), path.to_str().unwrap()]);
        Self { path }
    }

    pub(crate) fn device(&self) -> String {
        expect("findmnt", &["-n", "-o", "SOURCE", self.path.to_str().unwrap()]).trim().to_owned()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Between fork and exec a tool that another test starts holds files that were open here.
        for _ in 0..50 {
            if run("umount", &[self.path.to_str().unwrap()]).status.success() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(std::thread::panicking(), "{} cannot be unmounted", self.path.display());
    }
}
