//! An image file of a boot partition and a root: what pi-gen's export does, with the same tools.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    DISK_ID,
    release::{Disk, Partitioner},
};
use crate::support::{
    Mount,
    program::{ok, shell, tool},
};

const SECTOR: u64 = 512;

/// Makes `image` with these partitions, filled from two folders.
pub fn assemble(image: &Path, disk: &Disk, boot: &Path, root: &Path) {
    // The stock image ends where its root ends.
    let size = (disk.root_start + disk.root_size) * SECTOR;
    fs::File::create(image).and_then(|file| file.set_len(size)).expect("an empty image");
    partition(image, disk);
    make_fat(image, disk);
    fill_fat(image, disk, boot);
    make_ext4(image, disk);
    // Through the kernel, as pi-gen does it: that leaves the marks of a mount in superblock and journal.
    change_ext4(image, disk, |mounted| {
        ok(tool("cp").args(["-a", "--"]).arg(root.join(".")).arg(mounted));
    });
}

fn partition(image: &Path, disk: &Disk) {
    let (boot_end, root_end) = (disk.boot_start + disk.boot_size - 1, disk.root_start + disk.root_size - 1);
    match disk.partitioner {
        Partitioner::Fdisk => {
            // fdisk and sfdisk write the same table: no boot code.
            let table = format!(
                "label: dos\nlabel-id: 0x{DISK_ID}\nstart={}, size={}, type=c\nstart={}, size={}, type=83\n",
                disk.boot_start, disk.boot_size, disk.root_start, disk.root_size
            );
            shell("sfdisk --quiet \"$1\" <<< \"$2\"", &[image.as_os_str(), table.as_ref()]);
        }
        Partitioner::Parted => {
            let numbers = [disk.boot_start, boot_end, disk.root_start, root_end].map(|sector| format!("{sector}s"));
            let [boot_start, boot_end, root_start, root_end] = &numbers;
            ok(tool("parted").arg("-s").arg(image).args(["mklabel", "msdos"]));
            ok(tool("parted").arg("-s").arg(image).args(["mkpart", "primary", "fat32", boot_start, boot_end]));
            ok(tool("parted").arg("-s").arg(image).args(["mkpart", "primary", "ext4", root_start, root_end]));
            ok(tool("sfdisk").args(["--quiet", "--disk-id"]).arg(image).arg(format!("0x{DISK_ID}")));
        }
    }
}

fn make_fat(image: &Path, disk: &Disk) {
    let mut command = tool("mkfs.fat");
    command.args(["-F", "32", "-n", disk.fat_label, "-h", &disk.hidden.to_string(), "-s", &disk.cluster.to_string()]);
    command.args(["--offset", &disk.boot_start.to_string()]).arg(image).arg((disk.boot_size / 2).to_string());
    ok(&mut command);
}

/// Copies what is in `folder` into the boot partition.
fn fill_fat(image: &Path, disk: &Disk, folder: &Path) {
    let names: Vec<PathBuf> = fs::read_dir(folder).expect("the boot files").map(|entry| entry.expect("an entry").path()).collect();
    let at = format!("{}@@{}", image.display(), disk.boot_start * SECTOR);
    ok(tool("mcopy").env("MTOOLS_SKIP_CHECK", "1").args(["-s", "-o", "-i", &at]).args(&names).arg("::/"));
}

fn make_ext4(image: &Path, disk: &Disk) {
    let mut command = tool("mke2fs");
    // Block, inode and ratio are what mke2fs takes for a root of the real size.
    command.args(["-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-i", "16384", "-O", disk.ext4_features]);
    if let Some(label) = disk.ext4_label {
        command.args(["-L", label]);
    }
    command.arg("-E").arg(format!("offset={}", disk.root_start * SECTOR)).arg(image).arg(format!("{}k", disk.root_size / 2));
    ok(&mut command);
}

/// Changes the root through the kernel; `change` gets the folder where it is mounted.
pub fn change_ext4(image: &Path, disk: &Disk, change: impl FnOnce(&Path)) {
    let place = image.with_extension("mount");
    let mount = Mount::new(image, &place, &format!("offset={},sizelimit={}", disk.root_start * SECTOR, disk.root_size * SECTOR));
    change(mount.path());
    drop(mount);
    fs::remove_dir(place).expect("nothing is mounted there any more");
}
