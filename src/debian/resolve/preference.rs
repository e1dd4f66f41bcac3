//! Which of several packages that would do is tried first.

use std::{cmp::Ordering, collections::HashSet};

use super::state::State;
use crate::debian::{
    PackageId,
    package::NeedKind,
    relation::{AnyOf, Relation},
};

impl<'u, 'a> State<'u, 'a> {
    /// The candidates that would meet a need, best first: those of which some version is installed before those that are new; within
    /// that by the order of the alternatives, and among those for one alternative by what apt prefers.
    pub(super) fn solutions(&self, any: &AnyOf<'a>) -> Vec<PackageId> {
        let mut upgrades = Vec::new();
        let mut new = Vec::new();
        let mut seen = HashSet::new();
        for relation in &any.0 {
            let mut found: Vec<PackageId> = self.candidates(relation).collect();
            found.sort_by(|one, other| self.preferred(relation, *one, *other));
            for id in found {
                let is_there = self.universe.installed(self.universe.name_of(id)).is_some();
                if seen.insert(id) {
                    if is_there { &mut upgrades } else { &mut new }.push(id);
                }
            }
        }
        upgrades.extend(new);
        upgrades.retain(|id| {
            let name = self.universe.name_of(*id);
            !(self.is_protected(name) && self.planned(name).is_none())
        });
        upgrades
    }

    /// Candidates that a relation means.
    pub(super) fn candidates(&self, relation: &Relation<'a>) -> impl Iterator<Item = PackageId> {
        self.meant(relation).filter(|id| self.candidate(self.universe.name_of(*id)) == Some(*id)).collect::<Vec<_>>().into_iter()
    }

    /// What is requested, what is installed, the package of that very name, essential, protected, and more important ones first; then
    /// the one whose name was mentioned last.
    fn preferred(&self, relation: &Relation<'_>, one: PackageId, other: PackageId) -> Ordering {
        let universe = self.universe;
        let (a, b) = (universe.package(one), universe.package(other));
        let (name_a, name_b) = (universe.name_of(one), universe.name_of(other));
        let first = |of_a: bool, of_b: bool| of_b.cmp(&of_a);
        first(self.is_protected(name_a), self.is_protected(name_b))
            .then_with(|| first(universe.installed(name_a).is_some(), universe.installed(name_b).is_some()))
            .then_with(|| first(a.name == relation.name, b.name == relation.name))
            .then_with(|| first(a.essential, b.essential))
            .then_with(|| first(a.protected, b.protected))
            .then_with(|| a.priority.cmp(&b.priority))
            .then_with(|| name_b.cmp(&name_a))
    }

    /// Whether a need is looked at.
    pub(super) fn is_wanted(&self, kind: NeedKind) -> bool {
        kind.is_critical() || kind == NeedKind::Recommends && self.recommends
    }
}
