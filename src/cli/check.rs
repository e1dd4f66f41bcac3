//! `berry-image check`.

use serde_json::json;

use super::{
    args::Check,
    failure::Failure,
    inputs,
    packages::{Settled, Work},
    report::Report,
    units,
};
use crate::{
    base::{cache::Cache, source},
    node::settings,
    plan::Plan,
    progress::Stop,
};

pub(super) fn run(options: &Check, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let profile = inputs::profile(&options.profile, report)?;
    let name = inputs::shown(&options.profile.profile);
    let old = inputs::lock(&options.profile, &profile)?;
    let ledger = inputs::ledger_to_look_at(&options.profile, &profile, old.as_ref())?;
    let at_hand = options.from.bundle.is_some() || source::is_at_hand(&profile.base, &Cache::open_default()?)?;
    if at_hand {
        let from = inputs::From { offline: true, bundle: options.from.bundle.as_deref(), lock: old.as_ref() };
        let base = inputs::base(&profile, &from, report, stop)?;
        let settings = settings::Build::new(&ledger, None);
        let work = Work { arguments: &options.profile, profile: &profile, base: &base, epoch: settings.epoch, report, stop };
        let mut packages = work.look(old.as_ref())?;
        let settings = settings.with(old.as_ref()).or_as_in(base.facts.release);
        if let Some(lock) = old.as_ref().filter(|_| packages.is_none()) {
            Plan::new(&profile, &base, &base.tree, &ledger, &settings)?.check_room(lock.growth())?;
        }
        let root = match old.filter(|_| packages.is_none()) {
            Some(lock) => work.root_at_hand(Some(&Settled { lock, changes: None }), options.from.bundle.as_deref())?,
            None if packages.is_none() => work.root_at_hand(None, None)?,
            None => None,
        };
        let plan = Plan::new(&profile, &base, root.as_ref().map_or(&base.tree, |root| &root.tree), &ledger, &settings)?;
        match &root {
            Some(root) if root.is_waiting() => plan.check_room_to_configure()?,
            None if packages.is_none() => {
                packages = Some("they are not fetched yet, and are looked into when they are; `build` fetches them".to_owned());
            }
            _ => {}
        }
        if options.json {
            return report.json(&json!({
                "profile": "ok",
                "base": { "checked": true, "name": base.name, "facts": base.facts },
                "packages": { "checked": packages.is_none(), "reason": packages },
            }));
        }
        let nodes = units::count(profile.nodes.len(), "node");
        let not_checked = packages.map(|reason| format!("not checked, that its packages can be had: {reason}\n")).unwrap_or_default();
        return report.result(&format!("{name}: ok, {nodes}; {} ({}) can carry it\n{not_checked}", base.name, base.facts.name));
    }
    let mut not_checked = vec![
        "that all fits on root and card",
        "that time zone, locale and keyboard exist in the base",
        "that the base is one that is supported",
    ];
    if !profile.packages.is_empty() {
        not_checked.push("that its packages can be had");
    }
    if options.json {
        return report.json(&json!({ "profile": "ok", "base": { "checked": false, "not_checked": not_checked } }));
    }
    let nodes = units::count(profile.nodes.len(), "node");
    report.result(&format!("{name}: ok, {nodes}\nnot checked, as the base is not at hand yet: {}\n", not_checked.join("; ")))
}
