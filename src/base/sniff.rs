//! What an image file is, told by its first bytes; its name says nothing.

use std::io;

use crate::{decompress::Format, disk::Storage};

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// Something a base can be read from.
    Supported(Format),
    /// Something else that can be named.
    Known(&'static str),
    /// Neither an image nor anything known.
    Unknown,
}

const SUPPORTED: [(&[u8], Format); 4] =
    [(b"\xfd7zXZ\0", Format::Xz), (b"\x1f\x8b", Format::Gzip), (b"\x28\xb5\x2f\xfd", Format::Zstd), (b"PK\x03\x04", Format::Zip)];

const KNOWN: [(&[u8], &str); 8] = [
    (b"BZh", "a bzip2 file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x04\x22\x4d\x18", "an LZ4 file"),
    (b"QFI\xfb", "a QCOW2 disk image"),
    (b"hsqs", "a SquashFS file system"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"<", "a web page"),
];

/// Offset of the boot sector's signature, and the signature.
const SIGNATURE: (usize, [u8; 2]) = (510, [0x55, 0xaa]);
/// RFC 8878 §3.1.2: magic numbers 0x184D2A50 to 0x184D2A5F begin a frame to be skipped.
const SKIPPABLE: ([u8; 3], u8) = ([0x2a, 0x4d, 0x18], 0x50);

/// Looks at the first 512 bytes.
///
/// # Errors
/// When reading fails.
pub fn sniff(storage: &dyn Storage) -> io::Result<Sniffed> {
    let mut head = [0; 512];
    let len = usize::try_from(storage.size()).unwrap_or(head.len()).min(head.len());
    storage.read_exact_at(0, &mut head[..len])?;
    let head = &head[..len];
    if let Some((_, format)) = SUPPORTED.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok(Sniffed::Supported(*format));
    }
    if head.len() > 4 && head[0] & 0xf0 == SKIPPABLE.1 && head[1..4] == SKIPPABLE.0 {
        return Ok(Sniffed::Supported(Format::Zstd));
    }
    if head.get(SIGNATURE.0..) == Some(&SIGNATURE.1) {
        return Ok(Sniffed::Supported(Format::Raw));
    }
    Ok(KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map_or(Sniffed::Unknown, |(_, name)| Sniffed::Known(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Sniffed {
        sniff(&bytes.to_vec()).unwrap()
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let mut sector = vec![0; 1024];
        sector[510..512].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(of(&sector), Sniffed::Supported(Format::Raw));
        assert_eq!(of(b"\xfd7zXZ\0\0\x04"), Sniffed::Supported(Format::Xz));
        assert_eq!(of(b"\x1f\x8b\x08"), Sniffed::Supported(Format::Gzip));
        assert_eq!(of(b"\x28\xb5\x2f\xfd\0"), Sniffed::Supported(Format::Zstd));
        assert_eq!(of(b"\x5a\x2a\x4d\x18\0\0\0\0"), Sniffed::Supported(Format::Zstd));
        assert_eq!(of(b"PK\x03\x04\x14"), Sniffed::Supported(Format::Zip));
    }

    #[test]
    fn other_things_are_named_where_they_can_be() {
        assert_eq!(of(b"<!DOCTYPE html>"), Sniffed::Known("a web page"));
        assert_eq!(of(b"QFI\xfb\0\0\0\x03"), Sniffed::Known("a QCOW2 disk image"));
        assert_eq!(of(&[0; 600]), Sniffed::Unknown);
        assert_eq!(of(b""), Sniffed::Unknown);
        // A signature that is cut off is none.
        assert_eq!(of(&[0x55; 511]), Sniffed::Unknown);
    }
}
