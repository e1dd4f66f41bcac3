//! Accounts: `pi`, with the password that everybody knows or none at all, and what else is granted to that name.

use super::{Flavour, release::Release, root::Root};

/// The account of the desktop's wizard.
pub const WIZARD: &str = "rpi-first-boot-wizard";

pub fn fill(root: &Root, flavour: &Flavour) {
    databases(root, flavour);
    sudo(root, flavour);
    home(root);
    if flavour.desktop {
        desktop(root);
    }
}

/// Number of the account systemd-timesync, which is another in each release.
fn timesync(flavour: &Flavour) -> u32 {
    match flavour.release {
        Release::Stretch | Release::Buster => 100,
        Release::Bullseye => 101,
        Release::Bookworm => 997,
        Release::Trixie => 992,
    }
}

/// The groups that pi-gen puts `pi` into.
fn groups(flavour: &Flavour) -> Vec<(&'static str, u32)> {
    let mut groups = vec![
        ("adm", 4),
        ("dialout", 20),
        ("cdrom", 24),
        ("sudo", 27),
        ("audio", 29),
        ("video", 44),
        ("plugdev", 46),
        ("games", 60),
        ("users", 100),
        ("input", 104),
        ("netdev", 108),
        ("gpio", 995),
        ("i2c", 994),
        ("spi", 999),
    ];
    if flavour.release >= Release::Bullseye {
        groups.push(("render", 106));
    }
    groups
}

fn databases(root: &Root, flavour: &Flavour) {
    let timesync = timesync(flavour);
    // The comment field changed with the way in which pi-gen calls adduser.
    let comment = if flavour.release == Release::Trixie { "" } else { ",,," };
    let mut passwd = format!(
        "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         systemd-timesync:x:{timesync}:{timesync}:systemd Time Synchronization:/:/usr/sbin/nologin\n\
         sshd:x:105:65534::/run/sshd:/usr/sbin/nologin\npi:x:1000:1000:{comment}:/home/pi:{}\n",
        flavour.shell
    );
    let mut shadow = format!(
        "root:*:18000:0:99999:7:::\ndaemon:*:18000:0:99999:7:::\nsystemd-timesync:!*:18000::::::\nsshd:*:18000:0:99999:7:::\npi:{}:18000:0:99999:7:::\n",
        flavour.stock_hash
    );
    let mut group = format!("root:x:0:\ndaemon:x:1:\nshadow:x:42:\nnogroup:x:65534:\nsystemd-timesync:x:{timesync}:\n");
    for (name, number) in groups(flavour) {
        group.push_str(&format!("{name}:x:{number}:pi\n"));
    }
    group.push_str("pi:x:1000:\n");
    if flavour.desktop {
        passwd.push_str(&format!("{WIZARD}:x:112:112::/home/{WIZARD}:/usr/sbin/nologin\n"));
        shadow.push_str(&format!("{WIZARD}:*:18000:0:99999:7:::\n"));
        group = group.replace("video:x:44:pi\n", &format!("video:x:44:pi,{WIZARD}\n"));
        group.push_str(&format!("{WIZARD}:x:112:\n"));
    }
    root.text("etc/passwd", passwd);
    root.secret("etc/shadow", &shadow);
    root.text("etc/group", &group);
    let gshadow: String = group
        .lines()
        .map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let lock = if fields[0] == "pi" { "!" } else { "*" };
            format!("{}:{lock}::{}\n", fields[0], fields[3])
        })
        .collect();
    root.secret("etc/gshadow", &gshadow);
    for path in ["etc/subuid", "etc/subgid"] {
        root.text(path, "pi:100000:65536\n");
    }
}

fn sudo(root: &Root, flavour: &Flavour) {
    // sudo 1.9.1 brought the spelling with `@`; in the old one the line is no comment.
    let include = if flavour.release >= Release::Bullseye { "@includedir" } else { "#includedir" };
    root.put("etc/sudoers", format!("root\tALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n{include} /etc/sudoers.d\n"), 0o440);
    root.folder("etc/sudoers.d", 0o755);
    root.put("etc/sudoers.d/README", "# As of Debian version 1.7.2p1-1, the default /etc/sudoers file includes this folder\n", 0o440);
    if flavour.nopasswd {
        root.put("etc/sudoers.d/010_pi-nopasswd", "pi ALL=(ALL) NOPASSWD: ALL\n", 0o440);
    }
    if flavour.release >= Release::Bullseye {
        root.put("etc/sudoers.d/010_at-export", "Defaults env_keep += \"NO_AT_BRIDGE\"\n", 0o440);
        root.put("etc/sudoers.d/010_proxy", "Defaults env_keep += \"http_proxy https_proxy no_proxy\"\n", 0o440);
    }
    if flavour.release >= Release::Bookworm {
        root.put("etc/sudoers.d/010_global-tty", "Defaults timestamp_type=global\n", 0o440);
    }
}

fn home(root: &Root) {
    root.folder("home/pi", 0o700);
    for name in [".bashrc", ".profile", ".bash_logout"] {
        root.text(&format!("etc/skel/{name}"), format!("# stock {name}\n"));
        root.text(&format!("home/pi/{name}"), format!("# stock {name}\n"));
        root.owner(&format!("home/pi/{name}"), 1000, 1000);
    }
    root.owner("home/pi", 1000, 1000);
}

/// What pi-gen's last stage adds: a wizard that is logged in by itself and may become root.
fn desktop(root: &Root) {
    root.put("etc/sudoers.d/010_wiz-nopasswd", format!("{WIZARD} ALL=(ALL) NOPASSWD: ALL\n"), 0o440);
    root.text(
        "etc/xdg/autostart/piwiz.desktop",
        "[Desktop Entry]\nType=Application\nName=Raspberry Pi First-Run Wizard\nExec=sudo piwiz\n",
    );
    root.text(
        "etc/lightdm/lightdm.conf",
        format!("[LightDM]\n\n[Seat:*]\ngreeter-session=pi-greeter\nuser-session=LXDE-pi-wayfire\nautologin-user={WIZARD}\nautologin-session=LXDE-pi-wayfire\n"),
    );
    root.folder(&format!("home/{WIZARD}"), 0o700);
    root.owner(&format!("home/{WIZARD}"), 112, 112);
    root.text(
        "etc/systemd/system/getty@tty1.service.d/autologin.conf",
        "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin pi --noclear %I $TERM\n",
    );
    root.enabled("lightdm.service", "graphical.target.wants");
    root.link("etc/systemd/system/default.target", "/lib/systemd/system/graphical.target");
}
