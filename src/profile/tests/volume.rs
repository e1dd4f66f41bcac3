//! `volume:` and `web:`: what is accepted, and each mistake with its place.

use super::{
    support::{check, good, places},
    wrong::marks,
};
use crate::profile::{Volume, VolumeKind};

/// A profile of five local nodes and a remote one, on which `text` follows from line 7 on.
fn whole(text: &str) -> String {
    format!(
        "base: debian:bookworm\nnetwork: {{subnet: 192.168.2.0/24, gateway: 192.168.2.1}}\npackages: {{install: [glusterfs-server, apache2]}}\n\
         nodes:\n  - {{name: n%d, count: 5, first_address: 192.168.2.5}}\n  - {{name: far, remote: true, public: far.example.org}}\n{text}\n"
    )
}

fn volume(text: &str) -> Volume {
    good(&whole(&format!("volume: {{name: v, {text}}}"))).volume.unwrap()
}

fn names(volume: &Volume) -> Vec<&str> {
    volume.nodes.iter().map(|name| name.as_str()).collect()
}

#[test]
fn a_small_volume_has_defaults() {
    let profile = good(&whole("volume: {name: volpi, type: replica 5}\nweb: {}"));
    let volume = profile.volume.clone().unwrap();
    assert_eq!((volume.name.as_str(), volume.kind, volume.mount_point.as_str()), ("volpi", VolumeKind::Replica { count: 5 }, "/mnt/www"));
    assert_eq!(names(&volume), ["n1", "n2", "n3", "n4", "n5"]);
    assert!(volume.clients.is_empty() && volume.options.is_empty());
    assert_eq!(profile.pool().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["n1", "n2", "n3", "n4", "n5"]);
    let web = profile.web.unwrap();
    assert_eq!((web.root.as_str(), web.server_name), ("/mnt/www", None));
    assert!(good(&whole("")).volume.is_none());
}

#[test]
fn everything_said_of_a_volume_is_kept() {
    let profile = good(&whole(
        "volume:\n  name: Vol_1\n  type: replica 3\n  nodes: [n3, n1, n5]\n  mount: /srv/data\n  clients: [192.168.2.20, 10.0.0.0/8]\n  \
         options:\n    network.ping-timeout: 20\n    performance.open-behind: off\n    features.shard: true\n    user.note: a b\n\
         web: {root: /srv/data/htdocs, server_name: WWW.example.org}",
    ));
    let volume = profile.volume.unwrap();
    assert_eq!(names(&volume), ["n3", "n1", "n5"]);
    assert_eq!((volume.name.as_str(), volume.mount_point.as_str()), ("Vol_1", "/srv/data"));
    assert_eq!(volume.clients, ["192.168.2.20", "10.0.0.0/8"]);
    let options: Vec<_> = volume.options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [("features.shard", "true"), ("network.ping-timeout", "20"), ("performance.open-behind", "off"), ("user.note", "a b")];
    assert_eq!(options, expected);
    let web = profile.web.unwrap();
    assert_eq!((web.root.as_str(), web.server_name.as_deref()), ("/srv/data/htdocs", Some("www.example.org")));
}

#[test]
fn each_type_takes_as_many_nodes_as_glusterd_does() {
    let kind = |text: &str| volume(text).kind;
    for text in ["distribute", "replica 5", "distributed-replicate 2", "arbiter"] {
        let nodes = match text {
            "arbiter" => "[n1, n2, n3]",
            "distributed-replicate 2" => "[n1, n2, n3, n4], accept_split_brain: true",
            _ => "[n1, n2, n3, n4, n5]",
        };
        assert_eq!(volume(&format!("type: {text}, nodes: {nodes}")).type_name(), text);
    }
    assert_eq!(volume("type: disperse").type_name(), "disperse with redundancy 1");
    assert_eq!(kind("type: distribute"), VolumeKind::Distribute);
    assert_eq!(kind("type: distribute, nodes: n2"), VolumeKind::Distribute);
    assert_eq!(kind("type: replica"), VolumeKind::Replica { count: 5 });
    assert_eq!(kind("type: replica 2, nodes: [n1, n2], accept_split_brain: true"), VolumeKind::Replica { count: 2 });
    assert_eq!(kind("type: replica, nodes: [n1, n2], accept_split_brain: true"), VolumeKind::Replica { count: 2 });
    assert_eq!(kind("type: distributed-replicate 2, nodes: [n1, n2, n3, n4], accept_split_brain: true"), VolumeKind::Replica { count: 2 });
    assert_eq!(kind("type: arbiter, nodes: [n1, n2, n3]"), VolumeKind::Arbiter);
    assert_eq!(kind("type: disperse"), VolumeKind::Disperse { count: 5, redundancy: 1 });
    assert_eq!(kind("type: disperse, redundancy: 2"), VolumeKind::Disperse { count: 5, redundancy: 2 });
    assert_eq!(kind("type: replica 5, accept_split_brain: false"), VolumeKind::Replica { count: 5 });
}

/// Each text has exactly the problems that are marked, all of that code.
const WRONG: [(&str, &str); 58] = [
    ("missing-key", "‸volume: {type: replica}"),
    ("missing-key", "‸volume: {name: v}"),
    ("wrong-type", "volume: ‸v"),
    ("unknown-key", "volume: {name: v, type: replica, ‸count: 3}"),
    ("volume-name", "volume: {name: ‸-v, type: replica}"),
    ("volume-name", "volume: {name: ‸all, type: replica}"),
    ("volume-name", "volume: {name: ‸a/b, type: replica}"),
    ("volume-type", "volume: {name: v, type: ‸raid5}"),
    ("volume-type", "volume: {name: v, type: ‸replica 3}"),
    ("volume-type", "volume: {name: v, type: ‸replica 1}"),
    ("volume-type", "volume: {name: v, type: ‸replica +5}"),
    ("volume-type", "volume: {name: v, type: ‸replica 5 arbiter 1}"),
    ("volume-type", "volume: {name: v, type: ‸replica 6}"),
    ("volume-type", "volume: {name: v, type: ‸replica, nodes: n1}"),
    ("volume-type", "volume: {name: v, type: ‸arbiter}"),
    ("volume-type", "volume: {name: v, type: ‸distributed-replicate}"),
    ("volume-type", "volume: {name: v, type: ‸distributed-replicate 5}"),
    ("volume-type", "volume: {name: v, type: ‸distributed-replicate 3}"),
    ("volume-type", "volume: {name: v, type: ‸disperse, nodes: [n1, n2]}"),
    ("volume-type", "volume: {name: v, type: disperse, redundancy: ‸0}"),
    ("volume-type", "volume: {name: v, type: disperse, redundancy: ‸3}"),
    ("volume-type", "volume: {name: v, type: disperse, redundancy: ‸18446744073709551615}"),
    ("wrong-type", "volume: {name: v, type: disperse, redundancy: ‸many}"),
    ("misplaced-key", "volume: {name: v, type: replica, ‸redundancy: 1}"),
    ("split-brain", "volume: {name: v, type: ‸replica 2, nodes: [n1, n2]}"),
    ("split-brain", "volume: {name: v, type: ‸replica, nodes: [n1, n2]}"),
    ("split-brain", "volume: {name: v, type: ‸distributed-replicate 2, nodes: [n1, n2, n3, n4], accept_split_brain: false}"),
    ("wrong-type", "volume: {name: v, type: replica 2, nodes: [n1, n2], accept_split_brain: ‸yes}"),
    ("misplaced-key", "volume: {name: v, type: replica, ‸accept_split_brain: true}"),
    ("volume-node", "volume: {name: v, type: replica 3, nodes: [n1, n2, ‸n9]}"),
    ("volume-node", "volume: {name: v, type: replica 3, nodes: [n1, n2, ‸far]}"),
    ("volume-node", "volume: {name: v, type: replica 3, nodes: [n1, n2, ‸n1]}"),
    ("volume-node", "volume: {name: v, type: replica, ‸nodes: []}"),
    ("mount-point", "volume: {name: v, type: replica, mount: ‸/usr/www}"),
    ("mount-point", "volume: {name: v, type: replica, mount: ‸/export}"),
    ("mount-point", "volume: {name: v, type: replica, mount: ‸/var/www/html}"),
    ("mount-point", "volume: {name: v, type: replica, mount: ‸/tmp/www}"),
    ("mount-point", "volume: {name: v, type: replica, mount: ‸/export/brick/www}"),
    ("mount-point", "brick: {mount: /mnt/www/b}\nvolume: {name: v, type: replica, mount: ‸/mnt/www}"),
    ("mount-point", "brick: {mount: /mnt/www}\nvolume: {name: ‸v, type: replica}"),
    ("address", "volume: {name: v, type: replica, clients: ‸\"*\"}"),
    ("address", "volume: {name: v, type: replica, clients: [‸192.168.2.*, ‸0.0.0.0/0, ‸127.0.0.1, ‸pc.example.org, ‸\"fd00::1\"]}"),
    ("subnet", "volume: {name: v, type: replica, clients: [‸192.168.3.5/24, ‸10.0.0.0/33]}"),
    ("duplicate-address", "volume: {name: v, type: replica, clients: [10.0.0.1, ‸10.0.0.1]}"),
    ("volume-option", "volume: {name: v, type: replica, options: {‸auth.allow: \"*\", ‸cluster.quorum-type: none}}"),
    ("volume-option", "volume: {name: v, type: replica, options: {‸cluster.brick-multiplex: on}}"),
    ("volume-option", "volume: {name: v, type: replica, options: {‸ping-timeout: 10, ‸Network.ping-timeout: 10, ‸a..b: 1}}"),
    ("volume-option", "volume: {name: v, type: replica, options: {user.x: ‸\"\", user.y: ‸\"--force\", user.z: ‸\"a\\nb\"}}"),
    ("wrong-type", "volume: {name: v, type: replica, options: {‸user.x: , user.y: [‸1], user.z: ‸!env HOME}}"),
    ("wrong-type", "volume: {name: v, type: replica, options: ‸fast}"),
    ("missing-key", "‸web: {}"),
    ("dns-name", "volume: {name: v, type: replica}\nweb: {server_name: ‸https://www.example.org}"),
    ("web-root", "volume: {name: v, type: replica}\nweb: {root: ‸/var/www}"),
    ("web-root", "volume: {name: v, type: replica}\nweb: {root: ‸htdocs}"),
    ("web-root", "volume: {name: v, type: replica}\nweb: {root: ‸/mnt/www2}"),
    ("web-root", "volume: {name: v, type: replica}\nweb: {root: ‸/mnt/www/../x}"),
    ("web-root", "volume: {name: v, type: replica}\nweb: {root: ‸/mnt/www/.hidden}"),
    ("web-root", "volume: {name: v, type: replica}\nweb: {root: ‸\"/mnt/www/a b\"}"),
];

#[test]
fn every_mistake_is_placed_and_has_a_way_out() {
    let mut failures = String::new();
    for (code, marked) in WRONG {
        let (text, marks) = marks(&whole(marked));
        let Err(errors) = check(&text) else { panic!("accepted:\n{marked}") };
        let expected: Vec<_> = marks.into_iter().map(|(line, column)| (code, line, column)).collect();
        let has_hints = errors.report().problems().iter().all(|problem| problem.hint.is_some() || code == "wrong-type");
        if places(&errors) != expected || !has_hints {
            failures.push_str(&format!("{expected:?}\n{}", errors.report().render(false, 120)));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn packages_that_are_needed_are_asked_for() {
    let rest = "base: debian:bookworm\nnetwork: {subnet: 192.168.2.0/24, gateway: 192.168.2.1}\nnodes: [{name: a, address: 192.168.2.5}]\n";
    let said = |text: &str| {
        let errors =
            check(&format!("{rest}{text}volume: {{name: v, type: distribute}}\nweb:\n  server_name: a.example.org\n")).unwrap_err();
        let problems = errors.report().problems().iter();
        problems.map(|problem| (problem.code.as_str(), problem.line(), problem.hint.clone().unwrap_or_default())).collect::<Vec<_>>()
    };
    let needed = |line, hint: &str| ("package-needed", line, hint.to_owned());
    let both = |line: usize| {
        let add = |package: &str| format!("add `packages:` with `install: [{package}]`");
        [needed(line, &add("glusterfs-server")), needed(line + 1, &add("apache2"))]
    };
    assert_eq!(said(""), both(4));
    assert_eq!(said("packages: {remove: rsync}\n"), both(5));
    assert_eq!(said("packages: {install: glusterfs-server}\n"), [needed(6, "add `apache2` to `install` of `packages`")]);
    // What is wrong with the packages is told, and nothing that may only follow from it.
    let errors = check(&format!("{rest}packages: [x]\nvolume: {{name: v, type: distribute}}\n")).unwrap_err();
    assert_eq!(places(&errors).len(), 1);
}

#[test]
fn what_is_wrong_with_nodes_is_not_told_of_the_volume() {
    let text = whole("volume: {name: v, type: replica 3, nodes: [n1, n2, Bad]}").replace("  - {name: far,", "  - {name: Bad,");
    assert_eq!(places(&check(&text).unwrap_err()), [("node-name", 6, 12)]);
}

#[test]
fn a_cluster_of_remote_nodes_has_no_volume() {
    let text = "base: debian:bookworm\npackages: {install: glusterfs-server}\nnodes: [{name: a, remote: true, public: a.example.org}]\n\
                volume: {name: v, type: distribute}\n";
    assert_eq!(places(&check(text).unwrap_err()), [("volume-node", 4, 1)]);
}

#[test]
fn messages_help() {
    for (text, message, hint) in [
        ("type: replica 3", "`replica 3` needs 3 nodes, and the volume is on 5 nodes", "list 3 nodes in `nodes`: the others mount it, too"),
        (
            "type: distributed-replicate 5",
            "`distributed-replicate 5` needs at least two sets, and the volume is on 5 nodes",
            "write `replica 5`",
        ),
        (
            "type: disperse, redundancy: 3",
            "of 5 pieces of a file 3 cannot be there only to be lost: less than half, and at least one",
            "write 1 to 2",
        ),
        ("type: replica, options: {auth.allow: x}", "`auth.allow` is not set here", "list who may mount it in `clients`"),
        ("type: replica, nodes: [n1, n7]", "there is no node `n7`", "nodes that can be in it: n1, n2, n3, n4, n5"),
    ] {
        let errors = check(&whole(&format!("volume: {{name: v, {text}}}"))).expect_err(text);
        let problem = &errors.report().problems()[0];
        assert_eq!((problem.message.as_str(), problem.hint.as_deref()), (message, Some(hint)));
    }
}
