//! A Raspberry Pi OS bookworm image as a base: what the stock first boot would do is neutralised or done already.

mod support;

use std::{fs, path::Path, sync::LazyLock};

use support::{
    image::Image,
    pi_os::{self, release::BOOKWORM},
    program::{berry_apart, fails, folder, ok, profile_in, shell, tool},
};

struct Built {
    folder: tempfile::TempDir,
}

static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let folder = folder();
    let base = pi_os::make(folder.path(), "raspios", &BOOKWORM);
    // As it is downloaded, under a name that says nothing.
    shell("xz -T2 --block-size=16MiB -c \"$1\" > \"$2\"", &[base.as_os_str(), folder.path().join("download").as_os_str()]);
    build(folder.path(), "cluster01.yaml", "download", "images");
    Built { folder }
});

fn build(folder: &Path, profile: &str, base: &str, output: &str) {
    let profile = profile_in(folder, profile);
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, text.replace("name: pi\n", "name: berry\n")).unwrap();
    ok(berry_apart().arg("build").arg(profile).arg("--base").arg(folder.join(base)).arg("--output").arg(folder.join(output)));
}

fn image(node: &str) -> Image {
    Image::open(&BUILT.folder.path().join(format!("images/{node}.img")))
}

#[test]
fn images_pass_the_checkers_and_keep_the_base_s_features() {
    let image = image("cluster02");
    image.verify_table();
    image.verify_fat(BUILT.folder.path());
    image.verify_ext4(2);
    image.verify_ext4(3);
    let features = image.superblock(2, "Filesystem features");
    assert!(features.contains("metadata_csum") && !features.contains("64bit") && !features.contains("huge_file"), "{features}");
    assert_eq!(image.superblock(2, "Filesystem volume name"), "rootfs");
    assert_eq!(image.partitions[0].start, 16384 * 512);
    assert_eq!(image.partitions[1].start, 1_064_960 * 512);
    assert_ne!(image.disk_id, "0x4e639091");
}

#[test]
fn the_root_does_not_grow() {
    let image = image("cluster01");
    let line = image.boot_file("cmdline.txt");
    assert!(!line.contains("firstboot") && !line.contains("init="), "{line}");
    assert!(line.contains("rootfstype=ext4 fsck.repair=yes rootwait"), "{line}");
    assert!(line.contains(&format!("root=PARTUUID={} ", image.partitions[1].uuid)), "{line}");
    assert!(!image.root_file("/etc/fstab").contains("4e639091"));
}

#[test]
fn the_stock_account_is_gone_with_its_password() {
    let image = image("cluster01");
    for file in ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid"] {
        let text = image.root_file(file);
        assert!(!text.contains("stockpassword"), "{file}");
        assert!(!text.lines().any(|line| line.split([':', ',']).any(|word| word == "pi")), "{file}: {text}");
    }
    let user = image.root_file("/etc/passwd").lines().find(|line| line.contains(":1000:1000:")).expect("uid 1000").to_owned();
    let name = user.split(':').next().unwrap().to_owned();
    assert!(user.ends_with(&format!(":/home/{name}:/bin/bash")), "{user}");
    assert_eq!(image.debugfs(2, &format!("cat /home/{name}/.bashrc")), "# stock .bashrc\n");
    assert!(image.debugfs(2, &format!("stat /home/{name}/.ssh/authorized_keys")).contains("Mode:  0600"));
    let listing = image.debugfs(2, "ls -p /etc/sudoers.d");
    assert!(!listing.contains("010_pi-nopasswd") && listing.contains("010_at-export"), "{listing}");
}

#[test]
fn units_are_as_a_headless_node_needs_them() {
    let image = image("cluster01");
    let link = |path: &str| {
        let shown = image.debugfs(2, &format!("stat {path}"));
        shown
            .lines()
            .find_map(|line| line.strip_prefix("Fast link dest: "))
            .unwrap_or_else(|| panic!("{path}: {shown}"))
            .trim_matches('"')
            .to_owned()
    };
    for masked in ["userconfig", "regenerate_ssh_host_keys", "dphys-swapfile"] {
        assert_eq!(link(&format!("/etc/systemd/system/{masked}.service")), "/dev/null", "{masked}");
    }
    assert!(link("/etc/systemd/system/multi-user.target.wants/ssh.service").ends_with("/systemd/system/ssh.service"));
    assert!(link("/etc/systemd/system/getty.target.wants/getty@tty1.service").ends_with("/systemd/system/getty@.service"));
    assert!(!image.debugfs(2, "ls -p /etc/ssh/sshd_config.d").contains("rename_user.conf"));
    assert!(image.debugfs(2, "ls -p /etc/systemd/system/multi-user.target.wants").contains("rpi-eeprom-update.service"), "kept");
}

#[test]
fn everything_else_of_the_base_is_as_it_was() {
    let folder = folder();
    let base = Image::open(&BUILT.folder.path().join("raspios.img"));
    let node = image("cluster03");
    for name in ["config.txt", "kernel8.img", "bootcode.bin", "issue.txt"] {
        let copies = [base.clone(), node.clone()].map(|image| {
            let copy = folder.path().join("copy");
            image.copy_boot_file(name, &copy);
            fs::read(copy).unwrap()
        });
        assert_eq!(copies[0], copies[1], "{name}");
    }
    for path in ["/etc/debian_version", "/var/lib/dpkg/status", "/usr/lib/raspberrypi-sys-mods/firstboot", "/etc/sudoers"] {
        assert_eq!(base.root_file(path), node.root_file(path), "{path}");
    }
}

#[test]
fn every_packing_of_a_base_gives_the_same_images() {
    let folder = folder();
    let base = BUILT.folder.path().join("raspios.img");
    let packers = [
        ("raw", "cp --sparse=always \"$1\" \"$2\""),
        ("gz", "gzip -1 -c \"$1\" > \"$2\""),
        ("zst", "zstd -q -1 -c \"$1\" > \"$2\""),
        ("zip", "cd \"$(dirname \"$1\")\" && zip -q -1 \"$2.zip\" \"$(basename \"$1\")\" && mv \"$2.zip\" \"$2\""),
    ];
    for (name, script) in packers {
        let packed = folder.path().join(format!("packed-{name}"));
        shell(script, &[base.as_os_str(), packed.as_os_str()]);
        let profile = BUILT.folder.path().join("cluster01.yaml");
        ok(berry_apart()
            .arg("build")
            .arg(&profile)
            .arg("--base")
            .arg(&packed)
            .args(["--node", "cluster02", "--output"])
            .arg(folder.path().join(name)));
        ok(tool("cmp").arg(BUILT.folder.path().join("images/cluster02.img")).arg(folder.path().join(name).join("cluster02.img")));
    }
}

#[test]
fn what_is_not_a_stock_image_is_refused_with_the_reason() {
    let folder = folder();
    let base = BUILT.folder.path().join("raspios.img");
    let profile = profile_in(folder.path(), "cluster01.yaml");
    let cases: [(&str, &str, &str); 5] = [
        (
            "booted",
            "debugfs -w -R \"rm /etc/machine-id\" \"$2?offset=$3\" && printf 0123456789abcdef0123456789abcdef > \"$2.id\" && debugfs -w -R \"write $2.id /etc/machine-id\" \"$2?offset=$3\"",
            "machine-id",
        ),
        ("unclean", "debugfs -w -R \"ssv state 0\" \"$2?offset=$3\"", "clean"),
        (
            "other release",
            "debugfs -w -R \"rm /usr/lib/os-release\" \"$2?offset=$3\" && printf 'ID=debian\\nVERSION_CODENAME=forky\\nPRETTY_NAME=\"Debian 14\"\\n' > \"$2.os\" && debugfs -w -R \"write $2.os /usr/lib/os-release\" \"$2?offset=$3\"",
            "forky",
        ),
        ("cut off", "truncate -s 600M \"$2\"", "partition"),
        ("no image", "head -c 5000000 /dev/zero | tr '\\0' x > \"$2\"", "nothing that is known"),
    ];
    for (name, script, word) in cases {
        let copy = folder.path().join(name.replace(' ', "-"));
        let script = format!("cp --sparse=always \"$1\" \"$2\"; exec 2>/dev/null; {script}");
        shell(&script, &[base.as_os_str(), copy.as_os_str(), (1_064_960u64 * 512).to_string().as_ref()]);
        let said =
            fails(4, berry_apart().arg("build").arg(&profile).arg("--base").arg(&copy).arg("--output").arg(folder.path().join("out")));
        assert!(said.contains(word), "{name}: {said}");
        assert!(!folder.path().join("out/cluster01.img").exists());
    }
}
