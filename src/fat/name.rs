//! Names: eight and three bytes in capitals, and long ones in UTF-16 beside them.

use std::collections::BTreeSet;

use super::FatError;

/// Longest name, in UTF-16 units.
const LONGEST: usize = 255;

/// A short name as a directory slot holds it: base and extension, padded by spaces.
pub(super) type Short = [u8; 11];

/// How two names are compared: without regard to case.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Whether FAT can hold `name`.
pub(super) fn check(name: &str) -> Result<(), FatError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.encode_utf16().count() > LONGEST {
        "it is longer than 255 UTF-16 units"
    } else if name.chars().any(|c| c.is_control() || "\"*/:<>?\\|".contains(c)) {
        "it has a character that FAT does not allow"
    } else if name.ends_with(['.', ' ']) || name.starts_with(' ') {
        "it begins with a space or ends with a space or a full stop"
    } else {
        return Ok(());
    };
    Err(FatError::Name { name: name.to_owned(), reason })
}

/// Makes a short name for `name`, unlike all those in `taken`.
pub(super) fn shorten(name: &str, taken: &BTreeSet<Short>) -> Result<Short, FatError> {
    let trimmed = name.trim_start_matches('.');
    let (stem, extension) = match trimmed.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension),
        _ => (trimmed, ""),
    };
    let mut lossy = trimmed.len() != name.len();
    let mut part = |text: &str, longest: usize| {
        let mut bytes = Vec::new();
        for c in text.chars() {
            match c.to_ascii_uppercase() {
                ' ' | '.' => lossy = true,
                c @ ('A'..='Z' | '0'..='9') => bytes.push(c as u8),
                c if "$%'-_@~`!(){}^#&".contains(c) => bytes.push(c as u8),
                _ => {
                    lossy = true;
                    bytes.push(b'_');
                }
            }
        }
        lossy |= bytes.len() > longest;
        bytes.truncate(longest);
        bytes
    };
    let (stem, extension) = (part(stem, 8), part(extension, 3));
    let padded = |stem: &[u8], tail: &str| {
        let mut short = [b' '; 11];
        let kept = stem.len().min(8 - tail.len());
        short[..kept].copy_from_slice(&stem[..kept]);
        short[kept..kept + tail.len()].copy_from_slice(tail.as_bytes());
        short[8..8 + extension.len()].copy_from_slice(&extension);
        short
    };
    let plain = padded(&stem, "");
    if !lossy && !stem.is_empty() && !taken.contains(&plain) {
        return Ok(plain);
    }
    (1..1_000_000)
        .map(|n| padded(&stem, &format!("~{n}")))
        .find(|short| !taken.contains(short))
        .ok_or_else(|| FatError::Name { name: name.to_owned(), reason: "no short name is left for it" })
}

/// A short name as text; `case` is byte 12 of its slot, where Windows NT notes that a part is in small letters.
pub(super) fn display(short: &Short, case: u8) -> String {
    let part = |bytes: &[u8], small: bool| {
        let text: String = bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { char::REPLACEMENT_CHARACTER }).collect();
        let text = text.trim_end_matches(' ').to_owned();
        if small { text.to_ascii_lowercase() } else { text }
    };
    let mut stem = [0; 8];
    stem.copy_from_slice(&short[..8]);
    if stem[0] == 0x05 {
        stem[0] = 0xe5; // 0xe5 itself marks a free slot
    }
    let (stem, extension) = (part(&stem, case & 0x08 != 0), part(&short[8..], case & 0x10 != 0));
    if extension.is_empty() { stem } else { format!("{stem}.{extension}") }
}

/// The byte by which long slots know their short name.
pub(super) fn checksum(short: &Short) -> u8 {
    short.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// Offsets in a long slot of its 13 UTF-16 units.
pub(super) const UNITS: [usize; 13] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/// The long slots in front of a short one, in the order in which they stand. None where the short name says it all.
pub(super) fn long_slots(name: &str, short: &Short) -> Vec<[u8; 32]> {
    if display(short, 0) == name {
        return Vec::new();
    }
    let units: Vec<u16> = name.encode_utf16().collect();
    let count = units.len().div_ceil(UNITS.len());
    let slot = |index: usize| {
        let mut slot = [0; 32];
        slot[0] = (index + 1) as u8 | if index + 1 == count { 0x40 } else { 0 };
        slot[11] = 0x0f;
        slot[13] = checksum(short);
        for (at, position) in UNITS.into_iter().zip(index * UNITS.len()..) {
            let unit = match position.cmp(&units.len()) {
                std::cmp::Ordering::Less => units[position],
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => 0xffff,
            };
            slot[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        slot
    };
    (0..count).rev().map(slot).collect()
}

/// Date and time as FAT notes them: UTC, in steps of two seconds, from 1980 to 2107; what lies outside becomes the nearest.
pub(super) fn stamp(time: i64) -> (u16, u16) {
    const FIRST: i64 = 315_532_800; // 1980-01-01T00:00:00Z
    const LAST: i64 = 4_354_819_198; // 2107-12-31T23:59:58Z
    // Inside that range every number of seconds is a date.
    let Ok(at) = time::OffsetDateTime::from_unix_timestamp(time.clamp(FIRST, LAST)) else { return (0x21, 0) };
    let date = (at.year() - 1980) as u16 * 512 + u16::from(u8::from(at.month())) * 32 + u16::from(at.day());
    let clock = u16::from(at.hour()) * 2048 + u16::from(at.minute()) * 32 + u16::from(at.second()) / 2;
    (date, clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(text: &[u8; 11]) -> Short {
        *text
    }

    #[test]
    fn short_names() {
        let none = BTreeSet::new();
        for (name, expected) in [
            ("cmdline.txt", b"CMDLINE TXT"),
            ("CONFIG.TXT", b"CONFIG  TXT"),
            ("ssh", b"SSH        "),
            ("bcm2710-rpi-3-b-plus.dtb", b"BCM271~1DTB"),
            ("a.b.c", b"AB~1    C  "),
            (".hidden", b"HIDDEN~1   "),
            ("naïve file.conf", b"NA_VEF~1CON"),
            ("ü", b"_~1        "),
            ("日本", b"__~1       "),
        ] {
            assert_eq!(shorten(name, &none).unwrap(), short(expected), "{name}");
        }
        let mut taken = BTreeSet::new();
        for n in 1..200 {
            let made = shorten("initramfs_2712", &taken).unwrap();
            assert_eq!(
                display(&made, 0),
                if n < 10 {
                    format!("INITRA~{n}")
                } else if n < 100 {
                    format!("INITR~{n}")
                } else {
                    format!("INIT~{n}")
                }
            );
            assert!(taken.insert(made));
        }
    }

    #[test]
    fn a_long_name_is_kept_where_the_short_one_does_not_say_it() {
        assert_eq!(long_slots("CONFIG.TXT", b"CONFIG  TXT").len(), 0);
        assert_eq!(long_slots("config.txt", b"CONFIG  TXT").len(), 1);
        assert_eq!(long_slots("exactly13char", b"EXACTL~1   ").len(), 1);
        assert_eq!(long_slots("fourteen chars", b"FOURTE~1   ").len(), 2);
        assert_eq!(checksum(b"CONFIG  TXT"), long_slots("config.txt", b"CONFIG  TXT")[0][13]);
    }

    #[test]
    fn names_fat_cannot_hold() {
        for name in ["", ".", "..", "a/b", "a:b", "dot.", "space ", " space", "new\nline", &"x".repeat(256)] {
            assert!(matches!(check(name), Err(FatError::Name { .. })), "{name:?}");
        }
        for name in ["a", ".a", "a b", "ü", "日本", &"x".repeat(255)] {
            check(name).unwrap();
        }
    }

    #[test]
    fn times() {
        assert_eq!(stamp(0), (0x21, 0), "1980-01-01");
        assert_eq!(stamp(1_700_000_000), ((2023 - 1980) << 9 | 11 << 5 | 14, 22 << 11 | 13 << 5 | 10));
        assert_eq!(stamp(i64::MAX), (127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29));
        assert_eq!(stamp(i64::MIN), (0x21, 0));
    }
}
