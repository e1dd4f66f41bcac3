//! What nothing needs any more: new packages of a choice that was given up, and old ones that came only for something that goes.

use std::collections::BTreeSet;

use super::{Solution, state::State};
use crate::debian::{
    package::Priority,
    universe::{NameId, PackageId},
};

/// Beginnings of names that apt never takes for garbage (`APT::NeverAutoRemove`): kernels and their firmware.
const KEPT: [&str; 4] = ["linux-image", "linux-firmware", "firmware-linux", "raspberrypi-kernel"];

impl<'u, 'a> State<'u, 'a> {
    /// Forgets new packages that nothing needs, and removes installed ones that only something removed needed; returns those.
    /// `reached` is what was needed before anything was decided: what was garbage then is left alone.
    pub(super) fn sweep(&mut self, requested: &[NameId], reached: &BTreeSet<NameId>) -> Vec<NameId> {
        let universe = self.universe;
        let now = self.reached(requested);
        let mut orphans = Vec::new();
        for name in universe.names().filter(|name| !now.contains(name)).collect::<Vec<_>>() {
            if universe.installed(name).is_none() {
                self.keep(name);
            } else if self.planned(name).is_some() && reached.contains(&name) {
                self.delete(name);
                orphans.push(name);
            }
        }
        orphans
    }

    /// Names of all planned packages that something keeps: that it was asked for, or installed by hand, or belongs on every system; and
    /// all that those need, are recommended or suggested to have.
    pub(super) fn reached(&self, requested: &[NameId]) -> BTreeSet<NameId> {
        let universe = self.universe;
        let is_root = |name: &NameId| {
            let Some(package) = self.planned(*name).map(|id| universe.package(id)) else { return false };
            let is_kept = package.essential || package.protected || package.priority == Priority::Required;
            let by_hand = universe.installed(*name).is_some() && !universe.is_auto(*name);
            is_kept || by_hand || KEPT.iter().any(|start| package.name.starts_with(start)) && universe.installed(*name).is_some()
        };
        let mut reached: BTreeSet<NameId> = universe.names().filter(is_root).chain(requested.iter().copied()).collect();
        let mut pending: Vec<NameId> = reached.iter().copied().collect();
        while let Some(name) = pending.pop() {
            let Some(id) = self.planned(name) else { continue };
            let relations = universe.package(id).needs.iter().flat_map(|need| &need.any.0);
            let needed = relations.flat_map(|relation| universe.meant(relation)).filter(|id| self.is_planned(*id));
            for name in needed.map(|id| universe.name_of(id)) {
                if reached.insert(name) {
                    pending.push(name);
                }
            }
        }
        reached
    }

    /// The difference between what is installed and what is planned.
    pub(super) fn solution(&self, requested: &[NameId], orphans: &[NameId]) -> Solution {
        let universe = self.universe;
        let mut solution = Solution::default();
        for name in universe.names() {
            match (universe.installed(name), self.planned(name)) {
                (None, Some(new)) => solution.install.push(new),
                (Some(old), Some(new)) if old != new => solution.upgrade.push((old, new)),
                (Some(old), None) if orphans.contains(&name) => solution.orphaned.push(old),
                (Some(old), None) => solution.remove.push(old),
                _ => {}
            }
        }
        let name = |id: &PackageId| universe.package(*id).name;
        solution.install.sort_by_key(name);
        solution.upgrade.sort_by_key(|(old, _)| name(old));
        solution.remove.sort_by_key(name);
        solution.orphaned.sort_by_key(name);
        solution.requested = requested.iter().filter_map(|name| self.planned(*name)).collect();
        solution
    }
}
