//! Nodes that are switched on, asked over SSH with the configuration that `build` wrote.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use berry_firstboot::{baked, status::Status};

/// Seconds until a computer that does not answer counts as away.
const CONNECT: u32 = 8;
/// Seconds after which a connection that was made and says nothing is asked whether it is still there; after two of them it is given up.
const ALIVE: u32 = 5;
/// A node that has not answered until then is passed over: it would keep all others from being shown.
const LIMIT: Duration = Duration::from_secs(30);
/// No status is larger.
const MAX_ANSWER: u64 = 1 << 20;
/// How often it is looked whether `ssh` has ended.
const TICK: Duration = Duration::from_millis(20);

/// Why a node did not say how it stands.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    /// The program `ssh` could not be started.
    #[error("ssh could not be started")]
    Start(#[source] io::Error),
    /// A connection, and no end of it.
    #[error("no answer within {} seconds", LIMIT.as_secs())]
    Late,
    /// No connection, or no admission.
    #[error("not reached: {0}")]
    NotReached(String),
    /// There is no program of first boot on it.
    #[error("there is no {} on it: its card was written before, or not by berry-image", baked::PROGRAM)]
    NoProgram,
    /// The program failed there.
    #[error("the node cannot tell: {0}")]
    Failed(String),
    /// It said something else than a status.
    #[error("what the node says is not understood: {0}")]
    Odd(String),
}

/// The nodes of a cluster, by the `ssh_config` that `build` wrote.
#[derive(Clone, Debug)]
pub struct Nodes {
    config: PathBuf,
}

impl Nodes {
    /// With this configuration.
    #[must_use]
    pub fn new(config: &Path) -> Self {
        Self { config: config.to_owned() }
    }

    /// How a node stands. It takes seconds, and nobody is asked for a password.
    ///
    /// # Errors
    /// When it does not say.
    pub fn status(&self, name: &str) -> Result<Status, Silence> {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(&self.config).args(["-T", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"]);
        ssh.args([
            "-o",
            &format!("ConnectTimeout={CONNECT}"),
            "-o",
            &format!("ServerAliveInterval={ALIVE}"),
            "-o",
            "ServerAliveCountMax=2",
        ]);
        ssh.args(["--", name, baked::PROGRAM, "status", "--json"]);
        let mut child = ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(Silence::Start)?;
        let (stdout, stderr) = (child.stdout.take().map(read), child.stderr.take().map(read));
        let code = wait(&mut child, LIMIT)?;
        answer(code, &words(stdout), &words(stderr))
    }
}

/// Reads in a thread of its own what comes, up to [`MAX_ANSWER`].
fn read(pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is told all the same.
        let _ = pipe.take(MAX_ANSWER).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// What was read. What `ssh` itself started may hold the pipe open a little longer.
fn words(receiver: Option<mpsc::Receiver<Vec<u8>>>) -> Vec<u8> {
    receiver.and_then(|receiver| receiver.recv_timeout(Duration::from_secs(2)).ok()).unwrap_or_default()
}

/// The exit status of a program that ends within `limit`; it is ended otherwise.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<i32>, Silence> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(Silence::Start)? {
            return Ok(status.code());
        }
        if begun.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Silence::Late);
        }
        thread::sleep(TICK);
    }
}

/// What an exit status and the words of `ssh` mean (ssh(1), "EXIT STATUS"; 127 is the shell's for a program that there is not).
fn answer(code: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Result<Status, Silence> {
    let stderr = String::from_utf8_lossy(stderr);
    let last = stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
    let words =
        || last.map_or_else(|| code.map_or_else(|| "ssh was killed".to_owned(), |code| format!("exit status {code}")), str::to_owned);
    match code {
        Some(0) => serde_json::from_slice(stdout).map_err(|error| Silence::Odd(error.to_string())),
        Some(255) | None => Err(Silence::NotReached(words())),
        Some(127) => Err(Silence::NoProgram),
        Some(_) => Err(Silence::Failed(words())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_waited_for_for_ever() {
        let start = |script: &str| Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        let late = wait(&mut start("sleep 60"), Duration::from_millis(100)).unwrap_err();
        assert_eq!(late.to_string(), "no answer within 30 seconds");
        let mut child = start("head -c 3000000 /dev/zero; exit 3");
        let output = child.stdout.take().map(read);
        // It is ended by the closed pipe, and not waited for.
        assert!(wait(&mut child, Duration::from_secs(30)).unwrap() != Some(0));
        assert_eq!(words(output).len() as u64, MAX_ANSWER);
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn each_way_to_fail_is_told() {
        let said = |code, stdout: &str, stderr: &str| answer(code, stdout.as_bytes(), stderr.as_bytes());
        let status = r#"{"cluster":"c","node":"n","finished":true,"clock":5,"steps":[]}"#;
        assert_eq!(said(Some(0), status, "a warning\n").unwrap().node, "n");
        let route = "ssh: connect to host 192.168.2.6 port 22: No route to host\r\n";
        for (code, stdout, stderr, told) in [
            (Some(255), "", route, "not reached: ssh: connect to host 192.168.2.6 port 22: No route to host"),
            (Some(255), "", "", "not reached: exit status 255"),
            (None, "", "", "not reached: ssh was killed"),
            (Some(127), "", "bash: line 1: /usr/lib/…: No such file\n", "there is no /usr/lib/berry-image/berry-firstboot on it"),
            (Some(1), "", "/etc/berry-image/node.json: gone\n\n", "the node cannot tell: /etc/berry-image/node.json: gone"),
            (Some(0), "hello", "", "what the node says is not understood: expected value at line 1 column 1"),
        ] {
            let error = said(code, stdout, stderr).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }
}
