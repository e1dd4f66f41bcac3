//! `berry-image plan`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    args,
    failure::Failure,
    inputs,
    packages::{self, Root, Work},
    report::Report,
    units::{self, bytes},
};
use crate::{
    base::Base,
    ext4::write::Usage,
    node::settings,
    plan::{NodePlan, Plan},
    profile::{Node, NodeName, Profile, Public},
    progress::Stop,
    tree::Change,
};

pub(super) fn run(options: &args::Plan, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let profile = inputs::profile(&options.profile, report)?;
    let old = inputs::lock(&options.profile, &profile)?;
    let from = inputs::From { offline: options.profile.offline, bundle: options.from.bundle.as_deref(), lock: old.as_ref() };
    let base = inputs::base(&profile, &from, report, stop)?;
    let ledger = inputs::ledger_to_look_at(&options.profile, &profile, old.as_ref())?;
    let build = settings::Build::new(&ledger, inputs::epoch_from_environment()?);
    let work = Work { arguments: &options.profile, profile: &profile, base: &base, epoch: build.epoch, report, stop };
    let settled = work.settle(old, false)?;
    let build = build.with(settled.as_ref().map(|settled| &settled.lock));
    if let Some(settled) = &settled {
        // By what the packages say themselves, whether or not they are at hand.
        Plan::new(&profile, &base, &base.tree, &ledger, &build)?.check_room(settled.lock.growth())?;
    }
    let root = work.root_at_hand(settled.as_ref(), options.from.bundle.as_deref())?;
    let plan = Plan::new(&profile, &base, root.as_ref().map_or(&base.tree, |root| &root.tree), &ledger, &build)?;
    if root.as_ref().is_some_and(Root::is_waiting) {
        plan.check_room_to_configure()?;
    }
    let changes = root.as_ref().map(|root| base.tree.changes(&root.tree)).unwrap_or_default();
    let lock = settled.as_ref().map(|settled| &settled.lock);
    if options.json {
        let mut value = as_json(&profile, &base, &plan, ledger.is_provisional());
        value["packages"] = settled.as_ref().map_or(Value::Null, |settled| packages::json(settled, root.as_ref(), &changes));
        return report.json(&value);
    }
    let mut text = as_text(&profile, &base, &plan, ledger.is_provisional(), options.verbose);
    if let Some(settled) = &settled {
        text += &packages::text(settled);
    }
    match &root {
        None => text += "what the packages put into the images is not shown, for they are not fetched yet: `build` does\n",
        Some(_) if changes.is_empty() => {}
        Some(root) => {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "the packages change the root of every node: {}", tally(changes.iter().map(|(_, change)| *change)));
            if options.verbose {
                for (path, change) in &changes {
                    let _ = writeln!(text, "    {} {}", sign(*change), path.escape_ascii());
                }
            }
            text += &root.summary(lock);
        }
    }
    report.result(&text)
}

fn as_text(profile: &Profile, base: &Base, plan: &Plan, is_provisional: bool, verbose: bool) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut text, profile, base, plan, is_provisional, verbose);
    text
}

fn write_text(text: &mut String, profile: &Profile, base: &Base, plan: &Plan, is_provisional: bool, verbose: bool) -> std::fmt::Result {
    let partitions = &plan.partitions;
    writeln!(text, "cluster {}, {} nodes, from {} ({})", profile.cluster, profile.nodes.len(), base.name, base.facts.name)?;
    writeln!(text, "each image: {}, partition table {}", bytes(partitions.image_size()), base.table.scheme())?;
    writeln!(text, "  1 boot   {:>9}  FAT, as in the base", bytes(partitions.boot.size))?;
    writeln!(text, "  2 root   {:>9}  ext4, does not grow", bytes(partitions.root.size))?;
    let grown = bytes(partitions.brick_grown);
    writeln!(
        text,
        "  3 brick  {:>9}  ext4 at {}, room for {grown} on a card of {}",
        bytes(partitions.brick.size),
        profile.brick.mount_point,
        bytes(profile.card_size)
    )?;
    if let Some(volume) = &profile.volume {
        let nodes: Vec<_> = volume.nodes.iter().map(NodeName::as_str).collect();
        writeln!(text, "volume {}: {} on {}, mounted at {}", volume.name, volume.type_name(), nodes.join(", "), volume.mount_point)?;
    }
    if let Some(web) = &profile.web {
        writeln!(text, "Apache serves {}{}", web.root, web.server_name.as_ref().map(|name| format!(" as {name}")).unwrap_or_default())?;
    }
    for overlay in &profile.overlays {
        let places = units::count(overlay.entries.len(), "path");
        writeln!(text, "overlay {}: {places}, over what is made otherwise", overlay.folder.display())?;
    }
    if is_provisional {
        writeln!(text, "identities of nodes that have none yet are made by `build`; those shown here are examples")?;
    }
    for (node, planned) in profile.nodes.iter().zip(&plan.nodes) {
        writeln!(text, "\n{}  {}", node.name, place(node))?;
        writeln!(
            text,
            "  root   {} of {} used, PARTUUID {}",
            bytes(used(&planned.root)),
            bytes(partitions.root.size),
            planned.partuuid(2)
        )?;
        writeln!(text, "  root   {}", tally(planned.root_changes.iter().map(|(_, change)| *change)))?;
        writeln!(text, "  boot   {}", tally(planned.boot_changes.iter().map(|(_, change)| *change)))?;
        if verbose {
            for (path, change) in paths(planned) {
                writeln!(text, "    {} {path}", sign(change))?;
            }
        }
    }
    Ok(())
}

fn place(node: &Node) -> String {
    let address = node.address.map_or_else(|| "address by DHCP".to_owned(), |address| address.to_string());
    let how = if node.dhcp && node.address.is_some() { " reserved by the router" } else { "" };
    let public = node.remote.as_ref().map(|remote| match &remote.public {
        Public::Address(address) => format!(", remote, reached at {address}"),
        Public::Name(name) => format!(", remote, reached at {name}"),
    });
    format!("{address}{how}{}", public.unwrap_or_default())
}

fn used(usage: &Usage) -> u64 {
    (usage.blocks - usage.free_blocks) * u64::from(usage.block_size)
}

fn tally(changes: impl Iterator<Item = Change>) -> String {
    let mut counts = [0; 3];
    changes.for_each(|change| counts[change as usize] += 1);
    let names = ["added", "removed", "changed"];
    let parts: Vec<_> = counts.iter().zip(names).filter(|(count, _)| **count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    if parts.is_empty() { "as in the base".to_owned() } else { parts.join(", ") }
}

const fn sign(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
    }
}

/// All paths that change, those of the boot partition first, under a name that says so.
fn paths(planned: &NodePlan) -> impl Iterator<Item = (String, Change)> {
    let boot = planned.boot_changes.iter().map(|(name, change)| (format!("boot:/{name}"), *change));
    let root = planned.root_changes.iter().map(|(path, change)| (path.escape_ascii().to_string(), *change));
    boot.chain(root)
}

fn as_json(profile: &Profile, base: &Base, plan: &Plan, is_provisional: bool) -> Value {
    let partitions = &plan.partitions;
    let span = |span: crate::plan::Span| json!({ "start": span.start, "size": span.size });
    let nodes = profile.nodes.iter().zip(&plan.nodes).map(|(node, planned)| {
        let changes: Vec<_> =
            paths(planned).map(|(path, change)| json!({ "path": path, "change": format!("{change:?}").to_lowercase() })).collect();
        json!({
            "name": node.name.as_str(),
            "file": format!("{}.img", node.name),
            "address": node.address,
            "dhcp": node.dhcp,
            "remote": node.remote.is_some(),
            "partuuids": [planned.partuuid(1), planned.partuuid(2), planned.partuuid(3)],
            "root": { "used": used(&planned.root), "inodes_used": planned.root.inodes - planned.root.free_inodes },
            "brick": { "used": used(&planned.brick) },
            "changes": changes,
        })
    });
    json!({
        "cluster": profile.cluster,
        "base": { "name": base.name, "facts": base.facts },
        "epoch": plan.epoch,
        "identities": if is_provisional { "provisional" } else { "ledger" },
        "partition_table": base.table.scheme(),
        "image_size": partitions.image_size(),
        "partitions": [span(partitions.boot), span(partitions.root), span(partitions.brick)],
        "brick_grown": partitions.brick_grown,
        "packages": null,
        "volume": profile.volume.as_ref().map(|volume| json!({
            "name": volume.name,
            "type": volume.type_name(),
            "nodes": volume.nodes.iter().map(NodeName::as_str).collect::<Vec<_>>(),
            "mount": volume.mount_point,
            "clients": volume.clients,
        })),
        "web": profile.web.as_ref().map(|web| json!({ "root": web.root, "server_name": web.server_name })),
        "overlays": profile.overlays.iter().map(|overlay| json!({
            "folder": overlay.folder,
            "paths": overlay.entries.iter().map(|entry| &entry.path).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "nodes": nodes.collect::<Vec<_>>(),
    })
}
