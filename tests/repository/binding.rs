//! Keys are bound to sources: what one archive may sign, another may not.

use std::fs;

use crate::{
    archive::Archive,
    bench::{Bench, KEY, source},
    kit::{ALICE, Certificate, MALLORY, armored},
    site::Site,
    support::is_root,
};

fn key(owner: &crate::kit::Owner) -> Vec<u8> {
    owner.certificate(&Certificate::default())
}

/// Two sources of the profile, each with its key; the archive of one is signed by the key of the other.
#[test]
fn a_key_of_another_source() {
    if !is_root() {
        return;
    }
    let mallory = || Archive { owner: &MALLORY, ..Archive::new() };
    let (one, other) = (Site::new(mallory().files()), Site::new(mallory().files()));
    let bench = Bench::new();
    bench.key("other.asc", armored("PUBLIC KEY BLOCK", &key(&MALLORY)).as_bytes());
    let sources = source(&other.uri(), "bookworm", "main", "other.asc", "") + &source(&one.uri(), "bookworm", "main", "key.asc", "");
    bench.profile(&format!("  install: [alpha]\n  sources:\n{sources}"));
    let said = bench.refusal(3, "none of the keyrings of this source", &[]).unwrap();
    assert!(said.text.contains(&one.uri()), "{}", said.text);
}

/// What the image trusts for everything is not for sources that say whom they trust.
#[test]
fn bindings_of_the_image() {
    if !is_root() {
        return;
    }
    let site = Site::new(Archive { owner: &MALLORY, ..Archive::new() }.files());
    let uri = site.uri();
    let line = |options: &str| format!("deb {options} {uri} bookworm main\n");
    let stanza = |more: &str| format!("Types: deb\nURIs: {uri}\nSuites: bookworm\nComponents: main\n{more}\n");
    let folded: String = KEY.lines().map(|line| if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") }).collect();
    let unknown = "none of the keyrings of this source";
    let cases = [
        ("signed-by of a keyring", "a.list", line("[signed-by=/usr/share/keyrings/alice.gpg]"), 3, unknown),
        ("Signed-By of a keyring", "a.sources", stanza("Signed-By: /usr/share/keyrings/alice.gpg"), 3, unknown),
        ("Signed-By of a fingerprint", "a.sources", stanza(&format!("Signed-By: {}", ALICE.fingerprint())), 3, "bound to other keys"),
        ("Signed-By of a key itself", "a.sources", stanza(&format!("Signed-By:\n{folded}")), 3, unknown),
        ("a keyring that is not there", "a.sources", stanza("Signed-By: /usr/share/keyrings/none.gpg"), 3, "/usr/share/keyrings/none.gpg"),
        ("a keyring that is none", "a.sources", stanza("Signed-By: /etc/fstab"), 3, "/etc/fstab"),
        ("trusted without a signature", "a.list", line("[trusted=yes]"), 4, "switches off"),
        ("Trusted without a signature", "a.sources", stanza("Trusted: yes"), 4, "switches off"),
    ];
    let mut wrong = Vec::new();
    for (name, file, text, code, words) in cases {
        let bench = Bench::with_image(|root| {
            fs::write(root.join("etc/apt/trusted.gpg.d/both.gpg"), [key(&MALLORY), key(&ALICE)].concat()).unwrap();
            fs::create_dir_all(root.join("usr/share/keyrings")).unwrap();
            fs::write(root.join("usr/share/keyrings/alice.gpg"), key(&ALICE)).unwrap();
            fs::write(root.join("etc/apt/sources.list.d").join(file), &text).unwrap();
        });
        bench.profile("  install: [alpha]\n");
        wrong.extend(bench.refusal(code, words, &[]).err().map(|text| format!("{name}: {text}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An exception is for the source that it names.
#[test]
fn an_exception_for_an_expired_archive_is_for_that_one_only() {
    if !is_root() {
        return;
    }
    let expired = Archive { valid_until: Some(-3600), ..Archive::new() };
    let (site, other) = (Site::new(expired.files()), Site::new(expired.files()));
    let put = |root: &std::path::Path, uri: &str| {
        fs::write(root.join("etc/apt/trusted.gpg.d/alice.asc"), KEY.as_bytes()).unwrap();
        fs::write(root.join("etc/apt/sources.list"), format!("deb {uri} bookworm main\n")).unwrap();
    };
    let bench = Bench::with_image(|root| put(root, &site.uri()));
    bench.profile("  install: [alpha]\n");
    bench.refusal(3, "it was valid until", &[]).unwrap();
    bench.profile(&format!("  install: [alpha]\n  expired: ['{}']\n", site.uri()));
    bench.locks(&[]);
    let source = source(&other.uri(), "bookworm", "main", "key.asc", "");
    bench.profile(&format!("  install: [alpha]\n  expired: ['{}']\n  sources:\n{source}", site.uri()));
    let said = bench.refusal(3, "it was valid until", &["--update"]).unwrap();
    assert!(said.text.contains(&other.uri()), "{}", said.text);
}

/// What is no public key is told before anything is fetched.
#[test]
fn keys_of_the_profile_that_are_none() {
    if !is_root() {
        return;
    }
    let private = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n";
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("binary", key(&ALICE), "not UTF-8"),
        ("empty", Vec::new(), ""),
        ("text", b"hello\n".to_vec(), "ASCII-armoured"),
        ("private", private.into(), "private key"),
        ("cut off", KEY.as_bytes()[..300].to_vec(), "within its armour"),
        ("no key in the armour", armored("PUBLIC KEY BLOCK", b"").into_bytes(), "no OpenPGP key"),
    ];
    let site = Site::new(Archive::new().files());
    let mut wrong = Vec::new();
    for (name, bytes, words) in cases {
        let bench = Bench::new();
        bench.key("key.asc", &bytes);
        bench.wants(&["alpha"], &site, "");
        wrong.extend(bench.refusal(2, words, &[]).err().map(|text| format!("{name}: {text}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(site.asked().is_empty());
}
