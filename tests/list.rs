//! `ls` and `cat`: what the program shows of an image is what ls(1) shows of it mounted, mtools of its boot partition, and debugfs of
//! its files.

mod support;

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStrExt as _, ffi::OsStringExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use serde_json::Value;
use support::{
    Mount,
    image::Image,
    is_root, pi_os,
    program::{berry, fails, folder, ok, output, profile_in, shell, tool},
};

/// A root with everything that a root can hold, under names that somebody chose with care.
const ROOT: &str = r#"
    mkdir -p etc usr/lib deep/a/b/c boot/firmware home/pi locked 'with space' export
    printf 'root:x:0:0:root:/root:/bin/sh\npi:x:1000:1000::/home/pi:/bin/sh\n' > etc/passwd
    printf 'root:x:0:\npi:x:1000:\n' > etc/group
    printf 'root:*:1:::::::\n' > etc/shadow; chmod 640 etc/shadow
    printf 'UUID=%s /export ext4 defaults 0 2\nPARTUUID=00000001-01 /boot/firmware vfat defaults 0 2\n' "$1" > etc/fstab
    ln -s usr/lib lib; ln -s /etc/passwd absolute; ln -s ../../etc deep/a/up; ln -s loop2 loop1; ln -s loop1 loop2
    ln -s nowhere dangling; ln -s ../../../../etc/passwd outside; ln -s /boot/firmware boot/link
    head -c 3000000 /dev/urandom > usr/lib/library
    truncate -s 50000000 usr/lib/sparse; printf end >> usr/lib/sparse
    printf middle | dd of=usr/lib/sparse bs=1 seek=20000001 conv=notrunc status=none
    : > empty; printf colon > 'a:/b' 2>/dev/null || printf colon > 'a:b'
    printf x > 'with space/back\slash'; printf x > "$(printf 'new\nline\ttab')"; printf x > "$(printf '\033[31mred\033[0m')"
    printf x > "$(printf '\377\376')"; printf x > "$(printf 'caf\303\251')"; printf x > .hidden; printf x > "$(printf 'c1\302\233m')"
    mkdir "$(printf 'fo\007lder')"; printf x > "$(printf 'fo\007lder')/inside"
    ln empty 'second name'; chmod 4755 usr/lib/library; chmod 1777 home; chmod 2700 locked
    mkfifo pipe; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
    touch -h -d '2021-03-04 05:06:07 UTC' etc/passwd absolute; touch -d '1903-01-01 UTC' empty; touch -d '2200-01-01 UTC' pipe
"#;
const AS_ROOT: &str =
    "mknod null c 1 3; mknod disk b 259 70000; chown 1000:1000 home/pi; chown 4242:4243 .hidden; setfacl -m u:7:r etc/group\n";
const BRICK_UUID: &str = "0a1b2c3d-0000-4000-8000-00000000beef";

struct Fixture {
    _folder: tempfile::TempDir,
    image: PathBuf,
}

/// Two partitions of a stock image and a third one as a brick, none of it by our own writers.
static HOSTILE: LazyLock<Fixture> = LazyLock::new(|| {
    let folder = folder();
    let image = folder.path().join("card:1.img");
    let script = format!(
        r#"
        mkdir root brick boot; (cd root; {ROOT} {more}); mkdir -p brick/brick; printf brick > brick/brick/file
        mkdir -p boot/overlays/deeper; printf 'console=tty1 root=PARTUUID=00000001-02\n' > boot/cmdline.txt
        head -c 70000 /dev/urandom > boot/kernel8.img; printf o > boot/overlays/a-rather-long-name.dtbo; printf d > boot/overlays/deeper/README
        find boot -exec touch -d '2024-02-29 12:34:56 UTC' {{}} +
        truncate -s 200M "$2"
        printf 'label: dos\nlabel-id: 1\nstart=8192,size=81920,type=c\nstart=90112,size=204800,type=83\nstart=294912,size=81920,type=83\n' |
            sfdisk --quiet "$2"
        mkfs.fat -F 32 -s 1 -n bootfs --offset 8192 "$2" 40960 > out
        TZ=UTC MTOOLS_SKIP_CHECK=1 mcopy -m -s -i "$2@@$((8192 * 512))" boot/* ::/
        mke2fs -q -F -t ext4 -L rootfs -E offset=$((90112 * 512)) -d root "$2" 102400k
        mke2fs -q -F -t ext4 -L brick -U "$1" -E offset=$((294912 * 512)) -d brick "$2" 40960k
        rm -r root brick boot
        "#,
        more = if is_root() { AS_ROOT } else { "" },
    );
    ok(tool("bash").args(["-euc", &script, "bash", BRICK_UUID]).arg(&image).current_dir(folder.path()));
    Fixture { _folder: folder, image }
});

/// A node's image as it goes onto a card.
static NODE: LazyLock<Fixture> = LazyLock::new(|| {
    let folder = folder();
    let profile = profile_in(folder.path(), "cluster01.yaml");
    ok(berry().arg("build").arg(&profile).args(["--node", "cluster01", "--output"]).arg(folder.path().join("images")));
    let image = folder.path().join("images/cluster01.img");
    Fixture { _folder: folder, image }
});

/// `IMAGE:PATH`.
fn at(image: &Path, path: impl AsRef<[u8]>) -> OsString {
    OsString::from_vec([image.as_os_str().as_bytes(), b":", path.as_ref()].concat())
}

fn ls(options: &[&str], target: impl AsRef<OsStr>) -> Command {
    let mut command = berry();
    command.arg("ls").args(options).arg(target);
    command
}

fn cat(image: &Path, path: impl AsRef<[u8]>) -> Vec<u8> {
    let result = output(berry().arg("cat").arg(at(image, path)));
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    result.stdout
}

fn json(target: impl AsRef<OsStr>, options: &[&str]) -> Value {
    serde_json::from_str(&ok(ls(options, target).arg("--json"))).expect("JSON")
}

/// The lines of `ls -l` in one form: columns divided by one space, device numbers as one word, no sizes of folders.
fn lines(listing: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut words: Vec<String> = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        // Device numbers are two columns there: `1,  3`.
        if words.get(4).is_some_and(|word| word.ends_with(',')) {
            let minor = words.remove(5);
            words[4].push_str(&minor);
        }
        if line.starts_with('d') && words.len() > 5 {
            words[4] = "-".to_owned();
        }
        words.join(" ")
    };
    listing.lines().filter(|line| !line.starts_with("total ")).map(line).collect()
}

/// Without the section of every folder from `point` on, and without the line of that folder itself: something is mounted there.
fn without(lines: Vec<String>, point: &str) -> Vec<String> {
    let (parent, name) = point.rsplit_once('/').unwrap();
    let parent = if parent.is_empty() { "/" } else { parent };
    let mut section = String::new();
    let keeps = |line: &String| {
        if line.starts_with('/') {
            section = line.trim_end_matches(':').to_owned();
        }
        let is_below = section == point || section.starts_with(&format!("{point}/"));
        let is_point = section == parent && line.ends_with(&format!(" {name}"));
        !(is_below || is_point || line.is_empty())
    };
    lines.into_iter().filter(keeps).collect::<Vec<_>>()
}

/// `ls -lR` of partition 2 mounted by the kernel, the brick on its place.
fn mounted_listing(image: &Path, folder: &Path) -> Vec<String> {
    let image = Image::open(image);
    let root = Mount::new(&image.extract(2, folder), &folder.join("mounted"), "ro");
    let brick = Mount::new(&image.extract(3, folder), &root.path().join("export"), "ro");
    let mut command = Command::new("ls");
    command.args(["-lnARb", "--time-style=+%Y-%m-%dT%H:%M:%SZ", "."]).current_dir(root.path());
    let listing = ok(command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC"));
    drop(brick);
    let header = |line: String| match line.strip_prefix('.') {
        Some(":") => "/:".to_owned(),
        // GNU ls leaves spaces in headers as they are.
        Some(rest) if line.ends_with(':') && rest.starts_with('/') => rest.replace(' ', "\\ "),
        _ => line,
    };
    lines(&listing).into_iter().map(header).collect()
}

#[test]
fn a_long_listing_is_that_of_the_mounted_file_systems() {
    if !is_root() {
        return;
    }
    let folder = folder();
    for (image, least) in [(&HOSTILE.image, 40), (&NODE.image, 15_000)] {
        let shown = ok(&mut ls(&["--numeric", "--recursive"], image));
        let shown = without(lines(&shown), "/boot/firmware");
        let kernel = without(mounted_listing(image, folder.path()), "/boot/firmware");
        let first = shown.iter().zip(&kernel).find(|(ours, theirs)| ours != theirs);
        assert_eq!(first, None, "{}", image.display());
        assert_eq!(shown.len(), kernel.len());
        assert!(shown.len() > least, "{} lines", shown.len());
        assert!(shown.contains(&"/export/brick:".to_owned()) && shown.contains(&"/export/lost+found:".to_owned()));
    }
}

#[test]
fn the_boot_partition_is_as_mtools_sees_it() {
    for image in [&HOSTILE.image, &NODE.image] {
        let folder = folder();
        let start = Image::open(image).partitions[0].start;
        let from = format!("{}@@{start}", image.display());
        ok(tool("mcopy").env("MTOOLS_SKIP_CHECK", "1").env("TZ", "UTC").args(["-m", "-n", "-s", "-i", &from, "::/*"]).arg(folder.path()));
        let listing = json(at(image, "/boot/firmware"), &["-R"]);
        let entries = listing["entries"].as_array().unwrap();
        let found = ok(tool("find").arg(folder.path()).args(["-mindepth", "1"]));
        assert_eq!(entries.len(), found.lines().count());
        for entry in entries {
            let path = entry["path"].as_str().unwrap();
            let copy = folder.path().join(path.strip_prefix("/boot/firmware/").unwrap());
            let meta = fs::metadata(&copy).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(entry["type"], if meta.is_dir() { "folder" } else { "file" }, "{path}");
            if meta.is_dir() {
                continue;
            }
            let modified = ok(tool("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ", "-d", &format!("@{}", meta.mtime())]));
            assert_eq!((entry["size"].as_u64(), entry["modified"].as_str()), (Some(meta.len()), Some(modified.trim())), "{path}");
            assert!(cat(image, path) == fs::read(&copy).unwrap(), "{path}");
        }
    }
}

#[test]
fn names_are_escaped_and_json_is_exact() {
    let text = ok(&mut ls(&["-R"], &HOSTILE.image));
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
    for name in ["\\377\\376", "new\\nline\\ttab", "\\033[31mred\\033[0m", "café", "c1\\302\\233m", "second\\ name", "/fo\\alder:"] {
        assert!(text.lines().any(|line| line == name), "{name}: {text}");
    }
    let raw = ok(ls(&["-R"], &HOSTILE.image).arg("--json"));
    assert!(!raw.chars().any(|character| character.is_control() && character != '\n'), "{raw:?}");
    let listing: Value = serde_json::from_str(&raw).unwrap();
    let entries = listing["entries"].as_array().unwrap();
    let entry = |path: &str| entries.iter().find(|entry| entry["path"] == path).unwrap_or_else(|| panic!("{path}: {raw}"));
    assert_eq!(entry("/\\377\\376")["path_hex"], "2ffffe");
    assert_eq!(entry("/new\nline\ttab")["path_hex"], Value::Null);
    assert_eq!(entry("/c1\u{9b}m")["size"], 1);
    let shadow = entry("/etc/shadow");
    assert_eq!((&shadow["mode"], &shadow["owner"], &shadow["links"]), (&"0640".into(), &"root".into(), &1.into()));
    assert_eq!((&entry("/empty")["links"], &entry("/empty")["modified"]), (&2.into(), &"1903-01-01T00:00:00Z".into()));
    assert_eq!(entry("/etc/passwd")["modified"], "2021-03-04T05:06:07Z");
    assert_eq!((&entry("/lib")["type"], &entry("/lib")["target"]), (&"symbolic link".into(), &"usr/lib".into()));
    if is_root() {
        assert_eq!(entry("/disk")["device"], serde_json::json!([259, 70000]));
        assert_eq!((&entry("/.hidden")["uid"], &entry("/.hidden")["owner"]), (&4242.into(), &Value::Null));
        let long = ok(&mut ls(&["-l"], at(&HOSTILE.image, "/home")));
        assert!(long.contains(" pi pi "), "{long}");
    }
    // What is shown can be typed again.
    assert_eq!(cat(&HOSTILE.image, b"/\xff\xfe"), b"x");
    assert_eq!(cat(&HOSTILE.image, "/new\nline\ttab"), b"x");
}

#[test]
fn paths_are_followed_as_on_the_card() {
    let image = &HOSTILE.image;
    let names = |path: &str| ok(&mut ls(&[], at(image, path)));
    assert_eq!(names("/lib"), "/lib\n", "the link itself");
    assert_eq!(names("/lib/"), "library\nsparse\n", "the folder it leads to");
    assert_eq!(names("/deep/a/up/passwd"), "/deep/a/up/passwd\n");
    assert_eq!(names("//deep/./a/../a//b/"), "c\n");
    assert_eq!(names("/boot/link/overlays"), "a-rather-long-name.dtbo\ndeeper\n");
    assert_eq!(ok(&mut ls(&[], image)), names("/"));
    assert_eq!(names("/export"), "brick\nlost+found\n");
    for path in ["/etc/passwd", "/absolute", "/outside", "/deep/a/up/passwd", "/deep/a/b/c/../../../../etc/passwd"] {
        assert!(cat(image, path).starts_with(b"root:x:0:0"), "{path}");
    }
    assert_eq!(cat(image, "/export/brick/file"), b"brick");
    assert!(ok(&mut ls(&["-l"], at(image, "/lib"))).trim_end().ends_with(" /lib -> usr/lib"));
}

#[test]
fn files_come_out_byte_for_byte() {
    let image = Image::open(&HOSTILE.image);
    let folder = folder();
    // debugfs takes a plain name only, and the image's has a colon.
    let plain = folder.path().join("plain.img");
    fs::hard_link(&image.path, &plain).unwrap();
    for name in ["library", "sparse"] {
        let copy = folder.path().join(name);
        let request = format!("dump /usr/lib/{name} {}", copy.display());
        ok(tool("debugfs").args(["-R", &request]).arg(format!("{}?offset={}", plain.display(), image.partitions[1].start)));
        assert!(fs::metadata(&copy).unwrap().len() >= 3_000_000, "debugfs wrote it");
        assert!(cat(&plain, format!("/usr/lib/{name}")) == fs::read(copy).unwrap(), "{name}");
    }
    assert_eq!(cat(&plain, "/empty"), b"");
    let several = output(berry().arg("cat").args([at(&plain, "/export/brick/file"), at(&image.path, "/empty"), at(&plain, "/.hidden")]));
    assert_eq!(several.stdout, b"brickx");
    // A reader that has seen enough is no failure.
    let mut program = berry().arg("cat").arg(at(&plain, "/usr/lib/sparse")).stdout(Stdio::piped()).spawn().unwrap();
    drop(program.stdout.take());
    assert!(program.wait().unwrap().success());
    let script = "\"$1\" ls -R --json \"$2\" | head -c 10 > /dev/null";
    shell(script, &[OsStr::new(env!("CARGO_BIN_EXE_berry-image")), NODE.image.as_os_str()]);
}

#[test]
fn a_packed_image_is_shown_like_a_raw_one() {
    let folder = folder();
    let cache = folder.path().join("cache");
    let base = pi_os::make(folder.path(), "raspios", &pi_os::release::BOOKWORM);
    let packers = [
        ("xz", "xz -0 -T2 -c \"$1\" > \"$2\""),
        ("gz", "gzip -1 -c \"$1\" > \"$2\""),
        ("zst", "zstd -q -1 -c \"$1\" > \"$2\""),
        ("zip", "cd \"$(dirname \"$1\")\" && zip -q -1 \"$2.zip\" \"$(basename \"$1\")\" && mv \"$2.zip\" \"$2\""),
    ];
    let listing = ok(&mut ls(&["-lR"], &base));
    for words in ["/boot/firmware/overlays:", " vc4-kms-v3d.dtbo", " root shadow ", " dphys-swapfile.service -> /lib/systemd/"] {
        assert!(listing.contains(words), "{words}: {listing}");
    }
    let issue = ok(berry().arg("cat").arg(at(&base, "/boot/firmware/issue.txt")));
    for (name, script) in packers {
        let packed = folder.path().join(format!("packed-{name}"));
        shell(script, &[base.as_os_str(), packed.as_os_str()]);
        assert_eq!(ok(ls(&["-lR"], &packed).env("BERRY_IMAGE_CACHE", &cache)), listing, "{name}");
        let shown = ok(berry().arg("cat").arg(at(&packed, "/boot/firmware/issue.txt")).env("BERRY_IMAGE_CACHE", &cache));
        assert!(shown.starts_with("Raspberry Pi reference "), "{shown}");
        assert_eq!(shown, issue, "{name}");
        fs::remove_dir_all(&cache).unwrap();
    }
}

/// A copy of the hostile image whose root debugfs has changed.
fn changed_root(copy: &Path, requests: &str) -> PathBuf {
    let start = Image::open(&HOSTILE.image).partitions[1].start;
    let script = "cp --sparse=always \"$1\" \"$2\"; debugfs -w -f - \"$2?offset=$3\" 2>&1 <<< \"$4\"";
    shell(script, &[HOSTILE.image.as_os_str(), copy.as_os_str(), start.to_string().as_ref(), requests.as_ref()]);
    copy.to_owned()
}

#[test]
fn what_an_fstab_calls_a_partition() {
    let folder = folder();
    for device in [&format!("UUID={BRICK_UUID}"), "LABEL=brick", "PARTUUID=00000001-03", "/dev/mmcblk0p3", "/dev/sda3"] {
        let fstab = folder.path().join("fstab");
        // Both lines mean it; a file system can be mounted in several places, but the card has it once.
        fs::write(&fstab, format!("{device} /export auto defaults 0 0\nLABEL=other /home ext4 defaults 0 0\n")).unwrap();
        let image = changed_root(&folder.path().join("card.img"), &format!("rm /etc/fstab\nwrite {} /etc/fstab", fstab.display()));
        assert_eq!(ok(&mut ls(&[], at(&image, "/export"))), "brick\nlost+found\n", "{device}");
        assert_eq!(ok(&mut ls(&[], at(&image, "/home"))), "pi\n", "{device}");
    }
}

/// A name chosen to control the terminal of whoever looks at it.
#[test]
fn nothing_in_an_image_reaches_the_terminal() {
    let folder = folder();
    let hostile = "\u{1b}[31m\u{9b}5m\u{202e}";
    fs::write(folder.path().join("hostname"), format!("host{hostile}\n")).unwrap();
    fs::write(folder.path().join("os-release"), format!("ID=other\nPRETTY_NAME=\"Other{hostile}\"\nVERSION_ID=1\n")).unwrap();
    let write = |name: &str| format!("write {} /etc/{name}", folder.path().join(name).display());
    let requests = format!("ssv volume_name \"r{hostile}\"\n{}\n{}\n", write("hostname"), write("os-release"));
    let image = changed_root(&folder.path().join("hostile.img"), &requests);
    let shown = ok(berry().arg("inspect").arg(&image));
    assert!(shown.contains("\\033[31m") && shown.contains("host\\033"), "{shown}");
    // As a base has it, without a brick.
    ok(tool("sfdisk").args(["--quiet", "--delete"]).arg(&image).arg("3"));
    let profile = profile_in(folder.path(), "cluster01.yaml");
    let said = fails(4, berry().arg("plan").arg(profile).arg("--base").arg(&image));
    assert!(said.contains("Other\\033"), "{said}");
    for text in [shown, said] {
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn a_pipe_is_no_image_and_nobody_waits_for_it() {
    let folder = folder();
    let pipe = folder.path().join("pipe");
    shell("mkfifo \"$1\"", &[pipe.as_os_str()]);
    let profile = profile_in(folder.path(), "cluster01.yaml");
    let plan: [&OsStr; 4] = ["plan".as_ref(), profile.as_os_str(), "--base".as_ref(), pipe.as_os_str()];
    for arguments in [&["ls".as_ref(), pipe.as_os_str()][..], &["inspect".as_ref(), pipe.as_os_str()], &plan] {
        let mut command = tool("timeout");
        let said = fails(1, command.args(["-s", "KILL", "20"]).arg(berry().get_program()).args(arguments));
        assert!(said.contains("neither a regular file nor a block device"), "{said}");
    }
}

#[test]
fn where_the_boot_partition_stands_is_told_by_fstab_or_by_its_folder() {
    let folder = folder();
    let changed = |name: &str, requests: &str| changed_root(&folder.path().join(name), requests);
    let fstab = folder.path().join("fstab");
    fs::write(&fstab, "PARTUUID=00000001-01  /boot  vfat  defaults  0  2\n").unwrap();
    let older = changed("older", &format!("rm /etc/fstab\nwrite {} /etc/fstab", fstab.display()));
    assert!(ok(&mut ls(&[], at(&older, "/boot"))).contains("cmdline.txt\n"));
    assert_eq!(ok(&mut ls(&[], at(&older, "/export"))), "", "nothing says that the brick belongs there");
    let silent = changed("silent", "rm /etc/fstab");
    assert!(ok(&mut ls(&[], at(&silent, "/boot/firmware"))).contains("cmdline.txt\n"));
    let neither = changed("neither", "rm /etc/fstab\nrmdir /boot/firmware");
    assert!(ok(&mut ls(&[], at(&neither, "/boot"))).contains("cmdline.txt\n"));
}

#[test]
fn a_damaged_file_system_is_an_error_for_who_wants_to_see_it() {
    let folder = folder();
    let partitions = Image::open(&HOSTILE.image).partitions;
    let damaged = |number: usize| {
        let copy = folder.path().join(format!("damaged-{number}"));
        // The root folder of the FAT gets a chain that ends nowhere; the brick loses its group descriptors.
        let (script, at) = match number {
            1 => ("printf '\\x01\\x00\\x00\\x00'", partitions[0].start + 32 * 512 + 8),
            _ => ("head -c 64 /dev/zero", partitions[number - 1].start + 4096),
        };
        let script = format!("cp --sparse=always \"$1\" \"$2\"; {script} | dd of=\"$2\" bs=1 seek=$3 conv=notrunc status=none");
        shell(&script, &[HOSTILE.image.as_os_str(), copy.as_os_str(), at.to_string().as_ref()]);
        copy
    };
    for (number, point) in [(1, "/boot/firmware"), (3, "/export")] {
        let image = damaged(number);
        assert!(cat(&image, "/etc/passwd").starts_with(b"root"), "the root is sound");
        assert!(ok(&mut ls(&["-l"], &image)).contains("export"));
        for path in [point.to_owned(), format!("{point}/file")] {
            let said = fails(4, &mut ls(&[], at(&image, path)));
            assert!(said.contains(&format!("partition {number}, which belongs at `{point}`, cannot be read")), "{said}");
        }
        let everything = output(ls(&["-R", "--json"], &image).env("LC_ALL", "C"));
        assert_eq!(everything.status.code(), Some(4));
        let listing: Value = serde_json::from_slice(&everything.stdout).expect("what could be read, as sound JSON");
        assert!(listing["entries"].as_array().unwrap().iter().any(|entry| entry["path"] == "/usr/lib/library"));
    }
    let said = fails(4, &mut ls(&[], damaged(2)));
    assert!(said.contains("partition 2, the root file system"), "{said}");
}

#[test]
fn a_wrong_path_is_told_with_what_may_be_meant() {
    let image = &HOSTILE.image;
    let said = |path: &str| fails(2, berry().arg("cat").arg(at(image, path)));
    let cases = [
        ("/etc/paswd", "`/etc/paswd` does not exist in the image", "did you mean `passwd`?"),
        ("/ect/passwd", "`/ect` does not exist", "did you mean `etc`?"),
        ("/boot/firmware/CMDLINE.TXT", "does not exist", "did you mean `cmdline.txt`?"),
        ("/dangling", "`/dangling` is a symbolic link to `nowhere`", ""),
        ("/etc/passwd/x", "`/etc/passwd` is not a folder, it is a file", ""),
        ("/etc/passwd/", "`/etc/passwd/` is not a folder", ""),
        ("/etc", "`/etc` is not a file, it is a folder", ""),
        ("/pipe", "it is a named pipe", ""),
        ("/new\nlin", "`/new\\nlin` does not exist", ""),
    ];
    for (path, error, hint) in cases {
        let said = said(path);
        assert!(said.contains(error) && said.contains(hint), "{path}: {said}");
        assert!(!said.contains("\u{1b}"), "{said}");
    }
    assert!(fails(4, berry().arg("cat").arg(at(image, "/loop1"))).contains("more than 40 symbolic links"));
    assert_eq!(ok(&mut ls(&[], at(image, "/loop1"))), "/loop1\n");
    // Nothing is written when one of several is wrong.
    let result = output(berry().arg("cat").args([at(image, "/etc/passwd"), at(image, "/none")]));
    assert!(result.stdout.is_empty() && result.status.code() == Some(2));
}

#[test]
fn a_wrong_image_is_told() {
    let folder = folder();
    let none = folder.path().join("none.img");
    assert!(fails(1, &mut ls(&[], at(&none, "/etc"))).contains("none.img` cannot be read"));
    assert!(fails(1, &mut ls(&[], folder.path())).contains("cannot be read"));
    assert!(fails(2, &mut ls(&[], at(&HOSTILE.image, "etc"))).contains("`etc` is no path in an image, those begin with `/`"));
    assert!(fails(2, berry().arg("cat").arg(&HOSTILE.image)).contains("no file in"));
    fails(2, berry().arg("cat"));
    for command in ["ls", "inspect"] {
        let said = fails(2, berry().arg(command).arg("https://example.org/secret?token=x#sha256=00"));
        assert!(said.contains("looks into files of this computer only") && !said.contains("token"), "{said}");
    }
    fs::write(folder.path().join("page.img"), "<html>").unwrap();
    assert!(fails(4, &mut ls(&[], folder.path().join("page.img"))).contains("a web page"));
    let empty = folder.path().join("empty.img");
    shell("truncate -s 64M \"$1\"; echo 'start=2048, type=c' | sfdisk --quiet -X dos \"$1\"", &[empty.as_os_str()]);
    let said = fails(4, &mut ls(&[], &empty));
    assert!(said.contains("no ext4 file system that could be the root: it has something else in partition 1"), "{said}");
}
