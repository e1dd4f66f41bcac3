//! `overlays/manifest`: which files are baked in when, and where they go.

use crate::{
    node::{
        NodeError,
        embedded::{Embedded, embedded},
    },
    overlay::{
        manifest::{Item, lines},
        template::{Values, fill},
    },
};

const MANIFEST: Embedded = embedded!("manifest");

/// The files that the manifest names.
const FILES: [Embedded; 11] = [
    embedded!("apache-conf.conf"),
    embedded!("apache-site.conf"),
    embedded!("apache-unavailable.asis"),
    embedded!("apache2.conf"),
    embedded!("berry-firstboot-cluster.service"),
    embedded!("berry-firstboot-system.service"),
    embedded!("berry-volume.service"),
    embedded!("glusterd.conf"),
    embedded!("glusterd.service"),
    embedded!("login"),
    embedded!("volume-mount.conf"),
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

/// What is baked in where only those lines apply of which `applies` says so: the others' values need not be there.
pub(super) fn entries(values: &Values, applies: impl Fn(When) -> bool) -> Result<Vec<Entry>, NodeError> {
    parse(&MANIFEST, &FILES, values, applies)
}

fn parse(manifest: &Embedded, files: &[Embedded], values: &Values, applies: impl Fn(When) -> bool) -> Result<Vec<Entry>, NodeError> {
    let mut entries = Vec::new();
    for line in lines(manifest.text) {
        let mistake =
            |number: usize, what: &str| NodeError::Template { place: format!("{}:{number}", manifest.name), what: what.to_owned() };
        let line = line.map_err(|wrong| mistake(wrong.number, wrong.what))?;
        let mistake = |what: &str| mistake(line.number, what);
        let when = When::WORDS.iter().find(|(word, _)| *word == line.on).ok_or_else(|| mistake("it does not say when"))?.1;
        if !applies(when) {
            continue;
        }
        let fill = |text: &str| fill(text, values).map_err(|wrong| mistake(&wrong.what));
        let what = match line.item {
            Item::Link(target) => What::Link(fill(target)?),
            Item::Folder { .. } => return Err(mistake("folders are made elsewhere")),
            Item::File { permissions, owner: (user, group), source } => {
                let number = |text: &str| text.parse().map_err(|_| mistake("owner and group are to be numbers"));
                let name = |file: &&Embedded| file.name.rsplit('/').next() == Some(source);
                let file = files.iter().find(name).ok_or_else(|| mistake("there is no such file"))?;
                What::File { permissions, uid: number(user)?, gid: number(group)?, text: file.render(values)? }
            }
        };
        entries.push(Entry { when, path: fill(line.path)?, what });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use super::*;

    fn values() -> Values {
        let names = [
            "boot_mount",
            "brick_unit",
            "config",
            "marker",
            "mount_point",
            "mount_unit",
            "program",
            "server_name",
            "status_file",
            "subnet",
            "volume",
            "web_root",
        ];
        names.into_iter().map(|name| (name, format!("/{name}"))).collect()
    }

    fn said(manifest: &'static str, file: &'static str) -> String {
        let overlay = |name, text| Embedded { name, text };
        parse(&overlay("overlays/manifest", manifest), &[overlay("overlays/a.conf", file)], &values(), |_| true).unwrap_err().to_string()
    }

    #[test]
    fn the_manifest_is_sound_and_complete() {
        let all = entries(&values(), |_| true).unwrap();
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
        let entries = entries(&few, |when| when == When::Always).unwrap();
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
            ("often 0644 0:0 a.conf /etc/a\n", "it does not say when"),
            ("always 0644 root a.conf /etc/a\n", "expected owner and group, such as root:root"),
            ("always 0644 root:root a.conf /etc/a\n", "owner and group are to be numbers"),
            ("always 0755 0:0 - /etc/a\n", "folders are made elsewhere"),
            ("always 0644 0:0 b.conf /etc/a\n", "there is no such file"),
            ("always 0644 0:0 a.conf /etc/{{x}}\n", "`x` has no value"),
        ] {
            assert_eq!(said(line, ""), format!("a built-in template is wrong: overlays/manifest:1: {what}"));
        }
    }
}
