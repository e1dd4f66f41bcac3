//! The partitions, and whether all places that name them agree.

use super::DetectError;
use crate::{
    base::facts::{Facts, Flavour},
    disk::table::{Partition, Table, Use},
    tree::Tree,
};

/// The two partitions of a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Partition 1, with a FAT file system.
    pub boot: Partition,
    /// Partition 2, with an ext4 file system.
    pub root: Partition,
}

/// The partitions of a base, in their order on the disk.
///
/// # Errors
/// When there are others, or of other types.
pub fn layout(table: &Table) -> Result<Layout, DetectError> {
    let wrong = |found: String| Err(DetectError::Layout { found });
    let partitions = table.partitions();
    let [boot @ Partition { number: 1, .. }, root @ Partition { number: 2, .. }] = &partitions[..] else {
        let kinds: Vec<String> = partitions.iter().map(|partition| partition.kind.to_string()).collect();
        return wrong(format!(
            "{} partitions (types: {})",
            kinds.len(),
            if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
        ));
    };
    if boot.kind.usage() != Use::Fat {
        return wrong(format!("a first partition of type {}", boot.kind));
    }
    if root.kind.usage() != Use::Linux {
        return wrong(format!("a second partition of type {}", root.kind));
    }
    if root.start < boot.end() {
        return wrong("its second partition before its first".to_owned());
    }
    Ok(Layout { boot: boot.clone(), root: root.clone() })
}

/// Checks that fstab and the kernel command line name the partitions of this very disk.
///
/// # Errors
/// When one of them names another disk, or none where the flavour has one.
pub fn agreement(table: &Table, tree: &Tree, command_line: &str, facts: &Facts) -> Result<(), DetectError> {
    let fstab = super::text(tree, "/etc/fstab")?.unwrap_or_default();
    let point_of_root = "/";
    for mount in mounts(&fstab) {
        let number = match mount.point {
            point if point == point_of_root => 2,
            point if point == facts.boot_mount => 1,
            _ => continue,
        };
        check("/etc/fstab", mount.device, table, number)?;
    }
    // The kernel takes the last one.
    let mut words = command_line.split_whitespace().filter_map(|word| word.strip_prefix("root="));
    let root = words.next_back().ok_or_else(|| DetectError::Missing {
        what: "where the root is",
        evidence: "`cmdline.txt` on the boot partition has no `root=`".to_owned(),
    })?;
    check("cmdline.txt", root, table, 2)?;
    // Both write PARTUUIDs everywhere; another word there is not of theirs, and what it means on a Pi cannot be told from here.
    let mut of_root = mounts(&fstab).filter(|mount| mount.point == point_of_root).map(|mount| mount.device);
    let expected = table.partuuid(2);
    match facts.flavour {
        Flavour::RaspberryPiOs if !root.starts_with(PARTUUID) => Err(DetectError::Disagreement {
            place: "cmdline.txt",
            found: format!("root={root}"),
            expected: format!("root={PARTUUID}{expected}"),
        }),
        Flavour::RaspberryPiOs if of_root.next().is_none_or(|device| !device.starts_with(PARTUUID)) => Err(DetectError::Missing {
            what: "where the root is",
            evidence: format!("`/etc/fstab` mounts no `{PARTUUID}{expected}` at `/`"),
        }),
        _ => Ok(()),
    }
}

const PARTUUID: &str = "PARTUUID=";

fn check(place: &'static str, word: &str, table: &Table, number: usize) -> Result<(), DetectError> {
    let Some(partuuid) = word.strip_prefix(PARTUUID) else { return Ok(()) };
    if partuuid.starts_with('-') {
        return Err(DetectError::NoDiskId { place, found: word.to_owned() });
    }
    let expected = table.partuuid(number);
    if partuuid.eq_ignore_ascii_case(&expected) {
        return Ok(());
    }
    Err(DetectError::Disagreement { place, found: word.to_owned(), expected: format!("{PARTUUID}{expected}") })
}

/// A line of fstab(5).
pub(super) struct Mount<'a> {
    /// What is mounted.
    pub(super) device: &'a str,
    /// Where.
    pub(super) point: &'a str,
}

/// The lines of an fstab.
pub(super) fn mounts(fstab: &str) -> impl Iterator<Item = Mount<'_>> {
    fstab.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(Mount { device: words.next()?, point: words.next()? })
    })
}
