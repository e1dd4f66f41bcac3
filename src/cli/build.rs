//! `berry-image build`.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use super::{args::Build, failure::Failure, inputs, packages::Work, report::Report, units};
use crate::{
    base::Base,
    disk::{Extents, Storage as _},
    dpkg,
    error::Kind,
    lock::Lock,
    node::{ledger::Ledger, operator, settings},
    output::{
        Staging,
        digest::Sum,
        manifest::{BaseEntry, Found, ImageEntry, Manifest, RangeEntry},
        platform,
        sparse::{self, Written},
    },
    plan::Plan,
    profile::{Node, Profile},
    progress::{Progress as _, Stop},
    sbom::{self, Subject},
};

const MANIFEST: &str = "manifest.json";

pub(super) fn run(options: &Build, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let profile = inputs::profile(&options.profile, report)?;
    let selected = select(&profile, &options.node)?;
    let output = inputs::output_folder(options.output.as_deref(), &profile);
    let ledger_path = inputs::ledger_path(&options.profile);
    let old = inputs::lock(&options.profile, &profile)?;
    let from = inputs::From { offline: options.profile.offline, bundle: options.from.bundle.as_deref(), lock: old.as_ref() };
    let locked_epoch = old.as_ref().map(|lock| lock.epoch);
    let Identities { mut ledger, is_first, is_changed } =
        identities(&profile, &ledger_path, &output, options.new_identities, locked_epoch)?;
    let base = inputs::base(&profile, &from, report, stop)?;
    let settings = settings::Build::new(&ledger, inputs::epoch_from_environment()?);
    let work = Work { arguments: &options.profile, profile: &profile, base: &base, epoch: settings.epoch, report, stop };
    let settled = work.settle(old, options.locked)?;
    let lock = settled.as_ref().map(|settled| &settled.lock);
    let settings = settings.with(lock);
    if let Some(lock) = lock {
        // By what the packages say themselves, before they are fetched.
        Plan::new(&profile, &base, &base.tree, &ledger, &settings)?.check_room(lock.growth())?;
    }
    let root = work.root(settled.as_ref(), options.from.bundle.as_deref())?;
    let plan = Plan::new(&profile, &base, &root.tree, &ledger, &settings)?;
    if root.is_waiting() {
        plan.check_room_to_configure()?;
    }
    root.summary(lock).lines().for_each(|line| report.note(line));
    let images = selected.iter().map(|index| plan.image(*index)).collect::<Result<Vec<_>, _>>()?;
    let jobs: Vec<_> = selected.iter().zip(&images).map(|(index, image)| Job { node: &profile.nodes[*index], image }).collect();

    let mut staging = Staging::begin(&output)?;
    work.keep(settled.as_ref())?;
    if is_changed {
        // As soon as an image has its name it may end up on a card, so the identities are kept first.
        ledger.save(&ledger_path)?;
    }
    let written = write(&mut staging, &jobs, options, report, stop)?;
    operator_files(&mut staging, &profile, &ledger, &output)?;
    bills(&mut staging, &jobs, &plan, &base, lock)?;
    let entries = jobs.iter().zip(written).map(|(job, written)| entry(job, written)).collect();
    let manifest = manifest(&profile, &base, settings.epoch, &output, entries)?;
    staging.write(MANIFEST, 0o644, &manifest.to_json())?;
    staging.commit(MANIFEST, !options.no_sync)?;
    epilogue(options, &output, &ledger_path, is_first, &jobs, report)
}

/// A node and its image.
struct Job<'a> {
    node: &'a Node,
    image: &'a Extents,
}

impl Job<'_> {
    fn file_name(&self) -> String {
        format!("{}.img", self.node.name)
    }
}

/// Writes all images under temporary names.
fn write(staging: &mut Staging, jobs: &[Job], options: &Build, report: &Report, stop: &Stop) -> Result<Vec<Written>, Failure> {
    let host = platform::host();
    sparse::check_room(staging.folder(), &jobs.iter().map(|job| job.image).collect::<Vec<_>>(), host)?;
    let mut files = Vec::with_capacity(jobs.len());
    for job in jobs {
        let name = job.file_name();
        files.push((staging.path(&name), staging.create(&name, 0o600)?));
    }
    let targets: Vec<_> = files.iter().zip(jobs).map(|((path, file), job)| sparse::Target { path, file, image: job.image }).collect();
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = options.jobs.and_then(|jobs| NonZeroUsize::new(jobs.into())).unwrap_or(cores);
    Ok(sparse::write(&targets, &sparse::Options { jobs: threads, whole: options.sha256, host, progress: report, stop })?)
}

/// The nodes to build, as positions in the profile.
fn select(profile: &Profile, names: &[String]) -> Result<Vec<usize>, Failure> {
    if names.is_empty() {
        return Ok((0..profile.nodes.len()).collect());
    }
    let mut selected = Vec::new();
    for name in names {
        let index = profile.nodes.iter().position(|node| node.name.as_str() == name).ok_or_else(|| {
            let known: Vec<_> = profile.nodes.iter().map(|node| node.name.as_str()).collect();
            Failure::new(Kind::Usage, format!("the profile has no node `{name}`")).with_hint(format!("its nodes are {}", known.join(", ")))
        })?;
        selected.push(index);
    }
    selected.sort_unstable();
    selected.dedup();
    Ok(selected)
}

/// The ledger, with an identity for each node.
struct Identities {
    ledger: Ledger,
    is_first: bool,
    /// Whether it has to be written.
    is_changed: bool,
}

/// Reads the ledger or makes a new one. Nothing is written yet.
fn identities(
    profile: &Profile,
    path: &Path,
    output: &Path,
    new_identities: bool,
    locked_epoch: Option<i64>,
) -> Result<Identities, Failure> {
    if let Some(mut ledger) = Ledger::load(path)? {
        if new_identities {
            return Err(Failure::new(Kind::Usage, format!("--new-identities, but the ledger {} is there", path.display()))
                .with_hint("leave the option out to keep the identities, or move the ledger away to give them up"));
        }
        let is_changed = ledger.ensure(profile)?;
        return Ok(Identities { ledger, is_first: false, is_changed });
    }
    if let Some(trace) = trace_of_earlier_build(profile, output)?.filter(|_| !new_identities) {
        let message =
            format!("images of `{}` were built before ({}), but their ledger {} is gone", profile.cluster, trace.display(), path.display());
        return Err(Failure::new(Kind::Refused, message).with_hint(
            "put your backup of the ledger in its place; with --new-identities every node becomes a stranger to cards that are in use",
        ));
    }
    let epoch = inputs::epoch_from_environment()?.or(locked_epoch).map_or_else(inputs::now, Ok)?;
    Ok(Identities { ledger: Ledger::create(profile, epoch)?, is_first: true, is_changed: true })
}

/// A file by which an earlier build of this profile shows: its manifest, one that cannot be read, or an image.
fn trace_of_earlier_build(profile: &Profile, output: &Path) -> Result<Option<PathBuf>, Failure> {
    match earlier_manifest(output)? {
        Found::Manifest(manifest) if manifest.cluster != profile.cluster => return Ok(None),
        Found::Manifest(_) | Found::Other => return Ok(Some(output.join(MANIFEST))),
        Found::Nothing => {}
    }
    let images = profile.nodes.iter().map(|node| output.join(format!("{}.img", node.name)));
    Ok(images.into_iter().find(|image| image.exists()))
}

/// The record of this build; images that an earlier run of the same build left in the folder stay listed.
fn manifest(profile: &Profile, base: &Base, epoch: i64, output: &Path, mut fresh: Vec<ImageEntry>) -> Result<Manifest, Failure> {
    let base = BaseEntry { name: base.name.clone(), sha256: Sum(base.sha256).to_string() };
    let mut manifest = Manifest::new(&profile.cluster, base, epoch);
    if let Found::Manifest(earlier) = earlier_manifest(output)?
        && earlier.is_of_same_build(&manifest)
    {
        fresh.extend(earlier.images);
    }
    for node in &profile.nodes {
        // What was written now stands before what was written earlier.
        if let Some(position) = fresh.iter().position(|image| image.node == node.name.as_str()) {
            manifest.images.push(fresh.remove(position));
        }
    }
    Ok(manifest)
}

fn earlier_manifest(output: &Path) -> Result<Found, Failure> {
    if output.exists() && !output.is_dir() {
        return Err(Failure::new(Kind::Refused, format!("{} is a file, not a folder", output.display()))
            .with_hint("name another folder with --output"));
    }
    let path = output.join(MANIFEST);
    Manifest::load(&path).map_err(|error| Failure::new(Kind::Io, format!("reading {} failed: {error}", path.display())))
}

fn entry(job: &Job, written: Written) -> ImageEntry {
    let ranges = written.ranges.list.iter();
    ImageEntry {
        node: job.node.name.to_string(),
        file: job.file_name(),
        size: written.ranges.size,
        used: written.stored,
        digest: written.ranges.sum().to_string(),
        sha256: written.sha256.map(|sum| sum.to_string()),
        ranges: ranges
            .map(|range| RangeEntry { offset: range.offset, length: range.len, sha256: range.sha256.map(|sum| sum.to_string()) })
            .collect(),
    }
}

fn operator_files(staging: &mut Staging, profile: &Profile, ledger: &Ledger, output: &Path) -> Result<(), Failure> {
    let folder = std::path::absolute(output)
        .map_err(|error| Failure::new(Kind::Io, format!("the path of {} cannot be told: {error}", output.display())))?;
    staging.write("hosts", 0o644, operator::hosts(profile).as_bytes())?;
    staging.write(operator::KNOWN_HOSTS_FILE, 0o644, operator::known_hosts(profile, ledger).as_bytes())?;
    staging.write(operator::SSH_CONFIG_FILE, 0o644, operator::ssh_config(profile, ledger, &folder)?.as_bytes())?;
    if let Some(key) = ledger.operator_key().filter(|_| profile.user.keys.is_empty()) {
        staging.write(operator::KEY_FILE, 0o600, key.private().expose().as_bytes())?;
    }
    Ok(())
}

/// A bill of materials beside each image.
fn bills(staging: &mut Staging, jobs: &[Job], plan: &Plan, base: &Base, lock: Option<&Lock>) -> Result<(), Failure> {
    for job in jobs {
        let node = job.node.name.as_str();
        let Some(planned) = plan.nodes.iter().find(|planned| planned.name == job.node.name) else { continue };
        let subject = Subject { node, facts: &base.facts, base: (&base.name, &base.sha256), epoch: plan.epoch };
        let bill = sbom::cyclonedx(&subject, &dpkg::list(planned.tree())?, lock);
        staging.write(&format!("{node}.cdx.json"), 0o644, format!("{bill:#}\n").as_bytes())?;
    }
    Ok(())
}

/// The last lines: what was made, and what to do with it.
fn epilogue(options: &Build, output: &Path, ledger: &Path, is_first: bool, jobs: &[Job], report: &Report) -> Result<(), Failure> {
    for job in jobs {
        let (size, used) = (units::bytes(job.image.size()), units::bytes(job.image.stored_bytes()));
        report.result(&format!("{}  {size}, {used} used\n", output.join(job.file_name()).display()))?;
    }
    let Some(first) = jobs.first() else { return Ok(()) };
    let image = output.join(first.file_name());
    report.note(&format!("\nNext: write each image to its card, for instance  sudo dd if={image:?} of=/dev/sdX bs=4M conv=fsync"));
    let folder = options.output.as_ref().map(|folder| format!(" --output {folder:?}")).unwrap_or_default();
    report.note("      put in the cards, power on in any order, and see how far they are:");
    report.note(&format!("      berry-image status {:?}{folder} --watch", options.profile.profile));
    report.note(&format!("      A node is reached by  ssh -F {:?} {}", output.join(operator::SSH_CONFIG_FILE), first.node.name));
    if is_first {
        report.note(&format!("Keep: {} holds the identities and keys of all nodes: back it up, show it to nobody.", ledger.display()));
        report.note("      Without it a replaced card comes back as a stranger to its own cluster.");
    }
    Ok(())
}
