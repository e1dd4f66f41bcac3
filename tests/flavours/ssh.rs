//! sshd: started, by the profile's policy, with the one key that `known_hosts` has. The host's own sshd is the judge.

use std::fs;

use crate::{
    build::{Base, Node},
    support::{
        pi_os::release::Release,
        program::{ok, tool},
    },
};

const CONFIGURATION: &str = "/etc/ssh/sshd_config";

pub(super) fn starts(node: &Node, base: &Base) {
    let view = &node.view;
    let link = view.link("/etc/systemd/system/multi-user.target.wants/ssh.service").expect("ssh.service is enabled");
    assert!(link.ends_with("/systemd/system/ssh.service"), "{link}");
    assert!(view.has_unit("ssh.service") && !view.is_masked("ssh.service"));
    let alias = view.link("/etc/systemd/system/sshd.service").expect("the unit's alias");
    assert!(alias.ends_with("/systemd/system/ssh.service"), "{alias}");
    assert!(!view.exists("/etc/ssh/sshd_not_to_be_run"));
    assert!(!view.is_enabled("ssh.socket", "sockets.target.wants"), "one of them holds the port");
    let keys: Vec<_> = view.names("/etc/ssh").into_iter().filter(|name| name.starts_with("ssh_host_")).collect();
    assert_eq!(keys, ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]);
    assert_eq!(view.text("/etc/ssh/ssh_host_ed25519_key"), node.ledger("ssh_host_key"));
    assert_eq!(view.mode("/etc/ssh/ssh_host_ed25519_key"), (0o600, 0, 0));
    let public = ok(tool("ssh-keygen").args(["-y", "-f"]).arg(view.root().join("etc/ssh/ssh_host_ed25519_key")));
    assert_eq!(view.text("/etc/ssh/ssh_host_ed25519_key.pub"), public);
    // It deletes all host keys before it makes new ones.
    assert!(view.is_masked("regenerate_ssh_host_keys.service"));
    if base.flavour.sshswitch {
        assert!(view.is_enabled("sshswitch.service", "multi-user.target.wants"), "it does nothing without its file");
    }
}

/// What sshd says that its settings are.
fn settings(node: &Node) -> Vec<String> {
    // sshd reads paths of the running system, so they are turned into those of the mounted one.
    let root = node.view.root().display().to_string();
    let turned = |text: &str| text.replace("/etc/ssh/", &format!("{root}/etc/ssh/"));
    let folder = node.folder.join("sshd");
    fs::create_dir_all(folder.join("sshd_config.d")).unwrap();
    let drop_ins = format!("{root}/etc/ssh/sshd_config.d");
    for name in node.view.names("/etc/ssh/sshd_config.d") {
        let text = node.view.text(&format!("/etc/ssh/sshd_config.d/{name}"));
        fs::write(folder.join("sshd_config.d").join(name), turned(&text)).unwrap();
    }
    let text = turned(&node.view.text(CONFIGURATION)).replace(&drop_ins, folder.join("sshd_config.d").to_str().unwrap());
    let config = folder.join("sshd_config");
    fs::write(&config, text).unwrap();
    fs::create_dir_all("/run/sshd").unwrap();
    ok(tool("/usr/sbin/sshd").args(["-t", "-f"]).arg(&config));
    let said = ok(tool("/usr/sbin/sshd").args(["-T", "-C", "user=berry,host=client.example.org,addr=192.0.2.1", "-f"]).arg(&config));
    said.lines().map(str::to_owned).collect()
}

pub(super) fn policy(node: &Node, _base: &Base) {
    let settings = settings(node);
    let has = |line: &str| assert!(settings.iter().any(|got| got == line), "no `{line}` in {settings:#?}");
    has("pubkeyauthentication yes");
    has("permitrootlogin no");
    has("permitemptypasswords no");
    // Through it PAM would ask for a password, too.
    has("kbdinteractiveauthentication no");
    has(if node.is_wireless() { "passwordauthentication yes" } else { "passwordauthentication no" });
    has("usepam yes");
    has("banner none");
    assert!(settings.iter().any(|line| line.starts_with("authorizedkeysfile ") && line.contains(".ssh/authorized_keys")));
    let keys: Vec<_> = settings.iter().filter(|line| line.starts_with("hostkey ")).collect();
    let [key] = keys.as_slice() else { panic!("one host key: {keys:?}") };
    assert!(key.ends_with("/etc/ssh/ssh_host_ed25519_key"), "{key}");
}

/// Keyword and line of every setting.
fn lines(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| (line.split([' ', '\t', '=']).next().unwrap().to_lowercase(), line.to_owned())).collect()
}

pub(super) fn nothing_lost(node: &Node, base: &Base) {
    let (old, new) = (base.view.text(CONFIGURATION), node.view.text(CONFIGURATION));
    if base.flavour.release >= Release::Bullseye {
        assert_eq!(old, new, "settings have a folder of their own");
        return;
    }
    // OpenSSH before 8.2 does not start with an `Include`, so the settings stand in the file itself. Of equal keywords the first one
    // counts, and what stands after a `Match` counts only for some.
    let known = [
        "hostkey",
        "permitrootlogin",
        "passwordauthentication",
        "challengeresponseauthentication",
        "kbdinteractiveauthentication",
        "pubkeyauthentication",
        "permitemptypasswords",
        "usepam",
        "x11forwarding",
        "printmotd",
        "acceptenv",
        "subsystem",
    ];
    let settings = lines(&new);
    for (keyword, line) in &settings {
        assert!(known.contains(&keyword.as_str()), "OpenSSH 7.4 would stop at `{line}`");
    }
    for wanted in ["hostkey", "permitrootlogin", "passwordauthentication"] {
        assert!(settings.iter().any(|(keyword, _)| keyword == wanted), "{new}");
    }
    for (keyword, line) in lines(&old) {
        assert!(settings.iter().any(|(found, _)| *found == keyword), "lost: {line}");
    }
    for line in old.lines().filter(|line| line.starts_with('#')) {
        assert!(new.lines().any(|kept| kept == line), "lost: {line}");
    }
    assert_eq!(node.view.mode(CONFIGURATION), base.view.mode(CONFIGURATION));
}
