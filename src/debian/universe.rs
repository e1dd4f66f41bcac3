//! All packages that can be had and all that are there, and who can stand for whom.

use std::{cmp::Ordering, collections::HashMap};

use super::{
    package::{MultiArch, Package},
    preferences::DOWNGRADE,
    relation::Relation,
};

/// A name of a package, or one that packages provide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(u32);

impl NameId {
    /// Position in a list with a place for each name.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One version of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId(u32);

/// What is known under a name.
#[derive(Clone, Debug, Default)]
struct Entry<'a> {
    name: &'a str,
    installed: Option<PackageId>,
    /// Whether it is installed only because something needed it.
    is_auto: bool,
    candidate: Option<PackageId>,
    /// Priority of the candidate among those of archives.
    priority: i32,
    /// What can be installed besides or is installed.
    versions: Vec<PackageId>,
    /// Packages that provide the name: each with its place in the list of what it provides.
    providers: Vec<(PackageId, usize)>,
}

/// The packages of one system and of its archives. Names have numbers in the order in which they are first mentioned, as with apt, which
/// decides by them where nothing else does.
#[derive(Clone, Debug)]
pub struct Universe<'a> {
    architecture: &'a str,
    packages: Vec<(NameId, Package<'a>)>,
    entries: Vec<Entry<'a>>,
    names: HashMap<&'a str, NameId>,
}

impl<'a> Universe<'a> {
    /// An empty one for a system of this architecture.
    #[must_use]
    pub fn new(architecture: &'a str) -> Self {
        Self { architecture, packages: Vec::new(), entries: Vec::new(), names: HashMap::new() }
    }

    /// Adds a package of an archive with its [priority](super::preferences); `None` when it is for another architecture. It becomes the
    /// candidate if its priority is positive and higher than that of the candidate so far, or the same and its version is higher.
    pub fn offer(&mut self, package: Package<'a>, priority: i32) -> Option<PackageId> {
        if !package.runs_on(self.architecture) {
            return None;
        }
        let id = self.add(package);
        let name = self.name_of(id);
        let best = self.entry(name).candidate.map(|best| (self.entry(name).priority, self.package(best).version));
        if priority > 0 && best.is_none_or(|best| best < (priority, self.package(id).version)) {
            let entry = self.entry_mut(name);
            (entry.candidate, entry.priority) = (Some(id), priority);
        }
        Some(id)
    }

    /// Adds a package that is installed, after all that archives offer; where an archive has the same version, that one is taken. It
    /// stays if it is on hold, if no candidate has a higher priority, or if the candidate is older and not wanted so much that it is
    /// taken nevertheless.
    pub fn install(&mut self, package: Package<'a>, priority: i32, is_held: bool) -> Option<PackageId> {
        if !package.runs_on(self.architecture) {
            return None;
        }
        let name = self.name(package.name);
        let same = |id: &&PackageId| {
            let other = self.package(**id);
            other.version == package.version && other.architecture == package.architecture
        };
        let known = self.entry(name).versions.iter().find(same).copied();
        let id = match known {
            Some(id) => {
                // Removing it is refused if any source of it says so.
                let merged = &mut self.packages[id.0 as usize].1;
                merged.essential |= package.essential;
                merged.protected |= package.protected;
                id
            }
            None => self.add(package),
        };
        let best = self.entry(name).candidate;
        let offered = self.entry(name).priority;
        let is_best = best.is_none_or(|best| match self.package(best).version.cmp(&self.package(id).version) {
            Ordering::Equal => true,
            Ordering::Less => offered < DOWNGRADE || offered < priority,
            Ordering::Greater => offered < priority,
        });
        let entry = self.entry_mut(name);
        entry.installed = Some(id);
        if is_held || is_best {
            entry.candidate = Some(id);
        }
        Some(id)
    }

    fn add(&mut self, package: Package<'a>) -> PackageId {
        let id = PackageId(u32::try_from(self.packages.len()).unwrap_or(u32::MAX));
        let name = self.name(package.name);
        // In apt's order: what a package needs, what it cannot stand beside, and what it merely goes well with.
        let relations = |is_critical: bool| {
            package.needs.iter().filter(move |need| need.kind.is_critical() == is_critical).flat_map(|need| &need.any.0)
        };
        for relation in relations(true).chain(&package.conflicts).chain(relations(false)).chain(&package.replaces) {
            self.name(relation.name);
        }
        for (index, (provided, _)) in package.provides.iter().enumerate() {
            let provided = self.name(provided);
            self.entry_mut(provided).providers.push((id, index));
        }
        self.entry_mut(name).versions.push(id);
        self.packages.push((name, package));
        id
    }

    /// The number of a name, which is made if there is none.
    fn name(&mut self, name: &'a str) -> NameId {
        let next = NameId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        let id = *self.names.entry(name).or_insert(next);
        if id == next {
            self.entries.push(Entry { name, ..Entry::default() });
        }
        id
    }

    fn entry(&self, name: NameId) -> &Entry<'a> {
        &self.entries[name.0 as usize]
    }

    fn entry_mut(&mut self, name: NameId) -> &mut Entry<'a> {
        &mut self.entries[name.0 as usize]
    }

    /// The number of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<NameId> {
        self.names.get(name).copied()
    }

    /// The name with this number.
    #[must_use]
    pub fn text(&self, name: NameId) -> &'a str {
        self.entry(name).name
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no name at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All names, in the order of their numbers.
    pub fn names(&self) -> impl Iterator<Item = NameId> + use<> {
        (0..self.entries.len()).filter_map(|index| u32::try_from(index).ok().map(NameId))
    }

    /// The package with this number.
    #[must_use]
    pub fn package(&self, id: PackageId) -> &Package<'a> {
        &self.packages[id.0 as usize].1
    }

    /// The name of the package with this number.
    #[must_use]
    pub fn name_of(&self, id: PackageId) -> NameId {
        self.packages[id.0 as usize].0
    }

    /// What is installed under a name.
    #[must_use]
    pub fn installed(&self, name: NameId) -> Option<PackageId> {
        self.entry(name).installed
    }

    /// What would be installed under a name.
    #[must_use]
    pub fn candidate(&self, name: NameId) -> Option<PackageId> {
        self.entry(name).candidate
    }

    /// Notes that what is installed under a name came only because something needed it.
    pub fn mark_auto(&mut self, name: NameId) {
        self.entry_mut(name).is_auto = true;
    }

    /// Whether what is installed under a name came only because something needed it.
    #[must_use]
    pub fn is_auto(&self, name: NameId) -> bool {
        self.entry(name).is_auto
    }

    /// Packages that provide a name.
    pub fn providers(&self, name: NameId) -> impl Iterator<Item = PackageId> {
        self.entry(name).providers.iter().map(|(id, _)| *id)
    }

    /// Whether a package is what a relation means: by its own name or by one that it provides.
    #[must_use]
    pub fn is_meant(&self, relation: &Relation<'_>, id: PackageId) -> bool {
        let package = self.package(id);
        let by_qualifier = match relation.qualifier {
            None | Some("native") => true,
            Some("any") => package.multi_arch == MultiArch::Allowed && package.name == relation.name,
            Some(architecture) => package.architecture == architecture,
        };
        by_qualifier
            && (package.name == relation.name && relation.admits(Some(&package.version))
                || package.provides.iter().any(|(name, version)| *name == relation.name && relation.admits(version.as_ref())))
    }

    /// All versions that a relation means: of the name itself first, then of those that provide it.
    pub fn meant<'s>(&'s self, relation: &'s Relation<'a>) -> impl Iterator<Item = PackageId> + use<'s, 'a> {
        let entry = self.find(relation.name).map(|name| self.entry(name));
        let own = entry.into_iter().flat_map(|entry| entry.versions.iter().copied());
        let providers = entry.into_iter().flat_map(|entry| entry.providers.iter().map(|(id, _)| *id));
        own.chain(providers).filter(|id| self.is_meant(relation, *id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::{
        preferences::{INSTALLED, OFFERED},
        stanzas,
    };

    fn candidate(offers: &[(&str, i32)], installed: Option<(&str, bool)>) -> Option<String> {
        let stanza = |version: &str| format!("Package: a\nVersion: {version}\nArchitecture: arm64\nProvides: v (= 7)\n");
        let offers: Vec<_> = offers.iter().map(|(version, priority)| (stanza(version), *priority)).collect();
        let installed = installed.map(|(version, is_held)| (stanza(version), is_held));
        let mut universe = Universe::new("arm64");
        let package = |text| Package::new(&stanzas(text).next().unwrap().unwrap()).unwrap();
        for (text, priority) in &offers {
            universe.offer(package(text), *priority).unwrap();
        }
        if let Some((text, is_held)) = &installed {
            universe.install(package(text), INSTALLED, *is_held).unwrap();
        }
        let name = universe.find("a").unwrap();
        universe.candidate(name).map(|id| universe.package(id).version.to_string())
    }

    #[test]
    fn the_candidate_is_chosen_by_priority_then_by_version() {
        let chosen = |offers: &[(&str, i32)], installed| candidate(offers, installed).unwrap_or_default();
        assert_eq!(chosen(&[("1", OFFERED), ("3", OFFERED), ("2", OFFERED)], None), "3");
        assert_eq!(chosen(&[("1", 600), ("3", OFFERED)], None), "1");
        assert_eq!(chosen(&[("3", -1)], None), "");
        assert_eq!(chosen(&[("2", OFFERED)], Some(("1", false))), "2");
        assert_eq!(chosen(&[("2", OFFERED)], Some(("1", true))), "1", "on hold");
        assert_eq!(chosen(&[("1", 990)], Some(("2", false))), "2", "no downgrade");
        assert_eq!(chosen(&[("1", 1001)], Some(("2", false))), "1", "unless it is wanted very much");
        assert_eq!(chosen(&[("2", 1)], Some(("1", false))), "1", "what is installed is wanted more");
        assert_eq!(chosen(&[("2", 100)], Some(("1", false))), "2", "upgrades itself");
        assert_eq!(chosen(&[], Some(("1", false))), "1");
    }

    #[test]
    fn names_and_what_provides_them_are_found() {
        let text = "Package: a\nVersion: 1\nArchitecture: arm64\nProvides: v (= 7), w\nMulti-Arch: allowed\n\n\
            Package: v\nVersion: 9\nArchitecture: all\n\nPackage: x\nVersion: 1\nArchitecture: armhf\n";
        let mut universe = Universe::new("arm64");
        let ids: Vec<_> = stanzas(text).map(|stanza| universe.offer(Package::new(&stanza.unwrap()).unwrap(), OFFERED)).collect();
        assert_eq!(ids[2], None, "another architecture");
        let meant = |text: &str| universe.meant(&Relation::new(text).unwrap()).map(|id| universe.package(id).name).collect::<Vec<_>>();
        assert_eq!(meant("v"), ["v", "a"]);
        assert_eq!(meant("v (>= 8)"), ["v"]);
        assert_eq!(meant("v (= 7)"), ["a"]);
        assert!(meant("w (>= 0)").is_empty() && meant("none").is_empty() && meant("x").is_empty());
        assert_eq!((meant("a:any"), meant("a:arm64"), meant("a:armhf")), (vec!["a"], vec!["a"], vec![]));
        assert!(meant("v:any").is_empty(), "only what says `allowed`");
    }
}
