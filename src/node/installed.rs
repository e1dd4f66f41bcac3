//! Who a finished image says that it is: read back from its files, for reports.

use serde::Serialize;
use ssh_key::{HashAlg, PublicKey};

use crate::tree::Tree;

/// What identifies a node, as far as its root file system tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InstalledIdentity {
    /// `/etc/hostname`.
    pub hostname: Option<String>,
    /// `/etc/machine-id`; empty or `uninitialized` in a stock image.
    pub machine_id: Option<String>,
    /// Fingerprints of the SSH host keys, as `ssh-keygen -l` prints them.
    pub ssh_host_keys: Vec<String>,
    /// Addresses that NetworkManager's connections or dhcpcd's settings set, with prefix length.
    pub addresses: Vec<String>,
    /// Zone of `/etc/localtime`.
    pub time_zone: Option<String>,
    /// Ordinary users (uid 1000 to 59999).
    pub users: Vec<String>,
    /// Devices and mount points of `/etc/fstab`.
    pub mounts: Vec<String>,
}

/// Reads what there is; what is missing stays empty.
#[must_use]
pub fn installed(tree: &Tree) -> InstalledIdentity {
    let text = |path: &str| tree.read_text(path).ok();
    let line = |path: &str| text(path).map(|text| text.trim().to_owned());
    InstalledIdentity {
        hostname: line("/etc/hostname"),
        machine_id: line("/etc/machine-id"),
        ssh_host_keys: files_in(tree, "/etc/ssh", "ssh_host_", ".pub").iter().filter_map(|text| fingerprint(text)).collect(),
        addresses: files_in(tree, "/etc/NetworkManager/system-connections", "", ".nmconnection")
            .iter()
            .chain(&text("/etc/dhcpcd.conf"))
            .flat_map(|text| text.lines())
            .filter_map(|line| line.strip_prefix("address1=").or_else(|| line.strip_prefix("static ip_address=")))
            .filter_map(|addresses| addresses.split(',').next().map(str::to_owned))
            .collect(),
        time_zone: zone(tree),
        users: text("/etc/passwd").iter().flat_map(|text| text.lines()).filter_map(ordinary_user).collect(),
        mounts: text("/etc/fstab").iter().flat_map(|text| text.lines()).filter_map(mount).collect(),
    }
}

impl InstalledIdentity {
    /// Name and value of all that is known, for printing.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let one = |name, value: &Option<String>| value.clone().map(|value| (name, value));
        let many = |name, values: &[String]| values.iter().map(move |value| (name, value.clone())).collect::<Vec<_>>();
        let mut lines: Vec<_> = [one("host name", &self.hostname), one("machine id", &self.machine_id)].into_iter().flatten().collect();
        lines.extend(many("host key", &self.ssh_host_keys));
        lines.extend(many("address", &self.addresses));
        lines.extend(one("time zone", &self.time_zone));
        lines.extend(many("user", &self.users));
        lines.extend(many("mount", &self.mounts));
        lines
    }
}

fn files_in(tree: &Tree, folder: &str, prefix: &str, suffix: &str) -> Vec<String> {
    let names = tree.names(folder).into_iter().filter_map(|name| String::from_utf8(name).ok());
    let names = names.filter(|name| name.starts_with(prefix) && name.ends_with(suffix));
    names.filter_map(|name| tree.read_text(format!("{folder}/{name}")).ok()).collect()
}

fn fingerprint(line: &str) -> Option<String> {
    let key = PublicKey::from_openssh(line.trim()).ok()?;
    Some(format!("{} {}", key.algorithm().as_str(), key.fingerprint(HashAlg::Sha256)))
}

fn zone(tree: &Tree) -> Option<String> {
    let crate::tree::Kind::Symlink(target) = &tree.inode(tree.lookup("/etc/localtime")?).kind else { return None };
    String::from_utf8_lossy(target).split_once("zoneinfo/").map(|(_, zone)| zone.to_owned())
}

fn ordinary_user(line: &str) -> Option<String> {
    let mut fields = line.split(':');
    let (name, uid) = (fields.next()?, fields.nth(1)?);
    uid.parse().is_ok_and(|uid: u32| (1000..60000).contains(&uid)).then(|| name.to_owned())
}

fn mount(line: &str) -> Option<String> {
    let mut fields = line.split_whitespace();
    let (device, point) = (fields.next()?, fields.next()?);
    (!device.starts_with('#') && point.starts_with('/')).then(|| format!("{device} on {point}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Meta, Time};

    #[test]
    fn what_is_there_is_told() {
        let meta = Meta::new(0o644, 0, 0, Time::default());
        let mut tree = Tree::new(meta.clone());
        assert_eq!(installed(&tree), InstalledIdentity::default());
        let files = [
            ("/etc/hostname", "pi7\n"),
            ("/etc/passwd", "root:x:0:0::/root:/bin/sh\nberry:x:1000:1000::/home/berry:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n"),
            ("/etc/fstab", "# comment\nproc /proc proc defaults 0 0\nUUID=1 /export ext4 nofail 0 2\nnone none swap sw 0 0\n"),
            (
                "/etc/ssh/ssh_host_ed25519_key.pub",
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f root@pi7\n",
            ),
            ("/etc/dhcpcd.conf", "#static ip_address=10.9.9.9/24\ninterface eth0\nstatic ip_address=10.0.1.3/16\n"),
            ("/etc/NetworkManager/system-connections/eth0.nmconnection", "[ipv4]\nmethod=manual\naddress1=10.0.1.2/16,10.0.0.1\n"),
        ];
        for (path, text) in files {
            tree.put_file(path, meta.clone(), Content::bytes(text.into())).unwrap();
        }
        tree.put_link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin", meta).unwrap();
        let found = installed(&tree);
        assert_eq!((found.hostname.as_deref(), found.time_zone.as_deref()), (Some("pi7"), Some("Europe/Berlin")));
        assert_eq!((found.users, found.addresses), (vec!["berry".to_owned()], vec!["10.0.1.2/16".to_owned(), "10.0.1.3/16".to_owned()]));
        assert_eq!(found.mounts, ["proc on /proc", "UUID=1 on /export"]);
        assert!(found.ssh_host_keys[0].starts_with("ssh-ed25519 SHA256:"), "{:?}", found.ssh_host_keys);
    }
}
