//! The overlay that is built into this program: the files of the folder `overlays`.

use super::NodeError;
use crate::overlay::template::{Values, Wrong, fill};

/// A file of the folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Embedded {
    /// Its name in the repository, for messages.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) text: &'static str,
}

/// The file of this name in the folder `overlays`.
macro_rules! embedded {
    ($name:literal) => {
        $crate::node::embedded::Embedded {
            name: concat!("overlays/", $name),
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/overlays/", $name)),
        }
    };
}
pub(super) use embedded;

/// What systemd needs to compile a locale on the first boot.
pub(super) const LOCALE_UNIT: Embedded = embedded!("berry-locale.service");
/// Drop-in for sshd.
pub(super) const SSHD: Embedded = embedded!("sshd.conf");
/// Drop-in for systemd-timesyncd.
pub(super) const TIMESYNCD: Embedded = embedded!("timesyncd.conf");
/// Settings of cloud-init, which is switched off.
pub(super) const CLOUD: Embedded = embedded!("cloud.cfg");
/// Drop-in for rpi-swap.
pub(super) const SWAP: Embedded = embedded!("swap.conf");
/// Drop-in for sudo.
pub(super) const SUDOERS: Embedded = embedded!("sudoers");

impl Embedded {
    /// The text with its values; there may be more of those than it needs.
    ///
    /// # Errors
    /// When it names a value that there is not, or its braces are not closed: a mistake in this program, told with file and line.
    pub(super) fn render(&self, values: &Values) -> Result<String, NodeError> {
        fill(self.text, values).map_err(|Wrong { line, what }| self.mistake(line, what))
    }

    fn mistake(&self, line: usize, what: String) -> NodeError {
        NodeError::Template { place: format!("{}:{line}", self.name), what }
    }
}

/// The text of `overlay` with values for exactly the names in it.
///
/// # Errors
/// As [`Embedded::render`], and when a value is not used.
pub(super) fn render(overlay: &Embedded, values: &[(&'static str, &str)]) -> Result<String, NodeError> {
    let map = values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let text = overlay.render(&map)?;
    match values.iter().find(|(name, _)| !overlay.text.contains(&format!("{{{{{name}}}}}"))) {
        Some((name, _)) => Err(overlay.mistake(1, format!("`{name}` is nowhere used"))),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn overlay(text: &'static str) -> Embedded {
        Embedded { name: "overlays/x", text }
    }

    #[test]
    fn unknown_unused_and_open_names_are_errors() {
        let said = |text, values: &[(&'static str, &str)]| render(&overlay(text), values).unwrap_err().to_string();
        assert_eq!(said("\n{{x}}", &[]), "a built-in template is wrong: overlays/x:2: `x` has no value");
        assert_eq!(said("", &[("x", "1")]), "a built-in template is wrong: overlays/x:1: `x` is nowhere used");
        assert_eq!(said("a\n{{x\n}}", &[("x", "1")]), "a built-in template is wrong: overlays/x:2: `{{` is not closed");
    }

    #[test]
    fn every_overlay_says_who_wrote_it() {
        for overlay in [CLOUD, LOCALE_UNIT, SSHD, SUDOERS, SWAP, TIMESYNCD] {
            assert!(overlay.text.starts_with("# Written by berry-image") && overlay.text.ends_with('\n'), "{}", overlay.name);
        }
    }
}
