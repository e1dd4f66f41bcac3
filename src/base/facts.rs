//! What is known of a base image: detected from its content, never guessed.

use serde::Serialize;

/// What the image is, as far as the settings of a node depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
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
    pub network: NetworkManager,
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
    /// Whether dphys-swapfile makes a swap file on the root.
    pub swap_file: bool,
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

/// A Debian release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Release {
    /// Debian 12.
    Bookworm,
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

/// What configures the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NetworkManager {
    /// NetworkManager with keyfiles.
    NetworkManager,
}

/// How a stock image grows its root on first boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Expansion {
    /// Not at all.
    None,
    /// Raspberry Pi OS bookworm: the word `init=/usr/lib/raspberrypi-sys-mods/firstboot` in cmdline.txt; its initramfs looks for
    /// `firstboot` anywhere in the command line.
    FirstbootInit,
}

/// The word of the kernel command line by which [`Expansion::FirstbootInit`] is armed. The initramfs looks for `firstboot`
/// *anywhere* in the command line, so no word with it may stay in a node's.
pub const FIRST_BOOT: &str = "init=/usr/lib/raspberrypi-sys-mods/firstboot";
