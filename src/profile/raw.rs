//! What the file says: the keys, their shapes and their help, and nothing about whether they make sense.
//!
//! Each section is defined once. From that definition come the struct, its tolerant reader and, by schemars, its part of the JSON Schema;
//! so a key cannot be known to one and unknown to another.

use schemars::JsonSchema;

use super::{
    read::{Field, Keys, OneOrMany, Read, SecretText, SizeText, Spanned, wrong},
    report::Problems,
    yaml::{Node, Value},
};

macro_rules! section {
    ($(#[$meta:meta])* $name:ident, $expected:literal, [$($required:literal),*], { $($(#[$key_meta:meta])* $key:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Default, JsonSchema)]
        #[schemars(default, deny_unknown_fields, extend("required" = [$($required),*] as [&str; _]))]
        pub(in crate::profile) struct $name {
            $($(#[$key_meta])* pub(in crate::profile) $key: Field<$type>,)+
        }

        impl $name {
            /// Every key of this section.
            pub(in crate::profile) const KEYS: &[&str] = &[$(plain(stringify!($key))),+];
        }

        impl Read for $name {
            const EXPECTED: &str = $expected;
            const EMPTY_IS_FINE: bool = true;

            fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
                let keys = Keys::open::<Self>(node, Self::KEYS, problems)?;
                Some(Self { $($key: keys.field(plain(stringify!($key)), problems),)+ })
            }
        }
    };
}

/// The key that a field of a section stands for: a key that is a word of Rust, such as `type`, is written `r#type` here.
const fn plain(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

mod volume;

pub(super) use volume::{RawVolume, RawWeb};

section! {
    /// A cluster of Raspberry Pis: one profile, one base image, one ready SD image per node.
    RawProfile, "a mapping of the profile's keys", ["base", "nodes"], {
        /// Version of this format. Only 1 exists.
        #[schemars(extend("const" = 1, "default" = 1))]
        version: u64,
        /// Name of the cluster; the ledger and the output folder are called after it. Default: the file's name without `.yaml`.
        #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"), example = &"cluster01")]
        cluster: String,
        /// What the images are made of: `debian:bookworm`, or an image of Raspberry Pi OS or Debian (raw, xz, gz, zst or zip) by path or by
        /// https address. `#sha256=` and 64 hexadecimal digits pin the file; an address must have it.
        #[schemars(example = &"debian:bookworm", example = &"images/2025-05-13-raspios-bookworm-arm64-lite.img.xz")]
        base: String,
        /// Size of the smallest card that will be used; only to check that everything fits. `GB` is decimal as printed on cards, `GiB` binary.
        #[schemars(regex(pattern = SIZE), example = &"16 GB", extend("default" = "16 GB"))]
        card_size: SizeText,
        /// Size of the root partition; rounded up to 4 MiB.
        #[schemars(regex(pattern = SIZE), example = &"4 GiB", extend("default" = "4 GiB"))]
        root_size: SizeText,
        /// The third partition, an ext4 file system for a GlusterFS brick.
        brick: RawBrick,
        /// Time zone of every node, by its name in the zoneinfo database.
        #[schemars(example = &"Europe/Berlin", extend("default" = "UTC"))]
        time_zone: String,
        /// Locale of every node.
        #[schemars(example = &"de_DE.UTF-8", extend("default" = "C.UTF-8"))]
        locale: String,
        /// Keyboard of the console: a layout, or a mapping with layout, model, variant and options.
        keyboard: RawKeyboard,
        /// The one ordinary user of every node.
        user: RawUser,
        /// Who may come in by SSH.
        ssh: RawSsh,
        /// The local network of all nodes that are not remote.
        network: RawNetwork,
        /// Time servers, one or a list. Default: the image's own.
        #[schemars(example = &"de.pool.ntp.org")]
        ntp: OneOrMany<String>,
        /// Packages that are to be in the images or not, chosen as apt in the image would and kept in the lock file beside the profile.
        packages: RawPackages,
        /// The GlusterFS volume that the nodes make of their bricks on their first boot. Needs the package `glusterfs-server`.
        volume: RawVolume,
        /// Serves a folder of the volume with Apache on every node that is not remote. Needs the package `apache2`.
        web: RawWeb,
        /// Folders with files of your own, one or a list, laid over what is made otherwise: relative paths count from the profile's
        /// folder. The file `manifest` in each says which file goes where, on which nodes, with which mode and owner.
        #[schemars(example = &"overlay")]
        overlays: OneOrMany<String>,
        /// The nodes, one by one or many by a pattern.
        nodes: Vec<Spanned<RawEntry>>,
    }
}

/// Sizes for editors; `size.rs` reads them.
const SIZE: &str = r"^[0-9]+(\.[0-9]+)? ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$";

section! {
    /// The third partition, an ext4 file system for a GlusterFS brick.
    RawBrick, "a mapping with `size`, `mount` and `label`", [], {
        /// How far it grows on the card: `rest` (to its end), or a size at which growth stops.
        #[schemars(example = &"rest", example = &"8 GiB", extend("default" = "rest"))]
        size: SizeText,
        /// Where it is mounted; the brick is the folder `brick` in it.
        #[schemars(example = &"/export", extend("default" = "/export"))]
        mount: String,
        /// Label of the file system, at most 16 characters.
        #[schemars(length(min = 1, max = 16), example = &"brick", extend("default" = "brick"))]
        label: String,
    }
}

section! {
    /// Keyboard of the console, as in `/etc/default/keyboard`.
    RawKeyboardMap, "a layout such as `de`, or a mapping with `layout`", [], {
        /// Layout, such as `de` or `us`.
        #[schemars(example = &"de", extend("default" = "us"))]
        layout: String,
        /// Model.
        #[schemars(example = &"pc105", extend("default" = "pc105"))]
        model: String,
        /// Variant of the layout.
        #[schemars(example = &"nodeadkeys")]
        variant: String,
        /// Options.
        #[schemars(example = &"compose:menu")]
        options: String,
    }
}

/// Keyboard of the console.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum RawKeyboard {
    /// Its layout.
    #[schemars(example = &"de")]
    Layout(Spanned<String>),
    /// In detail.
    Map(RawKeyboardMap),
}

impl Read for RawKeyboard {
    const EXPECTED: &str = RawKeyboardMap::EXPECTED;
    const EMPTY_IS_FINE: bool = true;

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Scalar(_) => String::read(node, problems).map(|value| Self::Layout(Spanned { value, span: node.span })),
            _ => RawKeyboardMap::read(node, problems).map(Self::Map),
        }
    }
}

section! {
    /// Packages that are to be in the images or not.
    RawPackages, "a mapping with `install`, `remove`, `hold`, `recommends`, `sources` and `expired`", [], {
        /// Packages that are to be there, with all that they need.
        #[schemars(example = &["glusterfs-server", "apache2"])]
        install: OneOrMany<String>,
        /// Packages that are to go, with what came only for them. Refused if something that stays needs them.
        #[schemars(example = &"triggerhappy")]
        remove: OneOrMany<String>,
        /// Packages that stay at their version whatever the others need, now and on the running nodes: they are put on hold, as by
        /// `apt-mark hold`. A profile that asks for packages but does not have this key holds those of GlusterFS, so that an upgrade of one
        /// node does not split the pool; `[]` holds none.
        #[schemars(example = &["raspberrypi-kernel", "glusterfs-server"])]
        hold: OneOrMany<String>,
        /// Whether what is recommended comes, too, as by `apt-get install` without `--no-install-recommends`.
        #[schemars(extend("default" = false))]
        recommends: bool,
        /// Archives besides those of the image, each with its key.
        sources: Vec<Spanned<RawSource>>,
        /// Addresses of archives of the image that no longer move, and may have expired.
        #[schemars(example = &"http://legacy.example.org/raspbian")]
        expired: OneOrMany<String>,
    }
}

section! {
    /// An archive of packages.
    RawSource, "a mapping with `uri`, `suite`, `components` and `key`", ["uri", "suite", "key"], {
        /// Its address, by http or https.
        #[schemars(example = &"https://packages.example.org/debian")]
        uri: String,
        /// The suite or code name; the path of a flat archive ends with `/`.
        #[schemars(example = &"bookworm")]
        suite: String,
        /// Its components, one or a list; a flat archive has none.
        #[schemars(example = &"main")]
        components: OneOrMany<String>,
        /// The public key that signs it, ASCII-armoured: `!file PATH`, or the block itself.
        #[schemars(example = &"-----BEGIN PGP PUBLIC KEY BLOCK-----")]
        key: SecretText,
        /// Whether it no longer moves, and may have expired.
        #[schemars(extend("default" = false))]
        expired: bool,
        /// Whether its armhf packages run on ARMv6, the Pi 1 and Zero. Debian's do not.
        #[schemars(extend("default" = false))]
        armv6: bool,
    }
}

section! {
    /// The one ordinary user of every node.
    RawUser, "a mapping with `name`, `password`, `keys` and `sudo`", [], {
        /// Login name.
        #[schemars(regex(pattern = r"^[a-z_][a-z0-9_-]{0,31}$"), example = &"pi", extend("default" = "pi"))]
        name: String,
        /// Hash of the password as `berry-image hash-password` prints it, literally or by `!env NAME` or `!file PATH`; never the password
        /// itself. Without it the password is locked.
        #[schemars(example = &"$y$j9T$…")]
        password: SecretText,
        /// Public SSH keys: a line of `authorized_keys`, `!file PATH` or `!env NAME`, or a list of those. Without any, `build` makes
        /// a key pair for the operator and keeps it in the ledger.
        keys: OneOrMany<SecretText>,
        /// How the user becomes root: `passwordless`, with the `password`, or `no`.
        #[schemars(extend("enum" = ["passwordless", "password", "no"], "default" = "passwordless"))]
        sudo: SudoText,
    }
}

/// `passwordless`, `password` or `no`.
#[derive(Debug, JsonSchema)]
#[schemars(inline)]
pub(super) struct SudoText(pub(super) String);

impl Read for SudoText {
    const EXPECTED: &str = "`passwordless`, `password` or `no`";

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        // YAML 1.1 tools write an unquoted `no` as `false`; either way it is plain what is meant.
        match &node.value {
            Value::Scalar(scalar) if scalar.tag.is_none() && !node.is_null() => Some(Self(scalar.text.clone())),
            _ => wrong(node, problems, None),
        }
    }
}

section! {
    /// Who may come in by SSH.
    RawSsh, "a mapping with `password_login`", [], {
        /// Whether the user's password is enough; keys always are.
        #[schemars(extend("default" = false))]
        password_login: bool,
    }
}

section! {
    /// A local network.
    RawNetwork, "a mapping with `subnet`", [], {
        /// Address and prefix length.
        #[schemars(example = &"192.168.2.0/24")]
        subnet: String,
        /// Default route.
        #[schemars(example = &"192.168.2.1")]
        gateway: String,
        /// Name servers, one or a list. Default: the gateway.
        #[schemars(example = &"192.168.2.1")]
        dns: OneOrMany<String>,
        /// Wireless network that all nodes join; without it they use the cable.
        wifi: RawWifi,
    }
}

section! {
    /// A wireless network.
    RawWifi, "a mapping with `ssid`, `passphrase` and `country`", ["ssid", "country"], {
        /// Its name, 1 to 32 bytes.
        #[schemars(length(min = 1, max = 32))]
        ssid: String,
        /// Passphrase (8 to 63 characters) or key (64 hexadecimal digits), only by `!env NAME` or `!file PATH`. Without it the network is open.
        passphrase: SecretText,
        /// Country whose radio rules apply, two capitals.
        #[schemars(regex(pattern = "^[A-Z]{2}$"), example = &"DE")]
        country: String,
        /// Whether the access point keeps its name to itself.
        #[schemars(extend("default" = false))]
        hidden: bool,
    }
}

section! {
    /// One node.
    RawNode, "a node with `name` and `address`", ["name"], {
        /// Host name: one label of letters `a` to `z`, digits and inner hyphens.
        #[schemars(regex(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"), example = &"cluster01")]
        name: String,
        /// Its address in the subnet; with `dhcp: true` what the router is to hand out. Only a remote node may be without.
        #[schemars(extend("format" = "ipv4"), example = &"192.168.2.5")]
        address: String,
        /// Hardware address, for the router's reservation.
        #[schemars(regex(pattern = "^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$"), example = &"b8:27:eb:12:34:56")]
        mac: String,
        /// Whether the address comes from the router.
        #[schemars(extend("default" = false))]
        dhcp: bool,
        /// Whether the node is in another place; it is then known by `public` and not in the trusted pool.
        #[schemars(extend("default" = false))]
        remote: bool,
        /// How the others reach a remote node: an address, or a name that DNS resolves.
        #[schemars(example = &"cluster04.example.org")]
        public: String,
        /// A remote node's own local network, if its address there is static.
        network: RawNetwork,
    }
}

section! {
    /// Many nodes with numbered names and consecutive addresses.
    RawPattern, "a pattern with `count`, `name` and `first_address`", ["count", "name", "first_address"], {
        /// How many.
        #[schemars(range(min = 1, max = 1000), example = 40)]
        count: u64,
        /// Host names with the number in place of `%d`, or of `%02d` with leading zeros.
        #[schemars(example = &"pi%02d")]
        name: String,
        /// Address of the first node; each next one has the next address.
        #[schemars(extend("format" = "ipv4"), example = &"192.168.2.10")]
        first_address: String,
        /// Number of the first node.
        #[schemars(extend("default" = 1))]
        start: u64,
        /// Whether the addresses come from the router.
        #[schemars(extend("default" = false))]
        dhcp: bool,
    }
}

/// One entry of `nodes`.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum RawEntry {
    /// One node.
    Node(Box<RawNode>),
    /// Many.
    Pattern(Box<RawPattern>),
}

impl Read for RawEntry {
    const EXPECTED: &str = RawNode::EXPECTED;

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        // A key that only patterns have decides, so that what is unknown is measured against the right list.
        let pattern = matches!(&node.value, Value::Map(entries)
            if entries.iter().any(|entry| matches!(entry.key.as_str(), "count" | "first_address" | "start")));
        if pattern {
            RawPattern::read(node, problems).map(|pattern| Self::Pattern(Box::new(pattern)))
        } else {
            RawNode::read(node, problems).map(|node| Self::Node(Box::new(node)))
        }
    }
}
