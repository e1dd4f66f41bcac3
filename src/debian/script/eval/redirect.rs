//! Redirections.

use super::{Field, Machine, Status, output::Capture};
use crate::debian::script::{
    Effect, ScriptError,
    syntax::{Direction, Redirection, Target},
};

/// What redirections do to a command.
#[derive(Default)]
struct Redirected {
    /// Standard output goes elsewhere.
    output: bool,
    /// Standard input is something else, which is known or not.
    input: Option<Option<String>>,
    /// A file that is read may be missing; `Some(true)`: it is.
    missing: Option<bool>,
}

impl Machine<'_> {
    /// Follows a command with its redirections.
    pub(super) fn redirected(
        &mut self,
        redirections: &[Redirection],
        follow: impl FnOnce(&mut Self) -> Result<Status, ScriptError>,
    ) -> Result<Status, ScriptError> {
        if redirections.is_empty() {
            return follow(self);
        }
        let redirected = self.redirect(redirections)?;
        if redirected.missing == Some(true) {
            return Ok(Status::Known(2));
        }
        if redirected.output {
            self.captures.push(Capture::nowhere());
        }
        let replaced = redirected.input.is_some();
        if let Some(input) = redirected.input {
            self.push_input(input);
        }
        let result = match redirected.missing {
            None => follow(self),
            Some(_) => self.perhaps(follow, Status::Known(2)),
        };
        if replaced {
            self.inputs.pop();
        }
        if redirected.output {
            self.captures.pop();
        }
        result
    }

    fn redirect(&mut self, redirections: &[Redirection]) -> Result<Redirected, ScriptError> {
        let mut redirected = Redirected::default();
        for redirection in redirections {
            let target = match &redirection.target {
                Target::Word(word) => self.text(word)?,
                Target::Document(document) => match document.get() {
                    Some(word) => self.text(word)?,
                    None => continue,
                },
            };
            let is_output = redirection.descriptor == 1;
            match redirection.direction {
                Direction::Here => redirected.input = Some(target.get().map(str::to_owned)),
                Direction::Duplicate => {
                    redirected.output |= is_output && target.get() != Some("1");
                    if redirection.descriptor == 0 {
                        redirected.input = Some(None);
                    }
                }
                Direction::Write | Direction::WriteBoth => {
                    redirected.output |= is_output;
                    self.written(&target)?;
                }
                Direction::Read => {
                    let path = target.get().and_then(|target| self.path(target));
                    let exists = path.as_deref().and_then(|path| if path == "/dev/null" { Some(true) } else { self.exists(path) });
                    let text = match &path {
                        Some(path) if path == "/dev/null" => Some(String::new()),
                        Some(path) => self.file_text(path)?,
                        None => None,
                    };
                    match exists {
                        Some(true) => {}
                        Some(false) => redirected.missing = Some(true),
                        None => redirected.missing = redirected.missing.or(Some(false)),
                    }
                    redirected.input = Some(text);
                }
            }
        }
        Ok(redirected)
    }

    /// A file that a redirection writes to.
    fn written(&mut self, target: &Field) -> Result<(), ScriptError> {
        match target.get() {
            Some("/dev/null" | "/dev/stderr" | "/dev/stdout" | "/dev/tty" | "/dev/console" | "/dev/fd/2" | "/dev/full") => Ok(()),
            Some(path) => match self.path(path) {
                Some(path) => self.record(Effect::WriteFile { path }),
                None => self.not_understood(&[Field::known(format!("> {path}"))], "the working folder is not known"),
            },
            None => self.not_understood(&[Field::known(format!("> {}", target.text))], "the file's name is not known"),
        }
    }
}
