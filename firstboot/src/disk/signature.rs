//! What may stand on a partition that is not the brick's file system, so that people are told.

use super::bytes::array_at;

/// How many bytes from the start of a partition are looked at.
pub const LENGTH: usize = 128 << 10;

/// Where something has its mark.
const MARKS: [(usize, &[u8], &str); 14] = [
    (0, b"XFSB", "an XFS file system"),
    (0, b"LUKS\xba\xbe", "an encrypted partition (LUKS)"),
    (3, b"NTFS    ", "an NTFS file system"),
    (3, b"EXFAT   ", "an exFAT file system"),
    (82, b"FAT32   ", "a FAT file system"),
    (54, b"FAT16   ", "a FAT file system"),
    (512, b"LABELONE", "a physical volume of LVM"),
    (1024, b"\x10\x20\xf5\xf2", "an F2FS file system"),
    (1024, b"\xe2\xe1\xf5\xe0", "an EROFS file system"),
    (4096, b"\xfc\x4e\x2b\xa9", "a part of a RAID"),
    (4086, b"SWAPSPACE2", "swap space"),
    (16374, b"SWAPSPACE2", "swap space"),
    (65600, b"_BHRfS_M", "a Btrfs file system"),
    (4096 + 24, b"\xc6\x85\x73\xf6", "a cache device (bcache)"),
];

/// What the first [`LENGTH`] bytes of a partition look like, for people. Nothing is concluded from it.
#[must_use]
pub fn describe(bytes: &[u8]) -> &'static str {
    if let Some((.., what)) = MARKS.iter().find(|(at, mark, _)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(mark))) {
        return what;
    }
    if array_at::<2>(bytes, 1024 + 0x38) == [0x53, 0xef] {
        return "an ext2, ext3 or ext4 file system";
    }
    if bytes.iter().all(|byte| *byte == 0) { "nothing but zeroes at its start" } else { "nothing that is known" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_where_they_are() {
        for (at, mark, what) in MARKS {
            let mut bytes = vec![0; LENGTH];
            bytes[at..at + mark.len()].copy_from_slice(mark);
            assert_eq!(describe(&bytes), what);
        }
        assert_eq!(describe(&vec![0; LENGTH]), "nothing but zeroes at its start");
        assert_eq!(describe(b"something"), "nothing that is known");
        assert_eq!(describe(&[]), "nothing but zeroes at its start");
    }
}
