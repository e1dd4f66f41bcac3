//! Small ext4 images to be damaged: where their metadata stands, and checksums made to fit again after damage, so that the checks
//! behind the checksums are reached. Trusts the image it was made from, and only that.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::{FileExt as _, symlink},
    path::Path,
};

use berry_image::ext4::{
    checksum::{crc16, crc32c},
    format::{GroupDescriptor, GroupDescriptorHigh, RawInode, Superblock, compat, group_flags, incompat, inode_flags, ro_compat},
};

use super::{Mount, run};

/// What a block of metadata holds, and with it how its checksum is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Extents,
    /// Block numbers of ext2; without a checksum.
    Indirect,
    Names,
    IndexRoot,
    IndexNode,
    Attributes,
}

/// A block of metadata and the inode it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub kind: Kind,
    pub inode: u32,
    pub number: u64,
}

/// An image in memory, the places of its metadata, and its own measures.
#[derive(Clone, Debug)]
pub struct Image {
    pub bytes: Vec<u8>,
    pub superblock: Superblock,
    pub block_size: usize,
    pub desc_size: usize,
    pub groups: usize,
    /// Inodes in use.
    pub inodes: Vec<u32>,
    /// Blocks of metadata besides those of groups.
    pub blocks: Vec<Block>,
    seed: u32,
}

pub fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

pub fn put(bytes: &mut [u8], at: usize, width: usize, number: u64) {
    bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
}

/// An image of `size` bytes, filled by the kernel with a little of everything; `options` go to `mke2fs`.
pub fn small_image(options: &[&str], size: u64) -> Image {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    File::create(&path).unwrap().set_len(size).unwrap();
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    let extended = format!("lazy_itable_init=0,hash_seed={uuid}");
    let fixed = ["-q", "-F", "-N", "256", "-E", &extended, "-U", uuid];
    run("mke2fs", fixed.iter().copied().chain(options.iter().copied()).map(OsStr::new).chain([path.as_os_str()]));
    let mount = Mount::new(&path, &folder.path().join("filled"), "user_xattr,acl");
    fill(mount.path());
    drop(mount);
    let mut image = Image::new(fs::read(&path).unwrap());
    image.forget_clock_and_chance();
    image
}

fn fill(root: &Path) {
    let at = |name: &str| root.join(name);
    fs::write(at("file"), [b'x'; 3000]).unwrap();
    fs::write(at("short"), "short").unwrap();
    fs::hard_link(at("file"), at("again")).unwrap();
    fs::create_dir_all(at("folder/in/folder")).unwrap();
    fs::create_dir(at("large")).unwrap();
    for name in 0..110 {
        fs::write(at(&format!("large/{name:0>60}")), "").unwrap();
    }
    symlink("short", at("link")).unwrap();
    symlink("l".repeat(100), at("long-link")).unwrap();
    let fragmented = File::create(at("fragmented")).unwrap();
    for piece in 0..40 {
        fragmented.write_all_at(&[7; 16], piece * 8192).unwrap();
    }
    for name in ["attributes", "shared-1", "shared-2"] {
        fs::write(at(name), name).unwrap();
        rustix::fs::setxattr(at(name), "user.large", &[9; 300], rustix::fs::XattrFlags::empty()).unwrap();
        rustix::fs::setxattr(at(name), "trusted.small", b"small", rustix::fs::XattrFlags::empty()).unwrap();
    }
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("device"), rustix::fs::FileType::BlockDevice, mode, rustix::fs::makedev(8, 1)).unwrap();
}

impl Image {
    pub fn new(bytes: Vec<u8>) -> Self {
        let superblock = Superblock::parse(&bytes[1024..]);
        let is_64bit = superblock.feature_incompat & incompat::BIT64 != 0;
        let seed =
            if superblock.feature_incompat & incompat::CSUM_SEED != 0 { superblock.checksum_seed } else { crc32c(!0, &superblock.uuid) };
        let mut image = Self {
            block_size: 1024 << superblock.log_block_size,
            desc_size: if is_64bit { superblock.desc_size.into() } else { 32 },
            groups: (superblock.blocks_count_lo - superblock.first_data_block).div_ceil(superblock.blocks_per_group) as usize,
            inodes: Vec::new(),
            blocks: Vec::new(),
            seed,
            superblock,
            bytes,
        };
        image.inodes = (1..=image.superblock.inodes_count).filter(|inode| image.is_used(*inode)).collect();
        image.blocks = image.inodes.iter().flat_map(|inode| image.blocks_of(*inode)).collect();
        image.blocks.sort_by_key(|block| (block.number, block.inode));
        image.blocks.dedup_by_key(|block| block.number);
        image
    }

    /// Times and generations are made equal in every run, so that a case is the same case tomorrow.
    fn forget_clock_and_chance(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let original = Self { bytes: bytes.clone(), ..self.clone() };
        for field in [0x2C, 0x30, 0x40, 0x108] {
            put(&mut bytes, 1024 + field, 4, 1_700_000_000);
        }
        put(&mut bytes, 1024 + 0x178, 8, 0);
        bytes[1024 + 0x88..1024 + 0xC8].fill(0);
        for inode in self.inodes.iter().filter(|inode| original.raw_inode(**inode).mode != 0) {
            let at = original.inode_at(*inode);
            for field in [0x8, 0xC, 0x10] {
                put(&mut bytes, at + field, 4, 1_700_000_000);
            }
            // The blocks of the orphan file, which no test damages, keep their checksums.
            if *inode != self.superblock.orphan_file_inum {
                put(&mut bytes, at + 0x64, 4, (*inode).into());
            }
            if self.superblock.inode_size > 128 {
                let times = number(&bytes, at + 0x80, 2).saturating_sub(4).min(20) as usize;
                bytes[at + 0x84..at + 0x84 + times].fill(0);
            }
        }
        original.seal(&mut bytes);
        *self = Self::new(bytes);
    }

    pub fn has_checksums(&self) -> bool {
        self.superblock.feature_ro_compat & ro_compat::METADATA_CSUM != 0
    }

    /// Offset of a group's descriptor.
    pub fn group_at(&self, group: usize) -> usize {
        (self.superblock.first_data_block as usize + 1) * self.block_size + group * self.desc_size
    }

    fn descriptor(&self, group: usize) -> GroupDescriptor {
        GroupDescriptor::parse(&self.bytes[self.group_at(group)..])
    }

    /// Offset of an inode.
    pub fn inode_at(&self, inode: u32) -> usize {
        let index = inode - 1;
        let table = self.descriptor((index / self.superblock.inodes_per_group) as usize).inode_table_lo as usize;
        table * self.block_size + (index % self.superblock.inodes_per_group) as usize * usize::from(self.superblock.inode_size)
    }

    fn is_used(&self, inode: u32) -> bool {
        let index = inode - 1;
        let group = self.descriptor((index / self.superblock.inodes_per_group) as usize);
        let bit = (index % self.superblock.inodes_per_group) as usize;
        group.flags & group_flags::INODE_UNINIT == 0
            && self.bytes[group.inode_bitmap_lo as usize * self.block_size + bit / 8] >> (bit % 8) & 1 == 1
    }

    pub fn raw_inode(&self, inode: u32) -> RawInode {
        RawInode::parse(&self.bytes[self.inode_at(inode)..])
    }

    /// The inode at a path, as `debugfs` finds it.
    pub fn find(&self, path: &str) -> u32 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("image");
        fs::write(&file, &self.bytes).unwrap();
        let answer = run("debugfs", [OsStr::new("-R"), format!("stat {path}").as_ref(), file.as_os_str()]);
        answer.strip_prefix("Inode: ").unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }

    pub fn block(&self, block: u64) -> &[u8] {
        &self.bytes[block as usize * self.block_size..][..self.block_size]
    }

    /// First block of this kind that belongs to `inode`.
    pub fn block_of(&self, inode: u32, kind: Kind) -> u64 {
        let mut blocks = self.blocks.iter().filter(|block| block.inode == inode && block.kind == kind);
        blocks.next().unwrap_or_else(|| panic!("inode {inode} has no {kind:?}")).number
    }

    fn blocks_of(&self, inode: u32) -> Vec<Block> {
        let raw = self.raw_inode(inode);
        let (mut found, mut data) = (Vec::new(), Vec::new());
        let block = |kind, number| Block { kind, inode, number };
        let is_mapped = matches!(raw.mode & 0xF000, 0x4000 | 0x8000) || (raw.mode & 0xF000 == 0xA000 && raw.size_lo >= 60);
        if raw.flags & inode_flags::EXTENTS != 0 {
            let mut nodes = vec![raw.block.to_vec()];
            while let Some(node) = nodes.pop() {
                for entry in node.chunks_exact(12).skip(1).take(number(&node, 2, 2) as usize) {
                    if number(&node, 6, 2) == 0 {
                        data.extend((0..number(entry, 4, 2).min(0x7FFF)).map(|offset| number(entry, 8, 4) + offset));
                    } else {
                        found.push(block(Kind::Extents, number(entry, 4, 4)));
                        nodes.push(self.block(number(entry, 4, 4)).to_vec());
                    }
                }
            }
        } else if is_mapped && raw.flags & inode_flags::INLINE_DATA == 0 {
            data.extend(raw.block.chunks_exact(4).take(12).map(|entry| number(entry, 0, 4)).filter(|number| *number != 0));
            let indirect = number(&raw.block, 48, 4);
            if indirect != 0 {
                found.push(block(Kind::Indirect, indirect));
            }
        }
        if raw.mode & 0xF000 == 0x4000 {
            for (position, number) in data.into_iter().enumerate() {
                let is_node = self.block(number)[..8] == [0, 0, 0, 0, self.block_size as u8, (self.block_size >> 8) as u8, 0, 0];
                found.push(block(
                    match (raw.flags & inode_flags::INDEX != 0, position) {
                        (true, 0) => Kind::IndexRoot,
                        (true, _) if is_node => Kind::IndexNode,
                        _ => Kind::Names,
                    },
                    number,
                ));
            }
        }
        if raw.file_acl_lo != 0 {
            found.push(block(Kind::Attributes, raw.file_acl_lo.into()));
        }
        found
    }

    /// All ranges of bytes that are metadata in use.
    pub fn metadata(&self) -> Vec<(usize, usize)> {
        let mut ranges = vec![(1024, 1024), (self.group_at(0), self.groups * self.desc_size)];
        for group in (0..self.groups).map(|group| self.descriptor(group)) {
            ranges.extend([group.block_bitmap_lo, group.inode_bitmap_lo].map(|block| (block as usize * self.block_size, self.block_size)));
        }
        ranges.extend(self.inodes.iter().map(|inode| (self.inode_at(*inode), usize::from(self.superblock.inode_size))));
        ranges.extend(self.blocks.iter().map(|block| (block.number as usize * self.block_size, self.block_size)));
        ranges
    }

    /// Makes all checksums in `bytes` (a damaged copy of this image) fit what they cover.
    pub fn seal(&self, bytes: &mut [u8]) {
        for inode in &self.inodes {
            self.seal_inode(bytes, *inode);
        }
        for block in &self.blocks {
            self.seal_block(bytes, *block);
        }
        for group in 0..self.groups {
            self.seal_group(bytes, group);
        }
        if self.has_checksums() {
            let checksum = crc32c(!0, &bytes[1024..2044]);
            put(bytes, 2044, 4, checksum.into());
        }
    }

    fn inode_seed(&self, bytes: &[u8], inode: u32) -> u32 {
        crc32c(crc32c(self.seed, &inode.to_le_bytes()), &bytes[self.inode_at(inode) + 0x64..][..4])
    }

    fn seal_inode(&self, bytes: &mut [u8], inode: u32) {
        let (at, size) = (self.inode_at(inode), usize::from(self.superblock.inode_size));
        let has_hi = size > 128 && number(bytes, at + 128, 2) >= 4;
        if self.has_checksums() {
            put(bytes, at + 0x7C, 2, 0);
            if has_hi {
                put(bytes, at + 0x82, 2, 0);
            }
            let checksum = crc32c(self.inode_seed(bytes, inode), &bytes[at..at + size]);
            put(bytes, at + 0x7C, 2, u64::from(checksum & 0xFFFF));
            if has_hi {
                put(bytes, at + 0x82, 2, u64::from(checksum >> 16));
            }
        }
    }

    fn seal_block(&self, bytes: &mut [u8], block: Block) {
        let seed = self.inode_seed(bytes, block.inode);
        let at = block.number as usize * self.block_size;
        let bytes = &mut bytes[at..at + self.block_size];
        let end = bytes.len();
        if !self.has_checksums() {
            return;
        }
        match block.kind {
            Kind::Indirect => (),
            Kind::Names => {
                let checksum = crc32c(seed, &bytes[..end - 12]);
                put(bytes, end - 4, 4, checksum.into());
            }
            Kind::Extents => {
                let tail = 12 * (1 + number(bytes, 4, 2) as usize);
                if tail + 4 <= end {
                    let checksum = crc32c(seed, &bytes[..tail]);
                    put(bytes, tail, 4, checksum.into());
                }
            }
            Kind::IndexRoot | Kind::IndexNode => {
                let at = if block.kind == Kind::IndexRoot { 0x20 } else { 8 };
                let (limit, count) = (number(bytes, at, 2) as usize, number(bytes, at + 2, 2) as usize);
                let (used, tail) = (at + 8 * count, at + 8 * limit);
                if used <= end && tail + 8 <= end {
                    let register = crc32c(crc32c(seed, &bytes[..used]), &bytes[tail..tail + 4]);
                    put(bytes, tail + 4, 4, crc32c(register, &[0; 4]).into());
                }
            }
            Kind::Attributes => {
                put(bytes, 0x10, 4, 0);
                let checksum = crc32c(crc32c(self.seed, &block.number.to_le_bytes()), bytes);
                put(bytes, 0x10, 4, checksum.into());
            }
        }
    }

    fn seal_group(&self, bytes: &mut [u8], group: usize) {
        let at = self.group_at(group);
        let sb = &self.superblock;
        let original = self.descriptor(group);
        let mut lo = GroupDescriptor::parse(&bytes[at..]);
        lo.checksum = 0;
        if self.has_checksums() {
            let bitmap = |block: u32, bits: u32| crc32c(self.seed, &bytes[block as usize * self.block_size..][..bits as usize / 8]);
            let blocks = bitmap(original.block_bitmap_lo, sb.blocks_per_group);
            let inodes = bitmap(original.inode_bitmap_lo, sb.inodes_per_group);
            let mut hi = GroupDescriptorHigh::parse(&bytes[at + 32..]);
            // A bitmap that is not initialised has no checksum.
            if original.flags & group_flags::INODE_UNINIT == 0 {
                (lo.inode_bitmap_csum_lo, hi.inode_bitmap_csum_hi) = (inodes as u16, (inodes >> 16) as u16);
            }
            if original.flags & group_flags::BLOCK_UNINIT == 0 {
                (lo.block_bitmap_csum_lo, hi.block_bitmap_csum_hi) = (blocks as u16, (blocks >> 16) as u16);
            }
            if self.desc_size >= 64 {
                hi.put(&mut bytes[at + 32..]);
            }
            lo.put(&mut bytes[at..]);
            let register = crc32c(self.seed, &(group as u32).to_le_bytes());
            lo.checksum = crc32c(register, &bytes[at..at + self.desc_size]) as u16;
        } else if sb.feature_ro_compat & ro_compat::GDT_CSUM != 0 {
            let register = crc16(crc16(!0, &sb.uuid), &(group as u32).to_le_bytes());
            lo.checksum = crc16(crc16(register, &bytes[at..at + 30]), &bytes[at + 32..at + self.desc_size]);
        } else {
            return;
        }
        lo.put(&mut bytes[at..]);
    }
}

/// Whether the image has an index in a folder, and a tree of extents or of indirect blocks: otherwise the tests test less than they say.
pub fn assert_rich(image: &Image) {
    let has = |kind| image.blocks.iter().any(|block| block.kind == kind);
    assert!(has(Kind::Names) && has(Kind::Attributes), "{:?}", image.blocks);
    assert!(has(Kind::Extents) || has(Kind::Indirect), "{:?}", image.blocks);
    assert_eq!(has(Kind::IndexRoot), image.superblock.feature_compat & compat::DIR_INDEX != 0);
}
