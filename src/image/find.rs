//! What a path leads to, and what to say when it leads nowhere.

use super::{ImageError, Mounted, printable};
use crate::tree::{InodeId, Kind, Name, TreeError};

/// Names that are looked at for one that was meant, and the longest name for which that is tried: a help must not take long.
const MOST_NAMES: usize = 10_000;
const LONGEST_NAME: usize = 64;

impl Mounted {
    /// The inode at an absolute path in the image. Symbolic links are followed inside the image: all but the last component, that one
    /// only with `follow_last` or when the path ends with a slash, which also asks for a folder.
    ///
    /// # Errors
    /// When nothing stands there, or it is no folder where one is needed.
    pub fn find(&self, path: &[u8], follow_last: bool) -> Result<InodeId, ImageError> {
        let wants_folder = path.ends_with(b"/") || path.ends_with(b"/.");
        match self.tree.find(path, follow_last || wants_folder) {
            Ok(id) if wants_folder && self.tree.inode(id).children().is_none() => Err(self.no_folder(path, id)),
            Ok(id) => Ok(id),
            Err(TreeError::Missing(_)) => Err(self.why_missing(path)),
            Err(error) => Err(error.into()),
        }
    }

    /// Follows the path until it ends and says how.
    fn why_missing(&self, path: &[u8]) -> ImageError {
        let mut at = InodeId::ROOT;
        let mut end = 0;
        while let Some(start) = path[end..].iter().position(|byte| *byte != b'/').map(|skipped| end + skipped) {
            let before = end;
            end = path[start..].iter().position(|byte| *byte == b'/').map_or(path.len(), |length| start + length);
            let (so_far, name) = (&path[..end], &path[start..end]);
            match self.tree.find(so_far, true) {
                Ok(id) => at = id,
                Err(TreeError::Missing(_)) => return self.why_not_in(at, &path[..before], so_far, name),
                Err(error) => return error.into(),
            }
        }
        ImageError::Missing { path: printable(path), near: Vec::new() }
    }

    fn why_not_in(&self, parent: InodeId, parent_path: &[u8], path: &[u8], name: &[u8]) -> ImageError {
        if let Err(error) = self.check(parent) {
            return error;
        }
        let Some(children) = self.tree.inode(parent).children() else { return self.no_folder(parent_path, parent) };
        if let Some(id) = children.get(name)
            && let Kind::Symlink(target) = &self.tree.inode(*id).kind
        {
            return ImageError::Dangling { path: printable(path), target: printable(target) };
        }
        ImageError::Missing { path: printable(path), near: near(name, children.keys()) }
    }

    fn no_folder(&self, path: &[u8], id: InodeId) -> ImageError {
        ImageError::NotAFolder { path: printable(path), found: self.what(id) }
    }
}

/// At most three of the names, those most like the wanted one first.
fn near<'a>(wanted: &[u8], names: impl Iterator<Item = &'a Name>) -> Vec<String> {
    if wanted.len() > LONGEST_NAME {
        return Vec::new();
    }
    let lower = wanted.to_ascii_lowercase();
    let limit = (wanted.len() * 2 / 5).max(1);
    let candidates = names.take(MOST_NAMES).map(Name::as_bytes).filter(|name| name.len().abs_diff(wanted.len()) <= limit);
    let mut found: Vec<_> = candidates
        .map(|name| (strsim::generic_damerau_levenshtein(&lower, &name.to_ascii_lowercase()), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.len())
        .collect();
    found.sort();
    found.into_iter().take(3).map(|(_, name)| printable(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_names_come_first() {
        let names = ["passwd", "passwd-", "PASSWD", "hosts", "x"].map(|name| Name::new(name.as_bytes()).unwrap());
        assert_eq!(near(b"paswd", names.iter()), ["PASSWD", "passwd", "passwd-"]);
        assert_eq!(near(b"ohsts", names.iter()), ["hosts"], "two letters in the wrong order are one mistake");
        assert!(near(b"y", names.iter()).is_empty() && near(&[b'x'; 300], names.iter()).is_empty());
    }
}
