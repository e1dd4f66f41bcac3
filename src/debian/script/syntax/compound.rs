//! Compound commands.

use super::{Arm, Form, reader::Reader};
use crate::debian::script::ScriptError;

impl Reader {
    /// A compound command, when one begins here.
    pub(super) fn compound(&mut self) -> Result<Option<Form>, ScriptError> {
        if self.peek() == Some('(') {
            self.next()?;
            if self.bash && self.peek() == Some('(') {
                return self.arithmetic().map(Some);
            }
            let body = self.list()?;
            if !self.take(")")? {
                return Err(self.wrong("a subshell is not closed"));
            }
            return Ok(Some(Form::Subshell(body)));
        }
        let Some(keyword) = self.keyword() else { return Ok(None) };
        self.take(keyword)?;
        match keyword {
            "{" => {
                let body = self.list()?;
                self.expect("}", "`{` is not closed")?;
                Ok(Some(Form::Group(body)))
            }
            "if" => self.conditional().map(Some),
            "while" | "until" => {
                let condition = self.list()?;
                let body = self.body()?;
                Ok(Some(Form::Loop { until: keyword == "until", condition, body }))
            }
            "for" => self.repetition().map(Some),
            "case" => self.choice().map(Some),
            "function" => {
                self.blanks()?;
                let name = self.word()?.unwrap_or_default();
                let [super::Piece::Text { text, quoted: false }] = name.as_slice() else {
                    return Err(self.wrong("a function has no name"));
                };
                self.blanks()?;
                if self.take("(")? {
                    self.blanks()?;
                    self.take(")")?;
                }
                let command = self.function(text.clone(), self.line())?;
                Ok(Some(command.form))
            }
            "[[" => self.opaque_test().map(Some),
            _ => Err(self.wrong("a keyword stands where a command should")),
        }
    }

    fn conditional(&mut self) -> Result<Form, ScriptError> {
        let mut arms = Vec::new();
        loop {
            let condition = self.list()?;
            self.expect("then", "`if` has no `then`")?;
            arms.push((condition, self.list()?));
            match self.keyword() {
                Some("elif") => drop(self.take("elif")?),
                Some("else") => {
                    self.take("else")?;
                    let otherwise = Some(self.list()?);
                    self.expect("fi", "`if` has no `fi`")?;
                    return Ok(Form::If { arms, otherwise });
                }
                _ => {
                    self.expect("fi", "`if` has no `fi`")?;
                    return Ok(Form::If { arms, otherwise: None });
                }
            }
        }
    }

    fn body(&mut self) -> Result<super::List, ScriptError> {
        self.expect("do", "a loop has no `do`")?;
        let body = self.list()?;
        self.expect("done", "a loop has no `done`")?;
        Ok(body)
    }

    fn repetition(&mut self) -> Result<Form, ScriptError> {
        self.blanks()?;
        let name = self.name()?;
        if name.is_empty() {
            return Err(self.wrong("`for` has no name"));
        }
        self.lines()?;
        let mut words = None;
        if self.take("in")? {
            let mut list = Vec::new();
            loop {
                self.blanks()?;
                match self.word()? {
                    Some(word) => list.push(word),
                    None => break,
                }
            }
            words = Some(list);
        }
        self.blanks()?;
        if self.peek() == Some(';') {
            self.next()?;
        }
        self.lines()?;
        Ok(Form::For { name, words, body: self.body()? })
    }

    fn choice(&mut self) -> Result<Form, ScriptError> {
        self.blanks()?;
        let word = self.word()?.ok_or_else(|| self.wrong("`case` has no word"))?;
        self.lines()?;
        if !self.take("in")? {
            return Err(self.wrong("`case` has no `in`"));
        }
        let mut arms = Vec::new();
        loop {
            self.lines()?;
            if self.keyword() == Some("esac") {
                self.take("esac")?;
                return Ok(Form::Case { word, arms });
            }
            self.take("(")?;
            let mut patterns = Vec::new();
            loop {
                self.blanks()?;
                patterns.push(self.word()?.ok_or_else(|| self.wrong("`case` has an arm without a pattern"))?);
                self.blanks()?;
                if !self.take("|")? {
                    break;
                }
            }
            if !self.take(")")? {
                return Err(self.wrong("a pattern of `case` is not ended"));
            }
            let body = self.list()?;
            arms.push(Arm { patterns, body });
            if self.take(";;&")? || self.take(";&")? {
                return Err(self.wrong("an arm of `case` that falls through is not understood"));
            }
            if !self.take(";;")? && self.keyword() != Some("esac") {
                return Err(self.wrong("an arm of `case` is not ended"));
            }
        }
    }

    /// `(( … ))` of bash, whose second parenthesis is next.
    fn arithmetic(&mut self) -> Result<Form, ScriptError> {
        self.next()?;
        let words = vec![self.pieces(super::word::Place::Arithmetic)?];
        if !self.take("))")? {
            return Err(self.wrong("`((` is not closed"));
        }
        Ok(Form::Opaque(words))
    }

    /// The words of `[[ … ]]`.
    fn opaque_test(&mut self) -> Result<Form, ScriptError> {
        let mut words = Vec::new();
        loop {
            self.lines()?;
            if self.take("]]")? {
                return Ok(Form::Opaque(words));
            }
            match self.word()? {
                Some(word) => words.push(word),
                None if matches!(self.peek(), Some('&' | '|' | '<' | '>' | '(' | ')' | ';')) => drop(self.next()?),
                None => return Err(self.wrong("`[[` is not closed")),
            }
        }
    }
}
