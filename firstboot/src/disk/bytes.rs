//! Numbers as disks have them, and checksums of them.

/// `N` bytes from `at` on; zeroes where there are fewer.
pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// Puts `value` at `at`, as far as there is room.
pub(super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(value) {
        *place = *byte;
    }
}

/// CRC-32 of UEFI, zip and Ethernet.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !crc(0xedb8_8320, !0, bytes)
}

/// CRC-32C as ext4 takes it: from all ones, and not inverted at the end.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    crc(0x82f6_3b78, !0, bytes)
}

/// Bit by bit: a table of partitions has 16 KiB, and that twice.
fn crc(polynomial: u32, start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (polynomial & (sum & 1).wrapping_neg())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(!crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn beyond_the_end_there_is_nothing() {
        assert_eq!((u16_at(&[1, 2, 3], 1), u32_at(&[1, 2, 3], 0), u64_at(&[], 9)), (0x0302, 0, 0));
        let mut bytes = [0; 3];
        put(&mut bytes, 1, &[1, 2, 3]);
        put(&mut bytes, 7, &[1]);
        assert_eq!(bytes, [0, 1, 2]);
    }
}
