//! Archives made to fill memory or time: signed and listed, and each dealt with within 5 seconds of processor time and 300 MiB.

use std::fmt::Write as _;

use crate::{
    archive::{Archive, Files, Packing, hex},
    bench::{Bench, may_change},
    package::Package,
    site::Site,
};

/// What a case may take: private memory of the process in bytes, and processor time in seconds.
const MEMORY: u64 = 300 << 20;
const SECONDS: u64 = 5;

fn only_xz() -> Archive {
    Archive { packings: vec![Packing::Xz], listed: vec![], ..Archive::new() }
}

/// An archive whose index in .xz is these bytes; more lines follow in its `Release`.
fn packed(bytes: &[u8], lines: &str) -> Files {
    only_xz().tampered(|files| drop(files.insert(Archive::index_path(Packing::Xz), bytes.to_owned())), |text| text + lines)
}

/// An archive with this text as index.
fn text(text: &str) -> Files {
    packed(&Packing::Xz.pack(text.as_bytes()), "")
}

/// Collects what is wrong, so that one run shows all of it.
#[derive(Default)]
struct Bombs {
    wrong: Vec<String>,
}

impl Bombs {
    /// Locks `alpha` within the limits. It must end with one of these codes, and change nothing unless it succeeds.
    fn ends(&mut self, name: &str, files: Files, codes: &[i32], words: &str) {
        if !crate::support::is_root() {
            return;
        }
        let (bench, site) = (Bench::new(), Site::new(files));
        bench.wants(&["alpha"], &site, "");
        let before = bench.state();
        let said = bench.lock_within(MEMORY, SECONDS, &[]);
        let text: String = said.text.chars().take(500).collect();
        let mut must = |is_right: bool, what: String| {
            if !is_right {
                self.wrong.push(format!("{name}: {what}: {text}"));
            }
        };
        must(said.code.is_some_and(|code| codes.contains(&code)), format!("{:?}, expected {codes:?}", said.code));
        must(said.text.len() < 20_000, format!("a message of {} bytes", said.text.len()));
        must(said.text.contains(words), format!("it does not say `{words}`"));
        must(said.took.0 * 1024.0 <= MEMORY as f64, format!("{} KiB", said.took.0));
        must(said.took.1 <= SECONDS as f64, format!("{} s", said.took.1));
        let after = bench.state();
        let differs = |name: &&String| before.get(*name) != after.get(*name) && !may_change(said.code.unwrap_or_default(), name);
        let changed = before.keys().chain(after.keys()).find(differs);
        must(said.code == Some(0) || changed.is_none(), format!("{changed:?} changed"));
    }
}

impl Drop for Bombs {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.wrong.is_empty(), "{} wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
        }
    }
}

#[test]
fn two_gibibytes_of_zeroes() {
    let mut bombs = Bombs::default();
    let piece = Packing::Xz.pack(&vec![0; 256 << 20]);
    let bomb = piece.repeat(8);
    let plain = |size: u64| format!(" {} {size} {}\n", hex(b""), Archive::index_path(Packing::Plain));
    bombs.ends("without a size", packed(&bomb, ""), &[3], "Packages");
    bombs.ends("with its size", packed(&bomb, &plain(2 << 30)), &[3], "Packages");
    bombs.ends("with a small size", packed(&bomb, &plain(5000)), &[3], "Packages");
    let gzip = Packing::Gzip.pack(&vec![0; 256 << 20]).repeat(8);
    let archive = Archive { packings: vec![Packing::Gzip], ..only_xz() };
    let files = archive.tampered(|files| drop(files.insert(Archive::index_path(Packing::Gzip), gzip)), |text| text);
    bombs.ends("gzip", files, &[3], "Packages");
}

#[test]
fn ten_million_stanzas() {
    let mut bombs = Bombs::default();
    let alpha = Package::new("alpha", "1").stanza();
    let stanza = "Package: a\nVersion: 1\nArchitecture: all\n\n";
    let piece = Packing::Xz.pack(stanza.repeat(1_000_000).as_bytes());
    bombs.ends("the same", packed(&[Packing::Xz.pack(alpha.as_bytes()), piece.repeat(10)].concat(), ""), &[3], "Packages");
    let mut many = alpha;
    for number in 0..400_000 {
        write!(many, "Package: a{number}\nVersion: 1\nArchitecture: all\n\n").unwrap();
    }
    bombs.ends("400,000 names", text(&many), &[0, 3], "");
}

#[test]
fn large_fields() {
    let mut bombs = Bombs::default();
    let alpha = Package::new("alpha", "1");
    let with = |name: &str, value: String| text(&alpha.clone().with(name, &value).stanza());
    bombs.ends("a field of 64 MiB", with("X", "x".repeat(64 << 20)), &[0, 3], "");
    bombs.ends("a name of 8 MiB", with("Package", "a".repeat(8 << 20)), &[2, 3], "");
    bombs.ends("a version of 8 MiB", with("Version", "1".repeat(8 << 20)), &[0, 3], "");
    bombs.ends("a path of 8 MiB", with("Filename", "a".repeat(8 << 20)), &[0, 3], "");
    bombs.ends("a wrong path of 8 MiB", with("Filename", "/".repeat(8 << 20)), &[3], "Filename");
    bombs.ends("a description of a million lines", with("Description", "x\n x".repeat(1_000_000)), &[0, 3], "");
    bombs.ends("a million alternatives", with("Depends", vec!["a"; 1_000_000].join(" | ")), &[2, 3], "");
    bombs.ends("a million dependencies", with("Depends", vec!["alpha"; 1_000_000].join(", ")), &[0, 2, 3], "");
    bombs.ends("a million names provided", with("Provides", vec!["a"; 1_000_000].join(", ")), &[0, 3], "");
}

/// Each field must not be looked for among all that came before.
#[test]
fn many_fields() {
    let mut bombs = Bombs::default();
    let fields: String = (0..300_000).fold(String::new(), |text, number| text + &format!("X{number}: y\n"));
    let stanza = Package::new("alpha", "1").stanza();
    bombs.ends("a stanza of 300,000 fields", text(&format!("{}\n{fields}", stanza.trim_end())), &[0, 3], "");
    let archive = Archive { fields, ..Archive::new() };
    bombs.ends("a Release of 300,000 fields", archive.files(), &[0, 3], "");
}

#[test]
fn packages_that_need_each_other_without_end() {
    let mut bombs = Bombs::default();
    let package = |number: usize, depends: &str| format!("{}{depends}\n\n", Package::new(&format!("p{number}"), "1").stanza().trim_end());
    let chain = |count: usize, last: &str| {
        let mut all = Package::new("alpha", "1").with("Depends", "p0").stanza();
        for number in 0..count {
            let next = if number + 1 == count { last.to_owned() } else { format!("\nDepends: p{}", number + 1) };
            all.push_str(&package(number, &next));
        }
        text(&all)
    };
    bombs.ends("a chain of 20,000", chain(20_000, ""), &[0, 2, 3], "");
    bombs.ends("a chain of 20,000 without an end", chain(20_000, "\nDepends: nowhere"), &[2, 3], "");
    bombs.ends("a circle of 20,000", chain(20_000, "\nDepends: p0"), &[0, 2, 3], "");
    // Each of 300 needs any of all.
    let any: Vec<_> = (0..300).map(|number| format!("p{number}")).collect();
    let mut all = Package::new("alpha", "1").with("Depends", &any.join(" | ")).stanza();
    for number in 0..300 {
        all.push_str(&package(number, &format!("\nDepends: {}\nConflicts: p{}", any.join(" | "), (number + 1) % 300)));
    }
    bombs.ends("300 of which each needs any and conflicts with one", text(&all), &[0, 2, 3], "");
    let mut all = Package::new("alpha", "1").with("Depends", "v").stanza();
    for number in 0..20_000 {
        all.push_str(&package(number, "\nProvides: v\nDepends: v, w"));
    }
    bombs.ends("20,000 that provide the same", text(&all), &[0, 2, 3], "");
    let versions = (0..100_000).fold(String::new(), |all, number| all + &Package::new("alpha", &format!("1.{number}")).stanza());
    bombs.ends("100,000 versions", text(&versions), &[0, 2, 3], "");
}
