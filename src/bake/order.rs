//! The order in which packages are unpacked: what a package needs comes before it.

use std::collections::HashMap;

use crate::{
    debian::{Package, stanzas},
    dpkg::Incoming,
};

/// Sorts packages: by name, but each behind those that it needs. Where packages need each other, the first by name comes first.
pub(super) fn sorted(mut packages: Vec<Incoming>) -> Vec<Incoming> {
    packages.sort_by_cached_key(|incoming| name_and_needs(incoming).0);
    let read: Vec<(String, Vec<String>)> = packages.iter().map(name_and_needs).collect();
    let positions: HashMap<&str, usize> = read.iter().enumerate().map(|(index, (name, _))| (name.as_str(), index)).collect();
    let mut order = Vec::with_capacity(read.len());
    let mut is_seen = vec![false; read.len()];
    for first in 0..read.len() {
        // Each with the next of its needs to be looked at; not by recursion, for chains may be long.
        let mut trail: Vec<(usize, usize)> = Vec::new();
        if !std::mem::replace(&mut is_seen[first], true) {
            trail.push((first, 0));
        }
        while let Some((index, next)) = trail.last_mut() {
            let needs = &read[*index].1;
            let Some(need) = needs.get(*next) else {
                order.push(*index);
                trail.pop();
                continue;
            };
            *next += 1;
            if let Some(needed) = positions.get(need.as_str()).copied()
                && !std::mem::replace(&mut is_seen[needed], true)
            {
                trail.push((needed, 0));
            }
        }
    }
    let mut packages: Vec<Option<Incoming>> = packages.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| packages[index].take()).collect()
}

/// The name of a package, and the names that it needs, those first that it needs to be unpacked.
fn name_and_needs(incoming: &Incoming) -> (String, Vec<String>) {
    let text = String::from_utf8_lossy(incoming.deb.control_text("control").unwrap_or_default());
    let Some(stanza) = stanzas(&text).next().and_then(Result::ok) else { return Default::default() };
    let Ok(package) = Package::new(&stanza) else { return Default::default() };
    // Pre-Depends come before Depends, and what is only recommended does not matter.
    let needs = package.needs.iter().filter(|need| need.kind.is_critical()).flat_map(|need| &need.any.0);
    (package.name.to_owned(), needs.map(|relation| relation.name.to_owned()).collect())
}
