//! The packages of a profile on their way into a command: from the lock, or chosen anew.

use std::{fmt::Write as _, path::Path, sync::Arc};

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{args::ProfileArguments, failure::Failure, inputs, report::Report, units};
use crate::{
    base::{Base, cache::Cache, fetch::Network},
    disk::FileStorage,
    error::Kind,
    lock::{Changes, Lock, LockedBase, LockedPackage, Update, make},
    profile::Profile,
    progress::{Progress as _, Stop},
    repository::{Access, ahead_of_time, in_choice, spool},
};

/// What every step here works with.
pub(super) struct Work<'a> {
    pub(super) arguments: &'a ProfileArguments,
    pub(super) profile: &'a Profile,
    pub(super) base: &'a Base,
    /// Time of a lock that is made.
    pub(super) epoch: i64,
    pub(super) report: &'a Report,
    pub(super) stop: &'a Stop,
}

/// A lock that fits, and how it came to be.
pub(super) struct Settled {
    pub(super) lock: Lock,
    /// What is different from the lock that is in the file, if anything.
    pub(super) changes: Option<Changes>,
}

impl Work<'_> {
    /// The lock of the profile as it is, or as it would be made now; none where the profile asks for no packages. Nothing is written but
    /// the cache.
    pub(super) fn settle(&self, old: Option<Lock>, is_locked: bool) -> Result<Option<Settled>, Failure> {
        if self.profile.packages.is_empty() {
            return Ok(None);
        }
        let path = inputs::lock_path(self.arguments);
        let shown = inputs::shown(&path);
        let Some(old) = old else {
            if is_locked {
                return Err(Failure::new(Kind::Refused, format!("there is no lock {shown}, and --locked forbids to make one"))
                    .with_hint("run `berry-image lock` with this profile first"));
            }
            return self.anew(None, &Update::Nothing).map(Some);
        };
        let Some(misfit) = self.misfit(&old)? else { return Ok(Some(Settled { lock: old, changes: None })) };
        if is_locked {
            return Err(Failure::new(Kind::Refused, format!("the lock {shown} does not fit, and --locked forbids to move it: {misfit}"))
                .with_hint("run `berry-image lock` with this profile, or use the base that the lock was made for (`--bundle`)"));
        }
        self.report.note(&format!("the lock {shown} does not fit any more: {misfit}"));
        self.anew(Some(&old), &Update::Nothing).map(Some)
    }

    /// Gets every package for a build, and only then writes a lock that is new.
    pub(super) fn fetch(&self, settled: &Settled, bundle: Option<&Path>) -> Result<(), Failure> {
        self.spool(&settled.lock, bundle)?;
        if let Some(changes) = &settled.changes {
            let path = inputs::lock_path(self.arguments);
            settled.lock.save(&path)?;
            let summary = summary(&settled.lock);
            self.report.note(&format!("{changes}lock: {} written: {summary}; keep it with the profile", path.display()));
        }
        self.report.note("note: the packages are chosen, locked and fetched, but this version does not put them into the images yet");
        Ok(())
    }

    /// What `check` can say without a network: nothing where the lock fits, else why more cannot be said.
    pub(super) fn look(&self, old: Option<&Lock>) -> Result<Option<String>, Failure> {
        if self.profile.packages.is_empty() {
            return Ok(None);
        }
        self.must_run()?;
        let Some(old) = old else { return Ok(Some("there is no lock yet; `build` makes it, or `berry-image lock`".to_owned())) };
        let misfit = self.misfit(old)?;
        Ok(misfit.map(|misfit| format!("the lock does not fit any more: {misfit}; `build` makes it anew, or `berry-image lock`")))
    }

    /// A lock made now.
    pub(super) fn anew(&self, old: Option<&Lock>, update: &Update) -> Result<Settled, Failure> {
        let lock = self.with_access(|access| Ok(make(&self.profile.packages, self.base, old, update, self.epoch, access)?))?;
        let changes = Changes::between(old, &lock);
        let is_same = old.is_some_and(|old| *old == lock);
        Ok(Settled { lock, changes: (!is_same).then_some(changes) })
    }

    /// What is asked for does not install only to die at its start.
    fn must_run(&self) -> Result<(), Failure> {
        Ok(ahead_of_time(&self.base.facts, self.profile.packages.install.iter().map(String::as_str))?)
    }

    /// Why a lock is not for this profile and base, if it is not. One that is and names what cannot run is refused.
    fn misfit(&self, lock: &Lock) -> Result<Option<String>, Failure> {
        self.must_run()?;
        if let Some(difference) = lock.asked.difference(&self.profile.packages) {
            return Ok(Some(difference));
        }
        if let Some(difference) = lock.base.difference(&LockedBase::of(self.base)?) {
            return Ok(Some(format!("the base `{}` is another than the one it was made for: {difference}", self.base.name)));
        }
        in_choice(&self.base.facts, lock.packages.iter().map(|package| (package.name.as_str(), package.version.as_str())))?;
        Ok(None)
    }

    /// Every package of a lock as a file, from the bundle, the cache or the archives.
    pub(super) fn spool(&self, lock: &Lock, bundle: Option<&Path>) -> Result<Vec<Arc<FileStorage>>, Failure> {
        self.with_access(|access| Ok(spool::fetch(&lock.wanted(), bundle, access)?))
    }

    /// Works with cache and network, while no other process works with the packages of the cache.
    fn with_access<T>(&self, work: impl FnOnce(&Access<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let cache = Cache::open_default()?;
        let network = Network::from_environment(self.arguments.offline);
        let files = cache.files(self.report, self.stop)?;
        work(&Access { files: &files, network: &network, now: OffsetDateTime::now_utc(), progress: self.report, stop: self.stop })
    }
}

/// One line about what a lock means.
pub(super) fn summary(lock: &Lock) -> String {
    let upgrades = lock.packages.iter().filter(|package| package.replaces.is_some()).count();
    let mut parts = vec![format!("{} added", units::count(lock.packages.len() - upgrades, "package"))];
    if upgrades > 0 {
        parts.push(format!("{upgrades} upgraded"));
    }
    if !lock.remove.is_empty() {
        parts.push(format!("{} removed", lock.remove.len()));
    }
    format!("{}; {} of files, {} more on the root", parts.join(", "), units::bytes(lock.download_size()), signed(lock.growth()))
}

/// The part of a plan: every package that comes, is upgraded or goes.
pub(super) fn text(settled: &Settled) -> String {
    let Settled { lock, changes } = settled;
    let state = if changes.is_some() { "as they would be locked now" } else { "as locked" };
    let mut text = format!("\npackages of every node, {state}: {}\n", summary(lock));
    for package in &lock.packages {
        let LockedPackage { name, version, replaces, size, growth, .. } = package;
        let (sign, old) = replaces.as_ref().map_or(("+", String::new()), |old| ("~", format!("{old} -> ")));
        let asked = if package.asked { "" } else { ", needed" };
        let size = units::bytes(*size);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {sign} {name} {old}{version}  {size}, {} installed{asked}", signed(growth.saturating_mul(1024)));
    }
    for removal in &lock.remove {
        let why = if removal.orphan { ", nothing needs it any more" } else { "" };
        let _ =
            writeln!(text, "  - {} {}  {} given back{why}", removal.name, removal.version, units::bytes(removal.size.saturating_mul(1024)));
    }
    text
}

/// The same for programs.
pub(super) fn json(settled: &Settled) -> Value {
    let Settled { lock, changes } = settled;
    json!({
        "locked": changes.is_none(),
        "download": lock.download_size(),
        "growth": lock.growth(),
        "add": lock.packages,
        "remove": lock.remove,
    })
}

fn signed(bytes: i64) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    format!("{sign}{}", units::bytes(bytes.unsigned_abs()))
}
