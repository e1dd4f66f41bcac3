//! Whole scripts, and what they would do.

use super::*;
use crate::tree::{Content, Meta, Time};

mod accounts;
mod hostile;
mod simple;
mod ways;

fn meta(permissions: u16) -> Meta {
    Meta::new(permissions, 0, 0, Time::default())
}

/// A small system with a merged `/usr`.
pub(super) fn system() -> Tree {
    let mut tree = Tree::new(meta(0o755));
    for folder in ["/usr/bin", "/usr/sbin", "/usr/lib", "/etc/init.d", "/var/lib/dpkg/info", "/opt/empty"] {
        tree.make_folder(folder, &meta(0o755)).unwrap();
    }
    for folder in ["bin", "sbin", "lib"] {
        tree.put_link(format!("/{folder}"), format!("usr/{folder}"), meta(0o777)).unwrap();
    }
    for program in [
        "bin/mystery",
        "bin/dpkg",
        "sbin/adduser",
        "sbin/usermod",
        "bin/rm",
        "bin/sed",
        "bin/sort",
        "bin/uniq",
        "sbin/ldconfig",
        "bin/deb-systemd-helper",
    ] {
        tree.put_file(format!("/usr/{program}"), meta(0o755), Content::bytes(b"\x7fELF".to_vec())).unwrap();
    }
    for (path, text) in [
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"),
        ("/etc/group", "root:x:0:\ndaemon:x:1:\naudio:x:29:pi\n"),
        ("/etc/old.conf", "value=old\nother\n"),
        ("/etc/empty", ""),
        ("/var/lib/dpkg/diversions", "/usr/bin/x\n/usr/bin/x.real\nother\n/usr/bin/y\n/usr/bin/y.distrib\n:\n"),
    ] {
        tree.put_file(path, meta(0o644), Content::bytes(text.as_bytes().to_vec())).unwrap();
    }
    let helper = "#!/bin/sh -e\ncase $1 in one) rm /etc/empty;; x) [ \"$x\" ] && rm /etc/old.conf; exit;; loop) helper loop;; esac\n";
    tree.put_file("/usr/bin/helper", meta(0o755), Content::bytes(helper.as_bytes().to_vec())).unwrap();
    tree.put_link("/etc/link", "/usr/share/old", meta(0o777)).unwrap();
    tree
}

fn installed(name: &str) -> Option<Known> {
    match name.split(':').next()? {
        "adduser" => Some(Known { status: "install ok installed".into(), version: "3.134".into() }),
        "removed" => Some(Known { status: "deinstall ok config-files".into(), version: "1.0".into() }),
        _ => None,
    }
}

/// What a script does as `kind` of the package `pack` with these arguments.
fn called(kind: Kind, script: &str, arguments: &[&str]) -> Result<Foreseen, ScriptError> {
    let tree = system();
    let call = Call { script: script.as_bytes(), kind, package: "pack", package_architecture: "arm64", arguments };
    foresee(&call, &World { tree: &tree, architecture: "arm64", installed: &installed })
}

/// What a preinst does at a first installation: the changes, each with a question mark before it when it is not certain.
fn install(body: &str) -> Vec<String> {
    shown(&called(Kind::Preinst, &format!("#!/bin/sh\nset -e\n{body}\n"), &["install"]).unwrap())
}

fn shown(foreseen: &Foreseen) -> Vec<String> {
    let show = |done: &Done| {
        let doubt = if done.certain { "" } else { "?" };
        let what = match &done.effect {
            Effect::RemoveFile { path, recursive } => format!("rm{} {path}", if *recursive { " -r" } else { "" }),
            Effect::MakeFolder { path, .. } => format!("mkdir {path}"),
            Effect::Touch { path } => format!("touch {path}"),
            Effect::WriteFile { path } => format!("write {path}"),
            Effect::RemoveFolder { path } => format!("rmdir {path}"),
            Effect::Mode { path, mode, .. } => format!("chmod {mode} {path}"),
            Effect::Fail { status } => format!("fail {status}"),
            Effect::Other { command, .. } => format!("other {command}"),
            effect => format!("{effect:?}"),
        };
        format!("{doubt}{what}")
    };
    foreseen.effects.iter().map(show).collect()
}
