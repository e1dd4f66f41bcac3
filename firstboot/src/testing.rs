//! A machine in memory, whose programs a test plays, and whose power goes when the test says so.

use std::{
    collections::BTreeMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    time::Duration,
};

use crate::{
    config::{Brick, FORMAT, NodeConfig, Packages},
    host::{Command, Host, Kind, Mounted, Output},
};

/// Files by path, with their modes.
pub(crate) type Files = BTreeMap<String, (Vec<u8>, u32)>;
/// What a program does to the files and says; exit status and words.
type Play = Box<dyn FnMut(&mut Files, &str) -> (i32, String)>;

/// A machine in memory.
pub(crate) struct Fake {
    pub(crate) files: Files,
    pub(crate) uptime: Duration,
    /// What the clock said when it was switched on.
    pub(crate) clock: i64,
    /// What is mounted, wherever it is asked about.
    pub(crate) mounted: Option<Mounted>,
    /// What is changed, in order: programs as typed, files by their path.
    pub(crate) log: Vec<String>,
    pub(crate) web: Result<(u16, Vec<u8>), io::ErrorKind>,
    /// How many changes there may be before the power goes; each counts twice, before and after.
    pub(crate) left: Option<usize>,
    pub(crate) play: Play,
}

/// The power went.
struct PowerCut;

impl Fake {
    pub(crate) fn new(play: impl FnMut(&mut Files, &str) -> (i32, String) + 'static) -> Self {
        Self {
            files: Files::new(),
            uptime: Duration::ZERO,
            clock: config().epoch,
            mounted: None,
            log: Vec::new(),
            web: Err(io::ErrorKind::ConnectionRefused),
            left: None,
            play: Box::new(play),
        }
    }

    /// Whose programs do nothing, and that has been on for so long.
    pub(crate) fn idle(uptime: Duration) -> Self {
        Self { uptime, ..Self::new(|_, _| (0, String::new())) }
    }

    pub(crate) fn put(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), (text.as_bytes().to_vec(), 0o644));
    }

    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.files.get(path).map(|(bytes, _)| String::from_utf8(bytes.clone()).unwrap())
    }

    fn count(&mut self) {
        if let Some(left) = &mut self.left {
            if *left == 0 {
                panic_any(PowerCut);
            }
            *left -= 1;
        }
    }

    fn change<T>(&mut self, what: &str, change: impl FnOnce(&mut Self) -> T) -> T {
        self.count();
        self.log.push(what.to_owned());
        let result = change(self);
        self.count();
        result
    }
}

/// Does it, unless the power goes meanwhile.
pub(crate) fn powered<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => Some(value),
        Err(cause) if cause.is::<PowerCut>() => None,
        Err(cause) => std::panic::resume_unwind(cause),
    }
}

impl Host for Fake {
    fn uptime(&self) -> Duration {
        self.uptime
    }

    fn clock(&self) -> i64 {
        self.clock + i64::try_from(self.uptime.as_secs()).unwrap()
    }

    fn set_clock(&mut self, seconds: i64) -> io::Result<()> {
        self.clock = seconds - i64::try_from(self.uptime.as_secs()).unwrap();
        Ok(())
    }

    fn sleep(&mut self, time: Duration) {
        self.uptime += time;
    }

    fn run(&mut self, command: &Command) -> io::Result<Output> {
        let words = command.to_string();
        let asks = ["systemctl is-", "systemctl --quiet is-"].iter().any(|start| words.starts_with(start));
        let (code, said) =
            if asks { (self.play)(&mut self.files, &words) } else { self.change(&words, |fake| (fake.play)(&mut fake.files, &words)) };
        Ok(Output { code: Some(code), stdout: String::new(), stderr: said, timed_out: false })
    }

    fn connects(&mut self, _: &str, _: u16, _: Duration) -> bool {
        false
    }

    fn get(&mut self, _: &str) -> io::Result<(u16, Vec<u8>)> {
        self.web.clone().map_err(Into::into)
    }

    fn look(&self, path: &str) -> io::Result<Option<Kind>> {
        let is_folder = || self.files.keys().any(|name| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')));
        Ok(self.files.get(path).map(|(bytes, _)| Kind::File(bytes.len() as u64)).or_else(|| is_folder().then_some(Kind::Folder)))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.files.get(path).map(|(bytes, _)| bytes.clone()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &str) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write(&mut self, path: &str, bytes: &[u8], mode: u32) -> io::Result<bool> {
        let file = (bytes.to_vec(), mode);
        if self.files.get(path) == Some(&file) {
            return Ok(false);
        }
        self.change(path, |fake| fake.files.insert(path.to_owned(), file));
        Ok(true)
    }

    fn overwrite(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let size = self.read(path)?.len();
        assert_eq!(size, bytes.len(), "{path}");
        self.change(path, |fake| fake.files.insert(path.to_owned(), (bytes.to_vec(), 0o644)));
        Ok(())
    }

    fn make_folder(&mut self, _: &str, _: u32) -> io::Result<()> {
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let file = self.files.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
        self.change(to, |fake| {
            fake.files.remove(from);
            fake.files.insert(to.to_owned(), file);
        });
        Ok(())
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.change(path, |fake| fake.files.remove(path));
        Ok(())
    }

    fn attribute(&self, _: &str, _: &str) -> io::Result<Option<Vec<u8>>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_attribute(&mut self, _: &str, _: &str, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove_attribute(&mut self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn mounted(&self, _: &str) -> io::Result<Option<Mounted>> {
        Ok(self.mounted.clone())
    }
}

/// A node that is to have nothing but its brick.
pub(crate) fn config() -> NodeConfig {
    NodeConfig {
        format: FORMAT,
        cluster: "cluster01".into(),
        node: "cluster01".into(),
        epoch: 1_700_000_000,
        brick: Brick {
            partition: 3,
            partition_uuid: "DEADBEEF-03".into(),
            uuid: "01010101-0101-0101-0101-010101010101".into(),
            mount: "/export".into(),
            cap: None,
        },
        packages: Packages::default(),
        pool: None,
        volume: None,
        web: None,
        status: None,
    }
}
