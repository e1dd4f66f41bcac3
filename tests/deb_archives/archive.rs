//! Packages built byte by byte.

/// A header in the making, and what stands behind it.
#[derive(Clone)]
pub struct Entry {
    header: [u8; 512],
    data: Vec<u8>,
}

pub fn entry(kind: u8, path: &str) -> Entry {
    let mut entry = Entry { header: [0; 512], data: Vec::new() };
    let mode = if kind == b'5' { "0000755\0" } else { "0000644\0" };
    for (at, text) in
        [(0, path), (100, mode), (108, "0000000\0"), (116, "0000000\0"), (124, "00000000000\0"), (136, "00000000000\0"), (257, "ustar  \0")]
    {
        entry = entry.put(at, text.as_bytes());
    }
    entry.header[156] = kind;
    entry
}

impl Entry {
    /// Bytes at an offset of the header.
    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// The size field, in octal.
    pub fn size(self, size: u64) -> Self {
        self.put(124, format!("{size:011o}\0").as_bytes())
    }

    pub fn mode(self, mode: u32) -> Self {
        self.put(100, format!("{mode:07o}\0").as_bytes())
    }

    pub fn target(self, target: &str) -> Self {
        self.put(157, target.as_bytes())
    }

    /// Content, with its size.
    pub fn data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self.size(data.len() as u64)
    }

    /// With a right check sum, filled up.
    pub fn bytes(mut self) -> Vec<u8> {
        fix(&mut self.header);
        let mut bytes = [&self.header[..], &self.data].concat();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }
}

/// Gives a header its check sum.
pub fn fix(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub fn folder(path: &str) -> Entry {
    entry(b'5', path)
}

pub fn file(path: &str, data: &str) -> Entry {
    entry(b'0', path).data(data.as_bytes())
}

pub fn symlink(path: &str, target: &str) -> Entry {
    entry(b'2', path).mode(0o777).target(target)
}

pub fn hard_link(path: &str, target: &str) -> Entry {
    entry(b'1', path).target(target)
}

/// A GNU long name (`L`) or target (`K`).
pub fn long(kind: u8, text: &[u8]) -> Entry {
    entry(kind, "././@LongLink").data(text)
}

/// The entries, and the two blocks of the end.
pub fn tar(entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.into_iter().flat_map(Entry::bytes).collect();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub const CONTROL: &str = "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n";

pub fn control_tar() -> Vec<u8> {
    tar([folder("./"), file("./control", CONTROL)])
}

/// A member of the outer archive: name as it stands in the header, size, bytes, whether it is filled up.
pub fn member(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut whole = header(name, &bytes.len().to_string());
    whole.extend_from_slice(bytes);
    if whole.len() % 2 == 1 {
        whole.push(b'\n');
    }
    whole
}

pub fn header(name: &str, size: &str) -> Vec<u8> {
    format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, "100644").into_bytes()
}

pub fn ar(members: &[Vec<u8>]) -> Vec<u8> {
    [b"!<arch>\n".to_vec(), members.concat()].concat()
}

pub fn version() -> Vec<u8> {
    member("debian-binary", b"2.0\n")
}

/// A package with this tar archive as its data member.
pub fn with_tar(data: &[u8]) -> Vec<u8> {
    ar(&[version(), member("control.tar", &control_tar()), member("data.tar", data)])
}

/// A package with the root folder and these members.
pub fn deb(entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    with_tar(&tar(std::iter::once(folder("./")).chain(entries)))
}

/// A package with this control member.
pub fn with_control(entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    ar(&[version(), member("control.tar", &tar(entries)), member("data.tar", &tar([folder("./")]))])
}
