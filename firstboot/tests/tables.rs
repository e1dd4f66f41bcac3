//! Partition tables that sfdisk made, by chance: what grows is what may, sfdisk finds nothing wrong with it, and the power may go after any
//! sector that is written. Damaged tables, thousands of them: never a panic, never an overlap.

mod card;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

use berry_firstboot::disk::{DiskError, Place, Refusal, Table, medium::Medium, table::Write};
use card::{Dump, Random, run, said, text, verify};
use rustix::fs::SeekFrom;

const SECTOR: u64 = 512;
const MIB: u64 = 2048;

/// A disk in memory of which most is zero; it may lose its power.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sparse {
    sectors: u64,
    data: BTreeMap<u64, Vec<u8>>,
    /// How many more sectors are written before the power goes.
    left: Option<usize>,
}

impl Sparse {
    fn load(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let mut disk = Self { sectors: file.metadata().unwrap().len() / SECTOR, data: BTreeMap::new(), left: None };
        let mut at = 0;
        while let Ok(start) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
            at = rustix::fs::seek(&file, SeekFrom::Hole(start)).unwrap();
            for sector in start / SECTOR..at.div_ceil(SECTOR) {
                let mut bytes = vec![0; 512];
                file.read_exact_at(&mut bytes, sector * SECTOR).unwrap();
                disk.put(sector, bytes);
            }
        }
        disk
    }

    fn save(&self, path: &Path) {
        let file = File::create(path).unwrap();
        file.set_len(self.sectors * SECTOR).unwrap();
        self.data.iter().for_each(|(sector, bytes)| file.write_all_at(bytes, sector * SECTOR).unwrap());
    }

    fn put(&mut self, sector: u64, bytes: Vec<u8>) {
        if bytes.iter().any(|byte| *byte != 0) {
            self.data.insert(sector, bytes);
        } else {
            self.data.remove(&sector);
        }
    }
}

impl Medium for Sparse {
    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn read(&self, first: u64, count: usize) -> io::Result<Vec<u8>> {
        if first.checked_add(count as u64).is_none_or(|end| end > self.sectors) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok((first..first + count as u64).flat_map(|at| self.data.get(&at).cloned().unwrap_or_else(|| vec![0; 512])).collect())
    }

    /// The sectors of one write in any order, which depends on what is written.
    fn write(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        self.read(first, bytes.len() / 512)?;
        let mut chunks: Vec<_> = (first..).zip(bytes.chunks(512)).collect();
        let mut random = Random(first);
        for index in (1..chunks.len()).rev() {
            chunks.swap(index, random.below(index as u64 + 1) as usize);
        }
        for (sector, bytes) in chunks {
            match &mut self.left {
                Some(0) => return Err(io::Error::other("the power is gone")),
                Some(left) => *left -= 1,
                None => {}
            }
            self.put(sector, bytes.to_vec());
        }
        Ok(())
    }
}

/// Reads, plans and writes; what was planned.
fn grow(disk: &mut Sparse, cap: Option<u64>) -> Result<Vec<Write>, DiskError> {
    let changes = Table::read(disk)?.changes(disk, 3, cap)?;
    for write in &changes {
        disk.write(write.first, &write.bytes)?;
    }
    Ok(changes)
}

fn sfdisk(path: &Path, size: u64, script: &str) {
    File::create(path).unwrap().set_len(size * SECTOR).unwrap();
    said("sfdisk", &["--quiet", "--no-reread", text(path)], script);
}

fn lengthen(path: &Path, sectors: u64) {
    File::options().write(true).open(path).unwrap().set_len(sectors * SECTOR).unwrap();
}

/// An image as the product has it, on a card of so many sectors.
fn card(path: &Path, kind: &str, sectors: u64) -> Sparse {
    let id = if kind == "dos" { "0xdeadbeef" } else { "01020304-0506-4708-890A-0B0C0D0E0F10" };
    let script = format!(
        "label: {kind}\nlabel-id: {id}\nstart={}, size={}\nstart={}, size={}\nstart={}, size={}\n",
        4 * MIB,
        256 * MIB,
        260 * MIB,
        1024 * MIB,
        1284 * MIB,
        256 * MIB
    );
    sfdisk(path, 1541 * MIB, &script);
    lengthen(path, sectors);
    Sparse::load(path)
}

/// What the partition is to get, reckoned anew in bytes.
fn expected(kind: &str, (first, old): (u64, u64), card: u64, cap: Option<u64>) -> u64 {
    let step = 4 << 20;
    let tail = if kind == "gpt" { 1 << 20 } else { 0 };
    let room = (card * 512).saturating_sub(first * 512 + tail) / step * step;
    let wanted = cap.map_or(room, |cap| (cap / step * step).min(room));
    old.max(wanted / 512)
}

#[test]
fn tables_by_chance_grow_as_sfdisk_would_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    let (mut grown, mut blocked) = (0, 0);
    for seed in 0..48 {
        let mut random = Random(seed);
        let kind = if seed % 2 == 0 { "dos" } else { "gpt" };
        let mut numbers = vec![1, 2];
        if random.below(2) == 0 {
            numbers.swap(0, 1);
        }
        let has_follower = random.below(4) == 0;
        numbers.push(3);
        if has_follower {
            numbers.push(4);
        } else if random.below(2) == 0 {
            numbers.insert(random.below(3) as usize, 4);
        }
        let mut script = format!("label: {kind}\n");
        let mut at = 2048 + random.below(3) * 6144;
        for number in numbers {
            let (gap, size) = (random.below(3) * random.below(10_000), random.between(1, 400_000));
            // As partitions are: now and then not in whole MiB.
            let start = if random.below(3) == 0 { at + gap } else { (at + gap).next_multiple_of(8192) };
            script.push_str(&format!("{number}: start={start}, size={size}\n"));
            at = start + size;
        }
        let image = at + random.between(64, 5000);
        sfdisk(&path, image, &script);
        let sectors = image + random.below(3) * random.between(1, 130_000_000);
        lengthen(&path, sectors);
        let before = Dump::of(&path);
        let cap = (random.below(3) == 0).then(|| random.below(sectors * 700));
        let mut disk = Sparse::load(&path);
        let original = disk.clone();
        let place = before.place(3);
        let wanted = expected(kind, place, sectors, cap);
        let changes = match grow(&mut disk, cap) {
            Ok(changes) => changes,
            Err(DiskError::Refused(Refusal::Behind(4))) => {
                assert!(has_follower && wanted > place.1 && disk == original, "seed {seed}");
                blocked += 1;
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}\n{script}"),
        };
        assert!(!has_follower || wanted == place.1, "seed {seed}");
        assert_eq!(changes.is_empty(), wanted == place.1, "seed {seed}: {changes:?}\n{script}");
        disk.save(&path);
        assert_eq!(Dump::of(&path), before.with(3, wanted), "seed {seed}\n{script}");
        if !changes.is_empty() {
            verify(&path);
            grown += 1;
        }
        assert!(grow(&mut disk, cap).unwrap().is_empty(), "seed {seed}: the second time there is nothing to do");
    }
    assert!(grown >= 12 && blocked >= 4, "{grown} grew, {blocked} were blocked");
}

#[test]
fn a_record_keeps_all_but_the_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    let mut disk = card(&path, "dos", 8_000_000);
    let mut record = disk.read(0, 1).unwrap();
    (0..440).for_each(|at| record[at] = at as u8);
    disk.put(0, record.clone());
    let changes = grow(&mut disk, None).unwrap();
    assert_eq!(changes.iter().map(|write| (write.first, write.bytes.len())).collect::<Vec<_>>(), [(0, 512)]);
    let after = disk.read(0, 1).unwrap();
    // The third entry's last cylinder and its number of sectors.
    let differing: Vec<_> = (0..512).filter(|at| record[*at] != after[*at]).collect();
    assert!(differing.iter().all(|at| (483..486).contains(at) || (490..494).contains(at)), "{differing:?}");
}

#[test]
fn the_power_may_go_after_any_sector() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    for (kind, least) in [("dos", 1), ("gpt", 69)] {
        let old = card(&path, kind, 31_116_288);
        let before = Dump::of(&path);
        let mut new = old.clone();
        let changes = grow(&mut new, None).unwrap();
        new.save(&path);
        let after = Dump::of(&path);
        verify(&path);
        let writes: usize = changes.iter().map(|write| write.bytes.len() / 512).sum();
        assert!(writes >= least, "{writes}");
        // Where entries stand for a moment, some may stay.
        let beside = changes.iter().find(|write| write.what == "the entries beside").map(|write| write.first..write.first + 32);
        let beside = beside.unwrap_or(0..0);
        assert!(beside.end <= 4 * MIB);
        for cut in 0..=writes {
            let mut disk = old.clone();
            disk.left = Some(cut);
            assert_eq!(grow(&mut disk, None).is_ok(), cut == writes);
            disk.left = None;
            disk.save(&path);
            let meanwhile = run("sfdisk", &["--verify", text(&path)], "");
            let said = String::from_utf8_lossy(&meanwhile.stderr).into_owned();
            assert!(!said.contains("primary GPT table is corrupt") && !said.contains("does not contain"), "{kind} {cut}: {said}");
            let there = Dump::of(&path);
            assert!(there == before || there == after, "{kind} {cut}: {there:?}");
            // And once more cut short before it is finished.
            disk.left = Some(cut % 7);
            let _ = grow(&mut disk, None);
            disk.left = None;
            assert!(Table::read(&disk).is_ok(), "{kind} {cut}");
            grow(&mut disk, None).unwrap();
            disk.data.retain(|sector, _| !beside.contains(sector));
            let mut wanted = new.clone();
            wanted.data.retain(|sector, _| !beside.contains(sector));
            assert!(disk == wanted, "{kind} {cut}: it ends otherwise");
            assert!(grow(&mut disk, None).unwrap().is_empty());
        }
    }
}

/// Sectors of both tables, with few entries so that chance finds those that are used.
fn small(path: &Path, kind: &str) -> Sparse {
    let extra = if kind == "gpt" { "table-length: 8\n" } else { "" };
    sfdisk(path, 60_000, &format!("label: {kind}\n{extra}start=2048, size=8192\nstart=10240, size=8192\nstart=24576, size=8192\n"));
    lengthen(path, 200_000);
    Sparse::load(path)
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1))))
}

/// Makes the checksums of the first copy fit again.
fn seal(disk: &mut Sparse) {
    let (mut header, entries) = (disk.read(1, 1).unwrap(), disk.read(2, 2).unwrap());
    header[88..92].copy_from_slice(&crc32(&entries).to_le_bytes());
    header[16..20].fill(0);
    let sum = crc32(&header[..92]);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    disk.put(1, header);
}

#[test]
fn damaged_tables_are_refused_or_grow_without_harm() {
    const CASES: u64 = 4000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    let mut accepted = 0;
    for kind in ["dos", "gpt"] {
        let sound = small(&path, kind);
        let meaningful = sound.clone();
        let sectors: Vec<u64> = meaningful.data.keys().copied().filter(|sector| *sector < 64).collect();
        for seed in 0..CASES {
            let mut random = Random(seed);
            let mut disk = sound.clone();
            for _ in 0..=random.below(3) {
                let sector = sectors[random.below(sectors.len() as u64) as usize];
                let mut bytes = disk.read(sector, 1).unwrap();
                // Half of the time in the entries of a record, where four of them are.
                let at = if sector == 0 && random.below(8) != 0 { random.between(446, 510) } else { random.below(512) };
                let width = 1 << random.below(4);
                let value = [0, 1, u64::MAX, random.next(), random.below(300_000), 1 << random.below(64)][random.below(6) as usize];
                bytes.iter_mut().skip(at as usize).zip(value.to_le_bytes()).take(width).for_each(|(place, byte)| *place = byte);
                disk.put(sector, bytes);
            }
            if kind == "gpt" && seed % 4 != 0 {
                seal(&mut disk);
            }
            let cap = (random.below(3) == 0).then(|| random.next() >> random.below(64));
            let Ok(table) = Table::read(&disk) else { continue };
            let Ok(changes) = table.changes(&disk, 3, cap) else { continue };
            accepted += 1;
            let before = table.places();
            for write in &changes {
                disk.write(write.first, &write.bytes).unwrap();
                let is_in_partition =
                    |place: &Place| write.first < place.end() && place.first < write.first + write.bytes.len() as u64 / 512;
                assert!(!before.iter().any(is_in_partition), "{kind} {seed}: {} over a partition", write.what);
            }
            let after = Table::read(&disk).unwrap_or_else(|error| panic!("{kind} {seed}: {error}"));
            let mut places = after.places();
            for (old, new) in before.iter().zip(&places) {
                assert!(
                    old == new || (old.number == 3 && new.first == old.first && new.sectors > old.sectors),
                    "{kind} {seed}: {old:?} {new:?}"
                );
            }
            assert_eq!(before.len(), places.len());
            places.sort_by_key(|place| place.first);
            assert!(places.windows(2).all(|pair| pair[0].end() <= pair[1].first), "{kind} {seed}: {places:?}");
            assert!(places.iter().all(|place| place.first > 0 && place.end() <= 200_000), "{kind} {seed}: {places:?}");
        }
    }
    assert!(accepted > CASES / 4, "{accepted}");
}

#[test]
fn disks_that_are_cut_short_or_odd_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    for kind in ["dos", "gpt"] {
        let whole = small(&path, kind);
        for sectors in [0, 1, 2, 3, 33, 34, 35, 2048, 24576, 30_000] {
            let mut disk = whole.clone();
            disk.sectors = sectors;
            disk.data.retain(|sector, _| *sector < sectors);
            assert!(grow(&mut disk, None).is_err(), "{kind} {sectors}");
        }
    }
    let refusal = |disk: &mut Sparse| match grow(disk, None) {
        Err(DiskError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    // A second table in front: hybrid.
    let mut disk = small(&path, "gpt");
    let mut record = disk.read(0, 1).unwrap();
    record[446 + 16 + 4] = 0x0c;
    disk.put(0, record);
    assert_eq!(refusal(&mut disk), Refusal::Hybrid(2));
    // No room between entries and the first partition.
    sfdisk(&path, 60_000, "label: gpt\nfirst-lba: 34\nstart=40, size=2000\nstart=10240, size=8192\nstart=24576, size=8192\n");
    lengthen(&path, 200_000);
    let tight = Sparse::load(&path);
    let mut disk = tight.clone();
    assert_eq!(refusal(&mut disk), Refusal::NoRoom);
    assert!(disk == tight);
    // Logical partitions.
    sfdisk(
        &path,
        200_000,
        "label: dos\nstart=2048, size=2048\nstart=4096, size=8192, type=5\nstart=24576, size=8192\nstart=6144, size=2048\n",
    );
    assert_eq!(refusal(&mut Sparse::load(&path)), Refusal::Extended(2));
    fs::write(&path, vec![0; 1 << 20]).unwrap();
    assert_eq!(refusal(&mut Sparse::load(&path)), Refusal::NoTable);
}

#[test]
fn a_record_ends_at_2_tib() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = card(&folder.path().join("card"), "dos", 3_200_000);
    disk.sectors = 6 << 31;
    grow(&mut disk, None).unwrap();
    let place = Table::read(&disk).unwrap().place(3).unwrap();
    assert!(place.end() <= u64::from(u32::MAX) && place.end() + 8192 > u64::from(u32::MAX), "{place:?}");
    assert!(grow(&mut disk, None).unwrap().is_empty());
    // A GUID partition table has no such end.
    let mut disk = card(&folder.path().join("card"), "gpt", 3_200_000);
    disk.sectors = 6 << 31;
    grow(&mut disk, None).unwrap();
    assert!(Table::read(&disk).unwrap().place(3).unwrap().end() > 5 << 31);
}
