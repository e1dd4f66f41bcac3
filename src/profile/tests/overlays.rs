//! `overlays:`: read from folders, and held against the rest of the profile.

use std::{fs, path::Path};

use super::support::{Variables, places};
use crate::{
    overlay::On,
    profile::{Loaded, ProfileErrors, parse},
};

const PROFILE: &str = "base: debian:bookworm\nnetwork: {subnet: 192.168.2.0/24, gateway: 192.168.2.1}\nnodes:\n  - {name: n1, address: 192.168.2.5}\n  \
    - {name: far, remote: true, public: far.example.org}\n";

/// Checks the profile with `keys` behind it (line 6), in a folder with an overlay `site` of this manifest and files.
fn check(keys: &str, manifest: &str, files: &[(&str, &str)]) -> Result<Loaded, ProfileErrors> {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    fs::create_dir(&site).unwrap();
    for (name, text) in files.iter().chain(&[("manifest", manifest)]) {
        fs::write(site.join(name), text).unwrap();
    }
    let variables = Variables::of(&[("HOME", &folder.path().to_string_lossy())]);
    parse(&format!("{PROFILE}{keys}\n"), &folder.path().join("c.yaml"), &variables)
}

fn said(manifest: &str, files: &[(&str, &str)]) -> Vec<String> {
    let errors = check("overlays: site", manifest, files).unwrap_err();
    assert!(places(&errors).iter().all(|place| *place == ("overlay", 6, 11)), "{errors}");
    errors.report().problems().iter().map(|problem| problem.message.clone()).collect()
}

#[test]
fn overlays_are_read_in_their_order() {
    let loaded = check("overlays: [site, ~/site]", "always 0644 0:0 a /etc/a\n", &[("a", "x"), ("b", "y")]).unwrap();
    let folders: Vec<_> = loaded.profile.overlays.iter().map(|overlay| overlay.folder.as_path()).collect();
    assert_eq!(folders, [Path::new("site"), Path::new("~/site")]);
    assert_eq!(loaded.profile.overlays[1].entries[0].place, "~/site/manifest:1");
    let warnings: Vec<_> = loaded.warnings.problems().iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(warnings, ["no line of site/manifest names b", "no line of ~/site/manifest names b"]);
    assert!(check("overlays: []", "", &[]).unwrap().profile.overlays.is_empty());
}

#[test]
fn a_node_gets_what_its_word_says() {
    let manifest = "always 0644 0:0 a /a\npool 0644 0:0 a /b\nremote 0644 0:0 a /c\nfar,n1 0644 0:0 a /d\nn1 0644 0:0 a /e\n";
    let profile = check("overlays: site", manifest, &[("a", "")]).unwrap().profile;
    let got = |node: usize| -> String {
        let entries = profile.overlays[0].entries.iter().filter(|entry| profile.nodes[node].gets(&entry.on));
        entries.map(|entry| &entry.path[1..]).collect()
    };
    assert_eq!((got(0).as_str(), got(1).as_str()), ("abde", "acd"));
    assert_eq!(profile.overlays[0].entries[3].on, On::Named(vec!["far".to_owned(), "n1".to_owned()]));
}

#[test]
fn templates_know_what_the_profile_says_of_the_node() {
    let all = "{{cluster}} {{node}} {{user}} {{time_zone}} {{brick_mount}}\n";
    let local = "{{address}} {{subnet}} {{gateway}}\n";
    let manifest = "always 0644 0:0 all.template /a\npool 0644 0:0 local.template /b\n";
    check("overlays: site", manifest, &[("all.template", all), ("local.template", local)]).unwrap();
    let manifest = "always 0644 0:0 all.template /a\nalways 0644 0:0 local.template /b\nalways 0644 0:0 plain /c\n";
    let files = [("all.template", "{{volume}}"), ("local.template", local), ("plain", "{{nothing}}")];
    assert_eq!(
        said(manifest, &files),
        ["site/all.template:1: `volume` has no value on `n1`", "site/local.template:1: `address` has no value on `far`"]
    );
    let manifest = "pool 0644 0:0 a.template /a\n";
    assert_eq!(said(manifest, &[("a.template", "\n{{node")]), ["site/a.template:2: `{{` is not closed on `n1`"]);
}

#[test]
fn what_nobody_would_see_is_refused() {
    for folder in ["/boot", "/dev", "/export", "/proc", "/run", "/sys", "/tmp", "/var/lib/dpkg", "/var/lib/glusterd", "/var/run"] {
        let said = said(&format!("always 0644 0:0 a {folder}/x\n"), &[("a", "")]);
        assert!(said.len() == 1 && said[0].starts_with(&format!("site/manifest:1: nothing can be laid into `{folder}`: ")), "{said:?}");
    }
    check("overlays: site", "always 0644 0:0 a /exports/x\nalways 0644 0:0 a /var/lib/dpkgs\n", &[("a", "")]).unwrap();
    let volume = "packages: {install: [glusterfs-server]}\nvolume: {name: v, type: distribute}\noverlays: site";
    let errors = check(volume, "always 0644 0:0 a /mnt/www/index.html\n", &[("a", "")]).unwrap_err();
    assert_eq!(places(&errors), [("overlay", 8, 11)]);
}

#[test]
fn mistakes_name_their_file_and_line() {
    assert_eq!(
        said("n1,n2 0644 0:0 a /a\nsometimes 0644 0:0 a /b\n", &[("a", "")]),
        ["site/manifest:1: `n2` is no node of the profile", "site/manifest:2: `sometimes` is no node of the profile"]
    );
    assert_eq!(
        said("always 0644 0:0 b /a\nalways 0644 0:0 a\n", &[]),
        [
            "site/manifest:1: site/b: there is no such file",
            "site/manifest:2: expected five words: on which nodes, mode, owner:group, file, path"
        ]
    );
    let none = check("overlays: [none, site, site]", "always link - /a /b\n", &[]).unwrap_err();
    assert_eq!(places(&none), [("overlay", 6, 12), ("overlay", 6, 24)]);
}

#[test]
fn a_node_that_is_called_like_a_word_is_refused() {
    let text = PROFILE.replace("name: n1", "name: pool");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("site")).unwrap();
    fs::write(folder.path().join("site/manifest"), "always link - /a /b\n").unwrap();
    let parsed = |keys: &str| parse(&format!("{text}{keys}\n"), &folder.path().join("c.yaml"), &Variables::default());
    parsed("").unwrap();
    assert_eq!(places(&parsed("overlays: site").unwrap_err()), [("overlay", 6, 11)]);
}
