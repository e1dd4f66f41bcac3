//! Reading.

mod listing;

pub use listing::Listed;

use std::sync::OnceLock;

use serde::Serialize;

use super::{
    FatError, SECTOR,
    directory::{Directory, Record, SLOT},
    geometry::{Geometry, Root, Variant},
    limits::{LARGEST_READ, MOST_FOLDERS, MOST_SLOTS},
    table::{Link, Table},
};
use crate::{
    disk::{Extents, Storage as _, Window},
    little_endian::u32_at,
};

/// A FAT file system in a partition.
pub struct Fat {
    pub(super) window: Window,
    pub(super) geometry: Geometry,
    pub(super) table: Table,
    pub(super) root: Directory,
    /// Clusters of the root folder; none on FAT12 and FAT16.
    pub(super) root_chain: Vec<u32>,
    /// For each cluster from number 2 on, whether it is free and all zero; found out when first needed.
    pub(super) zero: OnceLock<Vec<bool>>,
}

impl std::fmt::Debug for Fat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fat").field("window", &self.window).field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

/// A file or folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its long name where it has one, else the short one.
    pub name: String,
    /// Size in bytes; 0 for a folder.
    pub size: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// What there is to say about a file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// FAT12, FAT16 or FAT32.
    pub variant: Variant,
    /// Volume label without its padding.
    pub label: Option<String>,
    /// Volume id as Linux shows it as UUID, such as `1234-ABCD`.
    pub volume_id: Option<String>,
    /// Bytes of a cluster.
    pub cluster_size: u64,
    /// Data clusters.
    pub clusters: u32,
    /// Clusters that are free, counted.
    pub free_clusters: u32,
    /// Whether it was unmounted and its tables agree.
    pub clean: bool,
}

impl Fat {
    /// Reads and checks the boot sector, the first table and the root folder.
    ///
    /// # Errors
    /// When reading fails, or they contradict themselves or the window's size, or use what is not supported.
    pub fn open(window: Window) -> Result<Self, FatError> {
        let mut boot = [0; 512];
        window.read_exact_at(0, &mut boot)?;
        let geometry = Geometry::parse(&boot, window.size())?;
        let bytes = read(&window, geometry.tables[0], geometry.table_len)?;
        let table = Table::new(&geometry, bytes);
        let mut fat = Self { window, geometry, table, root: Directory::new(Vec::new()), root_chain: Vec::new(), zero: OnceLock::new() };
        fat.root = match fat.geometry.root {
            Root::Fixed { offset, len } => Directory::new(read(&fat.window, offset, len)?),
            Root::Chain(first) => {
                fat.root_chain = fat.table.chain(first)?;
                fat.folder(&fat.root_chain)?
            }
        };
        Ok(fat)
    }

    /// What `inspect` shows.
    ///
    /// # Errors
    /// When the second table cannot be read.
    pub fn summary(&self) -> Result<Summary, FatError> {
        let text = |label: [u8; 11]| String::from_utf8_lossy(&label).trim_end_matches(' ').to_owned();
        let label = self.root.label().or(self.geometry.label).map(text);
        Ok(Summary {
            variant: self.geometry.variant,
            label: label.filter(|label| !label.is_empty() && label != "NO NAME"),
            volume_id: self.geometry.volume_id.map(|id| format!("{:04X}-{:04X}", id >> 16, id & 0xffff)),
            cluster_size: self.geometry.cluster_size,
            clusters: self.geometry.clusters,
            free_clusters: self.table.free(),
            clean: self.why_dirty()?.is_none(),
        })
    }

    /// The files and folders of the root folder, in the order in which they stand there.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let records = self.root.records().into_iter().filter(|record| !record.is_dots());
        records.map(|Record { name, size, is_folder, .. }| Entry { name, size: u64::from(size), is_folder }).collect()
    }

    /// The content of a file as references into the base; `None` when there is no such file. Names are compared without regard to
    /// case; folders in `path` are separated by `/`.
    ///
    /// # Errors
    /// When the path names a folder or goes through a file, or the file's clusters are damaged.
    pub fn content(&self, path: &str) -> Result<Option<Extents>, FatError> {
        let Some(record) = self.find(path)? else { return Ok(None) };
        if record.is_folder {
            return Err(FatError::WrongType { name: path.to_owned(), found: "folder", expected: "file" });
        }
        self.extents(&record.name, record.first, record.size.into()).map(Some)
    }

    /// The content of a file on the list, which a path may not find where names are the same but for their case.
    ///
    /// # Errors
    /// When it is a folder, or its clusters are damaged.
    pub fn content_of(&self, listed: &Listed) -> Result<Extents, FatError> {
        let Entry { name, size, is_folder } = &listed.entry;
        if *is_folder {
            return Err(FatError::WrongType { name: name.clone(), found: "folder", expected: "file" });
        }
        self.extents(name, listed.first, *size)
    }

    fn extents(&self, name: &str, first: u32, size: u64) -> Result<Extents, FatError> {
        let mut content = Extents::default();
        let mut at = 0;
        for number in self.clusters_of(name, first, size)? {
            let len = self.geometry.cluster_size.min(size - at);
            let piece = Window::new(self.window.storage().clone(), self.window.start() + self.geometry.cluster_offset(number), len)?;
            content.append_at(at, &Extents::window(&piece));
            at += len;
        }
        Ok(content)
    }

    /// The bytes of a file; otherwise as [`Fat::content`].
    ///
    /// # Errors
    /// As [`Fat::content`]; when the file is larger than 64 MiB; when reading fails.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FatError> {
        let Some(content) = self.content(path)? else { return Ok(None) };
        if content.size() > LARGEST_READ {
            return Err(FatError::TooLarge { name: path.to_owned(), size: content.size(), limit: LARGEST_READ });
        }
        Ok(Some(content.to_vec(LARGEST_READ)?))
    }

    fn find(&self, path: &str) -> Result<Option<Record>, FatError> {
        let mut components = path.split('/').filter(|part| !part.is_empty());
        let Some(last) = components.next_back() else { return Ok(None) };
        let mut folder = None;
        for component in components {
            let Some(record) = folder.as_ref().unwrap_or(&self.root).find(component) else { return Ok(None) };
            if !record.is_folder {
                return Err(FatError::WrongType { name: component.to_owned(), found: "file", expected: "folder" });
            }
            folder = Some(self.folder(&self.table.chain(record.first)?)?);
        }
        Ok(folder.as_ref().unwrap_or(&self.root).find(last))
    }

    /// The clusters that a file's size asks for. (A chain that is longer is found by [`Fat::survey`].)
    fn clusters_of(&self, name: &str, first: u32, size: u64) -> Result<Vec<u32>, FatError> {
        let needed = self.geometry.clusters_for(size) as usize; // at most 2^23
        let mut chain = if needed == 0 { Vec::new() } else { self.table.chain(first)? };
        if chain.len() < needed {
            let found = chain.len();
            return Err(FatError::Corrupt(format!("`{name}` has {size} bytes, but only {found} of {needed} clusters")));
        }
        chain.truncate(needed);
        Ok(chain)
    }

    fn folder(&self, chain: &[u32]) -> Result<Directory, FatError> {
        let len = chain.len() as u64 * self.geometry.cluster_size;
        if len > (MOST_SLOTS * SLOT) as u64 {
            return Err(FatError::Corrupt(format!("a folder of {len} bytes; at most {} are possible", MOST_SLOTS * SLOT)));
        }
        let mut bytes = Vec::new();
        for number in chain {
            bytes.extend(read(&self.window, self.geometry.cluster_offset(*number), self.geometry.cluster_size)?);
        }
        Ok(Directory::new(bytes))
    }

    /// Why nothing may be written before a repair, as far as flags and tables tell.
    pub(super) fn why_dirty(&self) -> Result<Option<String>, FatError> {
        if self.geometry.dirty || !self.table.is_clean() {
            return Ok(Some("it was not unmounted".to_owned()));
        }
        for other in &self.geometry.tables[1..] {
            if read(&self.window, *other, self.geometry.table_len)? != self.table.bytes() {
                return Ok(Some("its two tables differ".to_owned()));
            }
        }
        Ok(None)
    }

    /// Walks all folders: every cluster in use belongs to exactly one file or folder, and chains are as long as sizes say.
    pub(super) fn survey(&self) -> Result<(), FatError> {
        let mut used = vec![false; self.geometry.clusters as usize];
        let mut mark = |name: &str, chain: &[u32]| {
            for number in chain {
                let seen = &mut used[*number as usize - 2]; // `Table::chain` gives numbers of clusters only
                if std::mem::replace(seen, true) {
                    return Err(FatError::Unclean(format!("cluster {number} of `{name}` belongs to something else, too")));
                }
            }
            Ok(())
        };
        mark("/", &self.root_chain)?;
        // Ends, because every folder on it has clusters that no other has.
        let mut pending = vec![None];
        let mut left = MOST_FOLDERS;
        while let Some(first) = pending.pop() {
            let folder = first.map(|first| self.folder(&self.table.chain(first)?)).transpose()?;
            let bytes = folder.as_ref().unwrap_or(&self.root).bytes().len() as u64;
            let many = || FatError::Unsupported(format!("more than {MOST_FOLDERS} bytes in folders"));
            left = left.checked_sub(bytes).ok_or_else(many)?;
            for record in folder.as_ref().unwrap_or(&self.root).records().iter().filter(|record| !record.is_dots()) {
                let chain = if record.is_folder {
                    let chain = self.table.chain(record.first)?;
                    mark(&record.name, &chain)?;
                    pending.push(Some(record.first));
                    continue;
                } else if record.first == 0 {
                    Vec::new()
                } else {
                    self.table.chain(record.first)?
                };
                let needed = self.geometry.clusters_for(u64::from(record.size));
                if chain.len() as u64 != needed {
                    let found = chain.len();
                    return Err(FatError::Unclean(format!(
                        "`{}` of {} bytes has {found} clusters, expected {needed}",
                        record.name, record.size
                    )));
                }
                mark(&record.name, &chain)?;
            }
        }
        let lost = self.table.numbers().find(|n| !used[*n as usize - 2] && !matches!(self.table.link(*n), Link::Free | Link::Bad));
        lost.map_or(Ok(()), |number| Err(FatError::Unclean(format!("cluster {number} is in use, but belongs to nothing"))))
    }

    /// The free count of the information sector and the offset of that sector, where there is a sound one.
    pub(super) fn information(&self) -> Result<Option<(u64, Vec<u8>)>, FatError> {
        let Some(offset) = self.geometry.fs_info else { return Ok(None) };
        let sector = read(&self.window, offset, SECTOR)?;
        let sound = u32_at(&sector, 0) == 0x4161_5252 && u32_at(&sector, 484) == 0x6141_7272 && u32_at(&sector, 508) == 0xaa55_0000;
        Ok(sound.then_some((offset, sector)))
    }
}

/// Callers ask for at most a table, a folder or a cluster, all of which are limited and lie inside the window.
pub(super) fn read(window: &Window, offset: u64, len: u64) -> Result<Vec<u8>, FatError> {
    let mut bytes = vec![0; len as usize];
    window.read_exact_at(offset, &mut bytes)?;
    Ok(bytes)
}
