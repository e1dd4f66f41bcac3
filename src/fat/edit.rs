//! Editing: the base stays as it is, the result is the base with changed sectors in front of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    FatError, SECTOR,
    geometry::Root,
    limits::MOST_HOLES,
    name,
    table::{Link, Table},
    volume::{Fat, read},
};
use crate::disk::{Extent, Extents, Source, Storage as _, Window, data_from};

/// A change of the root folder. Names are compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Makes a file, or gives an existing one new content. A file that has this content already keeps its time, too.
    Write {
        /// Name in the root folder; an existing file keeps its own spelling.
        name: String,
        /// All of its bytes.
        content: Vec<u8>,
    },
    /// Removes a file; where there is none, nothing happens. Its clusters become holes, for it may have held a password.
    Remove {
        /// Name in the root folder.
        name: String,
    },
}

impl Fat {
    /// Does all `edits`, in order. New and changed files get `time` (seconds since 1970, UTC).
    ///
    /// The result is the whole partition. All sectors that did not change still refer to the base; free clusters are holes where they
    /// read as zero, so that they cost nothing to store or to flash.
    ///
    /// # Errors
    /// When the file system is not clean (nothing is edited on top of damage), has no room, or an edit is impossible.
    pub fn edit(&self, edits: &[Edit], time: i64) -> Result<Extents, FatError> {
        if let Some(reason) = self.why_dirty()? {
            return Err(FatError::Unclean(reason));
        }
        self.survey()?;
        let mut session = Session {
            fat: self,
            table: self.table.clone(),
            root: self.root.clone(),
            root_chain: self.root_chain.clone(),
            data: BTreeMap::new(),
            freed: BTreeSet::new(),
            time,
        };
        for edit in edits {
            match edit {
                Edit::Write { name, content } => session.write(name, content)?,
                Edit::Remove { name } => session.remove(name)?,
            }
        }
        session.finish()
    }

    /// For each cluster from number 2 on, whether it is free and reads as zero.
    fn zero_clusters(&self) -> Result<&[bool], FatError> {
        if let Some(known) = self.zero.get() {
            return Ok(known);
        }
        let size = self.geometry.cluster_size as usize;
        let mut zero = vec![false; self.geometry.clusters as usize];
        let mut buffer = vec![0; (1 << 20) / size * size];
        let zeroes = vec![0; size];
        let free: Vec<u32> = self.table.numbers().filter(|n| self.table.link(*n) == Link::Free).collect();
        for run in free.chunk_by(|a, b| a + 1 == *b) {
            for part in run.chunks(buffer.len() / size) {
                let start = self.geometry.cluster_offset(part[0]);
                let bytes = &mut buffer[..part.len() * size];
                if data_from(&self.window, start) >= start + bytes.len() as u64 {
                    bytes.fill(0);
                } else {
                    self.window.read_exact_at(start, bytes)?;
                }
                for (number, bytes) in part.iter().zip(bytes.chunks(size)) {
                    zero[*number as usize - 2] = bytes == zeroes;
                }
            }
        }
        Ok(self.zero.get_or_init(|| zero))
    }
}

struct Session<'a> {
    fat: &'a Fat,
    table: Table,
    root: super::directory::Directory,
    root_chain: Vec<u32>,
    /// New bytes of clusters.
    data: BTreeMap<u32, Vec<u8>>,
    /// Clusters that held something in the base and now do not.
    freed: BTreeSet<u32>,
    time: i64,
}

impl Session<'_> {
    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), FatError> {
        name::check(name)?;
        let size = u32::try_from(content.len()).map_err(|_| FatError::TooLarge {
            name: name.to_owned(),
            size: content.len() as u64,
            limit: u64::from(u32::MAX),
        })?;
        let existing = self.root.find(name);
        let mut chain = match &existing {
            Some(record) if record.is_folder => {
                return Err(FatError::WrongType { name: name.to_owned(), found: "folder", expected: "file" });
            }
            Some(record) if record.first != 0 => self.table.chain(record.first)?,
            _ => Vec::new(),
        };
        if let Some(record) = &existing
            && record.size == size
            && self.holds(&chain, content)?
        {
            return Ok(());
        }
        self.resize(name, &mut chain, self.fat.geometry.clusters_for(u64::from(size)))?;
        for (number, piece) in chain.iter().zip(content.chunks(self.fat.geometry.cluster_size as usize)) {
            let mut bytes = piece.to_vec();
            bytes.resize(self.fat.geometry.cluster_size as usize, 0);
            self.data.insert(*number, bytes);
        }
        let first = chain.first().copied().unwrap_or(0);
        match existing {
            Some(record) => self.root.update(&record, first, size, self.time),
            None => {
                let grow = matches!(self.fat.geometry.root, Root::Chain(_)).then_some(self.fat.geometry.cluster_size as usize);
                self.root.insert(name, false, first, size, self.time, grow)?;
                self.grow_root(name)?;
            }
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), FatError> {
        let Some(record) = self.root.find(name) else { return Ok(()) };
        if record.is_folder {
            return Err(FatError::WrongType { name: name.to_owned(), found: "folder", expected: "file" });
        }
        if record.first != 0 {
            let mut chain = self.table.chain(record.first)?;
            self.resize(name, &mut chain, 0)?;
        }
        self.root.remove(&record);
        Ok(())
    }

    /// Whether a chain holds exactly these bytes now.
    fn holds(&self, chain: &[u32], content: &[u8]) -> Result<bool, FatError> {
        for (number, piece) in chain.iter().zip(content.chunks(self.fat.geometry.cluster_size as usize)) {
            let same = match self.data.get(number) {
                Some(bytes) => bytes.starts_with(piece),
                None => read(&self.fat.window, self.fat.geometry.cluster_offset(*number), piece.len() as u64)? == piece,
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives a chain `count` clusters: frees the last ones or appends free ones.
    fn resize(&mut self, name: &str, chain: &mut Vec<u32>, count: u64) -> Result<(), FatError> {
        if let Some(missing) = count.checked_sub(chain.len() as u64).filter(|missing| *missing > 0) {
            let cluster = self.fat.geometry.cluster_size;
            let found = self.table.find_free(missing).ok_or_else(|| FatError::Full {
                name: name.to_owned(),
                needed: missing.saturating_mul(cluster),
                available: u64::from(self.table.free()) * cluster,
            })?;
            for number in &found {
                self.freed.remove(number);
            }
            chain.extend(found);
        }
        // Not above the length of the chain.
        for number in chain.split_off(count as usize) {
            self.table.set(number, Link::Free);
            self.data.remove(&number);
            self.freed.insert(number);
        }
        self.table.join(chain);
        Ok(())
    }

    /// Gives the root folder the clusters that its slots need.
    fn grow_root(&mut self, name: &str) -> Result<(), FatError> {
        let count = self.fat.geometry.clusters_for(self.root.bytes().len() as u64);
        if !self.root_chain.is_empty() && count > self.root_chain.len() as u64 {
            let mut chain = std::mem::take(&mut self.root_chain);
            self.resize(name, &mut chain, count)?;
            self.root_chain = chain;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Extents, FatError> {
        let geometry = &self.fat.geometry;
        let mut image = self.without_free_clusters()?;
        let mut put = |offset, bytes: &[u8]| put(&mut image, &self.fat.window, offset, bytes);

        if let Some((offset, mut sector)) = self.fat.information()? {
            if sector[488..492] != [0xff; 4] {
                sector[488..492].copy_from_slice(&self.table.free().to_le_bytes());
            }
            put(offset, &sector)?;
        }
        for table in &geometry.tables {
            put(*table, self.table.bytes())?;
        }
        match geometry.root {
            Root::Fixed { offset, .. } => put(offset, self.root.bytes())?,
            Root::Chain(_) => {
                for (number, bytes) in self.root_chain.iter().zip(self.root.bytes().chunks(geometry.cluster_size as usize)) {
                    self.data.insert(*number, bytes.to_vec());
                }
            }
        }
        for (number, bytes) in &self.data {
            put(geometry.cluster_offset(*number), bytes)?;
        }
        // Once more from the start: what is unchanged becomes one run of the base again.
        let mut joined = Extents::hole(image.size());
        joined.append_at(0, &image);
        Ok(joined)
    }

    /// The base without the clusters that are free now and were zero or in use before.
    fn without_free_clusters(&self) -> Result<Extents, FatError> {
        let zero = self.fat.zero_clusters()?;
        let is_hole = |number: &u32| self.table.link(*number) == Link::Free && (zero[*number as usize - 2] || self.freed.contains(number));
        let mut holes: Vec<u32> = self.table.numbers().filter(is_hole).collect();
        if holes.chunk_by(|a, b| a + 1 == *b).count() > MOST_HOLES {
            // What was freed must go; the rest costs only room.
            holes.retain(|number| self.freed.contains(number));
        }
        let base = Extents::window(&self.fat.window);
        let mut image = Extents::hole(base.size());
        let mut at = 0;
        for run in holes.chunk_by(|a, b| a + 1 == *b) {
            let start = self.fat.geometry.cluster_offset(run[0]);
            base.between(at, start).for_each(|extent| image.push(extent));
            at = start + run.len() as u64 * self.fat.geometry.cluster_size;
        }
        base.between(at, base.size()).for_each(|extent| image.push(extent));
        Ok(image)
    }
}

/// Puts those sectors of `bytes` into the image that differ from the base; the last one may be a part of a sector.
fn put(image: &mut Extents, base: &Window, offset: u64, bytes: &[u8]) -> Result<(), FatError> {
    let old = read(base, offset, bytes.len() as u64)?;
    let sectors: Vec<(u64, &[u8], &[u8])> =
        (0..).zip(bytes.chunks(SECTOR as usize).zip(old.chunks(SECTOR as usize))).map(|(index, (new, old))| (index, new, old)).collect();
    for run in sectors.chunk_by(|a, b| (a.1 == a.2) == (b.1 == b.2)) {
        let start = offset + run[0].0 * SECTOR;
        let len = run.iter().map(|sector| sector.1.len()).sum::<usize>();
        let source = if run[0].1 == run[0].2 {
            // The same bytes, but perhaps over what is a hole in the image.
            Source::Stored { storage: base.storage().clone(), start: base.start() + start }
        } else {
            let at = (start - offset) as usize;
            Source::bytes(bytes[at..at + len].to_vec())
        };
        image.replace(Extent { offset: start, len: len as u64, source });
    }
    Ok(())
}
