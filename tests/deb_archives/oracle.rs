//! dpkg-deb, GNU tar and dpkg, asked for their opinion of a package.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A folder with a `tar` that lists as [`super::said::line`] does, for dpkg-deb to find, and one package at a time.
pub struct Oracle {
    folder: TempDir,
}

/// dpkg-deb runs `tar -tv -f -`; these options make its listing exact.
const TAR: &str = "#!/bin/sh\nexec /usr/bin/tar --numeric-owner --full-time --quoting-style=c \"$@\"\n";

impl Oracle {
    pub fn new() -> Self {
        // dpkg waits for the disk after each step; memory has none.
        let folder = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| crate::support::program::folder());
        let tar = folder.path().join("bin/tar");
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(&tar, TAR).unwrap();
        fs::set_permissions(&tar, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    /// What the next questions are about.
    pub fn give(&self, bytes: &[u8]) {
        fs::write(self.package(), bytes).unwrap();
    }

    fn package(&self) -> PathBuf {
        self.folder.path().join("p.deb")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", self.folder.path().join("bin").display());
        command.env_clear().env("PATH", path).env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    /// `dpkg-deb -c`: the members, or `None` when it or its tar refuses the package.
    pub fn contents(&self) -> Option<Vec<String>> {
        let output = run(self.command("dpkg-deb").arg("-c").arg(self.package()));
        output.status.success().then(|| output.stdout.split_inclusive(|byte| *byte == b'\n').map(line).collect())
    }

    /// Whether `dpkg-deb -e` takes the control member.
    pub fn control(&self) -> bool {
        let folder = self.folder.path().join("control");
        let output = run(self.command("dpkg-deb").arg("-e").arg(self.package()).arg(&folder));
        // A hostile one may leave what cannot be removed by its owner.
        let _ = fs::remove_dir_all(&folder);
        output.status.success() && !folder.exists()
    }

    /// Whether `dpkg --unpack` takes the package within so many seconds, in a root of its own, deep enough for paths that lead out of it;
    /// `None` for one who is not root.
    pub fn unpack(&self, limit: u32) -> Option<bool> {
        if !crate::support::is_root() {
            return None;
        }
        let place = self.folder.path().join("unpack");
        let root = place.join("a/b/c/root");
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
        // It waits for ever where a file of the control member is a pipe.
        let mut command = self.command("timeout");
        command.arg(limit.to_string()).args(["dpkg", "--root"]).arg(&root);
        command.args(["--force-unsafe-io", "--force-bad-path", "--log=/dev/null", "--unpack"]);
        let output = run(command.arg(self.package()));
        fs::remove_dir_all(&place).unwrap();
        Some(output.status.success())
    }
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} could not be started: {error}"))
}

/// `-rw-r--r-- 0/0   5 1970-01-01 00:00:00 "./a" link to "./b"` in the form of `said`.
fn line(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).expect("quoted").trim_end_matches('\n');
    let at = text.find('"').unwrap_or_else(|| panic!("{text}"));
    let fields: Vec<&str> = text[..at].split_whitespace().collect();
    let (path, rest) = unquoted(&text[at..]);
    let path = absolute(&path);
    let link = match rest {
        "" => String::new(),
        rest => match (rest.strip_prefix(" link to "), rest.strip_prefix(" -> ")) {
            (Some(target), _) => format!(" link to {}", absolute(&unquoted(target).0).escape_ascii()),
            (_, Some(target)) => format!(" -> {}", unquoted(target).0.escape_ascii()),
            // Of types that no package has.
            _ => format!(" ?{rest}"),
        },
    };
    format!("{} {}{link}", fields.join(" "), path.escape_ascii())
}

fn absolute(path: &[u8]) -> Vec<u8> {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if path == b"." { b"/".to_vec() } else { [b"/", path].concat() }
}

/// The bytes of a C string at the start of `text`, and what follows it.
fn unquoted(text: &str) -> (Vec<u8>, &str) {
    let bytes = text.as_bytes();
    assert_eq!(bytes[0], b'"', "{text}");
    let (mut out, mut at) = (Vec::new(), 1);
    loop {
        match bytes[at] {
            b'"' => return (out, &text[at + 1..]),
            b'\\' => {
                let digits = bytes[at + 1..].iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                if digits > 0 {
                    out.push(u32::from_str_radix(&text[at + 1..=at + digits], 8).unwrap() as u8);
                    at += 1 + digits;
                    continue;
                }
                let letters = b"abfnrtv\"\\?";
                let values = b"\x07\x08\x0c\n\r\t\x0b\"\\?";
                out.push(values[letters.iter().position(|letter| *letter == bytes[at + 1]).unwrap_or_else(|| panic!("{text}"))]);
                at += 2;
            }
            other => {
                out.push(other);
                at += 1;
            }
        }
    }
}
