//! Redirections.

use super::{Direction, Redirection, Target, reader::Reader};
use crate::debian::script::ScriptError;

impl Reader {
    /// A redirection, when one stands here.
    pub(super) fn redirection(&mut self) -> Result<Option<Redirection>, ScriptError> {
        let mark = self.mark();
        let mut digits = String::new();
        while let Some(digit) = self.peek().filter(|next| next.is_ascii_digit() && digits.len() < 4) {
            digits.push(digit);
            self.next()?;
        }
        if self.bash && digits.is_empty() && self.peek() == Some('&') && self.second() == Some('>') {
            self.take("&>>")?;
            self.take("&>")?;
            return self.file(1, Direction::WriteBoth).map(Some);
        }
        let standard = match self.peek() {
            Some('<') => 0,
            Some('>') => 1,
            _ => {
                self.back_to(mark);
                return Ok(None);
            }
        };
        let descriptor = digits.parse().unwrap_or(standard);
        if self.second() == Some('(') {
            return Err(self.wrong("a process substitution of bash is not understood"));
        }
        if self.take("<<<")? {
            // A line of bash: what it says does not matter more than a document's text.
            return self.file(descriptor, Direction::Here).map(Some);
        }
        if self.take("<<")? {
            let strip = self.take("-")?;
            let target = Target::Document(self.announce(strip)?);
            return Ok(Some(Redirection { descriptor, direction: Direction::Here, target }));
        }
        for (sign, direction) in [
            ("<&", Direction::Duplicate),
            (">&", Direction::Duplicate),
            ("<>", Direction::Write),
            (">>", Direction::Write),
            (">|", Direction::Write),
            ("<", Direction::Read),
            (">", Direction::Write),
        ] {
            if self.take(sign)? {
                return self.file(descriptor, direction).map(Some);
            }
        }
        Err(self.wrong("a redirection is not understood"))
    }

    fn file(&mut self, descriptor: u32, direction: Direction) -> Result<Redirection, ScriptError> {
        self.blanks()?;
        let target = self.word()?.ok_or_else(|| self.wrong("a redirection leads nowhere"))?;
        Ok(Redirection { descriptor, direction, target: Target::Word(target) })
    }
}
