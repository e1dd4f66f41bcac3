//! Host names: what RFC 1123 allows, and what goes wrong with names it allows.

use std::net::IpAddr;

use super::mask::shown;

/// Names that mean this host, or no host, on every Debian.
const TAKEN: [&str; 7] = ["localhost", "localdomain", "broadcasthost", "ip6-localhost", "ip6-loopback", "ip6-allnodes", "ip6-allrouters"];

/// Why a name is no good, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoName {
    /// Full sentence without a full stop.
    pub(super) message: String,
    /// What to write.
    pub(super) hint: String,
}

/// Checks a node's name: one label.
pub(super) fn node(name: &str) -> Result<(), NoName> {
    let fail =
        |reason: &str, hint: &str| Err(NoName { message: format!("{} is no host name: {reason}", shown(name)), hint: hint.to_owned() });
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let rule = "use letters `a` to `z`, digits and inner hyphens, such as `cluster01`";
    if name.is_empty() {
        return fail("it is empty", rule);
    }
    let lower = name.to_ascii_lowercase();
    if lower != name && lower.chars().all(allowed) {
        return fail("it has capitals", &format!("write `{lower}`"));
    }
    if name.contains('.') {
        let label = lower.split('.').next().unwrap_or_default();
        return fail("it has a dot; a node's name is one label without a domain", &format!("write `{label}`"));
    }
    if name.contains('_') {
        return fail("it has an underscore", &format!("write `{}`", lower.replace('_', "-")));
    }
    if let Some(other) = name.chars().find(|&c| !allowed(c)) {
        return fail(&format!("{} cannot stand in it", shown(&other.to_string())), rule);
    }
    if name.starts_with('-') || name.ends_with('-') {
        return fail("it begins or ends with a hyphen", &format!("write `{}`", name.trim_matches('-')));
    }
    if name.len() > 63 {
        return fail(&format!("it has {} characters, and 63 are allowed", name.len()), "shorten it");
    }
    if TAKEN.contains(&name) {
        return Err(NoName {
            message: format!("`{name}` already means this host or its network everywhere"),
            hint: "give the node a name of its own".to_owned(),
        });
    }
    // inet_aton(3) reads these as addresses, and so do most programs that accept a host name.
    if name.bytes().all(|byte| byte.is_ascii_digit())
        || name.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return fail("many programs would read it as an address", "put a letter in front that makes it a name");
    }
    Ok(())
}

/// Checks a name that DNS is to resolve: labels with dots between them.
pub(super) fn dns(name: &str) -> Result<(), NoName> {
    let fail =
        |reason: &str, hint: &str| Err(NoName { message: format!("{} is no DNS name: {reason}", shown(name)), hint: hint.to_owned() });
    if name.contains("://") || name.contains('/') || name.contains(':') {
        return fail("it looks like an address of a page or has a port", "write the host's name alone");
    }
    if name.len() > 253 {
        return fail(&format!("it has {} characters, and 253 are allowed", name.len()), "shorten it");
    }
    for label in name.split('.') {
        let good =
            label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !label.starts_with('-') && !label.ends_with('-');
        if label.is_empty() || !good || label.len() > 63 {
            let hint = "labels of letters, digits and inner hyphens, with dots between them, such as `cluster04.example.org`";
            return fail(&format!("{} is no label of one", shown(label)), hint);
        }
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return fail("its last label is a number", "an IPv4 address has four numbers from 0 to 255");
    }
    Ok(())
}

/// Whether an absolute path leads straight to where it ends: no empty part, no `.` and no `..`.
pub(super) fn is_direct(path: &str) -> bool {
    path.starts_with('/') && path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Whether a path has only what fstab, systemd and Apache take as it stands.
pub(super) fn is_plain(path: &str) -> bool {
    path.len() <= 200 && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+@-".contains(&byte))
}

/// Whether the path `inner` is the folder `outer` or something in it; both are direct.
pub(super) fn is_inside(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether nothing can be reached by this address: none, everybody, many, or oneself.
pub(super) fn is_unreachable(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_multicast() || address.is_loopback() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}
