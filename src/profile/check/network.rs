//! The local network: of the cluster, or of one remote node.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    super::{
        Network, Subnet, Wifi, country,
        mask::shown,
        names,
        problem::{Code, Span},
        raw::{RawEntry, RawNetwork, RawProfile, RawWifi},
        read::{Field, Given, SecretText},
        references::Readers,
        report::Draft,
    },
    Checker,
};
use crate::secret::Secret;

/// What the addresses of nodes are measured against; known even if something else about the network is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home {
    subnet: Subnet,
    gateway: Option<Ipv4Addr>,
}

/// A network as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// `None`: the subnet is wrong or missing, and reported.
    pub(super) home: Option<Home>,
    /// `None`: something is wrong, and reported.
    pub(super) network: Option<Network>,
}

impl Checker<'_> {
    /// The cluster's network. A cluster of remote nodes alone needs none; it then gets one that nobody uses.
    pub(super) fn cluster_network(&mut self, raw: &RawProfile) -> Checked {
        let remote = |entry: &RawEntry| matches!(entry, RawEntry::Node(node) if node.remote.or(false));
        let nodes = raw.nodes.given().map(|given| given.value.as_slice()).unwrap_or_default();
        match &raw.network {
            Field::Wrong => Checked::default(),
            Field::Given(given) => self.network(&given.value, given.key),
            Field::Absent if !nodes.is_empty() && nodes.iter().all(|node| remote(&node.value)) => {
                let subnet = Subnet::new(Ipv4Addr::new(192, 168, 0, 0), 16);
                let network = subnet.map(|subnet| Network { subnet, gateway: None, dns: Vec::new(), wifi: None });
                Checked { home: None, network }
            }
            Field::Absent => {
                let message = "the key `network` is missing: the nodes' addresses need their subnet";
                self.add(
                    Draft::new(Code::MissingKey, self.top, message).hint("add `network:` with `subnet`, such as `subnet: 192.168.2.0/24`"),
                );
                Checked::default()
            }
        }
    }

    /// A network; `key` is where a missing subnet is reported.
    pub(super) fn network(&mut self, raw: &RawNetwork, key: Span) -> Checked {
        self.need(&raw.subnet, key, "the key `subnet` is missing", "add address and prefix length, such as `subnet: 192.168.2.0/24`");
        let subnet = raw.subnet.given().and_then(|given| self.subnet(given));
        let gateway = raw.gateway.given().and_then(|given| self.gateway(given, subnet));
        let mut dns = Vec::new();
        for server in raw.dns.given().map(|given| given.value.0.as_slice()).unwrap_or_default() {
            match server.value.parse::<IpAddr>() {
                Ok(address) if names::is_unreachable(address) => {
                    self.add(Draft::new(Code::Address, server.span, format!("no name server can have the address {address}")));
                }
                Ok(address) => dns.push(address),
                Err(_) => {
                    let message = format!("{} is no IP address", shown(&server.value));
                    self.add(
                        Draft::new(Code::Address, server.span, message)
                            .hint("name servers are given by address, because nothing can resolve their names"),
                    );
                }
            }
        }
        if raw.dns.is_absent() {
            dns.extend(gateway.map(IpAddr::V4));
        }
        let wifi = raw.wifi.given().and_then(|given| self.wifi(&given.value, given.key));
        let wifi_is_good = raw.wifi.is_absent() || wifi.is_some();
        let network = subnet.filter(|_| wifi_is_good).map(|subnet| Network { subnet, gateway, dns, wifi });
        Checked { home: subnet.map(|subnet| Home { subnet, gateway }), network }
    }

    pub(super) fn subnet(&mut self, given: &Given<String>) -> Option<Subnet> {
        let text = given.value.as_str();
        let mut fail = |message: String, hint: String| {
            self.add(Draft::new(Code::Subnet, given.span, message).hint(hint));
            None
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<Ipv4Addr>() else {
            let reason = if address.contains(':') { "nodes have IPv4 addresses" } else { "what stands before `/` is no IPv4 address" };
            return fail(format!("{} is no subnet: {reason}", shown(text)), "write it as `192.168.2.0/24`".to_owned());
        };
        let Some(prefix) = prefix else {
            return fail(format!("{} has no prefix length", shown(text)), format!("write `{address}/24` for the netmask 255.255.255.0"));
        };
        if let Ok(mask) = prefix.parse::<Ipv4Addr>() {
            let ones = mask.to_bits().leading_ones();
            let hint = if ones == mask.to_bits().count_ones() {
                format!("write `{address}/{ones}`")
            } else {
                "write it as `192.168.2.0/24`".to_owned()
            };
            return fail(format!("{} has a netmask in place of a prefix length", shown(text)), hint);
        }
        let length = prefix.parse::<u8>().ok().filter(|_| prefix.bytes().all(|byte| byte.is_ascii_digit()));
        let Some((length, subnet)) = length.and_then(|length| Subnet::new(address, length).map(|subnet| (length, subnet))) else {
            return fail(
                format!("{} has the prefix length {}, expected 1 to 30", shown(text), shown(prefix)),
                "write it as `192.168.2.0/24`".to_owned(),
            );
        };
        if address.is_loopback()
            || address.is_multicast()
            || address.is_link_local()
            || address.octets()[0] == 0
            || address.octets()[0] >= 240
        {
            return fail(
                format!("{} is no network for hosts", shown(text)),
                "private networks are in 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16".to_owned(),
            );
        }
        if subnet.network() != address {
            return fail(
                format!("{address} is an address in the subnet {subnet} and not the subnet's own"),
                format!("write `{}/{length}`", subnet.network()),
            );
        }
        Some(subnet)
    }

    fn gateway(&mut self, given: &Given<String>, subnet: Option<Subnet>) -> Option<Ipv4Addr> {
        let address = self.ipv4(given)?;
        self.host(address, given.span, Home { subnet: subnet?, gateway: None }, "the gateway").then_some(address)
    }

    /// An IPv4 address.
    pub(super) fn ipv4(&mut self, given: &Given<String>) -> Option<Ipv4Addr> {
        let text = given.value.as_str();
        if let Ok(address) = text.parse() {
            return Some(address);
        }
        let hint = if text.contains('/') {
            "the prefix length belongs to `subnet`; write the address alone".to_owned()
        } else if text.parse::<IpAddr>().is_ok() {
            "nodes have IPv4 addresses".to_owned()
        } else if text.split('.').any(|part| part.len() > 1 && part.starts_with('0')) {
            "write the numbers without leading zeros".to_owned()
        } else {
            "an IPv4 address has four numbers from 0 to 255, such as `192.168.2.5`".to_owned()
        };
        self.add(Draft::new(Code::Address, given.span, format!("{} is no IPv4 address", shown(text))).hint(hint));
        None
    }

    /// Whether a host in the subnet can have the address; `who` is for the message.
    pub(super) fn host(&mut self, address: Ipv4Addr, span: Span, home: Home, who: &str) -> bool {
        let Home { subnet, gateway } = home;
        let (network, broadcast) = (subnet.network(), subnet.broadcast());
        let range = format!(
            "hosts there have {} to {}",
            Ipv4Addr::from_bits(network.to_bits().saturating_add(1)),
            Ipv4Addr::from_bits(broadcast.to_bits().saturating_sub(1))
        );
        let draft = if !subnet.contains(address) {
            Draft::new(Code::OutsideSubnet, span, format!("the address {address} of {who} is outside the subnet {subnet}")).hint(range)
        } else if address == network {
            Draft::new(Code::ReservedAddress, span, format!("{address} is the subnet's own address and not free for {who}")).hint(range)
        } else if address == broadcast {
            Draft::new(Code::ReservedAddress, span, format!("{address} is the subnet's broadcast address and not free for {who}"))
                .hint(range)
        } else if Some(address) == gateway {
            Draft::new(Code::ReservedAddress, span, format!("{address} is the gateway's address and not free for {who}"))
                .hint("take another address")
        } else {
            return true;
        };
        self.add(draft);
        false
    }

    fn wifi(&mut self, raw: &RawWifi, key: Span) -> Option<Wifi> {
        self.need(&raw.ssid, key, "the key `ssid` is missing: the name of the wireless network", "add `ssid: NAME`");
        self.need(
            &raw.country,
            key,
            "the key `country` is missing: without it the radio stays off",
            "add your country, such as `country: DE`",
        );
        let ssid = raw.ssid.given().and_then(|given| self.ssid(given));
        let country = raw.country.given().and_then(|given| self.country(given));
        let passphrase = match &raw.passphrase {
            Field::Absent => {
                let draft = Draft::warning(key, "the wireless network has no passphrase, so everybody near can listen");
                self.add(draft.hint("add `passphrase: !file PATH` unless the network is really open"));
                None
            }
            Field::Wrong => return None,
            Field::Given(given) => Some(self.passphrase(given)?),
        };
        Some(Wifi { ssid: ssid?, passphrase, country: country?, hidden: raw.hidden.or(false) })
    }

    fn ssid(&mut self, given: &Given<String>) -> Option<String> {
        let ssid = &given.value;
        if (1..=32).contains(&ssid.len()) && !ssid.chars().any(char::is_control) {
            return Some(ssid.clone());
        }
        let message = match ssid.chars().any(char::is_control) {
            true => "the name of a wireless network cannot have control characters here".to_owned(),
            false => format!("the name of a wireless network has 1 to 32 bytes, and {} has {}", shown(ssid), ssid.len()),
        };
        self.add(Draft::new(Code::Ssid, given.span, message).hint("write it exactly as the access point has it"));
        None
    }

    fn country(&mut self, given: &Given<String>) -> Option<String> {
        let code = given.value.as_str();
        if country::exists(code) {
            return Some(code.to_owned());
        }
        let upper = code.to_ascii_uppercase();
        let hint = match upper.as_str() {
            "UK" => "write `GB`".to_owned(),
            _ if country::exists(&upper) => format!("write `{upper}`"),
            _ => "write the two capitals of ISO 3166-1, such as `DE`".to_owned(),
        };
        self.add(Draft::new(Code::Country, given.span, format!("{} is no country", shown(code))).hint(hint));
        None
    }

    fn passphrase(&mut self, given: &Given<SecretText>) -> Option<Secret<String>> {
        if matches!(given.value, SecretText::Literal(_)) {
            let draft = Draft::new(Code::LiteralSecret, given.span, "a wireless passphrase or key does not stand in the profile itself");
            self.add(draft.hint("put it into a file of mode 600 and write `passphrase: !file PATH`, or `passphrase: !env NAME`"));
            return None;
        }
        let secret = self.secret(&given.value, given.span, Readers::OwnerOnly)?;
        let text = secret.expose();
        let key = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        // IEEE 802.11i, annex H.4: a passphrase has 8 to 63 characters of the codes 32 to 126.
        let phrase = (8..=63).contains(&text.len()) && text.bytes().all(|byte| (32..=126).contains(&byte));
        if key || phrase {
            return Some(secret);
        }
        let message = match text.bytes().all(|byte| (32..=126).contains(&byte)) {
            true => format!("a wireless passphrase has 8 to 63 characters, got {}", text.len()),
            false => "a wireless passphrase has printable ASCII characters only".to_owned(),
        };
        self.add(Draft::new(Code::Passphrase, given.span, message).hint("64 hexadecimal digits are taken as the key itself"));
        None
    }
}
