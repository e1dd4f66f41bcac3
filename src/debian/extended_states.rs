//! What apt knows beyond dpkg's database, `/var/lib/apt/extended_states`: which packages came only because something needed them.

use super::deb822::{Deb822Error, stanzas};

/// Names of the packages of this architecture, or of all, that were installed automatically.
///
/// # Errors
/// When the text is not made of stanzas.
pub fn auto_installed<'a>(text: &'a str, architecture: &str) -> Result<Vec<&'a str>, Deb822Error> {
    let mut names = Vec::new();
    for stanza in stanzas(text) {
        let stanza = stanza?;
        let is_ours = stanza.get("Architecture").is_none_or(|own| own == architecture || own == "all");
        if let Some(name) = stanza.get("Package").filter(|_| is_ours && stanza.get("Auto-Installed") == Some("1")) {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_by_itself() {
        let text = "Package: a\nArchitecture: arm64\nAuto-Installed: 1\n\nPackage: b\nArchitecture: arm64\nAuto-Installed: 0\n\n\
            Package: c\nArchitecture: armhf\nAuto-Installed: 1\n\nPackage: d\nAuto-Installed: 1\n";
        assert_eq!(auto_installed(text, "arm64").unwrap(), ["a", "d"]);
        assert!(auto_installed("x", "arm64").is_err() && auto_installed("", "arm64").unwrap().is_empty());
    }
}
