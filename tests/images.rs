//! The main job, end to end: the built program makes the article's cluster out of a real base, and other programs judge every image.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use support::{
    image::Image,
    program::{berry, berry_apart, fails, folder, ok, output, profile_in, shell, tool},
};

const NODES: [&str; 4] = ["cluster01", "cluster02", "cluster03", "cluster04"];

struct Built {
    folder: tempfile::TempDir,
    said: String,
}

impl Built {
    fn profile(&self) -> PathBuf {
        self.folder.path().join("cluster01.yaml")
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    fn image(&self, node: &str) -> Image {
        Image::open(&self.output().join(format!("{node}.img")))
    }
}

/// One build that all tests look at. Tests that write do so in a folder of their own.
static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let folder = folder();
    let profile = profile_in(folder.path(), "cluster01.yaml");
    let result = output(berry().arg("build").arg(&profile).arg("--output").arg(folder.path().join("images")));
    let said = String::from_utf8_lossy(&result.stderr).into_owned();
    assert!(result.status.success(), "{said}");
    let result = String::from_utf8_lossy(&result.stdout).into_owned();
    assert!(NODES.iter().all(|node| result.contains(&format!("{node}.img"))), "{result}");
    Built { folder, said }
});

fn images() -> Vec<Image> {
    NODES.map(|node| BUILT.image(node)).into()
}

#[test]
fn every_image_passes_the_checkers() {
    let folder = folder();
    for image in images() {
        image.verify_table();
        image.verify_fat(folder.path());
        image.verify_ext4(2);
        image.verify_ext4(3);
        assert_eq!(image.partitions.iter().map(|p| p.kind.as_str()).collect::<Vec<_>>(), ["c", "83", "83"]);
        assert!(image.partitions.iter().all(|p| p.start.is_multiple_of(4 << 20)), "{:?}", image.partitions);
    }
}

#[test]
fn partition_uuids_agree_everywhere() {
    for image in images() {
        let root = format!("PARTUUID={}", image.partitions[1].uuid);
        let boot = format!("PARTUUID={}", image.partitions[0].uuid);
        let command_line = image.boot_file("cmdline.txt");
        assert_eq!(command_line.split_whitespace().filter(|word| word.starts_with("root=")).collect::<Vec<_>>(), [format!("root={root}")]);
        assert_eq!(command_line.lines().count(), 1);
        let table = image.root_file("/etc/fstab");
        let device = |mount: &str| {
            let fields = table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect::<Vec<_>>());
            fields.filter(|fields| fields.get(1) == Some(&mount)).map(|fields| fields[0].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(device("/"), std::slice::from_ref(&root));
        assert_eq!(device("/boot/firmware"), [boot]);
        assert_eq!(device("/export"), [format!("UUID={}", image.superblock(3, "Filesystem UUID"))]);
        assert!(image.root_file("/etc/default/raspi-firmware").contains(&root));
    }
}

#[test]
fn identities_differ_between_nodes() {
    type Of = fn(&Image) -> String;
    let identity: [(&str, Of); 6] = [
        ("disk id", |image| image.disk_id.clone()),
        ("host name", |image| image.root_file("/etc/hostname")),
        ("machine id", |image| image.root_file("/etc/machine-id")),
        ("host key", |image| image.root_file("/etc/ssh/ssh_host_ed25519_key")),
        ("public host key", |image| image.root_file("/etc/ssh/ssh_host_ed25519_key.pub")),
        ("brick", |image| image.superblock(3, "Filesystem UUID")),
    ];
    for (what, of) in identity {
        let values: BTreeSet<String> = images().iter().map(of).collect();
        assert_eq!(values.len(), NODES.len(), "each node needs its own {what}: {values:?}");
    }
    let roots: BTreeSet<String> = images().iter().map(|image| image.superblock(2, "Filesystem UUID")).collect();
    assert_eq!(roots.len(), 1, "the root's UUID belongs to the build");
}

#[test]
fn the_hosts_file_knows_all_nodes_and_the_remote_one_knows_none() {
    let words = |text: &str| text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect::<Vec<Vec<String>>>();
    for image in &images()[..3] {
        let hosts = words(&image.root_file("/etc/hosts"));
        for (address, name) in [("192.168.2.5", "cluster01"), ("192.168.2.7", "cluster02"), ("192.168.2.6", "cluster03")] {
            assert!(hosts.iter().any(|line| line[..] == [address, name]), "{hosts:?}");
        }
        assert!(!hosts.iter().flatten().any(|word| word.contains("example.org")), "a public name is left to DNS: {hosts:?}");
    }
    let remote = words(&images()[3].root_file("/etc/hosts"));
    assert!(!remote.iter().flatten().any(|word| ["cluster01", "cluster02", "cluster03"].contains(&word.as_str())), "{remote:?}");
    assert!(remote.iter().any(|line| line.iter().any(|word| word == "cluster04.example.org")), "{remote:?}");
}

#[test]
fn no_password_and_no_wizard_survive() {
    for image in images() {
        for line in image.root_file("/etc/shadow").lines() {
            let hash = line.split(':').nth(1).expect("a password field");
            assert!(hash.starts_with(['!', '*']), "{line}");
        }
        assert_eq!(
            image.debugfs(2, "stat /etc/ssh/ssh_host_ed25519_key").lines().find(|l| l.contains("Mode:")).map(|l| l.contains("0600")),
            Some(true)
        );
        assert!(!image.boot_file("cmdline.txt").contains("firstboot"));
    }
}

#[test]
fn a_rebuild_is_byte_identical_whatever_the_surroundings() {
    let first = &*BUILT;
    let elsewhere = folder();
    let again = elsewhere.path().join("other/place");
    fs::create_dir_all(&again).unwrap();
    let script = "umask 000; cd \"$1\"; exec \"$2\" build \"$3\" --output out --jobs 1";
    let program = berry().get_program().to_owned();
    ok(tool("bash")
        .env("TZ", "Asia/Tokyo")
        .env("LC_ALL", "C.UTF-8")
        .env("TMPDIR", elsewhere.path())
        .args(["-euc", script, "bash"])
        .args([again.as_os_str(), &program, first.profile().as_os_str()]));
    for node in NODES {
        let (one, two) = (first.output().join(format!("{node}.img")), again.join(format!("out/{node}.img")));
        ok(tool("cmp").arg(&one).arg(&two));
        for path in [one, two] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "images hold keys");
        }
    }
    assert_eq!(fs::read(first.output().join("manifest.json")).unwrap(), fs::read(again.join("out/manifest.json")).unwrap());
}

#[test]
fn one_node_built_alone_is_the_same_image() {
    let folder = folder();
    ok(berry().arg("build").arg(BUILT.profile()).args(["--node", "cluster03", "--output"]).arg(folder.path()));
    ok(tool("cmp").arg(BUILT.output().join("cluster03.img")).arg(folder.path().join("cluster03.img")));
    assert!(!folder.path().join("cluster01.img").exists());
}

/// The 4 KiB blocks in which two files differ, up to `end`.
fn differing_blocks(one: &Path, two: &Path, end: u64) -> Vec<u64> {
    let mut files = [one, two].map(|path| File::open(path).unwrap().take(end));
    let mut buffers = [vec![0; 1 << 20], vec![0; 1 << 20]];
    let mut blocks = Vec::new();
    for chunk in 0..end / (1 << 20) {
        for (file, buffer) in files.iter_mut().zip(&mut buffers) {
            file.read_exact(buffer).unwrap();
        }
        if buffers[0] != buffers[1] {
            let pairs = buffers[0].chunks(4096).zip(buffers[1].chunks(4096)).enumerate();
            blocks.extend(pairs.filter(|(_, (a, b))| a != b).map(|(index, _)| chunk * 256 + index as u64));
        }
    }
    blocks
}

#[test]
fn two_nodes_differ_in_few_blocks() {
    let images = images();
    let end = images[0].partitions[2].start;
    for other in &images[1..] {
        let blocks = differing_blocks(&images[0].path, &other.path, end);
        println!("{} and {} differ in {} blocks outside the brick", images[0].path.display(), other.path.display(), blocks.len());
        assert!((1..=64).contains(&blocks.len()), "{}: {blocks:?}", other.path.display());
    }
}

#[test]
fn the_manifest_tells_the_truth() {
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(BUILT.output().join("manifest.json")).unwrap()).unwrap();
    let listed = manifest["images"].as_array().unwrap();
    assert_eq!(listed.iter().map(|image| image["node"].as_str().unwrap()).collect::<Vec<_>>(), NODES);
    for image in listed {
        let path = BUILT.output().join(image["file"].as_str().unwrap());
        assert_eq!(image["size"].as_u64().unwrap(), fs::metadata(&path).unwrap().len());
        let mut covered = 0;
        for range in image["ranges"].as_array().unwrap() {
            let (offset, length) = (range["offset"].as_u64().unwrap(), range["length"].as_u64().unwrap());
            assert!(offset >= covered, "ranges are sorted and disjoint");
            covered = offset + length;
            if range["sha256"].is_null() {
                let script = "tail -c +$(($2 + 1)) \"$1\" | head -c \"$3\" | cmp -n \"$3\" - /dev/zero";
                let arguments = [offset, length].map(|number| number.to_string());
                ok(tool("bash").args(["-c", script, "bash"]).arg(&path).args(arguments));
                continue;
            }
            let script = "tail -c +$(($2 + 1)) \"$1\" | head -c \"$3\" | sha256sum";
            let sum = output(tool("bash").args(["-c", script, "bash"]).args([
                path.as_os_str(),
                OsStr::new(&offset.to_string()),
                OsStr::new(&length.to_string()),
            ]));
            assert_eq!(
                String::from_utf8_lossy(&sum.stdout).split_whitespace().next(),
                range["sha256"].as_str(),
                "{} at {offset}",
                path.display()
            );
        }
        assert!(covered <= fs::metadata(&path).unwrap().len());
    }
    let text = manifest.to_string();
    assert!(!text.contains("PRIVATE KEY") && !text.contains(BUILT.folder.path().to_str().unwrap()));
}

#[test]
fn a_lost_ledger_stops_the_build_until_new_identities_are_asked_for() {
    let folder = folder();
    let profile = profile_in(folder.path(), "cluster01.yaml");
    let build = |more: &[&str]| {
        let mut command = berry();
        command.arg("build").arg(&profile).args(["--node", "cluster02", "--output"]).arg(folder.path().join("out")).args(more);
        command
    };
    ok(&mut build(&[]));
    let ledger = folder.path().join("cluster01.ledger");
    assert_eq!(fs::metadata(&ledger).unwrap().permissions().mode() & 0o777, 0o600);
    let before = Image::open(&folder.path().join("out/cluster02.img")).disk_id;
    fs::remove_file(&ledger).unwrap();
    let said = fails(4, &mut build(&[]));
    assert!(said.contains("cluster01.ledger") && said.contains("--new-identities"), "{said}");
    assert_eq!(Image::open(&folder.path().join("out/cluster02.img")).disk_id, before, "a refusal leaves the images alone");
    // An image without a manifest, or with one that cannot be read, is a trace of an earlier build, too.
    fs::write(folder.path().join("out/manifest.json"), "{").unwrap();
    fails(4, &mut build(&[]));
    fs::remove_file(folder.path().join("out/manifest.json")).unwrap();
    fails(4, &mut build(&[]));
    ok(&mut build(&["--new-identities"]));
    assert_ne!(Image::open(&folder.path().join("out/cluster02.img")).disk_id, before);
    // With a ledger the option could only do harm.
    let said = fails(2, &mut build(&["--new-identities"]));
    assert!(said.contains("is there"), "{said}");
}

/// A profile with lines of its own behind those of the example.
fn changed_profile(folder: &Path, from: &str, to: &str) -> PathBuf {
    let profile = profile_in(folder, "cluster01.yaml");
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&profile, text.replace(from, to)).unwrap();
    profile
}

#[test]
fn keys_that_are_added_later_take_the_place_of_the_operator_s_own() {
    let folder = folder();
    let profile = profile_in(folder.path(), "cluster01.yaml");
    let build = |profile: &Path| {
        let output = folder.path().join("out");
        ok(berry().arg("build").arg(profile).args(["--node", "cluster01", "--output"]).arg(&output));
        fs::read_to_string(output.join("ssh_config")).unwrap()
    };
    assert!(build(&profile).contains("IdentityFile"));
    ok(tool("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.path().join("own")));
    let profile = changed_profile(folder.path(), "  name: pi\n", "  name: pi\n  keys: [!file own.pub]\n");
    let config = build(&profile);
    assert!(!config.contains("IdentityFile") && !config.contains("IdentitiesOnly"), "{config}");
    let keys = Image::open(&folder.path().join("out/cluster01.img")).root_file("/home/pi/.ssh/authorized_keys");
    assert_eq!(keys.trim(), fs::read_to_string(folder.path().join("own.pub")).unwrap().trim());
}

#[test]
fn an_overlay_lies_over_what_is_made_otherwise() {
    let folder = folder();
    let site = folder.path().join("site");
    fs::create_dir(&site).unwrap();
    let manifest = "always 0640 root:adm who.template /etc/site/who\nremote 0755 pi:pi - /srv/far\ncluster01 link - /etc/site/who /etc/who\n\
        always 0644 root:root motd /etc/motd\n";
    for (name, text) in [("manifest", manifest), ("who.template", "{{node}} of {{cluster}}\n"), ("motd", "{{ as it stands }}\n")] {
        fs::write(site.join(name), text).unwrap();
    }
    let profile = changed_profile(folder.path(), "user:\n", "overlays: site\n\nuser:\n");
    let said = ok(berry().arg("plan").arg(&profile));
    assert!(said.contains("overlay site: 4 paths, over what is made otherwise\n"), "{said}");
    let output = folder.path().join("out");
    ok(berry().arg("build").arg(&profile).args(["--node", "cluster01", "--node", "cluster04", "--output"]).arg(&output));
    for node in ["cluster01", "cluster04"] {
        let image = Image::open(&output.join(format!("{node}.img")));
        image.verify_ext4(2);
        assert_eq!(image.root_file("/etc/site/who"), format!("{node} of cluster01\n"));
        assert_eq!(image.root_file("/etc/motd"), "{{ as it stands }}\n");
        let stat = image.debugfs(2, "stat /etc/site/who");
        assert!(stat.contains("Mode:  0640") && stat.contains("User:     0   Group:     4 "), "{stat}");
        let (srv, etc) = (image.debugfs(2, "ls -p /srv"), image.debugfs(2, "ls -p /etc"));
        assert_eq!(srv.contains("/040755/1000/1000/far/"), node == "cluster04", "{srv}");
        assert_eq!(etc.contains("/120777/0/0/who/"), node == "cluster01", "{etc}");
    }
    fs::write(site.join("manifest"), "always 0644 root:root who.template /etc/hostname\nalways 0644 root:root motd /etc/motd\n").unwrap();
    assert!(fails(2, berry().arg("check").arg(&profile)).contains("site/manifest:1: `/etc/hostname` is made of the profile"));
    fs::write(site.join("who.template"), "\n{{nodes}}").unwrap();
    assert!(fails(2, berry().arg("check").arg(&profile)).contains("site/who.template:2: `nodes` has no value"));
}

#[test]
fn an_epoch_of_zero_does_not_make_the_password_expire() {
    let folder = folder();
    let profile = profile_in(folder.path(), "cluster01.yaml");
    let output = folder.path().join("out");
    ok(berry().env("SOURCE_DATE_EPOCH", "0").arg("build").arg(profile).args(["--node", "cluster01", "--output"]).arg(&output));
    let shadow = Image::open(&output.join("cluster01.img")).root_file("/etc/shadow");
    let user = shadow.lines().find(|line| line.starts_with("pi:")).unwrap();
    assert_eq!(user.split(':').nth(2), Some("1"), "day 0 would mean: to be changed at the next login");
}

#[test]
fn check_refuses_what_build_would_refuse() {
    let folder = folder();
    let check = |profile: &Path, more: &[&str]| {
        let mut command = berry();
        command.arg("check").arg(profile).args(more);
        command
    };
    let profile = changed_profile(folder.path(), "  mount: /export", "  mount: /home/pi");
    assert!(fails(2, &mut check(&profile, &[])).contains("/home/pi"));
    let profile = profile_in(folder.path(), "cluster01.yaml");
    fails(1, &mut check(&profile, &["--base", "missing.img"]));
    fails(1, &mut check(&profile, &["--base", "/"]));
    fs::write(folder.path().join("bad.ledger"), "{").unwrap();
    fs::set_permissions(folder.path().join("bad.ledger"), fs::Permissions::from_mode(0o600)).unwrap();
    fails(4, check(&profile, &["--ledger"]).arg(folder.path().join("bad.ledger")));
    ok(&mut check(&profile, &[]));
}

#[test]
fn the_last_lines_say_what_to_do_next() {
    let said = &BUILT.said;
    let tail: Vec<&str> = said.lines().rev().take(8).collect();
    for word in ["cluster01.ledger", "back", "ssh_config"] {
        assert!(tail.iter().any(|line| line.contains(word)), "no `{word}` in the last lines of\n{said}");
    }
}

#[test]
fn plan_writes_nothing() {
    let folder = folder();
    let profile = profile_in(folder.path(), "cluster01.yaml");
    let text = ok(berry().arg("plan").arg(&profile));
    assert!(NODES.iter().all(|node| text.contains(node)), "{text}");
    let plan: serde_json::Value = serde_json::from_str(&ok(berry().args(["plan", "--json"]).arg(&profile))).unwrap();
    assert_eq!(plan["nodes"].as_array().unwrap().len(), NODES.len());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the profile is there");
}

#[test]
fn inspect_shows_what_was_built() {
    let shown: serde_json::Value =
        serde_json::from_str(&ok(berry().args(["inspect", "--json"]).arg(BUILT.output().join("cluster02.img")))).unwrap();
    assert_eq!(shown["identity"]["hostname"], "cluster02");
    assert_eq!(shown["partitions"].as_array().unwrap().len(), 3);
    let image = BUILT.image("cluster02");
    assert_eq!(shown["identity"]["machine_id"].as_str().unwrap(), image.root_file("/etc/machine-id").trim());
    let packed = folder();
    let copy = packed.path().join("no-telling-name");
    shell("zstd -q -1 -T0 -c \"$1\" > \"$2\"", &[image.path.as_os_str(), copy.as_os_str()]);
    let unpacked: serde_json::Value = serde_json::from_str(&ok(berry_apart().args(["inspect", "--json"]).arg(&copy))).unwrap();
    assert_eq!(unpacked["identity"], shown["identity"]);
}

#[test]
fn secrets_stand_only_where_they_belong() {
    // The private halves of all keys, as they stand in the ledger.
    let ledger = fs::read_to_string(BUILT.folder.path().join("cluster01.ledger")).unwrap();
    let secrets: Vec<String> = ledger.split("\\n").filter(|line| line.len() == 70 && !line.contains('-')).map(str::to_owned).collect();
    assert!(secrets.len() > 4, "the test must find the keys");
    for entry in fs::read_dir(BUILT.output()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".img") || fs::metadata(&path).unwrap().permissions().mode() & 0o077 == 0 && name.starts_with("id_") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(!secrets.iter().any(|secret| text.contains(secret.as_str())), "{name}");
    }
    assert!(!secrets.iter().any(|secret| BUILT.said.contains(secret.as_str())));
}
