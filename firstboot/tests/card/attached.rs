//! Cards as loop devices, released whatever happens.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use berry_firstboot::config::{Brick, FORMAT, NodeConfig, Packages};
use rustix::{
    fs::SeekFrom,
    ioctl::{Setter, ioctl, opcode},
};

use super::{Dump, Random, run, said, text};

pub const SECTOR: u64 = 512;
pub const MIB: u64 = 2048;
/// First sector of the brick, and how many it has in the image.
pub const BRICK: (u64, u64) = (1284 * MIB, 256 * MIB);

/// A card that was just flashed.
pub struct Card {
    pub folder: tempfile::TempDir,
    pub path: PathBuf,
    pub config: NodeConfig,
    pub uuid: String,
    files: Vec<(String, Vec<u8>)>,
}

impl Card {
    pub fn flashed(kind: &str, sectors: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card");
        let mount = folder.path().join("export");
        fs::create_dir(&mount).unwrap();
        // Unlike that of any other card in this machine.
        let mut random = Random(u64::from_le_bytes(text(folder.path()).as_bytes().last_chunk::<8>().copied().unwrap()) ^ sectors);
        let mut hexadecimal = || format!("{:08x}", random.next() as u32 | 1);
        let mut guid = || format!("{}-0001-4002-8003-0004{}", hexadecimal(), hexadecimal());
        let (disk_guid, partition_guid, uuid) = (guid(), guid(), guid());
        let disk_id = hexadecimal();
        let (id, extra, partuuid) = match kind {
            "dos" => (format!("0x{disk_id}"), String::new(), format!("{disk_id}-03")),
            _ => (disk_guid, format!(", uuid={partition_guid}"), partition_guid),
        };
        let (first, brick) = BRICK;
        let (boot, root) = ((4 * MIB, 256 * MIB), (260 * MIB, 1024 * MIB));
        let script = format!(
            "label: {kind}\nlabel-id: {id}\nstart={}, size={}\nstart={}, size={}\nstart={first}, size={brick}{extra}\n",
            boot.0, boot.1, root.0, root.1
        );
        let image = File::create(&path).unwrap();
        image.set_len((first + brick + MIB) * SECTOR).unwrap();
        said("sfdisk", &["--quiet", "--no-reread", text(&path)], &script);
        // Something at the ends of the other partitions, and code in front of the table.
        let noise: Vec<u8> = (0..1 << 18).map(|_| random.next() as u8).collect();
        image.write_all_at(&noise[..440], 0).unwrap();
        for (start, size) in [boot, root] {
            image.write_all_at(&noise, start * SECTOR).unwrap();
            image.write_all_at(&noise, (start + size) * SECTOR - noise.len() as u64).unwrap();
        }
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("brick")).unwrap();
        let files: Vec<_> =
            (1..9_u64).map(|index| (format!("brick/file{index}"), noise[index as usize * 1000..].repeat(index as usize))).collect();
        files.iter().for_each(|(name, bytes)| fs::write(tree.join(name), bytes).unwrap());
        let extended = format!("offset={},resize=536870912", first * SECTOR);
        let size = format!("{}k", brick / 2);
        let arguments = [
            "-q",
            "-F",
            "-t",
            "ext4",
            "-b",
            "4096",
            "-i",
            "16384",
            "-I",
            "512",
            "-m",
            "0",
            "-O",
            "^orphan_file,^metadata_csum_seed",
            "-U",
            &uuid,
        ];
        said("mke2fs", &[&arguments[..], &["-E", &extended, "-d", text(&tree), text(&path), &size]].concat(), "");
        fs::remove_dir_all(tree).unwrap();
        image.set_len(sectors * SECTOR).unwrap();
        let brick = Brick { partition: 3, partition_uuid: partuuid, uuid: uuid.clone(), mount: text(&mount).to_owned(), cap: None };
        let packages = Packages { pending: false, hold: Vec::new() };
        let (cluster, node) = ("c".to_owned(), "n".to_owned());
        let config =
            NodeConfig { format: FORMAT, cluster, node, epoch: 0, brick, packages, pool: None, volume: None, web: None, status: None };
        Self { folder, path, config, uuid, files }
    }

    /// The same card again, to be treated otherwise.
    pub fn again(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card");
        self.copied(folder, path)
    }

    /// The same on a file system that can fail.
    pub fn again_on(&self, below: &Failing) -> Self {
        self.copied(tempfile::tempdir().unwrap(), below.mount.join("card"))
    }

    fn copied(&self, folder: tempfile::TempDir, path: PathBuf) -> Self {
        said("cp", &["--sparse=always", text(&self.path), text(&path)], "");
        let mount = folder.path().join("export");
        fs::create_dir(&mount).unwrap();
        let mut config = self.config.clone();
        config.brick.mount = text(&mount).to_owned();
        Self { folder, path, config, uuid: self.uuid.clone(), files: self.files.clone() }
    }

    pub fn overwrite(&self, byte: u64, bytes: &[u8]) {
        File::options().write(true).open(&self.path).unwrap().write_all_at(bytes, byte).unwrap();
    }

    /// A number for all that is on the card between two sectors, without reading what is not there.
    pub fn hash(&self, from: u64, to: u64) -> u64 {
        let file = File::open(&self.path).unwrap();
        let (mut at, end) = (from * SECTOR, to * SECTOR);
        let mut hasher = DefaultHasher::new();
        while let Ok(start) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
            let hole = rustix::fs::seek(&file, SeekFrom::Hole(start)).unwrap().min(end);
            at = start;
            while at < hole {
                let mut bytes = vec![0; ((hole - at) as usize).min(4096 - (at % 4096) as usize)];
                file.read_exact_at(&mut bytes, at).unwrap();
                if bytes.iter().any(|byte| *byte != 0) {
                    (at, &bytes).hash(&mut hasher);
                }
                at += bytes.len() as u64;
            }
            if at >= end {
                break;
            }
        }
        hasher.finish()
    }

    /// Boot code, what is between tables and brick.
    pub fn before_the_brick(&self) -> u64 {
        self.hash(4 * MIB, BRICK.0)
    }

    /// That the card's file system is sound and has so many blocks, and all files are as they were.
    pub fn check(&self, blocks: u64) {
        let attached = self.attach();
        let node = attached.node();
        let said_by_e2fsck = said("e2fsck", &["-fn", &node], "");
        assert!(said_by_e2fsck.contains("Pass 5") && !said_by_e2fsck.to_lowercase().contains("fix"), "{said_by_e2fsck}");
        let header = said("dumpe2fs", &["-h", &node], "");
        let count = header.lines().find_map(|line| line.strip_prefix("Block count:")).unwrap().trim().parse::<u64>().unwrap();
        assert_eq!(count, blocks);
        assert!(header.contains(&self.uuid));
        let mounted = attached.mount();
        for (name, bytes) in &self.files {
            assert!(fs::read(mounted.path().join(name)).unwrap() == *bytes, "{name}");
        }
        // And there is really room.
        let free = rustix::fs::statvfs(mounted.path()).unwrap();
        assert!(free.f_bavail * free.f_frsize > blocks * 4096 / 10 * 9 - (128 << 20), "{}", free.f_bavail);
    }

    /// Puts it into the machine. Where the kernel reads no partition tables, it is told what sfdisk reads.
    pub fn attach(&self) -> Attached<'_> {
        let device = said("losetup", &["--find", "--show", "--partscan", text(&self.path)], "").trim().to_owned();
        let attached = Attached { card: self, device };
        if !Path::new(&attached.node()).exists() {
            for (number, first, sectors, _) in Dump::of(&self.path).partitions {
                said("addpart", &[&attached.device, &number.to_string(), &first.to_string(), &sectors.to_string()], "");
            }
        }
        assert!(Path::new(&attached.node()).exists());
        attached
    }
}

/// A card in the machine.
pub struct Attached<'a> {
    card: &'a Card,
    pub device: String,
}

impl Attached<'_> {
    pub fn node(&self) -> String {
        format!("{}p3", self.device)
    }

    pub fn mount(&self) -> Mounted {
        let path = PathBuf::from(&self.card.config.brick.mount);
        said("mount", &["-t", "ext4", "-o", "noatime", &self.node(), text(&path)], "");
        Mounted(path)
    }

    pub fn sectors(&self) -> u64 {
        let name = self.device.trim_start_matches("/dev/");
        fs::read_to_string(format!("/sys/class/block/{name}p3/size")).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        run("partx", &["--delete", &self.device], "");
        run("losetup", &["--detach", &self.device], "");
    }
}

/// A mounted brick.
pub struct Mounted(PathBuf);

impl Mounted {
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn open(&self) -> File {
        File::open(&self.0).unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if !run("umount", &[text(&self.0)], "").status.success() {
            run("umount", &["--lazy", text(&self.0)], "");
        }
    }
}

/// A file system whose files cannot be written any more from some moment on: what a card in one of them holds then is what a card would
/// hold when the power goes.
pub struct Failing {
    /// First, so that it is unmounted before its folder goes.
    mounted: Option<Mounted>,
    mount: PathBuf,
    folder: tempfile::TempDir,
}

impl Failing {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (image, mount) = (folder.path().join("image"), folder.path().join("below"));
        fs::create_dir(&mount).unwrap();
        File::create(&image).unwrap().set_len(4 << 30).unwrap();
        said("mke2fs", &["-q", "-F", "-t", "ext4", text(&image)], "");
        let mut failing = Self { mounted: None, mount, folder };
        failing.restart();
        failing
    }

    /// Before it fails: to fail by.
    pub fn open(&self) -> File {
        File::open(&self.mount).unwrap()
    }

    /// What was written before it failed is there, and it can be written again.
    pub fn restart(&mut self) {
        self.mounted = None;
        said("mount", &["-t", "ext4", "-o", "loop", text(&self.folder.path().join("image")), text(&self.mount)], "");
        self.mounted = Some(Mounted(self.mount.clone()));
    }
}

/// `EXT4_IOC_SHUTDOWN`: from now on nothing is written to the file system.
#[derive(Clone, Copy, Debug)]
pub enum Shutdown {
    /// What was written until now reaches its device.
    Flush = 0,
    /// What the journal has not by now is lost.
    Lose = 2,
}

#[expect(unsafe_code, reason = "the call is in no library")]
pub fn shut_down(file: &File, how: Shutdown) {
    const SHUTDOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);
    // SAFETY: the call reads a 32-bit number, in spite of its name.
    unsafe { ioctl(file, Setter::<SHUTDOWN, u32>::new(how as u32)) }.unwrap();
}
