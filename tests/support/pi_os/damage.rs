//! Changes of a finished image that make it another than the one that was published.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{DISK_ID, disk, release::Flavour};
use crate::support::program::{ok, shell, tool};

/// An image that may be changed.
#[derive(Debug)]
pub struct Card {
    pub path: PathBuf,
    flavour: Flavour,
}

impl Card {
    /// A copy of `image`, which is one of this flavour.
    pub fn new(image: &Path, flavour: &Flavour, folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("{name}.img"));
        ok(tool("cp").arg("--sparse=always").arg(image).arg(&path));
        Self { path, flavour: *flavour }
    }

    /// Changes files of the root through the kernel; `edit` gets the folder where it is mounted.
    pub fn root(&self, edit: impl FnOnce(&Path)) {
        disk::change_ext4(&self.path, &self.flavour.disk, edit);
    }

    /// Writes a file of the boot partition.
    pub fn boot(&self, name: &str, content: &str) {
        let file = self.path.with_extension("file");
        fs::write(&file, content).expect("the folder of the test is writable");
        let at = format!("{}@@{}", self.path.display(), self.flavour.disk.boot_start * 512);
        ok(tool("mcopy").env("MTOOLS_SKIP_CHECK", "1").args(["-o", "-i", &at]).arg(&file).arg(format!("::/{name}")));
        fs::remove_file(file).expect("it was just written");
    }

    /// What a first boot leaves: identities made, trigger gone.
    pub fn booted(&self) {
        self.root(|root| {
            let id = root.join("etc/machine-id");
            fs::remove_file(&id).expect("every image has it");
            fs::write(id, "0123456789abcdef0123456789abcdef\n").expect("a file");
            ok(tool("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(root.join("etc/ssh/ssh_host_ed25519_key")));
        });
        let line = self.flavour.command_line.replace("ROOT", &format!("PARTUUID={DISK_ID}-02"));
        let kept: Vec<&str> = line.split(' ').filter(|word| !word.starts_with("init=") && *word != "resize").collect();
        self.boot("cmdline.txt", &format!("{}\n", kept.join(" ")));
    }

    /// What fdisk leaves that was given no random number: a disk id is named nowhere any more.
    pub fn without_disk_id(&self) {
        self.boot("cmdline.txt", &format!("{}\n", self.flavour.command_line.replace("ROOT", "PARTUUID=-02")));
        self.root(|root| replace(&root.join("etc/fstab"), &format!("PARTUUID={DISK_ID}-"), "PARTUUID=-"));
    }

    /// Another release's name in os-release.
    pub fn release(&self, codename: &str, number: &str) {
        self.root(|root| {
            let text = format!(
                "PRETTY_NAME=\"Debian GNU/Linux {number} ({codename})\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"{number}\"\n\
                 VERSION=\"{number} ({codename})\"\nVERSION_CODENAME={codename}\nID=debian\n"
            );
            fs::write(root.join("usr/lib/os-release"), text).expect("a file");
        });
    }

    /// A root that was not unmounted.
    pub fn unclean(&self) {
        let at = format!("{}?offset={}", self.path.display(), self.flavour.disk.root_start * 512);
        ok(tool("debugfs").args(["-w", "-R", "ssv state 0"]).arg(at));
    }

    /// Two more primary partitions behind the root.
    pub fn two_more_partitions(&self) {
        shell("truncate -s +64M \"$1\"; printf ',32M,83\\n,,83\\n' | sfdisk --quiet --append \"$1\"", &[self.path.as_os_str()]);
    }
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("a text");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("a file");
}
