//! Texts for the operator's own computer, which lie beside the images.

use std::{fmt::Write as _, path::Path};

use super::{NodeError, ledger::Ledger, settings::hosts::lines};
use crate::profile::{Node, Profile, Public};

/// Name of the operator's private key in the output folder, where the ledger has one.
pub const KEY_FILE: &str = "id_ed25519";
/// How the operator's ssh finds the nodes, beside the images.
pub const SSH_CONFIG_FILE: &str = "ssh_config";
/// Name of the list of host keys in the output folder.
pub const KNOWN_HOSTS_FILE: &str = "known_hosts";

/// Lines for the hosts file of a computer in the local network.
#[must_use]
pub fn hosts(profile: &Profile) -> String {
    let mut text = format!("# The cluster {}: for /etc/hosts of computers that use it.\n", profile.cluster);
    for (address, node) in lines(profile, true) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{address}\t{}", node.name);
    }
    for node in &profile.nodes {
        if let Some(Public::Name(name)) = node.remote.as_ref().map(|remote| &remote.public) {
            let _ = writeln!(text, "# {} is {name} in DNS", node.name);
        }
    }
    text
}

/// The address or name by which the operator reaches a node.
fn reached_at(node: &Node) -> String {
    match (&node.remote, node.address) {
        (Some(remote), _) => match &remote.public {
            Public::Address(address) => address.to_string(),
            Public::Name(name) => name.clone(),
        },
        (None, Some(address)) => address.to_string(),
        (None, None) => node.name.to_string(),
    }
}

/// A configuration for `ssh -F`: `ssh -F OUTPUT/ssh_config cluster01`.
///
/// `folder` is the absolute path of the output folder. Of all files made this is the one that depends on it: ssh_config(5) knows no
/// paths relative to itself. The host keys are found under the nodes' names (`HostKeyAlias`), so that no address has to be known.
///
/// # Errors
/// When the folder's path cannot stand in such a file.
pub fn ssh_config(profile: &Profile, ledger: &Ledger, folder: &Path) -> Result<String, NodeError> {
    let known_hosts = quoted(&folder.join(KNOWN_HOSTS_FILE))?;
    let key = ledger.operator_key().filter(|_| profile.user.keys.is_empty());
    let key = key.map(|_| quoted(&folder.join(KEY_FILE))).transpose()?;
    let mut text = format!("# The cluster {}. Use: ssh -F {} NODE\n", profile.cluster, folder.join(SSH_CONFIG_FILE).display());
    for node in &profile.nodes {
        let (name, address, user) = (&node.name, reached_at(node), &profile.user.name);
        let _ = write!(
            text,
            "\nHost {name}\n    HostName {address}\n    HostKeyAlias {name}\n    User {user}\n    UserKnownHostsFile {known_hosts}\n"
        );
        if let Some(key) = &key {
            let _ = write!(text, "    IdentityFile {key}\n    IdentitiesOnly yes\n");
        }
    }
    Ok(text)
}

/// A path as an argument of ssh_config(5): in quotes, with `%` doubled, since these arguments know `%` tokens.
fn quoted(path: &Path) -> Result<String, NodeError> {
    let bad = |reason| NodeError::Path { path: path.display().to_string(), reason };
    if !path.is_absolute() {
        return Err(bad("it is not absolute"));
    }
    let text = path.to_str().ok_or_else(|| bad("it is not UTF-8"))?;
    if text.contains(|c: char| c.is_control() || c == '"' || c == '\\') {
        return Err(bad("it has a quote, a backslash or a control character in it"));
    }
    if text.contains("${") {
        return Err(bad("`${` in it would be taken for a variable"));
    }
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

/// The host keys of all nodes by name and by address, as sshd(8) describes the file.
#[must_use]
pub fn known_hosts(profile: &Profile, ledger: &Ledger) -> String {
    let mut text = String::new();
    for node in &profile.nodes {
        let Some(identity) = ledger.identity(&node.name) else { continue };
        let address = reached_at(node);
        let name = node.name.as_str();
        let names = if address == name { address } else { format!("{name},{address}") };
        let _ = writeln!(text, "{names} {}", identity.ssh_host_key.public_without_comment());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    use super::*;
    use crate::node::testing::{EPOCH, profile};

    fn home() -> Profile {
        profile(Public::Name("berries.example.org".to_owned()))
    }

    fn run(command: &mut Command) -> Output {
        command.output().expect("the OpenSSH client is installed")
    }

    #[test]
    fn hosts_name_the_local_nodes_and_what_has_a_public_address() {
        let expected = "# The cluster cluster01: for /etc/hosts of computers that use it.\n\
                        192.168.2.5\tcluster01\n192.168.2.7\tcluster02\n192.168.2.6\tcluster03\n";
        assert_eq!(hosts(&home()), format!("{expected}# cluster04 is berries.example.org in DNS\n"));
        let fixed = profile(Public::Address("203.0.113.9".parse().unwrap()));
        assert_eq!(hosts(&fixed), format!("{expected}203.0.113.9\tcluster04\n"));
    }

    #[test]
    fn ssh_understands_the_configuration() {
        let mut profile = home();
        profile.user.keys.clear();
        let ledger = Ledger::create(&profile, EPOCH).unwrap();
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("my 100% out");
        std::fs::create_dir(&folder).unwrap();
        let config = folder.join(SSH_CONFIG_FILE);
        std::fs::write(&config, ssh_config(&profile, &ledger, &folder).unwrap()).unwrap();
        for (node, address) in [("cluster02", "192.168.2.7"), ("cluster04", "berries.example.org")] {
            let output = run(Command::new("ssh").arg("-G").arg("-F").arg(&config).arg(node));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            let has = |line: String| assert!(text.lines().any(|got| got == line), "no `{line}` in {text}");
            has(format!("hostname {address}"));
            has(format!("hostkeyalias {node}"));
            has("user berry".to_owned());
            has("identitiesonly yes".to_owned());
            // `ssh -G` has the tokens expanded in the one, not yet in the other.
            let path = folder.to_str().unwrap();
            has(format!("userknownhostsfile {path}/known_hosts"));
            has(format!("identityfile {}/id_ed25519", path.replace('%', "%%")));
        }
    }

    #[test]
    fn ssh_keygen_finds_every_node_by_name_and_address() {
        let profile = home();
        let ledger = Ledger::create(&profile, EPOCH).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KNOWN_HOSTS_FILE);
        std::fs::write(&path, known_hosts(&profile, &ledger)).unwrap();
        for (index, name) in ["cluster01", "192.168.2.7", "cluster03", "berries.example.org"].into_iter().enumerate() {
            let output = run(Command::new("ssh-keygen").arg("-F").arg(name).arg("-f").arg(&path));
            let text = String::from_utf8(output.stdout).unwrap();
            let key = ledger.identity(&profile.nodes[index].name).unwrap().ssh_host_key.public_without_comment();
            assert!(output.status.success() && text.contains(&key), "{name}: {text}");
        }
    }

    #[test]
    fn paths_that_ssh_would_misread_are_refused() {
        let profile = home();
        let ledger = Ledger::create(&profile, EPOCH).unwrap();
        for folder in ["out", "/a\"b", "/a\\b", "/a\nb", "/a/${HOME}"] {
            assert!(matches!(ssh_config(&profile, &ledger, Path::new(folder)), Err(NodeError::Path { .. })), "{folder}");
        }
    }
}
