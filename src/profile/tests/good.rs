//! What is accepted, and what it becomes.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use super::support::{KEY, Variables, check, good};
use crate::profile::{BaseReference, BrickSize, Code, Public, Sudo, VolumeKind, load, parse};

const SMALL: &str =
    "base: debian:bookworm\nnetwork: {subnet: 192.168.2.0/24, gateway: 192.168.2.1}\nnodes: [{name: a, address: 192.168.2.5}]\n";

const HASH: &str = "$y$j9T$abcdefgh$7i/136rkrCoteXCYVMmke8IbBDFEZdMzaNTpkj.7sJ2";

#[test]
fn a_small_profile_has_defaults() {
    let profile = good(SMALL);
    assert_eq!(profile.cluster, "cluster01");
    assert_eq!(profile.base, BaseReference::Debian { suite: "bookworm".into() });
    assert_eq!((profile.card_size, profile.root_size), (16_000_000_000, 4 << 30));
    assert_eq!(
        (profile.brick.size, profile.brick.mount_point.as_str(), profile.brick.label.as_str()),
        (BrickSize::Rest, "/export", "brick")
    );
    assert_eq!((profile.time_zone.as_str(), profile.locale.as_str()), ("UTC", "C.UTF-8"));
    assert_eq!((profile.keyboard.layout.as_str(), profile.keyboard.model.as_str()), ("us", "pc105"));
    assert_eq!((profile.user.name.as_str(), profile.user.sudo), ("pi", Sudo::Passwordless));
    assert!(profile.user.password.is_none() && profile.user.keys.is_empty() && !profile.ssh.password_login && profile.ntp.is_empty());
    assert_eq!(profile.network.dns, [IpAddr::from([192, 168, 2, 1])], "the gateway answers DNS unless something else is said");
    assert!(check(SMALL).unwrap().warnings.is_empty());
}

#[test]
fn everything_said_is_kept() {
    let text = format!(
        "version: 1\ncluster: home\nbase: img/a.img.xz#sha256={hex}\ncard_size: 32 GB\nroot_size: 4 GB\n\
         brick: {{size: 8 GiB, mount: /srv/brick, label: b}}\ntime_zone: America/Argentina/Buenos_Aires\nlocale: ca_ES.UTF-8@valencia\n\
         keyboard: {{layout: 'de,us', variant: nodeadkeys, options: 'compose:menu'}}\n\
         user: {{name: op, password: {HASH}, keys: '{KEY}', sudo: password}}\nssh: {{password_login: true}}\n\
         network: {{subnet: 10.0.0.0/16, gateway: 10.0.0.1, dns: [9.9.9.9, '2620:fe::fe'], wifi: {{ssid: Käse, country: NO, hidden: true}}}}\n\
         ntp: [ntp.example.org, 10.0.0.1]\nnodes:\n  - {{name: a, address: 10.0.1.0, mac: B8-27-EB-00-00-01, dhcp: true}}\n",
        hex = "ab".repeat(32),
    );
    let profile = good(&text);
    assert_eq!(profile.cluster, "home");
    assert_eq!(profile.base, BaseReference::File { path: "/nonexistent/img/a.img.xz".into(), sha256: Some([0xab; 32]) });
    assert_eq!(profile.root_size, 954 * (4 << 20), "4 GB rounded up to 4 MiB");
    assert_eq!(profile.brick.size, BrickSize::Cap(8 << 30));
    assert_eq!((profile.keyboard.layout.as_str(), profile.keyboard.options.as_str()), ("de,us", "compose:menu"));
    assert_eq!(profile.user.password.as_ref().map(|hash| hash.expose().as_str()), Some(HASH));
    assert_eq!((profile.user.keys, profile.user.sudo), (vec![KEY.to_owned()], Sudo::Password));
    assert!(profile.ssh.password_login);
    let wifi = profile.network.wifi.unwrap();
    assert_eq!((wifi.ssid.as_str(), wifi.country.as_str(), wifi.hidden, wifi.passphrase.is_none()), ("Käse", "NO", true, true));
    assert_eq!(profile.nodes[0].mac.map(|mac| mac.to_string()), Some("b8:27:eb:00:00:01".into()));
    assert!(profile.nodes[0].dhcp);
}

#[test]
fn the_article_s_cluster() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/cluster01.yaml");
    let loaded = load(&path, &Variables::default()).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let profile = loaded.profile;
    let nodes: Vec<_> = profile.nodes.iter().map(|node| (node.name.as_str(), node.address)).collect();
    let address = |last| Some(Ipv4Addr::new(192, 168, 2, last));
    assert_eq!(nodes, [("cluster01", address(5)), ("cluster02", address(7)), ("cluster03", address(6)), ("cluster04", None)]);
    let far = &profile.nodes[3];
    assert!(far.dhcp);
    let volume = profile.volume.as_ref().unwrap();
    assert_eq!((volume.name.as_str(), volume.kind, volume.nodes.len()), ("volpi", VolumeKind::Replica { count: 3 }, 3));
    assert_eq!(profile.web.as_ref().map(|web| web.root.as_str()), Some("/mnt/www"));
    assert_eq!(far.remote.as_ref().map(|remote| remote.public.clone()), Some(Public::Name("cluster04.example.org".into())));
    assert_eq!(
        (profile.cluster.as_str(), profile.time_zone.as_str(), profile.network.subnet.to_string().as_str()),
        ("cluster01", "Europe/Berlin", "192.168.2.0/24")
    );
}

#[test]
fn the_blog_s_cluster() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/rpi.yaml");
    let loaded = load(&path, &Variables::default()).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let nodes: Vec<_> = loaded.profile.nodes.iter().map(|node| format!("{} {}", node.name, node.address.unwrap())).collect();
    assert_eq!(nodes, ["rpi0 10.0.1.0", "rpi1 10.0.1.1", "rpi2 10.0.1.2", "rpi3 10.0.1.3"]);
}

#[test]
fn patterns_and_nodes_mix() {
    let text = "base: debian:bookworm\nnetwork: {subnet: 192.168.2.0/24, gateway: 192.168.2.1}\nnodes:\n  \
                - {name: head, address: 192.168.2.5}\n  - {count: 40, name: 'pi%02d', first_address: 192.168.2.10, dhcp: true}\n";
    let loaded = check(text).unwrap();
    let nodes = &loaded.profile.nodes;
    assert_eq!(nodes.len(), 41);
    assert_eq!(
        (nodes[1].name.as_str(), nodes[40].name.as_str(), nodes[40].address),
        ("pi01", "pi40", Some(Ipv4Addr::new(192, 168, 2, 49)))
    );
    assert!(nodes[1].dhcp && !nodes[0].dhcp);
    assert_eq!(
        loaded.warnings.problems()[0].message,
        "40 nodes get their address from the router and have no `mac`, so its table of reservations cannot be written"
    );
}

#[test]
fn remote_nodes_have_their_own_world() {
    let text = "base: debian:bookworm\nnodes:\n  - {name: a, remote: true, public: 203.0.113.7}\n  \
                - {name: b, remote: true, public: '2001:db8::1', address: 192.168.1.5, network: {subnet: 192.168.1.0/24, gateway: 192.168.1.1}}\n  \
                - {name: c, remote: true, public: c.example.org, address: 192.168.1.5, dhcp: true}\n";
    let nodes = good(text).nodes;
    assert!(nodes[0].dhcp && nodes[0].address.is_none());
    assert!(!nodes[1].dhcp);
    let network = nodes[1].remote.as_ref().and_then(|remote| remote.network.as_ref()).unwrap();
    assert_eq!(network.subnet.to_string(), "192.168.1.0/24");
    assert_eq!(nodes[2].address, Some(Ipv4Addr::new(192, 168, 1, 5)));
}

#[test]
fn yaml_s_own_ways_work() {
    let anchors = "base: debian:bookworm\nnetwork: &home {subnet: 192.168.2.0/24, gateway: 192.168.2.1}\nnodes:\n  \
                   - {name: a, address: 192.168.2.5}\n  - {name: b, remote: true, public: b.org, address: 192.168.2.5, network: *home}\n";
    assert!(good(anchors).nodes[1].remote.as_ref().unwrap().network.is_some());
    let empty = format!("{SMALL}brick:\nntp:\nuser:\n  keys:\n    # - none yet\n");
    assert!(good(&empty).user.keys.is_empty());
    assert_eq!(good(&format!("{SMALL}cluster: !!str 123\n")).cluster, "123");
    assert_eq!(good(&format!("{SMALL}keyboard: no\n")).keyboard.layout, "no", "Norwegian, not false");
    assert_eq!(good(&format!("--- # one document\n{SMALL}...\n")).nodes.len(), 1);
}

#[test]
fn references_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let write = |path: &Path, content: &str, mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write(&folder.path().join("wifi"), "correct horse\n", 0o600);
    write(&folder.path().join("public"), "123456789\n", 0o640);
    write(&home.path().join("id.pub"), &format!("# mine\n{KEY}\n\nfrom=\"10.0.0.0/8\" {KEY}\n"), 0o644);
    let text = |passphrase: &str| {
        format!(
            "base: ~/a.img\nnetwork: {{subnet: 192.168.2.0/24, gateway: 192.168.2.1, wifi: {{ssid: a, country: DE, passphrase: !file {passphrase}}}}}\n\
             user:\n  password: !env HASH\n  keys: [!file ~/id.pub, !env MORE]\nnodes: [{{name: a, address: 192.168.2.5}}]\n"
        )
    };
    let variables = Variables::of(&[("HASH", HASH), ("MORE", KEY), ("HOME", home.path().to_str().unwrap())]);
    let path = folder.path().join("p.yaml");
    let profile = parse(&text("wifi"), &path, &variables).unwrap_or_else(|errors| panic!("{errors}")).profile;
    assert_eq!(profile.network.wifi.unwrap().passphrase.unwrap().expose(), "correct horse");
    assert_eq!(profile.user.password.unwrap().expose(), HASH);
    assert_eq!(profile.user.keys, [KEY.to_owned(), format!("from=\"10.0.0.0/8\" {KEY}"), KEY.to_owned()]);
    assert_eq!(profile.base, BaseReference::File { path: home.path().join("a.img"), sha256: None });

    let errors = parse(&text("public"), &path, &variables).unwrap_err();
    let problem = &errors.report().problems()[0];
    assert_eq!((problem.code, problem.line()), (Code::SecretFileMode, 2));
    assert_eq!(problem.hint.as_deref(), Some(format!("chmod 600 {}/public", folder.path().display()).as_str()));
}

#[test]
fn other_kinds_of_keys_are_known() {
    let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBM0aDkhBuNniva/OLMjgHzSy4pQUX8EZ/6Cc/Kdmf1vOfjud1Wsd2QusVkw9KGCb4zQiTY6yTm48FKKmkO/ecy4= x y z";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rsa");
    let made = std::process::Command::new("ssh-keygen").args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f"]).arg(&file).status();
    assert!(made.expect("ssh-keygen is needed").success());
    let rsa = fs::read_to_string(file.with_extension("pub")).unwrap();
    let profile = good(&format!("{SMALL}user:\n  keys:\n    - {ecdsa}\n    - {rsa}"));
    assert_eq!(profile.user.keys, [ecdsa, rsa.trim()]);
}

#[test]
fn doubtful_things_are_warnings() {
    let text = "base: debian:bookworm\nnetwork: {subnet: 192.168.2.0/24, wifi: {ssid: a, country: DE}}\nnodes:\n  \
                - {name: a, address: 192.168.2.5}\n  - {name: b, remote: true, public: 10.0.0.1}\n";
    let loaded = check(text).unwrap();
    let lines: Vec<_> = loaded.warnings.problems().iter().map(|problem| (problem.line(), problem.column())).collect();
    assert_eq!(lines, [(2, 35), (3, 1), (5, 37)], "{}", loaded.warnings);
}
