//! What is on a node's card: folders, files, extended attributes.

use std::{collections::BTreeMap, io};

use berry_firstboot::host::Kind;

#[derive(Clone, Debug, Default)]
struct Entry {
    /// None: a folder.
    bytes: Option<Vec<u8>>,
    attributes: BTreeMap<String, Vec<u8>>,
}

/// A tree of files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(BTreeMap<String, Entry>);

fn missing(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{path} is not there"))
}

impl Disk {
    pub(crate) fn look(&self, path: &str) -> Option<Kind> {
        self.0.get(path).map(|entry| entry.bytes.as_ref().map_or(Kind::Folder, |bytes| Kind::File(bytes.len() as u64)))
    }

    pub(crate) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.get(path).and_then(|entry| entry.bytes.clone()).ok_or_else(|| missing(path))
    }

    pub(crate) fn text(&self, path: &str) -> String {
        String::from_utf8(self.read(path).unwrap_or_default()).unwrap()
    }

    pub(crate) fn list(&self, path: &str) -> io::Result<Vec<String>> {
        if self.look(path) != Some(Kind::Folder) {
            return Err(missing(path));
        }
        let prefix = format!("{path}/");
        let below = self.0.range(prefix.clone()..).map_while(|(name, _)| name.strip_prefix(&prefix));
        Ok(below.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    pub(crate) fn make_folder(&mut self, path: &str) {
        for (at, _) in path.match_indices('/').skip(1).chain([(path.len(), "")]) {
            self.0.entry(path[..at].to_owned()).or_default();
        }
    }

    pub(crate) fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<bool> {
        let folder = path.rsplit_once('/').unwrap().0;
        if self.look(folder) != Some(Kind::Folder) {
            return Err(missing(folder));
        }
        let entry = self.0.entry(path.to_owned()).or_default();
        let is_new = entry.bytes.as_deref() != Some(bytes);
        entry.bytes = Some(bytes.to_vec());
        Ok(is_new)
    }

    /// With its folders.
    pub(crate) fn put(&mut self, path: &str, text: &str) {
        self.make_folder(path.rsplit_once('/').unwrap().0);
        self.write(path, text.as_bytes()).unwrap();
    }

    pub(crate) fn remove(&mut self, path: &str) {
        let prefix = format!("{path}/");
        self.0.retain(|name, _| name != path && !name.starts_with(&prefix));
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        if !self.0.contains_key(from) {
            return Err(missing(from));
        }
        let prefix = format!("{from}/");
        let moved: Vec<String> = self.0.keys().filter(|name| *name == from || name.starts_with(&prefix)).cloned().collect();
        for name in moved {
            let entry = self.0.remove(&name).unwrap();
            self.0.insert(format!("{to}{}", &name[from.len()..]), entry);
        }
        Ok(())
    }

    pub(crate) fn attribute(&self, path: &str, name: &str) -> Option<Vec<u8>> {
        self.0.get(path)?.attributes.get(name).cloned()
    }

    pub(crate) fn set_attribute(&mut self, path: &str, name: &str, value: &[u8]) -> io::Result<()> {
        self.0.get_mut(path).ok_or_else(|| missing(path))?.attributes.insert(name.to_owned(), value.to_vec());
        Ok(())
    }

    pub(crate) fn remove_attribute(&mut self, path: &str, name: &str) {
        if let Some(entry) = self.0.get_mut(path) {
            entry.attributes.remove(name);
        }
    }
}
