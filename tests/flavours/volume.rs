//! Images of nodes that make a volume and serve it, per release: what a node of the pool has for that, and that a node in another place has
//! nothing of it.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use crate::{
    NodeCheck, agent,
    build::{Base, Node, Wanted},
    offer::{self, Offer},
    storage,
    support::{
        pi_os::release::Release,
        program::{alone, berry, fails, ok, tool},
    },
};

const UNITS: &str = "/etc/systemd/system";
const WANTS: &str = "multi-user.target.wants";
const SYSTEM: &str = "berry-firstboot-system.service";
/// Units that only nodes of the pool have.
const CLUSTER: [&str; 2] = ["berry-firstboot-cluster.service", "berry-volume.service"];
const CONFIG: &str = "/etc/berry-image/node.json";
const GLUSTERD: &str = "/var/lib/glusterd";

/// What is to be on and off of Apache.
const SWITCHES: [(&str, &str, bool); 9] = [
    ("module", "asis", true),
    ("module", "headers", true),
    ("module", "rewrite", true),
    ("module", "remoteip", true),
    ("module", "autoindex", false),
    ("module", "status", false),
    ("conf", "zz-cluster", true),
    ("site", "000-default", false),
    ("site", "000-cluster", true),
];

pub(super) const HOME_CHECKS: [(&str, NodeCheck); 12] = [
    ("other programs find nothing to remark on the image", storage::checkers_pass),
    ("every place names the partitions by the new disk id", storage::partition_uuids),
    ("the brick is mounted, and its loss does not stop the boot", storage::brick),
    ("the program of first boot is a static one for this processor", agent::program),
    ("it is told what the node is to become", agent::words),
    ("pool, volume and web server are among that", told),
    ("the packages are unpacked and wait for first boot", packages),
    ("its three units are switched on, by links to themselves", units),
    ("glusterd comes after the network and the brick", glusterd_unit),
    ("glusterd knows who it is, and who the others are", glusterd_identity),
    ("the volume is mounted when asked for, and nothing can be written in its place", mount),
    ("Apache's switches are as first boot is told, and its site is the profile's", apache),
];

pub(super) const FAR_CHECKS: [(&str, NodeCheck); 6] = [
    ("other programs find nothing to remark on the image", storage::checkers_pass),
    ("the brick is mounted, and its loss does not stop the boot", storage::brick),
    ("the program of first boot is a static one for this processor", agent::program),
    ("it is told what the node is to become", agent::words),
    ("the packages are unpacked and wait for first boot", packages),
    ("it has nothing of pool, volume and web server", nothing),
];

/// A build of two nodes of the profile, with a volume.
fn command(folder: &Path, offer: &Offer) -> std::process::Command {
    let mut command = alone(berry(), folder);
    command.arg("build").arg(&offer.profile).arg("--base").arg(&offer.base);
    command.args(["--node", "cluster01", "--node", "cluster04", "--output"]).arg(folder.join("images"));
    command
}

/// A node of the pool, and the one in another place.
pub(super) fn build(folder: &Path, base: &Base) -> (Node, Node) {
    let offer = Offer::new(folder, base);
    ok(&mut command(folder, &offer));
    let node = |name| Node::open(folder, name, Wanted::Cable, base.hash());
    (node("cluster01"), node("cluster04"))
}

pub(super) fn refused(folder: &Path, base: &Base) {
    let offer = Offer::new(folder, base);
    let said = fails(4, &mut command(folder, &offer));
    let (version, _) = offer::released(base.flavour.release);
    let reason = match base.flavour.release {
        Release::Stretch | Release::Buster => format!("GlusterFS {version} is none of those whose pool can be prepared"),
        _ => "`glusterfs-server` is installed on a 32-bit image".to_owned(),
    };
    assert!(said.contains(&reason), "{said}");
    assert!(!folder.join("images").exists() && !folder.join("cluster01.ledger").exists(), "something was written");
}

fn config(node: &Node) -> Value {
    serde_json::from_str(&node.view.text(CONFIG)).unwrap()
}

/// glusterd's UUID of every node of the pool, by its name.
fn uuids(node: &Node) -> BTreeMap<String, String> {
    let ledger: Value = serde_json::from_slice(&std::fs::read(node.folder.join("cluster01.ledger")).unwrap()).unwrap();
    let uuid = |name: &str| ledger["nodes"][name]["gluster_uuid"].as_str().unwrap().to_owned();
    ["cluster01", "cluster02", "cluster03"].map(|name| (name.to_owned(), uuid(name))).into()
}

fn told(node: &Node, base: &Base) {
    let (config, uuids) = (config(node), uuids(node));
    let pool = &config["pool"];
    assert_eq!((&pool["uuid"], &pool["leader"]), (&json!(uuids["cluster01"]), &json!("cluster01")));
    assert_eq!(pool["operating_version"], json!(offer::versions(base.flavour)));
    let peer = |name: &str| json!({"name": name, "uuid": uuids[name]});
    assert_eq!(pool["peers"], json!([peer("cluster02"), peer("cluster03")]));
    let volume = &config["volume"];
    assert_eq!((&volume["name"], &volume["mount"]), (&json!("volpi"), &json!("/mnt/www")));
    let brick = |name: &str| json!({"node": name, "path": "/export/brick"});
    assert_eq!(volume["bricks"], json!([brick("cluster01"), brick("cluster02"), brick("cluster03")]));
    assert_eq!(volume["options"]["auth.allow"], json!("192.168.2.5,192.168.2.7,192.168.2.6"));
    let web = &config["web"];
    assert_eq!(
        (&web["root"], &web["marker"], &web["unit"]),
        (&json!("/mnt/www"), &json!("/mnt/www/.cluster-volume"), &json!("apache2.service"))
    );
}

fn packages(node: &Node, base: &Base) {
    let status = node.view.text("/var/lib/dpkg/status");
    let (gluster, apache) = offer::released(base.flavour.release);
    for (name, version) in [("glusterfs-server", gluster), ("apache2", apache)] {
        let stanza = status.split("\n\n").find(|stanza| stanza.lines().any(|line| line == format!("Package: {name}"))).unwrap();
        let has = |beginning: &str| stanza.lines().any(|line| line.starts_with(beginning));
        assert!(stanza.lines().any(|line| line.ends_with(" ok unpacked")) && has(&format!("Version: {version}")), "{stanza}");
    }
    for unit in ["glusterd.service", "glustereventsd.service", "apache2.service"] {
        assert!(node.view.has_unit(unit), "{unit}");
    }
    assert_eq!(config(node)["packages"]["pending"], json!(true));
    // It would tell of changes, and nobody here listens.
    assert!(node.view.is_masked("glustereventsd.service"));
}

fn units(node: &Node, base: &Base) {
    for (unit, run) in [(SYSTEM, "run --part system"), (CLUSTER[0], "run --part cluster"), (CLUSTER[1], "keep")] {
        let path = format!("{UNITS}/{unit}");
        assert_eq!(node.view.link(&format!("{UNITS}/{WANTS}/{unit}")).as_deref(), Some(path.as_str()));
        assert_eq!(node.view.mode(&path), (0o644, 0, 0));
        let text = node.view.text(&path);
        assert!(text.contains(&format!("\nExecStart=/usr/lib/berry-image/berry-firstboot {run}\n")) && !text.contains("{{"), "{text}");
        // The link is the one that `systemctl disable` takes away at the end.
        assert!(text.ends_with("\n[Install]\nWantedBy=multi-user.target\n"), "{text}");
    }
    // Both parts of first boot write their status; this one sees all else of /boot read-only.
    let cluster = node.view.text(&format!("{UNITS}/{}", CLUSTER[0]));
    let writable = format!("\nReadWritePaths=-{}/node-status.txt\n", base.flavour.boot_mount);
    assert!(cluster.contains("\nProtectSystem=full\n") && cluster.contains(&writable), "{cluster}");
    // Those of the packages are switched on by their own scripts, on first boot.
    for unit in ["glusterd.service", "apache2.service"] {
        assert!(!node.view.exists(&format!("{UNITS}/{WANTS}/{unit}")), "{unit}");
    }
    // No other target wants any of them.
    let named: Vec<_> = node.view.names(UNITS).into_iter().filter(|name| name != WANTS && name.ends_with(".wants")).collect();
    for folder in named {
        let names = node.view.names(&format!("{UNITS}/{folder}"));
        assert!(!names.iter().any(|name| name.starts_with("berry-")), "{folder}: {names:?}");
    }
}

/// The unit of GlusterFS up to 10 stands before the network, which no drop-in can take away.
fn glusterd_unit(node: &Node, base: &Base) {
    let (whole, drop_in) = (format!("{UNITS}/glusterd.service"), format!("{UNITS}/glusterd.service.d/cluster.conf"));
    let (there, missing) = if base.flavour.release >= Release::Trixie { (&drop_in, &whole) } else { (&whole, &drop_in) };
    assert!(!node.view.exists(missing), "{missing}");
    assert_eq!(node.view.mode(there), (0o644, 0, 0));
    let text = node.view.text(there);
    let has = |key: &str, value: &str| {
        let found = text.lines().any(|line| line.strip_prefix(key).is_some_and(|line| line.split(' ').any(|word| word == value)));
        assert!(found, "{key}{value}: {text}");
    };
    for value in ["network-online.target", "export.mount"] {
        has("After=", value);
        has("Wants=", value);
    }
    has("Restart=", "on-failure");
    assert!(!text.lines().any(|line| line.starts_with("Before=")) && !text.contains("{{"), "{text}");
    assert_eq!(text.contains("\nExecStart="), there == &whole, "{text}");
}

fn glusterd_identity(node: &Node, base: &Base) {
    let view = &node.view;
    let uuids = uuids(node);
    assert_eq!(node.ledger("gluster_uuid"), uuids["cluster01"]);
    let version = offer::versions(base.flavour).unwrap();
    let info = format!("{GLUSTERD}/glusterd.info");
    assert_eq!(view.text(&info), format!("UUID={}\noperating-version={version}\n", uuids["cluster01"]));
    assert_eq!(view.mode(&info), (0o600, 0, 0));
    let mut peers: Vec<_> = ["cluster02", "cluster03"].map(|name| uuids[name].clone()).into();
    peers.sort();
    assert_eq!(view.names(&format!("{GLUSTERD}/peers")), peers);
    for name in ["cluster02", "cluster03"] {
        let path = format!("{GLUSTERD}/peers/{}", uuids[name]);
        assert_eq!(view.text(&path), format!("uuid={}\nstate=3\nhostname1={name}\n", uuids[name]));
        assert_eq!(view.mode(&path), (0o600, 0, 0));
    }
}

/// The flags of a folder, as `lsattr` prints them.
fn flags(node: &Node, path: &str) -> String {
    let said = ok(tool("lsattr").arg("-d").arg(node.view.root().join(path.trim_start_matches('/'))));
    said.split_whitespace().next().expect("the flags stand first").to_owned()
}

fn mount(node: &Node, _base: &Base) {
    let view = &node.view;
    let table = view.text("/etc/fstab");
    let lines: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let found: Vec<_> = lines.iter().filter(|fields| fields.get(1) == Some(&"/mnt/www")).collect();
    let [fields] = found.as_slice() else { panic!("{} lines for the volume in\n{table}", found.len()) };
    assert_eq!((fields[0], fields[2], &fields[4..]), ("localhost:/volpi", "glusterfs", &["0", "0"][..]));
    let options: Vec<_> = fields[3].split(',').collect();
    for option in ["noauto", "nofail", "_netdev", "backup-volfile-servers=cluster02:cluster03", "x-systemd.after=glusterd.service"] {
        assert!(options.contains(&option), "{option}: {options:?}");
    }
    assert_eq!(view.mode("/mnt/www"), (0, 0, 0));
    assert!(view.names("/mnt/www").is_empty());
    let flags = flags(node, "/mnt/www");
    assert!(flags.contains('i'), "not even root can make anything there: {flags}");
    let drop_in = view.text(&format!("{UNITS}/mnt-www.mount.d/cluster.conf"));
    assert!(drop_in.ends_with("\n[Mount]\nLazyUnmount=yes\n"), "{drop_in}");
}

fn apache(node: &Node, _base: &Base) {
    let view = &node.view;
    let promised = SWITCHES.map(|(kind, name, on)| json!({"kind": kind, "name": name, "on": on}));
    assert_eq!(config(node)["web"]["apache"], json!(promised));
    for (kind, name, on) in SWITCHES {
        let (folder, suffix) = match kind {
            "module" => ("mods", "load"),
            "conf" => ("conf", "conf"),
            _ => ("sites", "conf"),
        };
        let (link, memory) =
            (format!("/etc/apache2/{folder}-enabled/{name}.{suffix}"), format!("/var/lib/apache2/{kind}/enabled_by_admin/{name}"));
        assert_eq!((view.link(&link).is_some(), view.exists(&memory)), (on, on), "{name}");
        if on {
            let target = format!("../{folder}-available/{name}.{suffix}");
            assert_eq!(view.link(&link).as_deref(), Some(target.as_str()));
            // It leads to what is there, or will be once dpkg has configured the package.
            let leads_to = format!("/etc/apache2/{folder}-available/{name}.{suffix}");
            assert!(view.exists(&leads_to) || view.exists(&format!("{leads_to}.dpkg-new")), "{leads_to}");
        }
    }
    let site = view.text("/etc/apache2/sites-available/000-cluster.conf");
    for line in ["ServerName www.example.org", "DocumentRoot /mnt/www", "RewriteCond /mnt/www/.cluster-volume !-f", "<Directory /mnt/www>"]
    {
        assert!(site.lines().any(|has| has.trim() == line), "{line}: {site}");
    }
    assert!(view.text(&format!("{UNITS}/apache2.service.d/cluster.conf")).contains("\nAfter=mnt-www.mount\n"));
    for path in ["/etc/apache2/conf-available/zz-cluster.conf", "/usr/share/berry-image/unavailable.asis"] {
        assert_eq!(view.mode(path), (0o644, 0, 0), "{path}");
    }
}

fn nothing(node: &Node, _base: &Base) {
    let view = &node.view;
    let config = config(node);
    for part in ["pool", "volume", "web"] {
        assert_eq!(config.get(part).unwrap_or(&Value::Null), &Value::Null, "{part}");
    }
    assert!(view.is_enabled(SYSTEM, WANTS));
    for unit in CLUSTER {
        assert!(!view.exists(&format!("{UNITS}/{unit}")) && !view.exists(&format!("{UNITS}/{WANTS}/{unit}")), "{unit}");
    }
    for path in ["glusterd.service", "glusterd.service.d/cluster.conf", "mnt-www.mount.d/cluster.conf", "apache2.service.d/cluster.conf"] {
        assert!(!view.exists(&format!("{UNITS}/{path}")), "{path}");
    }
    for path in [
        "/var/lib/glusterd/glusterd.info",
        "/etc/apache2/conf-available/zz-cluster.conf",
        "/etc/apache2/sites-available/000-cluster.conf",
        "/usr/share/berry-image/unavailable.asis",
    ] {
        assert!(!view.exists(path), "{path}");
    }
    for folder in ["/var/lib/glusterd/peers", "/etc/apache2/mods-enabled", "/etc/apache2/conf-enabled", "/etc/apache2/sites-enabled"] {
        assert_eq!(view.names(folder), Vec::<String>::new(), "{folder}");
    }
    for kind in ["module", "conf", "site"] {
        assert_eq!(view.names(&format!("/var/lib/apache2/{kind}/enabled_by_admin")), Vec::<String>::new(), "{kind}");
    }
    assert!(!view.text("/etc/fstab").contains("gluster"));
    assert_eq!(view.mode("/mnt/www"), (0o755, 0, 0));
    assert!(!flags(node, "/mnt/www").contains('i'));
}
