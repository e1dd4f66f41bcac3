//! Debian's package `raspi-firmware`: its settings, and the kernel command line that its hook makes of them.
//!
//! `/etc/kernel/postinst.d/z50-raspi-firmware` writes `config.txt` and `cmdline.txt` anew with every kernel and initramfs, so what
//! this program writes to the boot partition must be what the hook would write from the settings in the root file system: else the
//! first upgrade changes how the node boots. Making `debian:SUITE` runs the hook once and compares ([`command_line`]).

/// Path of the settings in the root file system, a shell fragment; a conffile.
pub const SETTINGS: &str = "/etc/default/raspi-firmware";
/// Path of the text that the hook appends to the command line; no conffile, absent by default.
pub const EXTRA: &str = "/etc/default/raspi-extra-cmdline";
/// Where the root of `debian:SUITE` itself is found: any Pi model and any virtual machine sees the label.
pub const BASE_ROOT: &str = "LABEL=RASPIROOT";

/// The screen, and the UART on the pins of a Pi 3, 4 or Zero 2 W under Debian's kernel (the PL011 serves Bluetooth).
const CONSOLES: &str = "tty0 ttyS1,115200";

/// Text of [`SETTINGS`]. `root` is the kernel's `root=` without the key, such as `PARTUUID=deadbeef-02`.
///
/// `CMA=0` leaves the size of the contiguous memory area to the device tree: the hook's own `64M` is for the Pi 3 and earlier, and
/// "specifying CMA as with earlier models renders [a Pi 4] unbootable" (the hook's comment).
#[must_use]
pub fn settings(root: &str) -> String {
    format!(
        "# Settings of raspi-firmware; its hook makes config.txt and cmdline.txt on the boot partition from them.\n\
         ROOTPART=\"{root}\"\n\
         CONSOLES=\"{CONSOLES}\"\n\
         CMA=0\n"
    )
}

/// Text of [`EXTRA`]: words for the end of the command line.
#[must_use]
pub fn extra(words: &str) -> String {
    format!("{words}\n")
}

/// Text of `cmdline.txt` as the hook writes it from [`settings`]`(root)` and, unless `words` is empty, [`extra`]`(words)`: byte for
/// byte, with the hook's two spaces where the memory area would stand and its one space before the words.
#[must_use]
pub fn command_line(root: &str, words: &str) -> String {
    let consoles: String = CONSOLES.split(' ').map(|console| format!(" console={console}")).collect();
    format!("{consoles} root={root} rw fsck.repair=yes net.ifnames=0  rootwait {words}\n")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

    use super::*;

    /// The part of the hook that makes the command line, with its paths as parameters: the same text in 1.20220830+ds-1 of Debian 12
    /// and 1.20240424+ds-6 of Debian 13, so one [`command_line`] serves both.
    const HOOK: &str = r#"
pi_4_family() {
  grep -q 'Raspberry Pi \(Compute Module \)*4' /sys/firmware/devicetree/base/model 2>/dev/null
}

CMA=64M
CONSOLES="auto"

if [ -r "$1" ] ; then
        . "$1"
fi

pre_cmdline=""
if [ "$CONSOLES" = "auto" ] ; then
  pre_cmdline="console=tty0"
  if [ -e /dev/ttyAMA0 ] ; then
    pre_cmdline="$pre_cmdline console=ttyAMA0,115200"
  fi
  if [ -e /dev/ttyS1 ] ; then
    pre_cmdline="$pre_cmdline console=ttyS1,115200"
  fi
else
  for console in $CONSOLES; do
    pre_cmdline="${pre_cmdline} console=${console}"
  done
fi

if [ "$CMA" = "64M" ] && pi_4_family ; then
    SET_CMA=''
elif [ "$CMA" = "0" ] ; then
    SET_CMA=''
else
  SET_CMA="cma=$CMA"
fi

cmdline_custom="$2"
if [ -f "$cmdline_custom" ] ; then
  post_cmdline=$(cat $cmdline_custom)
fi

cat <<EOF
${pre_cmdline} root=$ROOTPART rw fsck.repair=yes net.ifnames=0 $SET_CMA rootwait ${post_cmdline}
EOF
"#;

    #[test]
    fn the_command_line_is_what_the_hook_makes_of_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let (hook, settings_file, extra_file) = (folder.path().join("hook"), folder.path().join("settings"), folder.path().join("extra"));
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        for (root, words) in [(BASE_ROOT, ""), ("PARTUUID=deadbeef-02", ""), ("PARTUUID=0badcafe-02", "quiet cfg80211.ieee80211_regdom=DE")]
        {
            fs::write(&settings_file, settings(root)).unwrap();
            if words.is_empty() {
                let _ = fs::remove_file(&extra_file);
            } else {
                fs::write(&extra_file, extra(words)).unwrap();
            }
            let output = Command::new("sh").arg(&hook).arg(&settings_file).arg(&extra_file).output().unwrap();
            assert!(output.status.success());
            assert_eq!(String::from_utf8(output.stdout).unwrap(), command_line(root, words));
        }
    }

    #[test]
    fn the_command_line_is_as_seen_in_a_base() {
        let seen = " console=tty0 console=ttyS1,115200 root=LABEL=RASPIROOT rw fsck.repair=yes net.ifnames=0  rootwait \n";
        assert_eq!(command_line(BASE_ROOT, ""), seen);
    }
}
