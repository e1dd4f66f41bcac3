use time::macros::datetime;

use super::*;
use crate::{
    debian::sources,
    error::{Classified as _, Kind},
};

const NOW: OffsetDateTime = datetime!(2026-11-21 12:00 UTC);

/// A `Release` of today with more lines, and a table of one file.
fn text(more: &str) -> String {
    let digest = "ab".repeat(32);
    format!(
        "Suite: stable-security\nCodename: trixie-security\nDate: Fri, 20 Nov 2026 00:12:41 UTC\n{more}SHA256:\n {digest} 12 main/a/Packages\n"
    )
}

fn read(text: &str) -> Result<Release, ReleaseError> {
    Release::read(text.as_bytes())
}

fn source(suite: &str, options: &str) -> sources::Source {
    let components = if suite.ends_with('/') { "" } else { "main" };
    sources::read("a.list", &format!("deb {options} http://example.org/debian {suite} {components}\n")).unwrap().remove(0)
}

#[test]
fn it_is_read() {
    let more = "Origin: Debian\nLabel: Debian-Security\nValid-Until: Fri, 27 Nov 2026 00:12:41 UTC\nAcquire-By-Hash: yes\n\
        Architectures: arm64 armhf\nComponents: updates/main updates/contrib\nMD5Sum:\n 00 1 x\n";
    let release = read(&text(more)).unwrap();
    assert_eq!((release.origin.as_deref(), release.label.as_deref()), (Some("Debian"), Some("Debian-Security")));
    assert_eq!((release.suite.as_deref(), release.codename.as_deref()), (Some("stable-security"), Some("trixie-security")));
    assert_eq!((release.date, release.valid_until), (datetime!(2026-11-20 00:12:41 UTC), Some(datetime!(2026-11-27 00:12:41 UTC))));
    assert!(release.by_hash);
    assert_eq!(
        (release.architectures, release.components),
        (["arm64", "armhf"].map(str::to_owned).into(), ["main", "contrib"].map(str::to_owned).into())
    );
    let both = read(&text(&format!("SHA512:\n {} 12 ./main/a/Packages\n {} 3 only\n", "cd".repeat(64), "EF".repeat(64)))).unwrap();
    assert_eq!(both.files().count(), 2);
    let file = both.file("main/a/Packages").unwrap();
    assert_eq!(file, &Indexed { size: 12, sha256: Some([0xab; 32]), sha512: Some([0xcd; 64]) });
    assert_eq!(file.by_hash("main/a/Packages"), format!("main/a/by-hash/SHA256/{}", "ab".repeat(32)));
    assert_eq!(both.file("only").unwrap().by_hash("only"), format!("by-hash/SHA512/{}", "ef".repeat(64)));
    assert!(both.file("main/b/Packages").is_none());
}

#[test]
fn what_is_no_release_is_refused_by_name() {
    let good = text("");
    let row = |row: &str| format!("{good} {row}\n");
    let (one, other) = ("ab".repeat(32), "cd".repeat(32));
    let many: String = (0..MAX_FILES).map(|number| format!(" {one} 1 p{number}\n")).collect();
    let cases = [
        (String::new(), "it is empty"),
        ("x\n".to_owned(), "no colon"),
        (format!("{good}\nSuite: other\n"), "more than one stanza"),
        (good.replace("Date:", "Dated:"), "no `Date`"),
        (good.replace("UTC", "CET"), "is no date in UTC"),
        (text("Valid-Until: tomorrow\n"), "`Valid-Until: tomorrow` is no date"),
        (text("").split("SHA256").next().unwrap().to_owned(), "lists no files"),
        (good.replace("SHA256:", "MD5Sum:"), "by `MD5Sum` only, which is too weak"),
        (good.replace("SHA256:", "SHA1:"), "by `SHA1` only, which is too weak"),
        (good.replace("SHA256:", "SHA256:\nSHA1:"), "too weak"),
        (row(&format!("{one} 13 main/a/Packages")), "twice, and not the same"),
        (row(&format!("{other} 12 main/a/Packages")), "twice, and not the same"),
        (text(&format!("SHA512:\n {} 13 main/a/Packages\n", "cd".repeat(64))), "twice, and not the same"),
        (row(&format!("{one} 1 /etc/passwd")), "leads out of the archive"),
        (row(&format!("{one} 1 main/../../x")), "leads out of the archive"),
        (row(&format!("{one} 1 ..")), "leads out of the archive"),
        (row(&format!("{one} 1 a//b")), "leads out of the archive"),
        (row(&format!("{one} 1 a\\b")), "leads out of the archive"),
        (row(&format!("{one} 1 a\u{1b}b")), "leads out of the archive"),
        (row(&format!("{one} 1 a\u{9b}b")), "leads out of the archive"),
        (row(&format!("{one} -1 a")), "no number of bytes"),
        (row(&format!("{one} +1 a")), "no number of bytes"),
        (row(&format!("{one} 99999999999999999999 a")), "no number of bytes"),
        (row(&format!("{} 1 a", &one[1..])), "the digest has another form"),
        (row(&format!("{}g 1 a", &one[1..])), "the digest has another form"),
        (row(&format!("{one} 1")), "not digest, size and path"),
        (row(&format!("{one} 1 a b")), "not digest, size and path"),
        (format!("{good}{many}"), "more than 200000 files"),
    ];
    for (text, words) in cases {
        let error = read(&text).unwrap_err();
        assert!(error.to_string().contains(words), "{error}, expected {words}");
        assert!(error.kind() == Kind::Verification && !error.to_string().contains(char::is_control), "{error:?}");
    }
    assert!(read(&row(&format!("{one} 12 main/a/Packages"))).is_ok(), "the same twice is no contradiction");
    assert!(Release::read(b"Suite: \xff\n").unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn it_must_be_of_the_suite_that_was_asked_for() {
    let release = read(&text("")).unwrap();
    let check = |suite: &str| release.check(&source(suite, ""), NOW, Expiry::Refused);
    for suite in ["stable-security", "trixie-security", "trixie-security/updates", "./", "flat/"] {
        assert_eq!(check(suite), Ok(None), "{suite}");
    }
    for suite in ["stable", "trixie", "bookworm-security", "trixie-security-x", "x/trixie-security"] {
        let error = check(suite).unwrap_err().to_string();
        assert_eq!(error, format!("it is of `stable-security` (`trixie-security`), expected `{suite}`"));
    }
    let nameless = text("").replace("Suite: ", "X: ").replace("Codename: ", "Y: ");
    let error = read(&nameless).unwrap().check(&source("trixie", ""), NOW, Expiry::Refused).unwrap_err();
    assert_eq!(error.to_string(), "it is of no named suite, expected `trixie`");
}

#[test]
fn it_must_be_of_today() {
    let until = datetime!(2026-11-21 11:59:59 UTC);
    let expired = read(&text("Valid-Until: Sat, 21 Nov 2026 11:59:59 UTC\n")).unwrap();
    let plain = source("stable-security", "");
    let error = expired.check(&plain, NOW, Expiry::Refused).unwrap_err();
    assert_eq!(error.to_string(), "it was valid until 2026-11-21 11:59:59 UTC");
    assert!(error.hint().unwrap().contains("Check-Valid-Until: no") && error.kind() == Kind::Verification);
    assert_eq!(expired.check(&plain, NOW, Expiry::Allowed), Ok(Some(until)));
    assert_eq!(expired.check(&source("stable-security", "[check-valid-until=no]"), NOW, Expiry::Refused), Ok(Some(until)));
    assert!(expired.check(&source("stable-security", "[check-valid-until=yes]"), NOW, Expiry::Refused).is_err());
    assert_eq!(expired.check(&plain, datetime!(2026-11-21 11:59:58 UTC), Expiry::Refused), Ok(None));
    let release = read(&text("")).unwrap();
    assert_eq!(release.check(&plain, datetime!(2026-11-19 00:12:41 UTC), Expiry::Refused), Ok(None), "clocks are not that good");
    let error = release.check(&plain, datetime!(2026-11-19 00:12:40 UTC), Expiry::Allowed).unwrap_err();
    assert!(error.to_string().contains("2026-11-20 00:12:41 UTC, which is in the future"), "{error}");
    assert!(release.is_rollback(datetime!(2026-11-20 00:12:42 UTC)) && !release.is_rollback(datetime!(2026-11-20 00:12:41 UTC)));
}

#[test]
fn dates_are_read() {
    let expected = Some(datetime!(2026-07-04 09:05:07 UTC));
    for text in ["Sat, 04 Jul 2026 09:05:07 UTC", "Sat,  4 Jul 2026 9:05:07 GMT", "Sat, 4 Jul 2026 09:05:07 +0000"] {
        assert_eq!(date::read(text), expected, "{text}");
    }
    let wrong = [
        "",
        "2026-07-04",
        "Sat, 31 Feb 2026 00:00:00 UTC",
        "Sat, 4 Jul 2026 24:00:00 UTC",
        "Sat, 4 Jul 2026 00:00 UTC",
        "Sat 4 Jul 2026 00:00:00 UTC",
        "Xyz, 4 Jul 2026 00:00:00 UTC",
        "Sat, 4 Jul 26 00:00:00 UTC",
        "Sat, 4 Jul 2026 00:00:00 +0100",
        "Sat, +4 Jul 2026 00:00:00 UTC",
        "Sat, 4 Jul 2026 00:00:00 UTC x",
        "Sat, 4 Jul 2026 00:00:999 UTC",
    ];
    for text in wrong {
        assert_eq!(date::read(text), None, "{text}");
    }
}
