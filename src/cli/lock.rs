//! `berry-image lock`.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    args,
    failure::Failure,
    inputs,
    packages::{Settled, Work, summary},
    report::Report,
};
use crate::{
    error::Kind,
    lock::{Changes, Lock, Update, bundle},
    node::ledger::Ledger,
    output::digest::Sum,
    progress::{Progress as _, Stop},
};

pub(super) fn run(options: &args::Lock, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let profile = inputs::profile(&options.profile, report)?;
    let nothing = || {
        Failure::new(Kind::Usage, "the profile asks for no packages, so there is nothing to lock")
            .with_hint("list them under `packages.install`")
    };
    if profile.packages.is_empty() {
        return Err(nothing());
    }
    let path = inputs::lock_path(&options.profile);
    let old = inputs::lock(&options.profile, &profile)?;
    let epoch = epoch(options, old.as_ref())?;
    options.bundle.as_deref().map(bundle::check_folder).transpose()?;
    let from = inputs::From { offline: options.profile.offline, bundle: None, lock: None };
    let base = inputs::base(&profile, &from, report, stop)?;
    let work = Work { arguments: &options.profile, profile: &profile, base: &base, epoch, report, stop };
    let settled = match &options.update {
        None => work.settle(old, false)?.ok_or_else(nothing)?,
        Some(names) if names.is_empty() => work.anew(old.as_ref(), &Update::All)?,
        Some(names) => work.anew(old.as_ref(), &Update::Only(names.clone()))?,
    };
    let Settled { mut lock, changes } = settled;
    let mut is_new = changes.is_some();
    if let Some(folder) = &options.bundle {
        let spool = work.spool(&lock, None)?;
        // A base that was made again has the same packages and other bytes; the lock says which bytes are in the bundle.
        let image = Sum(base.image_sha256);
        is_new |= lock.base.image != image;
        lock.base.image = image;
        bundle::write(folder, &profile.cluster, &lock, &base, &spool, report, stop)?;
        report.note(&format!("bundle: {} holds the base and all packages; build with --bundle {0}", folder.display()));
    }
    if is_new {
        lock.save(&path)?;
    }
    if options.json {
        return report.json(&as_json(&path, &lock, changes.as_ref()));
    }
    let what = match &changes {
        None if is_new => format!("{} now names the base of the bundle: {}\n", path.display(), summary(&lock)),
        None => format!("{} is up to date: {}\n", path.display(), summary(&lock)),
        Some(changes) => format!("{changes}{} written: {}\n", path.display(), summary(&lock)),
    };
    report.result(&what)
}

/// The time of the lock: that of the lock before, else of the ledger, else now.
fn epoch(options: &args::Lock, old: Option<&Lock>) -> Result<i64, Failure> {
    if let Some(epoch) = inputs::epoch_from_environment()? {
        return Ok(epoch);
    }
    match (old, Ledger::load(&inputs::ledger_path(&options.profile))?) {
        (Some(old), _) => Ok(old.epoch),
        (None, Some(ledger)) => Ok(ledger.epoch()),
        (None, None) => inputs::now(),
    }
}

fn as_json(path: &Path, lock: &Lock, changes: Option<&Changes>) -> Value {
    let pairs = |list: &[(String, String)]| -> Vec<Value> {
        list.iter().map(|(name, version)| json!({ "name": name, "version": version })).collect()
    };
    let changes = changes.map(|changes| {
        let moved: Vec<_> = changes.moved.iter().map(|(name, old, new)| json!({ "name": name, "from": old, "version": new })).collect();
        json!({
            "added": pairs(&changes.added),
            "moved": moved,
            "replaced": pairs(&changes.replaced),
            "dropped": pairs(&changes.dropped),
            "removed": changes.removed,
            "kept": changes.kept,
        })
    });
    json!({
        "lock": path,
        "packages": lock.packages.len(),
        "remove": lock.remove.len(),
        "download": lock.download_size(),
        "growth": lock.growth(),
        "changes": changes,
    })
}
