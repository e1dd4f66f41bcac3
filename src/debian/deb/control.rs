//! The control member: a few plain files.

use super::{ControlFault, DebError, Part, limits, path};
use crate::{
    disk::{Storage as _, Window},
    tar::{self, Dialect, Reader},
};

/// A file of the control member: `control`, `conffiles`, `postinst`, ...
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlFile {
    /// Its name, of printable ASCII.
    pub name: String,
    /// Permission bits: 12 bits.
    pub permissions: u16,
    /// Last modification, in seconds since 1970, perhaps before.
    pub mtime: i64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// dpkg's own record of a package's paths stands under this name.
const LIST: &str = "list";

/// Reads all files. dpkg takes none whose name has a dot, and neither does this.
pub(super) fn read(archive: Window) -> Result<Vec<ControlFile>, DebError> {
    let mut files: Vec<ControlFile> = Vec::new();
    for (count, member) in Reader::new(archive, Dialect::Deb).enumerate() {
        let member = member.map_err(|source| DebError::Tar { part: Part::Control, source })?;
        if count >= limits::MAX_MEMBERS {
            return Err(DebError::TooMany { part: Part::Control });
        }
        let fail = |fault| Err(DebError::Control { path: member.path.escape_ascii().to_string(), fault });
        let Ok(path) = path::absolute(&member.path) else { return fail(ControlFault::Name) };
        let content = match &member.kind {
            tar::Kind::Folder if path == b"/" => continue,
            tar::Kind::File(content) => content,
            _ => return fail(ControlFault::Kind),
        };
        let Some(name) = name(&path) else { return fail(ControlFault::Name) };
        if content.size() > limits::MAX_CONTROL_FILE {
            return fail(ControlFault::TooLarge(content.size()));
        }
        if name.contains('.') {
            continue;
        }
        if files.iter().any(|file| file.name == name) {
            return fail(ControlFault::Twice);
        }
        let bytes = content.to_vec(limits::MAX_CONTROL_FILE).map_err(DebError::Read)?;
        files.push(ControlFile { name, permissions: member.permissions, mtime: member.mtime.seconds, bytes });
    }
    let fail = |fault| Err(DebError::Control { path: "control".to_owned(), fault });
    match files.iter().find(|file| file.name == "control") {
        None => fail(ControlFault::Missing),
        Some(file) if std::str::from_utf8(&file.bytes).is_err() => fail(ControlFault::NotText),
        Some(_) => Ok(files),
    }
}

/// The name of a file right below the root.
fn name(path: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(path.strip_prefix(b"/")?).ok()?;
    let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    (is_plain && name.len() <= limits::MAX_CONTROL_NAME && name != LIST).then(|| name.to_owned())
}
