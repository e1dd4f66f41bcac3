//! Options of the volume that the profile sets: their grammar, and those that follow from other keys. Whether glusterd knows one is found
//! on the first boot, by its own word.

use std::collections::BTreeMap;

use super::{
    super::{
        mask::shown,
        problem::Code,
        read::{Field, Options, Spanned},
        report::Draft,
    },
    Checker,
};

/// Options that are not the profile's, and what to do instead.
const OWNED: [(&str, &str); 11] = [
    ("auth.allow", "list who may mount it in `clients`"),
    ("auth.reject", "list who may mount it in `clients`: nobody else may"),
    ("auth.ssl-allow", "take it out: the nodes have no certificates"),
    ("client.ssl", "take it out: the nodes have no certificates"),
    ("server.ssl", "take it out: the nodes have no certificates"),
    ("cluster.quorum-type", "take it out: it follows from `type`"),
    ("cluster.quorum-count", "take it out: it follows from `type`"),
    ("cluster.server-quorum-type", "take it out: it follows from `type` and the number of nodes"),
    ("cluster.server-quorum-ratio", "take it out: glusterd sets it for the whole pool, and the default is more than half"),
    ("transport.address-family", "take it out: the nodes have IPv4 addresses"),
    ("features.read-only", "take it out: the nodes have to write the volume's marker; set it on a node later"),
];

/// Options that glusterd has for the whole pool and not for a volume.
const OF_THE_POOL: [&str; 8] = [
    "cluster.brick-multiplex",
    "cluster.daemon-log-level",
    "cluster.enable-shared-storage",
    "cluster.localtime-logging",
    "cluster.max-bricks-per-process",
    "cluster.max-op-version",
    "cluster.op-version",
    "glusterd.vol_count_per_thread",
];

impl Checker<'_> {
    pub(super) fn volume_options(&mut self, field: &Field<Options>) -> BTreeMap<String, String> {
        let mut options = BTreeMap::new();
        for (name, value) in field.given().map(|given| given.value.0.as_slice()).unwrap_or_default() {
            let draft = if let Some((_, hint)) = OWNED.iter().find(|(owned, _)| *owned == name.value) {
                Draft::new(Code::VolumeOption, name.span, format!("{} is not set here", shown(&name.value))).hint(*hint)
            } else if OF_THE_POOL.contains(&name.value.as_str()) {
                let message = format!("{} is an option of the whole pool and not of a volume", shown(&name.value));
                Draft::new(Code::VolumeOption, name.span, message).hint("take it out")
            } else if !is_name(&name.value) {
                let message = format!("{} is no name of an option", shown(&name.value));
                let hint = "write it in full, as `gluster volume set help` does, such as `network.ping-timeout`";
                Draft::new(Code::VolumeOption, name.span, message).hint(hint)
            } else if let Some(draft) = wrong_value(value) {
                draft
            } else {
                options.insert(name.value.clone(), value.value.clone());
                continue;
            };
            self.add(draft);
        }
        options
    }
}

/// Words with dots between them, at least two.
fn is_name(name: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
    };
    name.len() <= 100 && name.contains('.') && name.split('.').all(word)
}

/// It becomes an argument of `gluster`, and a line of a file of glusterd.
fn wrong_value(value: &Spanned<String>) -> Option<Draft> {
    let text = value.value.as_str();
    let good = !text.is_empty()
        && text.len() <= 200
        && !text.starts_with('-')
        && text.trim() == text
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let draft = || Draft::new(Code::VolumeOption, value.span, format!("{} is no value of an option", shown(text)));
    (!good).then(|| draft().hint("write up to 200 printable characters, such as `on`, `15` or `32MB`"))
}
