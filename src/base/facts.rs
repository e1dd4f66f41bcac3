//! What is known of a base image: detected from its content, never guessed.

use serde::Serialize;

/// What the image is, as far as the settings of a node depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Who made it.
    pub flavour: Flavour,
    /// Debian release it is of.
    pub release: Release,
    /// Native architecture of its packages: that of the package `dpkg`.
    pub architecture: Architecture,
    /// `PRETTY_NAME` of `/usr/lib/os-release`.
    pub name: String,
    /// Where the root mounts the boot partition, from its fstab or, without a line there, from the flavour: `/boot/firmware` or `/boot`.
    pub boot_mount: String,
    /// What configures the network.
    pub network: NetworkService,
    /// Whether cloud-init is installed.
    pub cloud_init: bool,
    /// Whether a first-boot wizard asks for a user.
    pub wizard: bool,
    /// How the stock image grows its root on first boot.
    pub expansion: Expansion,
    /// The account that the stock image comes with (uid 1000), if any.
    pub stock_user: Option<String>,
    /// Whether `/etc/machine-id` says `uninitialized`, which makes systemd apply presets on first boot.
    pub applies_presets: bool,
    /// What makes swap space.
    pub swap: Swap,
    /// Whether fake-hwclock keeps the time over a power cut (otherwise systemd-timesyncd does).
    pub fake_hwclock: bool,
}

/// Who made an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// Raspberry Pi OS or Raspbian, made by pi-gen.
    RaspberryPiOs,
    /// `debian:SUITE`, made by this program.
    BerryDebian,
}

/// A Debian release, in the order in which they came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Release {
    /// Debian 9.
    Stretch,
    /// Debian 10.
    Buster,
    /// Debian 11.
    Bullseye,
    /// Debian 12.
    Bookworm,
    /// Debian 13.
    Trixie,
}

impl Release {
    /// All that are known, oldest first, with code name and the `VERSION_ID` of os-release(5).
    const NAMES: [(Self, &'static str, &'static str); 5] = [
        (Self::Stretch, "stretch", "9"),
        (Self::Buster, "buster", "10"),
        (Self::Bullseye, "bullseye", "11"),
        (Self::Bookworm, "bookworm", "12"),
        (Self::Trixie, "trixie", "13"),
    ];

    /// The release with this code name.
    #[must_use]
    pub fn from_codename(codename: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name, _)| *name == codename).map(|(release, ..)| *release)
    }

    /// The release with this number: stretch's os-release has no code name.
    #[must_use]
    pub fn from_version(version: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(.., number)| *number == version).map(|(release, ..)| *release)
    }

    /// Its code name.
    #[must_use]
    pub fn codename(self) -> &'static str {
        Self::NAMES.iter().find(|(release, ..)| *release == self).map_or("", |(_, name, _)| name)
    }
}

/// A Debian architecture that Pis run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// 64 bits.
    Arm64,
    /// 32 bits, hard float; on Raspbian this is ARMv6.
    Armhf,
}

impl Architecture {
    /// dpkg's name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::Armhf => "armhf",
        }
    }
}

/// What configures the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NetworkService {
    /// dhcpcd, with wpa_supplicant for a wireless network: Raspberry Pi OS up to bullseye.
    Dhcpcd,
    /// NetworkManager with keyfiles.
    NetworkManager,
}

/// What makes swap space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Swap {
    /// Nothing.
    None,
    /// dphys-swapfile: a file on the root, on first boot.
    DphysSwapfile,
    /// rpi-swap: compressed memory, and a file on the root that grows with the memory of the board.
    RpiSwap,
}

/// How a stock image grows its root on first boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Expansion {
    /// Not at all.
    None,
    /// raspi-config's script as the first program, up to bullseye 2022-04. With a partition behind the root it stops at a message
    /// that waits for a key.
    InitResize,
    /// raspberrypi-sys-mods' script as the first program, bullseye 2022-09 to bookworm. From bookworm on the initramfs, too, looks for
    /// `firstboot`, *anywhere* in the command line, so no word with it may stay in a node's.
    FirstbootInit,
    /// A word that the initramfs looks for, from trixie on; any word that begins with it will do.
    ResizeWord,
}

impl Expansion {
    /// All that a command line can arm.
    pub const ARMED: [Self; 3] = [Self::InitResize, Self::FirstbootInit, Self::ResizeWord];

    /// The word of the kernel command line that arms it.
    #[must_use]
    pub const fn trigger(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::InitResize => Some("init=/usr/lib/raspi-config/init_resize.sh"),
            Self::FirstbootInit => Some("init=/usr/lib/raspberrypi-sys-mods/firstboot"),
            Self::ResizeWord => Some("resize"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_known_by_name_and_number() {
        for (release, name, number) in Release::NAMES {
            assert_eq!((Release::from_codename(name), Release::from_version(number)), (Some(release), Some(release)));
            assert_eq!(release.codename(), name);
        }
        assert!(Release::NAMES.is_sorted_by_key(|(release, ..)| *release));
        assert_eq!((Release::from_codename("forky"), Release::from_version("14")), (None, None));
    }
}
