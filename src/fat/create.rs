//! A new FAT32 with every file in one piece, laid out as `mkfs.fat -F 32` would, contents left where they are.

use super::{
    FatError, SECTOR,
    directory::{Directory, SLOT},
    limits::MOST_SLOTS,
    name,
};
use crate::disk::{Extent, Extents, Source, Storage as _};

/// Sectors in front of the first table.
const RESERVED: u64 = 32;
/// Sector of the information sector; its copy and that of the boot sector stand in [`BACKUP`] and the sector behind it.
const INFORMATION: u64 = 1;
const BACKUP: u64 = 6;
/// Fewer clusters make a FAT16.
const FEWEST: u64 = 65525;
/// More folders inside each other than any boot partition has.
const DEEPEST: usize = 16;

/// What a new file system is to be.
#[derive(Clone, Debug)]
pub struct New {
    /// Size of the partition in bytes; a multiple of 512.
    pub size: u64,
    /// Volume label: up to 11 ASCII characters, kept as they are.
    pub label: String,
    /// Volume id: what Linux shows as UUID.
    pub volume_id: u32,
    /// Sectors of 512 bytes in a cluster: a power of two up to 128.
    pub sectors_per_cluster: u8,
    /// First sector of the partition.
    pub hidden_sectors: u32,
    /// Every time in the file system, in seconds since 1970, UTC.
    pub time: i64,
}

/// Makes a FAT32 with `files`, in this order, each contiguous and by reference. Folders in their paths, separated by `/`, are made.
///
/// # Errors
/// When size or label cannot be, a name is impossible or there twice, or the files do not fit.
pub fn create(new: &New, files: &[(String, Extents)]) -> Result<Extents, FatError> {
    let layout = Layout::new(new)?;
    let mut root = Folder::default();
    for (path, content) in files {
        root.add(path, path, content, 0)?;
    }
    let mut placer = Placer { new, layout: &layout, next: 2, table: vec![0x0fff_fff8, 0x0fff_ffff], contents: Vec::new() };
    placer.folder(&root, None, "/")?;
    placer.finish()
}

/// Numbers of sectors.
struct Layout {
    total: u32,
    table: u32,
    clusters: u32,
    cluster: u64,
    label: [u8; 11],
}

impl Layout {
    fn new(new: &New) -> Result<Self, FatError> {
        let cluster = u64::from(new.sectors_per_cluster);
        if !new.sectors_per_cluster.is_power_of_two() {
            return Err(FatError::Geometry(format!("{cluster} sectors per cluster are not a power of two")));
        }
        let total = u32::try_from(new.size / SECTOR).ok().filter(|_| new.size.is_multiple_of(SECTOR));
        let total = total.ok_or_else(|| FatError::Geometry(format!("{} bytes are not a number of sectors below 2^32", new.size)))?;
        // As many entries as there would be clusters without tables; a multiple of four sectors keeps the data at 4 KiB.
        let most = u64::from(total).saturating_sub(RESERVED) / cluster;
        let table = ((most + 2) * 4).div_ceil(SECTOR).next_multiple_of(4);
        let clusters = u64::from(total).saturating_sub(RESERVED + 2 * table) / cluster;
        if !(FEWEST..0x0fff_fff5).contains(&clusters) {
            let what = format!("{} bytes give {clusters} clusters of {} bytes, expected {FEWEST} or more", new.size, cluster * SECTOR);
            return Err(FatError::Geometry(what));
        }
        let bytes = new.label.as_bytes();
        if bytes.is_empty() || bytes.len() > 11 || bytes.iter().any(|b| !matches!(b, b' '..=b'~') || b"\"*+,./:;<=>?[\\]|".contains(b)) {
            return Err(FatError::Geometry(format!("`{}` is not a label of 1 to 11 ASCII characters", new.label)));
        }
        let mut label = [b' '; 11];
        label[..bytes.len()].copy_from_slice(bytes);
        // Both were computed from a 32-bit number of sectors.
        Ok(Self { total, table: table as u32, clusters: clusters as u32, cluster, label })
    }

    fn cluster_size(&self) -> u64 {
        self.cluster * SECTOR
    }

    fn data(&self) -> u64 {
        (RESERVED + 2 * u64::from(self.table)) * SECTOR
    }

    fn boot_sector(&self, new: &New) -> Vec<u8> {
        let mut sector = vec![0; SECTOR as usize];
        let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &[0xeb, 0x58, 0x90]);
        put(3, b"mkfs.fat"); // some readers want a maker they know
        put(11, &(SECTOR as u16).to_le_bytes());
        put(13, &[new.sectors_per_cluster]);
        put(14, &(RESERVED as u16).to_le_bytes());
        put(16, &[2]); // tables
        put(21, &[0xf8]); // fixed disk
        put(24, &63u16.to_le_bytes()); // sectors per track
        put(26, &255u16.to_le_bytes()); // heads
        put(28, &new.hidden_sectors.to_le_bytes());
        put(32, &self.total.to_le_bytes());
        put(36, &self.table.to_le_bytes());
        put(44, &2u32.to_le_bytes()); // first cluster of the root folder
        put(48, &(INFORMATION as u16).to_le_bytes());
        put(50, &(BACKUP as u16).to_le_bytes());
        put(64, &[0x80, 0, 0x29]); // drive, clean, fields below are there
        put(67, &new.volume_id.to_le_bytes());
        put(71, &self.label);
        put(82, b"FAT32   ");
        // `int 18h; hlt; jmp $-1` where the jump in front goes to.
        put(90, &[0xcd, 0x18, 0xf4, 0xeb, 0xfd]);
        put(510, &[0x55, 0xaa]);
        sector
    }

    fn information(&self, next: u32) -> Vec<u8> {
        let mut sector = vec![0; SECTOR as usize];
        let free = self.clusters + 2 - next;
        for (at, value) in [(0, 0x4161_5252), (484, 0x6141_7272), (488, free), (492, next.min(self.clusters + 1)), (508, 0xaa55_0000)] {
            sector[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        }
        sector
    }
}

/// A folder to be: its children in the order in which they were named.
#[derive(Default)]
struct Folder<'a> {
    children: Vec<(&'a str, Child<'a>)>,
}

enum Child<'a> {
    File(&'a Extents),
    Folder(Folder<'a>),
}

impl<'a> Folder<'a> {
    fn add(&mut self, whole: &'a str, path: &'a str, content: &'a Extents, depth: usize) -> Result<(), FatError> {
        let impossible = |reason| Err(FatError::Name { name: whole.to_owned(), reason });
        if depth > DEEPEST {
            return impossible("it has too many folders in it");
        }
        let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
        name::check(first)?;
        let same = name::folded(first);
        let existing = self.children.iter_mut().find(|(name, _)| name::folded(name) == same);
        match (existing, rest) {
            (None, None) => self.children.push((first, Child::File(content))),
            (None, Some(rest)) => {
                let mut folder = Folder::default();
                folder.add(whole, rest, content, depth + 1)?;
                self.children.push((first, Child::Folder(folder)));
            }
            (Some((_, Child::Folder(folder))), Some(rest)) => folder.add(whole, rest, content, depth + 1)?,
            _ => return impossible("there are two of it, perhaps in other letter case"),
        }
        Ok(())
    }
}

/// Gives out clusters, one after the other.
struct Placer<'a> {
    new: &'a New,
    layout: &'a Layout,
    next: u32,
    table: Vec<u32>,
    /// First clusters and contents.
    contents: Vec<(u32, Extents)>,
}

impl Placer<'_> {
    /// Takes clusters for `size` bytes; gives back the first one, 0 for none.
    fn take(&mut self, name: &str, size: u64) -> Result<u32, FatError> {
        let count = size.div_ceil(self.layout.cluster_size());
        let free = u64::from(self.layout.clusters + 2 - self.next);
        if count > free {
            let cluster = self.layout.cluster_size();
            return Err(FatError::Full { name: name.to_owned(), needed: count.saturating_mul(cluster), available: free * cluster });
        }
        if count == 0 {
            return Ok(0);
        }
        let first = self.next;
        self.next += count as u32; // at most the clusters that are free
        self.table.extend(first + 1..self.next);
        self.table.push(0x0fff_ffff);
        Ok(first)
    }

    /// Places a folder and all in it; `parent` is the first cluster of the folder around it, `None` for the root. Gives back its own.
    fn folder(&mut self, folder: &Folder<'_>, parent: Option<u32>, whole: &str) -> Result<u32, FatError> {
        // Once without knowing where the children go, to learn the size.
        let mut blank = self.directory(0, parent);
        for (name, child) in &folder.children {
            blank.insert(name, matches!(child, Child::Folder(_)), 0, 0, self.new.time, Some(SLOT))?;
        }
        let size = (blank.bytes().len() as u64).max(1);
        if size > (MOST_SLOTS * SLOT) as u64 {
            return Err(FatError::FolderFull { name: whole.to_owned(), slots: MOST_SLOTS });
        }
        let first = self.take(whole, size)?;
        let mut directory = self.directory(first, parent);
        for (name, child) in &folder.children {
            let (is_folder, at, size) = match child {
                Child::File(content) => {
                    let limit = u64::from(u32::MAX);
                    let size = u32::try_from(content.size()).map_err(|_| FatError::TooLarge {
                        name: (*name).to_owned(),
                        size: content.size(),
                        limit,
                    })?;
                    let at = self.take(name, content.size())?;
                    self.contents.push((at, without_holes(content)));
                    (false, at, size)
                }
                // The root folder is called 0 by its children.
                Child::Folder(folder) => (true, self.folder(folder, Some(if parent.is_none() { 0 } else { first }), name)?, 0),
            };
            directory.insert(name, is_folder, at, size, self.new.time, Some(SLOT))?;
        }
        let mut bytes = Extents::bytes(directory.bytes().to_vec());
        bytes.resize(size.next_multiple_of(self.layout.cluster_size()));
        self.contents.push((first, without_holes(&bytes)));
        Ok(first)
    }

    fn directory(&self, own: u32, parent: Option<u32>) -> Directory {
        let mut directory = Directory::new(Vec::new());
        match parent {
            None => directory.push_label(&self.layout.label, self.new.time),
            Some(parent) => directory.push_dots(own, parent, self.new.time),
        }
        directory
    }

    fn finish(mut self) -> Result<Extents, FatError> {
        let mut image = Extents::hole(self.new.size);
        let mut head = Extents::hole(RESERVED * SECTOR);
        let (boot, information) = (Source::bytes(self.layout.boot_sector(self.new)), Source::bytes(self.layout.information(self.next)));
        for start in [0, BACKUP * SECTOR] {
            head.push(Extent { offset: start, len: SECTOR, source: boot.clone() });
            head.push(Extent { offset: start + INFORMATION * SECTOR, len: SECTOR, source: information.clone() });
        }
        image.append_at(0, &without_holes(&head));

        let entries: Vec<u8> = self.table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let mut table = Extents::bytes(entries);
        table.resize(u64::from(self.layout.table) * SECTOR);
        let table = without_holes(&table);
        image.append_at(RESERVED * SECTOR, &table);
        image.append_at(RESERVED * SECTOR + table.size(), &table);

        self.contents.sort_by_key(|(first, _)| *first);
        for (first, content) in self.contents.iter().filter(|(first, _)| *first != 0) {
            image.append_at(self.layout.data() + u64::from(first - 2) * self.layout.cluster_size(), content);
        }
        Ok(image)
    }
}

/// With zeroes that must be written where `extents` has holes: FAT has none, and a card may hold other bytes there.
fn without_holes(extents: &Extents) -> Extents {
    let mut full = Extents::hole(extents.size());
    let mut at = 0;
    for extent in extents.list() {
        full.push(Extent { offset: at, len: extent.offset - at, source: Source::Zero });
        full.push(extent.clone());
        at = extent.end();
    }
    full.push(Extent { offset: at, len: extents.size() - at, source: Source::Zero });
    full
}
