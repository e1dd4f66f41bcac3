//! The header of a member: 512 bytes of texts and numbers.
//!
//! Fields as in POSIX.1-1988 (`tar.h`) and GNU tar's "Basic Tar Format"; numbers as dpkg and GNU tar both read them.

use std::ops::Range;

use super::{BLOCK, Dialect, Kind, TarError};

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECK_SUM: Range<usize> = 148..156;
const KIND: usize = 156;
const TARGET: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..265;
const USER: Range<usize> = 265..297;
const GROUP: Range<usize> = 297..329;
const MAJOR: Range<usize> = 329..337;
const MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;

/// What a header is besides one of v7, told by its magic and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    V7,
    Ustar,
    Gnu,
}

pub(super) struct Header {
    bytes: [u8; BLOCK as usize],
    offset: u64,
    format: Format,
    dialect: Dialect,
}

impl Header {
    /// Checks the sum of all bytes, its own field as spaces.
    pub(super) fn read(block: &[u8], offset: u64, dialect: Dialect) -> Result<Self, TarError> {
        let bytes: [u8; BLOCK as usize] = block.try_into().map_err(|_| TarError::header(offset, "a header has 512 bytes"))?;
        let format = match &bytes[MAGIC] {
            b"ustar\x0000" => Format::Ustar,
            b"ustar  \0" => Format::Gnu,
            _ if dialect == Dialect::Pax || bytes[MAGIC.start..].iter().all(|byte| *byte == 0) => Format::V7,
            other => {
                let reason = format!("its magic is `{}`, which is neither that of ustar nor of GNU tar", other.escape_ascii());
                return Err(TarError::header(offset, reason));
            }
        };
        let header = Self { bytes, offset, format, dialect };
        let sum: u64 = header.bytes.iter().enumerate().map(|(at, byte)| if CHECK_SUM.contains(&at) { 32 } else { u64::from(*byte) }).sum();
        match header.octal(CHECK_SUM, "check sum")? {
            said if said == sum => Ok(header),
            said => Err(TarError::header(offset, format!("the check sum is {sum}, expected {said}"))),
        }
    }

    /// Where it stands in the archive, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn kind(&self) -> u8 {
        self.bytes[KIND]
    }

    pub(super) fn path(&self) -> Result<Vec<u8>, TarError> {
        let name = self.text(NAME, "name")?;
        let prefix = if self.format == Format::Ustar { self.text(PREFIX, "prefix")? } else { Vec::new() };
        Ok(if prefix.is_empty() { name } else { [&prefix[..], b"/", &name].concat() })
    }

    pub(super) fn target(&self) -> Result<Vec<u8>, TarError> {
        self.text(TARGET, "target")
    }

    pub(super) fn user(&self) -> Result<Vec<u8>, TarError> {
        if self.format == Format::V7 { Ok(Vec::new()) } else { self.text(USER, "user") }
    }

    pub(super) fn group(&self) -> Result<Vec<u8>, TarError> {
        if self.format == Format::V7 { Ok(Vec::new()) } else { self.text(GROUP, "group") }
    }

    /// The lower twelve bits of the mode; some writers put the type above them.
    pub(super) fn permissions(&self, kind: &Kind) -> Result<u16, TarError> {
        let mode = self.natural(MODE, "mode")?;
        let own = match kind {
            Kind::Fifo => 0o010_000,
            Kind::CharDevice { .. } => 0o020_000,
            Kind::Folder => 0o040_000,
            Kind::BlockDevice { .. } => 0o060_000,
            Kind::File(_) | Kind::HardLink(_) => 0o100_000,
            Kind::Symlink(_) => 0o120_000,
        };
        if self.dialect == Dialect::Deb && mode & !0o7777 != 0 && mode & !0o7777 != own {
            return Err(TarError::header(self.offset, format!("its mode, {mode:o}, is not one of its type")));
        }
        // Twelve bits.
        Ok((mode & 0o7777) as u16)
    }

    pub(super) fn uid(&self) -> Result<u64, TarError> {
        self.natural(UID, "uid")
    }

    pub(super) fn gid(&self) -> Result<u64, TarError> {
        self.natural(GID, "gid")
    }

    /// Size of the content, below 2⁶³ bytes.
    pub(super) fn size(&self) -> Result<u64, TarError> {
        self.natural(SIZE, "size")
    }

    /// Seconds since 1970, perhaps before.
    pub(super) fn mtime(&self) -> Result<i64, TarError> {
        self.number(MTIME, "mtime")
    }

    /// Major and minor number.
    pub(super) fn device(&self) -> Result<(u32, u32), TarError> {
        let part = |field: Range<usize>| {
            let number = self.natural(field, "device")?;
            u32::try_from(number).map_err(|_| self.bad("device", "too large"))
        };
        Ok((part(MAJOR)?, part(MINOR)?))
    }

    /// What stands before the first NUL, or all of the field.
    fn text(&self, field: Range<usize>, what: &str) -> Result<Vec<u8>, TarError> {
        let bytes = &self.bytes[field];
        let (text, rest) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
        if self.dialect == Dialect::Deb && rest.iter().any(|byte| *byte != 0) {
            return Err(self.bad(what, "not only NUL behind its end"));
        }
        Ok(text.to_vec())
    }

    fn natural(&self, field: Range<usize>, what: &str) -> Result<u64, TarError> {
        let number = self.number(field, what)?;
        u64::try_from(number).map_err(|_| self.bad(what, "negative"))
    }

    /// Octal digits, or where the first byte is 0x80 or 0xff, a two's complement number of the field's size.
    fn number(&self, field: Range<usize>, what: &str) -> Result<i64, TarError> {
        let bytes = &self.bytes[field.clone()];
        let (first, rest) = bytes.split_at(bytes.len() - 8);
        let filler = match bytes[0] {
            0x80 => 0,
            0xff => 0xff,
            _ => return i64::try_from(self.octal(field, what)?).map_err(|_| self.bad(what, "too large")),
        };
        let mut low = [0; 8];
        low.copy_from_slice(rest);
        if first.is_empty() {
            low[0] = filler;
        }
        let number = i64::from_be_bytes(low);
        let fits = first.iter().skip(1).all(|byte| *byte == filler) && (number < 0) == (filler == 0xff);
        if fits { Ok(number) } else { Err(self.bad(what, "too large")) }
    }

    /// Spaces, octal digits, and then nothing but spaces and NULs; no digit at all is zero where the field begins with a NUL.
    fn octal(&self, field: Range<usize>, what: &str) -> Result<u64, TarError> {
        let bytes = &self.bytes[field];
        let start = bytes.iter().position(|byte| *byte != b' ').ok_or_else(|| self.bad(what, "blank"))?;
        let rest = &bytes[start..];
        let (digits, end) = rest.split_at(rest.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(rest.len()));
        if digits.iter().any(|byte| !(b'0'..=b'7').contains(byte)) || end.iter().any(|byte| !matches!(byte, 0 | b' ')) {
            return Err(self.bad(what, "no octal number"));
        }
        // At most twelve digits of three bits.
        Ok(digits.iter().fold(0, |number, digit| number << 3 | u64::from(digit - b'0')))
    }

    fn bad(&self, what: &str, how: &str) -> TarError {
        TarError::header(self.offset, format!("the field `{what}` is {how}"))
    }
}

/// What a type is, for messages.
pub(super) fn kind_name(kind: u8) -> &'static str {
    match kind {
        b'7' => "a contiguous file",
        b'A' => "an access control list of Solaris",
        b'D' => "a folder of an incremental backup",
        b'M' => "a file that goes on from another volume",
        b'S' => "a sparse file",
        b'V' => "the label of a volume",
        b'X' => "records of Solaris",
        b'g' => "pax records for all members",
        b'x' => "pax records",
        _ => "unknown",
    }
}
