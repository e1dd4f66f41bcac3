//! `berry-image check`.

use serde_json::json;

use super::{args::Check, failure::Failure, inputs, report::Report, units};
use crate::{
    base::{cache::Cache, source},
    node::settings,
    plan::Plan,
    progress::Stop,
};

pub(super) fn run(options: &Check, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let profile = inputs::profile(&options.profile, report)?;
    let name = inputs::shown(&options.profile.profile);
    let ledger = inputs::ledger_to_look_at(&options.profile, &profile)?;
    let at_hand = source::is_at_hand(&profile.base, &Cache::open_default()?)?;
    if at_hand {
        let base = inputs::base(&profile, true, report, stop)?;
        Plan::new(&profile, &base, &ledger, &settings::Build::new(&ledger, None))?;
        if options.json {
            return report.json(&json!({ "profile": "ok", "base": { "checked": true, "name": base.name, "facts": base.facts } }));
        }
        let nodes = units::count(profile.nodes.len(), "node");
        return report.result(&format!("{name}: ok, {nodes}; {} ({}) can carry it\n", base.name, base.facts.name));
    }
    let not_checked = [
        "that all fits on root and card",
        "that time zone, locale and keyboard exist in the base",
        "that the base is one that is supported",
    ];
    if options.json {
        return report.json(&json!({ "profile": "ok", "base": { "checked": false, "not_checked": not_checked } }));
    }
    let nodes = units::count(profile.nodes.len(), "node");
    report.result(&format!("{name}: ok, {nodes}\nnot checked, as the base is not at hand yet: {}\n", not_checked.join("; ")))
}
