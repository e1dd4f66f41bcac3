//! Lists, pipelines and simple commands.

use std::rc::Rc;

use super::{AndOr, Assignment, Command, Form, List, Piece, Pipeline, Word, reader::Reader, reader::is_name};
use crate::debian::script::ScriptError;

impl Reader {
    /// Commands up to what cannot begin one: a closing parenthesis, `;;`, a keyword that ends or divides a compound command.
    pub(super) fn list(&mut self) -> Result<List, ScriptError> {
        let mut list = Vec::new();
        loop {
            self.lines()?;
            let ends = matches!(self.peek(), None | Some(')' | ';' | '&' | '|'))
                || matches!(self.keyword(), Some("then" | "elif" | "else" | "fi" | "do" | "done" | "esac" | "}"));
            if ends {
                return Ok(list.into());
            }
            let mut next = self.and_or()?;
            self.blanks()?;
            match self.peek() {
                Some('&') => {
                    self.next()?;
                    next.background = true;
                }
                Some(';') if self.second() != Some(';') => {
                    self.next()?;
                }
                Some('\n') => self.end_of_line()?,
                _ => {
                    list.push(next);
                    return Ok(list.into());
                }
            }
            list.push(next);
        }
    }

    fn and_or(&mut self) -> Result<AndOr, ScriptError> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks()?;
            let and = self.take("&&")?;
            if !and && !self.take("||")? {
                return Ok(AndOr { first, rest, background: false });
            }
            self.lines()?;
            rest.push((and, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, ScriptError> {
        let mut negated = false;
        while self.keyword() == Some("!") {
            self.take("!")?;
            self.blanks()?;
            negated = !negated;
        }
        let mut commands = vec![self.nested(Self::command)?];
        loop {
            self.blanks()?;
            if self.peek() != Some('|') || self.second() == Some('|') {
                return Ok(Pipeline { negated, commands });
            }
            self.next()?;
            if self.bash {
                self.take("&")?;
            }
            self.lines()?;
            commands.push(self.nested(Self::command)?);
        }
    }

    fn command(&mut self) -> Result<Command, ScriptError> {
        self.blanks()?;
        let line = self.line();
        let Some(form) = self.compound()? else { return self.simple(line) };
        let mut redirections = Vec::new();
        loop {
            self.blanks()?;
            match self.redirection()? {
                Some(redirection) => redirections.push(redirection),
                None => return Ok(Command { line, form, redirections }),
            }
        }
    }

    fn simple(&mut self, line: usize) -> Result<Command, ScriptError> {
        let (mut assignments, mut words, mut redirections) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.blanks()?;
            if let Some(redirection) = self.redirection()? {
                redirections.push(redirection);
                continue;
            }
            let Some(mut word) = self.word()? else { break };
            if words.is_empty() {
                if let Some((name, more)) = assigned(&mut word) {
                    let opaque = self.bash && word.is_empty() && self.peek() == Some('(') && self.array(&mut word)?;
                    assignments.push(Assignment { name, value: word, opaque: opaque || more });
                    continue;
                }
                if let (Some(name), true) = (plain(&word), assignments.is_empty() && redirections.is_empty()) {
                    self.blanks()?;
                    if self.peek() == Some('(') {
                        self.next()?;
                        self.blanks()?;
                        let name = name.to_owned();
                        if !self.take(")")? {
                            return Err(self.wrong("a parenthesis follows a command"));
                        }
                        return self.function(name, line);
                    }
                }
            }
            words.push(word);
        }
        if assignments.is_empty() && words.is_empty() && redirections.is_empty() {
            return Err(self.wrong("a command is missing"));
        }
        Ok(Command { line, form: Form::Simple { assignments, words }, redirections })
    }

    /// The body of a function.
    pub(super) fn function(&mut self, name: String, line: usize) -> Result<Command, ScriptError> {
        self.lines()?;
        let body = self.nested(Self::command)?;
        if matches!(body.form, Form::Simple { .. }) {
            return Err(self.wrong("a function has no body"));
        }
        Ok(Command { line, form: Form::Function { name, body: Rc::new(body) }, redirections: Vec::new() })
    }

    /// The words of a list of bash, whose parenthesis is next.
    fn array(&mut self, words: &mut Word) -> Result<bool, ScriptError> {
        self.next()?;
        loop {
            self.lines()?;
            match self.word()? {
                Some(mut word) => words.append(&mut word),
                None if self.take(")")? => return Ok(true),
                None => return Err(self.wrong("a list of values is not closed")),
            }
        }
    }
}

/// The name of the variable that a word assigns to, which is taken from the word; and whether the value is added to what it has.
fn assigned(word: &mut Word) -> Option<(String, bool)> {
    let Some(Piece::Text { text, quoted: false }) = word.first_mut() else { return None };
    let (left, value) = text.split_once('=')?;
    let (name, more) = left.strip_suffix('+').map_or((left, false), |name| (name, true));
    // An element of a list of bash stands for the list.
    let (name, more) = name.split_once('[').map_or((name, more), |(name, _)| (name, true));
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) || !name.chars().all(is_name) {
        return None;
    }
    let (name, value) = (name.to_owned(), value.to_owned());
    if value.is_empty() {
        word.remove(0);
    } else {
        *text = value;
    }
    Some((name, more))
}

/// The text of a word without any quotes or expansions.
fn plain(word: &Word) -> Option<&str> {
    match word.as_slice() {
        [Piece::Text { text, quoted: false }] => Some(text),
        _ => None,
    }
}
