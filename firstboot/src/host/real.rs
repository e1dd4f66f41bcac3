//! The machine that the program runs on.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    os::unix::{
        fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::Path,
    process::{self, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::XattrFlags,
    process::{Pid, Signal, kill_process_group},
    time::{ClockId, Timespec, clock_gettime, clock_settime},
};

use super::{Command, Host, Kind, Mounted, Output};

/// No file that a step reads is larger.
const MAX_FILE: u64 = 16 << 20;
/// No program says more that matters.
const MAX_WORDS: u64 = 4 << 20;
/// How long a file system may take to answer before it counts as dead. A volume answers nobody until a node that died is given up, after
/// `network.ping-timeout` (42 seconds where nothing else is set), and then goes on: it must not be taken away for that.
const ALIVE: Duration = Duration::from_secs(150);
/// How often everything is put on the disks while a program runs that asks for it.
const SYNC: Duration = Duration::from_secs(1);
/// Where programs are looked for.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The machine that the program runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real;

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_owned())
}

/// Makes a change of a folder's names last.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Reads a pipe to its end in a thread of its own, so that a program that says much on both does not wait for ever.
fn reader(pipe: Option<impl io::Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.by_ref().take(MAX_WORDS).read_to_end(&mut bytes);
            // What is beyond is thrown away, so that the program does not wait.
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// What was read, if the pipe was closed soon after the program ended: what it started may hold it open.
fn words(receiver: &mpsc::Receiver<Vec<u8>>) -> String {
    String::from_utf8_lossy(&receiver.recv_timeout(Duration::from_secs(2)).unwrap_or_default()).into_owned()
}

/// Undoes the octal escapes of `/proc/self/mountinfo` (proc(5)).
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok())) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Type and source of what is mounted last at `path`, by the text of `/proc/self/mountinfo`.
fn find_mount(table: &str, path: &str) -> Option<(String, String)> {
    table.lines().rev().find_map(|line| {
        let (front, back) = line.split_once(" - ")?;
        let point = front.split(' ').nth(4)?;
        let mut words = back.split(' ');
        let (kind, source) = (words.next()?, words.next()?);
        (unescape(point) == path).then(|| (kind.to_owned(), unescape(source)))
    })
}

/// Whether a call of the file system comes back without an error in time. A FUSE file system whose daemon hangs answers never.
fn answers(path: &str) -> bool {
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    thread::spawn(move || sender.send(rustix::fs::statfs(path.as_str()).is_ok() && fs::metadata(&path).is_ok()));
    receiver.recv_timeout(ALIVE).unwrap_or(false)
}

impl Host for Real {
    fn uptime(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    fn clock(&self) -> i64 {
        clock_gettime(ClockId::Realtime).tv_sec
    }

    fn set_clock(&mut self, seconds: i64) -> io::Result<()> {
        Ok(clock_settime(ClockId::Realtime, Timespec { tv_sec: seconds, tv_nsec: 0 })?)
    }

    fn sleep(&mut self, time: Duration) {
        thread::sleep(time);
    }

    fn run(&mut self, command: &Command) -> io::Result<Output> {
        let mut child = process::Command::new(&command.program)
            .args(&command.arguments)
            .env_clear()
            .envs(BTreeMap::from([("PATH", SEARCH_PATH), ("LC_ALL", "C.UTF-8"), ("HOME", "/root")]))
            .envs(&command.environment)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
        let began = Instant::now();
        let mut pause = Duration::from_millis(2);
        let mut synced = began;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if command.synced && synced.elapsed() >= SYNC {
                rustix::fs::sync();
                synced = Instant::now();
            }
            if began.elapsed() >= command.limit {
                if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                child.wait()?;
                break None;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        };
        if command.synced {
            rustix::fs::sync();
        }
        Ok(Output {
            code: status.and_then(|status| status.code()),
            stdout: words(&stdout),
            stderr: words(&stderr),
            timed_out: status.is_none(),
        })
    }

    fn connects(&mut self, name: &str, port: u16, limit: Duration) -> bool {
        let Ok(addresses) = (name, port).to_socket_addrs() else { return false };
        addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, limit).is_ok())
    }

    fn get(&mut self, path: &str) -> io::Result<(u16, Vec<u8>)> {
        const LIMIT: Duration = Duration::from_secs(5);
        let mut stream = TcpStream::connect_timeout(&([127, 0, 0, 1], 80).into(), LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.take(1 << 20).read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| invalid("the answer has no header"))?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(|| invalid("the answer has no status"))?;
        Ok((status, answer.split_off(end + 4)))
    }

    fn look(&self, path: &str) -> io::Result<Option<Kind>> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => Ok(Some(Kind::File(found.size()))),
            Ok(found) if found.is_dir() => Ok(Some(Kind::Folder)),
            Ok(_) => Ok(Some(Kind::Other)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE { Err(invalid("it is larger than 16 MiB")) } else { Ok(bytes) }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names: Vec<String> = names.collect::<io::Result<_>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn write(&mut self, path: &str, bytes: &[u8], mode: u32) -> io::Result<bool> {
        if let Ok(found) = fs::symlink_metadata(path)
            && found.is_file()
            && found.permissions().mode() & 0o7777 == mode
            && found.size() == bytes.len() as u64
            && fs::read(path)? == bytes
        {
            return Ok(false);
        }
        // Its own program's leftover is overwritten: only one runs.
        let temporary = format!("{path}.berry-new");
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        let written =
            file.write_all(bytes).and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode))).and_then(|()| file.sync_all());
        let renamed = written.and_then(|()| fs::rename(&temporary, path));
        if renamed.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        renamed.and_then(|()| sync_folder(Path::new(path))).map(|()| true)
    }

    fn overwrite(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        if file.metadata()?.size() < bytes.len() as u64 {
            return Err(invalid("it is shorter than what is to be written"));
        }
        file.write_all_at(bytes, 0)?;
        file.sync_data()
    }

    fn make_folder(&mut self, path: &str, mode: u32) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(mode).create(path)?;
        sync_folder(Path::new(path))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(from, to)?;
        sync_folder(Path::new(to))
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        let removed = match self.look(path)? {
            None => return Ok(()),
            Some(Kind::Folder) => fs::remove_dir_all(path),
            Some(_) => fs::remove_file(path),
        };
        removed.and_then(|()| sync_folder(Path::new(path)))
    }

    fn attribute(&self, path: &str, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut value = vec![0; 1 << 16];
        match rustix::fs::lgetxattr(path, name, &mut value[..]) {
            Ok(size) => {
                value.truncate(size);
                Ok(Some(value))
            }
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn set_attribute(&mut self, path: &str, name: &str, value: &[u8]) -> io::Result<()> {
        rustix::fs::lsetxattr(path, name, value, XattrFlags::empty())?;
        File::open(path)?.sync_all()
    }

    fn remove_attribute(&mut self, path: &str, name: &str) -> io::Result<()> {
        match rustix::fs::lremovexattr(path, name) {
            Ok(()) => File::open(path)?.sync_all(),
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn mounted(&self, path: &str) -> io::Result<Option<Mounted>> {
        let table = fs::read_to_string("/proc/self/mountinfo")?;
        Ok(find_mount(&table, path).map(|(kind, source)| Mounted { kind, source, is_alive: answers(path) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        Command::new("sh", ["-c", script])
    }

    #[test]
    fn programs_end_or_are_ended() {
        let mut host = Real;
        let output = host.run(&shell("echo $A; pwd; echo hard >&2; exit 3").env("A", "b")).unwrap();
        assert_eq!(output, Output { code: Some(3), stdout: "b\n/\n".into(), stderr: "hard\n".into(), timed_out: false });
        assert_eq!(output.last_words(), "hard");
        let began = Instant::now();
        let output = host.run(&shell("sleep 60 & sleep 60").within(Duration::from_millis(200))).unwrap();
        assert!(output.timed_out && began.elapsed() < Duration::from_secs(5), "{output:?}");
        assert!(host.run(&Command::new("no-such-program", [])).is_err());
        // Both pipes filled, and one left open by what still runs.
        let output = host.run(&shell("head -c 300000 /dev/zero | tee /dev/stderr; sleep 5 &")).unwrap();
        assert_eq!((output.code, output.stderr.len()), (Some(0), 0));
    }

    #[test]
    fn files_are_put_in_place_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let path = path.to_str().unwrap();
        let mut host = Real;
        assert_eq!(host.look(path).unwrap(), None);
        assert!(host.write(path, b"text", 0o600).unwrap());
        assert!(!host.write(path, b"text", 0o600).unwrap());
        assert!(host.write(path, b"text", 0o644).unwrap());
        assert_eq!((host.look(path).unwrap(), host.read(path).unwrap()), (Some(Kind::File(4)), b"text".to_vec()));
        host.overwrite(path, b"TE").unwrap();
        assert_eq!(host.read(path).unwrap(), b"TExt");
        assert!(host.overwrite(path, b"too long").is_err());
        assert!(host.write(&format!("{path}/below"), b"", 0o600).is_err());
        assert_eq!(host.list(folder.path().to_str().unwrap()).unwrap(), ["file"]);
        host.remove(path).unwrap();
        host.remove(path).unwrap();
    }

    #[test]
    fn mounts_are_found_by_their_exact_place() {
        let table = "22 1 0:21 / / rw - ext4 /dev/root rw\n30 22 0:30 / /mnt/a\\040b rw shared:1 - fuse.glusterfs localhost:/v\\134w rw\n\
                     31 22 0:31 / /mnt/www rw - tmpfs none rw\n32 31 0:32 / /mnt/www rw - fuse.glusterfs localhost:/volpi rw\n";
        assert_eq!(find_mount(table, "/mnt/a b"), Some(("fuse.glusterfs".into(), "localhost:/v\\w".into())));
        assert_eq!(find_mount(table, "/mnt/www"), Some(("fuse.glusterfs".into(), "localhost:/volpi".into())));
        assert_eq!(find_mount(table, "/mnt"), None);
        assert!(Real.mounted("/proc").unwrap().is_some_and(|mounted| mounted.kind == "proc" && mounted.is_alive));
    }
}
