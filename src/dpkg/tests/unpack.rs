//! Packages that come.

use super::kit::{EPOCH, Package, SHIPPED, System};
use crate::dpkg::{DpkgError, Incoming, Orders};

#[test]
fn files_come_with_what_dpkg_records() {
    let mut system = System::new();
    let package = Package::new("a", "1")
        .file("/usr/bin/a", "one")
        .of("daemon", 0o4755)
        .hard_link("/usr/bin/b", "/usr/bin/a")
        .of("daemon", 0o4755)
        .link("/usr/bin/l", "a")
        .folder("/lib")
        .folder("/lib/x")
        .file("/lib/x/f", "two")
        .conffile("/etc/a/conf", "three\n")
        .control("postinst", "#!/bin/sh\nexit 0\n")
        .control("strange", "kept");
    let report = system.unpack(&[&package]);
    assert_eq!(report.unpacked, [("a".to_owned(), "1".to_owned())]);
    let inode = |path: &str| system.tree.inode(system.tree.lookup(path).unwrap());
    let a = inode("/usr/bin/a");
    // The name of the owner counts, where the system knows it.
    assert_eq!((a.mode(), a.meta.uid, a.meta.mtime.seconds, a.meta.atime.seconds), (0o104_755, 7, SHIPPED, EPOCH));
    assert_eq!(system.tree.lookup("/usr/bin/a"), system.tree.lookup("/usr/bin/b"));
    assert_eq!(system.target("/usr/bin/l").as_deref(), Some("a"));
    // Through the link of a merged /usr, which stays one.
    assert_eq!((system.text("/usr/lib/x/f").as_str(), system.target("/lib").as_deref()), ("two", Some("usr/lib")));
    assert!(system.text("/etc/a/conf.dpkg-new") == "three\n" && !system.has("/etc/a/conf"));
    let expected = "Package: a\nStatus: install ok unpacked\nMaintainer: m\nArchitecture: arm64\nVersion: 1\n\
        Conffiles:\n /etc/a/conf newconffile\nDescription: d\n";
    assert_eq!(system.stanza("a"), expected);
    let paths = [
        "/.",
        "/usr",
        "/usr/bin",
        "/usr/share",
        "/usr/bin/a",
        "/usr/bin/b",
        "/lib",
        "/lib/x",
        "/lib/x/f",
        "/etc/a",
        "/etc/a/conf",
        "/usr/bin/l",
    ];
    assert_eq!(system.list("a"), paths);
    assert!(system.has("/var/lib/dpkg/info/a.postinst") && system.text("/var/lib/dpkg/info/a.strange") == "kept");
    let sums = system.text("/var/lib/dpkg/info/a.md5sums");
    assert_eq!(sums.lines().map(|line| &line[34..]).collect::<Vec<_>>(), ["usr/bin/a", "usr/bin/b", "lib/x/f", "etc/a/conf"]);
}

#[test]
fn a_file_of_another_package_is_taken_only_with_replaces() {
    let mut system = System::new();
    system.unpack(&[&Package::new("old", "1").file("/usr/bin/x", "old").file("/usr/bin/y", "old")]);
    system.configure();
    let new = Package::new("new", "1").file("/usr/bin/x", "new");
    let error = system.try_unpack(&[&new]).unwrap_err();
    assert!(matches!(&error, DpkgError::Conflict { path, owner, .. } if path == "/usr/bin/x" && owner.contains("old 1")), "{error}");
    let error = system.try_unpack(&[&new.clone().field("Replaces: old (<< 1)")]).unwrap_err();
    assert!(matches!(error, DpkgError::Conflict { .. }));
    system.unpack(&[&new.field("Replaces: old (<= 1)")]);
    assert_eq!(system.text("/usr/bin/x"), "new");
    assert!(!system.list("old").contains(&"/usr/bin/x".to_owned()) && system.list("old").contains(&"/usr/bin/y".to_owned()));
}

#[test]
fn what_an_installed_package_replaces_is_left_out() {
    let mut system = System::new();
    system.unpack(&[&Package::new("old", "1").field("Replaces: new").file("/usr/bin/x", "old")]);
    system.configure();
    system.unpack(&[&Package::new("new", "1").file("/usr/bin/x", "new")]);
    assert_eq!(system.text("/usr/bin/x"), "old");
    assert!(!system.list("new").contains(&"/usr/bin/x".to_owned()));
}

#[test]
fn a_package_that_lost_all_its_files_disappears() {
    let mut system = System::new();
    system.unpack(&[&Package::new("old", "1").file("/usr/bin/x", "old")]);
    system.configure();
    let mut needed = system.clone();
    let new = Package::new("new", "1").field("Replaces: old").file("/usr/bin/x", "new");
    system.unpack(&[&new]);
    assert_eq!((system.stanza("old").as_str(), system.has("/var/lib/dpkg/info/old.list")), ("\n", false));
    // Unless somebody needs it.
    needed.unpack(&[&Package::new("user", "1").field("Depends: old").file("/usr/bin/u", "u"), &new]);
    assert_eq!(needed.field("old", "Status").as_deref(), Some("install ok installed"));
}

#[test]
fn diversions_overrides_and_filters_are_honoured() {
    let mut system = System::new();
    system.put("/var/lib/dpkg/diversions", "/usr/bin/x\n/usr/bin/x.real\nmine\n/usr/bin/y\n/usr/bin/y.local\n:\n");
    system.put("/var/lib/dpkg/statoverride", "daemon #9 2750 /usr/bin/z\n");
    system.put("/etc/dpkg/dpkg.cfg.d/docs", "path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n");
    let files = ["/usr/bin/x", "/usr/bin/y", "/usr/bin/z", "/usr/share/doc/d/copyright", "/usr/share/doc/d/news"];
    let with_files = |name: &str, files: &[&str]| {
        let package = Package::new(name, "1").folder("/usr/share/doc").folder("/usr/share/doc/d");
        files.iter().fold(package, |package, path| package.file(path, name))
    };
    system.unpack(&[&with_files("other", &files), &with_files("mine", &files[..1])]);
    assert_eq!((system.text("/usr/bin/x.real").as_str(), system.text("/usr/bin/x").as_str()), ("other", "mine"));
    assert!(system.text("/usr/bin/y.local") == "other" && !system.has("/usr/bin/y"));
    let z = system.tree.inode(system.tree.lookup("/usr/bin/z").unwrap());
    assert_eq!((z.mode(), z.meta.uid, z.meta.gid), (0o102_750, 7, 9));
    assert!(system.has("/usr/share/doc/d/copyright") && !system.has("/usr/share/doc/d/news"));
    assert!(files.iter().all(|path| system.list("other").contains(&(*path).to_owned())));
    // Where a diversion leads to is nobody's.
    let error = system.try_unpack(&[&with_files("bad", &["/usr/bin/x.real"])]).unwrap_err();
    assert!(matches!(error, DpkgError::Conflict { .. }), "{error}");
}

#[test]
fn folders_and_links_that_are_there_stay() {
    let mut system = System::new();
    system.put("/usr/share/real/keep", "");
    let meta = system.tree.inode(system.tree.lookup("/usr").unwrap()).meta.clone();
    system.tree.put_link("/usr/share/alias", "real", meta).unwrap();
    let package = Package::new("a", "1")
        .folder("/usr/share/alias")
        .file("/usr/share/alias/f", "f")
        .link("/usr/share/real", "elsewhere")
        .link("/usr/share/same", "../share/real");
    system.unpack(&[&package]);
    assert_eq!((system.target("/usr/share/alias").as_deref(), system.text("/usr/share/real/f").as_str()), (Some("real"), "f"));
    assert!(system.target("/usr/share/real").is_none() && system.has("/usr/share/real/keep"));
    assert_eq!(system.target("/usr/share/same").as_deref(), Some("../share/real"));
}

#[test]
fn what_has_no_place_is_refused() {
    let refused = |package: Package| System::new().try_unpack(&[&package]).unwrap_err().to_string();
    let package = || Package::new("a", "1");
    for (package, part) in [
        (package().file("/none/f", ""), "`/none/f` cannot be put into the image"),
        (package().file("/usr/bin/a\nb", ""), "line feed"),
        (package().hard_link("/usr/bin/b", "/usr/bin/none"), "hard link to what is not there"),
        (package().field("Architecture: amd64"), "it is for amd64, and the image is arm64"),
        (package().field("Version: x"), "Version"),
        (package().control("conffiles", "etc/x\n"), "neither an absolute path"),
        (package().control("triggers", "interest Unincorp\n"), "a file of dpkg's own"),
        (package().control("conffiles", "unknown-flag /etc/x\n"), "neither an absolute path"),
        (package().control("triggers", "interested x\n"), "neither `interest` nor `activate`"),
        (package().control("triggers", "interest ../x\n"), "neither a path nor a name"),
        (package().control("conffiles", "remove-on-upgrade /usr/bin/c\n").file("/usr/bin/c", ""), "a conffile that the package removes"),
    ] {
        let error = refused(package);
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_database_that_is_not_sound_is_refused() {
    let package = Package::new("a", "1");
    for (path, text, part) in [
        ("/var/lib/dpkg/info/format", "2\n", "has format 2"),
        ("/var/lib/dpkg/updates/0001", "", "was interrupted"),
        ("/var/lib/dpkg/status", "Package: b\nStatus: install reinstreq half-installed\nVersion: 1\n", "install reinstreq half-installed"),
        ("/var/lib/dpkg/status", "Package: b\n", "three words"),
        ("/var/lib/dpkg/diversions", "/a\n/b\n", "three lines"),
        ("/var/lib/dpkg/statoverride", "nobody root 755 /x\n", "owner is not known"),
        ("/var/lib/dpkg/triggers/File", "usr b\n", "no path and package"),
    ] {
        let mut system = System::new();
        system.put(path, text);
        let error = system.try_unpack(&[&package]).unwrap_err().to_string();
        assert!(error.contains(part), "{path}: {error}");
    }
}

#[test]
fn libraries_for_several_architectures_stand_side_by_side() {
    let library = |architecture: &str, text: &str| {
        Package::new("lib", "1").field("Multi-Arch: same").field(&format!("Architecture: {architecture}")).file("/usr/share/common", text)
    };
    let mut system = System::new();
    system.put("/var/lib/dpkg/status", "Package: lib\nStatus: install ok installed\nArchitecture: armhf\nMulti-Arch: same\nVersion: 1\n");
    system.put("/var/lib/dpkg/info/lib:armhf.list", "/.\n/usr\n/usr/share\n/usr/share/common\n");
    system.put("/usr/share/common", "same");
    assert!(matches!(system.try_unpack(&[&library("arm64", "other")]), Err(DpkgError::Conflict { .. })));
    system.unpack(&[&library("arm64", "same")]);
    assert!(system.list("lib:arm64").contains(&"/usr/share/common".to_owned()));
    let status = system.text("/var/lib/dpkg/status");
    assert!(status.find("Architecture: arm64").unwrap() < status.find("Architecture: armhf").unwrap());
    // Where one of them is awaited, it is named with its architecture.
    let watching = library("arm64", "same").field("Version: 2").control("triggers", "interest /usr/share/w\n");
    let mut alone = System::new();
    alone.unpack(&[&watching]);
    alone.configure();
    alone.unpack(&[&Package::new("a", "1").own().folder("/usr/share/w")]);
    assert_eq!(alone.field("a", "Triggers-Awaited").as_deref(), Some("lib:arm64"));
}

#[test]
fn what_came_by_itself_is_marked_and_what_must_agree_is_held() {
    let mut system = System::new();
    let mark = |name: &str| format!("Package: {name}\nArchitecture: arm64\nAuto-Installed: 1\n\n");
    system.put("/var/lib/apt/extended_states", &["b", "gone", "there"].map(mark).concat());
    system.unpack(&[&Package::new("there", "1").own(), &Package::new("b", "1").own()]);
    system.configure();
    assert_eq!(system.text("/var/lib/apt/extended_states"), ["b", "there"].map(mark).concat());
    let library = Package::new("libgf0", "1").own().field("Source: glusterfs (1)");
    let dpkg = |version: &str| Package::new("dpkg", version).own();
    let orders = |version: &str| Orders {
        come: [
            (dpkg(version), false),
            (library.clone(), false),
            (Package::new("glusterfs-server", "1").own(), true),
            (Package::new("x", "1").own(), false),
        ]
        .map(|(package, is_asked)| Incoming { deb: package.deb(), is_asked })
        .into(),
        hold: vec!["glusterfs*".to_owned()],
        asked: vec!["b".to_owned()],
        architecture: "arm64".to_owned(),
        epoch: EPOCH,
        ..Orders::default()
    };
    let mut old = system.clone();
    let report = system.try_apply(&orders("1.21.22")).unwrap();
    assert_eq!(report.held, ["glusterfs-server", "libgf0"]);
    assert_eq!(system.field("libgf0", "Status").as_deref(), Some("hold ok unpacked"));
    assert_eq!(system.text("/var/lib/apt/extended_states"), ["there", "dpkg", "libgf0", "x"].map(mark).concat());
    // An older dpkg would leave what is on hold unconfigured.
    assert!(old.try_apply(&orders("1.19.8")).unwrap().held.is_empty());
}

#[test]
fn what_a_preinst_does_is_done_or_refused_by_name() {
    let shell = |body: &str| format!("#!/bin/sh\nset -e\n{body}\n");
    let tools = ["dpkg-divert", "update-alternatives", "mkdir", "touch", "frobnicate", "chown", "addgroup", "ucf"];
    let mut system = System::new();
    system.unpack(&[&tools
        .iter()
        .fold(Package::new("tools", "1"), |package, name| package.file(&format!("/usr/bin/{name}"), "").of("root", 0o755))]);
    system.configure();
    let with = |body: &str| Package::new("a", "1").own().control("preinst", &shell(body));
    // A folder and a mark, as Python's; an alternative that nobody has.
    let body = "if [ \"$1\" = install ]; then mkdir -p /var/lib/a; touch /var/lib/a/mark; fi\nupdate-alternatives --auto a || true";
    let mut done = system.clone();
    done.unpack(&[&with(body)]);
    assert!(done.has("/var/lib/a/mark"));
    // A configuration file is taken out of records that do not have it.
    system.put("/var/lib/ucf/hashfile", "0123456789abcdef0123456789abcdef  /etc/other.conf\n");
    system.clone().unpack(&[&with("ucf --purge /etc/a.conf || true")]);
    // A diversion, by which the package may have a file of another.
    let divert = "dpkg-divert --package a --add --rename --divert /usr/bin/touch.real /usr/bin/touch >/dev/null";
    let mut done = system.clone();
    done.unpack(&[&with(divert).file("/usr/bin/touch", "own")]);
    assert_eq!((done.text("/usr/bin/touch").as_str(), done.text("/usr/bin/touch.real").as_str()), ("own", ""));
    assert_eq!(done.text("/var/lib/dpkg/diversions"), "/usr/bin/touch\n/usr/bin/touch.real\na\n");
    for (body, part) in [
        ("frobnicate --all", "frobnicate"),
        ("update-alternatives --install /usr/bin/x x /usr/bin/y 10", "changes an alternative"),
        ("echo x > /etc/x", "writes `/etc/x`"),
        ("exit 3", "exit status 3"),
        ("ucf -p /etc/other.conf", "changes a configuration file"),
        ("ucf /usr/share/a /etc/a.conf", "changes a configuration file"),
    ] {
        let error = system.try_unpack(&[&with(body)]).unwrap_err();
        let DpkgError::Script { package, script, line, reason } = &error else { panic!("{error}") };
        assert_eq!((package.as_str(), script.as_str(), *line), ("a", "preinst install", 3));
        assert!(reason.contains(part), "{reason}");
    }
    let error = system.try_unpack(&[&Package::new("a", "1").control("preinst", "#!/usr/bin/perl\n")]).unwrap_err();
    assert!(error.to_string().contains("not one for sh or bash"), "{error}");
}
