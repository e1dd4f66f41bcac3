//! A base with a GUID partition table, end to end: read, built for every node, judged by sfdisk, sgdisk, e2fsck and fsck.fat. What is
//! damaged or hybrid is refused by name.

mod support;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use support::{
    image::Image,
    pi_os,
    program::{berry_apart, fails, folder, ok, output, profile_in, shell, tool},
};

const NODES: [&str; 4] = ["cluster01", "cluster02", "cluster03", "cluster04"];
const SECTOR: u64 = 512;
const EFI_SYSTEM: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
const BASIC_DATA: &str = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7";
const LINUX: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";
const ROOT_ARM64: &str = "b921b045-1df0-41c3-af44-4c6f280d3fae";

struct Built {
    folder: tempfile::TempDir,
    said: String,
}

impl Built {
    fn base(&self) -> PathBuf {
        self.folder.path().join("gpt.img")
    }

    fn image(&self, node: &str) -> Image {
        Image::open(&self.folder.path().join("images").join(format!("{node}.img")))
    }

    fn images(&self) -> Vec<Image> {
        NODES.iter().map(|node| self.image(node)).collect()
    }
}

/// The stand-in with a GUID partition table, and all nodes built from it.
static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let folder = folder();
    let mbr = pi_os::make(folder.path(), "raspios", &pi_os::release::BOOKWORM);
    with_gpt(&mbr, &folder.path().join("gpt.img"), [EFI_SYSTEM, ROOT_ARM64]);
    fs::remove_file(mbr).unwrap();
    let said = build(folder.path(), &folder.path().join("gpt.img"), "images");
    Built { folder, said }
});

/// Builds all nodes, and returns what was said on standard error.
fn build(folder: &Path, base: &Path, output_folder: &str) -> String {
    let profile = profile(folder);
    let result = output(berry_apart().arg("build").arg(profile).arg("--base").arg(base).arg("--output").arg(folder.join(output_folder)));
    let said = String::from_utf8_lossy(&result.stderr).into_owned();
    assert!(result.status.success(), "{said}");
    said
}

/// The profile, with a user name that the stand-in does not have. Its ledger stands beside it.
fn profile(folder: &Path) -> PathBuf {
    let path = folder.join("cluster01.yaml");
    if !path.exists() {
        let text = fs::read_to_string(profile_in(folder, "cluster01.yaml")).unwrap();
        fs::write(&path, text.replace("name: pi\n", "name: berry\n")).unwrap();
    }
    path
}

/// Copies the partitions of `mbr` to the same places of an image that sfdisk gave a GUID partition table, and writes the new PARTUUIDs
/// where the old ones stood.
fn with_gpt(mbr: &Path, gpt: &Path, kinds: [&str; 2]) {
    let old = Image::open(mbr);
    let (boot, root) = (&old.partitions[0], &old.partitions[1]);
    let end = root.start + root.size;
    let table = format!(
        "label: gpt\nstart={}, size={}, type={}, name=bootfs\nstart={}, size={}, type={}, name=\"root of all\", attrs=LegacyBIOSBootable\n",
        boot.start / SECTOR,
        boot.size / SECTOR,
        kinds[0],
        root.start / SECTOR,
        root.size / SECTOR,
        kinds[1]
    );
    let script = gpt.with_extension("table");
    fs::write(&script, table).unwrap();
    let copy = "truncate -s $(($4 + 34 * 512)) \"$2\"
        sfdisk --quiet \"$2\" < \"$3\"
        for range in \"${@:5}\"; do
            read -r start count <<< \"$range\"
            dd if=\"$1\" of=\"$2\" bs=4096 skip=$start seek=$start count=$count conv=notrunc,sparse status=none
        done";
    let range = |partition: &support::image::Partition| format!("{} {}", partition.start / 4096, partition.size / 4096);
    let words = [end.to_string(), range(boot), range(root)];
    let files = [mbr.as_os_str(), gpt.as_os_str(), script.as_os_str()];
    shell(copy, &files.into_iter().chain(words.iter().map(OsStr::new)).collect::<Vec<_>>());

    let new = Image::open(gpt);
    let renamed =
        |text: String| old.partitions.iter().zip(&new.partitions).fold(text, |text, (old, new)| text.replace(&old.uuid, &new.uuid));
    let (line, fstab) = (gpt.with_extension("line"), gpt.with_extension("fstab"));
    fs::write(&line, renamed(old.boot_file("cmdline.txt"))).unwrap();
    fs::write(&fstab, renamed(old.root_file("/etc/fstab"))).unwrap();
    let at = format!("{}@@{}", gpt.display(), boot.start);
    ok(tool("mcopy").env("MTOOLS_SKIP_CHECK", "1").args(["-o", "-i", &at]).arg(&line).arg("::/cmdline.txt"));
    let root = format!("{}?offset={}", gpt.display(), root.start);
    for request in ["rm /etc/fstab".to_owned(), format!("write {} /etc/fstab", fstab.display())] {
        ok(tool("debugfs").args(["-w", "-R", &request, &root]));
    }
    assert!(new.root_file("/etc/fstab").contains(&new.partitions[1].uuid));
}

/// What sfdisk and sgdisk find wrong with a table, which must be nothing.
fn assert_sound(image: &Path) {
    let said = output(tool("sfdisk").arg("--verify").arg(image));
    let text = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    assert!(said.status.success() && text.contains("No errors detected."), "{text}");
    assert!(!text.contains("PMBR") && !text.contains("backup GPT"), "{text}");
    let said = ok(tool("sgdisk").arg("--verify").arg(image));
    assert!(said.contains("No problems found.") && !said.to_lowercase().contains("caution"), "{said}");
}

#[test]
fn images_pass_the_checkers() {
    let base = Image::open(&BUILT.base());
    for image in BUILT.images() {
        assert_sound(&image.path);
        image.verify_fat(BUILT.folder.path());
        image.verify_ext4(2);
        image.verify_ext4(3);
        assert_eq!(image.partitions.iter().map(|p| p.kind.as_str()).collect::<Vec<_>>(), [EFI_SYSTEM, ROOT_ARM64, LINUX]);
        assert_eq!((image.partitions[0].start, image.partitions[0].size), (base.partitions[0].start, base.partitions[0].size));
        assert_eq!(image.partitions[1].start, base.partitions[1].start);
        assert!(image.partitions[1].size > base.partitions[1].size, "the profile's root is larger than the base's");
        assert!(image.partitions[2].start.is_multiple_of(4 << 20) && image.partitions[2].size == 256 << 20);
        let end = image.partitions[2].start + image.partitions[2].size;
        assert_eq!(fs::metadata(&image.path).unwrap().len(), end + (1 << 20));
        let dump = ok(tool("sfdisk").arg("--dump").arg(&image.path));
        for words in ["name=\"bootfs\"", "name=\"root of all\", attrs=\"LegacyBIOSBootable\"", "name=\"brick\""] {
            assert!(dump.contains(words), "{words}: {dump}");
        }
    }
}

#[test]
fn partition_uuids_agree_everywhere_and_differ_between_nodes() {
    let mut uuids = BTreeSet::new();
    for image in BUILT.images() {
        let [boot, root, _] = [0, 1, 2].map(|index| format!("PARTUUID={}", image.partitions[index].uuid));
        let line = image.boot_file("cmdline.txt");
        assert_eq!(line.split_whitespace().filter(|word| word.contains("PARTUUID")).collect::<Vec<_>>(), [format!("root={root}")]);
        let fstab = image.root_file("/etc/fstab");
        let lines: Vec<Vec<&str>> = fstab.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
        assert!(lines.contains(&vec![root.as_str(), "/"]) && lines.contains(&vec![boot.as_str(), "/boot/firmware"]), "{fstab}");
        assert_eq!(fstab.matches("PARTUUID=").count(), 2, "{fstab}");
        uuids.insert(image.disk_id.clone());
        uuids.extend(image.partitions.iter().map(|partition| partition.uuid.clone()));
    }
    assert_eq!(uuids.len(), 4 * NODES.len(), "a disk and three partitions for each node: {uuids:?}");
    let base = Image::open(&BUILT.base());
    assert!(base.partitions.iter().all(|partition| !uuids.contains(&partition.uuid)) && !uuids.contains(&base.disk_id));
    // RFC 9562: version 8 and the variant of all UUIDs.
    assert!(uuids.iter().all(|uuid| uuid.as_bytes()[14] == b'8' && b"89ab".contains(&uuid.as_bytes()[19])), "{uuids:?}");
}

#[test]
fn a_rebuild_is_byte_identical() {
    build(BUILT.folder.path(), &BUILT.base(), "again");
    for node in NODES {
        let again = BUILT.folder.path().join("again").join(format!("{node}.img"));
        ok(tool("cmp").arg(&BUILT.image(node).path).arg(&again));
    }
    fs::remove_dir_all(BUILT.folder.path().join("again")).unwrap();
}

#[test]
fn what_is_shown_agrees_with_the_images() {
    for said in [
        BUILT.said.clone(),
        String::from_utf8_lossy(
            &output(berry_apart().arg("plan").arg(profile(BUILT.folder.path())).arg("--base").arg(BUILT.base())).stderr,
        )
        .into_owned(),
    ] {
        assert!(said.contains("GUID partition table (GPT)") && said.contains("Raspberry Pi up to the 3"), "{said}");
    }
    let plan = ok(berry_apart().arg("plan").arg("--json").arg(profile(BUILT.folder.path())).arg("--base").arg(BUILT.base()));
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["partition_table"], "gpt");
    for (index, image) in BUILT.images().iter().enumerate() {
        assert_eq!(plan["image_size"], fs::metadata(&image.path).unwrap().len());
        let inspected: serde_json::Value = serde_json::from_str(&ok(berry_apart().args(["inspect", "--json"]).arg(&image.path))).unwrap();
        assert_eq!(inspected["partition_table"], "gpt");
        assert_eq!(inspected["disk_id"], image.disk_id);
        for (number, partition) in image.partitions.iter().enumerate() {
            assert_eq!(plan["nodes"][index]["partuuids"][number], partition.uuid);
            let shown = &inspected["partitions"][number];
            assert_eq!(plan["partitions"][number], serde_json::json!({ "start": partition.start, "size": partition.size }));
            assert_eq!((shown["partuuid"].as_str().unwrap(), shown["type"].as_str().unwrap()), (&*partition.uuid, &*partition.kind));
            assert_eq!((shown["start"].as_u64().unwrap(), shown["size"].as_u64().unwrap()), (partition.start, partition.size));
        }
        assert_eq!(inspected["partitions"][2]["name"], "brick");
        assert_eq!(inspected["partitions"][2]["file_system"]["kind"], "ext4");
    }
    let text = ok(berry_apart().arg("inspect").arg(BUILT.base()));
    for words in [", GPT, disk id ", "type EFI system ", "type Linux root (ARM-64) ", "called \"root of all\"", "system: Debian"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// A copy of the base, changed by a script with the image as `$1`, and what `build` and `inspect` say to it.
fn refused(name: &str, script: &str) -> (PathBuf, String) {
    let copy = BUILT.folder.path().join(format!("{name}.img"));
    let script = format!("cp --sparse=always \"$2\" \"$1\"; {script}");
    shell(&script, &[copy.as_os_str(), BUILT.base().as_os_str()]);
    let said = fails(4, berry_apart().arg("inspect").arg(&copy));
    let output = BUILT.folder.path().join(format!("{name}.out"));
    let built =
        fails(4, berry_apart().arg("build").arg(profile(BUILT.folder.path())).arg("--base").arg(&copy).arg("--output").arg(&output));
    assert!(!output.exists(), "nothing is written");
    for words in said.lines().filter(|line| line.starts_with("hint:")) {
        assert!(built.contains(words), "{words}\n{built}");
    }
    (copy, said)
}

#[test]
fn a_hybrid_table_is_refused_and_the_hint_helps() {
    let (image, said) = refused("hybrid", "sgdisk --hybrid=1:EE \"$1\" > \"$1.said\"");
    assert!(said.contains("a hybrid partition table") && said.contains("has partition 1 of type 0xef"), "{said}");
    assert!(said.contains("hint: ") && said.contains("gdisk"), "{said}");
    shell("printf 'x\\nn\\nw\\ny\\n' | gdisk \"$1\" > \"$1.said\"", &[image.as_os_str()]);
    assert_eq!(mended(&image), Image::open(&BUILT.base()).disk_id);
}

#[test]
fn a_destroyed_copy_is_named_and_the_hint_helps() {
    let cases = [
        ("primary header", "dd if=/dev/zero of=\"$1\" bs=512 seek=1 count=1 conv=notrunc status=none", "primary copy (at the start"),
        ("primary entries", "printf X | dd of=\"$1\" bs=1 seek=1100 conv=notrunc status=none", "primary copy (at the start"),
        ("backup header", "truncate -s -512 \"$1\"; truncate -s +512 \"$1\"", "backup copy (at the end"),
        (
            "backup entries",
            "printf X | dd of=\"$1\" bs=1 seek=$(($(stat -c %s \"$1\") - 33 * 512 + 60)) conv=notrunc status=none",
            "backup copy (at the end",
        ),
    ];
    for (name, script, words) in cases {
        let (image, said) = refused(name, script);
        assert!(said.contains(words) && said.contains("the other one is sound"), "{name}: {said}");
        assert!(said.contains("`gdisk` (command w)"), "{name}: {said}");
        shell("printf 'w\\ny\\n' | gdisk \"$1\" > \"$1.said\"", &[image.as_os_str()]);
        assert_eq!(mended(&image), Image::open(&BUILT.base()).disk_id, "{name}");
    }
}

/// The disk id that `inspect` shows of an image that can be read again.
fn mended(image: &Path) -> String {
    let inspected: serde_json::Value = serde_json::from_str(&ok(berry_apart().args(["inspect", "--json"]).arg(image))).unwrap();
    assert_eq!(inspected["not_a_base"], serde_json::Value::Null);
    assert_sound(image);
    fs::remove_file(image).unwrap();
    inspected["disk_id"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_cut_or_for_other_sectors_or_not_there_is_refused_by_name() {
    let (_, said) = refused("cut", "truncate -s -1M \"$1\"");
    assert!(said.contains("backup of the GUID partition table should end at byte") && said.contains("cut short"), "{said}");
    let both =
        "dd if=/dev/zero of=\"$1\" bs=512 seek=1 count=33 conv=notrunc status=none; truncate -s -512 \"$1\"; truncate -s +512 \"$1\"";
    let (_, said) = refused("both", both);
    assert!(said.contains("its primary copy: no header") && said.contains("its backup copy: no header"), "{said}");
    // As a disk with such sectors has it: the header in the second one.
    let large = "dd if=\"$1\" of=\"$1.header\" bs=512 skip=1 count=1 status=none
        dd if=/dev/zero of=\"$1\" bs=512 seek=1 count=33 conv=notrunc status=none
        dd if=\"$1.header\" of=\"$1\" bs=4096 seek=1 conv=notrunc status=none";
    let (_, said) = refused("large sectors", large);
    assert!(said.contains("sectors of 4096 bytes"), "{said}");
}

#[test]
fn types_of_windows_and_linux_are_taken_and_others_are_named() {
    let image = BUILT.folder.path().join("types.img");
    let set = |number: &str, kind: &str| {
        ok(tool("sfdisk").args(["--quiet", "--part-type"]).arg(&image).args([number, kind]));
    };
    shell("cp --sparse=always \"$1\" \"$2\"", &[BUILT.base().as_os_str(), image.as_os_str()]);
    set("1", BASIC_DATA);
    set("2", LINUX);
    let profile = profile(BUILT.folder.path());
    let plan = |image: &Path| {
        let mut command = berry_apart();
        command.arg("plan").arg(&profile).arg("--base").arg(image);
        command
    };
    assert!(ok(&mut plan(&image)).contains("partition table GPT"));
    set("2", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F");
    let said = fails(4, &mut plan(&image));
    assert!(said.contains("a second partition of type 0657fd6d-a4ab-43c4-84e5-0933c84b4f4f (Linux swap)"), "{said}");
    set("2", LINUX);
    set("1", LINUX);
    let said = fails(4, &mut plan(&image));
    assert!(said.contains("a first partition of type 0fc63daf-8483-4772-8e79-3d69d8477de4 (Linux filesystem)"), "{said}");
    // A table without room for a third partition is a base for nothing.
    set("1", EFI_SYSTEM);
    let script = "sfdisk --dump \"$1\" | sed 's/^first-lba.*/&\\ntable-length: 2/' > \"$1.table\"; sfdisk --quiet \"$1\" < \"$1.table\"";
    shell(script, &[image.as_os_str()]);
    let said = fails(4, &mut plan(&image));
    assert!(said.contains("no room for partition 3") && said.contains("--resize-table=128"), "{said}");
    ok(tool("sgdisk").arg("--resize-table=128").arg(&image));
    ok(&mut plan(&image));
}

#[test]
fn a_packed_base_gives_the_same_images() {
    let packed = BUILT.folder.path().join("gpt.img.zst");
    shell("zstd -q -1 -c \"$1\" > \"$2\"", &[BUILT.base().as_os_str(), packed.as_os_str()]);
    let out = BUILT.folder.path().join("packed");
    let profile = profile(BUILT.folder.path());
    ok(berry_apart().arg("build").arg(profile).arg("--base").arg(&packed).args(["--node", "cluster02", "--output"]).arg(&out));
    ok(tool("cmp").arg(&BUILT.image("cluster02").path).arg(out.join("cluster02.img")));
}
