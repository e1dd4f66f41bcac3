use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::{
    node::testing::{EPOCH, node, profile},
    profile::Public,
};

fn home() -> Profile {
    profile(Public::Name("berries.example.org".to_owned()))
}

fn saved(profile: &Profile) -> (tempfile::TempDir, PathBuf, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster01.ledger");
    let mut ledger = Ledger::create(profile, EPOCH).unwrap();
    ledger.save(&path).unwrap();
    (folder, path, ledger)
}

#[test]
fn a_saved_ledger_gives_the_same_identities_again() {
    let profile = home();
    let (folder, path, ledger) = saved(&profile);
    let mut again = Ledger::load(&path).unwrap().unwrap();
    assert_eq!(again.content, ledger.content);
    assert!(!again.ensure(&profile).unwrap());
    let before = fs::read(&path).unwrap();
    again.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["cluster01.ledger"]);
}

#[test]
fn no_file_is_no_ledger() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Ledger::load(&folder.path().join("none.ledger")).unwrap().is_none());
    assert!(matches!(Ledger::load(folder.path()), Err(LedgerError::Read { .. })));
}

#[test]
fn new_nodes_are_added_and_nothing_else_changes() {
    let mut profile = home();
    let mut ledger = Ledger::create(&profile, EPOCH).unwrap();
    let before = ledger.content.clone();
    let gone = profile.nodes.remove(1);
    profile.nodes.push(node("cluster05", [192, 168, 2, 9]));
    profile.user.keys.clear();
    assert!(ledger.ensure(&profile).unwrap());
    assert_eq!(ledger.identity(&gone.name), before.nodes.get("cluster02"));
    for (name, identity) in &before.nodes {
        assert_eq!(ledger.content.nodes.get(name), Some(identity));
    }
    assert!(ledger.identity(&profile.nodes[3].name).is_some());
    assert_eq!((ledger.epoch(), ledger.root_uuid(), ledger.hash_seed()), (EPOCH, before.root_uuid, before.hash_seed));
    let key = ledger.operator_key().unwrap().clone();
    assert!(!ledger.ensure(&profile).unwrap());
    assert_eq!(ledger.operator_key(), Some(&key));
    assert!(are_distinct(&ledger.content.nodes));
}

#[test]
fn the_operators_key_is_made_only_when_the_profile_has_none() {
    assert!(Ledger::create(&home(), EPOCH).unwrap().operator_key().is_none());
    let mut profile = home();
    profile.user.keys.clear();
    assert!(Ledger::create(&profile, EPOCH).unwrap().operator_key().unwrap().public().ends_with(" operator@cluster01"));
}

#[test]
fn a_ledger_that_others_can_read_is_refused() {
    let (_folder, path, _) = saved(&home());
    for mode in [0o640, 0o604, 0o620, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Ledger::load(&path).unwrap_err();
        assert!(matches!(error, LedgerError::Exposed { mode: got, .. } if got == mode), "{error}");
        assert!(error.hint().unwrap().contains("chmod 600 "), "{error}");
    }
}

/// Writes `text` in the ledger's place, loads it, and checks that the error shows none of it.
fn error_of(path: &Path, text: &str) -> LedgerError {
    fs::write(path, text).unwrap();
    let error = Ledger::load(path).unwrap_err();
    let printed = format!("{error} {error:?} {:?}", error.hint());
    assert!(!printed.contains("canary") && !printed.contains("OPENSSH"), "{printed}");
    error
}

#[test]
fn damaged_and_foreign_files_are_refused_without_showing_them() {
    let profile = home();
    let (_folder, path, ledger) = saved(&profile);
    let good = fs::read_to_string(&path).unwrap();
    let id = ledger.content.nodes["cluster01"].disk_id.to_string();
    let other = ledger.content.nodes["cluster02"].disk_id.to_string();
    for (text, reason) in [
        (String::new(), "it ends too early"),
        ("canary".to_owned(), "it is not JSON"),
        (good[..good.len() / 2].to_owned(), "it ends too early"),
        (good.replacen("\"epoch\"", "\"canary\"", 1), "a value is wrong, missing, doubled or unknown"),
        (good.replacen("\"epoch\"", "\"canary\": 1, \"epoch\"", 1), "a value is wrong, missing, doubled or unknown"),
        (good.replacen("\"cluster02\"", "\"cluster01\"", 1), "a value is wrong, missing, doubled or unknown"),
        (good.replacen(&id, "canarycanary", 1), "a value is wrong, missing, doubled or unknown"),
        (good.replacen("BEGIN OPENSSH", "BEGIN canary", 1), "a value is wrong, missing, doubled or unknown"),
        (good.replacen("\"cluster02\"", "\"canary/02\"", 1), "a node's name is not a host name"),
        (good.replacen(&id, &other, 1), "two nodes share an identity"),
        (good.replacen("\"format\": 1", "\"format\": 0", 1), "its format is 0"),
    ] {
        let error = error_of(&path, &text);
        assert!(matches!(error, LedgerError::Damaged { reason: got, .. } if got == reason), "{reason}: {error}");
    }
    let error = error_of(&path, "{\"format\": 2, \"canary\": true}");
    assert!(matches!(error, LedgerError::Newer { got: 2, .. }), "{error}");
    assert_eq!(error.kind(), Kind::Unsupported);
}

#[test]
fn another_clusters_ledger_is_refused() {
    let mut ledger = Ledger::create(&home(), EPOCH).unwrap();
    let mut other = home();
    other.cluster = "rpi".to_owned();
    assert!(matches!(ledger.ensure(&other), Err(LedgerError::OtherCluster { .. })));
}

#[test]
fn what_another_run_saved_is_not_overwritten() {
    let profile = home();
    let (_folder, path, first) = saved(&profile);
    let mut late = Ledger::create(&profile, EPOCH).unwrap();
    assert!(matches!(late.save(&path), Err(LedgerError::Changed { .. })));
    let mut stale = Ledger::load(&path).unwrap().unwrap();
    let mut fast = Ledger::load(&path).unwrap().unwrap();
    let mut larger = profile.clone();
    larger.nodes.push(node("cluster05", [192, 168, 2, 9]));
    fast.ensure(&larger).unwrap();
    fast.save(&path).unwrap();
    assert!(matches!(stale.save(&path), Err(LedgerError::Changed { .. })));
    let kept = Ledger::load(&path).unwrap().unwrap();
    assert_eq!(kept.identity(&profile.nodes[0].name), first.identity(&profile.nodes[0].name));
    assert!(kept.identity(&larger.nodes[4].name).is_some());
}

#[test]
fn what_a_killed_run_left_is_no_obstacle_and_links_stay_links() {
    let profile = home();
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("vault");
    fs::create_dir(&real).unwrap();
    fs::write(real.join(".cluster01.ledger.partial"), "half").unwrap();
    fs::write(real.join("cluster01.ledger"), "").unwrap();
    let path = folder.path().join("cluster01.ledger");
    std::os::unix::fs::symlink("vault/cluster01.ledger", &path).unwrap();
    fs::remove_file(real.join("cluster01.ledger")).unwrap();
    assert!(Ledger::create(&profile, EPOCH).unwrap().save(&path).is_err(), "the link leads nowhere");
    fs::remove_file(&path).unwrap();
    let mut ledger = Ledger::create(&profile, EPOCH).unwrap();
    ledger.save(&real.join("cluster01.ledger")).unwrap();
    std::os::unix::fs::symlink("vault/cluster01.ledger", &path).unwrap();
    ledger.save(&path).unwrap();
    assert!(path.is_symlink());
    assert_eq!(fs::read_dir(&real).unwrap().count(), 1);
}

#[test]
fn identities_for_a_plan_are_never_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster01.ledger");
    let mut ledger = Ledger::provisional(&home(), EPOCH).unwrap();
    assert!(ledger.is_provisional());
    assert!(matches!(ledger.save(&path), Err(LedgerError::Provisional)));
    assert!(!path.exists());
}

#[test]
fn debug_shows_no_secret() {
    let mut profile = home();
    profile.user.keys.clear();
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let printed = format!("{ledger:?} {ledger:#?}");
    let keys = ledger.content.nodes.values().map(|node| &node.ssh_host_key).chain(ledger.operator_key());
    for line in keys.flat_map(|key| key.private().expose().lines()) {
        assert!(!printed.contains(line), "a line of a private key is printed");
    }
}
