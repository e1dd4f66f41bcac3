//! Runs mmdebstrap: its messages become progress, its last lines an error, and a wish to stop ends it with all it started.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::DebianError;
use crate::progress::{Progress, Stop};

/// How many of its last lines an error shows.
const LAST_LINES: usize = 20;
/// No message is longer; what a package prints may have no line ends.
const MAX_LINE: usize = 400;
/// How often a wish to stop is looked for.
const TICK: Duration = Duration::from_millis(100);
/// How long its last messages are waited for after its end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long it may take to remove its half-made tree before it is ended by force.
const GRACE: Duration = Duration::from_secs(60);

/// Runs `command` with its standard output in `output`, until it ends or `stop` is requested.
pub(super) fn run(mut command: Command, output: File, progress: &dyn Progress, stop: &Stop) -> Result<(), DebianError> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped());
    // A group of its own: a Ctrl-C at the terminal reaches this program alone, which then ends the whole group in order.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|source| DebianError::Start { program: name.clone(), source })?;
    let (sender, lines) = mpsc::channel();
    let stderr = child.stderr.take();
    // Ends when the last process that holds the pipe does, or when nobody listens any more.
    thread::spawn(move || {
        for line in stderr.into_iter().flat_map(bounded_lines) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut last = VecDeque::new();
    let status = wait(&mut child, &lines, &mut last, progress, stop);
    drop(lines);
    match status.map_err(|source| DebianError::Start { program: name.clone(), source })? {
        None => Err(DebianError::Interrupted),
        Some(status) if status.success() => Ok(()),
        Some(status) => {
            Err(DebianError::Failed { program: name, status: status.to_string(), output: last.into_iter().collect::<Vec<_>>().join("\n") })
        }
    }
}

fn wait(
    child: &mut Child,
    lines: &mpsc::Receiver<String>,
    last: &mut VecDeque<String>,
    progress: &dyn Progress,
    stop: &Stop,
) -> std::io::Result<Option<ExitStatus>> {
    let mut hear = |line: String| {
        report(&line, progress);
        last.push_back(line);
        if last.len() > LAST_LINES {
            last.pop_front();
        }
    };
    loop {
        if stop.is_requested() {
            end(child)?;
            return Ok(None);
        }
        match lines.recv_timeout(TICK) {
            Ok(line) => hear(line),
            Err(RecvTimeoutError::Timeout) => {}
            // Nothing more will be said; the end is near.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK),
        }
        if let Some(status) = child.try_wait()? {
            // What it said last may still be on its way; a process that outlives it would keep the pipe open, so not for ever.
            let deadline = Instant::now() + LAST_WORDS;
            while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                hear(line);
            }
            return Ok(Some(status));
        }
    }
}

/// Shows what mmdebstrap itself says (`I: …`, `W: …`, `E: …`); what the packages say is only kept for an error.
fn report(line: &str, progress: &dyn Progress) {
    let text = ["I: ", "W: ", "E: "].iter().find_map(|mark| line.strip_prefix(mark));
    // The text of a hook begins with a comment; the rest of it stands on further lines, which have no mark.
    if let Some(text) = text.map(|text| text.split(" in shell: ").next().unwrap_or(text)) {
        progress.note(&format!("mmdebstrap: {text}"));
    }
}

/// Asks the group to end, which makes mmdebstrap remove its half-made tree; by force when it takes too long.
fn end(child: &mut Child) -> std::io::Result<()> {
    signal(child, false);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        thread::sleep(TICK);
    }
    signal(child, true);
    child.wait().map(drop)
}

#[cfg(unix)]
fn signal(child: &mut Child, by_force: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let signal = if by_force { Signal::KILL } else { Signal::TERM };
    // The child was not waited for yet, so the number is still its own and, as it leads it, its group's.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn signal(child: &mut Child, _by_force: bool) {
    let _ = child.kill();
}

fn bounded_lines(stream: impl Read) -> impl Iterator<Item = String> {
    let mut stream = BufReader::new(stream);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        // `take` bounds one piece; the rest of a long line comes as further pieces.
        match stream.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).chars().filter(|character| !character.is_control()).collect()),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::progress::{Bar, Silent};

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Progress for Notes {
        fn begin(&self, _label: &str, _total: Option<u64>) -> Box<dyn Bar> {
            Box::new(Silent)
        }
        fn note(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_kept_and_messages_are_shown() {
        let mut output = tempfile::NamedTempFile::new().unwrap();
        let notes = Notes::default();
        let script =
            "echo 'I: extracting archives...' >&2; echo noise >&2; echo \"I: running hook in shell: sh -c 'x\" >&2; printf tree; sleep 0.3";
        run(shell(script), output.reopen().unwrap(), &notes, &Stop::default()).unwrap();
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        assert_eq!(text, "tree");
        assert_eq!(*notes.0.lock().unwrap(), ["mmdebstrap: extracting archives...", "mmdebstrap: running hook"]);
    }

    #[test]
    fn a_failure_shows_the_last_lines() {
        let output = tempfile::tempfile().unwrap();
        let error = run(shell("for i in $(seq 50); do echo line $i >&2; done; exit 7"), output, &Silent, &Stop::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("line 31\n") && text.contains("line 50") && !text.contains("line 30\n"), "{text}");
        assert!(text.contains('7'), "{text}");
    }

    #[test]
    fn a_stop_ends_all_that_was_started() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("cleaned");
        let script =
            format!("trap 'touch {}; exit 1' TERM; sleep 1000 & echo $! > {}; wait", mark.display(), folder.path().join("pid").display());
        let stop = Stop::default();
        let later = stop.clone();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(500));
            later.request();
        });
        let error = run(shell(&script), tempfile::tempfile().unwrap(), &Silent, &stop).unwrap_err();
        thread.join().unwrap();
        assert!(matches!(error, DebianError::Interrupted));
        assert!(mark.exists());
        let pid: i32 = std::fs::read_to_string(folder.path().join("pid")).unwrap().trim().parse().unwrap();
        let gone = || rustix::process::test_kill_process(rustix::process::Pid::from_raw(pid).unwrap()).is_err() || is_zombie(pid);
        assert!(
            (0..50).any(|_| gone() || {
                thread::sleep(TICK);
                false
            }),
            "process {pid} still runs"
        );
    }

    fn is_zombie(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn a_long_line_comes_in_pieces() {
        let pieces: Vec<_> = bounded_lines(&vec![b'x'; 1000][..]).collect();
        assert_eq!(pieces.iter().map(String::len).collect::<Vec<_>>(), [400, 400, 200]);
    }
}
