//! What apt and the resolver are asked, and on which systems.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};

use berry_image::debian::{Package, PackageId, Universe, Version, package::Need};

use super::{
    apt::{Action, Question},
    hostile::Random,
};

/// Random requests to install one to five packages.
pub fn random_questions(names: &[&str], seed: u64, count: usize) -> Vec<Question> {
    let mut random = Random(seed);
    let question = |number| {
        let size = if number % 3 == 0 { 2 + random.below(4) } else { 1 };
        let names: Vec<&str> = (0..size).map(|_| names[random.below(names.len())]).collect();
        Question::new(if random.below(2) == 0 { Action::InstallAll } else { Action::Install }, names)
    };
    (0..count).map(question).collect()
}

/// The status of a system that was made without security fixes and updates: what the suite itself, the largest index, has at an older
/// version is at that version.
pub fn older(indices: &[String], status: &str) -> String {
    let suite = indices.iter().max_by_key(|text| text.len()).unwrap();
    let mut in_suite: BTreeMap<&str, &str> = BTreeMap::new();
    in_suite.extend(suite.split("\n\n").filter_map(|stanza| Some((stanza.strip_prefix("Package: ")?.lines().next()?, stanza))));
    let field = |stanza: &str, field: &str| stanza.lines().find_map(|line| line.strip_prefix(field)).map(str::to_owned).unwrap_or_default();
    let older = |stanza: &str| {
        let name = field(stanza, "Package: ");
        // Kernels have their version in their name, so that the older one would need a package that is not there.
        let other = in_suite.get(name.as_str()).filter(|_| !name.starts_with("linux-")).filter(|other| {
            let (theirs, own) = (field(other, "Version: "), field(stanza, "Version: "));
            Version::new(&theirs).unwrap() < Version::new(&own).unwrap()
        });
        match other {
            Some(other) => format!("{other}\nStatus: install ok installed\n\n"),
            None => format!("{}\n\n", stanza.trim_end()),
        }
    };
    status.split("\n\n").filter(|stanza| !stanza.trim().is_empty()).map(older).collect()
}

/// Installed packages that are not at their candidate.
pub fn upgradable<'a>(universe: &Universe<'a>) -> Vec<&'a str> {
    let is_upgradable = |name| universe.installed(name).is_some() && universe.installed(name) != universe.candidate(name);
    universe.names().filter(|name| is_upgradable(*name)).map(|name| universe.text(name)).collect()
}

/// Packages that are built from the same sources as something that can be upgraded, and often need exactly the same version.
pub fn related<'a>(universe: &Universe<'a>) -> Vec<&'a str> {
    let candidate = |name| universe.candidate(name).map(|id| universe.package(id));
    let sources: BTreeSet<&str> =
        upgradable(universe).iter().filter_map(|name| candidate(universe.find(name)?)).map(|package| package.source.0).collect();
    let is_related = |package: &&Package<'_>| sources.contains(package.source.0) && !package.name.starts_with("linux-");
    universe.names().filter_map(candidate).filter(is_related).map(|package| package.name).collect()
}

/// Removals: every so many of the installed packages alone, and every so many with all that could not stay without it.
pub fn removals(universe: &Universe<'_>, step: usize, set_step: usize) -> Vec<Question> {
    let names = universe.names().filter(|name| universe.installed(*name).is_some()).map(|name| universe.text(name));
    let installed: Vec<&str> = names.collect();
    let alone = installed.iter().step_by(step).map(|name| Question::new(Action::Remove, [name]));
    let sets = installed.iter().filter_map(|name| with_what_needs_it(universe, name)).step_by(set_step);
    alone.chain(sets.map(|set| Question::new(Action::Remove, set))).collect()
}

/// An installed package, and all that could not stay without it; `None` if no system works without one of these.
fn with_what_needs_it<'a>(universe: &Universe<'a>, name: &str) -> Option<Vec<&'a str>> {
    let installed: Vec<PackageId> = universe.names().filter_map(|name| universe.installed(name)).collect();
    let mut gone = BTreeSet::from([universe.installed(universe.find(name)?)?]);
    loop {
        let is_met = |need: &Need<'a>| {
            let mut meant = need.any.0.iter().flat_map(|relation| universe.meant(relation));
            !need.kind.is_critical() || meant.any(|id| installed.contains(&id) && !gone.contains(&id))
        };
        let lacks = |id: &PackageId| !gone.contains(id) && !universe.package(*id).needs.iter().all(is_met);
        let more: Vec<PackageId> = installed.iter().copied().filter(lacks).collect();
        if more.is_empty() {
            break;
        }
        gone.extend(more);
    }
    let packages = gone.into_iter().map(|id| universe.package(id));
    packages.map(|package| (!package.essential && !package.protected).then_some(package.name)).collect()
}
