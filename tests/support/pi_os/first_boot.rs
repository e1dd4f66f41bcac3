//! What the stock image does when it boots for the first time: grow the root, make host keys, ask for a user, run cloud-init.

use super::{
    Flavour,
    release::{Cloud, Release},
    root::Root,
};

pub fn fill(root: &Root, flavour: &Flavour) {
    // From trixie on systemd takes it for a first boot, and applies presets; an empty file is no first boot.
    root.put("etc/machine-id", if flavour.release == Release::Trixie { "uninitialized\n" } else { "" }, 0o444);
    expansion(root, flavour);
    console(root, flavour);
    root.enabled("regenerate_ssh_host_keys.service", "multi-user.target.wants");
    if flavour.sshswitch {
        root.enabled("sshswitch.service", "multi-user.target.wants");
    }
    if flavour.release >= Release::Buster {
        root.enabled("rpi-eeprom-update.service", "multi-user.target.wants");
    }
    root.enabled("apt-daily.timer", "timers.target.wants");
    root.enabled("apt-daily-upgrade.timer", "timers.target.wants");
    if flavour.release == Release::Trixie {
        root.unit("apt-listchanges.timer");
    }
    root.text(
        &root.core("lib/systemd/system-preset/90-systemd.preset"),
        "enable remote-fs.target\nenable getty@.service\nenable systemd-timesyncd.service\ndisable debug-shell.service\n",
    );
    if let Some(cloud) = flavour.cloud {
        cloud_init(root, cloud);
    }
}

/// The second half of the growth: that of the file system, once its partition has grown.
fn expansion(root: &Root, flavour: &Flavour) {
    if flavour.release == Release::Trixie {
        root.unit_text(
            "rpi-resize.service",
            "[Unit]\nDescription=Resize root filesystem\nConditionFirstBoot=yes\nWants=systemd-growfs-root.service fstrim.service\n\n\
             [Service]\nType=oneshot\nExecStart=systemctl disable rpi-resize.service\n\n[Install]\nWantedBy=sysinit.target\n",
        );
        root.enable("rpi-resize.service", "sysinit.target.wants");
        root.unit("systemd-growfs-root.service");
        return;
    }
    root.put(
        "etc/init.d/resize2fs_once",
        "#!/bin/sh\n### BEGIN INIT INFO\n# Provides:          resize2fs_once\n# Required-Start:\n# Required-Stop:\n# Default-Start: 3\n\
         # Default-Stop:\n# Short-Description: Resize the root filesystem to fill partition\n### END INIT INFO\nresize2fs /dev/root\n",
        0o755,
    );
    root.link("etc/rc3.d/S01resize2fs_once", "../init.d/resize2fs_once");
    root.put("etc/init.d/ssh", "#!/bin/sh\n", 0o755);
    root.link("etc/rc3.d/S01rsyslog", "../init.d/rsyslog");
}

/// Where there is a wizard it takes the console.
fn console(root: &Root, flavour: &Flavour) {
    root.unit("getty@.service");
    root.folder("etc/systemd/system/getty.target.wants", 0o755);
    if flavour.wizard {
        root.enabled("userconfig.service", "multi-user.target.wants");
        root.program("usr/lib/userconf-pi/userconf");
        root.program("usr/bin/cancel-rename");
        root.text("usr/share/userconf-pi/sshd_banner", "Please note that SSH may not work until a valid user has been set up.\n");
    } else {
        root.enable_as("getty@tty1.service", "getty.target.wants", "getty@.service");
    }
}

fn cloud_init(root: &Root, cloud: Cloud) {
    for name in ["cloud-config", "cloud-final", "cloud-init-local", "cloud-init-main", "cloud-init-network"] {
        root.enabled(&format!("{name}.service"), "cloud-init.target.wants");
    }
    root.program("usr/lib/systemd/system-generators/cloud-init-generator");
    let grow = if cloud.grows { "  - growpart\n  - resizefs\n" } else { "" };
    root.text(
        "etc/cloud/cloud.cfg",
        format!(
            "users:\n  - default\ndisable_root: true\npreserve_hostname: false\ncloud_init_modules:\n  - seed_random\n{grow}  - set_hostname\n  - users_groups\n\
             system_info:\n  distro: raspberry-pi-os\n  default_user:\n    name: pi\n    lock_passwd: True\n    sudo: [\"ALL=(ALL) NOPASSWD:ALL\"]\n    shell: /bin/bash\n"
        ),
    );
    root.text("etc/cloud/cloud.cfg.d/05_logging.cfg", "_log: []\n");
    root.text(
        "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg",
        "datasource_list: [NoCloud, None]\ndatasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware\nssh_deletekeys: false\nssh_genkeytypes: []\nno_ssh_fingerprints: true\n",
    );
    root.program("usr/bin/growpart");
}
