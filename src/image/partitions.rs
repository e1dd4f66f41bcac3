//! The partitions of an image and what they hold, told by their first bytes: types in a table are what somebody once wrote there.

use std::{io, sync::Arc};

use super::ImageError;
use crate::disk::{Storage, Window, table::Table};

/// A partition.
#[derive(Debug)]
pub(super) struct Partition {
    /// Its number, from 1.
    pub(super) number: usize,
    pub(super) window: Window,
    pub(super) holds: Holds,
}

/// What a partition holds, or looks as if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Ext4,
    Fat,
    Other,
}

/// The partitions in the order of their numbers.
pub(super) fn partitions(storage: &Arc<dyn Storage>, table: &Table) -> Result<Vec<Partition>, ImageError> {
    let found = table.partitions().into_iter();
    found
        .map(|partition| {
            let number = partition.number;
            let window = Window::new(Arc::clone(storage), partition.start, partition.size).map_err(ImageError::Read)?;
            Ok(Partition { number, holds: holds(&window).map_err(ImageError::Read)?, window })
        })
        .collect()
}

fn holds(window: &Window) -> io::Result<Holds> {
    // A boot sector, and the superblock of ext4 at 1024 with its magic number at 56 (kernel, fs/ext4/ext4.h).
    let mut bytes = [0; 1024 + 58];
    if window.size() < bytes.len() as u64 {
        return Ok(Holds::Other);
    }
    window.read_exact_at(0, &mut bytes)?;
    if bytes[1024 + 56..] == [0x53, 0xef] {
        return Ok(Holds::Ext4);
    }
    // BPB_BytsPerSec, BPB_SecPerClus, and the signature (Microsoft, "FAT: General Overview of On-Disk Format").
    let sector = u16::from_le_bytes([bytes[11], bytes[12]]);
    let is_fat = bytes[510..512] == [0x55, 0xaa] && matches!(sector, 512 | 1024 | 2048 | 4096) && bytes[13].is_power_of_two();
    Ok(if is_fat { Holds::Fat } else { Holds::Other })
}
