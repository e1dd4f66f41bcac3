//! What the profile lays over the rest.

use super::*;
use crate::{
    overlay::{Content as Filling, Entry, Item, On, Overlay, Owner},
    secret::Secret,
};

fn owner(user: &str, group: &str) -> Owner {
    Owner { user: user.to_owned(), group: group.to_owned() }
}

fn entry(on: On, path: &str, item: Item) -> Entry {
    Entry { place: format!("site/manifest of {path}"), on, path: path.to_owned(), item }
}

fn file(permissions: u16, owner: Owner, content: Filling) -> Item {
    Item::File { permissions, owner, content: Secret::new(content) }
}

fn bytes(text: &str) -> Filling {
    Filling::Bytes(std::sync::Arc::new(text.as_bytes().to_vec()))
}

fn template(text: &str) -> Filling {
    Filling::Template { text: text.to_owned(), name: "site/x.template".to_owned() }
}

/// The cluster with overlays of these entries.
fn laid(overlays: Vec<Vec<Entry>>) -> Profile {
    let overlays = overlays.into_iter().map(|entries| Overlay { folder: PathBuf::from("site"), entries }).collect();
    Profile { overlays, ..home() }
}

#[test]
fn it_lies_on_top_with_its_owners_and_modes() {
    let root = || owner("root", "0");
    let profile = laid(vec![
        vec![
            entry(On::Every, "/etc/motd", file(0o600, owner("berry", "berry"), bytes("all\n"))),
            entry(On::Every, "/etc/who.conf", file(0o640, root(), template("{{node}} of {{cluster}}\n"))),
            entry(On::Every, "/etc/ssh/sshd_config.d/00-berry.conf", file(0o644, root(), bytes("# mine\n"))),
            entry(On::Pool, "/etc/pool", file(0o644, root(), template("{{address}}\n"))),
            entry(On::Remote, "/etc/far", Item::Link("/etc/motd".to_owned())),
            entry(On::Named(vec!["cluster02".to_owned()]), "/srv/only", Item::Folder { permissions: 0o2770, owner: owner("33", "44") }),
        ],
        vec![entry(On::Named(vec!["cluster03".to_owned()]), "/etc/motd", file(0o644, root(), bytes("third\n")))],
    ]);
    let (_, trees) = raspberry_nodes(&profile);
    let uid = "1000:1000";
    for (index, tree) in trees.iter().enumerate() {
        let number = index + 1;
        let who = format!("0640 0:0 cluster0{number} of cluster01\n");
        let motd = if number == 3 { "0644 0:0 third\n".to_owned() } else { format!("0600 {uid} all\n") };
        let address = ["0644 0:0 192.168.2.5\n", "0644 0:0 192.168.2.7\n", "0644 0:0 192.168.2.6\n", "-"][index];
        let far = if number == 4 { "-> /etc/motd" } else { "-" };
        let only = if number == 2 { "2770 33:44 /" } else { "-" };
        let expected = [
            ("/etc/motd", motd.as_str()),
            ("/etc/who.conf", &who),
            ("/etc/ssh/sshd_config.d/00-berry.conf", "0644 0:0 # mine\n"),
            ("/etc/pool", address),
            ("/etc/far", far),
            ("/srv/only", only),
        ];
        check(tree, &expected);
    }
}

#[test]
fn what_every_node_gets_keeps_its_inode() {
    let every = entry(On::Every, "/etc/who.conf", file(0o644, owner("0", "0"), template("{{node}}")));
    let profile = laid(vec![vec![every]]);
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let (common, trees) = build(raspberry::tree(), &raspberry::facts(), &profile, &ledger);
    let id = common.lookup("/etc/who.conf").unwrap();
    assert!(trees.iter().all(|tree| tree.lookup("/etc/who.conf") == Some(id)));
    assert!(trees[0].shares_inode(&common, id) && !trees[1].shares_inode(&common, id), "the first node's values stand there already");
}

#[test]
fn what_the_profile_says_and_what_the_image_lacks_is_told() {
    let root = || owner("0", "0");
    let said = |path: &str, item: Item| {
        let profile = laid(vec![vec![entry(On::Every, path, item)]]);
        let ledger = Ledger::create(&profile, EPOCH).unwrap();
        common(&mut raspberry::tree(), &raspberry::facts(), &profile, &Build::new(&ledger, None)).unwrap_err().to_string()
    };
    for path in ["/etc/hostname", "/etc/shadow", "/etc/machine-id", "/etc/berry-image/node.json", ssh::HOST_KEY, network_manager::KEYFILE] {
        let expected = format!("site/manifest of {path}: `{path}` is made of the profile, and not to be replaced");
        assert_eq!(said(path, file(0o644, root(), bytes(""))), expected);
    }
    assert_eq!(
        said("/etc/a", file(0o644, owner("nobody2", "0"), bytes(""))),
        "site/manifest of /etc/a: the image has no user `nobody2`; those that a package makes when it is configured are not there yet"
    );
    assert_eq!(
        said("/etc/a", Item::Folder { permissions: 0o755, owner: owner("0", "x") }),
        "site/manifest of /etc/a: the image has no group `x`; those that a package makes when it is configured are not there yet"
    );
    for number in ["4294967295", "4294967296"] {
        let expected = format!("site/manifest of /etc/a: `{number}` is no number of a user");
        assert_eq!(said("/etc/a", file(0o644, owner(number, "0"), bytes(""))), expected);
    }
    // By whatever links: `/lib` is one of the image.
    let program = "/lib/berry-image/berry-firstboot";
    assert!(said(program, file(0o644, root(), bytes(""))).contains("`/usr/lib/berry-image/berry-firstboot` is made of the profile"));
    assert!(said("/etc", file(0o644, root(), bytes(""))).starts_with("site/manifest of /etc: "));
    assert!(said("/etc/passwd/x", Item::Link("x".to_owned())).starts_with("site/manifest of /etc/passwd/x: "));
    assert_eq!(said("/etc/a", file(0o644, root(), template("{{x}}"))), "site/x.template:1: `x` has no value");
}

#[test]
fn no_link_leads_to_what_is_not_to_be_laid_over() {
    let laid_through = |target: &str, path: &str, item: Item| {
        let link = entry(On::Every, "/srv/way", Item::Link(target.to_owned()));
        let profile = laid(vec![vec![link], vec![entry(On::Pool, path, item)]]);
        let ledger = Ledger::create(&profile, EPOCH).unwrap();
        let mut tree = raspberry::tree();
        let shared = common(&mut tree, &raspberry::facts(), &profile, &Build::new(&ledger, None)).unwrap();
        let (node, names) = (&profile.nodes[0], PartUuids::of(&Table::Mbr(Mbr::new(1))));
        let identity = ledger.identity(&node.name).unwrap();
        personal(&mut tree, &raspberry::facts(), &profile, node, identity, &names, &shared).map_err(|error| error.to_string())
    };
    let file = || file(0o644, owner("0", "0"), bytes(""));
    let folder = || Item::Folder { permissions: 0o777, owner: owner("0", "0") };
    for (target, path, item, real) in [
        ("/etc", "/srv/way/shadow", file(), "/etc/shadow"),
        ("../etc", "/srv/way/hostname", file(), "/etc/hostname"),
        ("/var/lib/dpkg", "/srv/way/status", file(), "/var/lib/dpkg/status"),
        ("/boot", "/srv/way", folder(), "/boot"),
        ("/export/brick", "/srv/way/x", folder(), "/export/brick/x"),
    ] {
        let said = laid_through(target, path, item).unwrap_err();
        assert!(said.starts_with(&format!("site/manifest of {path}: ")) && said.contains(&format!("`{real}`")), "{said}");
    }
    laid_through("/etc", "/srv/way/motd", file()).unwrap();
    // What is put in the place of a link changes nothing where it leads.
    laid_through("/etc/shadow", "/srv/way", file()).unwrap();
}
