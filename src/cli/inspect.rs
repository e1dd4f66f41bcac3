//! `berry-image inspect`: what is in an image, whether or not it could be a base.

use std::{fmt::Write as _, sync::Arc};

use serde::Serialize;

use super::{args::Inspect, failure::Failure, report::Report, target::open_image, units::bytes};
use crate::{
    base::{
        detect,
        facts::{Facts, Flavour, NetworkService},
    },
    disk::{
        Storage, Window,
        table::{Partition, Scheme, Table, Type, Use},
    },
    dpkg::{self, Listed},
    ext4::{self, Ext4, read::limits::Budget},
    fat::{self, Fat},
    node::installed::{InstalledIdentity, installed},
    progress::Stop,
    tree::Tree,
};

/// What stands in a partition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum FileSystem {
    Fat(fat::Summary),
    Ext4(ext4::Summary),
    Unreadable { reason: String },
}

#[derive(Debug, Serialize)]
struct PartitionReport {
    number: usize,
    r#type: String,
    /// What the type is called, in a GUID partition table.
    #[serde(skip_serializing_if = "Option::is_none")]
    type_name: Option<&'static str>,
    /// Its name, in a GUID partition table.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    start: u64,
    size: u64,
    partuuid: String,
    file_system: FileSystem,
}

#[derive(Debug, Serialize)]
struct ImageReport {
    image: String,
    size: u64,
    partition_table: Scheme,
    disk_id: String,
    partitions: Vec<PartitionReport>,
    /// What it is, if it is a stock image that a build could start from.
    facts: Option<Facts>,
    /// Why it is not.
    not_a_base: Option<String>,
    identity: Option<InstalledIdentity>,
    /// The packages that dpkg's database has, if there is one.
    packages: Option<Vec<Listed>>,
    /// Why its packages cannot be told.
    no_packages: Option<String>,
}

/// What was found while going through the partitions.
#[derive(Default)]
struct Found {
    boot: Option<Fat>,
    root: Option<Tree>,
    budget: Budget,
}

pub(super) fn run(options: &Inspect, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let storage = open_image(&options.image, report, stop)?;
    let table = Table::read(&*storage)?;
    let mut found = Found::default();
    let partitions = table.partitions().into_iter().map(|partition| examine(&storage, &table, partition, &mut found)).collect();
    let (facts, not_a_base) = match (&found.root, &found.boot) {
        (Some(tree), Some(boot)) => match detect::facts(tree, boot) {
            Ok(facts) => (Some(facts), None),
            Err(error) => (None, Some(Failure::from(error).to_string())),
        },
        _ => (None, Some("a boot partition (FAT) and a root (ext4) are needed".to_owned())),
    };
    let (packages, no_packages) = match found.root.as_ref().map(dpkg::list) {
        // No package at all is no database.
        Some(Ok(packages)) => (Some(packages).filter(|packages| !packages.is_empty()), None),
        Some(Err(error)) => (None, Some(Failure::from(error).to_string())),
        None => (None, None),
    };
    let shown = ImageReport {
        image: options.image.display().to_string(),
        size: storage.size(),
        partition_table: table.scheme(),
        disk_id: table.disk_id(),
        partitions,
        facts,
        not_a_base,
        identity: found.root.as_ref().map(installed),
        packages,
        no_packages,
    };
    if options.json { report.json(&shown) } else { report.result(&as_text(&shown, options.packages)) }
}

fn examine(storage: &Arc<dyn Storage>, table: &Table, partition: Partition, found: &mut Found) -> PartitionReport {
    let file_system = match Window::new(Arc::clone(storage), partition.start, partition.size) {
        Ok(window) => match partition.kind.usage() {
            Use::Linux => read_ext4(window, found),
            Use::Fat => read_fat(window, found),
            Use::Other => FileSystem::Unreadable { reason: format!("partitions of type {} are not read", type_digits(partition.kind)) },
        },
        Err(error) => FileSystem::Unreadable { reason: error.to_string() },
    };
    PartitionReport {
        number: partition.number,
        r#type: type_digits(partition.kind),
        type_name: match partition.kind {
            Type::Mbr(_) => None,
            Type::Gpt(kind) => kind.type_name(),
        },
        start: partition.start,
        size: partition.size,
        partuuid: table.partuuid(partition.number),
        name: partition.name,
        file_system,
    }
}

fn type_digits(kind: Type) -> String {
    match kind {
        Type::Mbr(kind) => format!("{kind:02x}"),
        Type::Gpt(kind) => kind.to_string(),
    }
}

fn read_ext4(window: Window, found: &mut Found) -> FileSystem {
    let ext4 = match Ext4::open(window) {
        Ok(ext4) => ext4,
        Err(error) => return FileSystem::Unreadable { reason: Failure::from(error).to_string() },
    };
    // Only the first is kept; the others are read to see whether they are sound, in the memory that it leaves.
    let mut budget = found.budget;
    match ext4.tree_within(&mut budget) {
        Ok(tree) if found.root.is_none() => (found.root, found.budget) = (Some(tree), budget),
        Ok(_) => {}
        Err(error) => return FileSystem::Unreadable { reason: Failure::from(error).to_string() },
    }
    FileSystem::Ext4(ext4.summary())
}

fn read_fat(window: Window, found: &mut Found) -> FileSystem {
    match Fat::open(window).and_then(|fat| fat.summary().map(|summary| (fat, summary))) {
        Ok((fat, summary)) => {
            found.boot.get_or_insert(fat);
            FileSystem::Fat(summary)
        }
        Err(error) => FileSystem::Unreadable { reason: Failure::from(error).to_string() },
    }
}

fn as_text(image: &ImageReport, all_packages: bool) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut text, image);
    let _ = packages(&mut text, image, all_packages);
    text
}

/// How many packages there are, and those by name that are more than installed; or all.
fn packages(text: &mut String, image: &ImageReport, all: bool) -> std::fmt::Result {
    if let Some(reason) = &image.no_packages {
        writeln!(text, "packages: unreadable: {reason}")?;
    }
    let Some(packages) = &image.packages else { return Ok(()) };
    let mut states: Vec<(&str, usize)> = Vec::new();
    for package in packages {
        match states.iter_mut().find(|(state, _)| *state == package.state) {
            Some((_, count)) => *count += 1,
            None => states.push((package.state, 1)),
        }
    }
    let states: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    writeln!(text, "packages: {}", states.join(", "))?;
    for package in packages {
        let Listed { name, version, architecture, state, .. } = package;
        let mark = match (package.held, package.leaving) {
            (true, _) => ", on hold",
            (_, true) => ", to be removed on first boot",
            _ => "",
        };
        if all || *state != "installed" || !mark.is_empty() {
            writeln!(text, "  {name} {version} ({architecture}): {state}{mark}")?;
        }
    }
    Ok(())
}

fn write_text(text: &mut String, image: &ImageReport) -> std::fmt::Result {
    writeln!(text, "{}: {}, {}, disk id {}", image.image, bytes(image.size), image.partition_table, image.disk_id)?;
    for partition in &image.partitions {
        let PartitionReport { number, r#type, type_name, size, partuuid, start, .. } = partition;
        let r#type = type_name.unwrap_or(r#type);
        writeln!(text, "  {number}  type {type}  {:>9} at {:>9}  PARTUUID {partuuid}", bytes(*size), bytes(*start))?;
        if let Some(name) = partition.name.as_ref().filter(|name| !name.is_empty()) {
            writeln!(text, "     called {name:?}")?;
        }
        match &partition.file_system {
            FileSystem::Fat(fat) => {
                let (label, id) = (fat.label.as_deref().unwrap_or("without label"), fat.volume_id.as_deref().unwrap_or("none"));
                let (size, free) = (u64::from(fat.clusters) * fat.cluster_size, u64::from(fat.free_clusters) * fat.cluster_size);
                writeln!(text, "     {:?} {label}, id {id}, {} of {} used", fat.variant, bytes(size - free), bytes(size))?;
            }
            FileSystem::Ext4(ext4) => {
                let (size, free) = (ext4.blocks * ext4.block_size, ext4.free_blocks * ext4.block_size);
                writeln!(text, "     ext4 {}, UUID {}, {} of {} used", ext4.label, ext4.uuid, bytes(size - free), bytes(size))?;
                writeln!(text, "     {}", ext4.features.join(" "))?;
            }
            FileSystem::Unreadable { reason } => writeln!(text, "     unreadable: {reason}")?,
        }
    }
    if let Some(facts) = &image.facts {
        system(text, facts)?;
    }
    if let Some(reason) = &image.not_a_base {
        writeln!(text, "no base for a build: {reason}")?;
    }
    if let Some(identity) = &image.identity {
        writeln!(text, "identity:")?;
        for (name, value) in identity.lines() {
            writeln!(text, "  {name:<12} {value}")?;
        }
    }
    Ok(())
}

fn system(text: &mut String, facts: &Facts) -> std::fmt::Result {
    let maker = match facts.flavour {
        Flavour::RaspberryPiOs => "Raspberry Pi OS".to_owned(),
        Flavour::BerryDebian => format!("made as debian:{}", facts.release.codename()),
    };
    let architecture = facts.architecture.name();
    let network = match facts.network {
        NetworkService::Dhcpcd => "dhcpcd",
        NetworkService::NetworkManager => "NetworkManager",
    };
    writeln!(text, "system: {}, {architecture}, {maker}", facts.name)?;
    let growth = facts.expansion.trigger().map_or("nothing".to_owned(), |word| format!("`{word}`"));
    writeln!(text, "        boot partition at {}, network by {network}, root grown on first boot by {growth}", facts.boot_mount)
}
