//! glusterd's answers.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

/// What glusterd says to an order: whether, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `opRet`: 0 when it is done.
    pub result: i32,
    /// `opErrno`: why not, or what was odd about it.
    pub errno: i32,
    /// `opErrstr`.
    pub said: String,
}

/// Another node, as glusterd sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its UUID; all zeros while it is not known.
    pub uuid: String,
    /// The names by which it is known, the first one first.
    pub names: Vec<String>,
    /// Where it stands; 3 is "in the cluster".
    pub state: u32,
    /// That in words.
    pub state_text: String,
    /// Whether there is a connection to it.
    pub is_connected: bool,
}

impl Peer {
    /// Whether it is in the cluster and connected. Nothing else counts: a probe's "success" does not.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.state == 3 && self.is_connected
    }

    /// Whether it is known by a name.
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

/// The pool, as one glusterd sees it (`pool list`, `peer status`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolView {
    /// Its own UUID, which only `pool list` tells.
    pub own: Option<String>,
    /// The others.
    pub others: Vec<Peer>,
}

impl PoolView {
    /// Another node by its UUID.
    #[must_use]
    pub fn find(&self, uuid: &str) -> Option<&Peer> {
        self.others.iter().find(|peer| peer.uuid == uuid)
    }
}

/// Whether a volume runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// It was never started: nobody has written to it.
    Created,
    /// It runs.
    Started,
    /// It ran once.
    Stopped,
}

/// A volume (`volume info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeInfo {
    /// Its name.
    pub name: String,
    /// Its UUID, which its bricks are stamped with.
    pub id: String,
    /// Whether it runs.
    pub running: Running,
    /// Copies, or 1.
    pub replica: u32,
    /// Arbiters in each set.
    pub arbiter: u32,
    /// Bricks of a dispersed set, or 0.
    pub disperse: u32,
    /// How many of those may be lost.
    pub redundancy: u32,
    /// Its bricks as `node:/path`, in their order.
    pub bricks: Vec<String>,
    /// Its options, those that glusterd set itself, too.
    pub options: BTreeMap<String, String>,
}

/// A brick, as it runs (`volume status`). Bricks of a node that is not connected are not in the list at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrickStatus {
    /// It as `node:/path`.
    pub brick: String,
    /// Whether its process runs.
    pub is_online: bool,
}

/// Text of a child element.
fn text<'a>(node: Node<'a, '_>, name: &str) -> Result<&'a str, String> {
    let child = node.children().find(|child| child.has_tag_name(name)).ok_or_else(|| format!("there is no <{name}>"))?;
    Ok(child.text().unwrap_or_default().trim())
}

/// Number in a child element.
fn number<T: std::str::FromStr>(node: Node<'_, '_>, name: &str) -> Result<T, String> {
    let text = text(node, name)?;
    text.parse().map_err(|_| format!("<{name}> is `{text}`, which is no number of its kind"))
}

/// All elements of a name that are somewhere below.
fn all<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> impl Iterator<Item = Node<'a, 'input>> {
    node.descendants().filter(move |child| child.has_tag_name(name))
}

fn parse(xml: &str) -> Result<Document<'_>, String> {
    Document::parse(xml).map_err(|error| format!("it is no XML: {error}"))
}

/// What glusterd says to an order.
///
/// # Errors
/// What is odd about the answer.
pub fn verdict(xml: &str) -> Result<Verdict, String> {
    let document = parse(xml)?;
    let root = document.root_element();
    if !root.has_tag_name("cliOutput") {
        return Err(format!("it is <{}> instead of <cliOutput>", root.tag_name().name()));
    }
    Ok(Verdict { result: number(root, "opRet")?, errno: number(root, "opErrno")?, said: text(root, "opErrstr")?.to_owned() })
}

/// The answer to `pool list` and to `peer status`.
///
/// # Errors
/// What is odd about it.
pub fn pool(xml: &str) -> Result<PoolView, String> {
    let document = parse(xml)?;
    let mut view = PoolView::default();
    for node in all(document.root_element(), "peer") {
        let uuid = text(node, "uuid")?.to_owned();
        let hostname = text(node, "hostname")?.to_owned();
        // Oneself has neither state nor names.
        if text(node, "state").is_err() && hostname == "localhost" {
            view.own = Some(uuid);
            continue;
        }
        let mut names = vec![hostname];
        for name in all(node, "hostnames").flat_map(|names| all(names, "hostname")) {
            let name = name.text().unwrap_or_default().trim().to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        view.others.push(Peer {
            uuid,
            names,
            state: number(node, "state")?,
            state_text: text(node, "stateStr").unwrap_or_default().to_owned(),
            is_connected: number::<u8>(node, "connected")? == 1,
        });
    }
    Ok(view)
}

/// The answer to `volume info`.
///
/// # Errors
/// What is odd about it.
pub fn volumes(xml: &str) -> Result<Vec<VolumeInfo>, String> {
    let document = parse(xml)?;
    let volume = |node: Node<'_, '_>| -> Result<VolumeInfo, String> {
        let option = |node| Ok((text(node, "name")?.to_owned(), text(node, "value")?.to_owned()));
        Ok(VolumeInfo {
            name: text(node, "name")?.to_owned(),
            id: text(node, "id")?.to_owned(),
            running: match number::<u32>(node, "status")? {
                0 => Running::Created,
                1 => Running::Started,
                2 => Running::Stopped,
                other => return Err(format!("<status> is {other}")),
            },
            replica: number(node, "replicaCount")?,
            arbiter: number(node, "arbiterCount")?,
            disperse: number(node, "disperseCount")?,
            redundancy: number(node, "redundancyCount")?,
            bricks: all(node, "brick").map(|brick| text(brick, "name").map(str::to_owned)).collect::<Result<_, _>>()?,
            options: all(node, "option").map(option).collect::<Result<_, String>>()?,
        })
    };
    all(document.root_element(), "volume").map(volume).collect()
}

/// The answer to `volume status NAME`: its bricks, without the daemons beside them.
///
/// # Errors
/// What is odd about it.
pub fn bricks(xml: &str) -> Result<Vec<BrickStatus>, String> {
    let document = parse(xml)?;
    let mut bricks = Vec::new();
    for node in all(document.root_element(), "node") {
        let (host, path) = (text(node, "hostname")?, text(node, "path")?);
        // A daemon has words for a host, and a host for a path.
        if path.starts_with('/') {
            bricks.push(BrickStatus { brick: format!("{host}:{path}"), is_online: number::<i32>(node, "status")? == 1 });
        }
    }
    Ok(bricks)
}

#[cfg(test)]
mod tests;
