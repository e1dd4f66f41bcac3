//! One small file that is replaced all or nothing and that only its owner can read.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// Content and permission bits of the regular file at `path`, or `None` when there is none. Both are of the same open file.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Option<(Vec<u8>, u32)>> {
    // O_NONBLOCK: opening a pipe must not wait for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {limit} bytes")));
    }
    Ok(Some((bytes, metadata.mode() & 0o7777)))
}

/// Replaces the file at `path` (links followed) by `bytes` with mode 0600, provided that it still has the SHA-256 `expected`, or does
/// not exist where that is `None`; says whether that was so. At every moment the name leads to the old or to the new content.
pub(super) fn replace(path: &Path, bytes: &[u8], expected: Option<[u8; 32]>) -> io::Result<bool> {
    let path = if path.is_symlink() { fs::canonicalize(path)? } else { path.to_owned() };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let handle = File::open(&folder)?;
    // Two runs on one profile take turns; the lock ends with the handle.
    handle.lock()?;
    let present = read(&path, u64::MAX - 1)?.map(|(bytes, _)| <[u8; 32]>::from(Sha256::digest(&bytes)));
    if present != expected {
        return Ok(false);
    }
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut partial = OsString::from(".");
    partial.push(name);
    partial.push(".partial");
    let partial = folder.join(partial);
    // Whoever wrote it held the lock, so it is what a killed run left behind.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_new(&partial, bytes).and_then(|()| fs::rename(&partial, &path));
    if let Err(error) = written {
        // The first error is the one to report.
        let _ = fs::remove_file(&partial);
        return Err(error);
    }
    handle.sync_all()?;
    Ok(true)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // The umask can only have taken bits away; without them the file could not be read again.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()
}
