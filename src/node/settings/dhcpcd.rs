//! dhcpcd, which configures the network of Raspberry Pi OS up to bullseye: the node's address at the end of its settings (dhcpcd.conf(5)).

use super::{
    edit::Editor,
    flavour::{INTERFACES, interface},
    network_of, wifi_of,
};
use crate::{
    node::NodeError,
    profile::{Node, Profile},
};

/// The settings of dhcpcd.
pub(super) const CONFIGURATION: &str = "/etc/dhcpcd.conf";
/// First line of what is ours; all up to the end of the file belongs to it.
const HEAD: &str = "# Written by berry-image: the address of this node.";

/// Checks that the image's own settings leave room for ours.
pub(super) fn apply(editor: &mut Editor) -> Result<(), NodeError> {
    editor.enable("dhcpcd.service", "multi-user.target.wants", "the network")?;
    if !editor.is_file(CONFIGURATION) {
        return Err(NodeError::Missing { path: CONFIGURATION.to_owned(), purpose: "the network" });
    }
    for line in editor.text(CONFIGURATION)?.lines() {
        let mut words = line.split_whitespace();
        let wrong = match (words.next(), words.next()) {
            (Some("interface"), Some(name)) if INTERFACES.contains(&name) => format!("it configures {name} already"),
            (Some("denyinterfaces" | "allowinterfaces"), _) => "it says which interfaces are dhcpcd's".to_owned(),
            _ => continue,
        };
        return Err(NodeError::NotUnderstood { path: CONFIGURATION.to_owned(), reason: wrong });
    }
    Ok(())
}

/// The settings of `node`: those of the base, and behind them the interface that it uses, with its static address or name servers.
pub(super) fn file(base: &str, profile: &Profile, node: &Node) -> String {
    let stock = base.split_once(HEAD).map_or(base, |(stock, _)| stock).trim_end();
    let mut text = format!("{stock}\n\n{HEAD}\ninterface {}\n", interface(wifi_of(profile, node).is_some()));
    let Some(network) = network_of(profile, node) else { return text };
    if let (Some(address), false) = (node.address, node.dhcp) {
        text.push_str(&format!("static ip_address={address}/{}\n", network.subnet.prefix()));
        if let Some(gateway) = network.gateway {
            text.push_str(&format!("static routers={gateway}\n"));
        }
    }
    if !network.dns.is_empty() {
        let servers: Vec<_> = network.dns.iter().map(ToString::to_string).collect();
        text.push_str(&format!("static domain_name_servers={}\n", servers.join(" ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        node::testing::{profile, wifi},
        profile::Public,
    };

    const STOCK: &str =
        "hostname\nclientid\nslaac private\n\n# Example static IP configuration:\n#interface eth0\n#static ip_address=192.168.0.10/24\n";

    #[test]
    fn the_address_follows_what_the_image_says() {
        let mut profile = profile(Public::Address("203.0.113.9".parse().unwrap()));
        let ours = "\n# Written by berry-image: the address of this node.\ninterface eth0\n";
        let text = file(STOCK, &profile, &profile.nodes[0]);
        let expected =
            "static ip_address=192.168.2.5/24\nstatic routers=192.168.2.1\nstatic domain_name_servers=192.168.2.1 2001:db8::53\n";
        assert_eq!(text, format!("{STOCK}{ours}{expected}"));
        // It is written over what another node, or an earlier build, has left.
        assert_eq!(file(&text, &profile, &profile.nodes[0]), text);
        // Nothing is known of the remote node's network.
        assert_eq!(file(STOCK, &profile, &profile.nodes[3]), format!("{STOCK}{ours}"));
        profile.network.wifi = Some(wifi());
        profile.nodes[1].dhcp = true;
        let text = file(STOCK, &profile, &profile.nodes[1]);
        assert!(text.ends_with("\ninterface wlan0\nstatic domain_name_servers=192.168.2.1 2001:db8::53\n"), "{text}");
    }
}
