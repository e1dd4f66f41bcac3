//! For programs.

use std::{io::Write, path::Path};

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Listing, put};
use crate::{
    cli::failure::Failure,
    error::Kind as ErrorKind,
    hex,
    image::{is_unsafe, printable},
    tree::{InodeId, Kind},
};

/// One name. Texts are exact where they are UTF-8; others are escaped and their bytes are given in hexadecimal, too.
#[derive(Serialize)]
struct Entry<'a> {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    r#type: &'static str,
    /// Permissions, octal, four digits.
    mode: String,
    links: u64,
    uid: u32,
    gid: u32,
    owner: Option<&'a str>,
    group: Option<&'a str>,
    /// In bytes; of files and links only.
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<[u32; 2]>,
    /// Last change, RFC 3339, UTC.
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_hex: Option<String>,
}

impl Listing<'_> {
    /// An object whose list of entries is written as it is made: an image may have millions.
    pub(super) fn write_json(&self, image: &Path, output: &mut dyn Write) -> Result<(), Failure> {
        let path = if self.path.is_empty() { b"/" } else { self.path };
        let head = format!("{{\"image\": {}, \"path\": {}, \"entries\": [", json(&image.to_string_lossy())?, json(&text(path).0)?);
        put(output, &head)?;
        let mut separator = "\n";
        let mut write = |path: &[u8], id: InodeId| {
            let line = format!("{separator}{}", json(&self.entry(path, id))?);
            separator = ",\n";
            put(output, &line)
        };
        let result = if self.is_folder() {
            self.each_folder(&mut |path, id| {
                let mut children = self.image.tree().inode(id).children().into_iter().flatten();
                children.try_for_each(|(name, id)| write(&[path, b"/", name.as_bytes()].concat(), *id))
            })
        } else {
            write(self.path, self.id)
        };
        put(output, "\n]}\n")?;
        result
    }

    fn entry(&self, path: &[u8], id: InodeId) -> Entry<'_> {
        let inode = self.image.tree().inode(id);
        let (path, path_hex) = text(path);
        let (target, target_hex) = match &inode.kind {
            Kind::Symlink(target) => {
                let (target, hex) = text(target);
                (Some(target), hex)
            }
            _ => (None, None),
        };
        let device = match inode.kind {
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => Some([major, minor]),
            _ => None,
        };
        let has_size = matches!(inode.kind, Kind::File(_) | Kind::Symlink(_));
        let time = OffsetDateTime::from_unix_timestamp(inode.meta.mtime.seconds);
        let time = time.and_then(|time| time.replace_nanosecond(inode.meta.mtime.nanoseconds));
        Entry {
            path,
            path_hex,
            r#type: self.image.what(id),
            mode: format!("{:04o}", inode.meta.permissions),
            links: self.image.links(id),
            uid: inode.meta.uid,
            gid: inode.meta.gid,
            owner: self.accounts.user(inode.meta.uid),
            group: self.accounts.group(inode.meta.gid),
            size: has_size.then(|| inode.size()),
            device,
            modified: time.ok().and_then(|time| time.format(&Rfc3339).ok()),
            target,
            target_hex,
        }
    }
}

/// The bytes as text and, where that says not exactly which they are, in hexadecimal.
fn text(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (printable(bytes), Some(hex::encode(bytes))),
    }
}

/// JSON in one line. What JSON allows in a string but a terminal would obey is escaped as well; outside of strings there is none.
fn json(value: &impl Serialize) -> Result<String, Failure> {
    let plain = serde_json::to_string(value).map_err(|error| Failure::new(ErrorKind::Io, format!("making JSON failed: {error}")))?;
    if !plain.chars().any(is_unsafe) {
        return Ok(plain);
    }
    let mut safe = String::with_capacity(plain.len());
    for character in plain.chars() {
        if is_unsafe(character) {
            character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| safe.push_str(&format!("\\u{unit:04x}")));
        } else {
            safe.push(character);
        }
    }
    Ok(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_comes_back() {
        for name in ["plain", "\u{1b}[31m", "c1\u{9b}x", "\u{202e}gpj", "\u{e0041}", "quote\"\\"] {
            let text = json(&name).unwrap();
            assert!(!text.chars().any(is_unsafe), "{text:?}");
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), name);
        }
    }

    #[test]
    fn bytes_that_are_no_text_come_in_hexadecimal() {
        assert_eq!(text(b"/\xff\x00"), ("/\\377\\000".to_owned(), Some("2fff00".to_owned())));
        assert_eq!(text("/é".as_bytes()), ("/é".to_owned(), None));
    }
}
