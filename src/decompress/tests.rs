//! Every codec: good, cut off, with something behind its end, lying, and too large. Inputs are made by the formats' own tools.

use std::{fs, process::Command};

use sha2::{Digest as _, Sha256};

use super::{
    limits::{MAX_RATIO, MAX_SIZE, RATIO_FROM, largest_output},
    *,
};
use crate::{
    base::sniff::{Sniffed, sniff},
    progress::Silent,
};

/// 768 KiB of text, holes and noise that no codec can shrink to nothing.
fn sample() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut noise = 1u32;
    for block in 0..192u32 {
        match block % 4 {
            0 => bytes.extend([0; 4096]),
            1 => bytes.extend(format!("{block:08}").repeat(512).into_bytes()),
            _ => bytes.extend((0..4096).map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })),
        }
    }
    bytes.extend(b"a last piece that fills no block");
    bytes
}

/// What `script` makes of a file with `bytes`: it gets the file as `$1` and writes to standard output.
fn made(script: &str, bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.img");
    fs::write(&path, bytes).unwrap();
    let output = Command::new("sh").args(["-ec", script, "sh"]).arg(&path).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn python_zip(code: &str, bytes: &[u8]) -> Vec<u8> {
    let script =
        format!("python3 -c \"\nimport sys, zipfile, io\nout = io.BytesIO()\n{code}\nsys.stdout.buffer.write(out.getvalue())\" \"$1\"");
    made(&script, bytes)
}

fn unpack(format: Format, packed: &[u8]) -> Result<Vec<u8>, DecompressError> {
    let (result, bytes) = unpack_to_file(format, packed);
    let decompressed = result?;
    assert_eq!(decompressed.size, bytes.len() as u64);
    assert_eq!(decompressed.sha256[..], Sha256::digest(&bytes)[..]);
    Ok(bytes)
}

fn unpack_to_file(format: Format, packed: &[u8]) -> (Result<Decompressed, DecompressError>, Vec<u8>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let result = decompress(format, &packed.to_vec(), file.as_file(), &Silent, &Stop::default());
    (result, fs::read(file.path()).unwrap())
}

/// One way to make each format, and each way that is decoded differently.
fn variants() -> Vec<(&'static str, Format, Vec<u8>)> {
    let bytes = sample();
    let halves = "head -c 300000 \"$1\" > a; tail -c +300001 \"$1\" > b;";
    let zip = |options: &str| format!("with zipfile.ZipFile(out, 'w', {options}) as z: z.write(sys.argv[1], 'image.img')");
    vec![
        ("xz, one block", Format::Xz, made("xz -T1 -c \"$1\"", &bytes)),
        ("xz, many blocks", Format::Xz, made("xz --block-size=100000 -T2 -c \"$1\"", &bytes)),
        ("xz, sha256", Format::Xz, made("xz -C sha256 --block-size=300000 -T2 -c \"$1\"", &bytes)),
        ("xz, no check sum", Format::Xz, made("xz -C none --block-size=300000 -c \"$1\"", &bytes)),
        ("xz, arm64 filter", Format::Xz, made("xz --arm64 --lzma2=dict=4MiB --block-size=300000 -c \"$1\"", &bytes)),
        ("xz, two streams", Format::Xz, made(&format!("{halves} xz -c a; xz --block-size=65536 -c b"), &bytes)),
        ("xz, padding", Format::Xz, made(&format!("{halves} xz -c a; printf '\\0\\0\\0\\0'; xz -c b; head -c 8 /dev/zero"), &bytes)),
        ("xz, an empty stream", Format::Xz, made("xz -c \"$1\"; xz -c < /dev/null", &bytes)),
        ("gzip", Format::Gzip, made("gzip -c \"$1\"", &bytes)),
        ("gzip, two members", Format::Gzip, made(&format!("{halves} gzip -c a; gzip -1 -c b"), &bytes)),
        ("zstd", Format::Zstd, made("zstd -q -c \"$1\"", &bytes)),
        ("zstd, no check sum", Format::Zstd, made("zstd -q --no-check -c < \"$1\"", &bytes)),
        ("zstd, two frames", Format::Zstd, made(&format!("{halves} zstd -q -c a; zstd -q -19 -c < b"), &bytes)),
        ("zstd, frame to skip", Format::Zstd, made("printf '\\120\\052\\115\\030\\003\\0\\0\\0abc'; zstd -q -c \"$1\"", &bytes)),
        ("zip, stored", Format::Zip, python_zip(&zip("zipfile.ZIP_STORED"), &bytes)),
        ("zip, deflated", Format::Zip, python_zip(&zip("zipfile.ZIP_DEFLATED"), &bytes)),
        ("zip, streamed", Format::Zip, made("zip -q - - < \"$1\" | cat", &bytes)),
        (
            "zip64",
            Format::Zip,
            python_zip(
                "with zipfile.ZipFile(out, 'w') as z:\n with z.open('image.img', 'w', force_zip64=True) as m: m.write(open(sys.argv[1], 'rb').read())",
                &bytes,
            ),
        ),
        (
            "zip, folder and comment",
            Format::Zip,
            python_zip(
                "with zipfile.ZipFile(out, 'w') as z:\n z.writestr('d/', '')\n z.write(sys.argv[1], 'd/image.img')\n z.comment = b'hello'",
                &bytes,
            ),
        ),
    ]
}

#[test]
fn every_variant_gives_the_same_bytes() {
    let bytes = sample();
    for (name, format, packed) in variants() {
        assert_eq!(sniff(&packed).unwrap(), Sniffed::Supported(format), "{name}");
        let unpacked = unpack(format, &packed).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(unpacked == bytes, "{name}");
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    for (name, format, packed) in variants() {
        for cut in [1, 2, 5, 11, 13, 100, packed.len() / 2, packed.len() - 7] {
            let Err(error) = unpack(format, &packed[..packed.len() - cut]) else { panic!("{name} without its last {cut} bytes was taken") };
            assert_eq!(error.kind(), Kind::Corrupt, "{name} -{cut}: {error}");
        }
    }
}

#[test]
fn what_is_cut_off_is_named_so() {
    for (name, format, packed) in variants() {
        let error = unpack(format, &packed[..packed.len() / 2]).unwrap_err();
        assert!(matches!(error, DecompressError::Truncated { .. }), "{name}: {error:?}");
    }
}

#[test]
fn bytes_behind_the_end_are_refused() {
    for (name, format, packed) in variants() {
        for garbage in [&b"x"[..], b"\0", b"\0\0\0\0\0", b"\x1f", b"<html>not found</html>", &[7; 5000]] {
            let error = unpack(format, &[&packed[..], garbage].concat()).unwrap_err();
            assert_eq!(error.kind(), Kind::Corrupt, "{name} + {garbage:?}: {error}");
        }
        let error = unpack(format, &[&packed[..], &b"<html>not found</html>"[..]].concat()).unwrap_err();
        let DecompressError::Trailing { offset, len, .. } = error else { panic!("{name}: {error:?}") };
        assert_eq!((offset + len, len >= 22), (packed.len() as u64 + 22, true), "{name}");
    }
}

#[test]
fn a_changed_byte_is_found_or_harmless() {
    let bytes = sample();
    for (name, format, packed) in variants() {
        // Without a check sum some changes go unseen, which is what the maker chose.
        let unchecked = name.contains("no check sum");
        for step in 0..25 {
            let mut changed = packed.clone();
            let at = 1 + step * (packed.len() - 2) / 25;
            changed[at] ^= 0x20;
            match unpack(format, &changed) {
                Ok(unpacked) => assert!(unchecked || unpacked == bytes, "{name}, byte {at}"),
                Err(error) => assert!(matches!(error.kind(), Kind::Corrupt | Kind::Unsupported), "{name}, byte {at}: {error:?}"),
            }
        }
    }
}

#[test]
fn zeroes_become_holes() {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = vec![0; 40 << 20];
    bytes[20 << 20] = 1;
    let packed = made("xz -0 --block-size=4MiB -T2 -c \"$1\"", &bytes);
    let file = tempfile::NamedTempFile::new().unwrap();
    let result = decompress(Format::Xz, &packed, file.as_file(), &Silent, &Stop::default()).unwrap();
    assert_eq!(result.sha256[..], Sha256::digest(&bytes)[..]);
    assert!(fs::read(file.path()).unwrap() == bytes);
    assert!(fs::metadata(file.path()).unwrap().blocks() * 512 <= 64 << 10);
}

#[test]
fn bombs_are_stopped() {
    assert_eq!([1000, u64::MAX, 2 << 20].map(largest_output), [RATIO_FROM, MAX_SIZE, 2_097_152_000]);
    for (script, format) in [
        ("head -c 1100M /dev/zero | xz -0 -T1 -c", Format::Xz),
        ("head -c 1100M /dev/zero | xz -0 -T2 --block-size=8MiB -c", Format::Xz),
        ("head -c 1100M /dev/zero | zstd -q -c", Format::Zstd),
    ] {
        let packed = made(script, b"");
        assert!((packed.len() as u64) < RATIO_FROM / MAX_RATIO, "{script}: {}", packed.len());
        let result = unpack_to_sparse(format, &packed);
        assert!(matches!(result, Err(DecompressError::TooLarge { limit, .. }) if limit == RATIO_FROM), "{script}: {result:?}");
    }
}

#[test]
fn a_bomb_shows_before_its_end() {
    // Behind the zeroes stands enough noise for the ratio of the whole file to be allowed.
    let script = "(head -c 1500M /dev/zero; head -c 3M /dev/urandom) | zstd -q -c";
    let packed = made(script, b"");
    assert!(largest_output(packed.len() as u64) > 1503 << 20);
    let result = unpack_to_sparse(Format::Zstd, &packed);
    assert!(matches!(result, Err(DecompressError::TooLarge { size, .. }) if size < packed.len() as u64), "{result:?}");
}

#[test]
fn padding_of_xz_is_skipped_quickly() {
    let bytes = sample();
    for padding in [4, 12, 65_536, (65 << 20) + 8] {
        let packed = made(&format!("xz --block-size=100000 -T2 -c \"$1\"; head -c {padding} /dev/zero"), &bytes);
        assert!(unpack(Format::Xz, &packed).unwrap() == bytes, "{padding}");
    }
}

/// Counts the bytes that are read, and asks to stop after the first of them.
#[derive(Debug)]
struct Counted {
    bytes: Vec<u8>,
    read: AtomicU64,
    stop: Option<Stop>,
}

impl Storage for Counted {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.stop.iter().for_each(Stop::request);
        self.read.fetch_add(buffer.len() as u64, std::sync::atomic::Ordering::Relaxed);
        self.bytes.read_exact_at(offset, buffer)
    }
}

#[test]
fn the_ends_of_many_streams_are_read_with_little() {
    let bytes = made("xz -c < /dev/null", b"").repeat(10_000);
    for stop in [None, Some(Stop::default())] {
        let storage = Counted { bytes: bytes.clone(), read: AtomicU64::new(0), stop: stop.clone() };
        let (is_stopped, stop, read) = (stop.is_some(), stop.unwrap_or_default(), AtomicU64::new(0));
        let file = tempfile::tempfile().unwrap();
        let mut output = Output::new(&file, "xz", storage.size(), &read, &stop);
        let result = xz::decode(&Input::new(&storage, &stop, &Silent, &read), &mut output, 2, MEMORY);
        assert_eq!(matches!(result, Err(DecompressError::Interrupted)), is_stopped, "{result:?}");
        // Each is 32 bytes, read once for the index and once to decode it.
        let most = if is_stopped { 100 } else { 3 * storage.size() };
        assert!(storage.read.into_inner() <= most, "{is_stopped}");
    }
}

/// As [`unpack_to_file`], without reading back what may be large.
fn unpack_to_sparse(format: Format, packed: &[u8]) -> Result<Decompressed, DecompressError> {
    let file = tempfile::tempfile().unwrap();
    decompress(format, &packed.to_vec(), &file, &Silent, &Stop::default())
}

#[test]
fn a_small_image_may_be_all_but_empty() {
    let packed = made("head -c 64M /dev/zero | zstd -q -19 -c", b"");
    assert!(64 << 20 > MAX_RATIO * packed.len() as u64);
    let result = unpack_to_sparse(Format::Zstd, &packed);
    assert_eq!(result.unwrap().size, 64 << 20);
}

#[test]
fn too_much_memory_is_refused() {
    let bytes = sample();
    let frame = made("head -c 300M /dev/zero | zstd -q --long=28 --zstd=wlog=28 -c", &bytes);
    let error = unpack(Format::Zstd, &frame).unwrap_err();
    assert!(matches!(error, DecompressError::Memory { .. }), "{error:?}");
    assert_eq!(error.kind(), Kind::Unsupported);
    let stream = made("xz --lzma2=dict=300MiB,mode=fast,mf=hc3,nice=4 -c < \"$1\"", &bytes);
    let error = unpack(Format::Xz, &stream).unwrap_err();
    assert!(matches!(error, DecompressError::Memory { .. }), "{error:?}");
}

#[test]
fn zip_archives_of_something_else_are_refused() {
    let bytes = sample();
    let error = |packed: &[u8]| unpack(Format::Zip, packed).unwrap_err();
    let two = python_zip("with zipfile.ZipFile(out, 'w') as z:\n z.writestr('a', 'a')\n z.writestr('b', 'b')", &bytes);
    assert!(matches!(error(&two), DecompressError::Members { files: 2 }));
    let none = python_zip("with zipfile.ZipFile(out, 'w') as z: z.writestr('a/', '')", &bytes);
    assert!(matches!(error(&none), DecompressError::Members { files: 0 }));
    let bzip2 = python_zip("with zipfile.ZipFile(out, 'w', zipfile.ZIP_BZIP2) as z: z.write(sys.argv[1], 'image.img')", &bytes);
    assert!(error(&bzip2).to_string().contains("compression method 12"));
    let secret = made("zip -q -P word - image.img | cat", &bytes);
    assert!(error(&secret).to_string().contains("encryption"));
    let good = python_zip("with zipfile.ZipFile(out, 'w') as z: z.write(sys.argv[1], 'image.img')", &bytes);
    assert_eq!(error(&[b"#!/bin/sh\n", &good[..]].concat()).kind(), Kind::Corrupt);
}

#[test]
fn zip_sizes_that_lie_are_found() {
    let bytes = sample();
    let good = python_zip("with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z: z.write(sys.argv[1], 'image.img')", &bytes);
    let entry = good.windows(4).rposition(|word| word == b"PK\x01\x02").unwrap();
    for (field, delta) in [(24, 1), (24, -1), (20, 1), (20, -1), (16, 1), (42, 1)] {
        let mut lying = good.clone();
        let old = u32::from_le_bytes(lying[entry + field..entry + field + 4].try_into().unwrap());
        lying[entry + field..entry + field + 4].copy_from_slice(&old.wrapping_add_signed(delta).to_le_bytes());
        let error = unpack(Format::Zip, &lying).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "field {field} {delta:+}: {error:?}");
    }
}

#[test]
fn one_thread_and_several_agree() {
    let bytes = sample();
    let packed = made("xz --block-size=65536 -T2 -c \"$1\"", &bytes);
    for (cores, memory) in [(1, MEMORY), (2, MEMORY), (5, MEMORY), (8, 1 << 20), (8, 20 << 20)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stop = Stop::default();
        let read = AtomicU64::new(0);
        let mut output = Output::new(file.as_file(), "xz", packed.len() as u64, &read, &stop);
        // A budget below one dictionary refuses the file; the others differ in the number of threads only.
        let result = xz::decode(&Input::new(&packed, &stop, &Silent, &read), &mut output, cores, memory);
        if memory < 9 << 20 {
            assert!(matches!(result, Err(DecompressError::Memory { .. })), "{result:?}");
        } else {
            result.unwrap();
            output.finish().unwrap();
            assert!(fs::read(file.path()).unwrap() == bytes, "{cores} cores");
        }
    }
}

#[test]
fn a_wish_to_stop_is_heard() {
    let stop = Stop::default();
    stop.request();
    for (name, format, packed) in variants() {
        let file = tempfile::tempfile().unwrap();
        let result = decompress(format, &packed, &file, &Silent, &stop);
        assert!(matches!(result, Err(DecompressError::Interrupted)), "{name}: {result:?}");
    }
}

#[test]
fn a_full_disk_is_an_io_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let packed = made("gzip -c \"$1\"", &sample());
    let result = decompress(Format::Gzip, &packed, &full, &Silent, &Stop::default());
    assert_eq!(result.unwrap_err().kind(), Kind::Io);
}

#[test]
fn progress_counts_the_compressed_bytes() {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };
    struct Count(Arc<AtomicU64>);
    impl crate::progress::Bar for Count {
        fn advance(&self, bytes: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
    }
    impl Progress for Count {
        fn begin(&self, _label: &str, total: Option<u64>) -> Box<dyn crate::progress::Bar> {
            assert!(total.is_some());
            Box::new(Self(Arc::clone(&self.0)))
        }
        fn note(&self, _text: &str) {}
    }
    for (name, format, packed) in variants() {
        let count = Arc::new(AtomicU64::new(0));
        let file = tempfile::tempfile().unwrap();
        decompress(format, &packed, &file, &Count(Arc::clone(&count)), &Stop::default()).unwrap();
        let (seen, all) = (count.load(Ordering::Relaxed), packed.len() as u64);
        assert!(seen <= all && seen * 100 >= all * 95, "{name}: {seen} of {all}");
    }
}

#[test]
fn a_caller_may_allow_less() {
    for (name, format, packed) in variants() {
        let run = |max_size| decompress_at_most(max_size, format, &packed, &tempfile::tempfile().unwrap(), &Silent, &Stop::default());
        let whole = decompress(format, &packed, &tempfile::tempfile().unwrap(), &Silent, &Stop::default()).unwrap();
        assert_eq!(run(whole.size).unwrap(), whole, "{name}");
        assert!(matches!(run(whole.size - 1), Err(DecompressError::TooLarge { limit, .. }) if limit == whole.size - 1), "{name}");
    }
}
