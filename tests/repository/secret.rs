//! Logins that stand in addresses: used, never told.

use crate::{
    archive::Archive,
    bench::{Bench, names, source},
    site::Site,
    support::{is_root, program::tool, server::Server},
};

/// Nobody says it, and nobody has written it down.
fn is_kept(bench: &Bench, said: &crate::bench::Said) {
    assert!(!said.text.contains("canary") && !said.out.contains("canary"), "{said:?}");
    let mut command = tool("grep");
    let found = command.args(["-rlE", "canary"]).args([bench.path("cache"), bench.path("profile.lock")]).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
    let named = tool("find").arg(bench.path("cache")).args(["-name", "*canary*"]).output().unwrap();
    assert!(named.stdout.is_empty(), "{}", String::from_utf8_lossy(&named.stdout));
}

#[test]
fn the_login_of_a_proxy() {
    if !is_root() {
        return;
    }
    let (bench, site, proxy) = (Bench::new(), Site::new(Archive::new().files()), Server::proxy());
    bench.wants(&["alpha"], &site, "");
    let address = format!("http://user:canary@{}", proxy.address());
    // What it was run with is set apart from the proxies of this machine, so it is set last.
    let mut command = bench.berry();
    let said = bench.run(command.env("http_proxy", &address), &[]);
    assert_eq!(said.code, Some(0), "{}", said.text);
    is_kept(&bench, &said);
    assert!(proxy.requests().iter().any(|request| request.header("proxy-authorization").is_some()));
    site.offer(Archive { date: 100 * 24 * 3600, ..Archive::new() }.files(), None);
    let said = bench.run(bench.berry().env("http_proxy", &address), &["--update"]);
    assert_eq!(said.code, Some(3), "{}", said.text);
    is_kept(&bench, &said);
}

#[test]
fn the_login_of_an_archive() {
    if !is_root() {
        return;
    }
    let site = Site::new(Archive::new().files());
    let uri = site.uri().replacen("http://", "http://user:canary@", 1);
    let unreachable = "http://user:canary@127.0.0.1:1/debian";
    for (uri, suite) in [(uri.as_str(), "bookworm"), (uri.as_str(), "trixie"), (unreachable, "bookworm")] {
        let bench = Bench::new();
        bench.profile(&format!("  install: [alpha]\n  sources:\n{}", source(uri, suite, "main", "key.asc", "")));
        // To refuse it is as good.
        let said = bench.lock(&[]);
        assert!(matches!(said.code, Some(0..=3)), "{said:?}");
        is_kept(&bench, &said);
        let bench = Bench::with_image(|root| {
            std::fs::write(root.join("etc/apt/trusted.gpg.d/alice.asc"), crate::bench::KEY.as_bytes()).unwrap();
            std::fs::write(root.join("etc/apt/sources.list"), format!("deb {uri} {suite} main\n")).unwrap();
        });
        bench.profile("  install: [alpha]\n");
        let said = bench.lock(&[]);
        assert!(said.code.is_some_and(|code| code <= 4), "{said:?}");
        is_kept(&bench, &said);
    }
}

/// What an archive says is not believed to be fit for a terminal.
#[test]
fn escape_sequences_are_not_passed_on() {
    if !is_root() {
        return;
    }
    let (bench, site) = (Bench::new(), Site::new(crate::archive::Files::new()));
    let evil = "\u{1b}]0;evil\u{7}\u{1b}[2J";
    for files in [
        Archive { suite: "\u{1b}[2Jevil", codename: "x", ..Archive::new() }.files(),
        Archive::new().with_release(|text| format!("{text} {evil} 0 x\n")),
        Archive::new().with_release(|text| text.replacen("Date:", &format!("Date: {evil}"), 1)),
        Archive::new().with_index(format!("Package: {evil}\nVersion: 1\nArchitecture: arm64\n")),
        Archive::new().with_index(format!("{evil}\n")),
        Archive::new().with_message(|_| evil.to_owned()),
    ] {
        site.offer(files, None);
        bench.wants(&["alpha"], &site, "");
        let said = bench.refusal(3, "", &[]).unwrap();
        assert!(!said.text.contains('\u{1b}') && !said.text.contains('\u{7}'), "{:?}", said.text);
    }
    // Nor what Debian has: a good archive with a strange label.
    site.offer(Archive::new().with_release(|text| text.replacen("Label: Test", &format!("Label: {evil}"), 1)), None);
    bench.wants(&["alpha"], &site, "");
    let said = bench.lock(&[]);
    assert!(!said.text.contains('\u{1b}') && !said.out.contains('\u{1b}'), "{said:?}");
    let _ = names;
}
