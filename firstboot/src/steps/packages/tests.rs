use super::*;
use crate::testing::{Fake, Files, config, powered};

#[test]
fn the_database_says_what_is_left() {
    let stanza = |name: &str, status: &str, more: &str| format!("Package: {name}\nStatus: {status}\n{more}");
    let text = [
        stanza("a", "install ok installed", "Version: 1\n"),
        stanza("b", "hold ok installed", ""),
        stanza("c", "install ok unpacked", ""),
        stanza("d", "install ok half-configured", ""),
        stanza("e", "deinstall ok installed", ""),
        stanza("f", "deinstall ok config-files", ""),
        stanza("g", "purge ok not-installed", ""),
        stanza("h", "hold ok unpacked", ""),
        stanza("i", "install ok triggers-pending", "Triggers-Pending: ldconfig\n"),
        stanza("j", "install reinstreq installed", ""),
        stanza("k", "deinstall ok half-installed", ""),
    ]
    .join("\n");
    let left = read(&text);
    assert_eq!(left.configure, ["c", "d", "h", "i", "j"]);
    assert_eq!(left.remove, ["e", "k"]);
    assert_eq!(read(""), Left::default());
}

const CONF: &str = "# made by hand\nupdate_initramfs=all\n";

/// dpkg, apt-mark and systemctl, as far as they go.
fn play(files: &mut Files, words: &str) -> (i32, String) {
    let mut edit = |changes: &[(&str, &str)]| {
        let (bytes, _) = files.get_mut(STATUS).unwrap();
        let text = changes.iter().fold(String::from_utf8(bytes.clone()).unwrap(), |text, (from, to)| text.replace(from, to));
        *bytes = text.into_bytes();
    };
    match words {
        "dpkg --remove --pending" => edit(&[("deinstall ok installed", "deinstall ok config-files")]),
        "dpkg --configure -a --force-confdef --force-confold" => {
            edit(&[("install ok unpacked", "install ok installed"), ("install ok half-configured", "install ok installed")]);
            // A service would have been started, and an initial RAM disk made.
            assert!(files.contains_key(POLICY) && files[INITRAMFS].0.ends_with(b"update_initramfs=no\n"));
        }
        "apt-mark hold a" => edit(&[("Package: a\nStatus: install ok installed", "Package: a\nStatus: hold ok installed")]),
        _ => assert!(words.starts_with("systemctl "), "{words}"),
    }
    (0, String::new())
}

fn fake() -> Fake {
    let mut fake = Fake::new(play);
    fake.put(STATUS, "Package: a\nStatus: install ok unpacked\n\nPackage: b\nStatus: deinstall ok installed\n");
    fake.put(INITRAMFS, CONF);
    fake
}

fn node() -> NodeConfig {
    NodeConfig { packages: crate::config::Packages { pending: true, hold: vec!["a".into()] }, ..config() }
}

#[test]
fn the_power_may_go_at_any_moment() {
    let mut whole = fake();
    assert_eq!(Packages.ensure(&node(), &mut whole).unwrap(), Outcome::CHANGED);
    let events = whole.log.len() * 2;
    assert!(events > 20, "{:?}", whole.log);
    // As long as it is there, what the packages enabled may not have been started.
    assert_eq!(whole.log.last().map(String::as_str), Some(POLICY));
    for left in 0..events {
        let mut fake = fake();
        fake.left = Some(left);
        assert!(powered(|| Packages.ensure(&node(), &mut fake)).is_none(), "{left}");
        fake.left = None;
        Packages.ensure(&node(), &mut fake).unwrap();
        assert_eq!(fake.files, whole.files, "{left}: {:?}", fake.log);
        assert!(fake.log.iter().any(|line| line == "systemctl --no-block start multi-user.target"), "{left}: {:?}", fake.log);
        assert_eq!(fake.text(INITRAMFS).as_deref(), Some(CONF));
        assert_eq!(fake.text(STATUS).unwrap(), "Package: a\nStatus: hold ok installed\n\nPackage: b\nStatus: deinstall ok config-files\n");
        fake.log.clear();
        assert_eq!(Packages.ensure(&node(), &mut fake).unwrap(), Outcome::KEPT);
        assert!(fake.log.is_empty(), "{:?}", fake.log);
    }
}

#[test]
fn a_package_that_fails_is_told_and_the_fence_stays() {
    let mut fake = Fake::new(|_, words| {
        let said = "dpkg: error processing package a (--configure):\n it is broken\nErrors were encountered while processing:\n a\n";
        if words.starts_with("dpkg --configure") { (1, said.to_owned()) } else { (0, String::new()) }
    });
    fake.put(STATUS, "Package: a\nStatus: install ok unpacked\n");
    let error = Packages.ensure(&node(), &mut fake).unwrap_err();
    assert!(error.to_string().ends_with("failed: dpkg: error processing package a (--configure):"), "{error}");
    assert!(fake.files.contains_key(POLICY));
    // One that says that all is well, and is not.
    let mut fake = Fake::new(|_, _| (0, String::new()));
    fake.put(STATUS, "Package: a\nStatus: install ok unpacked\n");
    assert_eq!(Packages.ensure(&node(), &mut fake).unwrap_err().to_string(), "dpkg's database is not understood: still to be done: a");
}

#[test]
fn where_nothing_is_pending_nothing_is_looked_at() {
    let mut fake = Fake::new(|_, words| panic!("{words}"));
    assert_eq!(Packages.ensure(&config(), &mut fake).unwrap(), Outcome::KEPT);
}

#[test]
fn a_policy_of_the_operator_stays() {
    let mut fake = fake();
    fake.put(POLICY, "#!/bin/sh\nexit 0\n");
    Packages.ensure(&node(), &mut fake).unwrap();
    assert_eq!(fake.text(POLICY).as_deref(), Some("#!/bin/sh\nexit 0\n"));
}
