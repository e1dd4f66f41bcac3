//! The program that makes the node what its profile says, as it stands in the image.

use crate::{
    build::{Base, Node},
    support::program::{ok, tool},
};

const PROGRAM: &str = "/usr/lib/berry-image/berry-firstboot";
const UNIT: &str = "berry-firstboot-system.service";
/// What it may take of each image, in bytes.
const BUDGET: u64 = 2 << 20;
/// Pages of a Raspberry Pi 5 are of 16 KiB; of other arm64 kernels up to 64 KiB.
const PAGE: u64 = 16 << 10;

/// The value behind a label of `readelf`.
fn field<'a>(text: &'a str, label: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(label));
    line.unwrap_or_else(|| panic!("{label}: {text}")).trim()
}

pub(super) fn program(node: &Node, base: &Base) {
    assert_eq!(node.view.mode(PROGRAM), (0o755, 0, 0));
    let path = node.view.root().join(PROGRAM.trim_start_matches('/'));
    assert!(path.metadata().unwrap().len() <= BUDGET, "{} bytes", path.metadata().unwrap().len());
    let (machine, emulator) = match base.flavour.architecture {
        "arm64" => ("AArch64", "/usr/bin/qemu-aarch64-static"),
        "armhf" => ("ARM", "/usr/bin/qemu-arm-static"),
        other => panic!("{other}"),
    };
    let text = ok(tool("readelf").arg("--wide").arg("--file-header").arg("--program-headers").arg(&path));
    assert_eq!(field(&text, "Machine:"), machine);
    // Nothing of the image is needed to run it.
    assert!(!text.contains("INTERP") && !text.contains("NEEDED"), "{text}");
    let alignment = |line: &str| u64::from_str_radix(line.split_whitespace().next_back().unwrap().trim_start_matches("0x"), 16).unwrap();
    let segments: Vec<u64> = text.lines().filter(|line| line.trim_start().starts_with("LOAD ")).map(alignment).collect();
    assert!(segments.len() >= 2 && segments.iter().all(|alignment| *alignment >= PAGE), "{text}");
    if machine == "ARM" {
        let text = ok(tool("readelf").arg("--arch-specific").arg(&path));
        // A Pi 1 or Zero has no more than ARMv6.
        assert!(["v6", "v6KZ"].contains(&field(&text, "Tag_CPU_arch:")), "{text}");
    }
    assert!(ok(tool(emulator).arg(&path).arg("--version")).starts_with("berry-firstboot "), "it runs");
}

pub(super) fn unit(node: &Node, _base: &Base) {
    let view = &node.view;
    assert!(view.is_enabled(UNIT, "multi-user.target.wants"));
    let target = view.link(&format!("/etc/systemd/system/multi-user.target.wants/{UNIT}"));
    assert_eq!(target, Some(format!("/etc/systemd/system/{UNIT}")));
    let text = view.text(&format!("/etc/systemd/system/{UNIT}"));
    assert!(text.contains(&format!("\nExecStart={PROGRAM} run --part system\n")) && !text.contains("{{"), "{text}");
    // Without a volume there is nothing for the others to do.
    for unit in ["berry-firstboot-cluster.service", "berry-volume.service"] {
        assert!(!view.exists(&format!("/etc/systemd/system/{unit}")), "{unit}");
    }
    assert_eq!(view.mode("/etc/update-motd.d/95-berry-firstboot"), (0o755, 0, 0));
}

/// What it is told, and by what it tells.
pub(super) fn words(node: &Node, base: &Base) {
    let view = &node.view;
    let config: serde_json::Value = serde_json::from_str(&view.text("/etc/berry-image/node.json")).unwrap();
    let name = view.text("/etc/hostname");
    assert_eq!((config["format"].as_u64(), config["node"].as_str()), (Some(1), Some(name.trim_end())));
    let third = &node.image.partitions[2];
    let (number, uuid) = (config["brick"]["partition"].as_u64(), config["brick"]["partition_uuid"].as_str().map(str::to_lowercase));
    assert_eq!((number, uuid), (Some(3), Some(third.uuid.to_lowercase())));
    let status = &config["status"];
    assert_eq!(status["path"].as_str().unwrap(), format!("{}/node-status.txt", base.flavour.boot_mount));
    // It is overwritten in place: its size is that of the file.
    let text = node.image.boot_file("node-status.txt");
    assert_eq!((status["size"].as_u64(), text.len()), (Some(4096), 4096));
    assert!(text.starts_with(name.trim_end()) && text.ends_with(" \n"), "{}", text.trim());
}
