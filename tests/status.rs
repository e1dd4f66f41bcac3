//! `berry-image status`: what it makes of the answers of nodes. `ssh` is a script here; with a real one it is asked in `boot`.

mod support;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::Value;
use support::program::{berry, folder, ok, output, profile_in};

/// Answers by the name of the node: the last word but three is the name.
const SSH: &str = r#"#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
while [ "$1" != -- ]; do shift; done
case "$2" in
cluster01|cluster02) cat "$(dirname "$0")/$2" ;;
cluster03) echo "ssh: connect to host 192.168.2.6 port 22: No route to host" >&2; exit 255 ;;
*) echo "sh: 1: $3: not found" >&2; exit 127 ;;
esac
"#;

fn said(node: &str, finished: bool, volume: &str) -> String {
    format!(
        r#"{{"cluster":"cluster01","node":"{node}","finished":{finished},"clock":1000,"volume":{volume},"steps":[
            {{"name":"volume","purpose":"p","state":"waiting","since":990,"attempts":2,"reason":"cluster03 does not\u001b[31m answer"}}]}}"#
    )
}

/// A profile, an output folder with a configuration, and the script.
fn place(folder: &Path) {
    profile_in(folder, "cluster01.yaml");
    fs::create_dir_all(folder.join("images")).unwrap();
    fs::write(folder.join("images/ssh_config"), "Host *\n").unwrap();
    fs::create_dir(folder.join("bin")).unwrap();
    fs::write(folder.join("bin/ssh"), SSH).unwrap();
    fs::set_permissions(folder.join("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("bin/cluster01"), said("cluster01", true, "true")).unwrap();
    fs::write(folder.join("bin/cluster02"), said("cluster02", false, "false")).unwrap();
}

/// Exit code, standard output and standard error.
fn run(command: &mut Command) -> (i32, String, String) {
    let said = output(command);
    (said.status.code().unwrap(), String::from_utf8(said.stdout).unwrap(), String::from_utf8(said.stderr).unwrap())
}

fn status(folder: &Path) -> Command {
    let mut command = berry();
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).arg("status").arg(folder.join("cluster01.yaml")).arg("--output").arg(folder.join("images"));
    command
}

#[test]
fn one_line_for_each_node() {
    let folder = folder();
    place(folder.path());
    let (code, out, err) = run(&mut status(folder.path()));
    assert_eq!(
        out,
        "cluster01: 1 of 4 nodes ready\n  cluster01  ready\n  cluster02  not ready yet, 0 of 1 steps done; volume waiting for 10 s: cluster03 does not\\033[31m answer\n  \
         cluster03  not reached: ssh: connect to host 192.168.2.6 port 22: No route to host\n  \
         cluster04  there is no /usr/lib/berry-image/berry-firstboot on it: its card was written before, or not by berry-image\n"
    );
    assert_eq!((code, err.as_str()), (3, "error: 3 of 4 nodes not ready\n"));
    let asked = fs::read_to_string(folder.path().join("bin/asked")).unwrap();
    assert_eq!(asked.lines().count(), 4);
    let config = folder.path().join("images/ssh_config");
    for line in asked.lines() {
        assert!(line.starts_with(&format!("-F {} ", config.display())) && line.contains("BatchMode=yes"), "{line}");
    }

    let (code, out, _) = run(status(folder.path()).arg("--json"));
    let value: Value = serde_json::from_str(&out).unwrap();
    let ready: Vec<_> = value["nodes"].as_array().unwrap().iter().map(|node| node["ready"].as_bool().unwrap()).collect();
    assert_eq!((code, value["ready"].as_bool(), ready), (3, Some(false), vec![true, false, false, false]));
    assert_eq!(value["nodes"][1]["status"]["steps"][0]["state"], "waiting");
}

#[test]
fn it_waits_for_those_that_are_asked_for() {
    let folder = folder();
    place(folder.path());
    assert_eq!(ok(status(folder.path()).args(["--node", "cluster01"])), "cluster01: 1 of 1 node ready\n  cluster01  ready\n");
    // Between two looks the second one becomes ready.
    let script = SSH.replace(
        "cluster01|cluster02)",
        "cluster02) cat \"$(dirname \"$0\")/$2\"; cp \"$(dirname \"$0\")/then\" \"$(dirname \"$0\")/$2\" ;;\ncluster01)",
    );
    fs::write(folder.path().join("bin/ssh"), script).unwrap();
    fs::write(folder.path().join("bin/then"), said("cluster02", true, "true")).unwrap();
    let out = ok(status(folder.path()).args(["--watch=1", "--node", "cluster01", "--node", "cluster02"]));
    let looks: Vec<_> = out.lines().filter(|line| line.starts_with("cluster01: ")).collect();
    assert_eq!(looks, ["cluster01: 1 of 2 nodes ready", "cluster01: 2 of 2 nodes ready"]);
}

#[test]
fn mistakes_are_told_with_the_way_out() {
    let folder = folder();
    place(folder.path());
    let (code, _, err) = run(status(folder.path()).args(["--node", "cluster9"]));
    assert_eq!(
        (code, err.as_str()),
        (2, "error: the profile has no node `cluster9`\nhint: it has cluster01, cluster02, cluster03, cluster04\n")
    );
    let (code, _, err) = run(status(folder.path()).env("PATH", folder.path()).arg("--watch"));
    assert!(code == 1 && err.starts_with("error: ssh could not be started: "), "{code} {err}");
    fs::remove_file(folder.path().join("images/ssh_config")).unwrap();
    let (code, _, err) = run(&mut status(folder.path()));
    assert!(code == 2 && err.contains("ssh_config is missing") && err.contains("--output"), "{err}");
}
