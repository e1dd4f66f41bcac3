//! Where the packages come from: the host's own apt sources, as far as they are Debian's.
//!
//! A mirror holds the releases side by side, so the sources of another release serve, too, under the wanted suite's name. A host
//! that has none of Debian's gets mmdebstrap's own default mirror. What is taken stands in the image's `sources.list` too, so an
//! address with a password in it is passed over.

use std::{fs, path::Path};

use super::{
    recipe::{COMPONENTS, SUITES},
    tools::KEYRING,
};
use crate::debian::sources::{SignedBy, Source, each, is_read};

/// Moving names of releases, whose updates and security fixes stand in the archive as those of [`SUITES`] do. (`testing` has no
/// updates, `unstable` neither.)
const ALIASES: [&str; 2] = ["stable", "oldstable"];

/// Lines for apt of the suite itself, its updates and its security fixes; empty when the host has no source that serves it.
///
/// `etc_apt` is the host's `/etc/apt`; `is_debian` says that it runs Debian itself, whose sources without `Signed-By` can be taken
/// for Debian's (Raspberry Pi OS has another archive under the same suite name).
pub(super) fn sources(etc_apt: &Path, suite: &str, is_debian: bool) -> Vec<String> {
    let mut found = read(etc_apt);
    found.retain(|source| source.components.iter().any(|component| component == COMPONENTS[0]) && is_debians(source, is_debian));
    let others = SUITES.iter().chain(&ALIASES).copied().filter(|other| *other != suite);
    std::iter::once(suite).chain(others).map(|own| lines(&found, own, suite, etc_apt)).find(|lines| !lines.is_empty()).unwrap_or_default()
}

/// Lines for `suite` at the addresses from which the host takes the suite `own`.
fn lines(found: &[Source], own: &str, suite: &str, etc_apt: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for part in ["", "-updates", "-security"] {
        let of_part = found.iter().filter(|source| source.suite.strip_prefix(own) == Some(part));
        let Some((uri, is_signed)) =
            of_part.filter_map(|source| Some((usable(&source.uri, etc_apt)?, !source.signed_by.is_empty()))).next()
        else {
            if lines.is_empty() {
                return Vec::new();
            }
            continue;
        };
        // Every release is signed with the keys of the one before it as well, so the keyring of an older host does.
        let signed_by = if is_signed { format!("[signed-by={KEYRING}] ") } else { String::new() };
        lines.push(format!("deb {signed_by}{uri} {suite}{part} {}", COMPONENTS.join(" ")));
    }
    lines
}

fn is_debians(source: &Source, is_debian: bool) -> bool {
    if source.signed_by.is_empty() {
        return is_debian && matches!(source.uri.rsplit('/').next(), Some("debian" | "debian-security" | "debian.list"));
    }
    source.signed_by.iter().any(|key| matches!(key, SignedBy::Keyring(path) if path.contains("/debian-archive-")))
}

/// An address that works outside the host's own tree, too.
fn usable(uri: &str, etc_apt: &Path) -> Option<String> {
    if let Some(list) = uri.strip_prefix("mirror+file:") {
        // Debian's cloud images: the file lists mirrors, best first.
        let below = Path::new(list.trim_start_matches('/')).strip_prefix("etc/apt").ok()?;
        let text = fs::read_to_string(etc_apt.join(below)).ok()?;
        let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
        return usable(first.split_whitespace().next()?, etc_apt);
    }
    let rest = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"))?;
    let authority = rest.split('/').next()?;
    let plain = !authority.is_empty() && !authority.contains('@') && uri.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| uri.to_owned())
}

/// All sources of the host in apt's order: `sources.list`, then `sources.list.d` by name. A file that cannot be read is no source. A line
/// or a stanza that is none (as installers leave one for their disc) or would do without signatures is passed over, not those beside it.
fn read(etc_apt: &Path) -> Vec<Source> {
    let entries = fs::read_dir(etc_apt.join("sources.list.d")).into_iter().flatten().flatten();
    let mut parts: Vec<_> = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_read)).map(|entry| entry.path()).collect();
    parts.sort();
    let files = std::iter::once(etc_apt.join("sources.list")).chain(parts);
    files.flat_map(|path| each(&path.to_string_lossy(), &fs::read_to_string(&path).unwrap_or_default())).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_for(suite: &str, files: &[(&str, &str)], is_debian: bool) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("sources.list.d")).unwrap();
        fs::create_dir_all(folder.path().join("mirrors")).unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        sources(folder.path(), suite, is_debian)
    }

    fn host(files: &[(&str, &str)], is_debian: bool) -> Vec<String> {
        host_for("bookworm", files, is_debian)
    }

    const ALL: [&str; 3] = [
        "deb http://mirror.example/debian bookworm main non-free-firmware",
        "deb http://mirror.example/debian bookworm-updates main non-free-firmware",
        "deb http://mirror.example/debian-security bookworm-security main non-free-firmware",
    ];

    const CONTAINER: &str = "Types: deb\n# a comment\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
        Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\nTypes: deb\n\
        URIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\nSigned-By:\n \
        /usr/share/keyrings/debian-archive-keyring.gpg\n";

    /// [`ALL`] of another suite, each line with the keyring of its source.
    fn signed(suite: &str) -> Vec<String> {
        ALL.map(|line| line.replace("bookworm", suite).replace("deb ", "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "))
            .into()
    }

    #[test]
    fn deb822_of_a_container() {
        assert_eq!(host(&[("sources.list.d/debian.sources", CONTAINER)], false), signed("bookworm"));
    }

    #[test]
    fn sources_of_another_release_serve_under_the_suite_s_name() {
        let files = [("sources.list.d/debian.sources", CONTAINER)];
        assert_eq!(host_for("trixie", &files, false), signed("trixie"));
        // Those of the suite itself come first, wherever they stand.
        let own = "deb http://own.example/debian trixie main\n";
        let both = [("sources.list.d/a.sources", CONTAINER), ("sources.list.d/b.list", own)];
        assert_eq!(host_for("trixie", &both, true), ["deb http://own.example/debian trixie main non-free-firmware"]);
        let stable = "deb http://mirror.example/debian stable main\ndeb http://mirror.example/debian-security stable-security main\n";
        let lines = [ALL[0], ALL[2]].map(|line| line.replace("bookworm", "trixie"));
        assert_eq!(host_for("trixie", &[("sources.list", stable)], true), lines);
        for suite in ["bookworm-backports", "sid", "testing", "bookwormish", "bookworm/updates"] {
            let line = format!("deb http://mirror.example/debian {suite} main");
            assert!(host_for("trixie", &[("sources.list", &line)], true).is_empty(), "{suite}");
        }
    }

    #[test]
    fn one_line_of_an_installer() {
        let text = "# deb cdrom:[Debian]/ bookworm main\ndeb http://mirror.example/debian/ bookworm main non-free-firmware\n\
                    deb-src http://mirror.example/debian/ bookworm main\ndeb [arch=amd64] http://mirror.example/debian-security bookworm-security main\n";
        let lines = host(&[("sources.list", text)], true);
        assert_eq!(lines, [ALL[0], ALL[2]]);
    }

    #[test]
    fn what_is_no_source_does_not_take_its_neighbours_along() {
        let disc = "deb cdrom:[Debian GNU/Linux 12.5.0 _Bookworm_ - Official amd64 DVD]/ bookworm main";
        let text = format!("{disc}\ndeb [trusted=yes] http://other.example/debian bookworm main\n{}\nrpm x y z\n{}\n", ALL[0], ALL[1]);
        assert_eq!(host(&[("sources.list", &text)], true), ALL[..2]);
        let stanzas = format!("Types: rpm\nURIs: http://other.example/debian\nSuites: bookworm\nComponents: main\n\n{CONTAINER}");
        assert_eq!(host(&[("sources.list.d/debian.sources", &stanzas)], false), signed("bookworm"));
    }

    #[test]
    fn cloud_images_list_mirrors_in_a_file() {
        let text = "Types: deb deb-src\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm\nComponents: main\n";
        let files = [("sources.list.d/debian.sources", text), ("mirrors/debian.list", "# best first\nhttp://mirror.example/debian\n")];
        assert_eq!(host(&files, true), ALL[..1]);
    }

    #[test]
    fn what_is_not_debians_is_passed_over() {
        for (line, is_debian) in [
            ("deb [signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.example/debian bookworm main", true),
            ("deb http://vendor.example/tool bookworm main", true),
            ("deb http://archive.vendor.example/debian bookworm main", false),
            ("deb http://user:word@mirror.example/debian bookworm main", true),
            ("deb http://mirror.example/debian sid main", true),
            ("deb http://mirror.example/debian bookworm contrib", true),
            ("deb file:/srv/debian bookworm main", true),
            ("deb http://mirror.example/debian-security bookworm-security main", true),
        ] {
            assert!(host(&[("sources.list", line)], is_debian).is_empty(), "{line}");
        }
        let off = "Types: deb\nEnabled: no\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n";
        assert!(host(&[("sources.list.d/a.sources", off)], true).is_empty());
        assert!(host(&[("sources.list.d/a.sources.save", "deb http://mirror.example/debian bookworm main")], true).is_empty());
    }
}
