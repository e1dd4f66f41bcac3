//! Reads an overlay from a folder of this computer: its manifest, and every file that the manifest names.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{
    Content, Entry, Item, Mistake, On, Overlay, Owner,
    manifest::{self, Line},
};
use crate::secret::Secret;

/// Name of the manifest in the folder.
pub const MANIFEST: &str = "manifest";
/// A file whose name ends so is a template; others are taken byte for byte.
pub const TEMPLATE: &str = ".template";

/// A manifest of 4,000 lines has less.
const MAX_MANIFEST: u64 = 1 << 18;
/// All files of an overlay together, in bytes: they are kept in memory.
const MAX_FILES: u64 = 64 << 20;
/// Files that are looked at to find those that no line names.
const MAX_LISTED: usize = 10_000;
/// `PATH_MAX` without the NUL.
const MAX_PATH: usize = 4095;

/// A folder that was read.
#[derive(Debug)]
pub struct Reading {
    /// What is in it.
    pub overlay: Overlay,
    /// Its files that no line of the manifest names, by their path in it; hidden ones and an editor's backups are left out.
    pub unused: Vec<String>,
}

/// Reads the overlay in `folder`, which messages call `shown`.
///
/// # Errors
/// All that is wrong with it.
pub fn read(folder: &Path, shown: &str) -> Result<Reading, Vec<Mistake>> {
    let mut reader = Reader { folder, shown, used: BTreeSet::new(), room: MAX_FILES, mistakes: Vec::new() };
    let entries = reader.entries();
    if !reader.mistakes.is_empty() {
        return Err(reader.mistakes);
    }
    let mut unused = Vec::new();
    reader.unused(Path::new(""), &mut unused, &mut MAX_LISTED.clone());
    unused.sort_unstable();
    Ok(Reading { overlay: Overlay { folder: PathBuf::from(shown), entries }, unused })
}

struct Reader<'a> {
    folder: &'a Path,
    shown: &'a str,
    /// Files that lines name.
    used: BTreeSet<PathBuf>,
    /// Bytes that files may still have.
    room: u64,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.shown.trim_end_matches('/'))
    }

    fn mistake(&mut self, place: String, what: impl Into<String>, hint: &'static str) {
        self.mistakes.push(Mistake { place, what: what.into(), hint });
    }

    fn entries(&mut self) -> Vec<Entry> {
        let hint = "name a folder with a file `manifest`, of which each line says: on which nodes, mode, owner:group, file, path";
        let text = match regular(&self.folder.join(MANIFEST), MAX_MANIFEST) {
            Ok(bytes) => bytes,
            Err(refused) => {
                self.mistake(self.place(MANIFEST), refused.what, hint);
                return Vec::new();
            }
        };
        let Ok(text) = String::from_utf8(text) else {
            self.mistake(self.place(MANIFEST), "it is not UTF-8", "save it as UTF-8");
            return Vec::new();
        };
        let mut entries: Vec<Entry> = Vec::new();
        for line in manifest::lines(&text) {
            match line {
                Ok(line) => entries.extend(self.entry(&line, &entries)),
                Err(wrong) => {
                    let place = format!("{}:{}", self.place(MANIFEST), wrong.number);
                    self.mistake(place, wrong.what, "for instance: always 0644 root:root motd /etc/motd");
                }
            }
        }
        if entries.is_empty() && self.mistakes.is_empty() {
            self.mistake(self.place(MANIFEST), "it names nothing", "add a line such as: always 0644 root:root motd /etc/motd");
        }
        entries
    }

    /// The entry of a line; `None` only after a mistake.
    fn entry(&mut self, line: &Line<'_>, earlier: &[Entry]) -> Option<Entry> {
        let place = format!("{}:{}", self.place(MANIFEST), line.number);
        let on = on(line.on);
        if let Err(what) = direct(line.path) {
            self.mistake(place, format!("`{}` is no path in the image: {what}", shown(line.path)), "write the whole path, from `/` on");
            return None;
        }
        if earlier.iter().any(|entry| entry.path == line.path && entry.on == on) {
            self.mistake(place, format!("`{}` stands there twice", shown(line.path)), "take one of the lines out");
            return None;
        }
        let owner = |(user, group): (&str, &str)| Owner { user: user.to_owned(), group: group.to_owned() };
        let item = match line.item {
            manifest::Item::Link("-") => {
                self.mistake(place, "the link leads nowhere", "write where it leads in the place of the file");
                return None;
            }
            manifest::Item::Link(target) => Item::Link(target.to_owned()),
            manifest::Item::Folder { permissions, owner: names } => Item::Folder { permissions, owner: owner(names) },
            manifest::Item::File { permissions, owner: names, source } => {
                let content = Secret::new(self.content(&place, source)?);
                Item::File { permissions, owner: owner(names), content }
            }
        };
        Some(Entry { place, on, path: line.path.to_owned(), item })
    }

    fn content(&mut self, place: &str, source: &str) -> Option<Content> {
        let relative = Path::new(source);
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            let what = format!("`{}` does not stand in the folder", shown(source));
            self.mistake(place.to_owned(), what, "copy the file into the folder and write its name");
            return None;
        }
        self.used.insert(relative.to_owned());
        let name = self.place(source);
        let bytes = match regular(&self.folder.join(relative), self.room) {
            Ok(bytes) => bytes,
            Err(refused) => {
                self.mistake(place.to_owned(), format!("{}: {}", shown(&name), refused.what), refused.hint);
                return None;
            }
        };
        self.room -= bytes.len() as u64;
        if !source.ends_with(TEMPLATE) {
            return Some(Content::Bytes(Arc::new(bytes)));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Some(Content::Template { text, name }),
            Err(_) => {
                self.mistake(name, "it is a template and not UTF-8", "save it as UTF-8");
                None
            }
        }
    }

    /// Files in `inner` that no line names; what cannot be listed is left out.
    fn unused(&self, inner: &Path, found: &mut Vec<String>, left: &mut usize) {
        let Ok(list) = fs::read_dir(self.folder.join(inner)) else { return };
        for entry in list.flatten() {
            let Some(rest) = left.checked_sub(1) else { return };
            *left = rest;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = inner.join(entry.file_name());
            if name.starts_with('.') || name.ends_with('~') || path == Path::new(MANIFEST) {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.unused(&path, found, left),
                // Also the link to a folder in which files are used.
                Ok(_) if !self.used.iter().any(|used| used.starts_with(&path)) => found.push(shown(&path.to_string_lossy())),
                _ => {}
            }
        }
    }
}

fn on(word: &str) -> On {
    match word {
        "always" => On::Every,
        "pool" => On::Pool,
        "remote" => On::Remote,
        names => On::Named(names.split(',').map(str::to_owned).collect()),
    }
}

fn direct(path: &str) -> Result<(), &'static str> {
    let rest = path.strip_prefix('/').ok_or("it does not begin with `/`")?;
    if rest.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err("it has an empty part, `.` or `..`");
    }
    if path.len() > MAX_PATH || rest.split('/').any(|part| part.len() > 255) {
        return Err("it is too long");
    }
    if path.chars().any(char::is_control) { Err("it has a control character") } else { Ok(()) }
}

/// A text of somebody's file, as it can be printed.
fn shown(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

/// A file that is not read.
struct Refused {
    what: String,
    hint: &'static str,
}

/// The bytes of a regular file.
fn regular(path: &Path, limit: u64) -> Result<Vec<u8>, Refused> {
    let said = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Refused { what: "there is no such file".to_owned(), hint: "put it there, or mend its name" },
        _ => Refused { what: format!("it cannot be read: {error}"), hint: "check its permissions" },
    };
    // Asked before opening, because opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(said)?.is_file() {
        return Err(Refused { what: "it is no file".to_owned(), hint: "name a file; a folder is made by `-` in its place" });
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(said)?.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(said)?;
    if bytes.len() as u64 > limit {
        let hint = "an overlay has up to 64 MiB; what is larger belongs into a package or onto the volume";
        return Err(Refused { what: "it is larger than what is taken".to_owned(), hint });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder with these files.
    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn said(files: &[(&str, &[u8])]) -> Vec<String> {
        let folder = folder(files);
        let mistakes = read(folder.path(), "site/").unwrap_err();
        mistakes.into_iter().map(|mistake| format!("{}: {}", mistake.place, mistake.what)).collect()
    }

    #[test]
    fn a_folder_is_read_with_its_files() {
        let manifest = b"always 0644 root:root etc/motd /etc/motd\npool 0600 www-data:33 x.conf.template /etc/x.conf\n\
            remote 0755 0:0 - /srv/x\nn1,n2 link - /etc/x.conf /etc/y.conf\n";
        let folder = folder(&[
            (MANIFEST, manifest),
            ("etc/motd", b"\xff{{"),
            ("x.conf.template", b"{{node}}\n"),
            ("README", b""),
            ("etc/x~", b""),
            (".git/x", b""),
        ]);
        let Reading { overlay, unused } = read(folder.path(), "site").unwrap();
        assert_eq!((overlay.folder.as_path(), unused.as_slice()), (Path::new("site"), ["README".to_owned()].as_slice()));
        let places: Vec<_> = overlay.entries.iter().map(|entry| (entry.place.as_str(), entry.path.as_str(), &entry.on)).collect();
        let named = On::Named(vec!["n1".to_owned(), "n2".to_owned()]);
        assert_eq!(
            places,
            [
                ("site/manifest:1", "/etc/motd", &On::Every),
                ("site/manifest:2", "/etc/x.conf", &On::Pool),
                ("site/manifest:3", "/srv/x", &On::Remote),
                ("site/manifest:4", "/etc/y.conf", &named),
            ]
        );
        let template = Content::Template { text: "{{node}}\n".to_owned(), name: "site/x.conf.template".to_owned() };
        let contents: Vec<_> = overlay.entries.iter().map(|entry| &entry.item).collect();
        assert!(matches!(contents[0], Item::File { content, .. } if *content.expose() == Content::Bytes(Arc::new(b"\xff{{".to_vec()))));
        let owner = Owner { user: "www-data".to_owned(), group: "33".to_owned() };
        assert_eq!(contents[1], &Item::File { permissions: 0o600, owner, content: Secret::new(template) });
        assert!(matches!(contents[2], Item::Folder { permissions: 0o755, .. }));
        assert_eq!(contents[3], &Item::Link("/etc/x.conf".to_owned()));
        assert!(!format!("{overlay:?}").contains("{{node}}"), "what is in a file may be a secret");
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        assert_eq!(said(&[]), ["site/manifest: there is no such file"]);
        assert_eq!(said(&[("manifest/x", b"")]), ["site/manifest: it is no file"]);
        assert_eq!(said(&[(MANIFEST, b"# nothing\n")]), ["site/manifest: it names nothing"]);
        assert_eq!(said(&[(MANIFEST, b"\xff")]), ["site/manifest: it is not UTF-8"]);
        assert_eq!(said(&[(MANIFEST, &vec![b'#'; 1 + MAX_MANIFEST as usize])]), ["site/manifest: it is larger than what is taken"]);
        let manifest = b"always 0644 0:0 ../x /etc/x\nalways 0644 0:0 /etc/passwd /etc/x\nalways 0644 0:0 none /etc/x\nalways 64 0:0 a /etc/x\n\
            always 0644 0:0 a etc/x\nalways 0644 0:0 a /etc/../x\nalways 0644 0:0 a /etc/x/\nalways 0644 0:0 a /\nalways 0644 0:0 b.template /etc/b\n\
            always 0644 0:0 a /etc/x\nalways 0644 0:0 a /etc/x\npool 0644 0:0 a /etc/x\nalways link - - /etc/y\n";
        let expected = [
            "site/manifest:1: `../x` does not stand in the folder",
            "site/manifest:2: `/etc/passwd` does not stand in the folder",
            "site/manifest:3: site/none: there is no such file",
            "site/manifest:4: the mode is none: expected one such as 0644, or `link`",
            "site/manifest:5: `etc/x` is no path in the image: it does not begin with `/`",
            "site/manifest:6: `/etc/../x` is no path in the image: it has an empty part, `.` or `..`",
            "site/manifest:7: `/etc/x/` is no path in the image: it has an empty part, `.` or `..`",
            "site/manifest:8: `/` is no path in the image: it has an empty part, `.` or `..`",
            "site/b.template: it is a template and not UTF-8",
            "site/manifest:11: `/etc/x` stands there twice",
            "site/manifest:13: the link leads nowhere",
        ];
        assert_eq!(said(&[(MANIFEST, manifest), ("a", b""), ("b.template", b"\xff")]), expected);
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let folder = folder(&[(MANIFEST, b"always 0644 0:0 a /a\nalways 0644 0:0 b /b\n"), ("b", b"12")]);
        File::create(folder.path().join("a")).unwrap().set_len(MAX_FILES - 1).unwrap();
        let mistakes = read(folder.path(), "site").unwrap_err();
        assert_eq!((mistakes.len(), mistakes[0].what.as_str()), (1, "site/b: it is larger than what is taken"));
        assert!(mistakes[0].hint.contains("64 MiB"));
    }
}
