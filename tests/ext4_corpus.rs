//! The broken file systems that e2fsprogs tests its own checker with: what `e2fsck -fn` rejects is never opened here.
//!
//! They come out of Debian's source package, by the host's own apt configuration, and are kept in the target folder, not in this
//! repository. **Needs the network** on its first run.

#![allow(clippy::print_stdout, reason = "a table is printed")]

mod support;

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use berry_image::{
    disk::{FileStorage, Storage as _, Window},
    error::{Classified as _, Kind},
    ext4::read::{Ext4, Ext4Error},
};
use rustix::process::{Resource, Rlimit, setrlimit};
use support::program::{ok, output, shell, tool};

/// Variable with the path of the image that the child reads.
const IMAGE: &str = "BERRY_CORPUS_IMAGE";
/// What the child says begins with this.
const VERDICT: &str = "verdict: ";
/// Address space that the child may take, in bytes; one image has 80 MiB, but is not read into memory.
const MEMORY: u64 = 512 << 20;
/// Processor time that the child may take, in seconds.
const SECONDS: u64 = 10;
/// The source package of e2fsprogs 1.47.0 holds 191 images that are files; a much smaller number means that they were not found.
const FEWEST: usize = 180;

/// The folder `tests` of the unpacked source package; fetched when it is not there yet.
fn corpus() -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2fsprogs");
    let lock = File::create(kept.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let tests = kept.join("tests");
    if !tests.exists() {
        let folder = support::program::folder();
        let archive = fetch(folder.path());
        let unpacked = folder.path().join("unpacked");
        fs::create_dir(&unpacked).unwrap();
        ok(tool("tar").arg("-xf").arg(archive).arg("-C").arg(&unpacked).args(["--strip-components=1", "--wildcards", "*/tests/f_*"]));
        fs::create_dir_all(&kept).unwrap();
        fs::rename(unpacked.join("tests"), &tests).unwrap();
    }
    tests
}

/// Gets the upstream archive of the source package into `folder`: the host's own apt sources, asked for sources instead of packages,
/// with lists and caches of their own, so that it works as any user and leaves the system as it is. apt verifies what it gets.
fn fetch(folder: &Path) -> PathBuf {
    let script = r#"
        cd "$1"
        mkdir -p parts state/lists/partial cache/archives/partial source
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
            [ ! -e "$file" ] || sed -n 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" > "parts/$(basename "$file" .list).list"
        done
        for file in /etc/apt/sources.list.d/*.sources; do
            [ ! -e "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" > "parts/$(basename "$file")"
        done
        apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$PWD/parts" -o "Dir::State=$PWD/state"
             -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$PWD/cache" -o APT::Sandbox::User=)
        # A source of something else may have nothing to offer here: what counts is whether the package comes.
        "${apt[@]}" update || true
        cd source
        version=$(dpkg-query -W -f '${source:Version}' e2fsprogs)
        "${apt[@]}" source --download-only "e2fsprogs=$version" || "${apt[@]}" source --download-only e2fsprogs
    "#;
    shell(script, &[folder.as_os_str()]);
    let archives = fs::read_dir(folder.join("source")).unwrap().map(|entry| entry.unwrap().path());
    let mut archives = archives.filter(|path| path.to_string_lossy().contains(".orig.tar.") && path.extension().is_none_or(|e| e != "asc"));
    archives.next().expect("a source package has an upstream archive")
}

/// The image of a test, unpacked into `folder`; `None` where a script makes it with tools that are built with e2fsprogs.
fn image(test: &Path, folder: &Path) -> Option<PathBuf> {
    let image = folder.join("image");
    let script = if test.join("image.gz").exists() {
        "gzip -dc \"$1/image.gz\" > \"$2\""
    } else if test.join("image.bz2").exists() {
        "python3 -c 'import bz2, sys; sys.stdout.buffer.write(bz2.open(sys.argv[1]).read())' \"$1/image.bz2\" > \"$2\""
    } else {
        return None;
    };
    shell(script, &[test.as_os_str(), image.as_os_str()]);
    Some(image)
}

/// Reads an image in a child with limits; returns its verdict: `opened`, or the kind of the error and the error.
fn verdict(image: &Path) -> Result<String, String> {
    let mut command = Command::new(env::current_exe().unwrap());
    let result = output(command.args(["--exact", "one_image_in_child", "--ignored", "--nocapture"]).env(IMAGE, image));
    let said = String::from_utf8_lossy(&result.stdout).into_owned();
    let verdict = said.lines().find_map(|line| line.split_once(VERDICT)).map(|(_, verdict)| verdict.to_owned());
    verdict
        .filter(|_| result.status.success())
        .ok_or_else(|| format!("{}: {said}{}", result.status, String::from_utf8_lossy(&result.stderr)))
}

#[test]
#[ignore = "limits its process; run by the test below"]
fn one_image_in_child() {
    let limit = |value| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::As, limit(MEMORY)).unwrap();
    setrlimit(Resource::Cpu, limit(SECONDS)).unwrap();
    let path = PathBuf::from(env::var_os(IMAGE).expect("the parent sets it"));
    match read(&path) {
        Ok(bytes) => println!("{VERDICT}opened, {bytes} bytes of files"),
        Err(error) => {
            let kind = error.kind();
            assert!(matches!(kind, Kind::Corrupt | Kind::Unsupported | Kind::Refused), "{kind:?}: {error}");
            println!("{VERDICT}{kind:?}: {error}");
        }
    }
}

/// Reads the tree and the content of every file; returns how much that was. Holes are not read: one file claims terabytes of them.
fn read(path: &Path) -> Result<u64, Ext4Error> {
    let storage = Arc::new(FileStorage::open(path).unwrap());
    let tree = Ext4::open(Window::whole(storage))?.tree()?;
    let mut bytes = 0;
    let mut buffer = vec![0; 64 << 10];
    tree.walk(&mut |_, id| {
        let Some(content) = tree.inode(id).content() else { return };
        for extent in content.list() {
            let mut at = extent.offset;
            while at < extent.end() {
                let len = (extent.end() - at).min(64 << 10);
                content.read_exact_at(at, &mut buffer[..len as usize]).unwrap();
                at += len;
                bytes += len;
            }
        }
    });
    Ok(bytes)
}

/// What `timeout` ends with when it ended the program.
const ENDLESS: i32 = 124;

/// What `e2fsck -fn` ends with: 0 is clean. Of one image it never has enough.
fn e2fsck(image: &Path) -> i32 {
    let mut command = tool("timeout");
    let status = command.args(["5", "e2fsck", "-fn"]).arg(image).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.expect("timeout can be started").code().unwrap_or(-1)
}

#[test]
fn nothing_that_e2fsck_rejects_is_opened() {
    let tests = corpus();
    let folder = support::program::folder();
    let names: Vec<_> = fs::read_dir(&tests).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let names = std::collections::BTreeSet::from_iter(names.into_iter().filter(|name| name.starts_with("f_")));
    let (mut made_by_scripts, mut totals, mut wrong) = (Vec::new(), BTreeMap::<_, usize>::new(), Vec::new());
    println!("{:<34} {:>7}  our verdict", "image", "e2fsck");
    for name in names {
        let Some(image) = image(&tests.join(&name), folder.path()) else {
            made_by_scripts.push(name);
            continue;
        };
        let exit = e2fsck(&image);
        let shown = if exit == ENDLESS { "endless".to_owned() } else { exit.to_string() };
        let (verdict, bucket) = match verdict(&image) {
            Ok(verdict) => {
                let bucket = verdict.split([',', ':']).next().unwrap_or_default().to_owned();
                (verdict, bucket)
            }
            Err(died) => (died, "died".to_owned()),
        };
        println!("{name:<34} {shown:>7}  {verdict}");
        if bucket == "died" || (bucket == "opened" && exit != 0) {
            wrong.push(format!("{name}: e2fsck ends with {shown}, we say {verdict}"));
        }
        *totals.entry((exit == 0, bucket)).or_default() += 1;
    }
    println!("made by scripts, skipped ({}): {}", made_by_scripts.len(), made_by_scripts.join(" "));
    for ((clean, bucket), count) in &totals {
        println!("{count:>4} {}, {bucket}", if *clean { "clean" } else { "not clean" });
    }
    let all: usize = totals.values().sum();
    println!("{all:>4} images");
    assert!(all >= FEWEST, "only {all} images");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
