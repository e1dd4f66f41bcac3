use std::process::Command;

use super::*;
use crate::progress::Silent;

struct Place {
    folder: tempfile::TempDir,
    cache: Cache,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(&folder.path().join("cache")).unwrap();
        Self { folder, cache }
    }

    /// A file with this content, old enough to be remembered.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert!(Command::new("touch").args(["-d", "2024-01-02 03:04:05"]).arg(&path).status().unwrap().success());
        path
    }

    fn obtain(&self, path: &Path, sha256: Option<[u8; 32]>) -> Result<RawImage, BaseError> {
        let reference = BaseReference::File { path: path.to_owned(), sha256 };
        obtain(&reference, &self.cache, true, &Silent, &Stop::default())
    }

    fn is_at_hand(&self, path: &Path) -> bool {
        is_at_hand(&BaseReference::File { path: path.to_owned(), sha256: None }, &self.cache).unwrap()
    }

    fn images(&self) -> usize {
        fs::read_dir(self.cache.root().join("images")).unwrap().count()
    }
}

fn image() -> Vec<u8> {
    let mut bytes = vec![0; 100_000];
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes[99_999] = 7;
    bytes
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), bytes).unwrap();
    let output = Command::new("xz").arg("-c").arg(folder.path().join("x")).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn a_raw_image_is_used_where_it_is() {
    let place = Place::new();
    let path = place.file("raspios.img", &image());
    assert!(place.is_at_hand(&path));
    let raw = place.obtain(&path, None).unwrap();
    assert_eq!((raw.storage.path(), raw.name.as_str(), place.images()), (path.as_path(), "raspios.img", 0));
}

#[test]
fn a_compressed_image_is_decompressed_once() {
    let place = Place::new();
    // The name says nothing.
    let path = place.file("raspios.img", &compressed(&image()));
    assert!(!place.is_at_hand(&path));
    let raw = place.obtain(&path, None).unwrap();
    let mut bytes = vec![0; 100_000];
    raw.storage.read_exact_at(0, &mut bytes).unwrap();
    assert!(bytes == image() && raw.storage.size() == 100_000);
    assert!(place.is_at_hand(&path));
    let again = place.obtain(&path, Some(raw.sha256)).unwrap();
    assert_eq!((again.storage.path(), place.images()), (raw.storage.path(), 2));
    // The same content under another name is the same image.
    place.obtain(&place.file("other.xz", &compressed(&image())), None).unwrap();
    assert_eq!(place.images(), 2);
    // Another content under the same name is not.
    let mut other = image();
    other[5] = 1;
    place.obtain(&place.file("raspios.img", &compressed(&other)), None).unwrap();
    assert_eq!(place.images(), 4);
}

#[test]
fn another_file_than_the_pinned_one_is_refused() {
    let place = Place::new();
    for bytes in [image(), compressed(&image())] {
        let error = place.obtain(&place.file("image", &bytes), Some([1; 32])).unwrap_err();
        assert_eq!((error.kind(), error.kind().exit_code()), (Kind::Verification, 3));
        assert!(error.to_string().contains(&"01".repeat(32)), "{error}");
    }
    assert_eq!(place.images(), 0);
}

/// Overwrites a file as soon as something with this label begins, and sets its time back.
struct Meddler<'a>(&'a Path, &'static str);

impl Progress for Meddler<'_> {
    fn begin(&self, label: &str, _total: Option<u64>) -> Box<dyn crate::progress::Bar> {
        use std::os::unix::fs::FileExt as _;
        if label.starts_with(self.1) {
            let file = fs::File::options().read(true).write(true).open(self.0).unwrap();
            let time = file.metadata().unwrap().modified().unwrap();
            let mut first = [0];
            file.read_exact_at(&mut first, 0).unwrap();
            file.write_all_at(&first, 0).unwrap();
            file.set_modified(time).unwrap();
        }
        Box::new(Silent)
    }
    fn note(&self, _text: &str) {}
}

#[test]
fn a_file_that_changes_meanwhile_is_refused() {
    for (bytes, label) in [(image(), "reading"), (compressed(&image()), "reading"), (compressed(&image()), "decompressing")] {
        let place = Place::new();
        let path = place.file("image", &bytes);
        let reference = BaseReference::File { path: path.clone(), sha256: None };
        let error = obtain(&reference, &place.cache, true, &Meddler(&path, label), &Stop::default()).unwrap_err();
        assert!(error.to_string().ends_with("was changed while it was read"), "{label}: {error}");
        assert_eq!((error.kind(), place.images()), (Kind::Io, 0));
    }
}

#[test]
fn what_is_no_image_is_named() {
    let place = Place::new();
    let error = |bytes: &[u8]| place.obtain(&place.file("x.img", bytes), None).unwrap_err();
    assert!(error(b"<html>").to_string().contains("is a web page, expected a disk image"));
    assert!(error(&[0; 4096]).to_string().contains("nothing that is known here"));
    assert!(error(&compressed(&compressed(&image()))).to_string().contains("a xz file inside another"));
    assert!(error(&compressed(&[1; 4096])).to_string().contains("a compressed file of something"));
    let packed = compressed(&image());
    let cut = error(&packed[..packed.len() - 9]);
    assert_eq!(cut.kind(), Kind::Corrupt);
    assert!(matches!(place.obtain(place.folder.path(), None), Err(BaseError::Open { .. })));
    assert!(matches!(place.obtain(&place.folder.path().join("none"), None), Err(BaseError::Open { .. })));
    assert!(place.is_at_hand(&place.folder.path().join("none")), "to fail is quick");
    assert_eq!((place.images(), fs::read_dir(place.cache.root().join("temps")).unwrap().count()), (0, 0));
}

#[test]
fn what_needs_the_network_is_refused_offline() {
    let place = Place::new();
    let get = |reference: &BaseReference| obtain(reference, &place.cache, true, &Silent, &Stop::default()).unwrap_err();
    let debian = BaseReference::Debian { suite: "bookworm".to_owned() };
    assert!(matches!(get(&debian), BaseError::Offline { .. }));
    assert!(!is_at_hand(&debian, &place.cache).unwrap());
    let error = get(&BaseReference::Debian { suite: "sid".to_owned() });
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().contains("`debian:sid` is not supported; supported: debian:bookworm, debian:trixie"), "{error}");
    let url = BaseReference::Url { url: "https://images.example/raspios.img.xz?token=canary".to_owned(), sha256: [0; 32] };
    let error = get(&url);
    assert!(error.hint().unwrap().contains("give its path"));
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().contains("`https://images.example/raspios.img.xz` is not in the cache"), "{error}");
    assert!(!is_at_hand(&url, &place.cache).unwrap());
}

#[test]
fn what_is_in_the_cache_by_path_is_there_by_address() {
    let place = Place::new();
    let image = place.obtain(&place.file("raspios.img.xz", &compressed(&image())), None).unwrap();
    let url = BaseReference::Url { url: "https://images.example/other.img.xz".to_owned(), sha256: image.sha256 };
    assert!(is_at_hand(&url, &place.cache).unwrap());
    let same = obtain(&url, &place.cache, true, &Silent, &Stop::default()).unwrap();
    assert_eq!((same.storage.path(), same.name.as_str()), (image.storage.path(), "other.img.xz"));
}
