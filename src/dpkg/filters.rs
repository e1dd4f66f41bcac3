//! Paths that the image's dpkg leaves out: `path-exclude` and `path-include` of its configuration, dpkg(1).

use super::{DpkgError, database::text};
use crate::tree::Tree;

const FOLDER: &str = "/etc/dpkg/dpkg.cfg.d";
const FILE: &str = "/etc/dpkg/dpkg.cfg";

/// Patterns in the order in which they stand; the last that matches decides.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters(Vec<Filter>);

#[derive(Clone, Debug)]
struct Filter {
    pattern: Vec<u8>,
    is_include: bool,
}

impl Filters {
    /// Reads the configuration.
    pub(super) fn read(tree: &Tree) -> Result<Self, DpkgError> {
        let is_read = |name: &[u8]| name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte));
        let names = tree.names(FOLDER).into_iter().filter(|name| is_read(name));
        let mut files: Vec<String> = names.map(|name| format!("{FOLDER}/{}", String::from_utf8_lossy(&name))).collect();
        files.push(FILE.to_owned());
        let mut filters = Vec::new();
        for file in files {
            for line in text(tree, &file)?.unwrap_or_default().lines() {
                let line = line.trim();
                let Some(end) = line.find(|c: char| c == '=' || c.is_ascii_whitespace()) else { continue };
                let is_include = match &line[..end] {
                    "path-exclude" => false,
                    "path-include" => true,
                    _ => continue,
                };
                let value = line[end..].trim_start_matches(|c: char| c == '=' || c.is_ascii_whitespace());
                // A value may stand in quotes.
                let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
                filters.push(Filter { pattern: quoted.unwrap_or(value).as_bytes().to_vec(), is_include });
            }
        }
        Ok(Self(filters))
    }

    /// Whether a path, as a package ships it, is left out. A folder or a link is not where something that is included may stand below it.
    pub(super) fn leaves_out(&self, path: &[u8], is_folder_or_link: bool) -> bool {
        let last = self.0.iter().rev().find(|filter| matches(&filter.pattern, path));
        if last.is_none_or(|filter| filter.is_include) {
            return false;
        }
        let may_hold = |filter: &Filter| {
            let end = filter.pattern.iter().position(|byte| b"*?[\\".contains(byte)).unwrap_or(filter.pattern.len());
            let mut fixed = &filter.pattern[..end];
            while let Some(rest) = fixed.strip_suffix(b"/") {
                fixed = rest;
            }
            path.starts_with(fixed)
        };
        !(is_folder_or_link && self.0.iter().any(|filter| filter.is_include && may_hold(filter)))
    }
}

/// fnmatch(3) without flags: `*` and `?` match slashes and leading dots, too.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last star does not fit.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            None if t == text.len() => return true,
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(_) if t < text.len() => one(&pattern[p..], text[t]),
            _ => None,
        };
        match (step, retry) {
            (Some(length), _) => (p, t) = (p + length, t + 1),
            (None, Some((behind, from))) if from < text.len() => {
                retry = Some((behind, from + 1));
                (p, t) = (behind, from + 1);
            }
            _ => return false,
        }
    }
}

/// Length of the first part of a pattern, if it matches one byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', rest @ ..] => match set(rest, byte) {
            Some((is_in, length)) => is_in.then_some(length + 1),
            // Without an end it is no set.
            None => (byte == b'[').then_some(1),
        },
        [own, ..] => (*own == byte).then_some(1),
        [] => None,
    }
}

/// Whether a byte is in a set such as `a-z]`, and how long the set is with its closing bracket.
fn set(set: &[u8], byte: u8) -> Option<(bool, usize)> {
    let is_negated = matches!(set.first(), Some(b'!' | b'^'));
    let start = usize::from(is_negated);
    // A bracket that stands first is one of the set.
    let end = start + 1 + set.get(start + 1..)?.iter().position(|byte| *byte == b']')?;
    let mut rest = &set[start..end];
    let mut is_in = false;
    while let Some((first, more)) = rest.split_first() {
        rest = match more {
            [b'-', last, more @ ..] => {
                is_in |= (*first..=*last).contains(&byte);
                more
            }
            _ => {
                is_in |= *first == byte;
                more
            }
        };
    }
    Some((is_in != is_negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Meta, Time};

    #[test]
    fn patterns_are_those_of_fnmatch() {
        let cases: [(&str, &str, bool); 16] = [
            ("/usr/share/doc/*", "/usr/share/doc/a/b", true),
            ("/usr/share/doc/*", "/usr/share/doc", false),
            ("*/copyright", "/usr/share/doc/a/copyright", true),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("/[a-c]x", "/bx", true),
            ("/[!a-c]x", "/bx", false),
            ("/[]x]", "/]", true),
            ("/[a", "/[a", true),
            ("/a\\*", "/a*", true),
            ("/a\\*", "/ab", false),
            ("**", "", true),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_last_that_matches_decides_and_folders_of_what_is_included_stay() {
        let meta = Meta::new(0o644, 0, 0, Time::default());
        let mut tree = Tree::new(meta.clone());
        let first = "# comment\npath-exclude=/usr/share/doc/*\npath-include = \"/usr/share/doc/*/copyright\"\nforce-unsafe-io\n";
        tree.put_file("/etc/dpkg/dpkg.cfg.d/01_docs", meta.clone(), Content::bytes(first.into())).unwrap();
        tree.put_file("/etc/dpkg/dpkg.cfg.d/02.bak", meta.clone(), Content::bytes(b"path-exclude=/*\n".to_vec())).unwrap();
        tree.put_file("/etc/dpkg/dpkg.cfg", meta, Content::bytes(b"path-exclude /usr/share/man/*\n".to_vec())).unwrap();
        let filters = Filters::read(&tree).unwrap();
        let cases = [
            ("/usr/bin/a", false, false),
            ("/usr/share/doc/a/changelog", false, true),
            ("/usr/share/doc/a/copyright", false, false),
            ("/usr/share/doc/a", true, false),
            ("/usr/share/man/man1", true, true),
        ];
        for (path, is_folder, expected) in cases {
            assert_eq!(filters.leaves_out(path.as_bytes(), is_folder), expected, "{path}");
        }
    }
}
