use super::*;
use crate::{
    base::facts::Release,
    disk::Extents,
    repository::testing,
    tree::{Meta, Time},
};

fn facts(architecture: Architecture) -> Facts {
    Facts { architecture, ..testing::facts(Release::Bookworm) }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    let time = Time::from_seconds(0);
    let mut tree = Tree::new(Meta::new(0o755, 0, 0, time));
    for (path, text) in files {
        let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
        tree.make_folder(folder, &Meta::new(0o755, 0, 0, time)).unwrap();
        tree.put_file(path, Meta::new(0o644, 0, 0, time), Extents::bytes(text.as_bytes().to_vec())).unwrap();
    }
    tree
}

fn read(files: &[(&str, &str)], packages: &Packages) -> Result<Setup, SetupError> {
    Setup::read(&tree(files), &facts(Architecture::Arm64), packages)
}

#[test]
fn sources_are_read_in_apt_s_order() {
    let stanza = "Types: deb\nURIs: http://c.example/debian\nSuites: x y\nComponents: main\n";
    let setup = read(
        &[
            ("/etc/apt/sources.list.d/z.list", "deb http://d.example x main\n"),
            ("/etc/apt/sources.list.d/b.sources", stanza),
            ("/etc/apt/sources.list.d/a.list.save", "deb http://never.example x main\n"),
            ("/etc/apt/sources.list", "deb [arch=arm64,armhf] http://b.example x main\ndeb-src http://b.example x main\n"),
            ("/var/lib/dpkg/status", "Package: a\n"),
        ],
        &Packages::default(),
    )
    .unwrap();
    let places: Vec<String> = setup.suites.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["http://b.example x", "http://c.example/debian x", "http://c.example/debian y", "http://d.example x"]);
    assert_eq!((setup.architecture, setup.is_armv6, setup.status.as_str()), ("arm64", false, "Package: a\n"));
    assert!(setup.notes.is_empty(), "{:?}", setup.notes);
}

#[test]
fn what_is_passed_over_is_told() {
    let setup = read(
        &[
            ("/etc/apt/sources.list", "deb cdrom:[Debian]/ x main\ndeb http://a.example x main\n"),
            ("/etc/apt/trusted.gpg.d/broken.gpg", "no key"),
            ("/etc/apt/trusted.gpg.d/README", "no keyring"),
            ("/etc/apt/apt.conf.d/50default", "APT::Default-Release \"stable\";\n"),
            ("/etc/apt/apt.conf.d/60other.bak", "APT::Default-Release \"stable\";\n"),
        ],
        &Packages::default(),
    )
    .unwrap();
    let found = |part: &str| setup.notes.iter().filter(|note| note.contains(part)).count();
    assert_eq!((setup.suites.len(), setup.notes.len()), (1, 3), "{:?}", setup.notes);
    let told = ["/etc/apt/sources.list:1: a source by `cdrom:`", "broken.gpg", "`/etc/apt/apt.conf.d/50default`"];
    assert_eq!(told.map(found), [1, 1, 1], "{:?}", setup.notes);
}

#[test]
fn an_image_without_sources_or_with_wrong_ones_is_told() {
    assert!(matches!(read(&[], &Packages::default()), Err(SetupError::NoSources)));
    let wrong = read(&[("/etc/apt/sources.list", "deb [trusted=yes] http://a.example x main\n")], &Packages::default());
    assert!(matches!(wrong, Err(SetupError::Sources(_))));
    let pins = [("/etc/apt/sources.list", "deb http://a.example x main\n"), ("/etc/apt/preferences.d/a", "Package: *\n")];
    assert!(matches!(read(&pins, &Packages::default()), Err(SetupError::Preferences(_))));
    let extra = ExtraSource {
        uri: "http://b.example".to_owned(),
        suite: "x".to_owned(),
        components: vec!["main".to_owned()],
        key: "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n".to_owned(),
        expired: false,
        armv6: false,
        line: 1,
    };
    let error = read(&[], &Packages { sources: vec![extra], ..Packages::default() }).unwrap_err();
    assert!(matches!(&error, SetupError::Key { uri, .. } if uri == "http://b.example") && error.kind() == Kind::Usage, "{error}");
}

#[test]
fn a_keyring_that_a_source_names_must_be_there() {
    let files =
        [("/etc/apt/sources.list", "deb [signed-by=/usr/share/keyrings/a.gpg] http://a.example x main\ndeb http://b.example x main\n")];
    let setup = read(&files, &Packages::default()).unwrap();
    let said = |number: usize| {
        let error = setup.keys.of(&setup.suites[number]).unwrap_err();
        assert_eq!(error.kind(), Kind::Verification);
        format!("{error}: {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default())
    };
    assert!(said(0).contains("http://a.example x") && said(0).contains("/usr/share/keyrings/a.gpg"), "{}", said(0));
    assert!(said(1).contains("trusted.gpg.d"), "{}", said(1));
}

#[test]
fn only_raspbian_of_32_bits_is_armv6() {
    let files = [("/etc/apt/sources.list", "deb http://a.example x main\n")];
    let setup = |facts: Facts| Setup::read(&tree(&files), &facts, &Packages::default()).unwrap();
    let armhf = setup(facts(Architecture::Armhf));
    assert_eq!((armhf.architecture, armhf.is_armv6), ("armhf", true));
    assert!(!setup(Facts { flavour: Flavour::BerryDebian, ..facts(Architecture::Armhf) }).is_armv6);
}
