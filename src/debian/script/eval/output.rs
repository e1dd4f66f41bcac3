//! What commands print.

use super::{Ends, Field, Machine};
use crate::debian::script::ScriptError;

/// More than this is not kept.
const MAX_TEXT: usize = 64 << 10;

/// The output of commands that are followed.
#[derive(Debug)]
pub(super) struct Capture {
    text: String,
    known: bool,
    forks: usize,
    ends: Ends,
    /// What is printed goes somewhere else.
    discards: bool,
}

impl Capture {
    /// What is printed from now on, on ways that are as certain as this one.
    pub(super) const fn new(forks: usize, ends: Ends) -> Self {
        Self { text: String::new(), known: true, forks, ends, discards: false }
    }

    pub(super) const fn nowhere() -> Self {
        Self { text: String::new(), known: false, forks: 0, ends: Ends { exits: 0, returns: 0, breaks: 0, continues: 0 }, discards: true }
    }

    /// All that was printed, when it is known.
    pub(super) fn text(self) -> Option<String> {
        self.known.then_some(self.text)
    }
}

/// What commands read from standard input.
#[derive(Debug)]
pub(super) struct Input {
    /// What is left of it, when that is known.
    text: Option<String>,
    /// How many ways were open when it began.
    forks: usize,
}

impl Machine<'_> {
    /// Something is printed.
    pub(in crate::debian::script) fn print(&mut self, text: &Field) -> Result<(), ScriptError> {
        self.spend(text.text.len() / 64)?;
        let (forks, ends) = (self.forks, self.ends);
        if let Some(capture) = self.captures.last_mut().filter(|capture| !capture.discards) {
            capture.known &= text.known && !text.many && capture.forks == forks && capture.ends == ends;
            if capture.known && capture.text.len() + text.text.len() <= MAX_TEXT {
                capture.text.push_str(&text.text);
            } else {
                capture.known = false;
            }
        }
        Ok(())
    }

    /// A line is printed.
    pub(in crate::debian::script) fn print_line(&mut self, line: &str) -> Result<(), ScriptError> {
        self.print(&Field::known(format!("{line}\n")))
    }

    /// Something is printed that is not known.
    pub(in crate::debian::script) fn print_unknown(&mut self) {
        if let Some(capture) = self.captures.last_mut() {
            capture.known = false;
        }
    }

    /// Reads all of standard input, when it is known.
    pub(in crate::debian::script) fn input(&mut self) -> Option<String> {
        let forks = self.forks;
        let input = self.inputs.last_mut()?;
        let rest = if input.forks == forks { input.text.take() } else { None };
        // What was read by one way only is not known to the others.
        input.text = rest.is_some().then(String::new);
        rest
    }

    /// Reads a line of standard input, and whether its end was there; `None` when it is not known.
    pub(super) fn input_line(&mut self) -> Option<(String, bool)> {
        let text = self.input()?;
        let (line, rest) = text.split_once('\n').map_or((text.as_str(), None), |(line, rest)| (line, Some(rest)));
        if let Some(input) = self.inputs.last_mut() {
            input.text = Some(rest.unwrap_or_default().to_owned());
        }
        Some((line.to_owned(), rest.is_some()))
    }

    /// A command may have read any part of standard input.
    pub(in crate::debian::script) fn forget_input(&mut self) {
        if let Some(input) = self.inputs.last_mut() {
            input.text = None;
        }
    }

    /// Commands read this from now on, or what is not known.
    pub(super) fn push_input(&mut self, text: Option<String>) {
        self.inputs.push(Input { text, forks: self.forks });
    }
}
