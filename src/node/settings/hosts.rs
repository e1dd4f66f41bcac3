//! `/etc/hosts`: every node by its name, one canonical name per address, so that all nodes agree on who is who.

use std::{collections::BTreeSet, net::IpAddr};

use crate::profile::{Node, Profile, Public};

/// The lines `address<TAB>name` for nodes that have an address which the others can reach, in the order of the profile.
///
/// `local`: for a computer in the local network; otherwise only nodes with a public address are named.
pub(in crate::node) fn lines(profile: &Profile, local: bool) -> Vec<(IpAddr, &Node)> {
    let reachable = |node: &Node| match &node.remote {
        None => node.address.map(IpAddr::V4).filter(|_| local),
        Some(remote) => match remote.public {
            Public::Address(address) => Some(address),
            Public::Name(_) => None,
        },
    };
    profile.nodes.iter().filter_map(|node| Some((reachable(node)?, node))).collect()
}

/// The hosts file of `node`. Of the image's own file (`base`) the lines stay that are about the loopback or multicast; what it says
/// about its former name goes.
///
/// A node in the local network has its name on the line of its address, not on `127.0.1.1`: GlusterFS then knows every node by one name.
/// A remote node is itself on `127.0.1.1`, under its public name too, and knows no names of the local network.
pub(super) fn file(base: &str, profile: &Profile, node: &Node) -> String {
    let mut own = vec![node.name.as_str()];
    if let Some(Public::Name(name)) = node.remote.as_ref().map(|remote| &remote.public)
        && name != own[0]
    {
        // The canonical name of a host is the first, and by habit the full one.
        own.insert(0, name);
    }
    let mut names: BTreeSet<&str> = profile.nodes.iter().map(|node| node.name.as_str()).collect();
    names.extend(&own);
    let kept: Vec<&str> = base.lines().filter(|line| stays(line, &names)).collect();
    let has = |address: &str| kept.iter().any(|line| line.split_whitespace().next() == Some(address));
    let mut text = String::new();
    if !has("127.0.0.1") {
        text.push_str("127.0.0.1\tlocalhost\n");
    }
    if !has("::1") {
        text.push_str("::1\tlocalhost ip6-localhost ip6-loopback\n");
    }
    for line in &kept {
        text.push_str(line);
        text.push('\n');
    }
    let text = text.trim_end_matches('\n');
    let mut text = format!("{text}\n\n");
    let is_local = node.remote.is_none();
    if !is_local || node.address.is_none() {
        text.push_str(&format!("127.0.1.1\t{}\n", own.join(" ")));
    }
    for (address, other) in lines(profile, is_local) {
        if other.name != node.name || is_local {
            text.push_str(&format!("{address}\t{}\n", other.name));
        }
    }
    text
}

fn stays(line: &str, names: &BTreeSet<&str>) -> bool {
    let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
    match words.next() {
        None => true,
        Some("127.0.1.1") => false,
        Some(_) => !words.any(|word| names.contains(word)),
    }
}
