//! Archives made to fill memory, disk or time, given to the built program: each is refused within 5 seconds of processor time and
//! 300 MiB, and leaves nothing behind.
//!
//! What is merely cut off, changed or followed by something is tested beside the decoders (src/decompress/tests.rs).

mod support;

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::Crc;
use support::program::{berry, folder, ok, output, shell, tool};
use tempfile::TempDir;

/// What a case may take: private memory of the process in bytes, and processor time in seconds.
const MEMORY: u64 = 300 << 20;
const SECONDS: f64 = 5.0;
/// Zeroes in one piece of a long stream, and how many pieces make 100 GiB.
const PIECE: usize = 256 << 20;
const PIECES: usize = 400;

struct Place {
    folder: TempDir,
}

/// What the program said of a file, and what it took.
struct Said {
    code: i32,
    text: String,
}

impl Place {
    fn new() -> Self {
        Self { folder: folder() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, parts: &[&[u8]]) -> PathBuf {
        let path = self.path(name);
        let mut file = File::create(&path).unwrap();
        parts.iter().for_each(|part| file.write_all(part).unwrap());
        path
    }

    /// What a script writes to standard output; it gets the folder as `$1`.
    fn made(&self, script: &str) -> Vec<u8> {
        let path = self.path("made");
        shell(&format!("{{ {script}; }} > \"$2\""), &[self.folder.path().as_os_str(), path.as_os_str()]);
        fs::read(path).unwrap()
    }

    /// Runs `inspect` under the limits.
    fn inspect(&self, image: &Path) -> Said {
        let cache = self.path("cache");
        let mut command = tool("/usr/bin/time");
        command.args(["-f", "took %M %U %S", "prlimit", &format!("--data={MEMORY}")]).arg(berry().get_program());
        let result = output(command.arg("inspect").arg(image).env("BERRY_IMAGE_CACHE", &cache).env("HOME", self.folder.path()));
        let text = String::from_utf8_lossy(&result.stderr).into_owned();
        let took: Vec<f64> =
            text.lines().rev().find_map(|line| line.strip_prefix("took ")).unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
        assert!(took[0] * 1024.0 <= MEMORY as f64, "{}: {} KiB\n{text}", image.display(), took[0]);
        assert!(took[1] + took[2] <= SECONDS, "{}: {} s\n{text}", image.display(), took[1] + took[2]);
        Said { code: result.status.code().unwrap_or(-1), text }
    }

    /// The file is refused as broken or not supported, with these words, and nothing is left of it.
    fn refused(&self, image: &Path, words: &str) {
        let said = self.inspect(image);
        assert_eq!(said.code, 4, "{}: {}", image.display(), said.text);
        let text = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{}: {text}", image.display());
        for part in ["images", "temps"] {
            assert_eq!(fs::read_dir(self.path("cache").join(part)).unwrap().count(), 0, "{}: {part}", image.display());
        }
        fs::remove_file(image).unwrap();
    }

    fn refused_bytes(&self, name: &str, parts: &[&[u8]], words: &str) {
        self.refused(&self.file(name, parts), words);
    }
}

const TOO_LARGE: &str = "decompress to more than";

#[test]
fn a_hundred_gibibytes_of_zeroes_in_xz() {
    let place = Place::new();
    let piece = place.made(&format!("head -c {PIECE} /dev/zero | xz -0 -c"));
    place.refused_bytes("honest.xz", &vec![&piece[..]; PIECES], TOO_LARGE);
    // Without a sound index nothing is known of the size before it is there.
    let mut unsound = piece.clone();
    let last = unsound.len() - 20;
    unsound[last] ^= 1;
    let mut parts = vec![&piece[..]; PIECES];
    parts.push(&unsound);
    place.refused_bytes("unsound.xz", &parts, TOO_LARGE);
}

#[test]
fn a_hundred_gibibytes_of_zeroes_in_gzip() {
    let place = Place::new();
    let piece = place.made(&format!("head -c {PIECE} /dev/zero | gzip -9 -c"));
    place.refused_bytes("bomb.gz", &vec![&piece[..]; PIECES], TOO_LARGE);
}

/// A frame without a size, its window 2^(10 + `exponent`) bytes, and the block that follows.
fn frame(exponent: u8) -> Vec<u8> {
    vec![0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3]
}

/// A block that is one byte 128 Ki times.
fn repeated(last: bool) -> [u8; 4] {
    let header = (128_u32 << 10) << 3 | 1 << 1 | u32::from(last);
    [header as u8, (header >> 8) as u8, (header >> 16) as u8, 0]
}

#[test]
fn zstd() {
    let place = Place::new();
    let blocks = repeated(false).repeat(100 << 13);
    place.refused_bytes("bomb.zst", &[&frame(11), &blocks, &repeated(true)], TOO_LARGE);
    place.refused_bytes("window.zst", &[&frame(21), &repeated(true)], "its window has 2147483648 bytes");
    place.refused_bytes("largest-window.zst", &[&frame(31), &repeated(true)], "its window has");
    // A size that nothing follows must not be allocated: 8 bytes of it, and no window of its own.
    let claim = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &u64::MAX.to_le_bytes(), &repeated(true)].concat();
    place.refused_bytes("claim.zst", &[&claim], "its window has");
}

/// A raw deflate stream of 100 GiB of zeroes in an archive whose directory says `size`.
fn zip_of_zeroes(place: &Place, name: &str, size: u64) -> PathBuf {
    let script = format!(
        r#"python3 -c '
import struct, sys, zlib
packer = zlib.compressobj(9, zlib.DEFLATED, -15)
piece = packer.compress(bytes({PIECE})) + packer.flush(zlib.Z_FULL_FLUSH)
data = piece * {PIECES} + b"\3\0"
name, size = b"image.img", {size}
extra = struct.pack("<HHQQ", 1, 16, size, len(data))
local = struct.pack("<IHHHHHIIIHH", 0x04034b50, 45, 0, 8, 0, 33, 0, 2**32 - 1, 2**32 - 1, len(name), len(extra)) + name + extra
entry = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014b50, 45, 45, 0, 8, 0, 33, 0, 2**32 - 1, 2**32 - 1, len(name), len(extra), 0, 0, 0, 0, 0)
entry += name + extra
end = struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 1, 1, len(entry), len(local) + len(data), 0)
sys.stdout.buffer.write(local + data + entry + end)'"#
    );
    place.file(name, &[&place.made(&script)])
}

#[test]
fn a_hundred_gibibytes_of_zeroes_in_zip() {
    let place = Place::new();
    place.refused(&zip_of_zeroes(&place, "honest.zip", 100 << 30), TOO_LARGE);
    place.refused(&zip_of_zeroes(&place, "less.zip", 3 << 30), TOO_LARGE);
    place.refused(&zip_of_zeroes(&place, "far-less.zip", 5000), "more than the 5000 bytes the directory says");
    place.refused(&zip_of_zeroes(&place, "endless.zip", u64::MAX), TOO_LARGE);
}

#[test]
fn zip_directories_that_trick() {
    let place = Place::new();
    let zip = |name: &str, code: &str| {
        let script = format!(
            "python3 -W ignore -c '\nimport io, sys, zipfile\nout = io.BytesIO()\nwith zipfile.ZipFile(out, \"w\") as z:\n{code}\nsys.stdout.buffer.write(out.getvalue())'"
        );
        place.file(name, &[&place.made(&script)])
    };
    place.refused(&zip("many.zip", " for n in range(9000): z.writestr(str(n), \"\")"), "holds 9000 files");
    place.refused(&zip("large.zip", " for n in range(30000): z.writestr(str(n), \"\")"), "a directory of");
    // A name is never a path here. What is inside is no image, which is found out after it was unpacked.
    for (number, name) in ["../../../../evil", "/evil", "a/../../evil", "C:\\evil", "evil\\u0000.img", "-rf"].into_iter().enumerate() {
        let path = zip(&format!("path-{number}.zip"), &format!(" z.writestr(\"{name}\", bytes(4096))"));
        place.refused(&path, "expected a disk image");
    }
    let long = zip("long.zip", " z.writestr(\"x\" * 65535, bytes(4096))");
    place.refused(&long, "expected a disk image");
    // A symbolic link to a file of the host is an archive of a few bytes, and nothing is followed.
    let link = zip("link.zip", " i = zipfile.ZipInfo(\"image.img\"); i.external_attr = 0o120777 << 16; z.writestr(i, \"/etc/passwd\")");
    place.refused(&link, "expected a disk image");
    assert!(!Path::new("/evil").exists() && !place.folder.path().ancestors().any(|folder| folder.join("evil").exists()));
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// A number of the .xz format.
fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A sound stream of one block, with its index replaced by one of these numbers: all check sums fit.
fn with_index(stream: &[u8], numbers: &[u64]) -> Vec<u8> {
    let footer = stream.len() - 12;
    let index_len = 4 * (1 + u32::from_le_bytes(stream[footer + 4..footer + 8].try_into().unwrap()) as usize);
    let mut index = vec![0];
    numbers.iter().for_each(|value| index.extend(number(*value)));
    index.resize(index.len().next_multiple_of(4), 0);
    index.extend(crc(&index));
    let fields = [&(index.len() as u32 / 4 - 1).to_le_bytes()[..], &stream[footer + 8..footer + 10]].concat();
    [&stream[..footer - index_len], &index, &crc(&fields), &fields, b"YZ"].concat()
}

#[test]
fn xz_headers_and_indexes_that_lie() {
    let place = Place::new();
    let stream = place.made("head -c 100000 /dev/urandom | xz -0 -c");
    // Block header: its length, flags, filter LZMA2, one byte of properties: the dictionary.
    assert_eq!(stream[12..16], [2, 0, 0x21, 1]);
    let with_dictionary = |bits: u8| {
        let mut changed = stream.clone();
        changed[16] = bits;
        let sum = crc(&changed[12..20]);
        changed[20..24].copy_from_slice(&sum);
        changed
    };
    for (bits, words) in
        [(40, "needs more memory"), (39, "needs more memory"), (37, "needs more memory"), (41, "damaged"), (255, "damaged")]
    {
        place.refused_bytes(&format!("dictionary-{bits}.xz"), &[&with_dictionary(bits)], words);
        // Two blocks: each is decoded by itself.
        place.refused_bytes(&format!("dictionaries-{bits}.xz"), &[&stream, &with_dictionary(bits)], "file");
    }
    let most = (1 << 63) - 1;
    let unpadded = stream.len() as u64 - 12 - 12 - 4 - 8;
    for (name, numbers, words) in [
        ("records", &[most][..], "damaged"),
        ("many", &[1 << 20, 1000, 1000], "damaged"),
        ("none", &[0], "damaged"),
        ("larger", &[1, unpadded, 1 << 40], "file"),
        ("largest", &[1, unpadded, most], "file"),
        ("long", &[1, most, 100_000], "damaged"),
        ("short", &[1, 5, 100_000], "damaged"),
        ("empty", &[1, 0, 0], "damaged"),
        ("two", &[2, unpadded, 50_000, unpadded, 50_000], "damaged"),
    ] {
        place.refused_bytes(&format!("index-{name}.xz"), &[&with_index(&stream, numbers)], words);
        place.refused_bytes(&format!("indexes-{name}.xz"), &[&stream, &with_index(&stream, numbers)], "file");
    }
}

/// Millions of pieces with nothing in them: each costs little.
#[test]
fn many_empty_pieces() {
    let place = Place::new();
    let inside = "expected a disk image";
    let gzip = place.made("gzip -c < /dev/null");
    place.refused_bytes("members.gz", &[&gzip.repeat(300_000)], inside);
    let xz = place.made("xz -c < /dev/null");
    place.refused_bytes("streams.xz", &[&xz.repeat(60_000)], inside);
    place.refused_bytes("many-streams.xz", &[&xz.repeat(2_000_000)], "more than 1048576 blocks or 65536 streams");
    // Without a sound index at the end they are found from the front.
    place.refused_bytes("many-and-unsound.xz", &[&xz.repeat(2_000_000), &xz[..12], b"no index, no end"], "65536 streams");
    let frame = place.made("zstd -q -c < /dev/null");
    place.refused_bytes("frames.zst", &[&frame.repeat(300_000)], inside);
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    place.refused_bytes("skipped.zst", &[&skipped.repeat(1_000_000)], inside);
    // Padding behind a stream, and a name in a header, that do not end.
    place.refused_bytes("padding.xz", &[&xz, &vec![0; 256 << 20]], inside);
    place.refused_bytes("name.gz", &[&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3], &vec![b'x'; 128 << 20]], "gzip file");
    place.refused_bytes("skip.zst", &[&[0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff], &vec![0; 1 << 20]], "cut off");
}

#[test]
fn archives_in_archives() {
    let place = Place::new();
    let image = "head -c 2M /dev/zero";
    for (name, script, words) in [
        ("a.xz", "xz -c | xz -c", "a xz file inside another"),
        ("a.gz", "xz -c | gzip -c", "a xz file inside another"),
        ("a.zst", "gzip -c | zstd -q -c", "a gzip file inside another"),
        ("b.xz", "gzip -c | gzip -c | gzip -c | gzip -c | xz -c", "a gzip file inside another"),
        ("a.zip", "zstd -q -c > \"$1/inner\"; (cd \"$1\"; zip -q - inner | cat)", "a zstd file inside another"),
    ] {
        place.refused_bytes(name, &[&place.made(&format!("{image} | {script}"))], words);
    }
}

/// The limits are on what is hostile: an image of 4 GiB that is all but empty is read under them.
#[test]
fn an_image_that_is_all_but_empty_is_read() {
    let place = Place::new();
    let raw = place.path("raw.img");
    File::create(&raw).unwrap().set_len(4 << 30).unwrap();
    shell("printf 'label: dos\\nstart=8192, type=83\\n' | sfdisk -q \"$1\"", &[raw.as_os_str()]);
    // 40 MB at its beginning that cannot be compressed.
    shell("dd if=/dev/urandom of=\"$1\" bs=1M seek=4 count=40 conv=notrunc status=none", &[raw.as_os_str()]);
    let packed = place.path("image.zst");
    ok(tool("zstd").args(["-q", "-1", "-o"]).arg(&packed).arg(&raw));
    let cache = place.path("cache");
    let said = output(berry().arg("inspect").arg(&packed).env("BERRY_IMAGE_CACHE", &cache));
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let image = fs::read_dir(cache.join("images"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "img"));
    assert_eq!(fs::metadata(image.unwrap()).unwrap().len(), 4 << 30);
}
