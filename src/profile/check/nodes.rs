//! The nodes: each by itself, then against each other.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::{IpAddr, Ipv4Addr},
};

use super::{
    super::{
        MacAddress, Network, Node, NodeName, Public, Remote,
        mask::shown,
        names,
        pattern::Pattern,
        problem::{Code, Span},
        raw::{RawEntry, RawNode, RawPattern, RawProfile},
        read::{Field, Given},
        report::Draft,
    },
    Checker,
    network::{Checked, Home},
};

/// More nodes than this are a slip of the finger.
const MAX_NODES: u64 = 1000;

/// Names, addresses and hardware addresses that are taken, and where they stand.
#[derive(Default)]
struct Taken {
    names: BTreeMap<String, Span>,
    /// Of the cluster's network, and public ones; what a remote node has at home is nobody else's business.
    addresses: BTreeMap<IpAddr, Span>,
    macs: BTreeMap<MacAddress, Span>,
    public: BTreeMap<String, Span>,
}

impl Checker<'_> {
    pub(super) fn nodes(&mut self, raw: &RawProfile, network: &Checked) -> Vec<Node> {
        self.need(&raw.nodes, self.top, "the key `nodes` is missing", "add a list of nodes, each with `name` and `address`");
        let Some(given) = raw.nodes.given() else { return Vec::new() };
        if given.value.is_empty() && self.problems.errors() == 0 {
            self.add(Draft::new(Code::NodeCount, given.key, "there are no nodes").hint("add at least one, with `name` and `address`"));
        }
        let mut taken = Taken::default();
        let mut nodes = Vec::new();
        for entry in &given.value {
            match &entry.value {
                RawEntry::Node(node) => nodes.extend(self.node(node, entry.span, network.home, &mut taken)),
                RawEntry::Pattern(pattern) => self.pattern(pattern, entry.span, network.home, &mut taken, &mut nodes),
            }
        }
        if u64::try_from(nodes.len()).is_ok_and(|count| count > MAX_NODES) {
            let message = format!("there are {} nodes, and {MAX_NODES} are allowed", nodes.len());
            self.add(Draft::new(Code::NodeCount, given.key, message));
        }
        self.public_names(&taken);
        self.doubts(given, network.network.as_ref(), &nodes);
        nodes
    }

    fn node(&mut self, raw: &RawNode, at: Span, home: Option<Home>, taken: &mut Taken) -> Option<Node> {
        self.need(&raw.name, at, "the node has no name", "add `name`, such as `name: cluster01`");
        let name = raw.name.given().and_then(|given| self.node_name(given, taken));
        let who = raw.name.given().map_or_else(|| "the node".to_owned(), |given| shown(&given.value));
        let is_remote = raw.remote.or(false);
        let (home, remote) = if is_remote {
            self.remote(raw, at, &who, taken)
        } else {
            self.only_remote(&raw.public, "public", raw.remote.is_absent());
            self.only_remote(&raw.network, "network", raw.remote.is_absent());
            (home, None)
        };
        if !is_remote && !matches!(raw.remote, Field::Wrong) {
            let hint = "add `address`; with `dhcp: true` too, because the others know the node by it and the router is to reserve it";
            self.need(&raw.address, at, format!("{who} has no address"), hint);
        }
        let address = raw.address.given().and_then(|given| self.address(given, home, is_remote, &who, taken));
        let mac = raw.mac.given().and_then(|given| self.mac(given, taken));
        let dhcp = raw.dhcp.or(is_remote && raw.address.is_absent());
        if is_remote && !dhcp {
            self.static_remote(raw, &who);
        }
        if is_remote && remote.is_none() {
            return None;
        }
        Some(Node { name: name?, address, dhcp, mac, remote })
    }

    /// A remote node with a fixed address needs to know its own network.
    fn static_remote(&mut self, raw: &RawNode, who: &str) {
        if let Some(address) = raw.address.given()
            && raw.network.is_absent()
        {
            let draft =
                Draft::new(Code::MissingKey, address.span, format!("{who} is remote and has a fixed address, but no network of its own"));
            self.add(draft.hint("add `network:` with `subnet` and `gateway` of that place, or `dhcp: true`"));
        }
        if let Some(dhcp) = raw.dhcp.given()
            && raw.address.is_absent()
        {
            let draft = Draft::new(Code::MissingKey, dhcp.span, format!("{who} neither has an address nor gets one"));
            self.add(draft.hint("add `address` and `network`, or leave out `dhcp: false`"));
        }
    }

    fn only_remote<T>(&mut self, field: &Field<T>, key: &str, unsaid: bool) {
        let Some(given) = field.given() else { return };
        let hint = if unsaid {
            "add `remote: true` if the node is in another place, or remove the key"
        } else {
            "write `remote: true`, or remove the key"
        };
        self.add(Draft::new(Code::MisplacedKey, given.key, format!("only a remote node has `{key}`")).hint(hint));
    }

    fn node_name(&mut self, given: &Given<String>, taken: &mut Taken) -> Option<NodeName> {
        if given.value.contains('%') {
            let draft =
                Draft::new(Code::Pattern, given.span, format!("{} is a pattern, and the entry has no `count`", shown(&given.value)));
            self.add(draft.hint("add `count` and `first_address`"));
            return None;
        }
        self.name(&given.value, given.span, taken).ok()
    }

    /// A name that is good and free; the error is that it was reported.
    fn name(&mut self, name: &str, span: Span, taken: &mut Taken) -> Result<NodeName, ()> {
        if let Err(error) = names::node(name) {
            self.add(Draft::new(Code::NodeName, span, error.message).hint(error.hint));
            return Err(());
        }
        match taken.names.entry(name.to_owned()) {
            Entry::Vacant(place) => {
                place.insert(span);
                NodeName::new(name).ok_or(())
            }
            Entry::Occupied(first) => {
                let draft = Draft::new(Code::DuplicateName, span, format!("two nodes are called `{name}`"));
                self.add(draft.also(*first.get(), "first here").hint("give each node a name of its own"));
                Err(())
            }
        }
    }

    /// A node's address: possible in its network, and free.
    fn address(&mut self, given: &Given<String>, home: Option<Home>, is_remote: bool, who: &str, taken: &mut Taken) -> Option<Ipv4Addr> {
        let address = self.ipv4(given)?;
        if let Some(home) = home {
            self.host(address, given.span, home, who).then_some(())?;
        }
        if is_remote {
            return Some(address);
        }
        self.free(IpAddr::V4(address), given.span, who, taken).then_some(address)
    }

    fn free(&mut self, address: IpAddr, span: Span, who: &str, taken: &mut Taken) -> bool {
        match taken.addresses.entry(address) {
            Entry::Vacant(place) => {
                place.insert(span);
                true
            }
            Entry::Occupied(first) => {
                let draft = Draft::new(Code::DuplicateAddress, span, format!("the address {address} of {who} is another node's already"));
                self.add(draft.also(*first.get(), "first here").hint("give each node an address of its own"));
                false
            }
        }
    }

    fn mac(&mut self, given: &Given<String>, taken: &mut Taken) -> Option<MacAddress> {
        let text = given.value.as_str();
        let mut mac = [0; 6];
        let mut parts = text.split([':', '-']);
        let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let good = mac.iter_mut().all(|byte| {
            parts.next().filter(|part| digits(part)).and_then(|part| u8::from_str_radix(part, 16).ok()).is_some_and(|value| {
                *byte = value;
                true
            })
        });
        let draft = if !good || parts.next().is_some() {
            let message = format!("{} is no hardware address", shown(text));
            Draft::new(Code::Mac, given.span, message).hint("write six pairs of hexadecimal digits, such as `b8:27:eb:12:34:56`")
        } else if mac[0] & 1 == 1 || mac == [0; 6] {
            let message = format!("{} is a group's hardware address or none, and no node has it", shown(text));
            Draft::new(Code::Mac, given.span, message).hint("`ip link` on the node shows it behind `link/ether`")
        } else {
            match taken.macs.entry(MacAddress(mac)) {
                Entry::Vacant(place) => {
                    place.insert(given.span);
                    return Some(MacAddress(mac));
                }
                Entry::Occupied(first) => {
                    Draft::new(Code::DuplicateMac, given.span, format!("two nodes have the hardware address {}", MacAddress(mac)))
                        .also(*first.get(), "first here")
                        .hint("each board has one of its own")
                }
            }
        };
        self.add(draft);
        None
    }

    /// The network a remote node's address is measured against, and what is special about the node; `None` if that was reported.
    fn remote(&mut self, raw: &RawNode, at: Span, who: &str, taken: &mut Taken) -> (Option<Home>, Option<Remote>) {
        let checked = raw.network.given().map(|given| self.network(&given.value, given.key)).unwrap_or_default();
        self.need(
            &raw.public,
            at,
            format!("{who} is remote and has no `public`"),
            "add the address or the DNS name by which the others reach it",
        );
        let public = raw.public.given().and_then(|given| self.public(given, who, taken));
        let good = raw.network.is_absent() || checked.network.is_some();
        (checked.home, public.filter(|_| good).map(|public| Remote { public, network: checked.network }))
    }

    fn public(&mut self, given: &Given<String>, who: &str, taken: &mut Taken) -> Option<Public> {
        let text = given.value.as_str();
        if let Ok(address) = text.parse::<IpAddr>() {
            if names::is_unreachable(address) {
                self.add(Draft::new(Code::Address, given.span, format!("nothing can be reached by the address {address}")));
                return None;
            }
            if matches!(address, IpAddr::V4(v4) if v4.is_private() || v4.is_link_local()) {
                let draft = Draft::warning(given.span, format!("{address} is a private address, which is not reached from another place"));
                self.add(draft.hint("fine if there is a VPN; else give the public address or name"));
            }
            return self.free(address, given.span, who, taken).then_some(Public::Address(address));
        }
        if let Err(error) = names::dns(text) {
            self.add(Draft::new(Code::DnsName, given.span, error.message).hint(error.hint));
            return None;
        }
        let name = text.to_ascii_lowercase();
        match taken.public.entry(name.clone()) {
            Entry::Vacant(place) => {
                place.insert(given.span);
            }
            Entry::Occupied(first) => {
                let draft = Draft::new(Code::DuplicateName, given.span, format!("two nodes are known to the world as `{name}`"));
                self.add(draft.also(*first.get(), "first here").hint("give each remote node a name of its own"));
                return None;
            }
        }
        Some(Public::Name(name))
    }

    /// A public name of one label: another node's name, its own, or one that no DNS knows.
    fn public_names(&mut self, taken: &Taken) {
        for (name, span) in taken.public.iter().filter(|(name, _)| !name.contains('.')) {
            let draft = match taken.names.get(name) {
                Some(node) => Draft::new(Code::DuplicateName, *span, format!("the public name `{name}` is also a node's name"))
                    .also(*node, "the node"),
                None => Draft::new(Code::DnsName, *span, format!("the public name `{name}` has no domain, so no DNS server knows it")),
            };
            self.add(draft.hint("write the full name, such as `cluster04.example.org`"));
        }
    }

    fn pattern(&mut self, raw: &RawPattern, at: Span, home: Option<Home>, taken: &mut Taken, nodes: &mut Vec<Node>) {
        self.need(&raw.count, at, "the pattern has no `count`", "add how many nodes there are");
        self.need(&raw.name, at, "the pattern has no `name`", "add names with a number, such as `name: \"pi%02d\"`");
        self.need(&raw.first_address, at, "the pattern has no `first_address`", "add the address of the first node");
        let name = raw.name.given().and_then(|given| match Pattern::parse(&given.value) {
            Ok(pattern) => Some((pattern, given.span)),
            Err(message) => {
                self.add(
                    Draft::new(Code::Pattern, given.span, message).hint("write the number as `%d`, or as `%02d` with leading zeros, once"),
                );
                None
            }
        });
        let count = raw.count.given().and_then(|given| match given.value {
            1..=MAX_NODES => Some(given.value),
            other => {
                self.add(Draft::new(Code::NodeCount, given.span, format!("a pattern makes 1 to {MAX_NODES} nodes, got {other}")));
                None
            }
        });
        let start = match raw.start.given() {
            Some(given) if given.value > 999_999 => {
                self.add(
                    Draft::new(Code::Pattern, given.span, format!("numbers end at 999999, got {}", given.value))
                        .hint("begin with a smaller number"),
                );
                None
            }
            _ => Some(raw.start.or(1)),
        };
        let first = raw.first_address.given().and_then(|given| self.ipv4(given).map(|address| (address, given.span)));
        if let (Some((pattern, name_span)), Some(count), Some(start), Some((first, span))) = (name, count, start, first) {
            for index in 0..count {
                let name = pattern.name(start + index);
                // Only the first mistake of a pattern is told: the next nodes would repeat it.
                let Ok(name) = self.name(&name, name_span, taken) else { return };
                let bits = u64::from(first.to_bits()) + index;
                let Some(address) = u32::try_from(bits).ok().map(Ipv4Addr::from_bits) else {
                    let message = format!("the addresses end before `{name}` gets one");
                    self.add(Draft::new(Code::OutsideSubnet, span, message).hint("begin with a lower address"));
                    return;
                };
                let who = format!("`{name}`");
                if home.is_some_and(|home| !self.host(address, span, home, &who)) || !self.free(IpAddr::V4(address), span, &who, taken) {
                    return;
                }
                nodes.push(Node { name, address: Some(address), dhcp: raw.dhcp.or(false), mac: None, remote: None });
            }
        }
    }

    /// What works and is probably not meant.
    fn doubts(&mut self, given: &Given<Vec<super::super::read::Spanned<RawEntry>>>, network: Option<&Network>, nodes: &[Node]) {
        let local = || nodes.iter().filter(|node| node.remote.is_none());
        let unknown = local().filter(|node| node.dhcp && node.mac.is_none()).count();
        if unknown > 0 {
            let message = format!(
                "{unknown} nodes get their address from the router and have no `mac`, so its table of reservations cannot be written"
            );
            self.add(Draft::warning(given.key, message).hint("add `mac` once the boards are known"));
        }
        if network.is_some_and(|network| network.gateway.is_none()) && local().any(|node| !node.dhcp) {
            let draft = Draft::warning(given.key, "nodes with fixed addresses have no gateway, so they do not reach the Internet");
            self.add(draft.hint("add `gateway` to `network`"));
        }
    }
}
