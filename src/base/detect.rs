//! What an image is, from its own files. Nothing is guessed: where a piece of evidence is missing, the error names it.

mod dpkg;
mod expansion;
mod layout;
mod system;
#[cfg(test)]
mod tests;
mod used;

use std::collections::BTreeMap;

pub use layout::{Layout, agreement, layout};

use super::facts::{Architecture, Facts, Flavour, NetworkService, Swap};
use crate::{
    error::{Classified, Kind},
    fat::{Fat, FatError},
    tree::{Tree, TreeError},
};
use dpkg::Packages;
use system::System;

/// What every refusal says is supported.
const SUPPORTED: &str = "supported: Raspbian and Raspberry Pi OS from stretch to trixie (arm64, armhf), as downloaded, and debian:SUITE";

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
    /// Known, and known not to work.
    #[error("the image is {found}, which is refused: {reason}; {SUPPORTED}")]
    Foreign {
        /// What it is.
        found: String,
        /// Why it cannot become a node.
        reason: &'static str,
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
    #[error("{place} says `{found}`, expected `{expected}` by the partition table")]
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
            Self::Foreign { .. } | Self::Used { .. } => Kind::Refused,
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

    /// The names of the files in the root folder.
    fn names(&self) -> Vec<String>;
}

impl BootFiles for Fat {
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FatError> {
        Self::read(self, name)
    }

    fn names(&self) -> Vec<String> {
        self.entries().into_iter().filter(|entry| !entry.is_folder).map(|entry| entry.name).collect()
    }
}

impl BootFiles for BTreeMap<String, Vec<u8>> {
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FatError> {
        Ok(self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, content)| content.clone()))
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
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
    let flavour = system::flavour(tree, boot, &system)?;
    let release = system::release(&system, flavour)?;
    let packages = Packages::read(tree)?;
    let architecture = architecture(&packages, &system)?;
    let command_line = boot_text(boot, "cmdline.txt")?;
    let machine_id = machine_id(tree)?;
    let armed = expansion::armed(&command_line, flavour, release)?;
    let used = used::signs(tree, boot, &command_line, machine_id.as_deref(), &armed)?;
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
        expansion: armed.found,
        stock_user: stock_user(tree)?,
        // No file at all means a first boot, too (machine-id(5)).
        applies_presets: machine_id.is_none_or(|id| id == "uninitialized"),
        swap: swap(&packages),
        fake_hwclock: packages.has("fake-hwclock"),
    })
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

/// By the package that makes it.
fn swap(packages: &Packages) -> Swap {
    let makers = [("dphys-swapfile", Swap::DphysSwapfile), ("rpi-swap", Swap::RpiSwap)];
    makers.iter().find(|(package, _)| packages.has(package)).map_or(Swap::None, |(_, swap)| *swap)
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

/// By what is enabled: bullseye has both installed.
fn network(tree: &Tree) -> Result<NetworkService, DetectError> {
    let services = [("dhcpcd.service", NetworkService::Dhcpcd), ("NetworkManager.service", NetworkService::NetworkManager)];
    let enabled: Vec<_> = services.iter().filter(|(unit, _)| is_wanted(tree, unit)).map(|(_, service)| *service).collect();
    match enabled.as_slice() {
        [service] => Ok(*service),
        [] => Err(DetectError::Missing {
            what: "what configures the network",
            evidence: "neither `NetworkManager.service` nor `dhcpcd.service` is enabled in `/etc/systemd/system/multi-user.target.wants`"
                .to_owned(),
        }),
        _ => Err(DetectError::Unsupported { found: "an image whose network dhcpcd and NetworkManager both configure".to_owned() }),
    }
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
