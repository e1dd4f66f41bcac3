use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use rustix::{fs, io::Errno};

use super::{Host, Portable};

/// Linux: positioned writes, copies inside the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Linux;

/// File systems that share blocks between copies (`include/uapi/linux/magic.h`; bcachefs: its own header).
const SHARING: [u64; 3] = [0x9123_683e, 0x5846_5342, 0xca45_1a4e]; // btrfs, xfs, bcachefs

impl Host for Linux {
    fn create_new(&self, path: &Path, mode: u32) -> io::Result<File> {
        Portable.create_new(path, mode)
    }

    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn copy(&self, from: &File, to: &File, offset: u64, len: u64) -> io::Result<()> {
        let (mut source, mut target) = (offset, offset);
        let end = offset + len;
        while source < end {
            let left = usize::try_from(end - source).unwrap_or(usize::MAX);
            match fs::copy_file_range(from, Some(&mut source), to, Some(&mut target), left) {
                // At the end of the file, and for files the kernel cannot copy: the copy by hand tells which.
                Ok(0) | Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                    return Portable.copy(from, to, source, end - source);
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        Portable.sync_folder(folder)
    }

    fn available(&self, folder: &Path) -> io::Result<Option<u64>> {
        let numbers = fs::statvfs(folder)?;
        Ok(Some(numbers.f_bavail.saturating_mul(numbers.f_frsize)))
    }

    fn shares_blocks(&self, folder: &Path) -> bool {
        // The type of the field depends on the architecture; the numbers have 32 bits.
        fs::statfs(folder).is_ok_and(|numbers| SHARING.contains(&(numbers.f_type as u64 & 0xffff_ffff)))
    }
}
