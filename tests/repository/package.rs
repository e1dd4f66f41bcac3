//! Packages of the archive, as small as they can be.

use flate2::{Compression, write::GzEncoder};

use crate::archive::hex;

/// A package and what its archive says of it.
#[derive(Clone)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: String,
    pub(super) component: &'static str,
    pub(super) deb: Vec<u8>,
    /// Fields besides those that every package has, or instead of them; an empty value leaves the field out.
    fields: Vec<(String, String)>,
}

impl Package {
    pub(super) fn new(name: &str, version: &str) -> Self {
        Self::of(name, version, "arm64")
    }

    pub(super) fn of(name: &str, version: &str, architecture: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            component: "main",
            deb: deb(name, version, architecture),
            fields: Vec::new(),
        }
    }

    /// With a field, instead of the one of this name if there is one.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where it is in the archive.
    pub(super) fn path(&self) -> String {
        let Self { name, version, architecture, component, .. } = self;
        let letter = name.chars().next().unwrap_or('x');
        format!("pool/{component}/{letter}/{name}/{name}_{version}_{architecture}.deb")
    }

    /// What the index says of it, with an empty line behind it.
    pub(super) fn stanza(&self) -> String {
        let own = [
            ("Package", self.name.clone()),
            ("Version", self.version.clone()),
            ("Architecture", self.architecture.clone()),
            ("Maintainer", "Nobody <nobody@example.org>".to_owned()),
            ("Installed-Size", "12".to_owned()),
            ("Filename", self.path()),
            ("Size", self.deb.len().to_string()),
            ("SHA256", hex(&self.deb)),
            ("Section", "misc".to_owned()),
            ("Priority", "optional".to_owned()),
            ("Description", "nothing".to_owned()),
        ];
        let other = |name: &str| self.fields.iter().any(|(own, _)| own == name);
        let own = own.into_iter().filter(|(name, _)| !other(name)).map(|(name, value)| (name.to_owned(), value));
        let more = self.fields.iter().filter(|(_, value)| !value.is_empty()).cloned();
        // The name first, as everywhere.
        let mut fields: Vec<_> = own.chain(more).collect();
        fields.sort_by_key(|(name, _)| name != "Package");
        fields.into_iter().map(|(name, value)| format!("{name}: {value}\n")).chain(["\n".to_owned()]).collect()
    }
}

/// A package file with one file in it.
fn deb(name: &str, version: &str, architecture: &str) -> Vec<u8> {
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Nobody <nobody@example.org>\nDescription: nothing\n"
    );
    let content = format!("{name} {version}\n");
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", tar("./control", control.as_bytes())),
        ("data.tar.gz", tar(&format!("./usr/share/{name}"), content.as_bytes())),
    ];
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).into_bytes());
        bytes.extend(&content);
        bytes.extend(vec![b'\n'; content.len() % 2]);
    }
    bytes
}

fn tar(path: &str, content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    // Hostile names do not fit, and need not: what stands in the package is not looked at before its digest is.
    let path = if header.set_path(path).is_ok() { path } else { "./x" };
    builder.append_data(&mut header, path.trim_start_matches('/'), content).expect("it is in memory");
    builder.into_inner().and_then(GzEncoder::finish).expect("it is in memory")
}
