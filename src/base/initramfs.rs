//! What files an initramfs holds.
//!
//! The format is the kernel's (Documentation/driver-api/early-userspace/buffer-format.rst): archives of cpio's `newc` format, each
//! plain or compressed, one after the other with zeroes between. What is read is streamed; only names are kept, one at a time.

use std::{
    io::{self, BufRead, BufReader, Read},
    panic::{AssertUnwindSafe, catch_unwind},
};

use ruzstd::decoding::StreamingDecoder;

/// The most bytes that all initramfs of one image may unpack to. What a board needs to boot has some tens of MB.
const MAX_UNPACKED: u64 = 256 << 20;
/// What each compressed archive counts at least: to begin a decoder takes time, too, even if nothing comes out of it.
const PIECE: u64 = 64 << 10;
/// `PATH_MAX` of Linux, which the kernel's own reader keeps to.
const MAX_NAME: u64 = 4096;
/// Windows of zstd beyond it are refused, as by the kernel.
const MAX_WINDOW: u64 = 128 << 20;
/// Memory for the dictionary of xz, in KiB; the kernel keeps to 64 MiB.
const MAX_XZ_KIB: u32 = 128 << 10;
/// Length of a `newc` header: a magic of six characters and thirteen hexadecimal numbers of eight.
const HEADER: usize = 110;
const MAGICS: [&[u8]; 2] = [b"070701", b"070702"];
/// Name of the last entry of an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Why an initramfs cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitramfsError {
    /// A compression that is not known here.
    #[error("it goes on at byte {offset} with {found:02x?}, no cpio archive and no compression that is known here")]
    Unknown {
        /// Where.
        offset: usize,
        /// The first bytes there.
        found: Vec<u8>,
    },
    /// An archive that contradicts itself.
    #[error("its cpio archive is damaged: {0}")]
    Damaged(&'static str),
    /// It unpacks to too much.
    #[error("together with those before it, it unpacks to more than {MAX_UNPACKED} bytes")]
    TooLarge,
    /// Unpacking failed.
    #[error("it cannot be unpacked: {0}")]
    Unpack(io::Error),
}

impl From<io::Error> for InitramfsError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Damaged("it is cut off"),
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            _ => Self::Unpack(error),
        }
    }
}

/// What unpacking may still take, for all initramfs of an image together.
#[derive(Debug)]
pub struct Budget {
    /// In bytes.
    left: u64,
}

impl Budget {
    /// That of one image.
    #[must_use]
    pub fn of_an_image() -> Self {
        Self { left: MAX_UNPACKED }
    }

    fn take(&mut self, count: u64) -> io::Result<()> {
        let left = self.left.checked_sub(count);
        self.left = left.unwrap_or(0);
        left.map(drop).ok_or_else(|| io::ErrorKind::FileTooLarge.into())
    }
}

/// Whether an initramfs holds a file with this path, given without a leading slash.
///
/// # Errors
/// When it cannot be read up to the file or to its end, or the budget is used up before.
pub fn holds(initramfs: &[u8], path: &str, budget: &mut Budget) -> Result<bool, InitramfsError> {
    // The decoders are other people's: one that panics on hostile bytes cannot read them. Nothing of it is used after it.
    let searched = catch_unwind(AssertUnwindSafe(|| search_all(initramfs, path.as_bytes(), budget)));
    searched.unwrap_or_else(|_| Err(InitramfsError::Unpack(io::Error::other("its decoder gave up"))))
}

fn search_all(initramfs: &[u8], path: &[u8], budget: &mut Budget) -> Result<bool, InitramfsError> {
    let mut rest = initramfs;
    loop {
        skip_zeroes(&mut rest)?;
        if rest.is_empty() {
            return Ok(false);
        }
        let found = if MAGICS.iter().any(|magic| rest.starts_with(magic)) {
            search(&mut rest, path, true)?
        } else if rest.starts_with(&[0x1f, 0x8b]) {
            let mut decoder = flate2::bufread::GzDecoder::new(rest);
            let found = search_packed(&mut decoder, path, budget)?;
            rest = decoder.into_inner();
            found
        } else if rest.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let decoder = StreamingDecoder::new_with_max_window_size(rest, MAX_WINDOW);
            let mut decoder = decoder.map_err(|error| InitramfsError::Unpack(io::Error::other(error.to_string())))?;
            let found = search_packed(&mut decoder, path, budget)?;
            rest = decoder.into_inner();
            found
        } else if rest.starts_with(b"\xfd7zXZ\0") {
            let mut decoder = lzma_rust2::XzReader::new_mem_limit(rest, false, MAX_XZ_KIB);
            let found = search_packed(&mut decoder, path, budget)?;
            rest = decoder.into_inner();
            found
        } else {
            let found = rest.iter().copied().take(6).collect();
            return Err(InitramfsError::Unknown { offset: initramfs.len() - rest.len(), found });
        };
        if found {
            return Ok(true);
        }
    }
}

/// As [`search`] for all archives in what a decoder gives, within the budget.
fn search_packed(decoder: &mut impl Read, path: &[u8], budget: &mut Budget) -> Result<bool, InitramfsError> {
    budget.take(PIECE)?;
    search(&mut BufReader::with_capacity(PIECE as usize, Limited { inner: decoder, budget }), path, false)
}

/// Reads archives to the end of `input`, or only the first one, until the file is found.
fn search(input: &mut impl BufRead, path: &[u8], only_one: bool) -> Result<bool, InitramfsError> {
    let mut inside = false;
    loop {
        let mut header = [0; HEADER];
        // Between archives, and behind the last one, stand zeroes.
        skip_zeroes(input)?;
        if input.fill_buf()?.is_empty() {
            return if inside { Err(InitramfsError::Damaged("it is cut off")) } else { Ok(false) };
        }
        input.read_exact(&mut header)?;
        if !MAGICS.iter().any(|magic| header.starts_with(magic)) {
            return Err(InitramfsError::Damaged("an entry has no magic"));
        }
        // c_filesize and c_namesize, the name's NUL included.
        let (size, name_size) = (number(&header, 6)?, number(&header, 11)?);
        if !(1..=MAX_NAME).contains(&name_size) {
            return Err(InitramfsError::Damaged("a name is empty or longer than a path can be"));
        }
        let mut name = vec![0; name_size as usize]; // at most 4096
        input.read_exact(&mut name)?;
        if name.pop() != Some(0) {
            return Err(InitramfsError::Damaged("a name does not end"));
        }
        skip(input, padding(HEADER as u64 + name_size))?;
        if name == TRAILER {
            if only_one {
                return Ok(false);
            }
            inside = false;
            continue;
        }
        if name.strip_prefix(b"./").unwrap_or(&name) == path {
            return Ok(true);
        }
        skip(input, size + padding(size))?;
        inside = true;
    }
}

/// Bytes up to the next multiple of four, where the next part begins.
fn padding(size: u64) -> u64 {
    size.next_multiple_of(4) - size
}

/// The hexadecimal number in a field of the header; fields are counted from 0 behind the magic.
fn number(header: &[u8; HEADER], field: usize) -> Result<u64, InitramfsError> {
    let digits = header.get(6 + field * 8..14 + field * 8).and_then(|digits| std::str::from_utf8(digits).ok());
    let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.ok_or(InitramfsError::Damaged("a number is none"))
}

fn skip(input: &mut impl BufRead, mut count: u64) -> Result<(), InitramfsError> {
    while count > 0 {
        let there = input.fill_buf()?.len();
        if there == 0 {
            return Err(InitramfsError::Damaged("it is cut off"));
        }
        let skipped = there.min(usize::try_from(count).unwrap_or(usize::MAX));
        input.consume(skipped);
        count -= skipped as u64;
    }
    Ok(())
}

fn skip_zeroes(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let there = input.fill_buf()?;
        let end = there.iter().position(|byte| *byte != 0);
        let (zeroes, is_done) = (end.unwrap_or(there.len()), end.is_some() || there.is_empty());
        input.consume(zeroes);
        if is_done {
            return Ok(());
        }
    }
}

/// Takes from the budget what is read.
struct Limited<'a, R> {
    inner: R,
    budget: &'a mut Budget,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.budget.take(count as u64)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
        time::Instant,
    };

    use super::*;

    /// What the decoders of this test build may take for all that the budget allows.
    const SECONDS: u64 = 5;
    const SCRIPT: &str = "scripts/local-bottom/rpi-resizerootfs";

    /// One entry, as cpio(5) has it.
    fn entry(name: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"070701".to_vec();
        let fields = [1, 0o100_644, 0, 0, 1, 0, data.len(), 0, 0, 0, 0, name.len() + 1, 0];
        fields.iter().for_each(|field| bytes.extend(format!("{field:08X}").into_bytes()));
        bytes.extend(name.as_bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn archive(names: &[&str]) -> Vec<u8> {
        let mut bytes: Vec<u8> = names.iter().flat_map(|name| entry(name, b"some data")).collect();
        bytes.extend(entry("TRAILER!!!", b""));
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    fn packed(program: &str, bytes: &[u8]) -> Vec<u8> {
        let mut child = Command::new(program).arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap().stdout
    }

    fn holds(initramfs: &[u8], path: &str) -> Result<bool, InitramfsError> {
        super::holds(initramfs, path, &mut Budget::of_an_image())
    }

    #[test]
    fn names_are_found_in_every_packing_and_behind_other_archives() {
        let (with, without) = (archive(&["init", SCRIPT]), archive(&["kernel/x86/microcode.bin", "conf"]));
        assert!(holds(&with, SCRIPT).unwrap());
        assert!(!holds(&without, SCRIPT).unwrap());
        assert!(holds(&archive(&[&format!("./{SCRIPT}")]), SCRIPT).unwrap());
        assert!(holds(&[without.clone(), with.clone()].concat(), SCRIPT).unwrap());
        for program in ["gzip", "zstd", "xz"] {
            assert!(holds(&packed(program, &with), SCRIPT).unwrap(), "{program}");
            assert!(!holds(&packed(program, &without), SCRIPT).unwrap(), "{program}");
            // Early microcode before it, another archive behind it.
            let parts = [without.clone(), packed(program, &without), with.clone()];
            assert!(holds(&parts.concat(), SCRIPT).unwrap(), "{program}");
            assert!(!holds(&parts[..2].concat(), SCRIPT).unwrap(), "{program}");
        }
        assert!(!holds(&[], SCRIPT).unwrap() && !holds(&[0; 64], SCRIPT).unwrap());
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let good = archive(&["init", "conf"]);
        // Behind the trailer only zeroes are cut.
        let end = good.len() - good.iter().rev().take_while(|byte| **byte == 0).count();
        for cut in 7..end {
            assert!(holds(&good[..cut], SCRIPT).is_err(), "{cut}");
        }
        let unknown = holds(b"\x02\x21\x4c\x18 lz4", SCRIPT).unwrap_err();
        assert!(unknown.to_string().contains("no compression that is known"), "{unknown}");
        for (at, byte) in [(3, b'x'), (6 + 6 * 8, b'f'), (6 + 11 * 8, b'f'), (6 + 11 * 8, b' ')] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert!(holds(&bad, SCRIPT).is_err(), "{at}");
        }
        let packed = packed("zstd", &good);
        assert!(holds(&packed[..packed.len() - 5], SCRIPT).is_err());
        let mut window = packed;
        window[4] &= !0x20;
        window[5] = 0xff;
        assert!(holds(&window, SCRIPT).is_err());
    }

    /// What a script writes.
    fn made(script: &str) -> Vec<u8> {
        let output = Command::new("sh").args(["-ec", script]).output().unwrap();
        assert!(output.status.success(), "{script}");
        output.stdout
    }

    #[test]
    fn bombs_are_stopped_and_all_files_share_one_budget() {
        for packer in ["zstd -q -c", "gzip -c", "xz -0 -c"] {
            let bomb = made(&format!("head -c 300M /dev/zero | {packer}"));
            let (begun, mut budget) = (Instant::now(), Budget::of_an_image());
            for _ in 0..100 {
                let error = super::holds(&bomb, SCRIPT, &mut budget).unwrap_err();
                assert!(matches!(error, InitramfsError::TooLarge), "{packer}: {error}");
            }
            assert!(begun.elapsed().as_secs() < SECONDS, "{packer}: {:?}", begun.elapsed());
            // What is not packed costs nothing.
            assert!(super::holds(&archive(&[SCRIPT]), SCRIPT, &mut budget).unwrap());
        }
    }

    #[test]
    fn many_pieces_with_nothing_in_them_are_stopped() {
        for packer in ["zstd -q -c", "gzip -c", "xz -c"] {
            let pieces = made(&format!("{packer} < /dev/null")).repeat(1_000_000);
            let begun = Instant::now();
            let error = holds(&pieces, SCRIPT).unwrap_err();
            assert!(matches!(error, InitramfsError::TooLarge), "{packer}: {error}");
            assert!(begun.elapsed().as_secs() < SECONDS, "{packer}: {:?}", begun.elapsed());
        }
    }
}
