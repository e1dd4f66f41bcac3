//! Files baked into images, from the folder `overlays`: text with `{{name}}` where a value goes.

use super::NodeError;

/// What systemd needs to compile a locale on the first boot.
pub(super) const LOCALE_UNIT: &str = include_str!("../../overlays/berry-locale.service");
/// Drop-in for sshd.
pub(super) const SSHD: &str = include_str!("../../overlays/sshd.conf");
/// Drop-in for systemd-timesyncd.
pub(super) const TIMESYNCD: &str = include_str!("../../overlays/timesyncd.conf");
/// Settings of cloud-init, which is switched off.
pub(super) const CLOUD: &str = include_str!("../../overlays/cloud.cfg");
/// Drop-in for rpi-swap.
pub(super) const SWAP: &str = include_str!("../../overlays/swap.conf");
/// Drop-in for sudo.
pub(super) const SUDOERS: &str = include_str!("../../overlays/sudoers");

/// `text` with every `{{name}}` replaced by its value. Values are not looked into again.
///
/// # Errors
/// When a name has no value, a value is not used, or braces are not closed: each of them is a mistake in this program.
pub(super) fn render(text: &'static str, values: &[(&'static str, &str)]) -> Result<String, NodeError> {
    let mistake = |what: &str| NodeError::Template { what: what.to_owned() };
    let mut used = vec![false; values.len()];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or_else(|| mistake("`{{` is not closed"))?;
        let index = values.iter().position(|(known, _)| *known == name).ok_or_else(|| mistake(name))?;
        used[index] = true;
        out.push_str(before);
        out.push_str(values[index].1);
        rest = after;
    }
    out.push_str(rest);
    match used.iter().position(|used| !used) {
        Some(index) => Err(mistake(values[index].0)),
        None => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_their_names_stood() {
        assert_eq!(render("a {{x}}{{y}} {{x}} }}", &[("x", "{{y}}"), ("y", "2")]).unwrap(), "a {{y}}2 {{y}} }}");
    }

    #[test]
    fn unknown_unused_and_open_names_are_errors() {
        assert!(matches!(render("{{x}}", &[]), Err(NodeError::Template { what }) if what == "x"));
        assert!(matches!(render("", &[("x", "1")]), Err(NodeError::Template { what }) if what == "x"));
        assert!(matches!(render("{{x", &[("x", "1")]), Err(NodeError::Template { .. })));
    }

    #[test]
    fn every_overlay_says_who_wrote_it() {
        for overlay in [CLOUD, LOCALE_UNIT, SSHD, SUDOERS, SWAP, TIMESYNCD] {
            assert!(overlay.starts_with("# Written by berry-image") && overlay.ends_with('\n'), "{overlay}");
        }
    }
}
