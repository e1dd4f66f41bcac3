//! The packages of a profile on their way into a command: from the lock, or chosen anew.

use std::{fmt::Write as _, path::Path, sync::Arc};

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{args::ProfileArguments, failure::Failure, inputs, report::Report, units};
use crate::{
    bake::{Baked, bake, hold},
    base::{Base, cache::Cache, fetch::Network},
    disk::FileStorage,
    dpkg,
    error::Kind,
    lock::{Changes, Lock, LockedBase, LockedPackage, LockedRemoval, Update, make},
    profile::Profile,
    progress::{Progress as _, Stop},
    repository::{Access, RepositoryError, ahead_of_time, in_choice, spool},
    tree::{Change, Tree},
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

/// What the root file systems of all nodes begin with.
pub(super) struct Root {
    pub(super) tree: Tree,
    /// What was done with packages, if anything.
    pub(super) report: Option<dpkg::Report>,
}

impl Root {
    /// Whether packages wait to be configured on first boot.
    pub(super) fn is_waiting(&self) -> bool {
        self.report.as_ref().is_some_and(|report| !report.unpacked.is_empty())
    }

    /// What a person should know of what was done, in lines.
    pub(super) fn summary(&self, lock: Option<&Lock>) -> String {
        let Some(report) = &self.report else { return String::new() };
        let mut text = String::new();
        // Writing to a String cannot fail.
        if !report.unpacked.is_empty() {
            let _ = writeln!(text, "packages: {} unpacked; each node configures them on its first boot", report.unpacked.len());
        }
        if !report.removed.is_empty() {
            let is_gone = |name: &&LockedRemoval| report.removed.contains(&name.name);
            let freed = lock.iter().flat_map(|lock| &lock.remove).filter(is_gone).map(|removal| removal.size.saturating_mul(1024));
            let freed = freed.fold(0, u64::saturating_add);
            let _ = writeln!(text, "packages: {} removed, {} given back", report.removed.len(), units::bytes(freed));
        }
        for (name, reason) in &report.deferred {
            let _ = writeln!(text, "packages: {name} is removed by `dpkg --remove --pending` on the node, not now: {reason}");
        }
        if !report.held.is_empty() {
            let _ = writeln!(
                text,
                "packages: {} on hold, so that an upgrade of one node does not split the pool: {}",
                report.held.len(),
                report.held.join(", ")
            );
        }
        if !report.accounts.is_empty() {
            let accounts: Vec<_> =
                report.accounts.iter().map(|account| format!("{} {} ({})", account.kind, account.name, account.number)).collect();
            let _ = writeln!(text, "packages: the same number on every node: {}", accounts.join(", "));
        }
        text
    }
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

    /// The root of all nodes for a build: every package is fetched and unpacked.
    pub(super) fn root(&self, settled: Option<&Settled>, bundle: Option<&Path>) -> Result<Root, Failure> {
        let Some(settled) = settled else { return self.root_without_packages() };
        self.with_access(self.arguments.offline, |access| {
            let files = spool::fetch(&settled.lock.wanted(), bundle, access)?;
            self.bake(&settled.lock, &files, access)
        })
    }

    /// Writes a lock that is new, once everything that could go wrong with it has not.
    pub(super) fn keep(&self, settled: Option<&Settled>) -> Result<(), Failure> {
        if let Some((settled, changes)) = settled.and_then(|settled| Some((settled, settled.changes.as_ref()?))) {
            let path = inputs::lock_path(self.arguments);
            settled.lock.save(&path)?;
            let summary = summary(&settled.lock);
            self.report.note(&format!("{changes}lock: {} written: {summary}; keep it with the profile", path.display()));
        }
        Ok(())
    }

    /// The same for a command that only looks: from what is on this computer; `None` where packages are not.
    pub(super) fn root_at_hand(&self, settled: Option<&Settled>, bundle: Option<&Path>) -> Result<Option<Root>, Failure> {
        let Some(settled) = settled else { return self.root_without_packages().map(Some) };
        self.with_access(true, |access| match spool::fetch(&settled.lock.wanted(), bundle, access) {
            Ok(files) => self.bake(&settled.lock, &files, access).map(Some),
            Err(RepositoryError::Offline { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        })
    }

    fn bake(&self, lock: &Lock, files: &[Arc<FileStorage>], access: &Access<'_>) -> Result<Root, Failure> {
        let Baked { tree, report } = bake(self.base, lock, &self.profile.packages, files, self.epoch, access)?;
        Ok(Root { tree, report: Some(report) })
    }

    fn root_without_packages(&self) -> Result<Root, Failure> {
        match &self.profile.packages.hold {
            Some(names) if !names.is_empty() => {
                let Baked { tree, report } = hold(self.base, names, self.epoch)?;
                Ok(Root { tree, report: Some(report) })
            }
            _ => Ok(Root { tree: self.base.tree.clone(), report: None }),
        }
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
        let lock = self
            .with_access(self.arguments.offline, |access| Ok(make(&self.profile.packages, self.base, old, update, self.epoch, access)?))?;
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
        self.with_access(self.arguments.offline, |access| Ok(spool::fetch(&lock.wanted(), bundle, access)?))
    }

    /// Works with cache and network, while no other process works with the packages of the cache.
    fn with_access<T>(&self, offline: bool, work: impl FnOnce(&Access<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let cache = Cache::open_default()?;
        let network = Network::from_environment(offline);
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
pub(super) fn json(settled: &Settled, root: Option<&Root>, paths: &[(Vec<u8>, Change)]) -> Value {
    let Settled { lock, changes } = settled;
    let path = |(path, change): &(Vec<u8>, Change)| json!({ "path": path.escape_ascii().to_string(), "change": format!("{change:?}").to_lowercase() });
    let report = root.and_then(|root| root.report.as_ref()).map(|report| {
        json!({
            "unpacked": report.unpacked.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "removed": report.removed,
            "deferred": report.deferred.iter().map(|(name, reason)| json!({ "name": name, "reason": reason })).collect::<Vec<_>>(),
            "held": report.held,
            "accounts": report.accounts.iter().map(|account| json!({ "kind": account.kind, "name": account.name, "number": account.number })).collect::<Vec<_>>(),
        })
    });
    json!({
        "done": report,
        "changes": root.map(|_| paths.iter().map(path).collect::<Vec<_>>()),
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
