//! What Apache serves: a folder of the volume.

use super::{
    super::{
        Volume, Web,
        mask::shown,
        names,
        problem::Code,
        raw::RawProfile,
        read::{Field, Given},
        report::Draft,
    },
    Checker,
};

impl Checker<'_> {
    /// The site, if the profile has one; `volume` is `None` where there is none or something about it was reported.
    pub(super) fn web(&mut self, raw: &RawProfile, volume: Option<&Volume>) -> Option<Web> {
        let Given { value: web, key, .. } = raw.web.given()?;
        self.need(
            &raw.volume,
            *key,
            "`web` serves a folder of the volume, and there is no `volume`",
            "add `volume:` with `name` and `type`",
        );
        self.must_ask_for(raw, "apache2", *key, "`web`");
        let server_name = match &web.server_name {
            Field::Absent => None,
            Field::Wrong => return None,
            Field::Given(given) => match names::dns(&given.value) {
                Ok(()) => Some(given.value.to_ascii_lowercase()),
                Err(error) => {
                    self.add(Draft::new(Code::DnsName, given.span, error.message).hint(error.hint));
                    None
                }
            },
        };
        let root = match &web.root {
            Field::Absent => volume?.mount_point.clone(),
            Field::Wrong => return None,
            Field::Given(given) => self.web_root(given, &volume?.mount_point)?,
        };
        Some(Web { root, server_name })
    }

    fn web_root(&mut self, given: &Given<String>, mount_point: &str) -> Option<String> {
        let root = given.value.as_str();
        let (reason, hint) = if !names::is_inside(root, mount_point) {
            let hint = match root.starts_with('/') {
                true => format!("write `{mount_point}` or a folder in it, such as `{mount_point}/htdocs`"),
                false => format!("write `{mount_point}/{root}`"),
            };
            ("it is not on the volume", hint)
        } else if !names::is_direct(root) {
            ("it has an empty part, `.` or `..`", format!("write `{mount_point}/htdocs` without detours and without `/` at its end"))
        } else if !names::is_plain(root) {
            ("Apache takes only plain names", "use up to 200 letters, digits, `.`, `_`, `+`, `@` and `-`".to_owned())
        } else if root.split('/').any(|part| part.starts_with('.')) {
            ("what begins with a dot is never served", "write a name without a dot in front".to_owned())
        } else {
            return Some(root.to_owned());
        };
        self.add(Draft::new(Code::WebRoot, given.span, format!("{} cannot be served: {reason}", shown(root))).hint(hint));
        None
    }
}
