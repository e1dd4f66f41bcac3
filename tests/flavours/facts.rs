//! What `inspect --json` must say of each stock image.

use serde_json::{Value, json};

use crate::{
    build::Base,
    support::program::{berry, ok},
};

/// All that a build depends on. Where the release numbers do not tell, the reason stands beside it.
fn expected(flavour: &str) -> Value {
    let all = |release, architecture, name, expansion, wizard| {
        json!({
            "flavour": "raspberry-pi-os", "release": release, "architecture": architecture, "name": name,
            "boot_mount": "/boot", "network": "dhcpcd", "cloud_init": false, "wizard": wizard, "expansion": expansion,
            "stock_user": "pi", "applies_presets": false, "swap": "dphys-swapfile", "fake_hwclock": true,
        })
    };
    let with = |mut facts: Value, changes: &[(&str, Value)]| {
        for (key, value) in changes {
            facts[*key] = value.clone();
        }
        facts
    };
    // pi-gen moved the boot partition and took NetworkManager with bookworm.
    let moved = [("boot_mount", json!("/boot/firmware")), ("network", json!("network-manager"))];
    // With trixie came cloud-init, rpi-swap instead of dphys-swapfile, and a machine id that says `uninitialized`; fake-hwclock went.
    let newest =
        [("cloud_init", json!(true)), ("applies_presets", json!(true)), ("swap", json!("rpi-swap")), ("fake_hwclock", json!(false))];
    match flavour {
        "stretch-2017" | "stretch" => all("stretch", "armhf", "Raspbian GNU/Linux 9 (stretch)", "init-resize", false),
        "buster" => all("buster", "armhf", "Raspbian GNU/Linux 10 (buster)", "init-resize", false),
        "bullseye-old" => all("bullseye", "armhf", "Raspbian GNU/Linux 11 (bullseye)", "init-resize", false),
        "bullseye-2022-04" => all("bullseye", "arm64", "Debian GNU/Linux 11 (bullseye)", "init-resize", true),
        // NetworkManager is installed, but dhcpcd is what is enabled.
        "bullseye" => all("bullseye", "arm64", "Debian GNU/Linux 11 (bullseye)", "firstboot-init", true),
        // 32 bits and a list of architectures in which the other one stands, too.
        "bookworm-armhf" => with(all("bookworm", "armhf", "Raspbian GNU/Linux 12 (bookworm)", "firstboot-init", true), &moved),
        "bookworm" | "bookworm-desktop" => with(all("bookworm", "arm64", "Debian GNU/Linux 12 (bookworm)", "firstboot-init", true), &moved),
        "trixie-2025-10" | "trixie" => {
            with(with(all("trixie", "arm64", "Debian GNU/Linux 13 (trixie)", "resize-word", true), &moved), &newest)
        }
        other => panic!("no facts of {other}"),
    }
}

pub(super) fn inspect(base: &Base) {
    let shown: Value = serde_json::from_str(&ok(berry().args(["inspect", "--json"]).arg(&base.image.path))).unwrap();
    assert_eq!(shown["not_a_base"], Value::Null);
    assert_eq!(shown["disk_id"], crate::support::pi_os::DISK_ID);
    let expected = expected(base.flavour.name);
    // Objects are compared without regard to the order of their keys.
    assert_eq!(shown["facts"], expected, "{}", shown["facts"]);
}
