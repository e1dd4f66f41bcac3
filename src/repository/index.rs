//! Indices of packages: which of the packed forms is taken, and unpacking it within limits.

use std::{
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    string::FromUtf8Error,
    sync::atomic::{AtomicU64, Ordering},
};

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use sha2::{Digest as _, Sha256, Sha512};

use crate::debian::release::{Indexed, Release};

/// All indices together are no larger, in bytes. Debian's `main` has 60 MB.
pub(super) const MAX_TEXT: u64 = 160 << 20;
/// So much is unpacked before it is seen whether there is room for it, in bytes.
const PIECE: u64 = 1 << 20;
/// Memory for the dictionary of a packed index, in KiB. `xz -9` takes 64 MiB.
const DICTIONARY: u32 = 72 << 10;

/// How an index is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Xz,
    Gzip,
    Plain,
}

impl Packing {
    /// The best first, as for apt.
    const ALL: [Self; 3] = [Self::Xz, Self::Gzip, Self::Plain];

    const fn ending(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Gzip => ".gz",
            Self::Plain => "",
        }
    }
}

/// How many bytes of indices may still come, for all that are unpacked at the same time.
#[derive(Debug)]
pub(super) struct Room(AtomicU64);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicU64::new(MAX_TEXT))
    }
}

impl Room {
    /// Takes some of it, if there is so much.
    fn take(&self, bytes: u64) -> io::Result<()> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map(drop).map_err(|_| io::ErrorKind::OutOfMemory.into())
    }

    /// Gives some of it back.
    pub(super) fn give(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Why an index cannot be unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UnpackError {
    /// All together are too large.
    NoRoom,
    /// It is not sound.
    Form(String),
}

/// The form in which an index is fetched.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) packing: Packing,
    /// Path below the signed root.
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
}

/// The best form of an index of which the signed root has the SHA-256; `None` if there is none.
pub(super) fn form(release: &Release, path: &str) -> Option<Form> {
    Packing::ALL.into_iter().find_map(|packing| {
        let path = format!("{path}{}", packing.ending());
        let Indexed { size, sha256, .. } = *release.file(&path)?;
        Some(Form { packing, path, size, sha256: sha256? })
    })
}

/// Unpacks an index, which takes of the room. `plain` is what the signed root says of it unpacked, if it lists that, too.
///
/// # Errors
/// When it is damaged, there is no room for it, it is not what the signed root says, or no text.
pub(super) fn unpack(packed: &[u8], packing: Packing, plain: Option<&Indexed>, room: &Room) -> Result<String, UnpackError> {
    let wrong = |reason: &str| Err(UnpackError::Form(reason.to_owned()));
    let limit = plain.map_or(MAX_TEXT, |plain| plain.size);
    if limit > MAX_TEXT {
        return Err(UnpackError::NoRoom);
    }
    // The codecs are other people's: one that panics on hostile bytes has found them not sound.
    let read = catch_unwind(AssertUnwindSafe(|| match packing {
        Packing::Xz => read_all(XzReader::new_mem_limit(packed, true, DICTIONARY), limit, room),
        Packing::Gzip => read_all(MultiGzDecoder::new(packed), limit, room),
        Packing::Plain => read_all(packed, limit, room),
    }));
    let text = match read.unwrap_or_else(|_| Err(io::Error::other("its decoder gave up"))) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return Err(UnpackError::NoRoom),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return wrong(&format!("it unpacks to more than the {limit} bytes that it may have"));
        }
        Err(error) => return wrong(&format!("it cannot be unpacked: {error}")),
    };
    if plain.is_some_and(|plain| !is_what_is_signed(&text, plain)) {
        return wrong("unpacked, it is not what the signed `Release` lists");
    }
    if text.contains(&0) {
        return wrong("it is no text: it has a zero byte");
    }
    let wrong_byte =
        |error: FromUtf8Error| UnpackError::Form(format!("it is no text: byte {} is not UTF-8", error.utf8_error().valid_up_to()));
    String::from_utf8(text).map_err(wrong_byte)
}

fn is_what_is_signed(text: &[u8], plain: &Indexed) -> bool {
    text.len() as u64 == plain.size
        && plain.sha256.is_none_or(|expected| Sha256::digest(text)[..] == expected)
        && (plain.sha256.is_some() || plain.sha512.is_none_or(|expected| Sha512::digest(text)[..] == expected))
}

/// What cannot be unpacked for want of memory of the codec is no want of room.
fn read_all(mut reader: impl Read, limit: u64, room: &Room) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len() as u64;
        let piece = (&mut reader).take(PIECE.min(limit + 1 - before)).read_to_end(&mut bytes);
        let count = piece.map_err(|error| io::Error::other(error.to_string()))?;
        if bytes.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if count == 0 {
            return Ok(bytes);
        }
        room.take(count as u64)?;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut writer = GzEncoder::new(Vec::new(), Compression::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut child = Command::new("xz").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap().stdout
    }

    fn indexed(bytes: &[u8]) -> Indexed {
        Indexed { size: bytes.len() as u64, sha256: Some(Sha256::digest(bytes).into()), sha512: None }
    }

    fn unpacked(packed: &[u8], packing: Packing, plain: Option<&Indexed>) -> Result<String, String> {
        unpack(packed, packing, plain, &Room::default()).map_err(|error| match error {
            UnpackError::NoRoom => "no room".to_owned(),
            UnpackError::Form(reason) => reason,
        })
    }

    #[test]
    fn all_indices_share_one_room() {
        let (room, text) = (Room::default(), vec![b'\n'; 70 << 20]);
        let take = || unpack(&text, Packing::Plain, None, &room).map(|text| text.len());
        assert_eq!([take(), take()], [Ok(70 << 20), Ok(70 << 20)]);
        assert_eq!(take(), Err(UnpackError::NoRoom));
    }

    #[test]
    fn every_form_unpacks_to_the_same_text() {
        let text = "Package: a\n\nPackage: ü\n";
        let plain = indexed(text.as_bytes());
        for (packed, packing) in
            [(xz(text.as_bytes()), Packing::Xz), (gz(text.as_bytes()), Packing::Gzip), (text.as_bytes().to_vec(), Packing::Plain)]
        {
            assert_eq!(unpacked(&packed, packing, Some(&plain)).as_deref(), Ok(text));
            assert_eq!(unpacked(&packed, packing, None).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_not_the_signed_text_is_refused() {
        let text = b"Package: a\n";
        let refused = |packed: &[u8], packing, plain: Option<Indexed>| unpacked(packed, packing, plain.as_ref()).unwrap_err();
        assert!(refused(text, Packing::Plain, Some(indexed(b"Package: b\n"))).contains("not what the signed `Release` lists"));
        assert!(refused(text, Packing::Plain, Some(indexed(b"Package"))).contains("more than the 7 bytes"));
        assert!(refused(b"Package", Packing::Plain, Some(indexed(text))).contains("not what the signed"));
        let by_sha512 = Indexed { size: 11, sha256: None, sha512: Some([0; 64]) };
        assert!(refused(text, Packing::Plain, Some(by_sha512)).contains("not what the signed"));
        assert!(refused(b"a\0b", Packing::Plain, None).contains("zero byte"));
        assert!(refused(b"ab\xff", Packing::Plain, None).contains("byte 2 is not UTF-8"));
        for (packed, packing) in [(xz(text), Packing::Xz), (gz(text), Packing::Gzip)] {
            assert!(refused(&packed[..packed.len() - 3], packing, None).contains("cannot be unpacked"));
            assert!(refused(&[packed.as_slice(), b"trailing"].concat(), packing, None).contains("cannot be unpacked"));
        }
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let zeroes = vec![b'\n'; 8 << 20];
        let said = unpacked(&gz(&zeroes), Packing::Gzip, Some(&Indexed { size: 100, ..indexed(b"") })).unwrap_err();
        assert!(said.contains("more than the 100 bytes"), "{said}");
        let huge = Indexed { size: MAX_TEXT + 1, ..indexed(b"") };
        assert!(unpacked(&[], Packing::Plain, Some(&huge)).unwrap_err().contains("no room"));
        // A dictionary of 1.5 GiB, asked for in the header alone: no memory is taken for it.
        let mut packed = xz(b"Package: a\n");
        let filter = packed.windows(2).position(|pair| pair == [0x21, 0x01]).unwrap();
        packed[filter + 2] = 37;
        assert!(unpacked(&packed, Packing::Xz, None).is_err());
    }
}
