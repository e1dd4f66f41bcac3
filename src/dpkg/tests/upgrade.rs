//! Packages in the place of older versions.

use super::kit::{Package, System};

fn md5(text: &str) -> String {
    crate::hex::encode(&crate::dpkg::md5(text.as_bytes()))
}

fn system_with(package: &Package) -> System {
    let mut system = System::new();
    system.unpack(&[package]);
    system.configure();
    system
}

#[test]
fn what_only_the_old_version_had_goes() {
    let old = Package::new("a", "1")
        .file("/usr/bin/gone", "")
        .folder("/usr/share/a")
        .file("/usr/share/a/f", "")
        .folder("/usr/share/shared")
        .control("prerm", "#!/bin/sh\nexit 0\n")
        .control("shlibs", "x");
    let mut system = system_with(&old);
    system.unpack(&[&Package::new("b", "1").folder("/usr/share/shared")]);
    system.unpack(&[&Package::new("a", "2").file("/usr/bin/new", "")]);
    assert!(!system.has("/usr/bin/gone") && !system.has("/usr/share/a") && system.has("/usr/share/shared") && system.has("/usr/bin/new"));
    assert!(!system.has("/var/lib/dpkg/info/a.shlibs") && !system.has("/var/lib/dpkg/info/a.prerm"));
    assert_eq!(system.field("a", "Status").as_deref(), Some("install ok unpacked"));
    assert_eq!((system.field("a", "Version").as_deref(), system.field("a", "Config-Version").as_deref()), (Some("2"), Some("1")));
}

#[test]
fn a_file_that_moved_through_the_merged_usr_is_not_removed() {
    let mut system = system_with(&Package::new("a", "1").folder("/lib").file("/lib/f", "old"));
    system.unpack(&[&Package::new("a", "2").folder("/usr/lib").file("/usr/lib/f", "new")]);
    assert_eq!(system.text("/usr/lib/f"), "new");
    assert!(!system.list("a").contains(&"/lib/f".to_owned()));
}

#[test]
fn conffiles_keep_their_hashes_and_those_that_went_become_obsolete() {
    let old = Package::new("a", "1").conffile("/etc/a/kept", "k\n").conffile("/etc/a/gone", "g\n").conffile("/etc/a/edited", "e\n");
    let mut system = system_with(&old);
    system.put("/etc/a/edited", "by hand\n");
    let new = Package::new("a", "2").conffile("/etc/a/new", "n\n").conffile("/etc/a/kept", "k2\n").conffile("/etc/a/edited", "e2\n");
    system.unpack(&[&new]);
    let expected = [
        "/etc/a/new newconffile".to_owned(),
        format!("/etc/a/kept {}", md5("k\n")),
        format!("/etc/a/edited {}", md5("e\n")),
        format!("/etc/a/gone {} obsolete", md5("g\n")),
    ];
    assert_eq!(system.conffiles("a"), expected);
    assert_eq!(["kept", "edited", "gone"].map(|name| system.text(&format!("/etc/a/{name}"))), ["k\n", "by hand\n", "g\n"]);
    assert!(system.has("/etc/a/kept.dpkg-new") && system.list("a").contains(&"/etc/a/gone".to_owned()));
}

#[test]
fn conffiles_that_are_to_go_on_upgrade_go_or_are_kept_aside() {
    let old = Package::new("a", "1").conffile("/etc/a/plain", "p\n").conffile("/etc/a/edited", "e\n");
    let mut system = system_with(&old);
    system.put("/etc/a/edited", "by hand\n");
    let list = "remove-on-upgrade /etc/a/plain\nremove-on-upgrade /etc/a/edited\n";
    system.unpack(&[&Package::new("a", "2").folder("/etc/a").control("conffiles", list)]);
    assert!(!system.has("/etc/a/plain") && !system.has("/etc/a/edited") && system.text("/etc/a/edited.dpkg-old") == "by hand\n");
    assert!(system.conffiles("a")[0].ends_with(" remove-on-upgrade"));
}

#[test]
fn a_conffile_that_moves_to_another_package_takes_its_hash_along() {
    let mut system = system_with(&Package::new("a", "1").own().conffile("/etc/a/conf", "c\n"));
    let new = Package::new("b", "1").field("Replaces: a").conffile("/etc/a/conf", "c2\n");
    system.unpack(&[&new]);
    assert_eq!(system.conffiles("b"), [format!("/etc/a/conf {}", md5("c\n"))]);
    assert_eq!(system.conffiles("a"), [format!("/etc/a/conf {} obsolete", md5("c\n"))]);
}

#[test]
fn the_link_of_an_administrator_at_a_conffile_is_followed() {
    let mut system = system_with(&Package::new("a", "1").conffile("/etc/a/conf", "c\n"));
    system.put("/etc/real", "c\n");
    let meta = system.tree.inode(system.tree.lookup("/etc").unwrap()).meta.clone();
    system.tree.put_link("/etc/a/conf", "../real", meta).unwrap();
    system.unpack(&[&Package::new("a", "2").conffile("/etc/a/conf", "c2\n")]);
    // As dpkg, which puts the names together and does not shorten them.
    assert_eq!(system.text("/etc/real.dpkg-new"), "c2\n");
    assert!(!system.has("/etc/a/conf.dpkg-new"));
}

#[test]
fn files_folders_and_links_change_places_as_with_dpkg() {
    let old = Package::new("a", "1")
        .file("/usr/share/file-folder", "")
        .folder("/usr/share/folder-file")
        .folder("/usr/share/folder-link")
        .link("/usr/share/link-folder", "folder-link");
    let mut system = system_with(&old);
    let new = Package::new("a", "2")
        .folder("/usr/share/file-folder")
        .file("/usr/share/folder-file", "f")
        .folder("/usr/share/link-folder")
        .link("/usr/share/folder-link", "x");
    system.unpack(&[&new]);
    assert!(system.tree.names("/usr/share/file-folder").is_empty() && system.text("/usr/share/folder-file") == "f");
    assert!(system.target("/usr/share/folder-link").is_none() && system.target("/usr/share/link-folder").is_some());
}

#[test]
fn an_older_version_configured_before_is_remembered() {
    let mut system = system_with(&Package::new("a", "1").conffile("/etc/a/conf", "c\n"));
    system.remove(&["a"]);
    assert_eq!(system.field("a", "Status").as_deref(), Some("deinstall ok config-files"));
    system.unpack(&[&Package::new("a", "3").conffile("/etc/a/conf", "c\n")]);
    assert_eq!(system.field("a", "Status").as_deref(), Some("install ok unpacked"));
    assert_eq!(system.field("a", "Config-Version").as_deref(), Some("1"));
    assert_eq!(system.conffiles("a"), [format!("/etc/a/conf {}", md5("c\n"))]);
}
