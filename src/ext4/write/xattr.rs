//! Extended attributes: in the inode as far as they fit, the rest in one block (fs/ext4/xattr.h).

use crate::{
    ext4::format::{XATTR_MAGIC, XATTR_PREFIXES},
    tree::Xattrs,
};

const ENTRY: usize = 16;
/// `struct ext4_xattr_header`.
const BLOCK_HEADER: usize = 32;
/// The zero word that ends the list of entries.
const END: usize = 4;

/// Attributes as they are stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    /// The area in the inode; empty when there is nothing in it.
    pub(super) area: Vec<u8>,
    /// The block, without its checksum.
    pub(super) block: Option<Vec<u8>>,
}

/// Why attributes cannot be stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum XattrError {
    /// No prefix or too long a name.
    Name(Vec<u8>),
    /// More than fits; the bytes that all together need.
    TooMany(usize),
}

struct Attribute<'a> {
    prefix: u8,
    name: &'a [u8],
    value: &'a [u8],
}

impl Attribute<'_> {
    fn entry_size(&self) -> usize {
        (ENTRY + self.name.len()).next_multiple_of(4)
    }

    fn size(&self) -> usize {
        self.entry_size() + self.value.len().next_multiple_of(4)
    }
}

/// Packs attributes; `area` is the room in the inode behind its fields, in bytes.
pub(super) fn pack(xattrs: &Xattrs, area: usize, block_size: usize) -> Result<Packed, XattrError> {
    if xattrs.is_empty() {
        return Ok(Packed::default());
    }
    let mut attributes = Vec::with_capacity(xattrs.len());
    for (name, value) in xattrs {
        attributes.push(split_name(name, value).ok_or_else(|| XattrError::Name(name.clone()))?);
    }
    // The kernel looks entries of a block up in this order.
    attributes.sort_unstable_by(|a, b| (a.prefix, a.name.len(), a.name).cmp(&(b.prefix, b.name.len(), b.name)));
    let area_room = area.saturating_sub(4 + END);
    let block_room = block_size - BLOCK_HEADER - END;
    let total = attributes.iter().map(Attribute::size).sum();

    // First as the kernel does it: into the inode what fits there. If then the block does not hold the rest, the largest into the
    // block.
    let mut inside = vec![false; attributes.len()];
    let outside = fill(&attributes, &mut inside, 0..attributes.len(), area_room);
    if outside > block_room {
        let mut by_size: Vec<usize> = (0..attributes.len()).collect();
        by_size.sort_by_key(|index| std::cmp::Reverse(attributes[*index].size()));
        let mut in_block = vec![false; attributes.len()];
        let rest = fill(&attributes, &mut in_block, by_size, block_room);
        if rest > area_room {
            return Err(XattrError::TooMany(total));
        }
        inside = in_block.iter().map(|there| !there).collect();
    }
    let part = |within: bool| attributes.iter().zip(&inside).filter(move |(_, inside)| **inside == within).map(|(attribute, _)| attribute);
    let mut packed = Packed::default();
    if part(true).next().is_some() {
        packed.area = vec![0; area];
        packed.area[..4].copy_from_slice(&XATTR_MAGIC.to_le_bytes());
        put(&mut packed.area[4..], 0, part(true), false);
    }
    if part(false).next().is_some() {
        let mut block = vec![0; block_size];
        // Magic, one reference, one block; then the hash.
        for (at, number) in [(0, XATTR_MAGIC), (4, 1), (8, 1)] {
            block[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        let hash = put(&mut block, BLOCK_HEADER, part(false), true);
        block[12..16].copy_from_slice(&hash.to_le_bytes());
        packed.block = Some(block);
    }
    Ok(packed)
}

/// Marks what fits into `room`, in the given order; returns the size of what does not.
fn fill(attributes: &[Attribute<'_>], marks: &mut [bool], order: impl IntoIterator<Item = usize>, mut room: usize) -> usize {
    let mut rest = 0;
    for index in order {
        let size = attributes[index].size();
        if size <= room {
            marks[index] = true;
            room -= size;
        } else {
            rest += size;
        }
    }
    rest
}

/// Puts entries from `at` on and their values from the end of `bytes` backwards; offsets count from the start of `bytes`. Returns the
/// hash over all entries, 0 where one of them has none (the block is then not shared). In an inode the entries have no hashes.
fn put<'a>(bytes: &mut [u8], mut at: usize, attributes: impl Iterator<Item = &'a Attribute<'a>>, hashed: bool) -> u32 {
    let mut end = bytes.len();
    let mut all = Some(0_u32);
    for attribute in attributes {
        let Attribute { prefix, name, value } = attribute;
        let hash = if hashed { entry_hash(name, value) } else { 0 };
        all = all.filter(|_| hash != 0).map(|all| all.rotate_left(16) ^ hash);
        if !value.is_empty() {
            end -= value.len().next_multiple_of(4);
            bytes[end..end + value.len()].copy_from_slice(value);
        }
        // Names have at most 255 bytes and a block at most 4096.
        bytes[at] = name.len() as u8;
        bytes[at + 1] = *prefix;
        let offset = if value.is_empty() { 0 } else { end as u16 };
        bytes[at + 2..at + 4].copy_from_slice(&offset.to_le_bytes());
        bytes[at + 8..at + 12].copy_from_slice(&(value.len() as u32).to_le_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&hash.to_le_bytes());
        bytes[at + 16..at + 16 + name.len()].copy_from_slice(name);
        at += attribute.entry_size();
    }
    all.unwrap_or(0)
}

/// `ext4_xattr_hash_entry()`.
fn entry_hash(name: &[u8], value: &[u8]) -> u32 {
    let named = name.iter().fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
    value.chunks(4).fold(named, |hash, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        hash.rotate_left(16) ^ u32::from_le_bytes(word)
    })
}

/// The attribute with the longest prefix taken from its name; a prefix that does not end in a dot is the whole name.
fn split_name<'a>(full: &'a [u8], value: &'a [u8]) -> Option<Attribute<'a>> {
    let (prefix, name) = XATTR_PREFIXES
        .iter()
        .filter_map(|(number, prefix)| Some((*number, prefix, full.strip_prefix(prefix.as_bytes())?)))
        .filter(|(_, prefix, rest)| prefix.ends_with('.') != rest.is_empty())
        .max_by_key(|(_, prefix, _)| prefix.len())
        .map(|(number, _, rest)| (number, rest))?;
    (name.len() <= 255 && !name.contains(&0)).then_some(Attribute { prefix, name, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xattrs(list: &[(&str, usize)]) -> Xattrs {
        list.iter().map(|(name, size)| (name.as_bytes().to_vec(), vec![7; *size])).collect()
    }

    #[test]
    fn the_inode_is_filled_first() {
        let packed = pack(&xattrs(&[("user.a", 8), ("security.capability", 20)]), 96, 4096).unwrap();
        assert_eq!((packed.area.len(), packed.block), (96, None));
        let packed = pack(&xattrs(&[("user.a", 8), ("user.b", 200)]), 96, 4096).unwrap();
        assert!(!packed.area.is_empty() && packed.block.is_some());
        let packed = pack(&xattrs(&[("user.a", 8)]), 0, 4096).unwrap();
        assert!(packed.area.is_empty() && packed.block.is_some());
    }

    #[test]
    fn names_that_stand_for_themselves_have_no_rest() {
        let packed = pack(&xattrs(&[("system.posix_acl_access", 4)]), 96, 4096).unwrap();
        assert_eq!(packed.area[4..8], [0, 2, 88, 0]);
        for name in ["user.", "other.x", "system.", "plain"] {
            assert_eq!(pack(&xattrs(&[(name, 1)]), 96, 4096), Err(XattrError::Name(name.into())), "{name}");
        }
    }

    #[test]
    fn the_second_way_of_packing_finds_room() {
        // Taken in order, `a` would fill the inode, and `b` and `c` would not fit into the block.
        let list = [("user.a", 40), ("user.b", 3970), ("user.c", 60)];
        let packed = pack(&xattrs(&list), 96, 4096).unwrap();
        assert!(!packed.area.is_empty() && packed.block.is_some());
        assert_eq!(pack(&xattrs(&[("user.a", 4000), ("user.b", 4000)]), 96, 4096), Err(XattrError::TooMany(8040)));
    }
}
