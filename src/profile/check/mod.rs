//! Raw values → the checked profile. Every check goes on after a mistake, and nothing is reported twice.

mod base;
mod card;
mod network;
mod nodes;
mod overlays;
mod packages;
mod system;
mod user;
mod volume;
mod volume_options;
mod web;

use std::path::Path;

use super::{
    Environment, Profile,
    mask::shown,
    problem::{Code, Span},
    raw::RawProfile,
    read::Field,
    report::{Draft, Problems},
};

/// The newest format that this program knows.
const VERSION: u64 = 1;

/// What every check needs.
pub(super) struct Checker<'a> {
    pub(super) problems: &'a mut Problems,
    pub(super) environment: &'a dyn Environment,
    /// The profile's file.
    pub(super) path: &'a Path,
    /// Its text.
    pub(super) text: &'a str,
    /// Where a missing key is reported that belongs to the top level.
    pub(super) top: Span,
}

impl Checker<'_> {
    /// The folder that relative paths count from.
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new(""))
    }

    fn add(&mut self, draft: Draft) {
        self.problems.add(draft);
    }

    /// Reports a key that has to stand and does not.
    fn need<T>(&mut self, field: &Field<T>, at: Span, message: impl Into<String>, hint: impl Into<String>) {
        if field.is_absent() {
            self.add(Draft::new(Code::MissingKey, at, message).hint(hint));
        }
    }

    /// Checks everything. `None` only if something was reported.
    pub(super) fn profile(&mut self, raw: &RawProfile) -> Option<Profile> {
        let cluster = self.cluster(raw);
        let base = self.base(raw);
        let card = self.card(raw);
        let time_zone = self.time_zone(&raw.time_zone);
        let locale = self.locale(&raw.locale);
        let keyboard = self.keyboard(&raw.keyboard);
        let (user, ssh) = self.user(raw);
        let ntp = self.ntp(&raw.ntp);
        let packages = self.packages(&raw.packages);
        let network = self.cluster_network(raw);
        let before = self.problems.errors();
        let nodes = self.nodes(raw, &network);
        // What was reported of nodes is not reported of the volume again.
        let members = (self.problems.errors() == before).then_some(nodes.as_slice());
        let brick = card.as_ref().map(|(.., brick)| brick.mount_point.as_str());
        let volume = self.volume(raw, members, brick);
        let web = self.web(raw, volume.as_ref());
        let overlays = self.overlays(&raw.overlays);
        let (card_size, root_size, brick) = card?;
        let profile = Profile {
            cluster: cluster?,
            path: self.path.to_owned(),
            base: base?,
            card_size,
            root_size,
            brick,
            time_zone: time_zone?,
            locale: locale?,
            keyboard: keyboard?,
            user: user?,
            ssh,
            network: network.network?,
            ntp,
            packages,
            volume,
            web,
            overlays,
            nodes,
        };
        self.laid_over(&profile, &raw.overlays);
        Some(profile)
    }

    /// Whether the format is one this program knows; of a newer one nothing else is said.
    pub(super) fn version(&mut self, version: &Field<u64>) -> bool {
        match version.given() {
            Some(given) if given.value > VERSION => {
                let message = format!("this profile has format {}, and this berry-image knows formats up to {VERSION}", given.value);
                self.add(Draft::new(Code::Version, given.span, message).hint("use a newer berry-image"));
                false
            }
            Some(given) if given.value == 0 => {
                self.add(Draft::new(Code::Version, given.span, "there is no format 0").hint(format!("write `version: {VERSION}`")));
                true
            }
            _ => true,
        }
    }

    fn cluster(&mut self, raw: &RawProfile) -> Option<String> {
        let good = |name: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            (1..=63).contains(&name.len()) && name.bytes().all(allowed) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        let rule = "letters, digits, `.`, `_` and `-`, the first one a letter or digit, at most 63";
        match &raw.cluster {
            Field::Wrong => None,
            Field::Given(given) if good(&given.value) => Some(given.value.clone()),
            Field::Given(given) => {
                let message = format!("{} cannot be the cluster's name, because files are called after it", shown(&given.value));
                self.add(Draft::new(Code::ClusterName, given.span, message).hint(rule));
                None
            }
            Field::Absent => {
                let stem = self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                if !good(&stem) {
                    let message = format!("the cluster cannot be called {} after the file", shown(&stem));
                    self.add(Draft::new(Code::ClusterName, self.top, message).hint(format!("add `cluster: NAME`; {rule}")));
                    return None;
                }
                Some(stem)
            }
        }
    }
}
