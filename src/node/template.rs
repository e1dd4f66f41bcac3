//! Files baked into images, from the folder `overlays`: text with `{{name}}` where a value goes.

use std::collections::BTreeMap;

use super::NodeError;

/// A file of the folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overlay {
    /// Its name in the repository, for messages.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) text: &'static str,
}

/// The file of this name in the folder `overlays`.
macro_rules! overlay {
    ($name:literal) => {
        $crate::node::template::Overlay {
            name: concat!("overlays/", $name),
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/overlays/", $name)),
        }
    };
}
pub(super) use overlay;

/// What systemd needs to compile a locale on the first boot.
pub(super) const LOCALE_UNIT: Overlay = overlay!("berry-locale.service");
/// Drop-in for sshd.
pub(super) const SSHD: Overlay = overlay!("sshd.conf");
/// Drop-in for systemd-timesyncd.
pub(super) const TIMESYNCD: Overlay = overlay!("timesyncd.conf");
/// Settings of cloud-init, which is switched off.
pub(super) const CLOUD: Overlay = overlay!("cloud.cfg");
/// Drop-in for rpi-swap.
pub(super) const SWAP: Overlay = overlay!("swap.conf");
/// Drop-in for sudo.
pub(super) const SUDOERS: Overlay = overlay!("sudoers");

/// A mistake in a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The line, from 1.
    line: usize,
    /// What is wrong there.
    pub(super) what: String,
}

impl Overlay {
    /// The text with its values; there may be more of those than it needs.
    ///
    /// # Errors
    /// When it names a value that there is not, or its braces are not closed: a mistake in this program, told with file and line.
    pub(super) fn render(&self, values: &BTreeMap<&'static str, String>) -> Result<String, NodeError> {
        fill(self.text, values).map_err(|Wrong { line, what }| self.mistake(line, what))
    }

    fn mistake(&self, line: usize, what: String) -> NodeError {
        NodeError::Template { place: format!("{}:{line}", self.name), what }
    }
}

/// The text of `overlay` with values for exactly the names in it.
///
/// # Errors
/// As [`Overlay::render`], and when a value is not used.
pub(super) fn render(overlay: &Overlay, values: &[(&'static str, &str)]) -> Result<String, NodeError> {
    let map = values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let text = overlay.render(&map)?;
    match values.iter().find(|(name, _)| !overlay.text.contains(&format!("{{{{{name}}}}}"))) {
        Some((name, _)) => Err(overlay.mistake(1, format!("`{name}` is nowhere used"))),
        None => Ok(text),
    }
}

/// `text` with every `{{name}}` replaced by its value. Values are not looked into again.
///
/// # Errors
/// When a name has no value, or braces are not closed.
pub(super) fn fill(text: &str, values: &BTreeMap<&'static str, String>) -> Result<String, Wrong> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let line = text[..text.len() - after.len()].matches('\n').count() + 1;
        let name = after.split_once("}}").map(|(name, _)| name).filter(|name| !name.contains('\n'));
        let name = name.ok_or_else(|| Wrong { line, what: "`{{` is not closed".to_owned() })?;
        let value = values.get(name).ok_or_else(|| Wrong { line, what: format!("`{name}` has no value") })?;
        out.push_str(before);
        out.push_str(value);
        rest = &after[name.len() + "}}".len()..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn overlay(text: &'static str) -> Overlay {
        Overlay { name: "overlays/x", text }
    }

    #[test]
    fn values_stand_where_their_names_stood() {
        let text = render(&overlay("a {{x}}{{y}} {{x}} }}"), &[("x", "{{y}}"), ("y", "2")]);
        assert_eq!(text.unwrap(), "a {{y}}2 {{y}} }}");
    }

    #[test]
    fn unknown_unused_and_open_names_are_errors() {
        let said = |text, values: &[(&'static str, &str)]| render(&overlay(text), values).unwrap_err().to_string();
        assert_eq!(said("\n{{x}}", &[]), "a built-in template is wrong: overlays/x:2: `x` has no value");
        assert_eq!(said("", &[("x", "1")]), "a built-in template is wrong: overlays/x:1: `x` is nowhere used");
        assert_eq!(said("{{x", &[("x", "1")]), "a built-in template is wrong: overlays/x:1: `{{` is not closed");
        assert_eq!(said("a\n{{x\n}}", &[("x", "1")]), "a built-in template is wrong: overlays/x:2: `{{` is not closed");
    }

    #[test]
    fn every_overlay_says_who_wrote_it() {
        for overlay in [CLOUD, LOCALE_UNIT, SSHD, SUDOERS, SWAP, TIMESYNCD] {
            assert!(overlay.text.starts_with("# Written by berry-image") && overlay.text.ends_with('\n'), "{}", overlay.name);
        }
    }
}
