//! Triggers: who is told of what.

use super::kit::{Package, System};

/// Somebody who looks at a folder and waits for a name.
fn system() -> System {
    let mut system = System::new();
    let watcher = Package::new("watcher", "1").own().control("triggers", "interest /usr/share/x\ninterest-noawait refresh\n");
    system.unpack(&[&watcher]);
    assert_eq!(system.text("/var/lib/dpkg/triggers/File"), "/usr/share/x watcher\n");
    assert_eq!(system.text("/var/lib/dpkg/triggers/refresh"), "watcher/noawait\n");
    system.configure();
    system
}

#[test]
fn whoever_looks_at_a_folder_is_told_of_what_comes_and_goes() {
    let mut system = system();
    let package = Package::new("a", "1").own().folder("/usr/share/x").file("/usr/share/x/f", "");
    system.unpack(&[&package]);
    assert_eq!(system.field("watcher", "Status").as_deref(), Some("install ok triggers-pending"));
    assert_eq!(system.field("watcher", "Triggers-Pending").as_deref(), Some("/usr/share/x"));
    assert_eq!(system.field("a", "Triggers-Awaited").as_deref(), Some("watcher"));
    assert_eq!(system.field("a", "Status").as_deref(), Some("install ok unpacked"));
}

#[test]
fn a_trigger_by_name_is_not_awaited_by_what_was_not_there() {
    let mut system = system();
    system.unpack(&[&Package::new("a", "1").own().control("triggers", "activate refresh\n")]);
    assert_eq!(system.field("watcher", "Triggers-Pending").as_deref(), Some("refresh"));
    assert_eq!(system.field("a", "Triggers-Awaited"), None);
}

#[test]
fn the_latest_trigger_stands_first_and_none_twice() {
    let mut system = system();
    let package = |name: &str| Package::new(name, "1").own().folder("/usr/share/x").control("triggers", "activate-noawait refresh\n");
    system.unpack(&[&package("a"), &package("b")]);
    assert_eq!(system.field("watcher", "Triggers-Pending").as_deref(), Some("/usr/share/x refresh"));
}

#[test]
fn a_package_that_is_upgraded_forgets_what_waited_for_it() {
    let mut system = system();
    system.unpack(&[&Package::new("a", "1").own().folder("/usr/share/x")]);
    system.unpack(&[&Package::new("watcher", "2").own().control("triggers", "interest-noawait /usr/share/y\n")]);
    assert_eq!(system.field("watcher", "Status").as_deref(), Some("install ok unpacked"));
    assert_eq!((system.field("watcher", "Triggers-Pending"), system.field("a", "Triggers-Awaited")), (None, None));
    assert_eq!(system.text("/var/lib/dpkg/triggers/File"), "/usr/share/y watcher/noawait\n");
    assert!(!system.has("/var/lib/dpkg/triggers/refresh"));
}

#[test]
fn what_was_set_off_before_is_taken_in() {
    let mut system = system();
    system.put("/var/lib/dpkg/triggers/Unincorp", "refresh -\n/usr/share/x/deep a\n");
    system.unpack(&[&Package::new("a", "1").own()]);
    assert_eq!(system.field("watcher", "Triggers-Pending").as_deref(), Some("/usr/share/x refresh"));
    assert_eq!(system.text("/var/lib/dpkg/triggers/Unincorp"), "");
}

#[test]
fn a_package_that_goes_is_not_told_any_more() {
    let mut system = system();
    system.remove(&["watcher"]);
    system.unpack(&[&Package::new("a", "1").own().folder("/usr/share/x")]);
    assert!(!system.has("/var/lib/dpkg/triggers/refresh") && system.text("/var/lib/dpkg/triggers/File").is_empty());
}
