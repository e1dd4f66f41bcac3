//! Small files that are there in whole or not at all, whatever happens.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::{
    OutputError, error,
    platform::{self, Host},
};

/// Writes a file: into a temporary one beside it, synced, then renamed. A reader sees the old bytes or the new ones.
///
/// `mode` holds from the first moment on, whatever the umask. A link, a device or a folder of this name is not touched. A temporary
/// file of a run that was killed is removed by the next write of the same file.
///
/// # Errors
/// When the file cannot be written, or when something that is no regular file has its name.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), OutputError> {
    write_on(platform::host(), path, bytes, mode)
}

pub(super) fn write_on(host: &dyn Host, path: &Path, bytes: &[u8], mode: u32) -> Result<(), OutputError> {
    refuse_special(path)?;
    let name = path.file_name().and_then(OsStr::to_str).ok_or_else(|| OutputError::Name { name: path.display().to_string() })?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    remove_stale(folder, |owner| owner == name);
    let temporary = Temporary::create(host, folder, name, mode)?;
    let failed = |source| OutputError::writing(host, "write", path, Some(bytes.len() as u64), source);
    host.write_all_at(temporary.file(), bytes, 0).map_err(failed)?;
    host.sync(temporary.file()).map_err(failed)?;
    temporary.rename(host, path)?;
    host.sync_folder(folder).map_err(error::io("sync", folder))
}

/// Refuses a path under which something other than a regular file stands.
pub(super) fn refuse_special(path: &Path) -> Result<(), OutputError> {
    let what = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => return Ok(()),
        Ok(metadata) if metadata.is_symlink() => "symbolic link",
        Ok(metadata) if metadata.is_dir() => "folder",
        Ok(_) => "device or other special file",
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error::io("look at", path)(error)),
    };
    Err(OutputError::InTheWay { path: path.to_owned(), what })
}

/// A file that disappears unless it is renamed. Locked, so that others can tell that its maker lives.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    file: File,
    /// Whether the file is still under its temporary name.
    pending: bool,
}

impl Temporary {
    pub(super) fn create(host: &dyn Host, folder: &Path, name: &str, mode: u32) -> Result<Self, OutputError> {
        for attempt in 0.. {
            let mut random = [0; 4];
            getrandom::fill(&mut random)
                .map_err(|error| error::io("make a temporary name in", folder)(io::Error::other(error.to_string())))?;
            let path = folder.join(format!(".{name}.berry-{:08x}.partial", u32::from_ne_bytes(random)));
            match host.create_new(&path, mode) {
                Ok(file) => {
                    // Not all file systems have locks; then nobody will remove the file of a dead run, and nothing else is lost.
                    let _ = file.try_lock();
                    return Ok(Self { path, file, pending: true });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => {}
                Err(error) => return Err(OutputError::writing(host, "make", &path, None, error)),
            }
        }
        unreachable!("the loop ends by returning")
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn rename(mut self, host: &dyn Host, path: &Path) -> Result<(), OutputError> {
        refuse_special(path)?;
        host.rename(&self.path, path).map_err(error::io("rename to", path))?;
        self.pending = false;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.pending {
            // Nothing more can be done where this fails; the next run tries again.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes temporary files that belong to a final name for which `is_ours` holds and whose makers are dead.
pub(super) fn remove_stale(folder: &Path, is_ours: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(owner) else { continue };
        // Not a link or device that someone gave such a name.
        if !is_ours(owner) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let dead = OpenOptions::new().read(true).open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if dead {
            // What cannot be removed does no harm but take up space.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The final name that a temporary name `.NAME.berry-XXXXXXXX.partial` is for.
fn owner(name: &str) -> Option<&str> {
    let (owner, random) = name.strip_prefix('.')?.strip_suffix(".partial")?.rsplit_once(".berry-")?;
    (random.len() == 8 && random.bytes().all(|b| b.is_ascii_hexdigit()) && !owner.is_empty()).then_some(owner)
}
