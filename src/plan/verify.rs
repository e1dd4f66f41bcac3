//! A last look at a finished image, through the same eyes as at a base: the partition table, the boot partition and the root are read
//! back from the bytes that will be written, with all their checksums, and what names partitions must agree.

use std::sync::Arc;

use super::PlanError;
use crate::{
    disk::{Extents, Storage, Window, table::Table},
    ext4::Ext4,
    fat::Fat,
    node::partuuid::{Texts, verify_partuuids},
    profile::NodeName,
};

/// Reads `image` back; `boot_mount` is where it mounts its first partition.
pub(super) fn verify(image: &Extents, node: &NodeName, boot_mount: &str) -> Result<(), PlanError> {
    let wrong = |finding: String| PlanError::Contradiction { node: node.clone(), finding };
    let storage: Arc<dyn Storage> = Arc::new(image.clone());
    let table = Table::read(&*storage).map_err(|error| wrong(error.to_string()))?;
    let window = |number| {
        let partition = table.partitions().into_iter().find(|partition| partition.number == number);
        let partition = partition.ok_or_else(|| wrong(format!("partition {number} is missing")))?;
        Window::new(Arc::clone(&storage), partition.start, partition.size).map_err(|error| wrong(format!("partition {number}: {error}")))
    };
    let fat = Fat::open(window(1)?).map_err(|error| wrong(error.to_string()))?;
    let command_line = fat.read("cmdline.txt").map_err(|error| wrong(error.to_string()))?.unwrap_or_default();
    let tree =
        |number| Ext4::open(window(number)?).and_then(|ext4| ext4.tree()).map_err(|error| wrong(format!("partition {number}: {error}")));
    let root = tree(2)?;
    tree(3)?;
    let fstab = root.read_text("/etc/fstab").map_err(|error| wrong(error.to_string()))?;
    let settings = root.read_text("/etc/default/raspi-firmware").ok();
    let texts =
        Texts { fstab: &fstab, boot_mount, command_line: &String::from_utf8_lossy(&command_line), raspi_firmware: settings.as_deref() };
    verify_partuuids(&table, &texts).map_err(|error| wrong(error.to_string()))
}
