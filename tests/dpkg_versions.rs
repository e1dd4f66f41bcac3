//! Versions are ordered as dpkg orders them: thousands of pairs, each judged by `dpkg --compare-versions`.

mod support;

use std::{cmp::Ordering, fs};

use berry_image::debian::Version;
use support::{
    hostile::Random,
    program::{folder, shell},
};

/// Random pairs in a run; `BERRY_MUTATIONS` sets another number.
const PAIRS: u64 = 20_000;

/// Pairs that implementations get wrong: tildes, letters before other characters, zeroes, missing revisions, epochs, hyphens and colons
/// inside, numbers that fit no machine word.
const TRICKY: [(&str, &str); 34] = [
    ("1.0", "0:1.0"),
    ("1.0", "1.0-0"),
    ("1.0-0", "1.0-00"),
    ("1.0", "1.0-0~"),
    ("1.0~", "1.0"),
    ("1.0~~", "1.0~"),
    ("1.0~~a", "1.0~~"),
    ("1.0~rc1", "1.0~rc1~"),
    ("1.0a", "1.0+"),
    ("1.0a", "1.0."),
    ("1.0a", "1.0-1"),
    ("1.0Z", "1.0a"),
    ("1.0+b1", "1.0+b10"),
    ("1.0+", "1.0~"),
    ("1.2.3", "1.2-3"),
    ("1-1-1", "1-1-2"),
    ("1-1.1", "1.1-1"),
    ("1:1:1", "1:1.1"),
    ("2:0", "1:99"),
    ("0001", "1"),
    ("1.001", "1.1"),
    ("0", "0~"),
    ("0", "00"),
    ("1.", "1"),
    ("1.0.", "1.0.0"),
    ("1.0-1+deb12u1", "1.0-1+deb12u1~"),
    ("1.0-1+deb12u1", "1.0-1+deb12u10"),
    ("1.0-1~bpo12+1", "1.0-1"),
    ("2.36-9+deb12u7+rpt1", "2.36-9+deb12u7"),
    ("1:9.2p1-2+deb12u3", "9.3"),
    ("99999999999999999999999", "100000000000000000000000"),
    ("18446744073709551616", "0"),
    ("1.0-18446744073709551616", "1.0-1"),
    ("7.6p2-4", "7.6-0"),
];

fn random_version(random: &mut Random) -> String {
    let mut part = |characters: &[u8], most: usize| -> String {
        (0..1 + random.below(most)).map(|_| char::from(characters[random.below(characters.len())])).collect()
    };
    // Few characters, so that beginnings are often the same.
    let mut version = part(b"0019", 1) + &part(b"0019aZ.+~-", 5);
    if version.ends_with('-') {
        version.push('0');
    }
    match random.below(4) {
        0 => version += &format!("-{}", ["0", "1", "00", "~", "1~", "1a", "1+", "1."][random.below(8)]),
        1 => version.insert_str(0, ["0:", "1:", "00:"][random.below(3)]),
        _ => {}
    }
    version
}

#[test]
fn versions_are_ordered_as_by_dpkg() {
    let count = std::env::var(support::hostile::MUTATIONS).map_or(PAIRS, |count| count.parse().unwrap());
    let mut random = Random(7);
    let mut pairs: Vec<(String, String)> = TRICKY.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    pairs.extend((0..count).map(|_| {
        let one = random_version(&mut random);
        let other = if random.below(3) == 0 { changed(&one, &mut random) } else { random_version(&mut random) };
        (one, other)
    }));
    let mut seen = [0, 0, 0];
    let lines = pairs.iter().map(|(a, b)| {
        let version = |text| Version::new(text).unwrap_or_else(|error| panic!("{error}"));
        let order = version(a).cmp(&version(b));
        assert_eq!(version(b).cmp(&version(a)), order.reverse(), "{a} {b}");
        seen[(order as i8 + 1) as usize] += 1;
        format!(
            "{a} {} {b}\n",
            match order {
                Ordering::Less => "lt",
                Ordering::Equal => "eq",
                Ordering::Greater => "gt",
            }
        )
    });
    let folder = folder();
    let list = folder.path().join("pairs");
    fs::write(&list, lines.collect::<String>()).unwrap();
    assert!(seen.iter().all(|seen| *seen > 100), "{seen:?}");
    let script = "judge() { while read -r a order b; do dpkg --compare-versions \"$a\" \"$order\" \"$b\" || echo \"$a $order $b\"; done; }
        judge < <(sed -n 'p;n' \"$1\") 2>&1 & judge < <(sed -n 'n;p' \"$1\") 2>&1; wait";
    assert_eq!(shell(script, &[list.as_os_str()]), "", "dpkg says otherwise of these");
}

/// The version with one character more, less, or other.
fn changed(version: &str, random: &mut Random) -> String {
    let mut changed: Vec<char> = version.chars().collect();
    let at = 1 + random.below(changed.len());
    match random.below(3) {
        0 if at < changed.len() => drop(changed.remove(at)),
        1 if at < changed.len() => changed[at] = '0',
        _ => changed.insert(at, ['0', '~', 'a', '.'][random.below(4)]),
    }
    let changed: String = changed.into_iter().collect();
    if Version::new(&changed).is_ok() { changed } else { version.to_owned() }
}
