//! Who made an image, and of what release it is.

use super::{BootFiles, DetectError, text};
use crate::{
    base::{
        debian::marker::Marker,
        facts::{Flavour, Release},
        initramfs::{self, Budget},
    },
    tree::Tree,
};

/// So many initramfs are looked at: one for each of the kernels that a boot partition has room for.
const MAX_INITRAMFS: usize = 8;

/// What os-release(5) says.
pub(super) struct System {
    id: String,
    codename: Option<String>,
    version: Option<String>,
    pub(super) pretty_name: String,
}

impl System {
    pub(super) fn read(tree: &Tree) -> Result<Self, DetectError> {
        let text = text(tree, "/usr/lib/os-release")?.map_or_else(|| super::text(tree, "/etc/os-release"), |text| Ok(Some(text)))?;
        let missing = |evidence: &str| DetectError::Missing { what: "the operating system", evidence: evidence.to_owned() };
        let text = text.ok_or_else(|| missing("`/usr/lib/os-release` is missing"))?;
        let value = |key: &str| {
            let lines = text.lines().filter_map(|line| line.split_once('='));
            lines.filter(|(name, _)| *name == key).map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned()).next_back()
        };
        let id = value("ID").ok_or_else(|| missing("`/usr/lib/os-release` has no ID"))?;
        let pretty_name = value("PRETTY_NAME").unwrap_or_else(|| id.clone());
        Ok(Self { id, codename: value("VERSION_CODENAME"), version: value("VERSION_ID"), pretty_name })
    }

    /// Name for a message, with its release.
    pub(super) fn shown(&self) -> String {
        match &self.codename {
            Some(codename) if !self.pretty_name.contains(codename.as_str()) => format!("{} ({codename})", self.pretty_name),
            _ => self.pretty_name.clone(),
        }
    }
}

pub(super) fn flavour(tree: &Tree, boot: &dyn BootFiles, system: &System) -> Result<Flavour, DetectError> {
    let unsupported = |found: String| Err(DetectError::Unsupported { found });
    if let Some(text) = text(tree, Marker::PATH)? {
        return match Marker::parse(&text) {
            Some(marker) if Some(&marker.suite) == system.codename.as_ref() && system.id == "debian" => Ok(Flavour::BerryDebian),
            Some(marker) => unsupported(format!("{}, made as debian:{}", system.shown(), marker.suite)),
            None => unsupported(format!("a base of another version of berry-image (`{}`)", Marker::PATH)),
        };
    }
    match (system.id.as_str(), tree.exists("/etc/rpi-issue")) {
        ("debian" | "raspbian", true) => Ok(Flavour::RaspberryPiOs),
        ("raspbian", false) => Err(DetectError::Missing {
            what: "who made the image",
            evidence: "`/etc/rpi-issue`, which pi-gen writes into every Raspberry Pi OS, is missing".to_owned(),
        }),
        ("debian", false) if resizes_at_every_boot(tree, boot)? => Err(DetectError::Foreign {
            found: format!("{}, Debian's own image for Raspberry Pis", system.shown()),
            reason: "its initramfs runs `rpi-resizerootfs`, which at every boot unmounts the root to grow it as long as there is free \
                     space on the card",
        }),
        ("debian", false) => unsupported(format!("{}, made neither by Raspberry Pi nor by `debian:SUITE` of berry-image", system.shown())),
        ("ubuntu", _) => Err(DetectError::Foreign {
            found: system.shown(),
            reason: "its cloud-init sets up users, network and host name and grows the root at every boot, and its boot partition holds \
                     two systems in turn, none of which is known here",
        }),
        _ => unsupported(system.shown()),
    }
}

/// Whether it is one of Debian's own images (raspi.debian.net): the label of their root, RASPIROOT, tells nothing, as `debian:SUITE`
/// has it too. Up to buster the script was a service; since then only the initramfs holds it.
fn resizes_at_every_boot(tree: &Tree, boot: &dyn BootFiles) -> Result<bool, DetectError> {
    let services = ["rpi-resizerootfs.service", "rpi3-resizerootfs.service"];
    let folders = ["/etc/systemd/system", "/etc/systemd/system/systemd-remount-fs.service.requires", "/lib/systemd/system"];
    if services.iter().any(|unit| folders.iter().any(|folder| tree.exists(format!("{folder}/{unit}")))) {
        return Ok(true);
    }
    let mut budget = Budget::of_an_image();
    for name in boot.names().iter().filter(|name| name.to_ascii_lowercase().starts_with("initrd")).take(MAX_INITRAMFS) {
        let Some(content) = boot.read(name)? else { continue };
        // One that cannot be read, or not within the budget, tells nothing; the image is refused either way.
        if initramfs::holds(&content, "scripts/local-bottom/rpi-resizerootfs", &mut budget).unwrap_or(false) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// By its code name; stretch has only a number.
pub(super) fn release(system: &System, flavour: Flavour) -> Result<Release, DetectError> {
    let named = match (&system.codename, &system.version) {
        (Some(codename), _) => Release::from_codename(codename).ok_or(codename),
        (None, Some(version)) => Release::from_version(version).ok_or(version),
        (None, None) => {
            let evidence = "`/usr/lib/os-release` has neither VERSION_CODENAME nor VERSION_ID".to_owned();
            return Err(DetectError::Missing { what: "the release", evidence });
        }
    };
    named.map_err(|name| match flavour {
        Flavour::RaspberryPiOs => DetectError::Unsupported { found: format!("Raspberry Pi OS {name}") },
        Flavour::BerryDebian => DetectError::Unsupported { found: format!("debian:{name}") },
    })
}
