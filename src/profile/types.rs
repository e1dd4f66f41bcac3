//! The checked profile: types in which a wrong value cannot stand.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

pub use berry_firstboot::config::VolumeKind;

use crate::{
    overlay::{On, Overlay, template::Values},
    secret::Secret,
};

/// A whole cluster, checked: every reference read, every default filled in.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Name of the cluster: key `cluster`, else the file's name without its extension. Ledger and output folder are named after it.
    pub cluster: String,
    /// The file it was read from.
    pub path: PathBuf,
    /// What the images are made of.
    pub base: BaseReference,
    /// Size of the smallest card that will be used, in bytes; only to check that all fits.
    pub card_size: u64,
    /// Size of the root partition in bytes, a multiple of 4 MiB.
    pub root_size: u64,
    /// The third partition.
    pub brick: Brick,
    /// Name in the zoneinfo database (`Europe/Berlin`).
    pub time_zone: String,
    /// Locale (`de_DE.UTF-8`, `C.UTF-8`).
    pub locale: String,
    /// Keyboard of the console.
    pub keyboard: Keyboard,
    /// The one ordinary user of every node.
    pub user: User,
    /// Who may come in by SSH, and how.
    pub ssh: SshPolicy,
    /// The local network of all nodes that are not remote; without such nodes it means nothing.
    pub network: Network,
    /// NTP servers; empty leaves the image's own.
    pub ntp: Vec<String>,
    /// Packages that are to be in the images or not.
    pub packages: Packages,
    /// The GlusterFS volume, if there is to be one.
    pub volume: Option<Volume>,
    /// What Apache serves; only where there is a volume.
    pub web: Option<Web>,
    /// Files that are laid over what is made otherwise, the later over the earlier.
    pub overlays: Vec<Overlay>,
    /// The nodes in the order of the profile; at least one.
    pub nodes: Vec<Node>,
}

impl Profile {
    /// The nodes of the trusted pool: all that are not remote, in the order of the profile. The first one makes the volume.
    pub fn pool(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.remote.is_none())
    }

    /// The values that templates of an overlay may name, for one node; what the profile does not say of it is not among them.
    #[must_use]
    pub fn values(&self, node: &Node) -> Values {
        let network = match &node.remote {
            Some(remote) => remote.network.as_ref(),
            None => Some(&self.network),
        };
        let volume = self.volume.as_ref();
        let web = self.web.as_ref();
        let values = [
            ("address", node.address.map(|address| address.to_string())),
            ("brick_mount", Some(self.brick.mount_point.clone())),
            ("cluster", Some(self.cluster.clone())),
            ("gateway", network.and_then(|network| network.gateway).map(|gateway| gateway.to_string())),
            ("marker", volume.map(Volume::marker)),
            ("node", Some(node.name.to_string())),
            ("server_name", web.and_then(|web| web.server_name.clone())),
            ("subnet", network.map(|network| network.subnet.to_string())),
            ("time_zone", Some(self.time_zone.clone())),
            ("user", Some(self.user.name.clone())),
            ("volume", volume.map(|volume| volume.name.clone())),
            ("volume_mount", volume.map(|volume| volume.mount_point.clone())),
            ("web_root", web.map(|web| web.root.clone())),
        ];
        values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Node {
    /// Whether something of an overlay is for this node.
    #[must_use]
    pub fn gets(&self, on: &On) -> bool {
        match on {
            On::Every => true,
            On::Pool => self.remote.is_none(),
            On::Remote => self.remote.is_some(),
            On::Named(names) => names.iter().any(|name| name == self.name.as_str()),
        }
    }
}

/// What the images are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseReference {
    /// `debian:SUITE`: made with mmdebstrap and cached.
    Debian {
        /// Suite, such as `bookworm`.
        suite: String,
    },
    /// An image file, raw or compressed; relative paths count from the profile's folder.
    File {
        /// Where it is.
        path: PathBuf,
        /// SHA-256 of the file as it stands there (compressed or not), from `#sha256=`.
        sha256: Option<[u8; 32]>,
    },
    /// An image on a web server.
    Url {
        /// Address without the fragment.
        url: String,
        /// SHA-256 of the file as it is served, from `#sha256=`; mandatory.
        sha256: [u8; 32],
    },
}

/// The third partition: an ext4 file system for a GlusterFS brick.
#[derive(Clone, Debug)]
pub struct Brick {
    /// How far it grows on the card.
    pub size: BrickSize,
    /// Where it is mounted, an absolute path such as `/export`; the brick itself is the folder `brick` in it.
    pub mount_point: String,
    /// File system label, 1 to 16 bytes.
    pub label: String,
}

/// How far the brick grows on the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrickSize {
    /// To the end of the card.
    Rest,
    /// To this many bytes, or to the end of the card.
    Cap(u64),
}

/// Console keyboard, as in `/etc/default/keyboard`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyboard {
    /// `XKBMODEL`.
    pub model: String,
    /// `XKBLAYOUT`.
    pub layout: String,
    /// `XKBVARIANT`, empty for none.
    pub variant: String,
    /// `XKBOPTIONS`, empty for none.
    pub options: String,
}

/// The one ordinary user.
#[derive(Clone, Debug)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Password hash in crypt(5) form; without it the password is locked.
    pub password: Option<Secret<String>>,
    /// Lines for `authorized_keys`. Empty: the build makes a key pair of its own and keeps it in the ledger.
    pub keys: Vec<String>,
    /// Whether and how the user may become root.
    pub sudo: Sudo,
}

/// Whether and how the user may become root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sudo {
    /// `NOPASSWD: ALL`.
    Passwordless,
    /// With the user's password.
    Password,
    /// Not at all.
    No,
}

/// Who may come in by SSH, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshPolicy {
    /// Whether a password is enough; keys always are.
    pub password_login: bool,
}

/// A local network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Address and prefix length.
    pub subnet: Subnet,
    /// Default route.
    pub gateway: Option<Ipv4Addr>,
    /// Name servers in the order of asking.
    pub dns: Vec<IpAddr>,
    /// Wireless network that all nodes join; without it they use the cable.
    pub wifi: Option<Wifi>,
}

/// A wireless network.
#[derive(Clone, Debug)]
pub struct Wifi {
    /// Network name, 1 to 32 bytes.
    pub ssid: String,
    /// Passphrase (8 to 63 characters) or key (64 hexadecimal digits); without it the network is open.
    pub passphrase: Option<Secret<String>>,
    /// Country whose radio rules apply: ISO 3166-1 alpha-2, upper case.
    pub country: String,
    /// Whether the access point does not announce its name.
    pub hidden: bool,
}

/// Packages that are to be in the images or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    /// Names of packages that are to be there.
    pub install: Vec<String>,
    /// Names of packages that are to go.
    pub remove: Vec<String>,
    /// Names of packages that stay at their version; `None` where the profile does not say (see [`Packages::held`]).
    pub hold: Option<Vec<String>>,
    /// Whether what is recommended comes, too.
    pub recommends: bool,
    /// Archives besides those of the image.
    pub sources: Vec<ExtraSource>,
    /// Addresses of archives of the image that may have expired.
    pub expired: Vec<String>,
}

/// What is on hold where the profile does not say: what must agree across the nodes of a pool.
const HELD: &str = "glusterfs*";

impl Packages {
    /// Names of the packages that are put on hold, so that no upgrade on one node splits the pool; a `*` at the end stands for anything.
    #[must_use]
    pub fn held(&self) -> Vec<String> {
        self.hold.clone().unwrap_or_else(|| vec![HELD.to_owned()])
    }

    /// Whether the packages of the base stay as they are.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.install.is_empty() && self.remove.is_empty()
    }
}

/// The GlusterFS volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// How its bricks are put together; their number fits.
    pub kind: VolumeKind,
    /// The nodes with a brick, none of them remote, in the order in which glusterd gets their bricks.
    pub nodes: Vec<NodeName>,
    /// Where every node of the pool mounts it.
    pub mount_point: String,
    /// IPv4 addresses and networks (`192.168.3.0/24`) besides the nodes' that may mount it.
    pub clients: Vec<String>,
    /// Options that the profile sets, by name.
    pub options: BTreeMap<String, String>,
}

/// The file on the volume that the site looks for, and answers 503 without; its name keeps it from being listed or served.
const MARKER: &str = ".cluster-volume";

impl Volume {
    /// Path of the file by which Apache tells that the volume is there.
    #[must_use]
    pub fn marker(&self) -> String {
        format!("{}/{MARKER}", self.mount_point)
    }

    /// Its type, as the profile says it: `replica 3`, `arbiter`, …
    #[must_use]
    pub fn type_name(&self) -> String {
        match self.kind {
            VolumeKind::Distribute => "distribute".to_owned(),
            VolumeKind::Replica { count } if u32::try_from(self.nodes.len()) == Ok(count) => format!("replica {count}"),
            VolumeKind::Replica { count } => format!("distributed-replicate {count}"),
            VolumeKind::Arbiter => "arbiter".to_owned(),
            VolumeKind::Disperse { redundancy, .. } => format!("disperse with redundancy {redundancy}"),
        }
    }
}

/// What Apache serves on the nodes of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// The mount point of the volume, or a folder in it.
    pub root: String,
    /// Name by which the world knows the site.
    pub server_name: Option<String>,
}

/// An archive of packages that the profile adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraSource {
    /// Its address, http or https.
    pub uri: String,
    /// Suite, code name, or the path of a flat archive, which ends with a slash.
    pub suite: String,
    /// Its components; none in a flat archive.
    pub components: Vec<String>,
    /// The key that signs it, ASCII-armoured.
    pub key: String,
    /// Whether it may have expired.
    pub expired: bool,
    /// Whether its armhf packages are said to run on ARMv6.
    pub armv6: bool,
    /// Line of the profile on which it begins, from 1.
    pub line: usize,
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Host name.
    pub name: NodeName,
    /// Its address in [`Network::subnet`] (or in its own network, if remote): set statically, or what the router is to hand out.
    /// Only a remote node may be without.
    pub address: Option<Ipv4Addr>,
    /// Whether the address comes from the router's reservation.
    pub dhcp: bool,
    /// Hardware address, for the router's table of reservations.
    pub mac: Option<MacAddress>,
    /// Set for a node in another place, which is not in the trusted pool.
    pub remote: Option<Remote>,
}

/// What is special about a node in another place.
#[derive(Clone, Debug)]
pub struct Remote {
    /// How the others reach it.
    pub public: Public,
    /// Its own local network, when it has a static address there.
    pub network: Option<Network>,
}

/// How the world reaches a remote node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Public {
    /// By a fixed address, which gives a line in the hosts file.
    Address(IpAddr),
    /// By a name that DNS resolves; it stands in no hosts file except the remote node's own, where it means itself.
    Name(String),
}

/// A host name of one label: RFC 1123, lower case, 1 to 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

impl NodeName {
    /// Checks a name: letters `a` to `z`, digits and inner hyphens.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = (1..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-') && !name.ends_with('-');
        good.then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    address: Ipv4Addr,
    prefix: u8,
}

impl Subnet {
    /// The network of `address`; `prefix` is 1 to 30, so that there is room for hosts.
    #[must_use]
    pub fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        (1..=30).contains(&prefix).then(|| {
            let mask = u32::MAX << (32 - u32::from(prefix));
            Self { address: Ipv4Addr::from_bits(address.to_bits() & mask), prefix }
        })
    }

    /// The network address.
    #[must_use]
    pub fn network(&self) -> Ipv4Addr {
        self.address
    }

    /// Number of leading bits that all hosts share.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The broadcast address.
    #[must_use]
    pub fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() | !(u32::MAX << (32 - u32::from(self.prefix))))
    }

    /// Whether the address lies in the network (network and broadcast address included).
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        Self::new(address, self.prefix) == Some(*self)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A 48-bit hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
