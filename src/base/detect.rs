//! What an image is, from its own files. Nothing is guessed: where a piece of evidence is missing, the error names it.

mod dpkg;
mod layout;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use layout::{Layout, agreement, layout};

use super::{
    debian::marker::Marker,
    facts::{Architecture, Expansion, FIRST_BOOT, Facts, Flavour, NetworkManager, Release},
};
use crate::{
    error::{Classified, Kind},
    fat::{Fat, FatError},
    tree::{Tree, TreeError},
};
use dpkg::Packages;

/// What every refusal says is supported.
const SUPPORTED: &str = "supported: Raspberry Pi OS bookworm (arm64, armhf), as downloaded, and debian:bookworm";
/// Files on the boot partition by which Raspberry Pi Imager, or a user, tells the first boot what to do. They would act on top of, or
/// against, what is written here.
const PRESEEDS: [&str; 6] = ["firstrun.sh", "custom.toml", "userconf.txt", "userconf", "rpi-preseed.toml", "wpa_supplicant.conf"];

/// Why an image is not a base.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// A file that tells something is not there, or does not tell it.
    #[error("cannot tell {what} of the image: {evidence}")]
    Missing {
        /// What cannot be told.
        what: &'static str,
        /// What was looked for where.
        evidence: String,
    },
    /// Told, but not supported.
    #[error("the image is {found}, which is not supported; {SUPPORTED}")]
    Unsupported {
        /// What it is.
        found: String,
    },
    /// Not as it was published.
    #[error("the image is not as it was published: {}; {SUPPORTED}", .signs.join("; "))]
    Used {
        /// What shows it.
        signs: Vec<String>,
    },
    /// Partitions that are not those of a base.
    #[error("the image has {found}, expected a FAT boot partition and an ext4 root behind it, as the only two")]
    Layout {
        /// What it has.
        found: String,
    },
    /// An identifier that a failed first boot has left.
    #[error("{place} says `{found}`: a first boot that found no random numbers has left the image without a disk id")]
    NoDiskId {
        /// The file.
        place: &'static str,
        /// The word in it.
        found: String,
    },
    /// Two places of the image name different partitions.
    #[error("{place} says `{found}`, expected `{expected}` by the disk id in the partition table")]
    Disagreement {
        /// The file.
        place: &'static str,
        /// The word in it.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A file of the root could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file of the boot partition could not be read.
    #[error(transparent)]
    Boot(#[from] FatError),
}

impl Classified for DetectError {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. } | Self::Unsupported { .. } | Self::Layout { .. } => Kind::Unsupported,
            Self::Used { .. } => Kind::Refused,
            Self::NoDiskId { .. } | Self::Disagreement { .. } => Kind::Corrupt,
            Self::Tree(error) => error.kind(),
            Self::Boot(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Used { .. } | Self::NoDiskId { .. } => {
                Some("start from the image as downloaded, not from a card that was used".to_owned())
            }
            Self::Tree(error) => error.hint(),
            Self::Boot(error) => error.hint(),
            _ => None,
        }
    }
}

/// The files of a boot partition.
pub trait BootFiles {
    /// The content of a file of the root folder, names without regard to case; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FatError>;
}

impl BootFiles for Fat {
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FatError> {
        Self::read(self, name)
    }
}

impl BootFiles for BTreeMap<String, Vec<u8>> {
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FatError> {
        Ok(self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, content)| content.clone()))
    }
}

/// The text of a file of the boot partition that every base has.
///
/// # Errors
/// When it is not there, not text, or cannot be read.
pub fn boot_text(boot: &dyn BootFiles, name: &'static str) -> Result<String, DetectError> {
    let what = if name == "cmdline.txt" { "the kernel command line" } else { "the settings of the firmware" };
    let missing = |how: &str| DetectError::Missing { what, evidence: format!("`{name}` on the boot partition {how}") };
    let content = boot.read(name)?.ok_or_else(|| missing("is missing"))?;
    String::from_utf8(content).map_err(|_| missing("is not text"))
}

/// What the image with this root and this boot partition is.
///
/// # Errors
/// When it is not supported, was used before, or does not say.
pub fn facts(tree: &Tree, boot: &dyn BootFiles) -> Result<Facts, DetectError> {
    let system = System::read(tree)?;
    let flavour = flavour(tree, &system)?;
    let release = release(&system, flavour)?;
    let packages = Packages::read(tree)?;
    let architecture = architecture(&packages, &system)?;
    let command_line = boot_text(boot, "cmdline.txt")?;
    let machine_id = machine_id(tree)?;
    let used = signs_of_use(tree, boot, flavour, &command_line, machine_id.as_deref())?;
    if !used.is_empty() {
        return Err(DetectError::Used { signs: used });
    }
    Ok(Facts {
        flavour,
        release,
        architecture,
        name: system.pretty_name,
        boot_mount: boot_mount(tree, flavour)?,
        network: network(tree)?,
        cloud_init: packages.has("cloud-init"),
        wizard: is_wanted(tree, "userconfig.service") || tree.exists("/etc/ssh/sshd_config.d/rename_user.conf"),
        expansion: match flavour {
            Flavour::RaspberryPiOs => Expansion::FirstbootInit,
            Flavour::BerryDebian => Expansion::None,
        },
        stock_user: stock_user(tree)?,
        // No file at all means a first boot, too (machine-id(5)).
        applies_presets: machine_id.is_none_or(|id| id == "uninitialized"),
        swap_file: packages.has("dphys-swapfile"),
        fake_hwclock: packages.has("fake-hwclock"),
    })
}

/// What os-release(5) says.
struct System {
    id: String,
    codename: Option<String>,
    pretty_name: String,
}

impl System {
    fn read(tree: &Tree) -> Result<Self, DetectError> {
        let text = text(tree, "/usr/lib/os-release")?.map_or_else(|| self::text(tree, "/etc/os-release"), |text| Ok(Some(text)))?;
        let missing = |evidence: &str| DetectError::Missing { what: "the operating system", evidence: evidence.to_owned() };
        let text = text.ok_or_else(|| missing("`/usr/lib/os-release` is missing"))?;
        let value = |key: &str| {
            let lines = text.lines().filter_map(|line| line.split_once('='));
            lines.filter(|(name, _)| *name == key).map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned()).next_back()
        };
        let id = value("ID").ok_or_else(|| missing("`/usr/lib/os-release` has no ID"))?;
        let pretty_name = value("PRETTY_NAME").unwrap_or_else(|| id.clone());
        Ok(Self { id, codename: value("VERSION_CODENAME"), pretty_name })
    }

    /// Name for a message, with its release.
    fn shown(&self) -> String {
        match &self.codename {
            Some(codename) if !self.pretty_name.contains(codename.as_str()) => format!("{} ({codename})", self.pretty_name),
            _ => self.pretty_name.clone(),
        }
    }
}

fn flavour(tree: &Tree, system: &System) -> Result<Flavour, DetectError> {
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
        ("debian", false) => unsupported(format!("{}, made neither by Raspberry Pi nor by `debian:SUITE` of berry-image", system.shown())),
        _ => unsupported(system.shown()),
    }
}

fn release(system: &System, flavour: Flavour) -> Result<Release, DetectError> {
    let evidence = || "`/usr/lib/os-release` has no VERSION_CODENAME".to_owned();
    let codename = system.codename.as_deref().ok_or_else(|| DetectError::Missing { what: "the release", evidence: evidence() })?;
    match (codename, flavour) {
        ("bookworm", _) => Ok(Release::Bookworm),
        (_, Flavour::RaspberryPiOs) => Err(DetectError::Unsupported { found: format!("Raspberry Pi OS {codename}") }),
        (_, Flavour::BerryDebian) => Err(DetectError::Unsupported { found: format!("debian:{codename}") }),
    }
}

/// That of the package `dpkg`: `/var/lib/dpkg/arch` lists foreign ones too, and a 64-bit kernel runs 32-bit images.
fn architecture(packages: &Packages, system: &System) -> Result<Architecture, DetectError> {
    let evidence = || "`/var/lib/dpkg/status` has no installed package `dpkg`".to_owned();
    let found = packages.architecture("dpkg").ok_or_else(|| DetectError::Missing { what: "the architecture", evidence: evidence() })?;
    match found {
        "arm64" => Ok(Architecture::Arm64),
        "armhf" => Ok(Architecture::Armhf),
        other => Err(DetectError::Unsupported { found: format!("{} for {other}", system.shown()) }),
    }
}

/// What `/etc/machine-id` says without its line end; `None` without the file.
fn machine_id(tree: &Tree) -> Result<Option<String>, DetectError> {
    Ok(text(tree, "/etc/machine-id")?.map(|text| text.trim().to_owned()))
}

/// What shows that an image has been booted or customised. All signs are named, as each alone might be an oversight.
fn signs_of_use(
    tree: &Tree,
    boot: &dyn BootFiles,
    flavour: Flavour,
    command_line: &str,
    machine_id: Option<&str>,
) -> Result<Vec<String>, DetectError> {
    let mut signs = Vec::new();
    if machine_id.is_some_and(|id| !matches!(id, "" | "uninitialized")) {
        signs.push("`/etc/machine-id` is set".to_owned());
    }
    let is_host_key = |name: &Vec<u8>| name.starts_with(b"ssh_host_") && name.ends_with(b"_key");
    if tree.names("/etc/ssh").iter().any(is_host_key) {
        signs.push("`/etc/ssh` holds host keys".to_owned());
    }
    if flavour == Flavour::RaspberryPiOs && !command_line.split_whitespace().any(|word| word == FIRST_BOOT) {
        signs.push(format!("`cmdline.txt` has no `{FIRST_BOOT}` any more"));
    }
    for name in PRESEEDS {
        if boot.read(name)?.is_some() {
            signs.push(format!("the boot partition holds `{name}`"));
        }
    }
    Ok(signs)
}

/// Where fstab mounts the boot partition.
fn boot_mount(tree: &Tree, flavour: Flavour) -> Result<String, DetectError> {
    let fstab = text(tree, "/etc/fstab")?.unwrap_or_default();
    let found = layout::mounts(&fstab).find(|mount| matches!(mount.point, "/boot" | "/boot/firmware")).map(|mount| mount.point.to_owned());
    match (found, flavour) {
        (Some(point), _) => Ok(point),
        // Written per node; raspi-firmware knows no other place.
        (None, Flavour::BerryDebian) => Ok("/boot/firmware".to_owned()),
        (None, Flavour::RaspberryPiOs) => Err(DetectError::Missing {
            what: "where the boot partition is mounted",
            evidence: "`/etc/fstab` mounts neither `/boot/firmware` nor `/boot`".to_owned(),
        }),
    }
}

fn network(tree: &Tree) -> Result<NetworkManager, DetectError> {
    if is_wanted(tree, "NetworkManager.service") {
        return Ok(NetworkManager::NetworkManager);
    }
    if is_wanted(tree, "dhcpcd.service") {
        return Err(DetectError::Unsupported { found: "an image whose network is configured by dhcpcd".to_owned() });
    }
    Err(DetectError::Missing {
        what: "what configures the network",
        evidence: "`NetworkManager.service` is not enabled in `/etc/systemd/system/multi-user.target.wants`".to_owned(),
    })
}

/// The first account with the number of a first ordinary user.
fn stock_user(tree: &Tree) -> Result<Option<String>, DetectError> {
    let evidence = || "`/etc/passwd` is missing".to_owned();
    let passwd = text(tree, "/etc/passwd")?.ok_or_else(|| DetectError::Missing { what: "the accounts", evidence: evidence() })?;
    let names = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number == "1000").then(|| name.to_owned())
    });
    Ok(names.take(1).next())
}

fn is_wanted(tree: &Tree, unit: &str) -> bool {
    tree.exists(format!("/etc/systemd/system/multi-user.target.wants/{unit}"))
}

/// The text of a file, `None` when it is missing.
fn text(tree: &Tree, path: &str) -> Result<Option<String>, DetectError> {
    match tree.read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(TreeError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
