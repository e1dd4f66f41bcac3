//! Partitions by PARTUUID: how a node's card gets its identifiers, the names that follow from them, and the check that all finished
//! texts agree with the disk.
//!
//! The PARTUUID of a partition of an MBR disk is the disk id as eight lower-case hexadecimal digits, a hyphen and the partition's
//! number with two digits (`partuuid` in block/partitions/msdos.c of the kernel); with a GPT it is the partition's own GUID.

use sha2::{Digest as _, Sha256};

use super::{NodeError, identity::Identity};
use crate::disk::{gpt::Guid, table::Table};

/// Number of the boot partition.
const BOOT: usize = 1;
/// Number of the root partition.
const ROOT: usize = 2;
/// Number of the partition of the brick.
const BRICK: usize = 3;

/// Makes `table` that of the node with this identity.
pub fn stamp(table: &mut Table, identity: &Identity) {
    table.set_ids(identity.disk_id.get(), |number| guid(identity, number));
}

/// The GUID of the disk (0) or of a partition of a node's card: a UUID of version 8 (RFC 9562 §5.8) from what the ledger keeps of the
/// node, so that it is the same whenever the node is built, and no other node's.
fn guid(identity: &Identity, number: usize) -> Guid {
    let digest = Sha256::new()
        .chain_update("berry-image: GUIDs of a card\0")
        .chain_update(identity.disk_id.get().to_be_bytes())
        .chain_update(identity.brick_uuid.bytes())
        .chain_update((number as u64).to_be_bytes())
        .finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    Guid::new(u128::from_be_bytes(id))
}

/// The names of the partitions of a node's card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartUuids {
    boot: String,
    root: String,
    brick: String,
}

impl PartUuids {
    /// Those of the card with this table.
    #[must_use]
    pub fn of(table: &Table) -> Self {
        let name = |number| format!("PARTUUID={}", table.partuuid(number));
        Self { boot: name(BOOT), root: name(ROOT), brick: table.partuuid(BRICK) }
    }

    /// The boot partition: `PARTUUID=deadbeef-01`.
    #[must_use]
    pub fn boot(&self) -> String {
        self.boot.clone()
    }

    /// The root partition: `PARTUUID=deadbeef-02`.
    #[must_use]
    pub fn root(&self) -> String {
        self.root.clone()
    }

    /// The brick, without `PARTUUID=`, as `/dev/disk/by-partuuid` spells it: `deadbeef-03`.
    #[must_use]
    pub fn brick(&self) -> &str {
        &self.brick
    }
}

/// The finished texts of a node that name partitions.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// `/etc/fstab`.
    pub fstab: &'a str,
    /// Where the boot partition is mounted.
    pub boot_mount: &'a str,
    /// `cmdline.txt` of the boot partition.
    pub command_line: &'a str,
    /// `/etc/default/raspi-firmware`, where the image has one.
    pub raspi_firmware: Option<&'a str>,
}

/// Checks that finished texts name the partitions of the disk with this table, read back from the finished image: each place where the
/// root or the boot partition must be named does so, exactly once, and no other PARTUUID stands anywhere.
///
/// # Errors
/// [`NodeError::WrongPartition`] for the first place that does not agree.
pub fn verify_partuuids(table: &Table, texts: &Texts) -> Result<(), NodeError> {
    let wrong = |place: &str, got: String, expected: String| Err(NodeError::WrongPartition { place: place.to_owned(), got, expected });
    if matches!(table, Table::Mbr(mbr) if mbr.disk_id() == 0) {
        return wrong("the partition table", "disk id 00000000".to_owned(), "a disk id that is not zero".to_owned());
    }
    let names = PartUuids::of(table);
    let mut places = vec![
        ("root= in cmdline.txt".to_owned(), roots(texts.command_line), names.root()),
        ("/ in /etc/fstab".to_owned(), mounted(texts.fstab, "/"), names.root()),
        (format!("{} in /etc/fstab", texts.boot_mount), mounted(texts.fstab, texts.boot_mount), names.boot()),
    ];
    if let Some(text) = texts.raspi_firmware {
        places.push(("ROOTPART in /etc/default/raspi-firmware".to_owned(), root_parts(text), names.root()));
    }
    for (place, got, expected) in places {
        if got != [expected.as_str()] {
            let got = if got.is_empty() { "none".to_owned() } else { got.join(" ") };
            return wrong(&place, got, expected);
        }
    }
    for text in [Some(texts.fstab), Some(texts.command_line), texts.raspi_firmware].into_iter().flatten() {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        for found in lines.flat_map(|line| line.match_indices("PARTUUID=").map(move |(at, _)| &line[at..])) {
            let end = found.find(|c: char| c.is_whitespace() || c == '"' || c == '\'').unwrap_or(found.len());
            if found[..end] != names.boot() && found[..end] != names.root() {
                return wrong("a text of the node", found[..end].to_owned(), format!("{} or {}", names.boot(), names.root()));
            }
        }
    }
    Ok(())
}

fn roots(command_line: &str) -> Vec<&str> {
    command_line.split_whitespace().filter_map(|word| word.strip_prefix("root=")).collect()
}

fn mounted<'a>(fstab: &'a str, point: &str) -> Vec<&'a str> {
    let lines = fstab.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let device = fields.next()?;
            (fields.next()? == point).then_some(device)
        })
        .collect()
}

fn root_parts(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("ROOTPART=")).map(|value| value.trim_matches('"')).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{disk::mbr::Mbr, node::testing::identity};

    const FSTAB: &str = "proc /proc proc defaults 0 0\n# PARTUUID=old-01\nPARTUUID=0000beef-01 /boot/firmware vfat defaults 0 2\n\
                         PARTUUID=0000beef-02 / ext4 noatime 0 1\n";

    fn texts() -> Texts<'static> {
        Texts {
            fstab: FSTAB,
            boot_mount: "/boot/firmware",
            command_line: "console=tty1 root=PARTUUID=0000beef-02 rootwait\n",
            raspi_firmware: Some("# x\nROOTPART=\"PARTUUID=0000beef-02\"\n"),
        }
    }

    fn card(disk_id: u32) -> Table {
        Table::Mbr(Mbr::new(disk_id))
    }

    /// A ledger must give the same names for ever, so these were made by another program from the bytes that [`guid`] takes.
    #[test]
    fn guids_follow_from_the_identity_and_differ() {
        let one = Identity { brick_uuid: "550e8400-e29b-41d4-a716-446655440000".parse().unwrap(), ..identity(0xdead_beef) };
        let known = [
            "bd3720e3-e897-8247-bab4-5624313073b6",
            "022796d0-fdd0-8f40-a1fe-f706a23af1ac",
            "5a2664ae-86d1-8d47-a1b6-1b90159f58cf",
            "14ab1854-88a9-8ab8-8f58-45829d8ed008",
        ];
        assert_eq!([0, 1, 2, 3].map(|number| guid(&one, number).to_string()), known);
        let others = [identity(0xdead_bee0), Identity { brick_uuid: one.connection_uuid, ..one.clone() }];
        let all: BTreeSet<_> = others.iter().chain([&one]).flat_map(|identity| (0..4).map(|number| guid(identity, number))).collect();
        assert_eq!(all.len(), 12);
    }

    #[test]
    fn the_names_are_the_kernels() {
        let names = PartUuids::of(&card(0xbeef));
        assert_eq!((names.boot().as_str(), names.root().as_str()), ("PARTUUID=0000beef-01", "PARTUUID=0000beef-02"));
    }

    #[test]
    fn texts_that_agree_pass() {
        verify_partuuids(&card(0xbeef), &texts()).unwrap();
        verify_partuuids(&card(0xbeef), &Texts { raspi_firmware: None, ..texts() }).unwrap();
    }

    #[test]
    fn every_disagreement_is_found() {
        let swapped = FSTAB.replace("-01 /boot", "-02 /boot");
        let twice = format!("{FSTAB}PARTUUID=0000beef-02 / ext4 defaults 0 1\n");
        let foreign = format!("{FSTAB}PARTUUID=deadbeef-03 /srv ext4 defaults 0 2\n");
        for (texts, place) in [
            (Texts { command_line: "root=/dev/mmcblk0p2", ..texts() }, "root= in cmdline.txt"),
            (Texts { command_line: "", ..texts() }, "root= in cmdline.txt"),
            (Texts { command_line: "root=PARTUUID=0000beef-02 root=PARTUUID=0000beef-02", ..texts() }, "root= in cmdline.txt"),
            (Texts { fstab: &swapped, ..texts() }, "/boot/firmware in /etc/fstab"),
            (Texts { fstab: &twice, ..texts() }, "/ in /etc/fstab"),
            (Texts { fstab: "", ..texts() }, "/ in /etc/fstab"),
            (Texts { boot_mount: "/boot", ..texts() }, "/boot in /etc/fstab"),
            (Texts { raspi_firmware: Some("ROOTPART=\"LABEL=RASPIROOT\"\n"), ..texts() }, "ROOTPART in /etc/default/raspi-firmware"),
            (Texts { fstab: &foreign, ..texts() }, "a text of the node"),
        ] {
            let error = verify_partuuids(&card(0xbeef), &texts).unwrap_err();
            assert!(matches!(&error, NodeError::WrongPartition { place: got, .. } if got == place), "{place}: {error}");
        }
        assert!(verify_partuuids(&card(0), &texts()).is_err());
        assert!(verify_partuuids(&card(0xdead_beef), &texts()).is_err());
    }
}
