//! Damaged boot partitions, thousands of them: each is read or refused, edited or refused, without a panic, within a second, and within
//! 64 MiB of memory; an edit makes nothing worse. The cases run in a child process whose memory is limited.
//!
//! `BERRY_MUTATIONS` sets the number of random cases for each variant and makes every case an edit, too.

mod support;

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt as _,
    panic::{self, AssertUnwindSafe},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use berry_image::{
    disk::{Extent, Extents, Source, Storage, Window},
    error::{Classified as _, Kind},
    fat::{Edit, Fat, FatError},
};
use support::{
    hostile::{self, LABEL, MUTATIONS, Random, number, values},
    program::{ok, tool},
};

/// Random cases for each variant.
const CASES: u64 = 2000;
/// Every so many cases an edit is tried as well.
const EDITED: u64 = 5;
/// Edited images that are shown to fsck.fat, of each variant and in each test.
const SHOWN: u64 = 6;
const MEMORY: u64 = 64 << 20;
const TIME: Duration = Duration::from_secs(1);
/// Bytes of a sector and of a directory slot.
const SECTOR: usize = 512;
const SLOT: usize = 32;

/// A sound image, and where its structures stand.
struct Image {
    name: &'static str,
    bytes: Arc<Vec<u8>>,
    tables: [usize; 2],
    /// Bytes of a table.
    table: usize,
    root: usize,
    /// The folder `overlays`.
    folder: usize,
}

fn images() -> Vec<Image> {
    [("FAT12", 2 << 20, ["-F", "12", "-s", "2"]), ("FAT16", 4 << 20, ["-F", "16", "-s", "1"]), ("FAT32", 34 << 20, ["-F", "32", "-s", "1"])]
        .map(|(name, size, options)| Image::new(name, size, &options))
        .into()
}

impl Image {
    fn new(name: &'static str, size: u64, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boot.fat");
        File::create(&path).unwrap().set_len(size).unwrap();
        ok(tool("mkfs.fat").args(["--invariant", "-n", "BOOTFS"]).args(options).arg(&path));
        let mtools = |program: &str| {
            let mut command = tool(program);
            command.env("MTOOLS_SKIP_CHECK", "1").env("SOURCE_DATE_EPOCH", "1700000000").arg("-i").arg(&path);
            command
        };
        ok(mtools("mmd").arg("::overlays"));
        let names =
            ["cmdline.txt", "config.txt", "a long name, with spaces and umlauts äöü.dtb", "overlays/README", "overlays/vc4-kms-v3d.dtbo"];
        for (index, name) in names.into_iter().enumerate() {
            let content = folder.path().join("content");
            fs::write(&content, vec![index as u8 + 1; 700 * (index + 1)]).unwrap();
            ok(mtools("mcopy").arg(&content).arg(format!("::{name}")));
        }
        let bytes = fs::read(&path).unwrap();
        let field = |at, width| number(&bytes, at, width) as usize;
        let table = match field(22, 2) {
            0 => field(36, 4),
            sectors => sectors,
        } * SECTOR;
        let first = field(14, 2) * SECTOR;
        let root = first + 2 * table;
        // On FAT32 the root folder is cluster 2. mtools makes the first folder in the cluster behind it, elsewhere in cluster 2.
        let is_fat32 = name == "FAT32";
        let data = root + if is_fat32 { 0 } else { field(17, 2) * SLOT };
        let folder = data + if is_fat32 { field(13, 1) * SECTOR } else { 0 };
        assert_eq!(&bytes[folder..folder + 2], b". ", "{name}: the folder is not where it was expected");
        Self { name, tables: [first, first + table], table, root, folder, bytes: Arc::new(bytes) }
    }

    /// Every field that is swept: its offset and width, and whether it stands in both tables.
    fn fields(&self) -> Vec<(usize, usize, bool)> {
        let information = if self.name == "FAT32" { vec![(SECTOR, 4), (SECTOR + 484, 12), (SECTOR + 508, 4)] } else { Vec::new() };
        let mut fields = Vec::new();
        let mut add = |start: usize, len: usize, both| {
            let places = (start..start + len).flat_map(|at| [1, 2, 4].map(|width| (at, width)));
            fields.extend(places.filter(|(at, width)| at % width == 0 && at + width <= start + len).map(|(at, width)| (at, width, both)));
        };
        add(0, 92, false);
        add(508, 4, false);
        information.into_iter().for_each(|(start, len)| add(start, len, false));
        add(self.tables[0], 64, true);
        add(self.tables[0], 16, false);
        add(self.tables[1], 16, false);
        add(self.root, 10 * SLOT, false);
        add(self.folder, 6 * SLOT, false);
        fields
    }

    /// The image with other bytes at some places.
    fn damaged(&self, edits: &[(usize, Vec<u8>)]) -> Extents {
        let mut image = Extents::window(&Window::whole(self.bytes.clone()));
        for (at, bytes) in edits {
            image.replace(Extent { offset: *at as u64, len: bytes.len() as u64, source: Source::bytes(bytes.clone()) });
        }
        image
    }
}

/// What came of the cases of one image.
#[derive(Default)]
struct Counts {
    cases: u64,
    opened: u64,
    tried: u64,
    edited: u64,
    shown: u64,
}

struct Bench<'i> {
    image: &'i Image,
    label: File,
    counts: Counts,
}

impl<'i> Bench<'i> {
    fn new(image: &'i Image) -> Self {
        Self { image, label: File::create(env::var_os(LABEL).expect("the parent sets it")).unwrap(), counts: Counts::default() }
    }

    fn case(&mut self, label: &str, edits: &[(usize, Vec<u8>)]) {
        let name = self.image.name;
        self.label.write_all_at(format!("{:<80}", format!("{name}: {label}")).as_bytes(), 0).unwrap();
        let edit = self.counts.cases.is_multiple_of(EDITED) || env::var_os(MUTATIONS).is_some();
        self.counts.cases += 1;
        let damaged = self.image.damaged(edits);
        let start = Instant::now();
        let result = panic::catch_unwind(AssertUnwindSafe(|| exercise(&damaged, edit)));
        let elapsed = start.elapsed();
        let Ok(result) = result else { panic!("{name} {label}: a panic") };
        assert!(elapsed < TIME, "{name} {label}: {elapsed:?}");
        let Ok(result) = result.inspect_err(assert_bucket) else { return };
        self.counts.opened += 1;
        self.counts.tried += u64::from(edit);
        let Some(edited) = result else { return };
        self.counts.edited += 1;
        // Spread over the cases; the first ones are the boot sector's.
        if self.counts.shown < SHOWN && self.counts.edited.is_multiple_of(37) {
            self.counts.shown += 1;
            if fsck(&damaged) == 0 {
                assert_eq!(fsck(&edited), 0, "{name} {label}: the edit made it worse");
            }
        }
    }

    fn report(&self, what: &str) {
        let Counts { cases, opened, tried, edited, shown } = &self.counts;
        let name = self.image.name;
        let line =
            format!("{name}: {what}: {cases} cases, {opened} opened; {edited} of {tried} edited, {shown} of them shown to fsck.fat\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        assert!(*edited > 0 && opened < cases, "{line}");
    }
}

fn assert_bucket(error: &FatError) {
    assert!(matches!(error.kind(), Kind::Corrupt | Kind::Unsupported | Kind::Refused), "{:?}: {error}", error.kind());
}

/// Reads everything that can be reached, and edits if asked to; an edit that was possible is read again.
fn exercise(image: &Extents, edit: bool) -> Result<Option<Extents>, FatError> {
    let fat = Fat::open(Window::whole(Arc::new(image.clone())))?;
    let _ = fat.summary().inspect_err(assert_bucket);
    for entry in fat.entries() {
        let _ = fat.read(&entry.name).inspect_err(assert_bucket);
    }
    for path in ["overlays/README", "OVERLAYS/VC4-KM~1.DTB", "overlays/overlays/overlays/x"] {
        let _ = fat.content(path).inspect_err(assert_bucket);
    }
    for listed in fat.list().inspect_err(assert_bucket).unwrap_or_default().iter().filter(|listed| !listed.entry.is_folder) {
        let _ = fat.content_of(listed).inspect_err(assert_bucket).map(|content| assert_eq!(content.size(), listed.entry.size));
    }
    if !edit {
        return Ok(None);
    }
    let write = |name: &str, len| Edit::Write { name: name.to_owned(), content: vec![b'x'; len] };
    let edits = [write("cmdline.txt", 5000), write("a new and rather long name", 10), Edit::Remove { name: "config.txt".to_owned() }];
    let edited = match fat.edit(&edits, 1_700_000_000) {
        Ok(edited) => edited,
        Err(error) => {
            assert_bucket(&error);
            return Ok(None);
        }
    };
    assert_eq!(edited.size(), image.size());
    let again = Fat::open(Window::whole(Arc::new(edited.clone()))).expect("an edited partition can be read");
    assert_eq!(again.read("a new and rather long name").unwrap(), Some(vec![b'x'; 10]));
    assert_eq!(again.read("cmdline.txt").unwrap(), Some(vec![b'x'; 5000]));
    Ok(Some(edited))
}

/// What `fsck.fat -n` ends with.
fn fsck(image: &Extents) -> i32 {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut buffer = vec![0; 1 << 20];
    for offset in (0..image.size()).step_by(buffer.len()) {
        let len = (image.size() - offset).min(buffer.len() as u64) as usize;
        image.read_exact_at(offset, &mut buffer[..len]).unwrap();
        file.as_file().write_all_at(&buffer[..len], offset).unwrap();
    }
    fsck_file(file.path())
}

fn fsck_file(path: &Path) -> i32 {
    let mut command = Command::new("/usr/sbin/fsck.fat");
    let status = command.arg("-n").arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.expect("fsck.fat is needed for this test").code().unwrap_or(-1)
}

#[test]
fn images_are_sound_before_damage() {
    for image in images() {
        let sound = image.damaged(&[]);
        assert_eq!(fsck(&sound), 0, "{}", image.name);
        let edited = exercise(&sound, true).unwrap().expect("a sound image can be edited");
        assert_eq!(fsck(&edited), 0, "{}", image.name);
    }
}

#[test]
fn field_sweep() {
    hostile::run_limited("field_sweep_in_child");
}

#[test]
#[ignore = "limits the memory of its process"]
fn field_sweep_in_child() {
    let images = images();
    hostile::limit_memory(MEMORY);
    for image in &images {
        let mut bench = Bench::new(image);
        for (at, width, both) in image.fields() {
            for value in values(&image.bytes, at, width) {
                let bytes = value.to_le_bytes()[..width].to_vec();
                let mut edits = vec![(at, bytes.clone())];
                if both {
                    edits.push((at + image.table, bytes));
                }
                bench.case(&format!("{at:#x} {width} {value:#x}, in both tables: {both}"), &edits);
            }
        }
        bench.report("sweep");
    }
}

#[test]
fn random_damage() {
    hostile::run_limited("random_damage_in_child");
}

#[test]
#[ignore = "limits the memory of its process"]
fn random_damage_in_child() {
    let images = images();
    let cases = env::var(MUTATIONS).map_or(CASES, |count| count.parse().unwrap());
    hostile::limit_memory(MEMORY);
    for image in &images {
        let mut bench = Bench::new(image);
        for case in 0..cases {
            let mut random = Random(case);
            let edits: Vec<_> = (0..1 + random.below(4)).flat_map(|_| damage(image, &mut random)).collect();
            bench.case(&format!("case {case}"), &edits);
        }
        bench.report("random");
    }
}

/// One edit: in the boot sector, in a table or both, in a folder, or anywhere.
fn damage(image: &Image, random: &mut Random) -> Vec<(usize, Vec<u8>)> {
    let used = 200.min(image.table);
    let (start, len, both) = match random.below(6) {
        0 => (0, 2 * SECTOR, false),
        1 => (image.tables[random.below(2)], used, false),
        2 => (image.tables[0], used, true),
        3 => (image.root, 12 * SLOT, false),
        4 => (image.folder, 8 * SLOT, false),
        _ => (0, image.bytes.len() - 8, false),
    };
    let at = start + random.below(len);
    let width = [1, 2, 4][random.below(3)];
    let kind = random.below(8);
    let value = values(&image.bytes, at, width).get(kind).copied().unwrap_or_else(|| random.next());
    let bytes = value.to_le_bytes()[..width].to_vec();
    let copy = both.then(|| (at + image.table, bytes.clone()));
    [Some((at, bytes)), copy].into_iter().flatten().collect()
}

/// Folders inside each other that share nothing but are many, and a table of every other cluster bad: what would make most work.
#[test]
fn the_most_work_that_a_partition_can_make_is_bounded() {
    hostile::run_limited("most_work_in_child");
}

#[test]
#[ignore = "limits the memory of its process"]
fn most_work_in_child() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("boot.fat");
    let make = |options: &[&str], size: u64| {
        let file = File::create(&path).unwrap();
        file.set_len(size).unwrap();
        ok(tool("mkfs.fat").args(["-F", "32"]).args(options).arg(&path));
        let image = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut boot = [0; SECTOR];
        image.read_exact_at(&mut boot, 0).unwrap();
        let (table, len) = (number(&boot, 14, 2) * 512, number(&boot, 36, 4) * 512);
        (image, table, len)
    };
    let edit = || {
        let storage: Arc<dyn Storage> = Arc::new(berry_image::disk::FileStorage::open(&path).unwrap());
        let fat = Fat::open(Window::whole(storage))?;
        fat.edit(&[Edit::Write { name: "ssh".to_owned(), content: Vec::new() }], 1_700_000_000)
    };
    hostile::limit_memory(256 << 20);
    // Two million clusters, every second one of them bad.
    let (image, table, len) = make(&["-s", "1"], 1000 << 20);
    let mut entries = vec![0; len as usize];
    image.read_exact_at(&mut entries, table).unwrap();
    for at in (16..entries.len()).step_by(8) {
        entries[at..at + 4].copy_from_slice(&0x0fff_fff7_u32.to_le_bytes());
    }
    for copy in [table, table + len] {
        image.write_all_at(&entries, copy).unwrap();
    }
    let start = Instant::now();
    let edited = edit().unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(edited.list().len() < 1000);

    // A root folder of 65,534 folders, each with a cluster of 32 KiB of its own.
    let (image, table, len) = make(&["-s", "64"], 8 << 30);
    let data = table + 2 * len;
    let folders: u32 = 65_534;
    let root_clusters = folders.div_ceil(1024);
    let mut entries = vec![0; len as usize];
    image.read_exact_at(&mut entries, table).unwrap();
    let first = 2 + root_clusters;
    let mut slots = Vec::new();
    for number in 0..root_clusters {
        let next = if number + 1 == root_clusters { 0x0fff_ffff } else { 3 + number };
        entries[(2 + number) as usize * 4..][..4].copy_from_slice(&next.to_le_bytes());
    }
    for number in 0..folders {
        entries[(first + number) as usize * 4..][..4].copy_from_slice(&0x0fff_ffff_u32.to_le_bytes());
        let mut slot = [0; SLOT];
        slot[..11].copy_from_slice(format!("{number:<11}").as_bytes());
        slot[11] = 0x10;
        slot[20..22].copy_from_slice(&((first + number) >> 16).to_le_bytes()[..2]);
        slot[26..28].copy_from_slice(&(first + number).to_le_bytes()[..2]);
        slots.extend(slot);
    }
    for copy in [table, table + len] {
        image.write_all_at(&entries, copy).unwrap();
    }
    image.write_all_at(&slots, data).unwrap();
    let start = Instant::now();
    let error = edit().unwrap_err();
    assert!(matches!(error, FatError::Unsupported(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
