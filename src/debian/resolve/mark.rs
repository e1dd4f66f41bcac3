//! Marking a package, all that it needs, and what has to give way.

use std::collections::BTreeSet;

use super::{Reason, state::State};
use crate::debian::{
    package::{Need, Package},
    relation::Relation,
    universe::{NameId, PackageId},
};

/// Chains of needs are not longer; those of Debian have some dozens of links.
const MAX_DEPTH: usize = 500;

/// No answer is better than one that takes for ever, or a wrong one.
pub(super) fn exhausted() -> Reason {
    Reason::new("the relations of the archives are too entangled to be resolved")
}

impl<'u, 'a> State<'u, 'a> {
    /// Marks what was asked for, without looking at what it needs, so that it is there for whatever else needs it.
    pub(super) fn request(&mut self, name: NameId) -> Result<(), Reason> {
        self.mark_install(name, false, true, 0)?;
        self.protect(name, true);
        Ok(())
    }

    /// Marks the candidate of a name. With `solve` also what it needs; `is_asked` says that the user named it.
    pub(super) fn mark_install(&mut self, name: NameId, solve: bool, is_asked: bool, depth: usize) -> Result<(), Reason> {
        let text = self.universe.text(name);
        if depth > MAX_DEPTH {
            return Err(Reason::new(format!("the chain of needs is longer than {MAX_DEPTH} packages at `{text}`")));
        }
        if self.is_exhausted() {
            return Err(exhausted());
        }
        let Some(candidate) = self.candidate(name) else { return Err(self.why_not(name)) };
        let is_current = self.universe.installed(name) == Some(candidate);
        if self.is_protected(name) && !is_asked && !self.is_marked(name) && !is_current {
            return Err(Reason::new(format!("`{text}` must not change")));
        }
        if !self.is_protected(name) && !self.is_broken(name) {
            if is_current {
                self.keep(name);
                return Ok(());
            }
            if self.is_marked(name) {
                return Ok(());
            }
        }
        if is_asked {
            self.choose(name);
        }
        if !solve {
            self.choose(name);
            return Ok(());
        }
        let was_protected = self.is_protected(name);
        let result = self.solve(name, candidate, depth);
        self.protect(name, was_protected);
        if result.is_err() && !was_protected && !is_asked {
            self.keep(name);
            self.discard_candidate(name);
        }
        result
    }

    fn solve(&mut self, name: NameId, candidate: PackageId, depth: usize) -> Result<(), Reason> {
        let universe = self.universe;
        let package = universe.package(candidate);
        let needs: Vec<&Need<'a>> = package.needs.iter().filter(|need| self.is_wanted(need.kind) && !self.is_met(&need.any)).collect();
        let conflicts: Vec<&Relation<'a>> =
            package.conflicts.iter().filter(|relation| self.in_conflict(relation, name).is_some()).collect();

        let mut upgrades = Vec::new();
        let mut removals = Vec::new();
        for relation in conflicts {
            self.give_way(name, package, relation, &mut upgrades, &mut removals)?;
        }
        self.collect_dependents(name, candidate, &mut upgrades);
        self.choose(name);
        self.protect(name, true);

        self.upgrade_siblings(name, package, depth);
        for other in upgrades {
            if !self.is_marked(other) && self.mark_install(other, true, false, depth + 1).is_err() {
                self.mark_delete(other, package)?;
            }
        }
        for need in needs {
            self.meet(name, candidate, need, depth)?;
        }
        for other in removals {
            self.mark_delete(other, package)?;
        }
        Ok(())
    }

    /// Decides what becomes of packages that one cannot stand beside: another version if that is no matter, else removal.
    fn give_way(
        &mut self,
        name: NameId,
        package: &Package<'a>,
        relation: &Relation<'a>,
        upgrades: &mut Vec<NameId>,
        removals: &mut Vec<NameId>,
    ) -> Result<(), Reason> {
        let universe = self.universe;
        let meant: BTreeSet<PackageId> = universe.meant(relation).filter(|id| universe.name_of(*id) != name).collect();
        let is_bad = |id: PackageId| meant.contains(&id);
        let others: BTreeSet<NameId> = meant.iter().map(|id| universe.name_of(*id)).collect();
        for other in others {
            let (installed, planned, candidate) = (universe.installed(other), self.planned(other), self.candidate(other));
            if planned != installed && planned.is_some_and(is_bad) {
                if self.is_protected(other) {
                    let (one, two) = (format!("{} {}", package.name, package.version), planned.map_or(String::new(), |id| self.shown(id)));
                    return Err(Reason::new(format!("{one} cannot be installed beside {two} ({relation})")));
                }
                self.keep(other);
            }
            let Some(current) = self.planned(other).filter(|id| is_bad(*id)) else { continue };
            match candidate {
                Some(candidate) if candidate != current && !is_bad(candidate) => upgrades.push(other),
                _ => removals.push(other),
            }
        }
        Ok(())
    }

    /// Installed packages that the old version satisfies and the new one does not: they need an upgrade, too.
    fn collect_dependents(&self, name: NameId, candidate: PackageId, upgrades: &mut Vec<NameId>) {
        let universe = self.universe;
        let Some(old) = universe.installed(name).filter(|old| *old != candidate) else { return };
        let provided = universe.package(old).provides.iter().filter_map(|(provided, _)| universe.find(provided));
        for id in std::iter::once(name).chain(provided).flat_map(|name| self.needing(name)) {
            let other = universe.name_of(id);
            if self.is_marked(other) || upgrades.contains(&other) || other == name {
                continue;
            }
            let needs = universe.package(id).needs.iter().filter(|need| self.is_wanted(need.kind));
            let mut relations = needs.flat_map(|need| &need.any.0);
            if relations.any(|relation| universe.is_meant(relation, old) && !universe.is_meant(relation, candidate)) {
                upgrades.push(other);
            }
        }
    }

    /// Installed packages from the same source go along, if their candidates are of the same version of it.
    fn upgrade_siblings(&mut self, name: NameId, package: &Package<'a>, depth: usize) {
        let universe = self.universe;
        let is_old = |state: &Self, other: &NameId| {
            let candidate = state.candidate(*other).filter(|id| universe.installed(*other) != Some(*id) && !state.is_planned(*id));
            *other != name && candidate.is_some_and(|id| universe.package(id).source == package.source)
        };
        let siblings: Vec<NameId> = self.siblings(package.source.0).into_iter().filter(|other| is_old(self, other)).collect();
        for solve in [false, true] {
            for other in &siblings {
                // One that cannot go along stays as it is; what needs it will tell.
                let _ = self.mark_install(*other, solve, false, depth + 1);
            }
        }
    }

    /// Sees that a need is met, by the first package that can be installed of those that would do.
    fn meet(&mut self, name: NameId, of: PackageId, need: &Need<'a>, depth: usize) -> Result<(), Reason> {
        if self.is_met(&need.any) || !need.kind.is_critical() && self.is_old_wish(name, need) {
            return Ok(());
        }
        let mut first = None;
        for id in self.solutions(&need.any) {
            let name = self.universe.name_of(id);
            if self.candidate(name) != Some(id) {
                continue;
            }
            match self.mark_install(name, true, false, depth + 1) {
                Ok(()) => return Ok(()),
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        if !need.kind.is_critical() {
            return Ok(());
        }
        let reason = first.unwrap_or_else(|| self.why_none(need));
        Err(reason.needed_by(self.shown(of), need.any.to_string()))
    }

    /// Whether something is recommended that was recommended before by what is installed, and is missing all the same: then somebody
    /// does not want it. As with apt, one recommendation is another if its first alternative stands nowhere in the other.
    fn is_old_wish(&self, name: NameId, need: &Need<'a>) -> bool {
        let (Some(old), Some(first)) = (self.universe.installed(name), need.any.0.first()) else { return false };
        let is_same = |other: &&Need<'a>| {
            let is_recommended = self.is_wanted(other.kind) && !other.kind.is_critical();
            is_recommended && other.any.0.iter().any(|relation| relation.name == first.name)
        };
        let mut before = self.universe.package(old).needs.iter().filter(is_same).peekable();
        before.peek().is_some() && !before.any(|other| self.is_met_now(&other.any))
    }

    fn mark_delete(&mut self, name: NameId, for_the_sake_of: &Package<'a>) -> Result<(), Reason> {
        let Some(id) = self.planned(name) else { return Ok(()) };
        let package = self.universe.package(id);
        let refused = |why: &str| {
            let (new, version) = (for_the_sake_of.name, for_the_sake_of.version);
            Reason::new(format!("{new} {version} cannot be installed beside {} {}, which {why}", package.name, package.version))
        };
        if self.is_protected(name) {
            return Err(refused("was asked for or is needed by something that was"));
        }
        if package.essential || package.protected {
            return Err(refused("must not be removed"));
        }
        self.delete(name);
        Ok(())
    }

    fn why_not(&self, name: NameId) -> Reason {
        Reason::unknown(self.universe.text(name))
    }

    /// What stands in the way of a need that nothing meets.
    fn why_none(&self, need: &Need<'a>) -> Reason {
        let Some(relation) = need.any.0.first() else { return Reason::new("nothing is named") };
        let others = self.universe.find(relation.name).and_then(|name| self.universe.candidate(name).or(self.universe.installed(name)));
        Reason::new(match others {
            None => format!("no archive has the package `{}`", relation.name),
            Some(id) if self.universe.is_meant(relation, id) => format!("{} cannot be installed", self.shown(id)),
            Some(id) => format!("only {} can be had", self.shown(id)),
        })
    }
}
