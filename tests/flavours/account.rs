//! The one ordinary user, and what is left of the stock image's.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    build::{Base, Node, SHA512, Wanted, YESCRYPT, profile},
    support::{
        pi_os::release::{Release, STOCK_SHA512, STOCK_YESCRYPT},
        program::{berry, ok, output, shell, tool},
    },
    view::record,
};

const FILES: [&str; 6] = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid"];

pub(super) fn databases(node: &Node, base: &Base) {
    let view = &node.view;
    for file in FILES {
        let text = view.text(file);
        for old in ["pi", "rpi-first-boot-wizard"] {
            assert!(!text.lines().any(|line| line.split([':', ',']).any(|word| word == old)), "{old} is in {file}: {text}");
        }
        assert_eq!(view.mode(file), base.view.mode(file), "{file}");
        assert!(!view.exists(&format!("{file}-")), "a copy of the old {file}");
    }
    let passwd = view.text("/etc/passwd");
    assert_eq!(passwd.lines().filter(|line| line.split(':').nth(2) == Some("1000")).count(), 1, "{passwd}");
    let user = record(&passwd, "berry");
    // Images of 2026 have nologin there as long as no password was set.
    assert_eq!([&user[1], &user[2], &user[3], &user[5], &user[6]], ["x", "1000", "1000", "/home/berry", "/bin/bash"]);
    let shadow = view.text("/etc/shadow");
    let entry = record(&shadow, "berry");
    assert_eq!(entry.len(), 9);
    assert_eq!(entry[1], node.hash);
    assert_eq!(entry[2], (node.epoch / 86_400).to_string(), "day of the change; 0 would ask for a new one at once");
    assert!(entry[7].is_empty(), "it must not expire");
    for line in shadow.lines().filter(|line| !line.starts_with("berry:")) {
        assert!(line.split(':').nth(1).is_some_and(|hash| hash.starts_with(['!', '*'])), "{line}");
    }
    assert_eq!(record(&view.text("/etc/group"), "berry")[2], "1000");
    assert_eq!(record(&view.text("/etc/gshadow"), "berry").len(), 4);
    for file in ["/etc/subuid", "/etc/subgid"] {
        assert_eq!(view.text(file), "berry:100000:65536\n");
    }
    // Every other record is as it was.
    for file in ["/etc/passwd", "/etc/group"] {
        let (old, new) = (base.view.text(file), view.text(file));
        for line in old.lines() {
            let name = line.split(':').next().unwrap();
            if !["pi", "rpi-first-boot-wizard"].contains(&name) {
                assert_eq!(record(&old, name)[..3], record(&new, name)[..3], "{file}");
            }
        }
    }
}

/// The groups that have `name` as a member.
fn member_of(text: &str, name: &str) -> BTreeSet<String> {
    let groups = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    groups.filter(|fields| fields.last().unwrap().split(',').any(|member| member == name)).map(|fields| fields[0].to_owned()).collect()
}

pub(super) fn groups(node: &Node, base: &Base) {
    for file in ["/etc/group", "/etc/gshadow"] {
        assert_eq!(member_of(&node.view.text(file), "berry"), member_of(&base.view.text(file), "pi"), "{file}");
    }
    let groups = member_of(&node.view.text("/etc/group"), "berry");
    for group in ["sudo", "gpio", "netdev", "video"] {
        assert!(groups.contains(group), "{group}: {groups:?}");
    }
}

pub(super) fn home(node: &Node, base: &Base) {
    let view = &node.view;
    assert!(!view.exists("/home/pi"));
    assert_eq!(view.mode("/home/berry"), base.view.mode("/home/pi"));
    for name in [".bashrc", ".profile", ".bash_logout"] {
        assert_eq!(view.text(&format!("/home/berry/{name}")), base.view.text(&format!("/home/pi/{name}")));
        assert_eq!(view.mode(&format!("/home/berry/{name}")), (0o644, 1000, 1000));
    }
    // sshd does not take keys from files that others can write.
    assert_eq!(view.mode("/home/berry/.ssh"), (0o700, 1000, 1000));
    assert_eq!(view.mode("/home/berry/.ssh/authorized_keys"), (0o600, 1000, 1000));
    let key = fs::read_to_string(node.folder.join("images/id_ed25519")).unwrap();
    let private = node.folder.join("key");
    fs::write(&private, key).unwrap();
    ok(tool("chmod").arg("600").arg(&private));
    let public = ok(tool("ssh-keygen").args(["-y", "-f"]).arg(&private));
    let word = public.split_whitespace().nth(1).unwrap();
    assert!(view.text("/home/berry/.ssh/authorized_keys").contains(word), "the operator's key");
}

/// In the files, and in the blocks of the partition: what is deleted can be read by whoever holds the card.
pub(super) fn no_stock_password(node: &Node, base: &Base) {
    let found = |path: &Path| {
        let result = output(tool("grep").args(["-rlaF", "-D", "skip", "-e", "stockpassword"]).arg(path));
        assert!(matches!(result.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&result.stderr));
        String::from_utf8(result.stdout).unwrap()
    };
    // tar passes over the holes, of which there are gigabytes.
    let in_blocks =
        |image: &Path| shell("tar -C / -Scf - -- \"${1#/}\" | { grep -caF -e stockpassword || true; }", &[image.as_os_str()]).trim() != "0";
    let had_one = [STOCK_SHA512, STOCK_YESCRYPT].contains(&base.flavour.stock_hash);
    assert_eq!(!found(base.view.root()).is_empty(), had_one, "the search works");
    assert_eq!(found(node.view.root()), "");
    assert_eq!(in_blocks(&base.image.path), had_one, "the search works");
    assert!(!in_blocks(&node.image.path), "in the image's blocks");
}

pub(super) fn sudo(node: &Node, base: &Base) {
    let folder = "/etc/sudoers.d";
    let mut granted = Vec::new();
    for name in node.view.names(folder) {
        let path = format!("{folder}/{name}");
        // sudo skips such names, and refuses files that others can write.
        assert!(!name.contains('.') && !name.ends_with('~'), "{name}");
        assert_eq!(node.view.mode(&path), (0o440, 0, 0), "{name}");
        ok(tool("visudo").args(["-c", "-q", "-f"]).arg(node.view.root().join(&path[1..])));
        let text = node.view.text(&path);
        granted.extend(text.lines().filter(|line| line.contains("NOPASSWD")).map(str::to_owned));
    }
    let [line] = granted.as_slice() else { panic!("one line: {granted:?}") };
    assert!(line.starts_with("berry ALL=("), "{line}");
    for name in ["README", "010_at-export", "010_global-tty", "010_proxy"] {
        let path = format!("{folder}/{name}");
        assert_eq!(node.view.read(&path), base.view.read(&path), "{name} is no grant");
    }
    assert_eq!(node.view.text("/etc/sudoers"), base.view.text("/etc/sudoers"));
}

pub(super) fn no_autologin(node: &Node, base: &Base) {
    let path = "/etc/systemd/system/getty@tty1.service.d/autologin.conf";
    assert!(node.view.read(path).is_none_or(|text| !text.contains("--autologin")), "the account that it names is gone");
    let Some(text) = node.view.read("/etc/lightdm/lightdm.conf") else {
        assert!(!base.flavour.desktop);
        return;
    };
    assert!(!text.lines().any(|line| line.trim_start().starts_with("autologin-user=")), "{text}");
    assert!(text.contains("greeter-session=pi-greeter"), "{text}");
}

/// libxcrypt, which knows yescrypt, came with bullseye; before it nobody could log in with such a password.
pub(super) fn yescrypt(folder: &Path, base: &Base) {
    let folder = folder.join("yescrypt");
    fs::create_dir(&folder).unwrap();
    let plan = |hash| {
        let profile = profile(&folder, hash, Wanted::Cable);
        output(
            berry()
                .arg("build")
                .arg(profile)
                .arg("--base")
                .arg(&base.image.path)
                .args(["--node", "cluster01", "--output"])
                .arg(folder.join("out")),
        )
    };
    if base.flavour.release >= Release::Bullseye {
        assert!(SHA512.len() == 106 && YESCRYPT.len() == 73);
        return;
    }
    let result = plan(YESCRYPT);
    let said = String::from_utf8_lossy(&result.stderr).into_owned();
    assert!(matches!(result.status.code(), Some(2 | 4)), "{said}");
    assert!(said.contains("hash") && said.contains(base.flavour.release.codename()) && !said.contains(YESCRYPT), "{said}");
    assert!(!folder.join("out/cluster01.img").exists());
}
