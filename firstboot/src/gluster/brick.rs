//! What is in a brick's folder.

use std::io;

use crate::host::{Host, Kind};

/// The attribute that says of which volume a brick is: 16 bytes.
pub const STAMP: &str = "trusted.glusterfs.volume-id";
/// glusterfs' own folder in a brick.
const OWN: &str = ".glusterfs";

/// What is in a brick's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brick {
    /// The volume's UUID in its stamp; of an odd stamp its bytes in hexadecimal.
    pub stamp: Option<String>,
    /// Whether glusterfs' own folder is there.
    pub has_own_folder: bool,
    /// Whether anything else is, or glusterfs' folder knows of a file: it has served once.
    pub has_data: bool,
}

impl Brick {
    /// Looks at a brick's folder; one that is not there is empty.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn look(host: &dyn Host, path: &str) -> io::Result<Self> {
        let mut brick = Self { stamp: None, has_own_folder: false, has_data: false };
        match host.look(path)? {
            None => return Ok(brick),
            Some(Kind::Folder) => {}
            Some(_) => return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no folder")),
        }
        brick.stamp = host.attribute(path, STAMP)?.map(|bytes| to_uuid(&bytes));
        for name in host.list(path)? {
            if name == OWN {
                brick.has_own_folder = true;
                brick.has_data |= knows_files(host, &format!("{path}/{OWN}"))?;
            } else {
                brick.has_data = true;
            }
        }
        Ok(brick)
    }

    /// Whether it is as if it had never been used.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.stamp.is_none() && !self.has_own_folder && !self.has_data
    }

    /// Whether it has been marked as a volume's, but never served it.
    #[must_use]
    pub fn is_only_marked(&self) -> bool {
        !self.has_data && !self.is_unused()
    }
}

/// Undoes what an interrupted creation left. The stamp goes last: as long as it is there, this is not finished.
///
/// # Errors
/// When it cannot be undone.
pub fn unmark(host: &mut dyn Host, path: &str) -> io::Result<()> {
    host.remove(&format!("{path}/{OWN}"))?;
    host.remove_attribute(path, STAMP)
}

/// Stamps a brick.
///
/// # Errors
/// When it cannot be done, or `id` is no UUID.
pub fn stamp(host: &mut dyn Host, path: &str, id: &str) -> io::Result<()> {
    let bytes = from_uuid(id).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("`{id}` is no UUID")))?;
    host.set_attribute(path, STAMP, &bytes)
}

/// Whether there is a link for a file: `.glusterfs/ab/cd/abcd…`, where a and b are digits. A brick that has served has one for its root.
fn knows_files(host: &dyn Host, own: &str) -> io::Result<bool> {
    let is_hex = |name: &String| name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if host.look(own)? != Some(Kind::Folder) {
        return Ok(true);
    }
    for first in host.list(own)?.into_iter().filter(is_hex) {
        let first = format!("{own}/{first}");
        if host.look(&first)? != Some(Kind::Folder) {
            return Ok(true);
        }
        for second in host.list(&first)? {
            let second = format!("{first}/{second}");
            if host.look(&second)? != Some(Kind::Folder) || !host.list(&second)?.is_empty() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn to_uuid(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match bytes.len() {
        16 => [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"),
        _ => hex,
    }
}

fn from_uuid(text: &str) -> Option<Vec<u8>> {
    let hex = text.replace('-', "");
    let is_hex = hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    if is_hex { (0..32).step_by(2).map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Real;

    #[test]
    fn uuids_and_stamps_are_one() {
        let id = "5a559176-a888-4002-a602-ac11fe729c3b";
        assert_eq!(to_uuid(&from_uuid(id).unwrap()), id);
        assert_eq!(from_uuid("5a559176"), None);
        assert_eq!(from_uuid("5a559176-a888-4002-a602-ac11fe729c3x"), None);
        assert_eq!(to_uuid(&[1, 0xff]), "01ff");
    }

    #[test]
    fn a_brick_is_told_by_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("brick");
        let text = path.to_str().unwrap();
        let look = || Brick::look(&Real, text).unwrap();
        assert!(look().is_unused());
        std::fs::create_dir_all(path.join(".glusterfs/00/01")).unwrap();
        assert!(look().is_only_marked() && !look().is_unused());
        std::fs::create_dir_all(path.join(".glusterfs/indices/xattrop")).unwrap();
        assert!(look().is_only_marked());
        std::fs::write(path.join(".glusterfs/00/01/0001"), "").unwrap();
        assert!(look().has_data && !look().is_only_marked());
        std::fs::remove_dir_all(path.join(".glusterfs")).unwrap();
        std::fs::write(path.join("file"), "").unwrap();
        assert!(look().has_data && !look().is_unused());
        assert!(Brick::look(&Real, path.join("file").to_str().unwrap()).is_err());
    }
}
