//! `overlays/manifest`: which files are baked in when, and where they go.

use std::collections::BTreeMap;

use crate::node::{
    NodeError,
    template::{self, Overlay, overlay},
};

const MANIFEST: Overlay = overlay!("manifest");

/// The files that the manifest names.
const FILES: [Overlay; 11] = [
    overlay!("apache-conf.conf"),
    overlay!("apache-site.conf"),
    overlay!("apache-unavailable.asis"),
    overlay!("apache2.conf"),
    overlay!("berry-firstboot-cluster.service"),
    overlay!("berry-firstboot-system.service"),
    overlay!("berry-volume.service"),
    overlay!("glusterd.conf"),
    overlay!("glusterd.service"),
    overlay!("login"),
    overlay!("volume-mount.conf"),
];

/// When something is baked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// On every node.
    Always,
    /// On the nodes of the pool, where there is a volume.
    Volume,
    /// The same, where glusterd's own unit stands before the network.
    GlusterdUnit,
    /// The same, where it does not.
    GlusterdDropIn,
    /// On the nodes of the pool, where there is a web server.
    Web,
}

impl When {
    const WORDS: [(&'static str, Self); 5] = [
        ("always", Self::Always),
        ("volume", Self::Volume),
        ("glusterd-unit", Self::GlusterdUnit),
        ("glusterd-drop-in", Self::GlusterdDropIn),
        ("web", Self::Web),
    ];
}

/// Something to bake in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) when: When,
    pub(super) path: String,
    pub(super) what: What,
}

/// What it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A file.
    File { permissions: u16, uid: u32, gid: u32, text: String },
    /// A link, and where it leads.
    Link(String),
}

/// The lines that have all their values: without a volume or a web server those that are about them are left out.
pub(super) fn entries(values: &BTreeMap<&'static str, String>) -> Result<Vec<Entry>, NodeError> {
    parse(&MANIFEST, &FILES, values)
}

fn parse(manifest: &Overlay, files: &[Overlay], values: &BTreeMap<&'static str, String>) -> Result<Vec<Entry>, NodeError> {
    let mut entries = Vec::new();
    for (index, line) in manifest.text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let mistake = |what: &str| NodeError::Template { place: format!("{}:{}", manifest.name, index + 1), what: what.to_owned() };
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[when, mode, owner, source, path] = words.as_slice() else { return Err(mistake("expected five words")) };
        let when = When::WORDS.iter().find(|(word, _)| *word == when).ok_or_else(|| mistake("it does not say when"))?.1;
        let is_there = match when {
            When::Always => true,
            When::Volume | When::GlusterdUnit | When::GlusterdDropIn => values.contains_key("volume"),
            When::Web => values.contains_key("web_root"),
        };
        if !is_there {
            continue;
        }
        let fill = |text: &str| template::fill(text, values).map_err(|wrong| mistake(&wrong.what));
        let path = fill(path)?;
        let what = if mode == "link" {
            What::Link(fill(source)?)
        } else {
            let permissions = u16::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(|| mistake("it has no mode"))?;
            let numbers = owner.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
            let (uid, gid) = numbers.ok_or_else(|| mistake("it has no owner and group"))?;
            let name = |overlay: &&Overlay| overlay.name.rsplit('/').next() == Some(source);
            let overlay = files.iter().find(name).ok_or_else(|| mistake("there is no such overlay"))?;
            What::File { permissions, uid, gid, text: overlay.render(values)? }
        };
        entries.push(Entry { when, path, what });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn values() -> BTreeMap<&'static str, String> {
        let names = [
            "boot_mount",
            "brick_unit",
            "config",
            "marker",
            "mount_point",
            "mount_unit",
            "program",
            "server_name",
            "subnet",
            "volume",
            "web_root",
        ];
        names.into_iter().map(|name| (name, format!("/{name}"))).collect()
    }

    fn said(manifest: &'static str, file: &'static str) -> String {
        let overlay = |name, text| Overlay { name, text };
        parse(&overlay("overlays/manifest", manifest), &[overlay("overlays/a.conf", file)], &values()).unwrap_err().to_string()
    }

    #[test]
    fn the_manifest_is_sound_and_complete() {
        let all = entries(&values()).unwrap();
        assert!(all.len() >= 13 && all.iter().all(|entry| entry.path.starts_with('/')));
        for (word, when) in When::WORDS {
            assert!(all.iter().any(|entry| entry.when == when), "{word}");
        }
        // Every value is used, and every file that is embedded is placed.
        let texts: String = FILES.iter().chain([&MANIFEST]).map(|overlay| overlay.text).collect();
        for name in values().keys() {
            assert!(texts.contains(&format!("{{{{{name}}}}}")), "{name}");
        }
        for file in FILES {
            assert!(MANIFEST.text.contains(&format!(" {} ", file.name.trim_start_matches("overlays/"))), "{}", file.name);
        }
    }

    #[test]
    fn without_a_volume_only_the_first_part_of_first_boot_is_there() {
        let few: BTreeMap<_, _> = values().into_iter().filter(|(name, _)| ["boot_mount", "config", "program"].contains(name)).collect();
        let entries = entries(&few).unwrap();
        let paths: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
        let unit = "/etc/systemd/system/berry-firstboot-system.service";
        let link = "/etc/systemd/system/multi-user.target.wants/berry-firstboot-system.service";
        assert_eq!(paths, [unit, link, "/etc/update-motd.d/95-berry-firstboot"]);
        assert_eq!(entries[1].what, What::Link(unit.to_owned()));
    }

    #[test]
    fn no_file_of_the_folder_is_forgotten() {
        let settings = ["berry-locale.service", "cloud.cfg", "manifest", "sshd.conf", "sudoers", "swap.conf", "timesyncd.conf"];
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("overlays")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_known = settings.contains(&name.as_str()) || FILES.iter().any(|file| file.name == format!("overlays/{name}"));
            assert!(is_known, "{name}");
        }
    }

    #[test]
    fn mistakes_are_told_with_file_and_line() {
        let line = "# x\nalways 0644 0:0 a.conf /etc/a\n";
        assert_eq!(said(line, "one\ntwo {{three}}\n"), "a built-in template is wrong: overlays/a.conf:2: `three` has no value");
        assert_eq!(said(line, "{{volume\n"), "a built-in template is wrong: overlays/a.conf:1: `{{` is not closed");
        for (line, what) in [
            ("always 0644 0:0 a.conf\n", "expected five words"),
            ("often 0644 0:0 a.conf /etc/a\n", "it does not say when"),
            ("always 0648 0:0 a.conf /etc/a\n", "it has no mode"),
            ("always 0644 root a.conf /etc/a\n", "it has no owner and group"),
            ("always 0644 0:0 b.conf /etc/a\n", "there is no such overlay"),
            ("always 0644 0:0 a.conf /etc/{{x}}\n", "`x` has no value"),
        ] {
            assert_eq!(said(line, ""), format!("a built-in template is wrong: overlays/manifest:1: {what}"));
        }
    }
}
