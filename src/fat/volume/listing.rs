//! All files and folders, for whoever shows them.

use std::collections::HashSet;

use time::{Date, Month};

use super::{Entry, Fat};
use crate::{
    fat::{
        FatError,
        directory::{Directory, SLOT},
        limits::MOST_LISTED,
    },
    little_endian::u16_at,
};

/// `ATTR_READ_ONLY`.
const READ_ONLY: u8 = 0x01;

/// A file or folder, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Position in the list of the folder that it stands in; `None` in the root folder.
    pub folder: Option<usize>,
    /// What it is.
    pub entry: Entry,
    /// Last change in seconds since 1970, as if the clock had shown UTC (FAT keeps no time zone); 0 where no date is given.
    pub modified: i64,
    /// Its first cluster.
    pub(super) first: u32,
    /// Whether it is marked as not to be written.
    pub is_read_only: bool,
}

impl Fat {
    /// Everything in the file system, each folder before what is in it.
    ///
    /// # Errors
    /// When a folder is damaged or shares a cluster with another, or when all folders together have more than [`MOST_LISTED`] slots.
    pub fn list(&self) -> Result<Vec<Listed>, FatError> {
        let mut list = Vec::new();
        let mut seen = HashSet::new();
        let mut slots = 0;
        claim(&mut seen, "/", &self.root_chain)?;
        add(&mut list, &mut slots, None, &self.root)?;
        let mut next = 0;
        // Ends, because every folder has clusters that no other has.
        while next < list.len() {
            let (name, first) = match &list[next] {
                Listed { entry, first, .. } if entry.is_folder => (entry.name.clone(), *first),
                _ => {
                    next += 1;
                    continue;
                }
            };
            let chain = self.table.chain(first)?;
            claim(&mut seen, &name, &chain)?;
            add(&mut list, &mut slots, Some(next), &self.folder(&chain)?)?;
            next += 1;
        }
        Ok(list)
    }
}

fn claim(seen: &mut HashSet<u32>, name: &str, chain: &[u32]) -> Result<(), FatError> {
    match chain.iter().find(|number| !seen.insert(**number)) {
        Some(number) => Err(FatError::Corrupt(format!("cluster {number} of the folder `{name}` belongs to another folder, too"))),
        None => Ok(()),
    }
}

/// Appends what is in a folder.
fn add(list: &mut Vec<Listed>, slots: &mut usize, folder: Option<usize>, directory: &Directory) -> Result<(), FatError> {
    *slots += directory.bytes().len() / SLOT;
    if *slots > MOST_LISTED {
        return Err(FatError::Unsupported(format!("its folders have more than {MOST_LISTED} slots")));
    }
    for record in directory.records().into_iter().filter(|record| !record.is_dots()) {
        // The last slot of a record is its short one.
        let slot = &directory.bytes()[(record.slots.end - 1) * SLOT..][..SLOT];
        let listed = Listed {
            folder,
            first: record.first,
            modified: seconds(u16_at(slot, 24), u16_at(slot, 22)),
            is_read_only: slot[11] & READ_ONLY != 0,
            entry: Entry { name: record.name, size: u64::from(record.size), is_folder: record.is_folder },
        };
        list.push(listed);
    }
    Ok(())
}

/// The date and time of day of a slot, in seconds since 1970; 0 where they are none.
fn seconds(date: u16, clock: u16) -> i64 {
    let month = Month::try_from((date >> 5 & 15) as u8);
    let day = month.and_then(|month| Date::from_calendar_date(1980 + i32::from(date >> 9), month, (date & 31) as u8));
    let time = day.and_then(|day| day.with_hms((clock >> 11) as u8, (clock >> 5 & 63) as u8, (clock & 31) as u8 * 2));
    time.map_or(0, |time| time.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        disk::{Extents, Window},
        fat::{New, create, name::stamp},
    };

    const TIME: i64 = 1_700_000_000;

    fn volume(files: &[&str]) -> Vec<u8> {
        let new = New { size: 64 << 20, label: "X".into(), volume_id: 1, sectors_per_cluster: 1, hidden_sectors: 0, time: TIME };
        let files: Vec<_> = files.iter().map(|name| ((*name).to_owned(), Extents::bytes(name.as_bytes().to_vec()))).collect();
        create(&new, &files).unwrap().to_vec(64 << 20).unwrap()
    }

    fn open(bytes: Vec<u8>) -> Fat {
        Fat::open(Window::whole(Arc::new(bytes))).unwrap()
    }

    #[test]
    fn everything_is_listed_below_its_folder() {
        let list = open(volume(&["config.txt", "overlays/a-long-name.dtbo", "overlays/more/b"])).list().unwrap();
        let path = |listed: &Listed| {
            let mut path = listed.entry.name.clone();
            let mut folder = listed.folder;
            while let Some(index) = folder {
                path = format!("{}/{path}", list[index].entry.name);
                folder = list[index].folder;
            }
            path
        };
        let mut paths: Vec<_> = list.iter().map(|listed| (path(listed), listed.entry.size, listed.entry.is_folder)).collect();
        paths.sort();
        let expected = [
            ("config.txt", 10, false),
            ("overlays", 0, true),
            ("overlays/a-long-name.dtbo", 25, false),
            ("overlays/more", 0, true),
            ("overlays/more/b", 15, false),
        ];
        assert_eq!(paths, expected.map(|(path, size, is_folder)| (path.to_owned(), size, is_folder)));
        assert!(list.iter().all(|listed| listed.modified == TIME && !listed.is_read_only));
    }

    #[test]
    fn names_that_are_alike_keep_their_own_content() {
        let mut bytes = volume(&["one.txt", "two.txt"]);
        // The second file takes the name of the first.
        let slot = bytes.windows(11).position(|window| window == b"TWO     TXT").unwrap();
        bytes[slot..slot + 3].copy_from_slice(b"ONE");
        let fat = open(bytes);
        let contents: Vec<_> = fat.list().unwrap().iter().map(|listed| fat.content_of(listed).unwrap().to_vec(100).unwrap()).collect();
        assert_eq!(contents, [b"one.txt", b"two.txt"]);
    }

    #[test]
    fn folders_without_end_are_not_listed() {
        let mut slots = MOST_LISTED - 1;
        let mut add = |count: usize| add(&mut Vec::new(), &mut slots, None, &Directory::new(vec![0; count * SLOT]));
        add(1).unwrap();
        assert!(matches!(add(1), Err(FatError::Unsupported(text)) if text.contains("65536 slots")));
    }

    #[test]
    fn dates_are_read_as_they_are_written() {
        for time in [315_532_800, TIME, 951_782_400, 4_354_819_198] {
            let (date, clock) = stamp(time);
            assert_eq!(seconds(date, clock), time);
        }
        for (date, clock) in [(0, 0), (0xffff, 0), (0x21, 0xffff)] {
            assert_eq!(seconds(date, clock), 0);
        }
    }

    #[test]
    fn a_folder_inside_itself_is_refused() {
        let mut bytes = volume(&["one/two/file"]);
        // The slot of the folder `two` gets the first cluster of `one`, in whose cluster it stands.
        let slot = |bytes: &[u8], short: &[u8]| bytes.windows(11).position(|window| window == short).unwrap();
        let (one, two) = (slot(&bytes, b"ONE        "), slot(&bytes, b"TWO        "));
        let first = [bytes[one + 26], bytes[one + 27]];
        bytes[two + 26..two + 28].copy_from_slice(&first);
        assert!(matches!(open(bytes).list(), Err(FatError::Corrupt(text)) if text.contains("another folder")));
    }
}
