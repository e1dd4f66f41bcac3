//! Names, time zone, locale and keyboard as pi-gen sets them: British.

use std::sync::LazyLock;

use super::{Flavour, release::Release, root::Root};
use crate::support::program::{folder, output, tool};

/// A real archive of locales with `en_GB.UTF-8` and nothing else.
static ARCHIVE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = folder();
    std::fs::create_dir_all(folder.path().join("usr/lib/locale")).expect("a folder");
    // It exits with 1 when it had something to remark.
    output(tool("localedef").args(["-i", "en_GB", "-f", "UTF-8", "--prefix"]).arg(folder.path()).arg("en_GB.UTF-8"));
    std::fs::read(folder.path().join("usr/lib/locale/locale-archive")).expect("localedef made an archive")
});

const KEYBOARDS: &str = "! model\n  pc105           Generic 105-key PC\n  pc104           Generic 104-key PC\n\n\
     ! layout\n  gb              English (UK)\n  us              English (US)\n  de              German\n\n\
     ! variant\n  nodeadkeys      de: German (no dead keys)\n  extd            gb: English (UK, extended)\n\n\
     ! option\n  ctrl:nocaps     Caps Lock as Ctrl\n";

pub fn fill(root: &Root, flavour: &Flavour) {
    root.text("etc/hostname", "raspberrypi\n");
    root.text(
        "etc/hosts",
        "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n\n127.0.1.1\t\traspberrypi\n",
    );
    root.text("etc/timezone", "Europe/London\n");
    for zone in ["Europe/London", "Europe/Berlin", "Etc/UTC", "UTC"] {
        root.text(&format!("usr/share/zoneinfo/{zone}"), format!("TZif2{zone}"));
    }
    root.link("etc/localtime", "/usr/share/zoneinfo/Europe/London");
    root.text("etc/default/locale", "LANG=en_GB.UTF-8\n");
    if flavour.release == Release::Trixie {
        root.link("etc/locale.conf", "default/locale");
    }
    let list = "# de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n# en_US.UTF-8 UTF-8\n";
    root.text("etc/locale.gen", format!("# This file lists locales that you wish to have built.\n{list}"));
    root.text("usr/share/i18n/SUPPORTED", list.replace("# ", ""));
    root.text("usr/lib/locale/locale-archive", &*ARCHIVE);
    // The built-in locale has changed its folder's name.
    let built_in = if flavour.release >= Release::Bookworm { "C.utf8" } else { "C.UTF-8" };
    root.text(&format!("usr/lib/locale/{built_in}/LC_CTYPE"), "ctype");
    root.program("usr/sbin/locale-gen");
    root.text(
        "etc/default/keyboard",
        "# KEYBOARD CONFIGURATION FILE\n\n# Consult the keyboard(5) manual page.\n\nXKBMODEL=\"pc105\"\nXKBLAYOUT=\"gb\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\n\nBACKSPACE=\"guess\"\n",
    );
    root.text("usr/share/X11/xkb/rules/base.lst", KEYBOARDS);
    for name in ["cached_setup_keyboard.sh", "cached_setup_font.sh", "cached_setup_terminal.sh"] {
        root.program(&format!("etc/console-setup/{name}"));
    }
    root.text("etc/console-setup/cached_UTF-8_del.kmap.gz", "keys");
    root.text("etc/console-setup/remap.inc", "# Bigger changes of the keyboard\n");
}
