//! Packages that go.

use super::kit::{EPOCH, Package, System};
use crate::dpkg::{DpkgError, Orders};

fn system_with(packages: &[&Package]) -> System {
    let mut system = System::new();
    system.unpack(packages);
    system.configure();
    system
}

#[test]
fn a_package_without_settings_leaves_nothing() {
    let package = Package::new("a", "1").folder("/usr/share/a").file("/usr/share/a/f", "").control("prerm", "#!/bin/sh\nexit 0\n");
    let mut system = system_with(&[&package, &Package::new("b", "1").own()]);
    let report = system.remove(&["a"]);
    assert_eq!(report.removed, ["a"]);
    assert_eq!((system.stanza("a").as_str(), system.has("/usr/share/a"), system.has("/usr/bin")), ("\n", false, true));
    assert!(system.tree.names("/var/lib/dpkg/info").iter().all(|name| !name.starts_with(b"a.")));
}

#[test]
fn conffiles_stay_and_the_folders_that_they_stand_in() {
    let package =
        Package::new("a", "1").field("Essential: no").conffile("/etc/a/conf", "c\n").file("/usr/bin/a", "").folder("/usr/share/own");
    let mut system = system_with(&[&package, &Package::new("b", "1").own()]);
    system.put("/usr/share/own/local", "not of a package");
    system.remove(&["a"]);
    assert!(!system.has("/usr/bin/a") && system.text("/etc/a/conf") == "c\n" && system.has("/usr/share/own/local"));
    assert_eq!(system.field("a", "Status").as_deref(), Some("deinstall ok config-files"));
    assert_eq!(system.field("a", "Config-Version").as_deref(), Some("1"));
    assert_eq!(system.list("a"), ["/usr", "/usr/share", "/etc/a", "/etc/a/conf", "/usr/share/own"]);
    assert!(!system.has("/var/lib/dpkg/info/a.conffiles"));
}

#[test]
fn what_is_needed_goes_after_what_needs_it() {
    let mut system = system_with(&[&Package::new("a-library", "1").own(), &Package::new("z", "1").own().field("Depends: a-library")]);
    assert_eq!(system.remove(&["a-library", "z"]).removed, ["z", "a-library"]);
}

#[test]
fn a_package_whose_script_matters_goes_on_first_boot() {
    let script = "#!/bin/sh\nset -e\nif [ \"$1\" = remove ]; then\n  frobnicate --all\nfi\n";
    let frobnicate = Package::new("frobnicate", "1").file("/usr/bin/frobnicate", "#!/bin/true\n").of("root", 0o755);
    let mut system = system_with(&[&frobnicate, &Package::new("a", "1").file("/usr/bin/a", "").control("prerm", script)]);
    let report = system.remove(&["a"]);
    assert!(report.removed.is_empty() && report.deferred[0].0 == "a", "{report:?}");
    assert!(report.deferred[0].1.contains("line 4") && report.deferred[0].1.contains("frobnicate"), "{report:?}");
    assert_eq!((system.field("a", "Status").as_deref(), system.has("/usr/bin/a")), (Some("deinstall ok installed"), true));
    // It must not be in the way of what comes.
    let other = Package::new("b", "1").field("Conflicts: a");
    let orders = Orders {
        come: vec![crate::dpkg::Incoming { deb: other.deb(), is_asked: true }],
        go: vec!["a".to_owned()],
        architecture: "arm64".to_owned(),
        epoch: EPOCH,
        ..Orders::default()
    };
    let error = system.try_apply(&orders).unwrap_err();
    assert!(matches!(&error, DpkgError::Order { package, other, .. } if package == "a" && other == "b"), "{error}");
}

#[test]
fn what_scripts_do_to_files_is_done() {
    let script =
        "#!/bin/sh\nset -e\nif [ \"$1\" = remove ] && [ -x /etc/init.d/a ]; then\n  chmod -x /etc/init.d/a >/dev/null || true\nfi\n";
    let package = Package::new("a", "1").conffile("/etc/init.d/a", "#!/bin/sh\n").control("postrm", script);
    let chmod = Package::new("coreutils", "1").file("/usr/bin/chmod", "").of("root", 0o755);
    let mut system = system_with(&[&package, &chmod]);
    let id = system.tree.lookup("/etc/init.d/a").unwrap();
    system.tree.inode_mut(id).meta.permissions = 0o755;
    assert!(system.remove(&["a"]).deferred.is_empty());
    assert_eq!(system.tree.inode(system.tree.lookup("/etc/init.d/a").unwrap()).meta.permissions, 0o644);
    assert!(system.has("/var/lib/dpkg/info/a.postrm"));
}

#[test]
fn what_is_not_there_cannot_go() {
    let orders = Orders { go: vec!["a".to_owned()], architecture: "arm64".to_owned(), ..Orders::default() };
    let error = System::new().try_apply(&orders).unwrap_err();
    assert!(matches!(error, DpkgError::NotInstalled { .. }), "{error}");
}

#[test]
fn what_a_package_needs_that_goes_later_goes_later_too() {
    let tool = Package::new("frobnicate", "1").file("/usr/bin/frobnicate", "").of("root", 0o755);
    let user = Package::new("z", "1").own().field("Depends: frobnicate").control("prerm", "#!/bin/sh\nfrobnicate --stop\n");
    let mut system = system_with(&[&tool, &user]);
    let report = system.remove(&["frobnicate", "z"]);
    assert_eq!((report.removed.len(), report.deferred.len(), system.has("/usr/bin/frobnicate")), (0, 2, true));
    assert!(report.deferred[1].1.contains("`z`, which needs it"), "{report:?}");
}

#[test]
fn what_shows_only_when_the_files_are_gone_defers_a_removal() {
    let script = "#!/bin/sh\n[ -x /usr/bin/a ] || frobnicate\n";
    let package = Package::new("a", "1").file("/usr/bin/a", "").of("root", 0o755).control("postrm", script);
    let tool = Package::new("frobnicate", "1").file("/usr/bin/frobnicate", "").of("root", 0o755);
    let mut system = system_with(&[&package, &tool]);
    let report = system.remove(&["a"]);
    assert!(report.deferred[0].1.contains("postrm remove: line 2") && system.has("/usr/bin/a"), "{report:?}");
}
