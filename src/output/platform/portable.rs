use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::Host;

/// Nothing but the standard library's calls that exist everywhere: slower, but the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

/// A file has one position, whoever moves it: only one thread at a time may move and use it.
static POSITION: Mutex<()> = Mutex::new(());

const BUFFER: usize = 256 << 10;

impl Host for Portable {
    #[cfg_attr(not(unix), expect(unused_variables))]
    fn create_new(&self, path: &Path, mode: u32) -> io::Result<File> {
        let mut options = OpenOptions::new();
        // This is O_CREAT | O_EXCL, which follows no link; O_CLOEXEC is always set.
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        let file = options.open(path)?;
        // The mode at the open was cut by the umask. A file system without permissions, such as vfat, refuses; so be it.
        #[cfg(unix)]
        match file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode)) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
        Ok(file)
    }

    fn write_all_at(&self, mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let _held = POSITION.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn copy(&self, mut from: &File, to: &File, offset: u64, len: u64) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER.min(usize::try_from(len).unwrap_or(BUFFER))];
        let mut at = 0;
        while at < len {
            let count = usize::try_from(len - at).map_or(buffer.len(), |left| left.min(buffer.len()));
            {
                let _held = POSITION.lock().unwrap_or_else(PoisonError::into_inner);
                from.seek(SeekFrom::Start(offset + at))?;
                from.read_exact(&mut buffer[..count])?;
            }
            self.write_all_at(to, &buffer[..count], offset + at)?;
            at += count as u64;
        }
        Ok(())
    }

    #[cfg(unix)]
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        // Such a folder cannot be opened; that it is there can be asked.
        fs::metadata(folder).map(|_| ())
    }

    fn available(&self, folder: &Path) -> io::Result<Option<u64>> {
        fs::metadata(folder).map(|_| None)
    }

    fn shares_blocks(&self, _folder: &Path) -> bool {
        false
    }
}
