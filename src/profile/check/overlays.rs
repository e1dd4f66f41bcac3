//! The overlays: read from their folders, and held against the nodes and what is mounted on them.

use super::{
    super::{
        Profile,
        mask::shown,
        problem::{Code, Span},
        read::{Field, OneOrMany, Spanned},
        references,
        report::Draft,
    },
    Checker,
};
use crate::overlay::{
    Content, Entry, Item, Mistake, On, Overlay, folder,
    template::{self, Wrong},
};

/// What stands for other nodes than one of that name.
const WORDS: [&str; 3] = ["always", "pool", "remote"];

impl Checker<'_> {
    /// The overlays that can be read; what is wrong with one, or stands in its folder for nothing, is reported.
    pub(super) fn overlays(&mut self, raw: &Field<OneOrMany<String>>) -> Vec<Overlay> {
        let mut overlays: Vec<Overlay> = Vec::new();
        for Spanned { value, span } in given(raw) {
            let Some(path) = references::path(value, self.folder(), self.environment) else {
                let draft = Draft::new(Code::Overlay, *span, "there is no home folder for `~/`");
                self.add(draft.hint("set HOME, or write the whole path"));
                continue;
            };
            if overlays.iter().any(|overlay| overlay.folder.as_os_str() == value.as_str()) {
                self.add(Draft::new(Code::Overlay, *span, format!("{} stands here twice", shown(value))).hint("take it out once"));
                continue;
            }
            match folder::read(&path, value) {
                Ok(reading) => {
                    if !reading.unused.is_empty() {
                        let some = reading.unused.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
                        let more = if reading.unused.len() > 3 { ", …" } else { "" };
                        let draft = Draft::warning(*span, format!("no line of {value}/{} names {some}{more}", folder::MANIFEST));
                        self.add(draft.hint("add a line, or take the file out"));
                    }
                    overlays.push(reading.overlay);
                }
                Err(mistakes) => {
                    for Mistake { place, what, hint } in mistakes {
                        self.add(Draft::new(Code::Overlay, *span, format!("{place}: {what}")).hint(hint));
                    }
                }
            }
        }
        overlays
    }

    /// Holds the overlays against the rest of the profile.
    pub(super) fn laid_over(&mut self, profile: &Profile, raw: &Field<OneOrMany<String>>) {
        if let Some(node) = profile.nodes.iter().find(|node| WORDS.contains(&node.name.as_str())).filter(|_| !profile.overlays.is_empty()) {
            let span = given(raw).first().map_or(self.top, |given| given.span);
            let message = format!("the node `{}` cannot be told from the word in the manifest of an overlay", node.name);
            self.add(Draft::new(Code::Overlay, span, message).hint("give the node another name"));
        }
        for overlay in &profile.overlays {
            let span =
                given(raw).iter().find(|given| overlay.folder.as_os_str() == given.value.as_str()).map_or(self.top, |given| given.span);
            for entry in &overlay.entries {
                self.entry(profile, entry, span);
            }
        }
    }

    fn entry(&mut self, profile: &Profile, entry: &Entry, span: Span) {
        let place = &entry.place;
        let add = |what: String, hint: String| Draft::new(Code::Overlay, span, format!("{place}: {what}")).hint(hint);
        if let On::Named(names) = &entry.on
            && let Some(unknown) = names.iter().find(|name| !profile.nodes.iter().any(|node| node.name.as_str() == name.as_str()))
        {
            let hint = "write `always`, `pool`, `remote`, or names of nodes with commas between them";
            self.add(add(format!("{} is no node of the profile", shown(unknown)), hint.to_owned()));
            return;
        }
        if let Some((folder, reason)) = profile.closed(&entry.path) {
            let message = format!("nothing can be laid into `{folder}`: {reason}");
            self.add(add(message, "choose another path".to_owned()));
            return;
        }
        let Item::File { content, .. } = &entry.item else { return };
        let Content::Template { text, name } = content.expose() else { return };
        for node in profile.nodes.iter().filter(|node| node.gets(&entry.on)) {
            let values = profile.values(node);
            if let Err(Wrong { line, what }) = template::fill(text, &values) {
                let known = values.keys().copied().collect::<Vec<_>>().join(", ");
                let message = format!("{name}:{line}: {what} on `{}`", node.name);
                self.add(Draft::new(Code::Overlay, span, message).hint(format!("values there: {known}")));
                // The same on each of forty nodes helps nobody.
                return;
            }
        }
    }
}

fn given(raw: &Field<OneOrMany<String>>) -> &[Spanned<String>] {
    raw.given().map(|given| given.value.0.as_slice()).unwrap_or_default()
}
