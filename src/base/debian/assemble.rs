//! From the file tree to an image: boot partition, root, partition table.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{super::raspi_firmware, DebianError, archive::tree_from_tar, marker::Marker};
use crate::{
    disk::{
        Extent, Extents, Source, Storage,
        mbr::{FAT_LBA, LINUX, Mbr, Partition},
    },
    ext4::{
        format::{incompat, ro_compat},
        write::{Layout, Options, WriteError},
    },
    fat,
    tree::{Content, InodeId, Kind, Meta, Tree},
};

/// Where the root has the files of the boot partition.
const FIRMWARE: &str = "/boot/firmware";
/// Labels, as Debian's own images have them.
const BOOT_LABEL: &str = "RASPIFIRM";
const ROOT_LABEL: &str = "RASPIROOT";
/// The boot partition: start, size, sectors per cluster. Three kernels with their initramfs fit.
const BOOT: Partition = Partition { kind: FAT_LBA, active: false, start: 4 << 20, size: 256 << 20 };
const SECTORS_PER_CLUSTER: u8 = 4;
/// Partitions begin at multiples of this.
const ALIGNMENT: u64 = 4 << 20;
/// What the root may have beyond its content at first; a node's root is laid out afresh in its own size.
const ROOM: u64 = 128 << 20;
/// The most that is tried.
const MAX_ROOT: u64 = 16 << 30;

/// The image of the tree in the archive `tar`, as extents; contents are references into it.
pub(super) fn image(suite: &str, tar: &Arc<dyn Storage>) -> Result<Extents, DebianError> {
    let mut tree = tree_from_tar(tar)?;
    let status = tree.read("/var/lib/dpkg/status")?;
    let made = tree.resolve("/var/lib/dpkg/status").map(|id| tree.inode(id).meta.mtime).unwrap_or_default();
    let ids = Ids::new(suite, &status);
    let files = take_boot_files(&mut tree)?;
    check_command_line(&files)?;
    tree.put_file(Marker::PATH, Meta::new(0o644, 0, 0, made), Content::bytes(Marker::new(suite).text().into_bytes()))?;

    let boot = fat::create(
        &fat::New {
            size: BOOT.size,
            label: BOOT_LABEL.to_owned(),
            volume_id: ids.volume,
            sectors_per_cluster: SECTORS_PER_CLUSTER,
            // 4 MiB are 8192 sectors.
            hidden_sectors: (BOOT.start / 512) as u32,
            time: made.seconds,
        },
        &files,
    )?;
    let root = root(&tree, &ids, made.seconds)?;
    let root_partition = Partition { kind: LINUX, active: false, start: BOOT.end(), size: root.size() };
    let mut mbr = Mbr::new(ids.disk);
    mbr.set_partition(1, Some(BOOT))?;
    mbr.set_partition(2, Some(root_partition))?;

    let mut image = Extents::hole(root_partition.end());
    image.push(Extent { offset: 0, len: 512, source: Source::bytes(mbr.sector().to_vec()) });
    image.append_at(BOOT.start, &boot);
    image.append_at(root_partition.start, &root);
    Ok(image)
}

/// Identifiers that follow from the suite and the versions of all packages: the same tree gives the same image.
struct Ids {
    disk: u32,
    volume: u32,
    root: [u8; 16],
    hash_seed: [u8; 16],
}

impl Ids {
    fn new(suite: &str, status: &[u8]) -> Self {
        let bytes = |what: &str| {
            let digest =
                Sha256::new().chain_update(what).chain_update([0]).chain_update(suite).chain_update([0]).chain_update(status).finalize();
            let mut id = [0; 16];
            id.copy_from_slice(&digest[..16]);
            id
        };
        let number = |what: &str| {
            let [a, b, c, d, ..] = bytes(what);
            // Zero would stand for none.
            u32::from_le_bytes([a, b, c, d]).max(1)
        };
        let uuid = |what: &str| {
            let mut id = bytes(what);
            // RFC 9562 §5.8: version 8, made by a rule of one's own.
            id[6] = id[6] & 0x0f | 0x80;
            id[8] = id[8] & 0x3f | 0x80;
            id
        };
        Self { disk: number("disk"), volume: number("boot volume"), root: uuid("root"), hash_seed: uuid("hash seed of root") }
    }
}

/// Moves all below `/boot/firmware` out of the tree; the folder itself stays, as a mount point.
fn take_boot_files(tree: &mut Tree) -> Result<Vec<(String, Extents)>, DebianError> {
    let folder = tree.resolve(FIRMWARE).filter(|id| tree.inode(*id).children().is_some());
    let folder = folder.ok_or_else(|| DebianError::BootFile { path: FIRMWARE.to_owned(), reason: "is no folder of the tree" })?;
    let mut files = Vec::new();
    collect(tree, folder, "", &mut files)?;
    let meta = tree.inode(folder).meta.clone();
    tree.remove(FIRMWARE)?;
    tree.make_folder(FIRMWARE, &meta)?;
    Ok(files)
}

fn collect(tree: &Tree, folder: InodeId, prefix: &str, files: &mut Vec<(String, Extents)>) -> Result<(), DebianError> {
    for (name, id) in tree.inode(folder).children().into_iter().flatten() {
        let shown = format!("{prefix}{}", name.as_bytes().escape_ascii());
        let fail = |reason| DebianError::BootFile { path: format!("{FIRMWARE}/{shown}"), reason };
        let name = std::str::from_utf8(name.as_bytes()).map_err(|_| fail("has a name that is not text"))?;
        match &tree.inode(*id).kind {
            Kind::File(content) => files.push((format!("{prefix}{name}"), content.clone())),
            Kind::Directory(_) => collect(tree, *id, &format!("{prefix}{name}/"), files)?,
            _ => return Err(fail("is neither a file nor a folder, which is all that FAT can hold")),
        }
    }
    Ok(())
}

/// What the hook of raspi-firmware wrote must be what this program believes it writes: a node's `cmdline.txt` is made by that belief.
fn check_command_line(files: &[(String, Extents)]) -> Result<(), DebianError> {
    let expected = raspi_firmware::command_line(raspi_firmware::BASE_ROOT, "");
    let content = files.iter().find(|(name, _)| name == "cmdline.txt").map(|(_, content)| content.to_vec(1 << 16));
    let found = content.transpose().map_err(|source| DebianError::Start { program: "reading cmdline.txt".to_owned(), source })?;
    match found {
        Some(found) if found == expected.as_bytes() => Ok(()),
        Some(found) => Err(DebianError::CommandLine { found: String::from_utf8_lossy(&found).into_owned(), expected }),
        None => Err(DebianError::CommandLine { found: String::new(), expected }),
    }
}

/// The root file system, as large as it takes.
fn root(tree: &Tree, ids: &Ids, time: i64) -> Result<Extents, DebianError> {
    let content: u64 = tree.iter().map(|(_, inode)| inode.size().next_multiple_of(4096)).sum();
    let mut size = (content + content / 10 + ROOM).next_multiple_of(ALIGNMENT);
    loop {
        let mut options = Options::root(size, ids.root, ids.hash_seed, ROOT_LABEL, time);
        // What mke2fs of Debian 12 makes; nodes keep the features of their base.
        options.features.incompat |= incompat::BIT64;
        options.features.ro_compat |= ro_compat::HUGE_FILE;
        match Layout::new(tree, &[tree], &options) {
            Ok(layout) => return Ok(layout.image(0)?),
            // Many small files need more for their inodes than was added.
            Err(WriteError::NoSpace { .. } | WriteError::NoInodes { .. }) if size < MAX_ROOT => {
                size = (size + size / 4).next_multiple_of(ALIGNMENT)
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Command};

    use super::*;
    use crate::{
        base::{Base, cache::Cache, facts::Flavour, source},
        error::Classified as _,
        profile::BaseReference,
        progress::{Silent, Stop},
    };

    /// A tree as small as a base can be, archived as mmdebstrap does it.
    const TREE: &str = r#"
        mkdir -p t/boot/firmware/overlays t/etc/systemd/system/multi-user.target.wants t/etc/ssh t/usr/lib t/var/lib/dpkg
        cd t
        ln -s usr/lib lib
        printf 'ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n' > usr/lib/os-release
        printf 'Package: dpkg\nStatus: install ok installed\nArchitecture: arm64\n' > var/lib/dpkg/status
        printf 'root:x:0:0:root:/root:/bin/bash\n' > etc/passwd
        : > etc/machine-id; : > etc/fstab
        ln -s /lib/systemd/system/NetworkManager.service etc/systemd/system/multi-user.target.wants/NetworkManager.service
        printf 'arm_64bit=1\n' > boot/firmware/config.txt
        printf overlay > boot/firmware/overlays/a-long-name.dtbo
        head -c 100000 /dev/urandom > boot/firmware/vmlinuz-6.1.0-50-arm64
        head -c 3000000 /dev/urandom > usr/lib/library
        printf '%s' "$1" > boot/firmware/cmdline.txt
        touch -d @1700000000 var/lib/dpkg/status
    "#;

    fn archive(change: &str, command_line: &str) -> Arc<dyn Storage> {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("{TREE}\n{change}\ntar --numeric-owner --owner=0 --group=0 --sort=name -cf - .");
        let output = Command::new("sh").args(["-ec", &script, "sh", command_line]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Arc::new(output.stdout)
    }

    fn good() -> Arc<dyn Storage> {
        archive("", &raspi_firmware::command_line(raspi_firmware::BASE_ROOT, ""))
    }

    fn check(program: &str, arguments: &[&str], file: &Path) {
        let output = Command::new(program).args(arguments).arg(file).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {text}");
    }

    #[test]
    fn the_image_is_sound_and_read_as_a_base() {
        let image = image("bookworm", &good()).unwrap();
        let bytes = image.to_vec(1 << 30).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base.img");
        fs::write(&path, &bytes).unwrap();
        check("sfdisk", &["--verify"], &path);
        let part = |from: u64, to: u64| {
            let file = folder.path().join("part");
            fs::write(&file, &bytes[from as usize..to as usize]).unwrap();
            file
        };
        check("fsck.fat", &["-n"], &part(BOOT.start, BOOT.end()));
        check("e2fsck", &["-fn"], &part(BOOT.end(), image.size()));

        let cache = Cache::at(&folder.path().join("cache")).unwrap();
        let reference = BaseReference::File { path, sha256: None };
        let base = Base::read(source::obtain(&reference, &cache, true, &Silent, &Stop::default()).unwrap()).unwrap();
        assert_eq!((base.facts.flavour, base.facts.boot_mount.as_str()), (Flavour::BerryDebian, "/boot/firmware"));
        assert_eq!(base.command_line, raspi_firmware::command_line(raspi_firmware::BASE_ROOT, ""));
        assert_eq!(base.config, "arm_64bit=1\n");
        assert_eq!(base.fat.read("overlays/a-long-name.dtbo").unwrap().unwrap(), b"overlay");
        assert_eq!(base.tree.read("/lib/library").unwrap().len(), 3_000_000);
        assert!(base.tree.names(FIRMWARE).is_empty() && base.tree.exists(FIRMWARE));
        assert_eq!(Marker::parse(&base.tree.read_text(Marker::PATH).unwrap()), Some(Marker::new("bookworm")));
        assert_eq!((base.boot.start(), base.boot.size(), base.root.start()), (4 << 20, 256 << 20, 260 << 20));
        assert_eq!(&base.superblock.volume_name[..9], ROOT_LABEL.as_bytes());
    }

    #[test]
    fn the_same_tree_gives_the_same_image() {
        let archive = good();
        let bytes = || image("bookworm", &archive).unwrap().to_vec(1 << 30).unwrap();
        assert!(bytes() == bytes());
        let ids = |status: &[u8]| Ids::new("bookworm", status);
        assert_ne!((ids(b"1").disk, ids(b"1").root), (ids(b"2").disk, ids(b"2").root));
        assert_ne!(ids(b"1").root, ids(b"1").hash_seed);
    }

    #[test]
    fn what_the_hook_wrote_must_be_as_expected() {
        let error = image("bookworm", &archive("", "console=tty0 root=/dev/mmcblk0p2 cma=64M rootwait\n")).unwrap_err();
        assert!(matches!(error, DebianError::CommandLine { .. }), "{error}");
        assert!(error.to_string().contains("cma=64M") && error.hint().is_some());
        let line = raspi_firmware::command_line(raspi_firmware::BASE_ROOT, "");
        let without = archive("rm boot/firmware/cmdline.txt", &line);
        assert!(matches!(image("bookworm", &without), Err(DebianError::CommandLine { .. })));
        let link = archive("ln -s config.txt boot/firmware/link", &line);
        assert!(image("bookworm", &link).unwrap_err().to_string().contains("`/boot/firmware/link` is neither a file nor a folder"));
        let none = archive("rm -r boot/firmware; : > boot/firmware", &line);
        assert!(matches!(image("bookworm", &none), Err(DebianError::BootFile { .. })));
    }
}
