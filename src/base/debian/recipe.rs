//! What `debian:SUITE` is made of, as arguments of mmdebstrap.

use sha2::{Digest as _, Sha256};

use super::super::raspi_firmware;
use crate::hex;

/// Counts up when the image made from the same packages becomes another one: the recipe here, or how the tree is laid out.
pub const VERSION: u32 = 1;
/// The only architecture: a Pi that Debian's own kernels drive is a 64-bit one.
pub const ARCHITECTURE: &str = "arm64";
/// The suites that a base can be made of.
pub const SUITES: [&str; 2] = ["bookworm", "trixie"];
/// Components: the firmware of the boards and their wireless chips is not free.
pub(super) const COMPONENTS: [&str; 2] = ["main", "non-free-firmware"];
/// Name of the environment variable that hands the settings of raspi-firmware to the last hook.
pub(super) const SETTINGS_VARIABLE: &str = "BERRY_RASPI_FIRMWARE";

/// Packages of every suite.
const PACKAGES: &str = include_str!("packages.txt");
/// Packages that only one suite needs.
const PACKAGES_OF: [(&str, &[&str]); 1] = [(
    "trixie",
    &[
        // Lets everyone `ping`: Debian 12 gave the program a capability instead.
        "linux-sysctl-defaults",
        // Names such as `US/Eastern`, which are in Debian 12's tzdata: a profile must suit both.
        "tzdata-legacy",
    ],
)];
const ESSENTIAL_HOOK: &str = include_str!("essential.sh");
const CUSTOMIZE_HOOK: &str = include_str!("customize.sh");

/// Kept out of every package: manuals, documentation and translations, of which a headless node needs none. The licences stay, and
/// so does the one file without which `locale-gen` complains.
pub const DPKG_OPTIONS: [&str; 5] = [
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
];

/// How mmdebstrap gets to be root in the new tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is root.
    Root,
    /// By a user namespace.
    Unshare,
}

/// The text of `/etc/default/raspi-firmware` in the base.
pub(super) fn firmware_settings() -> String {
    raspi_firmware::settings(raspi_firmware::BASE_ROOT)
}

/// Arguments of mmdebstrap that write the tree as a tar archive to standard output. `sources` are lines for apt; without any,
/// mmdebstrap takes the distribution's own mirror with updates and security.
pub(super) fn arguments(mode: Mode, suite: &str, sources: &[String]) -> Vec<String> {
    let mode = match mode {
        Mode::Root => "root",
        Mode::Unshare => "unshare",
    };
    let mut arguments = vec![
        format!("--mode={mode}"),
        "--format=tar".to_owned(),
        format!("--architectures={ARCHITECTURE}"),
        "--variant=minbase".to_owned(),
        format!("--components={}", COMPONENTS.join(",")),
        format!("--include={}", packages(suite).collect::<Vec<_>>().join(",")),
        "--aptopt=APT::Install-Recommends \"false\"".to_owned(),
    ];
    arguments.extend(DPKG_OPTIONS.iter().map(|option| format!("--dpkgopt={option}")));
    arguments.push(format!("--essential-hook={ESSENTIAL_HOOK}"));
    arguments.push(format!("--customize-hook={CUSTOMIZE_HOOK}"));
    arguments.push(suite.to_owned());
    arguments.push("-".to_owned());
    arguments.extend_from_slice(sources);
    arguments
}

/// The cache's name for the base made by this recipe: changes with every word of it, not with where the packages came from.
pub(super) fn key(suite: &str) -> String {
    let mut text = arguments(Mode::Root, suite, &[]).join("\n");
    text.push_str(&firmware_settings());
    let digest = Sha256::digest(text.as_bytes());
    format!("debian-{suite}-{ARCHITECTURE}-{VERSION}-{}", hex::encode(&digest[..8]))
}

fn packages(suite: &str) -> impl Iterator<Item = &'static str> {
    let of_suite = PACKAGES_OF.iter().filter(move |(name, _)| *name == suite).flat_map(|(_, packages)| packages.iter().copied());
    PACKAGES.lines().map(str::trim).filter(|line| !line.is_empty()).chain(of_suite)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, process::Command};

    use super::*;

    #[test]
    fn arguments_end_with_suite_target_and_sources() {
        let sources = ["deb http://mirror.example/debian bookworm main".to_owned()];
        let all = arguments(Mode::Unshare, "bookworm", &sources);
        assert_eq!(all[0], "--mode=unshare");
        assert_eq!(all[all.len() - 3..], ["bookworm".to_owned(), "-".to_owned(), sources[0].clone()]);
        assert_eq!(all.iter().filter(|argument| argument.contains("raspi-firmware,")).count(), 1);
    }

    #[test]
    fn includes_follow_the_excludes_they_limit() {
        let place = |text: &str| DPKG_OPTIONS.iter().position(|option| option.contains(text)).unwrap();
        assert!(place("doc/*/copyright") > place("exclude=/usr/share/doc"));
        assert!(place("locale.alias") > place("exclude=/usr/share/locale"));
    }

    #[test]
    fn packages_are_named_once() {
        for suite in SUITES {
            let unique: BTreeSet<_> = packages(suite).collect();
            assert_eq!(unique.len(), packages(suite).count());
            assert!(unique.contains("raspi-firmware") && unique.contains("linux-image-arm64"));
            assert_eq!(unique.contains("tzdata-legacy"), suite == "trixie");
        }
        assert!(PACKAGES_OF.iter().all(|(suite, _)| SUITES.contains(suite)));
    }

    #[test]
    fn hooks_are_sound_shell() {
        for hook in [ESSENTIAL_HOOK, CUSTOMIZE_HOOK] {
            assert!(Command::new("sh").args(["-n", "-c", hook]).status().unwrap().success());
            // mmdebstrap runs a hook by a shell only if it cannot be taken for a program's name.
            assert!(hook.contains('$'));
        }
    }

    #[test]
    fn the_essential_hook_fixes_the_modules() {
        let root = tempfile::tempdir().unwrap();
        let status = Command::new("sh").args(["-c", ESSENTIAL_HOOK, "exec"]).arg(root.path()).status().unwrap();
        assert!(status.success());
        let read = |path: &str| std::fs::read_to_string(root.path().join(path)).unwrap();
        assert_eq!(read("etc/initramfs-tools/conf.d/zz-berry-image"), "MODULES=list\n");
        let modules = read("usr/share/initramfs-tools/modules.d/berry-image");
        let names: Vec<_> = modules.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(names.len(), 13);
        assert!(names.contains(&"sdhci_iproc") && names.contains(&"ext4"));
    }

    #[test]
    fn the_key_names_suite_and_recipe() {
        let trixie = key("trixie");
        assert!(trixie.starts_with("debian-trixie-arm64-1-"), "{trixie}");
        assert_eq!(trixie.len(), "debian-trixie-arm64-1-".len() + 16);
    }

    /// Another key costs every user the minutes that making the base takes, so it changes on purpose only.
    #[test]
    fn a_base_in_the_cache_stays_known() {
        assert_eq!(key("bookworm"), "debian-bookworm-arm64-1-246f844f0cfbd0e8");
    }
}
