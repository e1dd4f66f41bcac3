//! Where programs of a tree are run: a copy of it in a folder, or our own image of it, mounted.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use berry_image::{
    disk::{Extents, Source, Storage as _},
    ext4::write::{Layout, Options},
    tree::Tree,
};

use crate::{
    compare::Listing,
    ground::Ground,
    support::{
        Mount, e2fsck,
        listing::listing,
        program::{folder, output, tool},
    },
};

/// Room for what scripts write.
const ROOM: u64 = 1 << 30;
/// Runs its arguments from the third on inside the folder `$1`, in namespaces of their own: what is mounted or started ends with them. `$2`
/// are folders of the host and where they are to be seen inside.
const INSIDE: &str = r#"
    root=$1; shown=$2; shift 2
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    # Nothing but the machine itself, or the host's network.
    chroot "$root" /sbin/ip link set lo up
    for pair in $shown; do mount --bind "${pair%%=*}" "$root${pair#*=}"; done
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC TERM=dumb \
        DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true "$@"
"#;

/// A tree that the kernel shows.
pub(crate) struct Place {
    mount: Option<Mount>,
    folder: tempfile::TempDir,
}

/// What a program said, both streams in one, and how it ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Said {
    /// What it said, if it ended well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self.text
    }
}

impl Place {
    /// A copy of the tree with which all begins.
    pub(crate) fn copy(ground: &Ground) -> Self {
        let place = Self { mount: None, folder: folder() };
        let root = place.root();
        std::fs::create_dir(&root).unwrap();
        ground.copy_to(&root);
        place
    }

    /// Our own image of a tree, mounted.
    pub(crate) fn image(tree: &Tree) -> Self {
        let folder = folder();
        let path = folder.path().join("image");
        let content: u64 = tree.iter().map(|(_, inode)| inode.size().next_multiple_of(4096)).sum();
        let size = (content + content / 10 + ROOM).next_multiple_of(1 << 22);
        let options = Options::root(size, [1; 16], [2; 16], "oracle", 1_600_000_000);
        write(&Layout::new(tree, &[tree], &options).unwrap().image(0).unwrap(), &File::create(&path).unwrap());
        assert_eq!(e2fsck(&path), 0);
        let mount = Mount::new(&path, &folder.path().join("root"), "user_xattr,acl");
        Self { mount: Some(mount), folder }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Runs a program inside; `shown` are folders of the host and where they are to be seen. There is no network.
    pub(crate) fn run(&self, shown: &[(&Path, &str)], words: &[&str]) -> Said {
        self.start(&["--net"], shown, words)
    }

    /// As [`Place::run`], with the host's network.
    pub(crate) fn run_connected(&self, shown: &[(&Path, &str)], words: &[&str]) -> Said {
        self.start(&[], shown, words)
    }

    fn start(&self, namespaces: &[&str], shown: &[(&Path, &str)], words: &[&str]) -> Said {
        let shown: Vec<String> = shown.iter().map(|(outside, inside)| format!("{}={inside}", outside.display())).collect();
        let mut command = tool("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child"]).args(namespaces).args(["bash", "-euc", INSIDE, "inside"]);
        command.arg(self.root()).arg(shown.join(" ")).args(words).stdin(Stdio::null());
        let result = output(&mut command);
        let text = String::from_utf8_lossy(&result.stdout).into_owned() + &String::from_utf8_lossy(&result.stderr);
        Said { code: result.status.code(), text }
    }

    /// Everything in it.
    pub(crate) fn listing(&self) -> Listing {
        let mut all = listing(&self.root());
        if self.mount.is_some() {
            assert!(all.remove(&b"/lost+found"[..]).is_some());
        }
        all
    }

    pub(crate) fn read(&self, path: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.root().join(&path[1..])).unwrap_or_default()).into_owned()
    }
}

/// Writes what is not zero into a new file.
fn write(image: &Extents, file: &File) {
    file.set_len(image.size()).unwrap();
    let mut buffer = vec![0; 1 << 20];
    for extent in image.list().iter().filter(|extent| !matches!(extent.source, Source::Zero)) {
        let mut done = 0;
        while done < extent.len {
            let count = (extent.len - done).min(buffer.len() as u64) as usize;
            extent.source.advanced(done).read_exact(&mut buffer[..count]).unwrap();
            file.write_all_at(&buffer[..count], extent.offset + done).unwrap();
            done += count as u64;
        }
    }
}
