//! Access control lists: from the form of `getxattr(2)` to ext4's own.

/// `POSIX_ACL_XATTR_VERSION` (linux/posix_acl_xattr.h): a 4-byte version, then entries of tag, permissions and id.
const XATTR_VERSION: u32 = 2;
/// `EXT4_ACL_VERSION` (fs/ext4/acl.h): the same, but only entries of a named user or group have an id.
const EXT4_VERSION: u32 = 1;
/// `ACL_USER` and `ACL_GROUP`.
const NAMED: [u16; 2] = [0x02, 0x08];

/// The value of the attribute `name` as ext4 stores it; `None` when it should be a list and is none.
pub(super) fn to_ext4(name: &[u8], value: Vec<u8>) -> Option<Vec<u8>> {
    if name != b"system.posix_acl_access" && name != b"system.posix_acl_default" {
        return Some(value);
    }
    let (version, entries) = value.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != XATTR_VERSION || entries.len() % 8 != 0 {
        return None;
    }
    let mut list = EXT4_VERSION.to_le_bytes().to_vec();
    for entry in entries.chunks_exact(8) {
        let named = NAMED.contains(&u16::from_le_bytes([entry[0], entry[1]]));
        list.extend_from_slice(if named { entry } else { &entry[..4] });
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_entries_keep_their_id() {
        // user::rwx, user:1000:r-x, group::r-x, mask::r-x, other::---
        let entries: [(u16, u16, u32); 5] = [(1, 7, u32::MAX), (2, 5, 1000), (4, 5, u32::MAX), (16, 5, u32::MAX), (32, 0, u32::MAX)];
        let mut value = vec![2, 0, 0, 0];
        for (tag, permissions, id) in entries {
            value.extend(tag.to_le_bytes());
            value.extend(permissions.to_le_bytes());
            value.extend(id.to_le_bytes());
        }
        let expected = [1, 0, 0, 0, 1, 0, 7, 0, 2, 0, 5, 0, 0xe8, 3, 0, 0, 4, 0, 5, 0, 16, 0, 5, 0, 32, 0, 0, 0];
        assert_eq!(to_ext4(b"system.posix_acl_access", value.clone()).unwrap(), expected);
        assert_eq!(to_ext4(b"user.x", value.clone()).unwrap(), value);
        assert!(to_ext4(b"system.posix_acl_default", value[..9].to_vec()).is_none());
        value[0] = 3;
        assert!(to_ext4(b"system.posix_acl_default", value).is_none());
    }
}
