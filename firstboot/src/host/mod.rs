//! The machine, as far as a step sees and changes it. Tests put another one in its place.

mod real;

use std::{collections::BTreeMap, fmt, io, time::Duration};

pub use real::Real;

/// A program and its arguments; nothing is ever handed to a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name on the search path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What is added to its environment.
    pub environment: BTreeMap<String, String>,
    /// After this it is killed, with all that it started.
    pub limit: Duration,
    /// Whether everything that is written meanwhile goes to the disks every second, and when it has ended.
    pub synced: bool,
}

impl Command {
    /// A program that may take two minutes.
    #[must_use]
    pub fn new<'a>(program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            program: program.to_owned(),
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            environment: BTreeMap::new(),
            limit: Duration::from_secs(120),
            synced: false,
        }
    }

    /// With another limit.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// One whose files are on the disks when it has ended, and a second after they were written.
    #[must_use]
    pub const fn synced(mut self) -> Self {
        self.synced = true;
        self
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// As it would be typed.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Exit status; none after a signal or when its time was over.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Whether its time was over.
    pub timed_out: bool,
}

impl Output {
    /// Whether it ended with 0.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.code == Some(0)
    }

    /// What it said last, for people: the last line of its errors, else of its output, else how it ended.
    #[must_use]
    pub fn last_words(&self) -> String {
        let last = |text: &str| text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned);
        let ended = match (self.timed_out, self.code) {
            (true, _) => "its time was over".to_owned(),
            (false, Some(code)) => format!("exit status {code}"),
            (false, None) => "it was killed".to_owned(),
        };
        last(&self.stderr).or_else(|| last(&self.stdout)).unwrap_or(ended)
    }
}

/// What is mounted somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// The file system's type, such as `ext4` or `fuse.glusterfs`.
    pub kind: String,
    /// Its device, or what stands for one.
    pub source: String,
    /// Whether it answers: a FUSE file system whose daemon died does not.
    pub is_alive: bool,
}

impl Mounted {
    /// Whether it is a volume of GlusterFS.
    #[must_use]
    pub fn is_glusterfs(&self) -> bool {
        self.kind == "fuse.glusterfs"
    }
}

/// What stands at a path; links are not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file, with its size in bytes.
    File(u64),
    /// A folder.
    Folder,
    /// Anything else.
    Other,
}

/// The machine. Paths are absolute.
pub trait Host {
    /// Time since the machine was switched on; it never goes back.
    fn uptime(&self) -> Duration;
    /// Seconds since 1970, as far as the machine knows.
    fn clock(&self) -> i64;
    /// Sets the clock.
    ///
    /// # Errors
    /// When that is not allowed.
    fn set_clock(&mut self, seconds: i64) -> io::Result<()>;
    /// Waits.
    fn sleep(&mut self, time: Duration);

    /// Runs a program to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    fn run(&mut self, command: &Command) -> io::Result<Output>;
    /// Whether something accepts TCP connections there, within `limit`.
    fn connects(&mut self, name: &str, port: u16, limit: Duration) -> bool;
    /// The status and the body of an answer to `GET path` on port 80 of this machine.
    ///
    /// # Errors
    /// When nothing answers within five seconds.
    fn get(&mut self, path: &str) -> io::Result<(u16, Vec<u8>)>;

    /// What stands at a path, if anything.
    ///
    /// # Errors
    /// When that cannot be told.
    fn look(&self, path: &str) -> io::Result<Option<Kind>>;
    /// All bytes of a file of at most 16 MiB.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    /// Names in a folder, in byte order.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Puts a file in place as a whole, or not at all: a temporary file beside it, synchronised, renamed, its folder synchronised. A file
    /// that is so already is left alone; whether it was written.
    ///
    /// # Errors
    /// When the file that was there is still there.
    fn write(&mut self, path: &str, bytes: &[u8], mode: u32) -> io::Result<bool>;
    /// Overwrites the first bytes of a file in place, and synchronises it. Nothing is done to its size.
    ///
    /// # Errors
    /// When there is no file, or it is shorter.
    fn overwrite(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes a folder and its parents.
    ///
    /// # Errors
    /// When something else is in the way.
    fn make_folder(&mut self, path: &str, mode: u32) -> io::Result<()>;
    /// Renames, and synchronises the folder.
    ///
    /// # Errors
    /// When that cannot be done.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file, or a folder with all that is in it; nothing there is fine.
    ///
    /// # Errors
    /// When that cannot be done.
    fn remove(&mut self, path: &str) -> io::Result<()>;
    /// An extended attribute.
    ///
    /// # Errors
    /// When that cannot be told.
    fn attribute(&self, path: &str, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Sets an extended attribute.
    ///
    /// # Errors
    /// When that cannot be done.
    fn set_attribute(&mut self, path: &str, name: &str, value: &[u8]) -> io::Result<()>;
    /// Removes an extended attribute; none is fine.
    ///
    /// # Errors
    /// When that cannot be done.
    fn remove_attribute(&mut self, path: &str, name: &str) -> io::Result<()>;

    /// What is mounted exactly there, if anything.
    ///
    /// # Errors
    /// When the table of mounts cannot be read.
    fn mounted(&self, path: &str) -> io::Result<Option<Mounted>>;
}
