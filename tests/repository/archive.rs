//! A Debian archive in memory: packages become indices, indices a `Release`, and that is signed. Each step can be tampered with.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime, macros::format_description};

use crate::{
    kit::{ALICE, HOUR, Made, NOW, Owner, armored},
    package::Package,
};

/// Files by their paths, without a slash in front.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// How an index is packed; its name says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Xz,
}

impl Packing {
    fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
        }
    }

    pub(super) fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => bytes.to_owned(),
            Self::Gzip => through("gzip", &["-n", "-1", "-c"], bytes),
            Self::Xz => through("xz", &["-0", "-c"], bytes),
        }
    }
}

/// What a program makes of these bytes.
fn through(program: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the packer is there");
    let mut input = child.stdin.take().expect("a pipe");
    let result = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(bytes).expect("it takes all"));
        child.wait_with_output().expect("it ends")
    });
    assert!(result.status.success());
    result.stdout
}

/// Where signatures stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signing {
    /// In `InRelease`.
    Inline,
    /// In `Release.gpg`.
    Beside,
}

/// An archive of one suite.
#[derive(Clone)]
pub(super) struct Archive {
    pub(super) packages: Vec<Package>,
    pub(super) suite: &'static str,
    pub(super) codename: &'static str,
    /// The folder below `dists`.
    pub(super) folder: &'static str,
    /// Seconds from now.
    pub(super) date: i64,
    /// Seconds from now.
    pub(super) valid_until: Option<i64>,
    pub(super) by_hash: bool,
    pub(super) components: Vec<&'static str>,
    pub(super) architectures: Vec<&'static str>,
    pub(super) packings: Vec<Packing>,
    /// Packings that the `Release` lists although nobody can have them, as Debian does with the plain one.
    pub(super) listed: Vec<Packing>,
    pub(super) signing: Signing,
    pub(super) owner: &'static Owner,
    pub(super) made: Made,
    /// More fields of the `Release`, whole lines.
    pub(super) fields: String,
}

impl Archive {
    /// A good one, with the package `alpha` that needs `beta`.
    pub(super) fn new() -> Self {
        Self {
            packages: vec![Package::new("alpha", "1.0-1").with("Depends", "beta (>= 2)"), Package::new("beta", "2.0")],
            suite: "stable",
            codename: "bookworm",
            folder: "bookworm",
            date: -2 * HOUR,
            valid_until: Some(72 * HOUR),
            by_hash: true,
            components: vec!["main"],
            architectures: vec!["arm64"],
            packings: vec![Packing::Gzip, Packing::Xz],
            listed: vec![Packing::Plain],
            signing: Signing::Inline,
            owner: &ALICE,
            made: Made::default(),
            fields: String::new(),
        }
    }

    /// The same as it was yesterday, with an older `alpha`.
    pub(super) fn of_yesterday() -> Self {
        let mut archive = Self { date: -24 * HOUR, made: Made { at: -24 * HOUR, ..Made::default() }, ..Self::new() };
        archive.packages[0] = Package::new("alpha", "0.9-1").with("Depends", "beta (>= 2)");
        archive
    }

    /// Where a file of the suite is.
    pub(super) fn path(&self, name: &str) -> String {
        format!("dists/{}/{name}", self.folder)
    }

    /// Where the index of packages is, below the folder of the suite.
    pub(super) fn index_path(packing: Packing) -> String {
        format!("main/binary-arm64/Packages{}", packing.suffix())
    }

    /// The whole archive.
    pub(super) fn files(&self) -> Files {
        self.tampered(|_| {}, |release| release)
    }

    /// With this text for the index of packages.
    pub(super) fn with_index(&self, text: impl AsRef<[u8]>) -> Files {
        self.tampered(
            |indices| {
                for packing in [Packing::Plain, Packing::Gzip, Packing::Xz] {
                    indices.insert(Self::index_path(packing), packing.pack(text.as_ref()));
                }
            },
            |release| release,
        )
    }

    /// With a `Release` that was changed before it was signed.
    pub(super) fn with_release(&self, change: impl FnOnce(String) -> String) -> Files {
        self.tampered(|_| {}, change)
    }

    /// The whole archive, with indices that are changed before they are listed, and a `Release` that is changed before it is signed.
    pub(super) fn tampered(&self, indices: impl FnOnce(&mut Files), release: impl FnOnce(String) -> String) -> Files {
        let mut listed = self.indices();
        indices(&mut listed);
        let text = release(self.release(&listed));
        let mut files: Files = self.packages.iter().map(|package| (package.path(), package.deb.clone())).collect();
        files.extend(self.signed(&text));
        let is_unlisted = |path: &str| {
            let packing =
                [Packing::Xz, Packing::Gzip].into_iter().find(|packing| path.ends_with(packing.suffix())).unwrap_or(Packing::Plain);
            !self.packings.contains(&packing)
        };
        for (path, bytes) in listed.into_iter().filter(|(path, _)| !is_unlisted(path)) {
            if self.by_hash {
                files.insert(self.path(&by_hash(&path, &bytes)), bytes.clone());
            }
            files.insert(self.path(&path), bytes);
        }
        files
    }

    /// The indices, each in all packings, by their paths below the folder of the suite.
    pub(super) fn indices(&self) -> Files {
        let mut files = Files::new();
        for component in &self.components {
            for architecture in &self.architectures {
                let is_in =
                    |package: &&Package| package.component == *component && [architecture, "all"].contains(&package.architecture.as_str());
                let text: String = self.packages.iter().filter(is_in).map(Package::stanza).collect();
                for packing in self.packings.iter().chain(&self.listed) {
                    let path = format!("{component}/binary-{architecture}/Packages{}", packing.suffix());
                    files.insert(path, packing.pack(text.as_bytes()));
                }
            }
        }
        files
    }

    /// The `Release` that lists these files.
    pub(super) fn release(&self, indices: &Files) -> String {
        let Self { suite, codename, fields, .. } = self;
        let mut text = format!("Origin: Test\nLabel: Test\nSuite: {suite}\nCodename: {codename}\nDate: {}\n", date(self.date));
        if let Some(until) = self.valid_until {
            writeln!(text, "Valid-Until: {}", date(until)).unwrap();
        }
        if self.by_hash {
            text.push_str("Acquire-By-Hash: yes\n");
        }
        writeln!(text, "Architectures: {}\nComponents: {}\n{fields}SHA256:", self.architectures.join(" "), self.components.join(" "))
            .unwrap();
        for (path, bytes) in indices {
            writeln!(text, " {} {:>8} {path}", hex(bytes), bytes.len()).unwrap();
        }
        text
    }

    /// The files that make a `Release` trusted.
    pub(super) fn signed(&self, text: &str) -> Files {
        match self.signing {
            Signing::Inline => [(self.path("InRelease"), self.owner.inline(text, self.made).into_bytes())].into(),
            Signing::Beside => {
                let made = Made { kind: pgp::packet::SignatureType::Binary, ..self.made };
                let signature = armored("SIGNATURE", &self.owner.sign(text.as_bytes(), made));
                [(self.path("Release"), text.to_owned().into_bytes()), (self.path("Release.gpg"), signature.into_bytes())].into()
            }
        }
    }

    /// The signed message of an archive's files, as text.
    pub(super) fn message(&self, files: &Files) -> String {
        String::from_utf8(files[&self.path("InRelease")].clone()).expect("it is text")
    }

    /// The archive, with its signed message changed afterwards.
    pub(super) fn with_message(&self, change: impl FnOnce(String) -> String) -> Files {
        let mut files = self.files();
        let message = change(self.message(&files));
        files.insert(self.path("InRelease"), message.into_bytes());
        files
    }
}

/// Where a file is by its digest.
pub(super) fn by_hash(path: &str, bytes: &[u8]) -> String {
    let (folder, _) = path.rsplit_once('/').expect("it is in a folder");
    format!("{folder}/by-hash/SHA256/{}", hex(bytes))
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A date as archives write it, in seconds from now.
pub(super) fn date(from_now: i64) -> String {
    let form = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] UTC");
    let time: OffsetDateTime = *NOW + Duration::seconds(from_now);
    time.format(&form).expect("it can be written")
}
