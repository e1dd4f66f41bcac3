//! `/etc/fstab`: root and boot partition by PARTUUID with the options that the base has for them, the brick, and the volume.

use super::flavour::mounts;
use crate::{
    base::facts::Facts,
    node::{NodeError, identity::Identity, partuuid::PartUuids},
    profile::{Node, Profile},
};

/// The fstab of a node; lines of `base` about anything else stay as they are.
pub(super) fn file(
    base: &str,
    facts: &Facts,
    profile: &Profile,
    node: &Node,
    identity: &Identity,
    names: &PartUuids,
) -> Result<String, NodeError> {
    let volume = profile.volume.as_ref().filter(|_| node.remote.is_none());
    let own = [Some(&profile.brick.mount_point), volume.map(|volume| &volume.mount_point)];
    let defaults = mounts(facts.flavour);
    let mut wanted = vec![
        (facts.boot_mount.as_str(), names.boot(), format!("vfat {}", defaults.boot)),
        ("/", names.root(), format!("ext4 {}", defaults.root)),
    ];
    let mut text = String::new();
    for line in base.lines() {
        let point = mount_point(line);
        if let Some(taken) = own.into_iter().flatten().find(|own| point == Some(own)) {
            return Err(NodeError::Taken { what: "mount point", value: taken.clone() });
        }
        match wanted.iter().position(|(wanted, ..)| Some(*wanted) == point) {
            Some(index) => {
                let (_, device, _) = wanted.remove(index);
                text.push_str(&with_device(line, &device));
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    for (point, device, rest) in wanted {
        text.push_str(&format!("{device}\t{point}\t{rest}\n"));
    }
    text.push_str(&format!("UUID={}\t{}\text4\t{}\t0 2\n", identity.brick_uuid, profile.brick.mount_point, brick_options(identity)));
    if let Some(volume) = volume {
        text.push_str(&format!("localhost:/{}\t{}\tglusterfs\t{}\t0 0\n", volume.name, volume.mount_point, volume_options(profile, node)));
    }
    Ok(text)
}

/// The volume is not mounted by the boot, which would fail with it while the other nodes are not there, and does not try again:
/// `berry-volume.service` has it mounted, as often as it takes. The other nodes are asked for the volume where the own glusterd does not answer.
fn volume_options(profile: &Profile, node: &Node) -> String {
    let others: Vec<&str> = profile.pool().map(|other| other.name.as_str()).filter(|name| *name != node.name.as_str()).collect();
    let backup = if others.is_empty() { String::new() } else { format!("backup-volfile-servers={},", others.join(":")) };
    format!("noauto,nofail,_netdev,log-level=WARNING,{backup}x-systemd.after=glusterd.service,x-systemd.mount-timeout=60s")
}

/// A brick that is damaged or missing must not keep a computer without a screen from starting, so it is waited for only so long. On a
/// slow card it may show up later than that, and systemd would not try again: so the device itself asks for its mount, too
/// (systemd.mount(5), `x-systemd.wanted-by=`, which replaces the default and is therefore given for `local-fs.target` as well).
fn brick_options(identity: &Identity) -> String {
    // As systemd-escape(1) does it: a slash becomes a hyphen, so a hyphen must be something else.
    let uuid = identity.brick_uuid.to_string().replace('-', "\\x2d");
    format!(
        "noatime,nofail,x-systemd.device-timeout=30s,x-systemd.wanted-by=local-fs.target,x-systemd.wanted-by=dev-disk-by\\x2duuid-{uuid}.device"
    )
}

/// The second field of a line that is no comment.
fn mount_point(line: &str) -> Option<&str> {
    let mut fields = line.split_whitespace();
    let device = fields.next().filter(|device| !device.starts_with('#'));
    device.and(fields.next())
}

/// The line with another first field; the space between the fields stays.
fn with_device(line: &str, device: &str) -> String {
    let start = line.len() - line.trim_start().len();
    let old = line[start..].split_whitespace().next().unwrap_or_default();
    format!("{device}{}", &line[start + old.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        assert_eq!(mount_point("  LABEL=x\t/  ext4"), Some("/"));
        assert_eq!(mount_point("# LABEL=x / ext4"), None);
        assert_eq!(mount_point("#/dev / x"), None);
        assert_eq!(mount_point(""), None);
        assert_eq!(with_device("  LABEL=x\t/  ext4 a 0 1", "Y"), "Y\t/  ext4 a 0 1");
    }
}
