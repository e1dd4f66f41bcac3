//! The GlusterFS volume, against the nodes and what else the profile says. Which numbers of bricks go with which type is glusterd's rule
//! (`gluster volume create`); that two copies need a word of consent is ours.

use std::net::IpAddr;

use super::{
    super::{
        Node, NodeName, Volume, VolumeKind,
        mask::shown,
        names,
        problem::{Code, Span},
        raw::{RawProfile, RawVolume},
        read::{Field, Given, Spanned},
        report::Draft,
    },
    Checker,
};

/// What glusterd takes for something else than a volume's name.
const TAKEN: [&str; 12] = [
    "all",
    "auto_delete",
    "activate_on_create",
    "description",
    "end-volume",
    "force",
    "option",
    "snap_max_hard_limit",
    "snap_max_soft_limit",
    "subvolumes",
    "type",
    "volume",
];

const TYPES: &str = "write `replica 3`, `arbiter`, `distributed-replicate 3`, `disperse` or `distribute`";

/// A type as it is written.
#[derive(Clone, Copy)]
enum Shape {
    Distribute,
    /// Each file on so many nodes; none: on each.
    Replica(Option<u32>),
    /// Sets of so many.
    Spread(u32),
    Arbiter,
    Disperse,
}

impl Checker<'_> {
    /// The volume, if the profile has one. `nodes` is `None` when something about them was reported, `brick` is where it is mounted.
    pub(super) fn volume(&mut self, raw: &RawProfile, nodes: Option<&[Node]>, brick: Option<&str>) -> Option<Volume> {
        let Given { value: volume, key, .. } = raw.volume.given()?;
        self.need(&volume.name, *key, "the volume has no name", "add `name`, such as `name: volpi`");
        self.need(&volume.r#type, *key, "the key `type` is missing: how the volume keeps files", TYPES);
        self.must_ask_for(raw, "glusterfs-server", *key, "the volume");
        let name = volume.name.given().and_then(|given| self.volume_name(given));
        let mount_point = self.volume_mount(volume, brick);
        let clients = self.clients(volume);
        let options = self.volume_options(&volume.options);
        let members = nodes.and_then(|nodes| self.members(volume, nodes, *key));
        let kind = volume.r#type.given().and_then(|given| self.kind(volume, given, members.as_deref()));
        Some(Volume { name: name?, kind: kind?, nodes: members?, mount_point: mount_point?, clients, options })
    }

    /// A package without which something cannot work; `who` needs it.
    pub(super) fn must_ask_for(&mut self, raw: &RawProfile, package: &str, at: Span, who: &str) {
        if matches!(raw.packages, Field::Wrong) {
            return;
        }
        let packages = raw.packages.given().map(|given| &given.value);
        let install = packages.map(|packages| &packages.install);
        let asked = match install {
            Some(Field::Given(given)) => given.value.0.iter().any(|asked| asked.value == package),
            Some(Field::Wrong) => true,
            Some(Field::Absent) | None => false,
        };
        if !asked {
            let hint = match install {
                Some(Field::Given(_)) => format!("add `{package}` to `install` of `packages`"),
                _ => format!("add `packages:` with `install: [{package}]`"),
            };
            let message = format!("{who} needs the package `{package}`, which the profile does not ask for");
            self.add(Draft::new(Code::PackageNeeded, at, message).hint(hint));
        }
    }

    fn volume_name(&mut self, given: &Given<String>) -> Option<String> {
        let name = given.value.as_str();
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let (message, hint) = if !first || name.len() > 63 || !name.bytes().all(inner) {
            let rule = "letters, digits, `_` and `-`, the first one a letter or digit, at most 63";
            (format!("{} is no name of a volume", shown(name)), rule)
        } else if TAKEN.contains(&name) {
            (format!("{} means something else to glusterd", shown(name)), "give the volume a name of its own, such as `volpi`")
        } else {
            return Some(name.to_owned());
        };
        self.add(Draft::new(Code::VolumeName, given.span, message).hint(hint));
        None
    }

    fn volume_mount(&mut self, raw: &RawVolume, brick: Option<&str>) -> Option<String> {
        let point = self.mount_point(&raw.mount, "the volume", "/mnt/www")?;
        let brick = brick?;
        if !names::is_inside(&point, brick) && !names::is_inside(brick, &point) {
            return Some(point);
        }
        let at = raw.mount.given().map_or_else(|| raw.name.given().map_or(self.top, |given| given.span), |given| given.span);
        let message = format!("the volume at `{point}` and the brick at `{brick}` would be mounted over each other");
        self.add(Draft::new(Code::MountPoint, at, message).hint("keep them apart, such as `/mnt/www` and `/export`"));
        None
    }

    /// Who may mount it besides the nodes: addresses and networks of IPv4, over which the bricks are served.
    fn clients(&mut self, raw: &RawVolume) -> Vec<String> {
        let mut clients: Vec<String> = Vec::new();
        for Spanned { value, span } in raw.clients.given().map(|given| given.value.0.as_slice()).unwrap_or_default() {
            let given = Given { value: value.clone(), span: *span, key: *span };
            let client = if value.contains('*') || value.starts_with("0.0.0.0") {
                let draft = Draft::new(Code::Address, *span, format!("{} would let everybody mount the volume", shown(value)));
                self.add(draft.hint("write the address or the network of those who may, such as `192.168.3.0/24`"));
                continue;
            } else if value.contains('/') {
                self.subnet(&given).map(|subnet| subnet.to_string())
            } else {
                self.ipv4(&given).map(|address| address.to_string())
            };
            let Some(client) = client else { continue };
            let draft = match client.parse::<IpAddr>() {
                Ok(address) if names::is_unreachable(address) => {
                    Draft::new(Code::Address, *span, format!("no other computer can have the address {address}"))
                        .hint("the nodes themselves may mount it anyway")
                }
                _ if clients.contains(&client) => {
                    Draft::new(Code::DuplicateAddress, *span, format!("`{client}` stands here twice")).hint("take it out once")
                }
                _ => {
                    clients.push(client);
                    continue;
                }
            };
            self.add(draft);
        }
        clients
    }

    /// The nodes with a brick.
    fn members(&mut self, raw: &RawVolume, nodes: &[Node], key: Span) -> Option<Vec<NodeName>> {
        let local: Vec<&NodeName> = nodes.iter().filter(|node| node.remote.is_none()).map(|node| &node.name).collect();
        if local.is_empty() {
            let draft = Draft::new(Code::VolumeNode, key, "all nodes are remote, and a volume needs at least one that is not");
            self.add(draft.hint("take `remote` from the nodes that are in one network, or remove `volume`"));
            return None;
        }
        let given = match &raw.nodes {
            Field::Absent => return Some(local.into_iter().cloned().collect()),
            Field::Wrong => return None,
            Field::Given(given) => given,
        };
        if given.value.0.is_empty() {
            let draft = Draft::new(Code::VolumeNode, given.key, "the volume is on no node");
            self.add(draft.hint("list its nodes, or leave the key out for all that are not remote"));
            return None;
        }
        let before = self.problems.errors();
        let mut members: Vec<(NodeName, Span)> = Vec::new();
        for Spanned { value, span } in &given.value.0 {
            let draft = match nodes.iter().find(|node| node.name.as_str() == value) {
                None => {
                    let known: Vec<&str> = local.iter().map(|name| name.as_str()).take(8).collect();
                    Draft::new(Code::VolumeNode, *span, format!("there is no node {}", shown(value)))
                        .hint(format!("nodes that can be in it: {}", known.join(", ")))
                }
                Some(node) if node.remote.is_some() => {
                    Draft::new(Code::VolumeNode, *span, format!("{} is remote, and the volume is one of the nodes at home", shown(value)))
                        .hint("take it out")
                }
                Some(node) => match members.iter().find(|(name, _)| *name == node.name) {
                    Some((_, first)) => Draft::new(Code::VolumeNode, *span, format!("{} stands here twice", shown(value)))
                        .also(*first, "first here")
                        .hint("a node has one brick: take it out once"),
                    None => {
                        members.push((node.name.clone(), *span));
                        continue;
                    }
                },
            };
            self.add(draft);
        }
        (self.problems.errors() == before).then(|| members.into_iter().map(|(name, _)| name).collect())
    }

    /// The type, with as many nodes as it can have. What cannot be told without the nodes is not asked then.
    fn kind(&mut self, raw: &RawVolume, given: &Given<String>, members: Option<&[NodeName]>) -> Option<VolumeKind> {
        let Some(shape) = shape(&given.value) else {
            let message = format!("{} is no type of volume", shown(&given.value));
            let number = given.value.contains(|c: char| c.is_ascii_digit());
            let hint = match given.value.split_whitespace().next() {
                Some("distributed-replicate") if !number => "write how many nodes make a set: `distributed-replicate 3`",
                Some("arbiter") => "write `arbiter`: two copies and an arbiter in each set of three",
                Some("disperse") => "write `disperse`, and how many nodes may be lost as `redundancy`",
                _ => TYPES,
            };
            self.add(Draft::new(Code::VolumeType, given.span, message).hint(hint));
            return None;
        };
        if let Some(redundancy) = raw.redundancy.given()
            && !matches!(shape, Shape::Disperse)
        {
            let draft = Draft::new(Code::MisplacedKey, redundancy.key, "only a volume of the type `disperse` has `redundancy`");
            self.add(draft.hint("remove the key, or write `type: disperse`"));
        }
        let count = u32::try_from(members?.len()).ok()?;
        let copies = match shape {
            Shape::Replica(copies) => Some(copies.unwrap_or(count)),
            Shape::Spread(copies) => Some(copies),
            _ => None,
        };
        self.split_brain(raw, given, copies);
        let misfit = |needs: String, hint: String| {
            let message = format!("`{}` needs {needs}, and the volume is on {}", given.value, nodes(count));
            Draft::new(Code::VolumeType, given.span, message).hint(hint)
        };
        let draft = match shape {
            Shape::Distribute => return Some(VolumeKind::Distribute),
            Shape::Replica(None) if count >= 2 => return Some(VolumeKind::Replica { count }),
            Shape::Replica(None) => misfit("at least two nodes".to_owned(), "write `distribute` for a volume on one node".to_owned()),
            Shape::Replica(Some(copies)) if copies == count => return Some(VolumeKind::Replica { count }),
            Shape::Replica(Some(copies)) => {
                let hint = if count > copies && count.is_multiple_of(copies) {
                    format!("write `distributed-replicate {copies}` for sets of {copies}, or list {} in `nodes`", nodes(copies))
                } else if count > copies {
                    format!("list {} in `nodes`: the others mount it, too", nodes(copies))
                } else {
                    TYPES.to_owned()
                };
                misfit(nodes(copies), hint)
            }
            Shape::Spread(copies) if count > copies && count.is_multiple_of(copies) => return Some(VolumeKind::Replica { count: copies }),
            Shape::Spread(copies) if count == copies => misfit("at least two sets".to_owned(), format!("write `replica {copies}`")),
            Shape::Spread(copies) => {
                misfit(format!("whole sets of {copies}, at least two"), "list so many nodes in `nodes`, or take another type".to_owned())
            }
            Shape::Arbiter if count.is_multiple_of(3) => return Some(VolumeKind::Arbiter),
            Shape::Arbiter => {
                misfit("whole sets of three".to_owned(), "list three nodes in `nodes`; the last one is the arbiter".to_owned())
            }
            Shape::Disperse => return self.disperse(raw, given, count),
        };
        self.add(match raw.nodes.given() {
            Some(list) => draft.also(list.key, "its nodes"),
            None => draft,
        });
        None
    }

    fn split_brain(&mut self, raw: &RawVolume, given: &Given<String>, copies: Option<u32>) {
        let accepted = raw.accept_split_brain.or(false);
        match raw.accept_split_brain.given() {
            _ if copies == Some(2) && !accepted && !matches!(raw.accept_split_brain, Field::Wrong) => {
                let message = "two copies can come to contradict each other when the nodes lose sight of each other (split brain)";
                let hint = "take `replica 3` or `arbiter` with three nodes, or accept it: `accept_split_brain: true`";
                self.add(Draft::new(Code::SplitBrain, given.span, message).hint(hint));
            }
            Some(consent) if accepted && copies != Some(2) => {
                let draft = Draft::new(Code::MisplacedKey, consent.key, format!("`{}` has no two copies that could be split", given.value));
                self.add(draft.hint("remove the key"));
            }
            _ => {}
        }
    }

    fn disperse(&mut self, raw: &RawVolume, given: &Given<String>, count: u32) -> Option<VolumeKind> {
        if matches!(raw.redundancy, Field::Wrong) {
            return None;
        }
        let redundancy = raw.redundancy.or(1);
        if redundancy >= 1 && redundancy.saturating_mul(2) < u64::from(count) {
            return Some(VolumeKind::Disperse { count, redundancy: u32::try_from(redundancy).ok()? });
        }
        let (message, hint) = if count < 3 {
            (format!("`disperse` needs at least three nodes, and the volume is on {}", nodes(count)), TYPES.to_owned())
        } else {
            let most = (count - 1) / 2;
            let hint = if most == 1 { "write `redundancy: 1`".to_owned() } else { format!("write 1 to {most}") };
            (format!("of {} pieces of a file {redundancy} cannot be there only to be lost: less than half, and at least one", count), hint)
        };
        let at = raw.redundancy.given().filter(|_| count >= 3).map_or(given.span, |given| given.span);
        self.add(Draft::new(Code::VolumeType, at, message).hint(hint));
        None
    }
}

fn nodes(count: u32) -> String {
    if count == 1 { "one node".to_owned() } else { format!("{count} nodes") }
}

/// Reads a type.
fn shape(text: &str) -> Option<Shape> {
    let mut words = text.split(' ');
    let (word, number) = (words.next()?, words.next());
    // A set is more than one; `replica 1` is what `distribute` says.
    let count = |text: &str| text.parse::<u32>().ok().filter(|count| *count >= 2 && text.bytes().all(|byte| byte.is_ascii_digit()));
    let shape = match (word, number) {
        ("distribute", None) => Shape::Distribute,
        ("replica", None) => Shape::Replica(None),
        ("replica", Some(number)) => Shape::Replica(Some(count(number)?)),
        ("distributed-replicate", Some(number)) => Shape::Spread(count(number)?),
        ("arbiter", None) => Shape::Arbiter,
        ("disperse", None) => Shape::Disperse,
        _ => return None,
    };
    words.next().is_none().then_some(shape)
}
