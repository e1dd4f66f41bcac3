//! Names, time and language.

use crate::build::{Base, Node};

pub(super) fn names(node: &Node, base: &Base) {
    assert_eq!(node.view.text("/etc/hostname"), "cluster01\n");
    let hosts = node.view.text("/etc/hosts");
    assert!(!hosts.contains("raspberrypi"), "{hosts}");
    let has = |address: &str, name: &str| {
        let lines = hosts.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(lines.filter(|fields| fields.contains(&name)).collect::<Vec<_>>(), [vec![address, name]], "{hosts}");
    };
    // One name for each address, the same on all nodes.
    has("192.168.2.5", "cluster01");
    has("192.168.2.7", "cluster02");
    has("192.168.2.6", "cluster03");
    for line in base.view.text("/etc/hosts").lines().filter(|line| !line.is_empty() && !line.contains("raspberrypi")) {
        assert!(hosts.lines().any(|kept| kept == line), "lost: {line}");
    }
}

/// The link is what counts; from the text `dpkg-reconfigure tzdata` starts.
pub(super) fn time_zone(node: &Node, _base: &Base) {
    let link = node.view.link("/etc/localtime").expect("a link");
    assert_eq!(link, "/usr/share/zoneinfo/Europe/Berlin");
    assert!(node.view.exists(&link));
    assert_eq!(node.view.text("/etc/timezone"), "Europe/Berlin\n");
}

pub(super) fn locale(node: &Node, base: &Base) {
    let view = &node.view;
    let locale = if node.is_wireless() { "de_DE.UTF-8" } else { "en_GB.UTF-8" };
    assert_eq!(view.text("/etc/default/locale"), format!("LANG={locale}\n"));
    assert_eq!(view.link("/etc/locale.conf"), base.view.link("/etc/locale.conf"));
    let active = |text: &str| text.lines().any(|line| line.trim() == format!("{locale} UTF-8"));
    assert!(active(&view.text("/etc/locale.gen")));
    let units: Vec<_> = view.names("/etc/systemd/system").into_iter().filter(|name| name.starts_with("berry-")).collect();
    if !node.is_wireless() {
        // The stock image's archive has it.
        assert!(!units.iter().any(|name| name.contains("locale")), "{units:?}");
        return;
    }
    // Compiled on the first boot, and only then.
    let unit = units.iter().find(|name| name.contains("locale")).expect("a unit that makes it");
    let text = view.text(&format!("/etc/systemd/system/{unit}"));
    assert!(text.contains("locale-gen") && text.contains("ConditionPathExists="), "{text}");
    assert!(!text.contains("ConditionFirstBoot"), "with a machine id no boot is the first: {text}");
    assert!(view.is_enabled(unit, "multi-user.target.wants"));
}

pub(super) fn keyboard(node: &Node, _base: &Base) {
    let text = node.view.text("/etc/default/keyboard");
    for line in ["XKBMODEL=\"pc105\"", "XKBLAYOUT=\"de\"", "XKBVARIANT=\"\"", "XKBOPTIONS=\"\"", "BACKSPACE=\"guess\""] {
        assert_eq!(text.lines().filter(|got| *got == line).count(), 1, "{text}");
    }
    // Made from the old layout; console-setup uses them as long as they are there.
    let names = node.view.names("/etc/console-setup");
    assert_eq!(names, ["remap.inc"]);
}

/// A Pi has no clock of its own. Up to bookworm fake-hwclock sets it to a stored text, later systemd-timesyncd to the age of a file.
pub(super) fn clock(node: &Node, base: &Base) {
    let view = &node.view;
    let stored = "/etc/fake-hwclock.data";
    if base.view.exists(stored) {
        let date =
            crate::support::program::ok(crate::support::program::tool("date").args(["-u", "+%F %T", "-d", &format!("@{}", node.epoch)]));
        assert_eq!(view.text(stored), date);
    } else {
        assert!(!view.exists(stored), "nobody would read it");
    }
    let clock = "/var/lib/systemd/timesync/clock";
    assert_eq!(view.text(clock), "", "a file; in the first trixie images it is a folder");
    assert_eq!(view.modified(clock), node.epoch);
    let passwd = view.text("/etc/passwd");
    let owner: u32 = crate::view::record(&passwd, "systemd-timesync")[2].parse().unwrap();
    assert_eq!(view.mode(clock), (0o644, owner, owner), "systemd-timesyncd touches it");
    assert!(view.is_enabled("systemd-timesyncd.service", "sysinit.target.wants"));
    let folder = "/etc/systemd/timesyncd.conf.d";
    let texts: String = view.names(folder).iter().map(|name| view.text(&format!("{folder}/{name}"))).collect();
    let lines: Vec<&str> = texts.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, ["[Time]", "NTP=time.example.org"]);
}
