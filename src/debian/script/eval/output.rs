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

    /// Standard input, when it is known.
    pub(in crate::debian::script) fn input(&self) -> Option<&str> {
        self.inputs.last()?.as_deref()
    }
}
