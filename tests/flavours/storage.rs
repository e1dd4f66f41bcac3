//! Partitions, file systems, and how they are named.

use std::collections::BTreeSet;

use crate::{
    build::{Base, Node},
    support::{
        image::Image,
        pi_os::DISK_ID,
        program::{ok, shell, tool},
    },
};

pub(super) fn checkers_pass(node: &Node, _base: &Base) {
    node.image.verify_table();
    node.image.verify_fat(&node.folder);
    node.image.verify_ext4(2);
    node.image.verify_ext4(3);
}

/// Values that `minfo` prints, by name.
fn fat(image: &Image) -> Vec<String> {
    let at = format!("{}@@{}", image.path.display(), image.partitions[0].start);
    let said = ok(tool("minfo").env("MTOOLS_SKIP_CHECK", "1").args(["-i", &at, "::"]));
    let wanted = ["cluster size", "fats", "disk label", "disk type", "big size", "Big fatlen", "serial number", "reserved"];
    said.lines().filter(|line| wanted.iter().any(|name| line.starts_with(name))).map(str::to_owned).collect()
}

pub(super) fn layout(node: &Node, base: &Base) {
    let [boot, root, brick] = node.image.partitions.as_slice() else { panic!("three partitions: {:?}", node.image.partitions) };
    assert_eq!([&boot.kind, &root.kind, &brick.kind], ["c", "83", "83"]);
    assert_eq!((boot.start, boot.size), (base.image.partitions[0].start, base.image.partitions[0].size), "firmware stays where it is");
    assert_eq!(root.start, base.image.partitions[1].start);
    assert_eq!(root.size, 4 << 30, "as the profile says");
    assert!(brick.start >= root.start + root.size);
    assert_eq!(fat(&node.image), fat(&base.image));
    let features =
        |image: &Image| image.superblock(2, "Filesystem features").split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let mut expected = features(&base.image);
    // A compatible feature: without its file, the kernel keeps the list of orphans as before.
    expected.remove("orphan_file");
    assert_eq!(features(&node.image), expected, "an old kernel must still be able to mount it");
    for field in ["Filesystem volume name", "Block size", "Inode size"] {
        assert_eq!(node.image.superblock(2, field), base.image.superblock(2, field), "{field}");
    }
    // Boot code: where its first byte is zero, parted would change the disk id; where it is not, it must stay.
    shell("cmp -n 440 \"$1\" \"$2\"", &[base.image.path.as_os_str(), node.image.path.as_os_str()]);
}

/// The device of a mount point in fstab, which must be there once.
#[track_caller]
fn device(table: &str, point: &str) -> (String, String, String) {
    let lines = table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found: Vec<_> = lines.filter(|fields| fields.get(1) == Some(&point)).collect();
    let [fields] = found.as_slice() else { panic!("{} lines for {point} in\n{table}", found.len()) };
    (fields[0].to_owned(), fields[2].to_owned(), fields[3].to_owned())
}

pub(super) fn partition_uuids(node: &Node, base: &Base) {
    let image = &node.image;
    assert_eq!(image.disk_id, format!("0x{}", node.ledger("disk_id")));
    assert_ne!(image.disk_id, base.image.disk_id, "cards with equal ids on one computer clash");
    let table = node.view.text("/etc/fstab");
    let (line, root) = (image.boot_file("cmdline.txt"), format!("PARTUUID={}", image.partitions[1].uuid));
    assert_eq!(line.split_whitespace().filter(|word| word.starts_with("root=")).collect::<Vec<_>>(), [format!("root={root}")]);
    assert_eq!(device(&table, "/"), (root, "ext4".to_owned(), "defaults,noatime".to_owned()));
    let boot = (format!("PARTUUID={}", image.partitions[0].uuid), "vfat".to_owned(), base.flavour.boot_options.to_owned());
    assert_eq!(device(&table, base.flavour.boot_mount), boot);
    assert!(!table.contains(DISK_ID) && !line.contains(DISK_ID));
    for line in base.view.text("/etc/fstab").lines().filter(|line| !line.contains("PARTUUID")) {
        assert!(table.lines().any(|kept| kept == line), "lost: {line}");
    }
    let judged = ok(tool("findmnt")
        .args(["--fstab", "--list", "--noheadings", "-o", "TARGET", "--tab-file"])
        .arg(node.view.root().join("etc/fstab")));
    for point in ["/proc", base.flavour.boot_mount, "/", "/export"] {
        assert_eq!(judged.lines().filter(|line| line.trim() == point).count(), 1, "{point}: {judged}");
    }
}

pub(super) fn brick(node: &Node, _base: &Base) {
    let (device, kind, options) = device(&node.view.text("/etc/fstab"), "/export");
    // By UUID: whatever changes the disk id later rewrites only the lines of the stock image.
    assert_eq!(device, format!("UUID={}", node.image.superblock(3, "Filesystem UUID")));
    assert_eq!(node.image.superblock(3, "Filesystem UUID"), node.ledger("brick_uuid"));
    assert_eq!(kind, "ext4");
    assert!(options.split(',').any(|option| option == "nofail"), "{options}");
    assert_eq!(node.view.mode("/export"), (0o755, 0, 0));
    assert!(node.view.names("/export").is_empty(), "the brick would hide it");
    assert!(node.image.debugfs(3, "stat /brick").contains("Type: directory"));
}
