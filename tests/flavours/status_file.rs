//! What first boot's part for the cluster may write of the boot partition, under the systemd of the release: the tree of [`System`] is
//! started as a container, with the image's own unit and a stand-in for its program.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{
    build::Base,
    own_systemd::System,
    support::{
        is_root,
        pi_os::release::{BOOKWORM, BULLSEYE},
        program::{folder, ok, tool},
    },
    volume,
};

/// Overwrites the status file in place, as the program does, tries another file, and tells of both.
const PROGRAM: &str = r#"#!/bin/bash
[ "$*" = "run --part cluster" ] || exit 0
{
    if printf TOLD 1<> "BOOT/node-status.txt"; then echo "status written"; else echo "status refused"; fi
    if printf x > "BOOT/kernel.img"; then echo "kernel written"; else echo "kernel refused"; fi
} > /var/told.part 2> /dev/null
mv /var/told.part /var/told
"#;
/// Starts the root `$2` with the folder `$3` as its boot partition at `$4`, in the control group `$1`, until the program has told.
const START: &str = r#"
    mount -t proc proc /proc
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    group=/sys/fs/cgroup/$1 root=$2
    mkdir -p "$group/machine"
    (
        echo "$BASHPID" > "$group/machine/cgroup.procs"
        exec systemd-nspawn --quiet --register=no --keep-unit --boot --machine="$1" --directory="$root" --link-journal=no --resolv-conf=off \
            --timezone=off --console=read-only --private-network --bind="$3:$4"
    ) < /dev/null &
    for _ in {1..600}; do
        [ ! -e "$root/var/told" ] || break
        sleep 0.2
    done
    # It is switched off in order.
    kill -TERM "$!"
    wait "$!" || true
    find "$group" -depth -type d -exec rmdir {} +
"#;

#[test]
#[ignore = "fetches two releases' systemd; `cargo units`"]
fn the_status_file_can_be_written_under_the_systemd_of_their_own_release() {
    if !is_root() {
        return;
    }
    for flavour in [&BULLSEYE, &BOOKWORM] {
        let folder = folder();
        let base = Base::make(folder.path(), flavour);
        let (home, _) = volume::build(&folder.path().join("served"), &base);
        let system = System::new(folder.path(), flavour.release);
        system.take(&home);
        let program = system.root.join("usr/lib/berry-image/berry-firstboot");
        fs::write(&program, PROGRAM.replace("BOOT", flavour.boot_mount)).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        let boot = folder.path().join("boot");
        fs::create_dir(&boot).unwrap();
        for name in ["node-status.txt", "kernel.img"] {
            fs::write(boot.join(name), " ".repeat(4096)).unwrap();
        }
        start(&system.root, &boot, flavour.boot_mount);
        let told = fs::read_to_string(system.root.join("var/told")).expect("the unit was started");
        assert_eq!(told, "status written\nkernel refused\n", "{}", flavour.name);
        assert_eq!(fs::read_to_string(boot.join("node-status.txt")).unwrap(), format!("TOLD{}", " ".repeat(4092)));
        println!("{}: systemd {}, the status file on {} is overwritten in place", flavour.name, system.version, flavour.boot_mount);
    }
}

fn start(root: &Path, boot: &Path, point: &str) {
    fs::create_dir_all(root.join(&point[1..])).unwrap();
    let group = format!("berry-status-{}", std::process::id());
    let mut start = tool("unshare");
    start
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-euc", START, "start", &group])
        .arg(root)
        .arg(boot)
        .arg(point);
    ok(&mut start);
}
