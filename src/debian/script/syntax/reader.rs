//! The text of a script, character by character, and how much of it may still be looked at.

use super::here::Pending;
use crate::debian::script::ScriptError;

/// How deeply commands and expansions may be in each other. Scripts of packages stay below 20.
const MAX_DEPTH: usize = 60;
/// Characters that may be looked at, those looked at twice counted twice.
const BUDGET: usize = 8 << 20;

/// A place in the text.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    position: usize,
    line: usize,
}

/// Reads the text of a script.
pub(super) struct Reader {
    text: Vec<char>,
    position: usize,
    line: usize,
    depth: usize,
    budget: usize,
    /// Here-documents whose text begins after the next end of a line.
    pub(super) pending: Vec<Pending>,
    pub(super) bash: bool,
}

impl Reader {
    pub(super) fn new(text: &str, line: usize, bash: bool) -> Self {
        let text = text.chars().collect();
        Self { text, position: 0, line, depth: 0, budget: BUDGET, pending: Vec::new(), bash }
    }

    /// Reads another text with `read`, as deep as this one and from the same budget.
    pub(super) fn inner<T>(&mut self, text: &str, read: impl FnOnce(&mut Self) -> Result<T, ScriptError>) -> Result<T, ScriptError> {
        let mut inner = Self::new(text, self.line, self.bash);
        (inner.depth, inner.budget) = (self.depth, self.budget.checked_sub(inner.text.len()).ok_or(ScriptError::TooComplex)?);
        let result = inner.nested(|reader| {
            let result = read(reader)?;
            reader.no_document()?;
            if reader.peek().is_some() { Err(reader.wrong("something is left over")) } else { Ok(result) }
        });
        self.budget = inner.budget;
        result
    }

    /// Reads something that may hold itself.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ScriptError>) -> Result<T, ScriptError> {
        if self.depth >= MAX_DEPTH {
            return Err(ScriptError::TooComplex);
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// No here-document may still be to come.
    pub(super) fn no_document(&self) -> Result<(), ScriptError> {
        if self.pending.is_empty() { Ok(()) } else { Err(self.wrong("a here-document is not ended")) }
    }

    pub(super) fn wrong(&self, reason: &'static str) -> ScriptError {
        ScriptError::Syntax { line: self.line, reason }
    }

    pub(super) const fn line(&self) -> usize {
        self.line
    }

    pub(super) const fn mark(&self) -> Mark {
        Mark { position: self.position, line: self.line }
    }

    pub(super) const fn back_to(&mut self, mark: Mark) {
        (self.position, self.line) = (mark.position, mark.line);
    }

    /// The next character as it stands in the text.
    pub(super) fn peek_raw(&self) -> Option<char> {
        self.text.get(self.position).copied()
    }

    /// Takes the next character as it stands in the text.
    ///
    /// # Errors
    /// When too much was looked at.
    pub(super) fn next_raw(&mut self) -> Result<Option<char>, ScriptError> {
        let next = self.peek_raw();
        if let Some(next) = next {
            self.budget = self.budget.checked_sub(1).ok_or(ScriptError::TooComplex)?;
            self.position += 1;
            self.line += usize::from(next == '\n');
        }
        Ok(next)
    }

    /// The next character; a backslash at the end of a line joins it with the next one.
    pub(super) fn peek(&mut self) -> Option<char> {
        while self.text.get(self.position) == Some(&'\\') && self.text.get(self.position + 1) == Some(&'\n') {
            self.position += 2;
            self.line += 1;
        }
        self.peek_raw()
    }

    /// Takes the next character.
    ///
    /// # Errors
    /// When too much was looked at.
    pub(super) fn next(&mut self) -> Result<Option<char>, ScriptError> {
        self.peek();
        self.next_raw()
    }

    /// The character after the next one.
    pub(super) fn second(&mut self) -> Option<char> {
        self.peek()?;
        let mark = self.mark();
        self.position += 1;
        let second = self.peek();
        self.back_to(mark);
        second
    }

    /// Takes `expected` when it is next.
    ///
    /// # Errors
    /// When too much was looked at.
    pub(super) fn take(&mut self, expected: &str) -> Result<bool, ScriptError> {
        let mark = self.mark();
        for character in expected.chars() {
            if self.peek() != Some(character) {
                self.back_to(mark);
                return Ok(false);
            }
            self.next()?;
        }
        Ok(true)
    }

    /// Skips blanks and a comment.
    pub(super) fn blanks(&mut self) -> Result<(), ScriptError> {
        while matches!(self.peek(), Some(' ' | '\t' | '\r')) {
            self.next()?;
        }
        if self.peek() == Some('#') {
            while self.peek_raw().is_some_and(|next| next != '\n') {
                self.next_raw()?;
            }
        }
        Ok(())
    }

    /// Skips blanks, comments and ends of lines, with the here-documents that follow them.
    pub(super) fn lines(&mut self) -> Result<(), ScriptError> {
        loop {
            self.blanks()?;
            if self.peek() != Some('\n') {
                return Ok(());
            }
            self.end_of_line()?;
        }
    }

    /// Takes the end of a line and the here-documents announced on it.
    pub(super) fn end_of_line(&mut self) -> Result<(), ScriptError> {
        self.next()?;
        self.here_documents()
    }

    /// The word that stands here, when it is plain and the parser knows it.
    pub(super) fn keyword(&mut self) -> Option<&'static str> {
        const WORDS: [&str; 17] =
            ["if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for", "case", "esac", "{", "}", "!", "function", "[["];
        self.peek();
        let rest = self.text.get(self.position..)?;
        let found = WORDS.into_iter().find(|word| {
            let length = word.len();
            let ends = rest.get(length).is_none_or(|next| ends_word(*next));
            ends && rest.len() >= length && rest.iter().zip(word.chars()).all(|(a, b)| *a == b)
        })?;
        (self.bash || !matches!(found, "[[" | "function")).then_some(found)
    }

    /// Takes the keyword `expected`.
    ///
    /// # Errors
    /// When something else stands here.
    pub(super) fn expect(&mut self, expected: &'static str, otherwise: &'static str) -> Result<(), ScriptError> {
        if self.keyword() != Some(expected) || !self.take(expected)? {
            return Err(self.wrong(otherwise));
        }
        Ok(())
    }

    /// Takes a name, which may be empty.
    pub(super) fn name(&mut self) -> Result<String, ScriptError> {
        let mut name = String::new();
        while let Some(next) = self.peek().filter(|next| is_name(*next) && !(name.is_empty() && next.is_ascii_digit())) {
            name.push(next);
            self.next()?;
        }
        Ok(name)
    }
}

/// May stand in the name of a variable.
pub(super) const fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Ends a word that is not quoted.
pub(super) const fn ends_word(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | ';' | '&' | '|' | '<' | '>' | '(' | ')')
}
