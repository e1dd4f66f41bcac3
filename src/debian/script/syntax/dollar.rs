//! What begins with a dollar sign, and backquotes.

use super::{List, Modifier, Piece, reader::Reader, reader::is_name, word::Place};
use crate::debian::script::ScriptError;

impl Reader {
    /// What follows a dollar sign.
    pub(super) fn dollar(&mut self, quoted: bool) -> Result<Piece, ScriptError> {
        match self.peek() {
            Some('(') if self.second() == Some('(') && self.is_arithmetic()? => {
                self.take("((")?;
                let expression = self.pieces(Place::Arithmetic)?;
                if !self.take("))")? {
                    return Err(self.wrong("an arithmetic expansion is not closed"));
                }
                Ok(Piece::Arithmetic { expression, quoted })
            }
            Some('(') => {
                self.next()?;
                // Here-documents of the line around it come after that line.
                let outer = std::mem::take(&mut self.pending);
                let body = self.list()?;
                if !self.take(")")? {
                    return Err(self.wrong("a command substitution is not closed"));
                }
                self.no_document()?;
                self.pending = outer;
                Ok(Piece::Substitution { body, quoted })
            }
            Some('{') => {
                self.next()?;
                self.braces(quoted)
            }
            Some('\'') if !quoted && self.bash => {
                self.next()?;
                while let Some(next) = self.next_raw()? {
                    match next {
                        '\\' => drop(self.next_raw()?),
                        '\'' => return Ok(opaque("'")),
                        _ => {}
                    }
                }
                Err(self.wrong("a quote is not closed"))
            }
            Some(next) if next.is_ascii_digit() || matches!(next, '@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                self.next()?;
                Ok(Piece::Parameter { name: next.to_string(), modifier: Modifier::None, quoted })
            }
            Some(next) if is_name(next) => Ok(Piece::Parameter { name: self.name()?, modifier: Modifier::None, quoted }),
            _ => Ok(Piece::Text { text: "$".to_owned(), quoted }),
        }
    }

    /// What follows `${`.
    fn braces(&mut self, quoted: bool) -> Result<Piece, ScriptError> {
        let length = self.peek() == Some('#') && self.second().is_some_and(|next| next != '}');
        if length {
            self.next()?;
        }
        let name = self.parameter()?;
        let modifier = match self.peek() {
            Some('}') if length => Modifier::Length,
            Some('}') if !name.is_empty() => Modifier::None,
            _ if length || name.is_empty() => Modifier::Opaque { word: self.in_braces(quoted, false)? },
            _ => self.modifier(quoted)?,
        };
        if !self.take("}")? {
            return Err(self.wrong("`${` is not closed"));
        }
        Ok(Piece::Parameter { name, modifier, quoted })
    }

    /// The name of a variable, a number, or a special parameter; empty when there is none.
    fn parameter(&mut self) -> Result<String, ScriptError> {
        let mut name = self.name()?;
        if name.is_empty() {
            while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
                name.push(digit);
                self.next()?;
            }
        }
        if let Some(special) = self.peek().filter(|next| name.is_empty() && matches!(next, '@' | '*' | '#' | '?' | '-' | '$' | '!')) {
            // `${!name}` of bash is something else.
            if special != '!' || self.second() == Some('}') {
                self.next()?;
                name.push(special);
            }
        }
        Ok(name)
    }

    fn modifier(&mut self, quoted: bool) -> Result<Modifier, ScriptError> {
        let colon = self.peek() == Some(':') && matches!(self.second(), Some('-' | '=' | '?' | '+'));
        if colon {
            self.next()?;
        }
        let sign = self.peek();
        if !matches!(sign, Some('-' | '=' | '?' | '+' | '%' | '#')) {
            return Ok(Modifier::Opaque { word: self.in_braces(quoted, false)? });
        }
        self.next()?;
        let longest = matches!(sign, Some('%' | '#')) && self.peek() == sign;
        if longest {
            self.next()?;
        }
        let word = self.in_braces(quoted, matches!(sign, Some('-' | '=' | '?' | '+')))?;
        Ok(match sign {
            Some('-') => Modifier::Default { colon, word },
            Some('=') => Modifier::Assign { colon, word },
            Some('?') => Modifier::Require { colon, word },
            Some('+') => Modifier::Alternative { colon, word },
            Some('%') => Modifier::TrimEnd { longest, word },
            _ => Modifier::TrimStart { longest, word },
        })
    }

    fn in_braces(&mut self, quoted: bool, is_value: bool) -> Result<super::Word, ScriptError> {
        // A pattern after `%` or `#` has quotes of its own, even inside of quotes.
        self.nested(|reader| reader.pieces(Place::Braces { quoted: quoted && is_value, literal_quotes: quoted && is_value }))
    }

    /// Whether `$((` that stands here is closed by `))`, and so is no subshell in a command substitution.
    fn is_arithmetic(&mut self) -> Result<bool, ScriptError> {
        let mark = self.mark();
        self.take("((")?;
        let mut open = 0_usize;
        let arithmetic = loop {
            match self.next()? {
                None => break false,
                Some('(') => open += 1,
                Some(')') if open > 0 => open -= 1,
                Some(')') => break self.peek() == Some(')'),
                Some('#' | ';' | '\n') => break false,
                Some(_) => {}
            }
        };
        self.back_to(mark);
        Ok(arithmetic)
    }

    /// What follows a backquote.
    pub(super) fn backquotes(&mut self, quoted: bool) -> Result<List, ScriptError> {
        let mut text = String::new();
        loop {
            match self.next_raw()? {
                None => return Err(self.wrong("a backquote is not closed")),
                Some('`') => break,
                Some('\\') => match self.peek_raw() {
                    Some(next) if matches!(next, '`' | '\\' | '$') || (quoted && next == '"') => {
                        self.next_raw()?;
                        text.push(next);
                    }
                    _ => text.push('\\'),
                },
                Some(next) => text.push(next),
            }
        }
        self.inner(&text, Self::list)
    }
}

/// A piece whose value is not known.
fn opaque(name: &str) -> Piece {
    Piece::Parameter { name: name.to_owned(), modifier: Modifier::Opaque { word: Vec::new() }, quoted: true }
}
