//! Clock, swap and journal.

use super::{Flavour, release::Release, root::Root};

pub fn fill(root: &Root, flavour: &Flavour) {
    clock(root, flavour);
    swap(root, flavour);
    root.text("etc/systemd/journald.conf", journald(flavour));
    if flavour.volatile_journal && flavour.release == Release::Trixie {
        root.text("usr/lib/systemd/journald.conf.d/40-rpi-volatile-storage.conf", "[Journal]\nStorage=volatile\n");
    }
}

fn clock(root: &Root, flavour: &Flavour) {
    root.enabled("systemd-timesyncd.service", "sysinit.target.wants");
    root.text("etc/systemd/timesyncd.conf", "[Time]\n#NTP=\n#FallbackNTP=0.debian.pool.ntp.example.org\n");
    if flavour.release == Release::Trixie {
        if flavour.clock_is_folder {
            root.folder("var/lib/systemd/timesync/clock", 0o755);
        } else {
            root.text("var/lib/systemd/timesync/clock", "");
            root.owner("var/lib/systemd/timesync/clock", 992, 992);
        }
        return;
    }
    root.enabled("fake-hwclock.service", "sysinit.target.wants");
    root.text("etc/fake-hwclock.data", format!("{} 14:20:00\n", flavour.date));
    root.text("etc/default/fake-hwclock", "#HWCLOCKACCESS=yes\n");
}

fn swap(root: &Root, flavour: &Flavour) {
    if let Some(size) = flavour.swap_size {
        root.enabled("dphys-swapfile.service", "multi-user.target.wants");
        root.text(
            "etc/dphys-swapfile",
            format!("# /etc/dphys-swapfile - user settings for dphys-swapfile package\n#CONF_SWAPFILE=/var/swap\nCONF_SWAPSIZE={size}\n"),
        );
        return;
    }
    // Left at `auto` this is a file on the root, of up to 2 GiB.
    root.text(
        "etc/rpi/swap.conf",
        "# Settings of rpi-swap; see swap.conf(5).\n#[Main]\n#Mechanism=auto\n#[File]\n#Path=/var/swap\n#MaxSizeMiB=2048\n",
    );
    root.folder("etc/rpi/swap.conf.d", 0o755);
    root.program("usr/lib/systemd/system-generators/rpi-swap-generator");
    root.program("usr/lib/systemd/system-generators/zram-generator");
    root.unit("rpi-resize-swap-file.service");
    root.unit("rpi-remove-swap-file@.service");
}

fn journald(flavour: &Flavour) -> &'static str {
    if flavour.volatile_journal && flavour.release == Release::Bookworm {
        "[Journal]\nStorage=volatile\n"
    } else {
        "[Journal]\n#Storage=auto\n"
    }
}
