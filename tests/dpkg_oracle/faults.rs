//! The comparison finds what is wrong: nothing in two copies, and every single fault.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{
    compare::{Aspect, Expected, Fact, Shows, differences, fits, judge},
    native,
    place::Place,
    records,
    support::{is_root, run},
};

#[test]
fn every_fault_is_found_and_nothing_else() {
    if !is_root() {
        return;
    }
    let native = native();
    let (one, other) = (Place::copy(&native.ground), Place::image(native.ground.tree()));
    let began = 2_000_000_000;
    assert_eq!(differences(&one.listing(), &other.listing(), i64::MAX), [], "our image of a tree is the tree");
    assert!(records::differences(&one, &other).is_empty());
    let at = |path: &str| one.root().join(&path[1..]);
    let time = |path: &Path| run("touch", ["--no-dereference", "--date=@1500000000", path.to_str().unwrap()]);

    fs::set_permissions(at("/etc/shadow"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(at("/etc"), fs::Permissions::from_mode(0o1755)).unwrap();
    run("chown", ["1:0", at("/etc/hosts").to_str().unwrap()]);
    run("chown", ["--no-dereference", "0:1", at("/bin").to_str().unwrap()]);
    fs::remove_file(at("/usr/bin/yes")).unwrap();
    fs::create_dir(at("/srv/new")).unwrap();
    let replace = |path: &str, work: &dyn Fn(&Path)| {
        let path = at(path);
        let before = fs::symlink_metadata(&path).unwrap().modified().unwrap();
        work(&path);
        if !path.is_symlink() && path.is_file() {
            fs::File::options().append(true).open(&path).unwrap().set_modified(before).unwrap();
        }
    };
    // Of the same size, and no longer than a second ago.
    replace("/etc/debian_version", &|path| {
        let text = fs::read_to_string(path).unwrap().replace('.', ",");
        fs::write(path, text).unwrap();
    });
    replace("/etc/os-release", &|path| {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("/usr/lib/os-release", path).unwrap();
    });
    time(&at("/etc/os-release"));
    time(&at("/etc/issue"));
    let kinds = at("/etc/issue.net");
    fs::remove_file(&kinds).unwrap();
    fs::create_dir(&kinds).unwrap();
    // One inode with two names that were one, and the other way round.
    let perl = at("/usr/bin/perl");
    let other_name = fs::read(&perl).unwrap();
    let (mode, before) = (fs::metadata(&perl).unwrap().permissions(), fs::metadata(&perl).unwrap().modified().unwrap());
    fs::remove_file(&perl).unwrap();
    fs::write(&perl, other_name).unwrap();
    fs::set_permissions(&perl, mode).unwrap();
    fs::File::options().append(true).open(&perl).unwrap().set_modified(before).unwrap();
    run("setfattr", ["--name=user.x", "--value=y", at("/usr/bin/env").to_str().unwrap()]);
    run("setfacl", ["--modify=u:7:r", at("/usr/bin/ls").to_str().unwrap()]);
    run("setcap", ["-r", at("/usr/bin/ping").to_str().unwrap()]);
    fs::remove_file(at("/dev/null")).unwrap();
    run("mknod", ["--mode=666", at("/dev/null").to_str().unwrap(), "c", "1", "5"]);

    let found = differences(&one.listing(), &other.listing(), began);
    let found: Vec<(&str, Aspect)> = found.iter().map(|difference| (difference.path.as_str(), difference.aspect)).collect();
    let expected = [
        ("/bin", Aspect::Owner),
        ("/dev/null", Aspect::Device),
        ("/etc", Aspect::Permissions),
        ("/etc/debian_version", Aspect::Content),
        ("/etc/hosts", Aspect::Owner),
        ("/etc/issue", Aspect::Time),
        ("/etc/issue.net", Aspect::Kind),
        ("/etc/os-release", Aspect::Target),
        ("/etc/os-release", Aspect::Time),
        ("/etc/shadow", Aspect::Permissions),
        ("/srv/new", Aspect::OnlyFirst),
        ("/usr/bin/env", Aspect::Attributes),
        ("/usr/bin/ls", Aspect::Attributes),
        ("/usr/bin/perl5.36.0", Aspect::Links),
        ("/usr/bin/ping", Aspect::Attributes),
        ("/usr/bin/yes", Aspect::OnlySecond),
    ];
    assert_eq!(found, expected);

    let status = at("/var/lib/dpkg/status");
    let text = fs::read_to_string(&status).unwrap();
    fs::write(&status, text.replacen("Status: install ok installed", "Status: hold ok installed", 1)).unwrap();
    let words = records::differences(&one, &other);
    assert!(
        matches!(&words[..], [line] if line.contains("Status: Some(\"hold ok installed\"), Some(\"install ok installed\")")),
        "{words:?}"
    );
}

#[test]
fn a_table_is_met_exactly() {
    let row = |path, aspects, shows| Expected { path, aspects, shows, reason: "so" };
    let difference = |path: &str, aspect| crate::compare::Difference { path: path.to_owned(), aspect, words: String::new() };
    let table = [row("/a/*", &[Aspect::Content, Aspect::Time], Shows::Always), row("/b", &[Aspect::Owner], Shows::With(&["x"]))];
    let mut facts = std::collections::BTreeSet::new();
    let both = [difference("/a/1", Aspect::Content), difference("/a/2", Aspect::Time)];
    assert_eq!(judge("y", &facts, &table, &both), Ok(()));
    assert!(judge("y", &facts, &table, &both[..1]).unwrap_err().contains("y: expected, but not there: /a/* Time (so)"));
    assert!(judge("x", &facts, &table, &both).unwrap_err().contains("not there: /b Owner"));
    let more = [&both[..], &[difference("/b", Aspect::Owner)]].concat();
    assert_eq!(judge("x", &facts, &table, &more), Ok(()));
    assert!(judge("y", &facts, &table, &more).unwrap_err().contains("y: not expected: /b Owner"));
    let other = [&both[..], &[difference("/a/1", Aspect::Permissions)]].concat();
    assert!(judge("y", &facts, &table, &other).unwrap_err().contains("not expected: /a/1 Permissions"));
    let table = [row("/c", &[Aspect::Time], Shows::When(Fact::Apt)), row("/d", &[Aspect::Time], Shows::Perhaps)];
    let c = [difference("/c", Aspect::Time)];
    assert_eq!(judge("x", &facts, &table, &[difference("/d", Aspect::Time)]), Ok(()));
    assert!(judge("x", &facts, &table, &c).is_err());
    facts.insert(Fact::Apt);
    assert_eq!(judge("x", &facts, &table, &c), Ok(()));
    assert!(judge("x", &facts, &table, &[]).unwrap_err().contains("not there: /c Time"));
    for (pattern, path, is_it) in
        [("/a", "/a", true), ("/a", "/ab", false), ("/a*", "/ab/c", true), ("*.x", "/y.x", true), ("/a*c", "/abcd", false)]
    {
        assert_eq!(fits(pattern, path), is_it, "{pattern} {path}");
    }
}
