//! Answers of the web server: redirects, refusals, files without an end, packages that are others.

use std::sync::Arc;

use crate::{
    archive::{Archive, Files, Packing},
    attack::{Attack, all_fail},
    bench::{Bench, names},
    package::Package,
    site::{Site, Twist},
    support::server::{self, Reply, Step, head},
};

fn good() -> Archive {
    Archive { packings: vec![Packing::Xz], ..Archive::new() }
}

/// As many bytes as anybody takes, without telling how many there are.
fn endless(first: &[u8]) -> Reply {
    let mut steps = vec![head(200, &[]), Step::Send(first.to_owned())];
    steps.extend((0..300).map(|_| Step::Send(vec![b'\n'; 1 << 20])));
    steps
}

/// Answers so to whatever has these words in its path.
fn at(words: &'static str, reply: impl Fn() -> Reply + Send + Sync + 'static) -> impl Fn(&str, usize) -> Option<Reply> + Send + Sync {
    move |path, _| path.contains(words).then(&reply)
}

#[test]
fn redirects() {
    let to = |location: &'static str| at("InRelease", move || server::redirect(location));
    let circle = |path: &str, _: usize| path.ends_with("Release").then(|| server::redirect(&format!("/debian/{path}")));
    all_fail(&[
        Attack::new("redirect to a file of the host", "redirect", good().files()).twist(to("file:///etc/passwd")).code(1),
        Attack::new("redirect in a circle", "redirect", good().files()).twist(circle).code(1),
        Attack::new("redirect with control characters", "breaks the rules of HTTP", good().files())
            .twist(to("/debian/\u{1}\u{1b}[2Jx"))
            .code(1),
        Attack::new("redirect to another protocol", "redirect", good().files()).twist(to("ftp://127.0.0.1/x")).code(1),
        Attack::new("redirect with a login", "redirect", good().files()).twist(to("http://user:canary@127.0.0.1/x")).code(1),
        Attack::new("redirect of an index to a file of the host", "redirect", good().files())
            .twist(at("by-hash", || server::redirect("file:///etc/passwd")))
            .code(1),
    ]);
}

/// A redirect to another place changes nothing of what is asked of the file.
#[test]
fn redirects_to_a_mirror() {
    if !crate::support::is_root() {
        return;
    }
    let (mirror, evil) = (Site::new(good().files()), Site::new(Archive { owner: &crate::kit::MALLORY, ..good() }.files()));
    for (site, is_good) in [(&mirror, true), (&evil, false)] {
        let (bench, front, target) = (Bench::new(), Site::new(Files::new()), site.uri());
        front.offer(Files::new(), Some(Arc::new(move |path, _| Some(server::redirect(&format!("{target}/{path}"))))));
        bench.wants(&["alpha"], &front, "");
        if is_good {
            assert_eq!(names(&bench.locks(&[])), ["alpha 1.0-1", "beta 2.0"]);
        } else {
            bench.refusal(3, "none of the keyrings", &[]).unwrap();
        }
    }
}

#[test]
fn files_without_an_end() {
    let index = Archive::index_path(Packing::Xz);
    let bytes = good().indices()[&index].clone();
    let by_name = Archive { by_hash: false, ..good() };
    let message = good().message(&good().files()).into_bytes();
    let longer = bytes.clone();
    let slow_cut = move || vec![head(200, &[("Content-Length", "1000000000")]), Step::Send(bytes.clone())];
    all_fail(&[
        Attack::new("endless InRelease", "more than 16777216", good().files()).twist(at("InRelease", move || endless(&message))),
        Attack::new("endless index by hash", "Packages", good().files()).twist(at("by-hash", move || endless(&longer))),
        Attack::new("endless index by name", "Packages", by_name.files()).twist(at("Packages.xz", || endless(b""))),
        Attack::new("index of a gigabyte, as the server says", "Packages", by_name.files()).twist(at("Packages.xz", slow_cut)),
    ]);
}

#[test]
fn files_that_are_not_there() {
    let two = Archive { components: vec!["main", "contrib"], packings: vec![Packing::Xz], ..Archive::new() };
    let mut half = two.files();
    half.retain(|path, _| !path.contains("contrib"));
    let mut none = good().files();
    none.retain(|path, _| !path.contains("Release"));
    let forbidden = at("binary-arm64", || server::status(403));
    all_fail(&[
        Attack::new("nothing at all", "404", Files::new()).code(1),
        Attack::new("no Release", "404", none).code(1),
        Attack::new("an index that nobody may have", "403", good().files()).twist(forbidden).code(1),
    ]);
    if !crate::support::is_root() {
        return;
    }
    // The second component only, in the middle of the list.
    let (bench, site) = (Bench::new(), Site::new(half));
    let source = crate::bench::source(&site.uri(), "bookworm", "main, contrib", "key.asc", "");
    bench.profile(&format!("  install: [alpha]\n  sources:\n{source}"));
    bench.refusal(1, "contrib", &[]).unwrap();
}

/// The server is broken for a while, or its connections are.
#[test]
fn what_goes_away_by_itself_is_waited_for() {
    if !crate::support::is_root() {
        return;
    }
    let (bench, site, files) = (Bench::new(), Site::new(Files::new()), good().files());
    let own = files.clone();
    let twist = move |path: &str, before: usize| match before {
        0 => Some(server::status(503)),
        1 => own.get(path).map(|bytes| server::whole(bytes, bytes.len() / 2)),
        _ => None,
    };
    site.offer(files, Some(Arc::new(twist)));
    bench.wants(&["alpha"], &site, "");
    assert_eq!(names(&bench.locks(&[])), ["alpha 1.0-1", "beta 2.0"]);
}

/// Packages are got for a bundle, of a lock that is there already.
#[test]
fn packages_that_are_others() {
    if !crate::support::is_root() {
        return;
    }
    let archive = good();
    let (path, deb) = (archive.packages[1].path(), archive.packages[1].deb.clone());
    let other = Archive { packages: vec![Package::new("beta", "6.6")], ..good() }.packages[0].deb.clone();
    let (longer, shorter) = ([&deb[..], b"x"].concat(), deb[..deb.len() - 1].to_vec());
    let mut flipped = deb.clone();
    flipped[200] ^= 1;
    let sent = |bytes: Vec<u8>| -> Twist { Arc::new(at("beta_2.0", move || server::whole(&bytes, bytes.len()))) };
    let redirected: Twist = Arc::new(at("beta_2.0", || server::redirect("file:///etc/passwd")));
    let never_ending: Twist = Arc::new(at("beta_2.0", move || endless(&deb)));
    let huge: Twist = Arc::new(at("beta_2.0", || vec![head(200, &[("Content-Length", "9999999999999")]), Step::Send(b"!<arch>".to_vec())]));
    let locked = "the package `beta` is not the one that was locked";
    let cases: [(&str, Twist, i32, &str); 10] = [
        ("one bit", sent(flipped), 3, locked),
        ("longer", sent(longer), 3, locked),
        ("shorter", sent(shorter), 3, locked),
        ("empty", sent(Vec::new()), 3, locked),
        ("another one", sent(other), 3, locked),
        ("a web page", sent(b"<html>Please log in</html>".to_vec()), 3, locked),
        ("without an end", never_ending, 3, locked),
        ("of terabytes, as the server says", huge, 3, locked),
        ("not there", Arc::new(at("beta_2.0", || server::status(404))), 1, "it no longer has the package `beta`"),
        ("a redirect to a file", redirected, 1, "redirect"),
    ];
    let (bench, site) = (Bench::new(), Site::new(archive.files()));
    bench.wants(&["beta"], &site, "");
    bench.locks(&[]);
    let mut wrong = Vec::new();
    for (name, twist, code, words) in cases {
        site.offer(archive.files(), Some(twist));
        wrong.extend(bench.refusal(code, words, &["--bundle", "bundle"]).err().map(|text| format!("{name}: {text}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    site.offer(archive.files(), None);
    bench.locks(&["--bundle", "bundle"]);
    assert!(site.asked().contains(&path));
}

/// The signed index says another size than the package has, and its right digest.
#[test]
fn packages_whose_size_is_a_lie() {
    if !crate::support::is_root() {
        return;
    }
    let beta = good().packages[1].clone();
    let mut wrong = Vec::new();
    for (name, size) in [("smaller", beta.deb.len() - 1), ("larger", beta.deb.len() + 1), ("far larger", 1 << 40), ("nothing", 0)] {
        let lie = beta.clone().with("Size", &size.to_string());
        let (bench, site) = (Bench::new(), Site::new(Archive { packages: vec![lie], ..good() }.files()));
        bench.wants(&["beta"], &site, "");
        // The index may be refused, or the package.
        if bench.lock(&[]).code == Some(3) {
            continue;
        }
        wrong.extend(bench.refusal(3, "beta", &["--bundle", "bundle"]).err().map(|text| format!("{name}: {text}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
