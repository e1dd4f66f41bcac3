//! The disks of a machine: which there are, and what is done to one. Tests put another machine in its place.
//!
//! On Linux this takes the right to read and write block devices, `CAP_SYS_ADMIN` for the size of a partition and `CAP_SYS_RESOURCE` for
//! that of a file system.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::{
    fs::{major, minor},
    io::Errno,
};

use super::{
    kernel,
    medium::{Device, Medium},
    table::Write,
};

/// A partition, as the kernel knows it. Sectors have 512 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Name of its device, such as `mmcblk0p3`.
    pub name: String,
    /// Name of its disk's device, such as `mmcblk0`.
    pub disk: String,
    /// Its number, from 1.
    pub number: u32,
    /// Its first sector.
    pub first: u64,
    /// How many it has.
    pub sectors: u64,
    /// Major and minor number of its device.
    pub device: (u32, u32),
    /// Bytes of a sector of the disk itself.
    pub sector_size: u64,
    /// Whether the disk or the partition refuses to be written.
    pub is_read_only: bool,
}

/// What is seen of disks and done to them. Everything that changes something is one call that may be the last before the power goes.
pub trait Machine {
    /// All partitions with this number, of all disks.
    ///
    /// # Errors
    /// When that cannot be told.
    fn partitions(&self, number: u32) -> io::Result<Vec<Partition>>;
    /// The whole disk of a partition, to read.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, partition: &Partition) -> io::Result<Box<dyn Medium + '_>>;
    /// The same, to write, and locked meanwhile.
    ///
    /// # Errors
    /// When it cannot be opened; `WouldBlock` when another program holds the lock.
    fn open_locked(&self, partition: &Partition) -> io::Result<Box<dyn Medium + '_>>;
    /// Writes sectors, and comes back when they are on the medium.
    ///
    /// # Errors
    /// When that cannot be done.
    fn write(&self, disk: &mut dyn Medium, write: &Write) -> io::Result<()> {
        disk.write(write.first, &write.bytes)
    }
    /// The first bytes of a partition, as its file system sees them.
    ///
    /// # Errors
    /// When they cannot be read.
    fn start_of(&self, partition: &Partition, length: usize) -> io::Result<Vec<u8>>;
    /// Major and minor number of the device that the file system at `path` is on.
    ///
    /// # Errors
    /// When there is nothing.
    fn device_below(&self, path: &str) -> io::Result<(u32, u32)>;
    /// Tells the kernel that the partition has so many sectors now.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn resize_partition(&self, partition: &Partition, sectors: u64) -> io::Result<()>;
    /// Makes the ext4 that is mounted at `path` as large as so many blocks.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn resize_file_system(&self, path: &str, blocks: u64) -> io::Result<()>;
}

/// The machine that the program runs on.
#[derive(Clone, Debug)]
pub struct Linux {
    /// `/sys/class/block`.
    classes: PathBuf,
    /// `/dev`.
    devices: PathBuf,
}

impl Default for Linux {
    fn default() -> Self {
        Self { classes: "/sys/class/block".into(), devices: "/dev".into() }
    }
}

/// The value of a file of sysfs.
fn value<T: FromStr>(path: &Path) -> io::Result<T> {
    let text = fs::read_to_string(path)?;
    text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{}: `{}`", path.display(), text.trim())))
}

/// Whether it is not there, or went away meanwhile.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || Errno::from_io_error(error) == Some(Errno::NODEV)
}

/// The name of a folder of sysfs, which has an exclamation mark where the device has a slash.
fn name(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().replace('!', "/")).unwrap_or_default()
}

impl Linux {
    /// The folder of a partition in sysfs lies in that of its disk.
    fn partition(link: &Path, number: u32) -> io::Result<Option<Partition>> {
        let folder = fs::canonicalize(link)?;
        let Some(disk) = folder.parent() else { return Ok(None) };
        match value::<u32>(&folder.join("partition")) {
            Ok(found) if found == number => {}
            Ok(_) => return Ok(None),
            // A whole disk.
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
        let device: String = value(&folder.join("dev"))?;
        let device = device.split_once(':').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        Ok(Some(Partition {
            name: name(&folder),
            disk: name(disk),
            number,
            first: value(&folder.join("start"))?,
            sectors: value(&folder.join("size"))?,
            device: device.ok_or(io::ErrorKind::InvalidData)?,
            sector_size: value(&disk.join("queue/logical_block_size"))?,
            is_read_only: value::<u32>(&folder.join("ro"))? != 0 || value::<u32>(&disk.join("ro"))? != 0,
        }))
    }

    /// The device of a partition, if it is that.
    fn node(&self, partition: &Partition) -> io::Result<File> {
        let path = self.devices.join(&partition.name);
        let file = File::open(&path)?;
        let found = file.metadata()?;
        let is_it = found.file_type().is_block_device() && (major(found.rdev()), minor(found.rdev())) == partition.device;
        if is_it { Ok(file) } else { Err(io::Error::other(format!("{} is another device", path.display()))) }
    }

    fn device(&self, partition: &Partition) -> io::Result<Device> {
        Device::open(&self.devices.join(&partition.disk))
    }
}

impl Machine for Linux {
    fn partitions(&self, number: u32) -> io::Result<Vec<Partition>> {
        let mut partitions = Vec::new();
        for entry in fs::read_dir(&self.classes)? {
            match Self::partition(&entry?.path(), number) {
                Ok(found) => partitions.extend(found),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        partitions.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(partitions)
    }

    fn open(&self, partition: &Partition) -> io::Result<Box<dyn Medium + '_>> {
        Ok(Box::new(self.device(partition)?))
    }

    fn open_locked(&self, partition: &Partition) -> io::Result<Box<dyn Medium + '_>> {
        Ok(Box::new(Device::open_locked(&self.devices.join(&partition.disk))?))
    }

    fn start_of(&self, partition: &Partition, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.node(partition)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn device_below(&self, path: &str) -> io::Result<(u32, u32)> {
        let device = fs::metadata(path)?.dev();
        Ok((major(device), minor(device)))
    }

    fn resize_partition(&self, partition: &Partition, sectors: u64) -> io::Result<()> {
        let bytes = |sectors: u64| sectors.checked_mul(super::SECTOR).ok_or(io::ErrorKind::InvalidInput);
        kernel::resize_partition(self.device(partition)?.file(), partition.number, bytes(partition.first)?, bytes(sectors)?)
    }

    fn resize_file_system(&self, path: &str, blocks: u64) -> io::Result<()> {
        kernel::resize_file_system(&File::open(path)?, blocks)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn partitions_are_found_in_sysfs() {
        let folder = tempfile::tempdir().unwrap();
        let (disks, classes) = (folder.path().join("devices"), folder.path().join("class"));
        fs::create_dir(&classes).unwrap();
        let put = |path: &str, text: &str| {
            let path = disks.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (disk, part) in [("mmcblk0", "mmcblk0p3"), ("cciss!c0d0", "cciss!c0d0p3"), ("sda", "sda2")] {
            put(&format!("{disk}/queue/logical_block_size"), "512\n");
            put(&format!("{disk}/ro"), "0\n");
            for (file, text) in
                [("partition", &part[part.len() - 1..]), ("dev", "179:3\n"), ("start", "8192\n"), ("size", "77\n"), ("ro", "1\n")]
            {
                put(&format!("{disk}/{part}/{file}"), text);
            }
            symlink(disks.join(disk), classes.join(disk)).unwrap();
            symlink(disks.join(disk).join(part), classes.join(part)).unwrap();
        }
        symlink("nowhere", classes.join("gone")).unwrap();
        let linux = Linux { classes, devices: "/dev".into() };
        let found = linux.partitions(3).unwrap();
        let expected = Partition {
            name: "mmcblk0p3".into(),
            disk: "mmcblk0".into(),
            number: 3,
            first: 8192,
            sectors: 77,
            device: (179, 3),
            sector_size: 512,
            is_read_only: true,
        };
        assert_eq!(found[1], expected);
        assert_eq!((found[0].name.as_str(), found[0].disk.as_str(), found.len()), ("cciss/c0d0p3", "cciss/c0d0", 2));
        assert!(linux.partitions(1).unwrap().is_empty());
        put("mmcblk0/mmcblk0p3/start", "many\n");
        assert_eq!(linux.partitions(3).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
