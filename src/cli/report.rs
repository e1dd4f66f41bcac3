//! Standard output carries results, standard error everything else; bars are drawn only on a terminal.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::failure::Failure;
use crate::{
    error::Kind,
    image::visible,
    progress::{Bar, Progress, Stop},
};

/// Where a command reports to.
pub(super) struct Report {
    bars: MultiProgress,
    is_terminal: bool,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { bars: MultiProgress::new(), is_terminal: io::stderr().is_terminal() }
    }

    /// Columns of the terminal, for reports that are drawn.
    pub(super) fn width(&self) -> usize {
        console_width().clamp(60, 140)
    }

    /// Prints a result. Names and labels in it may come from an image, so what controls a terminal is escaped.
    pub(super) fn result(&self, text: &str) -> Result<(), Failure> {
        self.print(&visible(text))
    }

    fn print(&self, text: &str) -> Result<(), Failure> {
        let mut output = io::stdout().lock();
        output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| Failure::from_output(&error))
    }

    /// Prints a result as JSON.
    pub(super) fn json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(Kind::Io, format!("making JSON failed: {error}")))?;
        self.print(&(text + "\n"))
    }

    /// Prints what went wrong.
    pub(super) fn failure(&self, failure: &Failure) {
        self.line(&format!("error: {failure}"));
        if let Some(hint) = failure.hint() {
            self.line(&format!("hint: {hint}"));
        }
    }

    /// Prints a line to standard error, above any bar.
    pub(super) fn line(&self, text: &str) {
        // If standard error is closed there is nobody left to tell.
        self.bars.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{}", visible(text));
        });
    }
}

impl Progress for Report {
    fn begin(&self, label: &str, total: Option<u64>) -> Box<dyn Bar> {
        if !self.is_terminal {
            self.line(label);
            return Box::new(crate::progress::Silent);
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total)
                .with_style(style("{msg:30!} {bar:24} {bytes:>11} of {total_bytes:<11} {bytes_per_sec:>13} {eta:>4}")),
            None => ProgressBar::new_spinner().with_style(style("{msg} {spinner} {elapsed}")),
        };
        let bar = self.bars.add(bar.with_message(label.to_owned()));
        if total.is_none() {
            bar.enable_steady_tick(std::time::Duration::from_millis(200));
        }
        Box::new(TerminalBar(bar))
    }

    fn note(&self, text: &str) {
        self.line(text);
    }
}

fn console_width() -> usize {
    rustix::termios::tcgetwinsize(io::stderr()).map_or(100, |size| size.ws_col.into())
}

fn style(template: &str) -> ProgressStyle {
    // A template that does not parse would be a mistake in this file, and only costs the looks.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

struct TerminalBar(ProgressBar);

impl Bar for TerminalBar {
    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn skip(&self, bytes: u64) {
        self.0.inc(bytes);
        self.0.reset_eta();
    }
}

impl Drop for TerminalBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Ctrl-C and the usual signals ask the work to stop; a second Ctrl-C ends the program at once.
pub(super) fn stop_on_signals() -> Stop {
    use signal_hook::{consts, flag};
    let stop = Stop::default();
    for signal in [consts::SIGINT, consts::SIGTERM] {
        // Registering fails only for signals that no program may catch. Without it the program simply ends at once.
        let _ = flag::register_conditional_shutdown(signal, Kind::Interrupted.exit_code().into(), stop.flag());
        let _ = flag::register(signal, stop.flag());
    }
    stop
}
