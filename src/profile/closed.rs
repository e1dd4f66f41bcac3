//! Where no overlay can be laid.

use super::{Profile, names};

/// Folders of the root that nobody sees on a running node, or whose files are nobody's to write, each with the reason.
const CLOSED: [(&str, &str); 11] = [
    ("/boot", "the boot partition is mounted over it, or the kernel's packages keep it"),
    ("/dev", HIDDEN),
    ("/lost+found", "it belongs to the file system"),
    ("/proc", HIDDEN),
    ("/run", HIDDEN),
    ("/sys", HIDDEN),
    ("/tmp", HIDDEN),
    ("/var/lib/dpkg", "dpkg keeps its database there"),
    ("/var/lib/glusterd", "the pool is kept there"),
    ("/var/lock", HIDDEN),
    ("/var/run", HIDDEN),
];
const HIDDEN: &str = "something else is mounted over it on a running node";

impl Profile {
    /// The folder in which `path`, absolute and without detours, cannot be laid over, and why.
    #[must_use]
    pub fn closed(&self, path: &str) -> Option<(&str, &'static str)> {
        let mounted = [Some(&self.brick.mount_point), self.volume.as_ref().map(|volume| &volume.mount_point)];
        let mounted = mounted.into_iter().flatten().map(|folder| (folder.as_str(), HIDDEN));
        CLOSED.into_iter().chain(mounted).find(|(folder, _)| names::is_inside(path, folder))
    }
}
