//! Putting the file systems of an image together.

use std::sync::Arc;

use super::{
    Boot, FileSystemError, ImageError, Mounted, Unreadable,
    fstab::{self, Line},
    partitions::{Holds, Partition, partitions},
};
use crate::{
    disk::{Extents, Storage, Window, table::Table},
    ext4::{
        Ext4,
        read::{Ext4Error, limits::Budget},
    },
    fat::{Fat, FatError, Listed},
    tree::{Inode, InodeId, Kind, Meta, Name, Time, Tree},
};

/// Where the boot partition of a Pi is mounted; the first is the newer way.
const BOOT_POINTS: [&str; 2] = ["/boot/firmware", "/boot"];
/// Memory that is kept for the list of the boot partition.
const BOOT: u64 = 32 << 20;
/// Types by which an fstab mounts an ext4.
const EXT4_KINDS: [&str; 4] = ["ext4", "ext3", "ext2", "auto"];
/// Types by which an fstab mounts a FAT.
const FAT_KINDS: [&str; 3] = ["vfat", "msdos", "auto"];

impl Mounted {
    /// Reads the file systems of an image: the root (partition 2 if it is an ext4, else the first that is), the first FAT at
    /// `/boot/firmware` or `/boot`, and for each line of the root's fstab the ext4 that it means, by UUID, label, PARTUUID, or number of
    /// the partition. All together get the memory of one tree.
    ///
    /// # Errors
    /// When there is no root or it cannot be read. Another file system that cannot be read is an error only for who wants to see it.
    pub fn open(storage: &Arc<dyn Storage>) -> Result<Self, ImageError> {
        let table = Table::read(&**storage).map_err(ImageError::Table)?;
        let partitions = partitions(storage, &table)?;
        let mut budget = Budget::without(BOOT);
        let is_ext4 = |partition: &&Partition| partition.holds == Holds::Ext4;
        let root = partitions.iter().filter(is_ext4).min_by_key(|partition| (partition.number != 2, partition.number));
        let root = root.ok_or_else(|| ImageError::NoRoot { found: described(&partitions) })?;
        let tree = Ext4::open(root.window.clone()).and_then(|ext4| ext4.tree_within(&mut budget));
        let tree = tree.map_err(|source| ImageError::Root { number: root.number, source })?;
        let lines = fstab::lines(&tree.read_text("/etc/fstab").unwrap_or_default());

        let mut mounted = Self { tree, links: Vec::new(), boot: None, unreadable: Vec::new() };
        let mut mounts: Vec<(String, &Partition)> = Vec::new();
        if let Some(boot) = partitions.iter().find(|partition| partition.holds == Holds::Fat) {
            mounts.push((boot_point(&lines, &mounted.tree).to_owned(), boot));
        }
        let others: Vec<Candidate<'_>> = partitions
            .iter()
            .filter(is_ext4)
            .filter(|partition| partition.number != root.number)
            .map(|partition| Candidate::new(partition, &table))
            .collect();
        for line in lines.iter().filter(|line| EXT4_KINDS.contains(&line.kind.as_str())) {
            let meant = others.iter().find(|other| other.is_meant_by(&line.device));
            mounts.extend(meant.map(|other| (line.point.clone(), other.partition)));
        }
        mounts.sort_by_key(|(point, _)| point.split('/').count());
        for (point, partition) in mounts {
            mounted.mount(&point, partition, &mut budget);
        }
        mounted.links = links(&mounted.tree);
        Ok(mounted)
    }

    fn mount(&mut self, point: &str, partition: &Partition, budget: &mut Budget) {
        // What a mount hides is not shown. A point that is missing on the card is made, as there is no other place to show it; on
        // something else than a folder nothing can be mounted there either.
        let Ok(folder) = self.tree.make_folder(point, &Meta::new(0o755, 0, 0, Time::default())) else { return };
        let result = match partition.holds {
            Holds::Fat => self.mount_fat(folder, partition.window.clone()).map_err(FileSystemError::from),
            _ => self.mount_ext4(folder, partition.window.clone(), budget).map_err(FileSystemError::from),
        };
        if let Err(error) = result {
            self.tree.inode_mut(folder).kind = Kind::directory();
            let (number, point, source) = (partition.number, point.to_owned(), Arc::new(error));
            self.unreadable.push(Unreadable { folder, number, point, source });
        }
    }

    fn mount_fat(&mut self, folder: InodeId, window: Window) -> Result<(), FatError> {
        let fat = Fat::open(window)?;
        let list = fat.list()?;
        let names: Vec<Name> = list.iter().map(name).collect::<Result<_, _>>()?;
        *self.tree.inode_mut(folder) = Inode::new(Meta::new(0o755, 0, 0, Time::default()), Kind::directory());
        let first = self.tree.id_bound();
        let ids: Vec<InodeId> = list.iter().map(|listed| self.tree.add(fat_inode(listed))).collect();
        for ((listed, name), id) in list.iter().zip(names).zip(&ids) {
            let parent = listed.folder.and_then(|index| ids.get(index)).copied().unwrap_or(folder);
            if let Kind::Directory(children) = &mut self.tree.inode_mut(parent).kind {
                // Of two equal names the first is the one that is found.
                children.entry(name).or_insert(*id);
            }
        }
        self.boot = Some(Boot { fat, list, first });
        Ok(())
    }

    fn mount_ext4(&mut self, folder: InodeId, window: Window, budget: &mut Budget) -> Result<(), Ext4Error> {
        let other = Ext4::open(window)?.tree_within(budget)?;
        self.tree.graft(folder, other);
        Ok(())
    }
}

/// An ext4 beside the root, and what an fstab may call it.
struct Candidate<'a> {
    partition: &'a Partition,
    partuuid: String,
    /// UUID and label. One that cannot even be opened does not say what it is called. It is then taken for the one that is looked for,
    /// as otherwise its mount point would be shown as an empty folder.
    names: Option<(String, String)>,
}

impl<'a> Candidate<'a> {
    fn new(partition: &'a Partition, table: &Table) -> Self {
        let summary = Ext4::open(partition.window.clone()).ok().map(|ext4| ext4.summary());
        let names = summary.map(|summary| (summary.uuid.to_string(), summary.label));
        Self { partition, partuuid: table.partuuid(partition.number), names }
    }

    /// Whether the first field of a line means it.
    fn is_meant_by(&self, device: &str) -> bool {
        match (device.split_once('=').map(|(tag, value)| (tag, value.trim_matches('"'))), &self.names) {
            (Some(("UUID", uuid)), Some((own, _))) => uuid.eq_ignore_ascii_case(own),
            (Some(("LABEL", label)), Some((_, own))) => !label.is_empty() && label == own,
            (Some(("UUID" | "LABEL", _)), None) => true,
            (Some(("PARTUUID", uuid)), _) => uuid.eq_ignore_ascii_case(&self.partuuid),
            // The card of a Pi, or a disk at its USB: what the kernel calls the disk that it starts from.
            (None, _) => {
                let number = self.partition.number;
                device == format!("/dev/mmcblk0p{number}") || device == format!("/dev/sda{number}")
            }
            _ => false,
        }
    }
}

/// What Linux shows of a file on a FAT that is mounted without options.
fn fat_inode(listed: &Listed) -> Inode {
    let permissions = if listed.is_read_only && !listed.entry.is_folder { 0o555 } else { 0o755 };
    let kind = if listed.entry.is_folder { Kind::directory() } else { Kind::File(Extents::hole(listed.entry.size)) };
    Inode::new(Meta::new(permissions, 0, 0, Time::from_seconds(listed.modified)), kind)
}

fn name(listed: &Listed) -> Result<Name, FatError> {
    let name = listed.entry.name.as_str();
    Name::new(name.as_bytes())
        .ok_or_else(|| FatError::Unsupported(format!("a name that is no name on Linux: `{}`", super::printable(name.as_bytes()))))
}

/// Where the boot partition is mounted: by the fstab, else by the folder that is there.
fn boot_point(lines: &[Line], tree: &Tree) -> &'static str {
    let in_fstab = |point: &&str| lines.iter().any(|line| line.point == **point && FAT_KINDS.contains(&line.kind.as_str()));
    let [newer, older] = BOOT_POINTS;
    let is_folder = tree.resolve(newer).is_some_and(|id| tree.inode(id).children().is_some());
    BOOT_POINTS.into_iter().find(in_fstab).unwrap_or(if is_folder { newer } else { older })
}

fn links(tree: &Tree) -> Vec<u64> {
    let mut links: Vec<u64> = vec![0; tree.id_bound()];
    for (id, inode) in tree.iter() {
        let Some(children) = inode.children() else { continue };
        links[id.index()] += 2;
        for child in children.values() {
            let counted = if tree.inode(*child).children().is_some() { id } else { *child };
            links[counted.index()] += 1;
        }
    }
    links
}

fn described(partitions: &[Partition]) -> String {
    if partitions.is_empty() {
        return "it has no partition".to_owned();
    }
    let one = |partition: &Partition| {
        let holds = match partition.holds {
            Holds::Fat => "a FAT",
            Holds::Ext4 => "an ext4",
            Holds::Other => "something else",
        };
        format!("{holds} in partition {}", partition.number)
    };
    format!("it has {}", partitions.iter().map(one).collect::<Vec<_>>().join(", "))
}
