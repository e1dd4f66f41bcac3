//! sshd: installed, switched off, and without keys.

use super::{Flavour, release::Release, root::Root};

pub fn fill(root: &Root, flavour: &Flavour) {
    root.text("etc/ssh/sshd_config", configuration(flavour));
    root.text("etc/ssh/ssh_config", "Host *\n    SendEnv LANG LC_*\n");
    root.text("etc/ssh/moduli", "# Time Type Tests Tries Size Generator Modulus\n");
    if flavour.release >= Release::Bullseye {
        root.folder("etc/ssh/sshd_config.d", 0o755);
    }
    if flavour.wizard {
        root.text("etc/ssh/sshd_config.d/rename_user.conf", "Banner /usr/share/userconf-pi/sshd_banner\n");
    }
    root.unit_text(
        "ssh.service",
        "[Unit]\nDescription=OpenBSD Secure Shell server\nAfter=network.target auditd.service\nConditionPathExists=!/etc/ssh/sshd_not_to_be_run\n\n\
         [Service]\nExecStart=/usr/sbin/sshd -D\n\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n",
    );
    root.unit("ssh.socket");
    // What `systemctl disable ssh` leaves.
    root.link("etc/rc3.d/K01ssh", "../init.d/ssh");
    if flavour.release == Release::Trixie {
        root.unit_text(
            "sshd-keygen.service",
            "[Unit]\nDescription=Generate sshd host keys on first boot\nConditionFirstBoot=yes\n\n[Service]\nType=oneshot\nExecStart=/usr/bin/ssh-keygen -A\n\n\
             [Install]\nWantedBy=ssh.service ssh.socket sshd.service sshd@.service\n",
        );
        for wanting in ["ssh.service", "ssh.socket", "sshd.service", "sshd@.service"] {
            root.enable("sshd-keygen.service", &format!("{wanting}.wants"));
        }
    }
}

/// OpenSSH knows `Include` since 8.2, which bullseye was the first to have; before that all is in this one file.
fn configuration(flavour: &Flavour) -> String {
    let mut text =
        String::from("# This is the sshd server system-wide configuration file.  See\n# sshd_config(5) for more information.\n\n");
    if flavour.release >= Release::Bullseye {
        text.push_str("Include /etc/ssh/sshd_config.d/*.conf\n\n");
    }
    text.push_str(
        "#Port 22\n#AddressFamily any\n#ListenAddress 0.0.0.0\n\n#HostKey /etc/ssh/ssh_host_rsa_key\n#HostKey /etc/ssh/ssh_host_ecdsa_key\n\
         #HostKey /etc/ssh/ssh_host_ed25519_key\n\n# Authentication:\n\n#LoginGraceTime 2m\n#PermitRootLogin prohibit-password\n#StrictModes yes\n\n\
         #PubkeyAuthentication yes\n\n# To disable tunneled clear text passwords, change to no here!\n#PasswordAuthentication yes\n#PermitEmptyPasswords no\n\n\
         # Change to yes to enable challenge-response passwords (beware issues with\n# some PAM modules and threads)\n",
    );
    // OpenSSH 8.7 renamed it.
    let keyword = if flavour.release >= Release::Bookworm { "KbdInteractiveAuthentication" } else { "ChallengeResponseAuthentication" };
    text.push_str(&format!("{keyword} no\n\nUsePAM yes\n\nX11Forwarding yes\n"));
    if flavour.release == Release::Stretch {
        text.push_str("#UseLogin no\n#UsePrivilegeSeparation sandbox\n");
    }
    text.push_str("PrintMotd no\n\n# Allow client to pass locale environment variables\nAcceptEnv LANG LC_*\n\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n\n");
    text.push_str(
        "# Example of overriding settings on a per-user basis\n#Match User anoncvs\n#\tX11Forwarding no\n#\tForceCommand cvs server\n",
    );
    text
}
