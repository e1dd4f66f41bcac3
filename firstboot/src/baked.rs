//! Names that the program that makes images and the one on the node must agree about: of this program, of units, and of Apache's switches.
//! What glusterd gets is in [`crate::gluster::baked`].

use std::fmt::Write as _;

use crate::config::{Switch, SwitchKind};

/// Folder of this program on a node.
pub const PROGRAM_FOLDER: &str = "/usr/lib/berry-image";
/// Where this program stands on a node.
pub const PROGRAM: &str = "/usr/lib/berry-image/berry-firstboot";
/// glusterd's operating version for a version of Debian's package `glusterfs-server`, such as 100000 for `10.3-5`: the one that each minor
/// version of that major version has, too. None where it is not known.
#[must_use]
pub fn operating_version(package: &str) -> Option<u32> {
    let upstream = package.split_once(':').map_or(package, |(_, rest)| rest);
    match upstream.split_once('.')?.0 {
        "9" => Some(90_000),
        "10" => Some(100_000),
        "11" => Some(110_000),
        _ => None,
    }
}

/// Name of the unit that systemd has for a mount point, which is absolute (`systemd-escape --path --suffix=mount`; systemd.unit(5), "string
/// escaping").
#[must_use]
pub fn mount_unit(mount_point: &str) -> String {
    let path = mount_point.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    if path.is_empty() {
        return "-.mount".to_owned();
    }
    let mut name = String::with_capacity(path.len() + ".mount".len());
    for (index, byte) in path.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index == 0 => name.push_str("\\x2e"),
            b':' | b'_' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => name.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(name, "\\x{byte:02x}")),
        }
    }
    name.push_str(".mount");
    name
}

impl Switch {
    /// The program that switches it: `a2enmod`, `a2dissite`, …
    #[must_use]
    pub const fn program(&self) -> &'static str {
        match (self.kind, self.on) {
            (SwitchKind::Module, true) => "a2enmod",
            (SwitchKind::Module, false) => "a2dismod",
            (SwitchKind::Conf, true) => "a2enconf",
            (SwitchKind::Conf, false) => "a2disconf",
            (SwitchKind::Site, true) => "a2ensite",
            (SwitchKind::Site, false) => "a2dissite",
        }
    }

    /// The link that is there when it is on, and not when it is off.
    #[must_use]
    pub fn link(&self) -> String {
        let (folder, suffix) = self.place();
        format!("/etc/apache2/{folder}-enabled/{}{suffix}", self.name)
    }

    /// Where [`Switch::link`] leads.
    #[must_use]
    pub fn target(&self) -> String {
        let (folder, suffix) = self.place();
        format!("../{folder}-available/{}{suffix}", self.name)
    }

    /// The file by which [`Switch::program`] remembers that it was used by hand and not by a package; it is empty.
    #[must_use]
    pub fn memory(&self) -> String {
        let kind = match self.kind {
            SwitchKind::Module => "module",
            SwitchKind::Conf => "conf",
            SwitchKind::Site => "site",
        };
        let how = if self.on { "enabled" } else { "disabled" };
        format!("/var/lib/apache2/{kind}/{how}_by_admin/{}", self.name)
    }

    const fn place(&self) -> (&'static str, &'static str) {
        match self.kind {
            SwitchKind::Module => ("mods", ".load"),
            SwitchKind::Conf => ("conf", ".conf"),
            SwitchKind::Site => ("sites", ".conf"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_are_known_have_an_operating_version() {
        for (package, version) in [("9.2-1", 90_000), ("10.3-5", 100_000), ("10.3-5+rpi1", 100_000), ("1:11.1-6", 110_000)] {
            assert_eq!(operating_version(package), Some(version), "{package}");
        }
        for package in ["", "5.5-3", "12.0-1", "100.1", "ten.1", "10", "10-3"] {
            assert_eq!(operating_version(package), None, "{package}");
        }
    }

    /// What `systemd-escape --path --suffix=mount` of systemd 252 says.
    #[test]
    fn mount_units_are_called_as_systemd_calls_them() {
        for (path, unit) in [
            ("/mnt/www", "mnt-www.mount"),
            ("/export", "export.mount"),
            ("/srv/my-data", "srv-my\\x2ddata.mount"),
            ("/.a/.b", "\\x2ea-.b.mount"),
            ("/a@b/c+d_e", "a\\x40b-c\\x2bd_e.mount"),
            ("/srv//web-site/ä/", "srv-web\\x2dsite-\\xc3\\xa4.mount"),
            ("/", "-.mount"),
        ] {
            assert_eq!(mount_unit(path), unit);
        }
    }

    #[test]
    fn switches_are_debians() {
        let headers = Switch { kind: SwitchKind::Module, name: "headers".into(), on: true };
        assert_eq!((headers.program(), headers.link().as_str()), ("a2enmod", "/etc/apache2/mods-enabled/headers.load"));
        assert_eq!(headers.target(), "../mods-available/headers.load");
        assert_eq!(headers.memory(), "/var/lib/apache2/module/enabled_by_admin/headers");
        let site = Switch { kind: SwitchKind::Site, name: "000-default".into(), on: false };
        assert_eq!((site.program(), site.link().as_str()), ("a2dissite", "/etc/apache2/sites-enabled/000-default.conf"));
        assert_eq!(site.memory(), "/var/lib/apache2/site/disabled_by_admin/000-default");
        let conf = Switch { kind: SwitchKind::Conf, name: "zz-cluster".into(), on: true };
        assert_eq!((conf.program(), conf.target().as_str()), ("a2enconf", "../conf-available/zz-cluster.conf"));
    }
}
