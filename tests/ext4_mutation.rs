//! Damaged images, thousands of them: each is read or refused, without a panic, within a second, and within 64 MiB of memory.
//!
//! The cases run in a child process whose memory is limited, so that a case which asks for more ends the child and names itself.
//! `BERRY_MUTATIONS` sets the number of random cases for each image, once with stale and once with fitting checksums, and makes the
//! sweep of fields longer.

mod support;

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt as _,
    panic,
    sync::Arc,
    time::{Duration, Instant},
};

use berry_image::{
    disk::Window,
    error::{Classified as _, Kind as ErrorKind},
    ext4::read::{Ext4, Ext4Error, Place},
    tree::Tree,
};
use support::{
    e2fsck,
    ext4::{Image, assert_rich, number, put, small_image},
    hostile::{self, LABEL, MUTATIONS, Random, values},
};

/// Random cases for each image and each kind of checksum.
const CASES: u64 = 1500;
/// Every so many of them, `e2fsck` is asked as well.
const ASKED: u64 = 25;
/// Memory that reading may take.
const MEMORY: u64 = 64 << 20;
/// Time that a case may take.
const TIME: Duration = Duration::from_secs(1);

fn images() -> Vec<(&'static str, Image)> {
    let sets = [
        ("crc32c", &["-t", "ext4", "-b", "1024", "-J", "size=1", "-O", "64bit,orphan_file"][..], 4 << 20),
        ("plain", &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^64bit,^has_journal"], 2 << 20),
        ("indirect", &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,uninit_bg,^64bit,^has_journal,^extents", "-I", "128"], 2 << 20),
        ("inline", &["-t", "ext4", "-b", "4096", "-O", "^has_journal,inline_data,metadata_csum_seed", "-g", "256"], 3 << 20),
    ];
    let made = sets.into_iter().map(|(name, options, size)| (name, small_image(options, size)));
    made.collect()
}

fn read(bytes: Arc<Vec<u8>>) -> Result<Tree, Ext4Error> {
    let ext4 = Ext4::open(Window::whole(bytes))?;
    assert!(!serde_json::to_string(&ext4.summary()).unwrap().is_empty());
    let tree = ext4.tree()?;
    let mut bytes = 0;
    tree.walk(&mut |path, id| bytes += path.len() as u64 + tree.inode(id).content().map_or(0, |content| content.stored_bytes()));
    assert!(bytes > 0);
    Ok(tree)
}

/// Runs a test of this file in a child whose memory is limited.
fn run_limited(test: &str) {
    if support::is_root() {
        hostile::run_limited(test);
    }
}

/// One image under test, and what came of its cases.
struct Bench<'i> {
    name: &'static str,
    image: &'i Image,
    label: File,
    bytes: Arc<Vec<u8>>,
    cases: u64,
    accepted: u64,
}

impl<'i> Bench<'i> {
    fn new(name: &'static str, image: &'i Image) -> Self {
        let label = File::create(env::var_os(LABEL).expect("the parent sets it")).unwrap();
        Self { name, image, label, bytes: Arc::new(image.bytes.clone()), cases: 0, accepted: 0 }
    }

    /// Reads a copy of the image damaged by `damage`; returns whether it was accepted.
    fn case(&mut self, label: &str, seal: bool, damage: impl FnOnce(&mut Vec<u8>)) -> bool {
        let bytes = Arc::get_mut(&mut self.bytes).expect("the last case let go of it");
        bytes.clone_from(&self.image.bytes);
        damage(bytes);
        if seal {
            self.image.seal(bytes);
        }
        // Read by the parent when this process dies in this case. Not truncated: a file system may then wait for its disk.
        self.label.write_all_at(format!("{:<80}", format!("{}: {label}", self.name)).as_bytes(), 0).unwrap();
        let start = Instant::now();
        let result = panic::catch_unwind(|| read(Arc::clone(&self.bytes)));
        let elapsed = start.elapsed();
        let Some(result) = result.ok().filter(|_| elapsed < TIME) else {
            let kept = env::temp_dir().join(format!("berry-mutation-{}", std::process::id()));
            fs::write(&kept, &*self.bytes).unwrap();
            panic!("{} {label}: a panic, or {elapsed:?}; the image is in {kept:?}", self.name);
        };
        if let Err(error) = &result {
            // What is read is in memory, so nothing can be an error of reading.
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Refused),
                "{} {label}: {kind:?}: {error}",
                self.name
            );
        }
        self.cases += 1;
        self.accepted += u64::from(result.is_ok());
        result.is_ok()
    }

    fn report(&self, what: &str) {
        let line = format!("{}: {what}: {} cases, {} accepted\n", self.name, self.cases, self.accepted);
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        assert!(0 < self.accepted && self.accepted < self.cases, "{line}");
    }
}

#[test]
fn images_are_sound_before_damage() {
    if !support::is_root() {
        return;
    }
    for (name, image) in images() {
        assert_rich(&image);
        let mut sealed = image.bytes.clone();
        image.seal(&mut sealed);
        assert!(sealed == image.bytes, "{name}: the checksums made here are not those of the kernel");
        read(Arc::new(sealed)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn random_damage() {
    run_limited("random_damage_in_child");
}

#[test]
#[ignore = "limits the memory of its process"]
fn random_damage_in_child() {
    let images = images();
    let cases = env::var(MUTATIONS).map_or(CASES, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    hostile::limit_memory(MEMORY);
    for (name, image) in &images {
        let metadata = image.metadata();
        let shown = File::create(&path).unwrap();
        for seal in [false, true] {
            let mut bench = Bench::new(name, image);
            let (mut asked, mut only_we, mut only_e2fsck) = (0_u64, 0, 0);
            for case in 0..cases {
                let mut random = Random(case << 1 | u64::from(seal));
                let label = format!("case {case}, seal {seal}");
                let accepted =
                    bench.case(&label, seal, |bytes| (0..1 + random.below(8)).for_each(|_| damage(bytes, &metadata, &mut random)));
                if case % ASKED == 0 {
                    shown.write_all_at(&bench.bytes, 0).unwrap();
                    let clean = e2fsck(&path) == 0;
                    if clean && !accepted {
                        // With stale checksums that happens where e2fsck falls back to copies of superblock and descriptors only.
                        let error = read(Arc::clone(&bench.bytes)).unwrap_err();
                        let fell_back = matches!(error, Ext4Error::Corrupt { place: Place::Superblock | Place::Group(_), .. });
                        assert!(seal || fell_back || !image.has_checksums(), "{name} {label}: e2fsck calls it clean, but: {error}");
                        only_e2fsck += 1;
                    }
                    asked += 1;
                    only_we += u64::from(accepted && !clean);
                }
            }
            // A checksum that does not fit is found wherever e2fsck finds it. What fits was made to, and e2fsck knows a little more.
            let most = if seal || !image.has_checksums() { asked.div_ceil(20) } else { 0 };
            assert!(only_we <= most, "{name}, seal {seal}: {only_we} of {asked} are accepted only by us");
            bench.report(&format!(
                "random, seal {seal}; of {asked} shown to e2fsck {only_we} are accepted only by us, {only_e2fsck} only by e2fsck"
            ));
        }
    }
}

/// One edit: half of them in metadata, half anywhere.
fn damage(bytes: &mut [u8], metadata: &[(usize, usize)], random: &mut Random) {
    let (start, len) = if random.next() & 1 == 0 { metadata[random.below(metadata.len())] } else { (0, bytes.len()) };
    let at = start + random.below(len);
    let width = [1, 1, 2, 4][random.below(4)].min(bytes.len() - at);
    let old = number(bytes, at, width);
    let value = match random.below(6) {
        0 => 0,
        1 => u64::MAX,
        2 => old ^ 1 << random.below(8 * width),
        3 => old.wrapping_add(1),
        4 => old.wrapping_sub(1),
        _ => random.next(),
    };
    put(bytes, at, width, value);
}

#[test]
fn field_sweep() {
    run_limited("field_sweep_in_child");
}

#[test]
#[ignore = "limits the memory of its process"]
fn field_sweep_in_child() {
    let images = images();
    hostile::limit_memory(MEMORY);
    for (name, image) in &images {
        let mut bench = Bench::new(name, image);
        let groups = image.groups * image.desc_size;
        let inodes = (1..=12).map(|inode| (image.inode_at(inode), 160.min(usize::from(image.superblock.inode_size))));
        let first_of =
            |kind| image.blocks.iter().find(|block| block.kind == kind).map(|block| (block.number as usize * image.block_size, 96));
        use support::ext4::Kind;
        let kinds = [Kind::Extents, Kind::Indirect, Kind::Names, Kind::IndexRoot, Kind::IndexNode, Kind::Attributes];
        let ranges = [(1024, 1024), (image.group_at(0), groups)].into_iter().chain(inodes).chain(kinds.into_iter().filter_map(first_of));
        for (start, len) in ranges {
            for (at, width) in (start..start + len).flat_map(|at| [1, 2, 4].map(|width| (at, width))).filter(|(at, width)| at % width == 0)
            {
                // A field of 4 bytes is not also swept as 4 fields of 1 byte, except for its first one.
                if width < 4 && at % 4 != 0 && !(width == 2 && at % 4 == 2) {
                    continue;
                }
                let values = values(&image.bytes, at, width);
                for (index, value) in values.into_iter().enumerate() {
                    bench.case(&format!("{at:#x} {width} {value:#x}"), true, |bytes| put(bytes, at, width, value));
                    // What a checksum covers is found by it whatever the value is; the long run tries them all.
                    if index == at / width % values.len() || env::var_os(MUTATIONS).is_some() {
                        bench.case(&format!("{at:#x} {width} {value:#x} stale"), false, |bytes| put(bytes, at, width, value));
                    }
                }
            }
        }
        bench.report("sweep");
    }
}
