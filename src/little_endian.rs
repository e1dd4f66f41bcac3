//! Numbers in little-endian order, out of structures of which all bytes are there.
//!
//! # Panics
//! Everything here does where the bytes end before: callers pass constant offsets inside a structure that they have cut out whole.

/// The `N` bytes at `at`.
#[must_use]
pub fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

/// The number of 16 bits at `at`.
#[must_use]
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

/// The number of 32 bits at `at`.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

/// The number of 64 bits at `at`.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_is_the_lowest() {
        let bytes: [u8; 10] = std::array::from_fn(|byte| byte as u8);
        assert_eq!(array_at(&bytes, 8), [8, 9]);
        assert_eq!((u16_at(&bytes, 1), u32_at(&bytes, 0), u64_at(&bytes, 2)), (0x0201, 0x0302_0100, 0x0908_0706_0504_0302));
    }
}
