//! GUIDs as a partition table stores them.

use std::fmt;

/// A GUID. On a disk its first three fields are little-endian (UEFI 2.10, appendix A), so its bytes there are not in the order in which
/// it is printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

/// Type of a partition with the FAT file system that firmware boots from.
pub const EFI_SYSTEM: Guid = Guid::new(0xc12a_7328_f81f_11d2_ba4b_00a0_c93e_c93b);
/// Type of a partition with a file system of Windows, among them FAT.
pub const BASIC_DATA: Guid = Guid::new(0xebd0_a0a2_b9e5_4433_87c0_68b6_b726_99c7);
/// Type of a partition with any Linux file system.
pub const LINUX: Guid = Guid::new(0x0fc6_3daf_8483_4772_8e79_3d69_d847_7de4);
/// Type of a root file system for 32-bit ARM.
pub const LINUX_ROOT_ARM: Guid = Guid::new(0x69da_d710_2ce4_4e3c_b16c_21a1_d49a_bed3);
/// Type of a root file system for 64-bit ARM.
pub const LINUX_ROOT_ARM64: Guid = Guid::new(0xb921_b045_1df0_41c3_af44_4c6f_280d_3fae);

/// Types that are named in messages: UEFI 2.10 table 5.7 and the Discoverable Partitions Specification.
const NAMES: [(Guid, &str); 11] = [
    (EFI_SYSTEM, "EFI system"),
    (BASIC_DATA, "Microsoft basic data"),
    (LINUX, "Linux filesystem"),
    (LINUX_ROOT_ARM, "Linux root (ARM)"),
    (LINUX_ROOT_ARM64, "Linux root (ARM-64)"),
    (Guid::new(0x4f68_bce3_e8cd_4db1_96e7_fbca_f984_b709), "Linux root (x86-64)"),
    (Guid::new(0xbc13_c2ff_59e6_4262_a352_b275_fd6f_7172), "Linux extended boot"),
    (Guid::new(0x933a_c7e1_2eb4_4f13_b844_0e14_e2ae_f915), "Linux home"),
    (Guid::new(0x0657_fd6d_a4ab_43c4_84e5_0933_c84b_4f4f), "Linux swap"),
    (Guid::new(0xe6d6_d379_f507_44c2_a23c_238f_2a3d_f928), "Linux LVM"),
    (Guid::new(0x2168_6148_6449_6e6f_744e_6565_6445_4649), "BIOS boot"),
];

impl Guid {
    /// The GUID of nothing: type of an unused entry.
    pub const NIL: Self = Self([0; 16]);

    /// The GUID whose digits, as printed, are those of this number.
    #[must_use]
    pub const fn new(digits: u128) -> Self {
        let p = digits.to_be_bytes();
        Self([p[3], p[2], p[1], p[0], p[5], p[4], p[7], p[6], p[8], p[9], p[10], p[11], p[12], p[13], p[14], p[15]])
    }

    /// The GUID that stands on a disk as these bytes.
    #[must_use]
    pub const fn from_disk(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes that stand on a disk.
    #[must_use]
    pub const fn disk_bytes(self) -> [u8; 16] {
        self.0
    }

    /// What a type is called, where it is one of those met on such disks.
    #[must_use]
    pub fn type_name(self) -> Option<&'static str> {
        NAMES.iter().find(|(guid, _)| *guid == self).map(|(_, name)| *name)
    }
}

/// As Linux prints it (`%pUl`), in lower case.
impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f_, g, h, rest @ ..] = self.0;
        let (first, second, third) = (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([e, f_]), u16::from_le_bytes([g, h]));
        write!(f, "{first:08x}-{second:04x}-{third:04x}-{:02x}{:02x}-", rest[0], rest[1])?;
        rest[2..].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_swapped_on_the_disk() {
        // As UEFI 2.10 table 5.7 prints it, and as every EFI system partition has it at the start of its entry.
        assert_eq!(EFI_SYSTEM.to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
        let bytes = [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];
        assert_eq!(EFI_SYSTEM.disk_bytes(), bytes);
        assert_eq!(Guid::from_disk(bytes), EFI_SYSTEM);
        assert_eq!(Guid::new(1).to_string(), "00000000-0000-0000-0000-000000000001");
        assert_eq!((EFI_SYSTEM.type_name(), Guid::NIL.type_name()), (Some("EFI system"), None));
    }
}
