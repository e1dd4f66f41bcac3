//! What the tests here share.

use crate::base::facts::{Architecture, Expansion, Facts, Flavour, NetworkService, Release, Swap};

/// A Raspberry Pi OS of 64 bits.
pub(super) fn facts(release: Release) -> Facts {
    Facts {
        flavour: Flavour::RaspberryPiOs,
        release,
        architecture: Architecture::Arm64,
        name: "an image".to_owned(),
        boot_mount: "/boot".to_owned(),
        network: NetworkService::Dhcpcd,
        cloud_init: false,
        wizard: false,
        expansion: Expansion::None,
        stock_user: None,
        applies_presets: false,
        swap: Swap::None,
        fake_hwclock: false,
    }
}
