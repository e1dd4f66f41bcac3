//! Extended header records: `LENGTH KEY=VALUE\n`, values may be binary.

use std::collections::BTreeMap;

use super::TarError;
use crate::tree::{Time, Xattrs};

const ATTRIBUTE: &[u8] = b"SCHILY.xattr.";

/// The records that apply to the next member.
#[derive(Debug, Default)]
pub(super) struct Records {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    offset: u64,
}

impl Records {
    /// Reads the records of the header at `offset`.
    pub(super) fn parse(mut bytes: &[u8], offset: u64) -> Result<Self, TarError> {
        let mut records = BTreeMap::new();
        while !bytes.is_empty() {
            let (key, value, rest) =
                record(bytes).ok_or_else(|| TarError::Header { offset, reason: "a pax record is not sound".to_owned() })?;
            records.insert(key.to_vec(), value.to_vec());
            bytes = rest;
        }
        Ok(Self { records, offset })
    }

    /// For records that apply to the whole archive: only a comment is harmless.
    pub(super) fn expect_comment_only(&self, offset: u64) -> Result<(), TarError> {
        match self.records.keys().find(|key| *key != b"comment") {
            Some(key) => Err(TarError::Header { offset, reason: format!("a global `{}` is not supported", key.escape_ascii()) }),
            None => Ok(()),
        }
    }

    pub(super) fn path(&self) -> Option<&[u8]> {
        self.get("path")
    }

    pub(super) fn target(&self) -> Option<&[u8]> {
        self.get("linkpath")
    }

    pub(super) fn size(&self) -> Result<Option<u64>, TarError> {
        self.number("size")
    }

    pub(super) fn uid(&self) -> Result<Option<u64>, TarError> {
        self.number("uid")
    }

    pub(super) fn gid(&self) -> Result<Option<u64>, TarError> {
        self.number("gid")
    }

    /// Time of modification: decimal seconds, perhaps with a fraction and a sign.
    pub(super) fn time(&self) -> Result<Option<Time>, TarError> {
        let Some(value) = self.get("mtime") else { return Ok(None) };
        let text = std::str::from_utf8(value).unwrap_or_default();
        time(text).map(Some).ok_or_else(|| self.bad("mtime"))
    }

    /// Extended attributes by full name. Everything else that is not known here would change what the member is, and is refused.
    pub(super) fn attributes(&self) -> Result<Xattrs, TarError> {
        let mut attributes = Xattrs::new();
        for (key, value) in &self.records {
            match (key.strip_prefix(ATTRIBUTE), key.as_slice()) {
                (Some(name), _) if !name.is_empty() => drop(attributes.insert(name.to_vec(), value.clone())),
                (
                    _,
                    b"path" | b"linkpath" | b"size" | b"uid" | b"gid" | b"uname" | b"gname" | b"mtime" | b"atime" | b"ctime" | b"comment",
                ) => {}
                _ => return Err(self.bad(&key.escape_ascii().to_string())),
            }
        }
        Ok(attributes)
    }

    fn get(&self, key: &str) -> Option<&[u8]> {
        self.records.get(key.as_bytes()).map(Vec::as_slice)
    }

    fn number(&self, key: &str) -> Result<Option<u64>, TarError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        number.map(Some).ok_or_else(|| self.bad(key))
    }

    fn bad(&self, key: &str) -> TarError {
        TarError::Header { offset: self.offset, reason: format!("the pax record `{key}` is not supported or not sound") }
    }
}

/// Key, value and what follows the first record.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(len)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], rest))
}

fn time(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = whole.parse().ok()?;
    if !digits(fraction) || !digits(whole.strip_prefix('-').unwrap_or(whole)) {
        return None;
    }
    let nanoseconds: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    // The fraction of a negative time counts towards its end: -1.25 is 0.75 s after -2.
    match (whole.starts_with('-'), nanoseconds) {
        (true, 1..) => Some(Time { seconds: seconds.checked_sub(1)?, nanoseconds: 1_000_000_000 - nanoseconds }),
        _ => Some(Time { seconds, nanoseconds }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_line_ends() {
        let bytes = b"30 SCHILY.xattr.user.x=a\nb\0cd\n16 path=./a b c\n";
        let records = Records::parse(bytes, 0).unwrap();
        assert_eq!(records.attributes().unwrap(), Xattrs::from([(b"user.x".to_vec(), b"a\nb\0cd".to_vec())]));
        assert_eq!(records.path(), Some(&b"./a b c"[..]));
    }

    #[test]
    fn records_that_are_not_sound_are_refused() {
        for bytes in [&b"99 path=a\n"[..], b"8 path=a\n", b"path=a\n", b"0 \n", b"10 path=ab", b"5 ab\n", b"999999999999999999999999 a=b\n"]
        {
            assert!(Records::parse(bytes, 7).is_err(), "{}", bytes.escape_ascii());
        }
        let odd = Records::parse(b"25 GNU.sparse.name=abcde\n", 7).unwrap();
        assert!(odd.attributes().is_err());
        assert!(odd.expect_comment_only(7).is_err());
        assert!(Records::parse(b"9 size=x\n", 7).unwrap().size().is_err());
    }

    #[test]
    fn times_have_nanoseconds_and_signs() {
        assert_eq!(time("12.5"), Some(Time { seconds: 12, nanoseconds: 500_000_000 }));
        assert_eq!(time("12.1234567891"), Some(Time { seconds: 12, nanoseconds: 123_456_789 }));
        assert_eq!(time("-1.25"), Some(Time { seconds: -2, nanoseconds: 750_000_000 }));
        assert_eq!(time("-3"), Some(Time::from_seconds(-3)));
        assert_eq!((time("1e3"), time("+1"), time(""), time("1.x")), (None, None, None, None));
    }
}
