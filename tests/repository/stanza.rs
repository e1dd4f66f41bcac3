//! Indices that are signed and listed, with packages in them that no archive has.

use crate::{
    archive::{Archive, Files},
    attack::{Attack, all_fail},
    bench::Bench,
    package::Package,
    site::Site,
};

/// An archive whose `alpha` has another value for a field.
fn alpha(field: &str, value: &str) -> Files {
    archive(vec![Package::new("alpha", "1.0-1").with(field, value)])
}

fn archive(packages: Vec<Package>) -> Files {
    let text: String = packages.iter().map(Package::stanza).collect();
    let mut files = Archive::new().with_index(text);
    files.extend(packages.iter().map(|package| (package.path(), package.deb.clone())));
    files
}

#[test]
fn fields_that_lie() {
    let huge = "9".repeat(40);
    let cases = [
        ("Filename that leads out", "Filename", "pool/../../../../etc/passwd"),
        ("absolute Filename", "Filename", "/etc/passwd"),
        ("Filename with an escape sequence", "Filename", "pool/\u{1b}]0;x\u{7}/a.deb"),
        ("Filename with a blank", "Filename", "pool/main/a b.deb"),
        ("Filename that is an address", "Filename", "http://example.org/a.deb"),
        ("negative Size", "Size", "-1"),
        ("Size that is none", "Size", "twelve"),
        ("Size with a sign", "Size", "+12"),
        ("Size of 10^40", "Size", &huge),
        ("Size of 2^63", "Size", "9223372036854775808"),
        ("no Size", "Size", ""),
        ("no SHA256", "SHA256", ""),
        ("SHA256 cut off", "SHA256", "abcdef"),
        ("Package with a slash", "Package", "../alpha"),
        ("Package with an escape sequence", "Package", "al\u{1b}[2Jpha"),
        ("Version with invalid characters", "Version", "1.0_1;rm"),
        ("Version with an escape sequence", "Version", "1.0\u{1b}[2J"),
        ("Version with a slash", "Version", "1/../../x"),
        ("empty Version", "Version", ""),
        ("Version with a huge epoch", "Version", "99999999999999999999:1"),
        ("Architecture that is a path", "Architecture", "../../x"),
        ("Depends that is none", "Depends", "beta (>= "),
    ];
    let mut attacks: Vec<_> = cases.iter().map(|(name, field, value)| Attack::new(name, field, alpha(field, value))).collect();
    for (name, path) in [("backslashes", "pool\\..\\..\\x.deb"), ("a query", "pool/x.deb?a=b"), ("a fragment", "pool/x.deb#c")] {
        let words = "the path of the package `alpha` does not lead below an archive";
        attacks.push(Attack::new(&format!("Filename with {name}"), words, alpha("Filename", path)));
    }
    all_fail(&attacks);
}

#[test]
fn texts_that_are_no_index() {
    let good = Package::new("alpha", "1.0-1").stanza();
    let with = |bytes: &[u8]| Archive::new().with_index([good.as_bytes(), bytes].concat());
    let one = Package::new("alpha", "1.0-1");
    let other = one.clone().with("SHA256", &crate::archive::hex(b"evil"));
    all_fail(&[
        Attack::new("not UTF-8", "UTF-8", with(b"Package: beta\xff\xfe\n")),
        Attack::new("a zero byte", "", with(b"Package: be\0ta\nVersion: 1\nArchitecture: arm64\n")),
        Attack::new("a line without a colon", "no colon", with(b"Package: beta\nevil\n")),
        Attack::new("a field twice", "stands twice", with(b"Package: beta\nPackage: gamma\n")),
        Attack::new("a web page", "Packages", Archive::new().with_index("<html><body>Please log in</body></html>\n")),
        Attack::new("the same version with two digests", "alpha", archive(vec![one, other])),
    ]);
}

/// Numbers that are possible one by one, and not together: refused, or counted without a panic.
#[test]
fn sums_that_overflow() {
    if !crate::support::is_root() {
        return;
    }
    let most = u64::MAX.to_string();
    let cases =
        [("Size", most.as_str()), ("Size", "9223372036854775808"), ("Installed-Size", &most), ("Installed-Size", "9223372036854775807")];
    for (field, value) in cases {
        let (alpha, beta) =
            (Package::new("alpha", "1").with("Depends", "beta").with(field, value), Package::new("beta", "1").with(field, value));
        let (bench, site) = (Bench::new(), Site::new(archive(vec![alpha, beta])));
        bench.wants(&["alpha"], &site, "");
        for options in [&[][..], &["--json"], &["--update"]] {
            let said = bench.lock(options);
            assert!(matches!(said.code, Some(0 | 3)) && !said.text.contains("panicked"), "{field}: {value}: {said:?}");
        }
    }
}
