//! The boot partition: firmware, kernels, `cmdline.txt`, `config.txt`, and since trixie the seeds of cloud-init.

use std::{fs, path::Path};

use super::{
    DISK_ID, Flavour,
    initramfs::{self, Packing},
    release::{Expansion, Release},
};

pub fn fill(folder: &Path, flavour: &Flavour) {
    let put = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
    };
    put("cmdline.txt", command_line(flavour).as_bytes());
    put("config.txt", config(flavour).as_bytes());
    put("issue.txt", super::system::issue(flavour).as_bytes());
    put("bootcode.bin", "code".repeat(10_000).as_bytes());
    put("start.elf", "start".repeat(10_000).as_bytes());
    put("fixup.dat", b"fixup");
    put("LICENCE.broadcom", b"Redistribution and use in binary form\n");
    put("COPYING.linux", b"GNU GENERAL PUBLIC LICENSE\n");
    for tree in ["bcm2708-rpi-zero-w.dtb", "bcm2710-rpi-3-b-plus.dtb"] {
        put(tree, tree.as_bytes());
    }
    if flavour.release >= Release::Buster {
        put("bcm2711-rpi-4-b.dtb", b"bcm2711-rpi-4-b.dtb");
        put("overlays/vc4-fkms-v3d.dtbo", b"overlay");
    }
    for overlay in ["README", "dwc2.dtbo", "vc4-kms-v3d.dtbo", "i2c-rtc-gpio.dtbo"] {
        put(&format!("overlays/{overlay}"), overlay.as_bytes());
    }
    for kernel in kernels(flavour) {
        put(kernel, kernel.repeat(50_000).as_bytes());
    }
    if flavour.release >= Release::Bookworm {
        let archive = initramfs::archive(&stock_scripts(flavour));
        for name in ["initramfs8", "initramfs_2712"] {
            put(name, &initramfs::pack(folder, &archive, Packing::Zstd));
        }
    }
    if flavour.cloud.is_some_and(|cloud| cloud.seeds) {
        put("meta-data", b"# This is the meta-data configuration file for cloud-init.\ndsmode: local\ninstance_id: rpios-image\n");
        put("user-data", b"#cloud-config\n# The user-data file customises the system on its first boot.\n#hostname: raspberrypi\n");
        put("network-config", b"# This file contains a netplan-compatible configuration.\n#network:\n#  version: 2\n");
    }
}

/// `cmdline.txt` as it is downloaded.
pub fn command_line(flavour: &Flavour) -> String {
    format!("{}\n", flavour.command_line.replace("ROOT", &format!("PARTUUID={DISK_ID}-02")))
}

fn kernels(flavour: &Flavour) -> &'static [&'static str] {
    match (flavour.architecture, flavour.release) {
        ("arm64", Release::Bookworm | Release::Trixie) => &["kernel8.img", "kernel_2712.img"],
        ("arm64", _) => &["kernel8.img"],
        (_, Release::Stretch) => &["kernel.img", "kernel7.img"],
        (_, Release::Buster) => &["kernel.img", "kernel7.img", "kernel7l.img"],
        _ => &["kernel.img", "kernel7.img", "kernel7l.img", "kernel8.img"],
    }
}

fn config(flavour: &Flavour) -> String {
    let mut text = String::from("# For more options and information see the documentation of config.txt\n\n");
    if flavour.release <= Release::Buster {
        text.push_str("#disable_overscan=1\n#dtparam=i2c_arm=on\n\n# Enable audio (loads snd_bcm2835)\ndtparam=audio=on\n");
        if flavour.release == Release::Buster {
            text.push_str("\n[pi4]\n# Enable DRM VC4 V3D driver on top of the dispmanx display stack\ndtoverlay=vc4-fkms-v3d\nmax_framebuffers=2\n\n[all]\n#dtoverlay=vc4-fkms-v3d\n");
        }
        return text;
    }
    text.push_str("dtparam=audio=on\n\ncamera_auto_detect=1\n\ndisplay_auto_detect=1\n\n");
    if flavour.release >= Release::Bookworm {
        text.push_str("# Automatically load initramfs files, if found\nauto_initramfs=1\n\n");
    }
    text.push_str("dtoverlay=vc4-kms-v3d\nmax_framebuffers=2\n\n");
    if flavour.release >= Release::Bookworm {
        text.push_str("disable_fw_kms_setup=1\n\n");
    }
    if flavour.architecture == "arm64" {
        text.push_str("arm_64bit=1\n\n");
    }
    text.push_str("disable_overscan=1\n\n");
    if flavour.release == Release::Bullseye {
        text.push_str("[cm4]\notg_mode=1\n\n[all]\n\n[pi4]\narm_boost=1\n\n[all]\n");
        return text;
    }
    text.push_str("arm_boost=1\n\n[cm4]\notg_mode=1\n\n[cm5]\ndtoverlay=dwc2,dr_mode=host\n\n");
    if flavour.release == Release::Trixie {
        text.push_str("[pi5]\ndtoverlay=nospi10\n\n");
    }
    text.push_str("[all]\n");
    text
}

/// What the stock initramfs has that looks at the command line.
fn stock_scripts(flavour: &Flavour) -> Vec<(&'static str, &'static str)> {
    if flavour.expansion == Expansion::ResizeWord {
        return vec![
            ("init", "#!/bin/sh\n"),
            ("scripts/init-top/rpi_wd", "#!/bin/sh\n"),
            ("scripts/local-premount/resize_early", "#!/bin/sh\ngrep -q ' resize' /proc/cmdline || exit 0\n"),
            ("scripts/local-bottom/set_partuuid", "#!/bin/sh\ngrep -q ' resize' /proc/cmdline || exit 0\n"),
        ];
    }
    vec![
        ("init", "#!/bin/sh\n"),
        ("scripts/local-premount/firstboot", "#!/bin/sh\ngrep -q firstboot /proc/cmdline || exit 0\n"),
        ("scripts/local-bottom/imager_fixup", "#!/bin/sh\n"),
    ]
}
