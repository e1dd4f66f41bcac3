//! Versions of packages, deb-version(7): `[EPOCH:]UPSTREAM[-REVISION]`.

use std::{cmp::Ordering, fmt};

/// The version of a package. Two that compare as equal may be written differently (`1.0` and `0:1.0-0`).
#[derive(Clone, Copy)]
pub struct Version<'a> {
    text: &'a str,
    epoch: u32,
    upstream: &'a str,
    revision: &'a str,
}

/// Why some text is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no version of a package: {reason}")]
pub struct VersionError {
    text: String,
    reason: &'static str,
}

impl<'a> Version<'a> {
    /// Takes a version apart, by the rules of dpkg's `parseversion()`.
    ///
    /// # Errors
    /// When a part is empty, the epoch is no number up to 2³¹−1, or a character may not stand where it does.
    pub fn new(text: &'a str) -> Result<Self, VersionError> {
        let wrong = |reason| VersionError { text: text.to_owned(), reason };
        let text = text.trim_matches([' ', '\t', '\n']);
        let (epoch, rest) = match text.split_once(':') {
            None => (0, text),
            Some((epoch, _)) if epoch.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(wrong("the epoch in front of the colon is no number"));
            }
            Some((epoch, rest)) => (epoch.parse::<i32>().map_err(|_| wrong("the epoch is too large"))?.cast_unsigned(), rest),
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            Some((_, "")) => return Err(wrong("the revision is empty")),
            Some(parts) => parts,
            None => (rest, ""),
        };
        if upstream.is_empty() {
            return Err(wrong("nothing stands where the upstream version should"));
        }
        if !upstream.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(wrong("it does not begin with a digit"));
        }
        if !upstream.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+~:".contains(&byte)) {
            return Err(wrong("the upstream version has a character that is not allowed"));
        }
        if !revision.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+~".contains(&byte)) {
            return Err(wrong("the revision has a character that is not allowed"));
        }
        Ok(Self { text, epoch, upstream, revision })
    }

    /// The version as it was written.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let upstream = || compare(self.upstream.as_bytes(), other.upstream.as_bytes());
        let revision = || compare(self.revision.as_bytes(), other.revision.as_bytes());
        self.epoch.cmp(&other.epoch).then_with(upstream).then_with(revision)
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version<'_> {}

impl fmt::Debug for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.text)
    }
}

impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Compares upstream versions or revisions: in turns a part without digits, by [`order`], and a number.
fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (left, right) = (a.first().copied(), b.first().copied());
            let is_digit = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_digit());
            if is_digit(left) && is_digit(right) {
                break;
            }
            let by_character = order(left).cmp(&order(right));
            if by_character.is_ne() {
                return by_character;
            }
            (a, b) = (a.get(1..).unwrap_or_default(), b.get(1..).unwrap_or_default());
        }
        let (left, right);
        (left, a) = number(a);
        (right, b) = number(b);
        let by_number = left.len().cmp(&right.len()).then_with(|| left.cmp(right));
        if by_number.is_ne() {
            return by_number;
        }
    }
    Ordering::Equal
}

/// Where a character stands: a tilde before the end of the text, that before letters, those before all others. A digit ends the part.
fn order(character: Option<u8>) -> u16 {
    match character {
        Some(b'~') => 0,
        None | Some(b'0'..=b'9') => 1,
        Some(letter) if letter.is_ascii_alphabetic() => u16::from(letter),
        Some(other) => 256 + u16::from(other),
    }
}

/// The digits in front, without leading zeroes, and what follows them.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let (digits, rest) = text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let zeroes = digits.iter().take_while(|byte| **byte == b'0').count();
    (&digits[zeroes..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cmp(a: &str, b: &str) -> Ordering {
        Version::new(a).unwrap().cmp(&Version::new(b).unwrap())
    }

    #[test]
    fn versions_are_ordered_as_the_manual_says() {
        // Each is lower than the next.
        let ascending = [
            "1.0~~", "1.0~~a", "1.0~", "1.0-0~x", "1.0", "1.0-1", "1.0-1.1", "1.0a", "1.0aa", "1.0+b", "1.0.1", "1.2", "1.10", "9", "10",
            "0099.1", "1:0", "1:0-1", "2:~1",
        ];
        for pair in ascending.windows(2).filter(|pair| !pair[1].starts_with("2:~")) {
            assert_eq!(cmp(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(cmp(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        for (a, b) in [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.001", "1.1"), ("0", "000"), ("1.0-00", "1.0-0")] {
            assert_eq!(cmp(a, b), Ordering::Equal, "{a} {b}");
            assert_eq!(Version::new(a), Version::new(b));
        }
    }

    #[test]
    fn what_is_no_version_is_told() {
        for text in ["", " ", ":1", "a:1", "1:", "-1", "1-", "a1", "1:a", "1 2", "1-a:b", "1_2", "1-2_3", "2147483648:1", "+1:1", "1\u{e4}"]
        {
            assert!(Version::new(text).is_err(), "{text}");
        }
        for text in ["1:1:1", "1-1-1", "2147483647:0", " 1.0\n", "1.0-1~b+c.d"] {
            assert_eq!(Version::new(text).unwrap().as_str(), text.trim(), "{text}");
        }
        // Numbers have no limit.
        assert_eq!(cmp(&"9".repeat(400), &format!("1{}", "0".repeat(400))), Ordering::Less);
    }
}
