//! Damaged packages, thousands of them: whatever is accepted is listed by dpkg-deb and GNU tar to the last detail as we list it, and so
//! what they refuse is refused. No case panics, takes a second, or much memory.
//!
//! `BERRY_MUTATIONS` sets the number of cases.

use std::{
    collections::BTreeMap,
    env, fs, panic, thread,
    time::{Duration, Instant},
};

use berry_image::{
    debian::deb::{Deb, DebError},
    error::{Classified as _, Kind},
};

use crate::{
    archive::{deb, entry, file, fix, folder, hard_link, long, symlink},
    oracle::Oracle,
    said,
    support::{
        hostile::{MUTATIONS, Random},
        program::{folder as place, shell},
    },
};

const CASES: u64 = 3000;
/// One of so many refused packages is shown to dpkg-deb, for the figures.
const ASKED: u64 = 8;
const TIME: Duration = Duration::from_secs(2);
/// Threads, each with an oracle of its own.
const THREADS: u64 = 2;

/// Sound packages: what dpkg-deb makes in every way, and one with everything.
fn seeds() -> Vec<Vec<u8>> {
    let folder_ = place();
    let script = "cd \"$1\"; mkdir -p p/DEBIAN p/usr/bin p/etc
        printf '%s\\n' 'Package: p' 'Version: 1' 'Architecture: all' 'Maintainer: x <x@x.x>' 'Description: x' > p/DEBIAN/control
        echo /etc/p > p/DEBIAN/conffiles; echo x > p/etc/p; seq 300 > p/usr/bin/p; ln p/usr/bin/p p/usr/bin/q; ln -s p p/usr/bin/r
        long=$(printf 'x%.0s' $(seq 120)); : > p/etc/$long; ln -s $long p/etc/l
        for kind in none gzip xz zstd; do dpkg-deb -Z$kind --root-owner-group -b p $kind.deb > log; done";
    shell(script, &[folder_.path().as_os_str()]);
    let mut seeds: Vec<Vec<u8>> =
        ["none", "gzip", "xz", "zstd"].iter().map(|kind| fs::read(folder_.path().join(format!("{kind}.deb"))).unwrap()).collect();
    let ustar = file("x", "12").put(257, b"ustar\x0000").put(345, b"./d");
    seeds.push(deb([
        folder("./d/").mode(0o2750),
        file("./d/a", "hello").put(108, b"0001750\0"),
        ustar,
        hard_link("./b", "./d/a"),
        symlink("./l", "../x y"),
        entry(b'6', "./p"),
        entry(b'3', "./null").put(329, b"0000001\0").put(337, b"0000003\0"),
        entry(b'4', "./disk").put(329, b"0000010\0").put(337, b"0000000\0"),
        long(b'L', b"./d/a-long-name-that-need-not-be-one\0"),
        file("./short", "x").put(136, b"14000000000\0"),
        long(b'K', b"a/long/target\0"),
        symlink("./m", "x"),
    ]));
    seeds
}

/// Offsets of the tar headers that stand in the open.
fn headers(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len().saturating_sub(512)).filter(|at| bytes[at + 257..].starts_with(b"ustar")).collect()
}

/// Fields of a header, the check sum left out.
const FIELDS: [(usize, usize); 14] = [
    (0, 100),
    (100, 8),
    (108, 8),
    (116, 8),
    (124, 12),
    (136, 12),
    (156, 1),
    (157, 100),
    (257, 8),
    (265, 32),
    (297, 32),
    (329, 8),
    (337, 8),
    (345, 155),
];

fn number(random: &mut Random, width: usize) -> Vec<u8> {
    let value = match random.below(4) {
        0 => random.below(4) as u64,
        1 => 1 << random.below(63),
        _ => random.next() >> random.below(64),
    };
    let mut field = match random.below(6) {
        0 => [&[0x80_u8][..], &vec![0; width.saturating_sub(9)], &value.to_be_bytes()[8 - (width - 1).min(8)..]].concat(),
        1 => [&vec![0xff; width.saturating_sub(8)][..], &(!value).to_be_bytes()[8 - width.min(8)..]].concat(),
        2 => format!("{value:>0$o} ", width - 1).into_bytes(),
        3 => format!("{value:o}").into_bytes(),
        4 => format!("{value:o} \0").into_bytes(),
        _ => format!("{value:00$o}\0", width - 1).into_bytes(),
    };
    field.resize(width, 0);
    field
}

/// Changes one field of a header.
fn change(header: &mut [u8], random: &mut Random) {
    let (at, len) = FIELDS[random.below(FIELDS.len())];
    let field = &mut header[at..at + len];
    match (len, random.below(6)) {
        (8 | 12, 0..=3) if at != 257 => field.copy_from_slice(&number(random, len)),
        (1, 0..=4) => field[0] = b"\x0001234567LKxgSMVDXAZs"[random.below(21)],
        (100 | 155, 0..=2) => {
            let texts: [&[u8]; 14] = [
                b"/",
                b"..",
                b"./",
                b".",
                b"./d",
                b"./d/",
                b"a//b",
                b"./d/../x",
                b"/etc/x",
                b"",
                b"./d/a",
                b"./l/x",
                b"x\ny",
                b"usr/bin/p",
            ];
            let text = texts[random.below(texts.len())];
            field.fill(0);
            field[..text.len()].copy_from_slice(text);
        }
        (_, 3) => field.fill([0, b' ', b'0', b'7', 0xff, b'x'][random.below(6)]),
        _ => {
            let at = random.below(len);
            field[at] = if random.below(2) == 0 { random.next() as u8 } else { b"\0 /.0179x"[random.below(9)] };
        }
    }
}

fn mutant(seeds: &[Vec<u8>], random: &mut Random) -> (&'static str, Vec<u8>) {
    // Those with headers in the open are met more often.
    let mut bytes = seeds[[0, 0, 0, 1, 2, 3, 4, 4, 4, 4][random.below(10)]].clone();
    let headers = headers(&bytes);
    let way = if headers.is_empty() { 6 + random.below(4) } else { random.below(10) };
    match way {
        0..=5 => {
            for _ in 0..=random.below(2) {
                let at = headers[random.below(headers.len())];
                change(&mut bytes[at..at + 512], random);
                if random.below(8) > 0 {
                    fix(&mut bytes[at..at + 512]);
                }
            }
            ("header", bytes)
        }
        6 | 7 => {
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = if random.below(2) == 0 { bytes[at] ^ 1 << random.below(8) } else { random.next() as u8 };
            }
            ("bytes", bytes)
        }
        8 => {
            let at = random.below(bytes.len());
            let keep = if random.below(2) == 0 { at / 512 * 512 } else { at };
            match random.below(3) {
                0 => bytes.truncate(keep),
                1 => drop(bytes.splice(keep..keep, vec![0; [1, 2, 60, 512][random.below(4)]])),
                _ => drop(bytes.splice(keep..(keep + [1, 2, 60, 512][random.below(4)]).min(bytes.len()), [])),
            }
            ("length", bytes)
        }
        _ => {
            // The outer headers: the first byte of each lies 60 before a content.
            let outer: Vec<usize> = (8..bytes.len() - 60).filter(|at| bytes[at + 58..].starts_with(b"`\n")).collect();
            let at = outer[random.below(outer.len())] + [0, 48, 16, 58][random.below(4)];
            let text = [&b"4"[..], b"data.tar", b"control.tar", b"_x", b"9999999999", b"-1", b" ", b"`\n", b"debian-binary", b"4 x"];
            let text = text[random.below(text.len())];
            let end = (at + text.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&text[..end - at]);
            ("outer", bytes)
        }
    }
}

#[derive(Default)]
struct Figures {
    /// By way of damage: accepted, refused.
    ways: BTreeMap<&'static str, [u64; 2]>,
    kinds: BTreeMap<String, u64>,
    /// Of the refused ones that were shown to dpkg-deb: those it takes.
    asked: u64,
    taken: u64,
    slowest: Duration,
}

impl Figures {
    fn add(&mut self, other: Self) {
        for (way, counts) in other.ways {
            let all = self.ways.entry(way).or_default();
            *all = [all[0] + counts[0], all[1] + counts[1]];
        }
        other.kinds.into_iter().for_each(|(kind, count)| *self.kinds.entry(kind).or_default() += count);
        self.asked += other.asked;
        self.taken += other.taken;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// The variant, and for those of a part the next one.
fn variant(error: &DebError) -> String {
    let text = format!("{error:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

fn judge(oracle: &Oracle, case: &str, bytes: &[u8], figures: &mut Figures, way: &'static str, ask: bool) {
    let start = Instant::now();
    let read: Result<Deb, DebError> =
        panic::catch_unwind(|| said::read(bytes)).unwrap_or_else(|_| panic!("{case} panicked; kept in {}", keep(bytes)));
    let took = start.elapsed();
    assert!(took < TIME, "{case} took {took:?}; kept in {}", keep(bytes));
    figures.slowest = figures.slowest.max(took);
    figures.ways.entry(way).or_default()[usize::from(read.is_err())] += 1;
    match read {
        Ok(deb) => {
            oracle.give(bytes);
            let lines: Vec<String> = deb.members.iter().map(said::line).collect();
            let theirs = oracle.contents();
            assert!(theirs.as_ref() == Some(&lines), "{case}: ours\n{lines:#?}\ntheirs\n{theirs:#?}\nkept in {}", keep(bytes));
            assert!(oracle.control(), "{case}: its control member is refused by dpkg-deb; kept in {}", keep(bytes));
        }
        Err(error) => {
            assert!(matches!(error.kind(), Kind::Corrupt | Kind::Unsupported), "{case}: {error}; kept in {}", keep(bytes));
            *figures.kinds.entry(variant(&error)).or_default() += 1;
            if ask {
                oracle.give(bytes);
                figures.asked += 1;
                figures.taken += u64::from(oracle.contents().is_some() && oracle.control());
            }
        }
    }
}

/// Where a package that went wrong can be looked at.
fn keep(bytes: &[u8]) -> String {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/wrong.deb");
    fs::write(path, bytes).unwrap();
    path.to_owned()
}

#[test]
fn what_is_accepted_is_what_dpkg_and_tar_see() {
    let cases: u64 = env::var(MUTATIONS).map_or(CASES, |count| count.parse().unwrap());
    let seeds = seeds();
    let start = Instant::now();
    let run = |thread: u64| {
        let (oracle, mut figures) = (Oracle::new(), Figures::default());
        for seed in &seeds {
            judge(&oracle, "a seed", seed, &mut figures, "none", false);
        }
        for index in (thread..cases).step_by(THREADS as usize) {
            let mut random = Random(index);
            let (way, bytes) = mutant(&seeds, &mut random);
            judge(&oracle, &format!("case {index} ({way})"), &bytes, &mut figures, way, (index / THREADS).is_multiple_of(ASKED));
        }
        figures
    };
    let mut figures = Figures::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn({
                    let run = &run;
                    move || run(thread)
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| figures.add(thread.join().unwrap()));
    });
    assert_eq!(figures.ways.remove("none"), Some([seeds.len() as u64 * THREADS, 0]));
    let [accepted, refused] = figures.ways.values().fold([0, 0], |all, counts| [all[0] + counts[0], all[1] + counts[1]]);
    assert_eq!(accepted + refused, cases);
    assert!(accepted * 10 > cases, "{accepted} of {cases} are accepted: too few say anything");
    eprintln!("{cases} packages in {:?}: {accepted} accepted, {refused} refused; slowest {:?}", start.elapsed(), figures.slowest);
    eprintln!("accepted and refused by damage: {:?}", figures.ways);
    eprintln!("refused as {:?}; dpkg-deb takes {} of {} of them", figures.kinds, figures.taken, figures.asked);
}
