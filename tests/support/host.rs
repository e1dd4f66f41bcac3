//! The archives that the host itself uses, asked for the packages of a base.

#![allow(dead_code, missing_docs, unreachable_pub)]

use super::{
    apt::Archive,
    program::{berry, folder, ok, profile_in, shell},
};

/// The host's own archives of Debian, and dpkg's status of the base `debian:bookworm`.
pub struct Host {
    pub archive: Archive,
    pub status: String,
}

impl Host {
    pub fn new() -> Self {
        let folder = folder();
        let profile = profile_in(folder.path(), "cluster01.yaml");
        // Makes the base if need be; the node's image has the same packages.
        ok(berry().arg("build").arg(&profile).args(["--node", "cluster01", "--output"]).arg(folder.path().join("images")));
        let image = folder.path().join("images/cluster01.img");
        let file = |path: &str| ok(berry().arg("cat").arg(format!("{}:{path}", image.display())));
        let script = r#"
            for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
                [ ! -e "$file" ] || sed -n '/debian.* bookworm/p' "$file" > "$1/$(basename "$file" .list).list"
            done
            for file in /etc/apt/sources.list.d/*.sources; do
                [ ! -e "$file" ] || ! grep -q '^Suites:.*bookworm' "$file" || sed 's/^Types:.*/Types: deb/' "$file" > "$1/$(basename "$file")"
            done
        "#;
        let archive = Archive::new(file("/var/lib/apt/extended_states"), |parts| {
            shell(script, &[parts.as_os_str()]);
        });
        Self { archive, status: file("/var/lib/dpkg/status") }
    }
}
