//! Cards of 4 to 64 GB as loop devices: brick and file system fill them, all data is kept, and the power may go at any point. Where the
//! brick is not what it must be, not a byte of the card changes. Needs root; others see nothing of it. Where even root lacks
//! CAP_SYS_RESOURCE, as in some containers, the kernel makes no ext4 larger: there resize2fs stands in for it, on the unmounted one.

#![allow(clippy::print_stderr, reason = "what is left out is said")]

mod card;

use std::{
    cell::Cell,
    fs, io, thread,
    time::{Duration, Instant},
};

use berry_firstboot::{
    config::NodeConfig,
    disk::{
        machine::{Linux, Machine, Partition},
        medium::Medium,
        table::Write,
    },
    host::Real,
    step::{Outcome, Step as _, StepError},
    steps::brick::Brick,
};
use card::{
    Dump,
    attached::{Attached, BRICK, Card, Failing, MIB, Shutdown, shut_down},
    said, text, verify,
};

/// Sectors of cards as they are sold.
const CARDS: [u64; 5] = [7_744_512, 15_523_840, 31_116_288, 62_333_952, 124_735_488];

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("not root: left out");
    }
    is_root
}

/// Whether the kernel would make a file system larger for this process (`CAP_SYS_RESOURCE` is number 24).
fn may_resize() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(effective.trim(), 16).unwrap() >> 24 & 1 != 0
}

/// This machine, whose power goes or whose program is killed after so many changes; in the middle of the one that follows.
struct Tested {
    linux: Linux,
    left: Cell<usize>,
}

impl Tested {
    fn after(changes: usize) -> Self {
        Self { linux: Linux::default(), left: Cell::new(changes) }
    }

    fn take(&self) -> io::Result<()> {
        self.left.set(self.left.get().checked_sub(1).ok_or_else(|| io::Error::other("the power is gone"))?);
        Ok(())
    }

    /// As if the kernel did it.
    fn stand_in(path: &str, blocks: u64) {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let line = table.lines().find(|line| line.split(' ').nth(4) == Some(path)).unwrap();
        let node = line.split(' ').rev().nth(1).unwrap().to_owned();
        said("umount", &[path], "");
        said("e2fsck", &["-fp", &node], "");
        said("resize2fs", &[&node, &blocks.to_string()], "");
        said("mount", &["-t", "ext4", "-o", "noatime", &node, path], "");
    }
}

impl Machine for Tested {
    fn partitions(&self, number: u32) -> io::Result<Vec<Partition>> {
        self.linux.partitions(number)
    }

    fn open(&self, partition: &Partition) -> io::Result<Box<dyn Medium + '_>> {
        self.linux.open(partition)
    }

    fn open_locked(&self, partition: &Partition) -> io::Result<Box<dyn Medium + '_>> {
        self.linux.open_locked(partition)
    }

    fn write(&self, disk: &mut dyn Medium, write: &Write) -> io::Result<()> {
        let Err(error) = self.take() else { return disk.write(write.first, &write.bytes) };
        let half = write.bytes.len() / 1024 * 512;
        disk.write(write.first, &write.bytes[..half])?;
        Err(error)
    }

    fn start_of(&self, partition: &Partition, length: usize) -> io::Result<Vec<u8>> {
        self.linux.start_of(partition, length)
    }

    fn device_below(&self, path: &str) -> io::Result<(u32, u32)> {
        self.linux.device_below(path)
    }

    fn resize_partition(&self, partition: &Partition, sectors: u64) -> io::Result<()> {
        self.take()?;
        self.linux.resize_partition(partition, sectors)
    }

    fn resize_file_system(&self, path: &str, blocks: u64) -> io::Result<()> {
        self.take()?;
        if may_resize() {
            return self.linux.resize_file_system(path, blocks);
        }
        Self::stand_in(path, blocks);
        Ok(())
    }
}

fn ensure(config: &NodeConfig) -> Result<Outcome, StepError> {
    Brick::new(Tested::after(usize::MAX)).ensure(config, &mut Real)
}

fn reason(config: &NodeConfig) -> String {
    match ensure(config) {
        Ok(Outcome::Blocked { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

/// Sectors of the partition and blocks of the file system on a card of so many sectors, reckoned anew.
fn expected(kind: &str, card: u64) -> (u64, u64) {
    let tail = if kind == "gpt" { MIB } else { 0 };
    let sectors = (card - tail - BRICK.0) / (4 * MIB) * (4 * MIB);
    let blocks = sectors / 8;
    // A last group of 4 MiB has no room for its own inodes.
    (sectors, if blocks % 32768 <= 1024 { blocks / 32768 * 32768 } else { blocks })
}

/// That the card is as it must be at the end.
fn check(card: &Card, before: &Dump, (sectors, blocks): (u64, u64)) {
    assert_eq!(Dump::of(&card.path), before.with(3, sectors));
    verify(&card.path);
    card.check(blocks);
}

#[test]
fn cards_of_each_size_are_filled() {
    if !is_root() {
        return;
    }
    for kind in ["dos", "gpt"] {
        for sectors in CARDS {
            let card = Card::flashed(kind, sectors);
            let (before, others) = (Dump::of(&card.path), card.before_the_brick());
            let wanted = expected(kind, sectors);
            {
                let attached = card.attach();
                assert!(matches!(ensure(&card.config).unwrap(), Outcome::Waiting { .. }), "it is not mounted");
                assert_eq!(Dump::of(&card.path), before);
                let mounted = attached.mount();
                assert_eq!(ensure(&card.config).unwrap(), Outcome::CHANGED, "{kind} {sectors}");
                assert_eq!(attached.sectors(), wanted.0);
                said("sync", &["-f", text(mounted.path())], "");
                let all = card.hash(0, 4 * MIB);
                assert_eq!(ensure(&card.config).unwrap(), Outcome::KEPT);
                assert_eq!(card.hash(0, 4 * MIB), all);
            }
            assert_eq!(card.before_the_brick(), others);
            check(&card, &before, wanted);
            // The next time that it is switched on.
            let attached = card.attach();
            let _mounted = attached.mount();
            assert_eq!(ensure(&card.config).unwrap(), Outcome::KEPT);
        }
    }
}

#[test]
fn the_power_may_go_between_any_two_changes() {
    if !is_root() {
        return;
    }
    for (kind, least) in [("dos", 3), ("gpt", 9)] {
        let flashed = Card::flashed(kind, CARDS[1]);
        let before = Dump::of(&flashed.path);
        let wanted = expected(kind, CARDS[1]);
        let mut changes = 0;
        loop {
            let card = flashed.again();
            let others = card.before_the_brick();
            let attached = card.attach();
            let mounted = attached.mount();
            let outcome = Brick::new(Tested::after(changes)).ensure(&card.config, &mut Real);
            let is_over = outcome.is_ok();
            // Half of the times only the program is killed, and started again.
            if changes % 2 == 0 {
                shut_down(&mounted.open(), Shutdown::Lose);
            }
            let restart = |attached: &Attached<'_>| {
                let outcome = ensure(&card.config).unwrap();
                assert!(matches!(outcome, Outcome::Done { .. }), "{kind} {changes}: {outcome:?}");
                assert_eq!(attached.sectors(), wanted.0, "{kind} {changes}");
            };
            if changes % 2 == 0 {
                drop((mounted, attached));
                let there = Dump::of(&card.path);
                assert!(there == before || there == before.with(3, wanted.0), "{kind} {changes}: {there:?}");
                let attached = card.attach();
                let _mounted = attached.mount();
                restart(&attached);
            } else {
                restart(&attached);
                drop((mounted, attached));
            }
            assert_eq!(card.before_the_brick(), others);
            check(&card, &before, wanted);
            if is_over {
                break;
            }
            changes += 1;
        }
        assert!(changes >= least, "{kind}: {changes}");
    }
}

#[test]
fn the_power_may_go_while_the_file_system_grows() {
    if !is_root() || !may_resize() {
        eprintln!("without CAP_SYS_RESOURCE: left out");
        return;
    }
    let flashed = Card::flashed("dos", CARDS[4]);
    let before = Dump::of(&flashed.path);
    let wanted = expected("dos", CARDS[4]);
    let mut time = Duration::ZERO;
    let mut partly = 0;
    for part in 0..8 {
        let mut below = Failing::new();
        let card = flashed.again_on(&below);
        {
            let attached = card.attach();
            let _mounted = attached.mount();
            // The kernel itself goes on for a while, so it is the card that takes no more.
            let file = below.open();
            let began = Instant::now();
            thread::scope(|scope| {
                if part > 0 {
                    scope.spawn(|| {
                        thread::sleep(time * part / 8);
                        shut_down(&file, Shutdown::Flush);
                    });
                }
                let outcome = ensure(&card.config);
                assert!(part > 0 || outcome.is_ok(), "{outcome:?}");
            });
            time = time.max(if part == 0 { began.elapsed() } else { Duration::ZERO });
        }
        if part > 0 {
            below.restart();
            let attached = card.attach();
            let _mounted = attached.mount();
            let outcome = ensure(&card.config).unwrap();
            assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
            partly += usize::from(outcome == Outcome::CHANGED);
        }
        check(&card, &before, wanted);
    }
    assert!(partly > 0, "the power never went in time, within {time:?}");
}

#[test]
fn what_is_not_the_brick_is_not_touched() {
    if !is_root() {
        return;
    }
    let start = BRICK.0 * 512;
    let ext4 = |at: u64| start + 1024 + at;
    // What is written where, and what is said of it.
    let damage: [(&str, u64, Vec<u8>); 8] = [
        ("cannot be used: it holds no ext4 but nothing that is known", start, (0..=255).cycle().take(1 << 20).collect()),
        ("cannot be used: it holds no ext4 but nothing but zeroes", start, vec![0; 1 << 20]),
        ("an XFS file system", start, [b"XFSB".to_vec(), vec![0; 4096]].concat()),
        ("an encrypted partition (LUKS)", start, [b"LUKS\xba\xbe\0\x02".to_vec(), vec![0; 4096]].concat()),
        ("it holds no ext4 but", ext4(0), vec![0; 1024]),
        ("the superblock of its ext4 is damaged", ext4(0x18), vec![0xff; 4]),
        ("the superblock of the brick's ext4 on", ext4(0x78), b"label".to_vec()),
        ("holds an ext4 with the UUID 01010101-", ext4(0x68), vec![1; 16]),
    ];
    for kind in ["dos", "gpt"] {
        let flashed = Card::flashed(kind, CARDS[0]);
        for (words, at, bytes) in &damage {
            let card = flashed.again();
            card.overwrite(*at, bytes);
            let before = card.hash(0, CARDS[0]);
            {
                let _attached = card.attach();
                let said = reason(&card.config);
                assert!(said.contains(words) && said.contains("Nothing was written"), "{said}");
                assert!(said.contains("flash") || said.contains("copy the card first"), "{said}");
            }
            assert_eq!(card.hash(0, CARDS[0]), before, "{words}");
        }
    }
}

#[test]
fn a_cap_and_other_partitions_stop_it() {
    if !is_root() {
        return;
    }
    for kind in ["dos", "gpt"] {
        let mut card = Card::flashed(kind, CARDS[2]);
        let before = Dump::of(&card.path);
        card.config.brick.cap = Some((2 << 30) + 4095);
        {
            let attached = card.attach();
            let _mounted = attached.mount();
            assert_eq!(ensure(&card.config).unwrap(), Outcome::CHANGED);
            assert_eq!(ensure(&card.config).unwrap(), Outcome::KEPT);
            // What it has it keeps.
            let mut config = card.config.clone();
            config.brick.cap = Some(1 << 30);
            assert_eq!(ensure(&config).unwrap(), Outcome::KEPT);
        }
        check(&card, &before, (2048 * MIB, 2 << 18));

        // A partition behind it, which a person made meanwhile.
        let follower = format!("4: start={}, size={}\n", 6000 * MIB, 16 * MIB);
        said("sfdisk", &["--quiet", "--no-reread", "--append", text(&card.path)], &follower);
        card.config.brick.cap = None;
        let before = (Dump::of(&card.path), card.hash(0, 4 * MIB));
        {
            let attached = card.attach();
            let _mounted = attached.mount();
            let said = reason(&card.config);
            assert!(said.contains("partition 4 stands behind it") && said.contains("sfdisk --list"), "{said}");
        }
        assert_eq!((Dump::of(&card.path), card.hash(0, 4 * MIB)), before);
        card.check(2 << 18);
    }
}

#[test]
fn a_wrong_mount_or_two_cards_stop_it() {
    if !is_root() {
        return;
    }
    let card = Card::flashed("dos", CARDS[0]);
    let before = card.hash(0, CARDS[0]);
    {
        let _attached = card.attach();
        let mount = card.config.brick.mount.clone();
        said("mount", &["-t", "tmpfs", "none", &mount], "");
        let outcome = ensure(&card.config);
        said("umount", &[&mount], "");
        assert!(matches!(&outcome, Ok(Outcome::Blocked { reason }) if reason.contains("tmpfs")), "{outcome:?}");

        let twin = card.again();
        let _twin = twin.attach();
        assert!(reason(&card.config).contains("two cards of one image"));
    }
    assert_eq!(card.hash(0, CARDS[0]), before);
    // Mounted read-only, and with errors that the kernel found.
    {
        let attached = card.attach();
        let _mounted = attached.mount();
        said("mount", &["-o", "remount,ro", &card.config.brick.mount], "");
        if may_resize() {
            assert!(reason(&card.config).contains("is mounted read-only"));
        }
    }
    said("debugfs", &["-w", "-R", "ssv state 2", &format!("{}?offset={}", text(&card.path), BRICK.0 * 512)], "");
    {
        let attached = card.attach();
        let _mounted = attached.mount();
        assert!(reason(&card.config).contains("has errors and does not grow"));
    }
    assert!(fs::read_dir(&card.config.brick.mount).unwrap().next().is_none());
}
