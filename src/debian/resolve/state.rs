//! What is planned for each name so far.

use std::{
    cell::Cell,
    collections::{BTreeSet, HashMap},
};

use super::Reason;
use crate::debian::{
    package::{Need, Package},
    relation::{AnyOf, Relation},
    universe::{NameId, PackageId, Universe},
};

/// So many packages are looked at to explain a failure.
const MAX_SHOWN: usize = 20;

/// How often a package may be looked at. All of KDE with what is recommended, 1,850 packages, takes 54,000 looks.
const MAX_LOOKS: u64 = 5_000_000;

/// The plan in the making.
pub(super) struct State<'u, 'a> {
    pub(super) universe: &'u Universe<'a>,
    pub(super) recommends: bool,
    plans: Vec<Plan>,
    /// For each name the installed packages that need something of that name.
    needed_by: HashMap<NameId, Vec<PackageId>>,
    /// For each source package the names of installed packages that are built from it.
    built_from: HashMap<&'a str, Vec<NameId>>,
    /// How many packages were looked at so far to see whether a relation means them.
    looks: Cell<u64>,
}

/// What is planned for a name.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// What will be installed in the end.
    planned: Option<PackageId>,
    /// What may be chosen; given up when that fails.
    candidate: Option<PackageId>,
    /// Whether it was decided to install the candidate.
    is_marked: bool,
    /// Whether the decision stands, whatever else comes.
    is_protected: bool,
}

impl<'u, 'a> State<'u, 'a> {
    pub(super) fn new(universe: &'u Universe<'a>, recommends: bool) -> Self {
        let plan =
            |name| Plan { planned: universe.installed(name), candidate: universe.candidate(name), is_marked: false, is_protected: false };
        let mut state = Self {
            universe,
            recommends,
            plans: universe.names().map(plan).collect(),
            needed_by: HashMap::new(),
            built_from: HashMap::new(),
            looks: Cell::new(0),
        };
        for id in universe.names().filter_map(|name| universe.installed(name)) {
            let package = universe.package(id);
            let relations = package.needs.iter().flat_map(|need| &need.any.0);
            for name in relations.filter_map(|relation| universe.find(relation.name)).collect::<BTreeSet<_>>() {
                state.needed_by.entry(name).or_default().push(id);
            }
            state.built_from.entry(package.source.0).or_default().push(universe.name_of(id));
        }
        state
    }

    fn plan(&self, name: NameId) -> &Plan {
        &self.plans[name.index()]
    }

    fn plan_mut(&mut self, name: NameId) -> &mut Plan {
        &mut self.plans[name.index()]
    }

    /// What will be installed under a name as things stand.
    pub(super) fn planned(&self, name: NameId) -> Option<PackageId> {
        self.plan(name).planned
    }

    pub(super) fn candidate(&self, name: NameId) -> Option<PackageId> {
        self.plan(name).candidate
    }

    pub(super) fn is_protected(&self, name: NameId) -> bool {
        self.plan(name).is_protected
    }

    pub(super) fn is_marked(&self, name: NameId) -> bool {
        self.plan(name).is_marked
    }

    pub(super) fn protect(&mut self, name: NameId, is_protected: bool) {
        self.plan_mut(name).is_protected = is_protected;
    }

    /// Plans the candidate.
    pub(super) fn choose(&mut self, name: NameId) {
        let installed = self.universe.installed(name);
        let plan = self.plan_mut(name);
        plan.planned = plan.candidate;
        plan.is_marked = plan.candidate != installed;
    }

    /// Plans what is installed now, if anything.
    pub(super) fn keep(&mut self, name: NameId) {
        let installed = self.universe.installed(name);
        let plan = self.plan_mut(name);
        (plan.planned, plan.is_marked) = (installed, false);
    }

    /// Plans nothing.
    pub(super) fn delete(&mut self, name: NameId) {
        let plan = self.plan_mut(name);
        (plan.planned, plan.is_marked) = (None, false);
    }

    /// Plans nothing, for good.
    pub(super) fn banish(&mut self, name: NameId) {
        *self.plan_mut(name) = Plan { planned: None, candidate: None, is_marked: false, is_protected: true };
    }

    /// Gives the candidate up for good: what is planned now is all that is left.
    pub(super) fn discard_candidate(&mut self, name: NameId) {
        let plan = self.plan_mut(name);
        plan.candidate = plan.planned;
    }

    /// All versions that a relation means; each counts as a look.
    pub(super) fn meant<'s>(&'s self, relation: &'s Relation<'a>) -> impl Iterator<Item = PackageId> + use<'s, 'u, 'a> {
        self.universe.meant(relation).inspect(|_| self.looks.set(self.looks.get() + 1))
    }

    /// Whether so much was looked at that the relations of the archives are made to keep us busy.
    pub(super) fn is_exhausted(&self) -> bool {
        self.looks.get() > MAX_LOOKS
    }

    /// Whether a need is met by what is planned.
    pub(super) fn is_met(&self, any: &AnyOf<'a>) -> bool {
        any.0.iter().any(|relation| self.meant(relation).any(|id| self.is_planned(id)))
    }

    /// Whether a need is met by what is installed now.
    pub(super) fn is_met_now(&self, any: &AnyOf<'a>) -> bool {
        let is_installed = |id| self.universe.installed(self.universe.name_of(id)) == Some(id);
        any.0.iter().any(|relation| self.universe.meant(relation).any(is_installed))
    }

    pub(super) fn is_planned(&self, id: PackageId) -> bool {
        self.planned(self.universe.name_of(id)) == Some(id)
    }

    /// What is planned of what a package cannot stand beside; of its own versions none counts.
    pub(super) fn in_conflict(&self, relation: &Relation<'a>, name: NameId) -> Option<PackageId> {
        self.meant(relation).find(|id| self.universe.name_of(*id) != name && self.is_planned(*id))
    }

    /// Whether what is planned under a name lacks something or cannot stand beside something.
    pub(super) fn is_broken(&self, name: NameId) -> bool {
        self.planned(name).is_some_and(|id| self.fault(name, self.universe.package(id)).is_some())
    }

    fn fault(&self, name: NameId, package: &Package<'a>) -> Option<String> {
        let lacks = package.needs.iter().find(|need| need.kind.is_critical() && !self.is_met(&need.any));
        let lacks = lacks.map(|Need { any, .. }| match self.in_the_way(any) {
            Some((id, other)) => format!("needs {any}, but {} cannot be installed beside {}", self.shown(id), self.shown(other)),
            None => format!("needs {any}, which nothing that is installed or could be meets"),
        });
        let beside = || {
            let found = package.conflicts.iter().find_map(|relation| Some((relation, self.in_conflict(relation, name)?)));
            found.map(|(relation, id)| format!("cannot be installed beside {} ({relation})", self.shown(id)))
        };
        lacks.or_else(beside)
    }

    /// A candidate that would meet a need, and what is planned that it cannot stand beside, by its own word or that of the other.
    fn in_the_way(&self, any: &AnyOf<'a>) -> Option<(PackageId, PackageId)> {
        let universe = self.universe;
        let is_candidate = |id: &PackageId| universe.candidate(universe.name_of(*id)) == Some(*id);
        any.0.iter().flat_map(|relation| universe.meant(relation)).filter(is_candidate).take(MAX_SHOWN).find_map(|id| {
            let name = universe.name_of(id);
            let own = universe.package(id).conflicts.iter().find_map(|relation| self.in_conflict(relation, name));
            let planned = || universe.names().filter(|other| *other != name).filter_map(|other| self.planned(other));
            let conflicts = |other: &PackageId| universe.package(*other).conflicts.iter().any(|relation| universe.is_meant(relation, id));
            own.or_else(|| planned().find(conflicts)).map(|other| (id, other))
        })
    }

    /// Installed packages that need something of this name.
    pub(super) fn needing(&self, name: NameId) -> Vec<PackageId> {
        self.needed_by.get(&name).cloned().unwrap_or_default()
    }

    /// Names of installed packages that are built from this source package.
    pub(super) fn siblings(&self, source: &str) -> Vec<NameId> {
        self.built_from.get(source).cloned().unwrap_or_default()
    }

    /// Name and version.
    pub(super) fn shown(&self, id: PackageId) -> String {
        let package = self.universe.package(id);
        format!("{} {}", package.name, package.version)
    }

    /// Everything that is planned works.
    pub(super) fn check(&self) -> Result<(), Reason> {
        for name in self.universe.names() {
            let Some(id) = self.planned(name) else { continue };
            if let Some(fault) = self.fault(name, self.universe.package(id)) {
                return Err(Reason::new(format!("{} {fault}", self.shown(id))));
            }
        }
        Ok(())
    }
}
