//! Damaged partition tables, thousands of them: each is read or refused for what it is, without a panic and at once. What is accepted
//! means the same to sfdisk, and is the same after it was written and read again.
//!
//! `BERRY_MUTATIONS` sets the number of random cases for each table and way of damage.

#![allow(clippy::print_stderr, reason = "figures are printed")]

mod support;

use std::{
    env, fs,
    io::Write as _,
    panic,
    sync::Arc,
    time::{Duration, Instant},
};

use berry_image::{
    disk::{
        Storage,
        table::{Scheme, Table, TableError, Type},
    },
    error::{Classified as _, Kind},
};
use flate2::Crc;
use support::program::{ok, output, shell, tool};

/// Random cases for each table and each way of damage.
const CASES: u64 = 5000;
/// How often sfdisk is asked for each table.
const ASKED: u64 = 25;
/// Time that a case may take.
const TIME: Duration = Duration::from_secs(1);

const SECTOR: usize = 512;
const SIZE: usize = 1024 * SECTOR;
const BACKUP: usize = SIZE - SECTOR;
const ENTRIES: [usize; 2] = [2 * SECTOR, SIZE - 33 * SECTOR];

/// How damage goes on with the checksums and the other copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// Nothing fits any more.
    Stale,
    /// Both copies have fitting checksums.
    Sealed,
    /// The other copy has the same damage, and both have fitting checksums.
    Both,
}

/// A deterministic stream of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// A number of a table: where it stands, of how many bytes it is, and how far its neighbour of the same meaning is.
#[derive(Clone, Copy, Debug)]
struct Field {
    at: usize,
    width: usize,
    neighbour: usize,
}

/// Disk id, reserved bytes, the four entries and the signature of sector 0.
fn record_fields() -> Vec<Field> {
    let field = |at, width, neighbour| Field { at, width, neighbour };
    let entries = (0..4).flat_map(|entry| {
        [(0, 1), (1, 1), (2, 2), (4, 1), (5, 1), (6, 2), (8, 4), (12, 4)].map(|(at, width)| field(446 + entry * 16 + at, width, 16))
    });
    [field(440, 4, 4), field(444, 2, 2), field(510, 2, 2)].into_iter().chain(entries).collect()
}

/// All of both headers and of the first four entries (the fourth is unused) of both arrays.
fn gpt_fields() -> Vec<Field> {
    let header = [
        (0, 8),
        (8, 4),
        (12, 4),
        (16, 4),
        (20, 4),
        (24, 8),
        (32, 8),
        (40, 8),
        (48, 8),
        (56, 8),
        (64, 8),
        (72, 8),
        (80, 4),
        (84, 4),
        (88, 4),
    ];
    let entry = [(0, 8), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8), (56, 2), (126, 2)];
    let headers =
        [SECTOR, BACKUP].into_iter().flat_map(|start| header.map(|(at, width)| Field { at: start + at, width, neighbour: width }));
    let entries = ENTRIES.into_iter().flat_map(|start| (0..4).map(move |index| start + index * 128));
    headers.chain(entries.flat_map(|start| entry.map(|(at, width)| Field { at: start + at, width, neighbour: 128 }))).collect()
}

fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn put(bytes: &mut [u8], at: usize, width: usize, value: u64) {
    bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
}

/// The place in the other copy that says the same; `None` for sector 0.
fn twin(at: usize) -> Option<usize> {
    let pairs = [(SECTOR, BACKUP, SECTOR), (ENTRIES[0], ENTRIES[1], 32 * SECTOR)];
    pairs.into_iter().find_map(|(one, other, size)| match at {
        at if (one..one + size).contains(&at) => Some(at - one + other),
        at if (other..other + size).contains(&at) => Some(at - other + one),
        _ => None,
    })
}

/// Makes the checksums of both copies fit, as far as their entries can be found.
fn seal(bytes: &mut [u8]) {
    let crc = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        u64::from(crc.sum())
    };
    for header in [SECTOR, BACKUP] {
        let (at, count, size) = (number(bytes, header + 72, 8), number(bytes, header + 80, 4), number(bytes, header + 84, 4));
        let start = at.checked_mul(512).and_then(|start| usize::try_from(start).ok());
        let entries = start.and_then(|start| bytes.get(start..)?.get(..usize::try_from(count * size).ok()?));
        if let Some(sum) = entries.map(crc) {
            put(bytes, header + 88, 4, sum);
        }
        put(bytes, header + 16, 4, 0);
        let length = (number(bytes, header + 12, 4) as usize).clamp(92, SECTOR);
        let sum = crc(&bytes[header..header + length]);
        put(bytes, header + 16, 4, sum);
    }
}

/// A table under test, and what came of its cases.
struct Bench {
    name: &'static str,
    original: Vec<u8>,
    bytes: Arc<Vec<u8>>,
    accepted: u64,
    corrupt: u64,
    unsupported: u64,
    /// Every so many accepted ones sfdisk is asked, and how often it was.
    every: u64,
    asked: [u64; 3],
}

impl Bench {
    /// A disk with a table that sfdisk made.
    fn new(name: &'static str, script: &str, every: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        shell(&format!("truncate -s {SIZE} \"$1\"; printf '{script}' | sfdisk --quiet \"$1\""), &[path.as_os_str()]);
        let original = fs::read(path).unwrap();
        let bytes = Arc::new(original.clone());
        Table::read(&*bytes).unwrap();
        Self { name, original, bytes, accepted: 0, corrupt: 0, unsupported: 0, every, asked: [0; 3] }
    }

    fn all() -> [Self; 2] {
        let id = |number| format!("4e639091-4d45-4b3e-9d8e-00000000000{number}");
        let (one, two, three) = (id(1), id(2), id(3));
        let gpt = format!(
            "label: gpt\\nstart=64, size=64, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid={one}, name=boot\\nstart=128, size=256, \
             uuid={two}, name=root\\nstart=500, size=100, uuid={three}\\n"
        );
        let mbr = "label: dos\\nlabel-id: 0x4e639091\\nstart=64, size=64, type=c\\nstart=128, size=256, type=83\\nstart=500, size=100, type=83\\n";
        [Self::new("mbr", mbr, 40), Self::new("gpt", &gpt, 20)]
    }

    fn fields(&self) -> Vec<Field> {
        let mut fields = record_fields();
        if self.name == "gpt" {
            fields.extend(gpt_fields());
        }
        fields
    }

    /// The ways of damage that make a difference.
    fn afters(&self) -> &'static [After] {
        if self.name == "gpt" { &[After::Stale, After::Sealed, After::Both] } else { &[After::Stale] }
    }

    /// Reads the table after these bytes were changed.
    fn case(&mut self, label: &str, after: After, changes: &[(usize, usize, u64)]) {
        let bytes = Arc::get_mut(&mut self.bytes).expect("the last case let go of it");
        bytes.clone_from(&self.original);
        for &(at, width, value) in changes {
            put(bytes, at, width, value);
            if let Some(twin) = twin(at).filter(|_| after == After::Both) {
                put(bytes, twin, width, value);
            }
        }
        if after != After::Stale {
            seal(bytes);
        }
        let start = Instant::now();
        let result = panic::catch_unwind(|| read(&*self.bytes));
        let elapsed = start.elapsed();
        let label = format!("{}: {label} {after:?} {changes:x?}", self.name);
        let result = result.unwrap_or_else(|_| panic!("{label}: a panic"));
        assert!(elapsed < TIME, "{label}: {elapsed:?}");
        match result {
            Ok(table) => {
                self.accepted += 1;
                let asked = &mut self.asked[after as usize];
                if self.accepted % self.every == 1 && *asked < ASKED {
                    *asked += 1;
                    assert_means_the_same(&self.bytes, &table, &label);
                }
            }
            Err(error) => match error.kind() {
                Kind::Corrupt => self.corrupt += 1,
                Kind::Unsupported => self.unsupported += 1,
                kind => panic!("{label}: {kind:?}: {error}"),
            },
        }
    }

    fn report(&self, what: &str) {
        let Self { name, accepted, corrupt, unsupported, asked, .. } = self;
        let cases = accepted + corrupt + unsupported;
        eprintln!(
            "{name} {what}: {cases} cases, {accepted} accepted, {corrupt} corrupt, {unsupported} unsupported; sfdisk asked {asked:?} times"
        );
        assert!(*accepted > 0 && *corrupt > 0 && *unsupported > 0 && asked[0] > 0, "{name} {what}: a bucket is empty");
    }
}

/// Reads a table; what is accepted is written and read again.
fn read(disk: &dyn Storage) -> Result<Table, TableError> {
    let table = Table::read(disk)?;
    let mut copy = vec![0; SIZE];
    for (offset, bytes) in table.ranges(disk.size()).expect("what was read fits its disk") {
        let start = offset as usize;
        copy[start..start + bytes.len()].copy_from_slice(&bytes);
    }
    let again = Table::read(&copy).expect("what is written can be read");
    assert_eq!((again.partitions(), again.disk_id()), (table.partitions(), table.disk_id()));
    Ok(table)
}

/// sfdisk must find the same partitions, and nothing wrong with a GUID partition table. (With a master boot record it also looks at
/// addresses by cylinder, which nothing reads.)
fn assert_means_the_same(bytes: &[u8], table: &Table, label: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let json: serde_json::Value = serde_json::from_str(&ok(tool("sfdisk").arg("--json").arg(file.path()))).expect("JSON");
    let theirs = &json["partitiontable"];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_lowercase();
    assert_eq!(text(&theirs["label"]), if table.scheme() == Scheme::Gpt { "gpt" } else { "dos" }, "{label}");
    assert_eq!(text(&theirs["id"]).trim_start_matches("0x"), table.disk_id(), "{label}");
    // An unused entry is listed when any byte of it is not zero.
    let list: Vec<_> = theirs["partitions"].as_array().into_iter().flatten().filter(|partition| partition["size"] != 0).collect();
    let ours = table.partitions();
    assert_eq!(list.len(), ours.len(), "{label}: {list:?}");
    for (theirs, ours) in list.into_iter().zip(ours) {
        let node = theirs["node"].as_str().unwrap();
        let number: usize = node[file.path().to_str().unwrap().len()..].trim_start_matches('p').parse().unwrap();
        let kind = match ours.kind {
            Type::Mbr(kind) => format!("{kind:x}"),
            Type::Gpt(kind) => kind.to_string(),
        };
        let sectors = |value: &serde_json::Value| value.as_u64().unwrap() * SECTOR as u64;
        assert_eq!(
            (number, text(&theirs["type"]), sectors(&theirs["start"]), sectors(&theirs["size"])),
            (ours.number, kind, ours.start, ours.size),
            "{label}"
        );
        if table.scheme() == Scheme::Gpt {
            assert_eq!(text(&theirs["uuid"]), table.partuuid(number), "{label}");
        }
    }
    if table.scheme() == Scheme::Gpt {
        let verdict = output(tool("sfdisk").arg("--verify").arg(file.path()));
        let said = String::from_utf8_lossy(&verdict.stdout).into_owned();
        assert!(verdict.status.success() && said.contains("No errors detected."), "{label}: {said}");
    }
}

#[test]
fn every_field_takes_every_strange_value() {
    for mut bench in Bench::all() {
        for field in bench.fields() {
            let Field { at, width, neighbour } = field;
            let old = number(&bench.original, at, width);
            let max = u64::MAX >> (64 - 8 * width);
            let beside = if at + neighbour + width <= SIZE { number(&bench.original, at + neighbour, width) } else { 0 };
            let swapped = old.swap_bytes() >> (64 - 8 * width);
            let values = [0, max, old.wrapping_add(1), old.wrapping_sub(1), max / 2 + 1, old ^ (max / 2 + 1), swapped, beside, 1, 0xee];
            for after in bench.afters() {
                for value in values {
                    bench.case("sweep", *after, &[(at, width, value & max)]);
                }
            }
        }
        bench.report("sweep");
    }
}

#[test]
fn random_damage_is_refused_or_harmless() {
    let cases = env::var("BERRY_MUTATIONS").map_or(CASES, |text| text.parse().expect("a number of cases"));
    for mut bench in Bench::all() {
        let (fields, mut random) = (bench.fields(), Random(bench.original.len() as u64));
        for after in bench.afters() {
            for case in 0..cases {
                let mut changes = Vec::new();
                for _ in 0..=random.below(3) {
                    let Field { at, width, .. } = fields[random.below(fields.len())];
                    let old = number(&bench.original, at, width);
                    let value = match random.below(7) {
                        0 => 0,
                        1 => u64::MAX,
                        2 => old ^ 1 << random.below(8 * width),
                        3 => old.wrapping_add(random.next() % 70),
                        4 => old.wrapping_sub(random.next() % 70),
                        // Another number of the table where this one stands.
                        5 => number(&bench.original, fields[random.below(fields.len())].at, width),
                        _ => random.next(),
                    };
                    changes.push((at, width, value));
                }
                bench.case(&format!("random {case}"), *after, &changes);
            }
        }
        bench.report("random");
    }
}

#[test]
fn every_length_is_refused_or_read() {
    for bench in Bench::all() {
        let mut read_at = Vec::new();
        for size in (0..SIZE).step_by(100).chain((0..SIZE).step_by(SECTOR)).chain([SIZE, SIZE + 1, SIZE + 5000]) {
            let mut bytes = bench.original.clone();
            bytes.resize(size, 0);
            match panic::catch_unwind(|| Table::read(&bytes)).unwrap_or_else(|_| panic!("{} {size}: a panic", bench.name)) {
                Ok(_) => read_at.push(size),
                // Without a whole sector 0 there is nothing to be corrupt.
                Err(error) => assert_eq!(error.kind(), if size < SECTOR { Kind::Io } else { Kind::Corrupt }, "{} {size}", bench.name),
            }
        }
        // The last partition ends at sector 600; a GUID partition table also needs its backup.
        let least = if bench.name == "gpt" { SIZE } else { 600 * SECTOR };
        assert!(read_at.iter().all(|size| *size >= least) && read_at.ends_with(&[SIZE, SIZE + 1, SIZE + 5000]), "{read_at:?}");
    }
}
