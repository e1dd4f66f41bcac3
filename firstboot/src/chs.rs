//! Addresses by cylinder, head and sector, which a master boot record has beside those that count.

/// The old form of a sector's address, for 255 heads of 63 sectors as sfdisk and parted write it; beyond 1023 cylinders the largest one.
#[must_use]
pub const fn cylinder_head_sector(sector: u32) -> [u8; 3] {
    let (cylinder, head, sector) = (sector / (255 * 63), sector / 63 % 255, sector % 63 + 1);
    if cylinder > 1023 {
        return [0xfe, 0xff, 0xff];
    }
    [head as u8, sector as u8 | (cylinder >> 8 << 6) as u8, cylinder as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_addresses_are_those_of_sfdisk() {
        assert_eq!(cylinder_head_sector(0), [0, 1, 0]);
        assert_eq!(cylinder_head_sector(8192), [130, 3, 0]);
        assert_eq!(cylinder_head_sector(1024 * 255 * 63 - 1), [254, 0xff, 0xff]);
        assert_eq!(cylinder_head_sector(1024 * 255 * 63), [0xfe, 0xff, 0xff]);
        assert_eq!(cylinder_head_sector(u32::MAX), [0xfe, 0xff, 0xff]);
    }
}
