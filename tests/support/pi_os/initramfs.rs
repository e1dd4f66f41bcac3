//! Initramfs archives: cpio in the `newc` format (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel), packed by
//! the host's compressors.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use crate::support::program::{output, tool};

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
}

/// An archive of these scripts, with their folders.
pub fn archive(scripts: &[(&str, &str)]) -> Vec<u8> {
    let mut folders = BTreeSet::new();
    for (path, _) in scripts {
        folders.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
    }
    let mut bytes = Vec::new();
    let mut number = 0;
    for folder in folders {
        number += 1;
        entry(&mut bytes, number, 0o040_755, folder, b"");
    }
    for (path, content) in scripts {
        number += 1;
        entry(&mut bytes, number, 0o100_755, path, content.as_bytes());
    }
    entry(&mut bytes, 0, 0, "TRAILER!!!", b"");
    // cpio pads to its block size; the kernel skips zeros between archives.
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn entry(bytes: &mut Vec<u8>, number: usize, mode: u32, name: &str, content: &[u8]) {
    // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
    let fields = [number, mode as usize, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
    let mut header = String::from("070701");
    for field in fields {
        write!(header, "{field:08x}").expect("a String takes everything");
    }
    bytes.extend(header.as_bytes());
    bytes.extend(name.as_bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// The archive, compressed; `folder` is used for a moment.
pub fn pack(folder: &Path, archive: &[u8], packing: Packing) -> Vec<u8> {
    let plain = folder.join("archive.tmp");
    fs::write(&plain, archive).expect("the folder of the test is writable");
    let program = match packing {
        Packing::Gzip => "gzip",
        Packing::Zstd => "zstd",
    };
    let result = output(tool(program).args(["-q", "-c"]).arg(&plain));
    assert!(result.status.success(), "{program}: {}", String::from_utf8_lossy(&result.stderr));
    fs::remove_file(plain).expect("it was just written");
    result.stdout
}
