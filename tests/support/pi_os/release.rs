//! The table: what is peculiar to the image of each release, one row per flavour.

/// A Debian release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    Stretch,
    Buster,
    Bullseye,
    Bookworm,
    Trixie,
}

impl Release {
    pub const fn codename(self) -> &'static str {
        match self {
            Self::Stretch => "stretch",
            Self::Buster => "buster",
            Self::Bullseye => "bullseye",
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    pub const fn number(self) -> &'static str {
        match self {
            Self::Stretch => "9",
            Self::Buster => "10",
            Self::Bullseye => "11",
            Self::Bookworm => "12",
            Self::Trixie => "13",
        }
    }
}

/// What made the partition table. fdisk writes no boot code; parted does, and that keeps later runs of parted from changing the disk id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    Fdisk,
    Parted,
}

/// Partitions and file systems; numbers are sectors of 512 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    pub partitioner: Partitioner,
    pub boot_start: u64,
    pub boot_size: u64,
    pub root_start: u64,
    pub root_size: u64,
    pub fat_label: &'static str,
    /// Sectors of a cluster.
    pub cluster: u64,
    /// Sectors before the partition, as the FAT's own header says.
    pub hidden: u64,
    pub ext4_label: Option<&'static str>,
    /// What `mke2fs -O` is given.
    pub ext4_features: &'static str,
}

/// What arms the growth of the root on the first boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expansion {
    /// `init=/usr/lib/raspi-config/init_resize.sh`.
    InitResize,
    /// `init=/usr/lib/raspberrypi-sys-mods/firstboot`.
    Firstboot,
    /// The word `resize`, for the initramfs.
    ResizeWord,
}

/// cloud-init, where an image has it.
#[derive(Clone, Copy, Debug)]
pub struct Cloud {
    /// Whether the comment-only `user-data`, `network-config` and `meta-data` are on the boot partition.
    pub seeds: bool,
    /// Whether its configuration grows partition and file system at every boot.
    pub grows: bool,
}

/// What is peculiar to an image.
#[derive(Clone, Copy, Debug)]
pub struct Flavour {
    pub name: &'static str,
    pub release: Release,
    /// Native architecture of the packages.
    pub architecture: &'static str,
    /// Date in `/etc/rpi-issue`.
    pub date: &'static str,
    pub disk: Disk,
    /// Where the boot partition is mounted, and with which options.
    pub boot_mount: &'static str,
    pub boot_options: &'static str,
    /// `cmdline.txt` with `ROOT` for the root's PARTUUID, and without the line end.
    pub command_line: &'static str,
    pub expansion: Expansion,
    /// Whether a wizard asks for a user on the first boot.
    pub wizard: bool,
    pub desktop: bool,
    /// Password field of `pi` in `/etc/shadow`.
    pub stock_hash: &'static str,
    pub shell: &'static str,
    /// Whether `/etc/sudoers.d/010_pi-nopasswd` is shipped.
    pub nopasswd: bool,
    /// Whether /bin, /sbin and /lib are links into /usr.
    pub merged_usr: bool,
    /// Unit that configures the network.
    pub network: &'static str,
    /// Whether NetworkManager is installed beside another.
    pub network_manager: bool,
    /// Radios that rfkill keeps off until a country is chosen.
    pub blocked_radios: &'static [&'static str],
    /// Whether NetworkManager's own state says that the radio is off.
    pub wireless_off: bool,
    pub cloud: Option<Cloud>,
    /// `CONF_SWAPSIZE` of dphys-swapfile; without it there is rpi-swap.
    pub swap_size: Option<u32>,
    pub sshswitch: bool,
    /// Whether systemd-timesyncd's clock file is a folder, by mistake.
    pub clock_is_folder: bool,
    /// Whether the journal is kept in memory only.
    pub volatile_journal: bool,
}

/// The passwords that everybody knows, as clearly no real hashes.
pub const STOCK_SHA512: &str = "$6$stocksalt$stockpasswordstockpasswordstockpasswordstockpasswordstockpasswordstockpasswordstockpas";
pub const STOCK_YESCRYPT: &str = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$stockpasswordstockpasswordstockpasswordst";

/// Up to 2022-04 mkfs.ext4 was told to leave out checksums.
const WITHOUT_CHECKSUMS: &str = "^64bit,^metadata_csum,^huge_file,^orphan_file,^metadata_csum_seed";
/// From 2022-09 on, on a build host with Debian up to 12.
const WITH_CHECKSUMS: &str = "^64bit,metadata_csum,^huge_file,^orphan_file,^metadata_csum_seed";
/// The same on a build host with Debian 13, whose mke2fs.conf adds two features.
const DEBIAN_13: &str = "^64bit,metadata_csum,^huge_file,orphan_file,metadata_csum_seed";

const WLAN_PI_3: &str = "platform-3f300000.mmcnr:wlan";
const WLAN_PI_4: &str = "platform-fe300000.mmcnr:wlan";
const WLAN_PI_5: &str = "platform-1001100000.mmc:wlan";

/// 2019-04, the last stretch: fdisk, a small FAT with one sector a cluster, Pi 4 unknown.
pub const STRETCH: Flavour = Flavour {
    name: "stretch",
    release: Release::Stretch,
    architecture: "armhf",
    date: "2019-04-08",
    disk: Disk {
        partitioner: Partitioner::Fdisk,
        boot_start: 8192,
        boot_size: 87_851,
        root_start: 98_304,
        // Small, so that many images can be made.
        root_size: 262_144,
        fat_label: "boot",
        cluster: 1,
        hidden: 0,
        ext4_label: Some("rootfs"),
        ext4_features: WITHOUT_CHECKSUMS,
    },
    boot_mount: "/boot",
    boot_options: "defaults",
    command_line: "dwc_otg.lpm_enable=0 console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 elevator=deadline fsck.repair=yes \
                   rootwait quiet init=/usr/lib/raspi-config/init_resize.sh",
    expansion: Expansion::InitResize,
    wizard: false,
    desktop: false,
    stock_hash: STOCK_SHA512,
    shell: "/bin/bash",
    nopasswd: true,
    merged_usr: false,
    network: "dhcpcd",
    network_manager: false,
    blocked_radios: &[WLAN_PI_3],
    wireless_off: false,
    cloud: None,
    swap_size: Some(100),
    sshswitch: true,
    clock_is_folder: false,
    volatile_journal: false,
};

/// 2017-09: before the root had a label, and before its start was rounded to 4 MiB.
pub const STRETCH_2017: Flavour = Flavour {
    name: "stretch-2017",
    date: "2017-09-07",
    disk: Disk { boot_size: 85_622, root_start: 94_208, ext4_label: None, ..STRETCH.disk },
    ..STRETCH
};

/// 2020-02: parted, 256 MiB of FAT.
pub const BUSTER: Flavour = Flavour {
    name: "buster",
    release: Release::Buster,
    date: "2020-02-13",
    disk: Disk { partitioner: Partitioner::Parted, boot_size: 524_288, root_start: 532_480, ..STRETCH.disk },
    command_line: "console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 elevator=deadline fsck.repair=yes rootwait quiet \
                   init=/usr/lib/raspi-config/init_resize.sh",
    blocked_radios: &[WLAN_PI_3, WLAN_PI_4],
    ..STRETCH
};

/// 2022-01: the last one with the password that everybody knows.
pub const BULLSEYE_OLD: Flavour = Flavour {
    name: "bullseye-old",
    release: Release::Bullseye,
    date: "2022-01-28",
    command_line: "console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 fsck.repair=yes rootwait quiet \
                   init=/usr/lib/raspi-config/init_resize.sh",
    stock_hash: STOCK_YESCRYPT,
    merged_usr: true,
    ..BUSTER
};

/// 2022-04: the wizard has come, the expansion is still raspi-config's.
pub const BULLSEYE_WIZARD: Flavour = Flavour {
    name: "bullseye-2022-04",
    architecture: "arm64",
    date: "2022-04-04",
    boot_options: "defaults,flush",
    wizard: true,
    stock_hash: "*",
    ..BULLSEYE_OLD
};

/// 2024-07, the last bullseye: `firstboot`, checksums, NetworkManager installed but off.
pub const BULLSEYE: Flavour = Flavour {
    name: "bullseye",
    date: "2024-07-04",
    disk: Disk { fat_label: "bootfs", cluster: 4, hidden: 8192, ext4_features: WITH_CHECKSUMS, ..BUSTER.disk },
    boot_options: "defaults",
    command_line: "console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 fsck.repair=yes rootwait quiet \
                   init=/usr/lib/raspberrypi-sys-mods/firstboot",
    expansion: Expansion::Firstboot,
    network_manager: true,
    ..BULLSEYE_WIZARD
};

/// 2024-11, 32 bits: the boot partition has moved, NetworkManager has taken over.
pub const BOOKWORM_ARMHF: Flavour = Flavour {
    name: "bookworm-armhf",
    release: Release::Bookworm,
    architecture: "armhf",
    date: "2024-11-19",
    disk: Disk { boot_size: 1_048_576, root_start: 1_056_768, ..BULLSEYE.disk },
    boot_mount: "/boot/firmware",
    network: "NetworkManager",
    blocked_radios: &[WLAN_PI_3, WLAN_PI_4, WLAN_PI_5],
    swap_size: Some(512),
    volatile_journal: true,
    ..BULLSEYE
};

/// 2025-05, 64 bits: aligned to 8 MiB; the radio is kept off by NetworkManager.
pub const BOOKWORM: Flavour = Flavour {
    name: "bookworm",
    architecture: "arm64",
    date: "2025-05-13",
    disk: Disk { boot_start: 16_384, root_start: 1_064_960, hidden: 16_384, ..BOOKWORM_ARMHF.disk },
    blocked_radios: &[],
    wireless_off: true,
    ..BOOKWORM_ARMHF
};

/// 2025-05 with a desktop: its own wizard, logged in by itself.
pub const BOOKWORM_DESKTOP: Flavour = Flavour {
    name: "bookworm-desktop",
    desktop: true,
    command_line: "console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 fsck.repair=yes rootwait quiet \
                   init=/usr/lib/raspberrypi-sys-mods/firstboot quiet splash plymouth.ignore-serial-consoles",
    ..BOOKWORM
};

/// 2025-10-01: cloud-init that grows the root by itself.
pub const TRIXIE_2025: Flavour = Flavour {
    name: "trixie-2025-10",
    release: Release::Trixie,
    date: "2025-10-01",
    command_line: "console=serial0,115200 console=tty1 root=ROOT rootfstype=ext4 fsck.repair=yes rootwait resize",
    expansion: Expansion::ResizeWord,
    cloud: Some(Cloud { seeds: false, grows: true }),
    swap_size: None,
    sshswitch: false,
    clock_is_folder: true,
    ..BOOKWORM
};

/// 2026-06: nobody can log in as stock, small clusters, and a build host with Debian 13.
pub const TRIXIE: Flavour = Flavour {
    name: "trixie",
    date: "2026-06-18",
    disk: Disk { cluster: 1, ext4_features: DEBIAN_13, ..BOOKWORM.disk },
    shell: "/usr/sbin/nologin",
    nopasswd: false,
    cloud: Some(Cloud { seeds: true, grows: false }),
    sshswitch: true,
    clock_is_folder: false,
    ..TRIXIE_2025
};
