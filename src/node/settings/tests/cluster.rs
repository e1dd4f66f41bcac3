//! What is baked in for the first boot, the pool, the volume and the web server.

use berry_firstboot::{
    baked,
    config::{self, NodeConfig},
};

use super::*;
use crate::{
    base::facts::{Architecture, Release},
    node::testing::volume,
    profile::{BrickSize, VolumeKind, Web},
};

const DPKG: &str = "/var/lib/dpkg/status";

/// The profile of the article, with a volume and a web server.
fn served() -> Profile {
    let web = Web { root: "/mnt/www/htdocs".to_owned(), server_name: Some("www.example.org".to_owned()) };
    Profile { volume: Some(volume()), web: Some(web), ..home() }
}

fn stanza(name: &str, status: &str, version: &str) -> String {
    format!("Package: {name}\nStatus: {status}\nArchitecture: arm64\nMaintainer: x\nVersion: {version}\nDescription: x\n\n")
}

/// Raspberry Pi OS with these packages, and units of GlusterFS.
fn with_packages(status: &str) -> Tree {
    let mut tree = raspberry::tree();
    let mut editor = Editor::new(&mut tree, 0);
    editor.create(DPKG, 0o644, 0, 0, status).unwrap();
    for unit in ["glusterd", "glustereventsd"] {
        editor.create(&format!("/usr/lib/systemd/system/{unit}.service"), 0o644, 0, 0, "[Unit]\n").unwrap();
    }
    tree
}

fn unpacked() -> Tree {
    with_packages(&stanza("glusterfs-server", "hold ok unpacked", "10.3-5"))
}

fn nodes(profile: &Profile, facts: &Facts) -> (Ledger, Tree, Vec<Tree>) {
    let ledger = Ledger::create(profile, EPOCH).unwrap();
    let (common, trees) = build(unpacked(), facts, profile, &ledger);
    (ledger, common, trees)
}

fn config_of(tree: &Tree) -> NodeConfig {
    NodeConfig::parse(&tree.read(config::PATH).unwrap()).unwrap()
}

#[test]
fn a_node_of_the_pool_has_all_that_it_needs() {
    let profile = served();
    let (ledger, _, trees) = nodes(&profile, &raspberry::facts());
    let uuid = |index: usize| ledger.identity(&profile.nodes[index].name).unwrap().gluster_uuid;
    let wants = "/etc/systemd/system/multi-user.target.wants";
    check(
        &trees[1],
        &[
            ("/usr/lib/berry-image/berry-firstboot", "0755 0:0 \x7fELF of arm64"),
            ("/var/lib/glusterd/glusterd.info", &format!("0600 0:0 UUID={}\noperating-version=100000\n", uuid(1))),
            (&format!("/var/lib/glusterd/peers/{}", uuid(0)), &format!("0600 0:0 uuid={}\nstate=3\nhostname1=cluster01\n", uuid(0))),
            (&format!("/var/lib/glusterd/peers/{}", uuid(2)), &format!("0600 0:0 uuid={}\nstate=3\nhostname1=cluster03\n", uuid(2))),
            (&format!("/var/lib/glusterd/peers/{}", uuid(1)), "-"),
            (&format!("/var/lib/glusterd/peers/{}", uuid(3)), "-"),
            ("/mnt/www", "0000 0:0 /"),
            ("/etc/systemd/system/glustereventsd.service", "-> /dev/null"),
            ("/etc/systemd/system/glusterd.service.d", "-"),
            (&format!("{wants}/glusterd.service"), "-"),
            (&format!("{wants}/berry-firstboot-system.service"), "-> /etc/systemd/system/berry-firstboot-system.service"),
            (&format!("{wants}/berry-firstboot-cluster.service"), "-> /etc/systemd/system/berry-firstboot-cluster.service"),
            (&format!("{wants}/berry-volume.service"), "-> /etc/systemd/system/berry-volume.service"),
            ("/etc/apache2/mods-enabled/asis.load", "-> ../mods-available/asis.load"),
            ("/etc/apache2/mods-enabled/headers.load", "-> ../mods-available/headers.load"),
            ("/etc/apache2/mods-enabled/rewrite.load", "-> ../mods-available/rewrite.load"),
            ("/etc/apache2/mods-enabled/remoteip.load", "-> ../mods-available/remoteip.load"),
            ("/etc/apache2/conf-enabled/zz-cluster.conf", "-> ../conf-available/zz-cluster.conf"),
            ("/etc/apache2/sites-enabled/000-cluster.conf", "-> ../sites-available/000-cluster.conf"),
            ("/var/lib/apache2/module/enabled_by_admin/rewrite", "0644 0:0 "),
            ("/etc/apache2/sites-enabled/000-default.conf", "-"),
        ],
    );
    let mount_point = trees[1].inode(trees[1].lookup("/mnt/www").unwrap());
    assert_eq!(mount_point.meta.flags, 0x10, "immutable");
    let keeper = shown(&trees[1], "/etc/systemd/system/berry-volume.service");
    assert!(keeper.contains("\nExecStart=/usr/lib/berry-image/berry-firstboot keep\n"), "{keeper}");
    let login = shown(&trees[1], "/etc/update-motd.d/95-berry-firstboot");
    assert!(login.starts_with("0755 0:0 #!/bin/sh\n") && login.ends_with("/berry-firstboot status --login\n"), "{login}");
    let fstab = shown(&trees[1], "/etc/fstab");
    let line = "\nlocalhost:/volpi\t/mnt/www\tglusterfs\tnoauto,nofail,_netdev,log-level=WARNING,backup-volfile-servers=cluster01:cluster03,\
                x-systemd.after=glusterd.service,x-systemd.mount-timeout=60s\t0 0\n";
    assert!(fstab.ends_with(line), "{fstab}");
    let site = shown(&trees[1], "/etc/apache2/sites-available/000-cluster.conf");
    for line in
        ["ServerName www.example.org", "DocumentRoot /mnt/www/htdocs", "RewriteCond /mnt/www/.cluster-volume !-f", "<Directory /mnt/www>"]
    {
        assert!(site.lines().any(|has| has.trim() == line), "{line}: {site}");
    }
    assert!(!site.contains("RemoteIP"), "there is no balancer yet");
}

#[test]
fn first_boot_reads_what_the_profile_says() {
    let mut profile = served();
    profile.brick.size = BrickSize::Cap(8 << 30);
    let (ledger, _, trees) = nodes(&profile, &raspberry::facts());
    let identity = |index: usize| ledger.identity(&profile.nodes[index].name).unwrap();
    let config = config_of(&trees[1]);
    assert_eq!((config.format, config.epoch, config.cluster.as_str(), config.node.as_str()), (1, EPOCH, "cluster01", "cluster02"));
    let brick = &config.brick;
    assert_eq!((brick.partition, brick.mount.as_str(), brick.cap), (3, "/export", Some(8 << 30)));
    assert_eq!(brick.partition_uuid, format!("{}-03", identity(1).disk_id));
    assert_eq!(brick.uuid, identity(1).brick_uuid.to_string());
    let pool = config.pool.as_ref().unwrap();
    assert_eq!((pool.uuid.clone(), pool.operating_version), (identity(1).gluster_uuid.to_string(), 100_000));
    let peers: Vec<_> = pool.peers.iter().map(|peer| (peer.name.clone(), peer.uuid.clone())).collect();
    assert_eq!(peers, [0, 2].map(|index| (profile.nodes[index].name.to_string(), identity(index).gluster_uuid.to_string())));
    let volume = config.volume.as_ref().unwrap();
    assert_eq!((volume.name.as_str(), volume.kind, volume.mount.as_str()), ("volpi", VolumeKind::Replica { count: 3 }, "/mnt/www"));
    let bricks: Vec<_> = volume.bricks.iter().map(|brick| format!("{}:{}", brick.node, brick.path)).collect();
    assert_eq!(bricks, ["cluster01:/export/brick", "cluster02:/export/brick", "cluster03:/export/brick"]);
    assert_eq!(volume.options["auth.allow"], "192.168.2.5,192.168.2.7,192.168.2.6,10.0.0.0/8");
    let web = config.web.as_ref().unwrap();
    assert_eq!(
        (web.root.as_str(), web.marker.as_str(), web.unit.as_str()),
        ("/mnt/www/htdocs", "/mnt/www/.cluster-volume", "apache2.service")
    );
    let off: Vec<_> = web.apache.iter().filter(|switch| !switch.on).map(|switch| format!("{} {}", switch.program(), switch.name)).collect();
    assert_eq!(off, ["a2dismod autoindex", "a2dismod status", "a2dissite 000-default"]);
    // Every node knows who is the first, and all agree about the volume.
    let all: Vec<_> = trees[..3].iter().map(config_of).collect();
    assert_eq!(all.iter().map(NodeConfig::is_leader).collect::<Vec<_>>(), [true, false, false]);
    assert!(all.iter().all(|other| other.volume == config.volume && other.own_bricks().count() == 1));
}

#[test]
fn a_node_in_another_place_gets_only_what_every_node_gets() {
    let profile = served();
    let (_, common, trees) = nodes(&profile, &raspberry::facts());
    let far = config_of(&trees[3]);
    assert_eq!((far.pool, far.volume, far.web), (None, None, None));
    assert!(far.packages.pending);
    let plain = Profile { volume: None, web: None, ..served() };
    let ledger = Ledger::create(&plain, EPOCH).unwrap();
    let (_, plain_trees) = build(unpacked(), &raspberry::facts(), &plain, &ledger);
    let files = |tree: &Tree| {
        let is_file = |id: InodeId| !matches!(tree.inode(id).kind, Kind::Directory(_));
        paths(tree).into_iter().filter(|(_, id)| is_file(*id)).map(|(path, _)| path).collect::<Vec<_>>()
    };
    let masked = |path: &PathBuf| path != Path::new("/etc/systemd/system/glustereventsd.service");
    assert_eq!(files(&trees[3]).into_iter().filter(masked).collect::<Vec<_>>(), files(&plain_trees[3]));
    assert!(!shown(&trees[3], "/etc/fstab").contains("gluster"));
    check(&trees[3], &[("/mnt/www", "0755 0:0 /")]);
    assert_eq!(trees[3].inode(trees[3].lookup("/mnt/www").unwrap()).meta.flags, 0);
    // What is on all nodes of the pool is there once, and not once for each of them.
    let unit = "/etc/systemd/system/berry-volume.service";
    let id = common.lookup(unit).unwrap();
    assert!(trees[..3].iter().all(|tree| tree.lookup(unit) == Some(id) && tree.shares_inode(&common, id)));
}

#[test]
fn without_a_volume_only_disk_and_packages_are_left_to_first_boot() {
    let profile = home();
    let (_, _, trees) = nodes(&profile, &raspberry::facts());
    let config = config_of(&trees[0]);
    assert_eq!((config.pool, config.volume, config.web, config.brick.cap), (None, None, None, None));
    assert!(shown(&trees[0], "/etc/systemd/system/berry-firstboot-system.service").contains("RequiresMountsFor=/boot/firmware\n"));
    check(
        &trees[0],
        &[
            ("/etc/systemd/system/berry-firstboot-cluster.service", "-"),
            ("/etc/systemd/system/glusterd.service", "-"),
            ("/var/lib/glusterd/glusterd.info", "-"),
            ("/mnt/www", "-"),
            ("/etc/apache2", "-"),
        ],
    );
}

#[test]
fn glusterd_s_unit_is_replaced_up_to_bookworm_and_amended_from_trixie_on() {
    let unit = "/etc/systemd/system/glusterd.service";
    let (_, _, trees) = nodes(&served(), &raspberry::facts());
    let text = shown(&trees[0], unit);
    assert!(!text.contains("\nBefore=") && text.contains("\nAfter=network.target network-online.target export.mount\n"), "{text}");
    let trixie = Facts { release: Release::Trixie, ..raspberry::facts() };
    let (_, _, trees) = nodes(&served(), &trixie);
    check(&trees[0], &[(unit, "-")]);
    assert!(
        shown(&trees[0], "/etc/systemd/system/glusterd.service.d/cluster.conf").contains("\nAfter=network-online.target export.mount\n")
    );
}

#[test]
fn what_cannot_become_a_cluster_is_refused() {
    let profile = served();
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let said = |mut tree: Tree, facts: &Facts, gluster: Option<&str>| {
        let build = Build { gluster: gluster.map(str::to_owned), ..Build::new(&ledger, None) };
        common(&mut tree, facts, &profile, &build).map(drop).map_err(|error| error.to_string())
    };
    let facts = raspberry::facts();
    let armhf = Facts { architecture: Architecture::Armhf, ..raspberry::facts() };
    assert_eq!(
        said(unpacked(), &armhf, None).unwrap_err(),
        "this berry-image was built without the program of first boot for armhf images"
    );
    let none = said(raspberry::tree(), &facts, None).unwrap_err();
    assert_eq!(none, "the volume needs the package `glusterfs-server`, and neither the image nor the lock has it");
    assert_eq!(said(raspberry::tree(), &facts, Some("9.2-1")), Ok(()));
    let old = said(with_packages(&stanza("glusterfs-server", "install ok installed", "5.5-3")), &facts, Some("10.3-5")).unwrap_err();
    assert_eq!(old, "GlusterFS 5.5-3 is none of those whose pool can be prepared: 9, 10 and 11");
    let mut taken = unpacked();
    Editor::new(&mut taken, 0).create("/mnt/www/index.html", 0o644, 0, 0, "x").unwrap();
    assert_eq!(said(taken, &facts, None).unwrap_err(), "the mount point `/mnt/www` is already taken in the base image");
    assert_eq!(said(with_packages("Package: x\nStatus: odd\n"), &facts, None).unwrap_err(), "the packages of the image cannot be told");
}

#[test]
fn packages_that_wait_are_told() {
    let profile = home();
    let ledger = Ledger::create(&profile, EPOCH).unwrap();
    let packages = |status: &str| config_of(&build(with_packages(status), &raspberry::facts(), &profile, &ledger).1[0]).packages;
    let quiet = packages(&stanza("rsync", "install ok installed", "1"));
    assert_eq!((quiet.pending, quiet.hold.len()), (false, 0));
    assert!(packages(&stanza("rsync", "deinstall ok installed", "1")).pending);
    assert!(
        packages(
            &stanza("man-db", "install ok triggers-pending", "1").replace("Description", "Triggers-Pending: /usr/share/man\nDescription")
        )
        .pending
    );
    let mut tree = with_packages(&stanza("rsync", "install ok installed", "1"));
    Editor::new(&mut tree, 0).create("/var/lib/dpkg/triggers/Unincorp", 0o644, 0, 0, "/usr/share/man -\n").unwrap();
    assert!(config_of(&build(tree, &raspberry::facts(), &profile, &ledger).1[0]).packages.pending);
    // An old dpkg would not configure what is on hold: it is put on hold afterwards.
    let waiting = stanza("glusterfs-server", "install ok unpacked", "9.2-1") + &stanza("rsync", "install ok unpacked", "1");
    let waiting = packages(&waiting);
    assert_eq!((waiting.pending, waiting.hold), (true, vec!["glusterfs-server".to_owned()]));
    assert!(packages(&stanza("glusterfs-server", "hold ok unpacked", "10.3-5")).hold.is_empty());
}

#[test]
fn systemd_accepts_the_units_and_rates_their_exposure() {
    let mut profile = served();
    if let Some(volume) = &mut profile.volume {
        volume.mount_point = "/mnt/my-www".to_owned();
    }
    profile.brick.mount_point = "/srv/my-brick".to_owned();
    let (_, _, trees) = nodes(&profile, &raspberry::facts());
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let read = |name: &str| trees[0].read_text(format!("/etc/systemd/system/{name}")).unwrap();
    // The programs of an image are not here.
    let here = |text: &str| text.replace(baked::PROGRAM, "/bin/true");
    let glusterd = read("glusterd.service").replace("/usr/sbin/glusterd", "/bin/true");
    put("glusterd.service", &glusterd);
    for name in ["berry-firstboot-system.service", "berry-firstboot-cluster.service", "berry-volume.service", "glusterd.service"] {
        let text = if name == "glusterd.service" { glusterd.clone() } else { here(&read(name)) };
        let path = put(name, &text);
        let printed = run("systemd-analyze", &["verify", "--man=no", "--recursive-errors=no", &path]);
        assert!(!printed.contains("berry-") && !printed.contains("glusterd"), "{name}: {printed}");
        if name == "berry-firstboot-cluster.service" || name == "berry-volume.service" {
            run("systemd-analyze", &["security", "--offline=yes", "--threshold=30", "--no-pager", &path]);
        }
    }
    // Which device the brick is on is told by links in /dev/disk.
    let cluster = read("berry-firstboot-cluster.service");
    assert!(!cluster.lines().any(|line| line.starts_with("PrivateDevices=")) && cluster.contains("\nDevicePolicy=closed\n"));
    assert!(cluster.contains("\nReadWritePaths=-/boot/firmware/node-status.txt\n"), "{cluster}");
    assert!(read("berry-volume.service").contains(&format!("\nExecStart={} keep\n", baked::PROGRAM)));
    assert!(read("mnt-my\\x2dwww.mount.d/cluster.conf").ends_with("[Mount]\nLazyUnmount=yes\n"));
    assert!(read("apache2.service.d/cluster.conf").contains("\nAfter=mnt-my\\x2dwww.mount\n"));
}
