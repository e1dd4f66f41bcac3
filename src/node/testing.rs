//! What the tests of this module share: profiles and small trees of both flavours.

use std::{net::Ipv4Addr, path::PathBuf};

use crate::{
    profile::{
        BaseReference, Brick, BrickSize, Keyboard, Network, Node, NodeName, Profile, Public, Remote, SshPolicy, Subnet, Sudo, User, Wifi,
    },
    secret::Secret,
};

/// A key line for `authorized_keys`.
pub(super) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyxAzQLJ8h0CwKxmX3q3xW0cKe1w9oKJ8Vb6w2yQ0aQ operator@desk";
/// A password hash in crypt(5) form.
pub(super) const HASH: &str = "$y$j9T$canaryhashsalt$canaryhashcanaryhashcanaryhashcanaryhas";
/// 2023-11-14 22:13:20 UTC.
pub(super) const EPOCH: i64 = 1_700_000_000;

/// A node with a static address.
pub(super) fn node(name: &str, address: [u8; 4]) -> Node {
    Node { name: NodeName::new(name).unwrap(), address: Some(Ipv4Addr::from(address)), dhcp: false, mac: None, remote: None }
}

/// The article's cluster: three nodes at home, a fourth known by `public`.
pub(super) fn profile(public: Public) -> Profile {
    let remote = Node { address: None, dhcp: true, remote: Some(Remote { public, network: None }), ..node("cluster04", [0, 0, 0, 0]) };
    Profile {
        cluster: "cluster01".to_owned(),
        path: PathBuf::from("profiles/cluster01.yaml"),
        base: BaseReference::Debian { suite: "bookworm".to_owned() },
        card_size: 16_000_000_000,
        root_size: 4 << 30,
        brick: Brick { size: BrickSize::Rest, mount_point: "/export".to_owned(), label: "brick".to_owned() },
        time_zone: "Europe/Berlin".to_owned(),
        locale: "de_DE.UTF-8".to_owned(),
        keyboard: Keyboard { model: "pc105".to_owned(), layout: "de".to_owned(), variant: "nodeadkeys".to_owned(), options: String::new() },
        user: User {
            name: "berry".to_owned(),
            password: Some(Secret::new(HASH.to_owned())),
            keys: vec![KEY.to_owned()],
            sudo: Sudo::Passwordless,
        },
        ssh: SshPolicy { password_login: false },
        network: Network {
            subnet: Subnet::new(Ipv4Addr::new(192, 168, 2, 0), 24).unwrap(),
            gateway: Some(Ipv4Addr::new(192, 168, 2, 1)),
            dns: vec!["192.168.2.1".parse().unwrap(), "2001:db8::53".parse().unwrap()],
            wifi: None,
        },
        ntp: vec!["ptbtime1.ptb.de".to_owned(), "ptbtime2.ptb.de".to_owned()],
        nodes: vec![node("cluster01", [192, 168, 2, 5]), node("cluster02", [192, 168, 2, 7]), node("cluster03", [192, 168, 2, 6]), remote],
    }
}

/// A wireless network with a passphrase that a keyfile must escape.
pub(super) fn wifi() -> Wifi {
    Wifi {
        ssid: "Berry Net".to_owned(),
        passphrase: Some(Secret::new(" canary\\passphrase;# ".to_owned())),
        country: "DE".to_owned(),
        hidden: false,
    }
}
