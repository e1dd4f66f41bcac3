use super::*;

fn one(file: &str, text: &str) -> Source {
    let mut sources = read(file, text).unwrap();
    assert_eq!(sources.len(), 1, "{text}");
    sources.remove(0)
}

#[test]
fn lines_are_read() {
    let text = "# comment\n\ndeb-src http://example.org/debian bookworm main\n\
        deb [ arch=armhf,arm64 signed-by=/usr/share/keyrings/a.gpg,/b.asc check-valid-until=no lang=none ] http://example.org/raspbian/ bookworm main contrib # end\n";
    let source = one("/etc/apt/sources.list", text);
    assert_eq!((source.uri.as_str(), source.suite.as_str()), ("http://example.org/raspbian", "bookworm"));
    assert_eq!(source.components, ["main", "contrib"]);
    assert_eq!(source.architectures.only.unwrap(), ["armhf", "arm64"]);
    assert_eq!(source.signed_by, ["/usr/share/keyrings/a.gpg", "/b.asc"].map(|path| SignedBy::Keyring(path.to_owned())));
    assert_eq!((source.check_valid_until, source.by_hash), (Some(false), None));
    assert_eq!(source.origin, Origin { file: "/etc/apt/sources.list".to_owned(), line: 4 });
    let flat = one("x.list", "deb\thttps://example.org/flat ./");
    assert_eq!((flat.suite.as_str(), flat.components.len()), ("./", 0));
    assert!(read("x.list", "#deb a b c\n").unwrap().is_empty());
}

#[test]
fn stanzas_are_read() {
    let text = "Types: deb deb-src\nURIs: http://example.org/debian/ https://example.com/debian\nSuites: trixie trixie-updates\n\
        Components: main\n contrib\nSigned-By: /usr/share/keyrings/debian-archive-keyring.pgp\nArchitectures: arm64\n\n\
        # off\nTypes: deb\nURIs: x\nSuites: y\nEnabled: no\n\nTypes: deb-src\nURIs: http://x\nSuites: y\nComponents: main\n";
    let sources = read("debian.sources", text).unwrap();
    let found: Vec<_> = sources.iter().map(|source| (source.uri.as_str(), source.suite.as_str())).collect();
    let (one, other) = ("http://example.org/debian", "https://example.com/debian");
    assert_eq!(found, [(one, "trixie"), (one, "trixie-updates"), (other, "trixie"), (other, "trixie-updates")]);
    assert!(sources.iter().all(|source| source.components == ["main", "contrib"] && source.origin.line == 1));
    let key = "Types: deb\nURIs: http://x\nSuites: y/\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINB\n =abcd\n -----END PGP PUBLIC KEY BLOCK-----\n";
    let expected = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINB\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";
    assert_eq!(super::read("a.sources", key).unwrap()[0].signed_by, [SignedBy::Inline(expected.to_owned())]);
    let print = "0123456789abcdef0123456789abcdef01234567";
    let bound = format!("Types: deb\nURIs: http://x\nSuites: y\nComponents: z\nSigned-By: {print}! {print}");
    let fingerprint = |is_exact| SignedBy::Fingerprint { digits: print.to_ascii_uppercase(), is_exact };
    assert_eq!(super::read("a.sources", &bound).unwrap()[0].signed_by, [fingerprint(true), fingerprint(false)]);
}

#[test]
fn what_is_no_source_is_told_with_its_line() {
    let lines = [
        ("rpm http://x y z", "begins with `deb`"),
        ("deb", "an address and a suite"),
        ("deb http://x", "an address and a suite"),
        ("deb [arch=arm64 http://x y z", "not closed"),
        ("deb [arch] http://x y z", "has no value"),
        ("deb [arch=../x] http://x y z", "no architecture"),
        ("deb x y z", "no scheme"),
        ("deb http://x y", "without components"),
        ("deb http://x y/ z", "no components"),
        ("deb http://x ../y z", "not allowed"),
        ("deb [signed-by=keyring.gpg] http://x y z", "absolute path"),
        ("deb [trusted=yes] http://x y z", "switches off"),
        ("deb [allow-insecure=maybe] http://x y z", "neither yes nor no"),
    ];
    for (line, words) in lines {
        let error = read("a.list", &format!("\n{line}\n")).unwrap_err();
        assert!(error.origin.line == 2 && error.reason.contains(words), "{line}: {error}");
    }
    assert_eq!(read("a.list", "deb [trusted=no] http://x y z").unwrap().len(), 1);
    let stanzas = [
        ("URIs: http://x\nSuites: y\nComponents: z", "`Types`"),
        ("Types: rpm\nURIs: http://x\nSuites: y\nComponents: z", "`Types`"),
        ("Types: deb\nSuites: y\nComponents: z", "are needed"),
        ("Types: deb\nURIs: http://x\nSuites: y", "without components"),
        ("Types: deb\nURIs: http://x\nSuites: y\nComponents: z\nTrusted: yes", "switches off"),
        ("Types: deb\nURIs: http://x\nSuites: y\nComponents: z\nEnabled: x", "neither yes nor no"),
        ("Types deb", "no colon"),
    ];
    for (stanza, words) in stanzas {
        let error = read("a.sources", &format!("# comment\n{stanza}\n")).unwrap_err();
        assert!(error.origin.line == 2 && error.reason.contains(words), "{stanza}: {error}");
    }
}

#[test]
fn the_sources_beside_a_mistake_are_there_for_who_asks() {
    let suites = |file, text| {
        let found = each(file, text).into_iter();
        found.map(|one| one.map_or_else(|error| format!("line {}", error.origin.line), |source| source.suite)).collect::<Vec<_>>()
    };
    assert_eq!(suites("a.list", "deb http://x a z\n\nrpm\ndeb http://x b z\n"), ["a", "line 3", "b"]);
    let text = "Types: deb\nURIs: http://x\nSuites: a b\nComponents: z\n\nTypes: rpm\n\nTypes: deb\nURIs: http://x\nSuites: c/\n\nx\n\nTypes: rpm\n";
    assert_eq!(suites("a.sources", text), ["a", "b", "line 6", "c/", "line 12"]);
}

#[test]
fn names_that_apt_reads() {
    assert!(is_read("raspi.list") && is_read("debian-1_a.sources"));
    assert!(!is_read("raspi.list.save") && !is_read("a b.list") && !is_read("readme") && !is_read(".x.list"));
}
