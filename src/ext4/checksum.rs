//! crc32c as ext4 uses it: the register is seeded by the caller and is not inverted at either end.

/// Continues a checksum over `bytes`.
#[must_use]
pub fn crc32c(register: u32, bytes: &[u8]) -> u32 {
    // The crate inverts the register before and after, as iSCSI does; the kernel's crc32c_le() does neither.
    !crc32c::crc32c_append(!register, bytes)
}

/// crc16 (polynomial 0x8005, reflected) as `gdt_csum` uses it: the kernel's `crc16()`.
#[must_use]
pub fn crc16(register: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(register, |mut crc, byte| {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // RFC 3720 B.4: 32 bytes of zeroes; iSCSI shows the inverted register, low byte first.
        assert_eq!(!crc32c(!0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(crc32c(!0, b"1234"), b"56789"), crc32c(!0, b"123456789"));
        // "CRC-16/ARC" of the customary check string.
        assert_eq!(crc16(0, b"123456789"), 0xbb3d);
    }
}
