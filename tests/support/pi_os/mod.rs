//! Stand-ins for the images of Raspberry Pi OS, one per flavour, made by sfdisk or parted, mkfs.fat, mke2fs and a mount; never by the
//! program under test.
//!
//! Each has every file that the first boot of the stock image depends on, in the state in which the stock image ships them, and none of
//! the programs. So none of them boots, but each shows whether these things are taken care of. Making them needs root, for the mount
//! and for owners.

mod accounts;
mod boot;
pub mod damage;
pub mod disk;
mod first_boot;
pub mod initramfs;
mod network;
pub mod others;
mod region;
pub mod release;
mod root;
mod ssh;
mod system;
mod upkeep;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub use boot::command_line as boot_command_line;
pub use release::Flavour;

/// Signature of every image as it is downloaded.
pub const DISK_ID: &str = "4e639091";

/// Makes `NAME.img` in `folder`.
pub fn make(folder: &Path, name: &str, flavour: &Flavour) -> PathBuf {
    let tree = root::Root::new(&folder.join(format!("{name}.root")), flavour);
    system::fill(&tree, flavour);
    accounts::fill(&tree, flavour);
    region::fill(&tree, flavour);
    first_boot::fill(&tree, flavour);
    ssh::fill(&tree, flavour);
    network::fill(&tree, flavour);
    upkeep::fill(&tree, flavour);
    let boot = folder.join(format!("{name}.boot"));
    boot::fill(&boot, flavour);
    let image = folder.join(format!("{name}.img"));
    disk::assemble(&image, &flavour.disk, &boot, tree.path());
    fs::remove_dir_all(tree.path()).expect("the tree can be removed");
    fs::remove_dir_all(boot).expect("the boot files can be removed");
    image
}
